/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file dict.h
 * A growing dictionary of strings: text to code, codes in order of first appearance.
 *
 * Open addressing over XXH3 hashes; the texts lie one behind the other, each with its NUL.
 */
#ifndef ASSAY_DATA_DICT_H
#define ASSAY_DATA_DICT_H

#include "base/mem.h"

struct dict {
    struct mem *mem;
    size_t n, slots, cap; /**< entries; size of the table (a power of two); room in `start` */
    struct dict_slot *slot;
    uint64_t *start; /**< [n + 1] where each text begins in `bytes` */
    char *bytes;
    size_t bytes_cap;
};

void dict_init(struct dict *, struct mem *); /**< no allocation */
void dict_clear(struct dict *);
/** Code of the text, added when it is new; -1 when out of memory (or at 2^31 - 1 entries). The text holds no NUL. */
int32_t dict_add(struct dict *, const char *text, size_t size);
/** Code of the text, or -1. */
int32_t dict_find(const struct dict *, const char *text, size_t size);
static inline const char *dict_text(const struct dict *d, size_t code)
{
    return d->bytes + d->start[code];
}
static inline size_t dict_size(const struct dict *d, size_t code)
{
    return (size_t)(d->start[code + 1] - d->start[code]) - 1;
}
/** Bytes held. */
uint64_t dict_bytes(const struct dict *);
/** Frees the hash table: texts stay readable, nothing can be added or found any more. */
void dict_freeze(struct dict *);

#endif
