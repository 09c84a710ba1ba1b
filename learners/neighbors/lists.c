/* SPDX-License-Identifier: Apache-2.0 */
/* The form "neighbors": nearest training rows of a fold's held-out rows, by blocks of queries. */
#include "learners/neighbors/neighbors.h"

#include <assay/ext/backend.h>

#include "base/err.h"
#include "base/mem.h"

#include <string.h>

static asx_st no_memory(struct asx_err *err)
{
    return err_set(err, ASX_E_NOMEM, "no memory for lists of neighbours; raise the memory limit");
}

static void neighbors_free(void *p)
{
    struct neighbors *n = p;
    if (!n)
        return;
    mem_free(n->row);
    mem_free(n->dist);
    mem_free(n->index);
    mem_free(n);
}

void neighbors_gather(const struct asx_dense *d, const uint32_t *row, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++) {
        const float *x = d->x + (size_t)row[i] * d->ld;
        for (size_t j = 0; j < d->cols; j++)
            out[i * d->cols + j] = isfinite(x[j]) ? x[j] : 0;
    }
}

/* Rows of no weight are as if they were not there. */
static size_t weighty(const struct asx_problem *p, const struct asx_fold *fold, uint32_t *row)
{
    size_t n = 0;
    for (size_t i = 0; i < fold->n_train; i++)
        if (!p->fit_weight || p->fit_weight[fold->train[i]] > 0)
            row[n++] = fold->train[i];
    return n;
}

struct job {
    struct asx_exec *exec;
    const struct asx_fold *fold;
    struct neighbors *out;
    const float *x, *norm;  /* training rows side by side, their squared norms */
    float *query, *scratch; /* of each worker */
    size_t scratch_size;
    asx_st *status; /* of each chunk */
};

static void chunk(void *arg, size_t c, int worker)
{
    const struct job *j = arg;
    struct neighbors *o = j->out;
    size_t p = o->dense->cols, from = c * ASX_DIST_QUERIES,
           m = o->queries - from < ASX_DIST_QUERIES ? o->queries - from : ASX_DIST_QUERIES;
    if (j->exec->stop(j->exec)) {
        j->status[c] = ASX_STOPPED;
        return;
    }
    float *query = j->query + (size_t)worker * ASX_DIST_QUERIES * p;
    neighbors_gather(o->dense, j->fold->test + from, m, query);
    struct asx_dist_args a = {.m = m,
                              .n = o->n,
                              .p = p,
                              .top = o->top,
                              .query = query,
                              .x = j->x,
                              .x_norm = j->norm,
                              .scratch = j->scratch + (size_t)worker * j->scratch_size,
                              .dist = o->dist + from * o->top,
                              .index = o->index + from * o->top};
    j->status[c] = asx_run_kernel(j->exec->device, ASX_K_DIST_TOPK, &a);
}

static float squared_norm(const float *x, size_t p)
{
    double s = 0;
    for (size_t j = 0; j < p; j++)
        s += (double)x[j] * (double)x[j];
    return (float)s;
}

static asx_st search(struct job *j, struct asx_err *err)
{
    struct asx_exec *e = j->exec;
    struct neighbors *o = j->out;
    size_t p = o->dense->cols, chunks = (o->queries + ASX_DIST_QUERIES - 1) / ASX_DIST_QUERIES,
           workers = (size_t)(e->threads > 0 ? e->threads : 1);
    if (!chunks || !o->top)
        return ASX_OK;
    j->scratch_size = asx_dist_scratch(ASX_DIST_QUERIES, o->n, o->top);
    float *x = arena_alloc(e->scratch, o->n * p * sizeof *x), *norm = arena_alloc(e->scratch, o->n * sizeof *norm);
    j->query = arena_alloc(e->scratch, workers * ASX_DIST_QUERIES * p * sizeof *j->query);
    j->scratch = arena_alloc(e->scratch, workers * j->scratch_size * sizeof *j->scratch);
    j->status = arena_calloc(e->scratch, chunks, sizeof *j->status);
    if (!x || !norm || !j->query || !j->scratch || !j->status)
        return no_memory(err);
    neighbors_gather(o->dense, o->row, o->n, x);
    for (size_t i = 0; i < o->n; i++)
        norm[i] = squared_norm(x + i * p, p);
    j->x = x;
    j->norm = norm;
    e->split(e, chunks, chunk, j);
    for (size_t c = 0; c < chunks; c++)
        if (j->status[c] == ASX_STOPPED)
            return ASX_STOPPED;
        else if (j->status[c])
            return err_set(err, j->status[c], "the nearest rows were not found; leave out 'knn'");
    return ASX_OK;
}

static asx_st run(struct asx_exec *e, const struct asx_batch *b, struct asx_err *err)
{
    const struct asx_dense *dense = e->in[0];
    const struct asx_fold *fold = &e->problem->splits->fold[b->member->fold];
    if (dense->cols == 0)
        return err_set(err, ASX_E_UNSUPPORTED, "there is no column to measure distances by; leave out 'knn'");
    struct neighbors *o = mem_calloc(e->mem, 1, sizeof *o);
    if (!o)
        return no_memory(err);
    o->dense = dense;
    o->queries = fold->n_test;
    o->row = mem_array(e->mem, fold->n_train + 1, sizeof *o->row);
    asx_st st = o->row ? ASX_OK : no_memory(err);
    if (!st) {
        o->n = weighty(e->problem, fold, o->row);
        o->top = o->n < NEIGHBORS_MOST ? o->n : NEIGHBORS_MOST;
        o->dist = mem_array(e->mem, o->queries * o->top + 1, sizeof *o->dist);
        o->index = mem_array(e->mem, o->queries * o->top + 1, sizeof *o->index);
        st = o->dist && o->index ? ASX_OK : no_memory(err);
    }
    struct job j = {.exec = e, .fold = fold, .out = o};
    if (!st)
        st = search(&j, err);
    if (st) {
        neighbors_free(o);
        return st;
    }
    e->out = o;
    return ASX_OK;
}

static double queries_of(const struct asx_problem *p, const struct asx_batch *b)
{
    int fold = b->n ? b->member->fold : 0;
    return p->splits && fold >= 0 && fold <= p->splits->folds ? (double)p->splits->fold[fold].n_test : b->shape.test_rows;
}

static void work(const struct asx_problem *p, const struct asx_batch *b, struct asx_work *w)
{
    const struct asx_shape *s = &b->shape;
    double m = queries_of(p, b), top = s->rows < NEIGHBORS_MOST ? s->rows : NEIGHBORS_MOST;
    asx_work_add(w->once, &w->n_once, (struct asx_use){.k = ASX_KC_STREAM, .t = ASX_F32, .m = 2 * (s->rows + m) * s->cols});
    if (m > 0)
        asx_work_add(w->once, &w->n_once,
                     (struct asx_use){.k = ASX_KC_DIST_TOPK, .t = ASX_F32, .m = m, .n = s->rows, .p = s->cols});
    w->serial = 0.02;
    w->scratch = (uint64_t)(s->rows * (s->cols + 1) * 4 + 4e6);
    w->output = (uint64_t)(s->rows * 4 + m * top * 8);
}

static void shape(const struct asx_problem *p, const struct asx_shape *in, struct asx_shape *out)
{
    double queries = p->splits && p->splits->folds > 0 ? (double)p->splits->fold[0].n_test : 0;
    *out = *in;
    out->bytes = queries * NEIGHBORS_MOST * 8;
}

const struct asx_op neighbors_gemm = {
    .head = {"neighbors.build/gemm", "nearest training rows of each held-out row: one list for every k and weighting"},
    .version = 1,
    .equiv = ASX_BITWISE,
    .needs = {"dense"},
    .gives = "neighbors",
    .flags = ASX_PER_FOLD | ASX_SPLITS,
    .work = work,
    .shape = shape,
    .run = run,
    .free_output = neighbors_free,
};
