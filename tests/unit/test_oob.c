/* SPDX-License-Identifier: Apache-2.0 */
/* Out-of-bag predictions come from trees that did not see the row, and their score reaches the board. */
#include "base/rng.h"
#include "tests/runner.h"
#include "tests/support/frame_make.h"
#include "tests/support/run_make.h"
#include "tests/support/trees_make.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

Suite *suite_oob(void);

enum { N = 900, D = 6 };

struct set {
    float x[N * D];
    double y[N];
};

static double correlation(const float *p, const double *y, const uint32_t *row, size_t n)
{
    double mp = 0, my = 0, pp = 0, yy = 0, py = 0;
    for (size_t i = 0; i < n; i++) {
        mp += (double)p[i] / (double)n;
        my += y[row[i]] / (double)n;
    }
    for (size_t i = 0; i < n; i++) {
        double a = (double)p[i] - mp, b = y[row[i]] - my;
        pp += a * a;
        yy += b * b;
        py += a * b;
    }
    return py / sqrt(pp * yy);
}

/* A target of pure noise: trees know the rows they saw by heart and nothing of others. One of signal: both agree. */
START_TEST(rows_are_judged_by_trees_that_did_not_see_them)
{
    struct set *s = malloc(sizeof *s);
    struct rng r = rng_stream(4, 4, 4, 4);
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < D; j++)
            s->x[i * D + j] = (float)rng_normal(&r);
        s->y[i] = _i ? 3 * (double)s->x[i * D] + 0.3 * rng_normal(&r) : rng_normal(&r);
    }
    struct frame_make *f = frame_make_new(N);
    struct asx_problem *p = frame_make_problem(f, ASX_REGRESSION, s->y, 0, 3);
    struct trees_make t;
    trees_make_init(&t, p, "forest", s->x, N, D, 2);
    struct asx_member m = trees_make_member(&t, 0, 60);
    ck_assert_int_eq(trees_make_fit(&t, "forest.fit/hist", &m), ASX_OK);
    const struct asx_fold *fold = &p->splits->fold[0];
    float *oob = malloc(fold->n_train * sizeof *oob), *seen = malloc(fold->n_train * sizeof *seen);
    double *all = malloc(N * sizeof *all);
    struct asx_err err = {0};
    ck_assert_int_eq(t.learner->out_of_bag(&t.e.exec, &m, 0, oob, &err), ASX_OK);
    struct asx_model *model = trees_make_model(&t, &m, 0, all);
    for (size_t i = 0; i < fold->n_train; i++) {
        ck_assert(oob[i] == oob[i]); /* 0.63^60: every row is left out by some tree */
        seen[i] = (float)all[fold->train[i]];
    }
    double known = correlation(seen, s->y, fold->train, fold->n_train), honest = correlation(oob, s->y, fold->train, fold->n_train);
    ck_assert_double_gt(known, 0.9);
    if (_i)
        ck_assert_double_gt(honest, 0.9);
    else
        ck_assert_double_lt(fabs(honest), 0.15);
    /* without bootstrap every tree saw every row */
    trees_make_end(&t, &m, model);
    config_make_set(&t.config, "bootstrap", 0);
    m = trees_make_member(&t, 0, 3);
    ck_assert_int_eq(trees_make_fit(&t, "forest.fit/hist", &m), ASX_OK);
    ck_assert_int_eq(t.learner->out_of_bag(&t.e.exec, &m, 0, oob, &err), ASX_OK);
    for (size_t i = 0; i < fold->n_train; i++)
        ck_assert(oob[i] != oob[i]);
    trees_make_end(&t, &m, NULL);
    trees_make_clear(&t);
    frame_make_free(f);
    free(oob);
    free(seen);
    free(all);
    free(s);
}
END_TEST

/*
 * By hand: a tree alone is the difference of the sums of two forests, its sample is drawn from its seed, and the mean over
 * trees that did not draw a row is the row's prediction.
 */
START_TEST(they_are_means_over_trees_that_left_the_row_out)
{
    enum { TREES = 9 };
    struct set *s = malloc(sizeof *s);
    struct rng r = rng_stream(4, 4, 4, 5);
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < D; j++)
            s->x[i * D + j] = (float)rng_normal(&r);
        s->y[i] = (double)s->x[i * D] + rng_normal(&r);
    }
    struct frame_make *f = frame_make_new(N);
    struct asx_problem *p = frame_make_problem(f, ASX_REGRESSION, s->y, 0, 3);
    struct trees_make t;
    trees_make_init(&t, p, "forest", s->x, N, D, 1);
    struct asx_member m = trees_make_member(&t, 1, TREES);
    ck_assert_int_eq(trees_make_fit(&t, "forest.fit/hist", &m), ASX_OK);
    const struct asx_fold *fold = &p->splits->fold[1];
    double *sum = calloc(N, sizeof *sum), *was = calloc(N, sizeof *was), *out = malloc(N * sizeof *out);
    int *trees = calloc(N, sizeof *trees), none = 0;
    float *oob = malloc(fold->n_train * sizeof *oob);
    struct asx_err err = {0};
    for (int k = 0; k < TREES; k++) {
        struct asx_model *model = trees_make_model(&t, &m, k + 1, out);
        t.learner->free_model(model);
        struct rng seeds = rng_stream(m.seed, 0x666f7265, (uint64_t)k, 0);
        struct rng draws = rng_stream(rng_at(&seeds, 0), 0x666f72, 0, 0);
        bool drawn[N] = {false};
        for (size_t i = 0; i < fold->n_train; i++)
            drawn[rng_below(&draws, fold->n_train)] = true;
        for (size_t i = 0; i < fold->n_train; i++) {
            double all = out[fold->train[i]] * (k + 1), own = all - was[i];
            was[i] = all;
            sum[i] += drawn[i] ? 0 : own;
            trees[i] += !drawn[i];
        }
    }
    ck_assert_int_eq(t.learner->out_of_bag(&t.e.exec, &m, 0, oob, &err), ASX_OK);
    for (size_t i = 0; i < fold->n_train; i++) {
        none += trees[i] == 0;
        if (trees[i] == 0)
            ck_assert(oob[i] != oob[i]);
        else
            ck_assert_double_eq_tol((double)oob[i], sum[i] / trees[i], 1e-5);
    }
    ck_assert_int_lt(none, 40); /* 600 rows times 0.632^9: 10 are expected in every sample */
    free(sum);
    free(was);
    free(out);
    free(trees);
    free(oob);
    trees_make_end(&t, &m, NULL);
    trees_make_clear(&t);
    frame_make_free(f);
    free(s);
}
END_TEST

START_TEST(boards_show_them)
{
    struct run_make r;
    run_make_open(&r, 300, RUN_BINARY);
    run_make_run(&r, "classify", (const char *const[]){"search.trials", "4", "search.learners", "[forest, gbdt]", NULL});
    size_t i;
    json_t *row;
    int forests = 0;
    json_array_foreach(json_object_get(r.board, "leaderboard"), i, row)
    {
        bool forest = strcmp(json_string_value(json_object_get(row, "learner")), "forest") == 0;
        json_t *oob = json_object_get(row, "oob");
        ck_assert(forest || !oob);
        if (!oob)
            continue;
        forests++;
        double validation = json_number_value(json_object_get(row, "validation"));
        ck_assert_double_gt(json_number_value(oob), 0.5); /* better than chance; its value is checked above */
        ck_assert_double_ne(json_number_value(oob), validation);
    }
    ck_assert_int_gt(forests, 0);
    run_make_close(&r);
}
END_TEST

Suite *suite_oob(void)
{
    Suite *s = suite_create("oob");
    TCase *c = tcase_create("oob");
    tcase_set_timeout(c, 120);
    tcase_add_loop_test(c, rows_are_judged_by_trees_that_did_not_see_them, 0, 2);
    tcase_add_test(c, they_are_means_over_trees_that_left_the_row_out);
    tcase_add_test(c, boards_show_them);
    suite_add_tcase(s, c);
    return s;
}
