/* SPDX-License-Identifier: Apache-2.0 */
/** @file glm_fast.h Inner loops of the lockstep evaluator and of L-BFGS. */
#ifndef ASSAY_LEARNERS_LINEAR_GLM_FAST_H
#define ASSAY_LEARNERS_LINEAR_GLM_FAST_H

#include <stddef.h>

/** sum[c] += column sums of z [n * cols]; f32 within the block. @shape partial [cols] scratch */
void glm_column_sums(const float *z, size_t n, size_t cols, float *partial, double *sum);

/** out[i * k + m] = value[i * values + of[m]]. */
void glm_spread(const float *value, size_t n, size_t values, const int *of, size_t k, float *out);

/** Every row of z [n * cols] becomes `row`. */
void glm_fill_rows(float *z, size_t n, const float *row, size_t cols);

/** sum[j] += v x[j], square[j] += v x[j]^2. */
void glm_add_moments(const float *x, size_t n, double v, double *sum, double *square);

double vec_dot(size_t n, const double *a, const double *b);

/** y += alpha x. */
void vec_axpy(size_t n, double alpha, const double *x, double *y);

#endif
