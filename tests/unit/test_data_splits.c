/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"
#include "data/frame.h"
#include "data/splits.h"
#include "tests/runner.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct mem *mem;
static struct asx_err err;
static struct asx_splits *splits;

static void setup(void)
{
    mem = mem_create(NULL, 0);
    memset(&err, 0, sizeof err);
    splits = NULL;
}

static void teardown(void)
{
    splits_free(splits);
    ck_assert_uint_eq(mem_used(mem), 0);
    mem_destroy(mem);
}

static asx_st make(struct split_options o, size_t rows)
{
    splits_free(splits);
    splits = NULL;
    memset(&err, 0, sizeof err);
    return splits_make(&o, rows, mem, &splits, &err);
}

/* Training and held-out rows are disjoint, ascending, and (but for time) cover everything. */
static void check_folds(size_t rows, bool cover)
{
    uint8_t *in = malloc(rows);
    for (int f = 0; f < splits->folds; f++) {
        const struct asx_fold *d = &splits->fold[f];
        memset(in, 0, rows);
        for (size_t i = 0; i < d->n_train; i++) {
            ck_assert(i == 0 || d->train[i] > d->train[i - 1]);
            in[d->train[i]] |= 1;
        }
        for (size_t i = 0; i < d->n_test; i++) {
            ck_assert(i == 0 || d->test[i] > d->test[i - 1]);
            ck_assert(!(in[d->test[i]] & 1));
            in[d->test[i]] |= 2;
        }
        ck_assert_uint_gt(d->n_train, 0);
        ck_assert_uint_gt(d->n_test, 0);
        for (size_t i = 0; cover && i < rows; i++)
            ck_assert(in[i]);
    }
    const struct asx_fold *full = &splits->fold[splits->folds];
    ck_assert_uint_eq(full->n_train, rows);
    ck_assert_uint_eq(full->n_test, 0);
    for (size_t i = 0; i < rows; i++)
        ck_assert_uint_eq(full->train[i], i);
    free(in);
}

START_TEST(kfold)
{
    ck_assert_int_eq(make((struct split_options){.folds = 5, .seed = 1}, 103), ASX_OK);
    ck_assert_int_eq(splits->folds, 5);
    check_folds(103, true);
    for (int f = 0; f < 5; f++) {
        ck_assert(splits->fold[f].n_test == 20 || splits->fold[f].n_test == 21);
        for (size_t i = 0; i < splits->fold[f].n_test; i++)
            ck_assert_uint_eq(splits->fold_of[splits->fold[f].test[i]], f);
    }
    struct asx_key key = splits->key;
    ck_assert_int_eq(make((struct split_options){.folds = 5, .seed = 1}, 103), ASX_OK);
    ck_assert(key_equal(key, splits->key));
    ck_assert_int_eq(make((struct split_options){.folds = 5, .seed = 2}, 103), ASX_OK);
    ck_assert(!key_equal(key, splits->key));
}
END_TEST

START_TEST(stratified)
{
    enum { N = 517, K = 7, C = 4 };
    int32_t label[N];
    size_t total[C] = {0};
    for (size_t i = 0; i < N; i++)
        label[i] = i % 50 == 0 ? 3 : i % 11 == 0 ? 2 : i % 3 == 0, total[label[i]]++;
    ck_assert_int_eq(make((struct split_options){.folds = K, .label = label, .classes = C, .seed = 3}, N), ASX_OK);
    check_folds(N, true);
    for (int f = 0; f < K; f++) {
        size_t count[C] = {0};
        for (size_t i = 0; i < splits->fold[f].n_test; i++)
            count[label[splits->fold[f].test[i]]]++;
        for (int c = 0; c < C; c++)
            ck_assert(count[c] == total[c] / K || count[c] == total[c] / K + 1);
        ck_assert(splits->fold[f].n_test == N / K || splits->fold[f].n_test == N / K + 1);
    }
    ck_assert_int_eq(make((struct split_options){.holdout = 0.2, .label = label, .classes = C, .seed = 3}, N), ASX_OK);
    ck_assert_int_eq(splits->folds, 1);
    check_folds(N, true);
    ck_assert_double_eq_tol((double)splits->fold[0].n_test, 0.2 * N, 1);
    size_t count[C] = {0};
    for (size_t i = 0; i < splits->fold[0].n_test; i++)
        count[label[splits->fold[0].test[i]]]++;
    for (int c = 0; c < C; c++)
        ck_assert_double_eq_tol((double)count[c], 0.2 * (double)total[c], 1.01);
    ck_assert_ptr_null(splits->fold_of);
}
END_TEST

START_TEST(repeated)
{
    ck_assert_int_eq(make((struct split_options){.folds = 3, .repeats = 4, .seed = 1}, 40), ASX_OK);
    ck_assert_int_eq(splits->folds, 12);
    ck_assert_ptr_null(splits->fold_of);
    check_folds(40, true);
    for (int r = 0; r < 4; r++) {
        size_t held = 0;
        for (int f = 0; f < 3; f++)
            held += splits->fold[r * 3 + f].n_test;
        ck_assert_uint_eq(held, 40);
    }
    ck_assert(memcmp(splits->fold[0].test, splits->fold[3].test, 10 * sizeof(uint32_t)) != 0);
}
END_TEST

START_TEST(grouped)
{
    enum { N = 300 };
    const char *name[N];
    static char text[N][8];
    for (size_t i = 0; i < N; i++) {
        strcpy(text[i], "g00");
        text[i][1] = (char)('a' + i * i % 23);
        text[i][2] = (char)('a' + i % 2);
        name[i] = i % 97 == 5 ? NULL : text[i];
    }
    enum asx_type types[] = {ASX_CATEGORICAL, ASX_TEXT};
    for (int t = 0; t < 2; t++) {
        struct asx_frame *f = frame_create(mem, N);
        ck_assert_int_eq(frame_add_str(f, "g", types[t], name, &err), ASX_OK);
        for (int hold = 0; hold < 2; hold++) {
            struct split_options o = {.folds = hold ? 0 : 4, .holdout = hold ? 0.25 : 0, .group = &f->column[0], .seed = 9};
            ck_assert_int_eq(make(o, N), ASX_OK);
            check_folds(N, true);
            for (int k = 0; k < splits->folds; k++) {
                const struct asx_fold *d = &splits->fold[k];
                ck_assert_double_eq_tol((double)d->n_test, N / 4.0, 15);
                for (size_t a = 0; a < d->n_test; a++) {
                    for (size_t b = 0; b < d->n_train; b++)
                        ck_assert(!name[d->test[a]] || !name[d->train[b]] || strcmp(name[d->test[a]], name[d->train[b]]) != 0);
                }
            }
        }
        frame_put(f);
    }
    struct asx_frame *f = frame_create(mem, 6);
    ck_assert_int_eq(frame_add_f64(f, "g", ASX_NUMERIC, (double[]){1, 1, 2, 2, 1, 2}, &err), ASX_OK);
    ck_assert_int_eq(make((struct split_options){.folds = 3, .group = &f->column[0]}, 6), ASX_E_INVAL);
    ck_assert_ptr_nonnull(strstr(err.text, "2 groups"));
    frame_put(f);
}
END_TEST

START_TEST(ordered)
{
    enum { N = 101 };
    double t[N];
    for (size_t i = 0; i < N; i++)
        t[i] = (double)((i * 37) % N / 3); /* shuffled, with ties */
    struct asx_frame *f = frame_create(mem, N);
    ck_assert_int_eq(frame_add_f64(f, "t", ASX_DATETIME, t, &err), ASX_OK);
    ck_assert_int_eq(make((struct split_options){.folds = 4, .time = &f->column[0]}, N), ASX_OK);
    check_folds(N, false);
    for (int k = 0; k < 4; k++) {
        const struct asx_fold *d = &splits->fold[k];
        double latest = -1, earliest = 1e9;
        for (size_t i = 0; i < d->n_train; i++)
            latest = fmax(latest, t[d->train[i]]);
        for (size_t i = 0; i < d->n_test; i++)
            earliest = fmin(earliest, t[d->test[i]]);
        ck_assert_double_lt(latest, earliest);
        if (k)
            ck_assert_uint_eq(d->n_train, splits->fold[k - 1].n_train + splits->fold[k - 1].n_test);
    }
    ck_assert_int_eq(make((struct split_options){.holdout = 0.2, .time = &f->column[0]}, N), ASX_OK);
    ck_assert_double_eq_tol((double)splits->fold[0].n_test, 20, 3);
    ck_assert_int_eq(make((struct split_options){.folds = 4, .time = &f->column[0], .group = &f->column[0]}, N), ASX_E_INVAL);
    frame_put(f);
    f = frame_create(mem, 9);
    ck_assert_int_eq(frame_add_f64(f, "t", ASX_NUMERIC, (double[]){1, 1, 1, 1, 1, 2, 2, 2, 2}, &err), ASX_OK);
    ck_assert_int_eq(make((struct split_options){.folds = 3, .time = &f->column[0]}, 9), ASX_E_INVAL);
    ck_assert_ptr_nonnull(strstr(err.text, "distinct times"));
    frame_put(f);
}
END_TEST

START_TEST(refusals)
{
    ck_assert_int_eq(make((struct split_options){.folds = 5}, 4), ASX_E_INVAL);
    ck_assert_int_eq(make((struct split_options){.folds = 1}, 40), ASX_E_INVAL);
    ck_assert_int_eq(make((struct split_options){.holdout = 1.5}, 40), ASX_E_INVAL);
    ck_assert_int_eq(make((struct split_options){.folds = 2}, 1), ASX_E_INVAL);
    ck_assert_int_eq(make((struct split_options){.holdout = 0.01}, 2), ASX_OK);
    check_folds(2, true);
    struct split_options o = {.folds = 3};
    splits_default(1000000, 1e7, &o);
    ck_assert_int_eq(o.folds, 3);
    o = (struct split_options){0};
    splits_default(1000000, 1e7, &o);
    ck_assert_double_eq(o.holdout, 0.1);
    o = (struct split_options){0};
    splits_default(150, 600, &o);
    ck_assert_int_ge(o.folds * o.repeats, 10);
    for (long n = 1; n < 30; n++) {
        mem_fault_after(n);
        asx_st st = make((struct split_options){.folds = 3}, 20);
        mem_fault_after(0);
        ck_assert(st == ASX_OK || st == ASX_E_NOMEM);
    }
}
END_TEST

Suite *suite_data_splits(void);
Suite *suite_data_splits(void)
{
    Suite *s = suite_create("data_splits");
    TCase *t = tcase_create("splits");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, kfold);
    tcase_add_test(t, stratified);
    tcase_add_test(t, repeated);
    tcase_add_test(t, grouped);
    tcase_add_test(t, ordered);
    tcase_add_test(t, refusals);
    suite_add_tcase(s, t);
    return s;
}
