/* SPDX-License-Identifier: Apache-2.0 */
/* Logistic and softmax regression with l2 and l1 penalties. Objective and solver: glm.h, README.md. */
#include "learners/linear/glm.h"
#include "learners/linear/linear.h"

#include "base/err.h"

static bool uses_l1(const struct asx_config *c)
{
    const char *penalty = asx_config_choice(c, "penalty");
    return penalty && strcmp(penalty, "elastic_net") == 0;
}

static void read_config(const struct asx_member *b, struct glm_fit *f, double weight, double sd)
{
    (void)weight, (void)sd;
    f->l2 = asx_config_get_or(b->config, "l2", 1);
    f->l1 = uses_l1(b->config) ? asx_config_get_or(b->config, "l1", 1) : 0;
    f->max_iterations = (int)asx_config_get_or(b->config, "max_iter", 300);
    f->tolerance = asx_config_get_or(b->config, "tolerance", 1e-5);
}

static enum lin_link link_of(const struct asx_problem *p)
{
    return p->task == ASX_BINARY ? LIN_LOGIT : LIN_SOFTMAX;
}

/* Cells times weight sets up to which a pass in f64 costs next to nothing. */
static bool is_small(const struct glm *g)
{
    return (double)g->x->rows * (double)g->p * (double)g->sets <= 5e4;
}

/*
 * Small tables with small penalties are badly conditioned, and f32 gradients then leave the
 * weights loose; a pass over them costs microseconds, so they are finished in f64, more sharply.
 */
static asx_st polish(struct glm *g, struct asx_err *err)
{
    for (int i = 0; i < g->fits; i++) {
        g->fit[i].solver.max_iterations *= 10;
        if (g->fit[i].weight > 0)
            lbfgs_restart(&g->fit[i].solver, 1e-3 * g->fit[i].tolerance, 1e-13);
    }
    return glm_run_rows(g, err);
}

/* Gaps of the loss are about g^2 over a curvature, here taken as 1e-3: smaller gains are not waited for. */
static void set_gains(struct glm *g)
{
    for (int i = 0; i < g->fits; i++)
        g->fit[i].solver.gain = fmax(g->fit[i].solver.gain, 1e3 * g->fit[i].solver.tolerance * g->fit[i].solver.tolerance);
}

static asx_st run_batch(struct asx_exec *exec, const struct asx_batch *batch, struct asx_err *err)
{
    struct glm g;
    asx_st st = glm_open(&g, exec, batch, 1, link_of(exec->problem), read_config, 1e-7, err);
    if (!st) {
        set_gains(&g);
        st = glm_run_batch(&g, err);
    }
    if (!st && is_small(&g))
        st = polish(&g, err);
    return st ? st : glm_finish(&g, batch, err);
}

static asx_st run_rows(struct asx_exec *exec, const struct asx_batch *batch, struct asx_err *err)
{
    struct glm g;
    asx_st st = glm_open(&g, exec, batch, 0, link_of(exec->problem), read_config, 1e-13, err);
    for (int i = 0; !st && is_small(&g) && i < g.fits; i++) {
        g.fit[i].solver.tolerance *= 1e-3;
        g.fit[i].solver.max_iterations *= 10;
    }
    if (!st) {
        set_gains(&g);
        st = glm_run_rows(&g, err);
    }
    return st ? st : glm_finish(&g, batch, err);
}

static double sets_of(const struct asx_problem *p)
{
    return p->task == ASX_BINARY ? 1 : p->classes;
}

/*
 * Passes until convergence grow as the penalty falls, with classes, and with an l1 term: a prior from the
 * bench and the test tables, which measured seconds correct.
 */
static double expected_passes(const struct asx_problem *p, const struct asx_config *c)
{
    double l2 = c ? asx_config_get_or(c, "l2", 1) : 1, cap = c ? asx_config_get_or(c, "max_iter", 300) : 300;
    double passes = p->task == ASX_BINARY ? 40 : 80, decades = log10(l2 > 1e-4 ? l2 : 1e-4);
    passes *= decades < 0 ? 1 - 0.6 * decades : 1 / (1 + 0.5 * decades);
    passes *= c && uses_l1(c) ? 1.5 : 1;
    return passes < cap ? passes : cap;
}

/* Passes of all members together, and of the longest. */
static double passes_of(const struct asx_problem *p, const struct asx_batch *b, double *most)
{
    double sum = 0;
    *most = 1;
    for (int i = 0; i < b->n; i++) {
        double passes = expected_passes(p, b->member[i].config);
        sum += passes;
        *most = fmax(*most, passes);
    }
    return sum;
}

/* The held-out rows of every fold, and what all members keep. */
static void work_after(const struct asx_problem *p, const struct asx_batch *b, struct asx_work *w)
{
    const struct asx_shape *s = &b->shape;
    double sets = sets_of(p), folds = lin_batch_folds(b);
    asx_work_add(w->once, &w->n_once,
                 (struct asx_use){
                     .k = ASX_KC_GEMM, .t = ASX_F64, .m = s->test_rows, .n = sets * b->n / folds, .p = s->dense, .times = folds});
    asx_work_add(w->once, &w->n_once, (struct asx_use){.k = ASX_KC_EXP, .t = ASX_F64, .m = s->test_rows * sets, .times = b->n});
    w->serial = 0.05;
    w->scratch += (uint64_t)((s->cols + 1) * sets * b->n * 8 * (6 + 2 * LBFGS_HISTORY));
    w->output = (uint64_t)(b->n * (s->cols + 1) * (2 * sets + 1) * 8);
}

/* Bytes of the evaluator: partial gradients of each chunk, as glm_batch.c makes them, masks, and a dense copy. */
static double batch_bytes(const struct asx_batch *b, double rows, double cols, bool copied)
{
    double p = b->shape.cols + 1, blocks = ceil(rows / 512), chunks = fmax(fmin(blocks, 16), floor(blocks / 32));
    return fmin(64e6, chunks * p * cols * 4) + 2 * p * cols * 4 + rows * (lin_batch_folds(b) + 2) + 4 * 512 * (cols + b->n) * 4 +
           (copied ? rows * p * 4 : 0);
}

static void work_batch(const struct asx_problem *p, const struct asx_batch *b, struct asx_work *w)
{
    const struct asx_shape *s = &b->shape;
    bool folds = lin_batch_folds(b) > 1;
    double most, sum = passes_of(p, b, &most), rows = folds ? s->rows + s->test_rows : s->rows;
    /* fits retire one by one: the mean number of columns over the longest fit's passes */
    double cols = sum / most * sets_of(p), sparse = fmax(s->cols - s->dense, 0);
    bool copied = s->nnz > 0.08 * rows * sparse && rows * s->cols * 4 <= 64e6;
    double dense = copied ? s->cols : s->dense;
    asx_work_add(w->once, &w->n_once,
                 (struct asx_use){.k = ASX_KC_GLM_STEP,
                                  .t = ASX_F32,
                                  .m = rows,
                                  .n = cols,
                                  .p = dense,
                                  .times = most,
                                  .footprint = 512 * (dense + cols) * 4});
    if (s->nnz > 0 && !copied)
        asx_work_add(
            w->once, &w->n_once,
            (struct asx_use){.k = ASX_KC_SPMM, .t = ASX_F32, .m = rows, .n = cols, .p = sparse, .nnz = s->nnz, .times = 2 * most});
    /* two-loop recursions and sums of partial gradients */
    asx_work_add(w->once, &w->n_once,
                 (struct asx_use){
                     .k = ASX_KC_STREAM, .t = ASX_F64, .m = (s->cols + 1) * sets_of(p) * (4 * LBFGS_HISTORY + 10), .times = sum});
    w->scratch = (uint64_t)batch_bytes(b, rows, sets_of(p) * b->n, copied);
    work_after(p, b, w);
}

static void work_rows(const struct asx_problem *p, const struct asx_batch *b, struct asx_work *w)
{
    const struct asx_shape *s = &b->shape;
    double most, sum = passes_of(p, b, &most), sets = sets_of(p), sparse = fmax(s->cols - s->dense, 0);
    asx_work_add(w->once, &w->n_once,
                 (struct asx_use){.k = ASX_KC_STREAM, .t = ASX_F64, .m = s->rows * s->dense, .times = 2 * sets * sum});
    asx_work_add(w->once, &w->n_once, (struct asx_use){.k = ASX_KC_EXP, .t = ASX_F64, .m = s->rows * (sets + 1), .times = sum});
    if (s->nnz > 0)
        asx_work_add(w->once, &w->n_once,
                     (struct asx_use){
                         .k = ASX_KC_SPMM, .t = ASX_F64, .m = s->rows, .n = sets, .p = sparse, .nnz = s->nnz, .times = 2 * sum});
    asx_work_add(
        w->once, &w->n_once,
        (struct asx_use){.k = ASX_KC_STREAM, .t = ASX_F64, .m = (s->cols + 1) * sets * (4 * LBFGS_HISTORY + 20), .times = sum});
    w->scratch = (uint64_t)((s->cols + 1) * sets * 8 * 20);
    work_after(p, b, w);
}

static const char *const penalties[] = {"l2", "elastic_net"};
static const struct asx_param params[] = {
    {.name = "penalty",
     .kind = ASX_CHOICE,
     .choices = penalties,
     .n_choices = 2,
     .def = 0,
     .help = "l2 alone, or l2 and l1 together"},
    {.name = "l2",
     .kind = ASX_REAL,
     .low = 1e-3,
     .high = 33,
     .min = 0,
     .max = 1e9,
     .log = true,
     .def = 1,
     .help = "weight of |w|^2 / 2 beside the summed log loss: 1 / C of scikit-learn"},
    {.name = "l1",
     .kind = ASX_REAL,
     .low = 1e-2,
     .high = 33,
     .min = 0,
     .max = 1e9,
     .log = true,
     .def = 1,
     .only_if = "penalty=elastic_net",
     .help = "weight of |w|_1 beside the summed log loss"},
    {.name = "max_iter",
     .kind = ASX_INT,
     .low = 50,
     .high = 1000,
     .min = 1,
     .max = 100000,
     .log = true,
     .def = 300,
     .fixed = true,
     .help = "most steps of the solver, ten times as many on small tables"},
    {.name = "tolerance",
     .kind = ASX_REAL,
     .low = 1e-7,
     .high = 1e-3,
     .min = 1e-12,
     .max = 1,
     .log = true,
     .def = 1e-5,
     .fixed = true,
     .help = "done when no component of the mean gradient exceeds it"},
};
static const char *const first[] = {
    "{}",
    "{\"tfidf.analyzer\":\"char_wb\"}",
    "{\"l2\":0.03}",
    "{\"l2\":10}",
    "{\"penalty\":\"elastic_net\",\"l1\":1,\"l2\":0.1}",
    "{\"l2\":0.003}",
    NULL,
};

/* f64, one fit at a time: what the batched way is compared with. */
static const struct asx_op fit_rows = {
    .head = {"logistic.fit/lbfgs", "L-BFGS in f64, one fit at a time"},
    .version = 1,
    .equiv = ASX_CLOSE,
    .tolerance = 1e-4,
    .needs = {"affine"},
    .gives = "fit",
    .flags = ASX_SPLITS,
    .work = work_rows,
    .run = run_rows,
};

static const struct asx_op fit_batch = {
    .head = {"logistic.fit/batch_gemm", "configs x folds as columns of one f32 product, L-BFGS in lockstep"},
    .version = 1,
    .equiv = ASX_CLOSE,
    .tolerance = 2e-3, /* of a probability where the penalty is tiny; held-out log loss agrees to 1e-4 */
    .needs = {"packed", "affine"},
    .gives = "fit",
    .flags = ASX_SPLITS,
    .max_batch = 64,
    .batch_on = 0,
    .work = work_batch,
    .run = run_batch,
};
static const struct asx_op *const ways[] = {&fit_rows, &fit_batch, NULL};

const struct asx_learner lin_logistic = {
    .head = {"logistic", "logistic or softmax regression with l2 and l1 penalties"},
    LIN_LEARNER,
    .tasks = ASX_CLASSIFY,
    .nominal_cost = 0.6,
};
