/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rng.h"

#include <math.h>

/* Finalizer of SplitMix64 (Steele, Lea, Flood 2014, variant 13 of Stafford's mixers). */
static inline uint64_t mix13(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/* Finalizer of MurmurHash3. */
static inline uint64_t mix3(uint64_t x)
{
    x = (x ^ (x >> 33)) * 0xff51afd7ed558ccdu;
    x = (x ^ (x >> 33)) * 0xc4ceb9fe1a85ec53u;
    return x ^ (x >> 33);
}

struct rng rng_stream(uint64_t seed, uint64_t a, uint64_t b, uint64_t c)
{
    const uint64_t golden = 0x9e3779b97f4a7c15u;
    uint64_t key = mix13(seed + golden);
    key = mix13((key ^ mix3(a + 1 * golden)) + golden);
    key = mix13((key ^ mix3(b + 2 * golden)) + golden);
    key = mix13((key ^ mix3(c + 3 * golden)) + golden);
    return (struct rng){key, 0};
}

/* Two keyed rounds: with one, streams whose keys differ by a multiple of the increment would be shifts of each other. */
uint64_t rng_at(const struct rng *r, uint64_t i)
{
    uint64_t x = mix13(r->key + (i + 1) * 0x9e3779b97f4a7c15u);
    return mix3(x + (r->key << 32 | r->key >> 32));
}

uint64_t rng_u64(struct rng *r)
{
    return rng_at(r, r->counter++);
}

double rng_unit(struct rng *r)
{
    return (double)(rng_u64(r) >> 11) * 0x1p-53;
}

/* Box-Muller; the second value is dropped so that value i stays a function of the counter alone. */
double rng_normal(struct rng *r)
{
    double u = 1.0 - rng_unit(r), v = rng_unit(r);
    return sqrt(-2.0 * log(u)) * cos(6.283185307179586476925 * v);
}

/* Lemire, Fast random integer generation in an interval (2019): multiply, reject the biased low part. */
uint64_t rng_below(struct rng *r, uint64_t n)
{
    __extension__ typedef unsigned __int128 u128;
    u128 m = (u128)rng_u64(r) * n;
    if ((uint64_t)m < n) {
        uint64_t least = (0 - n) % n;
        while ((uint64_t)m < least)
            m = (u128)rng_u64(r) * n;
    }
    return (uint64_t)(m >> 64);
}

void rng_shuffle_u32(struct rng *r, uint32_t *v, size_t n)
{
    for (size_t i = n; i > 1; i--) {
        size_t j = (size_t)rng_below(r, i);
        uint32_t t = v[i - 1];
        v[i - 1] = v[j];
        v[j] = t;
    }
}
