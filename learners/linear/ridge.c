/* SPDX-License-Identifier: Apache-2.0 */
/* Ridge regression: |y - Z w - w0|^2 (weighted) + l2 |w|^2. Ways and formulas: README.md. */
#include "learners/linear/group.h"
#include "learners/linear/linear.h"

#include <assay/ext/backend.h>

#include "base/err.h"
#include "base/mem.h"

static asx_st no_memory(struct asx_err *err)
{
    return err_set(err, ASX_E_NOMEM, "no memory for a ridge fit; raise the memory limit");
}

static double l2_of(const struct asx_member *b)
{
    return asx_config_get_or(b->config, "l2", 1);
}

static asx_st solve_chol(struct lin_group *g, struct asx_err *err)
{
    (void)err;
    for (int k = 0; k < g->n; k++) {
        struct asx_member *b = g->member[k];
        if (g->exec->stop(g->exec))
            return ASX_STOPPED;
        b->status = lin_solve_chol(g->exec, &g->normal, l2_of(b), g->weight[k], &b->err);
    }
    return ASX_OK;
}

/*
 * A = V diag(e) V' once; then w = V (V'c / (e + l2)) for each penalty. Directions in which the
 * rows do not vary (e below rounding) get no weight: the solution of least norm when l2 = 0.
 */
static asx_st solve_eigen(struct lin_group *g, struct asx_err *err)
{
    size_t p = g->map.p;
    double *e = arena_alloc(g->exec->scratch, (p + 1) * sizeof *e), *vc = arena_calloc(g->exec->scratch, p + 1, sizeof *vc);
    if (!e || !vc)
        return no_memory(err);
    struct asx_eigen_args a = {.n = p, .a = asx_buf_of(g->normal.A), .w = asx_buf_of(e), .lda = p, .mem = g->exec->mem};
    asx_st st = p ? asx_run_kernel(g->exec->device, ASX_K_EIGEN_F64, &a) : ASX_OK;
    if (st)
        return err_set(err, st, "the eigenvalues of the columns' products were not found; check the data for huge values");
    double floor = p ? 1e-13 * fabs(e[p - 1]) : 0;
    for (size_t i = 0; i < p; i++)
        for (size_t j = 0; j < p; j++)
            vc[i] += g->normal.A[i * p + j] * g->normal.c[j];
    for (int k = 0; k < g->n; k++) {
        double *w = g->weight[k], l2 = l2_of(g->member[k]);
        memset(w, 0, (p + 1) * sizeof *w);
        for (size_t i = 0; i < p; i++) {
            double t = e[i] > floor ? vc[i] / (e[i] + l2) : 0;
            for (size_t j = 0; j < p; j++)
                w[j] += t * g->normal.A[i * p + j];
        }
        w[p] = lin_intercept(&g->normal, w);
        g->member[k]->status = ASX_OK;
    }
    return ASX_OK;
}

static void set_wide(const struct asx_member *b, struct glm_fit *f, double weight, double sd)
{
    (void)weight, (void)sd;
    f->l2 = l2_of(b);
    f->max_iterations = 1000;
}

static asx_st run_chol(struct asx_exec *exec, const struct asx_batch *b, struct asx_err *err)
{
    return lin_groups_run(exec, b, 1, solve_chol, NULL, err);
}

static asx_st run_eigen(struct asx_exec *exec, const struct asx_batch *b, struct asx_err *err)
{
    return lin_groups_run(exec, b, 1, solve_eigen, NULL, err);
}

static asx_st run_direct(struct asx_exec *exec, const struct asx_batch *b, struct asx_err *err)
{
    return lin_groups_run(exec, b, 0, solve_chol, set_wide, err);
}

static bool can_eigen(const struct asx_problem *p, const struct asx_batch *b)
{
    (void)p;
    return b->shape.cols <= LIN_EIGEN_COLUMNS;
}

static void work_chol(const struct asx_problem *pb, const struct asx_batch *b, struct asx_work *w)
{
    (void)pb;
    lin_work_from_gram(b, w);
    asx_work_add(w->once, &w->n_once,
                 (struct asx_use){.k = ASX_KC_CHOLESKY, .t = ASX_F64, .n = b->shape.cols, .m = 1, .times = b->n});
    lin_work_finish(b, 0.5, w);
}

static void work_eigen(const struct asx_problem *pb, const struct asx_batch *b, struct asx_work *w)
{
    (void)pb;
    double p = b->shape.cols, folds = lin_batch_folds(b);
    lin_work_from_gram(b, w);
    asx_work_add(w->once, &w->n_once, (struct asx_use){.k = ASX_KC_EIGEN, .t = ASX_F64, .n = p, .times = folds});
    asx_work_add(w->once, &w->n_once, (struct asx_use){.k = ASX_KC_GEMV, .t = ASX_F64, .m = p, .n = p, .times = folds + b->n});
    lin_work_finish(b, 0.5, w);
}

static void work_direct(const struct asx_problem *pb, const struct asx_batch *b, struct asx_work *w)
{
    (void)pb;
    const struct asx_shape *s = &b->shape;
    if (s->cols > LIN_GRAM_COLUMNS) {
        lin_work_passes(b, 2 * (s->rows < 200 ? s->rows : 200), w);
    } else {
        lin_work_from_rows(b, w);
        asx_work_add(w->once, &w->n_once,
                     (struct asx_use){.k = ASX_KC_CHOLESKY, .t = ASX_F64, .n = s->cols, .m = 1, .times = b->n});
    }
    lin_work_finish(b, 0.5, w);
}

static const struct asx_param params[] = {
    {.name = "l2",
     .kind = ASX_REAL,
     .low = 1e-3,
     .high = 1e4,
     .min = 0,
     .max = 1e15,
     .log = true,
     .def = 1,
     .help = "weight of |w|^2 beside the summed squared error: alpha of scikit-learn's Ridge"},
};
static const char *const first[] = {"{}", "{\"tfidf.analyzer\":\"char_wb\"}", "{\"l2\":30}", "{\"l2\":0.03}", "{\"l2\":1000}",
                                    NULL};

static const struct asx_op fit_direct = {
    .head = {"ridge.fit/direct", "normal equations from the fold's rows; L-BFGS over the rows when very wide"},
    .version = 1,
    .equiv = ASX_CLOSE,
    .tolerance = 1e-6,
    .needs = {"affine"},
    .gives = "fit",
    .work = work_direct,
    .run = run_direct,
};
static const struct asx_op fit_chol = {
    .head = {"ridge.fit/gram_chol", "a Cholesky factor per penalty from the shared Gram"},
    .version = 1,
    LIN_GRAM_WAY,
    .tolerance = 1e-6,
    .can = lin_can_gram,
    .work = work_chol,
    .run = run_chol,
};
static const struct asx_op fit_eigen = {
    .head = {"ridge.fit/gram_eigen", "one eigendecomposition a fold of the shared Gram serves every penalty"},
    .version = 1,
    LIN_GRAM_WAY,
    .tolerance = 1e-6,
    .can = can_eigen,
    .work = work_eigen,
    .run = run_eigen,
};
static const struct asx_op *const ways[] = {&fit_direct, &fit_chol, &fit_eigen, NULL};

const struct asx_learner lin_ridge = {
    .head = {"ridge", "least squares with an l2 penalty"},
    LIN_LEARNER,
    .tasks = ASX_REGRESS,
    .nominal_cost = 0.05,
};
