/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file model.h
 * A fitted tree model of any kind: predicts from raw matrices, explains, and is stored.
 *
 * Boosted: raw score k = start[k] + sum of the trees of class k (tree t belongs to score
 * t % scores). Averaged (forests): mean over trees of leaf values (class shares or means).
 */
#ifndef ASSAY_LEARNERS_TREES_MODEL_H
#define ASSAY_LEARNERS_TREES_MODEL_H

#include "learners/trees/loss.h"
#include "learners/trees/tree.h"

struct walk_node;    /* predict.c */
struct step_node;    /* predict_row.c */
struct asx_cut_node; /* kernels_tree.h */

struct asx_model {
    struct mem *mem;
    bool averaged;
    enum loss_kind loss;
    int scores, outputs;
    size_t columns;
    double *start; /**< [scores] */
    int n_trees;
    struct tree *tree;
    /* derived, for prediction */
    size_t used;              /**< columns that some tree tests */
    int32_t *slot_of;         /**< [columns] place among the used ones, -1 */
    uint32_t *column_of;      /**< [used] */
    struct walk_node *walk;   /**< all trees' nodes, columns as slots */
    size_t *root;             /**< [n_trees] first node in walk */
    struct asx_cut_node *cut; /**< the same nodes over cut codes; NULL: some column has over 254 thresholds */
    float *threshold;         /**< [used * 256] a column's thresholds in order, padded with infinity */
    int *thresholds;          /**< [used] */
    int depth, most_masks;    /**< of the deepest tree; most category nodes of one tree */
    struct step_node *step;   /**< the same nodes and leaves once more, for single rows; NULL: walk */
    size_t *step_root;        /**< [n_trees] first in step */
    int32_t *step_leaf;       /**< leaf at each place */
    double *step_value;       /**< its value, where leaves have one; else NULL */
    int32_t *step_order;      /**< [n_trees] trees by depth */
};

/** Copies `n` trees into a new model. */
asx_st model_create(struct mem *, const struct tree *, int n, size_t columns, struct asx_model **, struct asx_err *);
void model_free(struct asx_model *);
/** Builds what prediction needs. model_prepare_cuts is its second part: nodes over cut codes; model_prepare_steps the third. */
asx_st model_prepare(struct asx_model *);
asx_st model_prepare_cuts(struct asx_model *);
asx_st model_prepare_steps(struct asx_model *);
/** Adds all trees for one row of cut codes; needs `step`. code [2 * used], the second half is scratch; at [n_trees] scratch. */
void model_add_row(const struct asx_model *, uint8_t *code, uint32_t *at, double *raw);
/** Predicts up to a block of rows by masks; needs `cut`. */
struct model_scratch;
struct model_scratch *model_scratch_create(const struct asx_model *);
void model_scratch_free(struct model_scratch *);
enum { MODEL_BLOCK = 256 };
/** Adds leaf values of rows [from, from + n), n <= MODEL_BLOCK, to raw [n * scores]. */
void model_add_block(const struct asx_model *, struct model_scratch *, const struct asx_matrix *, size_t from, size_t n,
                     double *raw);

asx_st model_predict(const struct asx_model *, const struct asx_matrix *, size_t from, size_t to, double *out, struct asx_err *);
void model_importance(const struct asx_model *, double *out, size_t cols);
asx_st model_explain(const struct asx_model *, const struct asx_matrix *, size_t row, double *out, struct asx_err *);
/** The scale that model_explain speaks in. */
enum asx_link model_link(const struct asx_model *);
asx_st model_save(const struct asx_model *, struct asx_writer *);
asx_st model_load(struct asx_reader *, struct mem *, struct asx_model **, struct asx_err *);

/** Fills x [(to - from) * used] with the used columns of rows [from, to). */
void model_gather(const struct asx_model *, const struct asx_matrix *, size_t from, size_t to, float *x);

/** Splits count per column, as shares. */
void model_split_importance(const struct asx_model *, double *out, size_t cols);

/** A row's leaf, by the values of its raw columns ([used], see model_gather). */
int model_leaf(const struct asx_model *, int tree, const float *x);

/**
 * SHAP values of one tree for one row, added to phi [columns + 1 per output].
 * @source Lundberg, Erion, Lee, Consistent individualized feature attribution for tree ensembles (2018), algorithm 2
 */
asx_st shap_tree(const struct asx_model *, int tree, const float *x, double scale, double *phi, size_t stride, int score);

#endif
