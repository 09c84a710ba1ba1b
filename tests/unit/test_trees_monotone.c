/* SPDX-License-Identifier: Apache-2.0 */
/* Monotone columns: no learner, loss or task breaks the order, and leaf values that are refined keep their unit. */
#include "base/mem.h"
#include "base/rng.h"
#include "learners/trees/gbdt_fit.h"
#include "tests/runner.h"
#include "tests/support/frame_make.h"
#include "tests/support/trees_make.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 500, COLS = 3, STEPS = 40, PLACES = 40 };

Suite *suite_trees_monotone(void);

static int8_t sign_of[COLS] = {1, -1, 0};

struct table {
    float x[ROWS * COLS];
    double y[ROWS], weight[ROWS];
};

/* Waves that rise in the first column and fall in the second on the whole only; one cell in ten is missing. */
static struct table *table_make(bool binary)
{
    struct table *t = malloc(sizeof *t);
    struct rng r = rng_stream(41, 3, 0, 0);
    for (int i = 0; i < ROWS; i++) {
        float *x = t->x + i * COLS;
        for (int j = 0; j < COLS; j++)
            x[j] = (float)rng_normal(&r);
        double v = sin(2.5 * (double)x[0]) + 0.5 * (double)x[0] - cos(3 * (double)x[1]) - 0.3 * (double)x[1] +
                   (double)(x[2] * x[0]) + rng_normal(&r);
        t->y[i] = binary ? v > 0 : exp(0.4 * v); /* skewed, and above 0 for poisson */
        t->weight[i] = 0.5 + rng_unit(&r);
        if (rng_unit(&r) < 0.1)
            x[i % COLS] = NAN;
    }
    return t;
}

static struct asx_block block_of(const float *x, size_t rows)
{
    return (struct asx_block){
        .layout = ASX_LAYOUT_ROWS, .rows = rows, .cols = COLS, .ld = COLS, .rowmajor = x, .monotone = sign_of};
}

/* Predictions along a bound column from many places; the last output rises (or falls) with it. */
static void check_order(const struct trees_make *t, const struct asx_model *m, const float *x, int outputs)
{
    float probe[STEPS * COLS];
    double out[STEPS * 2];
    struct asx_err err = {0};
    for (int j = 0; j < 2; j++)
        for (int at = 0; at < PLACES; at++) {
            for (int i = 0; i < STEPS; i++)
                for (int k = 0; k < COLS; k++)
                    probe[COLS * i + k] = k == j ? -3 + 6 * (float)i / (STEPS - 1) : x[COLS * at + k];
            struct asx_block b = block_of(probe, STEPS);
            const struct asx_block *list[] = {&b};
            struct asx_matrix mx = {.rows = STEPS, .cols = COLS, .blocks = 1, .block = list};
            ck_assert_int_eq(t->learner->predict(m, &mx, 0, STEPS, out, &err), ASX_OK);
            for (int i = 1; i < STEPS; i++) {
                double step = out[i * outputs + outputs - 1] - out[(i - 1) * outputs + outputs - 1];
                ck_assert_msg(sign_of[j] * step >= -1e-12, "%s, column %d, step %g", t->learner->head.name, j, step);
            }
        }
}

static const struct {
    const char *learner, *op, *loss;
    int rounds;
    bool binary, weights;
} kept[] = {
    {"gbdt", "gbdt.fit/hist_fixed", "squared", 40, false, false},
    {"gbdt", "gbdt.fit/hist_fixed", "absolute", 40, false, false},
    {"gbdt", "gbdt.fit/hist_fixed", "absolute", 40, false, true},
    {"gbdt", "gbdt.fit/hist_fixed", "quantile", 40, false, false},
    {"gbdt", "gbdt.fit/hist_f64", "quantile", 40, false, false},
    {"gbdt", "gbdt.fit/hist_fixed", "huber", 40, false, false},
    {"gbdt", "gbdt.fit/hist_fixed", "poisson", 40, false, false},
    {"gbdt", "gbdt.fit/hist_fixed", NULL, 40, true, false},
    {"gbdt", "gbdt.fit/hist_lowbit", "squared", 40, false, false},
    {"forest", "forest.fit/hist", NULL, 15, false, false},
    {"forest", "forest.fit/hist", NULL, 15, true, true},
    {"extra_trees", "extra_trees.fit/hist", NULL, 15, false, true},
    {"extra_trees", "extra_trees.fit/hist", NULL, 15, true, false},
    {"tree", "tree.fit/hist", NULL, 0, false, false},
    {"tree", "tree.fit/hist", NULL, 0, true, false},
};

START_TEST(order_is_kept)
{
    struct table *d = table_make(kept[_i].binary);
    struct frame_make *f = frame_make_new(ROWS);
    struct asx_problem *p = frame_make_problem(f, kept[_i].binary ? ASX_BINARY : ASX_REGRESSION, d->y, kept[_i].binary ? 2 : 0, 2);
    struct asx_block raw = block_of(d->x, ROWS);
    struct trees_make t;
    p->fit_weight = kept[_i].weights ? d->weight : NULL;
    trees_make_block(&t, p, kept[_i].learner, &raw, 1);
    if (kept[_i].loss)
        config_make_choose(&t.config, "loss", kept[_i].loss);
    struct asx_member m = trees_make_member(&t, p->splits->folds, kept[_i].rounds);
    ck_assert_int_eq(trees_make_fit(&t, kept[_i].op, &m), ASX_OK);
    struct asx_model *model = trees_make_model(&t, &m, 0, NULL);
    check_order(&t, model, d->x, p->outputs);
    trees_make_end(&t, &m, model);
    trees_make_clear(&t);
    frame_make_free(f);
    free(d);
}
END_TEST

/* A target in another unit gives predictions in that unit: bounds of gradients must not meet values of targets. */
START_TEST(predictions_scale_with_the_target)
{
    static const struct {
        const char *loss;
        double by, tolerance;
    } scale[] = {{"absolute", 1024, 1e-300}, {"quantile", 1024, 1e-300}, {"absolute", 1000, 1e-9}, {"quantile", 1000, 1e-9}};
    struct table *d = table_make(false);
    static double out[2][ROWS];
    struct asx_block raw = block_of(d->x, ROWS);
    for (int k = 0; k < 2; k++) {
        for (int i = 0; k && i < ROWS; i++)
            d->y[i] *= scale[_i].by;
        struct frame_make *f = frame_make_new(ROWS);
        struct asx_problem *p = frame_make_problem(f, ASX_REGRESSION, d->y, 0, 2);
        struct trees_make t;
        trees_make_block(&t, p, "gbdt", &raw, 1);
        config_make_choose(&t.config, "loss", scale[_i].loss);
        struct asx_member m = trees_make_member(&t, p->splits->folds, 10);
        ck_assert_int_eq(trees_make_fit(&t, "gbdt.fit/hist_fixed", &m), ASX_OK);
        struct asx_model *model = trees_make_model(&t, &m, 0, out[k]);
        trees_make_end(&t, &m, model);
        trees_make_clear(&t);
        frame_make_free(f);
    }
    double span = 0;
    for (int i = 0; i < ROWS; i++) {
        ck_assert_double_eq_tol(out[1][i] / scale[_i].by, out[0][i], scale[_i].tolerance);
        span = fabs(out[0][i] - out[0][0]) > span ? fabs(out[0][i] - out[0][0]) : span;
    }
    ck_assert_double_gt(span, 0.5); /* a constant would pass too */
    free(d);
}
END_TEST

/* Leaves of one split, and of a split below a split, by hand. */
START_TEST(projection_by_hand)
{
    struct bins_feature up = {.monotone = 1}, free_one = {.monotone = 0};
    struct view_feature feature[2] = {{.f = &up}, {.f = &free_one}};
    struct view v = {.features = 2, .feature = feature};
    /* root: column 0 at leaves (0 1 | 2), left child: free column */
    struct tree_node node[2] = {{.left = 1, .right = ~2}, {.left = ~0, .right = ~1}};
    struct tree_bin bin[2] = {{.feature = 0}, {.feature = 1}};
    double cover[3] = {1, 1, 2};
    struct tree t = {.n_nodes = 2, .n_leaves = 3, .node = node, .bin = bin, .leaf_cover = cover};
    struct mem *mem = mem_create(NULL, 0);
    /* m minimises (5 - m)^2 + 2 (m - 2)^2: 3; the leaf at 1 is in order and stays */
    double value[3] = {1, 5, 2};
    ck_assert_int_eq(gbdt_order_leaves(&t, &v, mem, value), ASX_OK);
    ck_assert_double_eq(value[0], 1);
    ck_assert_double_eq_tol(value[1], 3, 1e-12);
    ck_assert_double_eq_tol(value[2], 3, 1e-12);
    ck_assert(value[1] <= value[2]);
    double fine[3] = {1, 2, 2.5};
    ck_assert_int_eq(gbdt_order_leaves(&t, &v, mem, fine), ASX_OK);
    ck_assert(fine[0] == 1 && fine[1] == 2 && fine[2] == 2.5);
    mem_destroy(mem);
}
END_TEST

Suite *suite_trees_monotone(void)
{
    Suite *s = suite_create("trees_monotone");
    TCase *c = tcase_create("order");
    tcase_set_timeout(c, 120);
    tcase_add_loop_test(c, order_is_kept, 0, (int)(sizeof kept / sizeof *kept));
    tcase_add_loop_test(c, predictions_scale_with_the_target, 0, 4);
    tcase_add_test(c, projection_by_hand);
    suite_add_tcase(s, c);
    return s;
}
