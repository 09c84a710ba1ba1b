/* SPDX-License-Identifier: Apache-2.0 */
/* The constant learner: class priors, or the value that minimises the metric's loss. See README.md. */
#include <assay/ext/learner.h>
#include <assay/ext/metric.h>
#include <assay/ext/prep.h>

#include "base/err.h"
#include "base/mem.h"

#include <stdlib.h>

/* A state and a model are the same numbers; both are owned by whoever got them. */
struct asx_model {
    int outputs;
    double *value; /* [outputs] probabilities in class order, or one value */
};

struct asx_state {
    struct asx_model model;
};

static void constant_free_model(struct asx_model *m)
{
    if (!m)
        return;
    mem_free(m->value);
    mem_free(m);
}

static void constant_free_state(struct asx_state *s)
{
    constant_free_model(s ? &s->model : NULL);
}

static uint64_t constant_state_bytes(const struct asx_state *s)
{
    return sizeof *s + (uint64_t)s->model.outputs * sizeof(double);
}

static struct asx_model *constant_new(struct mem *mem, int outputs)
{
    struct asx_model *m = mem_calloc(mem, 1, sizeof(struct asx_state));
    if (!m)
        return NULL;
    m->outputs = outputs;
    m->value = mem_calloc(mem, (size_t)outputs, sizeof *m->value);
    if (!m->value) {
        mem_free(m);
        return NULL;
    }
    return m;
}

static double weight_of(const struct asx_problem *p, size_t row)
{
    return p->fit_weight ? p->fit_weight[row] : 1.0;
}

/* Weighted class shares; a class the fold has not seen keeps probability 0. */
static void fit_priors(const struct asx_problem *p, const struct asx_fold *f, struct asx_model *m)
{
    double sum = 0;
    for (size_t i = 0; i < f->n_train; i++) {
        double w = weight_of(p, f->train[i]);
        m->value[p->label[f->train[i]]] += w;
        sum += w;
    }
    for (int c = 0; c < m->outputs; c++)
        m->value[c] = sum > 0 ? m->value[c] / sum : 1.0 / m->outputs;
}

static void fit_mean(const struct asx_problem *p, const struct asx_fold *f, struct asx_model *m)
{
    double sum = 0, n = 0;
    for (size_t i = 0; i < f->n_train; i++) {
        double w = weight_of(p, f->train[i]);
        sum += w * p->y[f->train[i]];
        n += w;
    }
    m->value[0] = n > 0 ? sum / n : 0;
}

struct pair {
    double y, w;
};

static int by_y(const void *a, const void *b)
{
    double x = ((const struct pair *)a)->y, y = ((const struct pair *)b)->y;
    return (x > y) - (x < y);
}

/*
 * Weighted median: the smallest y whose cumulative weight reaches half; when it is reached
 * exactly, the midpoint with the next value, so that equal weights give the usual median.
 */
static asx_st fit_median(struct asx_exec *exec, const struct asx_fold *f, struct asx_model *m, struct asx_err *err)
{
    const struct asx_problem *p = exec->problem;
    struct pair *v = mem_array(exec->mem, f->n_train + 1, sizeof *v);
    if (!v)
        return err_set(err, ASX_E_NOMEM, "no memory for a median; raise the memory limit");
    double total = 0, seen = 0;
    size_t n = 0;
    for (size_t i = 0; i < f->n_train; i++) {
        double w = weight_of(p, f->train[i]);
        if (w > 0)
            v[n++] = (struct pair){p->y[f->train[i]], w};
        total += w;
    }
    qsort(v, n, sizeof *v, by_y);
    m->value[0] = n ? v[n - 1].y : 0;
    for (size_t i = 0; i < n; i++) {
        seen += v[i].w;
        if (2 * seen < total)
            continue;
        m->value[0] = 2 * seen == total && i + 1 < n ? 0.5 * (v[i].y + v[i + 1].y) : v[i].y;
        break;
    }
    mem_free(v);
    return ASX_OK;
}

static bool wants_median(const struct asx_problem *p)
{
    static const char *const absolute[] = {"mae", "median_ae", "mape"};
    for (size_t i = 0; p->metric && i < sizeof absolute / sizeof *absolute; i++)
        if (strcmp(p->metric->head.name, absolute[i]) == 0)
            return true;
    return false;
}

static asx_st fit_member(struct asx_exec *exec, struct asx_member *b, struct asx_err *err)
{
    const struct asx_problem *p = exec->problem;
    const struct asx_fold *f = &p->splits->fold[b->fold];
    struct asx_model *m = constant_new(exec->mem, p->outputs);
    if (!m)
        return err_set(err, ASX_E_NOMEM, "no memory for a constant model; raise the memory limit");
    const char *statistic = asx_config_choice(b->config, "statistic");
    bool median = statistic && strcmp(statistic, "auto") != 0 ? strcmp(statistic, "median") == 0 : wants_median(p);
    asx_st st = ASX_OK;
    if (p->task != ASX_REGRESSION)
        fit_priors(p, f, m);
    else if (median)
        st = fit_median(exec, f, m, err);
    else
        fit_mean(p, f, m);
    if (st) {
        constant_free_model(m);
        return st;
    }
    for (size_t i = 0; b->pred && i < f->n_test; i++)
        for (int c = 0; c < p->outputs; c++)
            b->pred[i * (size_t)p->outputs + (size_t)c] = (float)m->value[c];
    constant_free_state(b->state);
    b->state = (struct asx_state *)m;
    b->status = ASX_OK;
    return ASX_OK;
}

static asx_st constant_run(struct asx_exec *exec, const struct asx_batch *batch, struct asx_err *err)
{
    for (int i = 0; i < batch->n; i++) {
        asx_st st = fit_member(exec, &batch->member[i], err);
        if (st)
            return st;
    }
    return ASX_OK;
}

static void constant_work(const struct asx_problem *p, const struct asx_batch *b, struct asx_work *w)
{
    (void)p;
    asx_work_add(w->once, &w->n_once,
                 (struct asx_use){.k = ASX_KC_STREAM, .t = ASX_F64, .m = b->shape.rows + b->shape.test_rows, .times = b->n});
    w->serial = 1;
    w->output = 256;
}

static asx_st constant_model(struct asx_exec *exec, const struct asx_member *b, int iterations, struct asx_model **out,
                             struct asx_err *err)
{
    (void)iterations;
    const struct asx_model *from = &b->state->model;
    struct asx_model *m = constant_new(exec->mem, from->outputs);
    if (!m)
        return err_set(err, ASX_E_NOMEM, "no memory for a constant model; raise the memory limit");
    for (int c = 0; c < m->outputs; c++)
        m->value[c] = from->value[c];
    *out = m;
    return ASX_OK;
}

static asx_st constant_predict(const struct asx_model *m, const struct asx_matrix *x, size_t from, size_t to, double *out,
                               struct asx_err *err)
{
    (void)x, (void)err;
    for (size_t i = 0; i < to - from; i++)
        for (int c = 0; c < m->outputs; c++)
            out[i * (size_t)m->outputs + (size_t)c] = m->value[c];
    return ASX_OK;
}

static asx_st constant_save(const struct asx_model *m, struct asx_writer *w)
{
    asx_put_u64(w, (uint64_t)m->outputs);
    asx_put_f64s(w, m->value, (size_t)m->outputs);
    return ASX_OK;
}

static asx_st constant_load(struct asx_reader *r, struct mem *mem, struct asx_model **out, struct asx_err *err)
{
    size_t n = asx_get_count(r, sizeof(double));
    if (n < 1 || n > 1u << 20)
        asx_reader_fail(r, "a constant model without a value");
    if (asx_reader_bad(r))
        return asx_reader_error(r, err);
    struct asx_model *m = mem_calloc(mem, 1, sizeof(struct asx_state));
    if (!m)
        return err_set(err, ASX_E_NOMEM, "no memory for a constant model; raise the memory limit");
    m->outputs = (int)n;
    m->value = asx_get_f64s(r, mem, n);
    if (asx_reader_bad(r)) {
        constant_free_model(m);
        return asx_reader_error(r, err);
    }
    if (!m->value) {
        constant_free_model(m);
        return err_set(err, ASX_E_NOMEM, "no memory for a constant model; raise the memory limit");
    }
    *out = m;
    return ASX_OK;
}

static const char *const statistics[] = {"auto", "mean", "median"};
static const struct asx_param params[] = {
    {.name = "statistic",
     .kind = ASX_CHOICE,
     .choices = statistics,
     .n_choices = 3,
     .def = 0,
     .fixed = true,
     .help = "regression: mean, median, or the one the metric asks for"},
};
static const char *const first[] = {"{}", NULL};

static const struct asx_op fit_constant = {
    .head = {"constant.fit/sums", "class shares, mean or median of a fold"},
    .version = 1,
    .equiv = ASX_BITWISE,
    .gives = "fit",
    .work = constant_work,
    .run = constant_run,
};
static const struct asx_op *const ways[] = {&fit_constant, NULL};

static const struct asx_learner constant = {
    .head = {"constant", "the class priors, or the mean or median of the target"},
    .version = 1,
    .tasks = ASX_ANY_TASK,
    .prep_role = ASX_FOR_LINEAR,
    .params = params,
    .n_params = 1,
    .first = first,
    .nominal_cost = 0.001,
    .fit = ways,
    .free_state = constant_free_state,
    .state_bytes = constant_state_bytes,
    .model = constant_model,
    .predict = constant_predict,
    .save = constant_save,
    .load = constant_load,
    .free_model = constant_free_model,
};

static const struct asx_learner *const learners[] = {&constant, NULL};
static const struct asx_op *const ops[] = {NULL};
const struct asx_family asx_family_constant = {
    .head = {"constant", "a baseline that looks at the target only"},
    .learner = learners,
    .op = ops,
};
