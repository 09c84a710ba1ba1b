/* SPDX-License-Identifier: Apache-2.0 */
/* Laws of the linear learners, naive Bayes and the constant: ways agree, batches equal single fits, models travel. */
#include "tests/support/fit_make.h"

#include "base/codec.h"
#include "base/mem.h"
#include "data/matrix.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

Suite *suite_linear(void);

enum { ROWS = 120, DENSE = 6, SPARSE = 5, FOLDS = 3 };

struct table {
    double x[ROWS * DENSE], y[ROWS], w[ROWS];
    float s[ROWS * SPARSE];
    struct fit_data data;
};

/* Numbers with missing cells, a constant column, and 0/1 columns beside them. */
static void make_table(struct table *t, enum asx_task task, int classes, uint64_t seed)
{
    uint64_t g = seed;
    for (int i = 0; i < ROWS; i++) {
        double score[4] = {0};
        for (int j = 0; j < DENSE; j++) {
            double z = fit_make_bell(&g);
            t->x[i * DENSE + j] = j == 4 ? 7 : j == 2 && fit_make_unit(&g) < 0.15 ? NAN : 100 * j + (j + 1) * z;
            for (int c = 0; c < 4; c++)
                score[c] += z * ((j * 7 + c * 5) % 6 - 2.5);
        }
        for (int j = 0; j < SPARSE; j++) {
            t->s[i * SPARSE + j] = fit_make_unit(&g) < 0.3;
            score[j % 4] += 2 * (double)t->s[i * SPARSE + j];
        }
        int best = 0;
        for (int c = 0; c < 4; c++) {
            score[c] += 2 * fit_make_bell(&g);
            best = c < classes && score[c] > score[best] ? c : best;
        }
        t->y[i] = classes ? best : 50 + score[0];
        t->w[i] = 1 + (i % 4 == 1);
    }
    t->data = (struct fit_data){.rows = ROWS,
                                .dense = DENSE,
                                .sparse = SPARSE,
                                .x = t->x,
                                .s = t->s,
                                .indicator = true,
                                .task = task,
                                .y = t->y,
                                .classes = classes,
                                .folds = FOLDS};
}

static void run(struct fit_make *m, const struct asx_op *op, int first, int n)
{
    struct asx_err err = {0};
    asx_st st = fit_make_run_some(m, op, first, n, &err);
    ck_assert_msg(st == ASX_OK, "%s: %d %s", op->head.name, st, err.text);
    for (int i = first; i < first + n; i++)
        ck_assert_msg(m->member[i].status == ASX_OK, "%s: %s", op->head.name, m->member[i].err.text);
}

static double distance(const struct fit_make *m, int a, int b)
{
    size_t n = m->problem->splits->fold[m->member[a].fold].n_test * (size_t)m->problem->outputs;
    double most = 0;
    for (size_t i = 0; i < n; i++) {
        double d = fabs((double)m->member[a].pred[i] - (double)m->member[b].pred[i]);
        most = d > most || d != d ? d : most;
    }
    return most;
}

/* Difference of held-out log losses; 0 for regression. */
static double loss_distance(const struct fit_make *m, int a, int b)
{
    const struct asx_fold *f = &m->problem->splits->fold[m->member[a].fold];
    double sum = 0;
    for (size_t i = 0; m->problem->label && i < f->n_test; i++) {
        size_t at = i * (size_t)m->problem->outputs + (size_t)m->problem->label[f->test[i]];
        sum += log(fmax((double)m->member[a].pred[at], 1e-15)) - log(fmax((double)m->member[b].pred[at], 1e-15));
    }
    return fabs(sum) / (double)f->n_test;
}

static struct asx_model *model_of(struct fit_make *m, int at)
{
    struct asx_err err = {0};
    struct asx_model *model = NULL;
    const struct asx_learner *l = m->member[at].config->learner;
    ck_assert_int_eq(l->model(&m->e.exec, &m->member[at], 0, &model, &err), ASX_OK);
    return model;
}

/* Predictions of all rows from the raw matrix. */
static double *predict(struct fit_make *m, const struct asx_learner *l, const struct asx_model *model)
{
    struct asx_err err = {0};
    double *out = calloc(m->pred_size, sizeof *out);
    ck_assert_int_eq(l->predict(model, m->raw, 0, ROWS, out, &err), ASX_OK);
    return out;
}

struct learner_case {
    const char *name;
    enum asx_task task;
    int classes;
};

static const struct learner_case cases[] = {
    {"ridge", ASX_REGRESSION, 0},       {"elastic_net", ASX_REGRESSION, 0},    {"constant", ASX_REGRESSION, 0},
    {"logistic", ASX_BINARY, 2},        {"logistic", ASX_MULTICLASS, 4},       {"gaussian_nb", ASX_BINARY, 2},
    {"gaussian_nb", ASX_MULTICLASS, 4}, {"multinomial_nb", ASX_MULTICLASS, 4}, {"constant", ASX_MULTICLASS, 4},
};
enum { CASES = sizeof cases / sizeof *cases };

static const struct learner_case *start(struct fit_make *m, struct table *t, int at, int threads)
{
    const struct learner_case *k = &cases[at];
    make_table(t, k->task, k->classes, 5);
    if (strcmp(k->name, "multinomial_nb") == 0)
        t->data.dense = 0;
    fit_make_init(m, &t->data, threads);
    return k;
}

/* A config of each kind of penalty, so that fits converge at different times. */
static void vary(struct fit_make *m, struct asx_member *b, int config)
{
    const char *name = b->config->learner->head.name;
    static const double l2[] = {0.01, 1, 100}, small[] = {1e-3, 0.03, 0.3};
    if (strcmp(name, "ridge") == 0 || strcmp(name, "logistic") == 0)
        fit_make_set(m, b, "l2", l2[config]);
    if (strcmp(name, "elastic_net") == 0 || strcmp(name, "multinomial_nb") == 0)
        fit_make_set(m, b, "alpha", small[config]);
    if (strcmp(name, "gaussian_nb") == 0)
        fit_make_set(m, b, "var_smoothing", small[config]);
    if (strcmp(name, "logistic") == 0 && config == 1) {
        fit_make_choose(m, b, "penalty", "elastic_net");
        fit_make_set(m, b, "l1", 0.7);
    }
}

/* Trial by trial: configs x folds as one batch of each way against the reference way one at a time. */
START_TEST(batches_equal_single_fits)
{
    struct fit_make m;
    struct table t;
    const struct learner_case *k = start(&m, &t, _i, 1);
    const struct asx_learner *l = fit_make_learner(k->name);
    for (int way = 0; l->fit[way]; way++) {
        enum { N = 3 * FOLDS };
        for (int pass = 0; pass < 2; pass++)
            for (int i = 0; i < N; i++)
                vary(&m, fit_make_member(&m, l, i % FOLDS), i / FOLDS);
        for (int i = 0; i < N; i++)
            run(&m, l->fit[0], i, 1);
        int step = l->fit[way]->max_batch > 1 ? N : 1;
        for (int i = N; i < 2 * N; i += step)
            run(&m, l->fit[way], i, step);
        double allowed = l->fit[way]->equiv == ASX_BITWISE ? 1e-7 : strstr(l->fit[way]->head.name, "batch_gemm") ? 2e-3 : 2e-4;
        for (int i = 0; i < N; i++)
            ck_assert_msg(loss_distance(&m, i, N + i) < 1e-4, "%s: log loss of member %d is off by %g", l->fit[way]->head.name, i,
                          loss_distance(&m, i, N + i));
        for (int i = 0; i < N; i++)
            ck_assert_msg(distance(&m, i, N + i) <= allowed, "%s: member %d is off by %g", l->fit[way]->head.name, i,
                          distance(&m, i, N + i));
        fit_make_drop(&m);
    }
    fit_make_clear(&m);
}
END_TEST

/* Threads and the order of chunks change nothing, to the last bit. */
START_TEST(threads_change_nothing)
{
    const struct asx_learner *l = fit_make_learner(cases[_i].name);
    for (int way = 0; l->fit[way]; way++) {
        double *out[3];
        for (int pass = 0; pass < 3; pass++) {
            struct fit_make m;
            struct table t;
            start(&m, &t, _i, pass == 1 ? 2 : 1);
            m.e.reverse = pass == 2;
            for (int i = 0; i < 4; i++)
                vary(&m, fit_make_member(&m, l, i % 2 ? FOLDS : 0), i / 2);
            run(&m, l->fit[way], 0, l->fit[way]->max_batch > 1 ? 4 : 1);
            struct asx_model *model = model_of(&m, 0);
            out[pass] = predict(&m, l, model);
            l->free_model(model);
            if (pass)
                ck_assert_mem_eq(out[0], out[pass], m.pred_size * sizeof(double));
            fit_make_clear(&m);
        }
        for (int pass = 0; pass < 3; pass++)
            free(out[pass]);
    }
}
END_TEST

/* A model predicts from raw rows what the fit predicted for the rows it held out; rows one at a time or in blocks. */
START_TEST(models_equal_held_out)
{
    struct fit_make m;
    struct table t;
    const struct learner_case *k = start(&m, &t, _i, 1);
    const struct asx_learner *l = fit_make_learner(k->name);
    const struct asx_fold *fold = &m.problem->splits->fold[1];
    size_t o = (size_t)m.problem->outputs;
    for (int way = 0; l->fit[way]; way++) {
        fit_make_member(&m, l, 1);
        run(&m, l->fit[way], 0, 1);
        struct asx_model *model = model_of(&m, 0);
        double *all = predict(&m, l, model), *one = calloc(o, sizeof *one);
        for (size_t i = 0; i < fold->n_test; i++) {
            struct asx_err err = {0};
            double sum = 0;
            ck_assert_int_eq(l->predict(model, m.raw, fold->test[i], fold->test[i] + 1, one, &err), ASX_OK);
            for (size_t c = 0; c < o; c++) {
                ck_assert_double_eq(one[c], all[fold->test[i] * o + c]);
                ck_assert_double_eq_tol(one[c], (double)m.member[0].pred[i * o + c], 3e-5);
                sum += one[c];
            }
            if (o > 1)
                ck_assert_double_eq_tol(sum, 1, 1e-12);
        }
        free(all);
        free(one);
        l->free_model(model);
        fit_make_drop(&m);
    }
    fit_make_clear(&m);
}
END_TEST

START_TEST(saved_models_predict_the_same)
{
    struct fit_make m;
    struct table t;
    const struct learner_case *k = start(&m, &t, _i, 1);
    const struct asx_learner *l = fit_make_learner(k->name);
    struct asx_err err = {0};
    fit_make_member(&m, l, FOLDS);
    run(&m, l->fit[0], 0, 1);
    struct asx_model *model = model_of(&m, 0), *back = NULL;
    struct asx_writer w;
    struct asx_reader r;
    codec_writer_init(&w, NULL);
    ck_assert_int_eq(l->save(model, &w), ASX_OK);
    codec_reader_init(&r, w.out.s, w.out.n, "model");
    ck_assert_int_eq(l->load(&r, m.e.mem, &back, &err), ASX_OK);
    ck_assert(codec_reader_at_end(&r));
    double *a = predict(&m, l, model), *b = predict(&m, l, back);
    ck_assert_mem_eq(a, b, m.pred_size * sizeof *a);
    l->free_model(back);
    /* cut anywhere, it is refused and nothing leaks */
    for (size_t cut = 0; cut < w.out.n; cut += 5) {
        struct asx_err bad = {0};
        codec_reader_init(&r, w.out.s, cut, "model");
        ck_assert_int_lt(l->load(&r, m.e.mem, &back, &bad), 0);
    }
    codec_writer_clear(&w);
    l->free_model(model);
    free(a);
    free(b);
    fit_make_clear(&m);
}
END_TEST

/* Weight 2 is a row twice: rows i % 4 == 1 have it. */
START_TEST(weights_are_repetitions)
{
    struct table t, twice;
    struct fit_make m;
    const struct learner_case *k = &cases[_i];
    make_table(&t, k->task, k->classes, 9);
    t.data.weight = t.w;
    t.data.rows = ROWS - ROWS / 4;
    int n = 0;
    for (int i = 0; i < ROWS - ROWS / 4; i++)
        for (int copy = 0; copy < (int)t.w[i] && n < ROWS; copy++, n++) {
            memcpy(twice.x + n * DENSE, t.x + i * DENSE, sizeof(double[DENSE]));
            memcpy(twice.s + n * SPARSE, t.s + i * SPARSE, sizeof(float[SPARSE]));
            twice.y[n] = t.y[i];
        }
    twice.data = t.data;
    twice.data.weight = NULL;
    twice.data.rows = (size_t)n;
    twice.data.x = twice.x;
    twice.data.s = twice.s;
    twice.data.y = twice.y;
    const struct asx_learner *l = fit_make_learner(k->name);
    double *out[2];
    if (strcmp(k->name, "multinomial_nb") == 0)
        t.data.dense = twice.data.dense = 0;
    for (int way = 0; l->fit[way]; way++) {
        for (int pass = 0; pass < 2; pass++) {
            fit_make_init(&m, pass ? &twice.data : &t.data, 1);
            struct asx_member *b = fit_make_member(&m, l, FOLDS);
            if (strcmp(k->name, "logistic") == 0)
                fit_make_set(&m, b, "tolerance", 1e-8);
            run(&m, l->fit[way], 0, 1);
            struct asx_model *model = model_of(&m, 0);
            struct asx_err err = {0};
            out[pass] = calloc(m.pred_size + ROWS * 4, sizeof **out);
            /* both tables begin with the same row */
            ck_assert_int_eq(l->predict(model, m.raw, 0, 1, out[pass], &err), ASX_OK);
            l->free_model(model);
            fit_make_clear(&m);
        }
        for (int c = 0; c < (k->classes ? k->classes : 1); c++)
            ck_assert_double_eq_tol(out[0][c], out[1][c],
                                    strstr(l->fit[way]->head.name, "batch_gemm") ? 2e-4 : 2e-5 * (1 + fabs(out[0][c])));
        free(out[0]);
        free(out[1]);
    }
}
END_TEST

/* Every allocation fails once: E_NOMEM (or success by another road), nothing leaks, and the next run is good. */
START_TEST(survives_failed_allocations)
{
    struct fit_make m;
    struct table t;
    const struct learner_case *k = start(&m, &t, _i, 1);
    const struct asx_learner *l = fit_make_learner(k->name);
    for (int way = 0; l->fit[way]; way++) {
        bool ended = false;
        for (long n = 1; !ended; n++) {
            struct asx_err err = {0};
            fit_make_member(&m, l, 0);
            fit_make_member(&m, l, 1);
            long before = mem_allocations();
            mem_fault_after(n);
            asx_st st = fit_make_run_some(&m, l->fit[way], 0, l->fit[way]->max_batch > 1 ? 2 : 1, &err);
            mem_fault_after(0);
            ended = mem_allocations() - before < n;
            ck_assert_msg(st == ASX_OK || st == ASX_E_NOMEM, "%s: %s", l->fit[way]->head.name, err.text);
            if (!ended && st == ASX_OK)
                ck_assert_int_eq(m.member[0].status, ASX_OK);
            fit_make_drop(&m);
            ck_assert_int_lt(n, 2000);
        }
    }
    fit_make_clear(&m);
}
END_TEST

START_TEST(stops_when_asked)
{
    struct fit_make m;
    struct table t;
    const struct learner_case *k = start(&m, &t, _i, 1);
    const struct asx_learner *l = fit_make_learner(k->name);
    for (int way = 0; l->fit[way]; way++)
        for (long after = 0; after < 3; after++) {
            struct asx_err err = {0};
            fit_make_member(&m, l, 0);
            m.e.stop_calls = 0;
            m.e.stop_after = after;
            asx_st st = fit_make_run(&m, l->fit[way], &err);
            ck_assert_msg(st == ASX_STOPPED || m.e.stop_calls <= after, "%s goes on", l->fit[way]->head.name);
            m.e.stop_after = -1;
            fit_make_drop(&m);
        }
    fit_make_clear(&m);
}
END_TEST

/* A fold whose training rows show one class only, and a matrix of constants: probabilities, no NaN. */
START_TEST(one_class_and_constant_columns)
{
    const struct learner_case *k = &cases[_i];
    const struct asx_learner *l = fit_make_learner(k->name);
    struct table t;
    make_table(&t, k->task, k->classes, 5);
    for (int i = 0; i < ROWS; i++) {
        t.y[i] = k->classes ? i % FOLDS == 0 : 3.5;
        for (int j = 0; j < DENSE; j++)
            t.x[i * DENSE + j] = j == 1 ? NAN : 4;
        memset(t.s + i * SPARSE, 0, sizeof(float[SPARSE]));
    }
    if (strcmp(k->name, "multinomial_nb") == 0)
        t.data.dense = 0;
    struct fit_make m;
    fit_make_init(&m, &t.data, 1);
    for (int way = 0; l->fit[way]; way++) {
        fit_make_member(&m, l, 0);
        run(&m, l->fit[way], 0, 1);
        const struct asx_fold *f = &m.problem->splits->fold[0];
        for (size_t i = 0; i < f->n_test * (size_t)m.problem->outputs; i++) {
            float p = m.member[0].pred[i];
            ck_assert_msg(isfinite(p) && (!k->classes || (p >= 0 && p <= 1)), "%s gives %g", l->fit[way]->head.name, (double)p);
        }
        if (k->classes)
            ck_assert_float_gt(m.member[0].pred[0], 0.97f); /* class 0 is all it saw */
        else
            ck_assert_float_eq_tol(m.member[0].pred[0], 3.5f, 1e-5f);
        fit_make_drop(&m);
    }
    fit_make_clear(&m);
}
END_TEST

START_TEST(importance_and_contributions)
{
    struct fit_make m;
    struct table t;
    const struct learner_case *k = start(&m, &t, _i, 1);
    const struct asx_learner *l = fit_make_learner(k->name);
    fit_make_member(&m, l, FOLDS);
    run(&m, l->fit[0], 0, 1);
    struct asx_model *model = model_of(&m, 0);
    size_t cols = m.raw->cols, o = (size_t)m.problem->outputs;
    if (l->importance) {
        double *v = calloc(cols, sizeof *v), sum = 0;
        l->importance(model, v, cols);
        for (size_t j = 0; j < cols; j++)
            sum += v[j];
        ck_assert_double_eq_tol(sum, 1, 1e-12);
        ck_assert_double_eq(v[4], 0); /* the constant column */
        free(v);
    }
    if (l->explain) {
        double *part = calloc(o * (cols + 1), sizeof *part), *all = predict(&m, l, model);
        for (size_t row = 0; row < ROWS; row += 7) {
            struct asx_err err = {0};
            double score[4] = {0}, sum = 0;
            ck_assert_int_eq(l->explain(model, m.raw, row, part, &err), ASX_OK);
            for (size_t c = 0; c < o; c++)
                for (size_t j = 0; j <= cols; j++)
                    score[c] += part[c * (cols + 1) + j];
            for (size_t c = 0; c < o; c++)
                sum += exp(score[c] - score[0]);
            if (o == 1)
                ck_assert_double_eq_tol(score[0], all[row], 1e-9);
            else if (o == 2)
                ck_assert_double_eq_tol(1 / (1 + exp(-score[1])), all[row * o + 1], 1e-9);
            else
                ck_assert_double_eq_tol(1 / sum, all[row * o], 1e-9);
        }
        free(part);
        free(all);
    }
    l->free_model(model);
    fit_make_clear(&m);
}
END_TEST

/* Repeated folds (pieces overlap, training sums are differences) and growing windows against the rows themselves. */
START_TEST(gram_of_any_splits)
{
    enum { MANY = 6 };
    struct fit_make m;
    struct table t;
    make_table(&t, ASX_REGRESSION, 0, 5);
    t.data.folds = MANY;
    fit_make_init(&m, &t.data, 1);
    static uint32_t rows[2 * (MANY + 1)][ROWS];
    struct asx_fold fold[MANY + 1] = {0};
    for (int f = 0; f <= MANY; f++) {
        fold[f].train = rows[2 * f];
        fold[f].test = rows[2 * f + 1];
        for (uint32_t i = 0; i < ROWS; i++) {
            bool held = _i == 0 ? f < MANY && (f < 3 ? i : i / 3) % 3 == (uint32_t)f % 3 : f < MANY && i / 10 == (uint32_t)f + 5;
            bool train = _i == 0 || f == MANY ? !held : i / 10 < (uint32_t)f + 5;
            if (held)
                rows[2 * f + 1][fold[f].n_test++] = i;
            if (train)
                rows[2 * f][fold[f].n_train++] = i;
        }
    }
    struct asx_splits splits = {.folds = MANY, .fold = fold, .key = {8, 8}};
    m.problem->splits = &splits;
    const struct asx_learner *l = fit_make_learner("ridge");
    for (int f = 0; f < MANY; f++)
        fit_make_member(&m, l, f);
    for (int f = 0; f < MANY; f++)
        fit_make_member(&m, l, f);
    for (int f = 0; f < MANY; f++)
        run(&m, l->fit[0], f, 1);
    run(&m, fit_make_way(l, "ridge.fit/gram_chol"), MANY, MANY);
    for (int f = 0; f < MANY; f++)
        ck_assert_msg(distance(&m, f, MANY + f) < 1e-5, "fold %d is off by %g", f, distance(&m, f, MANY + f));
    fit_make_clear(&m);
}
END_TEST

/* A column whose spread drowns in a held-out outlier: the Gram would lose its digits, so the rows are used. */
START_TEST(cancellation_is_guarded)
{
    struct fit_make m;
    struct table t;
    make_table(&t, ASX_REGRESSION, 0, 5);
    t.x[0] = 1e6; /* row 0 is held out in fold 0 */
    fit_make_init(&m, &t.data, 1);
    const struct asx_learner *l = fit_make_learner("ridge");
    for (int i = 0; i < 2; i++)
        fit_make_set(&m, fit_make_member(&m, l, 0), "l2", 1e-3);
    run(&m, l->fit[0], 0, 1);
    run(&m, fit_make_way(l, "ridge.fit/gram_chol"), 1, 1);
    for (size_t i = 1; i < m.problem->splits->fold[0].n_test; i++)
        ck_assert_float_eq_tol(m.member[0].pred[i], m.member[1].pred[i], 1e-4f);
    fit_make_clear(&m);
}
END_TEST

/* The same numbers stored sparse or dense give the same fit: hardly sparse (copied to dense products) and really sparse. */
START_TEST(sparse_equals_dense)
{
    enum { WIDTH = 40 };
    const struct learner_case *k = &cases[_i % CASES];
    if (strcmp(k->name, "multinomial_nb") == 0 || strcmp(k->name, "gaussian_nb") == 0)
        return; /* indicators are Bernoulli only as such */
    const struct asx_learner *l = fit_make_learner(k->name);
    struct table t;
    uint64_t g = 3;
    make_table(&t, k->task, k->classes, 5);
    double *x = calloc(ROWS * WIDTH, sizeof *x);
    float *s = calloc(ROWS * WIDTH, sizeof *s);
    for (int i = 0; i < ROWS * WIDTH; i++)
        if (fit_make_unit(&g) < (_i < CASES ? 0.3 : 0.04))
            x[i] = (double)(s[i] = (float)(0.5 + fit_make_unit(&g)));
    for (int way = 0; l->fit[way]; way++) {
        struct fit_make m[2];
        struct fit_data d = t.data;
        d.weight = t.w;
        d.dense = 0;
        d.sparse = WIDTH;
        d.s = s;
        d.indicator = false;
        fit_make_init(&m[0], &d, 1);
        d.dense = WIDTH;
        d.x = x;
        d.sparse = 0;
        d.s = NULL;
        fit_make_init(&m[1], &d, 1);
        for (int p = 0; p < 2; p++) {
            fit_make_member(&m[p], l, 0);
            run(&m[p], l->fit[way], 0, 1);
        }
        for (size_t i = 0; i < m[0].problem->splits->fold[0].n_test; i++)
            ck_assert_float_eq_tol(m[0].member[0].pred[i], m[1].member[0].pred[i], 5e-4f);
        fit_make_clear(&m[0]);
        fit_make_clear(&m[1]);
    }
    free(x);
    free(s);
}
END_TEST

/* Columns of zeros change nothing, though they push least squares past the widest Gram, to the iterative way. */
START_TEST(very_wide_equals_narrow)
{
    enum { WIDE = 4200 };
    const struct learner_case *k = &cases[_i];
    const struct asx_learner *l = fit_make_learner(k->name);
    struct table t;
    struct fit_make m[2];
    make_table(&t, k->task, k->classes, 5);
    float *wide = calloc(ROWS * WIDE, sizeof *wide);
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < SPARSE; j++)
            wide[i * WIDE + 800 * j + 3] = t.s[i * SPARSE + j];
    struct fit_data d = t.data;
    d.dense = strcmp(k->name, "multinomial_nb") == 0 ? 0 : DENSE;
    fit_make_init(&m[0], &d, 1);
    d.sparse = WIDE;
    d.s = wide;
    fit_make_init(&m[1], &d, 1);
    for (int p = 0; p < 2; p++) {
        fit_make_member(&m[p], l, 1);
        run(&m[p], l->fit[0], 0, 1);
    }
    for (size_t i = 0; i < m[0].problem->splits->fold[1].n_test && strcmp(k->name, "multinomial_nb") != 0; i++)
        ck_assert_float_eq_tol(m[0].member[0].pred[i], m[1].member[0].pred[i], k->classes ? 2e-4f : 2e-3f);
    fit_make_clear(&m[0]);
    fit_make_clear(&m[1]);
    free(wide);
}
END_TEST

START_TEST(work_grows_with_the_batch)
{
    struct table t;
    struct fit_make m;
    const struct learner_case *k = start(&m, &t, _i, 1);
    const struct asx_learner *l = fit_make_learner(k->name);
    for (int i = 0; i < 6; i++)
        fit_make_member(&m, l, i % FOLDS);
    for (int way = 0; l->fit[way]; way++) {
        double before = 0;
        for (int n = 1; n <= 6; n++) {
            struct asx_batch b = {
                .member = m.member, .n = n, .shape = {.rows = 80, .cols = 11, .dense = 6, .nnz = 200, .test_rows = 40}};
            struct asx_work w = {0};
            double sum = 0;
            l->fit[way]->work(m.problem, &b, &w);
            ck_assert_int_gt(w.n_once, 0);
            for (int u = 0; u < w.n_once; u++) {
                const struct asx_use *s = &w.once[u];
                sum += (s->times ? s->times : 1) * (1 + s->m) * (1 + s->n) * (1 + s->p);
            }
            ck_assert_msg(isfinite(sum) && sum >= before, "%s: work falls from %g to %g", l->fit[way]->head.name, before, sum);
            before = sum;
        }
    }
    fit_make_clear(&m);
}
END_TEST

Suite *suite_linear(void)
{
    Suite *s = suite_create("linear");
    TCase *t = tcase_create("laws");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, batches_equal_single_fits, 0, CASES);
    tcase_add_loop_test(t, threads_change_nothing, 0, CASES);
    tcase_add_loop_test(t, models_equal_held_out, 0, CASES);
    tcase_add_loop_test(t, saved_models_predict_the_same, 0, CASES);
    tcase_add_loop_test(t, weights_are_repetitions, 0, CASES);
    tcase_add_loop_test(t, survives_failed_allocations, 0, CASES);
    tcase_add_loop_test(t, stops_when_asked, 0, CASES);
    tcase_add_loop_test(t, one_class_and_constant_columns, 0, CASES);
    tcase_add_loop_test(t, importance_and_contributions, 0, CASES);
    tcase_add_loop_test(t, gram_of_any_splits, 0, 2);
    tcase_add_test(t, cancellation_is_guarded);
    tcase_add_loop_test(t, sparse_equals_dense, 0, 2 * CASES);
    tcase_add_loop_test(t, very_wide_equals_narrow, 0, CASES);
    tcase_add_loop_test(t, work_grows_with_the_batch, 0, CASES);
    suite_add_tcase(s, t);
    return s;
}
