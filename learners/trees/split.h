/* SPDX-License-Identifier: Apache-2.0 */
/** @file split.h The best split of one feature from its histogram. */
#ifndef ASSAY_LEARNERS_TREES_SPLIT_H
#define ASSAY_LEARNERS_TREES_SPLIT_H

#include "learners/trees/kernels.h"
#include "learners/trees/params.h"
#include "learners/trees/tree.h"

#include "base/rng.h"

/** A node as the scan sees it, in real units. */
struct split_node {
    double sum_g, sum_h, rows;
    double low, high;     /**< bounds of leaf values from monotone constraints */
    const uint64_t *hist; /**< whole histogram of the node, or */
    const double *hist64;
    double g_unit, h_unit;
    uint64_t seed; /**< of the node's random choices */
};

enum { SPLIT_SET = 64 }; /* most bins in a set */

/** The best split so far. gain < 0: none. */
struct split {
    double gain; /**< over the unsplit node */
    int feature, bin;
    bool categorical, missing_left;
    double left_g, left_h;
    int n_set; /**< categorical: bins that go left */
    uint16_t set[SPLIT_SET];
};

/**
 * Is a gain better than the best so far? Columns that part the rows alike have equal gains up to rounding:
 * within a millionth the earlier column stays, so that ways of different precision choose alike.
 */
static inline bool split_better(double gain, double best)
{
    return best < 0 ? gain > best : gain > best * (1 + 1e-6);
}

/** -T(G)/(H + l2), T(x) = sign(x) max(|x| - l1, 0). */
double split_leaf_value(double g, double h, double l1, double l2);
/** T(G)^2/(H + l2): twice the loss reduction of the best constant. */
double split_score(double g, double h, double l1, double l2);

/** Least hessian of a child: the parameter's, or the share of the node's that stands for min_data_in_leaf rows. */
double split_least_hessian(const struct grow_params *, const struct split_node *);
/** Looks at one feature and keeps the better split in *best (ties: the one already there). */
void split_feature(const asx_kernel_fn *, const struct grow_params *, const struct view *, int feature, const struct split_node *,
                   struct split *best);

/** Do codes of this feature go left under the split? Fills a table over codes: 256, or n_bins + 1 for wide ones. */
void split_table(const struct view_feature *, const struct split *, uint8_t *left);

#endif
