/* SPDX-License-Identifier: Apache-2.0 */
/* k nearest neighbours: a fit reads the fold's lists, a model takes the training rows along. */
#include "learners/neighbors/neighbors.h"

#include "base/err.h"
#include "base/mem.h"
#include "data/expected.h"
#include "data/matrix.h"

#include <string.h>

extern const struct asx_family asx_family_neighbors;

/** All a fit decides; everything else is in the lists. */
struct asx_state {
    size_t k;
    bool distance;
    double smoothing;
};

static asx_st no_memory(struct asx_err *err)
{
    return err_set(err, ASX_E_NOMEM, "no memory for nearest neighbours; raise the memory limit");
}

/* ---- answers of the training rows ------------------------------------------------------ */

struct answers {
    double *value, *weight, *prior;
};

static void drop_answers(struct answers *a)
{
    mem_free(a->value);
    mem_free(a->weight);
    mem_free(a->prior);
}

static void find_prior(const struct asx_problem *p, const struct answers *a, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        double w = a->weight ? a->weight[i] : 1;
        sum += w;
        if (p->task == ASX_REGRESSION)
            a->prior[0] += w * a->value[i];
        else
            a->prior[(size_t)a->value[i]] += w;
    }
    for (int c = 0; c < p->outputs; c++)
        a->prior[c] = sum > 0 ? a->prior[c] / sum : p->task == ASX_REGRESSION ? 0 : 1.0 / p->outputs;
}

static asx_st take_answers(const struct asx_problem *p, const struct neighbors *l, struct mem *mem, struct answers *a,
                           struct asx_err *err)
{
    *a = (struct answers){.value = mem_array(mem, l->n + 1, sizeof(double)),
                          .prior = mem_calloc(mem, (size_t)p->outputs, sizeof(double))};
    if (p->fit_weight)
        a->weight = mem_array(mem, l->n + 1, sizeof(double));
    if (!a->value || !a->prior || (p->fit_weight && !a->weight)) {
        drop_answers(a);
        return no_memory(err);
    }
    for (size_t i = 0; i < l->n; i++) {
        a->value[i] = p->label ? (double)p->label[l->row[i]] : p->y[l->row[i]];
        if (a->weight)
            a->weight[i] = p->fit_weight[l->row[i]];
    }
    find_prior(p, a, l->n);
    return ASX_OK;
}

static struct knn_votes votes_of(const struct asx_problem *p, const struct asx_state *s, const struct answers *a)
{
    return (struct knn_votes){.task = p->task,
                              .outputs = p->outputs,
                              .k = s->k,
                              .distance = s->distance,
                              .smoothing = s->smoothing,
                              .value = a->value,
                              .weight = a->weight,
                              .prior = a->prior};
}

/* ---- the fit ------------------------------------------------------------------------------ */

static asx_st predict_held_out(struct asx_exec *e, const struct neighbors *l, struct asx_member *b, const struct asx_state *s,
                               struct asx_err *err)
{
    const struct asx_problem *p = e->problem;
    struct answers a = {0};
    double *out = mem_array(e->mem, (size_t)p->outputs, sizeof *out);
    asx_st st = out ? take_answers(p, l, e->mem, &a, err) : no_memory(err);
    if (!st) {
        struct knn_votes v = votes_of(p, s, &a);
        for (size_t i = 0; i < l->queries; i++) {
            knn_vote(&v, l->dist + i * l->top, l->index + i * l->top, l->top, out);
            for (int c = 0; c < p->outputs; c++)
                b->pred[i * (size_t)p->outputs + (size_t)c] = (float)out[c];
        }
        drop_answers(&a);
    }
    mem_free(out);
    return st;
}

static asx_st fit_one(struct asx_exec *e, const struct neighbors *l, struct asx_member *b, struct asx_err *err)
{
    const char *weights = asx_config_choice(b->config, "weights");
    struct asx_state *s = mem_calloc(e->mem, 1, sizeof *s);
    if (!s)
        return no_memory(err);
    s->k = (size_t)asx_config_get_or(b->config, "n_neighbors", 10);
    s->distance = weights && strcmp(weights, "distance") == 0;
    s->smoothing = asx_config_get_or(b->config, "smoothing", 1);
    asx_st st = b->pred && l->queries ? predict_held_out(e, l, b, s, err) : ASX_OK;
    if (st) {
        mem_free(s);
        return st;
    }
    mem_free(b->state);
    b->state = s;
    b->status = ASX_OK;
    return ASX_OK;
}

static asx_st run(struct asx_exec *e, const struct asx_batch *batch, struct asx_err *err)
{
    asx_st st = ASX_OK;
    for (int i = 0; i < batch->n && !st; i++)
        st = e->stop(e) ? ASX_STOPPED : fit_one(e, e->in[(size_t)i * (size_t)e->n_needs], &batch->member[i], err);
    return st;
}

static void work(const struct asx_problem *p, const struct asx_batch *b, struct asx_work *w)
{
    const struct asx_shape *s = &b->shape;
    double most = s->rows < NEIGHBORS_MOST ? s->rows : NEIGHBORS_MOST;
    for (int i = 0; i < b->n && w->n_once < ASX_USES - 1; i++) {
        double k = b->member[i].config ? asx_config_get_or(b->member[i].config, "n_neighbors", 10) : most;
        k = k < most ? k : most;
        asx_work_add(
            w->once, &w->n_once,
            (struct asx_use){.k = ASX_KC_GATHER, .t = ASX_F64, .m = s->test_rows * (k + p->outputs), .footprint = s->rows * 8});
    }
    asx_work_add(w->once, &w->n_once, (struct asx_use){.k = ASX_KC_STREAM, .t = ASX_F64, .m = 3 * s->rows, .times = b->n});
    w->serial = 1;
    w->scratch = (uint64_t)(s->rows * 16 + p->outputs * 16.0);
    w->output = (uint64_t)b->n * sizeof(struct asx_state);
}

static const struct asx_op fit_topk = {
    .head = {"knn.fit/topk", "votes of the first k rows of each held-out row's list"},
    .version = 1,
    .equiv = ASX_BITWISE,
    .needs = {"neighbors"},
    .gives = "fit",
    .work = work,
    .run = run,
};

/* ---- the learner ---------------------------------------------------------------------------- */

static void free_state(struct asx_state *s)
{
    mem_free(s);
}

static uint64_t state_bytes(const struct asx_state *s)
{
    return sizeof *s;
}

static void fill_panels(const struct neighbors *l, float *line, float *panel)
{
    size_t cols = l->dense->cols;
    for (size_t i = 0; i < l->n; i++) {
        neighbors_gather(l->dense, l->row + i, 1, line);
        float *to = panel + i / KNN_PANEL * cols * KNN_PANEL + i % KNN_PANEL;
        for (size_t j = 0; j < cols; j++)
            to[j * KNN_PANEL] = line[j];
    }
}

static asx_st make_model(struct asx_exec *e, const struct asx_member *b, int iterations, struct asx_model **out,
                         struct asx_err *err)
{
    (void)iterations;
    const struct neighbors *l = e->in[0];
    struct asx_model *m = mem_calloc(e->mem, 1, sizeof *m);
    float *line = mem_array(e->mem, l->dense->cols, sizeof *line);
    struct answers a = {0};
    asx_st st = m && line ? take_answers(e->problem, l, e->mem, &a, err) : no_memory(err);
    if (!st) {
        m->value = a.value;
        m->weight = a.weight;
        m->prior = a.prior;
        m->votes = votes_of(e->problem, b->state, &a);
        m->n = l->n;
        m->cols = l->dense->cols;
        m->panel = mem_calloc(e->mem, (l->n + KNN_PANEL - 1) / KNN_PANEL * KNN_PANEL * m->cols, sizeof *m->panel);
        st = m->panel ? affine_model_make(l->dense->affine, e->mem, &m->affine, err) : no_memory(err);
    }
    if (!st)
        fill_panels(l, line, m->panel);
    mem_free(line);
    if (st)
        knn_free_model(m);
    else
        *out = m;
    return st;
}

/* Every prediction visits every training row: beyond some size others are simply better. */
static bool fits(const struct asx_problem *p)
{
    double cols = expected_columns(p);
    return p->rows >= 10 && p->rows <= 60000 && cols <= 500 && cols * (double)p->rows <= 1e7;
}

static const char *const weightings[] = {"uniform", "distance"};
static const struct asx_param params[] = {
    {.name = "n_neighbors",
     .kind = ASX_INT,
     .low = 1,
     .high = NEIGHBORS_MOST,
     .log = true,
     .def = 10,
     .help = "nearest rows that vote"},
    {.name = "weights",
     .kind = ASX_CHOICE,
     .choices = weightings,
     .n_choices = 2,
     .def = 1,
     .help = "votes count alike, or by 1 / distance"},
    {.name = "smoothing",
     .kind = ASX_REAL,
     .low = 0.1,
     .high = 10,
     .min = 0,
     .max = 1e6,
     .log = true,
     .def = 1,
     .fixed = true,
     .help = "neighbours added that vote as the class shares do (classification)"},
};
static const char *const first[] = {"{}", "{\"n_neighbors\":30}", "{\"n_neighbors\":4}", "{\"n_neighbors\":80}", NULL};
static const char *const affine[] = {"impute", "scale", NULL};
static const struct asx_op *const ways[] = {&fit_topk, NULL};

const struct asx_learner knn_learner = {
    .head = {"knn", "k nearest neighbours by Euclidean distance"},
    .version = 1,
    .tasks = ASX_ANY_TASK,
    .prep_role = ASX_FOR_LINEAR,
    .affine = affine,
    .params = params,
    .n_params = sizeof params / sizeof *params,
    .first = first,
    .nominal_cost = 0.5,
    .fits = fits,
    .fit = ways,
    .free_state = free_state,
    .state_bytes = state_bytes,
    .model = make_model,
    .predict = knn_predict,
    .save = knn_save,
    .load = knn_load,
    .free_model = knn_free_model,
};

static const struct asx_learner *const learners[] = {&knn_learner, NULL};
static const struct asx_op *const ops[] = {&neighbors_gemm, NULL};

const struct asx_family asx_family_neighbors = {
    .head = {"neighbors", "nearest rows by distance"},
    .learner = learners,
    .op = ops,
};
