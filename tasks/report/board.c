/* SPDX-License-Identifier: Apache-2.0 */
#include "tasks/report/board.h"

#include "base/clock.h"
#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum column { RANK, MODEL, LEARNER, SCORE, INTERVAL, TEST, FIT, PREDICTED, PREDICT, MEMORY, WEIGHT, FIDELITY, DEVICE, CONFIG };

const struct board_column report_columns[] = {
    {"rank", "#", "#", true, 0, "place by validation score"},
    {"model", "model", "model", false, 3, "name for assay predict"},
    {"learner", "learner", "learner", false, 0, "algorithm"},
    {"validation", "validation", "validation", true, 0, "score on held-out rows"},
    {"interval", "95 % interval", "95 % interval", true, 2, "bootstrap interval of the validation score"},
    {"test", "test", "test", true, 1, "score on the test data"},
    {"fit", "fit", "fit", true, 4, "seconds of training that this trial took, its share of shared work included"},
    {"predicted", "fit predicted", "predicted", true, 6, "seconds of training predicted before it ran"},
    {"predict", "predict a row", "per row", true, 5, "time to predict one row"},
    {"memory", "memory", "memory", true, 8, "peak bytes while training"},
    {"weight", "weight", "weight", true, 7, "share in the ensemble"},
    {"fidelity", "fidelity", "fidelity", true, 9, "share of rows and iterations it was trained with"},
    {"device", "device", "device", false, 11, "where it ran"},
    {"config", "parameters", "parameters", false, 10, "parameters that were chosen"},
};
const int report_columns_n = sizeof(report_columns) / sizeof(*report_columns);

/* ---- fields ------------------------------------------------------------------- */

double report_number(const json_t *o, const char *key)
{
    return json_double(json_object_get(o, key));
}

const char *report_text(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}

const json_t *report_array(const json_t *o, const char *key)
{
    const json_t *a = json_object_get(o, key);
    return json_is_array(a) ? a : NULL;
}

/* ---- scores --------------------------------------------------------------------- */

static int decimals_for(double largest)
{
    if (!(largest > 0))
        return 4;
    int e = (int)floor(log10(largest));
    if (e >= 12 || e < -6)
        return -1;
    if (e >= 1)
        return e < 5 ? 4 - e : 0;
    return e >= -1 ? 4 : 3 - e;
}

static const json_t *row_of(const struct board *b, size_t row)
{
    return json_array_get(b->rows, row);
}

static bool cell_used(const struct board *b, int column)
{
    struct text t;
    bool used = false;
    text_init(&t, NULL);
    for (size_t i = 0; i < b->n && !used; i++) {
        t.n = 0;
        report_cell(b, i, column, &t);
        used = t.n > 0;
        /* these are worth a column only where trials differ in them */
        if (column == FIDELITY)
            used = report_number(row_of(b, i), "fidelity") < 1;
        else if (column == DEVICE)
            used = used && strcmp(report_text(row_of(b, i), "device"), "cpu") != 0;
    }
    text_clear(&t);
    return used;
}

void report_init(struct board *b, const json_t *run)
{
    double largest = 0;
    memset(b, 0, sizeof(*b));
    b->run = run;
    b->rows = report_array(run, "leaderboard");
    b->n = json_array_size(b->rows);
    for (size_t i = 0; i < b->n; i++)
        largest = fmax(largest, fabs(report_number(row_of(b, i), "validation")));
    b->decimals = decimals_for(largest);
    for (int c = 0; c < report_columns_n; c++)
        b->used[c] = report_columns[c].rank == 0 || cell_used(b, c);
}

void report_score(const struct board *b, double score, struct text *out)
{
    if (!isfinite(score))
        return;
    if (b->decimals < 0)
        text_printf(out, "%.4g", score);
    else
        text_printf(out, "%.*f", b->decimals, score);
}

/* ---- cells ------------------------------------------------------------------------ */

static void put_value(const json_t *v, struct text *out)
{
    if (json_is_string(v))
        text_puts(out, json_string_value(v));
    else if (json_is_boolean(v))
        text_puts(out, json_is_true(v) ? "yes" : "no");
    else if (json_is_number(v))
        text_printf(out, "%.4g", json_number_value(v));
}

void report_config(const json_t *config, struct text *out)
{
    const char *name;
    json_t *v;
    bool first = true;
    json_object_foreach((json_t *)(uintptr_t)config, name, v)
    {
        if (!json_is_string(v) && !json_is_boolean(v) && !json_is_number(v))
            continue;
        text_printf(out, "%s%s ", first ? "" : ", ", name);
        put_value(v, out);
        first = false;
    }
}

static void put_seconds(double s, struct text *out)
{
    char buf[32];
    if (isfinite(s))
        text_puts(out, clock_format_seconds(s, buf));
}

static void put_micros(double us, struct text *out)
{
    if (!isfinite(us))
        return;
    if (us < 1000)
        text_printf(out, "%.3g us", us);
    else
        put_seconds(us * 1e-6, out);
}

static void put_bytes(double bytes, struct text *out)
{
    char buf[32];
    if (isfinite(bytes))
        text_puts(out, clock_format_bytes(bytes, buf));
}

void report_cell(const struct board *b, size_t row, int column, struct text *out)
{
    const json_t *r = row_of(b, row);
    double low = report_number(r, "ci_low"), high = report_number(r, "ci_high"), w = report_number(r, "weight");
    switch ((enum column)column) {
    case RANK: put_value(json_object_get(r, "rank"), out); break;
    case MODEL: text_puts(out, report_text(r, "model")); break;
    case LEARNER: text_puts(out, report_text(r, "learner")); break;
    case SCORE: report_score(b, report_number(r, "validation"), out); break;
    case INTERVAL:
        if (isfinite(low) && isfinite(high)) {
            report_score(b, low, out);
            text_puts(out, " to ");
            report_score(b, high, out);
        }
        break;
    case TEST: report_score(b, report_number(r, "test"), out); break;
    case FIT: put_seconds(report_number(r, "fit_s"), out); break;
    case PREDICTED: put_seconds(report_number(r, "fit_predicted_s"), out); break;
    case PREDICT: put_micros(report_number(r, "predict_us_per_row"), out); break;
    case MEMORY: put_bytes(report_number(r, "peak_bytes"), out); break;
    case WEIGHT:
        if (w > 0)
            text_printf(out, "%.3g", w);
        break;
    case FIDELITY:
        if (isfinite(report_number(r, "fidelity")))
            text_printf(out, "%.3g", report_number(r, "fidelity"));
        break;
    case DEVICE: text_puts(out, report_text(r, "device")); break;
    case CONFIG:
        report_config(json_object_get(r, "config"), out);
        if (isfinite(report_number(r, "oob"))) {
            text_puts(out, "; out of bag ");
            report_score(b, report_number(r, "oob"), out);
        }
        break;
    }
}

/* ---- the run in words ---------------------------------------------------------------- */

const char *report_stop_text(const char *reason)
{
    static const char *const words[][2] = {
        {"time", "the time limit"},     {"trials", "the trial limit"},    {"target", "the score was reached"},
        {"price", "the price limit"},   {"space", "nothing left to try"}, {"converged", "no more improvement"},
        {"interrupted", "interrupted"},
    };
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        if (strcmp(words[i][0], reason) == 0)
            return words[i][1];
    return reason;
}

void report_summary(const json_t *run, struct text *out)
{
    const json_t *trials = json_object_get(run, "trials");
    double finished = report_number(trials, "finished"), failed = report_number(trials, "failed"),
           pruned = report_number(trials, "pruned");
    char buf[32];
    double all = finished + fmax(0, failed) + fmax(0, pruned);
    if (isfinite(finished))
        text_printf(out, "%.0f trial%s: %.0f finished", all, all == 1 ? "" : "s", finished);
    if (pruned > 0)
        text_printf(out, ", %.0f stopped early", pruned);
    if (failed > 0)
        text_printf(out, ", %.0f failed", failed);
    if (isfinite(report_number(run, "elapsed_s")))
        text_printf(out, "%s%s", out->n ? "; " : "", clock_format_seconds(report_number(run, "elapsed_s"), buf));
    if (isfinite(report_number(run, "budget_s")))
        text_printf(out, " of %s", clock_format_seconds(report_number(run, "budget_s"), buf));
    if (report_number(run, "peak_rss_bytes") > 0)
        text_printf(out, ", %s of memory", clock_format_bytes(report_number(run, "peak_rss_bytes"), buf));
    if (report_text(run, "stop_reason")[0])
        text_printf(out, "; ended by: %s", report_stop_text(report_text(run, "stop_reason")));
}
