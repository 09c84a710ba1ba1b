/* SPDX-License-Identifier: Apache-2.0 */
/* Sparse times dense: rows of B stay contiguous, so the inner loop over n is what vectorises; n = 1 is a dot or an axpy. */
#include "backends/cpu/cpu.h"

#include <string.h>

enum { TILE = 64 };

static float dot_1(const struct asx_spmm_args *g, int64_t from, int64_t to)
{
    const float *restrict b = g->b.host;
    float s0 = 0, s1 = 0, s2 = 0, s3 = 0;
    int64_t e = from;
    for (; e + 4 <= to; e += 4) {
        s0 += g->values[e] * b[(size_t)g->indices[e] * g->ldb];
        s1 += g->values[e + 1] * b[(size_t)g->indices[e + 1] * g->ldb];
        s2 += g->values[e + 2] * b[(size_t)g->indices[e + 2] * g->ldb];
        s3 += g->values[e + 3] * b[(size_t)g->indices[e + 3] * g->ldb];
    }
    for (; e < to; e++)
        s0 += g->values[e] * b[(size_t)g->indices[e] * g->ldb];
    return (s0 + s1) + (s2 + s3);
}

/* Sums of up to TILE columns stay in registers or L1 while the row's cells stream by. */
static void product_row(const struct asx_spmm_args *g, size_t i, size_t r)
{
    float *restrict c = (float *)g->c.host + i * g->ldc;
    for (size_t j0 = 0; j0 < g->n; j0 += TILE) {
        size_t w = g->n - j0 < TILE ? g->n - j0 : TILE;
        float sum[TILE];
        memset(sum, 0, w * sizeof *sum);
        for (int64_t e = g->indptr[r]; e < g->indptr[r + 1]; e++) {
            const float *restrict b = (const float *)g->b.host + (size_t)g->indices[e] * g->ldb + j0;
            float v = g->values[e];
            for (size_t j = 0; j < w; j++)
                sum[j] += v * b[j];
        }
        for (size_t j = 0; j < w; j++)
            c[j0 + j] += g->alpha * sum[j];
    }
}

static void scatter_row(const struct asx_spmm_args *g, size_t i, size_t r)
{
    const float *restrict b = (const float *)g->b.host + i * g->ldb;
    for (int64_t e = g->indptr[r]; e < g->indptr[r + 1]; e++) {
        float *restrict c = (float *)g->c.host + (size_t)g->indices[e] * g->ldc;
        float v = g->alpha * g->values[e];
        for (size_t j = 0; j < g->n; j++)
            c[j] += v * b[j];
    }
}

asx_st cpu_spmm_f32(struct asx_queue *q, const void *args)
{
    (void)q;
    const struct asx_spmm_args *g = args;
    for (size_t i = 0; i < g->n_rows; i++) {
        size_t r = g->row ? g->row[i] : i;
        if (g->trans)
            scatter_row(g, i, r);
        else if (g->n == 1)
            ((float *)g->c.host)[i * g->ldc] += g->alpha * dot_1(g, g->indptr[r], g->indptr[r + 1]);
        else
            product_row(g, i, r);
    }
    return ASX_OK;
}
