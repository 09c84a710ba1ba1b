/* SPDX-License-Identifier: Apache-2.0 */
/** @file loss_rows.h The arithmetic of losses, by instruction-set level. Arguments as in loss.h. */
#ifndef ASSAY_LEARNERS_TREES_LOSS_ROWS_H
#define ASSAY_LEARNERS_TREES_LOSS_ROWS_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** What turns a raw score s into a probability, of each of a list of rows: p_k = exp(s_k - top) inverse. */
struct loss_norm {
    float *top;     /**< largest raw score */
    float *inverse; /**< 1 / sum_k exp(s_k - top) */
};

/** Where derivatives by all raw scores go: those of class k on row i at gh + 2 (k stride + i), their sums at k sum_stride. */
struct loss_all {
    float *gh;
    double *sum_g, *sum_h;
    size_t stride, sum_stride;
};

struct loss_rows {
    void (*logistic)(const double *score, const double *y, const double *w, const uint32_t *row, size_t n, int positive, float *gh);
    void (*softmax_all)(const double *score, size_t rows, int classes, const int32_t *label, const double *w, const uint32_t *row,
                        size_t n, float factor, const struct loss_all *out);
    void (*softmax_norm)(const double *score, size_t rows, int classes, const uint32_t *row, size_t n, struct loss_norm norm);
    void (*softmax)(const double *score, const int32_t *label, const double *w, const uint32_t *row, struct loss_norm norm,
                    size_t n, int k, float factor, float *gh, double *sum_g, double *sum_h);
    void (*sums)(const float *gh, size_t n, double *sum_g, double *sum_h);
    void (*pack)(const float *gh, size_t n, float g_scale, float h_scale, uint64_t *out);
};

extern const struct loss_rows loss_rows_base, loss_rows_avx2, loss_rows_avx512;

#endif
