/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file distinct.h
 * Counting unlike values: exactly up to 2^16, then by a bottom-k sketch.
 *
 * The sketch keeps the k = 4096 smallest of the values' 64-bit hashes; if the largest kept is the share t of the hash
 * range, about (k - 1) / t values are distinct, with a standard error of 1 / sqrt(k - 2) = 1.6 % (Bar-Yossef et al.,
 * Counting Distinct Elements in a Data Stream, RANDOM 2002; Giroire 2009).
 */
#ifndef ASSAY_DATA_DISTINCT_H
#define ASSAY_DATA_DISTINCT_H

#include "base/mem.h"

enum { DISTINCT_EXACT = 1 << 16, DISTINCT_K = 4096 };

/** A value by its hash, with how often and first where it was seen. */
struct distinct_entry {
    uint64_t hash;
    uint32_t count, row;
};

struct distinct {
    struct mem *mem;
    struct distinct_entry *entry; /**< [slots], count 0 = free; NULL once the sketch has taken over */
    size_t slots, n;
    uint64_t *least; /**< [2 * K] hashes of the sketch */
    size_t kept;
    uint64_t threshold;
    bool failed; /**< out of memory */
};

void distinct_init(struct distinct *, struct mem *);
void distinct_clear(struct distinct *);
/** Counts a value by its hash (which stands for it: collisions of 64 bits are ignored). */
void distinct_add(struct distinct *, uint64_t hash, uint32_t row);
size_t distinct_count(struct distinct *);

/** A good mix of 64 bits (the finaliser of splitmix64: Steele, Lea, Flood, OOPSLA 2014). */
static inline uint64_t distinct_mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

#endif
