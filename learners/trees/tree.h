/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file tree.h
 * One tree, of a boosted model or of a forest.
 *
 * Inner node i tests a raw column: a number goes left when (float)v <= threshold, a category
 * when its code is in a set; missing cells (NaN, negative or unknown codes) go where
 * TREE_MISSING_LEFT says. Children >= 0 are inner nodes, ~leaf otherwise. A tree of one leaf
 * has no inner node. Leaf values: `dims` numbers from value[at], or, where at < 0, the pure
 * class ~at of a classification forest.
 */
#ifndef ASSAY_LEARNERS_TREES_TREE_H
#define ASSAY_LEARNERS_TREES_TREE_H

#include "learners/trees/view.h"

#include <assay/ext/codec.h>

enum { TREE_MISSING_LEFT = 1, TREE_CATEGORICAL = 2 };

struct tree_node {
    union {
        float threshold;
        uint32_t set; /**< categorical: first word in tree.word; the set has set_words of them */
    } by;
    uint32_t column : 30, flags : 2; /**< of the raw matrix */
    int32_t left, right;
};

/** The same test in bins of the training matrix. */
struct tree_bin {
    int32_t feature; /**< of the view */
    int32_t bin;     /**< number: left when bin <= this */
    uint32_t set;    /**< categorical: first word in tree.bin_word, a bit for each bin */
};

struct tree {
    int n_nodes, n_leaves, dims, capacity; /**< capacity: leaves there is room for */
    struct tree_node *node;
    struct tree_bin *bin; /**< NULL in loaded models */
    uint32_t *set_words;  /**< [n_nodes] words of a category set */
    float *gain;          /**< [n_nodes] */
    double *cover;        /**< [n_nodes] hessian or weight that went through */
    double *leaf_cover;   /**< [n_leaves] */
    int32_t *at;          /**< [n_leaves] */
    double *value;
    size_t n_values, value_room;
    uint32_t *word, *bin_word;
    size_t n_words, word_room, n_bin_words, bin_word_room;
    int depth;   /**< longest path in edges */
    void *block; /**< a finished tree: all arrays in one; NULL: each is a block */
};

/** Room for `leaves` leaves; grows by itself in tree_split. */
asx_st tree_init(struct tree *, struct mem *, int leaves, int dims);
void tree_clear(struct tree *);
uint64_t tree_bytes(const struct tree *);

/** A split to be written: the leaf becomes an inner node, its left child keeps the leaf's number. */
struct tree_cut {
    int feature; /**< of the view */
    bool categorical, missing_left;
    int bin;
    const uint16_t *set; /**< categorical: bins that go left */
    int n_set;
    double gain;
};

/** Turns `leaf` into an inner node; *right is the new leaf, *node the inner node. */
asx_st tree_split(struct tree *, const struct view *, int leaf, int parent, bool left_side, const struct tree_cut *, int *node,
                  int *right);
/** Sets a leaf's values (dims numbers), or its pure class. */
asx_st tree_set_leaf(struct tree *, int leaf, const double *value);
void tree_set_pure(struct tree *, int leaf, int cls);
/**
 * A finished tree: all arrays move into one block, as small as they are. A search keeps a hundred thousand trees, and most
 * are small. Nothing is added to it afterwards.
 */
void tree_shrink(struct tree *, struct mem *);

int tree_leaf_of_bins(const struct tree *, const struct view *, size_t row);
/** The same with the codes of sparse columns by raw column (view_spread). */
int tree_leaf_of_cells(const struct tree *, const struct view *, size_t row, const uint8_t *cell);

enum { TREE_LANES = 8 };

/** A node of a tree over planes: next[(uint8_t)(code[row] + add) > cut]; leaf l is step n_nodes + l and leads to itself. */
struct tree_step {
    const uint8_t *code;
    uint8_t add;
    int16_t cut;
    int32_t next[2];
};

/** Fills step [n_nodes + n_leaves]; false: a node tests something else than a number with a plane, or there is none. */
bool tree_steps(const struct tree *, const struct view *, struct tree_step *step);
/** Leaves of TREE_LANES rows side by side, which hides the wait for each node. */
void tree_walk(const struct tree *, const struct tree_step *, const uint32_t *row, int leaf[TREE_LANES]);

/** Adds scale * values of the row's leaf to out [dims]. */
static inline void tree_add_leaf(const struct tree *t, int leaf, double scale, double *out)
{
    int at = t->at[leaf];
    if (at < 0) {
        out[~at] += scale;
        return;
    }
    for (int k = 0; k < t->dims; k++)
        out[k] += scale * t->value[at + k];
}

/** Longest path below the root. */
int tree_depth(const struct tree *);

/** Does a code go left? Codes outside the set's words do not. */
static inline bool tree_in_set(const uint32_t *word, uint32_t words, uint32_t code)
{
    return code / 32 < words && (word[code / 32] >> (code % 32) & 1);
}

/** Copy of a tree without training bins. */
asx_st tree_copy(struct tree *out, const struct tree *, struct mem *);
asx_st tree_save(const struct tree *, struct asx_writer *);
/** Checks every index: a damaged file is refused, never followed. */
asx_st tree_load(struct tree *, struct asx_reader *, struct mem *, size_t columns);

#endif
