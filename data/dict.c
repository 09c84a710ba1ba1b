/* SPDX-License-Identifier: Apache-2.0 */
#include "data/dict.h"

#include <string.h>
#include <xxhash.h>

struct dict_slot {
    uint32_t hash;
    int32_t code; /* -1: free */
};

void dict_init(struct dict *d, struct mem *mem)
{
    memset(d, 0, sizeof *d);
    d->mem = mem;
}

void dict_clear(struct dict *d)
{
    mem_free(d->slot);
    mem_free(d->start);
    mem_free(d->bytes);
    dict_init(d, d->mem);
}

void dict_freeze(struct dict *d)
{
    mem_free(d->slot);
    d->slot = NULL;
    d->slots = 0;
}

uint64_t dict_bytes(const struct dict *d)
{
    return d->slots * sizeof *d->slot + d->cap * sizeof *d->start + d->bytes_cap;
}

static uint32_t hash32(const char *text, size_t size)
{
    uint64_t h = XXH3_64bits(text, size);
    return (uint32_t)(h ^ (h >> 32));
}

/* Slot of the text, or the free slot where it belongs. */
static struct dict_slot *look(const struct dict *d, const char *text, size_t size, uint32_t hash)
{
    size_t mask = d->slots - 1;
    for (size_t i = hash & mask;; i = (i + 1) & mask) {
        struct dict_slot *s = &d->slot[i];
        if (s->code < 0)
            return s;
        if (s->hash == hash && dict_size(d, (size_t)s->code) == size && memcmp(dict_text(d, (size_t)s->code), text, size) == 0)
            return s;
    }
}

static bool grow_slots(struct dict *d)
{
    size_t slots = d->slots ? d->slots * 2 : 32;
    struct dict_slot *bigger = mem_array(d->mem, slots, sizeof *bigger);
    if (!bigger)
        return false;
    for (size_t i = 0; i < slots; i++)
        bigger[i].code = -1;
    for (size_t i = 0; i < d->slots; i++) {
        if (d->slot[i].code < 0)
            continue;
        size_t k = d->slot[i].hash & (slots - 1);
        while (bigger[k].code >= 0)
            k = (k + 1) & (slots - 1);
        bigger[k] = d->slot[i];
    }
    mem_free(d->slot);
    d->slot = bigger;
    d->slots = slots;
    return true;
}

static bool grow_texts(struct dict *d, size_t size)
{
    if (d->n + 2 > d->cap) {
        size_t cap = d->cap ? d->cap + d->cap / 2 : 32;
        uint64_t *start = mem_realloc(d->mem, d->start, cap * sizeof *start);
        if (!start)
            return false;
        if (!d->cap)
            start[0] = 0;
        d->start = start;
        d->cap = cap;
    }
    size_t need = (size_t)d->start[d->n] + size + 1;
    if (need > d->bytes_cap) {
        size_t cap = d->bytes_cap + d->bytes_cap / 2 + 256;
        cap = cap < need ? need : cap;
        char *bytes = mem_realloc(d->mem, d->bytes, cap);
        if (!bytes)
            return false;
        d->bytes = bytes;
        d->bytes_cap = cap;
    }
    return true;
}

int32_t dict_add(struct dict *d, const char *text, size_t size)
{
    if (d->n * 10 >= d->slots * 7 && !grow_slots(d))
        return -1;
    uint32_t hash = hash32(text, size);
    struct dict_slot *s = look(d, text, size, hash);
    if (s->code >= 0)
        return s->code;
    if (d->n >= INT32_MAX || !grow_texts(d, size))
        return -1;
    char *to = d->bytes + d->start[d->n];
    memcpy(to, text, size);
    to[size] = '\0';
    s->hash = hash;
    s->code = (int32_t)d->n;
    d->n++;
    d->start[d->n] = d->start[d->n - 1] + size + 1;
    return s->code;
}

int32_t dict_find(const struct dict *d, const char *text, size_t size)
{
    return d->slots ? look(d, text, size, hash32(text, size))->code : -1;
}
