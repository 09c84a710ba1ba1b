/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers with commas: texts under each convention, and which convention a column has. */
#include "data/comma.h"
#include "data/dict.h"
#include "tests/runner.h"

#include <string.h>

static bool parses(const char *t, enum comma how, double *v)
{
    uint32_t flags;
    return comma_parse(t, strlen(t), how, v, &flags);
}

START_TEST(texts)
{
    static const struct {
        const char *text;
        enum comma how;
        double value;
    } good[] = {{"3,14", COMMA_DECIMAL, 3.14},
                {"-0,5", COMMA_DECIMAL, -0.5},
                {",5", COMMA_DECIMAL, 0.5},
                {"1,5e-3", COMMA_DECIMAL, 0.0015},
                {"42", COMMA_DECIMAL, 42},
                {"3.25", COMMA_DECIMAL, 3.25},
                {"1.234", COMMA_DECIMAL, 1.234},
                {"1.234", COMMA_DECIMAL_POINTS, 1234},
                {"1.234.567,25", COMMA_DECIMAL_POINTS, 1234567.25},
                {"1,234", COMMA_THOUSANDS, 1234},
                {"+12,345,678.5", COMMA_THOUSANDS, 12345678.5},
                {"1,234", COMMA_DECIMAL, 1.234}};
    static const struct {
        const char *text;
        enum comma how;
    } bad[] = {{"3,14", COMMA_NONE},
               {"3,14", COMMA_THOUSANDS},
               {"1,2,3", COMMA_DECIMAL},
               {"1234,567", COMMA_THOUSANDS},
               {"1.23,5", COMMA_DECIMAL_POINTS},
               {",", COMMA_DECIMAL},
               {"3,14x", COMMA_DECIMAL},
               {"", COMMA_DECIMAL},
               {"1,5e", COMMA_DECIMAL},
               {"12,34,567", COMMA_THOUSANDS}};
    double v;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        ck_assert_msg(parses(good[i].text, good[i].how, &v), "%s", good[i].text);
        ck_assert_double_eq(v, good[i].value);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!parses(bad[i].text, bad[i].how, &v), "%s", bad[i].text);
    ck_assert(!comma_number("314", 3) && comma_number("3,14", 4) && comma_number("1,234.5", 7) && !comma_number("a,b", 3));
    char digits[200];
    memset(digits, '1', sizeof digits);
    digits[100] = ',';
    ck_assert(!comma_number(digits, sizeof digits));
}
END_TEST

static enum comma column(const char *const *text, enum comma ambiguous)
{
    struct dict d;
    dict_init(&d, NULL);
    for (; *text; text++)
        ck_assert_int_ge(dict_add(&d, *text, strlen(*text)), 0);
    enum comma how = comma_convention(&d, ambiguous);
    dict_clear(&d);
    return how;
}

START_TEST(columns)
{
    static const char *const decimal[] = {"3,14", "2", "0,5", NULL}, *const both[] = {"1.234,5", "1.234", NULL},
                             *const thousands[] = {"1,234.5", "12", "7.25", NULL}, *const either[] = {"1,234", "5,678", "7", NULL},
                             *const points[] = {"3.14", "3,14", NULL}, *const plain[] = {"1", "2.5", NULL},
                             *const words[] = {"3,14", "much", NULL}, *const unclear[] = {"1.234", "2,5", NULL},
                             *const none[] = {NULL};
    ck_assert_int_eq(column(decimal, COMMA_THOUSANDS), COMMA_DECIMAL);
    ck_assert_int_eq(column(both, COMMA_THOUSANDS), COMMA_DECIMAL_POINTS);
    ck_assert_int_eq(column(thousands, COMMA_DECIMAL), COMMA_THOUSANDS);
    ck_assert_int_eq(column(either, COMMA_DECIMAL), COMMA_DECIMAL);
    ck_assert_int_eq(column(either, COMMA_THOUSANDS), COMMA_THOUSANDS);
    ck_assert_int_eq(column(points, COMMA_DECIMAL), COMMA_NONE);
    ck_assert_int_eq(column(plain, COMMA_DECIMAL), COMMA_NONE);
    ck_assert_int_eq(column(words, COMMA_DECIMAL), COMMA_NONE);
    ck_assert_int_eq(column(unclear, COMMA_DECIMAL), COMMA_NONE);
    ck_assert_int_eq(column(none, COMMA_DECIMAL), COMMA_NONE);
}
END_TEST

Suite *suite_data_comma(void);
Suite *suite_data_comma(void)
{
    Suite *s = suite_create("data_comma");
    TCase *t = tcase_create("comma");
    tcase_add_test(t, texts);
    tcase_add_test(t, columns);
    suite_add_tcase(s, t);
    return s;
}
