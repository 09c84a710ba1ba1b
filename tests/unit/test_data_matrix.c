/* SPDX-License-Identifier: Apache-2.0 */
#include "base/codec.h"
#include "base/hash.h"
#include "base/rng.h"
#include "data/matrix.h"
#include "data/median.h"
#include "tests/runner.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 5000, DENSE = 3, WIDE = 2, SPARSE = 4, COLS = DENSE + WIDE + SPARSE };

static struct mem *mem;
static struct asx_err err;

/* A raw matrix of three blocks with everything in it, and the same as plain doubles. */
static double f64[ROWS], truth[ROWS][COLS];
static float f32[ROWS], wide[ROWS * WIDE], values[ROWS * SPARSE];
static int32_t i32[ROWS], indices[ROWS * SPARSE];
static int64_t indptr[ROWS + 1];
static const uint8_t wide_kind[] = {ASX_COL_INDICATOR, ASX_COL_NUMBER},
                     int_kind[] = {ASX_COL_NUMBER, ASX_COL_NUMBER, ASX_COL_NUMBER};
static struct asx_colref ref[DENSE];
static struct asx_block block[3];
static struct asx_matrix *raw;

static void fill(void)
{
    struct rng rng = rng_stream(11, 0, 0, 0);
    for (size_t i = 0; i < ROWS; i++) {
        f64[i] = rng_below(&rng, 10) == 0 ? NAN : 1e6 + 3 * rng_normal(&rng);
        f32[i] = (float)(0.01 * rng_normal(&rng));
        i32[i] = rng_below(&rng, 20) == 0 ? -1 : (int32_t)rng_below(&rng, 9);
        wide[i * WIDE] = (float)rng_below(&rng, 2);
        wide[i * WIDE + 1] = 7.5f; /* constant */
        truth[i][0] = f64[i];
        truth[i][1] = (double)f32[i];
        truth[i][2] = i32[i] < 0 ? NAN : i32[i];
        truth[i][3] = (double)wide[i * WIDE];
        truth[i][4] = 7.5;
        indptr[i + 1] = indptr[i];
        for (int j = 0; j < SPARSE; j++) {
            truth[i][5 + j] = 0;
            if ((int)rng_below(&rng, 10) > 2 * j + 1) /* from dense to rare */
                continue;
            float v = (float)(j == 1 ? -1 - rng_unit(&rng) : 1 + rng_unit(&rng));
            values[indptr[i + 1]] = v;
            indices[indptr[i + 1]++] = j;
            truth[i][5 + j] = (double)v;
        }
    }
    ref[0] = (struct asx_colref){f64, ASX_F64, 0};
    ref[1] = (struct asx_colref){f32, ASX_F32, 0};
    ref[2] = (struct asx_colref){i32, ASX_I32, 9};
    block[0] =
        (struct asx_block){.key = {1, 1}, .layout = ASX_LAYOUT_COLUMNS, .rows = ROWS, .cols = DENSE, .col = ref, .kind = int_kind};
    block[1] = (struct asx_block){
        .key = {2, 2}, .layout = ASX_LAYOUT_CSR, .rows = ROWS, .cols = SPARSE, .csr = {ROWS, SPARSE, indptr, indices, values}};
    block[2] = (struct asx_block){
        .key = {3, 3}, .layout = ASX_LAYOUT_ROWS, .rows = ROWS, .cols = WIDE, .ld = WIDE, .rowmajor = wide, .kind = wide_kind};
}

static void setup(void)
{
    mem = mem_create(NULL, 0);
    memset(&err, 0, sizeof err);
    memset(indptr, 0, sizeof indptr);
    fill();
    const struct asx_block *list[] = {&block[0], &block[1], &block[2]};
    ck_assert_int_eq(matrix_make(list, 3, mem, &raw, &err), ASX_OK);
}

static void teardown(void)
{
    matrix_free(raw);
    ck_assert_uint_eq(mem_used(mem), 0);
    mem_destroy(mem);
}

/* Column of `truth` for column j of packed order (masks aside). */
static int truth_of(const struct asx_packed *p, size_t j)
{
    int r = p->raw_of[j];
    return r < DENSE ? r : r < DENSE + SPARSE ? r + WIDE : r - SPARSE;
}

static struct asx_packed *pack(void)
{
    struct asx_packed *p = NULL;
    ck_assert_int_eq(packed_build(NULL, raw, mem, (struct asx_key){4, 4}, &p, &err), ASX_OK);
    return p;
}

START_TEST(matrix)
{
    ck_assert_uint_eq(raw->cols, COLS);
    ck_assert_ptr_eq(matrix_column(raw, 3).block, &block[1]);
    ck_assert_uint_eq(matrix_column(raw, 8).at, 1);
    ck_assert_ptr_null(matrix_column(raw, 9).block);
    for (size_t i = 0; i < 200; i++) {
        ck_assert_double_eq(matrix_cell(raw, i, 4), truth[i][6]);
        ck_assert_double_eq(matrix_cell(raw, i, 7), truth[i][3]);
        ck_assert(i32[i] >= 0 || isnan(matrix_cell(raw, i, 2)));
    }
    struct asx_block code = block[0], short_one = block[2];
    code.kind = NULL;
    ck_assert_int_eq(block_kind(&code, 2), ASX_COL_CODE);
    char name[16];
    ck_assert_str_eq(block_name(&code, 2, name, sizeof name), "f3");
    short_one.rows--;
    struct asx_matrix *m = NULL;
    const struct asx_block *list[] = {&code, &short_one};
    ck_assert_int_eq(matrix_make(list, 2, mem, &m, &err), ASX_E_INVAL);
    memset(&err, 0, sizeof err);
    ck_assert_int_eq(matrix_make(list, 1, mem, &m, &err), ASX_OK);
    struct asx_packed *p = NULL;
    ck_assert_int_eq(packed_build(NULL, m, mem, (struct asx_key){0, 0}, &p, &err), ASX_E_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(err.text, "codes"));
    matrix_free(m);
}
END_TEST

START_TEST(packed)
{
    struct asx_packed *p = pack(), *q = NULL;
    ck_assert_uint_eq(p->dense, 5);
    ck_assert_uint_eq(p->masks, 2);
    ck_assert_uint_eq(p->sparse, SPARSE);
    ck_assert_int_eq(p->mask_of[0], 0);
    ck_assert_int_eq(p->mask_of[1], 2);
    ck_assert_double_eq(p->shift[3], 0);
    ck_assert_double_eq(p->unit[3], 1);
    ck_assert_int_eq(packed_kind(p, 3), ASX_COL_INDICATOR);
    ck_assert_int_eq(packed_kind(p, 6), ASX_COL_INDICATOR);
    for (size_t j = 0; j < p->dense; j++) {
        int e;
        ck_assert_double_eq(frexp(p->unit[j], &e), 0.5); /* a power of two */
        for (size_t i = 0; i < ROWS; i++) {
            double x = truth[i][truth_of(p, j)], s = (double)p->x[i * p->ld + j];
            if (x == x)
                ck_assert_double_eq_tol(s, (x - p->shift[j]) * p->unit[j], 1e-6 * fmax(1, fabs(s)));
            else
                ck_assert_double_eq(s, 0);
            for (size_t m = 0; m < p->masks; m++) {
                if ((size_t)p->mask_of[m] == j)
                    ck_assert_double_eq((double)p->x[i * p->ld + p->dense + m], x != x);
            }
        }
    }
    ck_assert_mem_eq(p->csr.indices, indices, (size_t)indptr[ROWS] * sizeof *indices);
    struct pool *pool = pool_create(3);
    struct data_par par = data_par_pool(pool);
    ck_assert_int_eq(packed_build(&par, raw, mem, p->key, &q, &err), ASX_OK);
    ck_assert_mem_eq(p->x, q->x, ROWS * p->ld * sizeof *p->x);
    ck_assert_uint_gt(packed_bytes(p), ROWS * 7 * 4);
    pool_destroy(pool);
    packed_free(q);
    packed_free(p);
}
END_TEST

static double weight[ROWS];
static uint32_t train[ROWS];
static size_t n_train;

static void choose_rows(void)
{
    n_train = 0;
    for (size_t i = 0; i < ROWS; i++) {
        weight[i] = 0.5 + (double)(i % 4);
        if (i % 3)
            train[n_train++] = (uint32_t)i;
    }
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* numpy's linear interpolation. */
static double quantile(const double *v, size_t n, double p)
{
    double at = (double)(n - 1) * p;
    size_t k = (size_t)at;
    return v[k] + (at - (double)k) * ((k + 1 < n ? v[k + 1] : v[k]) - v[k]);
}

START_TEST(statistics)
{
    struct asx_packed *p = pack();
    struct asx_column_stats stats[16], again[16];
    double *v = malloc(ROWS * sizeof *v);
    choose_rows();
    for (int weighted = 0; weighted < 2; weighted++) {
        ck_assert_int_eq(affine_stats(NULL, p, train, n_train, weighted ? weight : NULL, AFFINE_MEDIAN, mem, stats, &err), ASX_OK);
        for (size_t j = 0; j < p->dense + p->sparse; j++) {
            const struct asx_column_stats *s = &stats[j < p->dense ? j : j + p->masks];
            int t = truth_of(p, j);
            double n = 0, missing = 0, sum = 0, square = 0;
            size_t count = 0;
            for (size_t k = 0; k < n_train; k++) {
                double x = truth[train[k]][t], w = weighted ? weight[train[k]] : 1;
                if (x != x) {
                    missing += w;
                    continue;
                }
                n += w;
                sum += w * x;
                v[count++] = x;
            }
            for (size_t k = 0; k < n_train; k++) {
                double x = truth[train[k]][t], w = weighted ? weight[train[k]] : 1;
                square += x == x ? w * (x - sum / n) * (x - sum / n) : 0;
            }
            double std = sqrt(square / n), scale = fmax(1e-6, std);
            ck_assert_double_eq_tol(s->n, n, 1e-9);
            ck_assert_double_eq_tol(s->missing, missing, 1e-9);
            ck_assert_double_eq_tol(s->mean, sum / n, 1e-6 * scale);
            ck_assert_double_eq_tol(s->std, std, 1e-6 * scale);
            qsort(v, count, sizeof *v, by_value);
            ck_assert_double_eq_tol(s->min, v[0], 1e-6 * scale + 1e-12);
            ck_assert_double_eq_tol(s->max, v[count - 1], 1e-6 * scale + 1e-12);
            if (t == 4)
                ck_assert_double_eq(s->std, 0);
            if (!weighted) {
                ck_assert_double_eq_tol(s->median, quantile(v, count, 0.5), 1e-6 * scale);
                ck_assert_double_eq_tol(s->q25, quantile(v, count, 0.25), 1e-6 * scale);
                ck_assert_double_eq_tol(s->q75, quantile(v, count, 0.75), 1e-6 * scale);
                continue;
            }
            double below = 0, reach = 0;
            for (size_t k = 0; k < n_train; k++) {
                double x = truth[train[k]][t];
                below += x < s->median - 1e-6 * scale ? weight[train[k]] : 0;
                reach += x <= s->median + 1e-6 * scale ? weight[train[k]] : 0;
            }
            ck_assert_double_lt(below, n / 2);
            ck_assert_double_ge(reach, n / 2 - 1e-9);
        }
        for (size_t m = 0; m < p->masks; m++) {
            const struct asx_column_stats *s = &stats[p->dense + m], *of = &stats[p->mask_of[m]];
            ck_assert_double_eq_tol(s->mean, of->missing / (of->n + of->missing), 1e-12);
            ck_assert_double_eq(s->median, 0);
            ck_assert_double_eq(s->max, 1);
        }
    }
    struct pool *pool = pool_create(3);
    struct data_par par = data_par_pool(pool);
    ck_assert_int_eq(affine_stats(&par, p, train, n_train, weight, AFFINE_MEDIAN, mem, again, &err), ASX_OK);
    for (size_t j = 0; j < packed_cols(p); j++) {
        ck_assert_double_eq(stats[j].mean, again[j].mean);
        ck_assert_double_eq(stats[j].std, again[j].std);
        ck_assert_double_eq(stats[j].median, again[j].median);
    }
    pool_destroy(pool);
    free(v);
    packed_free(p);
}
END_TEST

static void standardise(void *arg, size_t col, const struct asx_column_stats *s, double *fill_with, double *centre, double *scale)
{
    (void)arg, (void)col;
    *fill_with = s->median;
    *centre = s->kind == ASX_COL_INDICATOR ? NAN : s->mean;
    *scale = s->kind == ASX_COL_INDICATOR || s->std == 0 ? 1 : s->std;
}

START_TEST(prepared_rows)
{
    struct asx_packed *p = pack();
    struct asx_affine *a = NULL;
    struct affine_model *m = NULL, *loaded = NULL;
    choose_rows();
    ck_assert_int_eq(affine_make(NULL, p, train, n_train, NULL, AFFINE_MEDIAN, standardise, NULL, 2, mem, &a, &err), ASX_OK);
    ck_assert_int_eq(a->fold, 2);
    ck_assert_uint_eq(a->cols, 11);
    size_t ld = a->cols + 3;
    float *z = calloc(ROWS * ld, sizeof *z), *z2 = calloc(ROWS * ld, sizeof *z2);
    dense_apply(a, train, 10, 700, z, ld);
    for (size_t i = 10; i < 700; i++) {
        for (size_t j = 0; j < p->dense + p->sparse; j++) {
            size_t c = j < p->dense ? j : j + p->masks;
            double x = truth[train[i]][truth_of(p, j)];
            double want = ((x == x ? x : a->fill[c]) - a->centre[c]) / a->scale[c];
            ck_assert_double_eq_tol((double)z[(i - 10) * ld + c], want, 1e-5);
        }
        for (size_t k = 0; k < p->masks; k++)
            ck_assert_double_eq((double)z[(i - 10) * ld + p->dense + k],
                                isnan(truth[train[i]][truth_of(p, (size_t)p->mask_of[k])]));
    }
    ck_assert_int_eq(affine_model_make(a, mem, &m, &err), ASX_OK);
    dense_apply(a, NULL, 0, ROWS, z, ld);
    ck_assert_int_eq(affine_model_apply(m, raw, 0, ROWS, z2, ld, &err), ASX_OK);
    for (size_t i = 0; i < ROWS; i++) {
        for (size_t j = 0; j < a->cols; j++)
            ck_assert_double_eq_tol((double)z[i * ld + j], (double)z2[i * ld + j], 2e-6 * fmax(1, fabs((double)z[i * ld + j])));
    }
    float one[16];
    ck_assert_int_eq(affine_model_apply(m, raw, 4321, 4322, one, 11, &err), ASX_OK);
    ck_assert_mem_eq(one, z2 + 4321 * ld, 11 * sizeof *one);

    double w[2 * 11], bias[2] = {0.25, -1}, *out = calloc(ROWS * 2, sizeof *out), single[2];
    for (int j = 0; j < 22; j++)
        w[j] = sin(j + 1.0);
    ck_assert_int_eq(affine_model_linear(m, w, bias, 2, raw, 0, ROWS, out, mem, &err), ASX_OK);
    for (size_t i = 0; i < ROWS; i++) {
        for (int k = 0; k < 2; k++) {
            double want = bias[k];
            for (size_t j = 0; j < 11; j++)
                want += w[(size_t)k * 11 + j] * (double)z2[i * ld + j];
            ck_assert_double_eq_tol(out[i * 2 + (size_t)k], want, 1e-5 * fmax(1, fabs(want)));
        }
    }
    ck_assert_int_eq(affine_model_linear(m, w, bias, 2, raw, 777, 778, single, mem, &err), ASX_OK);
    ck_assert_mem_eq(single, out + 777 * 2, sizeof single);

    struct asx_writer writer;
    codec_writer_init(&writer, mem);
    ck_assert_int_eq(affine_model_save(m, &writer), ASX_OK);
    struct asx_reader reader;
    codec_reader_init(&reader, writer.out.s, writer.out.n, "test");
    ck_assert_int_eq(affine_model_load(&reader, mem, &loaded, &err), ASX_OK);
    ck_assert_int_eq(affine_model_apply(loaded, raw, 0, ROWS, z, ld, &err), ASX_OK);
    ck_assert_mem_eq(z, z2, ROWS * ld * sizeof *z);
    affine_model_free(loaded);
    for (size_t n = 0; n < writer.out.n; n += 7) { /* cut short: refused, nothing leaks */
        struct affine_model *none = NULL;
        memset(&err, 0, sizeof err);
        codec_reader_init(&reader, writer.out.s, n, "test");
        ck_assert_int_lt(affine_model_load(&reader, mem, &none, &err), 0);
    }
    for (size_t at = 0; at < writer.out.n; at += 3) { /* bits flipped: refused or loaded, never worse */
        struct affine_model *maybe = NULL;
        memset(&err, 0, sizeof err);
        writer.out.s[at] = (char)(writer.out.s[at] ^ 0x55);
        codec_reader_init(&reader, writer.out.s, writer.out.n, "test");
        if (affine_model_load(&reader, mem, &maybe, &err) == ASX_OK) {
            ck_assert(affine_model_apply(maybe, raw, 0, 1, one, 16, &err) <= ASX_OK);
            affine_model_free(maybe);
        }
        writer.out.s[at] = (char)(writer.out.s[at] ^ 0x55);
    }
    codec_writer_clear(&writer);
    memset(&err, 0, sizeof err);
    struct asx_matrix *narrow = NULL;
    const struct asx_block *list[] = {&block[0]};
    ck_assert_int_eq(matrix_make(list, 1, mem, &narrow, &err), ASX_OK);
    ck_assert_int_eq(affine_model_apply(m, narrow, 0, 1, one, 16, &err), ASX_E_INVAL);
    matrix_free(narrow);
    free(out);
    free(z);
    free(z2);
    affine_model_free(m);
    affine_free(a);
    packed_free(p);
}
END_TEST

START_TEST(out_of_memory)
{
    choose_rows();
    int failures = 0;
    for (long n = 1; n < 60; n++) {
        struct asx_packed *p = NULL;
        struct asx_affine *a = NULL;
        struct affine_model *m = NULL;
        memset(&err, 0, sizeof err);
        mem_fault_after(n);
        asx_st st = packed_build(NULL, raw, mem, (struct asx_key){0, 0}, &p, &err);
        if (!st)
            st = affine_make(NULL, p, train, n_train, weight, AFFINE_MEDIAN, standardise, NULL, 0, mem, &a, &err);
        if (!st)
            st = affine_model_make(a, mem, &m, &err);
        mem_fault_after(0);
        ck_assert(st == ASX_OK || st == ASX_E_NOMEM);
        failures += st != ASX_OK;
        affine_model_free(m);
        affine_free(a);
        packed_free(p);
    }
    ck_assert_int_gt(failures, 20);
}
END_TEST

START_TEST(extremes)
{
    double huge[] = {1e308, -1e308, 5e307, NAN}, tiny[] = {1e-300, 2e-300, 0, 1e-300}, none[] = {NAN, NAN, NAN, NAN},
           same[] = {0.1, 0.1, 0.1, 0.1};
    struct asx_colref col[] = {{huge, ASX_F64, 0}, {tiny, ASX_F64, 0}, {none, ASX_F64, 0}, {same, ASX_F64, 0}};
    struct asx_block b = {.layout = ASX_LAYOUT_COLUMNS, .rows = 4, .cols = 4, .col = col};
    const struct asx_block *list[] = {&b};
    struct asx_matrix *m = NULL;
    struct asx_packed *p = NULL;
    struct asx_affine *a = NULL;
    ck_assert_int_eq(matrix_make(list, 1, mem, &m, &err), ASX_OK);
    ck_assert_int_eq(packed_build(NULL, m, mem, (struct asx_key){0, 0}, &p, &err), ASX_OK);
    for (size_t i = 0; i < 4 * p->ld; i++)
        ck_assert(isfinite(p->x[i]));
    ck_assert_int_eq(affine_make(NULL, p, NULL, 0, NULL, AFFINE_MEDIAN, standardise, NULL, 0, mem, &a, &err), ASX_OK);
    float z[4 * 8];
    dense_apply(a, NULL, 0, 4, z, 8);
    for (size_t i = 0; i < 4; i++) {
        for (size_t j = 0; j < a->cols; j++)
            ck_assert(isfinite(z[i * 8 + j]));
    }
    ck_assert_double_eq(a->scale[3], 1);
    affine_free(a);
    packed_free(p);
    matrix_free(m);
}
END_TEST

Suite *suite_data_matrix(void);
static int by_float(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Few values are sorted, many selected by digits: both as sorted values say, ties and both signs included. */
START_TEST(quartiles_of_any_length)
{
    enum { MOST = 700 };
    float v[MOST], sorted[MOST], spare[MOST];
    uint64_t g = 3;
    for (size_t n = 1; n <= MOST; n += n < 270 ? 1 : 43) {
        for (size_t i = 0; i < n; i++) {
            g = g * 6364136223846793005u + 1442695040888963407u;
            v[i] = n % 3 ? (float)((double)(g >> 11) / 9e15 - 0.5) * 1e3f : (float)((int)(g >> 60) - 8);
        }
        memcpy(sorted, v, n * sizeof *v);
        qsort(sorted, n, sizeof *sorted, by_float);
        double out[3];
        quartiles_f32(v, n, spare, out);
        for (int q = 0; q < 3; q++) {
            double at = (double)(n - 1) * 0.25 * (q + 1);
            size_t low = (size_t)at, high = low + 1 < n ? low + 1 : low;
            double want = (double)sorted[low] + (at - (double)low) * ((double)sorted[high] - (double)sorted[low]);
            if (!(fabs(out[q] - want) <= 1e-12 * fabs(want)))
                ck_abort_msg("%zu values, quartile %d: %.9g, not %.9g", n, q + 1, out[q], want);
        }
    }
}
END_TEST

Suite *suite_data_matrix(void)
{
    Suite *s = suite_create("data_matrix");
    TCase *t = tcase_create("matrix");
    tcase_add_test(t, quartiles_of_any_length);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, matrix);
    tcase_add_test(t, packed);
    tcase_add_test(t, statistics);
    tcase_add_test(t, prepared_rows);
    tcase_add_test(t, out_of_memory);
    tcase_add_test(t, extremes);
    suite_add_tcase(s, t);
    return s;
}
