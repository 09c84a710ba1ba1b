/* SPDX-License-Identifier: Apache-2.0 */
/* The error record, its text form, exit statuses, nearest words, events. */
#include "base/err.h"
#include "base/event.h"

#include <check.h>
#include <string.h>

Suite *suite_err(void);

START_TEST(first_error_stays)
{
    struct asx_err e = {0};
    ck_assert_int_eq(err_set(&e, ASX_E_DATA, "column '%s' is empty; drop it", "x"), ASX_E_DATA);
    ck_assert_int_eq(err_set(&e, ASX_E_IO, "later"), ASX_E_IO);
    ck_assert_int_eq(e.code, ASX_E_DATA);
    ck_assert_str_eq(e.text, "column 'x' is empty; drop it");
    ck_assert_int_eq(err_set(NULL, ASX_E_NOMEM, "nobody listens"), ASX_E_NOMEM);
}
END_TEST

START_TEST(format_shows_known_parts)
{
    char out[400];
    struct asx_err e = {0};
    err_set(&e, ASX_E_INVAL, "wrong");
    ck_assert_str_eq(err_format(&e, out, sizeof out), "wrong");
    err_place(&e, "a.yaml", 3, 9);
    ck_assert_str_eq(err_format(&e, out, sizeof out), "a.yaml:3:9: wrong");
    err_place(&e, "b.yaml", 4, 4); /* a place that is known stays */
    ck_assert_str_eq(e.file, "a.yaml");
    struct asx_err f = {0};
    err_at(&f, ASX_E_DATA, "d.csv", 7, 0, "ragged");
    ck_assert_str_eq(err_format(&f, out, sizeof out), "d.csv:7: ragged");
    struct asx_err g = {.code = ASX_E_IO};
    ck_assert_str_eq(err_format(&g, out, sizeof out), "a file cannot be read or written");
    ck_assert_str_eq(err_format(&f, out, 5), "d.cs");
}
END_TEST

START_TEST(long_texts_are_cut)
{
    struct asx_err e = {0};
    char file[600];
    memset(file, 'f', sizeof file - 1);
    file[sizeof file - 1] = '\0';
    err_at(&e, ASX_E_DATA, file, 1, 1, "%s%s", file, file);
    ck_assert_uint_eq(strlen(e.file), sizeof e.file - 1);
    ck_assert_uint_eq(strlen(e.text), sizeof e.text - 1);
}
END_TEST

START_TEST(exit_statuses)
{
    ck_assert_int_eq(err_exit_status(ASX_OK), 0);
    ck_assert_int_eq(err_exit_status(ASX_STOPPED), 0);
    ck_assert_int_eq(err_exit_status(ASX_E_INVAL), 2);
    ck_assert_int_eq(err_exit_status(ASX_E_LIMIT), 3);
    ck_assert_int_eq(err_exit_status(ASX_E_INTERNAL), 1);
    ck_assert_int_eq(err_exit_status(-77), 1);
    ck_assert_str_eq(err_text(ASX_OK), "done");
}
END_TEST

START_TEST(nearest_word)
{
    const char *const key[] = {"learning_rate", "num_leaves", "max_depth", "l1", "l2"};
    ck_assert_str_eq(err_nearest("learning_rat", key, 5), "learning_rate");
    ck_assert_str_eq(err_nearest("LEARNING-RATE", key, 5), "learning_rate");
    ck_assert_str_eq(err_nearest("maxdepth", key, 5), "max_depth");
    ck_assert_str_eq(err_nearest("l2", key, 5), "l2");
    ck_assert_str_eq(err_nearest("max_detph", key, 5), "max_depth");
    ck_assert_ptr_null(err_nearest("bananas", key, 5));
    ck_assert_ptr_null(err_nearest("", key, 5));
    ck_assert_ptr_null(err_nearest(NULL, key, 5));
}
END_TEST

static void keep(void *arg, enum event_level level, const char *name, const char *text)
{
    char *out = arg;
    out[0] = (char)('0' + level);
    strncpy(out + 1, name, 30);
    strncat(out, "|", 2);
    strncat(out, text, 40);
}

START_TEST(events_reach_the_sink)
{
    char got[100] = "";
    struct event_sink sink = {keep, got, EVENT_INFO};
    event_send(&sink, EVENT_DEBUG, "a.b", "no");
    ck_assert_str_eq(got, "");
    event_send(&sink, EVENT_WARNING, "a.b", "%d rows", 3);
    ck_assert_str_eq(got, "2a.b|3 rows");
    event_send(NULL, EVENT_WARNING, "a.b", "nobody");
    struct event_sink deaf = {NULL, NULL, EVENT_DEBUG};
    event_send(&deaf, EVENT_WARNING, "a.b", "nobody");
}
END_TEST

Suite *suite_err(void)
{
    Suite *s = suite_create("err");
    TCase *t = tcase_create("err");
    tcase_add_test(t, first_error_stays);
    tcase_add_test(t, format_shows_known_parts);
    tcase_add_test(t, long_texts_are_cut);
    tcase_add_test(t, exit_statuses);
    tcase_add_test(t, nearest_word);
    tcase_add_test(t, events_reach_the_sink);
    suite_add_tcase(s, t);
    return s;
}
