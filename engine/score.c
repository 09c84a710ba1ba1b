/* SPDX-License-Identifier: Apache-2.0 */
/* The score step: from the folds' fits to one number, out-of-fold predictions, and maybe models. */
#include "engine/ops/core.h"
#include "engine/search.h"
#include "engine/trial.h"

#include "base/err.h"
#include "base/mem.h"

#include <math.h>
#include <string.h>

int trial_best_iteration(const struct run *r, const struct config_run *c, int folds, struct asx_curve *mean)
{
    int n = -1;
    for (int f = 0; f < folds; f++)
        n = n < 0 || c->fold[f].curve.n < n ? c->fold[f].curve.n : n;
    if (n <= 0)
        return 0;
    int best = 0;
    double best_value = NAN;
    for (int i = 0; i < n; i++) {
        double sum = 0;
        for (int f = 0; f < folds; f++)
            sum += c->fold[f].curve.value[i];
        double v = sum / folds;
        if (mean && i < mean->capacity) {
            mean->iteration[i] = c->fold[0].curve.iteration[i];
            mean->value[i] = v;
            mean->n = i + 1;
        }
        if (asx_metric_better(r->opt.metric, v, best_value)) {
            best_value = v;
            best = c->fold[0].curve.iteration[i];
        }
    }
    return best;
}

asx_st trial_oof(const struct run *r, const struct config_run *c, int folds, float *const *pred, float *oof, struct asx_err *err)
{
    size_t k = (size_t)r->problem.outputs, rows = r->problem.rows;
    (void)c;
    uint16_t *times = mem_calloc(r->mem, rows, sizeof *times);
    if (!times)
        return err_set(err, ASX_E_NOMEM, "no memory for out-of-fold predictions; raise the memory limit");
    for (size_t i = 0; i < rows * k; i++)
        oof[i] = NAN;
    for (int f = 0; f < folds; f++) {
        const struct asx_fold *fold = &r->splits->fold[f];
        for (size_t i = 0; i < fold->n_test; i++) {
            float *to = oof + fold->test[i] * k;
            const float *from = pred[f] + i * k;
            float n = (float)++times[fold->test[i]];
            for (size_t q = 0; q < k; q++)
                to[q] = n == 1 ? from[q] : to[q] + (from[q] - to[q]) / n;
        }
    }
    mem_free(times);
    return ASX_OK;
}

static double score_rows(const struct run *r, const float *pred, const uint32_t *row, size_t n)
{
    return r->opt.metric->score(&(struct asx_scored){.n = n,
                                                     .outputs = r->problem.outputs,
                                                     .y = r->problem.y,
                                                     .pred = pred,
                                                     .weight = r->problem.score_weight,
                                                     .row = row,
                                                     .positive = r->problem.positive});
}

asx_st trial_score_oof(const struct run *r, const float *oof, struct mem *mem, double *score, struct asx_err *err)
{
    size_t k = (size_t)r->problem.outputs, n = 0;
    *score = NAN;
    for (size_t i = 0; i < r->problem.rows; i++)
        n += oof[i * k] == oof[i * k];
    if (n == r->problem.rows) {
        *score = score_rows(r, oof, NULL, n);
        return ASX_OK;
    }
    uint32_t *row = mem_array(mem, n + 1, sizeof *row);
    float *pred = mem_array(mem, n + 1, k * sizeof *pred);
    size_t at = 0;
    for (size_t i = 0; row && pred && i < r->problem.rows; i++) {
        if (oof[i * k] != oof[i * k])
            continue;
        row[at] = (uint32_t)i;
        memcpy(pred + at++ * k, oof + i * k, k * sizeof *pred);
    }
    asx_st st = row && pred ? ASX_OK : err_set(err, ASX_E_NOMEM, "no memory to score a trial; raise the memory limit");
    if (st == ASX_OK && n)
        *score = score_rows(r, pred, row, n);
    mem_free(row);
    mem_free(pred);
    return st;
}

/* ---- the step ---------------------------------------------------------------------- */

static struct trial_run *trial_of(struct asx_exec *e)
{
    return ((struct exec_context *)e->engine)->node->core;
}

/*
 * shape.bytes: of the trial's fits, and so about those of the models made from them. shape.nnz: trees that held-out rows may
 * walk once more to be predicted at the best round.
 */
static void score_work(const struct asx_problem *p, const struct asx_batch *b, struct asx_work *w)
{
    (void)p;
    asx_work_add(w->once, &w->n_once,
                 (struct asx_use){.k = ASX_KC_STREAM, .t = ASX_F32, .m = 4 * b->shape.rows * (b->shape.cols + 1)});
    asx_work_add(w->once, &w->n_once, (struct asx_use){.k = ASX_KC_SORT, .t = ASX_F32, .m = b->shape.rows, .n = 1});
    asx_work_add(w->once, &w->n_once, (struct asx_use){.k = ASX_KC_STREAM, .t = ASX_F32, .m = 6 * b->shape.bytes});
    asx_work_add(w->once, &w->n_once,
                 (struct asx_use){.k = ASX_KC_TREE_PREDICT, .t = ASX_U8, .m = b->shape.rows, .n = b->shape.nnz, .p = 6});
    w->output = (uint64_t)(b->shape.rows * b->shape.cols * 4 + b->shape.bytes);
    w->scratch = (uint64_t)(b->shape.rows * (b->shape.cols * 4 + 24));
}

/* Points exec->in at the inputs of the fit that served (trial, fold), now or in an earlier rung; false when the plan has none. */
static bool inputs_of(struct asx_exec *e, const struct trial_run *t, int fold, const void **in)
{
    const struct exec_context *x = e->engine;
    for (int id = 0; id < x->plan->nodes; id++) {
        const struct opt_node *n = x->plan->node[id];
        if (n->kind != OPT_FIT)
            continue;
        for (int i = 0; i < n->members; i++) {
            if (n->member[i].trial != t->index || n->member[i].fold != fold)
                continue;
            int per = n->inputs / n->members;
            for (int k = 0; k < per && k < ASX_NEEDS; k++) {
                const struct artefact *a = x->result[n->input[i * per + k]].artefact;
                in[k] = a ? a->ptr : NULL;
            }
            e->in = in;
            e->n_needs = per;
            return true;
        }
    }
    for (int d = 0; d < x->plan->dones; d++) {
        const struct opt_done *n = &x->plan->done[d];
        if (n->trial != t->index || n->fold != fold || !t->config->fold[fold].state)
            continue;
        for (int k = 0; k < n->inputs; k++) {
            const struct artefact *a = x->result[n->input[k]].artefact;
            in[k] = a ? a->ptr : NULL;
        }
        e->in = in;
        e->n_needs = n->inputs;
        return true;
    }
    return false;
}

static struct asx_member as_member(const struct trial_run *t, int fold)
{
    struct config_run *c = t->config;
    return (struct asx_member){.config = &c->config,
                               .fold = fold,
                               .from = t->ask.from,
                               .to = t->ask.to,
                               .seed = trial_fit_seed(t->run, c, fold),
                               .state = c->fold[fold].state};
}

/* Held-out predictions at the round the mean curve chose, one fold. */
static asx_st fold_prediction(struct asx_exec *e, const struct trial_run *t, int fold, float **pred, struct asx_err *err)
{
    struct run *r = t->run;
    struct fold_run *f = &t->config->fold[fold];
    const struct asx_learner *learner = t->config->config.learner;
    *pred = f->pred;
    if (!trial_is_iterative(t->config) || !learner->held_out || !t->best_iteration || t->best_iteration == f->iterations)
        return ASX_OK;
    const void *in[ASX_NEEDS] = {0};
    if (!inputs_of(e, t, fold, in))
        return ASX_OK;
    struct asx_member m = as_member(t, fold);
    size_t n = r->splits->fold[fold].n_test * (size_t)r->problem.outputs;
    float *p = arena_alloc(e->scratch, n * sizeof *p + 1);
    if (!p)
        return err_set(err, ASX_E_NOMEM, "no memory for held-out predictions; raise the memory limit");
    *pred = p;
    return learner->held_out(e, &m, t->best_iteration, p, err);
}

int trial_rounds_kept(const struct config_run *c, int best_iteration, int folds)
{
    enum { LEAST = 40 }; /* small forests stay whole */
    int share = folds > 0 ? (best_iteration + folds - 1) / folds : best_iteration;
    if (!c->config.learner->exchangeable)
        return best_iteration;
    share = share < LEAST ? LEAST : share;
    return share < best_iteration ? share : best_iteration;
}

static int rounds_kept(const struct trial_run *t)
{
    return trial_rounds_kept(t->config, t->best_iteration, t->full ? 1 : t->ask.to.folds);
}

/* The model that an earlier rung made of this fold, when the other folds have not moved the best round since. */
static bool model_stands(const struct trial_run *t, int fold)
{
    const struct fold_run *f = &t->config->fold[fold];
    return !t->refit && f->model && fold < t->ask.from.folds && f->model_iteration == rounds_kept(t);
}

/* Advice for people: rows that no part of the model saw, scored; nothing depends on it, so nothing fails for it. */
static double out_of_bag_score(struct asx_exec *e, const struct trial_run *t, const struct asx_member *m)
{
    const struct run *r = t->run;
    const struct asx_learner *learner = t->config->config.learner;
    const struct asx_fold *fold = &r->splits->fold[m->fold];
    size_t k = (size_t)r->problem.outputs, n = 0, cells = fold->n_train * k;
    struct asx_err ignored = {0};
    if (!learner->out_of_bag || !r->opt.metric || cells == 0 || mem_room(e->mem) / 64 < cells)
        return NAN;
    float *pred = mem_array(e->mem, cells, sizeof *pred);
    uint32_t *row = mem_array(e->mem, fold->n_train, sizeof *row);
    double score = NAN;
    if (pred && row && learner->out_of_bag(e, m, t->best_iteration, pred, &ignored) == ASX_OK) {
        for (size_t i = 0; i < fold->n_train; i++) {
            if (pred[i * k] != pred[i * k])
                continue;
            memmove(pred + n * k, pred + i * k, k * sizeof *pred);
            row[n++] = fold->train[i];
        }
        if (n)
            score = r->opt.metric->score(&(struct asx_scored){.n = n,
                                                              .outputs = r->problem.outputs,
                                                              .y = r->problem.y,
                                                              .pred = pred,
                                                              .weight = r->problem.score_weight,
                                                              .row = row,
                                                              .positive = r->problem.positive});
    }
    mem_free(pred);
    mem_free(row);
    return score;
}

static asx_st make_model(struct asx_exec *e, const struct trial_run *t, int fold, struct asx_err *err)
{
    struct fold_run *f = &t->config->fold[fold];
    const struct asx_learner *learner = t->config->config.learner;
    const void *in[ASX_NEEDS] = {0};
    inputs_of(e, t, fold, in);
    struct asx_member m = as_member(t, fold);
    if (f->model)
        learner->free_model(f->model);
    f->model = NULL;
    f->model_iteration = rounds_kept(t);
    asx_st st = learner->model(e, &m, f->model_iteration, &f->model, err);
    bool first = fold == 0 || t->full; /* one fold tells enough: it costs a prediction of its training rows */
    f->oob = st == ASX_OK && first ? out_of_bag_score(e, t, &m) : NAN;
    f->has_oob = isfinite(f->oob);
    return st;
}

static asx_st make_models(struct asx_exec *e, struct trial_run *t, struct asx_err *err)
{
    struct config_run *c = t->config;
    int from = t->full ? t->run->splits->folds : 0, to = t->full ? from + 1 : t->ask.to.folds;
    asx_st st = ASX_OK;
    for (int f = from; f < to; f++) {
        const void *in[ASX_NEEDS] = {0};
        if (model_stands(t, f) || inputs_of(e, t, f, in))
            continue;
        if (!t->refit) { /* what a model of this fold is made from is gone: fewer folds make another model */
            pthread_mutex_lock(&t->run->lock);
            config_drop_models(t->run, c);
            pthread_mutex_unlock(&t->run->lock);
        }
        return ASX_OK;
    }
    uint64_t before = mem_used(e->mem);
    for (int f = from; f < to && st == ASX_OK; f++)
        if (!model_stands(t, f))
            st = make_model(e, t, f, err);
    pthread_mutex_lock(&t->run->lock); /* others look for the worst config that has models */
    c->has_models = st == ASX_OK;
    pthread_mutex_unlock(&t->run->lock);
    c->model_bytes = mem_used(e->mem) > before ? (double)(mem_used(e->mem) - before) : c->model_bytes;
    c->predict_row_s = NAN; /* other models, other times */
    return st;
}

static asx_st score_folds(struct asx_exec *e, struct trial_run *t, struct asx_err *err)
{
    struct run *r = t->run;
    struct config_run *c = t->config;
    int folds = t->ask.to.folds;
    t->best_iteration = trial_is_iterative(c) ? trial_best_iteration(r, c, folds, &t->curve) : 0;
    if (trial_is_iterative(c) && t->best_iteration == 0)
        t->best_iteration = t->ask.to.iterations;
    float **pred = arena_calloc(e->scratch, (size_t)folds, sizeof *pred);
    float *oof = mem_array(r->mem, r->problem.rows * (size_t)r->problem.outputs, sizeof *oof);
    asx_st st = pred && oof ? ASX_OK : err_set(err, ASX_E_NOMEM, "no memory for out-of-fold predictions; raise the memory limit");
    for (int f = 0; f < folds && st == ASX_OK; f++)
        st = fold_prediction(e, t, f, &pred[f], err);
    if (st == ASX_OK)
        st = trial_oof(r, c, folds, pred, oof, err);
    if (st != ASX_OK) {
        mem_free(oof);
        return st;
    }
    st = trial_score_oof(r, oof, r->mem, &t->validation, err);
    if (st != ASX_OK || t->validation != t->validation) {
        mem_free(oof);
        return st != ASX_OK
                   ? st
                   : err_set(err, ASX_E_NUMERIC,
                             "the score of '%s' is not a number; its predictions, or targets that '%s' cannot score, are to blame",
                             c->config.learner->head.name, r->opt.metric->head.name);
    }
    mem_free(c->oof);
    c->oof = oof;
    return ASX_OK;
}

static asx_st score_run(struct asx_exec *e, const struct asx_batch *b, struct asx_err *err)
{
    (void)b;
    (void)err;
    struct trial_run *t = trial_of(e);
    struct run *r = t->run;
    struct asx_err mine = {0};
    asx_st st = t->status;
    if (st == ASX_OK && !t->refit)
        st = score_folds(e, t, &mine);
    if (st == ASX_E_NOMEM && t->status == ASX_OK && cache_shrink(r->cache, 0) > 0)
        st = score_folds(e, t, &mine); /* what nobody uses now can be made again */
    if (st == ASX_OK && search_wants_models(r, t))
        st = make_models(e, t, &mine);
    if (st != ASX_OK && t->status == ASX_OK) {
        t->status = st;
        t->err = mine;
    }
    search_trial_done(r, ((struct exec_context *)e->engine)->plan, ((struct exec_context *)e->engine)->result, t);
    return ASX_OK; /* a failed trial is an outcome, not a failure of the run */
}

const struct asx_op core_score = {.head = {"trial.score/held_out", "staged curves, out-of-fold predictions and the score"},
                                  .version = 1,
                                  .gives = "score",
                                  .work = score_work,
                                  .run = score_run};
