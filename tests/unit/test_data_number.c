/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rng.h"
#include "data/number.h"
#include "data/pow5.h"
#include "data/scan.h"
#include "tests/runner.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void same(const char *text)
{
    double v = 0, want = strtod(text, NULL);
    uint32_t flags;
    ck_assert_msg(number_parse(text, strlen(text), &v, &flags), "%s", text);
    ck_assert_msg(memcmp(&v, &want, sizeof v) == 0, "%s: %a, not %a", text, v, want);
}

START_TEST(against_strtod)
{
    struct rng rng = rng_stream(1, 2, 3, 4);
    char text[128];
    for (int i = 0; i < 300000; i++) {
        uint64_t r = rng_u64(&rng);
        double any;
        memcpy(&any, &r, sizeof any);
        switch (i % 6) {
        case 0: snprintf(text, sizeof text, "%.17g", isfinite(any) ? any : 1.5); break;
        case 1:
            snprintf(text, sizeof text, "%llu.%llu", (unsigned long long)(r % 1000), (unsigned long long)(r >> 20) % 1000000);
            break;
        case 2: snprintf(text, sizeof text, "%lld", (long long)r); break;
        case 3: snprintf(text, sizeof text, "0.%019llue%d", (unsigned long long)r, (int)(r % 60) - 30); break;
        case 4: snprintf(text, sizeof text, "%.9g", (double)(float)((double)r / 1e15)); break;
        default: snprintf(text, sizeof text, "%llu%llue-%d", (unsigned long long)r, (unsigned long long)r, (int)(r % 50)); break;
        }
        same(text);
    }
}
END_TEST

START_TEST(hard_ones)
{
    static const char *const text[] = {"0",
                                       "-0",
                                       "0.0",
                                       ".5",
                                       "5.",
                                       "+7",
                                       "1e0",
                                       "1E+2",
                                       "1e-400",
                                       "9007199254740993",
                                       "9007199254740992.5",
                                       "9007199254740993.0",
                                       "2.2250738585072011e-308",
                                       "4.9e-324",
                                       "2.4703282292062327e-324",
                                       "1.7976931348623157e308",
                                       "1.7976931348623158e308",
                                       "7.2057594037927933e16",
                                       "1.00000000000000011102230246251565404236316680908203125",
                                       "1.00000000000000011102230246251565404236316680908203124",
                                       "1.00000000000000011102230246251565404236316680908203126",
                                       "0.000000000000000000000000000000000000000000000000000000000000000000000000000000000001",
                                       "1797693134862315807937289714053034150799341327100378269361737789804449682927647509466490179"
                                       "77587207096330286416692887910946",
                                       "8.988465674311580536566680721305e307",
                                       "3.2378839133029012895883524125015321748630094e-319",
                                       "18446744073709551615",
                                       "18446744073709551616",
                                       "0.30000000000000004",
                                       "1e23",
                                       "8.5e22",
                                       "0000000000000000000000000000000001.5"};
    for (size_t i = 0; i < sizeof text / sizeof text[0]; i++)
        same(text[i]);
    char longest[3000];
    memset(longest, '0', sizeof longest);
    longest[1] = '.';
    strcpy(longest + 2000, "123e1995");
    same(longest);
    memset(longest, '7', sizeof longest);
    strcpy(longest + 2900, "e-2890");
    same(longest);
    const char *no[] = {"", "-", ".", "e5", "1x", "1 ", "0x10", "1e5e", "--1", "1,5", "nan", "infinit", "1_000", "+-3"};
    double v;
    uint32_t flags;
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++)
        ck_assert_msg(!number_parse(no[i], strlen(no[i]), &v, &flags), "%s", no[i]);
    /* "1e" is the number 1 before an e: not a number as a whole */
    ck_assert(!number_parse("1e", 2, &v, &flags) && !number_parse("1e+", 3, &v, &flags));
    const char *infinite[] = {"inf", "-Inf", "+INFINITY", "1e999", "-1e309"};
    for (size_t i = 0; i < sizeof infinite / sizeof infinite[0]; i++)
        ck_assert(number_parse(infinite[i], strlen(infinite[i]), &v, &flags) && isinf(v) && (flags & NUMBER_INFINITE));
}
END_TEST

static uint32_t flags_of(const char *text)
{
    double v;
    uint32_t flags;
    ck_assert(number_parse(text, strlen(text), &v, &flags));
    return flags & (NUMBER_WIDTH - 1);
}

START_TEST(shapes)
{
    ck_assert_uint_eq(flags_of("16777215"), 0);
    ck_assert_uint_eq(flags_of("16777216") & NUMBER_FRACTION, NUMBER_FRACTION);
    ck_assert_uint_eq(flags_of("-3"), NUMBER_NOT_DIGITS);
    ck_assert_uint_eq(flags_of("3.000"), NUMBER_NOT_DIGITS);
    ck_assert_uint_eq(flags_of("0.25"), NUMBER_NOT_DIGITS | NUMBER_FRACTION);
    ck_assert_uint_eq(flags_of("0.250000000"), NUMBER_NOT_DIGITS | NUMBER_FRACTION);
    ck_assert_uint_eq(flags_of("0.2500001"), NUMBER_NOT_DIGITS | NUMBER_FRACTION | NUMBER_LONG);
    ck_assert_uint_eq(flags_of("25e-2"), NUMBER_NOT_DIGITS | NUMBER_FRACTION);
    ck_assert_uint_eq(flags_of("1e5"), NUMBER_NOT_DIGITS);
    ck_assert_uint_eq(flags_of("1e-40"), NUMBER_NOT_DIGITS | NUMBER_FRACTION | NUMBER_LONG);
    ck_assert_uint_eq(flags_of("007"), NUMBER_LEAD0);
    ck_assert_uint_eq(flags_of("0"), 0);
}
END_TEST

/* Six digits survive f32, whatever their exponent. */
START_TEST(back_from_f32)
{
    struct rng rng = rng_stream(9, 9, 9, 9);
    char text[64];
    for (int i = 0; i < 200000; i++) {
        snprintf(text, sizeof text, "%s%llue%d", i % 2 ? "-" : "", (unsigned long long)rng_below(&rng, 1000000),
                 (int)rng_below(&rng, 50) - 27);
        double v = strtod(text, NULL);
        ck_assert_msg(number_from_f32((float)v) == v, "%s", text);
    }
    ck_assert(isnan(number_from_f32(NAN)));
}
END_TEST

/* The table of powers, recomputed with long multiplication and division in base 2^32. */
enum { LIMBS = 16 };

static int top_bit(const uint32_t *v)
{
    for (int i = LIMBS * 32 - 1; i >= 0; i--) {
        if (v[i / 32] >> (i % 32) & 1)
            return i;
    }
    return -1;
}

static void top_128(const uint32_t *v, uint64_t out[2])
{
    int top = top_bit(v);
    out[0] = out[1] = 0;
    for (int k = 0; k < 128; k++) {
        int bit = top - k;
        uint64_t b = bit >= 0 ? v[bit / 32] >> (bit % 32) & 1 : 0;
        out[k / 64] = out[k / 64] << 1 | b;
    }
}

START_TEST(powers_of_five)
{
    uint32_t power[LIMBS] = {1};
    for (int q = 0; q <= POW5_MAX; q++) {
        uint64_t want[2];
        top_128(power, want);
        ck_assert_msg(want[0] == pow5_table[q - POW5_MIN][0] && want[1] == pow5_table[q - POW5_MIN][1], "5^%d", q);
        if (q > 0 && -q >= POW5_MIN) { /* ceil(2^b / 5^q), bit by bit: the quotient's 128 bits */
            uint32_t rest[LIMBS + 1] = {1};
            int b = 127 + top_bit(power) + 1;
            uint64_t quotient[2] = {0, 0};
            bool left = false;
            for (int k = 0; k <= b; k++) {
                if (k) { /* rest *= 2 */
                    for (int i = LIMBS; i > 0; i--)
                        rest[i] = rest[i] << 1 | rest[i - 1] >> 31;
                    rest[0] <<= 1;
                }
                bool at_least = rest[LIMBS] != 0;
                for (int i = LIMBS - 1; i >= 0 && !at_least; i--) {
                    if (rest[i] != power[i]) {
                        at_least = rest[i] > power[i];
                        break;
                    }
                    at_least = i == 0;
                }
                if (at_least) {
                    int64_t borrow = 0;
                    for (int i = 0; i < LIMBS; i++) {
                        int64_t d = (int64_t)rest[i] - power[i] - borrow;
                        borrow = d < 0;
                        rest[i] = (uint32_t)d;
                    }
                    rest[LIMBS] -= (uint32_t)borrow;
                }
                quotient[0] = quotient[0] << 1 | quotient[1] >> 63;
                quotient[1] = quotient[1] << 1 | at_least;
            }
            for (int i = 0; i <= LIMBS; i++)
                left = left || rest[i];
            quotient[1] += left;
            quotient[0] += left && quotient[1] == 0;
            ck_assert_msg(quotient[0] == pow5_table[-q - POW5_MIN][0] && quotient[1] == pow5_table[-q - POW5_MIN][1], "5^-%d", q);
        }
        uint64_t carry = 0;
        for (int i = 0; i < LIMBS; i++) {
            carry += (uint64_t)power[i] * 5;
            power[i] = (uint32_t)carry;
            carry >>= 32;
        }
    }
}
END_TEST

START_TEST(words)
{
    struct missing_words m;
    missing_words_init(&m, (const char *[]){"-", "unknown", NULL});
    const char *yes[] = {"", "NA", "N/A", "NaN", "nan", "NULL", "null", "?", "-", "unknown", "NAN", "-nan"};
    const char *no[] = {"None", "none", "na", "0", "Null", "unknown ", "NAN1", "--"};
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++)
        ck_assert_msg(missing_words_has(&m, yes[i], strlen(yes[i])), "%s", yes[i]);
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++)
        ck_assert_msg(!missing_words_has(&m, no[i], strlen(no[i])), "%s", no[i]);
    ck_assert(scan_utf8("a\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80", 10));
    const char *bad[] = {"\xE4", "\xC0\x80", "\xED\xA0\x80", "\xF5\x80\x80\x80", "\xE2\x82", "\x80", "\xF0\x8F\xBF\xBF"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert(!scan_utf8(bad[i], strlen(bad[i])));
    char out[16];
    ck_assert_uint_eq(scan_latin1("\xE4x", 2, out), 3);
    ck_assert_str_eq(out, "\xC3\xA4x");
    for (size_t n = 0; n < 9000; n += 4000) {
        char *line = calloc(n + 1, 1);
        for (size_t i = 0; i < n; i++)
            line[i] = i % 7 ? 'a' : '\n';
        ck_assert_uint_eq(scan_count(line, n, '\n'), (n + 6) / 7);
        free(line);
    }
}
END_TEST

Suite *suite_data_number(void);
Suite *suite_data_number(void)
{
    Suite *s = suite_create("data_number");
    TCase *t = tcase_create("number");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, against_strtod);
    tcase_add_test(t, hard_ones);
    tcase_add_test(t, shapes);
    tcase_add_test(t, back_from_f32);
    tcase_add_test(t, powers_of_five);
    tcase_add_test(t, words);
    suite_add_tcase(s, t);
    return s;
}
