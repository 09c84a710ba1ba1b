/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"
#include "data/datetime.h"
#include "data/frame.h"
#include "tests/runner.h"

#include <math.h>
#include <string.h>

static struct mem *mem;
static struct asx_err err;

static void setup(void)
{
    mem = mem_create(NULL, 0);
    memset(&err, 0, sizeof err);
}

static void teardown(void)
{
    ck_assert_uint_eq(mem_used(mem), 0);
    mem_destroy(mem);
}

static struct asx_frame *sample(void)
{
    struct asx_frame *f = frame_create(mem, 4);
    ck_assert_int_eq(frame_add_f64(f, "age", ASX_NUMERIC, (double[]){31, NAN, 7, 2.5}, &err), ASX_OK);
    ck_assert_int_eq(frame_add_str(f, "city", FRAME_INFER, (const char *[]){"Rome", NULL, "Oslo", "Rome"}, &err), ASX_OK);
    ck_assert_int_eq(frame_add_str(f, "day", FRAME_INFER, (const char *[]){"13/04/2015", "01/02/2015", NULL, "02/03/2015"}, &err),
                     ASX_OK);
    ck_assert_int_eq(frame_add_str(f, "note", ASX_TEXT, (const char *[]){"a b c", "", NULL, "d"}, &err), ASX_OK);
    ck_assert_int_eq(frame_add_str(f, "ok", FRAME_INFER, (const char *[]){"yes", "no", "no", NULL}, &err), ASX_OK);
    ck_assert_int_eq(frame_add_str(f, "zip", FRAME_INFER, (const char *[]){"01234", "98765", "12345", NULL}, &err), ASX_OK);
    ck_assert_int_eq(frame_add_str(f, "n", FRAME_INFER, (const char *[]){"1.5", "2", "-3e2", NULL}, &err), ASX_OK);
    ck_assert_int_eq(frame_add_codes(f, "k", ASX_CATEGORICAL, (int32_t[]){0, 1, -1, 0}, (const char *[]){"z", "a"}, 2, &err),
                     ASX_OK);
    ck_assert_int_eq(frame_seal(f, &err), ASX_OK);
    return f;
}

START_TEST(build_and_ask)
{
    struct asx_frame *f = sample();
    ck_assert_uint_eq(f->columns, 8);
    ck_assert_int_eq(f->column[1].type, ASX_CATEGORICAL);
    ck_assert_str_eq(f->column[1].level[0], "Oslo");
    ck_assert_int_eq(f->column[1].code[0], 1);
    ck_assert_int_eq(f->column[1].code[1], -1);
    ck_assert_int_eq(f->column[2].type, ASX_DATETIME);
    ck_assert(frame_day_first(f, 2));
    ck_assert_double_eq(f->column[2].f64[1], (double)datetime_days(2015, 2, 1) * 86400);
    ck_assert_int_eq(f->column[3].type, ASX_TEXT);
    ck_assert(frame_missing(&f->column[3], 2) && !frame_missing(&f->column[3], 1));
    ck_assert_int_eq(f->column[4].type, ASX_BOOLEAN);
    ck_assert_int_eq(f->column[5].type, ASX_CATEGORICAL);
    ck_assert_int_eq(f->column[6].type, ASX_NUMERIC);
    ck_assert_double_eq(f->column[6].f64[2], -300);
    ck_assert_str_eq(f->column[7].level[0], "a");
    ck_assert_int_eq(f->column[7].code[0], 1);
    ck_assert_int_eq(frame_find(f, "note"), 3);
    ck_assert_int_eq(frame_find(f, "nothing"), -1);
    for (size_t hint = 0; hint < 12; hint++) {
        ck_assert_int_eq(frame_find_near(f, "note", hint), 3);
        ck_assert_int_eq(frame_find_near(f, "nothing", hint), -1);
    }
    int at;
    ck_assert_int_eq(frame_require(f, "citi", &at, &err), ASX_E_INVAL);
    ck_assert_ptr_nonnull(strstr(err.text, "'city'"));
    char buffer[64];
    ck_assert_str_eq(frame_cell(&f->column[0], 3, buffer, sizeof buffer), "2.5");
    ck_assert_str_eq(frame_cell(&f->column[2], 0, buffer, sizeof buffer), "2015-04-13");
    ck_assert_ptr_null(frame_cell(&f->column[0], 1, buffer, sizeof buffer));
    ck_assert_uint_eq(frame_count_missing(&f->column[3], 4), 1);
    ck_assert_uint_gt(frame_bytes(f), 4 * 8);
    frame_put(f);
}
END_TEST

START_TEST(cut)
{
    struct asx_frame *f = sample(), *g = NULL, *h = NULL, *v = NULL, *same = sample();
    ck_assert(key_equal(f->key, same->key));
    frame_put(same);
    ck_assert_int_eq(frame_take_rows(f, (uint32_t[]){3, 0, 2}, 3, mem, &g, &err), ASX_OK);
    ck_assert_uint_eq(g->rows, 3);
    ck_assert_double_eq(g->column[0].f64[0], 2.5);
    ck_assert_str_eq(g->column[1].level[g->column[1].code[1]], "Rome");
    ck_assert(frame_missing(&g->column[3], 2));
    char buffer[16];
    ck_assert_str_eq(frame_cell(&g->column[3], 1, buffer, sizeof buffer), "a b c");
    ck_assert(!key_equal(f->key, g->key));
    ck_assert_int_eq(frame_take_rows(f, (uint32_t[]){0, 1, 2, 3}, 4, mem, &h, &err), ASX_OK);
    ck_assert_ptr_eq(h, f);
    ck_assert_int_eq(frame_select(g, (int32_t[]){1, 0}, 2, mem, &v, &err), ASX_OK);
    frame_put(f);
    frame_put(h);
    frame_put(g);
    ck_assert_str_eq(v->column[0].name, "city");
    ck_assert_str_eq(v->column[0].level[v->column[0].code[0]], "Rome");
    frame_put(v);
    f = sample();
    ck_assert_int_eq(frame_take_rows(f, (uint32_t[]){4}, 1, mem, &g, &err), ASX_E_INVAL);
    memset(&err, 0, sizeof err);
    ck_assert_int_eq(frame_select(f, (int32_t[]){8}, 1, mem, &g, &err), ASX_E_INVAL);
    frame_put(f);
}
END_TEST

START_TEST(refusals)
{
    struct asx_frame *f = frame_create(mem, 2);
    ck_assert_int_eq(frame_add_f64(f, "x", ASX_NUMERIC, (double[]){1, INFINITY}, &err), ASX_E_DATA);
    memset(&err, 0, sizeof err);
    ck_assert_int_eq(frame_add_i64(f, "x", (int64_t[]){1, 2}, &err), ASX_OK);
    ck_assert_int_eq(frame_add_i64(f, "x", (int64_t[]){1, 2}, &err), ASX_E_DATA);
    ck_assert_ptr_nonnull(strstr(err.text, "'x'"));
    memset(&err, 0, sizeof err);
    ck_assert_int_eq(frame_add_str(f, "y", ASX_NUMERIC, (const char *[]){"1", "one"}, &err), ASX_E_DATA);
    ck_assert_ptr_nonnull(strstr(err.text, "'one'"));
    memset(&err, 0, sizeof err);
    ck_assert_int_eq(frame_add_str(f, "y", ASX_DATETIME, (const char *[]){"2020-01-01", "2020-13-01"}, &err), ASX_E_DATA);
    memset(&err, 0, sizeof err);
    ck_assert_int_eq(frame_add_codes(f, "y", ASX_CATEGORICAL, (int32_t[]){0, 2}, (const char *[]){"a", "b"}, 2, &err), ASX_E_INVAL);
    memset(&err, 0, sizeof err);
    ck_assert_int_eq(frame_add_codes(f, "y", ASX_CATEGORICAL, (int32_t[]){0, 1}, (const char *[]){"a", "a"}, 2, &err), ASX_E_INVAL);
    ck_assert_uint_eq(f->columns, 1);
    frame_put(f);
}
END_TEST

START_TEST(out_of_memory)
{
    for (long n = 1; n < 200; n++) {
        memset(&err, 0, sizeof err);
        mem_fault_after(n);
        struct asx_frame *f = frame_create(mem, 3), *g = NULL;
        asx_st st = f ? ASX_OK : ASX_E_NOMEM;
        if (!st)
            st = frame_add_f64(f, "a", ASX_NUMERIC, (double[]){1, 2, 3}, &err);
        if (!st)
            st = frame_add_str(f, "b", FRAME_INFER, (const char *[]){"u", "v", NULL}, &err);
        if (!st)
            st = frame_add_str(f, "c", ASX_TEXT, (const char *[]){"u", "v", NULL}, &err);
        if (!st)
            st = frame_seal(f, &err);
        if (!st)
            st = frame_take_rows(f, (uint32_t[]){2, 1}, 2, mem, &g, &err);
        frame_put(g);
        g = NULL;
        if (!st)
            st = frame_select(f, (int32_t[]){2, 1}, 2, mem, &g, &err);
        mem_fault_after(0);
        frame_put(g);
        frame_put(f);
        ck_assert_uint_eq(mem_used(mem), 0);
        if (!st)
            return;
        ck_assert_int_eq(st, ASX_E_NOMEM);
    }
    ck_abort_msg("never succeeded");
}
END_TEST

static double date(const char *text, unsigned order)
{
    double s = NAN;
    return datetime_parse(text, strlen(text), order, &s) & order ? s : NAN;
}

START_TEST(dates)
{
    ck_assert_double_eq(date("1970-01-02", 1), 86400);
    ck_assert_double_eq(date("1970/01/02 00:00:01.5", 1), 86401.5);
    ck_assert_double_eq(date("1970-01-01T02:00:00+02:00", 1), 0);
    ck_assert_double_eq(date("1970-01-01T00:00:00Z", 1), 0);
    ck_assert_double_eq(date("2000-02-29", 1), 951782400);
    ck_assert_double_nan(date("1900-02-29", 1));
    ck_assert_double_eq(date("09/03/2002", 1), (double)datetime_days(2002, 9, 3) * 86400);
    ck_assert_double_eq(date("09/03/2002", 2), (double)datetime_days(2002, 3, 9) * 86400);
    ck_assert_double_nan(date("13/03/2002", 1));
    ck_assert_double_nan(date("3.4.2002", 1));
    ck_assert_double_eq(date("3.4.2002", 2), (double)datetime_days(2002, 4, 3) * 86400);
    ck_assert_double_eq(date("1/2/2003 1:05 PM", 1), (double)datetime_days(2003, 1, 2) * 86400 + 13 * 3600 + 300);
    ck_assert_double_eq(date("1949-03", 1), (double)datetime_days(1949, 3, 1) * 86400);
    const char *none[] = {"", "2000", "2000-1", "20-1-1", "2000-01-01x", "2000-01-01 25:00", "1.5", "1-2", "12:30", "2000-01-01 1"};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        ck_assert_uint_eq(datetime_parse(none[i], strlen(none[i]), 0, NULL), 0);
    for (int64_t d = -800000; d < 800000; d += 37) {
        int64_t y;
        unsigned m, k;
        datetime_civil(d, &y, &m, &k);
        ck_assert_int_eq(datetime_days(y, m, k), d);
    }
}
END_TEST

Suite *suite_data_frame(void);
Suite *suite_data_frame(void)
{
    Suite *s = suite_create("data_frame");
    TCase *t = tcase_create("frame");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, build_and_ask);
    tcase_add_test(t, cut);
    tcase_add_test(t, refusals);
    tcase_add_test(t, out_of_memory);
    tcase_add_test(t, dates);
    suite_add_tcase(s, t);
    return s;
}
