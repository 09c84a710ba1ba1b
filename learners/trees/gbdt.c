/* SPDX-License-Identifier: Apache-2.0 */
/* Gradient boosting on binned matrices: rounds, scores, states, models. */
#include "learners/trees/gbdt.h"

#include "base/err.h"
#include "base/mem.h"
#include "learners/trees/gbdt_fit.h"
#include "learners/trees/work.h"

#include <assay/ext/metric.h>
#include <assay/ext/prep.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

bool trees_curve_add(struct asx_curve *c, int iteration, double value)
{
    if (c->n == c->capacity) {
        int next = c->capacity ? 2 * c->capacity : 64;
        int *it = mem_realloc(NULL, c->iteration, (size_t)next * sizeof *it);
        if (!it)
            return false;
        c->iteration = it;
        double *v = mem_realloc(NULL, c->value, (size_t)next * sizeof *v);
        if (!v)
            return false;
        c->value = v;
        c->capacity = next;
    }
    c->iteration[c->n] = iteration;
    c->value[c->n++] = value;
    return true;
}

double trees_score(const struct asx_problem *p, const struct asx_fold *fold, const float *pred)
{
    struct asx_scored s = {.n = fold->n_test,
                           .outputs = p->outputs,
                           .y = p->y,
                           .pred = pred,
                           .weight = p->score_weight,
                           .row = fold->test,
                           .positive = p->positive};
    return p->metric->score(&s);
}

static asx_st no_memory(struct asx_err *err)
{
    return err_set(err, ASX_E_NOMEM, "out of memory for boosting; raise the memory limit or lower 'num_leaves'");
}

/* ---- state ------------------------------------------------------------------- */

static void free_state(struct asx_state *s)
{
    if (!s)
        return;
    for (int t = 0; s->tree && t < s->iterations * s->loss.scores; t++)
        tree_clear(&s->tree[t]);
    mem_free(s->tree);
    mem_free(s->start);
    mem_free(s->score);
    mem_free(s);
}

static uint64_t state_bytes(const struct asx_state *s)
{
    uint64_t n = sizeof *s + (uint64_t)s->loss.scores * s->rows * sizeof *s->score;
    for (int t = 0; t < s->iterations * s->loss.scores; t++)
        n += tree_bytes(&s->tree[t]);
    return n;
}

static asx_st new_state(struct fit *f, struct asx_err *err)
{
    struct mem *m = f->exec->mem;
    const struct asx_fold *fold = f->fold;
    struct asx_state *s = mem_calloc(m, 1, sizeof *s);
    double *tmp = mem_array(m, fold->n_train + 1, 2 * sizeof *tmp);
    asx_st st = s && tmp ? ASX_OK : no_memory(err);
    if (!st) {
        s->loss = loss_of(&f->params, f->problem);
        s->rows = f->view.rows;
        size_t k = (size_t)s->loss.scores;
        s->start = mem_calloc(m, k, sizeof *s->start);
        s->score = mem_calloc(m, k * s->rows, sizeof *s->score);
        st = s->start && s->score ? loss_check(&s->loss, f->problem, fold->train, fold->n_train, err) : no_memory(err);
    }
    if (!st) {
        loss_start(&s->loss, f->problem, fold->train, fold->n_train, tmp, s->start);
        for (int k = 0; k < s->loss.scores; k++) {
            double *v = s->score + (size_t)k * s->rows;
            for (size_t i = 0; i < fold->n_train; i++)
                v[fold->train[i]] = s->start[k];
            for (size_t i = 0; i < fold->n_test; i++)
                v[fold->test[i]] = s->start[k];
        }
    }
    mem_free(tmp);
    if (st)
        free_state(s);
    else
        f->state = s;
    return st;
}

static asx_st room_for(struct fit *f, int iterations, struct asx_err *err)
{
    struct asx_state *s = f->state;
    if (iterations <= s->room)
        return ASX_OK;
    struct tree *t = mem_realloc(f->exec->mem, s->tree, (size_t)iterations * (size_t)s->loss.scores * sizeof *t);
    if (!t)
        return no_memory(err);
    s->tree = t;
    s->room = iterations;
    return ASX_OK;
}

/* ---- rounds ---------------------------------------------------------------------------- */

/* Predictions of rows from their raw scores; `m`: for more classes than the stack has room for. */
static asx_st predict_scores(struct mem *m, const struct loss *l, const double *score, size_t rows, const uint32_t *row, size_t n,
                             int outputs, float *pred, struct asx_err *err)
{
    enum { FEW = 256 };
    double few[2 * FEW], *many = NULL, *r = few, *o = few + FEW;
    if (l->scores > FEW || outputs > FEW) {
        many = r = mem_array(m, (size_t)l->scores + (size_t)outputs, sizeof *r);
        if (!many)
            return no_memory(err);
        o = r + l->scores;
    }
    for (size_t i = 0; i < n; i++) {
        for (int k = 0; k < l->scores; k++)
            r[k] = score[(size_t)k * rows + row[i]];
        loss_predict(l->kind, l->scores, r, o);
        for (int k = 0; k < outputs; k++)
            pred[i * (size_t)outputs + (size_t)k] = (float)o[k];
    }
    mem_free(many);
    return ASX_OK;
}

static asx_st staged_score(struct fit *f, struct asx_err *err)
{
    const struct asx_state *s = f->state;
    if (!f->member->curve || !f->fold->n_test || !f->problem->metric || s->iterations % TREES_STRIDE)
        return ASX_OK;
    asx_st st = predict_scores(f->exec->mem, &s->loss, s->score, s->rows, f->fold->test, f->fold->n_test, f->problem->outputs,
                               f->pred, err);
    if (st)
        return st;
    if (!trees_curve_add(f->member->curve, s->iterations, trees_score(f->problem, f->fold, f->pred)))
        return no_memory(err);
    return ASX_OK;
}

/* Drops the trees of a round that did not finish and takes their part of the scores back by adding up again. */
static void undo_round(struct fit *f)
{
    struct asx_state *s = f->state;
    for (int k = 0; k < s->loss.scores; k++) {
        struct tree *t = &s->tree[s->iterations * s->loss.scores + k];
        if (t->n_leaves == 0)
            continue;
        tree_clear(t);
        double *v = s->score + (size_t)k * s->rows;
        const struct asx_fold *fold = f->fold;
        for (size_t i = 0; i < fold->n_train + fold->n_test; i++) {
            uint32_t row = i < fold->n_train ? fold->train[i] : fold->test[i - fold->n_train];
            v[row] = s->start[k];
            for (int it = 0; it < s->iterations; it++) {
                const struct tree *x = &s->tree[it * s->loss.scores + k];
                tree_add_leaf(x, tree_leaf_of_bins(x, &f->view, row), 1, &v[row]);
            }
        }
    }
}

static asx_st rounds(struct fit *f, struct asx_err *err)
{
    struct asx_state *s = f->state;
    int to = f->member->to.iterations > 0 ? f->member->to.iterations : f->params.n_estimators;
    asx_st st = room_for(f, to, err);
    while (!st && s->iterations < to) {
        if (f->exec->stop && f->exec->stop(f->exec))
            return ASX_STOPPED;
        st = gbdt_round(f, err);
        if (st) {
            undo_round(f);
            return st;
        }
        s->iterations++;
        st = staged_score(f, err);
    }
    return st;
}

/* ---- the op ------------------------------------------------------------------------------ */

static asx_st fit_member(struct asx_exec *exec, struct asx_member *m, const struct asx_matrix *bins, int kind, struct asx_err *err)
{
    struct fit f = {.exec = exec,
                    .problem = exec->problem,
                    .member = m,
                    .fold = &exec->problem->splits->fold[m->fold],
                    .kind = (enum grow_kind)kind,
                    .state = m->state};
    gbdt_read(m->config, f.problem->task, &f.params);
    if (f.fold->n_train == 0)
        return err_set(err, ASX_E_DATA, "fold %d has no training rows; use fewer folds", m->fold);
    asx_st st = view_init(&f.view, exec, bins, f.params.max_bin, true, err);
    bool fresh = !f.state;
    if (!st && fresh)
        st = new_state(&f, err);
    if (!st)
        st = gbdt_fit_memory(&f, err);
    if (!st)
        st = rounds(&f, err);
    if (!st && m->pred && f.fold->n_test)
        st = predict_scores(exec->mem, &f.state->loss, f.state->score, f.state->rows, f.fold->test, f.fold->n_test,
                            f.problem->outputs, m->pred, err);
    gbdt_fit_clear(&f);
    if (st < 0 && fresh) {
        free_state(f.state);
        f.state = NULL;
    }
    m->state = f.state;
    return st;
}

asx_st trees_run(struct asx_exec *exec, const struct asx_batch *batch, trees_fit_fn *fit, int how, struct asx_err *err)
{
    asx_st st = ASX_OK;
    for (int i = 0; i < batch->n && st <= 0; i++) {
        struct asx_member *m = &batch->member[i];
        m->status = fit(exec, m, exec->in[i * exec->n_needs], how, &m->err);
        if (m->status)
            st = m->status;
    }
    if (batch->n == 1 && st < 0)
        return err_set(err, st, "%s", batch->member[0].err.text);
    return st > 0 ? st : ASX_OK;
}

static asx_st run(struct asx_exec *exec, const struct asx_batch *batch, enum grow_kind kind, struct asx_err *err)
{
    return trees_run(exec, batch, fit_member, (int)kind, err);
}

static asx_st run_fixed(struct asx_exec *exec, const struct asx_batch *batch, struct asx_err *err)
{
    return run(exec, batch, GROW_PACKED, err);
}

static asx_st run_lowbit(struct asx_exec *exec, const struct asx_batch *batch, struct asx_err *err)
{
    return run(exec, batch, GROW_FEW, err);
}

static asx_st run_f64(struct asx_exec *exec, const struct asx_batch *batch, struct asx_err *err)
{
    return run(exec, batch, GROW_DOUBLES, err);
}

static bool wide_bins(const struct asx_problem *p, const struct asx_batch *b)
{
    struct gbdt_params g;
    gbdt_read(b->member[0].config, p->task, &g);
    return g.max_bin > 255;
}

static bool narrow_bins(const struct asx_problem *p, const struct asx_batch *b)
{
    return !wide_bins(p, b);
}

/*
 * The same visits, with two doubles to add (and to scan) where fixed point has one packed word. Softmax goes class by
 * class: an exponential for the sum and one for the class.
 */
static void gbdt_work_f64(const struct asx_problem *p, const struct asx_batch *b, struct asx_work *w)
{
    trees_gbdt_work(p, b, w);
    for (int i = 0; i < w->n_per_iteration; i++) {
        struct asx_use *u = &w->per_iteration[i];
        if (u->k == ASX_KC_HIST)
            u->t = ASX_F64;
        if (u->k == ASX_KC_SPLIT)
            u->m *= 1.5;
        if (u->k == ASX_KC_EXP && p->task == ASX_MULTICLASS)
            u->m *= 2;
    }
    w->scratch -= trees_class_bytes(p, b);
}

const struct asx_op gbdt_fit_f64 = {
    .head = {"gbdt.fit/hist_f64", "histogram boosting with gradients in double precision (reference)"},
    .version = 4,
    .equiv = ASX_BITWISE,
    .needs = {"bins"},
    .gives = "fit",
    .flags = ASX_SEEDED | ASX_SPLITS,
    .can = narrow_bins,
    .work = gbdt_work_f64,
    .run = run_f64,
};

const struct asx_op gbdt_fit_fixed = {
    .head = {"gbdt.fit/hist_fixed", "histogram boosting with gradients in packed fixed point: exact sums"},
    .version = 5,
    .equiv = ASX_CLOSE,
    .tolerance = 1e-5,
    .needs = {"bins"},
    .gives = "fit",
    .flags = ASX_SEEDED | ASX_SPLITS,
    .can = narrow_bins,
    .work = trees_gbdt_work,
    .run = run_fixed,
};

/* Fewer bytes of gradients to move, and one more pass for the leaf values. */
static void gbdt_work_lowbit(const struct asx_problem *p, const struct asx_batch *b, struct asx_work *w)
{
    trees_gbdt_work(p, b, w);
    for (int i = 0; i < w->n_per_iteration; i++) {
        struct asx_use *u = &w->per_iteration[i];
        if (u->k == ASX_KC_PARTITION)
            u->m *= 0.7;
        if (u->k == ASX_KC_STREAM)
            u->m += b->shape.rows;
    }
}

const struct asx_op gbdt_fit_lowbit = {
    .head = {"gbdt.fit/hist_lowbit", "histogram boosting with gradients of 8 bits, stochastically rounded; exact leaf values"},
    .version = 4,
    .equiv = ASX_APPROX,
    .needs = {"bins"},
    .gives = "fit",
    .flags = ASX_SEEDED | ASX_SPLITS,
    .can = narrow_bins,
    .work = gbdt_work_lowbit,
    .run = run_lowbit,
};

/* Histograms of u16 codes do not stay in the first-level cache, and their scans are not vectorised. */
static void gbdt_work_wide(const struct asx_problem *p, const struct asx_batch *b, struct asx_work *w)
{
    trees_gbdt_work(p, b, w);
    for (int i = 0; i < w->n_per_iteration; i++)
        if (w->per_iteration[i].k == ASX_KC_HIST || w->per_iteration[i].k == ASX_KC_SPLIT)
            w->per_iteration[i].m *= 3;
}

const struct asx_op gbdt_fit_wide = {
    .head = {"gbdt.fit/hist_wide", "as hist_fixed, on bins of u16 codes: 'max_bin' above 255"},
    .version = 4,
    .equiv = ASX_CLOSE,
    .tolerance = 1e-5,
    .needs = {"bins16"},
    .gives = "fit",
    .flags = ASX_SEEDED | ASX_SPLITS,
    .can = wide_bins,
    .work = gbdt_work_wide,
    .run = run_fixed,
};

/* ---- the learner ---------------------------------------------------------------------------- */

static asx_st held_out(struct asx_exec *exec, const struct asx_member *m, int iterations, float *pred, struct asx_err *err)
{
    const struct asx_state *s = m->state;
    const struct asx_fold *fold = &exec->problem->splits->fold[m->fold];
    if (iterations <= 0 || iterations >= s->iterations)
        return predict_scores(exec->mem, &s->loss, s->score, s->rows, fold->test, fold->n_test, exec->problem->outputs, pred, err);
    struct view v;
    struct gbdt_params p;
    gbdt_read(m->config, exec->problem->task, &p);
    asx_st st = view_init(&v, exec, exec->in[0], p.max_bin, true, err);
    size_t scores = (size_t)s->loss.scores, n = fold->n_test;
    uint32_t *row = mem_array(exec->mem, n + 1, sizeof *row);
    double *raw = mem_array(exec->mem, n * scores + 1, sizeof *raw);
    if (!st && !(row && raw))
        st = no_memory(err);
    for (size_t i = 0; !st && i < n; i++) {
        row[i] = (uint32_t)i;
        for (size_t k = 0; k < scores; k++)
            raw[k * n + i] = s->start[k];
    }
    for (int t = 0; !st && t < iterations * s->loss.scores; t++)
        for (size_t i = 0; i < n; i++)
            tree_add_leaf(&s->tree[t], tree_leaf_of_bins(&s->tree[t], &v, fold->test[i]), 1, raw + (size_t)t % scores * n + i);
    if (!st)
        st = predict_scores(exec->mem, &s->loss, raw, n, row, n, exec->problem->outputs, pred, err);
    mem_free(row);
    mem_free(raw);
    return st;
}

static asx_st make_model(struct asx_exec *exec, const struct asx_member *m, int iterations, struct asx_model **out,
                         struct asx_err *err)
{
    const struct asx_state *s = m->state;
    const struct asx_matrix *bins = exec->in[0];
    int n = iterations > 0 && iterations < s->iterations ? iterations : s->iterations;
    asx_st st = model_create(exec->mem, s->tree, n * s->loss.scores, bins->cols, out, err);
    if (st)
        return st;
    struct asx_model *x = *out;
    x->loss = s->loss.kind;
    x->scores = s->loss.scores;
    x->outputs = exec->problem->outputs;
    x->start = mem_array(exec->mem, (size_t)x->scores, sizeof *x->start);
    if (!x->start) {
        model_free(x);
        *out = NULL;
        return no_memory(err);
    }
    memcpy(x->start, s->start, (size_t)x->scores * sizeof *x->start);
    return ASX_OK;
}

static const struct asx_op *const ways[] = {&gbdt_fit_f64, &gbdt_fit_lowbit, &gbdt_fit_wide, &gbdt_fit_fixed, NULL};

/* Strong starts: the default; small trees for little data; a slow learner; random cuts; wide trees on samples. */
static const char *const first[] = {
    "{}",
    "{\"categorical\": \"tfidf\"}", /* levels that read like text; elsewhere the same as the first, hence skipped */
    "{\"learning_rate\": 0.05, \"num_leaves\": 31, \"min_data_in_leaf\": 10, \"feature_fraction\": 0.7, \"bagging_fraction\": 0.8, "
    "\"l2\": 1}",
    "{\"learning_rate\": 0.1, \"num_leaves\": 8, \"min_data_in_leaf\": 5, \"feature_fraction\": 0.6, \"bagging_fraction\": 0.9, "
    "\"l2\": 0.1}",
    "{\"extra_trees\": true, \"learning_rate\": 0.05, \"num_leaves\": 31, \"min_data_in_leaf\": 5, \"feature_fraction\": 0.9}",
    "{\"learning_rate\": 0.02, \"num_leaves\": 63, \"min_data_in_leaf\": 20, \"feature_fraction\": 0.5, \"bagging_fraction\": 0.8, "
    "\"l2\": 1}",
    "{\"learning_rate\": 0.03, \"num_leaves\": 127, \"min_data_in_leaf\": 5, \"feature_fraction\": 0.9, \"bagging_fraction\": 0.9}",
    "{\"learning_rate\": 0.06, \"num_leaves\": 5, \"min_data_in_leaf\": 2, \"feature_fraction\": 0.8, \"l2\": 3}",
    NULL,
};

const struct asx_learner gbdt_learner = {
    .head = {"gbdt", "gradient boosted trees on binned columns"},
    .version = 1,
    .tasks = ASX_ANY_TASK,
    .monotone = true,
    .prep_role = ASX_FOR_TREES,
    .params = gbdt_param,
    .n_params = GBDT_PARAMS,
    .first = first,
    .iterations = "n_estimators",
    .first_rung = 60,
    .resumable = true,
    .nominal_cost = 1,
    .fit = ways,
    .free_state = free_state,
    .state_bytes = state_bytes,
    .held_out = held_out,
    .model = make_model,
    .predict = model_predict,
    .importance = model_importance,
    .split_importance = model_split_importance,
    .explain = model_explain,
    .link = model_link,
    .save = model_save,
    .load = model_load,
    .free_model = model_free,
};
