/* SPDX-License-Identifier: Apache-2.0 */
/* Sparse times dense. */
#include "backends/ref/ref.h"

static void row_of_product(const struct asx_spmm_args *g, size_t i, size_t r)
{
    const float *b = g->b.host;
    float *c = (float *)g->c.host + i * g->ldc;
    for (size_t j = 0; j < g->n; j++) {
        double s = 0;
        for (int64_t e = g->indptr[r]; e < g->indptr[r + 1]; e++)
            s += (double)g->values[e] * (double)b[(size_t)g->indices[e] * g->ldb + j];
        c[j] = (float)((double)c[j] + (double)g->alpha * s);
    }
}

static void scatter_row(const struct asx_spmm_args *g, size_t i, size_t r)
{
    const float *b = (const float *)g->b.host + i * g->ldb;
    float *c = g->c.host;
    for (int64_t e = g->indptr[r]; e < g->indptr[r + 1]; e++)
        for (size_t j = 0; j < g->n; j++)
            c[(size_t)g->indices[e] * g->ldc + j] += g->alpha * g->values[e] * b[j];
}

asx_st ref_spmm_f32(struct asx_queue *q, const void *args)
{
    (void)q;
    const struct asx_spmm_args *g = args;
    for (size_t i = 0; i < g->n_rows; i++) {
        size_t r = g->row ? g->row[i] : i;
        if (g->trans)
            scatter_row(g, i, r);
        else
            row_of_product(g, i, r);
    }
    return ASX_OK;
}
