/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE 1 /* mremap */
#include "base/mem.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Under AddressSanitizer every block comes from malloc, so that overruns of large ones are seen too. */
#if defined(__SANITIZE_ADDRESS__)
#define MAP_FROM SIZE_MAX
#else
#define MAP_FROM ((size_t)1 << 20)
#endif
#define HUGE_FROM ((size_t)4 << 20)

enum { HEADER = 64, MAGIC = 0x4d454d21 };

struct mem {
    struct mem *parent;
    _Atomic uint64_t limit, used, peak;
    atomic_long references; /* the owner, blocks and child accounts */
};

/* Lies HEADER bytes before the payload, so that payloads keep the 64-byte alignment. */
struct header {
    struct mem *mem;
    size_t size, mapped; /* bytes asked for; length of the mapping or 0 */
    uint32_t magic;
};
_Static_assert(sizeof(struct header) <= HEADER, "header fits");

/* The one piece of process-wide state: counts for fault injection, which is process-wide by contract. */
static atomic_long fault_in, allocations;

void mem_fault_after(long n)
{
    atomic_store(&fault_in, n > 0 ? n : 0);
}

long mem_allocations(void)
{
    return atomic_load(&allocations);
}

static bool faulty(void)
{
    atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed);
    if (atomic_load_explicit(&fault_in, memory_order_relaxed) <= 0)
        return false;
    return atomic_fetch_sub(&fault_in, 1) == 1;
}

struct mem *mem_create(struct mem *parent, uint64_t limit)
{
    if (faulty())
        return NULL;
    struct mem *m = calloc(1, sizeof *m);
    if (!m)
        return NULL;
    m->parent = parent;
    atomic_init(&m->limit, limit);
    atomic_init(&m->references, 1);
    if (parent)
        atomic_fetch_add(&parent->references, 1);
    return m;
}

static void release(struct mem *m)
{
    while (m && atomic_fetch_sub(&m->references, 1) == 1) {
        struct mem *parent = m->parent;
        free(m);
        m = parent;
    }
}

void mem_destroy(struct mem *m)
{
    release(m);
}

void mem_set_limit(struct mem *m, uint64_t limit)
{
    atomic_store(&m->limit, limit);
}

uint64_t mem_limit(const struct mem *m)
{
    return m ? atomic_load(&m->limit) : 0;
}

uint64_t mem_used(const struct mem *m)
{
    return m ? atomic_load(&m->used) : 0;
}

uint64_t mem_peak(const struct mem *m)
{
    return m ? atomic_load(&m->peak) : 0;
}

bool mem_fits(const struct mem *m, uint64_t size)
{
    for (; m; m = m->parent) {
        uint64_t limit = atomic_load(&m->limit), used = atomic_load(&m->used);
        if (limit && (used > limit || size > limit - used))
            return false;
    }
    return true;
}

uint64_t mem_room(const struct mem *m)
{
    uint64_t room = UINT64_MAX;
    for (; m; m = m->parent) {
        uint64_t limit = atomic_load(&m->limit), used = atomic_load(&m->used), left = limit > used ? limit - used : 0;
        if (limit && left < room)
            room = left;
    }
    return room;
}

static void uncharge(struct mem *from, const struct mem *to, uint64_t size)
{
    for (struct mem *m = from; m != to; m = m->parent)
        atomic_fetch_sub_explicit(&m->used, size, memory_order_relaxed);
}

static bool charge(struct mem *account, uint64_t size)
{
    for (struct mem *m = account; m; m = m->parent) {
        uint64_t now = atomic_fetch_add_explicit(&m->used, size, memory_order_relaxed) + size;
        uint64_t limit = atomic_load_explicit(&m->limit, memory_order_relaxed);
        if (limit && now > limit) {
            uncharge(account, m->parent, size);
            return false;
        }
        uint64_t peak = atomic_load_explicit(&m->peak, memory_order_relaxed);
        while (now > peak && !atomic_compare_exchange_weak(&m->peak, &peak, now))
            ;
    }
    return true;
}

static struct header *header_of(const void *p)
{
    struct header *h = (struct header *)((uintptr_t)p - HEADER);
    if (h->magic != MAGIC)
        abort(); /* not a block of ours, or freed twice: going on would corrupt data */
    return h;
}

static size_t page_round(size_t n)
{
    return (n + 4095) & ~(size_t)4095;
}

/* Memory for HEADER + size bytes; sets *mapped to the length of a mapping or 0. */
static void *obtain(size_t size, size_t *mapped)
{
    *mapped = 0;
    if (size > (SIZE_MAX >> 1))
        return NULL;
    size_t total = size + HEADER;
    if (size < MAP_FROM)
        return aligned_alloc(HEADER, (total + HEADER - 1) & ~(size_t)(HEADER - 1));
    size_t length = page_round(total);
    void *p = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    if (size >= HUGE_FROM)
        madvise(p, length, MADV_HUGEPAGE); /* refused by some kernels: just slower */
    *mapped = length;
    return p;
}

void *mem_alloc(struct mem *m, size_t size)
{
    if (faulty() || !charge(m, size))
        return NULL;
    size_t mapped;
    struct header *h = obtain(size, &mapped);
    if (!h) {
        uncharge(m, NULL, size);
        return NULL;
    }
    if (m)
        atomic_fetch_add_explicit(&m->references, 1, memory_order_relaxed);
    *h = (struct header){m, size, mapped, MAGIC};
    return (char *)h + HEADER;
}

void *mem_array(struct mem *m, size_t n, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(n, size, &total))
        return NULL;
    return mem_alloc(m, total);
}

void *mem_calloc(struct mem *m, size_t n, size_t size)
{
    void *p = mem_array(m, n, size);
    if (p && !header_of(p)->mapped) /* fresh mappings are zero */
        memset(p, 0, n * size);
    return p;
}

void mem_free(void *p)
{
    if (!p)
        return;
    struct header *h = header_of(p);
    struct mem *m = h->mem;
    uncharge(m, NULL, h->size);
    h->magic = 0;
    if (h->mapped)
        munmap(h, h->mapped);
    else
        free(h);
    release(m);
}

static void *remap(struct header *h, size_t size)
{
    struct mem *m = h->mem;
    size_t length = page_round(size + HEADER), old = h->size;
    if (size > old && (faulty() || !charge(m, size - old)))
        return NULL;
    struct header *moved = mremap(h, h->mapped, length, MREMAP_MAYMOVE);
    if (moved == MAP_FAILED) {
        if (size > old)
            uncharge(m, NULL, size - old);
        return NULL;
    }
    if (size < old)
        uncharge(m, NULL, old - size);
    moved->size = size;
    moved->mapped = length;
    return (char *)moved + HEADER;
}

void *mem_realloc(struct mem *m, void *p, size_t size)
{
    if (!p)
        return mem_alloc(m, size);
    struct header *h = header_of(p);
    if (size > (SIZE_MAX >> 1))
        return NULL;
    if (h->mapped && size >= MAP_FROM)
        return remap(h, size);
    void *q = mem_alloc(h->mem, size);
    if (!q)
        return NULL;
    memcpy(q, p, size < h->size ? size : h->size);
    mem_free(p);
    return q;
}

size_t mem_size(const void *p)
{
    return p ? header_of(p)->size : 0;
}

char *mem_strndup(struct mem *m, const char *s, size_t n)
{
    char *copy = mem_alloc(m, n + 1);
    if (!copy)
        return NULL;
    if (n)
        memcpy(copy, s, n);
    copy[n] = '\0';
    return copy;
}

char *mem_strdup(struct mem *m, const char *s)
{
    return mem_strndup(m, s, strlen(s));
}

char *mem_printf(struct mem *m, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    char *s = n < 0 ? NULL : mem_alloc(m, (size_t)n + 1);
    if (s)
        vsnprintf(s, (size_t)n + 1, fmt, again);
    va_end(again);
    va_end(ap);
    return s;
}
