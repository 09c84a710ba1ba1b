/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file forest_body.h
 * The inner loops of forests, compiled once per instruction-set level (forest_{base,avx2,avx512}.c).
 *
 * A row adds one to a counter of its class: with few classes in a node that is a chain of loads that wait for
 * stores, so counters are kept four times, or classes are counted by masks of 64 rows where there are masks.
 */
#include "learners/trees/forest_rows.h"

#include <string.h>

static void range(const uint8_t *key, size_t n, int *least, int *most)
{
    uint8_t lo = 255, hi = 0;
    for (size_t i = 0; i < n; i++) {
        lo = key[i] < lo ? key[i] : lo;
        hi = key[i] > hi ? key[i] : hi;
    }
    *least = lo;
    *most = hi;
}

static void keys(const uint8_t *code, const uint32_t *row, size_t n, uint8_t *key, int *least, int *most)
{
    size_t i = 0;
    if (n <= 24) {
        uint8_t lo = 255, hi = 0;
        for (; i < n; i++) {
            uint8_t k = code[row[i]];
            key[i] = k;
            lo = k < lo ? k : lo;
            hi = k > hi ? k : hi;
        }
        *least = lo;
        *most = hi;
        return;
    }
    for (; n > 1 << 16 && i + 64 < n; i++) { /* codes of fewer rows stay in the second-level cache */
        __builtin_prefetch(code + row[i + 64]);
        key[i] = code[row[i]];
    }
    for (; i + 8 <= n; i += 8) {
        uint64_t k = 0;
        for (int j = 0; j < 8; j++)
            k |= (uint64_t)code[row[i + (size_t)j]] << (8 * j);
        memcpy(key + i, &k, sizeof k);
    }
    for (; i < n; i++)
        key[i] = code[row[i]];
    range(key, n, least, most);
}

#if defined(__AVX512BW__) && defined(__AVX512F__)
#include <immintrin.h>

static void left_of(const uint8_t *key, const uint16_t *label, size_t n, int cut, int classes, uint32_t *left)
{
    __m512i c = _mm512_set1_epi8((char)cut);
    memset(left, 0, (size_t)classes * sizeof *left);
    if (classes > 64) {
        for (size_t i = 0; i < n; i++)
            left[label[i]] += key[i] <= cut;
        return;
    }
    for (size_t i = 0; i < n; i += 64) {
        uint64_t valid = n - i < 64 ? (1ull << (n - i)) - 1 : ~0ull;
        uint64_t go = _mm512_mask_cmple_epu8_mask(valid, _mm512_loadu_si512(key + i), c);
        __m512i a = _mm512_loadu_si512(label + i), b = _mm512_loadu_si512(label + i + 32);
        for (int k = 0; k < classes; k++) {
            __m512i v = _mm512_set1_epi16((short)k);
            uint64_t is = (uint64_t)_mm512_cmpeq_epi16_mask(a, v) | (uint64_t)_mm512_cmpeq_epi16_mask(b, v) << 32;
            left[k] += (uint32_t)__builtin_popcountll(is & go);
        }
    }
}
#else
static void left_of(const uint8_t *key, const uint16_t *label, size_t n, int cut, int classes, uint32_t *left)
{
    uint32_t more[3 * 64];
    memset(left, 0, (size_t)classes * sizeof *left);
    size_t i = 0;
    if (classes <= 64 && n > 64) {
        memset(more, 0, sizeof more);
        for (; i + 4 <= n; i += 4) {
            left[label[i]] += key[i] <= cut;
            more[label[i + 1]] += key[i + 1] <= cut;
            more[64 + label[i + 2]] += key[i + 2] <= cut;
            more[128 + label[i + 3]] += key[i + 3] <= cut;
        }
        for (int k = 0; k < classes; k++)
            left[k] += more[k] + more[64 + k] + more[128 + k];
    }
    for (; i < n; i++)
        left[label[i]] += key[i] <= cut;
}
#endif

/* Few rows: sums of squares change by what each row adds, so the classes need not be gone through. */
static void squares_by_rows(const uint8_t *key, const uint16_t *label, size_t n, int cut, const uint32_t *count, uint32_t *left,
                            struct forest_squares *s)
{
    uint64_t weight = 0, of_left = 0, cross = 0;
    for (size_t i = 0; i < n; i++)
        left[label[i]] = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t go = key[i] <= cut, c = label[i], was = left[c];
        left[c] = (uint32_t)(was + go);
        weight += go;
        of_left += go ? 2 * was + 1 : 0;
        cross += go ? count[c] : 0;
    }
    s->weight = weight;
    s->left = of_left;
    s->right = s->all - 2 * cross + of_left; /* sum of (count - left)^2 */
}

static void squares(const uint8_t *key, const uint16_t *label, size_t n, int cut, int classes, const uint32_t *count,
                    uint32_t *left, struct forest_squares *s)
{
    if (n <= 24) {
        squares_by_rows(key, label, n, cut, count, left, s);
        return;
    }
    uint64_t weight = 0, of_left = 0, of_right = 0;
    left_of(key, label, n, cut, classes, left);
    for (int c = 0; c < classes; c++) {
        uint64_t a = left[c], b = count[c] - left[c];
        weight += a;
        of_left += a * a;
        of_right += b * b;
    }
    *s = (struct forest_squares){s->all, weight, of_left, of_right};
}

const struct forest_rows FOREST_ROWS = {keys, range, left_of, squares};
