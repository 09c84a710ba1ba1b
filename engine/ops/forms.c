/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The forms every learner of products shares: packed, affine, dense.
 * data/matrix.h does the work; here it is dressed as ops with work counts.
 */
#include "engine/ops/core.h"

#include "base/err.h"
#include "base/mem.h"
#include "data/matrix.h"
#include "engine/executor.h"

static double columns(const struct asx_shape *s)
{
    return s->dense > 0 || s->nnz > 0 ? s->dense : s->cols;
}

/* ---- packed.build/rows ---------------------------------------------------------- */

static void packed_work(const struct asx_problem *p, const struct asx_batch *b, struct asx_work *w)
{
    (void)p;
    const struct asx_shape *s = &b->shape;
    asx_work_add(w->once, &w->n_once,
                 (struct asx_use){.k = ASX_KC_STREAM, .t = ASX_F32, .m = 3 * s->rows * columns(s) + 2 * s->nnz});
    w->output = (uint64_t)(s->rows * columns(s) * 4 + s->nnz * 8 + s->rows * 8);
}

static void packed_shape(const struct asx_problem *p, const struct asx_shape *in, struct asx_shape *out)
{
    (void)p;
    *out = *in;
    out->bytes = in->rows * columns(in) * 4 + in->nnz * 8;
}

static asx_st packed_run(struct asx_exec *e, const struct asx_batch *b, struct asx_err *err)
{
    (void)b;
    struct data_par par = data_par_exec(e);
    struct asx_packed *packed = NULL;
    asx_st st = packed_build(&par, e->in[0], e->mem, e->out_key, &packed, err);
    e->out = packed;
    return st;
}

static void packed_drop(void *p)
{
    packed_free(p);
}

static const struct asx_op packed_rows = {
    .head = {"packed.build/rows", "raw blocks as f32 rows with mask columns"},
    .version = 1,
    .equiv = ASX_BITWISE,
    .needs = {"raw"},
    .gives = "packed",
    .flags = ASX_SPLITS,
    .work = packed_work,
    .shape = packed_shape,
    .run = packed_run,
    .free_output = packed_drop,
};

/* ---- affine.make/stats -------------------------------------------------------------- */

struct steps {
    const struct opt_recipe *recipe;
    const struct asx_config *config;
};

static void chain_constants(void *arg, size_t col, const struct asx_column_stats *stats, double *fill, double *centre,
                            double *scale)
{
    const struct steps *s = arg;
    (void)col;
    for (int i = 0; i < s->recipe->affines; i++) {
        double f = NAN, c = NAN, k = NAN;
        s->recipe->affine[i]->constants(stats, s->config, &f, &c, &k);
        *fill = f == f ? f : *fill;
        *centre = c == c ? c : *centre;
        *scale = k == k && k > 0 ? k : *scale;
    }
}

static void affine_work(const struct asx_problem *p, const struct asx_batch *b, struct asx_work *w)
{
    (void)p;
    const struct asx_shape *s = &b->shape;
    asx_work_add(w->once, &w->n_once,
                 (struct asx_use){.k = ASX_KC_STREAM, .t = ASX_F32, .m = 2 * s->rows * columns(s) + 2 * s->nnz});
    asx_work_add(w->once, &w->n_once, (struct asx_use){.k = ASX_KC_SORT, .t = ASX_F32, .m = s->rows * columns(s) * 0.2, .n = 1});
    w->output = (uint64_t)(s->cols * 24 + 256);
    w->scratch = (uint64_t)(s->rows * 16);
}

static void affine_shape(const struct asx_problem *p, const struct asx_shape *in, struct asx_shape *out)
{
    (void)p;
    *out = *in;
    out->bytes = in->cols * 24;
}

static asx_st affine_run(struct asx_exec *e, const struct asx_batch *b, struct asx_err *err)
{
    const struct opt_node *node = ((struct exec_context *)e->engine)->node;
    const struct asx_fold *fold = &e->problem->splits->fold[b->member->fold];
    struct steps steps = {node->recipe, b->member->config};
    struct data_par par = data_par_exec(e);
    struct asx_affine *affine = NULL;
    asx_st st = affine_make(&par, e->in[0], fold->train, fold->n_train, e->problem->fit_weight, AFFINE_MEDIAN, chain_constants,
                            &steps, b->member->fold, e->mem, &affine, err);
    e->out = affine;
    return st;
}

static void affine_drop(void *p)
{
    affine_free(p);
}

static const struct asx_op affine_stats_op = {
    .head = {"affine.make/stats", "fill, centre and scale of a fold's training rows"},
    .version = 1,
    .equiv = ASX_BITWISE,
    .needs = {"packed"},
    .gives = "affine",
    .flags = ASX_PER_FOLD | ASX_SPLITS,
    .work = affine_work,
    .shape = affine_shape,
    .run = affine_run,
    .free_output = affine_drop,
};

/* ---- dense.build/standardise ------------------------------------------------------------ */

static void dense_work(const struct asx_problem *p, const struct asx_batch *b, struct asx_work *w)
{
    const struct asx_shape *s = &b->shape;
    asx_work_add(w->once, &w->n_once, (struct asx_use){.k = ASX_KC_STREAM, .t = ASX_F32, .m = 2 * (double)p->rows * s->cols});
    w->output = (uint64_t)((double)p->rows * s->cols * 4);
}

static void dense_shape(const struct asx_problem *p, const struct asx_shape *in, struct asx_shape *out)
{
    *out = *in;
    out->dense = in->cols;
    out->nnz = 0;
    out->bytes = (double)p->rows * in->cols * 4;
}

enum { DENSE_CHUNK = 2048 };

struct dense_job {
    const struct asx_affine *affine;
    struct asx_dense *dense;
    float *x;
};

static void dense_chunk(void *arg, size_t chunk, int worker)
{
    struct dense_job *j = arg;
    (void)worker;
    size_t from = chunk * DENSE_CHUNK, to = from + DENSE_CHUNK < j->dense->rows ? from + DENSE_CHUNK : j->dense->rows;
    dense_apply(j->affine, NULL, from, to, j->x + from * j->dense->ld, j->dense->ld);
}

static void dense_drop(void *p)
{
    struct asx_dense *d = p;
    if (!d)
        return;
    mem_free((void *)(uintptr_t)d->x);
    mem_free(d);
}

static asx_st dense_run(struct asx_exec *e, const struct asx_batch *b, struct asx_err *err)
{
    (void)b;
    const struct asx_affine *a = e->in[0];
    struct asx_dense *d = mem_calloc(e->mem, 1, sizeof *d);
    float *x = mem_array(e->mem, a->packed->rows, a->cols * sizeof(float));
    if (!d || !x) {
        mem_free(d);
        mem_free(x);
        return err_set(err, ASX_E_NOMEM, "no memory for a dense matrix of %zu columns; raise the memory limit", a->cols);
    }
    *d = (struct asx_dense){.key = e->out_key, .affine = a, .rows = a->packed->rows, .cols = a->cols, .ld = a->cols, .x = x};
    struct dense_job job = {a, d, x};
    e->split(e, (d->rows + DENSE_CHUNK - 1) / DENSE_CHUNK, dense_chunk, &job);
    e->out = d;
    return ASX_OK;
}

static const struct asx_op dense_standardise = {
    .head = {"dense.build/standardise", "prepared rows of one fold as f32"},
    .version = 1,
    .equiv = ASX_BITWISE,
    .needs = {"affine"},
    .gives = "dense",
    .flags = ASX_PER_FOLD | ASX_SPLITS,
    .work = dense_work,
    .shape = dense_shape,
    .run = dense_run,
    .free_output = dense_drop,
};

static const struct asx_learner *const no_learners[] = {NULL};
static const struct asx_op *const forms[] = {&affine_stats_op, &dense_standardise, &packed_rows, NULL};

const struct asx_family asx_family_core = {
    .head = {"core", "forms shared by learners of products"},
    .learner = no_learners,
    .op = forms,
};
