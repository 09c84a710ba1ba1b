/* SPDX-License-Identifier: Apache-2.0 */
/* What parameters of tree learners mean, read off the trees themselves; weights as repeated rows; counts of work. */
#include "base/mem.h"
#include "base/rng.h"
#include "learners/trees/gbdt_fit.h"
#include "learners/trees/work.h"
#include "tests/runner.h"
#include "tests/support/frame_make.h"
#include "tests/support/trees_make.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 900, COLS = 8 };

Suite *suite_trees_semantics(void);

struct world {
    float x[ROWS * COLS];
    double y[ROWS];
    struct frame_make *frame;
    struct asx_problem *problem;
    struct trees_make t;
    struct asx_member m;
};

/* `steps`: nine stairs of a hundred rows in column 0, each four times as high: the best leaf to split is what is left of the
 * highest. Else rising steeply in column 0; the others add a little each. */
static struct world *world_of(bool steps)
{
    struct world *w = calloc(1, sizeof *w);
    struct rng r = rng_stream(61, 0, 0, 0);
    for (int i = 0; i < ROWS; i++) {
        for (int j = 0; j < COLS; j++)
            w->x[i * COLS + j] = (float)rng_normal(&r);
        w->y[i] = exp(2.5 * (double)w->x[i * COLS]) + 0.1 * rng_normal(&r);
        if (steps) {
            w->x[i * COLS] = (float)(i % 9);
            w->y[i] = pow(4, i % 9) * (1 + 0.03 * (double)w->x[i * COLS + 1]);
        }
        for (int j = 1; j < COLS; j++)
            w->y[i] += 0.3 * (double)w->x[i * COLS + j];
    }
    w->frame = frame_make_new(ROWS);
    w->problem = frame_make_problem(w->frame, ASX_REGRESSION, w->y, 0, 2);
    trees_make_init(&w->t, w->problem, "gbdt", w->x, ROWS, COLS, 1);
    return w;
}

static struct world *world_make(void)
{
    return world_of(false);
}

/* Trees on all rows. */
static const struct tree *fit(struct world *w, int rounds)
{
    w->m = trees_make_member(&w->t, w->problem->splits->folds, rounds);
    ck_assert_int_eq(trees_make_fit(&w->t, "gbdt.fit/hist_fixed", &w->m), ASX_OK);
    ck_assert_int_eq(w->m.state->iterations, rounds);
    return w->m.state->tree;
}

static void again(struct world *w)
{
    trees_make_end(&w->t, &w->m, NULL);
}

static void world_free(struct world *w)
{
    again(w);
    trees_make_clear(&w->t);
    frame_make_free(w->frame);
    free(w);
}

static unsigned columns_of(const struct tree *t)
{
    unsigned set = 0;
    for (int i = 0; i < t->n_nodes; i++)
        set |= 1u << t->node[i].column;
    return set;
}

START_TEST(max_depth_bounds_every_path)
{
    struct world *w = world_make();
    const struct tree *t = fit(w, 3);
    for (int i = 0; i < 3; i++)
        ck_assert_int_gt(tree_depth(&t[i]), 4);
    again(w);
    config_make_set(&w->t.config, "max_depth", 3);
    t = fit(w, 3);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(tree_depth(&t[i]), 3);
        ck_assert_int_le(t[i].n_leaves, 8);
    }
    world_free(w);
}
END_TEST

START_TEST(depth_wise_fills_levels)
{
    struct world *w = world_of(true);
    config_make_set(&w->t.config, "num_leaves", 4);
    ck_assert_int_eq(tree_depth(fit(w, 1)), 3); /* best first: stair by stair */
    again(w);
    config_make_choose(&w->t.config, "grow_policy", "depth");
    const struct tree *t = fit(w, 1);
    ck_assert_int_eq(t->n_leaves, 4);
    ck_assert_int_eq(tree_depth(t), 2);
    world_free(w);
}
END_TEST

START_TEST(min_gain_refuses_smaller_gains)
{
    struct world *w = world_make();
    const struct tree *t = fit(w, 1);
    int below = 0, above = 0;
    float middle = t->gain[t->n_nodes / 2];
    for (int i = 0; i < t->n_nodes; i++) {
        below += t->gain[i] <= middle;
        above += t->gain[i] > middle;
    }
    ck_assert(below > 0 && above > 0);
    again(w);
    config_make_set(&w->t.config, "min_gain", (double)middle);
    t = fit(w, 1);
    ck_assert_int_ge(t->n_nodes, above); /* a small gain no longer bars the way to larger ones of others */
    for (int i = 0; i < t->n_nodes; i++)
        ck_assert_float_gt(t->gain[i], middle * 0.999999f);
    world_free(w);
}
END_TEST

/* A random threshold a column gains less than the best one, and another seed draws another. */
START_TEST(extra_trees_draw_their_thresholds)
{
    struct world *w = world_make();
    double best = (double)fit(w, 1)->gain[0];
    int kinds = 0;
    float seen[6];
    config_make_set(&w->t.config, "extra_trees", 1);
    for (int s = 0; s < 6; s++) {
        again(w);
        w->m = trees_make_member(&w->t, w->problem->splits->folds, 1);
        w->m.seed = 100 + (uint64_t)s;
        ck_assert_int_eq(trees_make_fit(&w->t, "gbdt.fit/hist_fixed", &w->m), ASX_OK);
        const struct tree *t = w->m.state->tree;
        ck_assert_double_le((double)t->gain[0], best * 1.000001);
        seen[s] = t->node[0].by.threshold;
        bool old = false;
        for (int k = 0; k < s; k++)
            old |= seen[k] == seen[s];
        kinds += !old;
    }
    ck_assert_int_ge(kinds, 4);
    world_free(w);
}
END_TEST

/* With squares a hessian is a row: the root's cover counts the bag. */
START_TEST(bagging_fraction_is_a_share_of_rows)
{
    enum { TREES = 12 };
    struct world *w = world_make();
    config_make_set(&w->t.config, "bagging_fraction", 0.3);
    const struct tree *t = fit(w, TREES);
    double sum = 0;
    int differ = 0;
    for (int i = 0; i < TREES; i++) {
        double rows = 0;
        for (int l = 0; l < t[i].n_leaves; l++)
            rows += t[i].leaf_cover[l];
        ck_assert_double_eq_tol(t[i].cover[0], rows, 1e-3);
        ck_assert_double_eq_tol(rows, 0.3 * ROWS, 5 * sqrt(ROWS * 0.3 * 0.7)); /* binomial, five sigma */
        sum += rows;
        differ += i > 0 && t[i].cover[0] != t[i - 1].cover[0];
    }
    ck_assert_double_eq_tol(sum / TREES, 0.3 * ROWS, 5 * sqrt(ROWS * 0.3 * 0.7 / TREES));
    ck_assert_int_gt(differ, 0);
    world_free(w);
}
END_TEST

START_TEST(feature_fractions_are_shares_of_columns)
{
    enum { TREES = 20, HALF = COLS / 2 };
    struct world *w = world_make();
    unsigned all = 0, more = 0;
    config_make_set(&w->t.config, "feature_fraction", 0.5);
    const struct tree *t = fit(w, TREES);
    for (int i = 0; i < TREES; i++) {
        ck_assert_int_le(__builtin_popcount(columns_of(&t[i])), HALF);
        all |= columns_of(&t[i]);
    }
    ck_assert_uint_eq(all, (1u << COLS) - 1);
    again(w);
    config_make_set(&w->t.config, "feature_fraction", 1);
    config_make_set(&w->t.config, "feature_fraction_bynode", 0.5);
    t = fit(w, TREES);
    unsigned roots = 0;
    for (int i = 0; i < TREES; i++) {
        more += __builtin_popcount(columns_of(&t[i])) > HALF; /* each node has columns of its own */
        roots |= 1u << t[i].node[0].column;
    }
    ck_assert_uint_gt(more, TREES / 2);
    ck_assert_int_gt(__builtin_popcount(roots), 1); /* the best column is not always among a root's */
    world_free(w);
}
END_TEST

/* ---- weights --------------------------------------------------------------------------------- */

static void predict(const char *learner, const char *op, const struct asx_problem *p, const float *x, size_t rows, int rounds,
                    double *out)
{
    struct trees_make t;
    trees_make_init(&t, p, learner, x, rows, COLS, 1);
    if (strcmp(learner, "gbdt") == 0)                        /* shares of the rows' number would tell a weight from rows */
        config_make_set(&t.config, "min_data_in_leaf", 0.5); /* that is: no share of the hessians, min_sum_hessian alone */
    else
        config_make_set(&t.config, "max_depth", 4);
    struct asx_member m = trees_make_member(&t, p->splits->folds, rounds);
    ck_assert_int_eq(trees_make_fit(&t, op, &m), ASX_OK);
    struct asx_model *model = trees_make_model(&t, &m, 0, out);
    trees_make_end(&t, &m, model);
    trees_make_clear(&t);
}

/* A weight of 3 is the row three times: columns of few values, so that bins do not depend on how often one occurs. */
START_TEST(a_weight_is_a_repeated_row)
{
    static const struct {
        const char *learner, *op;
        enum asx_task task;
        int rounds;
        double tolerance;
    } way[] = {{"gbdt", "gbdt.fit/hist_f64", ASX_REGRESSION, 10, 1e-9},
               {"gbdt", "gbdt.fit/hist_f64", ASX_BINARY, 10, 1e-9},
               {"gbdt", "gbdt.fit/hist_fixed", ASX_REGRESSION, 5, 1e-4},
               {"tree", "tree.fit/hist", ASX_REGRESSION, 0, 1e-6},
               {"tree", "tree.fit/hist", ASX_BINARY, 0, 1e-9}};
    enum { N = 300 };
    static float x[3 * N * COLS];
    static double y[3 * N], weight[N], a[2 * N], b[6 * N];
    struct rng r = rng_stream(62, 0, 0, 0);
    size_t n = N;
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < COLS; j++)
            x[i * COLS + j] = floorf((float)(40 * rng_unit(&r)));
        double v = (double)x[i * COLS] * (double)x[i * COLS + 1] / 400 + rng_normal(&r);
        y[i] = way[_i].task == ASX_BINARY ? v > 1 : v;
        weight[i] = rng_unit(&r) < 0.4 ? 3 : 1;
    }
    for (int i = 0; i < N; i++)
        for (int k = 1; k < (int)weight[i]; k++, n++) {
            memcpy(x + n * COLS, x + i * COLS, COLS * sizeof *x);
            y[n] = y[i];
        }
    int classes = way[_i].task == ASX_BINARY ? 2 : 0;
    for (int k = 0; k < 2; k++) {
        size_t rows = k ? n : N;
        struct frame_make *f = frame_make_new(rows);
        struct asx_problem *p = frame_make_problem(f, way[_i].task, y, classes, 2);
        p->fit_weight = k ? NULL : weight;
        predict(way[_i].learner, way[_i].op, p, x, rows, way[_i].rounds, k ? b : a);
        frame_make_free(f);
    }
    double apart = 0;
    for (int i = 0; i < N * (classes ? 2 : 1); i++) {
        ck_assert_double_eq_tol(a[i], b[i], way[_i].tolerance);
        apart = fabs(a[i] - a[0]) > apart ? fabs(a[i] - a[0]) : apart;
    }
    ck_assert_double_gt(apart, 0.1);
}
END_TEST

/* ---- many classes ------------------------------------------------------------------------------ */

/* Predictions are written, or the fit says that it failed: never neither. */
START_TEST(predictions_of_many_classes_are_written_or_refused)
{
    enum { CLASSES = 300 };
    struct rng r = rng_stream(63, 0, 0, 0);
    float x[2 * CLASSES * COLS];
    double y[2 * CLASSES];
    for (int i = 0; i < 2 * CLASSES; i++) {
        y[i] = i % CLASSES;
        for (int j = 0; j < COLS; j++)
            x[i * COLS + j] = (float)rng_normal(&r);
    }
    struct frame_make *f = frame_make_new(2 * CLASSES);
    struct asx_problem *p = frame_make_problem(f, ASX_MULTICLASS, y, CLASSES, 2);
    struct trees_make t;
    trees_make_init(&t, p, "gbdt", x, 2 * CLASSES, COLS, 1);
    config_make_set(&t.config, "num_leaves", 2);
    size_t n = p->splits->fold[0].n_test * CLASSES;
    struct asx_member m = trees_make_member(&t, 0, 1);
    m.curve = NULL;
    ck_assert_int_eq(trees_make_fit(&t, "gbdt.fit/hist_fixed", &m), ASX_OK);
    struct asx_err err = {0};
    for (size_t i = 0; i < n; i++)
        m.pred[i] = NAN;
    mem_fault_after(1);
    asx_st st = t.learner->held_out(&t.e.exec, &m, 0, m.pred, &err);
    mem_fault_after(0);
    ck_assert_int_eq(st, ASX_E_NOMEM);
    ck_assert(err.text[0]);
    ck_assert_int_eq(t.learner->held_out(&t.e.exec, &m, 0, m.pred, &err), ASX_OK);
    for (size_t i = 0; i < n; i++)
        ck_assert(m.pred[i] > 0 && m.pred[i] < 1);
    trees_make_end(&t, &m, NULL);
    trees_make_clear(&t);
    frame_make_free(f);
}
END_TEST

/* ---- counts of work ---------------------------------------------------------------------------- */

static double counted(struct world *w, enum asx_kernel_class k)
{
    struct asx_work work = {0};
    struct asx_member m = {.config = &w->t.config.config, .to = {1, 10, 1}};
    struct asx_batch b = {.member = &m, .n = 1, .shape = {.rows = 1e6, .cols = 20, .dense = 20, .test_rows = 1e5}};
    trees_gbdt_work(w->problem, &b, &work);
    double sum = 0;
    for (int i = 0; i < work.n_per_iteration; i++)
        if (work.per_iteration[i].k == k)
            sum += work.per_iteration[i].m;
    return sum;
}

/* Stumps of a tenth of the rows are no full trees. */
START_TEST(small_trees_are_priced_as_small)
{
    struct world *w = world_make();
    fit(w, 1);
    double hist = counted(w, ASX_KC_HIST), scan = counted(w, ASX_KC_SPLIT), part = counted(w, ASX_KC_PARTITION);
    config_make_set(&w->t.config, "max_depth", 1);
    ck_assert_double_lt(counted(w, ASX_KC_HIST), 0.7 * hist);
    ck_assert_double_lt(counted(w, ASX_KC_SPLIT), 0.1 * scan);
    ck_assert_double_lt(counted(w, ASX_KC_PARTITION), 0.3 * part);
    config_make_set(&w->t.config, "bagging_fraction", 0.1);
    ck_assert_double_lt(counted(w, ASX_KC_HIST), 0.1 * hist);
    world_free(w);
}
END_TEST

Suite *suite_trees_semantics(void)
{
    Suite *s = suite_create("trees_semantics");
    TCase *c = tcase_create("semantics");
    tcase_set_timeout(c, 120);
    tcase_add_test(c, max_depth_bounds_every_path);
    tcase_add_test(c, depth_wise_fills_levels);
    tcase_add_test(c, min_gain_refuses_smaller_gains);
    tcase_add_test(c, extra_trees_draw_their_thresholds);
    tcase_add_test(c, bagging_fraction_is_a_share_of_rows);
    tcase_add_test(c, feature_fractions_are_shares_of_columns);
    tcase_add_loop_test(c, a_weight_is_a_repeated_row, 0, 5);
    tcase_add_test(c, predictions_of_many_classes_are_written_or_refused);
    tcase_add_test(c, small_trees_are_priced_as_small);
    suite_add_tcase(s, c);
    return s;
}
