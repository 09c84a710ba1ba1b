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

#endif
