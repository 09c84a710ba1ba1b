/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file forest_node.h
 * What the parts of forest growing share: a tree's rows, a node, a feature seen from a node.
 *
 * forest_grow.c walks nodes, forest_feature.c looks at one feature, forest_sweep.c scores cuts of it, forest_divide.c
 * moves rows.
 */
#ifndef ASSAY_LEARNERS_TREES_FOREST_NODE_H
#define ASSAY_LEARNERS_TREES_FOREST_NODE_H

#include "learners/trees/forest_grow.h"
#include "learners/trees/forest_rows.h"

/** Rows of the tree: matrix row, class or target, weight (NULL: all 1); a node is a range of them. */
struct rows {
    uint32_t *row;
    uint16_t *label;
    int64_t *target;
    uint32_t *weight;
};

/** Sums of a set of rows; classes have counts beside it. */
struct sums {
    int64_t weight, target; /**< target: sum of weight * target (regression) */
    double score;           /**< the part of the criterion that grows with purity */
};

struct cut {
    double gain;
    int feature, bin;
    bool categorical, missing_left;
    uint32_t bins[8];
};

/** A node that waits. Its class counts stand in forest_work.counts at the same place of the stack. */
struct pending {
    size_t from, to;
    int leaf, parent, depth;
    int constants; /**< features known not to vary here: the first ones of forest_work.constant */
    bool left_side;
    double low, high; /**< what monotone columns leave to the node's value (forest_value) */
    struct sums sums;
};

struct forest_work {
    const struct forest_rows *fast;
    struct rows at, spare;
    struct rows some; /**< rows of a node that a list names, side by side */
    uint32_t *place;  /**< [matrix rows] index into `at`; UINT32_MAX: not in the tree (only with lists) */
    uint16_t *drawn;
    uint8_t *key; /**< codes of a node's rows for one feature, as ranks */
    uint32_t *order;
    int *feature, *constant; /**< permuted; those that do not vary on the way from the root */
    struct pending *stack;
    size_t stack_room;
    uint32_t *counts;               /**< [stack_room * classes] */
    uint32_t *count, *left, *right; /**< [classes] */
    uint32_t *rest;                 /**< [classes] of the rows a list leaves out */
    uint32_t *hist;                 /**< [257 * classes] */
    int64_t *hist_w, *hist_t;       /**< [257] */
    double *value;                  /**< [dims] */
    double *xlogx;                  /**< [table] x ln x */
    size_t table;
};

/**
 * A feature in a node: codes turned into ranks 0..ranks-1 that are swept from left to right. Where the feature has a
 * list, `at` and `n` are the node's rows it names, and the others, all of one rank, are known by their sums.
 */
struct view_node {
    const struct forest_data *d;
    struct forest_work *w;
    struct rows at;
    size_t n;
    int feature, ranks, least;
    const struct sums *sums; /**< of the node */
    double min_weight;
    double low, high;     /**< of the node, see struct pending */
    uint8_t code_of[257]; /**< categories: code of each rank */
    bool missing_low;     /**< missing cells rank below all numbers */
    int rest;             /**< rank of the rows that are left out, -1: none are */
    int64_t rest_w, rest_t;
};

static inline uint32_t weight_of(const struct rows *r, size_t i)
{
    return r->weight ? r->weight[i] : 1;
}

/** The node's part of the rows. */
static inline struct rows rows_from(const struct rows *all, size_t from)
{
    struct rows r = *all;
    r.row += from;
    r.label = r.label ? r.label + from : NULL;
    r.target = r.target ? r.target + from : NULL;
    r.weight = r.weight ? r.weight + from : NULL;
    return r;
}

/** Is it cheaper to read the node's cells from the feature's list? `n`: rows of the node. */
static inline bool list_pays(const struct forest_data *d, int feature, size_t n)
{
    const struct forest_list *l = d->list ? &d->list[feature] : NULL;
    /* an entry outside the node costs a look; a row costs a cell and a count, or a search where there is no plane */
    return l && l->row && l->n <= n * (d->view->feature[feature].code ? 2 : 6);
}

/** Sum over classes of c^2 / W, or of c ln c - W ln W: both grow as a node gets purer. */
double forest_purity(const struct forest_data *, const struct forest_work *, const uint32_t *count);
static inline double forest_mean_score(int64_t target, int64_t weight)
{
    return weight ? (double)target * (double)target / (double)weight : 0;
}

/** What monotone columns order: the mean target in its fixed point, or the share of `second`, the second class's weight. */
static inline double forest_value(const struct forest_data *d, int64_t weight, int64_t target, int64_t second)
{
    return weight ? (double)(d->classes ? second : target) / (double)weight : 0;
}

/** Direction a column is bound to; more than two classes have no order. */
static inline int forest_sign(const struct forest_data *d, int feature)
{
    return d->classes > 2 ? 0 : d->view->feature[feature].f->monotone;
}

static inline double forest_clamp(double v, double low, double high)
{
    return v < low ? low : v > high ? high : v;
}

/** Fills class or target histograms by rank, the rows left out included. */
void forest_fill_hist(struct view_node *);
/** Tries the cuts between ranks (one of them where cuts are random) and keeps the best. */
void forest_best_cut(struct view_node *, struct cut *best, struct rng *);
/** Looks at v->feature in the node of rows [from, from + n); false when it does not vary there. */
bool forest_look_at(struct view_node *, size_t from, size_t n, struct cut *best, struct rng *);
/** Moves the rows of [from, to) that go left to the front; returns how many. */
size_t forest_divide(const struct forest_data *, struct forest_work *, size_t from, size_t to, const struct cut *);

#endif
