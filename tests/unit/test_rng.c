/* SPDX-License-Identifier: Apache-2.0 */
/* Moments, chi-square, independence of streams; fixed seeds, so the tests never flicker. */
#include "base/rng.h"

#include <check.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

Suite *suite_rng(void);

enum { N = 200000 };

START_TEST(values_are_functions_of_the_counter)
{
    struct rng a = rng_stream(1, 2, 3, 4), b = a;
    for (uint64_t i = 0; i < 100; i++)
        ck_assert_uint_eq(rng_u64(&a), rng_at(&b, i));
    ck_assert_uint_eq(a.counter, 100);
    ck_assert_uint_eq(rng_stream(1, 2, 3, 4).key, b.key);
}
END_TEST

START_TEST(streams_differ_by_every_name)
{
    uint64_t key[81];
    for (int i = 0; i < 81; i++)
        key[i] = rng_stream((uint64_t)i % 3, (uint64_t)i / 3 % 3, (uint64_t)i / 9 % 3, (uint64_t)i / 27).key;
    for (int i = 0; i < 81; i++)
        for (int j = 0; j < i; j++)
            ck_assert_uint_ne(key[i], key[j]);
}
END_TEST

START_TEST(unit_moments)
{
    struct rng r = rng_stream(7, 0, 0, 0);
    double sum = 0, square = 0, lag = 0, last = 0.5;
    for (int i = 0; i < N; i++) {
        double u = rng_unit(&r);
        ck_assert(u >= 0 && u < 1);
        sum += u;
        square += u * u;
        lag += (u - 0.5) * (last - 0.5);
        last = u;
    }
    ck_assert_double_eq_tol(sum / N, 0.5, 4 * sqrt(1.0 / 12 / N));
    ck_assert_double_eq_tol(square / N, 1.0 / 3, 4 * sqrt(4.0 / 45 / N));
    ck_assert_double_eq_tol(lag / N, 0, 4.0 / 12 / sqrt(N));
}
END_TEST

START_TEST(normal_moments)
{
    struct rng r = rng_stream(8, 1, 0, 0);
    double m1 = 0, m2 = 0, m3 = 0, m4 = 0;
    for (int i = 0; i < N; i++) {
        double z = rng_normal(&r);
        m1 += z;
        m2 += z * z;
        m3 += z * z * z;
        m4 += z * z * z * z;
    }
    ck_assert_double_eq_tol(m1 / N, 0, 4 / sqrt(N));
    ck_assert_double_eq_tol(m2 / N, 1, 4 * sqrt(2.0 / N));
    ck_assert_double_eq_tol(m3 / N, 0, 4 * sqrt(15.0 / N));
    ck_assert_double_eq_tol(m4 / N, 3, 4 * sqrt(96.0 / N));
}
END_TEST

/* Chi-square with 255 degrees of freedom: mean 255, sd 22.6; every byte of the output, and across neighbouring streams. */
static double chi_square(const unsigned *count)
{
    double c = 0, e = N / 256.0;
    for (int i = 0; i < 256; i++)
        c += (count[i] - e) * (count[i] - e) / e;
    return c;
}

START_TEST(bytes_are_uniform)
{
    unsigned within[8][256] = {{0}}, across[8][256] = {{0}};
    struct rng r = rng_stream(0, 0, 0, 0);
    for (uint64_t i = 0; i < N; i++) {
        uint64_t a = rng_u64(&r);
        struct rng other = rng_stream(0, i, 0, 0);
        uint64_t b = rng_u64(&other);
        for (int k = 0; k < 8; k++) {
            within[k][a >> (8 * k) & 255]++;
            across[k][b >> (8 * k) & 255]++;
        }
    }
    for (int k = 0; k < 8; k++) {
        ck_assert_double_eq_tol(chi_square(within[k]), 255, 5 * 22.6);
        ck_assert_double_eq_tol(chi_square(across[k]), 255, 5 * 22.6);
    }
}
END_TEST

START_TEST(neighbouring_counters_avalanche)
{
    struct rng r = rng_stream(3, 0, 0, 0);
    double flips = 0;
    for (uint64_t i = 0; i < N; i++)
        flips += __builtin_popcountll(rng_at(&r, i) ^ rng_at(&r, i + 1));
    ck_assert_double_eq_tol(flips / N, 32, 4 * 4 / sqrt(N));
}
END_TEST

START_TEST(below_is_uniform)
{
    struct rng r = rng_stream(4, 0, 0, 0);
    unsigned count[7] = {0};
    for (int i = 0; i < 70000; i++) {
        uint64_t v = rng_below(&r, 7);
        ck_assert_uint_lt(v, 7);
        count[v]++;
    }
    for (int i = 0; i < 7; i++)
        ck_assert_double_eq_tol(count[i], 10000, 5 * sqrt(10000));
    for (int i = 0; i < 100; i++)
        ck_assert_uint_eq(rng_below(&r, 1), 0);
    /* a bound just over half the range rejects about half of all draws and stays in range */
    for (int i = 0; i < 1000; i++)
        ck_assert_uint_lt(rng_below(&r, (1ull << 63) + 1), (1ull << 63) + 1);
}
END_TEST

START_TEST(shuffle_is_a_permutation_of_equal_chances)
{
    struct rng r = rng_stream(5, 0, 0, 0);
    unsigned place[4][4] = {{0}};
    for (int round = 0; round < 24000; round++) {
        uint32_t v[4] = {0, 1, 2, 3};
        rng_shuffle_u32(&r, v, 4);
        unsigned seen = 0;
        for (int i = 0; i < 4; i++) {
            seen |= 1u << v[i];
            place[i][v[i]]++;
        }
        ck_assert_uint_eq(seen, 15);
    }
    for (int i = 0; i < 16; i++)
        ck_assert_double_eq_tol(place[i / 4][i % 4], 6000, 5 * sqrt(6000));
    rng_shuffle_u32(&r, NULL, 0);
}
END_TEST

Suite *suite_rng(void)
{
    Suite *s = suite_create("rng");
    TCase *t = tcase_create("rng");
    tcase_add_test(t, values_are_functions_of_the_counter);
    tcase_add_test(t, streams_differ_by_every_name);
    tcase_add_test(t, unit_moments);
    tcase_add_test(t, normal_moments);
    tcase_add_test(t, bytes_are_uniform);
    tcase_add_test(t, neighbouring_counters_avalanche);
    tcase_add_test(t, below_is_uniform);
    tcase_add_test(t, shuffle_is_a_permutation_of_equal_chances);
    suite_add_tcase(s, t);
    return s;
}
