/* SPDX-License-Identifier: Apache-2.0 */
/* The family: one learner, a perceptron on prepared rows. */
#include "learners/mlp/model.h"

#include <assay/ext/prep.h>

#include "base/err.h"
#include "data/expected.h"

extern const struct asx_family asx_family_mlp;

/* ---- the op ------------------------------------------------------------------------------- */

static asx_st run(struct asx_exec *e, const struct asx_batch *batch, struct asx_err *err)
{
    for (int i = 0; i < batch->n; i++) {
        struct asx_member *b = &batch->member[i];
        asx_st st = mlp_train(e, e->in[(size_t)i * (size_t)e->n_needs], b, &b->err);
        if (st == ASX_E_NUMERIC) {
            b->status = st; /* this config's failure, not the batch's */
            continue;
        }
        if (st) {
            if (err && st < 0)
                *err = b->err;
            return st;
        }
        b->status = ASX_OK;
    }
    return ASX_OK;
}

static double scores_of(const struct asx_problem *p)
{
    return p->task == ASX_MULTICLASS ? p->classes : 1;
}

/* Stages among epochs (from, to]. */
static double stages_of(int from, int to)
{
    double n = 0;
    for (int i = from + 1; i <= to; i++)
        n += mlp_is_stage(i);
    return n;
}

static void work(const struct asx_problem *p, const struct asx_batch *b, struct asx_work *w)
{
    const struct asx_shape *s = &b->shape;
    const struct asx_member *m = &b->member[0];
    struct mlp_params c;
    mlp_params_read(m->config, &c);
    int to = m->to.iterations > 0 ? m->to.iterations : c.epochs, from = m->from.iterations < to ? m->from.iterations : 0;
    double batch = (double)mlp_batch_rows(&c, (size_t)s->rows), steps = batch > 0 ? ceil(s->rows / batch) : 0;
    double width = (double)c.width, units = width * c.hidden + scores_of(p);
    double weights = s->cols * width + width * width * (c.hidden - 1) + width * scores_of(p);
    double kept = stages_of(0, to), scored = stages_of(from, to);
    struct asx_use step = {
        .k = ASX_KC_MLP_STEP, .t = ASX_F32, .m = batch, .n = units, .p = weights, .times = steps, .footprint = 20 * weights};
    struct asx_use adam = {.k = ASX_KC_STREAM, .t = ASX_F32, .m = 5 * weights, .times = steps, .footprint = 20 * weights};
    struct asx_use prepare = {.k = ASX_KC_STREAM, .t = ASX_F32, .m = 4 * s->rows * s->cols};
    struct asx_use drop = {.k = ASX_KC_STREAM, .t = ASX_F32, .m = c.dropout > 0 ? 4 * s->rows * width * c.hidden : 0};
    if (steps > 0) {
        asx_work_add(w->per_iteration, &w->n_per_iteration, step);
        asx_work_add(w->per_iteration, &w->n_per_iteration, adam);
        asx_work_add(w->per_iteration, &w->n_per_iteration, prepare);
        asx_work_add(w->per_iteration, &w->n_per_iteration, drop);
    }
    if (s->test_rows > 0) {
        /* a forward pass is a third of a step's arithmetic */
        double calls = ceil(s->test_rows / 256) * (scored + 1);
        asx_work_add(w->once, &w->n_once,
                     (struct asx_use){.k = ASX_KC_GEMM,
                                      .t = ASX_F32,
                                      .m = s->test_rows < 256 ? s->test_rows : 256,
                                      .n = width,
                                      .p = weights / width,
                                      .times = calls});
        asx_work_add(w->once, &w->n_once,
                     (struct asx_use){.k = ASX_KC_SORT, .t = ASX_F32, .m = s->test_rows, .n = 1, .times = scored + 1});
    }
    asx_work_add(w->once, &w->n_once, (struct asx_use){.k = ASX_KC_EXP, .t = ASX_F64, .m = 10 * weights});
    w->serial = 1;
    double bytes = kept * weights * 4;
    w->scratch = (uint64_t)(4 * (weights + (batch + 256) * (s->cols + 3 * units)) + 8 * s->rows);
    w->output = (uint64_t)(16 * weights + (bytes < MLP_STAGE_BYTES ? bytes : MLP_STAGE_BYTES));
}

static const struct asx_op fit_adam = {
    .head = {"mlp.fit/adam", "mini-batch Adam with averaged weights, one thread a fit"},
    .version = 1,
    .equiv = ASX_BITWISE,
    .needs = {"dense"},
    .gives = "fit",
    .flags = ASX_SEEDED,
    .work = work,
    .run = run,
};

/* ---- the learner ------------------------------------------------------------------------------ */

static asx_st held_out(struct asx_exec *e, const struct asx_member *b, int iterations, float *pred, struct asx_err *err)
{
    const float *w;
    struct asx_state *again;
    asx_st st = mlp_weights_at(e, e->in[0], b, iterations, &w, &again, err);
    if (!st)
        st = mlp_predict_held_out(e, e->in[0], b->state, b->fold, w, pred, err);
    mlp_free_state(again);
    return st;
}

static asx_st make_model(struct asx_exec *e, const struct asx_member *b, int iterations, struct asx_model **out,
                         struct asx_err *err)
{
    const struct asx_dense *dense = e->in[0];
    const float *w;
    struct asx_state *again;
    asx_st st = mlp_weights_at(e, dense, b, iterations, &w, &again, err);
    if (!st)
        st = mlp_model_make(dense->affine, b->state, w, e->mem, out, err);
    mlp_free_state(again);
    return st;
}

static bool fits(const struct asx_problem *p)
{
    if (p->rows < 50)
        return false;
    double cols = expected_columns(p);
    return cols <= 2000 && cols * (double)p->rows <= 2e7;
}

static const char *const batches[] = {"32", "64", "128", "256", "512"};
static const struct asx_param params[] = {
    {.name = "n_layers", .kind = ASX_INT, .low = 1, .high = 4, .min = 1, .max = MLP_HIDDEN, .def = 2, .help = "hidden layers"},
    {.name = "width",
     .kind = ASX_INT,
     .low = 16,
     .high = 512,
     .min = 1,
     .max = 4096,
     .log = true,
     .def = 128,
     .help = "units of a hidden layer"},
    {.name = "learning_rate",
     .kind = ASX_REAL,
     .low = 1e-4,
     .high = 3e-2,
     .min = 1e-8,
     .max = 10,
     .log = true,
     .def = 4e-3,
     .help = "step of Adam after its warm-up"},
    {.name = "weight_decay",
     .kind = ASX_REAL,
     .low = 1e-7,
     .high = 0.1,
     .min = 0,
     .max = 100,
     .log = true,
     .def = 1e-2,
     .help = "share of a weight lost a step, times the learning rate"},
    {.name = "dropout",
     .kind = ASX_REAL,
     .low = 0,
     .high = 0.5,
     .min = 0,
     .max = 0.95,
     .def = 0,
     .help = "share of hidden units left out"},
    {.name = "batch_size",
     .kind = ASX_CHOICE,
     .choices = batches,
     .n_choices = 5,
     .def = 2,
     .help = "rows of a step; fewer on small tables"},
    {.name = "epochs",
     .kind = ASX_INT,
     .low = 20,
     .high = 200,
     .min = 1,
     .max = 10000,
     .log = true,
     .def = 160,
     .fixed = true,
     .help = "most passes over the rows; the best one by held-out score is used"},
};
static const char *const first[] = {
    "{}",
    "{\"width\":256,\"n_layers\":3,\"learning_rate\":0.002,\"dropout\":0.2}",
    "{\"width\":64,\"n_layers\":1,\"learning_rate\":0.01,\"batch_size\":\"64\",\"dropout\":0.1}",
    "{\"width\":256,\"n_layers\":2,\"learning_rate\":0.001,\"dropout\":0.4,\"weight_decay\":0.1}",
    NULL,
};
static const char *const affine[] = {"impute", "scale", NULL};
static const struct asx_op *const ways[] = {&fit_adam, NULL};

static const struct asx_learner mlp_learner = {
    .head = {"mlp", "multilayer perceptron trained by mini-batch Adam"},
    .version = 1,
    .tasks = ASX_ANY_TASK,
    .prep_role = ASX_FOR_LINEAR,
    .affine = affine,
    .params = params,
    .n_params = sizeof params / sizeof *params,
    .first = first,
    .iterations = "epochs",
    .first_rung = 10,
    .resumable = true,
    .nominal_cost = 3,
    .fits = fits,
    .fit = ways,
    .free_state = mlp_free_state,
    .state_bytes = mlp_state_bytes,
    .held_out = held_out,
    .model = make_model,
    .predict = mlp_predict,
    .save = mlp_save,
    .load = mlp_load,
    .free_model = mlp_free_model,
};

static const struct asx_learner *const learners[] = {&mlp_learner, NULL};
static const struct asx_op *const ops[] = {NULL};

const struct asx_family asx_family_mlp = {
    .head = {"mlp", "multilayer perceptrons"},
    .learner = learners,
    .op = ops,
};
