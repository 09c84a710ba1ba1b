/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file forest_grow.h
 * Growing the trees of forests: depth first, to purity unless told otherwise.
 *
 * All sums are integers: weights are counts (bootstrap draws, times sample weights scaled to
 * 16 bits), targets 64-bit fixed point, so a tree depends on its seed alone.
 */
#ifndef ASSAY_LEARNERS_TREES_FOREST_GROW_H
#define ASSAY_LEARNERS_TREES_FOREST_GROW_H

#include "base/rng.h"
#include "learners/trees/forest_lists.h"
#include "learners/trees/params.h"
#include "learners/trees/tree.h"

/** What all trees of a fit share; read-only while trees grow. */
struct forest_data {
    struct asx_exec *exec;
    const struct view *view;
    struct forest_params params;
    size_t n;              /**< training rows; a position is an index among them */
    const uint32_t *row;   /**< [n] matrix rows */
    int classes;           /**< 0: regression */
    const int32_t *label;  /**< by matrix row */
    const int64_t *target; /**< [n] by position: (y - centre) / unit */
    double centre, unit;
    const uint16_t *weight; /**< [n] scaled sample weights, NULL = 1 */
    double weight_unit;
    int max_features;
    const struct forest_list *list; /**< [features]; NULL: no column has one */
};

/** Scratch of one worker. */
struct forest_work;

struct forest_work *forest_work_create(const struct forest_data *, struct mem *);
void forest_work_free(struct forest_work *);

/** One tree from its stream. */
asx_st forest_tree(const struct forest_data *, struct forest_work *, uint64_t seed, struct mem *, struct tree *);

#endif
