/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file neighbors.h
 * The form "neighbors", how neighbours vote, and the model of `knn`.
 *
 * One list of the nearest training rows per held-out row serves every trial of a fold: its first k
 * entries are the k nearest whatever k is, and any weighting reads the same distances.
 */
#ifndef ASSAY_LEARNERS_NEIGHBORS_H
#define ASSAY_LEARNERS_NEIGHBORS_H

#include <assay/ext/learner.h>
#include <assay/ext/prep.h>

struct affine_model;

/** Longest list, and most neighbours a config may ask for. */
enum { NEIGHBORS_MOST = 100 };

/** Form "neighbors" of one fold: for each held-out row its nearest training rows, nearest first. */
struct neighbors {
    const struct asx_dense *dense; /**< borrowed: prepared rows of the fold */
    size_t n;                      /**< training rows that count: those of positive weight */
    uint32_t *row;                 /**< [n] their rows, ascending */
    size_t queries, top;           /**< held-out rows; places of a list, at most n */
    float *dist;                   /**< [queries * top] squared distances, ascending */
    uint32_t *index;               /**< [queries * top] positions in `row`; UINT32_MAX where there is none */
};

extern const struct asx_op neighbors_gemm;
extern const struct asx_learner knn_learner;

/** Copies prepared rows side by side; a cell that is not finite becomes 0, the centre. @shape out [n * dense->cols] */
void neighbors_gather(const struct asx_dense *, const uint32_t *row, size_t n, float *out);

/* ---- votes ------------------------------------------------------------------------------ */

/** What the training rows say, and how neighbours are counted. */
struct knn_votes {
    enum asx_task task;
    int outputs;
    size_t k;             /**< neighbours that vote */
    bool distance;        /**< weighted by 1 / distance, else alike */
    double smoothing;     /**< pseudo-neighbours that vote as the prior does (classification) */
    const double *value;  /**< [n] class index or value */
    const double *weight; /**< [n] fit weights, NULL = 1 */
    const double *prior;  /**< [outputs] weighted class shares, or the mean */
};

/**
 * Prediction from a list of neighbours.
 * @formula v_i = weight_i (uniform) or weight_i / sqrt(d_i); when some d_i = 0 those rows alone vote, with weight_i.
 *          values: sum v_i y_i / sum v_i. Classes: (k' s_c + smoothing prior_c) / (k' + smoothing), where
 *          s_c = sum of v_i of class c / sum v_i and k' <= k rows were found
 * @source  scikit-learn 1.2, KNeighborsClassifier and KNeighborsRegressor (smoothing 0)
 * @shape   dist [top] squared, ascending; index [top]; out [outputs]
 */
void knn_vote(const struct knn_votes *, const float *dist, const uint32_t *index, size_t top, double *out);

/* ---- the model ---------------------------------------------------------------------------- */

/** Rows of a panel: the training rows lie in panels [cols][KNN_PANEL], so that lanes are rows. */
enum { KNN_PANEL = 32 };

/** Training rows and their answers, with the constants that prepare a raw row. */
struct asx_model {
    struct affine_model *affine;
    struct knn_votes votes; /**< its arrays are the ones below */
    size_t n, cols;
    float *panel; /**< [ceil(n / KNN_PANEL) * cols * KNN_PANEL] */
    double *value, *weight, *prior;
};

asx_st knn_predict(const struct asx_model *, const struct asx_matrix *, size_t from, size_t to, double *out, struct asx_err *);
asx_st knn_save(const struct asx_model *, struct asx_writer *);
asx_st knn_load(struct asx_reader *, struct mem *, struct asx_model **, struct asx_err *);
void knn_free_model(struct asx_model *);

/** Squared distances of one query to the rows of one panel, f32; is any below `limit`? @shape panel [p * KNN_PANEL], q [p], out [KNN_PANEL] */
typedef bool (*knn_panel_fn)(const float *panel, const float *q, size_t p, float limit, float *out);
bool knn_panel_fast(const float *panel, const float *q, size_t p, float limit, float *out);
bool knn_panel_avx2(const float *panel, const float *q, size_t p, float limit, float *out);
bool knn_panel_avx512(const float *panel, const float *q, size_t p, float limit, float *out);

#endif
