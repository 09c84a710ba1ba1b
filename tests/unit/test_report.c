/* SPDX-License-Identifier: Apache-2.0 */
/* Reports: widths, formats, escapes of hostile names, and that a page stands alone. */
#include "base/json.h"
#include "base/mem.h"
#include "tasks/report/report.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Suite *suite_report(void);

#define EVIL "a<b>&\\\"'|\\u0007</script><script>alert(1)</script>"

/* One run with every field, names as bad as JSON lets them be. */
static const char rich[] =
    "{\"assay\":\"0.1.0\",\"run\":\"r1\",\"task\":\"classify\",\"target\":\"" EVIL "\",\"rows\":390,\"columns\":14,"
    "\"classes\":[\"" EVIL "\",\"b\"],\"metric\":\"roc_auc\",\"greater_is_better\":true,\"budget_s\":60,\"elapsed_s\":59.1,"
    "\"peak_rss_bytes\":812345678,\"stop_reason\":\"time\",\"data\":\"" EVIL "\","
    "\"best\":{\"model\":\"m41\",\"learner\":\"ensemble\",\"validation\":0.9289,\"ci_low\":0.926,\"ci_high\":0.932,\"test\":0.9301}"
    ","
    "\"leaderboard\":["
    "{\"rank\":1,\"model\":\"m41\",\"learner\":\"ensemble\",\"config\":{},\"fidelity\":1.0,\"validation\":0.9289,\"ci_low\":0.926,"
    "\"ci_high\":0.932,\"test\":0.9301,\"fit_s\":3.1,\"fit_predicted_s\":2.8,\"fit_alone_s\":4.0,\"predict_us_per_row\":4.2,"
    "\"peak_bytes\":91234567,\"peak_predicted_bytes\":90000000,\"device\":\"cpu\",\"weight\":0.4,\"pareto\":true,\"seed\":1,"
    "\"plan\":\"p3\"},"
    "{\"rank\":2,\"model\":\"m2\",\"learner\":\"" EVIL "\",\"config\":{\"" EVIL "\":\"" EVIL
    "\",\"l2\":0.5,\"on\":true},\"fidelity\":0.5,"
    "\"validation\":0.92,\"ci_low\":null,\"ci_high\":null,\"test\":null,\"fit_s\":0.02,\"fit_predicted_s\":0.03,"
    "\"predict_us_per_row\":1234567,\"peak_bytes\":1000,\"device\":\"opencl:0\",\"weight\":0,\"pareto\":false,\"seed\":1,\"plan\":"
    "\"p3\"}],"
    "\"trials\":{\"finished\":180,\"failed\":1,\"pruned\":64},\"costs\":{\"q_error_median\":1.2,\"q_error_p95\":1.9},"
    "\"sharing\":{\"hits\":930,\"seconds_saved\":210.4},\"warnings\":[\"" EVIL "\"],\"timeline\":[[0.05,0.5],[1.5,0.9289]],"
    "\"importance\":[[\"" EVIL "\",0.75],[\"x\",0.25]],\"confusion\":{\"classes\":[\"" EVIL
    "\",\"b\"],\"counts\":[[200,10],[20,160]]},"
    "\"roc\":[[0,0],[0.1,0.8],[1,1]],\"residuals\":[[1,1.5]],\"ops\":[{\"op\":\"" EVIL
    "\",\"predicted_s\":0.1,\"measured_s\":0.2}],"
    "\"failed\":[{\"trial\":17,\"learner\":\"mlp\",\"error\":\"" EVIL "\"}]}";

static struct asx_err err;
static json_t *run;
static struct text out;

static void load(const char *text)
{
    json_decref(run);
    memset(&err, 0, sizeof(err));
    run = NULL;
    ck_assert_msg(json_parse(text, strlen(text), NULL, &run, &err) == ASX_OK, "%s", err.text);
}

static const char *make(const char *format, int width)
{
    struct report_options o = {.width = width};
    text_clear(&out);
    text_init(&out, NULL);
    ck_assert_int_eq(report_make(run, format, &o, &out, &err), ASX_OK);
    text_put(&out, "", 1);
    return out.s;
}

static void set_up(void)
{
    text_init(&out, NULL);
    load(rich);
}

static void tear_down(void)
{
    text_clear(&out);
    json_decref(run);
    run = NULL;
}

static size_t count(const char *text, const char *word)
{
    size_t n = 0;
    for (const char *at = text; (at = strstr(at, word)); at += strlen(word))
        n++;
    return n;
}

START_TEST(table)
{
    for (int width = 30; width <= 200; width += 17) {
        const char *text = make("table", width);
        ck_assert(strstr(text, "ensemble") && strstr(text, "0.9289"));
        ck_assert_msg(!strchr(text, 7), "a control character reaches the terminal");
        const char *board = strstr(text, "\n\n") + 2, *end = strstr(board, "\n\n");
        if (width < 64) /* narrower than the columns that always stay, with this learner's name */
            continue;
        for (const char *line = board; line < end; line = strchr(line, '\n') + 1)
            ck_assert_msg(strcspn(line, "\n") <= (size_t)width, "width %d: %.*s", width, (int)strcspn(line, "\n"), line);
    }
    const char *wide = make("table", 240);
    ck_assert(strstr(wide, "0.9260 to 0.9320") && strstr(wide, "4.2 us") && strstr(wide, "1.23 s"));
    ck_assert(strstr(wide, "245 trials: 180 finished, 64 stopped early, 1 failed") && strstr(wide, "ended by: the time limit"));
    ck_assert(strstr(wide, "warning: a<b>"));
}
END_TEST

START_TEST(decimals)
{
    static const struct {
        double score;
        const char *shown;
    } cases[] = {{0.92894, "0.9289"},       {0.012345, "0.01235"}, {0.000123456, "0.0001235"},
                 {12.3456, "12.346"},       {123.456, "123.46"},   {23415.31, "23415"},
                 {1.23456e15, "1.235e+15"}, {0, "0.0000"},         {-0.5, "-0.5000"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char text[200];
        snprintf(text, sizeof(text), "{\"task\":\"regress\",\"leaderboard\":[{\"rank\":1,\"learner\":\"x\",\"validation\":%.17g}]}",
                 cases[i].score);
        load(text);
        ck_assert_msg(strstr(make("table", 0), cases[i].shown), "%s not in\n%s", cases[i].shown, out.s);
    }
}
END_TEST

START_TEST(markdown)
{
    const char *text = make("md", 0);
    size_t bars = 0;
    ck_assert(!strstr(text, "<script>"));
    for (const char *line = strstr(text, "| #"); line && *line == '|'; line = strchr(line, '\n') + 1) {
        size_t n = 0;
        for (const char *c = line; *c != '\n'; c++)
            n += *c == '|' && c[-1] != '\\';
        if (!bars)
            bars = n;
        ck_assert_uint_eq(n, bars);
    }
    ck_assert_uint_gt(bars, 10);
}
END_TEST

/* Cells of one line of CSV. */
static size_t cells(const char **at)
{
    size_t n = 1;
    bool quoted = false;
    for (; **at && (quoted || **at != '\n'); ++*at) {
        quoted ^= **at == '"';
        n += !quoted && **at == ',';
    }
    *at += **at == '\n';
    return n;
}

START_TEST(csv)
{
    const char *at = make("csv", 0);
    ck_assert_int_eq(strncmp(at, "rank,model,learner,validation,ci_low,ci_high,test,", 50), 0);
    for (int i = 0; i < 3; i++)
        ck_assert_uint_eq(cells(&at), 20);
    ck_assert_int_eq(*at, '\0');
    ck_assert(strstr(out.s, "0.92890000000000006") || strstr(out.s, "0.9289,"));
}
END_TEST

START_TEST(json)
{
    json_t *again = NULL;
    const char *text = make("json", 0);
    ck_assert_int_eq(json_parse(text, strlen(text), NULL, &again, &err), ASX_OK);
    ck_assert(json_equal(again, run));
    json_decref(again);
}
END_TEST

START_TEST(html)
{
    const char *text = make("html", 0);
    ck_assert_uint_eq(count(text, "alert(1)"),
                      count(text, "&lt;script&gt;alert(1)&lt;/script&gt;") + count(text, "script>alert(1)\\u003c/script>"));
    ck_assert_uint_eq(count(text, "<script"), 3);
    ck_assert_uint_eq(count(text, "</script>"), 3);
    static const char *const tags[] = {"table",   "tr", "tbody", "thead", "figure", "details", "div",
                                       "section", "ul", "dl",    "main",  "style",  "h2"};
    const char *data = strstr(text, "<script type=\"application/json\"");
    ck_assert_ptr_nonnull(data);
    for (size_t i = 0; i < sizeof(tags) / sizeof(*tags); i++) {
        char open[2][20], close[20];
        snprintf(open[0], 20, "<%s>", tags[i]);
        snprintf(open[1], 20, "<%s ", tags[i]);
        snprintf(close, 20, "</%s>", tags[i]);
        ck_assert_msg(count(text, open[0]) + count(text, open[1]) == count(text, close), "<%s> is not closed", tags[i]);
    }
    /* nothing is fetched: no sources, links or imports; the policy forbids it, too */
    ck_assert(strstr(text, "default-src 'none'"));
    static const char *const fetching[] = {" src=", "<link", "@import", "url(", "fetch(", "XMLHttpRequest"};
    for (size_t i = 0; i < sizeof(fetching) / sizeof(*fetching); i++)
        ck_assert_msg(!strstr(text, fetching[i]), "the page has %s", fetching[i]);
    static const char *const there[] = {"prefers-color-scheme: dark",
                                        "@media print",
                                        "width=device-width",
                                        "data-chart=\"scores\"",
                                        "data-chart=\"timeline\"",
                                        "data-chart=\"latency\"",
                                        "data-chart=\"predicted\"",
                                        "data-chart=\"roc\"",
                                        "data-chart=\"residuals\"",
                                        "Confusion matrix",
                                        "Importance of columns",
                                        "Chart.js v",
                                        "1 failed trial",
                                        "95.2 %"};
    for (size_t i = 0; i < sizeof(there) / sizeof(*there); i++)
        ck_assert_msg(strstr(text, there[i]), "the page lacks %s", there[i]);
    /* the embedded data is JSON */
    const char *from = strchr(data, '>') + 1, *to = strstr(from, "</script>");
    json_t *j = NULL;
    ck_assert_int_eq(json_parse(from, (size_t)(to - from), NULL, &j, &err), ASX_OK);
    ck_assert_uint_eq(json_array_size(json_object_get(j, "board")), 2);
    json_decref(j);
}
END_TEST

/* Fields that are absent, null or of another type leave gaps, never crashes. */
START_TEST(poor)
{
    static const char *const runs[] = {
        "{}",
        "[]",
        "3",
        "{\"leaderboard\":[]}",
        "{\"leaderboard\":{}}",
        "{\"leaderboard\":[1,null,[],{}]}",
        "{\"leaderboard\":[{\"rank\":\"x\",\"validation\":\"y\",\"config\":[1]}],\"timeline\":[1,[],[null,2]],"
        "\"importance\":[[1,2],[\"a\",\"b\"],3],\"confusion\":{\"classes\":[1,2],\"counts\":[[1],2]},\"roc\":[[]],"
        "\"residuals\":3,\"ops\":[1,{}],\"failed\":[1,{}],\"warnings\":[1,null]}"};
    static const char *const formats[] = {"table", "md", "html", "csv", "json"};
    for (size_t i = 0; i < sizeof(runs) / sizeof(*runs); i++) {
        load(runs[i]);
        for (size_t f = 0; f < 5; f++)
            make(formats[f], 0);
        text_clear(&out);
        text_init(&out, NULL);
        ck_assert_int_eq(report_failed(run, "table", NULL, &out, &err), ASX_OK);
    }
}
END_TEST

static void set_classes(int k)
{
    json_t *classes = json_array(), *counts = json_array();
    for (int i = 0; i < k; i++) {
        char name[24];
        snprintf(name, sizeof(name), "class %d", i);
        json_array_append_new(classes, json_string(name));
        json_t *row = json_array();
        for (int j = 0; j < k; j++)
            json_array_append_new(row, json_integer(i == j ? 50 : i == 7 && j == 9 ? 33 : (i * j) % 3));
        json_array_append_new(counts, row);
    }
    json_object_set_new(run, "confusion", json_pack("{s:o, s:o}", "classes", classes, "counts", counts));
}

START_TEST(many_classes)
{
    set_classes(3);
    const char *text = make("html", 0);
    ck_assert(strstr(text, "<table class=\"heat\">") && strstr(text, "<span>class 2</span>"));
    ck_assert(strstr(text, "style=\"--v:0.000\" class=\"none\">0</td>"));
    set_classes(12); /* names stand upright, so that the columns are narrow */
    text = make("html", 0);
    ck_assert(strstr(text, "<table class=\"heat many\">") && strstr(text, "<span>class 11</span>"));
    set_classes(60);
    text = make("html", 0);
    const char *first = strstr(text, "<td>class 7</td><td>class 9</td><td class=\"n\">33</td>");
    ck_assert(first && !strstr(text, "Confusion matrix"));
    ck_assert(strstr(first, "<td class=\"n\">2</td>")); /* others follow */
}
END_TEST

START_TEST(failed)
{
    static const char *const formats[] = {"table", "md", "csv", "json"};
    for (size_t f = 0; f < 4; f++) {
        text_clear(&out);
        text_init(&out, NULL);
        ck_assert_int_eq(report_failed(run, formats[f], NULL, &out, &err), ASX_OK);
        ck_assert(strstr(out.s, "17") && strstr(out.s, "alert(1)"));
    }
    ck_assert_int_eq(report_failed(run, "html", NULL, &out, &err), ASX_E_INVAL);
    memset(&err, 0, sizeof(err));
    ck_assert_int_eq(report_make(run, "htm", NULL, &out, &err), ASX_E_INVAL);
    ck_assert(strstr(err.text, "did you mean 'html'"));
    ck_assert_str_eq(report_format_of("a.html"), "html");
    ck_assert_str_eq(report_format_of("dir.x/b.csv"), "csv");
    ck_assert_ptr_null(report_format_of("board"));
}
END_TEST

START_TEST(no_memory)
{
    static const char *const formats[] = {"table", "md", "html", "csv"};
    for (size_t f = 0; f < 4; f++) {
        struct mem *m = mem_create(NULL, 0);
        struct text t;
        asx_st st = ASX_E_NOMEM;
        for (long i = 1; st; i++) {
            text_init(&t, m);
            memset(&err, 0, sizeof(err));
            mem_fault_after(i);
            st = report_make(run, formats[f], NULL, &t, &err);
            mem_fault_after(0);
            ck_assert(st == ASX_OK || st == ASX_E_NOMEM);
            text_clear(&t);
            ck_assert_uint_eq(mem_used(m), 0);
            ck_assert_int_lt(i, 5000);
        }
        mem_destroy(m);
    }
}
END_TEST

Suite *suite_report(void)
{
    Suite *s = suite_create("report");
    TCase *t = tcase_create("report");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_set_timeout(t, 30);
    tcase_add_test(t, table);
    tcase_add_test(t, decimals);
    tcase_add_test(t, markdown);
    tcase_add_test(t, csv);
    tcase_add_test(t, json);
    tcase_add_test(t, html);
    tcase_add_test(t, poor);
    tcase_add_test(t, many_classes);
    tcase_add_test(t, failed);
    tcase_add_test(t, no_memory);
    suite_add_tcase(s, t);
    return s;
}
