/* SPDX-License-Identifier: Apache-2.0 */
#include "data/median.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Bits of a float as an unsigned number of the same order. */
static inline uint32_t key_of(float f)
{
    uint32_t u;
    memcpy(&u, &f, 4);
    return u & 0x80000000u ? ~u : u | 0x80000000u;
}

static inline float float_of(uint32_t u)
{
    u = u & 0x80000000u ? u & 0x7fffffffu : ~u;
    float f;
    memcpy(&f, &u, 4);
    return f;
}

/* The rank-th smallest (from 0) of key[0..n), which is reordered: 11, 11 and 10 bits at a time. */
static uint32_t select_key(uint32_t *key, size_t n, size_t rank)
{
    static const int shift[] = {21, 10, 0};
    uint32_t prefix = 0;
    for (int pass = 0; pass < 3; pass++) {
        uint32_t count[2048] = {0};
        uint32_t mask = pass == 2 ? 1023 : 2047;
        for (size_t i = 0; i < n; i++)
            count[(key[i] >> shift[pass]) & mask]++;
        uint32_t digit = 0;
        while (rank >= count[digit])
            rank -= count[digit++];
        prefix |= digit << shift[pass];
        size_t kept = 0;
        for (size_t i = 0; i < n; i++) {
            uint32_t k = key[i];
            key[kept] = k;
            kept += ((k >> shift[pass]) & mask) == digit;
        }
        n = kept;
    }
    return prefix;
}

/* Values of rank `rank` and `rank + 1` of the sorted v. */
static void neighbours(const float *v, size_t n, size_t rank, float *spare, double *low, double *high)
{
    uint32_t *key = (uint32_t *)(void *)spare;
    for (size_t i = 0; i < n; i++)
        key[i] = key_of(v[i]);
    uint32_t k = select_key(key, n, rank), next = UINT32_MAX;
    size_t at_most = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t other = key_of(v[i]);
        at_most += other <= k;
        next = other > k && other < next ? other : next;
    }
    *low = (double)float_of(k);
    *high = at_most > rank + 1 || at_most == n ? *low : (double)float_of(next);
}

/* Few values are sorted, which the counters of a selection would outweigh (Shell's gaps by thirds). */
enum { FEW = 256 };

static void sort_keys(const float *v, size_t n, uint32_t *key)
{
    for (size_t i = 0; i < n; i++)
        key[i] = key_of(v[i]);
    for (size_t gap = n > 40 ? 40 : n > 13 ? 13 : 4; gap; gap /= 3)
        for (size_t i = gap; i < n; i++) {
            uint32_t k = key[i];
            size_t j = i;
            for (; j >= gap && key[j - gap] > k; j -= gap)
                key[j] = key[j - gap];
            key[j] = k;
        }
}

void quartiles_f32(const float *v, size_t n, float *spare, double out[3])
{
    const uint32_t *sorted = (uint32_t *)(void *)spare;
    if (n <= FEW)
        sort_keys(v, n, (uint32_t *)(void *)spare);
    for (int q = 0; q < 3; q++) {
        double position = (double)(n - 1) * 0.25 * (q + 1), low, high;
        size_t rank = (size_t)position;
        if (n <= FEW) {
            low = (double)float_of(sorted[rank]);
            high = (double)float_of(sorted[rank + 1 < n ? rank + 1 : rank]);
        } else {
            neighbours(v, n, rank, spare, &low, &high);
        }
        double share = position - (double)rank;
        out[q] = share == 0.5 ? (low + high) / 2 : low + share * (high - low);
    }
}

/* Weighted radix descent: at each step the digit in which the running weight reaches `wanted`. */
static double reach(float *v, float *w, size_t n, double wanted)
{
    static const int shift[] = {21, 10, 0};
    uint32_t prefix = 0;
    double below = 0;
    for (int pass = 0; pass < 3; pass++) {
        double sum[2048];
        uint32_t count[2048] = {0};
        uint32_t mask = pass == 2 ? 1023 : 2047;
        memset(sum, 0, sizeof sum);
        for (size_t i = 0; i < n; i++) {
            uint32_t digit = (key_of(v[i]) >> shift[pass]) & mask;
            sum[digit] += (double)w[i];
            count[digit]++;
        }
        uint32_t digit = 0, last = 0;
        for (; digit <= mask; digit++) {
            if (!count[digit])
                continue;
            last = digit;
            if (below + sum[digit] >= wanted)
                break;
            below += sum[digit];
        }
        digit = digit <= mask ? digit : last;
        prefix |= digit << shift[pass];
        size_t kept = 0;
        for (size_t i = 0; i < n; i++) {
            bool keep = ((key_of(v[i]) >> shift[pass]) & mask) == digit;
            float a = v[i], b = w[i];
            v[kept] = a;
            w[kept] = b;
            kept += keep;
        }
        n = kept;
    }
    return (double)float_of(prefix);
}

void quartiles_weighted(const float *v, const float *w, size_t n, float *spare_v, float *spare_w, double out[3])
{
    double total = 0;
    for (size_t i = 0; i < n; i++)
        total += (double)w[i];
    for (int q = 0; q < 3; q++) {
        memcpy(spare_v, v, n * sizeof *v);
        memcpy(spare_w, w, n * sizeof *w);
        out[q] = reach(spare_v, spare_w, n, total * 0.25 * (q + 1));
    }
}
