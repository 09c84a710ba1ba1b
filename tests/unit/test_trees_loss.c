/* SPDX-License-Identifier: Apache-2.0 */
/* Gradients against finite differences of the losses; starting values and refinements against brute force. */
#include "backends/cpu/cpu.h"
#include "base/rng.h"
#include "learners/trees/loss.h"
#include "tests/runner.h"
#include "tests/support/frame_make.h"

#include <math.h>
#include <stdlib.h>

enum { N = 400 };

static const enum loss_kind kinds[] = {LOSS_SQUARED, LOSS_ABSOLUTE, LOSS_HUBER,  LOSS_QUANTILE,
                                       LOSS_POISSON, LOSS_LOGISTIC, LOSS_SOFTMAX};

/* The loss of one row as textbooks write it. */
static double loss_value(const struct loss *l, const double *s, double y)
{
    double d = s[0] - y;
    switch (l->kind) {
    case LOSS_ABSOLUTE: return fabs(d);
    case LOSS_HUBER: return fabs(d) <= l->alpha ? d * d / 2 : l->alpha * (fabs(d) - l->alpha / 2);
    case LOSS_QUANTILE: return d >= 0 ? (1 - l->alpha) * d : -l->alpha * d;
    case LOSS_POISSON: return exp(s[0]) - y * s[0];
    case LOSS_LOGISTIC: return log1p(exp(-(2 * y - 1) * s[0]));
    case LOSS_SOFTMAX: {
        double sum = 0;
        for (int k = 0; k < l->scores; k++)
            sum += exp(s[k]);
        return log(sum) - s[(int)y];
    }
    default: return d * d / 2;
    }
}

static struct asx_problem *make(struct frame_make **f, const struct loss *l, double *y, double *w, struct rng *r)
{
    int classes = l->kind == LOSS_LOGISTIC ? 2 : l->kind == LOSS_SOFTMAX ? l->scores : 0;
    for (int i = 0; i < N; i++) {
        y[i] = classes                   ? (double)rng_below(r, (uint64_t)classes)
               : l->kind == LOSS_POISSON ? (double)rng_below(r, 6)
                                         : 3 * rng_normal(r);
        w[i] = 0.5 + rng_unit(r);
    }
    *f = frame_make_new(N);
    struct asx_problem *p = frame_make_problem(*f,
                                               classes == 2 ? ASX_BINARY
                                               : classes    ? ASX_MULTICLASS
                                                            : ASX_REGRESSION,
                                               y, classes, 2);
    p->fit_weight = w;
    return p;
}

START_TEST(finite_differences)
{
    struct loss l = {.kind = kinds[_i % 7], .scores = kinds[_i % 7] == LOSS_SOFTMAX ? 4 : 1, .alpha = 0.7};
    const struct loss_rows *levels[] = {&loss_rows_base, &loss_rows_avx2, &loss_rows_avx512};
    if (_i / 7 > (int)cpu_simd_level())
        return;
    l.rows = levels[_i / 7];
    struct rng r = rng_stream(1, 2, 3, (uint64_t)_i);
    double y[N], w[N], score[4 * N], gh64[2 * N], lse64[N], sg, sh;
    float gh[2 * N], top[N], inverse[N];
    struct loss_norm norm = {top, inverse};
    uint32_t row[N];
    struct frame_make *f;
    struct asx_problem *p = make(&f, &l, y, w, &r);
    for (int i = 0; i < N; i++)
        row[i] = (uint32_t)(N - 1 - i);
    for (int i = 0; i < 4 * N; i++)
        score[i] = 2 * rng_normal(&r);
    if (l.scores > 1) {
        loss_softmax_norm(&l, score, N, row, N, norm);
        loss_lse64(&l, score, N, row, N, lse64);
    }
    for (int k = 0; k < l.scores; k++) {
        double sum_g = 0, sum_h = 0;
        loss_gradients(&l, p, score, N, k, norm, row, N, gh, &sg, &sh);
        loss_gradients64(&l, p, score, N, k, lse64, row, N, gh64);
        for (int i = 0; i < N; i++) {
            uint32_t at = row[i];
            double s[4], e = 1e-4;
            for (int c = 0; c < l.scores; c++)
                s[c] = score[c * N + (int)at];
            double mid = s[k], v0 = loss_value(&l, s, y[at]);
            s[k] = mid + e;
            double v1 = loss_value(&l, s, y[at]);
            s[k] = mid - e;
            double v2 = loss_value(&l, s, y[at]);
            double g = w[at] * (v1 - v2) / (2 * e), h = w[at] * (v1 + v2 - 2 * v0) / (e * e);
            ck_assert_double_eq_tol(gh64[2 * at], g, 1e-6 * (1 + fabs(g)));
            ck_assert_double_eq_tol((double)gh[2 * i], gh64[2 * at], 1e-5 * (1 + fabs(g)));
            ck_assert_double_eq_tol((double)gh[2 * i + 1], gh64[2 * at + 1], 1e-5 * (1 + fabs(h)));
            double want = l.kind == LOSS_POISSON ? h * exp(0.7) : l.kind == LOSS_SOFTMAX ? h * 4 / 3 : h;
            if (l.kind == LOSS_SQUARED || l.kind == LOSS_LOGISTIC || l.kind == LOSS_SOFTMAX || l.kind == LOSS_POISSON)
                ck_assert_double_eq_tol(gh64[2 * at + 1], want, 1e-4 * (1 + fabs(want)));
            else
                ck_assert_double_eq_tol(gh64[2 * at + 1], w[at], 1e-12);
            sum_g += fabs((double)gh[2 * i]);
            sum_h += (double)gh[2 * i + 1];
        }
        ck_assert_double_eq_tol(sg, sum_g, 1e-5 * sum_g);
        ck_assert_double_eq_tol(sh, sum_h, 1e-5 * sum_h);
    }
    frame_make_free(f);
}
END_TEST

/* Law: all classes in one pass have the bits of class by class, at every level, on runs of rows and on lists, far scores too. */
START_TEST(softmax_in_one_pass)
{
    enum { K = 26 };
    static const int classes[] = {3, 10, K};
    const struct loss_rows *levels[] = {&loss_rows_base, &loss_rows_avx2, &loss_rows_avx512};
    if (_i / 3 > (int)cpu_simd_level())
        return;
    struct loss l = {.kind = LOSS_SOFTMAX, .scores = classes[_i % 3], .rows = levels[_i / 3]};
    struct rng r = rng_stream(1, 2, 8, (uint64_t)_i);
    static double score[K * N], y[N], w[N];
    static float all[2 * K * N], gh[2 * N], top[N], inverse[N];
    double sum_g[2 * K], sum_h[2 * K], g, h;
    struct loss_norm norm = {top, inverse};
    struct loss_all out = {all, sum_g, sum_h, N, 2};
    uint32_t row[N];
    struct frame_make *f;
    struct asx_problem *p = make(&f, &l, y, w, &r);
    for (int i = 0; i < l.scores * N; i++)
        score[i] = (i % 7 ? 3 : 60) * rng_normal(&r);
    for (size_t n = N, runs = 0; n > 1; n = n * 2 / 3, runs = !runs) {
        for (size_t i = 0; i < n; i++)
            row[i] = (uint32_t)(runs ? N - n + i : i * N / n);
        loss_gradients_all(&l, p, score, N, row, n, &out);
        loss_softmax_norm(&l, score, N, row, n, norm);
        for (int k = 0; k < l.scores; k++) {
            loss_gradients(&l, p, score, N, k, norm, row, n, gh, &g, &h);
            ck_assert_mem_eq(gh, all + 2 * k * N, 2 * n * sizeof *gh);
            ck_assert_mem_eq(&g, &sum_g[2 * k], sizeof g);
            ck_assert_mem_eq(&h, &sum_h[2 * k], sizeof h);
        }
    }
    frame_make_free(f);
}
END_TEST

static double total(const struct loss *l, const struct asx_problem *p, double s)
{
    double sum = 0, v[1] = {s};
    for (int i = 0; i < N; i++)
        sum += p->fit_weight[i] * loss_value(l, v, p->y[i]);
    return sum;
}

/* No constant near the starting value does better; a refined leaf neither. */
START_TEST(starts_and_refinements)
{
    struct loss l = {.kind = kinds[_i], .scores = 1, .alpha = kinds[_i] == LOSS_ABSOLUTE ? 0.5 : 0.7};
    l.refine = l.kind == LOSS_ABSOLUTE || l.kind == LOSS_QUANTILE || l.kind == LOSS_HUBER;
    struct rng r = rng_stream(1, 2, 4, (uint64_t)_i);
    double y[N], w[N], tmp[2 * N], score[N], start;
    uint32_t row[N];
    struct frame_make *f;
    struct asx_problem *p = make(&f, &l, y, w, &r);
    for (int i = 0; i < N; i++) {
        row[i] = (uint32_t)i;
        score[i] = 1.5;
    }
    loss_start(&l, p, row, N, tmp, &start);
    for (double d = -0.5; d <= 0.5; d += 0.01)
        ck_assert_double_le(total(&l, p, start) * (1 - 1e-9), total(&l, p, start + d) + 1e-9);
    if (l.refine) {
        double v = loss_refine(&l, p, score, row, N, tmp);
        for (double d = -0.5; d <= 0.5; d += 0.01)
            ck_assert_double_le(total(&l, p, 1.5 + v), total(&l, p, 1.5 + v + d) + 1e-9);
    }
    frame_make_free(f);
}
END_TEST

START_TEST(softmax_starts_at_shares)
{
    struct loss l = {.kind = LOSS_SOFTMAX, .scores = 3};
    struct rng r = rng_stream(1, 2, 5, 0);
    double y[N], w[N], start[3], out[3], share[3] = {0}, sum = 0;
    uint32_t row[N];
    struct frame_make *f;
    struct asx_problem *p = make(&f, &l, y, w, &r);
    for (int i = 0; i < N; i++) {
        row[i] = (uint32_t)i;
        share[(int)y[i]] += w[i];
        sum += w[i];
    }
    loss_start(&l, p, row, N, NULL, start);
    loss_predict(LOSS_SOFTMAX, 3, start, out);
    for (int k = 0; k < 3; k++)
        ck_assert_double_eq_tol(out[k], share[k] / sum, 1e-12);
    frame_make_free(f);
}
END_TEST

/* Packed sums decode to the sums of rounded parts; nothing carries over. */
START_TEST(packing)
{
    struct rng r = rng_stream(1, 2, 6, 0);
    float gh[2 * N];
    uint64_t packed[N], sum = 0;
    int64_t g = 0;
    uint64_t h = 0;
    for (int i = 0; i < N; i++) {
        gh[2 * i] = (float)rng_normal(&r);
        gh[2 * i + 1] = (float)rng_unit(&r);
    }
    loss_rows_best()->pack(gh, N, 1 << 18, 1 << 20, packed);
    for (int i = 0; i < N; i++) {
        sum += packed[i];
        g += (int64_t)llround((double)(gh[2 * i] * (float)(1 << 18)));
        h += (uint64_t)llround((double)(gh[2 * i + 1] * (float)(1 << 20)));
        ck_assert_int_eq((int64_t)sum >> 32, g);
        ck_assert_uint_eq(sum & 0xffffffffu, h);
    }
}
END_TEST

Suite *suite_trees_loss(void);
Suite *suite_trees_loss(void)
{
    Suite *s = suite_create("trees_loss");
    TCase *c = tcase_create("loss");
    tcase_add_loop_test(c, finite_differences, 0, 21);
    tcase_add_loop_test(c, softmax_in_one_pass, 0, 9);
    tcase_add_loop_test(c, starts_and_refinements, 0, 6);
    tcase_add_test(c, softmax_starts_at_shares);
    tcase_add_test(c, packing);
    suite_add_tcase(s, c);
    return s;
}
