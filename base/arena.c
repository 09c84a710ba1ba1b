/* SPDX-License-Identifier: Apache-2.0 */
/* Arenas: bump allocation in chunks that grow; between blocks lies a red zone under AddressSanitizer. */
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#define POISON(p, n) ASAN_POISON_MEMORY_REGION(p, n)
#define UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION(p, n)
enum { RED_ZONE = 64 };
#else
#define POISON(p, n) ((void)(p), (void)(n))
#define UNPOISON(p, n) ((void)(p), (void)(n))
enum { RED_ZONE = 0 };
#endif

enum { ALIGN = 64, FIRST_CHUNK = 16 << 10, LARGEST_CHUNK = 1 << 20 };

struct chunk {
    struct chunk *next; /* older */
    size_t size, used;
    char pad[ALIGN - sizeof(void *) - 2 * sizeof(size_t)];
    char data[];
};
_Static_assert(offsetof(struct chunk, data) == ALIGN, "data is aligned as the chunk is");

struct arena {
    struct mem *mem;
    struct chunk *chunk; /* newest; the last of the list is the first made */
    size_t next_size;
};

static bool add_chunk(struct arena *a, size_t need)
{
    size_t size = need > a->next_size ? need : a->next_size;
    struct chunk *c = mem_alloc(a->mem, sizeof *c + size);
    if (!c)
        return false;
    c->next = a->chunk;
    c->size = size;
    c->used = 0;
    POISON(c->data, size);
    a->chunk = c;
    if (a->next_size < LARGEST_CHUNK)
        a->next_size *= 2;
    return true;
}

static void free_chunk(struct chunk *c)
{
    UNPOISON(c->data, c->size);
    mem_free(c);
}

struct arena *arena_create(struct mem *m)
{
    struct arena *a = mem_alloc(m, sizeof *a);
    if (!a)
        return NULL;
    *a = (struct arena){m, NULL, FIRST_CHUNK};
    if (!add_chunk(a, 0)) {
        mem_free(a);
        return NULL;
    }
    return a;
}

void *arena_alloc(struct arena *a, size_t size)
{
    if (size > SIZE_MAX / 2)
        return NULL;
    size_t need = ((size + ALIGN - 1) & ~(size_t)(ALIGN - 1)) + RED_ZONE;
    if (need == 0)
        need = ALIGN; /* size 0: a block of its own all the same */
    if (need > a->chunk->size - a->chunk->used && !add_chunk(a, need))
        return NULL;
    char *p = a->chunk->data + a->chunk->used;
    a->chunk->used += need;
    UNPOISON(p, size);
    return p;
}

void *arena_calloc(struct arena *a, size_t n, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(n, size, &total))
        return NULL;
    void *p = arena_alloc(a, total);
    if (p)
        memset(p, 0, total);
    return p;
}

char *arena_strdup(struct arena *a, const char *s)
{
    size_t n = strlen(s) + 1;
    char *copy = arena_alloc(a, n);
    if (copy)
        memcpy(copy, s, n);
    return copy;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    char *s = n < 0 ? NULL : arena_alloc(a, (size_t)n + 1);
    if (s)
        vsnprintf(s, (size_t)n + 1, fmt, again);
    va_end(again);
    va_end(ap);
    return s;
}

void arena_reset(struct arena *a)
{
    while (a->chunk->next) {
        struct chunk *older = a->chunk->next;
        free_chunk(a->chunk);
        a->chunk = older;
    }
    a->chunk->used = 0;
    POISON(a->chunk->data, a->chunk->size);
    a->next_size = FIRST_CHUNK;
}

void arena_destroy(struct arena *a)
{
    if (!a)
        return;
    while (a->chunk) {
        struct chunk *older = a->chunk->next;
        free_chunk(a->chunk);
        a->chunk = older;
    }
    mem_free(a);
}
