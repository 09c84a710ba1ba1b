/* SPDX-License-Identifier: Apache-2.0 */
/* See score.h. */
#include "learners/linear/score.h"

#include <assay/ext/backend.h>

#include "base/err.h"
#include "base/mem.h"

void lin_rows_f64(const struct asx_packed *x, const uint32_t *row, size_t n, double *out, size_t ld)
{
    size_t nd = x->dense + x->masks;
    for (size_t i = 0; i < n; i++, out += ld) {
        const float *s = nd ? x->x + row[i] * x->ld : NULL;
        for (size_t j = 0; j < nd; j++)
            out[j] = (double)s[j];
        if (!x->sparse)
            continue;
        memset(out + nd, 0, x->sparse * sizeof *out);
        for (int64_t k = x->csr.indptr[row[i]]; k < x->csr.indptr[row[i] + 1]; k++)
            out[nd + (size_t)x->csr.indices[k]] += (double)x->csr.values[k];
    }
}

struct job {
    struct asx_exec *exec;
    const struct lin_map *map;
    const struct asx_fold *fold;
    struct asx_member **member;
    int n;
    size_t sets, cols; /* cols = n * sets */
    enum lin_link link;
    double *u, *constant; /* [p * cols], [cols] */
    double *rows, *z;     /* per worker */
    asx_st *status;       /* per chunk */
};

/* Sparse rows are added by hand: they would be mostly zeros as a dense block. */
static void add_sparse(const struct job *j, const uint32_t *row, size_t n, double *z)
{
    const struct asx_packed *x = j->map->packed;
    const double *u = j->u + (x->dense + x->masks) * j->cols;
    for (size_t i = 0; x->sparse && i < n; i++)
        for (int64_t k = x->csr.indptr[row[i]]; k < x->csr.indptr[row[i] + 1]; k++) {
            const double *w = u + (size_t)x->csr.indices[k] * j->cols;
            double v = (double)x->csr.values[k];
            for (size_t c = 0; c < j->cols; c++)
                z[i * j->cols + c] += v * w[c];
        }
}

/* `out` has room for the outputs of one row. */
static void write_pred(const struct job *j, size_t first, size_t n, const double *z, double *out)
{
    size_t outputs = j->link == LIN_LOGIT ? 2 : j->sets;
    for (size_t i = 0; i < n; i++)
        for (int k = 0; k < j->n; k++) {
            float *pred = j->member[k]->pred + (first + i) * outputs;
            lin_link_apply(j->link, z + i * j->cols + (size_t)k * j->sets, j->sets, out);
            for (size_t c = 0; c < outputs; c++)
                pred[c] = (float)out[c];
        }
}

static void score_chunk(void *arg, size_t chunk, int worker)
{
    struct job *j = arg;
    const struct asx_packed *x = j->map->packed;
    size_t nd = x->dense + x->masks, first = chunk * LIN_ROWS, n = j->fold->n_test - first;
    n = n < LIN_ROWS ? n : LIN_ROWS;
    const uint32_t *row = j->fold->test + first;
    double *rows = j->rows + (size_t)worker * LIN_ROWS * (nd + 1);
    double *z = j->z + (size_t)worker * (LIN_ROWS * j->cols + j->sets + 2);
    for (size_t i = 0; i < n; i++) {
        memcpy(z + i * j->cols, j->constant, j->cols * sizeof *z);
        for (size_t c = 0; c < nd; c++)
            rows[i * nd + c] = (double)x->x[row[i] * x->ld + c];
    }
    struct asx_gemm_args g = {.m = n,
                              .n = j->cols,
                              .p = nd,
                              .alpha = 1,
                              .beta = 1,
                              .a = asx_buf_of(rows),
                              .b = asx_buf_of(j->u),
                              .c = asx_buf_of(z),
                              .lda = nd,
                              .ldb = j->cols,
                              .ldc = j->cols};
    j->status[chunk] = nd ? asx_run_kernel(j->exec->device, ASX_K_GEMM_F64, &g) : ASX_OK;
    add_sparse(j, row, n, z);
    write_pred(j, first, n, z, z + LIN_ROWS * j->cols);
}

static void weights_of(struct job *j, const double *const *weight, double *one)
{
    size_t p = j->map->p;
    for (int k = 0; k < j->n; k++)
        for (size_t s = 0; s < j->sets; s++) {
            size_t col = (size_t)k * j->sets + s;
            lin_map_weights(j->map, weight[k] + s * (p + 1), one, &j->constant[col]);
            for (size_t c = 0; c < p; c++)
                j->u[c * j->cols + col] = one[c];
        }
}

asx_st lin_held_out(struct asx_exec *exec, const struct lin_map *map, struct asx_member *const *member, const double *const *weight,
                    int n, size_t sets, enum lin_link link, struct asx_err *err)
{
    struct arena *a = exec->scratch;
    struct job j = {.exec = exec, .map = map, .sets = sets, .link = link};
    const double **w = arena_alloc(a, ((size_t)n + 1) * sizeof *w);
    j.member = arena_alloc(a, ((size_t)n + 1) * sizeof *j.member);
    if (!w || !j.member)
        goto nomem;
    for (int k = 0; k < n; k++)
        if (member[k]->pred) {
            w[j.n] = weight[k];
            j.member[j.n++] = member[k];
        }
    if (!j.n)
        return ASX_OK;
    j.fold = &exec->problem->splits->fold[j.member[0]->fold];
    size_t nd = map->packed->dense + map->packed->masks, chunks = (j.fold->n_test + LIN_ROWS - 1) / LIN_ROWS;
    size_t threads = (size_t)(exec->threads > 1 ? exec->threads : 1);
    j.cols = (size_t)j.n * sets;
    double *one = arena_alloc(a, (map->p + 1) * sizeof *one);
    j.u = arena_alloc(a, (map->p + 1) * j.cols * sizeof *j.u);
    j.constant = arena_alloc(a, j.cols * sizeof *j.constant);
    j.rows = arena_alloc(a, threads * LIN_ROWS * (nd + 1) * sizeof *j.rows);
    j.z = arena_alloc(a, threads * (LIN_ROWS * j.cols + sets + 2) * sizeof *j.z);
    j.status = arena_calloc(a, chunks + 1, sizeof *j.status);
    if (!one || !j.u || !j.constant || !j.rows || !j.z || !j.status)
        goto nomem;
    weights_of(&j, w, one);
    exec->split(exec, chunks, score_chunk, &j);
    for (size_t c = 0; c < chunks; c++)
        if (j.status[c])
            return err_set(err, j.status[c], "a matrix product failed; report this fault of Assay");
    return ASX_OK;
nomem:
    return err_set(err, ASX_E_NOMEM, "no memory for the held-out predictions of a linear fit; raise the memory limit");
}
