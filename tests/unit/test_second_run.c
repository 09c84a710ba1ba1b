/* SPDX-License-Identifier: Apache-2.0 */
/* What one run measures the next one uses: speeds of kernels, residuals of ops, good configs; repeatable runs use none. */
#include "tests/runner.h"
#include "tests/support/run_make.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Suite *suite_second_run(void);

#define SET(...) ((const char *const[]){__VA_ARGS__, NULL})

static double number(struct run_make *r, const char *sql)
{
    char *text = run_make_text(r, sql);
    double v = text && *text ? atof(text) : NAN;
    free(text);
    return v;
}

static json_t *speeds(struct run_make *r, const char *const *settings)
{
    assay_task *t = run_make_task(r, "classify", settings);
    char *text = NULL;
    struct assay_explain_options o = {.size = sizeof o, .format = "json"};
    ck_assert_msg(assay_task_explain(t, &o, &text) == ASSAY_OK, "%s", assay_session_error(r->session));
    json_error_t e;
    json_t *all = json_loads(text, 0, &e), *mine = json_incref(json_object_get(all, "speeds"));
    ck_assert_ptr_nonnull(mine);
    json_decref(all);
    assay_text_free(text);
    assay_task_free(t);
    return mine;
}

START_TEST(a_second_run_begins_with_what_the_first_measured)
{
    struct run_make r;
    run_make_open(&r, 400, RUN_BINARY);
    const char *const *timed =
        SET("search.learners", "[gbdt, logistic]", "objective.subject_to", "{time: 1500ms}", "search.seed", "4");
    json_t *known = speeds(&r, timed);
    ck_assert_str_eq(json_string_value(json_object_get(known, "source")), "shipped");
    json_decref(known);
    run_make_run(&r, "classify", timed);
    known = speeds(&r, timed);
    ck_assert_str_eq(json_string_value(json_object_get(known, "source")), "measured");
    ck_assert_int_gt(json_integer_value(json_object_get(known, "corrections")), 3);
    json_decref(known);
    ck_assert_int_ge(run_make_count(&r, "SELECT count(*) FROM notes WHERE name LIKE 'residuals %'"), 1);
    long speeds_known = run_make_count(&r, "SELECT count(*) FROM coefficients WHERE samples > 0");
    run_make_run(&r, "classify", timed);
    /* the first ops of the second run are predicted with what the first learnt: not the same as the first run's */
    static const char *const first = "SELECT predicted_s FROM v_ops WHERE run = 'r%d' AND way = 'data.read/stream'";
    char sql[200];
    snprintf(sql, sizeof sql, first, 1);
    double before = number(&r, sql);
    snprintf(sql, sizeof sql, first, 2);
    double after = number(&r, sql);
    ck_assert(before > 0 && after > 0);
    ck_assert_msg(before != after, "both runs predict %g s for reading", before);
    snprintf(sql, sizeof sql, "SELECT measured_s FROM v_ops WHERE run = 'r1' AND way = 'data.read/stream'");
    double measured = number(&r, sql);
    ck_assert_msg(fabs(log(after / measured)) <= fabs(log(before / measured)) + 1e-9,
                  "reading took %g s; predicted %g before and %g after", measured, before, after);
    ck_assert_int_ge(run_make_count(&r, "SELECT count(*) FROM coefficients WHERE samples > 0"), speeds_known);
    run_make_close(&r);
}
END_TEST

/* A run of trials plans with nominal prices whatever the catalog knows. */
START_TEST(a_repeatable_run_uses_none_of_it)
{
    static const char *const sql = "SELECT group_concat(predicted_s, ' ') FROM (SELECT predicted_s FROM v_ops WHERE run = 'r%d' "
                                   "AND op LIKE '%%.fit')";
    struct run_make r;
    run_make_open(&r, 100, RUN_BINARY);
    const char *const *trials =
        SET("search.learners", "[gbdt, logistic]", "search.trials", "3", "search.seed", "4", "resources.threads", "1");
    run_make_run(&r, "classify", trials);
    run_make_run(&r, "classify", SET("search.learners", "[gbdt, logistic]", "objective.subject_to", "{time: 1s}"));
    run_make_run(&r, "classify", trials);
    char one[300], three[300];
    snprintf(one, sizeof one, sql, 1);
    snprintf(three, sizeof three, sql, 3);
    char *a = run_make_text(&r, one), *b = run_make_text(&r, three);
    ck_assert_str_ne(a, "");
    ck_assert_str_eq(a, b);
    free(a);
    free(b);
    run_make_close(&r);
}
END_TEST

Suite *suite_second_run(void)
{
    Suite *s = suite_create("second_run");
    TCase *t = tcase_create("second_run");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_second_run_begins_with_what_the_first_measured);
    tcase_add_test(t, a_repeatable_run_uses_none_of_it);
    suite_add_tcase(s, t);
    return s;
}
