/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file mem.h
 * Accounted memory: every allocation of the product goes through here.
 *
 * A `struct mem` is an account with a limit; accounts nest (a trial's inside a run's),
 * and a charge goes to all of them up to the root. Blocks remember their account, so
 * freeing needs none. Blocks of 1 MiB and more are mapped, so RSS falls when they are
 * freed. All blocks are 64-byte aligned. Fault injection: mem_fault_after(n) makes the
 * n-th next allocation of the process fail once.
 */
#ifndef ASSAY_BASE_MEM_H
#define ASSAY_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mem;

/** A new account under `parent` (NULL: a root); limit 0 = none. NULL when out of memory. */
struct mem *mem_create(struct mem *parent, uint64_t limit);
/** Drops the owner's reference; the account itself lives until its last block is freed. */
void mem_destroy(struct mem *);
void mem_set_limit(struct mem *, uint64_t limit);
uint64_t mem_limit(const struct mem *);
uint64_t mem_used(const struct mem *);
uint64_t mem_peak(const struct mem *);

/** NULL when over a limit or out of memory. Account NULL: the process's unlimited root. Size 0 gives a valid block. */
void *mem_alloc(struct mem *, size_t size);
void *mem_calloc(struct mem *, size_t n, size_t size); /**< checks n * size for overflow; zeroed */
void *mem_array(struct mem *, size_t n, size_t size);  /**< as mem_calloc, not zeroed */
/** Keeps the block's account (or takes `m` when p is NULL). The old block stays valid on failure. */
void *mem_realloc(struct mem *m, void *p, size_t size);
void mem_free(void *); /**< NULL is fine */
char *mem_strdup(struct mem *, const char *);
char *mem_strndup(struct mem *, const char *, size_t);
char *mem_printf(struct mem *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
size_t mem_size(const void *p); /**< bytes asked for */

/** Bytes left under all limits now; UINT64_MAX when there is none. Advice, not a reservation. */
uint64_t mem_room(const struct mem *);
/** Would `size` more bytes fit all limits now? Advice, not a reservation. */
bool mem_fits(const struct mem *, uint64_t size);

void mem_fault_after(long n); /**< n <= 0: off */
long mem_allocations(void);   /**< allocations of the process so far */

/* ---- arenas: memory by lifetime ---------------------------------------- */

struct arena;

struct arena *arena_create(struct mem *);
void *arena_alloc(struct arena *, size_t size); /**< 64-byte aligned, not zeroed; NULL on failure */
void *arena_calloc(struct arena *, size_t n, size_t size);
char *arena_strdup(struct arena *, const char *);
char *arena_printf(struct arena *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void arena_reset(struct arena *); /**< keeps the first chunk */
void arena_destroy(struct arena *);

#endif
