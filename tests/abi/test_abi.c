/* SPDX-License-Identifier: Apache-2.0 */
/* What compiled programs rely on: sizes, offsets and numbers of the public header (x86-64). Append only. */
#include <assay/assay.h>

#include <check.h>
#include <stddef.h>
#include <string.h>

Suite *suite_abi(void);

#define AT(type, member, offset) ck_assert_uint_eq(offsetof(struct type, member), offset)

START_TEST(options_stay_where_they_are)
{
    AT(assay_options, size, 0);
    AT(assay_options, time_s, 8);
    AT(assay_options, memory_bytes, 16);
    AT(assay_options, seed, 24);
    AT(assay_options, trials, 32);
    AT(assay_options, threads, 36);
    AT(assay_options, metric, 40);
    AT(assay_options, space_yaml, 48);
    AT(assay_options, progress, 56);
    AT(assay_options, progress_arg, 64);
    AT(assay_options, event, 72);
    AT(assay_options, event_arg, 80);
    AT(assay_options, catalog, 88);
    AT(assay_options, learners, 96);
    AT(assay_options, positive, 104);
    AT(assay_options, folds, 112);
    AT(assay_options, ensemble, 116);
    AT(assay_options, warm_start, 120);
    AT(assay_options, from_process_start, 124);
    AT(assay_options, opencl_probe, 128);
    ck_assert_uint_ge(sizeof(struct assay_options), 136);
}
END_TEST

START_TEST(progress_stays_where_it_is)
{
    AT(assay_progress, size, 0);
    AT(assay_progress, elapsed_s, 8);
    AT(assay_progress, budget_s, 16);
    AT(assay_progress, best, 24);
    AT(assay_progress, metric, 32);
    AT(assay_progress, learner, 40);
    AT(assay_progress, phase, 48);
    AT(assay_progress, trials, 56);
    AT(assay_progress, trials_max, 60);
    AT(assay_progress, rest_s, 64);
    ck_assert_uint_ge(sizeof(struct assay_progress), 72);
}
END_TEST

START_TEST(other_options_stay_where_they_are)
{
    AT(assay_explain_options, size, 0);
    AT(assay_explain_options, machine, 8);
    AT(assay_explain_options, topology, 16);
    AT(assay_explain_options, format, 24);
    AT(assay_explain_options, costs, 32);
    AT(assay_resume_options, size, 0);
    AT(assay_resume_options, time, 8);
    AT(assay_resume_options, trials, 16);
    AT(assay_resume_options, model, 24);
    AT(assay_resume_options, report, 32);
}
END_TEST

START_TEST(numbers_of_statuses_and_their_exit_status)
{
    static const struct {
        assay_status status;
        int number, exit;
    } known[] = {{ASSAY_OK, 0, 0},       {ASSAY_STOPPED, 1, 130},  {ASSAY_NONE, 2, 0},    {ASSAY_E_NOMEM, -1, 1},
                 {ASSAY_E_INVAL, -2, 2}, {ASSAY_E_DATA, -3, 2},    {ASSAY_E_IO, -4, 2},   {ASSAY_E_UNSUPPORTED, -5, 2},
                 {ASSAY_E_LIMIT, -6, 3}, {ASSAY_E_NUMERIC, -7, 1}, {ASSAY_E_BUSY, -8, 2}, {ASSAY_E_INTERNAL, -9, 1}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        ck_assert_int_eq((int)known[i].status, known[i].number);
        ck_assert_msg(assay_exit_status(known[i].status) == known[i].exit, "exit status of %d is %d instead of %d", known[i].number,
                      assay_exit_status(known[i].status), known[i].exit);
    }
}
END_TEST

START_TEST(default_options_are_zero_but_for_the_size)
{
    struct assay_options o = ASSAY_OPTIONS_INIT, zero;
    memset(&zero, 0, sizeof zero);
    ck_assert_uint_eq(o.size, sizeof o);
    o.size = 0;
    ck_assert_int_eq(memcmp(&o, &zero, sizeof o), 0);
}
END_TEST

/* An older program's options end earlier: what lies behind is not read. */
START_TEST(shorter_options_are_taken)
{
    struct assay_options o;
    memset(&o, 0xff, sizeof o);
    memset(&o, 0, offsetof(struct assay_options, catalog));
    o.size = offsetof(struct assay_options, catalog);
    assay_session *s = NULL;
    ck_assert_int_eq(assay_open(&s, &o), ASSAY_OK);
    ck_assert_str_eq(assay_session_error(s), "");
    assay_close(s);
}
END_TEST

START_TEST(null_is_refused_or_ignored)
{
    assay_model *m = NULL;
    assay_table *t = NULL;
    char *text = NULL;
    ck_assert_int_eq(assay_open(NULL, NULL), ASSAY_E_INVAL);
    ck_assert_int_eq(assay_model_load(&m, NULL), ASSAY_E_INVAL);
    ck_assert_int_eq(assay_run_spec(NULL, "x", &m), ASSAY_E_INVAL);
    ck_assert_int_eq(assay_leaderboard(NULL, NULL, NULL, NULL, 0, &text), ASSAY_E_INVAL);
    ck_assert_int_eq(assay_table_from_dense_f64(&t, NULL, 1, 1, 1, NULL), ASSAY_E_INVAL);
    static const double cells[2] = {1, 2};
    static const char *const nameless[2] = {"a", NULL};
    ck_assert_int_eq(assay_table_from_dense_f64(&t, cells, 1, 2, 2, nameless), ASSAY_E_INVAL);
    ck_assert_ptr_null(m);
    ck_assert_ptr_null(t);
    ck_assert_ptr_null(text);
    ck_assert_uint_eq(assay_model_classes(NULL), 0);
    ck_assert_str_eq(assay_session_error(NULL), "");
    assay_cancel(NULL);
    assay_close(NULL);
    assay_task_free(NULL);
    assay_model_free(NULL);
    assay_table_free(NULL);
    assay_text_free(NULL);
}
END_TEST

START_TEST(what_is_refused_is_told)
{
    assay_session *s = NULL;
    assay_task *t = NULL;
    char *text = NULL;
    ck_assert_int_eq(assay_open(&s, NULL), ASSAY_OK);
    ck_assert_int_eq(assay_task_create(&t, s, NULL), ASSAY_OK);
    ck_assert_str_eq(assay_session_error(s), "");
    ck_assert_int_eq(assay_task_set(t, NULL, "1", NULL), ASSAY_E_INVAL);
    ck_assert_ptr_nonnull(strstr(assay_session_error(s), "NULL"));
    ck_assert_int_eq(assay_metrics(s, 0, &text), ASSAY_OK);
    ck_assert_str_eq(assay_session_error(s), "");
    assay_text_free(text);
    ck_assert_int_eq(assay_profile(s, NULL, NULL, 0, &text), ASSAY_E_INVAL);
    ck_assert_ptr_nonnull(strstr(assay_session_error(s), "NULL"));
    ck_assert_int_eq(assay_classify(s, NULL, NULL, NULL, NULL), ASSAY_E_INVAL);
    ck_assert_ptr_nonnull(strstr(assay_session_error(s), "NULL"));
    assay_task_free(t);
    assay_close(s);
}
END_TEST

Suite *suite_abi(void)
{
    Suite *s = suite_create("abi");
    TCase *c = tcase_create("abi");
    suite_add_tcase(s, c);
    tcase_add_test(c, options_stay_where_they_are);
    tcase_add_test(c, progress_stays_where_it_is);
    tcase_add_test(c, other_options_stay_where_they_are);
    tcase_add_test(c, numbers_of_statuses_and_their_exit_status);
    tcase_add_test(c, default_options_are_zero_but_for_the_size);
    tcase_add_test(c, shorter_options_are_taken);
    tcase_add_test(c, null_is_refused_or_ignored);
    tcase_add_test(c, what_is_refused_is_told);
    return s;
}
