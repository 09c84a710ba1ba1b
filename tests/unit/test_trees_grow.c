/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Growing on tables large enough that leaves are cut into pieces of rows and split ahead of their turn: the same bits
 * for any number of threads, way, layout and memory limit; and what the ways of lower precision cost.
 */
#include "base/mem.h"
#include "base/rng.h"
#include "learners/trees/bins.h"
#include "tests/runner.h"
#include "tests/support/frame_make.h"
#include "tests/support/trees_make.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 60000, COLS = 20, LEVELS = 700 };

struct table {
    float *x[COLS];
    int32_t *code; /* column 5 */
    struct asx_colref col[COLS];
    struct asx_block raw;
    double *y;
    struct frame_make *frame;
    struct asx_problem *problem;
    int64_t *indptr;
    int32_t *indices;
    float *values;
};

/* Normal, rounded and missing cells, one category of many levels. */
static void table_make(struct table *t, enum asx_task task, bool sparse)
{
    struct rng r = rng_stream(77, task, sparse, 0);
    *t = (struct table){.y = malloc(ROWS * sizeof *t->y), .code = malloc(ROWS * sizeof *t->code)};
    for (int j = 0; j < COLS; j++) {
        t->x[j] = malloc(ROWS * sizeof *t->x[j]);
        for (int i = 0; i < ROWS; i++) {
            float v = (float)rng_normal(&r);
            bool gone = j == 3 && rng_unit(&r) < 0.2;
            t->x[j][i] = gone ? (sparse ? 0 : NAN) : j % 4 == 1 ? floorf(2 * v) : v;
            if (sparse && rng_unit(&r) < 0.7)
                t->x[j][i] = 0;
        }
        t->col[j] = (struct asx_colref){t->x[j], ASX_F32, 0};
    }
    for (int i = 0; i < ROWS; i++) {
        double u = rng_unit(&r);
        t->code[i] = (int32_t)(u * u * LEVELS);
        double v = t->x[0][i] * t->x[1][i] + sin(3 * (double)t->x[2][i]) + t->x[7][i] + (sparse ? 0 : 0.5 * (t->code[i] % 7)) +
                   (t->x[3][i] != t->x[3][i]) + 0.5 * rng_normal(&r);
        t->y[i] = task == ASX_REGRESSION ? v : task == ASX_BINARY ? v > 1 : v < 0 ? 0 : v < 2 ? 1 : 2;
    }
    if (!sparse)
        t->col[5] = (struct asx_colref){t->code, ASX_I32, LEVELS};
    t->raw = (struct asx_block){.layout = ASX_LAYOUT_COLUMNS, .rows = ROWS, .cols = COLS, .col = t->col};
    if (sparse) {
        int64_t n = 0;
        t->indptr = malloc((ROWS + 1) * sizeof *t->indptr);
        t->indices = malloc(ROWS * COLS * sizeof *t->indices);
        t->values = malloc(ROWS * COLS * sizeof *t->values);
        for (int i = 0; i < ROWS; i++) {
            t->indptr[i] = n;
            for (int j = 0; j < COLS; j++)
                if (t->x[j][i] != 0) {
                    t->indices[n] = j;
                    t->values[n++] = t->x[j][i];
                }
        }
        t->indptr[ROWS] = n;
        t->raw = (struct asx_block){
            .layout = ASX_LAYOUT_CSR, .rows = ROWS, .cols = COLS, .csr = {ROWS, COLS, t->indptr, t->indices, t->values}};
    }
    t->frame = frame_make_new(ROWS);
    t->problem = frame_make_problem(t->frame, task, t->y, task == ASX_REGRESSION ? 0 : task == ASX_BINARY ? 2 : 3, 3);
}

static void table_clear(struct table *t)
{
    for (int j = 0; j < COLS; j++)
        free(t->x[j]);
    free(t->code);
    free(t->y);
    free(t->indptr);
    free(t->indices);
    free(t->values);
    frame_make_free(t->frame);
}

struct how {
    const char *op;
    int threads, rounds, leaves;
    bool sampled, depth_wise, no_planes, few_bins;
    uint64_t memory; /* bytes beyond the bins; 0: no limit */
};

/* `peak`: bytes of the fit beyond the bins. */
static float *fit_peak(const struct table *t, const struct how *how, uint64_t *peak)
{
    struct trees_make m;
    trees_make_block(&m, t->problem, "gbdt", &t->raw, how->threads);
    config_make_set(&m.config, "num_leaves", how->leaves);
    if (how->sampled) {
        config_make_set(&m.config, "bagging_fraction", 0.7);
        config_make_set(&m.config, "feature_fraction", 0.8);
        config_make_set(&m.config, "feature_fraction_bynode", 0.7);
    }
    if (how->depth_wise)
        config_make_choose(&m.config, "grow_policy", "depth");
    if (how->few_bins)
        config_make_choose(&m.config, "max_bin", "63");
    struct bins *b = (struct bins *)(uintptr_t)m.bin_list[0]->opaque;
    for (size_t j = 0; how->no_planes && j < b->cols; j++) {
        ck_assert(b->feature[j].group != BINS_SPARSE || b->feature[j].plane);
        mem_free(b->feature[j].plane);
        b->feature[j].plane = NULL;
    }
    struct asx_member member = trees_make_member(&m, 0, how->rounds);
    if (how->memory)
        mem_set_limit(m.e.mem, mem_used(m.e.mem) + how->memory);
    uint64_t before = mem_used(m.e.mem);
    ck_assert_int_eq(trees_make_fit(&m, how->op, &member), ASX_OK);
    *peak = mem_peak(m.e.mem) - before;
    mem_set_limit(m.e.mem, 0);
    size_t n = t->problem->splits->fold[0].n_test * (size_t)t->problem->outputs;
    float *pred = malloc(n * sizeof *pred);
    memcpy(pred, member.pred, n * sizeof *pred);
    trees_make_end(&m, &member, NULL);
    trees_make_clear(&m);
    return pred;
}

static float *fit(const struct table *t, const struct how *how)
{
    uint64_t peak;
    return fit_peak(t, how, &peak);
}

/* Law: bits do not depend on threads. Dense and sparse, plain and sampled, leaf and depth. */
START_TEST(threads_give_the_same_bits)
{
    static const char *const op[] = {"gbdt.fit/hist_fixed", "gbdt.fit/hist_lowbit", "gbdt.fit/hist_f64"};
    struct table t;
    table_make(&t, _i % 2 ? ASX_BINARY : ASX_REGRESSION, _i >= 6);
    struct how how = {.op = op[_i % 3], .threads = 1, .rounds = 2, .leaves = 80, .sampled = _i / 2 % 2, .depth_wise = _i % 4 == 3};
    size_t bytes = t.problem->splits->fold[0].n_test * (size_t)t.problem->outputs * sizeof(float);
    float *one = fit(&t, &how);
    for (int threads = 2; threads <= 5; threads += 3) {
        how.threads = threads;
        float *more = fit(&t, &how);
        ck_assert_mem_eq(one, more, bytes);
        free(more);
    }
    free(one);
    table_clear(&t);
}
END_TEST

/* Law: gradients of all classes at once, or class by class where memory is short: the same bits, in every way. */
START_TEST(classes_at_once_change_nothing)
{
    static const char *const op[] = {"gbdt.fit/hist_fixed", "gbdt.fit/hist_lowbit"};
    struct table t;
    table_make(&t, ASX_MULTICLASS, false);
    struct how how = {.op = op[_i % 2], .threads = 1 + _i / 2 % 2, .rounds = 3, .leaves = 31, .sampled = _i >= 4};
    const struct asx_fold *fold = &t.problem->splits->fold[0];
    size_t all = 3 * fold->n_train * 8, bytes = fold->n_test * 3 * sizeof(float);
    uint64_t free_peak, short_peak;
    float *a = fit_peak(&t, &how, &free_peak);
    how.memory = 3 * all + 3 * ROWS * sizeof(double); /* the state's scores, and less than four times all gradients */
    float *b = fit_peak(&t, &how, &short_peak);
    ck_assert_uint_gt(free_peak, short_peak + all / 2); /* that is, they were not held at once */
    ck_assert_mem_eq(a, b, bytes);
    free(a);
    free(b);
    table_clear(&t);
}
END_TEST

/* Large sparse blocks go without planes: columns are spread out for large leaves and searched for small ones. */
START_TEST(planes_change_nothing)
{
    static const char *const op[] = {"gbdt.fit/hist_fixed", "gbdt.fit/hist_lowbit", "gbdt.fit/hist_f64", "gbdt.fit/hist_fixed"};
    struct table t;
    table_make(&t, _i % 2 ? ASX_BINARY : ASX_REGRESSION, true);
    struct how how = {.op = op[_i], .threads = 1, .rounds = 3, .leaves = 120, .sampled = _i == 1, .few_bins = _i == 3};
    size_t bytes = t.problem->splits->fold[0].n_test * (size_t)t.problem->outputs * sizeof(float);
    float *with = fit(&t, &how);
    how.no_planes = true;
    for (int threads = 1; threads <= 3; threads += 2) {
        how.threads = threads;
        float *without = fit(&t, &how);
        ck_assert_mem_eq(with, without, bytes);
        free(without);
    }
    free(with);
    table_clear(&t);
}
END_TEST

/* With room for few histograms, rounds are cut short and histograms built again: the same trees. */
START_TEST(little_memory_gives_the_same_bits)
{
    struct table t;
    table_make(&t, ASX_BINARY, false);
    struct how how = {.op = "gbdt.fit/hist_fixed", .threads = 3, .rounds = 2, .leaves = 100};
    size_t bytes = t.problem->splits->fold[0].n_test * 2 * sizeof(float);
    float *all = fit(&t, &how);
    how.memory = 3000000; /* rows, gradients and scores take 1.9 MB of it */
    float *few = fit(&t, &how);
    ck_assert_mem_eq(all, few, bytes);
    free(few);
    free(all);
    table_clear(&t);
}
END_TEST

/* ---- precision ----------------------------------------------------------------------- */

static double loss_of(const struct table *t, const float *pred)
{
    const struct asx_fold *f = &t->problem->splits->fold[0];
    int k = t->problem->outputs;
    double s = 0;
    for (size_t i = 0; i < f->n_test; i++) {
        double y = t->y[f->test[i]];
        s += k == 1 ? (pred[i] - y) * (pred[i] - y) : -log(fmax(1e-9, (double)pred[i * (size_t)k + (size_t)y]));
    }
    return s / (double)f->n_test;
}

/* Share of predictions of one round that keep the tolerance. */
static double share_close(const struct table *t)
{
    struct how how = {.op = "gbdt.fit/hist_fixed", .threads = 2, .rounds = 1, .leaves = 31};
    float *a = fit(t, &how);
    how.op = "gbdt.fit/hist_f64";
    float *b = fit(t, &how);
    size_t n = t->problem->splits->fold[0].n_test * (size_t)t->problem->outputs, close = 0;
    for (size_t i = 0; i < n; i++)
        close += fabs((double)a[i] - (double)b[i]) <= 1e-5 * (1 + fabs((double)b[i]));
    free(a);
    free(b);
    return (double)close / (double)n;
}

/*
 * The stated tolerance of hist_fixed, 1e-5 of 1 + |prediction|, holds while both ways choose the same splits. Gradients
 * are f32 and sums off by some 1e-8, so gains agree to about 1e-7, and gains within a millionth count as ties; what is
 * left are gains that differ by a millionth give or take 1e-7: one of the three fits here meets such a pair. From there
 * on the trees differ, and are as good: the held-out losses agree to 0.2 %.
 */
START_TEST(fixed_keeps_its_tolerance)
{
    static const enum asx_task task[] = {ASX_REGRESSION, ASX_BINARY, ASX_MULTICLASS};
    struct table t;
    table_make(&t, task[_i], false);
    struct how how = {.op = "gbdt.fit/hist_fixed", .threads = 2, .rounds = 8, .leaves = 31};
    float *a = fit(&t, &how);
    how.op = "gbdt.fit/hist_f64";
    float *b = fit(&t, &how);
    size_t n = t.problem->splits->fold[0].n_test * (size_t)t.problem->outputs, far = 0;
    for (size_t i = 0; i < n; i++)
        far += fabs((double)a[i] - (double)b[i]) > 1e-5 * (1 + fabs((double)b[i]));
    if (_i < 2) {
        ck_assert_uint_eq(far, 0);
    } else { /* the fit that meets such a pair, in its first round: most rows of that round, and all on the average, agree */
        double mean = 0;
        for (size_t i = 0; i < n; i++)
            mean += fabs((double)a[i] - (double)b[i]) / (double)n;
        ck_assert_double_lt(mean, 0.01);
        ck_assert_double_gt(share_close(&t), 0.5);
    }
    double exact = loss_of(&t, b);
    ck_assert_double_eq_tol(loss_of(&t, a), exact, (far ? 2e-3 : 1e-5) * exact);
    free(a);
    free(b);
    table_clear(&t);
}
END_TEST

/* Eight bits choose other splits now and then, but not worse ones: held-out loss within 1 % of the default's. */
START_TEST(lowbit_loses_little)
{
    static const enum asx_task task[] = {ASX_REGRESSION, ASX_BINARY, ASX_MULTICLASS};
    struct table t;
    table_make(&t, task[_i], false);
    struct how how = {.op = "gbdt.fit/hist_fixed", .threads = 2, .rounds = 15, .leaves = 31};
    float *a = fit(&t, &how);
    how.op = "gbdt.fit/hist_lowbit";
    float *b = fit(&t, &how);
    double fixed = loss_of(&t, a), few = loss_of(&t, b);
    ck_assert_msg(few < 1.01 * fixed, "loss %g against %g", few, fixed);
    ck_assert(memcmp(a, b, t.problem->splits->fold[0].n_test * sizeof *a) != 0);
    free(a);
    free(b);
    table_clear(&t);
}
END_TEST

/* ---- bins of u16 codes -------------------------------------------------------------------- */

enum { FEW = 3000 };

/* Least sum of squares of two means over every threshold of every column, missing cells on either side. */
static double best_cut(const float *x, const double *y, size_t cols)
{
    double best = INFINITY;
    for (size_t j = 0; j < cols; j++)
        for (int at = 0; at < FEW; at++)
            for (int side = 0; side < 2; side++) {
                double n[2] = {0}, s[2] = {0}, q = 0;
                for (int i = 0; i < FEW; i++) {
                    float v = x[(size_t)i * cols + j], cut = x[(size_t)at * cols + j];
                    int left = v != v ? side : v <= cut;
                    n[left]++;
                    s[left] += y[i];
                    q += y[i] * y[i];
                }
                if (n[0] > 0 && n[1] > 0)
                    best = fmin(best, q - s[0] * s[0] / n[0] - s[1] * s[1] / n[1]);
            }
    return best;
}

/* One split on columns of thousands of values: the best of all thresholds, for any number of threads. */
START_TEST(wide_numbers_split_as_brute_force)
{
    struct rng r = rng_stream(13, 0, 0, 0);
    static float x[FEW * 2];
    static double y[FEW], out[FEW];
    for (int i = 0; i < FEW; i++) {
        x[2 * i] = (float)rng_normal(&r);
        x[2 * i + 1] = rng_unit(&r) < 0.1 ? NAN : (float)rng_unit(&r);
        y[i] = (x[2 * i] > 1.234f ? 3 : 0) + (_i == 1 ? (x[2 * i + 1] < 0.777f ? 5 : 0) : 0) + rng_normal(&r);
    }
    struct frame_make *f = frame_make_new(FEW);
    struct asx_problem *p = frame_make_problem(f, ASX_REGRESSION, y, 0, 2);
    struct trees_make t;
    trees_make_init(&t, p, "gbdt", x, FEW, 2, 1 + _i);
    trees_make_bins16(&t);
    config_make_choose(&t.config, "max_bin", "65535");
    config_make_set(&t.config, "num_leaves", 2);
    config_make_set(&t.config, "min_data_in_leaf", 1);
    config_make_set(&t.config, "learning_rate", 1);
    config_make_set(&t.config, "l2", 0);
    struct asx_member m = trees_make_member(&t, p->splits->folds, 1);
    ck_assert_int_eq(trees_make_fit(&t, "gbdt.fit/hist_wide", &m), ASX_OK);
    struct asx_model *model = trees_make_model(&t, &m, 0, out);
    double s = 0, best = best_cut(x, y, 2);
    for (int i = 0; i < FEW; i++)
        s += (y[i] - out[i]) * (y[i] - out[i]);
    ck_assert_double_eq_tol(s, best, 1e-6 * best);
    trees_make_end(&t, &m, model);
    trees_make_clear(&t);
    frame_make_free(f);
}
END_TEST

/* A spike narrower than one of 255 bins is found with more; at every width models say of raw rows what training said. */
START_TEST(wide_numbers_find_a_spike)
{
    static const char *const width[] = {"1023", "4095", "65535"};
    enum { SPIKE_ROWS = 40000 };
    struct rng r = rng_stream(14, 0, 0, 0);
    float *x = malloc(SPIKE_ROWS * 2 * sizeof *x);
    double *y = malloc(SPIKE_ROWS * sizeof *y), *out = malloc(SPIKE_ROWS * sizeof *out), s[2] = {0};
    for (int i = 0; i < SPIKE_ROWS; i++) {
        x[2 * i] = rng_unit(&r) < 0.05 ? NAN : (float)rng_unit(&r);
        x[2 * i + 1] = (float)rng_below(&r, 5);
        y[i] = x[2 * i] > 0.5f && x[2 * i] < 0.502f ? 20 : 0;
    }
    struct frame_make *f = frame_make_new(SPIKE_ROWS);
    struct asx_problem *p = frame_make_problem(f, ASX_REGRESSION, y, 0, 2);
    const struct asx_fold *fold = &p->splits->fold[0];
    for (int k = 0; k < 2; k++) {
        struct trees_make t;
        trees_make_init(&t, p, "gbdt", x, SPIKE_ROWS, 2, 1 + _i);
        if (k) {
            trees_make_bins16(&t);
            config_make_choose(&t.config, "max_bin", width[_i]);
        }
        config_make_set(&t.config, "learning_rate", 0.3);
        struct asx_member m = trees_make_member(&t, 0, 10);
        ck_assert_int_eq(trees_make_fit(&t, k ? "gbdt.fit/hist_wide" : "gbdt.fit/hist_fixed", &m), ASX_OK);
        struct asx_model *model = trees_make_model(&t, &m, 0, out);
        for (size_t i = 0; i < fold->n_test; i++) {
            ck_assert_double_eq_tol(out[fold->test[i]], (double)m.pred[i], 2e-6 * (1 + fabs(out[fold->test[i]])));
            s[k] += (y[fold->test[i]] - out[fold->test[i]]) * (y[fold->test[i]] - out[fold->test[i]]);
        }
        trees_make_end(&t, &m, model);
        trees_make_clear(&t);
    }
    ck_assert_msg(s[1] < 0.6 * s[0], "%s: %g against %g", width[_i], s[1], s[0]);
    free(x);
    free(y);
    free(out);
    frame_make_free(f);
}
END_TEST

Suite *suite_trees_grow(void);
Suite *suite_trees_grow(void)
{
    Suite *s = suite_create("trees_grow");
    TCase *c = tcase_create("grow");
    tcase_set_timeout(c, 120);
    tcase_add_loop_test(c, threads_give_the_same_bits, 0, 12);
    tcase_add_loop_test(c, classes_at_once_change_nothing, 0, 8);
    tcase_add_loop_test(c, planes_change_nothing, 0, 4);
    tcase_add_test(c, little_memory_gives_the_same_bits);
    tcase_add_loop_test(c, fixed_keeps_its_tolerance, 0, 3);
    tcase_add_loop_test(c, lowbit_loses_little, 0, 3);
    tcase_add_loop_test(c, wide_numbers_split_as_brute_force, 0, 2);
    tcase_add_loop_test(c, wide_numbers_find_a_spike, 0, 3);
    suite_add_tcase(s, c);
    return s;
}
