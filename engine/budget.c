/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run's clock and its memory account.
 *
 * The search ends when what follows it (ensemble, refit, test, save) is expected to fill the rest of the limit: expected, not
 * feared, since what is kept back for nothing is search lost. What those steps take beyond it is met by their own ends
 * (phase_end_of), which reach into the tolerance of the promise (1.02 x limit + 0.5 s) for a test score that is nearly there.
 */
#include "engine/budget.h"
#include "engine/final.h"
#include "engine/ops/core.h"
#include "engine/session.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "data/splits.h"

#include <string.h>

/* Configs of an ensemble: what the final steps are priced for. Greedy selection seldom takes more of the best twelve. */
enum { MEMBERS = 8 };

/* ---- where time stands ------------------------------------------------------------ */

double run_elapsed(const struct run *r)
{
    return r->active_before + clock_now() - r->started;
}

bool run_should_stop(void *run)
{
    struct run *r = run;
    if (r->unstoppable)
        return false;
    bool reading = strcmp(r->phase, "reading") == 0, searching = strcmp(r->phase, "searching") == 0 || reading;
    if (searching && __atomic_load_n(&r->session->cancelled, __ATOMIC_RELAXED))
        return true;
    if (reading && r->resumed) /* there are trials: reading again is all that stands between them and a model */
        return clock_now() > r->deadline;
    return clock_now() > (searching ? r->search_end : r->phase_end);
}

/* How much longer ops take than machine and work say: other processes, or a machine not measured yet. */
static double slowness(const struct run *r)
{
    static const double most = 1.6; /* what a machine not measured yet costs beyond that is no sign of others at work */
    double times = r->raw_s > 0.01 ? r->real_s / r->raw_s : 1;
    return times < 1 ? 1 : times > most ? most : times;
}

/* ---- what the final steps will take ------------------------------------------------- */

/* After a selection: what it chose, and what came since and is better. Before: anything. */
static bool may_be_member(const struct run *r, const struct config_run *c)
{
    return c->has_models && (r->selected_best != r->selected_best || c->weight > 0 ||
                             asx_metric_better(r->opt.metric, c->validation, r->selected_best));
}

/* The likely members, best first. */
static int likely(const struct run *r, struct config_run **out)
{
    int n = 0;
    for (int i = 1; i < r->configs; i++) {
        struct config_run *c = r->config[i];
        if (!c || !may_be_member(r, c))
            continue;
        int at = n < MEMBERS ? n++ : MEMBERS;
        for (; at > 0 && asx_metric_better(r->opt.metric, c->validation, out[at - 1]->validation); at--)
            if (at < MEMBERS)
                out[at] = out[at - 1];
        if (at < MEMBERS)
            out[at] = c;
    }
    return n;
}

/* Reading the test data and predicting it with the likely members, side by side. */
static double test_seconds(struct run *r)
{
    struct config_run *member[MEMBERS];
    if (!r->opt.test)
        return 0;
    double sum = 0, longest = 0;
    for (int i = 0, n = likely(r, member); i < n; i++) {
        if (member[i]->predict_row_s != member[i]->predict_row_s)
            final_time_prediction(r, member[i]);
        double s = member[i]->predict_fixed_s + member[i]->predict_row_s * r->test_rows_guess;
        if (s == s) {
            sum += s;
            longest = s > longest ? s : longest;
        }
    }
    sum /= r->opt.threads > 1 ? r->opt.threads * 0.85 : 1;
    return r->test_read_guess * slowness(r) + 1.2 * (sum > longest ? sum : longest); /* samples are kinder to caches */
}

/* Model, report, leaderboard, and the end of the process: files to flush, and models to write twice and to compress. */
static double saving_seconds(const struct run *r)
{
    static const double fixed_s = 0.05, s_per_byte = 6e-9,
                        s_per_row = 5e-4; /* of the leaderboard in all its forms, its ops, and the log of the catalog */
    struct config_run *member[MEMBERS];
    double bytes = 0;
    for (int i = 0, n = likely(r, member); i < n; i++)
        bytes += member[i]->model_bytes;
    return (fixed_s + s_per_byte * bytes + s_per_row * r->configs) * slowness(r);
}

double run_ensemble_seconds(struct run *r, int candidates)
{
    struct opt_plan *plan = NULL;
    double s = 0.02;
    if (!r->problem_ptr || opt_plan_create(r->mem, &plan) != ASX_OK)
        return s;
    struct asx_shape shape = {.rows = (double)r->problem.rows, .cols = candidates};
    int id = opt_plan_add_core(plan, &r->ctx, &core_ensemble, "select ensemble", &shape, NULL, 0, (struct asx_key){0, 0}, r);
    if (id >= 0 && plan->node[id]->cost.total_s == plan->node[id]->cost.total_s)
        s += plan->node[id]->cost.total_s;
    opt_plan_free(plan);
    return s;
}

static double ensemble_seconds(struct run *r)
{
    int scored = 0;
    for (int i = 0; i < r->configs; i++)
        scored += r->config[i] && r->config[i]->scored && !r->config[i]->failed;
    return run_ensemble_seconds(r, scored);
}

/* On all threads, as good as they split. */
static double refit_seconds(const struct run *r, const struct config_run *c)
{
    return 1.5 * c->fit_s / (r->ctx.threads > 1 ? r->ctx.threads * 0.8 : 1);
}

/* The best configs on all folds, best first; at most `most`. */
static int best_full(const struct run *r, const struct config_run **out, int most)
{
    int n = 0;
    for (int i = 0; i < r->configs; i++) {
        const struct config_run *c = r->config[i];
        if (!c || !c->scored || c->failed || c->fidelity.folds < r->splits->folds)
            continue;
        int at = n < most ? n++ : most;
        for (; at > 0 && asx_metric_better(r->opt.metric, c->validation, out[at - 1]->validation); at--)
            if (at < most)
                out[at] = out[at - 1];
        if (at < most)
            out[at] = c;
    }
    return n;
}

/*
 * A best config whose models were not kept is worth fitting again; of a resumed run the best few are, for their models died
 * with an earlier process.
 */
static double best_refit_seconds(const struct run *r)
{
    const struct config_run *best[MEMBERS];
    double sum = 0;
    for (int i = 0, n = best_full(r, best, r->resumed ? MEMBERS : 1); i < n; i++)
        sum += best[i]->has_models ? 0 : refit_seconds(r, best[i]);
    return sum;
}

/* Ops see the clock at most some 50 ms late, on a busy machine more. */
static double late_seconds(const struct run *r)
{
    double s = 0.02 * r->opt.time_s;
    return (s < 0.04 ? s : 0.04) * slowness(r);
}

/* ---- when phases end ------------------------------------------------------------------ */

static double phase_end_of(struct run *r, const char *phase)
{
    if (isinf(r->deadline) || strcmp(phase, "saving") == 0)
        return INFINITY;
    double save = saving_seconds(r), tolerance = 0.5 + 0.02 * r->opt.time_s;
    if (strcmp(phase, "testing") == 0) /* a score that is nearly there may use some of the tolerance */
        return r->deadline - save + 0.6 * tolerance;
    if (strcmp(phase, "testing others") == 0)
        return r->deadline - save;
    double end = r->deadline - save - test_seconds(r);
    if (strcmp(phase, "refitting") == 0)
        return end;
    /*
     * A selection that is cut is one config: it gets its time even where the test data may then wait in vain, or saving, which is
     * priced with care, uses some of the tolerance.
     */
    double select = ensemble_seconds(r), least = clock_now() + 2 * select, last = r->deadline - save + 0.3 * tolerance;
    end -= 0.3 * select;
    end = end < least ? least : end;
    return end < last ? end : last;
}

void run_enter(struct run *r, const char *phase)
{
    r->phase_end = phase_end_of(r, phase);
    r->phase = phase;
}

double run_left(struct run *r, const char *phase)
{
    return phase_end_of(r, phase) - clock_now();
}

void run_set_search_end(struct run *r)
{
    double s = saving_seconds(r) + late_seconds(r) + test_seconds(r) + ensemble_seconds(r) + best_refit_seconds(r);
    double most = 0.4 * r->opt.time_s;
    r->search_end = r->deadline - (s < most ? s : most);
}

static void guess_test(struct run *r)
{
    struct data_prescan scan;
    struct asx_err ignored = {0};
    if (!r->opt.test || data_prescan(r->opt.test, &scan, &ignored) != ASX_OK)
        return;
    r->test_rows_guess = scan.rows;
    r->test_read_guess = 0.002 + (double)scan.file_bytes / 100e6;
}

void budget_set_clock(struct run *r)
{
    double now = clock_now();
    r->started = r->session->started > 0 ? r->session->started : now;
    r->session->started = 0; /* later tasks of the session start when they start */
    r->deadline = r->search_end = r->phase_end = INFINITY;
    if (r->opt.time_s > 0) {
        double least = now + 0.3 + 0.02 * r->opt.time_s; /* killed at its very end: time to make the model */
        r->deadline = r->started + r->opt.time_s - r->active_before;
        if (r->resumed && r->deadline < least)
            r->deadline = least;
        guess_test(r);
        run_set_search_end(r);
    }
}

void budget_give_least(struct run *r)
{
    const struct config_run *best;
    double least = 0.3 + 0.02 * r->opt.time_s, most = 0.25 * r->opt.time_s;
    if (best_full(r, &best, 1) && !best->has_models) {
        double again = 2 * refit_seconds(r, best); /* half of what is left may go into refits */
        least += again < most ? again : most;
    }
    if (r->deadline < clock_now() + least)
        r->deadline = clock_now() + least;
    run_set_search_end(r);
}

/* ---- memory ----------------------------------------------------------------------- */

asx_st budget_set_memory(struct run *r, struct asx_err *err)
{
    static const uint64_t nominal_reserve = 48u << 20;
    uint64_t reserve = r->opt.trials ? nominal_reserve : clock_rss() + (16u << 20);
    if (r->opt.memory && r->opt.memory < reserve + (8u << 20))
        return err_set(err, ASX_E_INVAL, "a memory limit of %llu MiB is too small to work in; give at least %llu MiB",
                       (unsigned long long)(r->opt.memory >> 20), (unsigned long long)((reserve + (24u << 20)) >> 20));
    r->mem = mem_create(NULL, r->opt.memory ? r->opt.memory - reserve : 0);
    return r->mem ? ASX_OK : err_set(err, ASX_E_NOMEM, "no memory to start a run");
}
