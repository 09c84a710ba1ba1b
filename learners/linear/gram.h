/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file gram.h
 * Form "gram": products of columns summed over pieces of the rows, and the normal
 * equations of any fold made from them.
 *
 * With s a packed row, y its target and v its fit weight, each piece P keeps (ALGORITHMS A1)
 *
 *     sum over P of v [s; y; 1] [s; y; 1]'        order m = p + 2, lower triangle, f64
 *
 * which holds the Gram matrix, X'y, column sums, y'y, sum of y and the weight in one SYRK. Pieces are
 * the classes of rows that train in the same folds, so a fold's training sums are sums of
 * pieces, without subtraction. When there are more such classes than folds + 2 (repeated
 * k-fold), pieces are all rows and each fold's held-out rows, and a fold is a difference.
 *
 * From a fold's sums, with mean mu and weight n over its training rows (Engstroem, arXiv 2401.13185):
 *     S = G - n mu mu',  A = T' S T,  c = T' (X'y - n mu ybar)
 * T being the linear part of map.h; nothing of a held-out row enters.
 */
#ifndef ASSAY_LEARNERS_LINEAR_GRAM_H
#define ASSAY_LEARNERS_LINEAR_GRAM_H

#include "learners/linear/map.h"

struct lin_gram {
    const struct asx_packed *packed;
    size_t p, m; /**< packed columns; order of the sums = p + 2 */
    int pieces, folds;
    double **sum; /**< [pieces] -> [m * m], lower triangle */
    int8_t *sign; /**< [(folds + 1) * pieces] how a fold's training rows are made of pieces: -1, 0, 1 */
};

/** Do most rows store few of their columns, so that products of stored cells are cheaper than dense ones? */
bool lin_products_sparse(const struct asx_packed *);

/**
 * Adds rows row[0 .. n) to sums of order m = p + 2 (lower triangle), weighted by fit_weight.
 * @shape sum [m * m]; rows [LIN_ROWS * m] scratch
 */
asx_st lin_add_products(struct asx_exec *, const struct asx_packed *, const uint32_t *row, size_t n, double *sum, double *rows);

/** Centred normal equations of one fold, in features: (A + penalty) w = c, w0 = ybar - zbar'w. */
struct lin_normal {
    size_t p;
    double *A;          /**< [p * p] symmetric, both triangles */
    double *c, *zbar;   /**< [p] */
    double ybar, n, yy; /**< yy = sum v (y - ybar)^2 */
    double *sum;        /**< [(p + 2)^2] what A was made from; free for use once A is there */
};

/** Memory for matrices of p columns from the arena, used again for every fold. E_NOMEM. */
asx_st lin_normal_init(struct lin_normal *, size_t p, struct arena *, struct asx_err *);

/**
 * Normal equations of a fold from the Gram. Where centring cancels more than 8 digits of a column
 * they are made from the rows instead; a column of zeros drops out.
 * Small things come from exec->scratch. @errors E_NOMEM, STOPPED, E_DATA: no training weight
 */
asx_st lin_normal_gram(struct asx_exec *, const struct lin_gram *, const struct lin_map *, int fold, struct lin_normal *,
                       struct asx_err *);

/**
 * The same from the fold's rows: two passes, features first centred, then multiplied; mostly sparse rows
 * are summed as a Gram of their own.
 */
asx_st lin_normal_rows(struct asx_exec *, const struct lin_map *, int fold, struct lin_normal *, struct asx_err *);

/** Solves (A + l2) w = c by Cholesky into w [p + 1], intercept last; uses `sum`. */
asx_st lin_solve_chol(struct asx_exec *, const struct lin_normal *, double l2, double *w, struct asx_err *);

/** Intercept for given weights. */
double lin_intercept(const struct lin_normal *, const double *w);

#endif
