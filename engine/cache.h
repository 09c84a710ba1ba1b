/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file cache.h
 * Artefacts by lineage key. An artefact is what an op made; it keeps what it was made from
 * alive (a matrix its blocks, affine constants their packed matrix). The cache holds one
 * reference to each; those nobody else holds may be evicted, least worth first:
 * worth = seconds to make it again / bytes.
 */
#ifndef ASSAY_ENGINE_CACHE_H
#define ASSAY_ENGINE_CACHE_H

#include <assay/ext/prep.h>

struct mem;

/** A fitted preparation step, shared by blocks and models. */
struct prep_fitted {
    int refs; /**< atomic */
    const struct asx_prep *prep;
    struct asx_prep_state *state;
    struct asx_key part; /**< opt_part.key of what it was fitted for */
};

struct prep_fitted *prep_fitted_get(struct prep_fitted *);
void prep_fitted_put(struct prep_fitted *);

enum { ARTEFACT_DEPS = 64 };

struct artefact {
    struct asx_key key;
    int refs;  /**< atomic */
    void *ptr; /**< what ops see */
    void (*free_ptr)(void *);
    struct prep_fitted *fitted; /**< preparation blocks: what made them */
    struct artefact **dep;      /**< what this one borrows from; referenced */
    int deps;
    size_t bytes;
    double seconds; /**< to make it again */
};

/** Takes over ptr; the caller holds the one reference. NULL when out of memory (ptr is not freed then). */
struct artefact *artefact_create(struct asx_key, void *ptr, void (*free_ptr)(void *), struct artefact *const *dep, int deps,
                                 struct mem *);
struct artefact *artefact_get(struct artefact *);
void artefact_put(struct artefact *);

struct cache;

/** cap: bytes of artefacts nobody uses that are kept; 0 = no cap. */
struct cache *cache_create(struct mem *, size_t cap);
void cache_destroy(struct cache *);
/** A new reference, or NULL. Any thread. */
struct artefact *cache_get(struct cache *, struct asx_key);
bool cache_has(struct cache *, struct asx_key);
/** Adds (the cache takes its own reference). An equal key keeps the older one. 0, or -1 when out of memory. */
int cache_put(struct cache *, struct artefact *);
/** Evicts unused artefacts until at most `bytes` of them remain. Returns bytes freed. */
size_t cache_shrink(struct cache *, size_t bytes);
size_t cache_bytes(const struct cache *);

#endif
