/* SPDX-License-Identifier: Apache-2.0 */
/* Every row of the tree kernels against the plain one, at each instruction-set level this processor has. */
#include "backends/cpu/cpu.h"
#include "backends/cpu/tree.h"
#include "backends/ref/tree.h"
#include "base/rng.h"
#include "tests/runner.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N = 3000 };

static bool rows_of(int level, asx_kernel_fn *k)
{
    memset(k, 0, ASX_KERNELS * sizeof *k);
    if (level > (int)cpu_simd_level())
        return false;
    (level == CPU_SSE2 ? cpu_tree_rows_base : level == CPU_AVX2 ? cpu_tree_rows_avx2 : cpu_tree_rows_avx512)(k);
    return true;
}

START_TEST(binning)
{
    asx_kernel_fn ref[ASX_KERNELS], k[ASX_KERNELS];
    struct rng r = rng_stream(1, 1, 1, 1);
    float x[N], edge[256];
    uint8_t a[N], b[N];
    ref_tree_rows(ref);
    if (!rows_of(_i, k))
        return;
    for (int edges = 0; edges < 256; edges += edges < 20 ? 1 : 47) {
        for (int j = 0; j < 256; j++)
            edge[j] = j < edges ? (float)j * 0.25f - 3 : INFINITY;
        for (int i = 0; i < N; i++)
            x[i] = i % 11 == 0 ? NAN : i % 13 == 0 ? edge[rng_below(&r, 256)] : (float)(20 * rng_normal(&r));
        struct asx_bin_args p = {.x = x, .n = N - 3, .edge = edge, .edges = edges, .missing = 255, .code = a};
        ref[ASX_K_BIN](NULL, &p);
        p.code = b;
        k[ASX_K_BIN](NULL, &p);
        ck_assert_mem_eq(a, b, N - 3);
    }
}
END_TEST

START_TEST(histograms)
{
    asx_kernel_fn ref[ASX_KERNELS], k[ASX_KERNELS];
    struct rng r = rng_stream(2, 1, 1, 1);
    static uint8_t code[N * 16 + 64];
    static uint32_t row[N];
    static uint64_t gh[N], a[16 * 256], b[16 * 256];
    static uint16_t gh16[N];
    static double gh64[2 * N], c[2 * 16 * 256], d[2 * 16 * 256];
    ref_tree_rows(ref);
    if (!rows_of(_i, k))
        return;
    for (int i = 0; i < N; i++) {
        int64_t g = (int64_t)rng_below(&r, 200001) - 100000;
        gh[i] = ((uint64_t)g << 32) + rng_below(&r, 100000);
        gh16[i] = (uint16_t)rng_u64(&r);
        gh64[2 * i] = rng_normal(&r);
        gh64[2 * i + 1] = rng_unit(&r);
    }
    for (int stride = 4; stride <= 8; stride++)
        for (int used = 4; used <= 16; used += 4)
            for (int shift = 0; shift <= 2; shift++)
                for (int lists = 0; lists < 3; lists++) {
                    int width = lists == 2 && used == 12 ? 16 : used;
                    for (int i = 0; i < N * width; i++)
                        code[i] = (uint8_t)rng_below(&r, (uint64_t)(stride + shift > 8 ? 256 : 1 << (stride + shift)));
                    for (int i = 0; i < N; i++)
                        row[i] = (uint32_t)rng_below(&r, N);
                    struct asx_hist_args p = {.code = code,
                                              .width = width,
                                              .used = lists ? used : 0,
                                              .stride_log2 = stride,
                                              .shift = shift,
                                              .row = lists ? row : NULL,
                                              .first = lists ? 0 : 7,
                                              .n = lists ? N - 5 : N - 7,
                                              .gh = gh,
                                              .hist = a};
                    memset(a, 0, sizeof a);
                    memset(b, 0, sizeof b);
                    ref[ASX_K_HIST](NULL, &p);
                    p.hist = b;
                    k[ASX_K_HIST](NULL, &p);
                    ck_assert_mem_eq(a, b, sizeof a);
                    p.gh = NULL;
                    p.gh16 = gh16;
                    ref[ASX_K_HIST](NULL, &p);
                    p.hist = a;
                    k[ASX_K_HIST](NULL, &p);
                    ck_assert_mem_eq(a, b, sizeof a);
                    memset(c, 0, sizeof c);
                    memset(d, 0, sizeof d);
                    p.gh16 = NULL;
                    p.gh64 = gh64;
                    p.hist64 = c;
                    ref[ASX_K_HIST](NULL, &p);
                    p.hist64 = d;
                    k[ASX_K_HIST](NULL, &p);
                    ck_assert_mem_eq(c, d, sizeof c);
                }
}
END_TEST

START_TEST(scans)
{
    asx_kernel_fn ref[ASX_KERNELS], k[ASX_KERNELS];
    struct rng r = rng_stream(3, 1, 1, 1);
    uint64_t hist[256];
    double hist64[512];
    ref_tree_rows(ref);
    if (!rows_of(_i, k))
        return;
    for (int t = 0; t < 4000; t++) {
        int bins = 1 + (int)rng_below(&r, 255), missing = t % 3 ? -1 : 255;
        bool doubles = t % 2;
        double g = 0, h = 0;
        for (int b = 0; b < 256; b++) {
            bool in = (b < bins || b == missing) && rng_unit(&r) < 0.7;
            int64_t q = in ? (int64_t)rng_below(&r, 20001) - 10000 : 0;
            uint64_t w = in ? rng_below(&r, 1000) : 0;
            hist[b] = ((uint64_t)q << 32) + w;
            hist64[2 * b] = (double)q;
            hist64[2 * b + 1] = (double)w;
            g += (double)q;
            h += (double)w;
        }
        struct asx_split_args a = {.bins = bins,
                                   .missing = missing,
                                   .g_unit = 0x1p-10,
                                   .h_unit = 0x1p-8,
                                   .sum_g = g * 0x1p-10,
                                   .sum_h = h * 0x1p-8,
                                   .l1 = t % 5 ? 0 : 0.7,
                                   .l2 = t % 7 ? 0.1 : 0,
                                   .min_h = t % 2 ? 1e-3 : 20,
                                   .only = t % 11 ? -1 : bins / 2};
        if (doubles) {
            a.hist64 = hist64;
            a.g_unit = a.h_unit = 1;
            a.sum_g = g;
            a.sum_h = h;
        } else {
            a.hist = hist;
        }
        struct asx_split_args b = a;
        ref[ASX_K_SPLIT_SCAN](NULL, &a);
        k[ASX_K_SPLIT_SCAN](NULL, &b);
        ck_assert_int_eq(a.bin, b.bin);
        ck_assert_double_eq(a.gain, b.gain);
        ck_assert_int_eq(a.missing_left, b.missing_left);
        if (a.bin >= 0) {
            ck_assert_double_eq(a.left_g, b.left_g);
            ck_assert_double_eq(a.left_h, b.left_h);
        }
    }
}
END_TEST

/* Both steps, and the moves of a node in two pieces beside each other. */
START_TEST(partitions)
{
    asx_kernel_fn ref[ASX_KERNELS], k[ASX_KERNELS];
    struct rng r = rng_stream(4, 1, 1, 1);
    static uint8_t code[N * 16], left[256];
    static uint32_t row[N], ra[N], rb[N];
    static uint64_t gh[N], ga[N], gb[N], side_a[N / 64 + 1], side_b[N / 64 + 1];
    static uint16_t few[N], fa[N], fb[N];
    ref_tree_rows(ref);
    if (!rows_of(_i, k))
        return;
    for (int t = 0; t < 40; t++) {
        size_t n = t < 3 ? (size_t)t : rng_below(&r, N);
        for (int i = 0; i < N * 16; i++)
            code[i] = (uint8_t)rng_u64(&r);
        for (int b = 0; b < 256; b++)
            left[b] = rng_unit(&r) < t / 40.0;
        for (size_t i = 0; i < n; i++) {
            row[i] = (uint32_t)rng_below(&r, N);
            gh[i] = rng_u64(&r);
            few[i] = (uint16_t)rng_u64(&r);
        }
        struct asx_partition_args a = {.code = code + 3, .width = 16, .left = left, .row = row, .n = n, .side = side_a}, b = a;
        b.side = side_b;
        ref[ASX_K_PARTITION](NULL, &a);
        k[ASX_K_PARTITION](NULL, &b);
        ck_assert_uint_eq(a.n_left, b.n_left);
        ck_assert_mem_eq(side_a, side_b, (n + 63) / 64 * sizeof *side_a);
        a.move = true;
        if (t % 2)
            a.gh = gh;
        else
            a.gh16 = few;
        b = a;
        a.left_row = ra;
        a.right_row = ra + a.n_left;
        a.left_gh = ga;
        a.right_gh = ga + a.n_left;
        a.left_gh16 = fa;
        a.right_gh16 = fa + a.n_left;
        ref[ASX_K_PARTITION](NULL, &a);
        size_t cut = n / 2 / 64 * 64, nl = 0;
        for (size_t i = 0; i < cut; i++)
            nl += side_a[i / 64] >> (i % 64) & 1;
        for (int piece = 1; piece >= 0; piece--) {
            struct asx_partition_args p = b;
            size_t from = piece ? cut : 0, l = piece ? nl : 0, right = a.n_left + from - l;
            p.row += from;
            p.side += from / 64;
            p.n = piece ? n - cut : cut;
            p.gh = b.gh ? b.gh + from : NULL;
            p.gh16 = b.gh16 ? b.gh16 + from : NULL;
            p.left_row = rb + l;
            p.right_row = rb + right;
            p.left_gh = gb + l;
            p.right_gh = gb + right;
            p.left_gh16 = fb + l;
            p.right_gh16 = fb + right;
            k[ASX_K_PARTITION](NULL, &p);
        }
        ck_assert_mem_eq(ra, rb, n * sizeof *ra);
        ck_assert(!a.gh || memcmp(ga, gb, n * sizeof *ga) == 0);
        ck_assert(!a.gh16 || memcmp(fa, fb, n * sizeof *fa) == 0);
    }
}
END_TEST

Suite *suite_trees_kernels(void);
Suite *suite_trees_kernels(void)
{
    Suite *s = suite_create("trees_kernels");
    TCase *c = tcase_create("kernels");
    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, binning, 0, 3);
    tcase_add_loop_test(c, histograms, 0, 3);
    tcase_add_loop_test(c, scans, 0, 3);
    tcase_add_loop_test(c, partitions, 0, 3);
    suite_add_tcase(s, c);
    return s;
}
