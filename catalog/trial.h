/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file trial.h
 * Asks and trials: what a strategy proposed (committed before it runs) and what became of
 * it. Replaying a run's asks and trials in order brings a strategy to where it was.
 */
#ifndef ASSAY_CATALOG_TRIAL_H
#define ASSAY_CATALOG_TRIAL_H

#include "catalog/op.h"
#include "catalog/run.h"

#include <assay/ext/op.h>

/** A proposal as stored. */
struct cat_ask {
    int trial;     /**< the strategy's number, unique in a run */
    int config_id; /**< > 0; 0 for what is no config of the search (baseline, ensemble) */
    const char *learner, *config_json;
    struct asx_key config_hash; /**< of learner and canonical values */
    struct asx_fidelity from, to;
    int wave;
    int64_t plan; /**< plan.h; 0 = none */
};

/** Before a wave runs: its asks and the predictions of its ops, in one transaction. Op ids are written back. */
asx_st cat_wave_put(struct cat *, int64_t run, const struct cat_ask *, size_t asks, struct cat_op *, size_t ops, struct asx_err *);
/** A run's asks in trial order. */
asx_st cat_asks_get(struct cat *, int64_t run, struct arena *, struct cat_ask **, size_t *n, struct asx_err *);

/** Outcome of a trial: one config at one fidelity. NaN = unknown. */
struct cat_trial {
    int trial, config_id;
    const char *learner, *config_json;
    struct asx_key config_hash;
    struct asx_fidelity from, to;
    double fidelity;   /**< share of full fidelity, 0..1, as shown */
    const char *state; /**< "finished", "failed", "pruned" */
    const char *error; /**< failed: one sentence */
    double validation, ci_low, ci_high;
    int best_iteration;     /**< 0 = not iterative */
    struct asx_curve curve; /**< mean staged curve; n = 0: none */
    double seconds;         /**< what the strategy was told */
    double fit_s, fit_predicted_s, fit_alone_s, predict_us_per_row;
    double peak_bytes, peak_predicted_bytes;
    const char *device;
    int64_t plan;
    double at_s; /**< active seconds of the run when it was done (the timeline) */
    int64_t oof; /**< blob of out-of-fold predictions; 0 = none */
};

/**
 * Records a finished trial: its row, its out-of-fold predictions, the measurements of its
 * ops, and the run's progress, in one transaction. Durable against the death of the process
 * when it returns. A trial that is recorded already is left as it is (ASX_NONE).
 *
 * @param oof NULL = none; `oof_bytes` of it are stored as a blob
 */
asx_st cat_trial_put(struct cat *, int64_t run, const struct cat_trial *, const void *oof, size_t oof_bytes, const struct cat_op *,
                     size_t ops, const struct cat_run_progress *, struct asx_err *);

/** Changes the state of a recorded trial (a config that is not promoted becomes "pruned"). */
asx_st cat_trial_set_state(struct cat *, int64_t run, int trial, const char *state, struct asx_err *);

/** A run's trials in trial order. */
asx_st cat_trials_get(struct cat *, int64_t run, struct arena *, struct cat_trial **, size_t *n, struct asx_err *);

/** A good config of an earlier run, for warm starts. */
struct cat_prior {
    const char *learner, *config_json;
    double validation;
    struct asx_fidelity to;
};

/** Best finished configs on the same data and metric in other runs, best first, each once; at most `max`. */
asx_st cat_priors(struct cat *, struct asx_key data, const char *metric, bool greater_is_better, int max, struct arena *,
                  struct cat_prior **, size_t *n, struct asx_err *);

#endif
