/* SPDX-License-Identifier: Apache-2.0 */
/* Bins of sparse blocks are the same however the rows are cut for threads, and their sort is a sort. */
#include "base/mem.h"
#include "base/rng.h"
#include "learners/trees/bins.h"
#include "learners/trees/bins_source.h"
#include "tests/runner.h"
#include "tests/support/exec_make.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 20000, COLS = 40 };

struct cells {
    int64_t indptr[ROWS + 1];
    int32_t indices[ROWS * COLS];
    float values[ROWS * COLS];
};

/* Of the columns one has zeros stored, one a single value in every row, one is empty, one mostly two in all but few rows. */
static void fill(struct cells *c)
{
    struct rng r = rng_stream(5, 6, 7, 8);
    int64_t n = 0;
    for (int i = 0; i < ROWS; i++) {
        c->indptr[i] = n;
        for (int j = 0; j < COLS; j++) {
            bool there = j == 1 ? true : j == 2 ? false : j == 3 ? i % 50 != 0 : rng_unit(&r) < (i < ROWS / 3 ? 0.4 : 0.1);
            if (!there)
                continue;
            c->indices[n] = j;
            c->values[n++] = j == 0   ? (float)rng_below(&r, 3)
                             : j == 1 ? 1
                             : j == 3 ? 2
                             : j % 2  ? (float)rng_normal(&r)
                                      : (float)(j + i % 7);
        }
    }
    c->indptr[ROWS] = n;
    ck_assert_int_gt(n, 1 << 16);
}

static struct bins *build(const struct cells *c, int threads)
{
    struct exec_make e;
    struct asx_err err = {0};
    struct bins *b = NULL;
    struct asx_block raw = {
        .layout = ASX_LAYOUT_CSR, .rows = ROWS, .cols = COLS, .csr = {ROWS, COLS, c->indptr, c->indices, c->values}};
    exec_make_init(&e, NULL, threads);
    e.exec.mem = NULL; /* the bins outlive it */
    ck_assert_int_eq(bins_build(&e.exec, &raw, 255, &b, &err), ASX_OK);
    exec_make_clear(&e);
    return b;
}

START_TEST(pieces_of_rows_change_nothing)
{
    struct cells *c = malloc(sizeof *c);
    fill(c);
    struct bins *one = build(c, 1), *many = build(c, _i);
    const struct bins_sparse *s = &one->sparse, *t = &many->sparse;
    ck_assert_mem_eq(s->indptr, t->indptr, (ROWS + 1) * sizeof *s->indptr);
    ck_assert_mem_eq(s->base, t->base, (COLS + 1) * sizeof *s->base);
    ck_assert_mem_eq(s->place, t->place, (size_t)s->indptr[ROWS] * sizeof *s->place);
    ck_assert_mem_eq(s->count, t->count, COLS * sizeof *s->count);
    for (int j = 0; j < COLS; j++) {
        ck_assert_uint_eq(s->start[j], t->start[j]);
        ck_assert_mem_eq(s->row + s->start[j], t->row + t->start[j], s->count[j] * sizeof *s->row);
        ck_assert_mem_eq(s->code + s->start[j], t->code + t->start[j], s->count[j]);
    }
    ck_assert_int_lt(s->indptr[ROWS], c->indptr[ROWS]); /* stored zeros, and what a constant column stores, are dropped */
    bins_free(one);
    bins_free(many);
    free(c);
}
END_TEST

/* By row and by column the cells are the same, and by row their places rise. */
START_TEST(rows_and_columns_agree)
{
    struct cells *c = malloc(sizeof *c);
    fill(c);
    struct bins *b = build(c, 3);
    const struct bins_sparse *s = &b->sparse;
    size_t next[COLS] = {0}, seen = 0;
    for (size_t i = 0; i < ROWS; i++)
        for (int64_t k = s->indptr[i]; k < s->indptr[i + 1]; k++, seen++) {
            uint32_t j = s->feature_of[s->place[k]];
            size_t at = s->start[j] + next[j]++;
            ck_assert_uint_eq(s->row[at], i);
            ck_assert_uint_eq(s->base[j] + s->code[at], s->place[k]);
            ck_assert(k == s->indptr[i] || s->place[k] > s->place[k - 1]);
        }
    for (int j = 0; j < COLS; j++)
        seen -= s->count[j];
    ck_assert_uint_eq(seen, 0);
    bins_free(b);
    free(c);
}
END_TEST

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Bytes that all keys have in common need no pass. */
START_TEST(sorts)
{
    enum { N = 3000 };
    float v[N], want[N], tmp[N];
    struct rng r = rng_stream(1, 2, 3, (uint64_t)_i);
    size_t n = _i % 2 ? N : 100;
    for (size_t i = 0; i < n; i++)
        switch (_i / 2) {
        case 0: v[i] = (float)(rng_normal(&r) * 1e3); break;
        case 1: v[i] = 7; break;
        case 2: v[i] = (float)rng_below(&r, 256); break;
        case 3: v[i] = -1 - (float)rng_below(&r, 2) / (1 << 20); break;
        default: v[i] = (i % 2 ? 1.0f : -1.0f) * (float)rng_below(&r, 3) * 1e30f;
        }
    memcpy(want, v, n * sizeof *v);
    qsort(want, n, sizeof *want, by_value);
    source_sort(v, tmp, n);
    for (size_t i = 0; i < n; i++)
        ck_assert(v[i] == want[i]);
}
END_TEST

Suite *suite_trees_bins(void);
Suite *suite_trees_bins(void)
{
    Suite *s = suite_create("trees_bins");
    TCase *c = tcase_create("bins");
    tcase_add_loop_test(c, pieces_of_rows_change_nothing, 2, 6);
    tcase_add_test(c, rows_and_columns_agree);
    tcase_add_loop_test(c, sorts, 0, 10);
    suite_add_tcase(s, c);
    return s;
}
