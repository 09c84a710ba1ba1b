/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sums of products of packed columns, target and 1, over listed rows. See lin_add_products in gram.h.
 * Rows that are mostly dense go through SYRK in blocks; where a row stores few of many sparse
 * columns, only stored cells meet: nnz^2 / 2 updates a row instead of p^2 multiply-adds.
 */
#include "learners/linear/glm_fast.h"
#include "learners/linear/gram.h"
#include "learners/linear/score.h"

#include <assay/ext/backend.h>

#include "base/mem.h"

/* A scattered update costs about as much as 60 multiply-adds of SYRK: sparse pays below this share of stored cells. */
static const double sparse_share = 0.15;

bool lin_products_sparse(const struct asx_packed *x)
{
    size_t p = x->dense + x->masks + x->sparse;
    double cells = (double)x->rows * (double)(x->dense + x->masks);
    return x->sparse && x->rows && cells + (double)x->csr.indptr[x->rows] < sparse_share * (double)x->rows * (double)p;
}

static asx_st syrk(const struct asx_exec *exec, const double *rows, size_t n, size_t cols, size_t ld, double *sum, size_t m)
{
    struct asx_syrk_args a = {.rows = n, .cols = cols, .a = asx_buf_of(rows), .c = asx_buf_of(sum), .lda = ld, .ldc = m};
    return cols ? asx_run_kernel(exec->device, ASX_K_SYRK_F64, &a) : ASX_OK;
}

static asx_st add_dense(const struct asx_exec *exec, const struct asx_packed *x, const uint32_t *row, size_t n, double *sum,
                        double *rows)
{
    const struct asx_problem *pb = exec->problem;
    size_t p = x->dense + x->masks + x->sparse, m = p + 2;
    lin_rows_f64(x, row, n, rows, m);
    for (size_t i = 0; i < n; i++) {
        rows[i * m + p] = pb->y[row[i]];
        rows[i * m + p + 1] = 1;
        double v = pb->fit_weight ? sqrt(pb->fit_weight[row[i]]) : 1;
        for (size_t j = 0; pb->fit_weight && j < m; j++)
            rows[i * m + j] *= v;
    }
    return syrk(exec, rows, n, m, m, sum, m);
}

/* Products of one row's stored cells with its dense part `s` (weighted once) and with each other. */
static void add_stored(const struct asx_packed *x, size_t r, double v, double y, const double *s, double *sum)
{
    size_t nd = x->dense + x->masks, p = nd + x->sparse, m = p + 2;
    for (int64_t e = x->csr.indptr[r]; e < x->csr.indptr[r + 1]; e++) {
        size_t at = nd + (size_t)x->csr.indices[e];
        double value = (double)x->csr.values[e], *to = sum + at * m;
        vec_axpy(nd, v * value, s, to);
        for (int64_t k = x->csr.indptr[r]; k <= e; k++)
            to[nd + (size_t)x->csr.indices[k]] += v * value * (double)x->csr.values[k];
        sum[p * m + at] += v * y * value;
        sum[(p + 1) * m + at] += v * value;
    }
}

static asx_st add_sparse(const struct asx_exec *exec, const struct asx_packed *x, const uint32_t *row, size_t n, double *sum,
                         double *rows)
{
    const struct asx_problem *pb = exec->problem;
    size_t nd = x->dense + x->masks, p = nd + x->sparse, m = p + 2;
    for (size_t i = 0; i < n; i++) {
        double *s = rows + i * (nd + 1), v = pb->fit_weight ? pb->fit_weight[row[i]] : 1, y = pb->y[row[i]], root = sqrt(v);
        for (size_t j = 0; j < nd; j++)
            s[j] = (double)x->x[row[i] * x->ld + j];
        add_stored(x, row[i], v, y, s, sum);
        vec_axpy(nd, v * y, s, sum + p * m);
        vec_axpy(nd, v, s, sum + (p + 1) * m);
        sum[p * m + p] += v * y * y;
        sum[(p + 1) * m + p] += v * y;
        sum[(p + 1) * m + p + 1] += v;
        for (size_t j = 0; pb->fit_weight && j < nd; j++)
            s[j] *= root;
    }
    return syrk(exec, rows, n, nd, nd + 1, sum, m);
}

asx_st lin_add_products(struct asx_exec *exec, const struct asx_packed *x, const uint32_t *row, size_t n, double *sum, double *rows)
{
    bool sparse = lin_products_sparse(x);
    for (size_t at = 0; at < n; at += LIN_ROWS) {
        size_t count = n - at < LIN_ROWS ? n - at : LIN_ROWS;
        if (exec->stop(exec))
            return ASX_STOPPED;
        asx_st st = (sparse ? add_sparse : add_dense)(exec, x, row + at, count, sum, rows);
        if (st)
            return st;
    }
    return ASX_OK;
}
