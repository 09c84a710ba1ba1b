/* SPDX-License-Identifier: Apache-2.0 */
/* Every registered metric: against scikit-learn's numbers, and the laws every metric keeps. */
#include "base/mem.h"
#include "base/rng.h"
#include "engine/registry.h"
#include "tests/golden/metrics_cases.h"

#include <check.h>
#include <float.h>
#include <stdlib.h>
#include <string.h>

enum { CASES = sizeof(metrics_cases) / sizeof(*metrics_cases), ROWS = 151 };

Suite *suite_metrics(void);

static const struct asx_metric *find(const char *name)
{
    const struct asx_metric *const *m = registry_builtin()->metric;
    while (*m && strcmp((*m)->head.name, name))
        m++;
    ck_assert_msg(*m, "no metric '%s'", name);
    return *m;
}

static struct asx_scored scored_of(const struct metrics_case *c)
{
    return (struct asx_scored){
        .n = c->n, .outputs = c->outputs, .y = c->y, .pred64 = c->pred, .weight = c->weight, .positive = c->positive};
}

static void close_to(double got, double want, double tolerance, const char *metric, const char *name)
{
    ck_assert_msg(fabs(got - want) <= tolerance * fmax(1, fabs(want)), "%s of '%s': %.17g, expected %.17g", metric, name, got,
                  want);
}

START_TEST(golden)
{
    const struct metrics_case *c = &metrics_cases[_i];
    struct asx_scored s = scored_of(c);
    for (int j = 0; j < 12 && c->expect[j].metric; j++)
        close_to(find(c->expect[j].metric)->score(&s), c->expect[j].score, 1e-9, c->expect[j].metric, c->name);
}
END_TEST

/* Every metric has golden cases of each task it serves, with weights and without. */
START_TEST(all_have_cases)
{
    for (const struct asx_metric *const *m = registry_builtin()->metric; *m; m++)
        for (int task = 0; task < ASX_TASKS; task++)
            for (int weighted = 0; weighted < 2 && ((*m)->tasks & ASX_TASK_BIT(task)); weighted++) {
                int found = 0;
                for (size_t i = 0; i < CASES; i++) {
                    const struct metrics_case *c = &metrics_cases[i];
                    int outputs = c->outputs == 1 ? ASX_REGRESSION : c->outputs == 2 ? ASX_BINARY : ASX_MULTICLASS;
                    for (int e = 0; outputs == task && (c->weight != NULL) == weighted && e < 12 && c->expect[e].metric; e++)
                        found += strcmp(c->expect[e].metric, (*m)->head.name) == 0;
                }
                ck_assert_msg(found >= 2, "%s has %d cases of task %d, weighted %d", (*m)->head.name, found, task, weighted);
            }
}
END_TEST

START_TEST(all_present)
{
    static const char *const names[] = {"accuracy",
                                        "average_precision",
                                        "balanced_accuracy",
                                        "brier",
                                        "f1",
                                        "f1_macro",
                                        "log_loss",
                                        "mae",
                                        "mape",
                                        "mcc",
                                        "median_ae",
                                        "r2",
                                        "rmse",
                                        "rmsle",
                                        "roc_auc",
                                        "roc_auc_ovr"};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        const struct asx_metric *m = find(names[i]);
        ck_assert(m->tasks && m->head.summary && m->score);
        ck_assert(m->greater_is_better == (m->best > m->worst));
    }
}
END_TEST

/* Random predictions: probabilities of k classes, or values; scores on a grid so that ties occur. */
struct sample {
    double y[ROWS], pred[ROWS * 4], weight[ROWS];
    int outputs;
};

static void sample_make(struct sample *d, int outputs, uint64_t seed)
{
    struct rng r = rng_stream(seed, 1, 2, 3);
    d->outputs = outputs;
    for (int i = 0; i < ROWS; i++) {
        double sum = 0, *p = d->pred + i * outputs;
        d->y[i] = outputs == 1 ? 3 * rng_unit(&r) : i < outputs ? i : (double)rng_below(&r, (uint64_t)outputs);
        for (int k = 0; k < outputs; k++)
            sum += p[k] = 1 + (double)rng_below(&r, 9) + (outputs > 1 && (int)d->y[i] == k ? 2 : 0);
        for (int k = 0; k < outputs && outputs > 1; k++)
            p[k] /= sum;
        d->weight[i] = 1 + (double)rng_below(&r, 4);
    }
    /* an odd total, for the median */
    double total = 0;
    for (int i = 0; i < ROWS; i++)
        total += d->weight[i];
    d->weight[0] += fmod(total, 2) == 0;
}

static struct asx_scored scored_sample(const struct sample *d)
{
    return (struct asx_scored){.n = ROWS, .outputs = d->outputs, .y = d->y, .pred64 = d->pred, .weight = d->weight, .positive = 1};
}

/* Outputs the metric is tried with: 1, 2 or 4; 0: none. */
static int outputs_of(const struct asx_metric *m, int round)
{
    if (m->tasks & ASX_REGRESS)
        return 1;
    return round % 2 && m->tasks & ASX_TASK_BIT(ASX_MULTICLASS) ? 4 : 2;
}

START_TEST(laws)
{
    struct sample d, q;
    static double y[ROWS * 8], pred[ROWS * 8 * 4];
    for (const struct asx_metric *const *m = registry_builtin()->metric; *m; m++) {
        int k = outputs_of(*m, _i);
        const char *name = (*m)->head.name;
        sample_make(&d, k, (uint64_t)_i);
        struct asx_scored s = scored_sample(&d);
        double score = (*m)->score(&s);
        double low = fmin((*m)->best, (*m)->worst), high = fmax((*m)->best, (*m)->worst);
        ck_assert_msg(score >= low && score <= high, "%s = %g out of bounds", name, score);

        struct rng r = rng_stream(9, (uint64_t)_i, 0, 0);
        uint32_t order[ROWS];
        for (uint32_t i = 0; i < ROWS; i++)
            order[i] = i;
        rng_shuffle_u32(&r, order, ROWS);
        q.outputs = k;
        for (int i = 0; i < ROWS; i++) {
            q.y[i] = d.y[order[i]];
            q.weight[i] = d.weight[order[i]];
            memcpy(q.pred + i * k, d.pred + (int)order[i] * k, (size_t)k * sizeof(double));
        }
        struct asx_scored shuffled = scored_sample(&q);
        close_to((*m)->score(&shuffled), score, 1e-12, name, "permutation");
        struct asx_scored by_row = shuffled; /* the same through row indices */
        by_row.y = d.y;
        by_row.weight = d.weight;
        by_row.row = order;
        close_to((*m)->score(&by_row), (*m)->score(&shuffled), 0, name, "row indices");

        size_t n = 0;
        for (int i = 0; i < ROWS; i++)
            for (int w = 0; w < (int)d.weight[i]; w++, n++) {
                y[n] = d.y[i];
                memcpy(pred + n * (size_t)k, d.pred + i * k, (size_t)k * sizeof(double));
            }
        struct asx_scored repeated = {.n = n, .outputs = k, .y = y, .pred64 = pred, .positive = 1};
        close_to((*m)->score(&repeated), score, 1e-12, name, "weights as repetition");
    }
}
END_TEST

START_TEST(perfect)
{
    struct sample d;
    for (const struct asx_metric *const *m = registry_builtin()->metric; *m; m++) {
        int k = outputs_of(*m, _i);
        sample_make(&d, k, 77);
        for (int i = 0; i < ROWS; i++)
            for (int c = 0; c < k; c++)
                d.pred[i * k + c] = k == 1 ? d.y[i] : (int)d.y[i] == c;
        struct asx_scored s = scored_sample(&d);
        close_to((*m)->score(&s), (*m)->best, 1e-14, (*m)->head.name, "perfect predictions");
    }
}
END_TEST

START_TEST(floats)
{
    struct sample d;
    float p32[ROWS * 4];
    for (const struct asx_metric *const *m = registry_builtin()->metric; *m; m++) {
        int k = outputs_of(*m, _i);
        sample_make(&d, k, 5);
        for (int i = 0; i < ROWS * k; i++)
            d.pred[i] = (double)(p32[i] = (float)d.pred[i]);
        struct asx_scored s = scored_sample(&d);
        double wide = (*m)->score(&s);
        s.pred64 = NULL;
        s.pred = p32;
        ck_assert_msg((*m)->score(&s) == wide, "%s differs between float and double", (*m)->head.name);
        for (int c = 0; c < k; c++)
            p32[7 * k + c] = NAN;
        ck_assert_msg(isnan((*m)->score(&s)), "%s hides a NaN", (*m)->head.name);
    }
}
END_TEST

/* Pairs, counted one by one. */
START_TEST(auc_by_pairs)
{
    struct sample d;
    sample_make(&d, 2, (uint64_t)_i + 100);
    if (_i % 2) /* negative scores and both zeros order and tie as numbers do */
        for (int i = 0; i < ROWS; i++)
            d.pred[2 * i + 1] = i % 3 ? (i % 2 ? 0.0 : -0.0) : d.pred[2 * i + 1] - 0.5;
    double won = 0, pairs = 0;
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < ROWS; j++)
            if (d.y[i] == 1 && d.y[j] == 0) {
                double a = d.pred[2 * i + 1], b = d.pred[2 * j + 1], w = d.weight[i] * d.weight[j];
                won += w * (a > b ? 1 : a == b ? 0.5 : 0);
                pairs += w;
            }
    struct asx_scored s = scored_sample(&d);
    close_to(find("roc_auc")->score(&s), won / pairs, 1e-13, "roc_auc", "pairs");
}
END_TEST

START_TEST(threshold)
{
    const double y[] = {0, 0, 1, 1}, p[] = {.9, .1, .6, .4, .7, .3, .2, .8};
    struct asx_scored s = {.n = 4, .outputs = 2, .y = y, .pred64 = p, .positive = 1};
    ck_assert_double_eq(find("accuracy")->score(&s), 0.75);
    s.threshold = 0.3; /* reached counts as positive */
    ck_assert_double_eq(find("accuracy")->score(&s), 0.75);
    ck_assert_double_eq(find("f1")->score(&s), 0.8);
    s.threshold = 0.35;
    ck_assert_double_eq(find("accuracy")->score(&s), 0.5);
    s.positive = 0;
    s.threshold = 0.65;
    ck_assert_double_eq(find("accuracy")->score(&s), 0.5);
}
END_TEST

START_TEST(unknown_class)
{
    const double y[] = {0, 1, NAN}, p[] = {.8, .2, .3, .7, .6, .4};
    struct asx_scored s = {.n = 3, .outputs = 2, .y = y, .pred64 = p, .positive = 1};
    close_to(find("accuracy")->score(&s), 2.0 / 3, 1e-15, "accuracy", "unknown class");
    close_to(find("balanced_accuracy")->score(&s), 2.0 / 3, 1e-15, "balanced_accuracy", "unknown class");
    close_to(find("log_loss")->score(&s), -(log(.8) + log(.7) + log(DBL_EPSILON)) / 3, 1e-14, "log_loss", "unknown class");
    close_to(find("roc_auc")->score(&s), 1, 0, "roc_auc", "unknown class");
}
END_TEST

START_TEST(no_value)
{
    const double one[] = {1, 1, 1}, p[] = {.2, .8, .5, .5, .3, .7}, zero[] = {0, 0, 0};
    struct asx_scored s = {.n = 3, .outputs = 2, .y = one, .pred64 = p, .positive = 1};
    ck_assert(isnan(find("roc_auc")->score(&s)));
    ck_assert_double_eq(find("average_precision")->score(&s), 1);
    for (const struct asx_metric *const *m = registry_builtin()->metric; *m; m++) {
        struct asx_scored w = s, empty = s;
        empty.n = 0;
        w.weight = zero;
        w.outputs = empty.outputs = outputs_of(*m, 0);
        (*m)->score(&w); /* no crash; a value or NaN */
        double v = (*m)->score(&empty);
        ck_assert_msg(isnan(v) || v == 0, "%s of no rows is %g", (*m)->head.name, v);
    }
}
END_TEST

START_TEST(no_memory)
{
    struct sample d;
    for (const struct asx_metric *const *m = registry_builtin()->metric; *m; m++) {
        sample_make(&d, outputs_of(*m, 1), 3);
        struct asx_scored s = scored_sample(&d);
        long before = mem_allocations();
        double score = (*m)->score(&s);
        long n = mem_allocations() - before;
        for (long i = 1; i <= n; i++) {
            mem_fault_after(i);
            double v = (*m)->score(&s);
            mem_fault_after(0);
            ck_assert_msg(isnan(v) || v == score || n > 1, "%s without memory is %g", (*m)->head.name, v);
        }
    }
}
END_TEST

/* Large enough for every radix pass; ranks of distinct scores are exact. */
START_TEST(many_rows)
{
    size_t n = 200000;
    float *p = malloc(2 * n * sizeof(*p));
    double *y = malloc(n * sizeof(*y));
    ck_assert(p && y);
    struct rng r = rng_stream(4, 0, 0, 0);
    for (size_t i = 0; i < n; i++) {
        y[i] = (double)rng_below(&r, 2);
        p[2 * i + 1] = (float)(rng_unit(&r) * 1e-3 + (y[i] > 0 ? 0.5 : 0.25));
        p[2 * i] = 1 - p[2 * i + 1];
    }
    struct asx_scored s = {.n = n, .outputs = 2, .y = y, .pred = p, .positive = 1};
    ck_assert_double_eq(find("roc_auc")->score(&s), 1);
    ck_assert_double_eq(find("average_precision")->score(&s), 1);
    s.positive = 0;
    ck_assert_double_eq(find("roc_auc")->score(&s), 1);

    /* ties, weights, both signs: floats and doubles are ranked by different code and must agree */
    double *wide = malloc(2 * n * sizeof(*wide)), *w = malloc(n * sizeof(*w));
    ck_assert(wide && w);
    for (size_t i = 0; i < n; i++) {
        w[i] = (double)rng_below(&r, 3);
        p[2 * i] = p[2 * i + 1] = (float)rng_below(&r, 3000) / 7 - 100 + (float)y[i];
        wide[2 * i] = wide[2 * i + 1] = (double)p[2 * i];
    }
    s.weight = w;
    double narrow = find("roc_auc")->score(&s), precision = find("average_precision")->score(&s);
    ck_assert(narrow > 0.01 && narrow < 0.99);
    s.pred = NULL;
    s.pred64 = wide;
    ck_assert_double_eq(find("roc_auc")->score(&s), narrow);
    ck_assert_double_eq(find("average_precision")->score(&s), precision);
    free(wide);
    free(w);
    free(p);
    free(y);
}
END_TEST

Suite *suite_metrics(void)
{
    Suite *s = suite_create("metrics");
    TCase *t = tcase_create("metrics");
    tcase_add_loop_test(t, golden, 0, CASES);
    tcase_add_test(t, all_present);
    tcase_add_test(t, all_have_cases);
    tcase_add_loop_test(t, laws, 0, 6);
    tcase_add_loop_test(t, perfect, 0, 2);
    tcase_add_loop_test(t, floats, 0, 2);
    tcase_add_loop_test(t, auc_by_pairs, 0, 6);
    tcase_add_test(t, threshold);
    tcase_add_test(t, unknown_class);
    tcase_add_test(t, no_value);
    tcase_add_test(t, no_memory);
    tcase_add_test(t, many_rows);
    suite_add_tcase(s, t);
    return s;
}
