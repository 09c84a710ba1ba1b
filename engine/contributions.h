/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file contributions.h
 * What each column of the table adds to one prediction, on one scale for all members of an ensemble.
 *
 * Learners explain their raw scores: log odds, logits, logarithms, or the prediction itself. Such numbers cannot be
 * added across members. Each member's are therefore carried over to the prediction's scale (probability of the explained class,
 * or the value), weighted as the ensemble weighs members, and, where the ensemble's temperature is not 1, stretched by
 * what it does to the whole. Then   prediction = base + sum of contributions   for every row; base is what the model
 * says of a row of which nothing is known, plus what members say that cannot be explained.
 */
#ifndef ASSAY_ENGINE_CONTRIBUTIONS_H
#define ASSAY_ENGINE_CONTRIBUTIONS_H

#include "engine/model.h"

struct contribution {
    int column; /**< of the model's schema */
    double value;
};

/**
 * slope[c], c < k: what a unit of raw score c is worth to output o on the way from `base` to `score` (both [k]), so that
 * sum_c slope[c] (score[c] - base[c]) is the change of output o.
 *
 * @formula integral over t in [0, 1] of d link_o / d raw_c at base + t (score - base): the Aumann-Shapley price, of which
 *          the change over the distance is the case of one score
 * @source  Sundararajan, Taly, Yan, Axiomatic attribution for deep networks (ICML 2017), section 3
 */
void eng_link_slopes(enum asx_link, int k, int o, const double *base, const double *score, double *slope);
/** Output of raw scores [k]. */
void eng_link_apply(enum asx_link, int k, const double *raw, double *out);

struct explainer;
/** Fails when no member can explain. `bound` is borrowed. */
asx_st eng_explainer_open(const struct model *, const struct asx_frame *bound, struct pool *, struct explainer **,
                          struct asx_err *);
void eng_explainer_close(struct explainer *);
/**
 * Contributions [model->columns] to output `o` of a row, largest first; p [outputs] is its prediction. *base: the rest of p[o].
 * *list is borrowed until the next call.
 */
asx_st eng_explain(struct explainer *, size_t row, const double *p, int o, const struct contribution **list, double *base,
                   struct asx_err *);

#endif
