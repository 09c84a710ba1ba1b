/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rng.h"
#include "data/distinct.h"
#include "data/profile.h"
#include "data/profile_internal.h"
#include "data/read.h"
#include "tests/runner.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct mem *mem;
static struct asx_err err;

static void setup(void)
{
    mem = mem_create(NULL, 0);
    memset(&err, 0, sizeof err);
}

static void teardown(void)
{
    ck_assert_uint_eq(mem_used(mem), 0);
    mem_destroy(mem);
}

enum { N = 2000 };

/* Columns of every kind, with known facts. */
static struct asx_frame *sample(void)
{
    struct asx_frame *f = frame_create(mem, N);
    static double x[N], gap[N], mar[N], id[N], y[N], leak[N], one[N], half[N], row[N];
    static const char *colour[N], *key[N], *text[N];
    static char keys[N][8], texts[N][64];
    struct rng rng = rng_stream(5, 0, 0, 0);
    for (size_t i = 0; i < N; i++) {
        x[i] = rng_normal(&rng);
        gap[i] = rng_below(&rng, 5) ? rng_normal(&rng) : NAN;
        mar[i] = x[i] > 0.5 && rng_below(&rng, 10) ? NAN : rng_unit(&rng);
        id[i] = (double)((i * 7) % N) + 1;
        row[i] = (double)(i + i / 3);
        y[i] = rng_unit(&rng) < 0.25;
        leak[i] = y[i] * 3 + 0.2 * rng_unit(&rng);
        one[i] = 4;
        half[i] = i % 2 ? 4 : NAN;
        colour[i] = i % 3 == 0 ? "red" : i % 3 == 1 ? "green" : NULL;
        snprintf(keys[i], sizeof keys[i], "k%zu", i);
        key[i] = keys[i];
        snprintf(texts[i], sizeof texts[i], "many words in text number %zu", i);
        text[i] = texts[i];
    }
    frame_add_f64(f, "x", ASX_NUMERIC, x, &err);
    frame_add_f64(f, "gap", ASX_NUMERIC, gap, &err);
    frame_add_f64(f, "mar", ASX_NUMERIC, mar, &err);
    frame_add_f64(f, "id", ASX_NUMERIC, id, &err);
    frame_add_f64(f, "y", ASX_NUMERIC, y, &err);
    frame_add_f64(f, "leak", ASX_NUMERIC, leak, &err);
    frame_add_f64(f, "one", ASX_NUMERIC, one, &err);
    frame_add_f64(f, "half", ASX_NUMERIC, half, &err);
    frame_add_f64(f, "x again", ASX_NUMERIC, x, &err);
    frame_add_str(f, "colour", FRAME_INFER, colour, &err);
    frame_add_str(f, "key", FRAME_INFER, key, &err);
    frame_add_str(f, "text", FRAME_INFER, text, &err);
    frame_add_f64(f, "row", ASX_NUMERIC, row, &err);
    ck_assert_int_eq(frame_seal(f, &err), ASX_OK);
    return f;
}

START_TEST(facts_and_roles)
{
    struct asx_frame *f = sample();
    struct profile *p = NULL;
    ck_assert_int_eq(profile_make(f, 4, NULL, 0, mem, &p, &err), ASX_OK);
    const enum asx_role role[] = {ASX_ROLE_FEATURE, ASX_ROLE_FEATURE,  ASX_ROLE_FEATURE, ASX_ROLE_ID,        ASX_ROLE_TARGET,
                                  ASX_ROLE_FEATURE, ASX_ROLE_CONSTANT, ASX_ROLE_FEATURE, ASX_ROLE_DUPLICATE, ASX_ROLE_FEATURE,
                                  ASX_ROLE_ID,      ASX_ROLE_FEATURE,  ASX_ROLE_ID};
    for (size_t j = 0; j < f->columns; j++)
        ck_assert_msg(p->facts.column[j].role == role[j], "%s: %d", f->column[j].name, p->facts.column[j].role);
    ck_assert_int_eq(p->column[8].duplicate_of, 0);
    double sum = 0, s2 = 0, s3 = 0;
    for (size_t i = 0; i < N; i++)
        sum += f->column[0].f64[i];
    for (size_t i = 0; i < N; i++) {
        double e = f->column[0].f64[i] - sum / N;
        s2 += e * e;
        s3 += e * e * e;
    }
    ck_assert_double_eq_tol(p->own[0].mean, sum / N, 1e-12);
    ck_assert_double_eq_tol(p->own[0].std, sqrt(s2 / N), 1e-12);
    ck_assert_double_eq_tol(p->own[0].skew, s3 / N / pow(s2 / N, 1.5), 1e-10);
    ck_assert_uint_eq(p->own[0].distinct, N);
    ck_assert_uint_eq(p->own[7].missing, N / 2);
    ck_assert_uint_eq(p->own[9].distinct, 2);
    ck_assert_str_eq(p->column[9].top[0].text, "green"); /* as often as red: by name */
    ck_assert_uint_eq(p->column[9].top[1].count, 667);
    ck_assert_ptr_null(p->column[9].top[2].text);
    ck_assert_double_eq_tol(p->own[11].mean_words, 6, 1e-9);
    ck_assert(p->own[3].integral && !p->own[0].integral);
    ck_assert_ptr_nonnull(strstr(p->column[1].missingness, "completely at random, as far as the data shows"));
    ck_assert_ptr_nonnull(strstr(p->column[2].missingness, "depends on 'x'"));
    ck_assert_int_eq(p->column[2].missing_with, 0);
    ck_assert_ptr_null(p->column[0].missingness);
    ck_assert_double_gt(p->column[5].predicts_target, PROFILE_PREDICTS);
    ck_assert_double_lt(p->column[0].predicts_target, 0.2);
    ck_assert(p->target.looks_classes && !p->target.looks_regression);
    ck_assert_uint_eq(p->target.classes, 2);
    ck_assert_double_eq_tol(p->target.minority, 0.25, 0.05);
    json_t *o = profile_json(p, f);
    ck_assert_ptr_nonnull(o);
    ck_assert_int_eq(json_integer_value(json_object_get(o, "rows")), N);
    const json_t *mar = json_array_get(json_object_get(o, "columns"), 2);
    const char *key[] = {"name", "type", "missing", "distinct", "min", "max", "mean", "std", "top", "role", "missingness"};
    for (size_t i = 0; i < sizeof key / sizeof key[0]; i++)
        ck_assert_msg(json_object_get(mar, key[i]) != NULL, "%s", key[i]);
    ck_assert_str_eq(json_string_value(json_object_get(json_object_get(o, "target"), "name")), "y");
    json_decref(o);
    struct text t;
    text_init(&t, mem);
    profile_text(p, f, &t);
    text_put(&t, "", 1);
    ck_assert_ptr_nonnull(strstr(t.s, "x again repeats x"));
    ck_assert_ptr_nonnull(strstr(t.s, "leak alone predicts the target"));
    text_clear(&t);
    profile_free(p);
    struct profile *quick = NULL;
    struct pool *pool = pool_create(3);
    struct data_par par = data_par_pool(pool);
    ck_assert_int_eq(profile_make(f, 0, &par, PROFILE_QUICK, mem, &quick, &err), ASX_OK);
    ck_assert(quick->target.looks_regression);
    ck_assert_ptr_null(quick->column[9].top[0].text);
    ck_assert_uint_eq(quick->own[1].missing, frame_count_missing(&f->column[1], N));
    profile_free(quick);
    pool_destroy(pool);
    ck_assert_int_eq(profile_make(f, 13, NULL, 0, mem, &quick, &err), ASX_E_INVAL);
    frame_put(f);
}
END_TEST

/* Roles do not look at the target: changing its cells changes no role. */
/* Features of a sparse table have the facts that the same columns have in a dense one. */
START_TEST(sparse_features)
{
    static const double dense[5][6] = {
        {0, 2, -1, 7, 0, 0}, {1, 0, 1, 7, 0, 0}, {0, 2, -1, 7, 0, 0.5}, {1, NAN, 3, 7, 0, 0}, {0, 2, 0, 7, 0, 0}};
    struct asx_frame *full = frame_create(mem, 5), *thin = frame_create(mem, 5);
    int64_t *indptr = mem_calloc(mem, 6, sizeof *indptr);
    int32_t *indices = mem_calloc(mem, 30, sizeof *indices);
    float *values = mem_calloc(mem, 30, sizeof *values);
    int64_t n = 0;
    for (int i = 0; i < 5; i++) {
        for (int j = 0; j < 6; j++)
            if (dense[i][j] != 0 || (i == 4 && j == 2)) { /* a stored zero is as an absent one */
                indices[n] = j;
                values[n++] = (float)dense[i][j];
            }
        indptr[i + 1] = n;
    }
    for (int j = 0; j < 6; j++) {
        double column[5];
        char name[16];
        for (int i = 0; i < 5; i++)
            column[i] = dense[i][j];
        snprintf(name, sizeof name, "f%d", j + 1);
        frame_add_f64(full, name, ASX_NUMERIC, column, &err);
    }
    ck_assert_int_eq(frame_seal(full, &err), ASX_OK);
    ck_assert_int_eq(frame_take_sparse(thin, &(struct asx_csr){5, 6, indptr, indices, values}, &err), ASX_OK);
    ck_assert_int_eq(frame_seal(thin, &err), ASX_OK);
    struct profile *p = NULL, *q = NULL;
    ck_assert_int_eq(profile_make(full, -1, NULL, 0, mem, &p, &err), ASX_OK);
    ck_assert_int_eq(profile_make(thin, -1, NULL, 0, mem, &q, &err), ASX_OK);
    ck_assert_uint_eq(q->features, 5); /* no row has f5 */
    for (size_t k = 0; k < q->features; k++) {
        size_t j = k < 4 ? k : 5;
        const struct asx_column_facts *a = &p->own[j], *b = &q->feature[k].facts;
        ck_assert_str_eq(q->feature[k].name, full->column[j].name);
        ck_assert_uint_eq(a->missing, b->missing);
        ck_assert_uint_eq(a->distinct, b->distinct);
        ck_assert_int_eq(a->role, b->role);
        ck_assert_int_eq(a->integral, b->integral);
        ck_assert_double_eq(a->min, b->min);
        ck_assert_double_eq(a->max, b->max);
        ck_assert_double_eq_tol(a->mean, b->mean, 1e-12);
        ck_assert_double_eq_tol(a->std, b->std, 1e-12);
        ck_assert_double_eq_tol(a->skew, b->skew, 1e-12);
        for (int i = 0; i < PROFILE_TOP; i++) {
            const struct profile_top *x = &p->column[j].top[i], *y = &q->feature[k].more.top[i];
            ck_assert(!x->text == !y->text);
            ck_assert(!x->text || (strcmp(x->text, y->text) == 0 && x->count == y->count));
        }
    }
    json_t *json = profile_json(q, thin);
    ck_assert_uint_eq(json_array_size(json_object_get(json, "columns")), 5);
    json_decref(json);
    profile_free(q);
    ck_assert_int_eq(profile_make(thin, -1, NULL, PROFILE_QUICK, mem, &q, &err), ASX_OK);
    ck_assert_uint_eq(q->features, 0);
    profile_free(p);
    profile_free(q);
    frame_put(full);
    frame_put(thin);
}
END_TEST

START_TEST(roles_unlabelled)
{
    struct asx_frame *f = sample();
    struct profile *p = NULL, *q = NULL;
    ck_assert_int_eq(profile_make(f, 4, NULL, PROFILE_QUICK, mem, &p, &err), ASX_OK);
    double *y = (double *)(uintptr_t)f->column[4].f64;
    for (size_t i = 0; i < N; i++)
        y[i] = f->column[0].f64[i]; /* the target becomes equal to a feature */
    ck_assert_int_eq(profile_make(f, 4, NULL, PROFILE_QUICK, mem, &q, &err), ASX_OK);
    for (size_t j = 0; j < f->columns; j++)
        ck_assert_int_eq(p->own[j].role, q->own[j].role);
    ck_assert_double_gt(q->column[0].predicts_target, 0.98);
    profile_free(p);
    profile_free(q);
    frame_put(f);
}
END_TEST

START_TEST(chi2)
{
    /* scipy.stats.chi2.sf */
    static const double known[][3] = {{3.841458820694124, 1, 0.05},    {10, 3, 0.01856613546304325}, {0.5, 8, 0.999866630349486},
                                      {100, 8, 4.269159205144943e-18}, {25, 20, 0.2014311049455359}, {1e-3, 1, 0.9747728793699604}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        ck_assert_double_eq_tol(profile_chi2_tail(known[i][0], known[i][1]) / known[i][2], 1, 1e-9);
}
END_TEST

START_TEST(distinct)
{
    for (size_t n = 10; n <= 1000000; n *= 10) {
        struct distinct d;
        distinct_init(&d, mem);
        for (size_t i = 0; i < n; i++) {
            distinct_add(&d, distinct_mix(i + 1), (uint32_t)i);
            distinct_add(&d, distinct_mix(i / 2 + 1), (uint32_t)i);
        }
        double found = (double)distinct_count(&d);
        if (n <= DISTINCT_EXACT)
            ck_assert_double_eq(found, (double)n);
        else
            ck_assert_double_eq_tol(found, (double)n, 0.05 * (double)n);
        distinct_clear(&d);
    }
}
END_TEST

START_TEST(out_of_memory)
{
    struct asx_frame *f = sample();
    int failures = 0;
    asx_st st = ASX_E_NOMEM;
    for (long n = 1; n < 400 && st; n += n < 60 ? 1 : 7) {
        struct profile *p = NULL;
        memset(&err, 0, sizeof err);
        mem_fault_after(n);
        st = profile_make(f, 4, NULL, 0, mem, &p, &err);
        mem_fault_after(0);
        ck_assert(st == ASX_OK || st == ASX_E_NOMEM);
        failures += st != ASX_OK;
        profile_free(p);
    }
    ck_assert_int_gt(failures, 20);
    frame_put(f);
}
END_TEST

/*
 * Types against a table "name column type distinct missing" beside the data; integer-coded columns (numbers in the file
 * that the table calls categorical) follow the documented rule and do not count.
 */
START_TEST(true_types)
{
    const char *folder = getenv("ASSAY_DATA_DIR");
    char path[600];
    struct asx_frame *schema = NULL, *data = NULL;
    if (!folder) {
        printf("schema: ASSAY_DATA_DIR is not set: skipped\n");
        return;
    }
    snprintf(path, sizeof path, "%s/SCHEMA.tsv", folder);
    ck_assert_int_eq(data_read(NULL, path, mem, NULL, &schema, &err), ASX_OK);
    const struct asx_column *name = &schema->column[0], *column = &schema->column[1], *type = &schema->column[2];
    char last[200] = "", b1[200], b2[200], b3[200];
    size_t right = 0, all = 0, coded = 0;
    for (size_t i = 0; i < schema->rows; i++) {
        const char *set = frame_cell(name, i, b1, sizeof b1), *want = frame_cell(type, i, b3, sizeof b3);
        if (strcmp(set, last) != 0) {
            frame_put(data);
            data = NULL;
            snprintf(last, sizeof last, "%s", set);
            snprintf(path, sizeof path, "%s/%s.train.csv", folder, set);
            ck_assert_msg(data_read(NULL, path, mem, NULL, &data, &err) == ASX_OK, "%s", err.text);
        }
        if (strcmp(want, "target") == 0)
            continue;
        int j = frame_find(data, frame_cell(column, i, b2, sizeof b2));
        ck_assert_int_ge(j, 0);
        enum asx_type got = data->column[j].type;
        const char *found = got == ASX_BOOLEAN ? "categorical" : frame_type_name(got);
        if (got == ASX_NUMERIC && strcmp(want, "categorical") == 0) {
            coded++;
            continue;
        }
        all++;
        right += strcmp(found, want) == 0;
        if (strcmp(found, want) != 0)
            printf("schema: %s.%s is %s, found %s\n", set, data->column[j].name, want, found);
    }
    printf("schema: %zu of %zu columns agree; %zu integer codes are numeric by rule\n", right, all, coded);
    ck_assert_uint_gt(all, 800);
    ck_assert_double_ge((double)right, 0.95 * (double)all);
    frame_put(data);
    frame_put(schema);
}
END_TEST

Suite *suite_data_profile(void);
Suite *suite_data_profile(void)
{
    Suite *s = suite_create("data_profile");
    TCase *t = tcase_create("profile");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, facts_and_roles);
    tcase_add_test(t, sparse_features);
    tcase_add_test(t, roles_unlabelled);
    tcase_add_test(t, chi2);
    tcase_add_test(t, distinct);
    tcase_add_test(t, out_of_memory);
    tcase_add_test(t, true_types);
    suite_add_tcase(s, t);
    return s;
}
