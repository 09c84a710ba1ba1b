/* SPDX-License-Identifier: Apache-2.0 */
/* Text forms of durations and sizes, process facts. */
#include "base/clock.h"
#include "base/mem.h"

#include <check.h>
#include <math.h>
#include <string.h>

Suite *suite_clock(void);

START_TEST(durations)
{
    static const struct {
        const char *text;
        double want; /* < 0: refused */
    } row[] = {{"60", 60},  {"500ms", 0.5}, {"60s", 60},   {"5min", 300}, {"2h", 7200},   {"50us", 50e-6}, {"1.5 s", 1.5},
               {" 3s ", 3}, {"0", 0},       {"1e3", 1000}, {"-1s", -1},   {"", -1},       {"s", -1},       {"5 parsecs", -1},
               {"inf", -1}, {"nan", -1},    {"1e999", -1}, {"0x10", -1},  {"60 s s", -1}, {"5ms5", -1}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        double got = -7;
        bool ok = clock_parse_duration(row[i].text, &got);
        ck_assert_msg(ok == (row[i].want >= 0), "'%s'", row[i].text);
        if (ok)
            ck_assert_double_eq_tol(got, row[i].want, 1e-12 * (1 + row[i].want));
    }
    double d;
    ck_assert(!clock_parse_duration(NULL, &d));
}
END_TEST

START_TEST(sizes)
{
    uint64_t b;
    ck_assert(clock_parse_size("512MiB", &b) && b == 512ull << 20);
    ck_assert(clock_parse_size("2GiB", &b) && b == 2ull << 30);
    ck_assert(clock_parse_size("10KiB", &b) && b == 10240);
    ck_assert(clock_parse_size("5MB", &b) && b == 5000000);
    ck_assert(clock_parse_size("0.5 GiB", &b) && b == 1ull << 29);
    ck_assert(clock_parse_size("123", &b) && b == 123);
    ck_assert(!clock_parse_size("-1", &b));
    ck_assert(!clock_parse_size("1 apple", &b));
    ck_assert(!clock_parse_size("1e30", &b));
    ck_assert(!clock_parse_size("", &b));
}
END_TEST

START_TEST(forms)
{
    char s[32];
    ck_assert_str_eq(clock_format_seconds(1.24, s), "1.24 s");
    ck_assert_str_eq(clock_format_seconds(0.035, s), "35 ms");
    ck_assert_str_eq(clock_format_seconds(125, s), "2 min 05 s");
    ck_assert_str_eq(clock_format_seconds(59.97, s), "1 min 00 s");
    ck_assert_str_eq(clock_format_seconds(7260, s), "2 h 01 min");
    ck_assert_str_eq(clock_format_seconds(0, s), "0 s");
    ck_assert_str_eq(clock_format_seconds(NAN, s), "-");
    ck_assert_str_eq(clock_format_bytes(1.2 * 0x1p30, s), "1.2 GiB");
    ck_assert_str_eq(clock_format_bytes(500, s), "500 B");
    ck_assert_str_eq(clock_format_bytes(1023.9, s), "1.0 KiB");
    ck_assert_str_eq(clock_format_bytes(512.0 * 0x1p20, s), "512 MiB");
    ck_assert_str_eq(clock_iso(0, s), "1970-01-01T00:00:00Z");
    ck_assert_str_eq(clock_iso(1767323045, s), "2026-01-02T03:04:05Z");
}
END_TEST

START_TEST(process_facts)
{
    double start = clock_process_start(), now = clock_now();
    ck_assert(start <= now && start > now - 3600);
    ck_assert_double_eq_tol(clock_process_start(), start, 0.02);
    ck_assert(clock_unix() > 1700000000);
    double cpu = clock_thread_cpu(), t = clock_now();
    clock_sleep(0.05);
    ck_assert(clock_now() - t >= 0.05);
    ck_assert(clock_thread_cpu() - cpu < 0.04);
    clock_sleep(-1);
    clock_sleep(NAN);
}
END_TEST

START_TEST(large_blocks_leave_the_process)
{
    enum { SIZE = 64 << 20 };
    uint64_t before = clock_rss();
    char *p = mem_alloc(NULL, SIZE);
    memset(p, 1, SIZE);
    uint64_t with = clock_rss();
    mem_free(p);
    ck_assert_uint_ge(with, before + SIZE / 2);
    ck_assert_uint_ge(clock_peak_rss() + (1 << 20), with); /* the kernel counts in batches */
#if !defined(__SANITIZE_ADDRESS__)                         /* the sanitizer keeps freed blocks in quarantine */
    ck_assert_uint_lt(clock_rss(), with - SIZE / 2);
#endif
}
END_TEST

Suite *suite_clock(void)
{
    Suite *s = suite_create("clock");
    TCase *t = tcase_create("clock");
    tcase_add_test(t, durations);
    tcase_add_test(t, sizes);
    tcase_add_test(t, forms);
    tcase_add_test(t, process_facts);
    tcase_add_test(t, large_blocks_leave_the_process);
    suite_add_tcase(s, t);
    return s;
}
