/* SPDX-License-Identifier: Apache-2.0 */
/* See group.h. */
#include "learners/linear/group.h"

#include "learners/linear/linear.h"
#include "learners/linear/score.h"

#include "base/err.h"
#include "base/mem.h"

static asx_st no_memory(struct asx_err *err)
{
    return err_set(err, ASX_E_NOMEM, "no memory for a least-squares fit; raise the memory limit");
}

static asx_st finish_group(struct lin_group *g, struct asx_err *err)
{
    struct asx_member **good = arena_alloc(g->exec->scratch, (size_t)g->n * sizeof *good);
    const double **weight = arena_alloc(g->exec->scratch, (size_t)g->n * sizeof *weight);
    int n = 0;
    if (!good || !weight)
        return no_memory(err);
    for (int k = 0; k < g->n; k++) {
        struct asx_member *b = g->member[k];
        if (b->status == ASX_OK)
            b->status = lin_member_set(b, &g->map, g->weight[k], 1, LIN_IDENTITY, g->exec->mem, &b->err);
        if (b->status == ASX_E_NOMEM)
            return no_memory(err);
        if (b->status == ASX_OK) {
            good[n] = b;
            weight[n++] = g->weight[k];
        }
    }
    return lin_held_out(g->exec, &g->map, good, weight, n, 1, LIN_IDENTITY, err);
}

static asx_st run_group(struct lin_group *g, const struct lin_gram *gram, lin_solve_fn solve, struct asx_err *err)
{
    int fold = g->member[0]->fold;
    asx_st st = gram ? lin_normal_gram(g->exec, gram, &g->map, fold, &g->normal, err)
                     : lin_normal_rows(g->exec, &g->map, fold, &g->normal, err);
    if (st == ASX_E_DATA && err) { /* this fold alone cannot be fitted */
        for (int k = 0; k < g->n; k++) {
            g->member[k]->status = st;
            g->member[k]->err = *err;
        }
        *err = (struct asx_err){0};
        return ASX_OK;
    }
    if (!st)
        st = solve(g, err);
    return st ? st : finish_group(g, err);
}

static asx_st take_group(struct lin_group *g, const struct asx_batch *batch, int first, int affine_at, bool *done,
                         struct asx_err *err)
{
    struct asx_exec *exec = g->exec;
    const struct asx_affine *af = exec->in[first * exec->n_needs + affine_at];
    asx_st st = lin_map_init(&g->map, af, exec->scratch, err);
    g->member = arena_alloc(exec->scratch, (size_t)batch->n * sizeof *g->member);
    g->weight = arena_alloc(exec->scratch, (size_t)batch->n * sizeof *g->weight);
    if (st || !g->member || !g->weight)
        return st ? st : no_memory(err);
    for (int k = first; k < batch->n; k++) {
        if (exec->in[k * exec->n_needs + affine_at] != af || batch->member[k].fold != batch->member[first].fold)
            continue;
        done[k] = true;
        batch->member[k].err = (struct asx_err){0};
        batch->member[k].status = ASX_OK;
        g->member[g->n] = &batch->member[k];
        g->weight[g->n] = arena_calloc(exec->scratch, g->map.p + 1, sizeof(double));
        if (!g->weight[g->n++])
            return no_memory(err);
    }
    return ASX_OK;
}

/* Squared loss over the rows; the start and the tolerance take the target's mean and spread. */
static asx_st run_wide(struct asx_exec *exec, const struct asx_batch *batch, lin_set_fn set, struct asx_err *err)
{
    struct glm g;
    asx_st st = glm_open(&g, exec, batch, 0, LIN_IDENTITY, set, 1e-14, err);
    for (int i = 0; !st && i < g.fits; i++) {
        g.fit[i].solver.trial[g.p] = g.fit[i].mean;
        g.fit[i].solver.tolerance = 1e-6 * g.fit[i].sd;
        g.fit[i].solver.gain = 1e-8;
    }
    if (!st)
        st = glm_run_rows(&g, err);
    return st ? st : glm_finish(&g, batch, err);
}

asx_st lin_groups_run(struct asx_exec *exec, const struct asx_batch *batch, int affine_at, lin_solve_fn solve, lin_set_fn wide,
                      struct asx_err *err)
{
    const struct asx_packed *x = ((const struct asx_affine *)exec->in[affine_at])->packed;
    if (wide && x->dense + x->masks + x->sparse > LIN_GRAM_COLUMNS)
        return run_wide(exec, batch, wide, err);
    bool *done = arena_calloc(exec->scratch, (size_t)batch->n, sizeof *done);
    if (!done)
        return no_memory(err);
    struct lin_group g = {.exec = exec};
    asx_st st = lin_normal_init(&g.normal, x->dense + x->masks + x->sparse, exec->scratch, err);
    for (int i = 0; !st && i < batch->n; i++) {
        if (done[i])
            continue;
        if (exec->stop(exec))
            return ASX_STOPPED;
        struct arena *outer = exec->scratch, *own = arena_create(exec->mem);
        if (!own)
            return no_memory(err);
        exec->scratch = own;
        g.n = 0;
        st = take_group(&g, batch, i, affine_at, done, err);
        if (!st)
            st = run_group(&g, affine_at ? exec->in[0] : NULL, solve, err);
        exec->scratch = outer;
        arena_destroy(own);
    }
    return st;
}

/* ---- work ------------------------------------------------------------------------ */

bool lin_can_gram(const struct asx_problem *p, const struct asx_batch *b)
{
    (void)p;
    return b->shape.cols <= LIN_GRAM_COLUMNS;
}

static void use(struct asx_work *w, struct asx_use u)
{
    asx_work_add(w->once, &w->n_once, u);
}

void lin_work_from_gram(const struct asx_batch *b, struct asx_work *w)
{
    double p = b->shape.cols;
    use(w, (struct asx_use){.k = ASX_KC_STREAM, .t = ASX_F64, .m = p * p, .times = 12.0 * lin_batch_folds(b)});
}

void lin_work_from_rows(const struct asx_batch *b, struct asx_work *w)
{
    const struct asx_shape *s = &b->shape;
    double folds = lin_batch_folds(b);
    use(w, (struct asx_use){.k = ASX_KC_STREAM, .t = ASX_F64, .m = s->rows * s->cols, .times = 2 * folds});
    use(w, (struct asx_use){.k = ASX_KC_SYRK, .t = ASX_F64, .m = s->rows, .n = s->cols + 1, .times = folds});
}

void lin_work_passes(const struct asx_batch *b, double passes, struct asx_work *w)
{
    double stored = b->shape.rows * b->shape.dense + b->shape.nnz;
    use(w, (struct asx_use){.k = ASX_KC_GEMV, .t = ASX_F64, .m = stored / 1000, .n = 1000, .times = passes * b->n});
    w->scratch = (uint64_t)((b->shape.cols + 1) * b->n * 8 * (6 + 2 * LBFGS_HISTORY));
}

void lin_work_finish(const struct asx_batch *b, double serial, struct asx_work *w)
{
    const struct asx_shape *s = &b->shape;
    double p = s->cols, folds = lin_batch_folds(b);
    use(w, (struct asx_use){.k = ASX_KC_GEMM, .t = ASX_F64, .m = s->test_rows, .n = b->n / folds, .p = s->dense, .times = folds});
    w->serial = serial;
    if (p <= LIN_GRAM_COLUMNS)
        w->scratch = (uint64_t)((2 * p * p + 512 * p) * 8);
    w->output = (uint64_t)(b->n * (p + 1) * 24);
}
