/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file map.h
 * The affine preparation of a fold as a linear map between packed columns and features.
 *
 * A packed row holds stored values s_j = (x_j - shift_j) unit_j of the dense columns (0 when
 * missing), masks m_j (1 when missing) and sparse values. The features of a fold are, in the
 * same order, p = dense + masks + sparse numbers:
 *
 *     dense   z_j = ((present ? x_j : fill_j) - centre_j) / scale_j = a_j s_j + b_j m_j + c_j
 *             a_j = 1 / (unit_j scale_j), b_j = (fill_j - shift_j) / scale_j, c_j = (shift_j - centre_j) / scale_j
 *     masks   z_j = a_j m_j + c_j,  a_j = 1 / scale_j, c_j = -centre_j / scale_j: the missing indicator is a feature
 *     sparse  z_j = a_j x_j + c_j,  likewise
 *
 * so that w'z + w0 is linear in the packed row, and no standardised matrix is ever made.
 */
#ifndef ASSAY_LEARNERS_LINEAR_MAP_H
#define ASSAY_LEARNERS_LINEAR_MAP_H

#include <assay/ext/learner.h>

struct arena;

struct lin_map {
    const struct asx_packed *packed;
    const struct asx_affine *affine;
    size_t p;          /**< features */
    double *a, *c;     /**< [p] */
    double *b;         /**< [dense]; 0 without a mask */
    int32_t *mask_col; /**< [dense] packed column of the mask, -1 = none */
};

/** Memory from the arena; E_NOMEM. */
asx_st lin_map_init(struct lin_map *, const struct asx_affine *, struct arena *, struct asx_err *);

/**
 * Weights of features to weights of packed columns: w'z + w0 = u's + *constant.
 * @shape w [p + 1], the intercept last; u [p]
 */
void lin_map_weights(const struct lin_map *, const double *w, double *u, double *constant);

/**
 * The transpose: gradient by packed columns g and by the constant r to the gradient by w.
 * @shape g [p]; out [p + 1], the intercept last
 */
void lin_map_gradient(const struct lin_map *, const double *g, double r, double *out);

/** One row's features. @shape z [p] */
void lin_map_row(const struct lin_map *, size_t row, double *z);

#endif
