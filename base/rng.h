/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file rng.h
 * Counter-based random streams: value i of a stream is a pure function of (key, i).
 *
 * A stream is named by (seed, a, b, c), e.g. (run seed, config, fold, purpose), so results
 * do not depend on which thread draws, or in what order streams are used.
 */
#ifndef ASSAY_BASE_RNG_H
#define ASSAY_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

struct rng {
    uint64_t key, counter;
};

struct rng rng_stream(uint64_t seed, uint64_t a, uint64_t b, uint64_t c);
uint64_t rng_at(const struct rng *, uint64_t i); /**< value i, without moving */
uint64_t rng_u64(struct rng *);
double rng_unit(struct rng *);                /**< [0, 1), 53 bits */
double rng_normal(struct rng *);              /**< standard normal */
uint64_t rng_below(struct rng *, uint64_t n); /**< [0, n), unbiased; n > 0 */
void rng_shuffle_u32(struct rng *, uint32_t *, size_t n);

#endif
