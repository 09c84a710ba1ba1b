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

/* ---- one tree ------------------------------------------------------------------------ */

/* The rows of all leaves in pieces, leaf by leaf. */
static asx_st list_pieces(struct fit *f)
{
    size_t most = (size_t)f->tree->n_leaves + gbdt_chunks(f->fold->n_train), n = 0;
    if (most > f->piece_room) {
        struct leaf_piece *p = mem_realloc(f->exec->mem, f->piece, most * sizeof *p);
        if (!p)
            return ASX_E_NOMEM;
        f->piece = p;
        f->piece_room = most;
    }
    for (int l = 0; l < f->tree->n_leaves; l++) {
        size_t rows = f->grow.leaf[l].count;
        for (size_t from = 0; from < rows; from += GBDT_CHUNK)
            f->piece[n++] = (struct leaf_piece){.leaf = l, .from = from, .n = rows - from < GBDT_CHUNK ? rows - from : GBDT_CHUNK};
    }
    f->pieces = n;
    return ASX_OK;
}

static void score_piece(void *arg, size_t i, int worker)
{
    (void)worker;
    struct fit *f = arg;
    const struct leaf_piece *p = &f->piece[i];
    const uint32_t *row = grow_rows(&f->grow, &f->grow.leaf[p->leaf]) + p->from;
    double v = f->tree->value[f->tree->at[p->leaf]], *score = f->state->score + (size_t)f->score * f->state->rows;
    for (size_t k = 0; k < p->n; k++) {
        __builtin_prefetch(score + row[k + 32 < p->n ? k + 32 : k], 1);
        score[row[k]] += v;
    }
}

static void exact_piece(void *arg, size_t i, int worker)
{
    (void)worker;
    struct fit *f = arg;
    gbdt_exact_sums(f, &f->piece[i]);
}

struct walk_job {
    struct fit *f;
    const uint32_t *row;
    size_t n;
};

static void walk_chunk(void *arg, size_t c, int worker)
{
    (void)worker;
    struct walk_job *job = arg;
    struct fit *f = job->f;
    double *score = f->state->score + (size_t)f->score * f->state->rows;
    size_t from = c * GBDT_CHUNK, to = from + gbdt_chunk_rows(job->n, c);
    for (size_t i = from; i < to; i++)
        tree_add_leaf(f->tree, tree_leaf_of_bins(f->tree, &f->view, job->row[i]), 1, score + job->row[i]);
}

static void walk_rows(struct fit *f, const uint32_t *row, size_t n)
{
    struct walk_job job = {f, row, n};
    f->exec->split(f->exec, gbdt_chunks(n), walk_chunk, &job);
}

/* Few bits choose the splits only: leaf values come from the gradients before rounding. */
static void refit_sums(struct fit *f)
{
    f->exec->split(f->exec, f->pieces, exact_piece, f);
    for (int l = 0; l < f->tree->n_leaves; l++)
        f->grow.leaf[l].sum_g = f->grow.leaf[l].sum_h = 0;
    for (size_t i = 0; i < f->pieces; i++) {
        f->grow.leaf[f->piece[i].leaf].sum_g += f->piece[i].g;
        f->grow.leaf[f->piece[i].leaf].sum_h += f->piece[i].h;
    }
}

static asx_st leaf_values(struct fit *f, struct asx_err *err)
{
    const struct grow_params *p = &f->params.grow;
    const struct asx_state *s = f->state;
    if (f->kind == GROW_FEW)
        refit_sums(f);
    for (int l = 0; l < f->tree->n_leaves; l++) {
        const struct grow_leaf *leaf = &f->grow.leaf[l];
        double v = split_leaf_value(leaf->sum_g, leaf->sum_h, p->l1, p->l2);
        if (s->loss.refine)
            v = loss_refine(&s->loss, f->problem, s->score, grow_rows(&f->grow, leaf), leaf->count, f->residual);
        v = v < leaf->low ? leaf->low : v > leaf->high ? leaf->high : v;
        v *= f->params.learning_rate;
        if (tree_set_leaf(f->tree, l, &v))
            return no_memory(err);
    }
    return ASX_OK;
}

static asx_st boost_tree(struct fit *f, int k, struct asx_err *err)
{
    double g, h;
    f->score = k;
    f->iteration = f->state->iterations;
    f->tree = &f->state->tree[f->iteration * f->state->loss.scores + k];
    if (tree_init(f->tree, f->exec->mem, 32, 1))
        return no_memory(err);
    size_t n = gbdt_gradients(f, &g, &h);
    struct rng r = rng_stream(f->member->seed, 0x74726565, (uint64_t)f->iteration, (uint64_t)k);
    asx_st st = grow_tree(&f->grow, n, g, h, rng_at(&r, 0), f->tree, err);
    if (!st && list_pieces(f))
        st = no_memory(err);
    if (!st)
        st = leaf_values(f, err);
    if (st) {
        tree_clear(f->tree);
        return st;
    }
    f->exec->split(f->exec, f->pieces, score_piece, f);
    if (f->params.bagging_fraction < 1)
        walk_rows(f, f->out_row, f->n_out);
    walk_rows(f, f->fold->test, f->fold->n_test);
    tree_shrink(f->tree);
    return ASX_OK;
}

/* ---- rounds ---------------------------------------------------------------------------- */

static void predict_scores(const struct loss *l, const double *score, size_t rows, const uint32_t *row, size_t n, int outputs,
                           float *pred)
{
    double raw[256], out[256];
    double *r = raw, *o = out;
    if (l->scores > 256 || outputs > 256) {
        r = mem_array(NULL, (size_t)l->scores, sizeof *r);
        o = mem_array(NULL, (size_t)outputs, sizeof *o);
    }
    for (size_t i = 0; r && o && i < n; i++) {
        for (int k = 0; k < l->scores; k++)
            r[k] = score[(size_t)k * rows + row[i]];
        loss_predict(l->kind, l->scores, r, o);
        for (int k = 0; k < outputs; k++)
            pred[i * (size_t)outputs + (size_t)k] = (float)o[k];
    }
    if (r != raw) {
        mem_free(r);
        mem_free(o);
    }
}

static asx_st staged_score(struct fit *f, struct asx_err *err)
{
    const struct asx_state *s = f->state;
    if (!f->member->curve || !f->fold->n_test || !f->problem->metric || s->iterations % TREES_STRIDE)
        return ASX_OK;
    predict_scores(&s->loss, s->score, s->rows, f->fold->test, f->fold->n_test, f->problem->outputs, f->pred);
    if (!trees_curve_add(f->member->curve, s->iterations, trees_score(f->problem, f->fold, f->pred)))
        return no_memory(err);
    return ASX_OK;
}

/* Drops the trees of a round that did not finish and takes their part of the scores back by adding up again. */
static void undo_round(struct fit *f, int done)
{
    struct asx_state *s = f->state;
    for (int k = 0; k < done; k++) {
        struct tree *t = &s->tree[s->iterations * s->loss.scores + k];
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
        gbdt_lse(f);
        int k = 0;
        for (; !st && k < s->loss.scores; k++)
            st = boost_tree(f, k, err);
        if (st) {
            undo_round(f, k - 1);
            return st;
        }
        s->iterations++;
        st = staged_score(f, err);
    }
    return st;
}

/* ---- the op ------------------------------------------------------------------------------ */

static asx_st fit_memory(struct fit *f, struct asx_err *err)
{
    struct mem *m = f->exec->mem;
    size_t n = f->fold->n_train, chunks = gbdt_chunks(n) + 1;
    bool softmax = f->state->loss.kind == LOSS_SOFTMAX, bagged = f->params.bagging_fraction < 1;
    f->chunk_g = mem_array(m, chunks, sizeof *f->chunk_g);
    f->chunk_h = mem_array(m, chunks, sizeof *f->chunk_h);
    f->chunk_gh = mem_array(m, chunks, sizeof *f->chunk_gh);
    f->pred = mem_array(m, f->fold->n_test * (size_t)f->problem->outputs + 1, sizeof *f->pred);
    if (softmax && f->kind == GROW_DOUBLES)
        f->lse64 = mem_array(m, n, sizeof *f->lse64);
    else if (softmax)
        f->lse = mem_array(m, n, sizeof *f->lse);
    if (f->kind == GROW_FEW)
        f->exact = mem_array(m, f->view.rows + 1, 2 * sizeof *f->exact);
    if (bagged)
        f->out_row = mem_array(m, n + 1, sizeof *f->out_row);
    if (f->state->loss.refine)
        f->residual = mem_array(m, n + 1, 2 * sizeof *f->residual);
    bool ok = f->chunk_g && f->chunk_h && f->chunk_gh && f->pred && (!softmax || f->lse || f->lse64) && (!bagged || f->out_row) &&
              (f->kind != GROW_FEW || f->exact) && (!f->state->loss.refine || f->residual);
    return ok ? ASX_OK : no_memory(err);
}

static void fit_clear(struct fit *f)
{
    grow_clear(&f->grow);
    mem_free(f->chunk_g);
    mem_free(f->chunk_h);
    mem_free(f->chunk_gh);
    mem_free(f->pred);
    mem_free(f->lse);
    mem_free(f->lse64);
    mem_free(f->exact);
    mem_free(f->piece);
    mem_free(f->out_row);
    mem_free(f->residual);
}

static asx_st fit_member(struct asx_exec *exec, struct asx_member *m, const struct asx_matrix *bins, enum grow_kind kind,
                         struct asx_err *err)
{
    struct fit f = {.exec = exec,
                    .problem = exec->problem,
                    .member = m,
                    .fold = &exec->problem->splits->fold[m->fold],
                    .kind = kind,
                    .state = m->state};
    gbdt_read(m->config, f.problem->task, &f.params);
    if (f.fold->n_train == 0)
        return err_set(err, ASX_E_DATA, "fold %d has no training rows; use fewer folds", m->fold);
    asx_st st = view_init(&f.view, exec, bins, f.params.max_bin, true, err);
    bool fresh = !f.state;
    if (!st && fresh)
        st = new_state(&f, err);
    if (!st)
        st = fit_memory(&f, err);
    if (!st)
        st = grow_init(&f.grow, exec, &f.view, &f.params.grow, f.fold->n_train, kind, err);
    for (size_t i = 1; i < f.fold->n_train && f.grow.ascending; i++)
        f.grow.ascending = f.fold->train[i - 1] < f.fold->train[i];
    if (!st)
        st = rounds(&f, err);
    if (!st && m->pred && f.fold->n_test)
        predict_scores(&f.state->loss, f.state->score, f.state->rows, f.fold->test, f.fold->n_test, f.problem->outputs, m->pred);
    fit_clear(&f);
    if (st < 0 && fresh) {
        free_state(f.state);
        f.state = NULL;
    }
    m->state = f.state;
    return st;
}

static asx_st run(struct asx_exec *exec, const struct asx_batch *batch, enum grow_kind kind, struct asx_err *err)
{
    asx_st st = ASX_OK;
    for (int i = 0; i < batch->n && st <= 0; i++) {
        struct asx_member *m = &batch->member[i];
        m->status = fit_member(exec, m, exec->in[i * exec->n_needs], kind, &m->err);
        if (m->status)
            st = m->status;
    }
    if (batch->n == 1 && st < 0)
        return err_set(err, st, "%s", batch->member[0].err.text);
    return st > 0 ? st : ASX_OK;
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

/* The same visits, with two doubles to add (and to scan) where fixed point has one packed word. */
static void gbdt_work_f64(const struct asx_problem *p, const struct asx_batch *b, struct asx_work *w)
{
    trees_gbdt_work(p, b, w);
    for (int i = 0; i < w->n_per_iteration; i++) {
        struct asx_use *u = &w->per_iteration[i];
        if (u->k == ASX_KC_HIST)
            u->t = ASX_F64;
        if (u->k == ASX_KC_SPLIT)
            u->m *= 1.5;
    }
}

const struct asx_op gbdt_fit_f64 = {
    .head = {"gbdt.fit/hist_f64", "histogram boosting with gradients in double precision (reference)"},
    .version = 2,
    .equiv = ASX_BITWISE,
    .needs = {"bins"},
    .gives = "fit",
    .flags = ASX_SEEDED | ASX_SPLITS,
    .work = gbdt_work_f64,
    .run = run_f64,
};

const struct asx_op gbdt_fit_fixed = {
    .head = {"gbdt.fit/hist_fixed", "histogram boosting with gradients in packed fixed point: exact sums"},
    .version = 2,
    .equiv = ASX_CLOSE,
    .tolerance = 1e-5,
    .needs = {"bins"},
    .gives = "fit",
    .flags = ASX_SEEDED | ASX_SPLITS,
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
    .version = 1,
    .equiv = ASX_APPROX,
    .needs = {"bins"},
    .gives = "fit",
    .flags = ASX_SEEDED | ASX_SPLITS,
    .work = gbdt_work_lowbit,
    .run = run_lowbit,
};

/* ---- the learner ---------------------------------------------------------------------------- */

static asx_st held_out(struct asx_exec *exec, const struct asx_member *m, int iterations, float *pred, struct asx_err *err)
{
    const struct asx_state *s = m->state;
    const struct asx_fold *fold = &exec->problem->splits->fold[m->fold];
    if (iterations <= 0 || iterations >= s->iterations) {
        predict_scores(&s->loss, s->score, s->rows, fold->test, fold->n_test, exec->problem->outputs, pred);
        return ASX_OK;
    }
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
        predict_scores(&s->loss, raw, n, row, n, exec->problem->outputs, pred);
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

static const struct asx_op *const ways[] = {&gbdt_fit_f64, &gbdt_fit_lowbit, &gbdt_fit_fixed, NULL};

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
    .explain = model_explain,
    .save = model_save,
    .load = model_load,
    .free_model = model_free,
};
