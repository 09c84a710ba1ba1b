/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lockstep evaluation by GEMM: the weights of all running fits are columns of one matrix.
 *
 *     Z = X_b U + 1 c'        [512, k * sets]      f32
 *     Z <- v (softmax(Z) - y), loss                kernel GLM_STEP
 *     G += X_b' Z             [p, k * sets]        f32 within a chunk, f64 over chunks
 *
 * A chunk is a fixed run of blocks: results depend on the data's size, never on threads.
 * Finished fits leave before the next step: U is rebuilt each step anyway, so that is free.
 */
#include "learners/linear/glm.h"
#include "learners/linear/glm_fast.h"

#include <assay/ext/backend.h>

#include "base/err.h"
#include "base/mem.h"

enum { BLOCK = 512, CHUNK_BLOCKS = 32, LEAST_CHUNKS = 16 };
static const double chunk_bytes = 64e6; /* of all partial gradients together */
/* Most bytes of a copy of the rows; share of stored cells from which a dense product beats a sparse one. */
static const double copy_bytes = 64e6, dense_share = 0.08;

struct pass {
    struct glm *g;
    const float *x;    /* rows of nd dense columns: the packed ones, or a copy of the visited rows */
    size_t nd, ld;     /* with a copy, nd may take in the sparse columns */
    bool copied, spmm; /* rows of x are visited rows; sparse columns are multiplied apart */
    int *active;       /* fits still running */
    int k;
    size_t cols, most_cols; /* k * sets */
    size_t chunks, blocks;
    float *u;           /* [p * cols] */
    float *constant;    /* [cols] */
    float *grad;        /* [chunks][p * cols] */
    double *sum, *loss; /* [chunks][cols], [chunks][k] */
    asx_st *status;     /* [chunks] */
    /* per worker */
    float *z, *weight, *gather, *value, *partial;
    double *y, *column;
    int *slot;            /* [fits] which of the distinct training masks a running fit has */
    const uint8_t **mask; /* [masks] distinct training masks of the running fits, NULL = all rows */
    size_t masks;
};

/*
 * Chooses what the products read: the packed rows in place, or, when rows are left out or sparse
 * columns are hardly sparse (one-hot columns of few levels), a copy that every pass then uses.
 */
static bool choose_rows(struct pass *s, const struct glm *g)
{
    const struct asx_packed *x = g->x;
    double stored = x->sparse ? (double)x->csr.indptr[x->rows] : 0;
    bool widen = x->sparse && stored >= dense_share * (double)x->rows * (double)x->sparse;
    s->nd = x->dense + x->masks;
    s->ld = x->ld;
    s->x = x->x;
    s->spmm = x->sparse > 0;
    size_t width = widen ? g->p : s->nd;
    if ((!g->row && !widen) || !width || (double)g->rows * (double)width * sizeof(float) > copy_bytes)
        return true;
    float *copy = arena_calloc(g->exec->scratch, g->rows * width, sizeof *copy);
    if (!copy)
        return false;
    for (size_t i = 0; i < g->rows; i++) {
        size_t r = g->row ? g->row[i] : i;
        if (s->nd)
            memcpy(copy + i * width, x->x + r * x->ld, s->nd * sizeof *copy);
        for (int64_t e = widen ? x->csr.indptr[r] : 0; widen && e < x->csr.indptr[r + 1]; e++)
            copy[i * width + s->nd + (size_t)x->csr.indices[e]] += x->csr.values[e];
    }
    s->x = copy;
    s->ld = s->nd = width;
    s->copied = true;
    s->spmm = s->spmm && !widen;
    return true;
}

static asx_st pass_open(struct pass *s, struct glm *g)
{
    struct arena *a = g->exec->scratch;
    size_t threads = (size_t)(g->exec->threads > 1 ? g->exec->threads : 1), k = (size_t)g->fits;
    *s = (struct pass){.g = g, .most_cols = k * g->sets, .blocks = (g->rows + BLOCK - 1) / BLOCK};
    if (!choose_rows(s, g))
        return ASX_E_NOMEM;
    size_t least = s->blocks < LEAST_CHUNKS ? s->blocks : LEAST_CHUNKS, chunks = s->blocks / CHUNK_BLOCKS;
    double room = chunk_bytes / ((double)(g->p + 1) * (double)s->most_cols * sizeof(float));
    chunks = chunks > least ? chunks : least;
    chunks = (double)chunks > room ? (size_t)room : chunks;
    s->chunks = chunks ? chunks : 1;
    s->active = arena_alloc(a, k * sizeof *s->active);
    s->u = arena_alloc(a, (g->p + 1) * s->most_cols * sizeof *s->u);
    s->constant = arena_alloc(a, s->most_cols * sizeof *s->constant);
    s->grad = arena_alloc(a, s->chunks * (g->p + 1) * s->most_cols * sizeof *s->grad);
    s->sum = arena_alloc(a, s->chunks * s->most_cols * sizeof *s->sum);
    s->loss = arena_alloc(a, s->chunks * k * sizeof *s->loss);
    s->status = arena_alloc(a, s->chunks * sizeof *s->status);
    s->z = arena_alloc(a, threads * BLOCK * s->most_cols * sizeof *s->z);
    s->weight = arena_alloc(a, threads * BLOCK * k * sizeof *s->weight);
    s->gather = arena_alloc(a, g->row && !s->copied ? threads * BLOCK * (s->nd + 1) * sizeof *s->gather : 1);
    s->value = arena_alloc(a, threads * BLOCK * k * sizeof *s->value);
    s->partial = arena_alloc(a, threads * s->most_cols * sizeof *s->partial);
    s->slot = arena_alloc(a, k * sizeof *s->slot);
    s->mask = arena_alloc(a, k * sizeof *s->mask);
    s->y = arena_alloc(a, threads * BLOCK * sizeof *s->y);
    s->column = arena_alloc(a, threads * (g->p + 1) * sizeof *s->column);
    return s->active && s->u && s->constant && s->grad && s->sum && s->loss && s->status && s->z && s->weight && s->gather &&
                   s->y && s->column && s->value && s->partial && s->slot && s->mask
               ? ASX_OK
               : ASX_E_NOMEM;
}

/* Numbers the distinct training masks of the running fits: a row's weight is looked up once per mask. */
static void number_masks(struct pass *s)
{
    s->masks = 0;
    for (int m = 0; m < s->k; m++) {
        const uint8_t *mask = s->g->mask[s->g->fit[s->active[m]].fold];
        size_t at = 0;
        while (at < s->masks && s->mask[at] != mask)
            at++;
        if (at == s->masks)
            s->mask[s->masks++] = mask;
        s->slot[m] = (int)at;
    }
}

/* Targets and the weight of each row in each fit: 0 where it is held out. */
static void block_targets(const struct pass *s, size_t first, size_t n, double *y, float *value, float *weight)
{
    const struct glm *g = s->g;
    const struct asx_problem *pb = g->exec->problem;
    for (size_t i = 0; i < n; i++) {
        size_t r = g->row ? g->row[first + i] : first + i;
        float v = pb->fit_weight ? (float)pb->fit_weight[r] : 1;
        y[i] = pb->y[r];
        for (size_t m = 0; m < s->masks; m++)
            value[i * s->masks + m] = !s->mask[m] || s->mask[m][r] ? v : 0;
    }
    glm_spread(value, n, s->masks, s->slot, (size_t)s->k, weight);
}

/* Multiplies the sparse part of a block: forward into z, or back into the gradient. */
static asx_st sparse_part(const struct pass *s, size_t first, size_t n, bool back, float *z, float *grad)
{
    const struct glm *g = s->g;
    const struct asx_csr *csr = &g->x->csr;
    size_t nd = s->nd;
    if (!s->spmm)
        return ASX_OK;
    struct asx_spmm_args a = {.n_rows = n,
                              .n = s->cols,
                              .row = g->row ? g->row + first : NULL,
                              .trans = back,
                              .alpha = 1,
                              .indptr = g->row ? csr->indptr : csr->indptr + first,
                              .indices = csr->indices,
                              .values = csr->values,
                              .ldb = s->cols,
                              .ldc = s->cols};
    a.b = asx_buf_of(back ? z : s->u + nd * s->cols);
    a.c = asx_buf_of(back ? grad + nd * s->cols : z);
    return asx_run_kernel(g->exec->device, ASX_K_SPMM_F32, &a);
}

static asx_st eval_block(const struct pass *s, size_t block, size_t chunk, int worker)
{
    const struct glm *g = s->g;
    const struct asx_device *dev = g->exec->device;
    size_t nd = s->nd, ld = s->ld, first = block * BLOCK, n = g->rows - first < BLOCK ? g->rows - first : BLOCK;
    float *z = s->z + (size_t)worker * BLOCK * s->most_cols, *weight = s->weight + (size_t)worker * BLOCK * (size_t)g->fits;
    float *grad = s->grad + chunk * (g->p + 1) * s->most_cols;
    double *y = s->y + (size_t)worker * BLOCK, *sum = s->sum + chunk * s->most_cols;
    const float *x = nd ? s->x + first * ld : NULL;
    if (g->row && !s->copied && nd) {
        float *to = s->gather + (size_t)worker * BLOCK * (nd + 1);
        for (size_t i = 0; i < n; i++)
            memcpy(to + i * nd, g->x->x + g->row[first + i] * ld, nd * sizeof *to);
        x = to;
        ld = nd;
    }
    block_targets(s, first, n, y, s->value + (size_t)worker * BLOCK * (size_t)g->fits, weight);
    glm_fill_rows(z, n, s->constant, s->cols);
    struct asx_gemm_args f = {.m = n,
                              .n = s->cols,
                              .p = nd,
                              .alpha = 1,
                              .beta = 1,
                              .a = asx_buf_of(x),
                              .b = asx_buf_of(s->u),
                              .c = asx_buf_of(z),
                              .lda = ld,
                              .ldb = s->cols,
                              .ldc = s->cols};
    asx_st st = nd ? asx_run_kernel(dev, ASX_K_GEMM_F32, &f) : ASX_OK;
    if (!st)
        st = sparse_part(s, first, n, false, z, grad);
    struct asx_glm_args loss = {.rows = n,
                                .k = (size_t)s->k,
                                .outputs = (int)g->sets,
                                .z = asx_buf_of(z),
                                .ldz = s->cols,
                                .y = y,
                                .weight = weight,
                                .loss = s->loss + chunk * (size_t)g->fits};
    if (!st)
        st = asx_run_kernel(dev, ASX_K_GLM_STEP, &loss);
    glm_column_sums(z, n, s->cols, s->partial + (size_t)worker * s->most_cols, sum);
    struct asx_gemm_args b = {.m = nd,
                              .n = s->cols,
                              .p = n,
                              .trans_a = true,
                              .alpha = 1,
                              .beta = 1,
                              .a = asx_buf_of(x),
                              .b = asx_buf_of(z),
                              .c = asx_buf_of(grad),
                              .lda = ld,
                              .ldb = s->cols,
                              .ldc = s->cols};
    if (!st && nd)
        st = asx_run_kernel(dev, ASX_K_GEMM_F32, &b);
    return st ? st : sparse_part(s, first, n, true, z, grad);
}

static void eval_chunk(void *arg, size_t chunk, int worker)
{
    struct pass *s = arg;
    struct glm *g = s->g;
    size_t from = chunk * s->blocks / s->chunks, to = (chunk + 1) * s->blocks / s->chunks;
    s->status[chunk] = ASX_OK;
    memset(s->grad + chunk * (g->p + 1) * s->most_cols, 0, g->p * s->cols * sizeof *s->grad);
    memset(s->sum + chunk * s->most_cols, 0, s->cols * sizeof *s->sum);
    memset(s->loss + chunk * (size_t)g->fits, 0, (size_t)s->k * sizeof *s->loss);
    for (size_t b = from; b < to && !s->status[chunk]; b++)
        s->status[chunk] = g->exec->stop(g->exec) ? ASX_STOPPED : eval_block(s, b, chunk, worker);
}

static void weights_chunk(void *arg, size_t m, int worker)
{
    struct pass *s = arg;
    struct glm *g = s->g;
    struct glm_fit *f = &g->fit[s->active[m]];
    double *one = s->column + (size_t)worker * (g->p + 1), constant;
    for (size_t c = 0; c < g->sets; c++) {
        size_t col = m * g->sets + c;
        lin_map_weights(&g->map[f->map], f->solver.trial + c * (g->p + 1), one, &constant);
        s->constant[col] = (float)constant;
        for (size_t j = 0; j < g->p; j++)
            s->u[j * s->cols + col] = (float)one[j];
    }
}

/* Adds up a fit's share of the chunks in their order and lets its solver choose the next point. */
static void tell_chunk(void *arg, size_t m, int worker)
{
    struct pass *s = arg;
    struct glm *g = s->g;
    struct glm_fit *f = &g->fit[s->active[m]];
    double *one = s->column + (size_t)worker * (g->p + 1), loss = 0;
    for (size_t c = 0; c < g->sets; c++) {
        double r = 0;
        memset(one, 0, g->p * sizeof *one);
        for (size_t k = 0; k < s->chunks; k++) {
            const float *grad = s->grad + k * (g->p + 1) * s->most_cols + m * g->sets + c;
            for (size_t j = 0; j < g->p; j++)
                one[j] += (double)grad[j * s->cols];
            r += s->sum[k * s->most_cols + m * g->sets + c];
        }
        glm_set_gradient(g, f, c, one, r);
    }
    for (size_t k = 0; k < s->chunks; k++)
        loss += s->loss[k * (size_t)g->fits + m];
    glm_tell(g, f, loss);
}

/* Waking a thread costs more than a small loop; the numbers are the same either way. */
static void run_chunks(struct glm *g, size_t n, double operations, asx_chunk_fn fn, void *arg)
{
    if (operations > 4e6)
        g->exec->split(g->exec, n, fn, arg);
    else
        for (size_t i = 0; i < n; i++)
            fn(arg, i, 0);
}

asx_st glm_run_batch(struct glm *g, struct asx_err *err)
{
    struct pass s;
    if (pass_open(&s, g))
        return err_set(err, ASX_E_NOMEM, "no memory for a batch of %d linear fits; raise the memory limit", g->fits);
    for (;;) {
        s.k = 0;
        for (int i = 0; i < g->fits; i++)
            if (!g->fit[i].solver.done)
                s.active[s.k++] = i;
        if (!s.k)
            return ASX_OK;
        s.cols = (size_t)s.k * g->sets;
        number_masks(&s);
        run_chunks(g, (size_t)s.k, (double)g->p * (double)s.cols, weights_chunk, &s);
        run_chunks(g, s.chunks, 4.0 * (double)g->rows * (double)(g->p + 4) * (double)s.cols, eval_chunk, &s);
        for (size_t c = 0; c < s.chunks; c++)
            if (s.status[c])
                return s.status[c] > 0
                           ? s.status[c]
                           : err_set(err, s.status[c], "a kernel of the linear batch failed; report this fault of Assay");
        run_chunks(g, (size_t)s.k, (double)g->p * (double)s.cols * (double)(s.chunks + 6 * LBFGS_HISTORY), tell_chunk, &s);
    }
}
