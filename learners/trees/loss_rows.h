/* SPDX-License-Identifier: Apache-2.0 */
/** @file loss_rows.h The arithmetic of losses, by instruction-set level. Arguments as in loss.h. */
#ifndef ASSAY_LEARNERS_TREES_LOSS_ROWS_H
#define ASSAY_LEARNERS_TREES_LOSS_ROWS_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loss_rows {
    void (*logistic)(const double *score, const double *y, const double *w, const uint32_t *row, size_t n, int positive, float *gh);
    void (*softmax)(const double *score, const int32_t *label, const double *w, const uint32_t *row, const float *lse, size_t n,
                    int k, float factor, float *gh);
    void (*lse)(const double *score, size_t rows, int classes, const uint32_t *row, size_t n, float *lse);
    void (*sums)(const float *gh, size_t n, double *sum_g, double *sum_h);
    void (*pack)(const float *gh, size_t n, float g_scale, float h_scale, uint64_t *out);
};

extern const struct loss_rows loss_rows_base, loss_rows_avx2, loss_rows_avx512;

#endif
