/* SPDX-License-Identifier: Apache-2.0 */
/* Artefacts by lineage key: references, eviction by worth, and what an artefact keeps alive. */
#include "base/mem.h"
#include "engine/cache.h"

#include <check.h>

static int freed; /* Check forks: every test has its own */

static void count_free(void *p)
{
    freed++;
    mem_free(p);
}

static struct artefact *make(struct mem *mem, uint64_t id, size_t bytes, double seconds, struct artefact *const *dep, int deps)
{
    struct artefact *a = artefact_create((struct asx_key){id, 1}, mem_alloc(mem, 8), count_free, dep, deps, mem);
    ck_assert_ptr_nonnull(a);
    a->bytes = bytes;
    a->seconds = seconds;
    return a;
}

START_TEST(equal_keys_keep_the_older)
{
    struct mem *mem = mem_create(NULL, 0);
    struct cache *c = cache_create(mem, 0);
    struct artefact *a = make(mem, 7, 10, 1, NULL, 0), *b = make(mem, 7, 10, 1, NULL, 0);
    ck_assert_int_eq(cache_put(c, a), 0);
    ck_assert_int_eq(cache_put(c, b), 0);
    struct artefact *got = cache_get(c, (struct asx_key){7, 1});
    ck_assert_ptr_eq(got, a);
    ck_assert_ptr_null(cache_get(c, (struct asx_key){8, 1}));
    ck_assert_uint_eq(cache_bytes(c), 10);
    artefact_put(got);
    artefact_put(b);
    ck_assert_int_eq(freed, 1);
    artefact_put(a);
    ck_assert_int_eq(freed, 1); /* the cache still holds it */
    cache_destroy(c);
    ck_assert_int_eq(freed, 2);
    ck_assert_uint_eq(mem_used(mem), 0);
    mem_destroy(mem);
}
END_TEST

START_TEST(least_worth_goes_first)
{
    struct mem *mem = mem_create(NULL, 0);
    struct cache *c = cache_create(mem, 0);
    static const double seconds[] = {5, 1, 3};
    for (uint64_t i = 0; i < 3; i++) {
        struct artefact *a = make(mem, i, 100, seconds[i], NULL, 0);
        cache_put(c, a);
        artefact_put(a);
    }
    ck_assert_uint_eq(cache_shrink(c, 250), 100);
    ck_assert(!cache_has(c, (struct asx_key){1, 1}));
    ck_assert_uint_eq(cache_shrink(c, 100), 100);
    ck_assert(!cache_has(c, (struct asx_key){2, 1}));
    ck_assert(cache_has(c, (struct asx_key){0, 1}));
    cache_destroy(c);
    ck_assert_uint_eq(mem_used(mem), 0);
    mem_destroy(mem);
}
END_TEST

START_TEST(used_ones_stay)
{
    struct mem *mem = mem_create(NULL, 0);
    struct cache *c = cache_create(mem, 50); /* a cap smaller than any artefact */
    struct artefact *a = make(mem, 1, 100, 1, NULL, 0);
    cache_put(c, a);
    ck_assert_uint_eq(cache_shrink(c, 0), 0);
    ck_assert(cache_has(c, a->key));
    artefact_put(a);
    struct artefact *b = make(mem, 2, 100, 1, NULL, 0);
    cache_put(c, b); /* putting trims what nobody uses */
    ck_assert(!cache_has(c, (struct asx_key){1, 1}));
    ck_assert_int_eq(freed, 1);
    artefact_put(b);
    cache_destroy(c);
    mem_destroy(mem);
}
END_TEST

START_TEST(what_was_borrowed_from_lives)
{
    struct mem *mem = mem_create(NULL, 0);
    struct cache *c = cache_create(mem, 0);
    struct artefact *block = make(mem, 1, 100, 1, NULL, 0), *matrix = make(mem, 2, 10, 1, &block, 1);
    cache_put(c, block);
    artefact_put(block);
    ck_assert_uint_eq(cache_shrink(c, 0), 0); /* the matrix uses the block */
    artefact_put(matrix);
    ck_assert_int_eq(freed, 1);
    ck_assert_uint_eq(cache_shrink(c, 0), 100);
    ck_assert_int_eq(freed, 2);
    cache_destroy(c);
    ck_assert_uint_eq(mem_used(mem), 0);
    mem_destroy(mem);
}
END_TEST

Suite *suite_cache(void);
Suite *suite_cache(void)
{
    Suite *s = suite_create("cache");
    TCase *t = tcase_create("artefacts");
    tcase_add_test(t, equal_keys_keep_the_older);
    tcase_add_test(t, least_worth_goes_first);
    tcase_add_test(t, used_ones_stay);
    tcase_add_test(t, what_was_borrowed_from_lives);
    suite_add_tcase(s, t);
    return s;
}
