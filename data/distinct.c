/* SPDX-License-Identifier: Apache-2.0 */
#include "data/distinct.h"

#include <stdlib.h>
#include <string.h>

void distinct_init(struct distinct *d, struct mem *mem)
{
    memset(d, 0, sizeof *d);
    d->mem = mem;
    d->threshold = UINT64_MAX;
}

void distinct_clear(struct distinct *d)
{
    mem_free(d->entry);
    mem_free(d->least);
    distinct_init(d, d->mem);
}

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* Sorts, drops repeats, keeps the K smallest. */
static void compact(struct distinct *d)
{
    qsort(d->least, d->kept, sizeof *d->least, by_size);
    size_t n = 0;
    for (size_t i = 0; i < d->kept; i++) {
        if (n == 0 || d->least[n - 1] != d->least[i])
            d->least[n++] = d->least[i];
    }
    d->kept = n < DISTINCT_K ? n : DISTINCT_K;
    if (d->kept == DISTINCT_K)
        d->threshold = d->least[DISTINCT_K - 1];
}

static void sketch(struct distinct *d, uint64_t hash)
{
    if (hash >= d->threshold)
        return;
    if (d->kept == 2 * DISTINCT_K)
        compact(d);
    if (hash < d->threshold)
        d->least[d->kept++] = hash;
}

static void to_sketch(struct distinct *d)
{
    d->least = mem_array(d->mem, 2 * DISTINCT_K, sizeof *d->least);
    if (!d->least) {
        d->failed = true;
        return;
    }
    for (size_t i = 0; i < d->slots; i++) {
        if (d->entry[i].count)
            sketch(d, d->entry[i].hash);
    }
    mem_free(d->entry);
    d->entry = NULL;
    d->slots = 0;
}

static bool grow(struct distinct *d)
{
    size_t slots = d->slots ? d->slots * 4 : 256;
    struct distinct_entry *bigger = mem_calloc(d->mem, slots, sizeof *bigger);
    if (!bigger)
        return false;
    for (size_t i = 0; i < d->slots; i++) {
        if (!d->entry[i].count)
            continue;
        size_t k = d->entry[i].hash & (slots - 1);
        while (bigger[k].count)
            k = (k + 1) & (slots - 1);
        bigger[k] = d->entry[i];
    }
    mem_free(d->entry);
    d->entry = bigger;
    d->slots = slots;
    return true;
}

void distinct_add(struct distinct *d, uint64_t hash, uint32_t row)
{
    if (d->failed)
        return;
    if (d->least) {
        sketch(d, hash);
        return;
    }
    if (d->n * 2 >= d->slots && !grow(d)) {
        d->failed = true;
        return;
    }
    size_t k = hash & (d->slots - 1);
    while (d->entry[k].count && d->entry[k].hash != hash)
        k = (k + 1) & (d->slots - 1);
    if (d->entry[k].count) {
        d->entry[k].count++;
        return;
    }
    d->entry[k] = (struct distinct_entry){hash, 1, row};
    if (++d->n > DISTINCT_EXACT)
        to_sketch(d);
}

size_t distinct_count(struct distinct *d)
{
    if (!d->least)
        return d->n;
    compact(d);
    if (d->kept < DISTINCT_K)
        return d->n > d->kept ? d->n : d->kept;
    double share = (double)d->threshold / 18446744073709551616.0;
    size_t estimate = (size_t)((DISTINCT_K - 1) / share + 0.5);
    return estimate > DISTINCT_EXACT ? estimate : DISTINCT_EXACT + 1;
}
