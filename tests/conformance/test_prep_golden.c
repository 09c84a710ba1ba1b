/* SPDX-License-Identifier: Apache-2.0 */
/* Preparation steps against scikit-learn, the calendar, and their own formulas. */
#include "base/mem.h"
#include "engine/registry.h"
#include "tests/conformance/prep_cases.h"
#include "tests/runner.h"
#include "tests/support/block_dense.h"
#include "tests/support/exec_make.h"
#include "tests/support/frame_make.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(list) (sizeof(list) / sizeof *(list))

static const struct asx_prep *step(const char *name)
{
    for (int k = 0; registry_builtin()->prep[k]; k++)
        if (strcmp(registry_builtin()->prep[k]->head.name, name) == 0)
            return registry_builtin()->prep[k];
    ck_abort_msg("step '%s' is not registered", name);
    return NULL;
}

/* A step on the first column of a made table. */
struct bench {
    const struct asx_prep *step;
    struct frame_make *made;
    struct asx_problem *problem;
    struct config_make config;
    struct exec_make exec;
    struct asx_prep_input in;
    struct asx_prep_state *state;
    struct asx_block block;
    int32_t column;
};

static void set_up(struct bench *b, const char *name, struct frame_make *made, enum asx_task task, const double *y, int classes)
{
    double *zero = y ? NULL : calloc(frame_make_frame(made)->rows + 1, sizeof *zero);
    *b = (struct bench){.step = step(name), .made = made};
    b->problem = frame_make_problem(made, task, y ? y : zero, classes, 2);
    free(zero);
    config_make_init(&b->config, NULL);
    config_make_add(&b->config, name, b->step->params, b->step->n_params);
    exec_make_init(&b->exec, b->problem, 1);
    b->in = (struct asx_prep_input){.problem = b->problem,
                                    .frame = b->problem->frame,
                                    .column = &b->column,
                                    .columns = 1,
                                    .config = &b->config.config,
                                    .seed = 9};
}

static void fit(struct bench *b)
{
    struct asx_err err = {0};
    asx_st st = b->step->fit_transform ? b->step->fit_transform(&b->exec.exec, &b->in, &b->state, &b->block, &err)
                                       : b->step->fit(&b->exec.exec, &b->in, &b->state, &err);
    ck_assert_msg(st == ASX_OK, "%s", err.text);
    if (!b->step->fit_transform)
        ck_assert_int_eq(b->step->transform(&b->exec.exec, b->state, b->in.frame, &b->column, 1, &b->block, &err), ASX_OK);
    ck_assert_ptr_null(block_wrong(&b->block));
}

/* The first column of another frame through the fitted state. */
static double *apply(struct bench *b, const struct asx_frame *f, size_t *cols)
{
    struct asx_err err = {0};
    struct asx_block block;
    ck_assert_msg(b->step->transform(&b->exec.exec, b->state, f, &b->column, 1, &block, &err) == ASX_OK, "%s", err.text);
    double *x = block_dense(&block);
    *cols = block.cols;
    b->step->free_block(&block);
    return x;
}

static void refit(struct bench *b)
{
    b->step->free_state(b->state);
    b->step->free_block(&b->block);
    fit(b);
}

static void tear_down(struct bench *b)
{
    b->step->free_state(b->state);
    b->step->free_block(&b->block);
    ck_assert_uint_eq(exec_make_leaked(&b->exec), 0);
    exec_make_clear(&b->exec);
    frame_make_free(b->made);
}

static struct frame_make *categories(const char *const *cells, size_t n)
{
    struct frame_make *f = frame_make_new(n);
    frame_make_strings(f, "colour", ASX_CATEGORICAL, cells);
    return f;
}

/* ---- text ------------------------------------------------------------------- */

START_TEST(tfidf_equals_sklearn)
{
    const struct tfidf_case *c = &tfidf_cases[_i];
    struct frame_make *f = frame_make_new(COUNT(texts));
    frame_make_strings(f, "t", ASX_TEXT, texts);
    struct bench b;
    set_up(&b, "tfidf", f, ASX_REGRESSION, NULL, 0);
    config_make_choose(&b.config, "tfidf.analyzer", c->analyzer);
    config_make_set(&b.config, "tfidf.ngram_min", c->low);
    config_make_set(&b.config, "tfidf.ngram_max", c->high);
    config_make_set(&b.config, "tfidf.min_df", c->min_df);
    config_make_set(&b.config, "tfidf.sublinear_tf", c->sublinear);
    config_make_set(&b.config, "tfidf.max_features", c->max_features);
    fit(&b);
    for (int k = 0; k < c->n && (size_t)k < b.block.cols; k++)
        ck_assert_str_eq(b.block.name[k] + 2, c->term[k]);
    ck_assert_uint_eq(b.block.cols, (size_t)c->n);
    for (size_t i = 0; i <= COUNT(texts); i++)
        ck_assert_int_eq(b.block.csr.indptr[i], c->start[i]);
    for (int k = 0; k < c->start[COUNT(texts)]; k++) {
        ck_assert_int_eq(b.block.csr.indices[k], c->index[k]);
        ck_assert_double_eq_tol((double)b.block.csr.values[k], c->value[k], 1e-6);
    }
    tear_down(&b);
}
END_TEST

/* A categorical column's levels weigh as many documents as rows have them. */
START_TEST(tfidf_of_levels_equals_text)
{
    const char *cells[40];
    for (int i = 0; i < 40; i++)
        cells[i] = i % 7 == 3 ? NULL : texts[i * i % (int)COUNT(texts)];
    struct frame_make *f = frame_make_new(40), *g = frame_make_new(40);
    frame_make_strings(f, "t", ASX_TEXT, cells);
    frame_make_strings(g, "t", ASX_CATEGORICAL, cells);
    struct bench a, b;
    set_up(&a, "tfidf", f, ASX_REGRESSION, NULL, 0);
    set_up(&b, "tfidf", g, ASX_REGRESSION, NULL, 0);
    uint32_t rows[20];
    for (uint32_t i = 0; i < 20; i++)
        rows[i] = 2 * i + i % 2;
    config_make_set(&a.config, "tfidf.min_df", 6); /* so few terms that the number of levels sets no limit */
    config_make_set(&b.config, "tfidf.min_df", 6);
    a.in.rows = b.in.rows = rows;
    a.in.n_rows = b.in.n_rows = 20;
    fit(&a);
    fit(&b);
    ck_assert(a.block.cols > 2);
    ck_assert_uint_eq(a.block.cols, b.block.cols);
    double *x = block_dense(&a.block), *y = block_dense(&b.block);
    ck_assert_mem_eq(x, y, 40 * a.block.cols * sizeof *x);
    free(x);
    free(y);
    tear_down(&a);
    tear_down(&b);
}
END_TEST

/* Levels never become more columns than one-hot would make of them. */
START_TEST(tfidf_of_levels_is_bounded)
{
    struct frame_make *f = frame_make_new(COUNT(texts));
    frame_make_strings(f, "t", ASX_CATEGORICAL, texts);
    struct bench b;
    set_up(&b, "tfidf", f, ASX_REGRESSION, NULL, 0);
    config_make_set(&b.config, "tfidf.min_df", 1);
    fit(&b);
    ck_assert_uint_eq(b.block.cols, COUNT(texts));
    tear_down(&b);
}
END_TEST

/* max_features keeps the terms of most documents. */
START_TEST(tfidf_keeps_the_commonest)
{
    struct frame_make *f = frame_make_new(COUNT(texts));
    frame_make_strings(f, "t", ASX_TEXT, texts);
    struct bench b;
    set_up(&b, "tfidf", f, ASX_REGRESSION, NULL, 0);
    config_make_set(&b.config, "tfidf.ngram_max", 1);
    config_make_set(&b.config, "tfidf.max_features", 2);
    fit(&b);
    ck_assert_uint_eq(b.block.cols, 2); /* "dog" is in 4 texts, "and" and "fox" in 3, no other in as many */
    ck_assert_int_ge(block_find(&b.block, "t:dog"), 0);
    ck_assert(block_find(&b.block, "t:fox") >= 0 || block_find(&b.block, "t:and") >= 0);
    tear_down(&b);
}
END_TEST

/* ---- categories --------------------------------------------------------------- */

START_TEST(onehot_equals_sklearn)
{
    const struct onehot_case *c = &onehot_cases[_i];
    struct bench b;
    set_up(&b, "onehot", categories(onehot_cells, COUNT(onehot_cells)), ASX_REGRESSION, NULL, 0);
    config_make_set(&b.config, "onehot.min_frequency", c->min_frequency);
    config_make_set(&b.config, "onehot.max_levels", c->max_levels);
    fit(&b);
    ck_assert_uint_eq(b.block.cols, (size_t)c->n);
    for (int k = 0; k < c->n; k++)
        ck_assert_str_eq(b.block.name[k], c->name[k]);
    for (size_t i = 0; i < COUNT(onehot_cells); i++) {
        ck_assert_int_eq(b.block.csr.indptr[i + 1] - b.block.csr.indptr[i], 1);
        ck_assert_int_eq(b.block.csr.indices[i], c->at[i]);
        ck_assert_double_eq((double)b.block.csr.values[i], 1);
    }
    tear_down(&b);
}
END_TEST

static const char *const few[] = {"b", "a", NULL, "a", "b", "b"};
static const char *const newer[] = {"a", "b", NULL, "c"};

/* Two levels give one column; missing cells give one more when there were any; unseen levels count as missing. */
START_TEST(onehot_of_two_levels)
{
    struct bench b;
    set_up(&b, "onehot", categories(few, 6), ASX_REGRESSION, NULL, 0);
    fit(&b);
    ck_assert_uint_eq(b.block.cols, 2);
    ck_assert_str_eq(b.block.name[0], "colour=b");
    ck_assert_str_eq(b.block.name[1], "colour=(missing)");
    struct frame_make *g = categories(newer, 4);
    size_t cols;
    double *x = apply(&b, frame_make_frame(g), &cols);
    double want[] = {0, 0, 1, 0, 0, 1, 0, 1};
    ck_assert_mem_eq(x, want, sizeof want);
    free(x);
    frame_make_free(g);
    tear_down(&b);
    /* without missing cells at fitting they are all zero later */
    const char *whole[] = {"a", "b", "x", "a", "b", "x"};
    set_up(&b, "onehot", categories(whole, 6), ASX_REGRESSION, NULL, 0);
    fit(&b);
    g = categories(newer, 4);
    x = apply(&b, frame_make_frame(g), &cols);
    double want3[] = {1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0};
    ck_assert_uint_eq(cols, 3);
    ck_assert_mem_eq(x, want3, sizeof want3);
    free(x);
    frame_make_free(g);
    tear_down(&b);
}
END_TEST

START_TEST(ordinal_codes_by_frequency)
{
    struct bench b;
    set_up(&b, "ordinal", categories(onehot_cells, COUNT(onehot_cells)), ASX_REGRESSION, NULL, 0);
    config_make_set(&b.config, "ordinal.max_levels", 4);
    fit(&b);
    ck_assert_int_eq(b.block.col[0].levels, 4);
    ck_assert_int_eq(b.block.kind[0], ASX_COL_CODE);
    /* 21 black, 14 blue, 9 red, then the others together */
    static const char *const order[] = {"black", "blue", "red"};
    for (size_t i = 0; i < COUNT(onehot_cells); i++) {
        int want = 3;
        for (int k = 0; k < 3; k++)
            if (strcmp(onehot_cells[i], order[k]) == 0)
                want = k;
        ck_assert_int_eq(((const int32_t *)b.block.col[0].data)[i], want);
    }
    size_t cols;
    static const char *const later[] = {"blue", "mauve", NULL, "green"};
    struct frame_make *g = categories(later, 4);
    double *x = apply(&b, frame_make_frame(g), &cols);
    ck_assert(x[0] == 1 && isnan(x[1]) && isnan(x[2]) && x[3] == 3);
    free(x);
    frame_make_free(g);
    tear_down(&b);
    /* two levels are a number */
    set_up(&b, "ordinal", categories(few, 6), ASX_REGRESSION, NULL, 0);
    fit(&b);
    ck_assert(b.block.kind[0] == ASX_COL_NUMBER && b.block.col[0].levels == 0);
    x = block_dense(&b.block);
    ck_assert(x[0] == 0 && x[1] == 1 && isnan(x[2]));
    free(x);
    tear_down(&b);
}
END_TEST

/* ---- target --------------------------------------------------------------------- */

static const char *const sorted_levels[] = {"Red", "black", "blue", "b\303\251ige", "green", "red", "white"};

START_TEST(target_equals_sklearn)
{
    const struct target_case *c = &target_cases[_i];
    enum asx_task task = !strcmp(c->kind, "binary") ? ASX_BINARY : !strcmp(c->kind, "multiclass") ? ASX_MULTICLASS : ASX_REGRESSION;
    struct bench b;
    set_up(&b, "target", categories(onehot_cells, COUNT(onehot_cells)), task, c->y,
           task == ASX_BINARY       ? 2
           : task == ASX_MULTICLASS ? 3
                                    : 0);
    config_make_set(&b.config, "target.smoothing", c->smoothing);
    fit(&b);
    struct frame_make *g = categories(sorted_levels, COUNT(sorted_levels));
    size_t cols;
    double *x = apply(&b, frame_make_frame(g), &cols);
    ck_assert_uint_eq(cols, task == ASX_MULTICLASS ? 2 : 1);
    /* of three classes the two most frequent are encoded */
    int skip = -1, count[3] = {0};
    if (task == ASX_MULTICLASS) {
        for (size_t i = 0; i < COUNT(onehot_cells); i++)
            count[(int)c->y[i]]++;
        for (int k = 0; k < 3; k++)
            if (skip < 0 || count[k] <= count[skip])
                skip = k;
    }
    ck_assert_int_eq(c->levels, (int)COUNT(sorted_levels));
    for (int o = 0, k = 0; o < c->outputs; o++) {
        if (o == skip)
            continue;
        for (int l = 0; l < c->levels; l++) {
            double want = c->value[o * c->levels + l];
            ck_assert_double_eq_tol(x[(size_t)l * cols + (size_t)k], want, 1e-6 * fabs(want) + 1e-9);
        }
        k++;
    }
    free(x);
    frame_make_free(g);
    tear_down(&b);
}
END_TEST

/* A training row's encoding does not know the row's own target. */
START_TEST(target_is_cross_fitted)
{
    struct bench b;
    set_up(&b, "target", categories(onehot_cells, COUNT(onehot_cells)), ASX_REGRESSION, target_cases[COUNT(target_cases) - 1].y, 0);
    fit(&b);
    double *before = block_dense(&b.block), *y = (double *)(uintptr_t)b.problem->y;
    size_t others = 0;
    for (size_t i = 0; i < 10; i++) {
        double was = y[i];
        y[i] = 1e6;
        refit(&b);
        double *after = block_dense(&b.block);
        ck_assert_double_eq(before[i], after[i]);
        for (size_t j = 0; j < COUNT(onehot_cells); j++)
            others += before[j] != after[j];
        free(after);
        y[i] = was;
    }
    ck_assert(others > 100); /* while most others do */
    free(before);
    tear_down(&b);
}
END_TEST

/* Weights count as repetitions. */
START_TEST(target_weights)
{
    enum { N = 40 };
    const char *cells[2 * N];
    double y[2 * N], weight[N];
    size_t n = 0;
    for (int i = 0; i < N; i++) {
        cells[i] = onehot_cells[i];
        y[i] = (double)(i * 7 % 11);
        weight[i] = 1 + i % 2;
    }
    struct bench a, b;
    set_up(&a, "target", categories(cells, N), ASX_REGRESSION, y, 0);
    a.problem->fit_weight = weight;
    const char *twice[2 * N];
    double y2[2 * N];
    for (int i = 0; i < N; i++)
        for (int k = 0; k <= i % 2; k++) {
            twice[n] = cells[i];
            y2[n++] = y[i];
        }
    set_up(&b, "target", categories(twice, n), ASX_REGRESSION, y2, 0);
    fit(&a);
    fit(&b);
    struct frame_make *g = categories(sorted_levels, COUNT(sorted_levels));
    size_t cols;
    double *u = apply(&a, frame_make_frame(g), &cols), *v = apply(&b, frame_make_frame(g), &cols);
    for (size_t l = 0; l < COUNT(sorted_levels); l++)
        ck_assert_double_eq_tol(u[l], v[l], 1e-6 * fabs(v[l]) + 1e-9);
    free(u);
    free(v);
    frame_make_free(g);
    tear_down(&a);
    tear_down(&b);
}
END_TEST

/* Missing cells: a value of their own (NaN) when training had some, else the mean; unseen levels alike. */
START_TEST(target_missing)
{
    static const double y[] = {4, 1, 7, 2, 5, 5};
    static const char *const whole[] = {"a", "b", "x", "a", "b", "x"};
    for (int v = 0; v < 2; v++) {
        struct bench b;
        set_up(&b, "target", categories(v ? whole : few, 6), ASX_REGRESSION, y, 0);
        fit(&b);
        struct frame_make *g = categories(newer, 4);
        size_t cols;
        double *x = apply(&b, frame_make_frame(g), &cols);
        ck_assert(v ? x[2] == 4 && x[3] == 4 : isnan(x[2]) && isnan(x[3]));
        free(x);
        frame_make_free(g);
        tear_down(&b);
    }
}
END_TEST

/* ---- hashing, dates, sparse ------------------------------------------------------- */

/* Every present cell is one +-1 in one column; equal levels agree whatever table they stand in; few collide. */
START_TEST(hashing)
{
    enum { N = 1000 };
    char text[N][16];
    const char *cells[N];
    for (int i = 0; i < N; i++) {
        snprintf(text[i], sizeof text[i], "user%d", i);
        cells[i] = i % 10 == 9 ? NULL : text[i];
    }
    struct bench b;
    set_up(&b, "hash", categories(cells, N), ASX_REGRESSION, NULL, 0);
    fit(&b);
    ck_assert_uint_eq(b.block.cols, 1024);
    double *x = block_dense(&b.block), sum = 0;
    int used = 0;
    for (size_t j = 0; j < 1024; j++) {
        int here = 0;
        for (size_t i = 0; i < N; i++)
            here += x[i * 1024 + j] != 0;
        used += here > 0;
    }
    for (size_t i = 0; i < N; i++) {
        ck_assert_int_eq(b.block.csr.indptr[i + 1] - b.block.csr.indptr[i], cells[i] != NULL);
        if (cells[i])
            ck_assert_double_eq(fabs((double)b.block.csr.values[b.block.csr.indptr[i]]), 1);
    }
    for (int64_t k = 0; k < b.block.csr.indptr[N]; k++)
        sum += (double)b.block.csr.values[k];
    ck_assert(fabs(sum) < 120);          /* 900 fair signs: sd 30 */
    ck_assert(used > 550 && used < 640); /* 900 balls in 1024 bins fill 599 on average, sd about 12 */
    const char *one[] = {"user17"};
    struct frame_make *g = categories(one, 1);
    size_t cols;
    double *y = apply(&b, frame_make_frame(g), &cols);
    ck_assert_mem_eq(y, x + 17 * 1024, 1024 * sizeof *y);
    free(x);
    free(y);
    frame_make_free(g);
    tear_down(&b);
}
END_TEST

/* Levels of one row that fall into one column add up. */
START_TEST(hashing_collides)
{
    enum { N = 20 };
    struct frame_make *f = frame_make_new(N);
    char text[N][16];
    const char *cells[N];
    int32_t columns[12];
    for (int j = 0; j < 12; j++) {
        char name[16];
        snprintf(name, sizeof name, "c%d", j);
        for (int i = 0; i < N; i++) {
            snprintf(text[i], sizeof text[i], "v%d", i * j);
            cells[i] = text[i];
        }
        columns[j] = frame_make_strings(f, name, ASX_CATEGORICAL, cells);
    }
    struct bench b;
    set_up(&b, "hash", f, ASX_REGRESSION, NULL, 0);
    config_make_set(&b.config, "hash.bits", 2);
    b.in.column = columns;
    b.in.columns = 12;
    struct asx_err err = {0};
    ck_assert_int_eq(b.step->fit(&b.exec.exec, &b.in, &b.state, &err), ASX_OK);
    ck_assert_int_eq(b.step->transform(&b.exec.exec, b.state, b.in.frame, columns, 12, &b.block, &err), ASX_OK);
    ck_assert_ptr_null(block_wrong(&b.block));
    for (size_t i = 0; i < N; i++) {
        double size = 0;
        for (int64_t k = b.block.csr.indptr[i]; k < b.block.csr.indptr[i + 1]; k++)
            size += fabs((double)b.block.csr.values[k]);
        ck_assert(size <= 12 && fmod(size, 2) == 0); /* 12 steps of +-1 in four places */
    }
    tear_down(&b);
}
END_TEST

START_TEST(dates_equal_the_calendar)
{
    double t[COUNT(date_cases)];
    for (size_t i = 0; i < COUNT(date_cases); i++)
        t[i] = date_cases[i].t;
    struct frame_make *f = frame_make_new(COUNT(date_cases));
    frame_make_datetime(f, "d", t);
    struct bench b;
    set_up(&b, "datetime", f, ASX_REGRESSION, NULL, 0);
    fit(&b);
    ck_assert_uint_eq(b.block.cols, 14);
    double *x = block_dense(&b.block);
    for (size_t i = 0; i < COUNT(date_cases); i++)
        for (size_t p = 0; p < 14; p++)
            ck_assert_double_eq_tol(x[i * 14 + p], date_cases[i].part[p], 1e-6);
    free(x);
    tear_down(&b);
    /* parts that do not vary are no columns: here only the time of day does */
    double day[] = {0, 3600, NAN, 7200};
    f = frame_make_new(4);
    frame_make_datetime(f, "d", day);
    set_up(&b, "datetime", f, ASX_REGRESSION, NULL, 0);
    fit(&b);
    ck_assert_uint_eq(b.block.cols, 4);
    static const char *const want[] = {"d.days", "d.hour", "d.hour_sin", "d.hour_cos"};
    for (int k = 0; k < 4; k++)
        ck_assert_str_eq(b.block.name[k], want[k]);
    tear_down(&b);
}
END_TEST

/* Unknown features of a later file are ignored, absent ones are 0; 0/1 features are indicators. */
START_TEST(sparse_features)
{
    float a[] = {1, 0, 2, 0, 1, 0}, wide[] = {0, 1, 3, 9, 1, 0, 0, 8}, narrow[] = {1, 0};
    struct frame_make *f = frame_make_new(2);
    frame_make_sparse(f, a, 3);
    struct bench b;
    set_up(&b, "sparse", f, ASX_REGRESSION, NULL, 0);
    b.in.columns = 0;
    struct asx_err err = {0};
    ck_assert(b.step->fits(b.problem, -1) && !b.step->fits(b.problem, 0));
    ck_assert_int_eq(b.step->fit(&b.exec.exec, &b.in, &b.state, &err), ASX_OK);
    ck_assert_int_eq(b.step->transform(&b.exec.exec, b.state, b.in.frame, NULL, 0, &b.block, &err), ASX_OK);
    ck_assert_ptr_eq(b.block.csr.values, b.in.frame->sparse->values); /* by reference */
    ck_assert(b.block.kind[0] == ASX_COL_INDICATOR && b.block.kind[1] == ASX_COL_INDICATOR && b.block.kind[2] == ASX_COL_WEIGHT);
    struct frame_make *g = frame_make_new(2);
    frame_make_sparse(g, wide, 4);
    size_t cols;
    double *x = apply(&b, frame_make_frame(g), &cols), want[] = {0, 1, 3, 1, 0, 0};
    ck_assert_uint_eq(cols, 3);
    ck_assert_mem_eq(x, want, sizeof want);
    free(x);
    frame_make_free(g);
    g = frame_make_new(1);
    frame_make_sparse(g, narrow, 2);
    x = apply(&b, frame_make_frame(g), &cols);
    ck_assert(cols == 3 && x[0] == 1 && x[1] == 0 && x[2] == 0);
    free(x);
    frame_make_free(g);
    tear_down(&b);
}
END_TEST

/* Of many features of which few occur, those few get columns, under their own names; a saved step knows them. */
START_TEST(sparse_features_that_occur)
{
    enum { MANY = 40 };
    float a[2 * MANY] = {0}, later[2 * MANY] = {0};
    a[7] = 1, a[MANY + 7] = 1, a[MANY + 31] = 2.5f;
    later[3] = 9, later[7] = 4, later[MANY + 31] = 1, later[MANY + 39] = 6;
    struct frame_make *f = frame_make_new(2), *g = frame_make_new(2);
    frame_make_sparse(f, a, MANY);
    frame_make_sparse(g, later, MANY);
    struct bench b;
    set_up(&b, "sparse", f, ASX_REGRESSION, NULL, 0);
    b.in.columns = 0;
    struct asx_err err = {0};
    struct asx_shape shape;
    b.step->shape(&b.in, &shape);
    ck_assert_double_eq(shape.cols, 3); /* no more than cells */
    ck_assert_int_eq(b.step->fit(&b.exec.exec, &b.in, &b.state, &err), ASX_OK);
    ck_assert_int_eq(b.step->transform(&b.exec.exec, b.state, b.in.frame, NULL, 0, &b.block, &err), ASX_OK);
    ck_assert_uint_eq(b.block.cols, 2);
    ck_assert_str_eq(b.block.name[0], "f8");
    ck_assert_str_eq(b.block.name[1], "f32");
    ck_assert(b.block.kind[0] == ASX_COL_INDICATOR && b.block.kind[1] == ASX_COL_WEIGHT);
    size_t cols;
    double *x = apply(&b, frame_make_frame(g), &cols), want[] = {4, 0, 0, 1};
    ck_assert_uint_eq(cols, 2);
    ck_assert_mem_eq(x, want, sizeof want);
    free(x);
    frame_make_free(g);
    tear_down(&b);
}
END_TEST

/* ---- affine ------------------------------------------------------------------------- */

static void constants(const char *name, const char *param, const char *choice, const struct asx_column_stats *s, double out[3])
{
    struct config_make c;
    config_make_init(&c, NULL);
    config_make_add(&c, name, step(name)->params, step(name)->n_params);
    config_make_choose(&c, param, choice);
    out[0] = out[1] = out[2] = NAN;
    step(name)->constants(s, &c.config, &out[0], &out[1], &out[2]);
}

START_TEST(affine_constants)
{
    struct asx_column_stats s = {
        .n = 10, .mean = 5, .std = 2, .median = 4, .min = -2, .max = 14, .kind = ASX_COL_NUMBER, .q25 = 3, .q75 = 6};
    double v[3];
    constants("impute", "impute.strategy", "mean", &s, v);
    ck_assert(v[0] == 5 && isnan(v[1]) && isnan(v[2])); /* it decides nothing else */
    constants("impute", "impute.strategy", "median", &s, v);
    ck_assert(v[0] == 4);
    constants("impute", "impute.strategy", "constant", &s, v);
    ck_assert(v[0] == 0);
    constants("scale", "scale.kind", "standard", &s, v);
    ck_assert(isnan(v[0]) && v[1] == 5 && v[2] == 2);
    constants("scale", "scale.kind", "robust", &s, v);
    ck_assert(v[1] == 4 && v[2] == 3);
    constants("scale", "scale.kind", "minmax", &s, v);
    ck_assert(v[1] == -2 && v[2] == 16);
    constants("scale", "scale.kind", "none", &s, v);
    ck_assert(v[1] == 0 && v[2] == 1);
    static const char *const kinds[] = {"standard", "robust", "minmax", "none"};
    for (int k = 0; k < 4; k++) {
        struct asx_column_stats flat = {.n = 3, .mean = 1e9, .std = 1e-8, .median = 1e9, .min = 1e9, .max = 1e9},
                                none = {.mean = NAN, .std = NAN, .median = NAN, .min = NAN, .max = NAN, .q25 = NAN, .q75 = NAN},
                                flag = s, weight = s;
        constants("scale", "scale.kind", kinds[k], &flat, v);
        ck_assert(v[2] == 1); /* a constant column is not blown up by rounding noise */
        constants("scale", "scale.kind", kinds[k], &none, v);
        ck_assert(v[1] == 0 && v[2] == 1);
        flag.kind = ASX_COL_INDICATOR;
        constants("scale", "scale.kind", kinds[k], &flag, v);
        ck_assert(v[1] == 0 && v[2] == 1);
        weight.kind = ASX_COL_WEIGHT;
        constants("scale", "scale.kind", kinds[k], &weight, v);
        ck_assert(v[1] == 0 && v[2] == (k == 3 ? 1 : 14));
        weight.min = 0;
        weight.max = 0.5;
        constants("scale", "scale.kind", kinds[k], &weight, v);
        ck_assert(v[1] == 0 && v[2] == 1);
    }
    struct asx_column_stats none = {.mean = NAN, .median = NAN};
    constants("impute", "impute.strategy", "mean", &none, v);
    ck_assert(v[0] == 0);
}
END_TEST

Suite *suite_prep_golden(void);

Suite *suite_prep_golden(void)
{
    Suite *s = suite_create("prep_golden");
    TCase *t = tcase_create("golden");
    tcase_add_loop_test(t, tfidf_equals_sklearn, 0, COUNT(tfidf_cases));
    tcase_add_test(t, tfidf_of_levels_equals_text);
    tcase_add_test(t, tfidf_of_levels_is_bounded);
    tcase_add_test(t, tfidf_keeps_the_commonest);
    tcase_add_loop_test(t, onehot_equals_sklearn, 0, COUNT(onehot_cases));
    tcase_add_test(t, onehot_of_two_levels);
    tcase_add_test(t, ordinal_codes_by_frequency);
    tcase_add_loop_test(t, target_equals_sklearn, 0, COUNT(target_cases));
    tcase_add_test(t, target_is_cross_fitted);
    tcase_add_test(t, target_weights);
    tcase_add_test(t, target_missing);
    tcase_add_test(t, hashing);
    tcase_add_test(t, hashing_collides);
    tcase_add_test(t, dates_equal_the_calendar);
    tcase_add_test(t, sparse_features);
    tcase_add_test(t, sparse_features_that_occur);
    tcase_add_test(t, affine_constants);
    suite_add_tcase(s, t);
    return s;
}
