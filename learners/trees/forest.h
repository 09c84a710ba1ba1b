/* SPDX-License-Identifier: Apache-2.0 */
/** @file forest.h Random forest, extra trees and the single tree: learners over forest_grow.h. */
#ifndef ASSAY_LEARNERS_TREES_FOREST_H
#define ASSAY_LEARNERS_TREES_FOREST_H

#include "learners/trees/model.h"

extern const struct asx_learner forest_learner, extra_trees_learner, tree_learner;

#endif
