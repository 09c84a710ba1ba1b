/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file loss.h
 * Losses of boosting: first and second derivatives by raw score, starting values, leaf
 * refinement and the way from raw scores to predictions.
 *
 * s raw score, y target, w weight:
 *
 *   squared   (s - y)^2 / 2           g = s - y              h = 1
 *   absolute  |s - y|                 g = sign(s - y)        h = 1        leaves: median of y - s
 *   huber     Huber 1964, width a     g = clamp(s - y, a)    h = 1        leaves: of least loss
 *   quantile  pinball at level a      g = [s > y] - a        h = 1        leaves: a-quantile of y - s
 *   poisson   exp(s) - y s            g = exp(s) - y         h = exp(s + 0.7), a bound that keeps steps short
 *   logistic  log(1 + exp(-+s))       g = p - y              h = p (1 - p)
 *   softmax   -log p_y                g_k = p_k - [y = k]    h_k = K/(K-1) p_k (1 - p_k)
 *
 * @source Friedman, Greedy function approximation (2001); LightGBM's objectives for the
 *         Poisson step bound and the softmax factor
 */
#ifndef ASSAY_LEARNERS_TREES_LOSS_H
#define ASSAY_LEARNERS_TREES_LOSS_H

#include "learners/trees/loss_rows.h"
#include "learners/trees/params.h"

struct loss {
    enum loss_kind kind;
    int scores; /**< raw scores a row has: classes for softmax, else 1 */
    double alpha;
    bool refine;                  /**< leaf values come from residuals */
    const struct loss_rows *rows; /**< of this processor; NULL in stored models */
};

/** The arithmetic this processor can run. */
const struct loss_rows *loss_rows_best(void);

struct loss loss_of(const struct gbdt_params *, const struct asx_problem *);

/** Is every target legal (poisson: none negative), and no derivative beyond f32? */
asx_st loss_check(const struct loss *, const struct asx_problem *, const uint32_t *row, size_t n, struct asx_err *);

/** Starting raw scores [scores]: the best constant on the rows (where leaves are refined through `tmp` [2 n] doubles). */
void loss_start(const struct loss *, const struct asx_problem *, const uint32_t *row, size_t n, double *tmp, double *start);

/**
 * Derivatives of raw score k on rows row[0..n): gh[2 i] = w g, gh[2 i + 1] = w h, and their sums of |g| and h.
 * @shape score [scores * rows] by class, then matrix row; norm [n] of the rows (softmax), in the order of `row`
 */
void loss_gradients(const struct loss *, const struct asx_problem *, const double *score, size_t rows, int k, struct loss_norm norm,
                    const uint32_t *row, size_t n, float *gh, double *sum_g, double *sum_h);
/** Softmax by all raw scores in one pass, an exponential a row and class: the same bits as class by class. */
void loss_gradients_all(const struct loss *, const struct asx_problem *, const double *score, size_t rows, const uint32_t *row,
                        size_t n, const struct loss_all *out);
/** As above in double precision, written by matrix row: gh[2 row]. */
void loss_gradients64(const struct loss *, const struct asx_problem *, const double *score, size_t rows, int k, const double *lse,
                      const uint32_t *row, size_t n, double *gh);

/** What class by class needs (softmax), as the scores stand before a round's trees. */
void loss_softmax_norm(const struct loss *, const double *score, size_t rows, const uint32_t *row, size_t n, struct loss_norm norm);
/** Log-sum-exp over classes of each row: what the reference needs. */
void loss_lse64(const struct loss *, const double *score, size_t rows, const uint32_t *row, size_t n, double *lse);

/** Value that minimises the loss in a leaf, from the residuals y - s: their weighted quantile, or centre (huber). `tmp` [2 n] doubles. */
double loss_refine(const struct loss *, const struct asx_problem *, const double *score, const uint32_t *row, size_t n,
                   double *tmp);

/**
 * No step of a leaf goes beyond what minimises its loss; only that of poisson can, whose h at the leaf says nothing of what
 * it is a step further up: there the step is at most ln(sum y / sum exp(s)).
 */
double loss_limit(const struct loss *, double step, double sum_g, double sum_h);

/** Raw scores of one row to a prediction [outputs]: probabilities in class order, or a value. */
void loss_predict(enum loss_kind, int scores, const double *raw, double *out);

/** Rounds to packed fixed point (kernels_tree.h): g * g_scale and h * h_scale to nearest. */
void loss_pack(const struct loss *, const float *gh, size_t n, float g_scale, float h_scale, uint64_t *out);

#endif
