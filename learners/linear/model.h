/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file model.h
 * The model of all linear learners: weights over raw columns, missing cells included.
 *
 *     score_c = bias_c + sum over present cells value[j, c] x_j + sum over missing cells missing[j, c]
 *
 * The affine constants of the fold are folded in (value_j = w_j / scale_j, missing_j =
 * w_mask / scale_mask + w_j fill_j / scale_j, bias = w0 - sum_j w_j centre_j / scale_j), so prediction needs no
 * preparation beyond the raw matrix. The same record is a fit's state: nothing else is kept.
 */
#ifndef ASSAY_LEARNERS_LINEAR_MODEL_H
#define ASSAY_LEARNERS_LINEAR_MODEL_H

#include "learners/linear/map.h"

/** What a score means: the value itself, the log odds of class 1, or logits of a softmax. */
enum lin_link { LIN_IDENTITY, LIN_LOGIT, LIN_SOFTMAX };

struct asx_model {
    enum lin_link link;
    size_t cols;        /**< raw columns looked at: 0 .. cols - 1 */
    size_t sets;        /**< weight sets: classes of a softmax, else 1 */
    double *value;      /**< [cols * sets] */
    double *missing;    /**< [cols * sets] */
    double *bias;       /**< [sets] */
    double *importance; /**< [cols] share of sum |w_j| over standardised features */
};

struct asx_state {
    struct asx_model model;
};

/**
 * Folds weights of features into a model. A failure leaves *out alone.
 * @shape w [sets * (p + 1)], per set the p weights and the intercept
 * @errors E_NOMEM; E_NUMERIC when a weight is not finite
 */
asx_st lin_model_make(const struct lin_map *, const double *w, size_t sets, enum lin_link, struct mem *, struct asx_model **,
                      struct asx_err *);

/** Puts new weights into a member (replacing its state). */
asx_st lin_member_set(struct asx_member *, const struct lin_map *, const double *w, size_t sets, enum lin_link, struct mem *,
                      struct asx_err *);

/** Scores to outputs, in place widening: scores [sets] to [outputs] probabilities or a value. */
void lin_link_apply(enum lin_link, const double *score, size_t sets, double *out);

/** struct asx_learner members shared by all linear learners. */
#define LIN_LEARNER                                                                                                                \
    .version = 1, .prep_role = ASX_FOR_LINEAR, .affine = lin_affine, .params = params, .n_params = sizeof params / sizeof *params, \
    .first = first, .fit = ways, .free_state = lin_free_state, .state_bytes = lin_state_bytes, .model = lin_model_of,              \
    .predict = lin_predict, .importance = lin_importance, .explain = lin_explain, .link = lin_explain_link, .save = lin_save,      \
    .load = lin_load, .free_model = lin_free_model

void lin_free_model(struct asx_model *);
void lin_free_state(struct asx_state *);
uint64_t lin_state_bytes(const struct asx_state *);
asx_st lin_model_of(struct asx_exec *, const struct asx_member *, int iterations, struct asx_model **, struct asx_err *);
asx_st lin_predict(const struct asx_model *, const struct asx_matrix *, size_t from, size_t to, double *out, struct asx_err *);
/** The scale that lin_explain speaks in. */
enum asx_link lin_explain_link(const struct asx_model *);
asx_st lin_explain(const struct asx_model *, const struct asx_matrix *, size_t row, double *out, struct asx_err *);
void lin_importance(const struct asx_model *, double *out, size_t cols);
asx_st lin_save(const struct asx_model *, struct asx_writer *);
asx_st lin_load(struct asx_reader *, struct mem *, struct asx_model **, struct asx_err *);

#endif
