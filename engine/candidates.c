/* SPDX-License-Identifier: Apache-2.0 */
/* Who may be part of the ensemble, and how much of it: the step ensemble.select/greedy. */
#include "engine/board.h"
#include "engine/final.h"
#include "engine/ops/core.h"
#include "engine/trial.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "catalog/blob.h"
#include "search/ensemble/ensemble.h"

#include <string.h>

static bool may_still_grow(const struct config_run *c)
{
    if (!trial_is_iterative(c))
        return false;
    double want = asx_config_get(&c->config, c->config.learner->iterations);
    /* an early best round says that more rounds would not have helped */
    return c->fidelity.iterations < want && c->best_iteration > 0.7 * c->fidelity.iterations;
}

void final_prune(struct run *r)
{
    r->trials_pruned = r->trials_finished = 0;
    for (int i = 1; i < r->configs; i++) {
        struct config_run *c = r->config[i];
        if (!c || !c->scored || c->failed)
            continue;
        c->pruned = c->fidelity.folds < r->splits->folds;
        for (int k = 1; k < r->configs && !c->pruned && may_still_grow(c); k++) {
            const struct config_run *o = r->config[k];
            c->pruned = o && o->scored && o->config.learner == c->config.learner &&
                        o->fidelity.iterations > c->fidelity.iterations &&
                        asx_metric_better(r->opt.metric, o->validation, c->validation);
        }
        r->trials_pruned += c->pruned;
        r->trials_finished += !c->pruned;
    }
}

/* Puts a config into a list that is sorted by score, best first, then by id. */
static void insert_by_score(const struct run *r, struct config_run **list, int n, struct config_run *c)
{
    int low = 0, high = n;
    while (low < high) {
        int middle = (low + high) / 2;
        const struct config_run *m = list[middle];
        bool before = asx_metric_better(r->opt.metric, c->validation, m->validation) ||
                      (!asx_metric_better(r->opt.metric, m->validation, c->validation) && c->id < m->id);
        if (before)
            high = middle;
        else
            low = middle + 1;
    }
    memmove(list + low + 1, list + low, (size_t)(n - low) * sizeof *list);
    list[low] = c;
}

/* Fitting it again fits the time that may go to that; takes its share of it. */
static bool may_refit(const struct run *r, const struct config_run *c, double *left)
{
    double s = c->fit_s / (r->ctx.threads > 1 ? r->ctx.threads * 0.8 : 1);
    if (!(s < *left))
        return false;
    *left -= s;
    return true;
}

/* A member whose predictions of the test data would take most of what is left costs the test score of all. */
static bool too_slow(const struct run *r, const struct config_run *c)
{
    double s = c->predict_fixed_s + c->predict_row_s * r->test_rows_guess; /* NaN: not measured */
    return r->opt.test && !isinf(r->deadline) && !r->problem.repeatable && s > 0.6 * (r->deadline - clock_now());
}

/* What has no models must be fitted again, and how fast it predicts is not known: only what is better than all that has. */
static bool may_join(const struct run *r, const struct config_run *c, int with_models, double *refit_s)
{
    if (isinf(*refit_s))
        return true;
    return c->has_models ? with_models == 0 || !too_slow(r, c) : with_models == 0 && may_refit(r, c, refit_s);
}

asx_st final_candidates(struct run *r, double refit_s, struct asx_err *err)
{
    struct config_run **list = mem_array(r->mem, (size_t)r->configs + 1, sizeof *list);
    if (!list)
        return err_set(err, ASX_E_NOMEM, "no memory for the leaderboard; raise the memory limit");
    int n = 0, kept = 0, with_models = 0;
    for (int i = 0; i < r->configs; i++) {
        struct config_run *c = r->config[i];
        if (c && c->scored && !c->failed && !c->pruned)
            insert_by_score(r, list, n++, c);
    }
    for (int i = 0; i < n; i++)
        if (may_join(r, list[i], with_models, &refit_s)) {
            with_models += list[i]->has_models;
            list[kept++] = list[i];
        }
    mem_free(r->candidate);
    r->candidate = list;
    r->candidates = kept;
    return ASX_OK;
}

const float *final_oof(struct run *r, struct config_run *c)
{
    if (c->oof || !r->cat || c->oof_blob <= 0)
        return c->oof;
    void *data = NULL;
    size_t size = 0;
    struct asx_err err = {0};
    size_t want = r->problem.rows * (size_t)r->problem.outputs * sizeof(float);
    if (cat_blob_get(r->cat, c->oof_blob, r->mem, &data, &size, &err) == ASX_OK && size == want)
        c->oof = data;
    else
        mem_free(data);
    return c->oof;
}

/* ---- the step ----------------------------------------------------------------------- */

struct table {
    int n; /* candidates with predictions */
    struct config_run **config;
    const float **pred; /* [n] of [rows * outputs], scored rows only */
    uint32_t *row;
    size_t rows;
};

static bool scored_everywhere(const float *oof, size_t k, size_t i)
{
    return oof[i * k] == oof[i * k];
}

/* The baseline adds nothing to an ensemble, yet some metrics would not notice: it is the model alone, or not at all. */
static asx_st fill_table(struct run *r, struct arena *a, bool baseline, struct table *t, struct asx_err *err)
{
    enum { MOST = 100 };
    size_t k = (size_t)r->problem.outputs;
    int most = r->candidates < MOST ? r->candidates : MOST;
    *t = (struct table){0};
    t->config = arena_calloc(a, (size_t)most + 1, sizeof *t->config);
    t->pred = arena_calloc(a, (size_t)most + 1, sizeof *t->pred);
    t->row = arena_alloc(a, (r->problem.rows + 1) * sizeof *t->row);
    if (!t->config || !t->pred || !t->row)
        return err_set(err, ASX_E_NOMEM, "no memory to select an ensemble; raise the memory limit");
    for (int c = 0; c < most; c++) {
        if ((r->candidate[c]->id == 0) != baseline && r->candidates > 1)
            continue;
        const float *oof = final_oof(r, r->candidate[c]);
        if (!oof)
            continue;
        if (t->n == 0)
            for (size_t i = 0; i < r->problem.rows; i++)
                if (scored_everywhere(oof, k, i))
                    t->row[t->rows++] = (uint32_t)i;
        float *p = arena_alloc(a, (t->rows * k + 1) * sizeof *p);
        if (!p)
            return t->n ? ASX_OK : err_set(err, ASX_E_NOMEM, "no memory to select an ensemble; raise the memory limit");
        for (size_t i = 0; i < t->rows; i++)
            memcpy(p + i * k, oof + t->row[i] * k, k * sizeof *p);
        t->pred[t->n] = p;
        t->config[t->n++] = r->candidate[c];
    }
    return t->n ? ASX_OK : err_set(err, ASX_E_NOMEM, "no memory to keep out-of-fold predictions; raise the memory limit");
}

static struct asx_scored truth_of(const struct run *r, const struct table *t)
{
    return (struct asx_scored){.n = t->rows,
                               .outputs = r->problem.outputs,
                               .y = r->problem.y,
                               .weight = r->problem.score_weight,
                               .row = t->row,
                               .positive = r->problem.positive};
}

static void intervals(struct run *r, const struct table *t, const float *blend)
{
    struct ens_boot *boot = ens_boot_create(t->rows, r->opt.seed, r->mem);
    if (!boot)
        return;
    struct asx_err ignored = {0};
    struct asx_scored s = truth_of(r, t);
    s.pred = blend;
    s.threshold = r->threshold;
    ens_boot_interval(boot, &s, r->opt.metric, &r->ensemble_low, &r->ensemble_high, &ignored);
    s.threshold = 0;
    for (int c = 0; c < t->n && c < 60; c++) {
        if (!r->problem.repeatable && c > 0 && run_should_stop(r))
            break;
        s.pred = t->pred[c];
        ens_boot_interval(boot, &s, r->opt.metric, &t->config[c]->ci_low, &t->config[c]->ci_high, &ignored);
    }
    ens_boot_destroy(boot);
}

static asx_st select_weights(struct asx_exec *e, struct run *r, const struct table *t, double *weight, struct asx_err *err)
{
    memset(weight, 0, (size_t)t->n * sizeof *weight);
    weight[0] = 1;
    if (!r->opt.ensemble || t->n == 1)
        return ASX_OK;
    struct ens_input in = {
        .truth = truth_of(r, t), .metric = r->opt.metric, .pred = t->pred, .candidates = t->n, .seed = r->opt.seed, .exec = e};
    double score;
    return ens_select(&in, weight, &score, err);
}

/* Who was chosen earlier may be no candidate now. */
static void clear_weights(struct run *r)
{
    for (int i = 0; i < r->configs; i++)
        if (r->config[i])
            r->config[i]->weight = 0;
    r->temperature = 1;
    r->threshold = 0;
}

static asx_st select_from(struct run *r, struct asx_exec *e, bool baseline, struct asx_err *err)
{
    struct table t;
    asx_st st = fill_table(r, e->scratch, baseline, &t, err);
    if (st != ASX_OK)
        return st;
    size_t size = t.rows * (size_t)r->problem.outputs;
    double *weight = arena_calloc(e->scratch, (size_t)t.n, sizeof *weight);
    float *blend = arena_alloc(e->scratch, (size + 1) * sizeof *blend);
    if (!weight || !blend)
        return err_set(err, ASX_E_NOMEM, "no memory to select an ensemble; raise the memory limit");
    st = select_weights(e, r, &t, weight, err);
    if (st != ASX_OK)
        return st;
    ens_blend(t.pred, weight, t.n, size, blend);
    struct asx_scored s = truth_of(r, &t);
    s.pred = blend;
    clear_weights(r);
    if (r->problem.task != ASX_REGRESSION) {
        r->temperature = ens_temperature(&s, r->opt.metric, e);
        ens_temper(blend, t.rows, r->problem.outputs, r->temperature);
        if (r->opt.metric->thresholded && r->problem.task == ASX_BINARY)
            r->threshold = ens_threshold(&s, r->opt.metric, e);
    }
    s.threshold = r->threshold;
    r->ensemble_validation = r->opt.metric->score(&s);
    for (int c = 0; c < t.n; c++)
        t.config[c]->weight = weight[c];
    intervals(r, &t, blend);
    json_decref(r->summary);
    r->summary = board_summary(r, &t.row[0], t.rows, blend);
    return ASX_OK;
}

/* Predictions of all rows do not fit beside each other: the best candidate is the model, as it was scored. */
static asx_st take_best(struct run *r)
{
    run_warn(r, "ensemble.memory",
             "the memory limit leaves no room to select an ensemble, so the best single model is taken; raise it");
    clear_weights(r);
    r->candidate[0]->weight = 1;
    r->ensemble_validation = r->candidate[0]->validation;
    r->ensemble_low = r->ensemble_high = NAN;
    json_decref(r->summary);
    r->summary = NULL;
    return ASX_OK;
}

/* Is what was selected worse than predicting the same for every row? */
static bool baseline_is_better(const struct run *r)
{
    for (int i = 0; i < r->candidates && r->candidates > 1; i++)
        if (r->candidate[i]->id == 0)
            return asx_metric_better(r->opt.metric, r->candidate[i]->validation, r->ensemble_validation);
    return false;
}

static asx_st ensemble_run(struct asx_exec *e, const struct asx_batch *b, struct asx_err *err)
{
    (void)b;
    struct run *r = ((struct exec_context *)e->engine)->node->core;
    asx_st st = select_from(r, e, false, err);
    if (st == ASX_OK && baseline_is_better(r))
        st = select_from(r, e, true, err);
    if (st != ASX_E_NOMEM || r->candidates == 0)
        return st;
    *err = (struct asx_err){0};
    return take_best(r);
}

/*
 * Every candidate's predictions are gathered and blended once; the rounds of a selection look at a sample of the rows
 * (objective.c), the temperature at fewer cells still.
 */
static void ensemble_work(const struct asx_problem *p, const struct asx_batch *b, struct asx_work *w)
{
    enum { SELECTION_ROWS = 50000, TEMPERATURE_CELLS = 400000, SORTED_ROWS = 10000 };
    double candidates = fmin(b->shape.cols, 100), rows = (double)p->rows, cells = rows * p->outputs;
    double looked_at = fmin(rows, SELECTION_ROWS) * p->outputs;
    asx_work_add(w->once, &w->n_once, (struct asx_use){.k = ASX_KC_STREAM, .t = ASX_F32, .m = candidates * 4 * cells});
    asx_work_add(w->once, &w->n_once,
                 (struct asx_use){
                     .k = ASX_KC_STREAM, .t = ASX_F32, .m = candidates * 100 * looked_at, .footprint = candidates * looked_at * 4});
    asx_work_add(w->once, &w->n_once,
                 (struct asx_use){.k = ASX_KC_SORT,
                                  .t = ASX_F32,
                                  .m = fmin(rows, SORTED_ROWS),
                                  .n = 1,
                                  .times = p->task == ASX_BINARY ? 20 * candidates : candidates}); /* ranked anew for every round */
    if (p->task != ASX_REGRESSION)
        asx_work_add(w->once, &w->n_once,
                     (struct asx_use){.k = ASX_KC_EXP, .t = ASX_F64, .m = 22 * fmin(cells, TEMPERATURE_CELLS)});
    w->scratch = (uint64_t)((candidates + 1) * cells * 4 + rows * 4 + 2e6); /* bootstrap samples are of bounded size */
}

const struct asx_op core_ensemble = {
    .head = {"ensemble.select/greedy", "weights, temperature, threshold and intervals from out-of-fold predictions"},
    .version = 1,
    .gives = "ensemble",
    .flags = ASX_SPLITS,
    .work = ensemble_work,
    .run = ensemble_run};
