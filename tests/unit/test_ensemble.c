/* SPDX-License-Identifier: Apache-2.0 */
/* Selection against a plain rewriting of it with the metric itself; calibration and intervals against theory. */
#include "base/mem.h"
#include "base/rng.h"
#include "search/ensemble/ensemble.h"
#include "search/ensemble/objective.h"
#include "tests/support/exec_make.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

extern const struct asx_metric asx_metric_accuracy, asx_metric_average_precision, asx_metric_balanced_accuracy, asx_metric_brier,
    asx_metric_f1, asx_metric_log_loss, asx_metric_mae, asx_metric_median_ae, asx_metric_r2, asx_metric_rmse, asx_metric_roc_auc,
    asx_metric_roc_auc_ovr;

/* ---- data: a truth and candidates that know it to different degrees --------------------------- */

struct data {
    size_t n;
    int outputs, candidates;
    double *y, *weight;
    float **pred;
};

enum { MOST_OUTPUTS = 300 };

static void make_row(struct data *d, size_t i, int c, double noise, struct rng *rng)
{
    float *p = d->pred[c] + i * (size_t)d->outputs;
    if (d->outputs == 1) {
        p[0] = (float)(d->y[i] + noise * rng_normal(rng));
        return;
    }
    double z[MOST_OUTPUTS], sum = 0;
    for (int k = 0; k < d->outputs; k++)
        sum += z[k] = exp((k == d->y[i]) * 1.0 + noise * rng_normal(rng));
    for (int k = 0; k < d->outputs; k++)
        p[k] = (float)(z[k] / sum);
}

static struct data make(size_t n, int outputs, int candidates, bool weighted, uint64_t seed)
{
    struct data d = {.n = n, .outputs = outputs, .candidates = candidates};
    struct rng rng = rng_stream(seed, 1, 2, 3);
    d.y = calloc(n, sizeof *d.y);
    d.weight = weighted ? calloc(n, sizeof *d.weight) : NULL;
    d.pred = calloc((size_t)candidates, sizeof *d.pred);
    for (size_t i = 0; i < n; i++) {
        d.y[i] = outputs == 1 ? 3 * rng_normal(&rng) : (double)rng_below(&rng, (uint64_t)outputs);
        if (weighted)
            d.weight[i] = 0.5 + rng_unit(&rng);
    }
    for (int c = 0; c < candidates; c++) {
        d.pred[c] = calloc(n * (size_t)outputs, sizeof(float));
        for (size_t i = 0; i < n; i++)
            make_row(&d, i, c, 0.8 + 0.15 * c, &rng);
    }
    return d;
}

static void drop(struct data *d)
{
    for (int c = 0; c < d->candidates; c++)
        free(d->pred[c]);
    free(d->pred);
    free(d->y);
    free(d->weight);
}

static struct asx_scored truth_of(const struct data *d)
{
    return (struct asx_scored){.n = d->n, .outputs = d->outputs, .y = d->y, .weight = d->weight, .positive = 1};
}

static double signed_score(const struct data *d, const struct asx_metric *m, const double *sum, const float *more, int count)
{
    size_t cells = d->n * (size_t)d->outputs;
    double *p = malloc(cells * sizeof *p);
    for (size_t i = 0; i < cells; i++)
        p[i] = (sum[i] + (more ? (double)more[i] : 0)) / count;
    struct asx_scored s = truth_of(d);
    s.pred64 = p;
    double v = m->score(&s);
    free(p);
    return m->greater_is_better ? v : -v;
}

/* Start with the best few averaged, then the best addition each round, keep the best moment. */
static void plain_greedy(const struct data *d, const struct asx_metric *m, double *weight)
{
    size_t cells = d->n * (size_t)d->outputs;
    double *sum = calloc(cells, sizeof *sum), single[64] = {0}, best;
    int order[64] = {0}, pick[64], picked = 0, kept;
    for (int c = 0; c < d->candidates; c++) {
        single[c] = signed_score(d, m, sum, d->pred[c], 1);
        int at = c;
        for (; at > 0 && single[c] > single[order[at - 1]]; at--)
            order[at] = order[at - 1];
        order[at] = c;
    }
    best = single[order[0]];
    kept = 1;
    for (int k = 0; k < d->candidates && k < 5; k++) {
        for (size_t i = 0; i < cells; i++)
            sum[i] += (double)d->pred[order[k]][i];
        double now = signed_score(d, m, sum, NULL, k + 1);
        if (k > 0 && now > best) {
            best = now;
            kept = k + 1;
        }
    }
    memset(sum, 0, cells * sizeof *sum);
    for (; picked < kept; picked++) {
        pick[picked] = order[picked];
        for (size_t i = 0; i < cells; i++)
            sum[i] += (double)d->pred[order[picked]][i];
    }
    while (picked < 40 && picked - kept < 12) {
        int top = -1;
        double score = -INFINITY;
        for (int k = 0; k < d->candidates; k++) {
            double now = signed_score(d, m, sum, d->pred[order[k]], picked + 1);
            if (now > score) {
                score = now;
                top = order[k];
            }
        }
        for (size_t i = 0; i < cells; i++)
            sum[i] += (double)d->pred[top][i];
        pick[picked++] = top;
        if (score > best) {
            best = score;
            kept = picked;
        }
    }
    memset(weight, 0, (size_t)d->candidates * sizeof *weight);
    for (int k = 0; k < kept; k++)
        weight[pick[k]] += 1.0 / kept;
    free(sum);
}

static struct ens_input input_of(const struct data *d, const struct asx_metric *m)
{
    return (struct ens_input){
        .truth = truth_of(d), .metric = m, .pred = (const float *const *)d->pred, .candidates = d->candidates, .seed = 4};
}

static const struct {
    const struct asx_metric *metric;
    int outputs;
} cases[] = {{&asx_metric_log_loss, 2},    {&asx_metric_log_loss, 4}, {&asx_metric_roc_auc, 2}, {&asx_metric_average_precision, 2},
             {&asx_metric_brier, 2},       {&asx_metric_rmse, 1},     {&asx_metric_mae, 1},     {&asx_metric_r2, 1},
             {&asx_metric_roc_auc_ovr, 3}, {&asx_metric_median_ae, 1}};

START_TEST(greedy_is_as_written)
{
    for (int weighted = 0; weighted < 2; weighted++) {
        struct data d = make(300, cases[_i].outputs, 8, weighted, 10 + (uint64_t)_i);
        struct ens_input in = input_of(&d, cases[_i].metric);
        struct asx_err err = {0};
        double weight[8], plain[8], score;
        ck_assert_int_eq(ens_select(&in, weight, &score, &err), ASX_OK);
        plain_greedy(&d, cases[_i].metric, plain);
        for (int c = 0; c < 8; c++)
            ck_assert_msg(fabs(weight[c] - plain[c]) < 1e-12, "%s candidate %d: %g, %g", cases[_i].metric->head.name, c, weight[c],
                          plain[c]);
        drop(&d);
    }
}
END_TEST

START_TEST(never_worse_than_the_best)
{
    static const struct asx_metric *const metric[] = {&asx_metric_accuracy, &asx_metric_balanced_accuracy, &asx_metric_log_loss};
    for (int k = 0; k < 3; k++)
        for (int candidates = 1; candidates <= 30; candidates += 29) {
            struct data d = make(500, 3, candidates, false, (uint64_t)k);
            struct ens_input in = input_of(&d, metric[k]);
            struct asx_err err = {0};
            double weight[30], score, sum = 0, best = NAN;
            ck_assert_int_eq(ens_select(&in, weight, &score, &err), ASX_OK);
            for (int c = 0; c < candidates; c++) {
                struct asx_scored s = truth_of(&d);
                s.pred = d.pred[c];
                double one = metric[k]->score(&s);
                best = asx_metric_better(metric[k], one, best) ? one : best;
                sum += weight[c];
                ck_assert(weight[c] >= 0);
            }
            ck_assert_double_eq_tol(sum, 1, 1e-12);
            ck_assert_msg(!asx_metric_better(metric[k], best, score), "%s: %g, best alone %g", metric[k]->head.name, score, best);
            if (candidates > 1) /* independent errors: averaging must pay clearly */
                ck_assert_msg(metric[k]->greater_is_better ? score > best + 0.01 : score < best - 0.01, "%s: %g, best alone %g",
                              metric[k]->head.name, score, best);
            drop(&d);
        }
}
END_TEST

START_TEST(threads_change_nothing)
{
    for (int k = 0; k < 3; k++) {
        struct data d = make(3000, 2, 20, true, 77);
        struct ens_input in = input_of(&d, k == 0 ? &asx_metric_roc_auc : k == 1 ? &asx_metric_accuracy : &asx_metric_log_loss);
        struct asx_err err = {0};
        double one[20], many[20], a, b;
        ck_assert_int_eq(ens_select(&in, one, &a, &err), ASX_OK);
        struct exec_make e;
        struct asx_problem problem = {0};
        exec_make_init(&e, &problem, 3);
        in.exec = &e.exec;
        ck_assert_int_eq(ens_select(&in, many, &b, &err), ASX_OK);
        ck_assert(a == b && memcmp(one, many, sizeof one) == 0);
        ck_assert_uint_eq(exec_make_leaked(&e), 0);
        exec_make_clear(&e);
        drop(&d);
    }
}
END_TEST

START_TEST(stopping_gives_the_best_so_far)
{
    struct data d = make(3000, 2, 20, false, 5);
    struct ens_input in = input_of(&d, &asx_metric_log_loss);
    struct asx_problem problem = {0};
    for (long after = 0; after < 40; after += 3) {
        struct exec_make e;
        struct asx_err err = {0};
        double weight[20], score, sum = 0;
        exec_make_init(&e, &problem, 1);
        e.stop_after = after;
        in.exec = &e.exec;
        ck_assert_int_eq(ens_select(&in, weight, &score, &err), ASX_OK);
        for (int c = 0; c < 20; c++)
            sum += weight[c];
        ck_assert_double_eq_tol(sum, 1, 1e-12);
        ck_assert(isfinite(score));
        exec_make_clear(&e);
    }
    drop(&d);
}
END_TEST

START_TEST(samples_are_fair)
{
    size_t n = 100000, m, ones = 0;
    unsigned char *label = calloc(n, 1);
    uint32_t *at;
    for (size_t i = 0; i < n; i += 50)
        label[i] = 1;
    ck_assert_int_eq(obj_sample(n, 20000, label, 1, NULL, &at, &m), ASX_OK);
    ck_assert_uint_eq(m, 20000);
    for (size_t i = 0; i < m; i++) {
        ones += label[at[i]];
        ck_assert(i == 0 || at[i] > at[i - 1]);
    }
    ck_assert_uint_eq(ones, 2000); /* all there are */
    mem_free(at);
    ck_assert_int_eq(obj_sample(n, 20000, NULL, 1, NULL, &at, &m), ASX_OK);
    double mean = 0;
    for (size_t i = 0; i < m; i++)
        mean += at[i] / (double)m;
    ck_assert_uint_eq(m, 20000);
    ck_assert_double_eq_tol(mean, (double)n / 2, 1000);
    mem_free(at);
    ck_assert_int_eq(obj_sample(10, 20, label, 1, NULL, &at, &m), ASX_OK);
    ck_assert(m == 10 && at[9] == 9);
    mem_free(at);
    free(label);
}
END_TEST

/* Above the caps rows are sampled: the weights must still be about as good as those from all rows. */
START_TEST(sampling_costs_little)
{
    struct data d = make(60000, 2, 6, false, 9);
    struct ens_input in = input_of(&d, &asx_metric_roc_auc);
    struct asx_err err = {0};
    double weight[6], score, even[6] = {1. / 6, 1. / 6, 1. / 6, 1. / 6, 1. / 6, 1. / 6};
    ck_assert_int_eq(ens_select(&in, weight, &score, &err), ASX_OK);
    float *blend = malloc(d.n * 2 * sizeof *blend);
    ens_blend((const float *const *)d.pred, even, 6, d.n * 2, blend);
    struct asx_scored s = truth_of(&d);
    s.pred = blend;
    ck_assert_double_gt(score, asx_metric_roc_auc.score(&s) - 0.001);
    free(blend);
    drop(&d);
}
END_TEST

/* ---- temperature and threshold ------------------------------------------------------------------- */

/* Labels drawn from p, predictions p^sharpness: the right temperature is the sharpness. */
static struct data drawn(size_t n, int outputs, double sharpness, double prior, uint64_t seed)
{
    struct data d = make(n, outputs, 1, false, seed);
    struct rng rng = rng_stream(seed, 9, 9, 9);
    for (size_t i = 0; i < n; i++) {
        double p[300], sum = 0, u = rng_unit(&rng);
        for (int k = 0; k < outputs; k++)
            sum += p[k] = exp(1.5 * rng_normal(&rng) + (k == 1 ? prior : 0));
        double at = 0, sharp = 0;
        d.y[i] = outputs - 1;
        for (int k = outputs - 1; k >= 0; k--) {
            p[k] /= sum;
            sharp += pow(p[k], sharpness);
        }
        for (int k = 0; k < outputs; k++) {
            at += p[k];
            if (u < at) {
                d.y[i] = k;
                break;
            }
        }
        for (int k = 0; k < outputs; k++)
            d.pred[0][i * (size_t)outputs + (size_t)k] = (float)(pow(p[k], sharpness) / sharp);
    }
    return d;
}

static int asked;

static bool stop_at_third(struct asx_exec *e)
{
    (void)e;
    return ++asked >= 3;
}

/* A deadline inside leaves the probabilities as they are. */
START_TEST(temperature_stops)
{
    struct asx_exec exec = {.stop = stop_at_third};
    struct data d = drawn(3000, 5, 2, 0, 3);
    struct asx_scored s = truth_of(&d);
    s.pred = d.pred[0];
    asked = 0;
    ck_assert(ens_temperature(&s, &asx_metric_log_loss, &exec) == 1);
    ck_assert_int_eq(asked, 3);
    asked = -1000;
    ck_assert_double_eq_tol(ens_temperature(&s, &asx_metric_log_loss, &exec), 2, 0.2);
    drop(&d);
}
END_TEST

/* Of 300 classes a sample of the rows tells the temperature as well. */
START_TEST(temperature_of_many_classes)
{
    struct data d = drawn(4000, 300, 2, 0, 3);
    struct asx_scored s = truth_of(&d);
    s.pred = d.pred[0];
    ck_assert_double_eq_tol(ens_temperature(&s, &asx_metric_log_loss, NULL), 2, 0.2);
    drop(&d);
}
END_TEST

START_TEST(temperature_is_found)
{
    for (int outputs = 2; outputs <= 5; outputs += 3) {
        struct data d = drawn(8000, outputs, 2, 0, 3);
        struct asx_scored s = truth_of(&d);
        s.pred = d.pred[0];
        double t = ens_temperature(&s, &asx_metric_log_loss, NULL), before = asx_metric_log_loss.score(&s);
        ck_assert_double_eq_tol(t, 2, 0.12);
        double *wide = malloc(d.n * (size_t)outputs * sizeof *wide);
        for (size_t i = 0; i < d.n * (size_t)outputs; i++)
            wide[i] = (double)d.pred[0][i];
        ens_temper64(wide, d.n, outputs, t);
        ens_temper(d.pred[0], d.n, outputs, t);
        ck_assert_double_lt(asx_metric_log_loss.score(&s), before - 0.01);
        for (size_t i = 0; i < d.n; i++) {
            double sum = 0;
            for (int k = 0; k < outputs; k++) {
                size_t at = i * (size_t)outputs + (size_t)k;
                sum += wide[at];
                ck_assert_double_eq_tol(wide[at], (double)d.pred[0][at], 1e-6);
            }
            ck_assert_double_eq_tol(sum, 1, 1e-12);
        }
        free(wide);
        drop(&d);
        d = drawn(2000, outputs, 1, 0, 4); /* right as they are */
        s = truth_of(&d);
        s.pred = d.pred[0];
        ck_assert(ens_temperature(&s, &asx_metric_log_loss, NULL) == 1);
        drop(&d);
    }
    float zero[3] = {0, 0, 1}, none[2] = {0, 0};
    ens_temper(zero, 1, 3, 2);
    ck_assert(zero[0] == 0 && zero[2] == 1);
    ens_temper(none, 1, 2, 2);
    ck_assert(none[0] == 0 && none[1] == 0);
}
END_TEST

START_TEST(threshold_pays_or_is_left)
{
    struct data d = drawn(4000, 2, 1, -3, 8); /* few positives: F1 wants a lower threshold */
    struct asx_scored s = truth_of(&d);
    s.pred = d.pred[0];
    double t = ens_threshold(&s, &asx_metric_f1, NULL), before = asx_metric_f1.score(&s);
    ck_assert(t > 0.1 && t < 0.45);
    s.threshold = t;
    ck_assert_double_gt(asx_metric_f1.score(&s), before + 0.05);
    s.threshold = 0;
    ck_assert(ens_threshold(&s, &asx_metric_roc_auc, NULL) == 0); /* nothing to decide */
    drop(&d);
    int left = 0;
    for (uint64_t seed = 0; seed < 10; seed++) { /* calibrated: a half is right for accuracy */
        d = drawn(1000, 2, 1, 0, 20 + seed);
        s = truth_of(&d);
        s.pred = d.pred[0];
        t = ens_threshold(&s, &asx_metric_accuracy, NULL);
        left += t == 0;
        ck_assert(t == 0 || fabs(t - 0.5) < 0.15);
        drop(&d);
    }
    ck_assert_int_ge(left, 6);
}
END_TEST

/* ---- intervals --------------------------------------------------------------------------------------- */

START_TEST(interval_of_a_mean)
{
    for (int k = 0; k < 2; k++) {
        size_t n = k ? 40000 : 3000; /* the larger is sampled and narrowed */
        struct data d = make(n, 2, 1, false, 6);
        struct asx_scored s = truth_of(&d);
        struct asx_err err = {0};
        s.pred = d.pred[0];
        struct ens_boot *b = ens_boot_create(n, 1, NULL);
        double low, high, p = asx_metric_accuracy.score(&s), half = 1.96 * sqrt(p * (1 - p) / (double)n);
        ck_assert_int_eq(ens_boot_interval(b, &s, &asx_metric_accuracy, &low, &high, &err), ASX_OK);
        ck_assert_msg(fabs(low - (p - half)) < 0.25 * half && fabs(high - (p + half)) < 0.25 * half, "[%g, %g], theory %g +- %g",
                      low, high, p, half);
        drop(&d);
        ens_boot_destroy(b);
    }
}
END_TEST

START_TEST(fast_intervals_are_the_metrics)
{
    static const struct {
        const struct asx_metric *metric;
        int outputs;
    } fast[] = {{&asx_metric_accuracy, 2}, {&asx_metric_accuracy, 3}, {&asx_metric_log_loss, 3}, {&asx_metric_roc_auc, 2},
                {&asx_metric_brier, 2},    {&asx_metric_rmse, 1},     {&asx_metric_r2, 1},       {&asx_metric_mae, 1}};
    for (size_t k = 0; k < sizeof fast / sizeof *fast; k++)
        for (int weighted = 0; weighted < 2; weighted++) {
            struct data d = make(800, fast[k].outputs, 1, weighted, k);
            struct asx_metric slow = *fast[k].metric;
            slow.head.name = "another name"; /* goes the general way */
            struct asx_scored s = truth_of(&d);
            struct asx_err err = {0};
            uint32_t *row = calloc(d.n, sizeof *row);
            for (size_t i = 0; i < d.n; i++)
                row[i] = (uint32_t)i;
            s.pred = d.pred[0];
            if (weighted)
                s.row = row;
            struct ens_boot *b = ens_boot_create(d.n, 3, NULL);
            double a[2], c[2];
            ck_assert_int_eq(ens_boot_interval(b, &s, fast[k].metric, &a[0], &a[1], &err), ASX_OK);
            ck_assert_int_eq(ens_boot_interval(b, &s, &slow, &c[0], &c[1], &err), ASX_OK);
            for (int j = 0; j < 2; j++)
                ck_assert_msg(fabs(a[j] - c[j]) < 1e-9, "%s: %g, %g", fast[k].metric->head.name, a[j], c[j]);
            double point = fast[k].metric->score(&s);
            ck_assert(a[0] < point && point < a[1]);
            s.n--;
            ck_assert_int_eq(ens_boot_interval(b, &s, &slow, &c[0], &c[1], &err), ASX_E_INVAL);
            ens_boot_destroy(b);
            free(row);
            drop(&d);
        }
}
END_TEST

/* Hanley and McNeil (Radiology 143, 1982): standard error of an area A from n1 positives and n0 negatives. */
START_TEST(interval_of_an_area)
{
    struct data d = drawn(4000, 2, 1, -1, 2);
    struct asx_scored s = truth_of(&d);
    struct asx_err err = {0};
    s.pred = d.pred[0];
    struct ens_boot *b = ens_boot_create(d.n, 1, NULL);
    double low, high, a = asx_metric_roc_auc.score(&s), n1 = 0;
    ck_assert_int_eq(ens_boot_interval(b, &s, &asx_metric_roc_auc, &low, &high, &err), ASX_OK);
    for (size_t i = 0; i < d.n; i++)
        n1 += d.y[i] == 1;
    double n0 = (double)d.n - n1, q1 = a / (2 - a), q2 = 2 * a * a / (1 + a);
    double se = sqrt((a * (1 - a) + (n1 - 1) * (q1 - a * a) + (n0 - 1) * (q2 - a * a)) / (n1 * n0));
    ck_assert_msg(fabs((high - low) / (2 * 1.96 * se) - 1) < 0.25, "width %g, theory %g", high - low, 2 * 1.96 * se);
    ens_boot_destroy(b);
    drop(&d);
}
END_TEST

START_TEST(no_score_no_interval)
{
    struct data d = make(100, 2, 1, false, 1);
    struct asx_scored s = truth_of(&d);
    struct asx_err err = {0};
    double low, high;
    memset(d.y, 0, d.n * sizeof *d.y); /* one class: no area */
    s.pred = d.pred[0];
    struct ens_boot *b = ens_boot_create(d.n, 1, NULL);
    ck_assert_int_eq(ens_boot_interval(b, &s, &asx_metric_roc_auc, &low, &high, &err), ASX_OK);
    ck_assert(isnan(low) && isnan(high));
    ens_boot_destroy(b);
    drop(&d);
}
END_TEST

START_TEST(out_of_memory)
{
    struct data d = make(200, 3, 12, true, 1);
    for (long k = 1; k < 80; k++) {
        struct ens_input in = input_of(&d, &asx_metric_accuracy);
        struct asx_scored s = truth_of(&d);
        struct asx_err err = {0};
        double weight[12], score, low, high;
        s.pred = d.pred[0];
        mem_fault_after(k);
        asx_st st = ens_select(&in, weight, &score, &err);
        ck_assert(st == ASX_OK || st == ASX_E_NOMEM);
        (void)ens_temperature(&s, &asx_metric_log_loss, NULL);
        struct ens_boot *b = ens_boot_create(d.n, 1, NULL);
        if (b) {
            st = ens_boot_interval(b, &s, &asx_metric_accuracy, &low, &high, &err);
            ck_assert(st == ASX_OK || st == ASX_E_NOMEM);
        }
        ens_boot_destroy(b);
        mem_fault_after(0);
    }
    drop(&d);
}
END_TEST

/* Prints times on request; no bound, the machine may be busy. */
START_TEST(times)
{
    static const struct asx_metric *const metric[] = {&asx_metric_log_loss, &asx_metric_roc_auc, &asx_metric_accuracy,
                                                      &asx_metric_average_precision};
    if (!getenv("ASSAY_TEST_VERBOSE"))
        return;
    struct data d = make(30000, 2, 100, false, 1);
    for (int k = 0; k < 4; k++) {
        struct ens_input in = input_of(&d, metric[k]);
        struct asx_err err = {0};
        double weight[100], score, low, high;
        struct timespec a, b, c;
        clock_gettime(CLOCK_MONOTONIC, &a);
        ck_assert_int_eq(ens_select(&in, weight, &score, &err), ASX_OK);
        clock_gettime(CLOCK_MONOTONIC, &b);
        struct ens_boot *boot = ens_boot_create(d.n, 1, NULL);
        struct asx_scored s = truth_of(&d);
        s.pred = d.pred[0];
        ck_assert_int_eq(ens_boot_interval(boot, &s, metric[k], &low, &high, &err), ASX_OK);
        clock_gettime(CLOCK_MONOTONIC, &c);
        ens_boot_destroy(boot);
        printf("%-18s select %.2f s, resamples and interval %.3f s, score %.4f\n", metric[k]->head.name,
               (double)(b.tv_sec - a.tv_sec) + 1e-9 * (double)(b.tv_nsec - a.tv_nsec),
               (double)(c.tv_sec - b.tv_sec) + 1e-9 * (double)(c.tv_nsec - b.tv_nsec), score);
    }
    drop(&d);
}
END_TEST

Suite *suite_ensemble(void);
Suite *suite_ensemble(void)
{
    Suite *s = suite_create("ensemble");
    TCase *c = tcase_create("ensemble");
    tcase_set_timeout(c, 120);
    tcase_add_loop_test(c, greedy_is_as_written, 0, (int)(sizeof cases / sizeof *cases));
    tcase_add_test(c, never_worse_than_the_best);
    tcase_add_test(c, threads_change_nothing);
    tcase_add_test(c, stopping_gives_the_best_so_far);
    tcase_add_test(c, samples_are_fair);
    tcase_add_test(c, sampling_costs_little);
    tcase_add_test(c, temperature_is_found);
    tcase_add_test(c, temperature_stops);
    tcase_add_test(c, temperature_of_many_classes);
    tcase_add_test(c, threshold_pays_or_is_left);
    tcase_add_test(c, interval_of_a_mean);
    tcase_add_test(c, fast_intervals_are_the_metrics);
    tcase_add_test(c, interval_of_an_area);
    tcase_add_test(c, no_score_no_interval);
    tcase_add_test(c, out_of_memory);
    tcase_add_test(c, times);
    suite_add_tcase(s, c);
    return s;
}
