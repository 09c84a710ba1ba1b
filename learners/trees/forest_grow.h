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

/** Where the bins of a number lie: a value's bin without a search through all of them. */
struct forest_middles {
    const double *at;     /**< [bins] middles, ascending */
    const uint8_t *below; /**< [FOREST_CELLS + 1] bins whose middle lies in a cell before this one */
    double low, scale;    /**< cell = (value - low) * scale */
};
enum { FOREST_CELLS = 256 };

/** Never falls with v, so the order of cells is that of values, rounding included. */
static inline int forest_cell(const struct forest_middles *m, double v)
{
    double c = (v - m->low) * m->scale;
    return c < 0 ? 0 : c < FOREST_CELLS - 1 ? (int)c : FOREST_CELLS - 1;
}

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
    const uint16_t *weight;         /**< [n] scaled sample weights, NULL = 1 */
    double weight_unit, min_weight; /**< of a leaf, in units */
    int max_features;
    const struct forest_list *list;      /**< [features]; NULL: no column has one */
    const struct forest_middles *middle; /**< random cuts: [features] */
};

/** Sets d->middle, from `scratch`; needs d->view. */
asx_st forest_middles_make(struct forest_data *, struct arena *scratch);

/** Scratch of one worker. */
struct forest_work;

struct forest_work *forest_work_create(const struct forest_data *, struct mem *);
void forest_work_free(struct forest_work *);

/** One tree from its stream. */
asx_st forest_tree(const struct forest_data *, struct forest_work *, uint64_t seed, struct mem *, struct tree *);

#endif
