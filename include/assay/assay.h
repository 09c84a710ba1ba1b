/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file assay.h
 * The public C API of Assay: state a task, get a model.
 *
 *     assay_session *s;
 *     assay_table *X, *y;
 *     assay_model *m;
 *     if (assay_open(&s, NULL) != ASSAY_OK) return 1;
 *     assay_table_from_dense_f64(&X, data, rows, cols, cols, names);
 *     assay_table_create(&y, rows); assay_table_add_str(y, "species", labels);
 *     if (assay_classify(s, X, y, NULL, &m) != ASSAY_OK)
 *         fprintf(stderr, "%s\n", assay_session_error(s));
 *     assay_predict_proba(m, X, out, rows * assay_model_classes(m));
 *
 * The library never prints and never exits. Its one global effect is the BLAS thread
 * count, set to one at the first assay_open. A session is used by one thread at a time
 * (assay_cancel excepted); two sessions on two threads are independent. A returned
 * pointer is borrowed from the first argument; `T **out` is the caller's to free.
 * Structs that begin with `size` grow only at their end.
 */
#ifndef ASSAY_ASSAY_H
#define ASSAY_ASSAY_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define ASSAY_API __attribute__((visibility("default")))
#else
#define ASSAY_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/** 0 done; above 0 an expected non-result; below 0 a failure, told by assay_session_error. */
typedef enum assay_status {
    ASSAY_OK = 0,
    ASSAY_STOPPED = 1, /**< cancelled: the best model so far is there all the same, if any */
    ASSAY_NONE = 2,    /**< nothing there (no such run) */
    ASSAY_E_NOMEM = -1,
    ASSAY_E_INVAL = -2, /**< bad usage, specification or argument */
    ASSAY_E_DATA = -3,  /**< bad data or file format */
    ASSAY_E_IO = -4,
    ASSAY_E_UNSUPPORTED = -5,
    ASSAY_E_LIMIT = -6, /**< a goal or limit cannot be met; the best model is there, if any */
    ASSAY_E_NUMERIC = -7,
    ASSAY_E_BUSY = -8,
    ASSAY_E_INTERNAL = -9
} assay_status;

typedef struct assay_session assay_session;
typedef struct assay_table assay_table;
typedef struct assay_task assay_task;
typedef struct assay_model assay_model;

/** "0.1.0" */
ASSAY_API const char *assay_version(void);
/** Exit status of the command line for a status: 0, 1, 2, 3 (130 for STOPPED). */
ASSAY_API int assay_exit_status(assay_status);
/** Frees text returned by this library. */
ASSAY_API void assay_text_free(char *);

/* ---- options and sessions --------------------------------------------------- */

/** What a progress callback sees. Scores are NaN before the first trial. */
struct assay_progress {
    size_t size;
    double elapsed_s, budget_s;           /**< budget NaN: a trial limit only */
    double best;                          /**< best validation score so far */
    const char *metric, *learner, *phase; /**< phase: "reading", "searching", "ensembling", "refitting", "saving" */
    int trials, trials_max;               /**< configs finished; limit or 0 */
    double rest_s;                        /**< predicted seconds to the end */
};

/** Returns non-zero to cancel the run. Called from the calling thread, at most ten times a second. */
typedef int assay_progress_fn(void *arg, const struct assay_progress *);
/** level 0 debug, 1 info, 2 warning; name is a dotted word, text one sentence. May be called from any thread. */
typedef void assay_event_fn(void *arg, int level, const char *name, const char *text);

/** Zero means the default everywhere; booleans: 0 default, 1 on, 2 off. Use ASSAY_OPTIONS_INIT. */
struct assay_options {
    size_t size;
    double time_s;
    uint64_t memory_bytes, seed;
    int trials, threads;
    const char *metric, *space_yaml; /**< space_yaml: as `search.space` of a spec */
    assay_progress_fn *progress;
    void *progress_arg;
    assay_event_fn *event;
    void *event_arg;
    const char *catalog;  /**< path; ":memory:" for none on disk */
    const char *learners; /**< comma-separated */
    const char *positive;
    int folds;
    int ensemble, warm_start;
    int from_process_start;   /**< 1: the time limit counts from the start of this process */
    const char *opencl_probe; /**< path of an `assay` binary that may be started to look for OpenCL devices */
    const char *header;       /**< does a file begin with column names: "auto" (default), "yes", "no" */
    const char *delimiter;    /**< one character, or "tab"; NULL: found out */
};
#define ASSAY_OPTIONS_INIT                                                                                                         \
    {                                                                                                                              \
        sizeof(struct assay_options), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0                                \
    }

/** Options NULL: all defaults. Options of a session are the defaults of its tasks. */
ASSAY_API assay_status assay_open(assay_session **, const struct assay_options *);
ASSAY_API void assay_close(assay_session *);
/** One sentence about the last failure, "" if none; valid until the next call on the session. */
ASSAY_API const char *assay_session_error(const assay_session *);
/** Asks the running task to end now with the best so far. Safe in signal handlers and from any thread. */
ASSAY_API void assay_cancel(assay_session *);

/* ---- tables ------------------------------------------------------------------- */

ASSAY_API assay_status assay_table_from_file(assay_table **, assay_session *, const char *path);
/** Copies. @shape data [rows, cols] with `stride` doubles a row; names [cols] or NULL (f1, f2, ...). NaN is missing. */
ASSAY_API assay_status assay_table_from_dense_f64(assay_table **, const double *data, size_t rows, size_t cols, size_t stride,
                                                  const char *const *names);
ASSAY_API assay_status assay_table_create(assay_table **, size_t rows);
ASSAY_API assay_status assay_table_add_f64(assay_table *, const char *name, const double *); /**< NaN = missing */
ASSAY_API assay_status assay_table_add_i64(assay_table *, const char *name, const int64_t *);
ASSAY_API assay_status assay_table_add_str(assay_table *, const char *name, const char *const *); /**< NULL = missing */
ASSAY_API size_t assay_table_rows(const assay_table *);
ASSAY_API void assay_table_free(assay_table *);

/* ---- tasks ---------------------------------------------------------------------- */

/** kind: "classify", "regress", ... or NULL when a spec will say. */
ASSAY_API assay_status assay_task_create(assay_task **, assay_session *, const char *kind);
ASSAY_API assay_status assay_task_read_spec(assay_task *, const char *path);
/** As `--set key.path=value` (value is YAML); `origin` names the place in errors ("--metric"), NULL: the key. */
ASSAY_API assay_status assay_task_set(assay_task *, const char *key_path, const char *value, const char *origin);
/** Uses tables in memory instead of data.train; y is a one-column table, or NULL when the target is a column of X. Borrowed. */
ASSAY_API assay_status assay_task_set_tables(assay_task *, const assay_table *X, const assay_table *y);
ASSAY_API void assay_task_free(assay_task *);

/** Runs the task. ASSAY_STOPPED and ASSAY_E_LIMIT may come with a model: *out is NULL when there is none. */
ASSAY_API assay_status assay_task_run(assay_task *, assay_model **out);
/** Options of `assay explain`. */
struct assay_explain_options {
    size_t size;
    const char *machine;  /**< a file written by `machine --record`, or NULL */
    const char *topology; /**< hwloc XML file or synthetic string, or NULL */
    const char *format;   /**< "text" (default), "json", "dot" */
    int costs;            /**< 2: off */
};
ASSAY_API assay_status assay_task_explain(assay_task *, const struct assay_explain_options *, char **text);

ASSAY_API assay_status assay_classify(assay_session *, const assay_table *X, const assay_table *y, const struct assay_options *,
                                      assay_model **);
ASSAY_API assay_status assay_regress(assay_session *, const assay_table *X, const assay_table *y, const struct assay_options *,
                                     assay_model **);
ASSAY_API assay_status assay_run_spec(assay_session *, const char *path, assay_model **);

/** Options of assay_resume; zero = as the run had them. */
struct assay_resume_options {
    size_t size;
    const char *time;   /**< a new total limit, to extend a finished run: "120s" */
    const char *trials; /**< a new limit on configs */
    const char *model, *report;
};
/** run: "r7", or "latest". */
ASSAY_API assay_status assay_resume(assay_session *, const char *run, const struct assay_resume_options *, assay_model **);

/* ---- models ----------------------------------------------------------------------- */

ASSAY_API assay_status assay_model_load(assay_model **, const char *path);
/** MODEL of the command line: a file, a model id (m41), a run id (r7), or "latest". */
ASSAY_API assay_status assay_model_open(assay_model **, assay_session *, const char *what);
ASSAY_API assay_status assay_model_save(const assay_model *, const char *path);
/** @shape out [rows]: class index, or value */
ASSAY_API assay_status assay_predict(const assay_model *, const assay_table *, double *out, size_t out_len);
/** @shape out [rows * classes] row-major */
ASSAY_API assay_status assay_predict_proba(const assay_model *, const assay_table *, double *out, size_t out_len);
/**
 * Reads `data`, writes CSV to `out` ("-" or NULL: standard output) all or nothing. explain: N largest contributions a row,
 * 0 none; a column "base" precedes them: base and all contributions add up to the probability of the predicted class (of two
 * classes: of the positive one), or to the value.
 */
ASSAY_API assay_status assay_predict_file(assay_session *, const assay_model *, const char *data, const char *out, int proba,
                                          int explain);
ASSAY_API size_t assay_model_classes(const assay_model *);
ASSAY_API const char *assay_model_class(const assay_model *, size_t);
/** The run's JSON as of CONTRACT ("JSON of a run"). */
ASSAY_API const char *assay_model_board_json(const assay_model *);
/** "m41", and where it is saved ("" when only in the catalog). */
ASSAY_API const char *assay_model_id(const assay_model *);
ASSAY_API const char *assay_model_path(const assay_model *);
/** Why the last call on this model failed, one sentence. */
ASSAY_API const char *assay_model_error(const assay_model *);
ASSAY_API void assay_model_free(assay_model *);

/* ---- what the command line shows: text to be freed with assay_text_free -------------- */

/** run NULL: the latest. test NULL: as stored. format: table, md, html, json, csv. failed: list failed trials instead. */
ASSAY_API assay_status assay_leaderboard(assay_session *, const char *run, const char *test, const char *format, int failed,
                                         char **text);
/** The report of a run's JSON text (assay_model_board_json), same formats. */
ASSAY_API assay_status assay_report(assay_session *, const char *board_json, const char *format, char **text);
ASSAY_API assay_status assay_runs(assay_session *, int json, char **text);
/** target: NULL for none, and for libsvm files, whose first field it is; assay_init needs it for all others. */
ASSAY_API assay_status assay_profile(assay_session *, const char *data, const char *target, int json, char **text);
ASSAY_API assay_status assay_init(assay_session *, const char *data, const char *target, char **text);
ASSAY_API assay_status assay_machine(assay_session *, int json, char **text);
/** Writes the machine as a file that `explain --machine` reads. */
ASSAY_API assay_status assay_machine_record(assay_session *, const char *path);
ASSAY_API assay_status assay_learners(assay_session *, const char *name, int json, char **text);
ASSAY_API assay_status assay_metrics(assay_session *, int json, char **text);
/** Drops what nobody needs any more from the catalog. The newest finished run of each problem can still be extended, older ones not. */
ASSAY_API assay_status assay_gc(assay_session *, int json, char **text);
/** The same, and the oldest runs until the catalog takes at most `size` ("1GiB"; NULL: no cap). */
ASSAY_API assay_status assay_gc_to(assay_session *, const char *size, int json, char **text);
/** Names of the registered task kinds, NULL-terminated. */
ASSAY_API const char *const *assay_task_kinds(void);
/** What the hidden subcommand that looks for OpenCL devices prints: JSON. */
ASSAY_API assay_status assay_opencl_list(char **text);
/** Writes text to a path all or nothing ("-": standard output); the error goes to the session. */
ASSAY_API assay_status assay_write(assay_session *, const char *path, const char *text);

#ifdef __cplusplus
}
#endif
#endif
