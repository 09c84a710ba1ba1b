/* SPDX-License-Identifier: Apache-2.0 */
/** @file forest.h Random forest, extra trees and the single tree: learners over forest_grow.h. */
#ifndef ASSAY_LEARNERS_TREES_FOREST_H
#define ASSAY_LEARNERS_TREES_FOREST_H

#include "learners/trees/model.h"

extern const struct asx_learner forest_learner, extra_trees_learner, tree_learner;

/**
 * Out-of-bag predictions of a forest grown with bootstrap: mean votes of the trees that did not draw a row.
 * @shape pred [n_train * outputs]; NaN where every tree drew the row
 */
asx_st forest_oob(struct asx_exec *, const struct asx_member *, float *pred, struct asx_err *);

#endif
