/* SPDX-License-Identifier: Apache-2.0 */
/* Class shares pulled towards equal shares, or the mean pulled towards zero, by the part `shrink`. */
#include <assay/ext/learner.h>
#include <assay/ext/prep.h>

#include "base/err.h"
#include "base/mem.h"

struct asx_model {
    size_t outputs;
    double *value; /* [outputs] */
};

struct asx_state {
    struct asx_model model;
};

static void shrunken_free(struct asx_model *m)
{
    if (m)
        mem_free(m->value);
    mem_free(m);
}

static void shrunken_free_state(struct asx_state *s)
{
    shrunken_free((struct asx_model *)s);
}

static struct asx_model *shrunken_new(struct mem *mem, size_t outputs)
{
    struct asx_model *m = mem_calloc(mem, 1, sizeof(struct asx_state));
    if (m && !(m->value = mem_calloc(mem, outputs, sizeof *m->value))) {
        mem_free(m);
        return NULL;
    }
    if (m)
        m->outputs = outputs;
    return m;
}

static void shrunken_learn(const struct asx_problem *p, const struct asx_fold *f, double shrink, struct asx_model *m)
{
    double total = 0;
    for (size_t i = 0; i < f->n_train; i++) {
        double w = p->fit_weight ? p->fit_weight[f->train[i]] : 1;
        if (p->task == ASX_REGRESSION)
            m->value[0] += w * p->y[f->train[i]];
        else
            m->value[p->label[f->train[i]]] += w;
        total += w;
    }
    for (size_t c = 0; total > 0 && c < m->outputs; c++)
        m->value[c] = (1 - shrink) * m->value[c] / total + (p->task == ASX_REGRESSION ? 0 : shrink / (double)m->outputs);
}

static asx_st shrunken_run(struct asx_exec *e, const struct asx_batch *b, struct asx_err *err)
{
    const struct asx_problem *p = e->problem;
    for (int i = 0; i < b->n; i++) {
        struct asx_member *member = &b->member[i];
        const struct asx_fold *f = &p->splits->fold[member->fold];
        struct asx_model *m = shrunken_new(e->mem, (size_t)p->outputs);
        if (!m)
            return err_set(err, ASX_E_NOMEM, "no memory for shares; raise the memory limit");
        shrunken_learn(p, f, asx_config_get(member->config, "shrink"), m);
        for (size_t r = 0; member->pred && r < f->n_test; r++)
            for (size_t c = 0; c < m->outputs; c++)
                member->pred[r * m->outputs + c] = (float)m->value[c];
        shrunken_free_state(member->state);
        member->state = (struct asx_state *)m;
    }
    return ASX_OK;
}

static void shrunken_work(const struct asx_problem *p, const struct asx_batch *b, struct asx_work *w)
{
    (void)p;
    asx_work_add(w->once, &w->n_once, (struct asx_use){.k = ASX_KC_STREAM, .t = ASX_F64, .m = b->shape.rows, .times = b->n});
    w->serial = 1;
    w->output = 256;
}

static asx_st shrunken_model(struct asx_exec *e, const struct asx_member *b, int iterations, struct asx_model **out,
                             struct asx_err *err)
{
    (void)iterations;
    *out = shrunken_new(e->mem, b->state->model.outputs);
    if (!*out)
        return err_set(err, ASX_E_NOMEM, "no memory for shares; raise the memory limit");
    for (size_t c = 0; c < (*out)->outputs; c++)
        (*out)->value[c] = b->state->model.value[c];
    return ASX_OK;
}

static asx_st shrunken_predict(const struct asx_model *m, const struct asx_matrix *x, size_t from, size_t to, double *out,
                               struct asx_err *err)
{
    (void)x, (void)err;
    for (size_t i = 0; i < (to - from) * m->outputs; i++)
        out[i] = m->value[i % m->outputs];
    return ASX_OK;
}

static asx_st shrunken_save(const struct asx_model *m, struct asx_writer *w)
{
    asx_put_u64(w, m->outputs);
    asx_put_f64s(w, m->value, m->outputs);
    return ASX_OK;
}

static asx_st shrunken_load(struct asx_reader *r, struct mem *mem, struct asx_model **out, struct asx_err *err)
{
    size_t n = asx_get_count(r, sizeof(double));
    if (n < 1)
        asx_reader_fail(r, "a model without a value");
    if (asx_reader_bad(r))
        return asx_reader_error(r, err);
    struct asx_model *m = mem_calloc(mem, 1, sizeof(struct asx_state));
    if (m) {
        m->outputs = n;
        m->value = asx_get_f64s(r, mem, n);
    }
    if (m && m->value && !asx_reader_bad(r)) {
        *out = m;
        return ASX_OK;
    }
    shrunken_free(m);
    return asx_reader_bad(r) ? asx_reader_error(r, err) : err_set(err, ASX_E_NOMEM, "no memory for shares; raise the memory limit");
}

static const struct asx_param params[] = {
    {.name = "shrink", .kind = ASX_REAL, .low = 0, .high = 1, .def = 0.1, .help = "part that comes from equal shares"}};
static const char *const first[] = {"{}", NULL};
static const struct asx_op fit = {.head = {"shrunken.fit/sums", "shares of a fold, shrunken"},
                                  .version = 1,
                                  .equiv = ASX_BITWISE,
                                  .gives = "fit",
                                  .work = shrunken_work,
                                  .run = shrunken_run};
static const struct asx_op *const ways[] = {&fit, NULL};
static const struct asx_learner shrunken = {.head = {"shrunken", "shrunken class shares or mean"},
                                            .version = 1,
                                            .tasks = ASX_ANY_TASK,
                                            .prep_role = ASX_FOR_LINEAR,
                                            .params = params,
                                            .n_params = 1,
                                            .first = first,
                                            .nominal_cost = 0.001,
                                            .fit = ways,
                                            .free_state = shrunken_free_state,
                                            .model = shrunken_model,
                                            .predict = shrunken_predict,
                                            .save = shrunken_save,
                                            .load = shrunken_load,
                                            .free_model = shrunken_free};
static const struct asx_learner *const learners[] = {&shrunken, NULL};
static const struct asx_op *const ops[] = {NULL};
const struct asx_family asx_family_shrunken = {.head = {"shrunken", "a family to throw away"}, .learner = learners, .op = ops};
