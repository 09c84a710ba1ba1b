/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page: everything in one file, no request leaves it (a content security policy says so too). Tables carry
 * all facts; charts are drawn on top by a script and, where there is none, do not show.
 */
#include "tasks/report/formats.h"

#include "base/clock.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

void report_html_text(struct text *out, const char *s)
{
    for (; *s; s++)
        switch (*s) {
        case '&': text_puts(out, "&amp;"); break;
        case '<': text_puts(out, "&lt;"); break;
        case '>': text_puts(out, "&gt;"); break;
        case '"': text_puts(out, "&quot;"); break;
        case '\'': text_puts(out, "&#39;"); break;
        default:
            if ((unsigned char)*s >= 0x20 || *s == '\n' || *s == '\t')
                text_put(out, s, 1);
        }
}

static void put_head(const json_t *run, struct text *out)
{
    text_puts(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                   "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                   "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
                   "script-src 'unsafe-inline'; img-src data:\">\n"
                   "<meta name=\"referrer\" content=\"no-referrer\">\n<title>");
    report_html_text(out, report_text(run, "task"));
    text_puts(out, " ");
    report_html_text(out, report_text(run, "target"));
    text_puts(out, " - Assay</title>\n<style>\n");
    text_puts(out, report_css);
    text_puts(out, "</style>\n</head>\n<body>\n<main>\n");
}

static void put_title(const json_t *run, struct text *out)
{
    const char *data = report_text(run, "data"), *started = report_text(run, "started");
    text_puts(out, "<h1>");
    report_html_text(out, report_text(run, "task"));
    text_puts(out, " ");
    report_html_text(out, report_text(run, "target"));
    text_puts(out, "</h1>\n<p class=\"muted\">");
    if (data[0]) {
        report_html_text(out, data);
        text_puts(out, ", ");
    }
    text_printf(out, "%.0f rows, %.0f columns", fmax(0, report_number(run, "rows")), fmax(0, report_number(run, "columns")));
    size_t classes = json_array_size(report_array(run, "classes"));
    if (classes)
        text_printf(out, ", %zu classes", classes);
    if (started[0]) {
        text_puts(out, "; started ");
        report_html_text(out, started);
    }
    text_puts(out, "</p>\n");
}

/* ---- facts ----------------------------------------------------------------------- */

static void put_fact(struct text *out, const char *term, const char *value, const char *note)
{
    if (!value || !value[0])
        return;
    text_puts(out, "<div><dt>");
    report_html_text(out, term);
    text_puts(out, "</dt><dd>");
    report_html_text(out, value);
    if (note && note[0]) {
        text_puts(out, "<small>");
        report_html_text(out, note);
        text_puts(out, "</small>");
    }
    text_puts(out, "</dd></div>\n");
}

/* Builds a short text in a scratch buffer; the caller's next use overwrites it. */
static const char *score_text(const struct board *b, double v, struct text *t)
{
    t->n = 0;
    report_score(b, v, t);
    return t->n ? t->s : "";
}

static void put_best(const struct board *b, struct text *out)
{
    const json_t *run = b->run, *best = json_object_get(run, "best");
    struct text t, note;
    text_init(&t, out->mem);
    text_init(&note, out->mem);
    double low = report_number(best, "ci_low"), high = report_number(best, "ci_high");
    if (isfinite(low) && isfinite(high)) {
        report_score(b, low, &note);
        text_puts(&note, " to ");
        report_score(b, high, &note);
    }
    text_printf(&note, "%s%s is better", note.n ? "; " : "",
                json_is_false(json_object_get(run, "greater_is_better")) ? "less" : "more");
    put_fact(out, report_text(run, "metric"), score_text(b, report_number(best, "validation"), &t), note.s);
    put_fact(out, "on test data", score_text(b, report_number(best, "test"), &t), NULL);
    put_fact(out, "best model", report_text(best, "learner"), report_text(best, "model"));
    out->failed |= t.failed || note.failed;
    text_clear(&t);
    text_clear(&note);
}

static void put_effort(const json_t *run, struct text *out)
{
    const json_t *trials = json_object_get(run, "trials"), *costs = json_object_get(run, "costs"),
                 *sharing = json_object_get(run, "sharing");
    char value[96], note[96], buf[32];
    double finished = report_number(trials, "finished");
    if (isfinite(finished)) {
        snprintf(value, sizeof(value), "%.0f", finished);
        snprintf(note, sizeof(note), "%.0f stopped early, %.0f failed", fmax(0, report_number(trials, "pruned")),
                 fmax(0, report_number(trials, "failed")));
        put_fact(out, "trials", value, note);
    }
    if (isfinite(report_number(run, "elapsed_s"))) {
        snprintf(value, sizeof(value), "%s", clock_format_seconds(report_number(run, "elapsed_s"), buf));
        note[0] = '\0';
        if (isfinite(report_number(run, "budget_s")))
            snprintf(note, sizeof(note), "of %s", clock_format_seconds(report_number(run, "budget_s"), buf));
        const char *why = report_stop_text(report_text(run, "stop_reason"));
        if (why[0] && strlen(note) + strlen(why) + 12 < sizeof(note))
            snprintf(note + strlen(note), sizeof(note) - strlen(note), "%sended by: %.50s", note[0] ? "; " : "", why);
        put_fact(out, "time", value, note);
    }
    if (report_number(run, "peak_rss_bytes") > 0)
        put_fact(out, "peak memory", clock_format_bytes(report_number(run, "peak_rss_bytes"), buf), NULL);
    if (isfinite(report_number(costs, "q_error_median"))) {
        snprintf(value, sizeof(value), "%.2fx", report_number(costs, "q_error_median"));
        snprintf(note, sizeof(note), "95 %% within %.2fx", report_number(costs, "q_error_p95"));
        put_fact(out, "off from predicted cost", value, isfinite(report_number(costs, "q_error_p95")) ? note : NULL);
    }
    if (report_number(sharing, "seconds_saved") > 0) {
        snprintf(note, sizeof(note), "%.0f results used again", fmax(0, report_number(sharing, "hits")));
        put_fact(out, "saved by sharing", clock_format_seconds(report_number(sharing, "seconds_saved"), buf), note);
    }
}

static void put_warnings(const json_t *run, struct text *out)
{
    const json_t *list = report_array(run, "warnings");
    if (!json_array_size(list))
        return;
    text_printf(out, "<section class=\"warnings\"><strong>%zu warning%s</strong><ul>\n", json_array_size(list),
                json_array_size(list) == 1 ? "" : "s");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *s = json_string_value(json_array_get(list, i));
        text_puts(out, "<li>");
        report_html_text(out, s ? s : "");
        text_puts(out, "</li>\n");
    }
    text_puts(out, "</ul></section>\n");
}

void report_html(const json_t *run, struct text *out)
{
    struct board b;
    report_init(&b, run);
    put_head(run, out);
    put_title(run, out);
    text_puts(out, "<dl class=\"facts\">\n");
    put_best(&b, out);
    put_effort(run, out);
    text_puts(out, "</dl>\n");
    put_warnings(run, out);
    report_html_tables(&b, out);
    report_html_figures(&b, out);
    text_puts(out, "<footer>Assay ");
    report_html_text(out, report_text(run, "assay"));
    text_puts(out, report_text(run, "run")[0] ? ", run " : "");
    report_html_text(out, report_text(run, "run"));
    text_puts(out, "</footer>\n</main>\n<script type=\"application/json\" id=\"chart-data\">");
    report_html_chart_data(&b, out);
    text_puts(out, "</script>\n<script>\n");
    text_puts(out, report_chart_js);
    text_puts(out, "\n</script>\n<script>\n");
    text_puts(out, report_js);
    text_puts(out, "</script>\n</body>\n</html>\n");
}
