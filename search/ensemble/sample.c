/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "base/rng.h"
#include "search/ensemble/objective.h"

/* Selection sampling (Knuth, TAOCP 2, algorithm 3.4.2 S): `take` of `have`, in order, each set equally likely. */
struct sampler {
    struct rng rng;
    size_t have, take;
};

static bool taken(struct sampler *s)
{
    bool yes = rng_below(&s->rng, s->have) < s->take;
    s->have--;
    s->take -= yes;
    return yes;
}

asx_st obj_sample(size_t n, size_t most, const unsigned char *label, uint64_t seed, struct mem *mem, uint32_t **at, size_t *m)
{
    size_t ones = 0;
    for (size_t i = 0; label && i < n; i++)
        ones += label[i];
    size_t zeros = n - ones, take = n < most ? n : most;
    size_t take_ones = ones < take / 2 ? ones : take / 2;
    if (take - take_ones > zeros)
        take_ones = take - zeros;
    if (take == n)
        take_ones = ones;
    struct sampler s[2] = {{rng_stream(seed, 1, 0, 0x73616d706c65ull), zeros, take - take_ones},
                           {rng_stream(seed, 2, 0, 0x73616d706c65ull), ones, take_ones}};
    if (!label)
        s[0] = (struct sampler){s[0].rng, n, take};
    uint32_t *list = mem_array(mem, take ? take : 1, sizeof *list);
    if (!list)
        return ASX_E_NOMEM;
    size_t k = 0;
    for (size_t i = 0; i < n && k < take; i++)
        if (take == n || taken(&s[label && label[i]]))
            list[k++] = (uint32_t)i;
    *at = list;
    *m = k;
    return ASX_OK;
}
