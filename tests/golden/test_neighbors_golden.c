/* SPDX-License-Identifier: Apache-2.0 */
/* Nearest neighbours against scikit-learn. */
#include "tests/support/fit_make.h"

#include <check.h>
#include <string.h>

Suite *suite_neighbors_golden(void);

enum { ROWS = 72, COLS = 5, FOLDS = 3 };

struct neighbors_case {
    int classes, missing;
    uint64_t seed;
    int k;
    const char *weights;
    size_t n;
    double expected[ROWS];
};
#include "tests/golden/neighbors_cases.h"
enum { CASES = sizeof neighbors_cases / sizeof *neighbors_cases };

static void make_table(const struct neighbors_case *k, double *x, double *y)
{
    uint64_t g = k->seed;
    for (size_t i = 0; i < ROWS; i++) {
        double score = 0;
        for (size_t j = 0; j < COLS; j++) {
            double z = fit_make_bell(&g);
            score += j % 2 ? z : -z;
            x[i * COLS + j] = z * (double)(j + 1) + 5 * (double)j;
            if (k->missing && j == 1 && fit_make_unit(&g) < 0.25)
                x[i * COLS + j] = NAN;
        }
        y[i] = !k->classes ? 10 + score : k->classes == 2 ? score > 0 : (score > -1) + (score > 1);
    }
    memcpy(x + 20 * COLS, x, COLS * sizeof *x);
    memcpy(x + 40 * COLS, x, COLS * sizeof *x);
    y[20] = y[40] = y[0];
}

START_TEST(equals_scikit_learn)
{
    const struct neighbors_case *k = &neighbors_cases[_i];
    double x[ROWS * COLS], y[ROWS];
    make_table(k, x, y);
    struct fit_make m;
    fit_make_init(
        &m,
        &(struct fit_data){
            .rows = ROWS, .dense = COLS, .x = x, .y = y, .task = fit_make_task(k->classes), .classes = k->classes, .folds = FOLDS},
        1);
    const struct asx_learner *l = fit_make_learner("knn");
    struct asx_member *b = fit_make_member(&m, l, 1);
    fit_make_set(&m, b, "n_neighbors", k->k);
    fit_make_set(&m, b, "smoothing", 0);
    fit_make_choose(&m, b, "weights", k->weights);
    struct asx_err err = {0};
    ck_assert_msg(fit_make_run(&m, l->fit[0], &err) == ASX_OK, "%s", err.text);
    for (size_t i = 0; i < k->n; i++)
        ck_assert_msg(fabs((double)b->pred[i] - k->expected[i]) < 2e-6 * (1 + fabs(k->expected[i])),
                      "case %d, place %zu: %.8g, not %.8g", _i, i, (double)b->pred[i], k->expected[i]);
    fit_make_clear(&m);
}
END_TEST

Suite *suite_neighbors_golden(void)
{
    Suite *s = suite_create("neighbors_golden");
    TCase *c = tcase_create("scikit-learn");
    tcase_add_loop_test(c, equals_scikit_learn, 0, CASES);
    suite_add_tcase(s, c);
    return s;
}
