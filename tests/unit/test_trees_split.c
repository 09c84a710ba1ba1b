/* SPDX-License-Identifier: Apache-2.0 */
/* On small data every split of a grown tree equals brute force over raw values: numbers, missing cells, categories. */
#include "base/mem.h"
#include "base/rng.h"
#include "learners/trees/model.h"
#include "tests/runner.h"
#include "tests/support/frame_make.h"
#include "tests/support/trees_make.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N = 120, NUMBERS = 4, CATS = 2, D = NUMBERS + CATS, LEVELS = 5 };

struct data {
    float number[NUMBERS][N];
    int32_t cat[CATS][N];
    double y[N], g[N], h[N];
    struct asx_colref col[D];
    struct asx_block raw;
    double l1, l2, min_h;
    int min_rows;
};

static void make(struct data *d, int seed, enum asx_task task)
{
    struct rng r = rng_stream(11, (uint64_t)seed, 0, 0);
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < NUMBERS; j++) {
            float v = (float)rng_normal(&r);
            d->number[j][i] = j == 1 ? floorf(v * 2) : v;
            if (j >= 2 && rng_unit(&r) < 0.2)
                d->number[j][i] = NAN;
        }
        for (int j = 0; j < CATS; j++)
            d->cat[j][i] = (int32_t)rng_below(&r, LEVELS + (j ? 1 : 0)) - (j ? 1 : 0); /* the second has missing cells */
        double v = (double)d->number[0][i] + (d->cat[0][i] % 2) + (d->cat[1][i] < 0) + (d->number[2][i] != d->number[2][i]) +
                   rng_normal(&r);
        d->y[i] = task == ASX_REGRESSION ? v : v > 0.7;
    }
    for (int j = 0; j < NUMBERS; j++)
        d->col[j] = (struct asx_colref){d->number[j], ASX_F32, 0};
    for (int j = 0; j < CATS; j++)
        d->col[NUMBERS + j] = (struct asx_colref){d->cat[j], ASX_I32, LEVELS};
    d->raw = (struct asx_block){.layout = ASX_LAYOUT_COLUMNS, .rows = N, .cols = D, .col = d->col};
}

/* First tree's derivatives at the starting score. */
static void derivatives(struct data *d, enum asx_task task)
{
    double mean = 0;
    for (int i = 0; i < N; i++)
        mean += d->y[i] / N;
    for (int i = 0; i < N; i++) {
        d->g[i] = mean - d->y[i];
        d->h[i] = task == ASX_REGRESSION ? 1 : mean * (1 - mean);
    }
}

static double score(const struct data *d, double g, double h, double l2)
{
    double t = fabs(g) - d->l1;
    return t > 0 ? t * t / (h + l2) : 0;
}

/* Gain of sending the rows marked left one way; NAN when a side is too small. */
static double gain_of(const struct data *d, const int *row, int n, const bool *left, double l2)
{
    double g = 0, h = 0, gl = 0, hl = 0;
    int nl = 0;
    for (int i = 0; i < n; i++) {
        g += d->g[row[i]];
        h += d->h[row[i]];
        if (left[i]) {
            gl += d->g[row[i]];
            hl += d->h[row[i]];
            nl++;
        }
    }
    if (nl < d->min_rows || n - nl < d->min_rows || hl < d->min_h || h - hl < d->min_h)
        return NAN;
    return score(d, gl, hl, l2) + score(d, g - gl, h - hl, l2) - score(d, g, h, d->l2);
}

static void better(double *best, double gain)
{
    if (gain > *best)
        *best = gain;
}

static double brute_number(const struct data *d, const int *row, int n, int j)
{
    double best = -1;
    bool left[N];
    for (int k = 0; k < n; k++) {
        float t = d->number[j][row[k]];
        if (t != t)
            continue;
        for (int missing_left = 0; missing_left < 2; missing_left++) {
            for (int i = 0; i < n; i++) {
                float v = d->number[j][row[i]];
                left[i] = v != v ? missing_left : v <= t;
            }
            better(&best, gain_of(d, row, n, left, d->l2));
        }
    }
    return best;
}

/*
 * Sets of categories: any set where nothing but the gain decides; where a side may be too small the
 * family searched is that of cuts of the mean order from either end.
 */
static double brute_category(const struct data *d, const int *row, int n, int j)
{
    double best = -1, g[LEVELS] = {0}, h[LEVELS] = {0};
    bool left[N];
    for (int i = 0; i < n; i++)
        if (d->cat[j][row[i]] >= 0) {
            g[d->cat[j][row[i]]] += d->g[row[i]];
            h[d->cat[j][row[i]]] += d->h[row[i]];
        }
    for (unsigned set = 1; set < 1u << LEVELS; set++) {
        bool low = true, high = true; /* is it all levels below, or above, some mean? */
        for (int a = 0; a < LEVELS; a++)
            for (int b = 0; b < LEVELS; b++)
                if (h[a] > 0 && h[b] > 0 && (set >> a & 1) && !(set >> b & 1)) {
                    low = low && g[a] / h[a] <= g[b] / h[b];
                    high = high && g[a] / h[a] >= g[b] / h[b];
                }
        if (d->min_rows > 1 && !low && !high)
            continue;
        for (int i = 0; i < n; i++) {
            int32_t c = d->cat[j][row[i]];
            left[i] = c >= 0 && (set >> c & 1);
        }
        better(&best, gain_of(d, row, n, left, d->l2));
    }
    return best;
}

static double brute_best(const struct data *d, const int *row, int n)
{
    double best = -1;
    for (int j = 0; j < NUMBERS; j++)
        better(&best, brute_number(d, row, n, j));
    for (int j = 0; j < CATS; j++)
        better(&best, brute_category(d, row, n, j));
    return best;
}

static bool goes_left(const struct data *d, const struct tree *t, int node, int row)
{
    const struct tree_node *x = &t->node[node];
    if (x->flags & TREE_CATEGORICAL) {
        int32_t c = d->cat[x->column - NUMBERS][row];
        return c >= 0 && tree_in_set(t->word + x->by.set, t->set_words[node], (uint32_t)c);
    }
    float v = d->number[x->column][row];
    return v != v ? x->flags & TREE_MISSING_LEFT : v <= x->by.threshold;
}

/* Checks a node and those below it; collects the best gains of leaves. */
static void check_node(const struct data *d, const struct tree *t, int32_t at, const int *row, int n, double *least_made,
                       double *most_left)
{
    double best = brute_best(d, row, n);
    if (at < 0) {
        *most_left = best > *most_left ? best : *most_left;
        return;
    }
    int l[N], r[N], nl = 0, nr = 0;
    bool left[N];
    for (int i = 0; i < n; i++) {
        left[i] = goes_left(d, t, at, row[i]);
        if (left[i])
            l[nl++] = row[i];
        else
            r[nr++] = row[i];
    }
    double made = gain_of(d, row, n, left, d->l2);
    ck_assert_double_eq_tol(made, best, 1e-5 * (1 + best));
    ck_assert_double_eq_tol((double)t->gain[at], best, 1e-5 * (1 + best));
    *least_made = made < *least_made ? made : *least_made;
    check_node(d, t, t->node[at].left, l, nl, least_made, most_left);
    check_node(d, t, t->node[at].right, r, nr, least_made, most_left);
}

START_TEST(splits_equal_brute_force)
{
    enum asx_task task = _i % 2 ? ASX_BINARY : ASX_REGRESSION;
    bool fixed = _i / 2 % 2;
    struct data d;
    make(&d, _i, task);
    derivatives(&d, task);
    d.l1 = _i % 3 || _i % 4 == 1 ? 0 : 0.5;
    d.l2 = _i % 5 && _i % 4 != 1 ? 0.3 : 0;
    d.min_h = 1e-3;
    d.min_rows = _i % 4 == 1 ? 1 : 6;
    struct frame_make *f = frame_make_new(N);
    struct asx_problem *p = frame_make_problem(f, task, d.y, task == ASX_BINARY ? 2 : 0, 2);
    struct trees_make t;
    trees_make_block(&t, p, "gbdt", &d.raw, 1);
    config_make_set(&t.config, "learning_rate", 1);
    config_make_set(&t.config, "num_leaves", 9);
    config_make_set(&t.config, "min_data_in_leaf", d.min_rows);
    config_make_set(&t.config, "l1", d.l1);
    config_make_set(&t.config, "l2", d.l2);
    config_make_set(&t.config, "cat_smooth", 0);
    config_make_set(&t.config, "min_data_per_group", 1);
    config_make_set(&t.config, "cat_l2", 0);
    struct asx_member m = trees_make_member(&t, p->splits->folds, 1);
    ck_assert_int_eq(trees_make_fit(&t, fixed ? "gbdt.fit/hist_fixed" : "gbdt.fit/hist_f64", &m), ASX_OK);
    struct asx_model *model = trees_make_model(&t, &m, 0, NULL);
    int row[N];
    for (int i = 0; i < N; i++)
        row[i] = i;
    double least = HUGE_VAL, most = -1;
    ck_assert_int_gt(model->tree[0].n_nodes, 3);
    check_node(&d, &model->tree[0], 0, row, N, &least, &most);
    if (model->tree[0].n_leaves < 9) /* stopped early: nothing worth splitting was left */
        ck_assert_double_le(most, 1e-4);
    trees_make_end(&t, &m, model);
    trees_make_clear(&t);
    frame_make_free(f);
}
END_TEST

/* ---- forests: a single tree with all columns makes the purest cut --------------------------- */

static double gini_of(const struct data *d, const int *row, int n, const bool *left)
{
    double c[2][2] = {{0}}, s = 0;
    for (int i = 0; i < n; i++)
        c[left[i]][(int)d->y[row[i]]] += 1;
    for (int k = 0; k < 2; k++) {
        if (c[k][0] + c[k][1] == 0)
            return NAN;
        s += (c[k][0] * c[k][0] + c[k][1] * c[k][1]) / (c[k][0] + c[k][1]);
    }
    return s;
}

static double brute_gini(const struct data *d, const int *row, int n)
{
    double best = -1;
    bool left[N];
    for (int j = 0; j < NUMBERS; j++)
        for (int k = 0; k < n; k++)
            for (int missing_left = 0; missing_left < 2; missing_left++) {
                float t = d->number[j][row[k]];
                for (int i = 0; i < n; i++) {
                    float v = d->number[j][row[i]];
                    left[i] = v != v ? missing_left : v <= t;
                }
                if (t == t)
                    better(&best, gini_of(d, row, n, left));
            }
    for (int j = 0; j < CATS; j++)
        for (unsigned set = 1; set < 1u << LEVELS; set++) {
            for (int i = 0; i < n; i++)
                left[i] = d->cat[j][row[i]] >= 0 && (set >> d->cat[j][row[i]] & 1);
            better(&best, gini_of(d, row, n, left));
        }
    return best;
}

static void check_gini(const struct data *d, const struct tree *t, int32_t at, const int *row, int n)
{
    if (at < 0) {
        for (int i = 1; i < n; i++) /* to purity */
            ck_assert(d->y[row[i]] == d->y[row[0]]);
        ck_assert_int_eq(~t->at[~at], (int)d->y[row[0]]);
        return;
    }
    int l[N], r[N], nl = 0, nr = 0;
    bool left[N];
    for (int i = 0; i < n; i++) {
        left[i] = goes_left(d, t, at, row[i]);
        if (left[i])
            l[nl++] = row[i];
        else
            r[nr++] = row[i];
    }
    ck_assert_double_eq_tol(gini_of(d, row, n, left), brute_gini(d, row, n), 1e-9 * n);
    check_gini(d, t, t->node[at].left, l, nl);
    check_gini(d, t, t->node[at].right, r, nr);
}

START_TEST(tree_equals_brute_force)
{
    struct data d;
    make(&d, 100 + _i, ASX_BINARY);
    struct frame_make *f = frame_make_new(N);
    struct asx_problem *p = frame_make_problem(f, ASX_BINARY, d.y, 2, 2);
    struct trees_make t;
    trees_make_block(&t, p, "tree", &d.raw, 1);
    struct asx_member m = trees_make_member(&t, p->splits->folds, 0);
    ck_assert_int_eq(trees_make_fit(&t, "tree.fit/hist", &m), ASX_OK);
    struct asx_model *model = trees_make_model(&t, &m, 0, NULL);
    int row[N];
    for (int i = 0; i < N; i++)
        row[i] = i;
    check_gini(&d, &model->tree[0], 0, row, N);
    trees_make_end(&t, &m, model);
    trees_make_clear(&t);
    frame_make_free(f);
}
END_TEST

/* ---- TreeSHAP against its definition ----------------------------------------------------------- */

/* Expectation of the tree when the columns of `known` are known. */
static void expect(const struct data *d, const struct tree *t, int32_t at, int row, unsigned known, double share, double *out)
{
    if (at < 0) {
        tree_add_leaf(t, ~at, share, out);
        return;
    }
    const struct tree_node *x = &t->node[at];
    double cl = x->left >= 0 ? t->cover[x->left] : t->leaf_cover[~x->left];
    if (known >> x->column & 1) {
        expect(d, t, goes_left(d, t, at, row) ? x->left : x->right, row, known, share, out);
        return;
    }
    expect(d, t, x->left, row, known, share * cl / t->cover[at], out);
    expect(d, t, x->right, row, known, share * (1 - cl / t->cover[at]), out);
}

static double factorial(int n)
{
    return n < 2 ? 1 : n * factorial(n - 1);
}

START_TEST(shap_equals_definition)
{
    const char *learner = _i % 2 ? "forest" : "gbdt";
    enum asx_task task = _i / 2 ? ASX_BINARY : ASX_REGRESSION;
    struct data d;
    struct asx_err err = {0};
    make(&d, 200 + _i, task);
    struct frame_make *f = frame_make_new(N);
    struct asx_problem *p = frame_make_problem(f, task, d.y, task == ASX_BINARY ? 2 : 0, 2);
    struct trees_make t;
    trees_make_block(&t, p, learner, &d.raw, 1);
    struct asx_member m = trees_make_member(&t, p->splits->folds, 6);
    ck_assert_int_eq(trees_make_fit(&t, _i % 2 ? "forest.fit/hist" : "gbdt.fit/hist_fixed", &m), ASX_OK);
    double pred[2 * N], phi[2 * (D + 1)], want[2 * (D + 1)];
    struct asx_model *model = trees_make_model(&t, &m, 0, pred);
    int outs = p->outputs, dims = model->averaged ? outs : 1;
    for (int row = 0; row < N; row += 17) {
        ck_assert_int_eq(t.learner->explain(model, &t.raw_matrix, (size_t)row, phi, &err), ASX_OK);
        memset(want, 0, sizeof want);
        for (int k = 0; k < model->n_trees; k++)
            for (unsigned set = 0; set < 1u << D; set++) {
                double base[2] = {0}, with[2];
                int size = __builtin_popcount(set);
                expect(&d, &model->tree[k], model->tree[k].n_nodes ? 0 : ~0, row, set, 1, base);
                if (!set)
                    for (int o = 0; o < dims; o++)
                        want[o * (D + 1) + D] += base[o] / (model->averaged ? 6 : 1);
                for (int j = 0; j < D; j++) {
                    if (set >> j & 1)
                        continue;
                    memset(with, 0, sizeof with);
                    expect(&d, &model->tree[k], model->tree[k].n_nodes ? 0 : ~0, row, set | 1u << j, 1, with);
                    for (int o = 0; o < dims; o++)
                        want[o * (D + 1) + j] += factorial(size) * factorial(D - size - 1) / factorial(D) * (with[o] - base[o]) /
                                                 (model->averaged ? 6 : 1);
                }
            }
        if (!model->averaged)
            want[D] += model->start[0];
        int at = outs - dims; /* two classes, one score: the second output */
        for (int o = 0; o < dims; o++) {
            double sum = 0;
            for (int j = 0; j <= D; j++) {
                ck_assert_double_eq_tol(phi[(at + o) * (D + 1) + j], want[o * (D + 1) + j], 1e-9);
                sum += phi[(at + o) * (D + 1) + j];
            }
            double q = pred[row * outs + at + o], raw = model->averaged || task == ASX_REGRESSION ? q : log(q / (1 - q));
            ck_assert_double_eq_tol(sum, raw, 1e-8);
        }
    }
    trees_make_end(&t, &m, model);
    trees_make_clear(&t);
    frame_make_free(f);
}
END_TEST

/* ---- the same data in other layouts, monotone columns, importance -------------------------------- */

START_TEST(sparse_equals_dense)
{
    struct rng r = rng_stream(31, (uint64_t)_i, 0, 0);
    enum { ROWS = 500, COLS = 12 };
    float x[ROWS * COLS], values[ROWS * COLS];
    int64_t indptr[ROWS + 1];
    int32_t indices[ROWS * COLS];
    double y[ROWS];
    int64_t nnz = 0;
    for (int i = 0; i < ROWS; i++) {
        indptr[i] = nnz;
        y[i] = 0.3 * rng_normal(&r);
        for (int j = 0; j < COLS; j++) {
            bool stored = rng_unit(&r) < 0.15;
            x[i * COLS + j] = !stored ? 0 : j == 3 && rng_unit(&r) < 0.2 ? NAN : (float)(j % 3 ? rng_normal(&r) : 1);
            if (stored) {
                indices[nnz] = j;
                values[nnz++] = x[i * COLS + j];
            }
            if (x[i * COLS + j] == x[i * COLS + j])
                y[i] += x[i * COLS + j] * (j - 5);
        }
        if (_i == 1)
            y[i] = y[i] > 0;
    }
    indptr[ROWS] = nnz;
    struct asx_block dense = {.layout = ASX_LAYOUT_ROWS, .rows = ROWS, .cols = COLS, .ld = COLS, .rowmajor = x};
    struct asx_block sparse = {.layout = ASX_LAYOUT_CSR, .rows = ROWS, .cols = COLS, .csr = {ROWS, COLS, indptr, indices, values}};
    const char *op[] = {"gbdt.fit/hist_fixed", "gbdt.fit/hist_fixed", "gbdt.fit/hist_f64"};
    double out[2][ROWS * 2];
    struct frame_make *f = frame_make_new(ROWS);
    struct asx_problem *p = frame_make_problem(f, _i == 1 ? ASX_BINARY : ASX_REGRESSION, y, _i == 1 ? 2 : 0, 2);
    for (int k = 0; k < 2; k++) {
        struct trees_make t;
        trees_make_block(&t, p, "gbdt", k ? &sparse : &dense, 1);
        struct asx_member m = trees_make_member(&t, 0, 10);
        ck_assert_int_eq(trees_make_fit(&t, op[_i], &m), ASX_OK);
        struct asx_model *model = trees_make_model(&t, &m, 0, out[k]);
        trees_make_end(&t, &m, model);
        trees_make_clear(&t);
    }
    for (int i = 0; i < ROWS * p->outputs; i++)
        ck_assert_double_eq_tol(out[0][i], out[1][i], _i == 2 ? 1e-6 : 1e-300);
    frame_make_free(f);
}
END_TEST

START_TEST(monotone_columns)
{
    struct rng r = rng_stream(41, 0, 0, 0);
    enum { ROWS = 600 };
    static float x[ROWS * 3], probe[50 * 3];
    double y[ROWS], out[50];
    int8_t monotone[3] = {1, -1, 0};
    for (int i = 0; i < ROWS; i++) {
        for (int j = 0; j < 3; j++)
            x[3 * i + j] = (float)rng_normal(&r);
        y[i] = sin(2 * (double)x[3 * i]) + (double)x[3 * i] - cos(3 * (double)x[3 * i + 1]) + (double)x[3 * i + 2] +
               0.3 * rng_normal(&r);
    }
    struct asx_block raw = {.layout = ASX_LAYOUT_ROWS, .rows = ROWS, .cols = 3, .ld = 3, .rowmajor = x, .monotone = monotone};
    struct frame_make *f = frame_make_new(ROWS);
    struct asx_problem *p = frame_make_problem(f, ASX_REGRESSION, y, 0, 2);
    struct trees_make t;
    struct asx_err err = {0};
    trees_make_block(&t, p, "gbdt", &raw, 1);
    struct asx_member m = trees_make_member(&t, p->splits->folds, 40);
    ck_assert_int_eq(trees_make_fit(&t, "gbdt.fit/hist_fixed", &m), ASX_OK);
    struct asx_model *model = trees_make_model(&t, &m, 0, NULL);
    for (int j = 0; j < 2; j++)
        for (int at = 0; at < 30; at++) {
            for (int i = 0; i < 50; i++)
                for (int k = 0; k < 3; k++)
                    probe[3 * i + k] = k == j ? -3 + 6 * (float)i / 49 : x[3 * at + k];
            struct asx_block b = {.layout = ASX_LAYOUT_ROWS, .rows = 50, .cols = 3, .ld = 3, .rowmajor = probe};
            const struct asx_block *list[] = {&b};
            struct asx_matrix mx = {.rows = 50, .cols = 3, .blocks = 1, .block = list};
            ck_assert_int_eq(t.learner->predict(model, &mx, 0, 50, out, &err), ASX_OK);
            for (int i = 1; i < 50; i++)
                ck_assert(j == 0 ? out[i] >= out[i - 1] - 1e-12 : out[i] <= out[i - 1] + 1e-12);
        }
    double imp[3], splits[3], count[3] = {0}, all = 0;
    t.learner->importance(model, imp, 3);
    ck_assert_double_eq_tol(imp[0] + imp[1] + imp[2], 1, 1e-9);
    t.learner->split_importance(model, splits, 3);
    for (int i = 0; i < model->n_trees; i++)
        for (int k = 0; k < model->tree[i].n_nodes; k++, all++)
            count[model->tree[i].node[k].column]++;
    for (int k = 0; k < 3; k++)
        ck_assert_double_eq_tol(splits[k], count[k] / all, 1e-12);
    trees_make_end(&t, &m, model);
    trees_make_clear(&t);
    frame_make_free(f);
}
END_TEST

/* A pool too small for all leaves' histograms recomputes them: the same trees. */
START_TEST(small_memory_same_trees)
{
    struct rng r = rng_stream(51, 0, 0, 0);
    enum { ROWS = 3000, COLS = 20 };
    float *x = malloc(ROWS * COLS * sizeof *x);
    double *y = malloc(ROWS * sizeof *y);
    for (int i = 0; i < ROWS; i++) {
        for (int j = 0; j < COLS; j++)
            x[i * COLS + j] = (float)rng_normal(&r);
        y[i] = (double)(x[i * COLS] * x[i * COLS + 1]) + rng_normal(&r);
    }
    struct frame_make *f = frame_make_new(ROWS);
    struct asx_problem *p = frame_make_problem(f, ASX_REGRESSION, y, 0, 2);
    struct trees_make t;
    trees_make_init(&t, p, "gbdt", x, ROWS, COLS, 1);
    config_make_set(&t.config, "num_leaves", 63);
    config_make_set(&t.config, "min_data_in_leaf", 3);
    float *want = malloc(ROWS * sizeof *want);
    for (int k = 0; k < 2; k++) {
        struct asx_member m = trees_make_member(&t, 0, 5);
        if (k)
            mem_set_limit(t.e.mem, mem_used(t.e.mem) + 1200000);
        ck_assert_int_eq(trees_make_fit(&t, "gbdt.fit/hist_fixed", &m), ASX_OK);
        mem_set_limit(t.e.mem, 0);
        if (k)
            ck_assert_mem_eq(m.pred, want, ROWS / 2 * sizeof *want);
        memcpy(want, m.pred, ROWS / 2 * sizeof *want);
        trees_make_end(&t, &m, NULL);
    }
    free(want);
    free(x);
    free(y);
    trees_make_clear(&t);
    frame_make_free(f);
}
END_TEST

Suite *suite_trees_split(void);
Suite *suite_trees_split(void)
{
    Suite *s = suite_create("trees_split");
    TCase *c = tcase_create("split");
    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, splits_equal_brute_force, 0, 24);
    tcase_add_loop_test(c, tree_equals_brute_force, 0, 6);
    tcase_add_loop_test(c, shap_equals_definition, 0, 4);
    tcase_add_loop_test(c, sparse_equals_dense, 0, 3);
    tcase_add_test(c, monotone_columns);
    tcase_add_test(c, small_memory_same_trees);
    suite_add_tcase(s, c);
    return s;
}
