/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Body of a model's layer for one vector width: a file defines LANES and MLP_PRODUCT_FN, then includes
 * this. Always a whole block of rows in the same order of sums, so a row's result does not depend on its
 * neighbours.
 */
#include "learners/mlp/net.h"

#include <string.h>

#ifndef LANES
#define LANES 4
#endif
#ifndef MLP_PRODUCT_FN
#define MLP_PRODUCT_FN mlp_product_fast
#endif

enum { TILE_ROWS = 4, TILE_PARTS = 2 };

typedef float mlp_vec __attribute__((vector_size(LANES * 4), aligned(4), may_alias));
typedef int mlp_bits __attribute__((vector_size(LANES * 4)));

static inline void tile(const float *x, size_t p, const float *w, const float *b, size_t cols, bool relu, float *out)
{
    mlp_vec sum[TILE_ROWS][TILE_PARTS], zero = {0};
    for (int i = 0; i < TILE_ROWS; i++)
        memcpy(sum[i], b, sizeof sum[i]);
    for (size_t k = 0; k < p; k++) {
        const mlp_vec *wk = (const mlp_vec *)(const void *)(w + k * cols);
#pragma GCC unroll 4
        for (int i = 0; i < TILE_ROWS; i++) {
            sum[i][0] += wk[0] * x[(size_t)i * p + k];
            sum[i][1] += wk[1] * x[(size_t)i * p + k];
        }
    }
    for (int i = 0; i < TILE_ROWS; i++) {
        for (int l = 0; relu && l < TILE_PARTS; l++)
            sum[i][l] = (mlp_vec)((mlp_bits)sum[i][l] & (mlp_bits)(sum[i][l] > zero));
        memcpy(out + (size_t)i * cols, sum[i], sizeof sum[i]);
    }
}

void MLP_PRODUCT_FN(const float *x, size_t p, const float *w, const float *b, size_t cols, bool relu, float *out)
{
    for (size_t j = 0; j < cols; j += TILE_PARTS * LANES)
        for (size_t i = 0; i < MLP_BLOCK; i += TILE_ROWS)
            tile(x + i * p, p, w + j, b + j, cols, relu, out + i * cols + j);
}
