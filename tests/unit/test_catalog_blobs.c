/* SPDX-License-Identifier: Apache-2.0 */
/* Blobs by content, and the sweep that keeps what is needed. */
#include "tests/support/catalog_make.h"

#include "base/hash.h"
#include "base/mem.h"
#include "catalog/blob.h"
#include "catalog/model.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

START_TEST(blobs_by_content)
{
    struct cat *cat = catalog_open(made.path);
    size_t size = 300000;
    unsigned char *big = malloc(size);
    for (size_t i = 0; i < size; i++)
        big[i] = (unsigned char)(i * 2654435761u >> 13);
    int64_t a, b, c, d;
    ck_assert_int_eq(cat_blob_put(cat, big, size, &a, &made.err), ASX_OK);
    ck_assert_int_eq(cat_blob_put(cat, big, size, &b, &made.err), ASX_OK);
    ck_assert_int_eq(cat_blob_put(cat, big, 1000, &c, &made.err), ASX_OK);
    ck_assert_int_eq(cat_blob_put(cat, "", 0, &d, &made.err), ASX_OK);
    ck_assert_int_eq(a, b);
    ck_assert_int_ne(a, c);
    void *data;
    size_t n;
    ck_assert_int_eq(cat_blob_get(cat, a, NULL, &data, &n, &made.err), ASX_OK);
    ck_assert(n == size && memcmp(data, big, n) == 0);
    mem_free(data);
    ck_assert_int_eq(cat_blob_get(cat, d, NULL, &data, &n, &made.err), ASX_OK);
    ck_assert_uint_eq(n, 0);
    mem_free(data);
    ck_assert_int_eq(cat_blob_get(cat, 99, NULL, &data, &n, &made.err), ASX_NONE);

    char hex[KEY_HEX], file[256], text[64];
    key_hex(hash_of(big, size), hex);
    snprintf(file, sizeof file, "%s.blobs/%.2s/%s.zst", made.path, hex, hex);
    FILE *f = fopen(file, "r+b"); /* flip a bit in the middle */
    ck_assert_ptr_nonnull(f);
    fseek(f, 5000, SEEK_SET);
    int byte = fgetc(f);
    fseek(f, 5000, SEEK_SET);
    fputc(byte ^ 4, f);
    fclose(f);
    ck_assert_int_eq(cat_blob_get(cat, a, NULL, &data, &n, &made.err), ASX_E_DATA);
    snprintf(text, sizeof text, "damaged");
    ck_assert_ptr_nonnull(strstr(made.err.text, text));
    memset(&made.err, 0, sizeof made.err);
    unlink(file);
    ck_assert_int_eq(cat_blob_get(cat, a, NULL, &data, &n, &made.err), ASX_E_DATA);
    memset(&made.err, 0, sizeof made.err);
    ck_assert_int_eq(cat_blob_put(cat, big, size, &b, &made.err), ASX_OK); /* puts the file back */
    ck_assert_int_eq(cat_blob_get(cat, b, NULL, &data, &n, &made.err), ASX_OK);
    mem_free(data);
    cat_close(cat);
    free(big);
}
END_TEST

START_TEST(gc_keeps_what_is_needed)
{
    struct cat *cat = catalog_open(made.path);
    size_t size = 200000;
    unsigned char *data = malloc(size);
    int64_t runs[3], blob, model, saved;
    for (int k = 0; k < 3; k++) {
        runs[k] = catalog_begin(cat);
        for (size_t i = 0; i < size; i++)
            data[i] = (unsigned char)((i + 77 * (size_t)k) * 2654435761u >> 11);
        catalog_put(cat, runs[k], 1, 0.5, data, size, ASX_OK);
        struct cat_run_end e = {.state = CAT_FINISHED, .progress = {1, 0.5}};
        ck_assert_int_eq(cat_run_end(cat, runs[k], &e, &made.err), ASX_OK);
    }
    data[5] ^= 1;
    ck_assert_int_eq(cat_blob_put(cat, data, size, &blob, &made.err), ASX_OK); /* nobody's */
    data[6] ^= 1;
    ck_assert_int_eq(cat_blob_put(cat, data, size, &model, &made.err), ASX_OK);
    int64_t id;
    ck_assert_int_eq(cat_model_put(cat, &(struct cat_model){.run = runs[2], .learner = "gbdt", .blob = model}, &id, &made.err),
                     ASX_OK);
    data[7] ^= 1;
    ck_assert_int_eq(cat_blob_put(cat, data, size, &saved, &made.err), ASX_OK);
    struct cat_model elsewhere = {.run = runs[0], .learner = "gbdt", .path = "/tmp/model.assay", .blob = saved};
    ck_assert_int_eq(cat_model_put(cat, &elsewhere, &id, &made.err), ASX_OK);
    struct cat_gc_result r;
    void *back;
    size_t n;
    ck_assert_int_eq(cat_gc(cat, &(struct cat_gc_options){0}, &r, &made.err), ASX_OK);
    ck_assert(r.blobs == 1 && r.runs == 0 && r.bytes_after < r.bytes_before);
    ck_assert_int_eq(cat_blob_get(cat, blob, NULL, &back, &n, &made.err), ASX_NONE);
    ck_assert_int_eq(cat_blob_get(cat, model, NULL, &back, &n, &made.err), ASX_OK);
    mem_free(back);
    ck_assert_int_eq(cat_gc(cat, &(struct cat_gc_options){.max_bytes = 1}, &r, &made.err), ASX_OK);
    ck_assert(r.runs == 2 &&
              r.blobs == 3); /* the newest run stays; of the others nothing, models that have a file as well included */
    ck_assert_int_eq(cat_blob_get(cat, saved, NULL, &back, &n, &made.err), ASX_NONE);
    struct cat_trial *t;
    ck_assert_int_eq(cat_trials_get(cat, runs[2], made.arena, &t, &n, &made.err), ASX_OK);
    ck_assert_uint_eq(n, 1);
    ck_assert_int_eq(cat_blob_get(cat, t[0].oof, NULL, &back, &n, &made.err), ASX_OK);
    mem_free(back);
    cat_close(cat);
    free(data);
}
END_TEST

/* Two finished runs of one problem, one of another, one interrupted; two rungs of one config each; two models in the newest. */
START_TEST(gc_lets_go_of_what_is_superseded)
{
    struct cat *cat = catalog_open(made.path);
    size_t size = 100000, n;
    unsigned char *data = calloc(1, size);
    int64_t runs[4], first, last, blob;
    static const int problem[] = {1, 1, 2, 1};
    for (int k = 0; k < 4; k++) {
        runs[k] = catalog_begin(cat);
        struct cat_run_facts facts = {.problem = {9, (uint64_t)problem[k]}, .metric = "rmse"};
        ck_assert_int_eq(cat_run_set_facts(cat, runs[k], &facts, &made.err), ASX_OK);
        struct cat_ask ask = {.trial = 1, .config_id = 1, .learner = "gbdt", .config_json = "{}", .wave = 1};
        ck_assert_int_eq(cat_wave_put(cat, runs[k], &ask, 1, NULL, 0, &made.err), ASX_OK);
        for (int trial = 1; trial <= 2; trial++) {
            data[0] = (unsigned char)(10 * k + trial);
            struct cat_trial t = {.trial = trial, .config_id = 1, .learner = "gbdt", .config_json = "{}", .state = "finished"};
            struct cat_run_progress at = {1, 0.5};
            ck_assert_int_eq(cat_trial_put(cat, runs[k], &t, data, size, NULL, 0, &at, &made.err), ASX_OK);
        }
        for (int m = 0; k == 2 && m < 2; m++) {
            data[0] = (unsigned char)(100 + m);
            ck_assert_int_eq(cat_blob_put(cat, data, size, &blob, &made.err), ASX_OK);
            struct cat_model row = {.run = runs[k], .learner = "gbdt", .blob = blob};
            ck_assert_int_eq(cat_model_put(cat, &row, m ? &last : &first, &made.err), ASX_OK);
        }
        struct cat_run_end e = {.state = k == 3 ? CAT_INTERRUPTED : CAT_FINISHED, .model = k == 2 ? last : 0, .progress = {1, 0.5}};
        ck_assert_int_eq(cat_run_end(cat, runs[k], &e, &made.err), ASX_OK);
    }
    struct cat_gc_result r;
    ck_assert_int_eq(cat_gc(cat, &(struct cat_gc_options){0}, &r, &made.err), ASX_OK);
    ck_assert_int_eq(r.predictions, 5); /* four first rungs, and the last one of the first run */
    ck_assert_int_eq(r.models, 1);
    ck_assert_int_eq(r.blobs, 6);
    ck_assert_int_eq(r.runs, 0);
    ck_assert_uint_lt(r.bytes_after, r.bytes_before);
    for (int k = 0; k < 4; k++) {
        struct cat_trial *t;
        struct cat_ask *ask;
        ck_assert_int_eq(cat_trials_get(cat, runs[k], made.arena, &t, &n, &made.err), ASX_OK);
        ck_assert_uint_eq(n, 2); /* what was tried stays known */
        ck_assert_int_eq(t[0].oof, 0);
        ck_assert_int_eq(t[1].oof > 0, k > 0);
        n = 0;
        ck_assert_int_ge(cat_asks_get(cat, runs[k], made.arena, &ask, &n, &made.err), 0);
        ck_assert_uint_eq(n, k > 0);
    }
    struct cat_model m;
    ck_assert_int_eq(cat_model_get(cat, first, made.arena, &m, &made.err), ASX_OK);
    ck_assert_int_eq(m.blob, 0);
    ck_assert_int_eq(cat_model_get(cat, last, made.arena, &m, &made.err), ASX_OK);
    ck_assert_int_gt(m.blob, 0);
    ck_assert_int_eq(cat_gc(cat, &(struct cat_gc_options){0}, &r, &made.err), ASX_OK);
    ck_assert(r.predictions == 0 && r.models == 0 && r.blobs == 0);
    cat_close(cat);
    free(data);
}
END_TEST

Suite *suite_catalog_blobs(void);
Suite *suite_catalog_blobs(void)
{
    Suite *s = suite_create("catalog_blobs");
    TCase *c = tcase_create("catalog_blobs");
    tcase_add_checked_fixture(c, catalog_set_up, catalog_tear_down);
    tcase_set_timeout(c, 60);
    tcase_add_test(c, blobs_by_content);
    tcase_add_test(c, gc_keeps_what_is_needed);
    tcase_add_test(c, gc_lets_go_of_what_is_superseded);
    suite_add_tcase(s, c);
    return s;
}
