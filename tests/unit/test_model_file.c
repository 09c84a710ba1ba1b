/* SPDX-License-Identifier: Apache-2.0 */
/* Model files of whole pipelines: round trips, truncation at every length, flipped bits, other versions. */
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/rng.h"
#include "data/frame.h"
#include "engine/api.h"
#include "engine/registry.h"
#include "tests/support/run_make.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

Suite *suite_model_file(void);

enum { HEADER = 40, FORMAT_AT = 8, SIZE_AT = 16, HASH_AT = 24, ROWS = 90 };

#define SET(...) ((const char *const[]){__VA_ARGS__, NULL})

struct made {
    struct run_make run;
    unsigned char *data;
    size_t size;
};

static void make(struct made *m, const char *learners, enum run_target target)
{
    void *data = NULL;
    struct asx_err err = {0};
    run_make_open(&m->run, ROWS, target);
    run_make_run(&m->run, target == RUN_REGRESSION ? "regress" : "classify",
                 SET("search.trials", "3", "search.learners", learners, "search.validation", "{folds: 2}"));
    ck_assert_msg(eng_model_bytes(m->run.model->model, &data, &m->size, &err) == ASX_OK, "%s", err.text);
    m->data = data;
    ck_assert_uint_gt(m->size, HEADER);
}

static void clear(struct made *m)
{
    mem_free(m->data);
    run_make_close(&m->run);
}

/* Loads bytes; a failure must say what is wrong, in one line, with the file's name. */
static struct model *load(const unsigned char *data, size_t size, struct asx_err *err)
{
    struct model *m = NULL;
    *err = (struct asx_err){0};
    asx_st st = eng_model_load_bytes(registry_builtin(), data, size, "model.assay", &m, err);
    if (st == ASX_OK) {
        ck_assert_ptr_nonnull(m);
        return m;
    }
    char text[1200];
    ck_assert_int_lt(st, 0);
    ck_assert_ptr_null(m);
    ck_assert_str_ne(err->text, "");
    ck_assert(strstr(err_format(err, text, sizeof text), "model.assay") != NULL);
    ck_assert_ptr_null(strchr(err->text, '\n'));
    return NULL;
}

static double *predict(const struct made *m, const struct model *model, size_t *n)
{
    assay_table *t = NULL;
    const struct asx_frame *frame, *bound = NULL;
    struct asx_err err = {0};
    ck_assert_int_eq(assay_table_from_file(&t, m->run.session, m->run.data), ASSAY_OK);
    ck_assert_int_eq(table_frame(t, &frame, &err), ASX_OK);
    ck_assert_msg(eng_model_bind(model, frame, &bound, &err) == ASX_OK, "%s", err.text);
    *n = bound->rows * (size_t)model->outputs;
    double *out = calloc(*n, sizeof *out);
    ck_assert_msg(eng_model_predict(model, bound, NULL, NULL, NULL, out, &err) == ASX_OK, "%s", err.text);
    frame_put(bound);
    assay_table_free(t);
    return out;
}

START_TEST(a_round_trip_changes_nothing)
{
    struct made m;
    make(&m, _i == RUN_REGRESSION ? "[ridge, gbdt]" : "[logistic, forest, knn]", (enum run_target)_i);
    struct asx_err err;
    struct model *again = load(m.data, m.size, &err);
    ck_assert_msg(again != NULL, "%s", err.text);
    void *data = NULL;
    size_t size, n, n2;
    ck_assert_int_eq(eng_model_bytes(again, &data, &size, &err), ASX_OK);
    ck_assert_uint_eq(size, m.size);
    ck_assert_mem_eq(data, m.data, size);
    double *a = predict(&m, m.run.model->model, &n), *b = predict(&m, again, &n2);
    ck_assert_uint_eq(n, n2);
    ck_assert_mem_eq(a, b, n * sizeof *a);
    free(a);
    free(b);
    mem_free(data);
    eng_model_free(again);
    clear(&m);
}
END_TEST

START_TEST(every_truncation_is_refused)
{
    struct made m;
    make(&m, "[gaussian_nb, tree]", RUN_MULTICLASS);
    struct asx_err err;
    for (size_t n = 0; n < m.size; n++) {
        bool apart = n <= 2 * HEADER || n % 97 == 0; /* a copy, so that a sanitizer sees what is read behind it */
        unsigned char *part = apart ? malloc(n + (n == 0)) : m.data;
        if (apart)
            memcpy(part, m.data, n);
        ck_assert_msg(load(part, n, &err) == NULL, "%zu of %zu bytes were taken for a model", n, m.size);
        if (apart)
            free(part);
    }
    unsigned char *more = malloc(m.size + 1);
    memcpy(more, m.data, m.size);
    more[m.size] = 0;
    ck_assert_ptr_null(load(more, m.size + 1, &err));
    free(more);
    clear(&m);
}
END_TEST

START_TEST(flipped_bits_are_refused)
{
    struct made m;
    make(&m, "[logistic, tree]", RUN_BINARY);
    struct asx_err err;
    struct rng r = rng_stream(11, 0, 0, 0);
    for (size_t bit = 0; bit < HEADER * 8; bit++) { /* all of the header */
        m.data[bit / 8] ^= (unsigned char)(1u << (bit % 8));
        ck_assert_msg(load(m.data, m.size, &err) == NULL, "bit %zu of the header means nothing", bit);
        m.data[bit / 8] ^= (unsigned char)(1u << (bit % 8));
    }
    for (int i = 0; i < 1000; i++) {
        size_t bit = (size_t)(rng_unit(&r) * (double)(m.size * 8));
        m.data[bit / 8] ^= (unsigned char)(1u << (bit % 8));
        ck_assert_msg(load(m.data, m.size, &err) == NULL, "a flip of bit %zu was not seen", bit);
        m.data[bit / 8] ^= (unsigned char)(1u << (bit % 8));
    }
    struct model *good = load(m.data, m.size, &err);
    ck_assert_msg(good != NULL, "%s", err.text);
    eng_model_free(good);
    clear(&m);
}
END_TEST

static void sign(unsigned char *data, size_t size)
{
    uint64_t payload = size - HEADER;
    struct asx_key key = hash_of(data + HEADER, size - HEADER);
    memcpy(data + SIZE_AT, &payload, sizeof payload);
    memcpy(data + HASH_AT, &key.hi, sizeof key.hi);
    memcpy(data + HASH_AT + 8, &key.lo, sizeof key.lo);
}

/* Damage behind a checksum that fits it: refused with a reason, or a model that predicts without harm. */
START_TEST(signed_damage_does_no_harm)
{
    static const char *const learners[] = {"[gbdt, logistic]", "[forest, knn]", "[mlp, gaussian_nb]"};
    struct made m;
    make(&m, learners[_i], RUN_MULTICLASS);
    struct asx_err err;
    struct rng r = rng_stream(5, (uint64_t)_i, 0, 0);
    int refused = 0, loaded = 0;
    unsigned char *copy = malloc(m.size);
    for (int i = 0; i < 150; i++) {
        memcpy(copy, m.data, m.size);
        size_t size = i % 5 == 4 ? HEADER + 1 + (size_t)(rng_unit(&r) * (double)(m.size - HEADER - 1)) : m.size;
        for (int k = 0; k <= i % 3; k++)
            copy[HEADER + (size_t)(rng_unit(&r) * (double)(size - HEADER))] ^= (unsigned char)(1u << (i % 8));
        sign(copy, size);
        struct model *got = load(copy, size, &err);
        refused += !got;
        loaded += got != NULL;
        eng_model_free(got);
    }
    ck_assert_int_gt(refused, 0);
    ck_assert_int_eq(refused + loaded, 150);
    free(copy);
    clear(&m);
}
END_TEST

START_TEST(another_format_is_named)
{
    struct made m;
    make(&m, "[ridge]", RUN_REGRESSION);
    struct asx_err err;
    uint32_t newer;
    memcpy(&newer, m.data + FORMAT_AT, sizeof newer);
    newer++;
    memcpy(m.data + FORMAT_AT, &newer, sizeof newer);
    ck_assert_ptr_null(load(m.data, m.size, &err));
    char want[64];
    snprintf(want, sizeof want, "the model has format %u, this build reads %u", newer, newer - 1);
    ck_assert_msg(strstr(err.text, want) != NULL, "%s", err.text);
    clear(&m);
}
END_TEST

Suite *suite_model_file(void)
{
    Suite *s = suite_create("model_file");
    TCase *t = tcase_create("model_file");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, a_round_trip_changes_nothing, 0, 3);
    tcase_add_test(t, every_truncation_is_refused);
    tcase_add_test(t, flipped_bits_are_refused);
    tcase_add_loop_test(t, signed_damage_does_no_harm, 0, 3);
    tcase_add_test(t, another_format_is_named);
    suite_add_tcase(s, t);
    return s;
}
