/* SPDX-License-Identifier: Apache-2.0 */
/* The figures of the page: a chart's canvas with its numbers as a table, or a table that is a picture itself. */
#include "tasks/report/formats.h"

#include "base/clock.h"
#include "base/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_POINTS = 1500, MOST_ROWS = 60, MOST_FEATURES = 30, MOST_CLASSES = 40, WIDE_CLASSES = 6, MOST_MIXUPS = 30 };

/* ---- the leaderboard ------------------------------------------------------------- */

static void put_row(const struct board *b, size_t i, struct text *out)
{
    struct text t;
    text_init(&t, out->mem);
    text_puts(out, i == 0 ? "<tr class=\"best\">" : "<tr>");
    for (int c = 0; c < report_columns_n; c++) {
        if (!b->used[c])
            continue;
        const char *id = report_columns[c].id;
        t.n = 0;
        report_cell(b, i, c, &t);
        text_printf(out, "<td%s>", report_columns[c].right ? " class=\"n\"" : strcmp(id, "config") == 0 ? " class=\"config\"" : "");
        report_html_text(out, t.n ? t.s : "");
        if (strcmp(id, "learner") == 0 && json_is_true(json_object_get(json_array_get(b->rows, i), "pareto")))
            text_puts(out, "<span class=\"tag\" title=\"none is both faster to predict and better\">front</span>");
        text_puts(out, "</td>");
    }
    text_puts(out, "</tr>\n");
    t.n = 0;
    report_config(json_object_get(json_array_get(b->rows, i), "config"), &t);
    if (t.n) { /* on paper parameters have a line of their own below the row */
        text_puts(out, "<tr class=\"paper\"><td class=\"config\" colspan=\"14\">");
        report_html_text(out, t.s);
        text_puts(out, "</td></tr>\n");
    }
    out->failed |= t.failed;
    text_clear(&t);
}

/* The learner comes second on the page: the first two columns stay in sight on a phone. */
static void put_header(const struct board *b, struct text *out)
{
    text_puts(out, "<thead><tr>");
    for (int c = 0; c < report_columns_n; c++) {
        if (!b->used[c])
            continue;
        const char *class = report_columns[c].right                       ? " class=\"n\""
                            : strcmp(report_columns[c].id, "config") == 0 ? " class=\"config\""
                                                                          : "";
        text_printf(out, "<th scope=\"col\"%s title=\"%s\">%s</th>", class, report_columns[c].help, report_columns[c].title);
    }
    text_puts(out, "</tr></thead>\n");
}

static void put_failed(const json_t *run, struct text *out)
{
    const json_t *list = report_array(run, "failed");
    size_t n = json_array_size(list);
    if (!n)
        return;
    text_printf(out,
                "<details><summary>%zu failed trial%s</summary><div "
                "class=\"scroll\"><table><thead><tr><th>trial</th><th>error</th></tr></thead><tbody>\n",
                n, n == 1 ? "" : "s");
    for (size_t i = 0; i < n && i < 10 * MOST_ROWS; i++) {
        const json_t *f = json_array_get(list, i), *t = json_object_get(f, "trial");
        text_puts(out, "<tr><td>");
        if (json_is_number(t))
            text_printf(out, "%.0f", json_number_value(t));
        report_html_text(out, json_is_string(t) ? json_string_value(t) : "");
        text_puts(out, "</td><td class=\"wrap\">");
        report_html_text(out, report_text(f, "error"));
        text_puts(out, "</td></tr>\n");
    }
    text_puts(out, "</tbody></table></div></details>\n");
}

void report_html_tables(const struct board *b, struct text *out)
{
    text_puts(out, "<h2>Leaderboard</h2>\n");
    if (!b->n)
        text_puts(out, "<p class=\"muted\">No trial finished.</p>\n");
    else {
        text_puts(out, "<div class=\"scroll tall\"><table class=\"board\">");
        put_header(b, out);
        text_puts(out, "<tbody>\n");
        for (size_t i = 0; i < b->n; i++)
            put_row(b, i, out);
        text_puts(out, "</tbody></table></div>\n");
    }
    put_failed(b->run, out);
}

/* ---- figures with a chart ----------------------------------------------------------- */

static void open_figure(struct text *out, const char *chart, int height, const char *title, const char *caption)
{
    text_printf(out, "<figure><figcaption><h3>%s</h3><p>%s</p></figcaption>\n", title, caption);
    if (chart)
        text_printf(out,
                    "<div class=\"chart\" style=\"height:%dpx\"><canvas data-chart=\"%s\" role=\"img\" aria-label=\"%s; the "
                    "numbers are in the table below\"></canvas></div>\n",
                    height, chart, title);
}

static void open_numbers(struct text *out, const char *first, const char *second, const char *third)
{
    text_printf(out,
                "<details class=\"numbers\" open><summary>Numbers</summary><div class=\"scroll\"><table><thead><tr><th>%s</th><th "
                "class=\"n\">%s</th>",
                first, second);
    if (third)
        text_printf(out, "<th class=\"n\">%s</th>", third);
    text_puts(out, "</tr></thead><tbody>\n");
}

static void close_figure(struct text *out, size_t shown, size_t all)
{
    text_puts(out, "</tbody></table></div>");
    if (shown < all)
        text_printf(out, "<p class=\"muted\">%zu of %zu</p>", shown, all);
    text_puts(out, "</details></figure>\n");
}

static void figure_scores(const struct board *b, struct text *out)
{
    if (!b->n)
        return;
    size_t n = b->n < 20 ? b->n : 20;
    text_printf(
        out,
        "<figure class=\"picture\"><figcaption><h3>Scores</h3><p>The best %zu; bars are 95 %% bootstrap intervals over held-out "
        "rows.</p></figcaption>\n",
        n);
    text_printf(out,
                "<div class=\"chart\" style=\"height:%zupx\"><canvas data-chart=\"scores\" role=\"img\" aria-label=\"Scores; the "
                "numbers are in the leaderboard\"></canvas></div>\n",
                110 + 24 * n);
    text_puts(out, "<p class=\"muted\">The numbers are in the leaderboard above.</p></figure>\n");
}

/* Index of the i-th of n points shown out of `all`, first and last included. */
static size_t sampled(size_t i, size_t n, size_t all)
{
    return n < 2 || all <= n ? i : (size_t)((double)i * (double)(all - 1) / (double)(n - 1) + 0.5);
}

static void figure_timeline(const struct board *b, struct text *out)
{
    const json_t *line = report_array(b->run, "timeline");
    size_t all = json_array_size(line), n = all < MOST_ROWS ? all : MOST_ROWS;
    char buf[32];
    if (!all)
        return;
    open_figure(out, "timeline", 320, "Best score over time", "Best validation score so far, from the start of the program.");
    open_numbers(out, "after", "score", NULL);
    for (size_t i = 0; i < n; i++) {
        const json_t *p = json_array_get(line, sampled(i, n, all));
        text_printf(out, "<tr><td>%s</td><td class=\"n\">", clock_format_seconds(json_double(json_array_get(p, 0)), buf));
        report_score(b, json_double(json_array_get(p, 1)), out);
        text_puts(out, "</td></tr>\n");
    }
    close_figure(out, n, all);
}

static void figure_latency(const struct board *b, struct text *out)
{
    bool any = false;
    for (size_t i = 0; i < b->n; i++)
        any |= report_number(json_array_get(b->rows, i), "predict_us_per_row") > 0;
    if (!any)
        return;
    text_puts(out, "<figure class=\"picture\"><figcaption><h3>Score against prediction time</h3><p>No model is both faster and "
                   "better than those on "
                   "the front.</p></figcaption>\n"
                   "<div class=\"chart\"><canvas data-chart=\"latency\" role=\"img\" aria-label=\"Score against prediction time; "
                   "the numbers are in the leaderboard\"></canvas></div>\n"
                   "<p class=\"muted\">In the leaderboard, models of the front are marked &quot;front&quot;.</p></figure>\n");
}

/* What was predicted and measured: op executions if the run lists them, else whole trials. */
static json_t *op_points(const struct board *b)
{
    const json_t *ops = report_array(b->run, "ops");
    bool trials = !json_array_size(ops);
    size_t all = trials ? b->n : json_array_size(ops), n = all < MOST_POINTS ? all : MOST_POINTS;
    json_t *list = json_array();
    for (size_t i = 0; list && i < n; i++) {
        const json_t *o = json_array_get(trials ? b->rows : ops, sampled(i, n, all));
        double p = report_number(o, trials ? "fit_predicted_s" : "predicted_s"),
               m = report_number(o, trials ? "fit_s" : "measured_s");
        if (p > 0 && m > 0 && isfinite(p) && isfinite(m))
            json_array_append_new(list, json_pack("[s, f, f]", report_text(o, trials ? "learner" : "op"), p, m));
    }
    return list;
}

static int by_measured(const void *a, const void *b)
{
    double x = json_double(json_array_get(*(json_t *const *)a, 2)), y = json_double(json_array_get(*(json_t *const *)b, 2));
    return (x < y) - (x > y);
}

static void figure_predicted(const struct board *b, struct text *out)
{
    json_t *list = op_points(b);
    size_t all = json_array_size(list), n = all < MOST_ROWS ? all : MOST_ROWS;
    json_t *sorted[MOST_POINTS];
    char buf[32];
    if (!all) {
        json_decref(list);
        return;
    }
    for (size_t i = 0; i < all; i++)
        sorted[i] = json_array_get(list, i);
    qsort(sorted, all, sizeof(*sorted), by_measured);
    open_figure(out, "predicted", 320, "Predicted against measured time",
                "Each prediction was committed before the work began; on the line it was exact.");
    open_numbers(out, json_array_size(report_array(b->run, "ops")) ? "operator" : "trial", "predicted", "measured");
    for (size_t i = 0; i < n; i++) {
        text_puts(out, "<tr><td>");
        report_html_text(out, json_string_value(json_array_get(sorted[i], 0)));
        text_printf(out, "</td><td class=\"n\">%s</td>", clock_format_seconds(json_double(json_array_get(sorted[i], 1)), buf));
        text_printf(out, "<td class=\"n\">%s</td></tr>\n", clock_format_seconds(json_double(json_array_get(sorted[i], 2)), buf));
    }
    close_figure(out, n, all);
    json_decref(list);
}

/* Pairs of numbers as a chart and a table. */
static void figure_pairs(const struct board *b, const char *key, const char *title, const char *caption, const char *first,
                         const char *second, struct text *out)
{
    const json_t *list = report_array(b->run, key);
    size_t all = json_array_size(list), n = all < MOST_ROWS ? all : MOST_ROWS;
    if (!all)
        return;
    open_figure(out, key, 320, title, caption);
    open_numbers(out, first, second, NULL);
    for (size_t i = 0; i < n; i++) {
        const json_t *p = json_array_get(list, sampled(i, n, all));
        text_printf(out, "<tr><td>%.4g</td><td class=\"n\">%.4g</td></tr>\n", json_double(json_array_get(p, 0)),
                    json_double(json_array_get(p, 1)));
    }
    close_figure(out, n, all);
}

/* ---- tables that are pictures ---------------------------------------------------------- */

/* The share that a list of [name, share] gives a column; 0 where it is not in it. */
static double share_of(const json_t *list, const char *name)
{
    size_t i;
    json_t *p;
    json_array_foreach(list, i, p)
    {
        const char *other = json_string_value(json_array_get(p, 0));
        if (name && other && strcmp(name, other) == 0)
            return json_double(json_array_get(p, 1));
    }
    return 0;
}

static void figure_importance(const struct board *b, struct text *out)
{
    const json_t *splits = report_array(b->run, "split_importance"), *list = report_array(b->run, "importance");
    size_t all = json_array_size(list), n = all < MOST_FEATURES ? all : MOST_FEATURES;
    double top = 0;
    for (size_t i = 0; i < all; i++)
        top = fmax(top, json_double(json_array_get(json_array_get(list, i), 1)));
    if (!all || !(top > 0))
        return;
    open_figure(out, NULL, 0, "Importance of columns", "Share of what the best model draws from each column of the data.");
    text_puts(out, "<table style=\"margin-top:8px\">");
    if (json_array_size(splits))
        text_puts(out, "<thead><tr><th>column</th><th></th><th class=\"n\">share</th><th class=\"n\">of splits</th></tr></thead>");
    text_puts(out, "<tbody>\n");
    for (size_t i = 0; i < n; i++) {
        const json_t *p = json_array_get(list, i);
        const char *name = json_string_value(json_array_get(p, 0));
        double share = json_double(json_array_get(p, 1));
        text_puts(out, "<tr><td class=\"wrap\">");
        report_html_text(out, name ? name : "");
        text_printf(out, "</td><td class=\"bar\"><span style=\"--v:%.4f\"></span></td><td class=\"n\">%.1f %%</td>",
                    isfinite(share) ? share / top : 0, isfinite(share) ? 100 * share : 0);
        if (json_array_size(splits))
            text_printf(out, "<td class=\"n\">%.1f %%</td>", 100 * share_of(splits, name));
        text_puts(out, "</tr>\n");
    }
    text_puts(out, "</tbody></table>\n");
    if (n < all)
        text_printf(out, "<p class=\"muted\">and %zu more</p>\n", all - n);
    text_puts(out, "</figure>\n");
}

static double count_at(const json_t *counts, size_t i, size_t j)
{
    double v = json_double(json_array_get(json_array_get(counts, i), j));
    return isfinite(v) ? v : 0;
}

static void put_class(const json_t *classes, size_t i, struct text *out)
{
    const char *s = json_string_value(json_array_get(classes, i));
    report_html_text(out, s ? s : "");
}

static void put_matrix(const json_t *classes, const json_t *counts, size_t k, struct text *out)
{
    text_printf(out,
                "<div class=\"scroll\" style=\"border:0;margin-top:8px\"><table class=\"heat%s\"><thead><tr><th "
                "class=\"side\">true \\ predicted</th>",
                k > WIDE_CLASSES ? " many" : "");
    for (size_t j = 0; j < k; j++) {
        text_puts(out, "<th scope=\"col\"><span>");
        put_class(classes, j, out);
        text_puts(out, "</span></th>");
    }
    text_puts(out, "<th class=\"side\">recall</th></tr></thead><tbody>\n");
    for (size_t i = 0; i < k; i++) {
        double sum = 0;
        for (size_t j = 0; j < k; j++)
            sum += count_at(counts, i, j);
        text_puts(out, "<tr><th scope=\"row\">");
        put_class(classes, i, out);
        text_puts(out, "</th>");
        for (size_t j = 0; j < k; j++)
            text_printf(out, "<td style=\"--v:%.3f\"%s>%.10g</td>", sum > 0 ? count_at(counts, i, j) / sum : 0,
                        i == j                       ? " class=\"hit\""
                        : count_at(counts, i, j) > 0 ? ""
                                                     : " class=\"none\"",
                        count_at(counts, i, j));
        if (sum > 0)
            text_printf(out, "<th class=\"side\">%.1f %%</th></tr>\n", 100 * count_at(counts, i, i) / sum);
        else
            text_puts(out, "<th class=\"side\"></th></tr>\n");
    }
    text_puts(out, "</tbody></table></div>\n");
}

struct mixup {
    size_t i, j;
    double count;
};

/* Too many classes for a picture: the pairs that are mixed up most. */
static void put_mixups(const json_t *classes, const json_t *counts, size_t k, struct text *out)
{
    struct mixup top[MOST_MIXUPS];
    size_t n = 0;
    for (size_t i = 0; i < k; i++)
        for (size_t j = 0; j < k; j++) {
            double c = i == j ? 0 : count_at(counts, i, j);
            if (c <= 0 || (n == MOST_MIXUPS && c <= top[n - 1].count))
                continue;
            size_t at = n < MOST_MIXUPS ? n++ : n - 1;
            for (; at > 0 && top[at - 1].count < c; at--)
                top[at] = top[at - 1];
            top[at] = (struct mixup){i, j, c};
        }
    text_puts(out, "<div class=\"scroll\" style=\"border:0;margin-top:8px\"><table><thead><tr><th>true</th><th>predicted</th><th "
                   "class=\"n\">rows</th></tr></thead><tbody>\n");
    for (size_t i = 0; i < n; i++) {
        text_puts(out, "<tr><td>");
        put_class(classes, top[i].i, out);
        text_puts(out, "</td><td>");
        put_class(classes, top[i].j, out);
        text_printf(out, "</td><td class=\"n\">%.10g</td></tr>\n", top[i].count);
    }
    text_puts(out, "</tbody></table></div>\n");
}

static void figure_confusion(const struct board *b, struct text *out)
{
    const json_t *c = json_object_get(b->run, "confusion"), *classes = report_array(c, "classes"),
                 *counts = report_array(c, "counts");
    size_t k = json_array_size(classes);
    if (k < 2 || json_array_size(counts) != k)
        return;
    bool matrix = k <= MOST_CLASSES;
    open_figure(out, NULL, 0, matrix ? "Confusion matrix" : "Classes mixed up most",
                matrix ? "Held-out rows by true and predicted class; the darker, the larger the share of the true class."
                       : "Held-out rows by true and predicted class.");
    if (matrix)
        put_matrix(classes, counts, k, out);
    else
        put_mixups(classes, counts, k, out);
    text_puts(out, "</figure>\n");
}

void report_html_figures(const struct board *b, struct text *page)
{
    struct text figures, *out = &figures;
    text_init(out, page->mem);
    figure_scores(b, out);
    figure_timeline(b, out);
    figure_latency(b, out);
    figure_predicted(b, out);
    figure_importance(b, out);
    figure_confusion(b, out);
    figure_pairs(b, "roc", "ROC curve", "Held-out rows; the positive class against the other.", "false positive rate",
                 "true positive rate", out);
    figure_pairs(b, "residuals", "Residuals", "Actual minus predicted on held-out rows; the closer to the line, the better.",
                 "predicted", "actual", out);
    if (out->n) {
        text_puts(page, "<h2>Figures</h2>\n<div class=\"figures\">\n");
        text_put(page, out->s, out->n);
        text_puts(page, "</div>\n");
    }
    page->failed |= out->failed;
    text_clear(out);
}

/* ---- data for the script ------------------------------------------------------------------ */

static json_t *thinned(const json_t *list)
{
    size_t all = json_array_size(list), n = all < MOST_POINTS ? all : MOST_POINTS;
    json_t *out = json_array();
    for (size_t i = 0; out && i < n; i++)
        json_array_append(out, json_array_get(list, sampled(i, n, all)));
    return out;
}

static json_t *chart_rows(const struct board *b)
{
    json_t *rows = json_array();
    for (size_t i = 0; rows && i < b->n && i < MOST_POINTS; i++) {
        const json_t *r = json_array_get(b->rows, i);
        json_array_append_new(
            rows, json_pack("{s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:b}", "rank", json_number((double)i + 1), "learner",
                            report_text(r, "learner"), "validation", json_number(report_number(r, "validation")), "low",
                            json_number(report_number(r, "ci_low")), "high", json_number(report_number(r, "ci_high")), "test",
                            json_number(report_number(r, "test")), "us", json_number(report_number(r, "predict_us_per_row")),
                            "pareto", json_is_true(json_object_get(r, "pareto"))));
    }
    return rows;
}

void report_html_chart_data(const struct board *b, struct text *out)
{
    const json_t *run = b->run;
    json_t *data = json_pack("{s:s, s:o, s:o, s:o, s:o, s:s, s:o, s:o}", "metric", report_text(run, "metric"), "elapsed",
                             json_number(report_number(run, "elapsed_s")), "board", chart_rows(b), "timeline",
                             thinned(report_array(run, "timeline")), "ops", op_points(b), "ops_are",
                             json_array_size(report_array(run, "ops")) ? "operators" : "trials", "roc",
                             thinned(report_array(run, "roc")), "residuals", thinned(report_array(run, "residuals")));
    char *s = data ? json_dumps(data, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(8)) : NULL;
    json_decref(data);
    if (!s) {
        out->failed = true;
        return;
    }
    /* Inside a script element nothing but "</" and "<!--" could end it: no "<" is left at all. */
    for (const char *c = s; *c; c++)
        if (*c == '<')
            text_puts(out, "\\u003c");
        else
            text_put(out, c, 1);
    json_text_free(s);
}
