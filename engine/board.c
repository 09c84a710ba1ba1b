/* SPDX-License-Identifier: Apache-2.0 */
/* The run as JSON: exactly CONTRACT's keys first, then what the report draws. */
#include "engine/board.h"
#include "engine/trial.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "catalog/catalog.h"

#include <stdlib.h>
#include <string.h>

static void put(json_t *o, const char *key, json_t *v)
{
    json_object_set_new(o, key, v);
}

static json_t *text(const char *s)
{
    return s ? json_string(s) : json_null();
}

static json_t *shown_id(char kind, int64_t id)
{
    char s[CAT_ID];
    return id > 0 ? json_string(cat_id_format(kind, id, s)) : json_null();
}

static const char *task_name(const struct run *r)
{
    return r->opt.kind->head.name;
}

/* ---- leaderboard ------------------------------------------------------------------ */

static bool is_ensemble(const struct run *r)
{
    int n = 0;
    for (int i = 0; i < r->candidates; i++)
        n += r->candidate[i]->weight > 0;
    return n > 1;
}

/* Mean over the folds whose models know it; NaN: none does. */
static double out_of_bag(const struct run *r, const struct config_run *c)
{
    double sum = 0;
    int n = 0;
    for (int f = 0; f <= r->splits->folds; f++)
        if (c->fold[f].has_oob) {
            sum += c->fold[f].oob;
            n++;
        }
    return n ? sum / n : NAN;
}

static json_t *config_row(const struct run *r, const struct config_run *c, int rank)
{
    json_t *o = json_object(), *config = NULL;
    json_error_t e;
    if (c->json)
        config = json_loads(c->json, 0, &e);
    put(o, "rank", json_integer(rank));
    put(o, "model", shown_id('m', c->model_id));
    put(o, "learner", text(c->config.learner->head.name));
    put(o, "config", config ? config : json_object());
    put(o, "fidelity", json_number(trial_fidelity_share(r, c, &c->fidelity)));
    put(o, "validation", json_number(c->validation));
    put(o, "ci_low", json_number(c->ci_low));
    put(o, "ci_high", json_number(c->ci_high));
    put(o, "test", json_number(c->test));
    put(o, "fit_s", json_number(c->fit_s));
    put(o, "fit_predicted_s", json_number(c->fit_predicted_s));
    put(o, "fit_alone_s", json_number(c->fit_alone_s));
    put(o, "predict_us_per_row", json_number(c->predict_us));
    put(o, "peak_bytes", json_number(round(c->peak_bytes))); /* a share of what a batch took */
    put(o, "peak_predicted_bytes", json_number(round(c->peak_predicted)));
    put(o, "device", json_string("cpu"));
    put(o, "weight", json_number(c->weight));
    put(o, "pareto", json_false());
    put(o, "seed", json_integer((json_int_t)r->opt.seed));
    put(o, "plan", shown_id('p', c->plan));
    put(o, "iterations", json_integer(c->best_iteration));
    if (isfinite(out_of_bag(r, c)))
        put(o, "oob", json_number(out_of_bag(r, c)));
    return o;
}

static json_t *ensemble_row(const struct run *r)
{
    double fit = 0, predicted = 0, alone = 0, peak = 0, peak_predicted = 0;
    for (int i = 0; i < r->candidates; i++) {
        const struct config_run *c = r->candidate[i];
        fit += c->weight > 0 ? c->fit_s : 0;
        predicted += c->weight > 0 ? c->fit_predicted_s : 0;
        alone += c->weight > 0 ? c->fit_alone_s : 0;
        if (c->weight > 0) {
            peak = fmax(peak, c->peak_bytes);
            peak_predicted = fmax(peak_predicted, c->peak_predicted);
        }
    }
    json_t *o = json_object(), *members = json_object();
    for (int i = 0; i < r->candidates; i++)
        if (r->candidate[i]->weight > 0) {
            char id[CAT_ID];
            put(members, cat_id_format('m', r->candidate[i]->model_id, id), json_number(r->candidate[i]->weight));
        }
    put(o, "rank", json_integer(1));
    put(o, "model", shown_id('m', r->made_id));
    put(o, "learner", json_string("ensemble"));
    put(o, "config", json_pack("{s:o}", "members", members));
    put(o, "fidelity", json_number(1));
    put(o, "validation", json_number(r->ensemble_validation));
    put(o, "ci_low", json_number(r->ensemble_low));
    put(o, "ci_high", json_number(r->ensemble_high));
    put(o, "test", json_number(r->ensemble_test));
    put(o, "fit_s", json_number(fit));
    put(o, "fit_predicted_s", json_number(predicted));
    put(o, "fit_alone_s", json_number(alone));
    put(o, "predict_us_per_row", json_number(r->ensemble_predict_us));
    put(o, "peak_bytes", json_number(round(peak))); /* of its largest member: they were fitted one after another */
    put(o, "peak_predicted_bytes", json_number(round(peak_predicted)));
    put(o, "device", json_string("cpu"));
    put(o, "weight", json_number(1));
    put(o, "pareto", json_false());
    put(o, "seed", json_integer((json_int_t)r->opt.seed));
    put(o, "plan", shown_id('p', r->ensemble_plan));
    return o;
}

struct point {
    double score, us;
    json_t *row;
    const struct asx_metric *metric;
};

/* Fastest first; of equally fast ones the best first. */
static int by_speed(const void *a, const void *b)
{
    const struct point *x = a, *y = b;
    if (x->us != y->us)
        return x->us < y->us ? -1 : 1;
    return asx_metric_better(y->metric, y->score, x->score) - asx_metric_better(x->metric, x->score, y->score);
}

/*
 * A row is on the front when no other is at least as good and faster, or better and as fast: fastest first, those that are
 * better than all before them; of rows that are equal in both, all.
 */
static void mark_pareto(const struct run *r, json_t *rows)
{
    struct point *p = mem_array(r->mem, json_array_size(rows) + 1, sizeof *p);
    size_t i, n = 0;
    json_t *row;
    const struct point *last = NULL;
    if (!p)
        return;
    json_array_foreach(rows, i, row)
    {
        p[n] = (struct point){json_double(json_object_get(row, "validation")),
                              json_double(json_object_get(row, "predict_us_per_row")), row, r->opt.metric};
        n += p[n].score == p[n].score && p[n].us == p[n].us;
    }
    qsort(p, n, sizeof *p, by_speed);
    for (i = 0; i < n; i++) {
        bool equal = last && last->us == p[i].us && last->score == p[i].score;
        if (!equal && last && !asx_metric_better(r->opt.metric, p[i].score, last->score))
            continue;
        json_object_set_new(p[i].row, "pareto", json_true());
        last = &p[i];
    }
    mem_free(p);
}

static json_t *leaderboard(const struct run *r)
{
    json_t *rows = json_array();
    int rank = 1;
    if (r->made && is_ensemble(r))
        json_array_append_new(rows, ensemble_row(r)), rank++;
    for (int i = 0; i < r->candidates; i++)
        json_array_append_new(rows, config_row(r, r->candidate[i], rank++));
    mark_pareto(r, rows);
    return rows;
}

/* The line of the model that was saved. It is the first but where the clock left the best config without a model. */
static json_t *saved_row(const struct run *r, json_t *rows)
{
    char id[CAT_ID];
    size_t i;
    json_t *row;
    if (r->made_id > 0) {
        cat_id_format('m', r->made_id, id);
        json_array_foreach(rows, i, row)
        {
            const char *name = json_string_value(json_object_get(row, "model"));
            if (name && strcmp(name, id) == 0)
                return row;
        }
    }
    return json_array_get(rows, 0);
}

static json_t *best_of(const struct run *r, json_t *rows)
{
    const json_t *first = saved_row(r, rows);
    json_t *o = json_object();
    static const char *const keys[] = {"model", "learner", "validation", "ci_low", "ci_high", "test"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        json_t *v = json_object_get(first, keys[i]);
        put(o, keys[i], v ? json_incref(v) : json_null());
    }
    return o;
}

/* ---- books ------------------------------------------------------------------------- */

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static json_t *costs(struct run *r)
{
    double median = NAN, p95 = NAN;
    if (r->q_n) {
        qsort(r->q_log, (size_t)r->q_n, sizeof *r->q_log, ascending);
        median = exp(r->q_log[r->q_n / 2]);
        p95 = exp(r->q_log[(int)(0.95 * (r->q_n - 1))]);
    }
    return json_pack("{s:o, s:o, s:i}", "q_error_median", json_number(median), "q_error_p95", json_number(p95),
                     "memory_underestimates", r->memory_under);
}

/* Scores of trials as they came, and at the end that of what is saved, where an ensemble betters them. */
static json_t *timeline(const struct run *r, const json_t *best)
{
    json_t *a = json_array();
    for (int i = 0; i < r->timelines; i++)
        json_array_append_new(a, json_pack("[f, o]", r->timeline[i].seconds, json_number(r->timeline[i].score)));
    const json_t *last = json_object_get(best, "validation");
    if (r->timelines && json_is_number(last) &&
        asx_metric_better(r->opt.metric, json_number_value(last), r->timeline[r->timelines - 1].score))
        json_array_append_new(a, json_pack("[f, O]", run_elapsed(r), last));
    return a;
}

static json_t *failed(const struct run *r)
{
    json_t *a = json_array();
    for (int i = 0; i < r->configs; i++) {
        const struct config_run *c = r->config[i];
        if (c && c->failed)
            json_array_append_new(a, json_pack("{s:i, s:s, s:s?, s:s?}", "trial", c->last_trial, "learner",
                                               c->config.learner->head.name, "config", c->json, "error", c->error));
    }
    return a;
}

static uint64_t peak_rss(const struct run *r)
{
    uint64_t now = clock_peak_rss();
    return now > r->peak_rss_before ? now : r->peak_rss_before;
}

/* What goes on changing until the run ends. */
static void put_books(struct run *r, json_t *o)
{
    put(o, "elapsed_s", json_number(run_elapsed(r)));
    put(o, "peak_rss_bytes", json_integer((json_int_t)peak_rss(r)));
    put(o, "costs", costs(r));
    put(o, "sharing", json_pack("{s:I, s:f}", "hits", (json_int_t)r->share_hits, "seconds_saved", r->share_saved));
    json_t *warnings = json_array();
    for (int i = 0; i < r->warnings; i++)
        json_array_append_new(warnings, json_string(r->warning[i]));
    put(o, "warnings", warnings);
    put(o, "ops", r->op_rows ? json_incref(r->op_rows) : json_array());
}

json_t *run_board_again(struct run *r, json_t *board)
{
    if (!board)
        return run_board(r);
    put_books(r, board);
    return board;
}

/* Columns given to learn from, those among them that were found useless included: neither the target nor weights and groups. */
static json_int_t given_columns(const struct run *r)
{
    if (r->frame->sparse)
        return (json_int_t)r->frame->sparse->cols;
    json_int_t n = 0;
    for (size_t j = 0; j < r->file_frame->columns; j++)
        n += r->profile->own[j].role != ASX_ROLE_TARGET && r->profile->own[j].role != ASX_ROLE_IGNORED;
    return n;
}

json_t *run_board(struct run *r)
{
    json_t *o = json_object(), *rows = leaderboard(r);
    put(o, "assay", json_string(ASSAY_VERSION));
    put(o, "run", shown_id('r', r->id));
    put(o, "task", text(task_name(r)));
    put(o, "target", text(r->opt.target ? r->opt.target : "target"));
    put(o, "rows", json_integer((json_int_t)r->problem.rows));
    put(o, "columns", json_integer(given_columns(r)));
    json_t *classes = json_array();
    for (int c = 0; c < r->problem.classes; c++)
        json_array_append_new(classes, json_string(r->problem.class_name[c]));
    put(o, "classes", classes);
    put(o, "metric", text(r->opt.metric->head.name));
    put(o, "greater_is_better", json_boolean(r->opt.metric->greater_is_better));
    put(o, "budget_s", json_number(r->opt.time_s > 0 ? r->opt.time_s : NAN));
    put(o, "elapsed_s", json_null()); /* in this place */
    put(o, "peak_rss_bytes", json_null());
    put(o, "stop_reason", text(r->stop_reason));
    put(o, "best", best_of(r, rows));
    put(o, "leaderboard", rows);
    put(o, "trials",
        json_pack("{s:i, s:i, s:i}", "finished", r->trials_finished, "failed", r->trials_failed, "pruned", r->trials_pruned));
    put(o, "costs", json_null());
    put(o, "sharing", json_null());
    put(o, "warnings", json_null());
    put(o, "timeline", timeline(r, json_object_get(o, "best")));
    put(o, "failed", failed(r));
    put(o, "ops", json_null());
    put_books(r, o);
    if (r->summary)
        json_object_update(o, r->summary);
    if (r->importance)
        put(o, "importance", json_incref(r->importance));
    if (r->split_importance)
        put(o, "split_importance", json_incref(r->split_importance));
    return o;
}
