/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Elastic net: |y - Z w - w0|^2 / (2n) + alpha (l1_ratio sd |w|_1 + (1 - l1_ratio)/2 |w|^2), sd the standard
 * deviation of y over the training rows: scikit-learn's objective for y / sd, so that one range of alpha
 * serves targets of any unit. See README.md.
 */
#include "learners/linear/group.h"
#include "learners/linear/linear.h"

#include "base/err.h"
#include "base/mem.h"

#include <stdlib.h>

static double alpha_of(const struct asx_member *b)
{
    return asx_config_get_or(b->config, "alpha", 0.01);
}

static double ratio_of(const struct asx_member *b)
{
    return asx_config_get_or(b->config, "l1_ratio", 0.5);
}

/* Coordinate descent on (1/2) w'Qw - q'w + l1 |w|_1 + (l2/2) |w|^2 with Q = A/n, q = c/n. */
struct descent {
    struct asx_exec *exec;
    const struct lin_normal *o;
    double *grad;     /* [p] q - Q w, kept current */
    double *w;        /* [p] */
    uint32_t *strong; /* [p] columns swept */
    size_t n_strong;
    double scale;     /* standard deviation of y */
    double tolerance; /* a point is done when no coordinate moved the fit by more than this */
    int sweeps_left;
};

/* Adds `move` to a coordinate and to the gradient. Q is symmetric: its row serves as its column. */
static void move_coordinate(struct descent *d, size_t j, double move)
{
    const double *row = d->o->A + j * d->o->p;
    double by = move / d->o->n;
    for (size_t k = 0; k < d->o->p; k++)
        d->grad[k] -= by * row[k];
    d->w[j] += move;
}

/* The best value of one coordinate, the others fixed (Friedman 2010, equation 5). Returns its share of a change in fit. */
static double update(struct descent *d, size_t j, double l1, double l2)
{
    double q = d->o->A[j * d->o->p + j] / d->o->n;
    if (!(q > 0))
        return 0;
    double r = d->grad[j] + q * d->w[j];
    double best = r > l1 ? (r - l1) / (q + l2) : r < -l1 ? (r + l1) / (q + l2) : 0, move = best - d->w[j];
    if (move != 0)
        move_coordinate(d, j, move);
    return fabs(move) * sqrt(q);
}

static asx_st sweep_strong(struct descent *d, double l1, double l2)
{
    double most;
    do {
        most = 0;
        for (size_t k = 0; k < d->n_strong; k++) {
            double m = update(d, d->strong[k], l1, l2);
            most = m > most ? m : most;
        }
        if (d->exec->stop(d->exec))
            return ASX_STOPPED;
    } while (most > d->tolerance && --d->sweeps_left > 0);
    return ASX_OK;
}

/* Columns left out must satisfy |grad| <= l1; those that don't join. */
static size_t violations(struct descent *d, double l1, bool *in)
{
    size_t n = 0;
    for (size_t j = 0; j < d->o->p; j++)
        if (!in[j] && fabs(d->grad[j]) > l1 * (1 + 1e-9)) {
            in[j] = true;
            d->strong[d->n_strong++] = (uint32_t)j;
            n++;
        }
    return n;
}

/* One point of the path: sequential strong rule |grad_j| >= 2 l1 - previous l1 (Tibshirani 2012), then the check. */
static asx_st path_point(struct descent *d, double l1, double previous, double l2, bool *in)
{
    d->n_strong = 0;
    for (size_t j = 0; j < d->o->p; j++) {
        in[j] = d->w[j] != 0 || fabs(d->grad[j]) >= 2 * l1 - previous;
        if (in[j])
            d->strong[d->n_strong++] = (uint32_t)j;
    }
    asx_st st;
    do
        st = sweep_strong(d, l1, l2);
    while (!st && violations(d, l1, in) && d->sweeps_left > 0);
    return st;
}

/* Members in the order of falling alpha within a l1_ratio: each starts from the one before (A2). */
struct order {
    double ratio, alpha;
    int at;
};

static int by_path(const void *a, const void *b)
{
    const struct order *x = a, *y = b;
    if (x->ratio != y->ratio)
        return x->ratio < y->ratio ? -1 : 1;
    if (x->alpha != y->alpha)
        return x->alpha > y->alpha ? -1 : 1;
    return x->at - y->at;
}

/* Down from the penalty of the last solution (or the largest that leaves a weight) to the wanted one, 3 points a decade. */
static asx_st solve_one(struct descent *d, double l1, double l2, double top, bool *in)
{
    if (!(top > l1))
        return path_point(d, l1, l1, l2, in);
    double from = top, low = l1 > 1e-6 * top ? l1 : 1e-6 * top;
    int points = 1 + (int)(3 * log10(top / low));
    asx_st st = ASX_OK;
    for (int k = 1; !st && k <= points; k++) {
        double to = k == points ? l1 : top * pow(low / top, (double)k / points);
        st = path_point(d, to, from, l2, in);
        from = to;
    }
    return st;
}

static asx_st solve_cd(struct lin_group *g, struct asx_err *err)
{
    struct arena *a = g->exec->scratch;
    const struct lin_normal *o = &g->normal;
    struct descent d = {.exec = g->exec, .o = o, .scale = sqrt(o->yy > 0 ? o->yy / o->n : 0)};
    struct order *order = arena_alloc(a, (size_t)g->n * sizeof *order);
    bool *in = arena_alloc(a, o->p + 1);
    d.grad = arena_alloc(a, (o->p + 1) * sizeof *d.grad);
    d.w = arena_alloc(a, (o->p + 1) * sizeof *d.w);
    d.strong = arena_alloc(a, (o->p + 1) * sizeof *d.strong);
    if (!order || !in || !d.grad || !d.w || !d.strong)
        return err_set(err, ASX_E_NOMEM, "no memory for an elastic net; raise the memory limit");
    for (int k = 0; k < g->n; k++)
        order[k] = (struct order){ratio_of(g->member[k]), alpha_of(g->member[k]), k};
    qsort(order, (size_t)g->n, sizeof *order, by_path);
    double previous = 0;
    for (int i = 0; i < g->n; i++) {
        int k = order[i].at;
        if (i == 0 || order[i].ratio != order[i - 1].ratio) {
            previous = 0;
            memset(d.w, 0, (o->p + 1) * sizeof *d.w);
            for (size_t j = 0; j < o->p; j++) {
                d.grad[j] = o->c[j] / o->n;
                previous = fabs(d.grad[j]) > previous ? fabs(d.grad[j]) : previous;
            }
        }
        double l1 = order[i].alpha * order[i].ratio * d.scale;
        d.tolerance = asx_config_get_or(g->member[k]->config, "tolerance", 1e-6) * d.scale;
        d.sweeps_left = (int)asx_config_get_or(g->member[k]->config, "max_iter", 1000);
        asx_st st = solve_one(&d, l1, order[i].alpha * (1 - order[i].ratio), previous, in);
        if (st)
            return st;
        previous = l1;
        memcpy(g->weight[k], d.w, o->p * sizeof *d.w);
        g->weight[k][o->p] = lin_intercept(o, d.w);
    }
    return ASX_OK;
}

static void set_wide(const struct asx_member *b, struct glm_fit *f, double weight, double sd)
{
    f->l1 = alpha_of(b) * ratio_of(b) * weight * sd;
    f->l2 = alpha_of(b) * (1 - ratio_of(b)) * weight;
    f->max_iterations = 1000;
}

static asx_st run_gram(struct asx_exec *exec, const struct asx_batch *b, struct asx_err *err)
{
    return lin_groups_run(exec, b, 1, solve_cd, NULL, err);
}

static asx_st run_direct(struct asx_exec *exec, const struct asx_batch *b, struct asx_err *err)
{
    return lin_groups_run(exec, b, 0, solve_cd, set_wide, err);
}

/* Sweeps to convergence: a prior, corrected by measured seconds. */
static void work_sweeps(const struct asx_batch *b, struct asx_work *w)
{
    double p = b->shape.cols;
    asx_work_add(w->once, &w->n_once,
                 (struct asx_use){.k = ASX_KC_COORD, .t = ASX_F64, .m = 60 * p, .n = p, .times = b->n, .footprint = p * p * 8});
    lin_work_finish(b, 0.8, w);
}

static void work_gram(const struct asx_problem *pb, const struct asx_batch *b, struct asx_work *w)
{
    (void)pb;
    lin_work_from_gram(b, w);
    work_sweeps(b, w);
}

static void work_direct(const struct asx_problem *pb, const struct asx_batch *b, struct asx_work *w)
{
    (void)pb;
    if (b->shape.cols > LIN_GRAM_COLUMNS) {
        lin_work_passes(b, 400, w);
        lin_work_finish(b, 0.8, w);
        return;
    }
    lin_work_from_rows(b, w);
    work_sweeps(b, w);
}

static const struct asx_param params[] = {
    {.name = "alpha",
     .kind = ASX_REAL,
     .low = 1e-4,
     .high = 1,
     .min = 0,
     .max = 1e12,
     .log = true,
     .def = 0.01,
     .help = "weight of the penalties beside half the mean squared error of y / sd(y)"},
    {.name = "l1_ratio",
     .kind = ASX_REAL,
     .low = 0.05,
     .high = 1,
     .min = 0,
     .max = 1,
     .def = 0.5,
     .help = "share of the l1 penalty: 1 is the lasso"},
    {.name = "max_iter",
     .kind = ASX_INT,
     .low = 100,
     .high = 10000,
     .min = 1,
     .max = 1e8,
     .log = true,
     .def = 1000,
     .fixed = true,
     .help = "most sweeps over the columns"},
    {.name = "tolerance",
     .kind = ASX_REAL,
     .low = 1e-9,
     .high = 1e-3,
     .min = 1e-14,
     .max = 1,
     .log = true,
     .def = 1e-6,
     .fixed = true,
     .help = "done when no coordinate moves the fit by more, in standard deviations of y"},
};
static const char *const first[] = {"{}", "{\"alpha\":0.001,\"l1_ratio\":0.9}", "{\"alpha\":0.1,\"l1_ratio\":0.9}", NULL};

static const struct asx_op fit_direct = {
    .head = {"elastic_net.fit/direct", "coordinate descent on the fold's own products; orthant-wise L-BFGS when very wide"},
    .version = 1,
    .equiv = ASX_CLOSE,
    .tolerance = 1e-5,
    .needs = {"affine"},
    .gives = "fit",
    .work = work_direct,
    .run = run_direct,
};
static const struct asx_op fit_gram = {
    .head = {"elastic_net.fit/gram_cd", "coordinate descent on the shared Gram, strong rules, warm starts along alpha"},
    .version = 1,
    LIN_GRAM_WAY,
    .tolerance = 1e-5,
    .can = lin_can_gram,
    .work = work_gram,
    .run = run_gram,
};
static const struct asx_op *const ways[] = {&fit_direct, &fit_gram, NULL};

const struct asx_learner lin_elastic_net = {
    .head = {"elastic_net", "least squares with l1 and l2 penalties"},
    LIN_LEARNER,
    .tasks = ASX_REGRESS,
    .nominal_cost = 0.1,
};
