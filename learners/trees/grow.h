/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file grow.h
 * Growing one boosted tree on a binned matrix.
 *
 * The caller fills rows and gradients for each tree; grow_tree moves them about between two
 * sets of arrays, so that at the end leaf l holds the rows grow_rows(g, l)[0 .. leaf[l].count).
 * Gradients are packed fixed point, few bits (kernels_tree.h) or, for the reference way,
 * pairs of doubles by matrix row. The result does not depend on the number of threads.
 */
#ifndef ASSAY_LEARNERS_TREES_GROW_H
#define ASSAY_LEARNERS_TREES_GROW_H

#include "learners/trees/split.h"

/** Kind of the gradients. */
enum grow_kind { GROW_PACKED, GROW_FEW, GROW_DOUBLES };

enum {
    GROW_CHUNK = 1 << 14, /**< rows of a parallel piece of a partition */
    GROW_AHEAD = 32       /**< leaves that may be split before their turn */
};

struct grow_leaf {
    size_t begin, count;
    bool in_spare;   /**< rows lie in spare_row, else in row */
    int depth, slot; /**< slot: histogram in the pool, -1: none */
    int node;        /**< parent, -1: root */
    bool left_side;
    double sum_g, sum_h, low, high;
    uint64_t seed;
    bool candidate; /**< has a split worth making */
    int pair;       /**< id of the left child of a split made ahead, the right one follows; -1: none */
    struct split best;
};

/** Features scanned as one piece of work; those of a dense group with the building of their histogram. */
struct grow_unit {
    enum { UNIT_GROUP, UNIT_WIDE, UNIT_SPARSE } kind;
    int of;       /**< group, feature or sparse block */
    int from, to; /**< features */
};

/** A leaf being split: its children and what their histograms need. */
struct grow_split {
    int leaf, pair;   /**< ids */
    int small, large; /**< ids of the child of fewer rows and the other; -1: none, or not worth a look */
    bool scan[2];     /**< small, large: look for its best split */
    bool build[2];    /**< from its rows */
    int pieces[2];    /**< pieces of rows it is built in */
    bool subtract;    /**< large: parent minus small */
    const bool *use[2];
    const uint8_t *code; /**< [rows] codes of the split's feature; NULL: u16 codes, or looked up one by one */
    bool fill;           /**< of a sparse column, in grow.plane, to be filled */
};

struct grow_task {
    int split, unit, which, piece;
};

/** Rows of one partition piece. */
struct grow_part {
    int split;
    size_t from, n, n_left, side; /**< side: first word in grow.side */
    size_t left_at, right_at;
};

struct grow {
    struct asx_exec *exec;
    const struct view *view;
    struct grow_params params;
    asx_kernel_fn kernel[ASX_KERNELS];
    enum grow_kind kind;
    size_t room;    /**< rows there is room for */
    bool ascending; /**< rows come in rising order (the caller unsets it), so that runs need no list */
    uint32_t *row, *spare_row;
    uint64_t *gh, *spare_gh;   /**< packed, moved with the rows */
    uint16_t *few, *spare_few; /**< few bits, moved with the rows */
    double *gh64;              /**< doubles: [2 * matrix rows] by row */
    double *leaf_gh64;         /**< doubles: [2 * room] gathered for histograms, at the places of the rows */
    double g_unit, h_unit;
    struct grow_leaf *leaf; /**< [ids] leaves of the tree, then pairs of children split off ahead */
    int leaves, ids;
    int free_pair[GROW_AHEAD], free_pairs;
    struct grow_split split[GROW_AHEAD];
    void **slot;  /**< histograms, made when first used */
    int *owner;   /**< id of the leaf that holds a slot, -1: free */
    bool *pinned; /**< slot is in use by the splits being made */
    int slots;
    void *part; /**< histograms of pieces of rows, `parts` of them */
    int parts;
    bool *use, *node_use; /**< [features] of this tree; [2 * GROW_AHEAD * features] of nodes */
    uint8_t *group_use;   /**< [groups] */
    struct grow_unit *unit;
    int units;
    struct grow_task *task; /**< what the threads share out */
    size_t task_room;
    struct split *scan; /**< [2 * tasks] best of each */
    size_t scan_room;
    struct grow_part *piece; /**< of the partition */
    size_t piece_room;
    uint64_t *side;
    uint8_t *table; /**< [GROW_AHEAD * table_size] sides by code */
    size_t table_size;
    uint8_t *plane[GROW_AHEAD]; /**< [matrix rows] codes of the sparse column a split is by, made when first used */
};

/** Memory for trees on at most `rows` rows. */
asx_st grow_init(struct grow *, struct asx_exec *, const struct view *, const struct grow_params *, size_t rows, enum grow_kind,
                 struct asx_err *);
void grow_clear(struct grow *);

/**
 * Grows a tree on row[0..n) with their gradients. `root_g`, `root_h`: sums in real units.
 * Writes structure, gains and covers; leaf values are left to the caller.
 */
asx_st grow_tree(struct grow *, size_t n, double root_g, double root_h, uint64_t seed, struct tree *, struct asx_err *);

/** Rows of a leaf of the tree just grown. */
static inline const uint32_t *grow_rows(const struct grow *g, const struct grow_leaf *l)
{
    return (l->in_spare ? g->spare_row : g->row) + l->begin;
}

/** Runs chunks on the threads, or here when that is not worth waking them. */
static inline void grow_split_work(struct grow *g, bool parallel, size_t n, asx_chunk_fn fn, void *arg)
{
    if (parallel && g->exec->threads > 1 && n > 1) {
        g->exec->split(g->exec, n, fn, arg);
        return;
    }
    for (size_t i = 0; i < n; i++)
        fn(arg, i, 0);
}

/* Steps of a tree, each over all the splits being made at once. */

/** Moves the rows of n splits' leaves to their children: sets begin, count and in_spare of both (grow_part.c). */
asx_st grow_partition(struct grow *, int n);
/** Histograms and best splits of the children of n splits (grow_hist.c). */
asx_st grow_look(struct grow *, int n);
/** Histogram slots and units of work (grow_hist.c). */
asx_st grow_hist_init(struct grow *);
void grow_hist_clear(struct grow *);
/** A share of the features, drawn without replacement from `among` (NULL: all); at least one. */
void grow_draw_features(const struct grow *, uint64_t seed, double share, const bool *among, bool *use);
/** A leaf's histogram is not needed any more. */
void grow_drop_slot(struct grow *, int id);

#endif
