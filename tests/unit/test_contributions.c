/* SPDX-License-Identifier: Apache-2.0 */
/* Contributions of ensembles: members speak of log odds, logits and probabilities; the sum speaks of the prediction. */
#include "base/rng.h"
#include "engine/contributions.h"
#include "tests/runner.h"
#include "tests/support/extent.h"
#include "tests/support/run_make.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

Suite *suite_contributions(void);

#define SET(...) ((const char *const[]){__VA_ARGS__, NULL})

/* The price is additive, and equals a fine sum of small steps in which one score moves at a time, both orders averaged. */
START_TEST(slopes_are_the_prices_of_the_way)
{
    enum asx_link link = (enum asx_link)(_i % 4);
    int k = link == ASX_LINK_LOGIT ? 2 : link == ASX_LINK_SOFTMAX ? 4 : 1;
    struct rng r = rng_stream(8, (uint64_t)_i, 0, 0);
    double base[4], score[4], slope[4], now[4], p0[4], p1[4], price[4] = {0};
    for (int c = 0; c < k; c++) {
        base[c] = rng_normal(&r);
        score[c] = (_i < 24 ? 3 : 100) * rng_normal(&r); /* the last lie as far apart as steep models put them */
    }
    if (link == ASX_LINK_LOGIT)
        base[0] = -base[1], score[0] = -score[1];
    int o = (int)rng_below(&r, (uint64_t)k);
    eng_link_slopes(link, k, o, base, score, slope);
    eng_link_apply(link, k, base, p0);
    eng_link_apply(link, k, score, p1);
    double sum = 0;
    for (int c = 0; c < k; c++)
        sum += slope[c] * (score[c] - base[c]);
    ck_assert_double_eq_tol(sum, p1[o] - p0[o], 1e-9 * (1 + fabs(p1[o])));
    if (link != ASX_LINK_SOFTMAX)
        return;
    enum { STEPS = 20000 };
    memcpy(now, base, sizeof now);
    for (int s = 0; s < STEPS; s++)
        for (int i = 0; i < k; i++) {
            int c = s % 2 ? k - 1 - i : i;
            double a[4], b[4];
            eng_link_apply(link, k, now, a);
            now[c] += (score[c] - base[c]) / STEPS;
            eng_link_apply(link, k, now, b);
            price[c] += b[o] - a[o];
        }
    for (int c = 0; c < k; c++)
        ck_assert_double_eq_tol(slope[c] * (score[c] - base[c]), price[c], 1e-5);
}
END_TEST

/* One row of the CSV: text up to the next comma. */
static char *cell(char **at)
{
    return strsep(at, ",\n");
}

static const struct {
    enum run_target target;
    const char *kind, *learners;
} runs[] = {{RUN_BINARY, "classify", "[gbdt, logistic, forest]"},
            {RUN_MULTICLASS, "classify", "[gbdt, logistic, extra_trees]"},
            {RUN_REGRESSION, "regress", "[gbdt, ridge, forest]"},
            {RUN_BINARY, "classify", "[gbdt, gaussian_nb]"}};

/*
 * Base and contributions add up to the prediction in every row. The base is the same in all rows (of a class), unless a
 * member that cannot explain belongs to it: so contributions hold all that differs between rows.
 */
START_TEST(base_and_contributions_are_the_prediction)
{
    enum { MANY = 40, CLASSES = 8 };
    size_t n = extent(80, 200);
    struct run_make r;
    run_make_open(&r, (int)n, runs[_i].target);
    run_make_run(&r, runs[_i].kind, SET("search.trials", "7", "search.learners", runs[_i].learners));
    size_t k = assay_model_classes(r.model);
    char path[] = "/tmp/assay-contributions-XXXXXX", line[1 << 14];
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
    ck_assert_int_eq(assay_predict_file(r.session, r.model, r.data, path, k > 0, MANY), ASSAY_OK);
    FILE *f = fopen(path, "r");
    ck_assert_ptr_nonnull(fgets(line, sizeof line, f));
    ck_assert_ptr_nonnull(strstr(line, ",base,feature_1,contribution_1,"));
    double first[CLASSES], most = 0;
    int rows = 0;
    for (int c = 0; c < CLASSES; c++)
        first[c] = NAN;
    for (; fgets(line, sizeof line, f); rows++) {
        char *at = line, *name;
        double p[CLASSES] = {0}, last = HUGE_VAL;
        size_t o = 0, outs = k ? k : 1;
        for (size_t c = 0; c < outs; c++) {
            p[c] = atof(cell(&at));
            o = p[c] > p[o] ? c : o;
        }
        o = k == 2 ? 1 : o;
        double base = atof(cell(&at)), sum = base;
        while ((name = cell(&at)) && at) {
            double v = atof(cell(&at));
            if (!*name)
                continue;
            ck_assert_double_le(fabs(v), last + 1e-12);
            last = fabs(v);
            sum += v;
            most = fmax(most, last);
        }
        ck_assert_double_eq_tol(sum, p[o], 1e-5 * (1 + fabs(p[o])));
        if (!(first[o] == first[o]))
            first[o] = base;
        if (_i < 3)
            ck_assert_double_eq_tol(base, first[o], 1e-4 * (1 + fabs(base)));
    }
    ck_assert_uint_eq((size_t)rows, n);
    ck_assert_double_gt(most, 0.01);
    fclose(f);
    unlink(path);
    run_make_close(&r);
}
END_TEST

Suite *suite_contributions(void)
{
    Suite *s = suite_create("contributions");
    TCase *c = tcase_create("contributions");
    tcase_set_timeout(c, 120);
    tcase_add_loop_test(c, slopes_are_the_prices_of_the_way, 0, 32);
    tcase_add_loop_test(c, base_and_contributions_are_the_prediction, 0, 4);
    suite_add_tcase(s, c);
    return s;
}
