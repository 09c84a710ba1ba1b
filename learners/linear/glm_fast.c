/* SPDX-License-Identifier: Apache-2.0 */
/* See glm_fast.h. */
#include "learners/linear/glm_fast.h"

#include <string.h>

void glm_column_sums(const float *z, size_t n, size_t cols, float *restrict partial, double *sum)
{
    if (cols == 1) {
        float s = 0;
        for (size_t i = 0; i < n; i++)
            s += z[i];
        sum[0] += (double)s;
        return;
    }
    memset(partial, 0, cols * sizeof *partial);
    for (size_t i = 0; i < n; i++)
        for (size_t c = 0; c < cols; c++)
            partial[c] += z[i * cols + c];
    for (size_t c = 0; c < cols; c++)
        sum[c] += (double)partial[c];
}

void glm_spread(const float *value, size_t n, size_t values, const int *of, size_t k, float *restrict out)
{
    for (size_t i = 0; i < n; i++)
        for (size_t m = 0; m < k; m++)
            out[i * k + m] = value[i * values + (size_t)of[m]];
}

void glm_fill_rows(float *z, size_t n, const float *row, size_t cols)
{
    if (cols == 1)
        for (size_t i = 0; i < n; i++)
            z[i] = row[0];
    else
        for (size_t i = 0; i < n; i++)
            memcpy(z + i * cols, row, cols * sizeof *z);
}

void glm_add_moments(const float *x, size_t n, double v, double *restrict sum, double *restrict square)
{
    for (size_t j = 0; j < n; j++) {
        double s = (double)x[j];
        sum[j] += v * s;
        square[j] += v * s * s;
    }
}

double vec_dot(size_t n, const double *a, const double *b)
{
    double s = 0;
    for (size_t i = 0; i < n; i++)
        s += a[i] * b[i];
    return s;
}

void vec_axpy(size_t n, double alpha, const double *restrict x, double *restrict y)
{
    for (size_t i = 0; i < n; i++)
        y[i] += alpha * x[i];
}
