/* SPDX-License-Identifier: Apache-2.0 */
/* The steps impute and scale on a fold's statistics, against scikit-learn's imputers and scalers (make_scale.py). */
#include "tests/support/fit_make.h"

#include "data/matrix.h"
#include "engine/registry.h"

#include <check.h>
#include <math.h>
#include <string.h>

Suite *suite_scale_golden(void);

enum { ROWS = 75, COLS = 6, FOLDS = 3 };

struct scale_case {
    int seed, weighted;
    const char *strategy, *kind;
    double fill[COLS], centre[COLS], scale[COLS];
};
#include "tests/golden/scale_cases.h"
enum { CASES = sizeof scale_cases / sizeof *scale_cases };

/* The table of make_scale.py, bit for bit. */
static void make_table(int seed, double *x, double *y, double *w)
{
    uint64_t g = (uint64_t)seed;
    for (int i = 0; i < ROWS; i++) {
        double z[COLS];
        for (int j = 0; j < COLS; j++)
            z[j] = fit_make_bell(&g);
        const double cells[COLS] = {z[0], 1e6 + 3 * z[1], 1e-5 * z[2], floor(2 * z[3]), 4, z[5] * z[5] * z[5]};
        memcpy(x + i * COLS, cells, sizeof cells);
        for (int j = 1; j < COLS; j += 2)
            if (fit_make_unit(&g) < 0.2)
                x[i * COLS + j] = NAN;
        w[i] = 0.5 + fit_make_unit(&g);
        y[i] = i;
    }
}

struct steps {
    const struct asx_prep *impute, *scale;
    struct config_make config;
};

static void chain(void *arg, size_t col, const struct asx_column_stats *s, double *fill, double *centre, double *scale)
{
    const struct steps *p = arg;
    (void)col;
    double f = *fill, c = *centre, k = *scale;
    p->impute->constants(s, &p->config.config, &f, &c, &k);
    p->scale->constants(s, &p->config.config, &f, &c, &k);
    *fill = f;
    *centre = c;
    *scale = k;
}

static void near(const struct scale_case *k, const char *what, int column, double got, double want, double size)
{
    ck_assert_msg(fabs(got - want) <= 2e-6 * fmax(fabs(want), size), "%s, %s, weighted %d: %s of column %d is %.12g, not %.12g",
                  k->strategy, k->kind, k->weighted, what, column, got, want);
}

START_TEST(equals_scikit_learn)
{
    const struct scale_case *k = &scale_cases[_i];
    double x[ROWS * COLS], y[ROWS], w[ROWS];
    make_table(k->seed, x, y, w);
    struct fit_make m;
    fit_make_init(&m, &(struct fit_data){.rows = ROWS, .dense = COLS, .x = x, .y = y, .task = ASX_REGRESSION, .folds = FOLDS}, 1);
    struct steps p = {.impute = registry_prep(registry_builtin(), "impute"), .scale = registry_prep(registry_builtin(), "scale")};
    config_make_init(&p.config, NULL);
    config_make_add(&p.config, "impute", p.impute->params, p.impute->n_params);
    config_make_add(&p.config, "scale", p.scale->params, p.scale->n_params);
    config_make_choose(&p.config, "impute.strategy", k->strategy);
    config_make_set(&p.config, "impute.fill_value", 2.5);
    config_make_choose(&p.config, "scale.kind", k->kind);
    struct asx_affine *a = NULL;
    struct asx_err err = {0};
    const struct asx_fold *fold = &m.problem->splits->fold[1];
    ck_assert_msg(affine_make(NULL, m.packed, fold->train, fold->n_train, k->weighted ? w : NULL, AFFINE_MEDIAN, chain, &p, 1, NULL,
                              &a, &err) == ASX_OK,
                  "%s", err.text);
    for (int j = 0; j < COLS; j++) {
        /* cells are kept as f32 of (x - shift) unit: a spread of 3 around a million is kept to a ten-millionth of 3 */
        near(k, "fill", j, a->fill[j], k->fill[j], k->scale[j]);
        near(k, "centre", j, a->centre[j], k->centre[j], k->scale[j]);
        near(k, "scale", j, a->scale[j], k->scale[j], 0);
    }
    affine_free(a);
    fit_make_clear(&m);
}
END_TEST

Suite *suite_scale_golden(void)
{
    Suite *s = suite_create("scale_golden");
    TCase *c = tcase_create("scikit-learn");
    tcase_add_loop_test(c, equals_scikit_learn, 0, CASES);
    suite_add_tcase(s, c);
    return s;
}
