/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file kernels_tree.h
 * Arguments of the tree kernels: BIN, HIST, SPLIT_SCAN, PARTITION, TREE_PREDICT.
 *
 * For: backends that implement them and `learners/trees`, which calls them per leaf.
 * A *packed* gradient is (g << 32) + h in 64 bits: g a signed, h an unsigned 32-bit fixed
 * point number, so one 64-bit add moves both; sums of packed numbers are exact as long as
 * no node sum leaves 32 bits, which the caller's scale guarantees. Codes are u8, laid out
 * in groups of at most 16 features: cell (row, slot) is code[row * width + slot].
 *
 *     struct asx_hist_args a = {.code = c, .width = 16, .stride_log2 = 8, .row = idx, .n = n, .gh = gh, .hist = h};
 *     asx_run_kernel(dev, ASX_K_HIST, &a);
 */
#ifndef ASSAY_EXT_KERNELS_TREE_H
#define ASSAY_EXT_KERNELS_TREE_H

#include <assay/ext/kernels.h>

#ifdef __cplusplus
extern "C" {
#endif

/** code[i] = number of edges below x[i] (first bin b with x <= edge[b]); NaN gives `missing`. */
struct asx_bin_args {
    const float *x; /**< [n] */
    size_t n;
    const float *edge; /**< [256] ascending, padded with +Inf beyond `edges` */
    int edges;         /**< at most 255 */
    int missing;       /**< code of NaN */
    uint8_t *code;     /**< [n] */
};

/** A few-bit gradient as a packed one. */
static inline uint64_t asx_widen(uint16_t v)
{
    return ((uint64_t)(int64_t)(int8_t)(v >> 8) << 32) + (v & 255u);
}

/**
 * hist[slot << stride_log2 | code >> shift] += gh, for n rows and the used slots of a group.
 * Adds to what is there. Exactly one of gh (packed), gh16 (few bits) and gh64 (pairs of doubles) is set.
 */
struct asx_hist_args {
    const uint8_t *code; /**< [rows * width] */
    int width;           /**< bytes of a row: 4, 8, 12 or 16 */
    int used;            /**< slots that are counted, 4, 8, 12 or 16; 0: width */
    int stride_log2;     /**< 4..8 */
    int shift;           /**< 0..2: coarser bins from the same codes */
    const uint32_t *row; /**< [n] rows; NULL: rows first .. first + n - 1 */
    size_t first, n;
    const uint64_t *gh;   /**< [n] packed, in the order of `row` */
    const uint16_t *gh16; /**< [n] few bits: (g << 8) + h, g signed, h unsigned; sums go to `hist` as packed ones do */
    uint64_t *hist;
    const double *gh64; /**< [2 n] */
    double *hist64;
};

/**
 * Best threshold of one numeric feature: left = bins 0..bin (and missing when missing_left).
 * @formula gain = T(GL)^2/(HL + l2) + T(GR)^2/(HR + l2), T(x) = sign(x) max(|x| - l1, 0);
 *          both sides need a hessian sum of at least min_h > 0. Gains within asx_split_slack of the best are ties:
 *          lowest bin, missing right first.
 * @source  Chen and Guestrin, XGBoost (KDD 2016), eq. 7 and algorithm 3
 */
struct asx_split_args {
    const uint64_t *hist;  /**< packed bins, or */
    const double *hist64;  /**< pairs (g, h) */
    int bins;              /**< ordered bins, 1..256; thresholds are after bin 0..bins - 2 */
    int missing;           /**< bin of missing cells (outside 0..bins - 1), or -1 */
    double g_unit, h_unit; /**< value of one fixed point step; 1 for doubles */
    double sum_g, sum_h;   /**< node totals, in real units */
    double l1, l2, min_h;
    int only; /**< >= 0: look at this threshold alone */
    /* out */
    double gain; /**< -1 when no threshold is allowed */
    int bin;
    bool missing_left;
    double left_g, left_h;
};

/**
 * What counts as a tie with the best gain: a millionth of what the split gains over the whole node. Thresholds
 * that part the rows alike have equal gains up to rounding, so ways of different precision choose alike.
 */
static inline double asx_split_slack(const struct asx_split_args *a, double best)
{
    double t = (a->sum_g < 0 ? -a->sum_g : a->sum_g) - a->l1;
    double whole = t > 0 ? t * t / (a->sum_h + a->l2) : 0, net = best - whole;
    return net > 0 ? 1e-6 * net : 0;
}

/**
 * Stable two-way partition of (row, gradient) pairs by a table over codes, in two steps, so that pieces of a node
 * can be done side by side: first the sides of all pieces, then, with every piece's place known, the moves.
 * Step 1 (`move` false) reads code, left and row and writes side and n_left. Step 2 reads side, row and gradients
 * and writes exactly the rows of each part, which must not overlap `row`.
 */
struct asx_partition_args {
    const uint8_t *code; /**< step 1: cell of a row is code[row * width] */
    int width;
    const uint8_t *left; /**< step 1: [256] 1: goes left */
    const uint32_t *row; /**< [n] */
    const uint64_t *gh;  /**< step 2: [n], may be NULL; else */
    const uint16_t *gh16;
    size_t n;
    uint64_t *side; /**< [(n + 63) / 64] bit i % 64 of word i / 64: row i goes left; bits from n on are 0 */
    bool move;      /**< step 2 */
    uint32_t *left_row, *right_row;
    uint64_t *left_gh, *right_gh;
    uint16_t *left_gh16, *right_gh16;
    size_t n_left; /**< step 1: out */
};

/** A node of a tree over cut codes: left when (uint8_t)(code + add) <= cut. Children >= 0 are nodes, else ~leaf. */
struct asx_cut_node {
    uint8_t cut, add; /**< add 1: code 255 (missing) becomes 0 and goes left */
    uint16_t by_mask; /**< 1: the side is mask[slot], not a cut */
    uint32_t slot;
    int32_t left, right;
};

enum { ASX_TREE_ROWS = 64 };

/**
 * The leaf that each of 64 rows reaches in one tree. All nodes are visited with byte masks of the rows that get
 * there, so there is nothing to predict or gather; subtrees no row reaches are skipped.
 * Compare QuickScorer (Lucchese et al., SIGIR 2015), which also trades a walk for masks.
 */
struct asx_walk_args {
    const struct asx_cut_node *node; /**< [n_nodes], root first; n_nodes > 0 */
    int n_leaves;                    /**< at most 65536 */
    const uint8_t *code;             /**< code of (slot, row) is code[slot * stride + row] */
    size_t stride;
    const uint8_t *mask; /**< [masks * 64] 255: goes left */
    uint8_t *reach;      /**< scratch [(depth + 2) * 64] */
    int32_t *stack;      /**< scratch [depth + 2] */
    uint16_t *leaf;      /**< out [64] */
};

#ifdef __cplusplus
}
#endif
#endif
