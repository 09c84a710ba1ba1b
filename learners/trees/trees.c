/* SPDX-License-Identifier: Apache-2.0 */
/* The family: learners on one shared binned matrix. */
#include "learners/trees/forest.h"
#include "learners/trees/gbdt.h"

extern const struct asx_family asx_family_trees;

static const struct asx_learner *const learners[] = {&tree_learner, &forest_learner, &extra_trees_learner, &gbdt_learner, NULL};
static const struct asx_op *const ops[] = {&trees_bins_op, &trees_bins16_op, NULL};

const struct asx_family asx_family_trees = {
    .head = {"trees", "decision trees, forests and boosting on binned columns"}, .learner = learners, .op = ops};
