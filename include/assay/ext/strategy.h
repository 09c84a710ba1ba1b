/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file strategy.h
 * A strategy: proposes trials (ask) and learns from outcomes (tell).
 *
 * For: `search/<name>/`, each exporting `const struct asx_strategy asx_strategy_<name>`.
 * The engine asks for a wave, commits the asks, runs them, and tells outcomes in trial
 * order. A strategy never blocks, reads no clock and runs no op; same seed, tells and
 * prices give the same asks, so resuming is replaying.
 *
 *     while (n < max && (st = strategy->ask(self, prices, &ask[n])) == ASX_OK) n++;
 *     ... run ...
 *     for each finished trial, in order: strategy->tell(self, &outcome);
 */
#ifndef ASSAY_EXT_STRATEGY_H
#define ASSAY_EXT_STRATEGY_H

#include <assay/ext/learner.h>
#include <assay/ext/metric.h>

#ifdef __cplusplus
extern "C" {
#endif

struct mem;

/** What a trial would cost on top of what is already planned. Implemented by the engine over the optimizer. */
struct asx_prices {
    void *self;
    void (*begin)(void *self);
    /** Marginal seconds and bytes of adding this config at this fidelity; NaN = unknown. */
    void (*add)(void *self, const struct asx_config *, struct asx_fidelity from, struct asx_fidelity to, double *seconds,
                double *bytes);
    void (*commit)(void *self); /**< the candidate last added is part of the wave */
    double seconds_left;        /**< of the search's budget; in repeatable mode a nominal constant */
    double wave_seconds;        /**< what the engine would like a wave to last */
};

/** A trial proposed. `config_id` numbers configs from 1; a later rung repeats its config's id. */
struct asx_ask {
    int trial; /**< numbered from 1 by the strategy, ascending */
    int config_id;
    struct asx_config config;
    struct asx_fidelity from, to;
};

enum asx_outcome_state { ASX_FINISHED, ASX_FAILED, ASX_PRUNED };

struct asx_outcome {
    const struct asx_ask *ask;
    enum asx_outcome_state state;
    double validation;             /**< NaN when failed */
    int best_iteration;            /**< where the mean staged curve is best; 0 = not iterative */
    double seconds;                /**< nominal (predicted) in repeatable mode, else measured */
    const struct asx_curve *curve; /**< mean over folds; NULL = none */
};

/** What a strategy works on. `space[i]` belongs to `learner[i]`. */
struct asx_search {
    const struct asx_problem *problem;
    const struct asx_learner *const *learner;
    const struct asx_space *const *space;
    int learners;
    int max_configs; /**< trial limit in configs; 0 = none */
    int folds;       /**< folds of full fidelity */
    uint64_t seed;
    struct mem *mem;
    const struct asx_config *warm; /**< configs that were good before on this data, best first: tried early; NULL = none */
    int warms;
};

struct asx_strategy_state;

struct asx_strategy {
    struct asx_head head;
    asx_st (*open)(const struct asx_search *, struct asx_strategy_state **, struct asx_err *);
    /** ASX_OK: *out is filled. ASX_NONE: nothing to propose until more is told, or ever (`exhausted`). */
    asx_st (*ask)(struct asx_strategy_state *, struct asx_prices *, struct asx_ask *out);
    void (*tell)(struct asx_strategy_state *, const struct asx_outcome *);
    bool (*exhausted)(const struct asx_strategy_state *);
    void (*close)(struct asx_strategy_state *);
};

#ifdef __cplusplus
}
#endif
#endif
