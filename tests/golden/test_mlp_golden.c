/* SPDX-License-Identifier: Apache-2.0 */
/* Passes of a perceptron against scikit-learn's for the same weights (make_mlp.py): outputs, loss and gradient. */
#include "tests/support/fit_make.h"

#include "base/mem.h"
#include "learners/mlp/fit.h"

#include <check.h>
#include <math.h>
#include <string.h>

Suite *suite_mlp_golden(void);

enum { ROWS = 9, COLS = 3, WIDTH = 4 };

struct mlp_case {
    int classes, hidden;
    double loss;
    int n;
    double out[ROWS * 4]; /* of two classes both */
    int weights;
    double gradient[80];
};
#include "tests/golden/mlp_cases.h"
enum { CASES = sizeof mlp_cases / sizeof *mlp_cases };

/* Rows, answers and weights as make_mlp.py draws them. */
static void draw(const struct mlp_case *k, const struct mlp_net *net, float *x, double *y, float *w)
{
    uint64_t g = 60 + (uint64_t)k->classes;
    for (int i = 0; i < ROWS * COLS; i++)
        x[i] = (float)fit_make_bell(&g);
    for (int i = 0; i < ROWS; i++)
        y[i] = k->classes ? i % k->classes : fit_make_bell(&g);
    for (int l = 0; l < net->layers; l++)
        for (size_t i = net->at[l]; i < mlp_bias_at(net, l) + net->dim[l + 1]; i++)
            w[i] = (float)(0.5 * fit_make_bell(&g));
}

/* Scores to the gradient of the mean loss by them, in place; the loss. */
static double mean_loss(const struct asx_device *device, int classes, float *z, const double *y)
{
    double loss = 0;
    float weight[ROWS];
    for (int i = 0; i < ROWS; i++)
        weight[i] = 1.0f / ROWS;
    int outputs = classes > 2 ? classes : 1;
    if (classes) {
        struct asx_glm_args g = {.rows = ROWS,
                                 .k = 1,
                                 .outputs = outputs,
                                 .z = asx_buf_of(z),
                                 .ldz = (size_t)outputs,
                                 .y = y,
                                 .weight = weight,
                                 .loss = &loss};
        ck_assert_int_eq(asx_run_kernel(device, ASX_K_GLM_STEP, &g), ASX_OK);
        return loss;
    }
    for (int i = 0; i < ROWS; i++) {
        double d = (double)z[i] - y[i];
        loss += d * d / (2 * ROWS);
        z[i] = (float)(d / ROWS);
    }
    return loss;
}

static void near(const struct mlp_case *k, const char *what, int at, double got, double want)
{
    ck_assert_msg(fabs(got - want) < 2e-5 * (1 + fabs(want)), "%d classes, %d layers: %s %d is %.9g, not %.9g", k->classes,
                  k->hidden, what, at, got, want);
}

START_TEST(equals_scikit_learn)
{
    const struct mlp_case *k = &mlp_cases[_i];
    double cells[ROWS] = {0}, y[ROWS], out[4];
    struct fit_make m;
    fit_make_init(&m, &(struct fit_data){.rows = ROWS, .dense = 1, .x = cells, .y = cells, .task = ASX_REGRESSION, .folds = 2},
                  1); /* for its device */
    struct mlp_net net;
    struct mlp_pass pass;
    mlp_net_init(&net, COLS, k->hidden, WIDTH, k->classes > 2 ? (size_t)k->classes : 1);
    float w[256] = {0}, gradient[256] = {0};
    ck_assert_uint_le(net.size, 256);
    ck_assert(mlp_pass_init(&pass, &net, m.device, ROWS, true, m.e.scratch));
    draw(k, &net, pass.act[0], y, w);
    ck_assert_int_eq(mlp_forward(&pass, w, ROWS, NULL), ASX_OK);
    float *z = pass.act[net.layers];
    struct mlp_target t = {
        .task = fit_make_task(k->classes), .outputs = k->classes ? k->classes : 1, .sd = 1, .low = -1e9, .high = 1e9};
    for (int i = 0; i < ROWS; i++) {
        mlp_outputs(&t, z + (size_t)i * net.dim[net.layers], out);
        for (int c = 0; c < t.outputs; c++)
            near(k, "output", i * t.outputs + c, out[c], k->out[i * t.outputs + c]);
    }
    near(k, "loss", 0, mean_loss(m.device, k->classes, z, y), k->loss);
    ck_assert_int_eq(mlp_backward(&pass, w, ROWS, NULL, gradient), ASX_OK);
    int at = 0;
    for (int l = 0; l < net.layers; l++)
        for (size_t i = net.at[l]; i < mlp_bias_at(&net, l) + net.dim[l + 1]; i++, at++)
            near(k, "gradient", at, (double)gradient[i], k->gradient[at]);
    ck_assert_int_eq(at, k->weights);
    fit_make_clear(&m);
}
END_TEST

Suite *suite_mlp_golden(void)
{
    Suite *s = suite_create("mlp_golden");
    TCase *c = tcase_create("scikit-learn");
    tcase_add_loop_test(c, equals_scikit_learn, 0, CASES);
    suite_add_tcase(s, c);
    return s;
}
