/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/cache.h"

#include "base/hash.h"
#include "base/mem.h"

#include <pthread.h>

struct cache {
    pthread_mutex_t lock;
    struct mem *mem;
    size_t cap;
    struct artefact **item;
    int n, capacity;
};

struct prep_fitted *prep_fitted_get(struct prep_fitted *f)
{
    __atomic_add_fetch(&f->refs, 1, __ATOMIC_RELAXED);
    return f;
}

void prep_fitted_put(struct prep_fitted *f)
{
    if (!f || __atomic_sub_fetch(&f->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    if (f->state && f->prep->free_state)
        f->prep->free_state(f->state);
    mem_free(f);
}

struct artefact *artefact_create(struct asx_key key, void *ptr, void (*free_ptr)(void *), struct artefact *const *dep, int deps,
                                 struct mem *mem)
{
    struct artefact *a = mem_calloc(mem, 1, sizeof *a);
    if (!a)
        return NULL;
    a->dep = deps ? mem_array(mem, (size_t)deps, sizeof(struct artefact *)) : NULL;
    if (deps && !a->dep) {
        mem_free(a);
        return NULL;
    }
    *a = (struct artefact){.key = key, .refs = 1, .ptr = ptr, .free_ptr = free_ptr, .dep = a->dep, .deps = deps};
    for (int i = 0; i < deps; i++)
        a->dep[i] = artefact_get(dep[i]);
    return a;
}

struct artefact *artefact_get(struct artefact *a)
{
    __atomic_add_fetch(&a->refs, 1, __ATOMIC_RELAXED);
    return a;
}

void artefact_put(struct artefact *a)
{
    if (!a || __atomic_sub_fetch(&a->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    if (a->ptr && a->free_ptr)
        a->free_ptr(a->ptr);
    prep_fitted_put(a->fitted);
    for (int i = 0; i < a->deps; i++)
        artefact_put(a->dep[i]);
    mem_free(a->dep);
    mem_free(a);
}

struct cache *cache_create(struct mem *mem, size_t cap)
{
    struct cache *c = mem_calloc(mem, 1, sizeof *c);
    if (!c)
        return NULL;
    pthread_mutex_init(&c->lock, NULL);
    c->mem = mem;
    c->cap = cap;
    return c;
}

void cache_destroy(struct cache *c)
{
    if (!c)
        return;
    for (int i = 0; i < c->n; i++)
        artefact_put(c->item[i]);
    mem_free(c->item);
    pthread_mutex_destroy(&c->lock);
    mem_free(c);
}

static int find(const struct cache *c, struct asx_key key)
{
    for (int i = 0; i < c->n; i++)
        if (key_equal(c->item[i]->key, key))
            return i;
    return -1;
}

struct artefact *cache_get(struct cache *c, struct asx_key key)
{
    pthread_mutex_lock(&c->lock);
    int i = find(c, key);
    struct artefact *a = i < 0 ? NULL : artefact_get(c->item[i]);
    pthread_mutex_unlock(&c->lock);
    return a;
}

bool cache_has(struct cache *c, struct asx_key key)
{
    pthread_mutex_lock(&c->lock);
    bool has = find(c, key) >= 0;
    pthread_mutex_unlock(&c->lock);
    return has;
}

static size_t unused_bytes(const struct cache *c)
{
    size_t sum = 0;
    for (int i = 0; i < c->n; i++)
        if (__atomic_load_n(&c->item[i]->refs, __ATOMIC_RELAXED) == 1)
            sum += c->item[i]->bytes;
    return sum;
}

/* Index of the unused artefact that is worth least, or -1; ties go to the older. */
static int least_worth(const struct cache *c)
{
    int best = -1;
    double worth = 0;
    for (int i = 0; i < c->n; i++) {
        const struct artefact *a = c->item[i];
        if (__atomic_load_n(&a->refs, __ATOMIC_RELAXED) != 1 || a->bytes == 0)
            continue;
        double w = a->seconds / (double)a->bytes;
        if (best < 0 || w < worth) {
            best = i;
            worth = w;
        }
    }
    return best;
}

static size_t shrink_locked(struct cache *c, size_t bytes)
{
    size_t freed = 0;
    while (unused_bytes(c) > bytes) {
        int i = least_worth(c);
        if (i < 0)
            break;
        struct artefact *a = c->item[i];
        c->item[i] = c->item[--c->n];
        freed += a->bytes;
        artefact_put(a);
    }
    return freed;
}

int cache_put(struct cache *c, struct artefact *a)
{
    int st = 0;
    pthread_mutex_lock(&c->lock);
    if (find(c, a->key) < 0) {
        if (c->n == c->capacity) {
            int capacity = c->capacity ? 2 * c->capacity : 64;
            void *item = mem_realloc(c->mem, c->item, (size_t)capacity * sizeof(struct artefact *));
            if (item) {
                c->item = item;
                c->capacity = capacity;
            }
        }
        if (c->n < c->capacity)
            c->item[c->n++] = artefact_get(a);
        else
            st = -1;
    }
    if (c->cap)
        shrink_locked(c, c->cap);
    pthread_mutex_unlock(&c->lock);
    return st;
}

size_t cache_shrink(struct cache *c, size_t bytes)
{
    pthread_mutex_lock(&c->lock);
    size_t freed = shrink_locked(c, bytes);
    pthread_mutex_unlock(&c->lock);
    return freed;
}

size_t cache_bytes(const struct cache *c)
{
    size_t sum = 0;
    for (int i = 0; i < c->n; i++)
        sum += c->item[i]->bytes;
    return sum;
}
