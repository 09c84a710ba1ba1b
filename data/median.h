/* SPDX-License-Identifier: Apache-2.0 */
/** @file median.h Exact medians and quartiles by radix selection: a fixed number of passes whatever the values. */
#ifndef ASSAY_DATA_MEDIAN_H
#define ASSAY_DATA_MEDIAN_H

#include <stddef.h>

/**
 * Quartiles and median of v[0..n), n > 0, no NaN: out = {q25, median, q75}, at position (n - 1) p of the sorted values
 * with linear interpolation between neighbours (numpy's default). `spare` [n] is overwritten; v is kept.
 */
void quartiles_f32(const float *v, size_t n, float *spare, double out[3]);

/**
 * Weighted quartiles and median: the smallest values at which a quarter, half, three quarters of the weight are reached
 * (weights >= 0). spare_v, spare_w [n] are overwritten; v and w are kept.
 */
void quartiles_weighted(const float *v, const float *w, size_t n, float *spare_v, float *spare_w, double out[3]);

#endif
