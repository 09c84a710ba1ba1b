/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file learner.h
 * A learner: a logical algorithm with its space, its ways to fit and its model.
 *
 * For: `learners/<family>/`, each exporting `const struct asx_family asx_family_<family>`.
 * The optimizer reads spaces and ops, the engine runs fits, keeps states for later
 * rungs, and turns the state of the chosen iteration into a model that predicts from
 * *raw* matrices alone (a model carries any constants it needs: weights folded through
 * the affine preparation, bin edges as thresholds, ...).
 *
 *     const struct asx_family asx_family_linear = {
 *         .head = {"linear", "least squares and logistic regression"},
 *         .learner = learners, .op = form_ops,     // NULL-terminated lists
 *     };
 *
 * Life of a fit: fit op (members get state and held-out predictions) -> more rungs on the
 * same state -> `held_out` at the iteration the mean curve chose -> `model` -> `save`.
 */
#ifndef ASSAY_EXT_LEARNER_H
#define ASSAY_EXT_LEARNER_H

#include <assay/ext/codec.h>
#include <assay/ext/op.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A fitted learner. Opaque, immutable, usable from any thread. */
struct asx_model;

/** Prediction of raw scores r. */
enum asx_link {
    ASX_LINK_NONE,    /**< r itself */
    ASX_LINK_LOGIT,   /**< two outputs: 1 / (1 + exp(-r_c)), r_0 = -r_1 */
    ASX_LINK_SOFTMAX, /**< exp(r_c) / sum exp(r) */
    ASX_LINK_LOG      /**< exp(r) */
};

struct asx_learner {
    struct asx_head head; /**< contract name: `gbdt`, `logistic`, ... */
    int version;
    unsigned tasks;            /**< ASX_TASK_BITs */
    unsigned prep_role;        /**< ASX_FOR_TREES, ASX_FOR_LINEAR or ASX_FOR_COUNTS */
    const char *const *affine; /**< default AFFINE steps in order ("impute", "scale"), NULL-terminated; NULL = none */
    const struct asx_param *params;
    int n_params;
    /** Good-first configs as JSON objects over the pipeline space, best first; {} is the default. NULL-terminated. */
    const char *const *first;
    /** Parameter that counts rounds ("n_estimators"); NULL: not iterative. Rungs count up to its value. */
    const char *iterations;
    int first_rung; /**< rounds of the first rung of an iterative learner */
    bool resumable; /**< continuing a state equals an uninterrupted fit (law 6) */
    /** Rounds are independent draws that are averaged (trees of a forest): any few of them are a model of the same kind. */
    bool exchangeable;
    double nominal_cost; /**< order of cheapness for a cold start, gbdt = 1 (PEERS) */
    /** Is it sensible for this problem? NULL = tasks decide. A learner that the user names is tried all the same. */
    bool (*fits)(const struct asx_problem *);
    const struct asx_op *const *fit; /**< ways, reference first, NULL-terminated; each gives "fit" */
    void (*free_state)(struct asx_state *);
    uint64_t (*state_bytes)(const struct asx_state *);
    /**
     * Held-out predictions after `iterations` rounds (iterative learners; others NULL).
     * @shape pred [n_test * outputs] row-major: probabilities in class order, or values
     */
    asx_st (*held_out)(struct asx_exec *, const struct asx_member *, int iterations, float *pred, struct asx_err *);
    /** State after `iterations` rounds (0: all) as a model. `in` are the fit's inputs for this member. */
    asx_st (*model)(struct asx_exec *, const struct asx_member *, int iterations, struct asx_model **, struct asx_err *);
    /**
     * Predicts rows [from, to) of a raw matrix.
     * @shape out [(to - from) * outputs] row-major f64; probabilities sum to 1
     * @thread any; same result whatever the row ranges
     */
    asx_st (*predict)(const struct asx_model *, const struct asx_matrix *, size_t from, size_t to, double *out, struct asx_err *);
    /** Importance per raw column, sums to 1 (all 0 when there is none); NULL: has no notion of it. */
    void (*importance)(const struct asx_model *, double *out, size_t cols);
    /** The same by how often a column is split on; NULL: does not split. Trees' `importance` goes by the gain of the splits. */
    void (*split_importance)(const struct asx_model *, double *out, size_t cols);
    /** Contributions [cols + 1] a row and output, the last the bias, summing to the raw score (see link); NULL: none. */
    asx_st (*explain)(const struct asx_model *, const struct asx_matrix *, size_t row, double *out, struct asx_err *);
    asx_st (*save)(const struct asx_model *, struct asx_writer *);
    asx_st (*load)(struct asx_reader *, struct mem *, struct asx_model **, struct asx_err *);
    void (*free_model)(struct asx_model *);
    bool monotone; /**< keeps the problem's monotone constraints */
    /** How raw scores, as explain sums them, become predictions; NULL: they are predictions. */
    enum asx_link (*link)(const struct asx_model *);
    /**
     * What the parts of the state after `iterations` rounds (0: all) say of training rows they did not see; NULL: has no such
     * parts. Costs about a tenth of the fit. @shape pred [n_train * outputs]; NaN where every part saw the row (or samples nothing)
     */
    asx_st (*out_of_bag)(struct asx_exec *, const struct asx_member *, int iterations, float *pred, struct asx_err *);
};

/** A folder's exports: learners, and the ops that make the forms they eat. */
struct asx_family {
    struct asx_head head;
    const struct asx_learner *const *learner;
    const struct asx_op *const *op;
};

#ifdef __cplusplus
}
#endif
#endif
