/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file run.h
 * Runs: one row per `assay run`, from the first milliseconds of its process on.
 *
 * A run holds a *lease*: the process id and start time of the process that works on it
 * (plus boot id and pid namespace, so that neither a reboot nor a container confuses it).
 * A run whose lease holder is gone while its state says "running" was killed: it shows as
 * "interrupted" and may be taken over by `cat_run_take`.
 */
#ifndef ASSAY_CATALOG_RUN_H
#define ASSAY_CATALOG_RUN_H

#include "catalog/catalog.h"

/** States as stored. */
#define CAT_RUNNING "running"
#define CAT_FINISHED "finished"
#define CAT_INTERRUPTED "interrupted"
#define CAT_FAILED "failed"

/** What is known when the process starts, before the data is read. NULL = unknown. */
struct cat_run_new {
    const char *task;      /**< "classify", "regress" */
    const char *spec;      /**< the spec's text as given */
    const char *spec_path; /**< where it was; relative paths in it start there */
    const char *task_json; /**< canonical task, defaults filled in */
    const char *data, *target;
    const char *build; /**< version and build of Assay */
    uint64_t seed;
    double time_limit_s;   /**< 0 = none */
    int trial_limit;       /**< 0 = none */
    uint64_t memory_limit; /**< bytes; 0 = none */
    bool repeatable;
};

/** Inserts the row in state "running" with this process's lease. */
asx_st cat_run_begin(struct cat *, const struct cat_run_new *, int64_t *run, struct asx_err *);

/** What is known once the data has been read. */
struct cat_run_facts {
    struct asx_key data;    /**< key of the training data's content */
    struct asx_key problem; /**< key of data, target, weights and splits */
    int64_t dataset;        /**< row of dataset.h; 0 = none */
    const char *machine;    /**< key of machine.h; NULL = none */
    const char *metric;
    bool greater_is_better;
    int64_t rows, columns;
    const char *task_json; /**< replaces the one given at the start when set */
};

asx_st cat_run_set_facts(struct cat *, int64_t run, const struct cat_run_facts *, struct asx_err *);

/** Where a run stands. Committed with every finished trial too (trial.h). */
struct cat_run_progress {
    double active_s; /**< seconds the run has worked so far, over all its processes */
    double best;     /**< best validation score so far; NaN = none */
};

asx_st cat_run_set_progress(struct cat *, int64_t run, const struct cat_run_progress *, struct asx_err *);

/** Ends the run and gives up the lease. `state` is one of the above; `stop_reason` and `report_json` may be NULL. */
struct cat_run_end {
    const char *state, *stop_reason;
    const char *report_json; /**< the run's JSON as shown by `--json` */
    const char *error;       /**< FAILED: one sentence */
    int64_t model;           /**< best model; 0 = none */
    struct cat_run_progress progress;
};

/** Synced to disk (FULL) before it returns. */
asx_st cat_run_end(struct cat *, int64_t run, const struct cat_run_end *, struct asx_err *);

/** A run as read. Unknown texts are NULL. */
struct cat_run {
    int64_t id;
    const char *task, *spec, *spec_path, *task_json, *data, *target, *build;
    const char *metric, *state, *stop_reason, *report_json, *error, *machine;
    uint64_t seed, memory_limit;
    double time_limit_s;
    int trial_limit;
    bool repeatable, greater_is_better;
    bool alive; /**< its process exists */
    struct asx_key data_key, problem_key;
    int64_t dataset, rows, columns, model;
    double active_s, best;
    int64_t started, updated; /**< unix seconds */
    int trials;               /**< distinct configs with an outcome */
};

/** ASX_NONE when there is no such run. A dead run in state "running" reads as "interrupted". */
asx_st cat_run_get(struct cat *, int64_t run, struct arena *, struct cat_run *, struct asx_err *);
/** All runs, oldest first, without the long texts (spec, task_json, report_json). */
asx_st cat_run_list(struct cat *, struct arena *, struct cat_run **, size_t *n, struct asx_err *);
/** Id of the newest run (of those that have a model when `with_model`); ASX_NONE when there is none. */
asx_st cat_run_latest(struct cat *, bool with_model, int64_t *run, struct asx_err *);

/** Does the process that holds the run's lease exist? False for unknown runs. */
bool cat_run_alive(struct cat *, int64_t run);

/**
 * Takes over the lease of a run and sets it "running" again; atomic between processes.
 *
 * @errors E_BUSY: its process still runs; E_INVAL: no such run
 */
asx_st cat_run_take(struct cat *, int64_t run, struct asx_err *);

#endif
