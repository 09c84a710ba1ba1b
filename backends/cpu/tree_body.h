/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file tree_body.h
 * The fast tree kernels, compiled once per instruction-set level (tree_{base,avx2,avx512}.c).
 *
 * Histograms are bound by one load-add-store a cycle: the group width and the stride are
 * compile-time constants, so that an update is two instructions, and a group of 16 features
 * of 256 bins (32 KiB) stays in the first-level cache. Rows that come through an index list
 * are prefetched PREFETCH rows ahead. Scans keep prefix sums, gains and the search for the
 * best apart: three plain loops, of which the compiler vectorises the last two.
 */
#include "backends/cpu/tree.h"

#include <math.h>
#ifdef __AVX512F__
#include <immintrin.h>
#endif

#define INLINE static inline __attribute__((always_inline))
enum { PREFETCH = 48 };

/* ---- binning --------------------------------------------------------------- */

static void bin_block(const float *restrict x, size_t n, const float *restrict edge, int32_t *restrict out)
{
    for (size_t i = 0; i < n; i++) {
        float v = x[i];
        int32_t b = 0;
        b += v > edge[b + 127] ? 128 : 0;
        b += v > edge[b + 63] ? 64 : 0;
        b += v > edge[b + 31] ? 32 : 0;
        b += v > edge[b + 15] ? 16 : 0;
        b += v > edge[b + 7] ? 8 : 0;
        b += v > edge[b + 3] ? 4 : 0;
        b += v > edge[b + 1] ? 2 : 0;
        b += v > edge[b] ? 1 : 0;
        out[i] = b;
    }
}

static void bin_block_16(const float *restrict x, size_t n, const float *restrict edge, int32_t *restrict out)
{
    for (size_t i = 0; i < n; i++) {
        float v = x[i];
        int32_t b = 0;
        b += v > edge[b + 7] ? 8 : 0;
        b += v > edge[b + 3] ? 4 : 0;
        b += v > edge[b + 1] ? 2 : 0;
        b += v > edge[b] ? 1 : 0;
        out[i] = b;
    }
}

#ifdef __AVX512F__
/*
 * The same search with the edges in registers, as a heap: level k of the tree has 2^k edges, and node h goes on at
 * 2h or 2h + 1. Permutations by the low bits of h look an edge up without touching memory: levels 0 to 3 share one
 * register, levels 4 to 7 take 1, 2, 4 and 8.
 */
struct bin_heap {
    __m512 top, level4, level5[2], level6[4], level7[8];
};

static void heap_make(const float *edge, int levels, struct bin_heap *t)
{
    float h[256] __attribute__((aligned(64)));
    h[0] = 0;
    for (int k = 0; k < levels; k++)
        for (int p = 0; p < 1 << k; p++)
            h[(1 << k) + p] = edge[(p << (levels - k)) + (1 << (levels - 1 - k)) - 1];
    t->top = _mm512_load_ps(h);
    if (levels == 4)
        return;
    t->level4 = _mm512_load_ps(h + 16);
    for (int i = 0; i < 2; i++)
        t->level5[i] = _mm512_load_ps(h + 32 + 16 * i);
    for (int i = 0; i < 4; i++)
        t->level6[i] = _mm512_load_ps(h + 64 + 16 * i);
    for (int i = 0; i < 8; i++)
        t->level7[i] = _mm512_load_ps(h + 128 + 16 * i);
}

INLINE __m512i heap_down(__m512i h, __m512 v, __m512 edge)
{
    __mmask16 right = _mm512_cmp_ps_mask(v, edge, _CMP_GT_OQ);
    h = _mm512_add_epi32(h, h);
    return _mm512_mask_add_epi32(h, right, h, _mm512_set1_epi32(1));
}

INLINE __m512 heap_look_32(__m512i h, const __m512 *t)
{
    return _mm512_permutex2var_ps(t[0], h, t[1]);
}

INLINE __m512 heap_look_64(__m512i h, const __m512 *t)
{
    return _mm512_mask_blend_ps(_mm512_test_epi32_mask(h, _mm512_set1_epi32(32)), heap_look_32(h, t), heap_look_32(h, t + 2));
}

INLINE __m128i heap_codes(const struct bin_heap *t, __m512 v, int levels, __m512i missing)
{
    __m512i h = _mm512_set1_epi32(1);
    for (int k = 0; k < 4; k++)
        h = heap_down(h, v, _mm512_permutexvar_ps(h, t->top));
    if (levels == 8) {
        h = heap_down(h, v, _mm512_permutexvar_ps(h, t->level4));
        h = heap_down(h, v, heap_look_32(h, t->level5));
        h = heap_down(h, v, heap_look_64(h, t->level6));
        __mmask16 high = _mm512_test_epi32_mask(h, _mm512_set1_epi32(64));
        h = heap_down(h, v, _mm512_mask_blend_ps(high, heap_look_64(h, t->level7), heap_look_64(h, t->level7 + 4)));
    } else {
        h = _mm512_and_si512(h, _mm512_set1_epi32(15));
    }
    h = _mm512_mask_mov_epi32(h, _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q), missing);
    return _mm512_cvtepi32_epi8(h);
}

INLINE void heap_bin(const struct asx_bin_args *a, int levels)
{
    struct bin_heap t;
    heap_make(a->edge, levels, &t);
    __m512i missing = _mm512_set1_epi32(a->missing);
    size_t i = 0;
    for (; i + 16 <= a->n; i += 16)
        _mm_storeu_si128((__m128i *)(a->code + i), heap_codes(&t, _mm512_loadu_ps(a->x + i), levels, missing));
    if (i < a->n) {
        __mmask16 m = (__mmask16)_bzhi_u32(0xffff, (unsigned)(a->n - i));
        _mm_mask_storeu_epi8(a->code + i, m, heap_codes(&t, _mm512_maskz_loadu_ps(m, a->x + i), levels, missing));
    }
}
#endif

static asx_st fast_bin(struct asx_queue *q, const void *args)
{
    (void)q;
    const struct asx_bin_args *a = args;
#ifdef __AVX512F__
    if (a->n >= 256) { /* below, filling the registers costs more than it saves */
        if (a->edges < 16)
            heap_bin(a, 4);
        else
            heap_bin(a, 8);
        return ASX_OK;
    }
#endif
    int32_t tmp[512];
    for (size_t i = 0; i < a->n; i += 512) {
        size_t n = a->n - i < 512 ? a->n - i : 512;
        if (a->edges < 16)
            bin_block_16(a->x + i, n, a->edge, tmp);
        else
            bin_block(a->x + i, n, a->edge, tmp);
        for (size_t k = 0; k < n; k++)
            a->code[i + k] = (uint8_t)(a->x[i + k] != a->x[i + k] ? a->missing : tmp[k]);
    }
    return ASX_OK;
}

/* ---- histograms ------------------------------------------------------------ */

INLINE void add_row(uint64_t *hist, const uint8_t *c, uint64_t v, int width, int stride_log2, int shift)
{
#define UPDATE(j)                                                                                                                  \
    if ((j) < width)                                                                                                               \
    hist[((size_t)(j) << stride_log2) + (size_t)(c[j] >> shift)] += v
    UPDATE(0);
    UPDATE(1);
    UPDATE(2);
    UPDATE(3);
    UPDATE(4);
    UPDATE(5);
    UPDATE(6);
    UPDATE(7);
    UPDATE(8);
    UPDATE(9);
    UPDATE(10);
    UPDATE(11);
    UPDATE(12);
    UPDATE(13);
    UPDATE(14);
    UPDATE(15);
#undef UPDATE
}

INLINE uint64_t gradient(const struct asx_hist_args *a, size_t i, bool few)
{
    return few ? asx_widen(a->gh16[i]) : a->gh[i];
}

/* A row is `width` bytes, of which `used` are counted. */
INLINE void hist_loop(const struct asx_hist_args *a, int width, int used, int stride_log2, int shift, bool few)
{
    const uint8_t *code = a->code;
    uint64_t *hist = a->hist;
    size_t n = a->n, w = (size_t)width;
    if (!a->row) {
        code += a->first * w;
        for (size_t i = 0; i < n; i++)
            add_row(hist, code + i * w, gradient(a, i, few), used, stride_log2, shift);
        return;
    }
    const uint32_t *row = a->row;
    size_t i = 0;
    for (; i + PREFETCH < n; i++) {
        __builtin_prefetch(code + (size_t)row[i + PREFETCH] * w);
        add_row(hist, code + (size_t)row[i] * w, gradient(a, i, few), used, stride_log2, shift);
    }
    for (; i < n; i++)
        add_row(hist, code + (size_t)row[i] * w, gradient(a, i, few), used, stride_log2, shift);
}

/* U counted slots in rows of W bytes. */
#define HIST(W, U, S, SH)                                                                                                          \
    static void hist_##U##_##S##_##SH(const struct asx_hist_args *a)                                                               \
    {                                                                                                                              \
        hist_loop(a, W, U, S, SH, false);                                                                                          \
    }                                                                                                                              \
    static void few_##U##_##S##_##SH(const struct asx_hist_args *a)                                                                \
    {                                                                                                                              \
        hist_loop(a, W, U, S, SH, true);                                                                                           \
    }
#define HIST_S(W, U)                                                                                                               \
    HIST(W, U, 4, 0) HIST(W, U, 5, 0) HIST(W, U, 6, 0) HIST(W, U, 7, 0) HIST(W, U, 8, 0) HIST(W, U, 6, 2) HIST(W, U, 7, 1)
HIST_S(4, 4)
HIST_S(8, 8)
HIST_S(16, 12)
HIST_S(16, 16)

/* By counted slots, then by stride 4..8 unshifted, 6 shifted by 2, 7 shifted by 1. */
typedef void (*hist_fn)(const struct asx_hist_args *);
#define ROW(K, U)                                                                                                                  \
    {                                                                                                                              \
        K##_##U##_4_0, K##_##U##_5_0, K##_##U##_6_0, K##_##U##_7_0, K##_##U##_8_0, K##_##U##_6_2, K##_##U##_7_1                    \
    }
static const hist_fn hist_table[2][4][7] = {{ROW(hist, 4), ROW(hist, 8), ROW(hist, 12), ROW(hist, 16)},
                                            {ROW(few, 4), ROW(few, 8), ROW(few, 12), ROW(few, 16)}};

static void hist_any(const struct asx_hist_args *a, int used)
{
    for (size_t i = 0; i < a->n; i++) {
        const uint8_t *c = a->code + (a->row ? a->row[i] : a->first + i) * (size_t)a->width;
        uint64_t v = gradient(a, i, a->gh16 != NULL);
        for (int j = 0; j < used; j++)
            a->hist[((size_t)j << a->stride_log2) + (size_t)(c[j] >> a->shift)] += v;
    }
}

static void hist_doubles(const struct asx_hist_args *a, int used)
{
    for (size_t i = 0; i < a->n; i++) {
        const uint8_t *c = a->code + (a->row ? a->row[i] : a->first + i) * (size_t)a->width;
        double g = a->gh64[2 * i], h = a->gh64[2 * i + 1];
        for (int j = 0; j < used; j++) {
            double *at = a->hist64 + 2 * (((size_t)j << a->stride_log2) + (size_t)(c[j] >> a->shift));
            at[0] += g;
            at[1] += h;
        }
    }
}

static asx_st fast_hist(struct asx_queue *q, const void *args)
{
    (void)q;
    const struct asx_hist_args *a = args;
    int used = a->used ? a->used : a->width, s = a->stride_log2, way = -1;
    bool known = used == 12 ? a->width == 16 : a->width == used && (used == 4 || used == 8 || used == 16);
    if (a->shift == 0 && s >= 4 && s <= 8)
        way = s - 4;
    else if ((a->shift == 2 && s == 6) || (a->shift == 1 && s == 7))
        way = s - 1;
    if (a->gh64)
        hist_doubles(a, used);
    else if (way < 0 || !known)
        hist_any(a, used);
    else
        hist_table[a->gh16 != NULL][used / 4 - 1][way](a);
    return ASX_OK;
}

/* ---- split scan ------------------------------------------------------------ */

/* Thresholds that are looked at: prefix sums, and the bins they cut after (`held` has a bit a bin; NULL: all). */
struct cuts {
    double g[264] __attribute__((aligned(64))), h[264] __attribute__((aligned(64)));
    int n, first;
    const uint8_t *held;
};

static void to_units(const struct asx_split_args *a, const uint64_t *sum, int n, struct cuts *c)
{
    double gu = a->g_unit, hu = a->h_unit;
    for (int b = 0; b < n; b++) {
        c->g[b] = (double)((int64_t)sum[b] >> 32) * gu;
        c->h[b] = (double)(int64_t)(sum[b] & 0xffffffffu) * hu;
    }
}

static void prefix(const struct asx_split_args *a, int n, struct cuts *c)
{
    c->n = n;
    c->held = NULL;
    if (a->hist64) {
        double g = 0, h = 0;
        for (int b = 0; b < n; b++) {
            c->g[b] = g += a->hist64[2 * b];
            c->h[b] = h += a->hist64[2 * b + 1];
        }
        return;
    }
    uint64_t sum[256], acc = 0;
    for (int b = 0; b < n; b++)
        sum[b] = acc += a->hist[b];
    to_units(a, sum, n, c);
}

INLINE double plus(double x)
{
    return x > 0 ? x : 0;
}

static void gains(const struct asx_split_args *a, int n, const double *restrict gl, const double *restrict hl, double mg, double mh,
                  double *restrict gain)
{
    double sg = a->sum_g, sh = a->sum_h, l1 = a->l1, l2 = a->l2, min_h = a->min_h;
    for (int b = 0; b < n; b++) {
        double g = gl[b] + mg, h = hl[b] + mh;
        double hr = sh - h, tl = plus(fabs(g) - l1), tr = plus(fabs(sg - g) - l1);
        double dl = h + l2, dr = hr + l2;
        double v = (tl * tl * dr + tr * tr * dl) / (dl * dr);
        gain[b] = ((h >= min_h) & (hr >= min_h)) ? v : -1.0;
    }
}

static double largest(const double *gain, int n)
{
    double lane[8] = {-1, -1, -1, -1, -1, -1, -1, -1}, top = -1;
    int b = 0;
    for (; b + 8 <= n; b += 8)
        for (int k = 0; k < 8; k++)
            lane[k] = gain[b + k] > lane[k] ? gain[b + k] : lane[k];
    for (int k = 0; k < 8; k++)
        top = lane[k] > top ? lane[k] : top;
    for (; b < n; b++)
        top = gain[b] > top ? gain[b] : top;
    return top;
}

#ifdef __AVX512F__
/* A bin without rows cuts like the one before it, which wins the tie: in small nodes only bins with rows are kept. */
static bool prefix_held(const struct asx_split_args *a, int n, uint8_t *held, struct cuts *c)
{
    uint64_t sum[264], acc = 0;
    int m = 0;
    for (int b = 0; b < n; b += 8) {
        __m512i v = _mm512_maskz_loadu_epi64((__mmask8)_bzhi_u32(255, (unsigned)(n - b)), a->hist + b);
        held[b / 8] = (uint8_t)_mm512_test_epi64_mask(v, v);
        m += __builtin_popcount(held[b / 8]);
    }
    if (4 * m > 3 * n)
        return false;
    held[0] |= 1; /* missing cells alone may go left */
    m = 0;
    for (int b = 0; b < n; b += 8) {
        __m512i v = _mm512_maskz_loadu_epi64((__mmask8)_bzhi_u32(255, (unsigned)(n - b)), a->hist + b);
        _mm512_storeu_si512(sum + m, _mm512_maskz_compress_epi64(held[b / 8], v));
        m += __builtin_popcount(held[b / 8]);
    }
    for (int i = 0; i < m; i++)
        sum[i] = acc += sum[i];
    c->n = m;
    c->held = held;
    to_units(a, sum, m, c);
    return true;
}
#endif

/* Bin of threshold i among those with rows. */
static int bin_of(const struct cuts *c, int i)
{
#ifdef __AVX512F__
    for (int w = 0; c->held; w++) {
        uint64_t bits;
        __builtin_memcpy(&bits, c->held + 8 * w, sizeof bits);
        int n = __builtin_popcountll(bits);
        if (i < n)
            return 64 * w + (int)__builtin_ctzll(_pdep_u64(1ull << i, bits));
        i -= n;
    }
#endif
    return c->first + i;
}

static void best_of(struct asx_split_args *a, const struct cuts *c, double mg, double mh, bool missing_left)
{
    double gain[264] __attribute__((aligned(64)));
    int b = 0;
    gains(a, c->n, c->g + c->first, c->h + c->first, mg, mh, gain);
    double top = largest(gain, c->n), slack = asx_split_slack(a, top);
    if (!(top > (a->bin < 0 ? a->gain : a->gain + slack)))
        return;
    while (gain[b] < top - slack)
        b++;
    a->gain = gain[b];
    a->bin = bin_of(c, b);
    a->missing_left = missing_left;
    a->left_g = c->g[c->first + b] + mg;
    a->left_h = c->h[c->first + b] + mh;
}

static asx_st fast_split(struct asx_queue *q, const void *args)
{
    (void)q;
    struct asx_split_args *a = (struct asx_split_args *)(uintptr_t)args;
    struct cuts c;
    uint8_t held[32] = {0};
    double mg = 0, mh = 0;
    int n = a->bins - 1;
    bool done = false;
    a->gain = -1;
    a->bin = -1;
    a->missing_left = false;
    if (n < 1 || a->only >= n)
        return ASX_OK;
    c.first = 0;
#ifdef __AVX512F__
    done = !a->hist64 && a->only < 0 && prefix_held(a, n, held, &c);
#endif
    (void)held;
    if (!done)
        prefix(a, n, &c);
    if (a->only >= 0) {
        c.first = a->only;
        c.n = 1;
    }
    best_of(a, &c, 0, 0, false);
    if (a->missing < 0)
        return ASX_OK;
    if (a->hist64) {
        mg = a->hist64[2 * a->missing];
        mh = a->hist64[2 * a->missing + 1];
    } else {
        mg = (double)((int64_t)a->hist[a->missing] >> 32) * a->g_unit;
        mh = (double)(int64_t)(a->hist[a->missing] & 0xffffffffu) * a->h_unit;
    }
    if (mh > 0)
        best_of(a, &c, mg, mh, true);
    return ASX_OK;
}

/* ---- partition ------------------------------------------------------------- */

INLINE uint64_t sides_of(const struct asx_partition_args *a, size_t i, size_t m)
{
    size_t w = (size_t)a->width;
    uint64_t s = 0;
    for (size_t j = 0; j < m; j++)
        s |= (uint64_t)(a->left[a->code[(size_t)a->row[i + j] * w]] != 0) << j;
    return s;
}

static void move_rows(const struct asx_partition_args *a, size_t from, size_t nl, size_t nr)
{
    for (size_t i = from; i < a->n; i++) {
        bool go = a->side[i / 64] >> (i % 64) & 1;
        size_t at = go ? nl : nr;
        *((go ? a->left_row : a->right_row) + at) = a->row[i];
        if (a->gh)
            *((go ? a->left_gh : a->right_gh) + at) = a->gh[i];
        else if (a->gh16)
            *((go ? a->left_gh16 : a->right_gh16) + at) = a->gh16[i];
        nl += go;
        nr += !go;
    }
}

#ifdef __AVX512F__
INLINE uint64_t sides_of_64(const struct asx_partition_args *a, size_t i)
{
    uint8_t side[64] __attribute__((aligned(64)));
    const uint8_t *left = a->left, *code = a->code; /* bytes alias everything: read the arguments once */
    const uint32_t *row = a->row + i;
    size_t w = (size_t)a->width;
    for (int j = 0; j < 64; j++)
        side[j] = left[code[(size_t)row[j] * w]];
    __m512i s = _mm512_load_si512(side);
    return _mm512_test_epi8_mask(s, s);
}

INLINE __mmask16 first(unsigned n)
{
    return (__mmask16)_bzhi_u32(0xffff, n);
}

/*
 * 16 rows at a time: compressed in a register, then stored under a mask, for other pieces fill the places beside.
 * The kind of gradients is a constant in each copy.
 */
INLINE void move_blocks(const struct asx_partition_args *args, bool packed, bool few)
{
    const struct asx_partition_args a = *args;
    size_t nl = 0, nr = 0, i = 0;
    for (; i + 16 <= a.n; i += 16) {
        __mmask16 m = (__mmask16)(a.side[i / 64] >> (i % 64)), o = (__mmask16)~m;
        unsigned l = (unsigned)__builtin_popcount(m), l0 = (unsigned)__builtin_popcount(m & 255u);
        __m512i r = _mm512_loadu_si512(a.row + i);
        _mm512_mask_storeu_epi32(a.left_row + nl, first(l), _mm512_maskz_compress_epi32(m, r));
        _mm512_mask_storeu_epi32(a.right_row + nr, first(16 - l), _mm512_maskz_compress_epi32(o, r));
        if (packed) {
            __m512i g0 = _mm512_loadu_si512(a.gh + i), g1 = _mm512_loadu_si512(a.gh + i + 8);
            __mmask8 m0 = (__mmask8)m, m1 = (__mmask8)(m >> 8), o0 = (__mmask8)o, o1 = (__mmask8)(o >> 8);
            uint64_t *left = a.left_gh + nl, *right = a.right_gh + nr;
            _mm512_mask_storeu_epi64(left, (__mmask8)first(l0), _mm512_maskz_compress_epi64(m0, g0));
            _mm512_mask_storeu_epi64(left + l0, (__mmask8)first(l - l0), _mm512_maskz_compress_epi64(m1, g1));
            _mm512_mask_storeu_epi64(right, (__mmask8)first(8 - l0), _mm512_maskz_compress_epi64(o0, g0));
            _mm512_mask_storeu_epi64(right + 8 - l0, (__mmask8)first(8 - (l - l0)), _mm512_maskz_compress_epi64(o1, g1));
        } else if (few) {
            __m512i g = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(a.gh16 + i)));
            _mm256_mask_storeu_epi16(a.left_gh16 + nl, first(l), _mm512_cvtepi32_epi16(_mm512_maskz_compress_epi32(m, g)));
            _mm256_mask_storeu_epi16(a.right_gh16 + nr, first(16 - l), _mm512_cvtepi32_epi16(_mm512_maskz_compress_epi32(o, g)));
        }
        nl += l;
        nr += 16 - l;
    }
    move_rows(args, i, nl, nr);
}

static void move_all(const struct asx_partition_args *a)
{
    if (a->gh)
        move_blocks(a, true, false);
    else
        move_blocks(a, false, a->gh16 != NULL);
}
#else
INLINE uint64_t sides_of_64(const struct asx_partition_args *a, size_t i)
{
    return sides_of(a, i, 64);
}

static void move_all(const struct asx_partition_args *a)
{
    move_rows(a, 0, 0, 0);
}
#endif

static asx_st fast_partition(struct asx_queue *q, const void *args)
{
    (void)q;
    struct asx_partition_args *a = (struct asx_partition_args *)(uintptr_t)args;
    size_t w = (size_t)a->width, n = a->n, nl = 0, i = 0;
    const uint8_t *code = a->code;
    const uint32_t *row = a->row;
    if (a->move) {
        move_all(a);
        return ASX_OK;
    }
    for (; i + 64 <= n; i += 64) {
        if (i + 128 <= n)
            for (size_t j = 0; j < 64; j++)
                __builtin_prefetch(code + (size_t)row[i + 64 + j] * w);
        a->side[i / 64] = sides_of_64(a, i);
        nl += (size_t)__builtin_popcountll(a->side[i / 64]);
    }
    if (i < n) {
        a->side[i / 64] = sides_of(a, i, n - i);
        nl += (size_t)__builtin_popcountll(a->side[i / 64]);
    }
    a->n_left = nl;
    return ASX_OK;
}

/* ---- prediction -------------------------------------------------------------- */

INLINE void split_reach(const struct asx_walk_args *a, const struct asx_cut_node *n, uint8_t *restrict reach,
                        uint8_t *restrict right)
{
    if (n->by_mask) {
        const uint8_t *m = a->mask + n->slot * ASX_TREE_ROWS;
        for (int i = 0; i < ASX_TREE_ROWS; i++) {
            right[i] = reach[i] & (uint8_t)~m[i];
            reach[i] = reach[i] & m[i];
        }
        return;
    }
    const uint8_t *c = a->code + n->slot * a->stride;
    uint8_t cut = n->cut, add = n->add;
    for (int i = 0; i < ASX_TREE_ROWS; i++) {
        uint8_t m = (uint8_t)(c[i] + add) <= cut ? 255 : 0;
        right[i] = reach[i] & (uint8_t)~m;
        reach[i] = reach[i] & m;
    }
}

INLINE bool nobody(const uint8_t *reach)
{
#ifdef __AVX512BW__
    __m512i r = _mm512_loadu_si512(reach);
    return _mm512_test_epi8_mask(r, r) == 0;
#endif
    uint64_t w[8];
    __builtin_memcpy(w, reach, sizeof w);
    return !(w[0] | w[1] | w[2] | w[3] | w[4] | w[5] | w[6] | w[7]);
}

/* Leaf numbers of small trees fit bytes: half the work of 16 bits. */
INLINE void walk(const struct asx_walk_args *a, bool small)
{
    uint8_t leaf8[ASX_TREE_ROWS] __attribute__((aligned(64)));
    uint16_t leaf16[ASX_TREE_ROWS] __attribute__((aligned(64)));
    uint8_t *reach = a->reach;
    int32_t *stack = a->stack;
    int top = 0;
    stack[0] = 0;
    for (int i = 0; i < ASX_TREE_ROWS; i++)
        reach[i] = 255;
    while (top >= 0) {
        int32_t at = stack[top];
        uint8_t *r = reach + (size_t)top * ASX_TREE_ROWS;
        if (at >= 0) {
            if (!small && nobody(r)) {
                top--;
                continue;
            }
            const struct asx_cut_node *n = &a->node[at];
            uint8_t *next = r + ASX_TREE_ROWS;
            split_reach(a, n, r, next);
            stack[top] = n->left;
            stack[++top] = n->right;
            continue;
        }
        if (small) {
            uint8_t l = (uint8_t)~at;
            for (int i = 0; i < ASX_TREE_ROWS; i++)
                leaf8[i] = r[i] ? l : leaf8[i];
        } else {
            uint16_t l = (uint16_t)~at;
            for (int i = 0; i < ASX_TREE_ROWS; i++) {
                uint16_t m = (uint16_t)(int16_t)(int8_t)r[i];
                leaf16[i] = (uint16_t)((l & m) | (leaf16[i] & ~m));
            }
        }
        top--;
    }
    for (int i = 0; i < ASX_TREE_ROWS; i++)
        a->leaf[i] = small ? leaf8[i] : leaf16[i];
}

static asx_st fast_walk(struct asx_queue *q, const void *args)
{
    (void)q;
    const struct asx_walk_args *a = args;
    if (a->n_leaves <= 256)
        walk(a, true);
    else
        walk(a, false);
    return ASX_OK;
}

void TREE_ROWS(asx_kernel_fn *kernel)
{
    kernel[ASX_K_BIN] = fast_bin;
    kernel[ASX_K_HIST] = fast_hist;
    kernel[ASX_K_SPLIT_SCAN] = fast_split;
    kernel[ASX_K_PARTITION] = fast_partition;
    kernel[ASX_K_TREE_PREDICT] = fast_walk;
}
