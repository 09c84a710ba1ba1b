/* SPDX-License-Identifier: Apache-2.0 */
/* A decision tree against scikit-learn's (make_tree.py): what it says of the rows it was trained on. */
#include "tests/support/fit_make.h"

#include "base/mem.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

Suite *suite_tree_golden(void);

enum { ROWS = 60, COLS = 4 };

struct tree_case {
    int classes, seed, max_depth, min_samples_leaf, weighted;
    const char *criterion;
    int n;
    double expected[ROWS * 3]; /* of two classes: the second */
};
#include "tests/golden/tree_cases.h"
enum { CASES = sizeof tree_cases / sizeof *tree_cases };

/* The table of make_tree.py, bit for bit. */
static void make_table(const struct tree_case *k, double *x, double *y, double *w)
{
    uint64_t g = (uint64_t)k->seed;
    for (int i = 0; i < ROWS; i++) {
        for (int j = 0; j < COLS; j++)
            x[i * COLS + j] = floor(40 * fit_make_unit(&g));
        double score = fabs(x[i * COLS] - 20) / 8 + (x[i * COLS + 1] > 25 ? 2 : 0) + fit_make_bell(&g);
        y[i] = !k->classes ? score : k->classes == 2 ? score > 2 : (score > 1) + (score > 2.5);
        w[i] = 0.5 + fit_make_unit(&g);
    }
}

START_TEST(equals_scikit_learn)
{
    const struct tree_case *k = &tree_cases[_i];
    double x[ROWS * COLS], y[ROWS], w[ROWS], out[ROWS * 3];
    make_table(k, x, y, w);
    struct fit_make m;
    fit_make_init(&m,
                  &(struct fit_data){.rows = ROWS,
                                     .dense = COLS,
                                     .x = x,
                                     .y = y,
                                     .weight = k->weighted ? w : NULL,
                                     .task = fit_make_task(k->classes),
                                     .classes = k->classes,
                                     .folds = 2},
                  1);
    const struct asx_learner *l = fit_make_learner("tree");
    struct asx_member *b = fit_make_member(&m, l, 2); /* the full fit */
    fit_make_set(&m, b, "max_depth", k->max_depth);
    fit_make_set(&m, b, "min_samples_leaf", k->min_samples_leaf);
    fit_make_choose(&m, b, "criterion", k->criterion);
    struct asx_err err = {0};
    struct asx_model *model = NULL;
    const void *in[ASX_NEEDS];
    ck_assert_msg(fit_make_run(&m, l->fit[0], &err) == ASX_OK && !b->status, "%s%s", err.text, b->err.text);
    fit_make_inputs(&m, l->fit[0], b, in);
    ck_assert_msg(l->model(&m.e.exec, b, 0, &model, &err) == ASX_OK, "%s", err.text);
    ck_assert_msg(l->predict(model, m.raw, 0, ROWS, out, &err) == ASX_OK, "%s", err.text);
    for (int i = 0; i < k->n; i++) {
        double got = k->classes == 2 ? out[2 * i + 1] : out[i], off = fabs(got - k->expected[i]);
        /* weights are rounded to whole numbers of 12 bits or more */
        ck_assert_msg(off < (k->weighted ? 2e-3 : 2e-6) * (1 + fabs(k->expected[i])),
                      "case %d (seed %d, depth %d, leaf %d, weighted %d, %s), place %d: %.9g, not %.9g", _i, k->seed, k->max_depth,
                      k->min_samples_leaf, k->weighted, k->criterion, i, got, k->expected[i]);
    }
    l->free_model(model);
    fit_make_clear(&m);
}
END_TEST

Suite *suite_tree_golden(void)
{
    Suite *s = suite_create("tree_golden");
    TCase *c = tcase_create("scikit-learn");
    tcase_add_loop_test(c, equals_scikit_learn, 0, CASES);
    suite_add_tcase(s, c);
    return s;
}
