/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file view.h
 * A matrix of form "bins" as one fit sees it: all blocks' features side by side, at the bin
 * width the config wants. Nothing is copied; coarser bins come from shifting codes.
 */
#ifndef ASSAY_LEARNERS_TREES_VIEW_H
#define ASSAY_LEARNERS_TREES_VIEW_H

#include "learners/trees/bins.h"

struct view_feature {
    const struct bins_feature *f;
    uint32_t column;      /**< of the raw matrix */
    const uint8_t *code;  /**< [rows] codes before shifting; NULL: sparse */
    int pre, shift;       /**< bin = code << pre >> shift */
    int n_bins;           /**< bins of present cells after shifting */
    int missing;          /**< bin of missing cells after shifting, -1: none are missing */
    int zero;             /**< bin of absent cells (sparse) after shifting */
    int group;            /**< dense: index into view.group, else -1 */
    const uint16_t *wide; /**< [rows] codes of a category or number of many bins, used in place of `code` */
    size_t hist;          /**< first bin in a histogram */
    const struct bins_sparse *sparse;
    uint32_t sparse_index;
};

struct view_group {
    const struct bins_group *g;
    int shift, stride_log2; /**< after shifting */
    size_t hist;
};

struct view_sparse {
    const struct bins_sparse *s;
    size_t cols, first; /**< first: index of its first view feature */
    size_t column;      /**< first column of the raw matrix */
    int features;
    size_t hist;      /**< first bin in a histogram */
    double row_cells; /**< stored a row, on average */
    uint32_t *map;    /**< [places] their bins in a histogram; NULL: hist + place */
};

struct view {
    size_t rows, columns; /**< of the matrix */
    int features;         /**< that vary */
    struct view_feature *feature;
    int groups;
    struct view_group *group;
    int sparse_blocks;
    struct view_sparse *sparse;
    size_t hist_size;     /**< bins of a histogram */
    double row_cells;     /**< cells that a histogram adds up a row: dense features, and stored cells of sparse blocks on average */
    int wides, most_wide; /**< wide features (the last ones of their block), most bins of one */
    int *wide;            /**< [wides] their indices */
};

/** Arrays come from exec->scratch. `max_bin` 63, 127, 255 or, for numbers of u16 codes, more; `wide`: use u16 codes where there are. */
asx_st view_init(struct view *, struct asx_exec *, const struct asx_matrix *bins, int max_bin, bool wide, struct asx_err *);

static inline int view_shift(const struct view_feature *v, int code)
{
    return code << v->pre >> v->shift;
}

/** Code of a cell after shifting (the bin of zero for absent cells). */
int view_bin(const struct view_feature *, size_t row);

/** Are there sparse columns without planes? Then looking a cell up is a search in its row. */
bool view_searches(const struct view *);
/** Codes of the sparse columns of a row of absent cells, by raw column: cell [columns]. */
void view_absent(const struct view *, uint8_t *cell);
/** Writes the stored cells of a row into `cell`, or with `absent` takes them out again. */
void view_spread(const struct view *, size_t row, const uint8_t *absent, uint8_t *cell);

/** Largest raw value of bin b: the threshold "v <= value" that cuts after it. */
static inline float view_edge(const struct view_feature *v, int bin)
{
    int at = (((bin + 1) << v->shift) - 1) >> v->pre;
    return v->f->edge[at < v->f->n_bins ? at : v->f->n_bins - 1];
}

#endif
