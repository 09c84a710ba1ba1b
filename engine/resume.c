/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resuming is replaying: the strategy is asked again and told what the catalog knows. Of a wave that was under way the
 * recorded trials are taken over and only the others are run; in repeatable mode the wave is run again as a whole, so that
 * batches are what they were, and its records stay as they are. A clock or a signal ends the running, never the taking
 * over: whatever was recorded is on the board.
 */
#include "engine/search.h"
#include "engine/trial.h"

#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "catalog/trial.h"

#include <string.h>

struct replay {
    struct cat_ask *ask;
    struct cat_trial *trial;
    size_t asks, trials;
};

static const struct cat_trial *outcome_of(const struct replay *p, int trial)
{
    for (size_t i = 0; i < p->trials; i++)
        if (p->trial[i].trial == trial && p->trial[i].config_id > 0)
            return &p->trial[i];
    return NULL;
}

static const struct asx_learner *learner_named(const struct run *r, const char *name, int *at)
{
    for (int i = 0; i < r->learners; i++)
        if (strcmp(r->learner[i]->head.name, name) == 0) {
            *at = i;
            return r->learner[i];
        }
    return NULL;
}

/* The ask as it was recorded; what the strategy proposes now only keeps its own books straight. */
static asx_st ask_again(struct run *r, struct asx_prices *prices, const struct cat_ask *a, struct trial_run *t, struct asx_err *err)
{
    struct asx_ask ask = {0};
    asx_st st = r->opt.strategy->ask(r->strategy, prices, &ask);
    int at = 0;
    const struct asx_learner *learner = learner_named(r, a->learner, &at);
    if (!learner)
        return err_set(err, ASX_E_INVAL, "the run used learner '%s', which this build does not have; start a new run", a->learner);
    struct asx_config config;
    st = opt_config_from_json(a->config_json, learner, r->space[at], &config, err);
    if (st != ASX_OK)
        return st;
    if (ask.trial != a->trial || !key_equal(opt_config_key(&config), opt_config_key(&ask.config)))
        r->replay_differs = true;
    struct config_run *c = run_config(r, a->config_id, &config, err);
    if (!c)
        return ASX_E_NOMEM;
    *t = (struct trial_run){.run = r, .config = c};
    t->ask = (struct asx_ask){.trial = a->trial, .config_id = a->config_id, .config = c->config, .from = a->from, .to = a->to};
    if (a->config_id > r->configs_asked)
        r->configs_asked = a->config_id;
    return ASX_OK;
}

static void restore(struct run *r, struct trial_run *t, const struct cat_trial *o)
{
    struct config_run *c = t->config;
    t->recorded = t->done = true;
    t->status = strcmp(o->state, "failed") == 0 ? ASX_E_NUMERIC : ASX_OK;
    t->validation = o->validation;
    t->best_iteration = o->best_iteration;
    t->seconds = o->seconds;
    t->curve = o->curve;
    c->last_trial = o->trial;
    c->fidelity = o->to;
    c->oof_blob = o->oof;
    c->fit_s = o->fit_s;
    c->fit_predicted_s = o->fit_predicted_s;
    c->fit_alone_s = o->fit_alone_s;
    c->peak_predicted = o->peak_predicted_bytes;
    c->peak_bytes = o->peak_bytes;
    c->plan = o->plan;
    if (t->status != ASX_OK) {
        c->failed = true;
        c->error = mem_strdup(r->mem, o->error ? o->error : "failed before the run was resumed");
        return;
    }
    c->scored = true;
    c->validation = o->validation;
    c->best_iteration = o->best_iteration;
    if (o->to.folds >= r->splits->folds)
        search_note_best(r, c, o->at_s);
}

static void tell_again(struct run *r, struct trial_run *t)
{
    struct asx_outcome o = {.ask = &t->ask,
                            .state = t->status == ASX_OK ? ASX_FINISHED : ASX_FAILED,
                            .validation = t->status == ASX_OK ? t->validation : NAN,
                            .best_iteration = t->best_iteration,
                            .seconds = t->seconds,
                            .curve = t->curve.n ? &t->curve : NULL};
    r->opt.strategy->tell(r->strategy, &o);
}

/* Takes over what is recorded of the wave's trials, where `done` says that nothing newer is known. */
static void restore_recorded(struct run *r, const struct replay *p, struct trial_run *t, int n)
{
    for (int i = 0; i < n; i++) {
        const struct cat_trial *o = outcome_of(p, t[i].ask.trial);
        t[i].recorded = o != NULL;
        t[i].at_s = o ? o->at_s : NAN;
        if (!o || t[i].done)
            continue;
        run_wave_clear(&t[i], 1);
        restore(r, &t[i], o);
    }
}

static void forget_curves(struct trial_run *t, int n)
{
    for (int i = 0; i < n; i++)
        t[i].curve = (struct asx_curve){0}; /* the arena owns it */
}

/* Repeatable mode: the wave as a whole, for its batches; then what a signal kept from being run again. */
static asx_st rerun_whole(struct run *r, const struct replay *p, struct trial_run *t, int n, struct asx_err *err)
{
    for (int i = 0; i < n; i++) {
        const struct cat_trial *o = outcome_of(p, t[i].ask.trial);
        t[i].recorded = o != NULL;
        t[i].at_s = o ? o->at_s : NAN;
    }
    asx_st st = search_one_wave(r, t, n, err);
    if (st != ASX_OK)
        return st;
    for (int i = 0; i < n; i++)
        if (t[i].recorded && !t[i].done) {
            restore_recorded(r, p, &t[i], 1);
            tell_again(r, &t[i]);
            forget_curves(&t[i], 1);
        }
    return st;
}

/* The trials of a wave that are not recorded, as a wave of their own. */
static asx_st run_missing(struct run *r, const struct trial_run *t, int n, struct asx_err *err)
{
    struct trial_run *rest = mem_calloc(r->mem, (size_t)n + 1, sizeof *rest);
    int missing = 0;
    if (!rest)
        return err_set(err, ASX_E_NOMEM, "no memory to resume; raise the memory limit");
    for (int i = 0; i < n; i++)
        if (!t[i].done)
            rest[missing++] = t[i];
    asx_st st = missing ? search_one_wave(r, rest, missing, err) : ASX_OK;
    mem_free(rest);
    return st;
}

/* One recorded wave: asks [from, to) of the list. */
static asx_st replay_wave(struct run *r, struct asx_prices *prices, const struct replay *p, size_t from, size_t to,
                          struct asx_err *err)
{
    int n = (int)(to - from);
    struct trial_run *t = mem_calloc(r->mem, (size_t)n + 1, sizeof *t);
    asx_st st = t ? ASX_OK : err_set(err, ASX_E_NOMEM, "no memory to resume; raise the memory limit");
    bool whole = true;
    for (int i = 0; i < n && st == ASX_OK; i++) {
        st = ask_again(r, prices, &p->ask[from + (size_t)i], &t[i], err);
        whole &= outcome_of(p, p->ask[from + (size_t)i].trial) != NULL;
    }
    r->waves = p->ask[from].wave - 1; /* as it was numbered; running it counts it */
    if (st == ASX_OK && !whole && r->problem.repeatable && !run_should_stop(r)) {
        st = rerun_whole(r, p, t, n, err);
    } else if (st == ASX_OK) {
        restore_recorded(r, p, t, n);
        for (int i = 0; i < n; i++)
            if (t[i].done)
                tell_again(r, &t[i]);
        forget_curves(t, n);
        if (!whole && !run_should_stop(r))
            st = run_missing(r, t, n, err);
        r->waves = p->ask[from].wave;
    }
    mem_free(t);
    return st;
}

asx_st search_replay(struct run *r, struct asx_err *err)
{
    struct arena *a = arena_create(r->mem);
    struct replay p = {0};
    struct opt_pricer *pricer = opt_pricer_create(&r->ctx);
    asx_st st = a && pricer ? ASX_OK : err_set(err, ASX_E_NOMEM, "no memory to resume; raise the memory limit");
    if (st == ASX_OK)
        st = cat_asks_get(r->cat, r->id, a, &p.ask, &p.asks, err);
    if (st == ASX_OK || st == ASX_NONE)
        st = cat_trials_get(r->cat, r->id, a, &p.trial, &p.trials, err);
    st = st == ASX_NONE ? ASX_OK : st;
    struct asx_prices prices;
    search_prices(r, pricer, &prices);
    for (size_t from = 0, to; from < p.asks && st == ASX_OK; from = to) {
        for (to = from + 1; to < p.asks && p.ask[to].wave == p.ask[from].wave;)
            to++;
        opt_pricer_begin(pricer);
        if (p.ask[from].config_id > 0)
            st = replay_wave(r, &prices, &p, from, to, err);
    }
    if (st == ASX_OK)
        search_replayed(r);
    if (pricer)
        opt_pricer_destroy(pricer);
    if (a)
        arena_destroy(a);
    return st;
}
