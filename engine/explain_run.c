/* SPDX-License-Identifier: Apache-2.0 */
/* Explain: the prelude runs (the data must be known), everything after it is only planned. */
#include "engine/explain_run.h"
#include "engine/search.h"
#include "engine/session.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "catalog/catalog.h"
#include "data/frame.h"
#include "optimizer/explain.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { EXPLAIN_TRIALS = 16, SUMMARIES = 8, TYPICAL = 5 /* members of an ensemble */ };

static asx_st what_if_machine(struct run *r, const struct assay_explain_options *o, struct opt_machine **other, struct asx_err *err)
{
    if (o->machine && o->topology)
        return err_set(err, ASX_E_INVAL, "a machine file and a topology are both given; give one");
    asx_st st = ASX_OK;
    if (o->machine)
        st = opt_machine_read(o->machine, r->mem, other, err);
    else if (o->topology)
        st = opt_machine_from_topology(o->topology, r->mem, other, err);
    if (st != ASX_OK || !*other)
        return st;
    opt_model_clear(&r->model);
    opt_model_init(&r->model, *other, r->opt.trials > 0, r->mem);
    r->machine = *other;
    r->speeds = r->corrections = 0;
    r->ctx.threads = r->threads_asked > 0 ? r->threads_asked : opt_machine_threads(*other);
    return ASX_OK;
}

/* The first wave as the search would ask for it. */
static asx_st first_wave(struct run *r, struct opt_plan **plan, struct trial_run *trial, int *n, struct asx_err *err)
{
    struct opt_pricer *pricer = opt_pricer_create(&r->ctx);
    if (!pricer)
        return err_set(err, ASX_E_NOMEM, "no memory to plan");
    *n = search_ask_wave(r, pricer, trial, err);
    opt_pricer_destroy(pricer);
    if (*n < 0)
        return ASX_E_NOMEM;
    if (*n == 0)
        return err_set(err, ASX_E_LIMIT, "no trial fits the time limit; raise it");
    for (int i = 0; i < *n; i++) {
        trial[i].run = r;
        trial[i].index = i;
    }
    return run_plan_wave(r, trial, *n, plan, err);
}

static void add_summary(struct opt_summary *s, int *n, const char *step, double seconds, double spread, uint64_t bytes, int trials)
{
    struct opt_summary *o = &s[(*n)++];
    *o = (struct opt_summary){
        .seconds = seconds, .low = seconds / spread, .high = seconds * spread, .host_bytes = bytes, .trials = trials};
    snprintf(o->step, sizeof o->step, "%s", step);
}

/* One trial of every learner, its default config with all rounds and folds: about the fullest that a later wave gets. */
static int full_trials(struct run *r, struct trial_run *t, int most)
{
    int n = 0;
    for (int i = 0; i < r->learners && n < most; i++) {
        const struct asx_learner *l = r->learner[i];
        struct asx_config config;
        struct asx_err ignored = {0};
        opt_config_default(l, r->space[i], &config);
        struct config_run *c = run_config(r, r->configs > 0 ? r->configs : 1, &config, &ignored);
        if (!c)
            continue;
        int rounds = l->iterations ? (int)asx_config_get(&config, l->iterations) : 0;
        t[n] = (struct trial_run){.run = r, .config = c, .index = n};
        t[n].ask = (struct asx_ask){.trial = n + 1, .config_id = c->id, .config = config, .from = {1, 0, 0}};
        t[n].ask.to = (struct asx_fidelity){1, rounds, r->splits->folds};
        n++;
    }
    return n;
}

/* Bytes at most while the search goes on: the data, predictions that are kept, and the ops of a full wave. */
static uint64_t search_peak(struct run *r, const struct opt_plan *first, int trials)
{
    struct opt_plan *plan = NULL;
    struct asx_err ignored = {0};
    struct trial_run *t = mem_calloc(r->mem, EXPLAIN_TRIALS, sizeof *t);
    uint64_t peak = first->host_peak;
    int n = t ? full_trials(r, t, EXPLAIN_TRIALS) : 0;
    if (n > 0 && run_plan_wave(r, t, n, &plan, &ignored) == ASX_OK)
        peak = plan->host_peak > peak ? plan->host_peak : peak;
    if (plan)
        opt_plan_free(plan);
    mem_free(t);
    double kept = trials < KEPT_OOF ? trials : KEPT_OOF;
    peak += frame_bytes(r->file_frame) + (uint64_t)(kept * (double)r->problem.rows * r->problem.outputs * sizeof(float));
    return r->opt.memory && peak > mem_limit(r->mem) ? mem_limit(r->mem) : peak;
}

enum { CANDIDATES = 100 }; /* an ensemble looks at no more */

/* As many trials as fit the seconds together with the selection among them. */
static double trials_that_fit(struct run *r, double seconds, double per_trial)
{
    double low = 0, high = fmin(seconds / per_trial, 1e6);
    while (high - low > 0.5 + 0.01 * high) {
        double n = 0.5 * (low + high);
        if (n * per_trial + run_ensemble_seconds(r, (int)fmin(n, CANDIDATES)) <= seconds)
            low = n;
        else
            high = n;
    }
    return floor(high);
}

/* Later waves and final steps: what is left of the budget, and what the last steps take of it. */
static int summarise(struct run *r, const struct opt_plan *first, int n, struct opt_summary *s)
{
    int count = 0, members = !r->opt.ensemble ? 1 : r->opt.trials && r->opt.trials < TYPICAL ? r->opt.trials : TYPICAL;
    uint64_t peak = first->host_peak;
    double budget = r->opt.time_s > 0 ? r->search_end - r->started - r->prelude->seconds - first->seconds : NAN;
    double per_trial = fmax(first->seconds / (n > 0 ? n : 1), 1e-4), left = 0;
    if (r->opt.trials) {
        left = fmax(r->opt.trials - n, 0);
        peak = search_peak(r, first, r->opt.trials);
        add_summary(s, &count, "later waves", per_trial * left, 3, left > 0 ? peak : first->host_peak, (int)left);
    } else if (budget > 0) {
        budget += run_ensemble_seconds(r, 0); /* which the end of the search leaves time for, nobody being scored yet */
        left = trials_that_fit(r, budget, per_trial);
        budget = fmax(budget - run_ensemble_seconds(r, (int)fmin(n + left, CANDIDATES)), 0);
        peak = search_peak(r, first, (int)left);
        add_summary(s, &count, "later waves", budget, 1.05, peak, (int)left);
    }
    int candidates = (int)fmin(n + left, CANDIDATES);
    double cells = (double)r->problem.rows * r->problem.outputs;
    add_summary(s, &count, "select ensemble", run_ensemble_seconds(r, candidates), 2, (uint64_t)((candidates + 1) * cells * 4), 0);
    if (r->problem.repeatable || r->opt.refit == REFIT_FULL)
        add_summary(s, &count, "refit chosen configs", members * per_trial, 3, peak, members);
    if (r->opt.test)
        add_summary(s, &count, "read and score test data", 0.2 * r->prelude->seconds + 0.02, 3, 0, 0);
    add_summary(s, &count, "save model and report", 0.02, 2, 0, 0);
    return count;
}

static asx_st render(struct run *r, const struct assay_explain_options *o, const struct opt_plan *first, int n, char **out,
                     struct asx_err *err)
{
    struct opt_summary summary[SUMMARIES];
    const struct opt_plan *plans[] = {r->prelude, first};
    struct opt_explained e = {.machine = r->machine,
                              .budget_s = r->opt.time_s > 0 ? r->opt.time_s : NAN,
                              .plan = plans,
                              .plans = 2,
                              .summary = summary,
                              .summaries = summarise(r, first, n, summary),
                              .speeds = r->speeds,
                              .corrections = r->corrections,
                              .nominal = r->model.nominal,
                              .costs = o->costs != 2};
    struct text text;
    text_init(&text, NULL);
    asx_st st = ASX_OK;
    if (!o->format || strcmp(o->format, "text") == 0 || strcmp(o->format, "table") == 0) {
        opt_explain_text(&e, &text);
    } else if (strcmp(o->format, "dot") == 0) {
        opt_explain_dot(&e, &text);
    } else if (strcmp(o->format, "json") == 0) {
        json_t *json = opt_explain_json(&e);
        char *s = json ? json_text(json) : NULL;
        json_decref(json);
        if (s)
            text_puts(&text, s), text_puts(&text, "\n");
        json_text_free(s);
    } else {
        st = err_set(err, ASX_E_INVAL, "format '%s' is not known; give text, json or dot", o->format);
    }
    if (st == ASX_OK && (text.failed || !text.s))
        st = err_set(err, ASX_E_NOMEM, "no memory to show the plan");
    *out = st == ASX_OK ? mem_strdup(NULL, text.s) : NULL;
    text_clear(&text);
    return st;
}

/* A search tries such trials all the same, for sizes are estimates; people should know before. */
static void warn_memory(struct run *r, const struct opt_plan *plan)
{
    uint64_t limit = mem_limit(r->mem);
    int n = 0;
    for (int i = 0; r->opt.memory && i < plan->nodes; i++)
        n += plan->node[i]->kind == OPT_FIT && plan->node[i]->cost.host_peak > limit;
    if (n)
        run_warn(r, "plan.memory",
                 "%d fit%s of the first wave will probably not fit the memory limit; raise it or name other learners", n,
                 n == 1 ? "" : "s");
}

static asx_st explain(struct run *r, const struct assay_explain_options *o, char **text, struct asx_err *err)
{
    struct opt_machine *other = NULL;
    struct opt_plan *plan = NULL;
    struct trial_run *trial = mem_calloc(r->mem, EXPLAIN_TRIALS, sizeof *trial);
    int n = 0;
    asx_st st = trial ? run_prelude(r, err) : ASX_E_NOMEM;
    if (st == ASX_STOPPED)
        st = err_set(err, ASX_E_LIMIT, "the time limit ends before the data is read; raise it");
    if (st == ASX_OK)
        st = what_if_machine(r, o, &other, err);
    if (st == ASX_OK)
        st = run_open_planning(r, err);
    if (st == ASX_OK) {
        r->phase = "searching";
        st = first_wave(r, &plan, trial, &n, err);
    }
    if (st == ASX_OK)
        st = render(r, o, plan, n, text, err);
    if (st == ASX_OK)
        warn_memory(r, plan);
    if (plan)
        opt_plan_free(plan);
    mem_free(trial);
    r->machine = r->session->machine;
    if (other)
        opt_machine_free(other);
    return st;
}

/* A plan is priced as a run would price it now; the catalog is only looked at, and need not be there. */
static void known_speeds(struct run *r)
{
    struct cat *cat = NULL;
    struct asx_err ignored = {0};
    if (r->session->cat) {
        run_load_measured(r, r->session->cat);
        return;
    }
    if (cat_open(&cat, &(struct cat_options){.path = r->session->options.catalog, .read_only = true, .mem = r->session->mem},
                 &ignored) != ASX_OK)
        return;
    run_load_measured(r, cat);
    cat_close(cat);
}

asx_st run_explain(struct session *s, const struct run_options *opt, const struct assay_explain_options *o, char **text,
                   struct asx_err *err)
{
    struct run *r = mem_calloc(NULL, 1, sizeof *r);
    if (!r)
        return err_set(err, ASX_E_NOMEM, "no memory to plan");
    r->planning_only = true;
    r->threads_asked = opt->threads;
    asx_st st = run_open(r, s, opt, err);
    if (st == ASX_OK)
        known_speeds(r);
    if (st == ASX_OK)
        st = explain(r, o, text, err);
    run_close(r);
    return st;
}
