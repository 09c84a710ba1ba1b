/* SPDX-License-Identifier: Apache-2.0 */
/* What both evaluators share: opening a group, penalties, finishing. See glm.h. */
#include "learners/linear/glm.h"

#include "learners/linear/score.h"

#include "base/err.h"
#include "base/mem.h"

static asx_st no_memory(struct asx_err *err)
{
    return err_set(err, ASX_E_NOMEM, "no memory for a batch of linear fits; raise the memory limit");
}

static const struct asx_affine *affine_of(const struct asx_exec *exec, int member, int at)
{
    return exec->in[member * exec->n_needs + at];
}

static asx_st open_maps(struct glm *g, const struct asx_batch *batch, int at, struct asx_err *err)
{
    struct arena *a = g->exec->scratch;
    g->map = arena_calloc(a, (size_t)batch->n, sizeof *g->map);
    if (!g->map)
        return no_memory(err);
    for (int i = 0; i < batch->n; i++) {
        const struct asx_affine *af = affine_of(g->exec, i, at);
        size_t k = 0;
        while (k < g->maps && g->map[k].affine != af)
            k++;
        if (k == g->maps) {
            if (af->packed != g->x)
                return err_set(err, ASX_E_INTERNAL, "a batch mixes different matrices; report this fault of Assay");
            asx_st st = lin_map_init(&g->map[g->maps++], af, a, err);
            if (st)
                return st;
        }
        g->fit[i].map = k;
    }
    return ASX_OK;
}

/* Byte masks of training rows, one per fold in use; none where every row trains. */
static asx_st open_masks(struct glm *g, struct asx_err *err)
{
    const struct asx_splits *splits = g->exec->problem->splits;
    size_t n = g->x->rows;
    g->mask = arena_calloc(g->exec->scratch, (size_t)splits->folds + 1, sizeof *g->mask);
    if (!g->mask)
        return no_memory(err);
    for (int i = 0; i < g->fits; i++) {
        int f = g->fit[i].fold;
        const struct asx_fold *fold = &splits->fold[f];
        if (g->mask[f] || fold->n_train == n)
            continue;
        uint8_t *mask = arena_calloc(g->exec->scratch, n + 1, 1);
        if (!mask)
            return no_memory(err);
        for (size_t k = 0; k < fold->n_train; k++)
            mask[fold->train[k]] = 1;
        g->mask[f] = mask;
    }
    return ASX_OK;
}

/* Rows no fit trains on are left out when they are many; else whole blocks are used in place. */
static asx_st open_rows(struct glm *g, struct asx_err *err)
{
    size_t n = g->x->rows, used = 0;
    g->row = NULL;
    g->rows = n;
    uint8_t *any = arena_calloc(g->exec->scratch, n + 1, 1);
    if (!any)
        return no_memory(err);
    for (int i = 0; i < g->fits; i++) {
        const struct asx_fold *fold = &g->exec->problem->splits->fold[g->fit[i].fold];
        if (fold->n_train == n)
            return ASX_OK;
        for (size_t k = 0; (i == 0 || g->fit[i].fold != g->fit[i - 1].fold) && k < fold->n_train; k++)
            any[fold->train[k]] = 1;
    }
    for (size_t r = 0; r < n; r++)
        used += any[r];
    if (used > n - n / 8)
        return ASX_OK;
    uint32_t *row = arena_alloc(g->exec->scratch, (used + 1) * sizeof *row);
    if (!row)
        return no_memory(err);
    for (size_t r = 0, k = 0; r < n; r++)
        if (any[r])
            row[k++] = (uint32_t)r;
    g->row = row;
    g->rows = used;
    return ASX_OK;
}

/* Weight, mean and standard deviation of the target over a fold's training rows. */
static void target_moments(const struct asx_problem *p, const struct asx_fold *f, struct glm_fit *fit)
{
    double sum = 0, square = 0;
    for (size_t i = 0; i < f->n_train; i++) {
        double v = p->fit_weight ? p->fit_weight[f->train[i]] : 1;
        fit->weight += v;
        sum += v * p->y[f->train[i]];
    }
    fit->mean = fit->weight > 0 ? sum / fit->weight : 0;
    for (size_t i = 0; i < f->n_train; i++) {
        double d = p->y[f->train[i]] - fit->mean;
        square += (p->fit_weight ? p->fit_weight[f->train[i]] : 1) * d * d;
    }
    fit->sd = fit->weight > 0 ? sqrt(square / fit->weight) : 0;
}

asx_st glm_open(struct glm *g, struct asx_exec *exec, const struct asx_batch *batch, int affine_at, enum lin_link link,
                void (*set)(const struct asx_member *, struct glm_fit *, double weight, double sd), double noise,
                struct asx_err *err)
{
    *g = (struct glm){.exec = exec, .x = affine_of(exec, 0, affine_at)->packed, .link = link, .fits = batch->n};
    g->p = g->x->dense + g->x->masks + g->x->sparse;
    g->sets = link == LIN_SOFTMAX ? (size_t)exec->problem->classes : 1;
    g->width = g->sets * (g->p + 1);
    g->fit = arena_calloc(exec->scratch, (size_t)batch->n, sizeof *g->fit);
    if (!g->fit)
        return no_memory(err);
    asx_st st = open_maps(g, batch, affine_at, err);
    for (int i = 0; !st && i < batch->n; i++) {
        struct glm_fit *f = &g->fit[i];
        f->fold = batch->member[i].fold;
        target_moments(exec->problem, &exec->problem->splits->fold[f->fold], f);
        set(&batch->member[i], f, f->weight, f->sd);
        f->solver.n = g->width;
        f->solver.stride = g->p + 1;
        f->solver.l1 = f->weight > 0 ? f->l1 / f->weight : 0;
        f->solver.tolerance = f->tolerance;
        f->solver.noise = noise;
        f->solver.gain = 0.1 * noise;
        f->solver.max_iterations = f->max_iterations;
        f->solver.done = !(f->weight > 0);
        if (lbfgs_init(&f->solver, exec->scratch))
            st = no_memory(err);
    }
    if (!st)
        st = open_masks(g, err);
    if (!st)
        st = open_rows(g, err);
    if (!st)
        st = glm_rescale(g, err);
    for (int i = 0; !st && i < g->fits; i++)
        g->fit[i].solver.l1_of = g->unit + g->fit[i].map * (g->p + 1);
    return st;
}

void glm_set_gradient(const struct glm *g, struct glm_fit *f, size_t set, const double *grad, double r)
{
    lin_map_gradient(&g->map[f->map], grad, r, f->solver.grad_trial + set * (g->p + 1));
}

void glm_tell(const struct glm *g, struct glm_fit *f, double loss)
{
    double w = 1 / f->weight, l2 = f->l2 * w, square = 0;
    double *grad = f->solver.grad_trial;
    const double *x = f->solver.trial, *unit = g->unit + f->map * (g->p + 1);
    for (size_t s = 0; s < g->sets; s++, grad += g->p + 1, x += g->p + 1) {
        for (size_t j = 0; j < g->p; j++) {
            double u = unit[j] * x[j];
            grad[j] = grad[j] * w + l2 * unit[j] * u;
            square += u * u;
        }
        grad[g->p] *= w;
    }
    lbfgs_tell(&f->solver, loss * w + 0.5 * l2 * square);
}

/* Members of one map (so of one fold) are predicted together. */
static asx_st predict_map(struct glm *g, const struct asx_batch *batch, size_t map, struct asx_err *err)
{
    struct asx_member **member = arena_alloc(g->exec->scratch, (size_t)g->fits * sizeof *member);
    const double **weight = arena_alloc(g->exec->scratch, (size_t)g->fits * sizeof *weight);
    if (!member || !weight)
        return no_memory(err);
    asx_st st = ASX_OK;
    for (int f = 0; !st && f <= g->exec->problem->splits->folds; f++) {
        int n = 0;
        for (int i = 0; i < g->fits; i++)
            if (g->fit[i].map == map && g->fit[i].fold == f && batch->member[i].status == ASX_OK) {
                member[n] = &batch->member[i];
                weight[n++] = g->fit[i].solver.x;
            }
        if (n)
            st = lin_held_out(g->exec, &g->plain[map], member, weight, n, g->sets, g->link, err);
    }
    return st;
}

asx_st glm_finish(struct glm *g, const struct asx_batch *batch, struct asx_err *err)
{
    asx_st st = ASX_OK;
    for (int i = 0; i < g->fits; i++) {
        struct asx_member *b = &batch->member[i];
        struct glm_fit *f = &g->fit[i];
        b->err = (struct asx_err){0};
        glm_to_features(g, f, f->solver.x);
        b->status = f->weight > 0
                        ? lin_member_set(b, &g->plain[f->map], f->solver.x, g->sets, g->link, g->exec->mem, &b->err)
                        : err_set(&b->err, ASX_E_DATA, "the training rows of fold %d have no weight; use fewer folds", f->fold);
        if (b->status == ASX_E_NOMEM)
            return no_memory(err);
    }
    for (size_t k = 0; !st && k < g->maps; k++)
        st = predict_map(g, batch, k, err);
    return st;
}
