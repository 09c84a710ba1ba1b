/* SPDX-License-Identifier: Apache-2.0 */
/* Round trips, truncation at every byte, a flip of every bit, mismatched kinds, allocation failures. */
#include "base/codec.h"
#include "base/mem.h"

#include <check.h>
#include <math.h>
#include <string.h>

Suite *suite_codec(void);

static const double doubles[] = {1.5, -0.0, 1e-310, INFINITY};
static const float floats[] = {2.5f, -1};
static const int32_t ints[] = {-1, 0, 2147483647};

static void put_sample(struct asx_writer *w)
{
    asx_put_u64(w, 3);
    asx_put_i64(w, -5);
    asx_put_f64(w, NAN);
    asx_put_str(w, "text");
    asx_put_str(w, NULL);
    asx_put_str(w, "");
    asx_put_bytes(w, "\0\1\2", 3);
    asx_put_f64s(w, doubles, 4);
    asx_put_f32s(w, floats, 2);
    asx_put_u64(w, 3);
    asx_put_i32s(w, ints, 3);
    asx_put_f64s(w, NULL, 0);
}

/* Reads all; true when every value is as it was put. Whatever happens nothing may leak or be read out of bounds. */
static bool get_sample(struct asx_reader *r, struct mem *m)
{
    bool same = asx_get_u64(r) == 3;
    same &= asx_get_i64(r) == -5;
    same &= isnan(asx_get_f64(r));
    char *a = asx_get_str(r, m), *b = asx_get_str(r, m), *c = asx_get_str(r, m), bytes[3];
    same &= a && strcmp(a, "text") == 0 && !b && c && !*c;
    asx_get_bytes(r, bytes, 3);
    same &= memcmp(bytes, "\0\1\2", 3) == 0;
    double *d = asx_get_f64s(r, m, 4);
    float *f = asx_get_f32s(r, m, 2);
    same &= d && memcmp(d, doubles, sizeof doubles) == 0 && f && memcmp(f, floats, sizeof floats) == 0;
    size_t n = asx_get_count(r, sizeof(int32_t));
    int32_t *i = asx_get_i32s(r, m, n);
    same &= n == 3 && i && memcmp(i, ints, sizeof ints) == 0;
    double *none = asx_get_f64s(r, m, 0);
    same &= none != NULL && codec_reader_at_end(r);
    mem_free(a);
    mem_free(b);
    mem_free(c);
    mem_free(d);
    mem_free(f);
    mem_free(i);
    mem_free(none);
    return same;
}

START_TEST(round_trip)
{
    struct asx_writer w;
    codec_writer_init(&w, NULL);
    put_sample(&w);
    ck_assert_int_eq(codec_writer_status(&w, NULL), ASX_OK);
    struct asx_reader r;
    codec_reader_init(&r, w.out.s, w.out.n, "sample");
    ck_assert(get_sample(&r, NULL));
    ck_assert_int_eq(asx_reader_error(&r, NULL), ASX_OK);
    codec_writer_clear(&w);
}
END_TEST

START_TEST(every_truncation_is_seen)
{
    struct asx_writer w;
    codec_writer_init(&w, NULL);
    put_sample(&w);
    for (size_t n = 0; n < w.out.n; n++) {
        char *cut = mem_alloc(NULL, n); /* so that the sanitizer sees a read past the end */
        memcpy(cut, w.out.s, n);
        struct asx_reader r;
        codec_reader_init(&r, cut, n, "sample");
        ck_assert(!get_sample(&r, NULL));
        ck_assert(asx_reader_bad(&r));
        struct asx_err e = {0};
        ck_assert_int_eq(asx_reader_error(&r, &e), ASX_E_DATA);
        ck_assert_ptr_nonnull(strstr(e.text, "'sample'"));
        mem_free(cut);
    }
    codec_writer_clear(&w);
}
END_TEST

START_TEST(flipped_bits_do_no_harm)
{
    struct asx_writer w;
    codec_writer_init(&w, NULL);
    put_sample(&w);
    for (size_t bit = 0; bit < w.out.n * 8; bit++) {
        w.out.s[bit / 8] = (char)(w.out.s[bit / 8] ^ (1 << bit % 8));
        struct mem *m = mem_create(NULL, 1 << 20); /* a flipped count must not ask for gigabytes */
        struct asx_reader r;
        codec_reader_init(&r, w.out.s, w.out.n, "sample");
        get_sample(&r, m);
        ck_assert_int_ne(asx_reader_error(&r, NULL), ASX_E_NOMEM);
        ck_assert_uint_eq(mem_used(m), 0);
        mem_destroy(m);
        w.out.s[bit / 8] = (char)(w.out.s[bit / 8] ^ (1 << bit % 8));
    }
    codec_writer_clear(&w);
}
END_TEST

START_TEST(kinds_must_match)
{
    struct asx_writer w;
    codec_writer_init(&w, NULL);
    asx_put_u64(&w, 7);
    asx_put_u64(&w, 8);
    struct asx_reader r;
    codec_reader_init(&r, w.out.s, w.out.n, "sample");
    ck_assert(asx_get_f64(&r) == 0);
    ck_assert(asx_reader_bad(&r));
    ck_assert_uint_eq(asx_get_u64(&r), 0); /* bad for good */
    codec_reader_init(&r, w.out.s, w.out.n, "sample");
    ck_assert_uint_eq(asx_get_count(&r, 1), 7); /* seven bytes could follow */
    ck_assert_uint_eq(asx_get_count(&r, 1), 0);
    ck_assert(asx_reader_bad(&r));
    codec_reader_init(&r, w.out.s, w.out.n, "sample");
    asx_reader_fail(&r, "nonsense");
    struct asx_err e = {0};
    ck_assert_int_eq(asx_reader_error(&r, &e), ASX_E_DATA);
    ck_assert_ptr_nonnull(strstr(e.text, "nonsense"));
    codec_writer_clear(&w);
}
END_TEST

START_TEST(memory_failures)
{
    struct mem *m = mem_create(NULL, 0);
    for (long n = 1; n < 20; n++) {
        struct asx_writer w;
        struct asx_err e = {0};
        mem_fault_after(n);
        codec_writer_init(&w, m);
        put_sample(&w);
        mem_fault_after(0);
        ck_assert_int_eq(codec_writer_status(&w, &e), w.out.failed ? ASX_E_NOMEM : ASX_OK);
        codec_writer_clear(&w);
        codec_writer_init(&w, m);
        put_sample(&w);
        struct asx_reader r;
        codec_reader_init(&r, w.out.s, w.out.n, "sample");
        mem_fault_after(n);
        bool same = get_sample(&r, m);
        mem_fault_after(0);
        if (!same)
            ck_assert_int_eq(asx_reader_error(&r, &e), ASX_E_NOMEM);
        codec_writer_clear(&w);
        ck_assert_uint_eq(mem_used(m), 0);
    }
    mem_destroy(m);
}
END_TEST

Suite *suite_codec(void)
{
    Suite *s = suite_create("codec");
    TCase *t = tcase_create("codec");
    tcase_add_test(t, round_trip);
    tcase_add_test(t, every_truncation_is_seen);
    tcase_add_test(t, flipped_bits_do_no_harm);
    tcase_add_test(t, kinds_must_match);
    tcase_add_test(t, memory_failures);
    suite_add_tcase(s, t);
    return s;
}
