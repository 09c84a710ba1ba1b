/* SPDX-License-Identifier: Apache-2.0 */
/* Every way of the linear learners and of naive Bayes against scikit-learn (make_linear.py). */
#include "tests/support/fit_make.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

Suite *suite_linear_golden(void);

struct linear_case {
    const char *name, *learner;
    int rows, cols, classes, missing, seed, weighted;
    struct {
        const char *name;
        double value;
    } param[2];
    int n;
    double pred[24];
};

#include "tests/golden/linear_cases.h"

enum { CASES = sizeof linear_cases / sizeof *linear_cases };

static double class_of(const double *score, int classes)
{
    int best = 0;
    if (classes == 2)
        return score[0] > 0.5;
    for (int c = 1; c < classes; c++)
        best = score[c] > score[best] ? c : best;
    return best;
}

/* The table of make_linear.py, bit for bit. */
static void make_table(const struct linear_case *k, double *x, double *y, double *w)
{
    uint64_t g = (uint64_t)k->seed;
    double coef[8][64], z[64], score[8];
    int sets = k->classes ? k->classes : 1;
    for (int c = 0; c < sets; c++)
        for (int j = 0; j < k->cols; j++)
            coef[c][j] = fit_make_bell(&g);
    for (int i = 0; i < k->rows; i++) {
        for (int j = 0; j < k->cols; j++)
            z[j] = fit_make_bell(&g);
        for (int c = 0; c < sets; c++) {
            score[c] = fit_make_bell(&g);
            for (int j = 0; j < k->cols; j++)
                score[c] += coef[c][j] * z[j];
        }
        y[i] = k->classes ? class_of(score, k->classes) : 10 + 3 * score[0];
        w[i] = 0.5 + fit_make_unit(&g);
        for (int j = 0; j < k->cols; j++) {
            x[i * k->cols + j] = k->missing == 2 ? z[j] * (j + 1) * 1000 + 50000 * j : z[j] * (j + 1) + 5 * j;
            if (k->missing == 1 && j % 3 == 1 && fit_make_unit(&g) < 0.2)
                x[i * k->cols + j] = NAN;
        }
    }
}

static void check_way(struct fit_make *m, const struct linear_case *k, const struct asx_op *way)
{
    struct asx_err err = {0};
    struct asx_member *b = fit_make_member(m, fit_make_learner(k->learner), 0);
    for (int p = 0; p < 2 && k->param[p].name; p++) {
        fit_make_set(m, b, k->param[p].name, k->param[p].value);
        if (strcmp(k->param[p].name, "l1") == 0)
            fit_make_choose(m, b, "penalty", "elastic_net");
    }
    if (strcmp(k->learner, "logistic") == 0) {
        fit_make_set(m, b, "tolerance", 1e-7);
        fit_make_set(m, b, "max_iter", 3000);
    }
    if (strcmp(k->learner, "elastic_net") == 0) {
        fit_make_set(m, b, "tolerance", 1e-9);
        fit_make_set(m, b, "max_iter", 100000);
    }
    ck_assert_msg(!fit_make_run(m, way, &err) && !b->status, "%s by %s: %s%s", k->name, way->head.name, err.text, b->err.text);
    double scale = k->classes ? 1 : 10, most = 0;
    for (int i = 0; i < k->n; i++) {
        double off = fabs((double)b->pred[i] - k->pred[i]) / scale;
        most = off > most || off != off ? off : most;
    }
    /* f32 batches stop at their rounding noise, coordinate descent where its steps are small */
    double allowed = strstr(way->head.name, "batch_gemm") ? 2e-4 : strcmp(k->learner, "elastic_net") == 0 ? 1e-4 : 2e-5;
    ck_assert_msg(most < allowed, "%s (weighted %d) by %s is off by %g", k->name, k->weighted, way->head.name, most);
    fit_make_drop(m);
}

START_TEST(agrees_with_sklearn)
{
    const struct linear_case *k = &linear_cases[_i];
    size_t n = (size_t)k->rows, d = (size_t)k->cols;
    double *x = calloc(n * d, sizeof *x), *y = calloc(n, sizeof *y), *w = calloc(n, sizeof *w);
    float *s = NULL;
    make_table(k, x, y, w);
    const struct asx_learner *learner = fit_make_learner(k->learner);
    struct fit_data data = {.rows = n,
                            .dense = d,
                            .x = x,
                            .y = y,
                            .classes = k->classes,
                            .folds = 3,
                            .task = fit_make_task(k->classes),
                            .weight = k->weighted ? w : NULL,
                            .unscaled = k->missing == 2};
    if (strcmp(k->learner, "multinomial_nb") == 0) {
        s = calloc(n * d, sizeof *s);
        for (size_t i = 0; i < n * d; i++)
            s[i] = i % d % 2 == 0 ? (float)floor(fabs(x[i])) : x[i] > 5;
        data.sparse = d;
        data.s = s;
        data.dense = 0;
    }
    struct fit_make m;
    fit_make_init(&m, &data, 1);
    for (int way = 0; learner->fit[way]; way++)
        check_way(&m, k, learner->fit[way]);
    fit_make_clear(&m);
    free(x);
    free(y);
    free(w);
    free(s);
}
END_TEST

Suite *suite_linear_golden(void)
{
    Suite *s = suite_create("linear_golden");
    TCase *t = tcase_create("sklearn");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, agrees_with_sklearn, 0, CASES);
    suite_add_tcase(s, t);
    return s;
}
