/* SPDX-License-Identifier: Apache-2.0 */
/* Units of targets and weights do not matter, outliers carry nothing away, and no column is lost to its many levels. */
#include "base/rng.h"
#include "tests/runner.h"
#include "tests/support/frame_make.h"
#include "tests/support/trees_make.h"

#include <math.h>
#include <string.h>

Suite *suite_trees_extremes(void);

enum { ROWS = 3000, COLS = 6, ROUNDS = 20, BOOSTED = 4, WAYS = 7 };

static const struct way {
    const char *learner, *op;
    bool bins16;
} way[WAYS] = {{"gbdt", "gbdt.fit/hist_fixed", false},  {"gbdt", "gbdt.fit/hist_f64", false},
               {"gbdt", "gbdt.fit/hist_lowbit", false}, {"gbdt", "gbdt.fit/hist_wide", true},
               {"forest", "forest.fit/hist", false},    {"extra_trees", "extra_trees.fit/hist", false},
               {"tree", "tree.fit/hist", false}};

static float x[ROWS * COLS];
static double y[ROWS], weight[ROWS];

static void fill(double target_unit, double weight_unit)
{
    struct rng r = rng_stream(5, 0, 0, 0);
    for (int i = 0; i < ROWS; i++) {
        float *at = x + i * COLS;
        for (int j = 0; j < COLS; j++)
            at[j] = (float)rng_normal(&r);
        if (rng_unit(&r) < 0.1)
            at[3] = NAN;
        y[i] = target_unit * ((double)at[0] * (double)at[1] + sin(3 * (double)at[2]) + 0.3 * rng_normal(&r));
        weight[i] = weight_unit * (0.5 + rng_unit(&r));
    }
}

static void use_bins16(struct trees_make *t)
{
    trees_make_bins16(t);
    config_make_choose(&t->config, "max_bin", "1023");
}

/* Fits on half of the rows, which the caller may have set up, and predicts all. */
static void fit(struct trees_make *t, const struct way *how, int rounds, double *out)
{
    struct asx_member m = trees_make_member(t, 0, strcmp(how->learner, "tree") == 0 ? 0 : rounds);
    ck_assert_int_eq(trees_make_fit(t, how->op, &m), ASX_OK);
    struct asx_model *model = trees_make_model(t, &m, 0, out);
    trees_make_end(t, &m, model);
    trees_make_clear(t);
}

static void fit_table(const struct way *how, bool weights, const char *loss, double *out)
{
    struct frame_make *f = frame_make_new(ROWS);
    struct asx_problem *p = frame_make_problem(f, ASX_REGRESSION, y, 0, 2);
    struct trees_make t;
    p->fit_weight = weights ? weight : NULL;
    trees_make_init(&t, p, how->learner, x, ROWS, COLS, 1);
    if (strcmp(how->learner, "gbdt") == 0) { /* what is in units of weights */
        config_make_set(&t.config, "l2", 0);
        config_make_set(&t.config, "min_sum_hessian", 0);
        config_make_choose(&t.config, "loss", loss);
    }
    if (how->bins16)
        use_bins16(&t);
    fit(&t, how, ROUNDS, out);
    frame_make_free(f);
}

static void same(const double *a, const double *b, double unit)
{
    double apart = 0;
    for (int i = 0; i < ROWS; i++) {
        ck_assert_double_eq_tol(a[i], b[i] / unit, 1e-4);
        apart = fmax(apart, fabs(a[i] - a[0]));
    }
    ck_assert_double_gt(apart, 0.5);
}

/* A target in another unit, from 1e-30 to 1e30, is predicted in that unit. */
START_TEST(targets_have_any_unit)
{
    static double a[ROWS], b[ROWS];
    static const char *const loss[] = {"squared", "absolute", "quantile"};
    const struct way *how = &way[_i];
    for (int l = 0; l < (_i < BOOSTED ? 3 : 1); l++) {
        fill(1, 1);
        fit_table(how, false, loss[l], a);
        for (int e = -100; e <= 100; e += 40) {
            fill(ldexp(1, e), 1);
            fit_table(how, false, loss[l], b);
            same(a, b, ldexp(1, e));
        }
    }
}
END_TEST

/* Weights say how much a row counts beside the others, so their unit says nothing. */
START_TEST(weights_have_any_unit)
{
    static double a[ROWS], b[ROWS];
    fill(1, 1);
    fit_table(&way[_i], true, "squared", a);
    for (int e = -90; e <= 90; e += 20) {
        fill(1, ldexp(1, e));
        fit_table(&way[_i], true, "squared", b);
        same(a, b, 1);
    }
}
END_TEST

/* Derivatives that would not fit are refused, not lost. */
START_TEST(derivatives_fit)
{
    struct frame_make *f = frame_make_new(ROWS);
    fill(1e30, 1e30);
    struct asx_problem *p = frame_make_problem(f, ASX_REGRESSION, y, 0, 2);
    struct trees_make t;
    p->fit_weight = weight;
    trees_make_init(&t, p, "gbdt", x, ROWS, COLS, 1);
    struct asx_member m = trees_make_member(&t, 0, ROUNDS);
    ck_assert_int_eq(trees_make_fit(&t, way[_i].op, &m), ASX_E_DATA);
    ck_assert_ptr_nonnull(strstr(m.err.text, "too large to compute with"));
    trees_make_end(&t, &m, NULL);
    trees_make_clear(&t);
    frame_make_free(f);
}
END_TEST

/* A few large counts among zeros, each soon alone in a leaf: its rate is approached from below, not passed by powers of e. */
START_TEST(rates_stay_below_the_counts)
{
    static double out[ROWS];
    const double large[] = {1e3, 1e6, 1e30};
    for (int k = 0; k < 3; k++) {
        fill(1, 1);
        for (int i = 0; i < ROWS; i++)
            y[i] = i % 500 == 1 ? large[k] : i % 7 == 0;
        struct frame_make *f = frame_make_new(ROWS);
        struct asx_problem *p = frame_make_problem(f, ASX_REGRESSION, y, 0, 2);
        struct trees_make t;
        trees_make_init(&t, p, "gbdt", x, ROWS, COLS, 1);
        config_make_set(&t.config, "min_data_in_leaf", 0);
        config_make_set(&t.config, "learning_rate", 0.3);
        config_make_choose(&t.config, "loss", "poisson");
        if (way[_i].bins16)
            use_bins16(&t);
        fit(&t, &way[_i], 60, out);
        double top = 0;
        for (int i = 0; i < ROWS; i++) {
            ck_assert(out[i] >= 0);
            top = fmax(top, out[i]);
        }
        ck_assert_msg(top <= 2 * large[k] && top > 0.2 * large[k], "%g of %g", top, large[k]);
        frame_make_free(f);
    }
}
END_TEST

/* The width of huber's square may be far from the target's spread: wide it does as squared loss, narrow as absolute loss. */
START_TEST(huber_has_any_width)
{
    static double out[3][ROWS];
    static const char *const loss[] = {"squared", "huber", "absolute"};
    for (int wide = 0; wide < 2; wide++) {
        double off[3] = {0};
        for (int k = 0; k < 3; k++) {
            struct frame_make *f = frame_make_new(ROWS);
            struct trees_make t;
            fill(wide ? 1e-3 : 1e4, 1);
            trees_make_init(&t, frame_make_problem(f, ASX_REGRESSION, y, 0, 2), "gbdt", x, ROWS, COLS, 1);
            config_make_choose(&t.config, "loss", loss[k]);
            config_make_set(&t.config, "alpha", 0.9);
            config_make_set(&t.config, "l2", 0);
            if (way[_i].bins16)
                use_bins16(&t);
            fit(&t, &way[_i], 100, out[k]);
            for (int i = 0; i < ROWS; i++)
                off[k] += fabs(out[k][i] - y[i]) / ROWS / (wide ? 1e-3 : 1e4);
            frame_make_free(f);
        }
        ck_assert_double_lt(off[1], off[wide ? 0 : 2] + 0.02);
        ck_assert_double_lt(off[1], 0.5);
    }
}
END_TEST

/* Bins of u16 codes take categories as those of u8 do: 200 levels, and more than a byte has room for. */
START_TEST(levels_are_kept_beside_many_bins)
{
    enum { LEVELS = 700, MANY = 9000 };
    static int32_t code[MANY];
    static double target[MANY], out[MANY];
    struct rng r = rng_stream(6, 0, 0, 0);
    for (int i = 0; i < MANY; i++) {
        code[i] = (int32_t)rng_below(&r, _i ? LEVELS : 200);
        target[i] = code[i] * 7919 % 1009 % 2 + 0.1 * rng_normal(&r);
    }
    struct asx_colref col = {code, ASX_I32, LEVELS};
    struct asx_block raw = {.layout = ASX_LAYOUT_COLUMNS, .rows = MANY, .cols = 1, .col = &col};
    for (int k = 0; k < BOOSTED; k += 3) {
        struct frame_make *f = frame_make_new(MANY);
        struct trees_make t;
        trees_make_block(&t, frame_make_problem(f, ASX_REGRESSION, target, 0, 2), "gbdt", &raw, 1);
        config_make_set(&t.config, "min_data_in_leaf", 2);
        config_make_set(&t.config, "min_data_per_group", 1);
        config_make_set(&t.config, "cat_smooth", 1);
        if (way[k].bins16)
            use_bins16(&t);
        fit(&t, &way[k], 100, out);
        double s = 0;
        for (int i = 0; i < MANY; i++)
            s += (out[i] - target[i]) * (out[i] - target[i]) / MANY;
        ck_assert_msg(s < 0.015, "%s: %g", way[k].op, s);
        frame_make_free(f);
    }
}
END_TEST

Suite *suite_trees_extremes(void)
{
    Suite *s = suite_create("trees_extremes");
    TCase *c = tcase_create("extremes");
    tcase_set_timeout(c, 120);
    tcase_add_loop_test(c, targets_have_any_unit, 0, WAYS);
    tcase_add_loop_test(c, weights_have_any_unit, 0, WAYS);
    tcase_add_loop_test(c, derivatives_fit, 0, BOOSTED);
    tcase_add_loop_test(c, rates_stay_below_the_counts, 0, BOOSTED);
    tcase_add_loop_test(c, huber_has_any_width, 0, BOOSTED);
    tcase_add_loop_test(c, levels_are_kept_beside_many_bins, 0, 2);
    suite_add_tcase(s, c);
    return s;
}
