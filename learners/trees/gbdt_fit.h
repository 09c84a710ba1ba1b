/* SPDX-License-Identifier: Apache-2.0 */
/** @file gbdt_fit.h What the parts of a boosting fit share: its state, one run of it, the gradients of a round. */
#ifndef ASSAY_LEARNERS_TREES_GBDT_FIT_H
#define ASSAY_LEARNERS_TREES_GBDT_FIT_H

#include "learners/trees/grow.h"
#include "learners/trees/loss.h"

enum { GBDT_CHUNK = 1 << 14 }; /* rows of a parallel piece; fixed, so sums are too */

/** What continues boosting: trees and raw scores. */
struct asx_state {
    struct loss loss;
    int iterations, room;
    struct tree *tree; /**< [iterations * scores] */
    double *start;     /**< [scores] */
    double *score;     /**< [scores * rows] of every row of the fold, by matrix row */
    size_t rows;
};

/** Rows of one leaf that are done as one piece. */
struct leaf_piece {
    int leaf;
    size_t from, n;
    double g, h; /**< sums of exact gradients, where leaf values are refitted */
};

/** One run of a fit on one member. */
struct fit {
    struct asx_exec *exec;
    const struct asx_problem *problem;
    struct asx_member *member;
    const struct asx_fold *fold;
    struct gbdt_params params;
    struct asx_state *state;
    struct view view;
    struct grow grow;
    enum grow_kind kind;
    struct loss_all all;   /**< softmax: gradients [scores * n_train] and their sums [scores * chunks]; no gh: a class at a time */
    struct loss_norm norm; /**< [n_train] softmax, a class at a time */
    double *lse64;         /**< [n_train] softmax, the reference way */
    float *exact;          /**< few bits: [2 * matrix rows] gradients before rounding, by matrix row */
    double *chunk_g, *chunk_h; /**< [chunks] sums of |g| and h, or (few bits) their largest */
    uint64_t *chunk_gh;
    uint32_t *out_row; /**< rows left out by bagging */
    size_t n_out;
    double *residual;       /**< [2 * n_train] leaf refinement */
    float *pred;            /**< staged predictions */
    uint8_t *cell;          /**< [(threads + 1) * columns] sparse columns of a row held out; the last: of absent cells. Or NULL */
    struct tree_step *step; /**< [2 * num_leaves] of the tree at hand, for rows held out; may be NULL */
    struct leaf_piece *piece;
    size_t pieces, piece_room;
    struct gbdt_lane *lane; /**< [lanes] fits of threads that take a class each; none: one tree after the other */
    int lanes;
    /* of the tree at hand */
    struct tree *tree;
    int score, iteration;
    float g_scale, h_scale;
};

static inline size_t gbdt_chunks(size_t n)
{
    return (n + GBDT_CHUNK - 1) / GBDT_CHUNK;
}

static inline size_t gbdt_chunk_rows(size_t n, size_t chunk)
{
    size_t from = chunk * GBDT_CHUNK;
    return n - from < GBDT_CHUNK ? n - from : GBDT_CHUNK;
}

/** Memory of a fit whose state there is (new or continued); gbdt_fit_clear also after a failure. */
asx_st gbdt_fit_memory(struct fit *, struct asx_err *);
void gbdt_fit_clear(struct fit *);
/** Fits the trees of the next round and adds them to the scores; after a failure those with leaves are in the scores. */
asx_st gbdt_round(struct fit *, struct asx_err *);

/** What the trees of a round share (softmax): the gradients of all classes, or what makes those of one. */
void gbdt_share(struct fit *);
/** Fills grow's rows and gradients for tree f->score of round f->iteration; returns its rows and their sums. */
size_t gbdt_gradients(struct fit *, double *root_g, double *root_h);
/**
 * Puts leaf values in the order that monotone columns ask for, by as little as it takes: from the lowest split up,
 * where the largest value on the lower side exceeds the least on the other, both sides are cut off at the m of
 *
 *     min over m of  sum over lower leaves of c (v - m)+^2  +  sum over upper leaves of c (m - v)+^2
 *
 * with covers c: the projection on "no lower leaf above an upper one" (as isotonic regression pools, Barlow et al. 1972).
 * Cutting off keeps the order that splits below have. Values already in order stay as they are.
 *
 * @shape  value [n_leaves]
 * @errors ASX_E_NOMEM
 */
asx_st gbdt_order_leaves(const struct tree *, const struct view *, struct mem *, double *value);

/** Sums of a piece's gradients before rounding (few bits). */
void gbdt_exact_sums(const struct fit *, struct leaf_piece *);

#endif
