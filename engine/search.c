/* SPDX-License-Identifier: Apache-2.0 */
/* The search: waves of trials until a limit or until nothing is left to ask. */
#include "engine/search.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "engine/adopt.h"
#include "engine/budget.h"
#include "engine/final.h"
#include "engine/registry.h"
#include "engine/session.h"
#include "engine/trial.h"
#include "optimizer/measured.h"

#include <string.h>

enum { WAVE_TRIALS = 16, ALL_FAIL = 20 /* without one success: more of the same would fail, too */ };
static const double shortest_wave_s = 0.02, first_wave_s = 0.16, longest_wave_s = 4;

/* ---- an outcome ------------------------------------------------------------------ */

static bool better(const struct run *r, double a, double b)
{
    return asx_metric_better(r->opt.metric, a, b);
}

/*
 * Guarded by the lock. The worst of the configs whose models are kept: of those on all folds, or of those on fewer. A score on
 * few folds says little beside one on all of them, and only what is on all folds can be chosen in the end.
 */
static struct config_run *worst_kept(struct run *r, bool all_folds, int *kept)
{
    struct config_run *worst = NULL;
    *kept = 0;
    for (int i = 0; i < r->configs; i++) {
        struct config_run *c = r->config[i];
        if (!c || !c->has_models || (c->fidelity.folds >= r->splits->folds) != all_folds)
            continue;
        (*kept)++;
        if (!worst || better(r, worst->validation, c->validation))
            worst = c;
    }
    return worst;
}

static uint64_t state_bytes(const struct run *r, const struct config_run *c)
{
    uint64_t sum = 0;
    for (int f = 0; f <= r->splits->folds; f++)
        if (c->fold[f].state && c->config.learner->state_bytes)
            sum += c->config.learner->state_bytes(c->fold[f].state);
    return sum;
}

bool search_wants_models(struct run *r, const struct trial_run *t)
{
    if (t->refit)
        return true;
    if (!r->keep_models)
        return false;
    pthread_mutex_lock(&r->lock);
    int kept;
    const struct config_run *worst = worst_kept(r, t->ask.to.folds >= r->splits->folds, &kept);
    bool room = !r->opt.memory || state_bytes(r, t->config) < mem_limit(r->mem) / 8;
    bool wants = t->config->has_models || (room && (kept < KEPT_MODELS || (worst && better(r, t->validation, worst->validation))));
    pthread_mutex_unlock(&r->lock);
    return wants;
}

static void trim_models(struct run *r)
{
    for (int all_folds = 0; all_folds < 2; all_folds++) {
        int kept;
        struct config_run *worst = worst_kept(r, all_folds, &kept);
        for (; kept > KEPT_MODELS; worst = worst_kept(r, all_folds, &kept))
            config_drop_models(r, worst);
    }
}

/* The timeline stays ascending in time and in score: a resumed run knows scores in another order than they came in. */
void search_note_best(struct run *r, const struct config_run *c, double seconds)
{
    if (c->fidelity.folds < r->splits->folds || c->validation != c->validation)
        return;
    if (better(r, c->validation, r->best)) {
        r->best = c->validation;
        r->best_learner = c->config.learner->head.name;
    }
    int at = r->timelines, after;
    while (at > 0 && r->timeline[at - 1].seconds > seconds)
        at--;
    if (at > 0 && !better(r, c->validation, r->timeline[at - 1].score))
        return;
    for (after = at; after < r->timelines && !better(r, r->timeline[after].score, c->validation);)
        after++;
    void *line = mem_realloc(r->mem, r->timeline, (size_t)(r->timelines + 1) * sizeof *r->timeline);
    if (!line)
        return;
    r->timeline = line;
    memmove(r->timeline + at + 1, r->timeline + after, (size_t)(r->timelines - after) * sizeof *r->timeline);
    r->timelines += 1 - (after - at);
    r->timeline[at].seconds = seconds;
    r->timeline[at].score = c->validation;
}

static void update_config(struct run *r, const struct opt_plan *plan, const struct node_result *result, struct trial_run *t)
{
    struct config_run *c = t->config;
    c->last_trial = t->ask.trial;
    c->fidelity = t->ask.to;
    if (t->status != ASX_OK) {
        char text[1100];
        c->failed = true;
        mem_free(c->error);
        c->error = mem_strdup(r->mem, err_format(&t->err, text, sizeof text));
        config_drop_states(r, c);
        config_drop_models(r, c);
        return;
    }
    c->scored = true;
    c->validation = t->validation;
    c->best_iteration = t->best_iteration;
    double measured = trial_measured_share(plan, result, t->index);
    c->fit_s += measured;
    c->fit_predicted_s += plan->trial_seconds ? plan->trial_seconds[t->index] : NAN;
    c->fit_alone_s += plan->trial_alone ? plan->trial_alone[t->index] : NAN;
    c->peak_predicted = plan->trial_bytes ? plan->trial_bytes[t->index] : NAN;
    c->peak_bytes = trial_measured_bytes(plan, result, t->index);
    c->plan = r->plan_id;
    if (!r->problem.repeatable)
        t->seconds = measured;
    search_note_best(r, c, t->recorded ? t->at_s : run_elapsed(r));
}

static void commit_trial(struct run *r, const struct trial_run *t, double best)
{
    const struct config_run *c = t->config;
    struct cat_trial row = {.trial = t->ask.trial,
                            .config_id = t->ask.config_id,
                            .learner = c->config.learner->head.name,
                            .config_json = c->json,
                            .config_hash = c->key,
                            .from = t->ask.from,
                            .to = t->ask.to,
                            .fidelity = trial_fidelity_share(r, c, &t->ask.to),
                            .state = t->status == ASX_OK ? "finished" : "failed",
                            .error = t->status == ASX_OK ? NULL : c->error,
                            .validation = t->status == ASX_OK ? t->validation : NAN,
                            .ci_low = NAN,
                            .ci_high = NAN,
                            .best_iteration = t->best_iteration,
                            .curve = t->curve,
                            .seconds = t->seconds,
                            .fit_s = c->fit_s,
                            .fit_predicted_s = c->fit_predicted_s,
                            .fit_alone_s = c->fit_alone_s,
                            .predict_us_per_row = NAN,
                            .peak_bytes = c->peak_bytes,
                            .peak_predicted_bytes = c->peak_predicted,
                            .device = "cpu",
                            .plan = c->plan,
                            .at_s = run_elapsed(r)};
    struct cat_run_progress progress = {.active_s = run_elapsed(r), .best = best};
    size_t bytes = c->oof && t->status == ASX_OK ? r->problem.rows * (size_t)r->problem.outputs * sizeof *c->oof : 0;
    struct asx_err err = {0};
    if (cat_trial_put(r->cat, r->id, &row, bytes ? c->oof : NULL, bytes, NULL, 0, &progress, &err) < 0)
        run_warn(r, "catalog.trial", "trial %d could not be recorded: %s", t->ask.trial, err.text);
}

void search_trial_done(struct run *r, const struct opt_plan *plan, const struct node_result *result, struct trial_run *t)
{
    if (t->refit) {
        t->done = true;
        return;
    }
    if (t->status == ASX_STOPPED)
        return;
    pthread_mutex_lock(&r->lock);
    update_config(r, plan, result, t);
    t->done = true;
    double best = r->best;
    pthread_mutex_unlock(&r->lock);
    if (r->committing && !t->recorded)
        commit_trial(r, t, best);
}

/* ---- states ------------------------------------------------------------------------- */

/* A config that cannot go on needs no state: not iterative, or all rounds done on all folds. */
static bool may_go_on(const struct run *r, const struct config_run *c)
{
    if (c->failed || !trial_is_iterative(c))
        return false;
    if (c->fidelity.folds < r->splits->folds)
        return true; /* the other folds may move the best round, which makes other models of these */
    if (!c->config.learner->resumable)
        return false;
    double want = asx_config_get(&c->config, c->config.learner->iterations);
    return c->fidelity.iterations < want;
}

/*
 * Frees states of configs that are done, then of the worst until the rest fits its share of the memory and is few: a state
 * that is gone costs its config a fit from the start, bit for bit the same; a thousand of them cost every wave, and the end.
 */
static void keep_states(struct run *r)
{
    enum { MOST = 64 };
    int kept = 0;
    uint64_t cap = r->opt.memory ? mem_limit(r->mem) / 6 : (uint64_t)1 << 30, sum = 0;
    for (int i = 0; i < r->configs; i++) {
        struct config_run *c = r->config[i];
        if (!c)
            continue;
        if (c->failed || c->fidelity.folds >= r->splits->folds)
            config_drop_preds(r, c); /* the next rung, if any, predicts every fold anew */
        if (!may_go_on(r, c))
            config_drop_states(r, c);
        else {
            sum += state_bytes(r, c);
            kept += c->fold[0].state != NULL;
        }
    }
    while (sum > cap || kept > MOST) {
        struct config_run *worst = NULL;
        for (int i = 0; i < r->configs; i++) {
            struct config_run *c = r->config[i];
            if (c && c->fold[0].state && (!worst || better(r, worst->validation, c->validation)))
                worst = c;
        }
        if (!worst)
            break;
        uint64_t bytes = state_bytes(r, worst);
        config_drop_states(r, worst);
        sum -= bytes < sum ? bytes : sum;
        kept--;
    }
}

/* Out-of-fold predictions beyond the best few live in the catalog only. */
static void keep_oof(struct run *r)
{
    size_t each = r->problem.rows * (size_t)r->problem.outputs * sizeof(float);
    size_t most = r->opt.memory ? (size_t)(mem_limit(r->mem) / 8) / (each + 1) : KEPT_OOF;
    int kept = 0;
    for (int i = 0; i < r->configs; i++)
        kept += r->config[i] && r->config[i]->oof;
    while (kept > 1 && (size_t)kept > (most < KEPT_OOF ? most : KEPT_OOF)) {
        struct config_run *worst = NULL;
        for (int i = 1; i < r->configs; i++) {
            struct config_run *c = r->config[i];
            if (c && c->oof && (!worst || better(r, worst->validation, c->validation)))
                worst = c;
        }
        if (!worst)
            break;
        mem_free(worst->oof);
        worst->oof = NULL;
        kept--;
    }
}

/* ---- asking and telling ------------------------------------------------------------------ */

static void price_begin(void *self)
{
    opt_pricer_begin(self);
}

static void price_add(void *self, const struct asx_config *c, struct asx_fidelity from, struct asx_fidelity to, double *s,
                      double *bytes)
{
    opt_pricer_add(self, c, from, to, s, bytes);
}

static void price_commit(void *self)
{
    opt_pricer_commit(self);
}

static void tell_one(struct run *r, const struct trial_run *t)
{
    struct asx_outcome o = {.ask = &t->ask,
                            .state = t->status == ASX_OK ? ASX_FINISHED : ASX_FAILED,
                            .validation = t->status == ASX_OK ? t->validation : NAN,
                            .best_iteration = t->best_iteration,
                            .seconds = t->seconds,
                            .curve = t->curve.n ? &t->curve : NULL};
    r->opt.strategy->tell(r->strategy, &o);
}

static void count_outcomes(struct run *r)
{
    r->trials_finished = r->trials_failed = 0;
    for (int i = 1; i < r->configs; i++) {
        if (!r->config[i])
            continue;
        r->trials_failed += r->config[i]->failed;
        r->trials_finished += r->config[i]->scored && !r->config[i]->failed;
    }
}

static void tell_wave(struct run *r, const struct trial_run *trial, int n)
{
    for (int i = 0; i < n; i++)
        if (trial[i].done)
            tell_one(r, &trial[i]);
    count_outcomes(r);
    trim_models(r); /* between waves: no worker touches a config now */
    keep_states(r);
    keep_oof(r);
    if (!r->problem.repeatable && r->opt.time_s > 0)
        run_set_search_end(r);
}

static double wave_target(const struct run *r)
{
    bool hurry = r->opt.trials == 0 && r->opt.time_s > 0 && r->opt.time_s < 100 * first_wave_s; /* first results first */
    double s = hurry ? fmax(shortest_wave_s, r->opt.time_s / 100) : first_wave_s, most = longest_wave_s;
    s *= (double)(1u << (r->waves < 12 ? r->waves : 12));
    if (r->opt.trials == 0 && r->opt.time_s > 0 && r->opt.time_s / 12 < most)
        most = r->opt.time_s / 12;
    return s < most ? s : most;
}

enum { NOMINAL_THREADS = 2 };

static int search_threads(const struct run *r)
{
    return r->problem.repeatable ? NOMINAL_THREADS : r->ctx.threads;
}

void search_prices(struct run *r, struct opt_pricer *pricer, struct asx_prices *out)
{
    double left = r->search_end - clock_now();
    *out = (struct asx_prices){.self = pricer, .begin = price_begin, .add = price_add, .commit = price_commit};
    out->seconds_left = r->problem.repeatable || isinf(left) ? 3600 : left * search_threads(r);
    out->wave_seconds = wave_target(r);
}

/* Asks until the wave is as long as wanted. Returns how many, or -1 on failure. */
int search_ask_wave(struct run *r, struct opt_pricer *pricer, struct trial_run *trial, struct asx_err *err)
{
    struct asx_prices prices;
    search_prices(r, pricer, &prices);
    double target = wave_target(r), sum = 0;
    int threads = search_threads(r);
    opt_pricer_begin(pricer);
    int n = 0;
    while (n < WAVE_TRIALS && (n == 0 || sum < target * threads)) {
        struct asx_ask ask = {0};
        if (r->opt.strategy->ask(r->strategy, &prices, &ask) != ASX_OK)
            break;
        struct config_run *c = run_config(r, ask.config_id, &ask.config, err);
        if (!c)
            return -1;
        double seconds = NAN, bytes = NAN;
        opt_pricer_add(pricer, &c->config, ask.from, ask.to, &seconds, &bytes);
        opt_pricer_commit(pricer);
        sum += seconds == seconds ? seconds : target;
        trial[n++] = (struct trial_run){.ask = ask, .config = c};
        if (ask.config_id > r->configs_asked)
            r->configs_asked = ask.config_id;
    }
    return n;
}

/*
 * Under a memory limit repeatable runs choose first and fit the chosen again; beside a time limit they keep models
 * all the same, for the limit may leave no time for that. A refit gives the model that was dropped.
 */
static bool keeps_models(const struct run *r)
{
    return !r->problem.repeatable || !r->opt.memory || r->opt.time_s > 0;
}

/* ---- the constant baseline: there is always a model ------------------------------------------- */

/* A run that was killed early has not written it down. */
static void find_baseline(struct run *r, struct trial_run *t)
{
    struct arena *a = r->resumed ? arena_create(r->mem) : NULL;
    struct cat_trial *row = NULL;
    size_t n = 0;
    struct asx_err ignored = {0};
    if (a && cat_trials_get(r->cat, r->id, a, &row, &n, &ignored) == ASX_OK)
        for (size_t i = 0; i < n && !t->recorded; i++)
            if (row[i].config_id == 0) {
                t->recorded = true;
                t->at_s = row[i].at_s;
            }
    if (a)
        arena_destroy(a);
}

/*
 * Held-out predictions of the baseline: by fold, put together, and as the last selection reads them; with room to score and save. Where
 * the limit leaves less (very many classes), it is passed by the difference and people are told.
 */
static void room_for_baseline(struct run *r)
{
    uint64_t each = (uint64_t)r->problem.rows * (uint64_t)r->problem.outputs * sizeof(float);
    uint64_t need = 4 * each + (8u << 20), room = mem_room(r->mem);
    if (!r->opt.memory || room >= need || each < (1u << 20)) /* small tables: what a limit allows is checked at its start */
        return;
    mem_set_limit(r->mem, mem_limit(r->mem) + (need - room));
    run_warn(
        r, "limit.memory_least",
        "the memory limit is %llu MiB short of what predictions of %zu rows and %d classes take; it is passed by up to that much",
        (unsigned long long)((need - room) >> 20) + 1, r->problem.rows, r->problem.outputs);
}

static asx_st run_baseline(struct run *r, struct asx_err *err)
{
    const struct asx_learner *constant = registry_learner(r->session_registry, "constant");
    if (!constant)
        return ASX_OK;
    asx_st st = opt_space_make(r->session_registry, &r->problem, constant, NULL, 0, r->mem, &r->baseline_space, err);
    if (st != ASX_OK)
        return st;
    struct asx_config config;
    opt_config_default(constant, r->baseline_space, &config);
    struct config_run *c = run_config(r, 0, &config, err);
    if (!c)
        return ASX_E_NOMEM;
    struct trial_run trial = {.ask = {.config = config, .from = {1, 0, 0}, .to = {1, 0, r->splits->folds}}, .config = c};
    find_baseline(r, &trial);
    room_for_baseline(r);
    r->unstoppable = true;
    st = run_wave(r, &trial, 1, !trial.recorded, true, err);
    r->unstoppable = false;
    if (st == ASX_OK && trial.status < 0) {
        if (err)
            *err = trial.err;
        st = trial.status;
    }
    run_wave_clear(&trial, 1);
    return st;
}

/* ---- the loop -------------------------------------------------------------------------------------- */

static const char *why_nothing_asked(const struct run *r)
{
    if (r->opt.trials && r->configs_asked >= r->opt.trials)
        return "trials";
    return r->opt.strategy->exhausted(r->strategy) ? "space" : "converged";
}

void search_replayed(struct run *r)
{
    count_outcomes(r);
    adopt_saved_models(r);
    keep_oof(r);
    if (r->opt.time_s > 0)
        budget_give_least(r);
}

asx_st search_one_wave(struct run *r, struct trial_run *trial, int n, struct asx_err *err)
{
    r->waves++;
    asx_st st = run_wave(r, trial, n, true, keeps_models(r), err);
    tell_wave(r, trial, n);
    run_wave_clear(trial, n);
    return st == ASX_STOPPED ? ASX_OK : st;
}

/*
 * At most 2 % of a time limit goes into timing the kernels the first wave counts that this machine has no figures for;
 * never in repeatable mode, where plans rest on nominal figures.
 */
static void measure_speeds(struct run *r, struct trial_run *trial, int n)
{
    static const double share = 0.02;
    struct opt_plan *plan = NULL;
    struct asx_err ignored = {0};
    int found = 0;
    if (r->problem.repeatable || !(r->opt.time_s > 0) || r->resumed)
        return;
    if (run_plan_wave(r, trial, n, &plan, &ignored) == ASX_OK) /* failing to measure costs foresight only */
        opt_measure(r->session->machine, r->session->cpu, (const struct opt_plan *const *)&plan, 1, share * r->opt.time_s,
                    r->opt.memory ? mem_room(r->mem) : 0, r->cat, r->session->mem, &found, &ignored);
    if (plan)
        opt_plan_free(plan);
    if (found)
        event_send(&r->session->sink, EVENT_INFO, "machine.measured", "%d kernel speeds of this machine measured", found);
}

static void tell_all_failed(struct run *r)
{
    for (int i = 1; i < r->configs && r->trials_finished == 0; i++)
        if (r->config[i] && r->config[i]->failed) {
            run_warn(r, "search.all_failed", "all %d trials failed, the first because %s; the model is a constant",
                     r->trials_failed, r->config[i]->error ? r->config[i]->error : "of a fault");
            return;
        }
}

asx_st run_search(struct run *r, struct asx_err *err)
{
    r->phase = "searching";
    struct opt_pricer *pricer = opt_pricer_create(&r->ctx);
    struct trial_run *trial = mem_calloc(r->mem, WAVE_TRIALS, sizeof *trial);
    asx_st st = pricer && trial ? run_baseline(r, err) : err_set(err, ASX_E_NOMEM, "no memory to search; raise the memory limit");
    if (st == ASX_OK && r->resumed)
        st = search_replay(r, err);
    while (st == ASX_OK) {
        run_tick(r);
        if (run_should_stop(r) && (__atomic_load_n(&r->session->cancelled, __ATOMIC_RELAXED) || !final_leaves_time(r)))
            break;
        int n = search_ask_wave(r, pricer, trial, err);
        if (n < 0)
            st = err && err->code < 0 ? err->code : ASX_E_NOMEM;
        if (n <= 0) {
            r->stop_reason = why_nothing_asked(r);
            break;
        }
        if (r->waves == 0)
            measure_speeds(r, trial, n);
        st = search_one_wave(r, trial, n, err);
        if (st == ASX_OK && r->trials_finished == 0 && r->trials_failed >= ALL_FAIL) {
            r->stop_reason = "converged";
            break;
        }
    }
    tell_all_failed(r);
    if (!r->stop_reason)
        r->stop_reason = __atomic_load_n(&r->session->cancelled, __ATOMIC_RELAXED) ? "interrupted" : "time";
    if (pricer)
        opt_pricer_destroy(pricer);
    mem_free(trial);
    return st;
}
