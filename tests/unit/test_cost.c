/* SPDX-License-Identifier: Apache-2.0 */
/* The cost model: units, law 2, intervals, residuals; least squares against brute force. */
#include "base/mem.h"
#include "base/rng.h"
#include "optimizer/coefficients.h"
#include "optimizer/cost.h"
#include "optimizer/nnls.h"
#include "tests/runner.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

Suite *suite_cost(void);

static struct mem *mem;
static struct opt_machine machine;
static struct opt_model model;

static void setup(void)
{
    mem = mem_create(NULL, 0);
    memset(&machine, 0, sizeof machine);
    snprintf(machine.simd, sizeof machine.simd, "avx512");
    snprintf(machine.device[0].id, sizeof machine.device[0].id, "cpu");
    machine.devices = 1;
    machine.cores = machine.pus = 4;
    machine.bandwidth_total = 40e9;
    machine.cache[0] = (struct opt_cache){1, 32 << 10, 1, 4};
    machine.cache[1] = (struct opt_cache){2, 1 << 20, 1, 4};
    machine.cache[2] = (struct opt_cache){3, 16 << 20, 4, 1};
    machine.caches = 3;
    ck_assert_int_eq(opt_coefficients_ship(&machine, mem), ASX_OK);
    opt_model_init(&model, &machine, false, mem);
}

static void teardown(void)
{
    opt_model_clear(&model);
    mem_free(machine.coefficient);
    ck_assert_uint_eq(mem_used(mem), 0);
    mem_destroy(mem);
}

static double seconds(struct asx_use u, int threads, int busy)
{
    return opt_use_seconds(&model, "cpu", &u, threads, busy);
}

static struct asx_use random_use(struct rng *r)
{
    return (struct asx_use){.k = (enum asx_kernel_class)rng_below(r, ASX_KERNEL_CLASSES),
                            .t = rng_below(r, 2) ? ASX_F32 : ASX_F64,
                            .m = exp(rng_unit(r) * 14),
                            .n = exp(rng_unit(r) * 7),
                            .p = exp(rng_unit(r) * 6),
                            .nnz = exp(rng_unit(r) * 14),
                            .times = exp(rng_unit(r) * 5),
                            .footprint = rng_below(r, 2) ? exp(rng_unit(r) * 18) : 0};
}

START_TEST(counts_have_units)
{
    double flops, bytes;
    struct asx_use gemm = {.k = ASX_KC_GEMM, .t = ASX_F32, .m = 100, .n = 20, .p = 50, .times = 3};
    opt_use_counts(&gemm, &flops, &bytes);
    ck_assert_double_eq(flops, 3.0 * 2 * 100 * 20 * 50);
    ck_assert_double_eq(bytes, 3.0 * 4 * (100 * 50 + 50 * 20 + 2 * 100 * 20));
    struct asx_use io = {.k = ASX_KC_IO, .m = 1e9};
    ck_assert_double_eq_tol(seconds(io, 1, 1), 1.0, 0.01); /* 1 GB/s shipped */
    struct asx_use big = {.k = ASX_KC_GEMM, .t = ASX_F32, .m = 2000, .n = 2000, .p = 2000};
    double s = seconds(big, 1, 1); /* 16 GFLOP at 160 GFLOP/s, and some traffic */
    ck_assert_double_gt(s, 0.1);
    ck_assert_double_lt(s, 0.13);
}
END_TEST

START_TEST(seconds_never_fall_when_work_grows)
{
    struct rng r = rng_stream(1, 2, 3, 4);
    for (int i = 0; i < 20000; i++) {
        struct asx_use u = random_use(&r), v = u;
        double f = 1 + 3 * rng_unit(&r);
        switch (rng_below(&r, 6)) {
        case 0: v.m *= f; break;
        case 1: v.n *= f; break;
        case 2: v.p *= f; break;
        case 3: v.nnz *= f; break;
        case 4: v.times *= f; break;
        default: v.footprint *= f; break;
        }
        if (u.k == ASX_KC_SORT && v.n > u.n)
            continue; /* more groups of the same keys are less to sort */
        double a = seconds(u, 1, 1), b = seconds(v, 1, 1);
        ck_assert_msg(b >= a * (1 - 1e-12), "class %s: %g then %g", opt_kernel_name(u.k), a, b);
    }
}
END_TEST

START_TEST(seconds_never_rise_with_a_better_machine)
{
    struct rng r = rng_stream(5, 6, 7, 8);
    for (int i = 0; i < 5000; i++) {
        struct asx_use u = random_use(&r);
        int busy = 1 + (int)rng_below(&r, 4);
        double before = seconds(u, 1, busy);
        struct opt_machine better = machine;
        struct opt_coefficient fast[2 * ASX_KERNEL_CLASSES];
        memcpy(fast, machine.coefficient, sizeof fast);
        for (int k = 0; k < 2 * ASX_KERNEL_CLASSES; k++) {
            fast[k].flop_rate *= 1 + rng_unit(&r);
            for (int l = 0; l < OPT_LEVELS; l++)
                fast[k].bandwidth[l] *= 1 + rng_unit(&r);
        }
        better.coefficient = fast;
        better.bandwidth_total *= 1 + rng_unit(&r);
        for (int c = 0; c < 3; c++)
            better.cache[c].bytes *= 1 + rng_below(&r, 3);
        struct opt_model m2;
        opt_model_init(&m2, &better, false, mem);
        ck_assert_double_le(opt_use_seconds(&m2, "cpu", &u, 1, busy), before * (1 + 1e-12));
        ck_assert_double_le(seconds(u, 1, 1), seconds(u, 1, 4) * (1 + 1e-12)); /* neighbours only take bandwidth */
        ck_assert_double_le(seconds(u, 2, 2), seconds(u, 1, 2) * (1 + 1e-12));
    }
}
END_TEST

START_TEST(cost_adds_uses_and_iterations)
{
    struct asx_work w = {.serial = 0.5, .scratch = 10, .output = 5};
    struct asx_use u = {.k = ASX_KC_EXP, .m = 1e8};
    asx_work_add(w.once, &w.n_once, u);
    asx_work_add(w.per_iteration, &w.n_per_iteration, u);
    double one = seconds(u, 1, 1);
    ck_assert_double_eq_tol(opt_cost(&model, "x", "cpu", &w, 0, 1, 1).total_s, one, 2e-5); /* and the op's own start */
    ck_assert_double_eq_tol(opt_cost(&model, "x", "cpu", &w, 9, 1, 1).total_s, 10 * one, 2e-5);
    double two = opt_cost(&model, "x", "cpu", &w, 9, 2, 2).total_s; /* half of it is serial */
    ck_assert_double_eq_tol(two, 7.5 * one, 1e-3 * one);
    ck_assert_uint_eq(opt_cost(&model, "x", "cpu", &w, 0, 1, 1).host_peak, 15);
    ck_assert(isnan(opt_cost(&model, "x", "opencl:0", &w, 0, 1, 1).total_s));
}
END_TEST

START_TEST(intervals_hold_the_middle_and_widen)
{
    struct asx_work in = {0}, out = {0};
    asx_work_add(in.once, &in.n_once, (struct asx_use){.k = ASX_KC_EXP, .m = 1e8});
    asx_work_add(out.once, &out.n_once, (struct asx_use){.k = ASX_KC_EXP, .m = 1e15});
    double low, high, low2, high2;
    struct asx_cost a = opt_cost(&model, "x", "cpu", &in, 0, 1, 1), b = opt_cost(&model, "x", "cpu", &out, 0, 1, 1);
    opt_interval(&a, &low, &high);
    opt_interval(&b, &low2, &high2);
    ck_assert(low < a.total_s && a.total_s < high);
    ck_assert_double_gt(high2 / low2, high / low); /* far outside the range seen */
    for (int i = 0; i < 30; i++)
        opt_learn(&model, "x", "cpu", 1, 1 + 0.02 * (i % 3));
    a = opt_cost(&model, "x", "cpu", &in, 0, 1, 1);
    opt_interval(&a, &low2, &high2);
    ck_assert_double_lt(high2 / low2, high / low); /* seen often: narrower */
    struct asx_cost none = {0};
    opt_interval(&none, &low, &high);
    ck_assert(low == 0 && high == 0);
}
END_TEST

START_TEST(residuals_shrink_fade_and_stay_apart)
{
    struct asx_work w = {0};
    asx_work_add(w.once, &w.n_once, (struct asx_use){.k = ASX_KC_EXP, .m = 1e8});
    double plain = opt_cost(&model, "a", "cpu", &w, 0, 1, 1).total_s;
    opt_learn(&model, "a", "cpu", 1, 2);
    double once = opt_cost(&model, "a", "cpu", &w, 0, 1, 1).total_s;
    ck_assert(once > plain && once < 1.5 * plain);
    for (int i = 0; i < 40; i++)
        opt_learn(&model, "a", "cpu", 1, 2);
    ck_assert_double_eq_tol(opt_cost(&model, "a", "cpu", &w, 0, 1, 1).total_s / plain, 2, 0.15);
    for (int i = 0; i < 90; i++)
        opt_learn(&model, "a", "cpu", 1, 0.5); /* the machine changed */
    ck_assert_double_lt(opt_cost(&model, "a", "cpu", &w, 0, 1, 1).total_s, plain);
    ck_assert_double_eq(opt_cost(&model, "b", "cpu", &w, 0, 1, 1).total_s, plain);
    opt_learn(&model, "b", "cpu", NAN, 1);
    opt_learn(&model, "b", "cpu", 0, 1);
    opt_learn(&model, "b", "cpu", 1, -1);
    ck_assert_double_eq(opt_cost(&model, "b", "cpu", &w, 0, 1, 1).total_s, plain);
    model.nominal = true;
    ck_assert_double_eq_tol(opt_cost(&model, "a", "cpu", &w, 0, 1, 1).total_s, plain, 1e-9);
}
END_TEST

START_TEST(nominal_prices_ignore_measurements)
{
    model.nominal = true;
    struct rng r = rng_stream(3, 1, 4, 1);
    struct opt_machine other = {.bandwidth_total = 1e9, .cores = 64};
    snprintf(other.simd, sizeof other.simd, "%s", machine.simd);
    struct opt_coefficient slow = {.device = "cpu", .kernel = ASX_KC_GEMM, .flop_rate = 1, .samples = 99, .spread = 2};
    other.coefficient = &slow;
    other.coefficients = 1;
    struct opt_model m2;
    opt_model_init(&m2, &other, true, mem);
    for (int i = 0; i < 500; i++) {
        struct asx_use u = random_use(&r);
        ck_assert_double_eq(seconds(u, 1, 4), opt_use_seconds(&m2, "cpu", &u, 1, 1));
    }
}
END_TEST

START_TEST(threads_beyond_cores_add_a_quarter)
{
    struct asx_work w = {0};
    asx_work_add(w.once, &w.n_once, (struct asx_use){.k = ASX_KC_EXP, .m = 1e9});
    double four = opt_cost(&model, "x", "cpu", &w, 0, 4, 4).total_s, eight = opt_cost(&model, "x", "cpu", &w, 0, 8, 8).total_s;
    ck_assert_double_eq_tol(four / eight, 1.25, 0.01);
    struct asx_use u = {.k = ASX_KC_EXP, .m = 1e9};
    ck_assert_double_eq_tol(seconds(u, 1, 8) / seconds(u, 1, 4), 1.6, 0.01);
}
END_TEST

START_TEST(log_cost_is_coarse)
{
    ck_assert_int_eq(opt_log_cost(1.0), opt_log_cost(1.02));
    ck_assert_int_eq(opt_log_cost(2.0) - opt_log_cost(1.0), 6);
    ck_assert_int_lt(opt_log_cost(0), opt_log_cost(1e-6));
    ck_assert_int_gt(opt_log_cost(NAN), opt_log_cost(1e12));
}
END_TEST

/* ---- least squares ------------------------------------------------------------------ */

static double objective(int n, double a[][NNLS_MAX], const double *b, const double *x)
{
    double f = 0;
    for (int i = 0; i < n; i++) {
        f -= 2 * b[i] * x[i];
        for (int j = 0; j < n; j++)
            f += x[i] * a[i][j] * x[j];
    }
    return f;
}

/* All sets of active columns, by coordinate descent within each: slow and sure. */
static double brute_force(int n, double a[][NNLS_MAX], const double *b)
{
    double best = 0;
    for (int set = 1; set < 1 << n; set++) {
        double x[NNLS_MAX] = {0};
        for (int sweep = 0; sweep < 4000; sweep++)
            for (int i = 0; i < n; i++) {
                if (!(set >> i & 1))
                    continue;
                double g = b[i];
                for (int j = 0; j < n; j++)
                    g -= j == i ? 0 : a[i][j] * x[j];
                x[i] = fmax(g / a[i][i], 0);
            }
        best = fmin(best, objective(n, a, b, x));
    }
    return best;
}

START_TEST(nnls_equals_brute_force)
{
    struct rng r = rng_stream(9, 9, 9, 9);
    for (int round = 0; round < 60; round++) {
        int n = 2 + (int)rng_below(&r, 3);
        double a[NNLS_MAX][NNLS_MAX] = {{0}}, b[NNLS_MAX] = {0}, x[NNLS_MAX];
        for (int s = 0; s < 12; s++) {
            double row[NNLS_MAX], t = rng_normal(&r);
            for (int i = 0; i < n; i++)
                row[i] = rng_normal(&r);
            for (int i = 0; i < n; i++) {
                b[i] += row[i] * t;
                for (int j = 0; j < n; j++)
                    a[i][j] += row[i] * row[j];
            }
        }
        nnls_solve(n, a, b, x);
        for (int i = 0; i < n; i++)
            ck_assert_double_ge(x[i], 0);
        ck_assert_double_eq_tol(objective(n, a, b, x), brute_force(n, a, b), 1e-6);
    }
}
END_TEST

START_TEST(coefficients_are_recovered)
{
    struct asx_use use[24];
    double t[24];
    struct rng r = rng_stream(4, 4, 4, 4);
    for (int i = 0; i < 24; i++) {
        double side = exp(3 + 4 * rng_unit(&r));
        use[i] = (struct asx_use){.k = ASX_KC_GEMM, .t = ASX_F32, .m = 10 * side, .n = side, .p = side};
        double flops, bytes;
        opt_use_counts(&use[i], &flops, &bytes);
        t[i] = 3e-5 + flops / 50e9;
    }
    struct opt_coefficient c = {.device = "cpu", .kernel = ASX_KC_GEMM};
    ck_assert_int_eq(opt_fit_coefficient(use, t, 24, &c), ASX_OK);
    ck_assert_double_eq_tol(c.flop_rate / 50e9, 1, 0.02);
    ck_assert_double_eq_tol(c.startup_s / 3e-5, 1, 0.1);
    ck_assert_int_eq(c.samples, 24);
    ck_assert_double_lt(c.spread, 1.15);
    ck_assert_double_lt(c.low, c.high);
    /* noise makes the spread wider and the middle hold */
    for (int i = 0; i < 24; i++)
        t[i] *= exp(0.3 * rng_normal(&r));
    ck_assert_int_eq(opt_fit_coefficient(use, t, 24, &c), ASX_OK);
    ck_assert_double_gt(c.spread, 1.2);
    ck_assert_double_eq_tol(c.flop_rate / 50e9, 1, 0.5);
    for (int l = 1; l < OPT_LEVELS; l++)
        ck_assert(c.bandwidth[l] == 0 || c.bandwidth[l - 1] == 0 || c.bandwidth[l] <= c.bandwidth[l - 1] * (1 + 1e-12));
    ck_assert_int_eq(opt_fit_coefficient(use, t, 0, &c), ASX_NONE);
}
END_TEST

Suite *suite_cost(void)
{
    Suite *s = suite_create("cost");
    TCase *c = tcase_create("cost");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, counts_have_units);
    tcase_add_test(c, seconds_never_fall_when_work_grows);
    tcase_add_test(c, seconds_never_rise_with_a_better_machine);
    tcase_add_test(c, cost_adds_uses_and_iterations);
    tcase_add_test(c, intervals_hold_the_middle_and_widen);
    tcase_add_test(c, residuals_shrink_fade_and_stay_apart);
    tcase_add_test(c, nominal_prices_ignore_measurements);
    tcase_add_test(c, threads_beyond_cores_add_a_quarter);
    tcase_add_test(c, log_cost_is_coarse);
    tcase_add_test(c, nnls_equals_brute_force);
    tcase_add_test(c, coefficients_are_recovered);
    suite_add_tcase(s, c);
    return s;
}
