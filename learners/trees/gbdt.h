/* SPDX-License-Identifier: Apache-2.0 */
/** @file gbdt.h Boosting: the training state and the learner's functions. */
#ifndef ASSAY_LEARNERS_TREES_GBDT_H
#define ASSAY_LEARNERS_TREES_GBDT_H

#include "learners/trees/model.h"

extern const struct asx_op gbdt_fit_fixed, gbdt_fit_f64, gbdt_fit_lowbit, gbdt_fit_wide;
extern const struct asx_learner gbdt_learner;

/** Points of staged curves lie at multiples of this many rounds. */
enum { TREES_STRIDE = 5 };

/** Appends (iteration, value); false when out of memory. Shared by all tree learners. */
bool trees_curve_add(struct asx_curve *, int iteration, double value);
/** Metric of held-out predictions [n_test * outputs] of a fold. */
double trees_score(const struct asx_problem *, const struct asx_fold *, const float *pred);

/** Fits one member on the matrix it is given; `how`: what the caller of trees_run says. */
typedef asx_st trees_fit_fn(struct asx_exec *, struct asx_member *, const struct asx_matrix *bins, int how, struct asx_err *);
/** Members of a batch one after the other, until one stops; a failed one keeps its error, that of a batch of one is the op's. */
asx_st trees_run(struct asx_exec *, const struct asx_batch *, trees_fit_fn *, int how, struct asx_err *);

#endif
