/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers, strict parsing with places, canonical text. */
#include "base/json.h"
#include "base/mem.h"

#include <check.h>
#include <math.h>
#include <string.h>

Suite *suite_json(void);

static json_t *parse(const char *s, struct asx_err *e)
{
    json_t *j;
    json_parse(s, strlen(s), "f.json", &j, e);
    return j;
}

START_TEST(numbers)
{
    json_t *j =
        json_pack("[o,o,o,o,o]", json_number(3), json_number(0.1), json_number(NAN), json_number(INFINITY), json_number(1e300));
    char *s = json_text(j);
    ck_assert_str_eq(s, "[3,0.1,null,null,1e+300]");
    ck_assert(json_double(json_array_get(j, 1)) == 0.1);
    ck_assert(json_double(json_array_get(j, 4)) == 1e300);
    ck_assert(isnan(json_double(json_array_get(j, 2))));
    ck_assert(isnan(json_double(NULL)));
    json_text_free(s);
    json_decref(j);
}
END_TEST

START_TEST(order_and_canonical_form)
{
    struct asx_err e = {0};
    json_t *j = parse("{\"b\": 1, \"a\": {\"z\": 1, \"y\": 2}}", &e);
    char *kept = json_text(j), *sorted = json_canonical(j);
    ck_assert_str_eq(kept, "{\"b\":1,\"a\":{\"z\":1,\"y\":2}}");
    ck_assert_str_eq(sorted, "{\"a\":{\"y\":2,\"z\":1},\"b\":1}");
    json_text_free(kept);
    json_text_free(sorted);
    json_decref(j);
}
END_TEST

/* What is written reads back equal, by our parser and by jansson's rules, for every kind and awkward value. */
START_TEST(writing_reads_back)
{
    struct asx_err e = {0};
    json_t *j = parse("{\"a\\n\\u0001\\\"\\\\/\\t\\b\\f\\r\": [1, -9223372036854775808, 2.0, 0.1, 1e-310, 1.7976931348623157e308, "
                      "-0.0, 123456789.123456789],"
                      "\"\u00e9\u20ac\": {}, \"c\": [], \"d\": [true, false, null, \"\"]}",
                      &e);
    ck_assert_msg(j != NULL, "%s", e.text);
    char *s = json_text(j), *c = json_canonical(j);
    json_t *again = parse(s, &e), *sorted = parse(c, &e);
    ck_assert_msg(again && json_equal(j, again), "%s", s);
    ck_assert(sorted && json_equal(j, sorted));
    json_text_free(s);
    json_text_free(c);
    json_decref(j);
    json_decref(again);
    json_decref(sorted);
    ck_assert_ptr_null(json_text(NULL));
}
END_TEST

START_TEST(failed_allocations_give_null)
{
    struct asx_err e = {0};
    json_t *j = parse("{\"b\":[1,2,3,0.5],\"a\":{\"x\":"
                      "\"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\"}}",
                      &e);
    long n = 1;
    for (char *s = NULL; !s && n < 100; n++) {
        mem_fault_after(n);
        s = json_canonical(j);
        mem_fault_after(0);
        if (s) {
            json_text_free(s);
            break;
        }
    }
    ck_assert_int_gt(n, 2);
    ck_assert_int_lt(n, 100);
    json_decref(j);
}
END_TEST

START_TEST(refusals_name_their_place)
{
    struct asx_err e = {0};
    ck_assert_ptr_null(parse("{\"a\": 1,\n \"a\": 2}", &e));
    ck_assert_int_eq(e.code, ASX_E_DATA);
    ck_assert_int_eq(e.line, 2);
    ck_assert_str_eq(e.file, "f.json");
    static const char *const bad[] = {"", "{", "[1,]", "nul", "{\"a\":1} x", "[1e999]", "\"\\u0000\"", "\"\xff\""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct asx_err f = {0};
        ck_assert_msg(!parse(bad[i], &f) && f.code == ASX_E_DATA, "accepted %s", bad[i]);
    }
    char deep[10001];
    memset(deep, '[', 10000);
    deep[10000] = '\0';
    struct asx_err g = {0};
    ck_assert_ptr_null(parse(deep, &g));
    json_t *j;
    struct asx_err h = {0};
    ck_assert_int_eq(json_read("/nonexistent.json", &j, &h), ASX_E_IO);
}
END_TEST

Suite *suite_json(void)
{
    Suite *s = suite_create("json");
    TCase *t = tcase_create("json");
    tcase_add_test(t, numbers);
    tcase_add_test(t, order_and_canonical_form);
    tcase_add_test(t, writing_reads_back);
    tcase_add_test(t, failed_allocations_give_null);
    tcase_add_test(t, refusals_name_their_place);
    suite_add_tcase(s, t);
    return s;
}
