/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file bins.h
 * The binned form of a raw block: what every tree learner trains on.
 *
 * Values are taken as f32 (as XGBoost and scikit-learn's trees do); bin i of a number holds
 * edge[i-1] < v <= edge[i]. Category codes become bins by falling frequency. Missing cells
 * (and rare or unseen levels) have a bin of their own, always the last code of the feature's
 * stride, so that halving the number of bins by shifting codes keeps it apart.
 *
 * Dense codes are kept twice, a byte each: in groups of at most 16 features (kernels_tree.h), which
 * histograms read row by row, and as planes of one feature, which partitions and forests read.
 * Categories of more than 254 levels are kept a second time as u16 codes, for learners that want
 * every level; those that make do with the most frequent ones read the plane.
 * CSR blocks stay sparse: absent cells are in the bin of zero and are not stored.
 */
#ifndef ASSAY_LEARNERS_TREES_BINS_H
#define ASSAY_LEARNERS_TREES_BINS_H

#include "learners/trees/bins_source.h"

enum { BINS_GROUP = 16, BINS_MAX = 256, BINS_DENSE = -1, BINS_CONSTANT = -2, BINS_SPARSE = -3, BINS_WIDE = 65000 };

struct bins_feature {
    bool categorical, has_missing;
    int8_t monotone;
    int n_bins; /**< bins of present cells, 1..255; up to BINS_WIDE for wide numbers */
    int missing; /**< code of missing cells = stride - 1, or n_bins in narrow sparse columns; meaningful when has_missing or categorical */
    int zero;              /**< bin of 0 (sparse blocks) */
    int stride_log2;       /**< 4..8: codes are below 1 << stride_log2; 9..16 for wide numbers */
    int group, slot;       /**< place in the groups; group < 0: sparse or constant */
    int pre;               /**< groups hold code << pre: a small stride in a group of a large one */
    uint8_t *plane;        /**< [rows] codes of the feature alone; NULL: sparse or constant */
    int32_t levels;        /**< categorical: size of the dictionary */
    float *edge;           /**< [n_bins] upper ends of number bins; the last is the largest value seen */
    float low;             /**< smallest value seen */
    uint8_t *bin_of_level; /**< [levels] */
    int wide_bins;  /**< > 0: u16 codes; levels kept beyond 254, of which `plane` holds min(code, missing), or bins of a number */
    uint16_t *wide; /**< [rows] level by frequency, wide_bins: missing or rare; or the bin of a number, `missing` where it is */
    uint16_t *wide_of_level; /**< [levels] */
};

struct bins_group {
    int width, used;    /**< bytes a row: 4, 8 or 16, so that none straddles cache lines; slots histograms count */
    int stride_log2, n; /**< stride of histograms, features (n <= used <= width) */
    int feature[BINS_GROUP];
    bool categorical;
    uint8_t *code; /**< [rows * width] */
};

/**
 * Codes of a CSR block, by row for histograms and by column for partitions; cells in the bin of zero are left out.
 * A cell's place is base[feature] + code: where its bin stands in a histogram of the whole block.
 */
struct bins_sparse {
    int64_t *indptr;      /**< [rows + 1], NULL: block is dense */
    uint32_t *place;      /**< rising in a row, as its columns do */
    uint32_t *base;       /**< [cols + 1] constant columns have no places */
    uint32_t *feature_of; /**< [base[cols]] column of a place */
    size_t *start;        /**< [cols + 1] cells of a column, by rising row: start[j] .. start[j] + count[j] */
    size_t *count;        /**< [cols] */
    uint32_t *row;
    uint8_t *code;
};

struct bins {
    size_t rows, cols;
    struct bins_feature *feature; /**< [cols] */
    int n_groups;
    struct bins_group *group;
    struct bins_sparse sparse;
    struct arena *arena; /**< holds everything small */
    uint64_t bytes;      /**< of codes */
};

/** Places that a sparse column takes in a histogram, before shifting. */
static inline size_t bins_places(const struct bins_feature *f)
{
    return f->stride_log2 > 6 ? (size_t)1 << f->stride_log2 : (size_t)f->n_bins + (f->has_missing ? 1 : 0);
}

/** Builds the bins of a raw block; `max_bins` 2..255, or up to BINS_WIDE for u16 codes of the numbers that need them (not CSR). Parallel through exec->split, same result for any thread count. */
asx_st bins_build(struct asx_exec *, const struct asx_block *, int max_bins, struct bins **, struct asx_err *);
void bins_free(struct bins *);

/**
 * Upper ends of at most `max_bins` bins for sorted distinct values with counts: one bin a value when they
 * fit, else equal frequency with heavy values alone.
 * @source LightGBM's GreedyFindBin (Ke et al., NeurIPS 2017, section 2; the rule is in its io/bin.cpp)
 * @return number of bins; edge[bins - 1] is the largest value
 */
int bins_edges(const float *value, const double *count, size_t n, int max_bins, float *edge);

/** The form ops `bins.build/quantile` and, with u16 codes, `bins16.build/quantile`. */
extern const struct asx_op trees_bins_op, trees_bins16_op;

#endif
