/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file grow.h
 * Growing one boosted tree on a binned matrix.
 *
 * The caller fills rows and gradients for each tree; grow_tree moves them about, so that at
 * the end leaf l holds rows [leaf[l].begin, begin + count) of `row`. Gradients are packed
 * fixed point (kernels_tree.h) or, for the reference way, pairs of doubles by matrix row.
 * The result does not depend on the number of threads.
 */
#ifndef ASSAY_LEARNERS_TREES_GROW_H
#define ASSAY_LEARNERS_TREES_GROW_H

#include "learners/trees/split.h"

struct grow_leaf {
    size_t begin, count;
    int depth, slot; /**< slot: histogram in the pool, -1: none */
    int node;        /**< parent, -1: root */
    bool left_side;
    double sum_g, sum_h, low, high;
    uint64_t seed;
    bool candidate; /**< has a split worth making */
    struct split best;
};

struct grow {
    struct asx_exec *exec;
    const struct view *view;
    struct grow_params params;
    asx_kernel_fn kernel[ASX_KERNELS];
    bool doubles; /**< the reference way */
    size_t room;  /**< rows there is room for */
    uint32_t *row, *spare_row;
    uint64_t *gh, *spare_gh; /**< packed, moved with the rows */
    double *gh64;            /**< doubles: [2 * matrix rows] by row */
    double *leaf_gh64;       /**< doubles: [2 * room] gathered for a histogram */
    double g_unit, h_unit;
    struct grow_leaf *leaf;
    int leaves;
    void **slot; /**< histograms, made when first used */
    int *owner;  /**< leaf that holds a slot, -1: free */
    int slots;
    bool *use, *node_use; /**< [features] of this tree; [2 * features] of two nodes */
    uint8_t *group_use;   /**< [groups] */
    struct split *scan;   /**< [2 * scan chunks] best per chunk of features */
    uint8_t *table;       /**< sides by code */
};

/** Memory for trees on at most `rows` rows; `doubles` selects the reference way. */
asx_st grow_init(struct grow *, struct asx_exec *, const struct view *, const struct grow_params *, size_t rows, bool doubles,
                 struct asx_err *);
void grow_clear(struct grow *);

/**
 * Grows a tree on row[0..n) with their gradients. `root_g`, `root_h`: sums in real units.
 * Writes structure, gains and covers; leaf values are left to the caller.
 */
asx_st grow_tree(struct grow *, size_t n, double root_g, double root_h, uint64_t seed, struct tree *, struct asx_err *);

#endif
