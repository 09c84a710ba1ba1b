/* SPDX-License-Identifier: Apache-2.0 */
/* Forests on columns that are mostly one value: reading their lists grows the same trees as reading every cell. */
#include "base/mem.h"
#include "base/rng.h"
#include "learners/trees/forest_grow.h"
#include "tests/runner.h"
#include "tests/support/frame_make.h"
#include "tests/support/trees_make.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N = 700, D = 50, INDICATORS = 40 };

struct wide {
    float x[N * D];
    double y[N];
    int64_t target[N], indptr[N + 1];
    int32_t index[N * D];
    float value[N * D];
};

/* Indicators, rare counts, a few numbers; some rare cells are missing when they may be. */
static void make(struct wide *w, int classes, bool missing)
{
    struct rng r = rng_stream(3, 1, 4, 1);
    int64_t at = 0;
    for (int i = 0; i < N; i++) {
        double v = 0;
        w->indptr[i] = at;
        for (int j = 0; j < D; j++) {
            double u = rng_unit(&r), share = 0.3 / (1 + j);
            float x = j < INDICATORS ? (u < share ? j % 3 ? 1.0f : floorf((float)(u / share * 5)) - 1 : 0) : (float)rng_normal(&r);
            if (missing && j % 5 == 0 && rng_unit(&r) < 0.03)
                x = NAN;
            w->x[i * D + j] = x;
            v += x == x ? (double)x * ((j % 7) - 2.5) : 1;
            if (x != 0) {
                w->index[at] = j;
                w->value[at++] = x;
            }
        }
        v += rng_normal(&r);
        w->y[i] = classes == 0 ? v : classes == 2 ? v > 0 : v < -2 ? 0 : v < 2 ? 1 : 2;
        w->target[i] = (int64_t)llrint(v * 1000);
    }
    w->indptr[N] = at;
}

static void same_trees(const struct tree *a, const struct tree *b)
{
    ck_assert_int_eq(a->n_nodes, b->n_nodes);
    ck_assert_mem_eq(a->node, b->node, (size_t)a->n_nodes * sizeof *a->node);
    ck_assert_mem_eq(a->bin, b->bin, (size_t)a->n_nodes * sizeof *a->bin);
    ck_assert_mem_eq(a->cover, b->cover, (size_t)a->n_nodes * sizeof *a->cover);
    ck_assert_mem_eq(a->gain, b->gain, (size_t)a->n_nodes * sizeof *a->gain);
    ck_assert_mem_eq(a->at, b->at, (size_t)a->n_leaves * sizeof *a->at);
    ck_assert_uint_eq(a->n_values, b->n_values);
    ck_assert_mem_eq(a->value, b->value, a->n_values * sizeof *a->value);
}

/* Bits of _i: CSR, missing cells, random cuts, few features; then classes 0, 2, 3. */
START_TEST(lists_change_nothing)
{
    struct wide *w = malloc(sizeof *w);
    int classes = (int[]){0, 2, 3}[_i / 16];
    make(w, classes, _i & 2);
    struct frame_make *f = frame_make_new(N);
    struct asx_problem *p = frame_make_problem(f,
                                               classes == 0   ? ASX_REGRESSION
                                               : classes == 2 ? ASX_BINARY
                                                              : ASX_MULTICLASS,
                                               w->y, classes, 3);
    struct asx_block raw = {.layout = ASX_LAYOUT_ROWS, .rows = N, .cols = D, .ld = D, .rowmajor = w->x};
    if (_i & 1)
        raw = (struct asx_block){.layout = ASX_LAYOUT_CSR, .rows = N, .cols = D, .csr = {N, D, w->indptr, w->index, w->value}};
    struct trees_make t;
    trees_make_block(&t, p, "forest", &raw, 1);
    const struct asx_fold *fold = &p->splits->fold[0];
    struct asx_err err = {0};
    struct view view;
    struct forest_lists lists;
    ck_assert_int_eq(view_init(&view, &t.e.exec, &t.bins, 255, false, &err), ASX_OK);
    ck_assert_int_eq(forest_lists_make(&lists, &t.e.exec, &view, fold->train, fold->n_train), ASX_OK);
    ck_assert_ptr_nonnull(lists.list);
    struct forest_data d = {
        .exec = &t.e.exec,
        .view = &view,
        .params = {.n_estimators = 5, .max_samples = 1, .min_samples_leaf = 1, .bootstrap = !(_i & 4), .random_cuts = _i & 4},
        .n = fold->n_train,
        .row = fold->train,
        .classes = classes,
        .label = p->label,
        .target = w->target,
        .unit = 1,
        .weight_unit = 1,
        .min_weight = 1,
        .max_features = _i & 8 ? 5 : view.features};
    for (uint64_t seed = 0; seed < 5; seed++) {
        struct tree tree[2];
        for (int k = 0; k < 2; k++) {
            d.list = k ? lists.list : NULL;
            ck_assert_int_eq(forest_middles_make(&d, t.e.exec.scratch), ASX_OK);
            struct forest_work *work = forest_work_create(&d, t.e.exec.mem);
            ck_assert_int_eq(forest_tree(&d, work, seed, t.e.exec.mem, &tree[k]), ASX_OK);
            forest_work_free(work);
        }
        ck_assert_int_gt(tree[0].n_nodes, 20);
        same_trees(&tree[0], &tree[1]);
        tree_clear(&tree[0]);
        tree_clear(&tree[1]);
    }
    forest_lists_clear(&lists);
    trees_make_clear(&t);
    frame_make_free(f);
    free(w);
}
END_TEST

/* A list holds exactly the training rows outside the most frequent bin. */
START_TEST(lists_hold_the_others)
{
    struct wide *w = malloc(sizeof *w);
    make(w, 2, true);
    struct frame_make *f = frame_make_new(N);
    struct asx_problem *p = frame_make_problem(f, ASX_BINARY, w->y, 2, 3);
    struct asx_block raw = {.layout = ASX_LAYOUT_ROWS, .rows = N, .cols = D, .ld = D, .rowmajor = w->x};
    if (_i)
        raw = (struct asx_block){.layout = ASX_LAYOUT_CSR, .rows = N, .cols = D, .csr = {N, D, w->indptr, w->index, w->value}};
    struct trees_make t;
    trees_make_block(&t, p, "forest", &raw, 2);
    const struct asx_fold *fold = &p->splits->fold[1];
    struct asx_err err = {0};
    struct view view;
    struct forest_lists lists;
    ck_assert_int_eq(view_init(&view, &t.e.exec, &t.bins, 255, false, &err), ASX_OK);
    ck_assert_int_eq(forest_lists_make(&lists, &t.e.exec, &view, fold->train, fold->n_train), ASX_OK);
    int listed = 0;
    for (int j = 0; j < view.features; j++) {
        const struct forest_list *l = &lists.list[j];
        size_t at = 0;
        listed += l->row != NULL;
        for (size_t i = 0; l->row && i < fold->n_train; i++) {
            int bin = view_bin(&view.feature[j], fold->train[i]);
            if (bin == l->rest)
                continue;
            ck_assert_uint_lt(at, l->n);
            ck_assert_uint_eq(l->row[at], fold->train[i]);
            ck_assert_int_eq(l->bin[at++], bin);
        }
        ck_assert(!l->row || at == l->n);
    }
    ck_assert_int_ge(listed, _i ? D : INDICATORS / 2);
    forest_lists_clear(&lists);
    trees_make_clear(&t);
    frame_make_free(f);
    free(w);
}
END_TEST

Suite *suite_trees_forest(void);
Suite *suite_trees_forest(void)
{
    Suite *s = suite_create("trees_forest");
    TCase *c = tcase_create("lists");
    tcase_set_timeout(c, 120);
    tcase_add_loop_test(c, lists_change_nothing, 0, 48);
    tcase_add_loop_test(c, lists_hold_the_others, 0, 2);
    suite_add_tcase(s, c);
    return s;
}
