/* SPDX-License-Identifier: Apache-2.0 */
/* Forests: what trees share, rounds of trees, votes, models. */
#include "learners/trees/forest.h"

#include "base/err.h"
#include "base/mem.h"
#include "learners/trees/forest_grow.h"
#include "learners/trees/gbdt.h"
#include "learners/trees/work.h"

#include <assay/ext/prep.h>
#include <math.h>
#include <stdatomic.h>
#include <string.h>

enum { CHUNK = 1 << 12, WAVE = 16 };

/** Trees and, for staged scores, the held-out rows' votes so far. */
struct asx_state {
    int dims, iterations, room;
    struct tree *tree;
    double *vote; /* [n_test * dims] sums over trees */
    size_t n_test;
};

struct fit {
    struct asx_exec *exec;
    const struct asx_problem *problem;
    struct asx_member *member;
    const struct asx_fold *fold;
    struct forest_data data;
    struct view view;
    struct forest_lists lists;
    struct asx_state *state;
    int64_t *target;
    uint16_t *weight;
    struct forest_work **work; /* [threads] */
    float *pred;
    int first, wave; /* trees first .. first + wave - 1 are growing */
    _Atomic int status;
};

static asx_st no_memory(struct asx_err *err)
{
    return err_set(err, ASX_E_NOMEM, "out of memory for growing a forest; raise the memory limit or lower 'n_estimators'");
}

static void free_state(struct asx_state *s)
{
    if (!s)
        return;
    for (int t = 0; s->tree && t < s->iterations; t++)
        tree_clear(&s->tree[t]);
    mem_free(s->tree);
    mem_free(s->vote);
    mem_free(s);
}

static uint64_t state_bytes(const struct asx_state *s)
{
    uint64_t n = sizeof *s + (uint64_t)s->n_test * (uint64_t)s->dims * sizeof *s->vote;
    for (int t = 0; t < s->iterations; t++)
        n += tree_bytes(&s->tree[t]);
    return n;
}

/* ---- what trees share ------------------------------------------------------------- */

/*
 * What `rows` rows weigh that may stand alone: the lightest one, and the others the mean. So one row is always enough, equal
 * weights count rows, and the scale of weights does not matter, as it does not for means and shares.
 */
static double weight_of_leaf(const uint16_t *weight, size_t n, double rows)
{
    double sum = 0, lightest = HUGE_VAL;
    size_t some = 0;
    for (size_t i = 0; i < n; i++) {
        sum += weight[i];
        some += weight[i] > 0;
        lightest = weight[i] > 0 && weight[i] < lightest ? weight[i] : lightest;
    }
    return lightest + (rows - 1) * sum / (double)some;
}

/* Sample weights as 16-bit integers; their sum with bootstrap counts stays below 2^31. */
static asx_st share_weights(struct fit *f, struct asx_err *err)
{
    const double *w = f->problem->fit_weight;
    struct forest_data *d = &f->data;
    d->weight_unit = 1;
    d->min_weight = d->params.min_samples_leaf;
    if (!w)
        return ASX_OK;
    double top = 0, sum = 0;
    for (size_t i = 0; i < d->n; i++) {
        double v = w[d->row[i]];
        top = v > top ? v : top;
        sum += v;
    }
    if (!(sum > 0))
        return err_set(err, ASX_E_DATA, "all weights of a fold are 0; give some rows a weight");
    double unit = top / 4095, by_sum = sum / 5e8;
    d->weight_unit = unit > by_sum ? unit : by_sum;
    f->weight = mem_array(f->exec->mem, d->n + 1, sizeof *f->weight);
    if (!f->weight)
        return no_memory(err);
    for (size_t i = 0; i < d->n; i++) {
        double v = w[d->row[i]] / d->weight_unit + 0.5;
        f->weight[i] = (uint16_t)(v < 1 && w[d->row[i]] > 0 ? 1 : v);
    }
    d->weight = f->weight;
    d->min_weight = weight_of_leaf(f->weight, d->n, d->params.min_samples_leaf);
    return ASX_OK;
}

/* Targets as integers around their mean: sums of weight * target stay below 2^62. */
static asx_st share_targets(struct fit *f, struct asx_err *err)
{
    const struct asx_problem *p = f->problem;
    struct forest_data *d = &f->data;
    if (d->classes) {
        d->label = p->label;
        return ASX_OK;
    }
    double mean = 0, top = 0;
    for (size_t i = 0; i < d->n; i++)
        mean += (p->y[d->row[i]] - mean) / (double)(i + 1);
    for (size_t i = 0; i < d->n; i++) {
        double v = fabs(p->y[d->row[i]] - mean);
        top = v > top ? v : top;
    }
    d->centre = mean;
    d->unit = top > 0 ? top / 0x1p30 : 1; /* 30 bits of target, 31 of weight */
    f->target = mem_array(f->exec->mem, d->n + 1, sizeof *f->target);
    for (size_t i = 0; f->target && i < d->n; i++)
        f->target[i] = (int64_t)llrint((p->y[d->row[i]] - mean) / d->unit);
    d->target = f->target;
    return f->target ? ASX_OK : no_memory(err);
}

static int features_of(const struct forest_params *p, int features, bool classes)
{
    double n = p->max_features > 0 ? p->max_features * features : classes ? sqrt(features) : features;
    return n < 1 ? 1 : (int)(n + 1e-9);
}

static asx_st share(struct fit *f, const struct asx_matrix *bins, struct asx_err *err)
{
    struct forest_data *d = &f->data;
    asx_st st = view_init(&f->view, f->exec, bins, d->params.max_bin, false, err);
    if (st)
        return st;
    d->exec = f->exec;
    d->view = &f->view;
    d->n = f->fold->n_train;
    d->row = f->fold->train;
    d->classes = f->problem->classes;
    d->unit = 1;
    d->max_features = features_of(&d->params, f->view.features, d->classes > 0);
    st = share_weights(f, err);
    if (!st)
        st = share_targets(f, err);
    if (!st && forest_lists_make(&f->lists, f->exec, &f->view, d->row, d->n))
        st = no_memory(err);
    d->list = f->lists.list;
    if (!st && d->params.random_cuts && forest_middles_make(d, f->exec->scratch))
        st = no_memory(err);
    return st;
}

/* ---- trees ------------------------------------------------------------------------------ */

static uint64_t seed_of(const struct asx_member *m, int tree)
{
    struct rng r = rng_stream(m->seed, 0x666f7265, (uint64_t)tree, 0);
    return rng_at(&r, 0);
}

static void tree_chunk(void *arg, size_t i, int worker)
{
    struct fit *f = arg;
    struct tree *t = &f->state->tree[f->first + (int)i];
    *t = (struct tree){0};
    if (atomic_load(&f->status))
        return;
    if (!f->work[worker])
        f->work[worker] = forest_work_create(&f->data, f->exec->mem);
    asx_st st = f->work[worker] ? forest_tree(&f->data, f->work[worker], seed_of(f->member, f->first + (int)i), f->exec->mem, t)
                                : ASX_E_NOMEM;
    if (st)
        atomic_store(&f->status, st);
}

static void vote_chunk(void *arg, size_t c, int worker)
{
    (void)worker;
    struct fit *f = arg;
    struct asx_state *s = f->state;
    size_t from = c * CHUNK, to = from + CHUNK < s->n_test ? from + CHUNK : s->n_test;
    for (int t = f->first; t < f->first + f->wave; t++)
        for (size_t i = from; i < to; i++)
            tree_add_leaf(&s->tree[t], tree_leaf_of_bins(&s->tree[t], &f->view, f->fold->test[i]), 1,
                          s->vote + i * (size_t)s->dims);
}

static void votes_to_pred(const double *vote, size_t n, int dims, int trees, float *pred)
{
    for (size_t i = 0; i < n; i++) {
        double sum = 0;
        for (int k = 0; k < dims; k++)
            sum += vote[i * (size_t)dims + (size_t)k];
        double by = dims > 1 && sum > 0 ? sum : trees;
        for (int k = 0; k < dims; k++)
            pred[i * (size_t)dims + (size_t)k] = (float)(vote[i * (size_t)dims + (size_t)k] / by);
    }
}

/* Adds the votes of new trees; stops at curve points to score them. */
static asx_st count_votes(struct fit *f, int from, int to, struct asx_err *err)
{
    struct asx_state *s = f->state;
    while (from < to) {
        int next = (from / TREES_STRIDE + 1) * TREES_STRIDE;
        next = next < to ? next : to;
        f->first = from;
        f->wave = next - from;
        f->exec->split(f->exec, (s->n_test + CHUNK - 1) / CHUNK, vote_chunk, f);
        from = next;
        if (from % TREES_STRIDE || !f->member->curve || !s->n_test || !f->problem->metric)
            continue;
        votes_to_pred(s->vote, s->n_test, s->dims, from, f->pred);
        if (!trees_curve_add(f->member->curve, from, trees_score(f->problem, f->fold, f->pred)))
            return no_memory(err);
    }
    return ASX_OK;
}

/* Trees of a wave grow side by side; an unfinished wave leaves the state as it was before. */
static asx_st waves(struct fit *f, int to, struct asx_err *err)
{
    struct asx_state *s = f->state;
    while (s->iterations < to) {
        if (f->exec->stop && f->exec->stop(f->exec))
            return ASX_STOPPED;
        int n = to - s->iterations < WAVE ? to - s->iterations : WAVE;
        f->first = s->iterations;
        f->exec->split(f->exec, (size_t)n, tree_chunk, f);
        asx_st st = atomic_load(&f->status);
        if (st) {
            for (int i = 0; i < n; i++)
                tree_clear(&s->tree[f->first + i]);
            return st < 0 ? no_memory(err) : st;
        }
        int from = s->iterations;
        s->iterations += n;
        st = count_votes(f, from, s->iterations, err);
        if (st)
            return st;
    }
    return ASX_OK;
}

static asx_st open_state(struct fit *f, int to, struct asx_err *err)
{
    struct asx_state *s = f->state;
    if (!s) {
        s = f->state = mem_calloc(f->exec->mem, 1, sizeof *s);
        if (!s)
            return no_memory(err);
        s->dims = f->problem->classes ? f->problem->classes : 1;
        s->n_test = f->fold->n_test;
        s->vote = mem_calloc(f->exec->mem, s->n_test * (size_t)s->dims + 1, sizeof *s->vote);
        if (!s->vote)
            return no_memory(err);
    }
    if (to <= s->room)
        return ASX_OK;
    struct tree *t = mem_realloc(f->exec->mem, s->tree, (size_t)to * sizeof *t);
    if (!t)
        return no_memory(err);
    s->tree = t;
    s->room = to;
    return ASX_OK;
}

static void fit_clear(struct fit *f)
{
    for (int i = 0; f->work && i < f->exec->threads; i++)
        forest_work_free(f->work[i]);
    mem_free(f->work);
    forest_lists_clear(&f->lists);
    mem_free(f->target);
    mem_free(f->weight);
    mem_free(f->pred);
}

static asx_st fit_member(struct asx_exec *exec, struct asx_member *m, const struct asx_matrix *bins, int which, struct asx_err *err)
{
    struct fit f = {
        .exec = exec, .problem = exec->problem, .member = m, .fold = &exec->problem->splits->fold[m->fold], .state = m->state};
    forest_read(m->config, which, &f.data.params);
    if (f.fold->n_train == 0)
        return err_set(err, ASX_E_DATA, "fold %d has no training rows; use fewer folds", m->fold);
    if (f.problem->classes > 65535)
        return err_set(err, ASX_E_UNSUPPORTED, "forests take at most 65535 classes, the target has %d; use 'gbdt'",
                       f.problem->classes);
    int to = which == 2 ? 1 : m->to.iterations > 0 ? m->to.iterations : f.data.params.n_estimators;
    bool fresh = !m->state;
    asx_st st = share(&f, bins, err);
    if (!st)
        st = open_state(&f, to, err);
    f.work = mem_calloc(exec->mem, (size_t)exec->threads + 1, sizeof *f.work);
    f.pred = mem_array(exec->mem, f.fold->n_test * (size_t)exec->problem->outputs + 1, sizeof *f.pred);
    if (!st && !(f.work && f.pred))
        st = no_memory(err);
    if (!st)
        st = waves(&f, to, err);
    if (!st && m->pred && f.fold->n_test)
        votes_to_pred(f.state->vote, f.state->n_test, f.state->dims, f.state->iterations, m->pred);
    fit_clear(&f);
    if (st < 0 && fresh) {
        free_state(f.state);
        f.state = NULL;
    }
    m->state = f.state;
    return st;
}

static asx_st run(struct asx_exec *exec, const struct asx_batch *batch, int which, struct asx_err *err)
{
    return trees_run(exec, batch, fit_member, which, err);
}

static asx_st run_forest(struct asx_exec *e, const struct asx_batch *b, struct asx_err *err)
{
    return run(e, b, 0, err);
}

static asx_st run_extra(struct asx_exec *e, const struct asx_batch *b, struct asx_err *err)
{
    return run(e, b, 1, err);
}

static asx_st run_tree(struct asx_exec *e, const struct asx_batch *b, struct asx_err *err)
{
    return run(e, b, 2, err);
}

/* ---- work --------------------------------------------------------------------------------- */

static void work_forest(const struct asx_problem *p, const struct asx_batch *b, struct asx_work *w)
{
    trees_forest_work(p, b, w, 0);
}

static void work_extra(const struct asx_problem *p, const struct asx_batch *b, struct asx_work *w)
{
    trees_forest_work(p, b, w, 1);
}

static void work_tree(const struct asx_problem *p, const struct asx_batch *b, struct asx_work *w)
{
    trees_forest_work(p, b, w, 2);
}

static const struct asx_op forest_fit = {
    .head = {"forest.fit/hist", "random forest on binned columns, trees across threads"},
    .version = 3,
    .equiv = ASX_BITWISE,
    .needs = {"bins"},
    .gives = "fit",
    .flags = ASX_SEEDED | ASX_SPLITS,
    .work = work_forest,
    .run = run_forest,
};
static const struct asx_op extra_fit = {
    .head = {"extra_trees.fit/hist", "extremely randomised trees on binned columns, trees across threads"},
    .version = 3,
    .equiv = ASX_BITWISE,
    .needs = {"bins"},
    .gives = "fit",
    .flags = ASX_SEEDED | ASX_SPLITS,
    .work = work_extra,
    .run = run_extra,
};
static const struct asx_op tree_fit = {
    .head = {"tree.fit/hist", "one decision tree on binned columns"},
    .version = 3,
    .equiv = ASX_BITWISE,
    .needs = {"bins"},
    .gives = "fit",
    .flags = ASX_SEEDED,
    .work = work_tree,
    .run = run_tree,
};

/* ---- the learners ------------------------------------------------------------------------------ */

static asx_st held_out_of(struct asx_exec *exec, const struct asx_member *m, int iterations, int which, float *pred,
                          struct asx_err *err)
{
    const struct asx_state *s = m->state;
    const struct asx_fold *fold = &exec->problem->splits->fold[m->fold];
    if (iterations <= 0 || iterations >= s->iterations) {
        votes_to_pred(s->vote, s->n_test, s->dims, s->iterations, pred);
        return ASX_OK;
    }
    struct view v;
    struct forest_params p;
    forest_read(m->config, which, &p);
    asx_st st = view_init(&v, exec, exec->in[0], p.max_bin, false, err);
    double *vote = mem_calloc(exec->mem, s->n_test * (size_t)s->dims + 1, sizeof *vote);
    if (!st && !vote)
        st = no_memory(err);
    for (int t = 0; !st && t < iterations; t++)
        for (size_t i = 0; i < s->n_test; i++)
            tree_add_leaf(&s->tree[t], tree_leaf_of_bins(&s->tree[t], &v, fold->test[i]), 1, vote + i * (size_t)s->dims);
    if (!st)
        votes_to_pred(vote, s->n_test, s->dims, iterations, pred);
    mem_free(vote);
    return st;
}

static asx_st held_out_forest(struct asx_exec *e, const struct asx_member *m, int n, float *pred, struct asx_err *err)
{
    return held_out_of(e, m, n, 0, pred, err);
}

static asx_st held_out_extra(struct asx_exec *e, const struct asx_member *m, int n, float *pred, struct asx_err *err)
{
    return held_out_of(e, m, n, 1, pred, err);
}

static asx_st make_model(struct asx_exec *exec, const struct asx_member *m, int iterations, struct asx_model **out,
                         struct asx_err *err)
{
    const struct asx_state *s = m->state;
    int n = iterations > 0 && iterations < s->iterations ? iterations : s->iterations;
    asx_st st = model_create(exec->mem, s->tree, n, ((const struct asx_matrix *)exec->in[0])->cols, out, err);
    if (st)
        return st;
    struct asx_model *x = *out;
    x->averaged = true;
    x->loss = LOSS_SQUARED;
    x->scores = x->outputs = s->dims;
    x->start = mem_calloc(exec->mem, (size_t)x->scores, sizeof *x->start);
    if (x->start)
        return ASX_OK;
    model_free(x);
    *out = NULL;
    return no_memory(err);
}

/* ---- out of bag ---------------------------------------------------------------------------- */

/* Votes of one tree for the rows it did not draw. */
struct oob {
    const struct tree *tree;
    const struct view *view;
    const uint32_t *row;
    size_t n, dims;
    const uint8_t *drawn;
    double *vote;
    uint32_t *seen;
};

static void oob_chunk(void *arg, size_t c, int worker)
{
    (void)worker;
    struct oob *o = arg;
    size_t to = (c + 1) * CHUNK < o->n ? (c + 1) * CHUNK : o->n;
    for (size_t i = c * CHUNK; i < to; i++) {
        if (o->drawn[i])
            continue;
        tree_add_leaf(o->tree, tree_leaf_of_bins(o->tree, o->view, o->row[i]), 1, o->vote + i * o->dims);
        o->seen[i]++;
    }
}

/* Draws each tree's sample again from its seed, so nothing has to be kept while training. */
static asx_st oob_votes(struct asx_exec *exec, const struct asx_member *m, const struct forest_params *p, int trees, struct oob *o,
                        uint8_t *drawn)
{
    size_t want = (size_t)((double)o->n * p->max_samples + 0.5);
    o->drawn = drawn;
    for (int t = 0; t < trees; t++) {
        struct rng r = rng_stream(seed_of(m, t), 0x666f72, 0, 0);
        if (exec->stop && exec->stop(exec))
            return ASX_STOPPED;
        memset(drawn, 0, o->n);
        for (size_t i = 0; i < (want < 1 ? 1 : want); i++)
            drawn[rng_below(&r, o->n)] = 1;
        o->tree = &m->state->tree[t];
        exec->split(exec, (o->n + CHUNK - 1) / CHUNK, oob_chunk, o);
    }
    return ASX_OK;
}

static asx_st out_of_bag(struct asx_exec *exec, const struct asx_member *m, int iterations, float *pred, struct asx_err *err)
{
    const struct asx_fold *fold = &exec->problem->splits->fold[m->fold];
    const struct asx_state *s = m->state;
    int trees = iterations > 0 && iterations < s->iterations ? iterations : s->iterations;
    size_t n = fold->n_train, dims = (size_t)s->dims;
    struct forest_params p;
    struct view view;
    forest_read(m->config, 0, &p);
    for (size_t i = 0; i < n * dims; i++)
        pred[i] = NAN;
    if (!p.bootstrap)
        return ASX_OK;
    struct oob o = {.view = &view, .row = fold->train, .n = n, .dims = dims};
    asx_st st = view_init(&view, exec, exec->in[0], p.max_bin, false, err);
    uint8_t *drawn = mem_array(exec->mem, n + 1, 1);
    o.vote = mem_calloc(exec->mem, n * dims + 1, sizeof *o.vote);
    o.seen = mem_calloc(exec->mem, n + 1, sizeof *o.seen);
    if (!st)
        st = o.vote && o.seen && drawn ? oob_votes(exec, m, &p, trees, &o, drawn) : no_memory(err);
    for (size_t i = 0; !st && i < n; i++)
        for (size_t k = 0; k < dims && o.seen[i]; k++)
            pred[i * dims + k] = (float)(o.vote[i * dims + k] / o.seen[i]);
    mem_free(o.vote);
    mem_free(o.seen);
    mem_free(drawn);
    return st;
}

static const struct asx_op *const forest_ways[] = {&forest_fit, NULL}, *const extra_ways[] = {&extra_fit, NULL},
                                  *const tree_ways[] = {&tree_fit, NULL};

static const char *const forest_first[] = {
    "{}",
    "{\"max_features\": 0.5, \"min_samples_leaf\": 2}",
    "{\"min_samples_leaf\": 5, \"criterion\": \"entropy\"}",
    NULL,
};
static const char *const extra_first[] = {
    "{}",
    "{\"max_features\": 0.5, \"min_samples_leaf\": 2}",
    "{\"max_features\": 1, \"min_samples_leaf\": 5}",
    NULL,
};
static const char *const tree_first[] = {"{\"min_samples_leaf\": 5, \"max_depth\": 8}", "{\"min_samples_leaf\": 20}", NULL};

#define SHARED                                                                                                                     \
    .tasks = ASX_ANY_TASK, .monotone = true, .prep_role = ASX_FOR_TREES, .free_state = free_state, .state_bytes = state_bytes,     \
    .model = make_model, .predict = model_predict, .importance = model_importance, .split_importance = model_split_importance,     \
    .explain = model_explain, .save = model_save, .load = model_load, .free_model = model_free

const struct asx_learner forest_learner = {
    .head = {"forest", "random forest"},
    .version = 1,
    .params = forest_param,
    .n_params = FOREST_PARAMS,
    .first = forest_first,
    .iterations = "n_estimators",
    .first_rung = 50,
    .resumable = true,
    .exchangeable = true,
    .nominal_cost = 2,
    .fit = forest_ways,
    .held_out = held_out_forest,
    .out_of_bag = out_of_bag,
    SHARED,
};
const struct asx_learner extra_trees_learner = {
    .head = {"extra_trees", "extremely randomised trees"},
    .version = 1,
    .params = extra_trees_param,
    .n_params = EXTRA_TREES_PARAMS,
    .first = extra_first,
    .iterations = "n_estimators",
    .first_rung = 50,
    .resumable = true,
    .exchangeable = true,
    .nominal_cost = 1.9,
    .fit = extra_ways,
    .held_out = held_out_extra,
    SHARED,
};
const struct asx_learner tree_learner = {
    .head = {"tree", "one decision tree"},
    .version = 1,
    .params = tree_param,
    .n_params = TREE_PARAMS,
    .first = tree_first,
    .nominal_cost = 0.1,
    .fit = tree_ways,
    SHARED,
};
