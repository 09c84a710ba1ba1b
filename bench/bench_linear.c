/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What sharing is worth to linear models, as ratios measured in one run: ridge from one Gram against a
 * fit per trial, and logistic fits as columns of one product against the same fits one by one.
 * What would take minutes is measured on a few trials and multiplied.
 *
 *     build/bench_linear [rows [columns]]
 */
#include "tests/support/fit_make.h"

#include "base/clock.h"
#include "base/mem.h"
#include "data/matrix.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Seconds of a run over members [first, first + n); the best of three. */
static double seconds(struct fit_make *m, const struct asx_op *op, int first, int n)
{
    double best = INFINITY;
    for (int pass = 0; pass < 3; pass++) {
        struct asx_err err = {0};
        double start = clock_now();
        asx_st st = fit_make_run_some(m, op, first, n, &err);
        double took = clock_now() - start;
        best = took < best ? took : best;
        if (st || m->member[first].status) {
            fprintf(stderr, "%s: %s%s\n", op->head.name, err.text, m->member[first].err.text);
            exit(1);
        }
    }
    return best;
}

/* Neighbouring columns correlate by about a half; the target is a noisy linear score or its sign. */
static void fill(struct fit_data *d, double **x, double **y)
{
    uint64_t g = 77;
    *x = malloc(d->rows * d->dense * sizeof **x);
    *y = malloc(d->rows * sizeof **y);
    if (!*x || !*y)
        exit(1);
    for (size_t i = 0; i < d->rows; i++) {
        double score = 2 * fit_make_bell(&g), *row = *x + i * d->dense;
        for (size_t j = 0; j < d->dense; j++) {
            row[j] = fit_make_bell(&g) + (j ? 0.5 * row[j - 1] : 0);
            score += sin((double)j) * row[j] / 3;
        }
        (*y)[i] = d->classes ? score > 0 : score;
    }
    d->x = *x;
    d->y = *y;
}

static void ridge(size_t rows, size_t cols)
{
    enum { FOLDS = 10, PENALTIES = 6, ALL = 100 };
    struct fit_data d = {.rows = rows, .dense = cols, .task = ASX_REGRESSION, .folds = FOLDS};
    static struct fit_make m;
    double *x, *y;
    fill(&d, &x, &y);
    fit_make_init(&m, &d, 1);
    const struct asx_learner *l = fit_make_learner("ridge");
    const struct asx_op *eigen = fit_make_way(l, "ridge.fit/gram_eigen"), *chol = fit_make_way(l, "ridge.fit/gram_chol");
    for (int i = 0; i < FOLDS * PENALTIES; i++)
        fit_make_set(&m, fit_make_member(&m, l, i % FOLDS), "l2", pow(10, i / FOLDS - 2));
    struct asx_err err = {0};
    double start = clock_now();
    if (fit_make_run_some(&m, chol, 0, 1, &err))
        exit(1);
    double gram = clock_now() - start; /* the first run makes the Gram */
    double first = seconds(&m, eigen, 0, FOLDS), many = seconds(&m, eigen, 0, FOLDS * PENALTIES);
    double each = fmax(many - first, 0) / (PENALTIES - 1), by_eigen = gram + first + each * (ALL - 1);
    double by_chol = gram + seconds(&m, chol, 0, FOLDS * PENALTIES) * ALL / PENALTIES;
    double direct = seconds(&m, l->fit[0], 0, 1) * FOLDS * ALL;
    printf("ridge %zu x %zu, %d penalties x %d folds, 1 thread, held-out predictions included\n", rows, cols, ALL, FOLDS);
    printf("  a fit per trial             %8.3f s\n", direct);
    printf("  Gram, Cholesky per penalty  %8.3f s   ratio %6.1f\n", by_chol, direct / by_chol);
    printf("  Gram, eigen per fold        %8.3f s   ratio %6.1f   (Gram %.3f s, eigen %.3f s)\n", by_eigen, direct / by_eigen, gram,
           first - each);
    fit_make_clear(&m);
    free(x);
    free(y);
}

static void logistic(size_t rows, size_t cols)
{
    enum { FOLDS = 4, MOST = 64 };
    struct fit_data d = {.rows = rows, .dense = cols, .task = ASX_BINARY, .classes = 2, .folds = FOLDS};
    static struct fit_make m;
    double *x, *y;
    fill(&d, &x, &y);
    fit_make_init(&m, &d, 1);
    const struct asx_learner *l = fit_make_learner("logistic");
    const struct asx_op *batch = fit_make_way(l, "logistic.fit/batch_gemm");
    for (int i = 0; i < MOST; i++) {
        struct asx_member *b = fit_make_member(&m, l, i % FOLDS);
        fit_make_set(&m, b, "l2", pow(10, i / FOLDS % 5 - 2));
    }
    double single = 0, rows_f64 = seconds(&m, l->fit[0], 0, 1);
    for (int i = 0; i < 2 * FOLDS; i++)
        single += seconds(&m, batch, i, 1) / (2 * FOLDS);
    printf("logistic %zu x %zu, binary, configs x %d folds, 1 thread\n", rows, cols, FOLDS);
    printf("  one by one, f64 row by row  %8.4f s a fit   ratio %6.2f\n", rows_f64, single / rows_f64);
    printf("  one by one                  %8.4f s a fit\n", single);
    for (int k = 4; k <= MOST; k *= 4) {
        double s = seconds(&m, batch, 0, k) / k;
        printf("  %2d as one product           %8.4f s a fit   ratio %6.1f\n", k, s, single / s);
    }
    fit_make_clear(&m);
    free(x);
    free(y);
}

int main(int argc, char **argv)
{
    size_t rows = argc > 1 ? (size_t)strtoul(argv[1], NULL, 10) : 50000, cols = argc > 2 ? (size_t)strtoul(argv[2], NULL, 10) : 0;
    ridge(rows, cols ? cols : 200);
    logistic(rows, cols ? cols : 100);
    return 0;
}
