/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts, limits, blocks, arenas, fault injection. */
#include "base/mem.h"
#include "base/pool.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

Suite *suite_mem(void);

START_TEST(charges_go_up_to_the_root)
{
    struct mem *root = mem_create(NULL, 1000), *child = mem_create(root, 0);
    char *p = mem_alloc(child, 600);
    ck_assert_ptr_nonnull(p);
    ck_assert_uint_eq(mem_used(root), 600);
    ck_assert_uint_eq(mem_used(child), 600);
    ck_assert_ptr_null(mem_alloc(child, 401));
    ck_assert_uint_eq(mem_used(child), 600); /* a refused charge leaves nothing behind */
    ck_assert(mem_fits(child, 400));
    ck_assert(!mem_fits(child, 401));
    char *q = mem_alloc(root, 400);
    ck_assert_ptr_nonnull(q);
    ck_assert_uint_eq(mem_peak(root), 1000);
    mem_free(p);
    mem_free(q);
    ck_assert_uint_eq(mem_used(root), 0);
    ck_assert_uint_eq(mem_peak(root), 1000);
    mem_destroy(child);
    mem_destroy(root);
}
END_TEST

START_TEST(account_outlives_its_owner)
{
    struct mem *root = mem_create(NULL, 0), *child = mem_create(root, 0);
    char *p = mem_strdup(child, "kept");
    mem_destroy(child);
    mem_destroy(root);
    ck_assert_str_eq(p, "kept");
    mem_free(p); /* the leak check sees both accounts go */
}
END_TEST

START_TEST(blocks_are_aligned_and_sized)
{
    static const size_t size[] = {0, 1, 63, 64, 65, 4096, 1 << 20, (1 << 20) + 1, 5 << 20};
    struct mem *m = mem_create(NULL, 0);
    for (size_t i = 0; i < sizeof size / sizeof *size; i++) {
        unsigned char *p = mem_alloc(m, size[i]);
        ck_assert_ptr_nonnull(p);
        ck_assert_uint_eq((uintptr_t)p % 64, 0);
        ck_assert_uint_eq(mem_size(p), size[i]);
        memset(p, 0xab, size[i]);
        unsigned char *z = mem_calloc(m, size[i], 1);
        for (size_t j = 0; j < size[i]; j++)
            if (z[j])
                ck_abort_msg("byte %zu of %zu is not zero", j, size[i]);
        mem_free(z);
        mem_free(p);
    }
    mem_free(NULL);
    ck_assert_uint_eq(mem_size(NULL), 0);
    ck_assert_uint_eq(mem_used(m), 0);
    mem_destroy(m);
}
END_TEST

START_TEST(overflows_are_refused)
{
    ck_assert_ptr_null(mem_array(NULL, SIZE_MAX / 2, 3));
    ck_assert_ptr_null(mem_calloc(NULL, SIZE_MAX / 2, 3));
    ck_assert_ptr_null(mem_alloc(NULL, SIZE_MAX - 10));
    void *p = mem_alloc(NULL, 10);
    ck_assert_ptr_null(mem_realloc(NULL, p, SIZE_MAX - 10));
    mem_free(p);
}
END_TEST

START_TEST(realloc_keeps_content_and_charge)
{
    static const size_t step[] = {10, 100, 1 << 19, 1 << 20, 3 << 20, 9 << 20, 2 << 20, 1 << 19, 5, 0, 20};
    struct mem *m = mem_create(NULL, 0);
    unsigned char *p = NULL;
    size_t old = 0;
    for (size_t i = 0; i < sizeof step / sizeof *step; i++) {
        p = mem_realloc(m, p, step[i]);
        ck_assert_ptr_nonnull(p);
        size_t kept = old < step[i] ? old : step[i];
        for (size_t j = 0; j < kept; j++)
            if (p[j] != (unsigned char)(j * 7))
                ck_abort_msg("byte %zu lost at step %zu", j, i);
        for (size_t j = 0; j < step[i]; j++)
            p[j] = (unsigned char)(j * 7);
        ck_assert_uint_eq(mem_used(m), step[i]);
        old = step[i];
    }
    mem_set_limit(m, 100);
    ck_assert_ptr_null(mem_realloc(m, p, 101));
    ck_assert_uint_eq(mem_size(p), 20);
    mem_free(p);
    ck_assert_uint_eq(mem_used(m), 0);
    mem_destroy(m);
}
END_TEST

START_TEST(large_realloc_over_the_limit_keeps_the_block)
{
    struct mem *m = mem_create(NULL, 8 << 20);
    char *p = mem_alloc(m, 4 << 20);
    p[(4 << 20) - 1] = 'x';
    ck_assert_ptr_null(mem_realloc(m, p, 9 << 20));
    ck_assert_uint_eq(mem_used(m), 4 << 20);
    ck_assert_int_eq(p[(4 << 20) - 1], 'x');
    mem_free(p);
    mem_destroy(m);
}
END_TEST

START_TEST(texts)
{
    char *a = mem_strndup(NULL, "abcdef", 3), *b = mem_printf(NULL, "%s-%d", a, 42);
    ck_assert_str_eq(a, "abc");
    ck_assert_str_eq(b, "abc-42");
    mem_free(a);
    mem_free(b);
}
END_TEST

START_TEST(the_nth_allocation_fails_once)
{
    for (long n = 1; n <= 4; n++) {
        mem_fault_after(n);
        int failed_at = 0;
        for (int i = 1; i <= 6; i++) {
            void *p = mem_alloc(NULL, 8);
            if (!p)
                failed_at = failed_at ? -1 : i;
            mem_free(p);
        }
        ck_assert_int_eq(failed_at, n);
    }
    mem_fault_after(0);
    long before = mem_allocations();
    mem_free(mem_alloc(NULL, 1));
    ck_assert_int_eq(mem_allocations(), before + 1);
}
END_TEST

static void churn(void *arg, size_t chunk, int worker)
{
    (void)worker;
    struct mem *m = arg;
    void *p[16] = {NULL};
    for (size_t i = 0; i < 2000; i++) {
        size_t at = (i * 7 + chunk) % 16;
        mem_free(p[at]);
        p[at] = mem_alloc(m, (i * 37) % 5000);
    }
    for (int i = 0; i < 16; i++)
        mem_free(p[i]);
}

START_TEST(threads_share_an_account)
{
    struct mem *root = mem_create(NULL, 0), *m = mem_create(root, 0);
    struct pool *pool = pool_create(4);
    pool_split(pool, 4, 16, churn, m);
    pool_destroy(pool);
    ck_assert_uint_eq(mem_used(m), 0);
    ck_assert_uint_eq(mem_used(root), 0);
    mem_destroy(m);
    mem_destroy(root);
}
END_TEST

START_TEST(arena_blocks_live_until_reset)
{
    struct mem *m = mem_create(NULL, 0);
    struct arena *a = arena_create(m);
    uint64_t first = mem_used(m);
    for (int round = 0; round < 3; round++) {
        unsigned char *p[300];
        for (size_t i = 0; i < 300; i++) {
            p[i] = arena_alloc(a, i * 11);
            ck_assert_uint_eq((uintptr_t)p[i] % 64, 0);
            memset(p[i], (int)(i & 255), i * 11);
        }
        ck_assert_ptr_nonnull(arena_alloc(a, 3 << 20)); /* larger than any chunk */
        for (size_t i = 0; i < 300; i++)
            for (size_t j = 0; j < i * 11; j++)
                if (p[i][j] != (i & 255))
                    ck_abort_msg("blocks overlap");
        ck_assert_uint_gt(mem_used(m), first);
        arena_reset(a);
        ck_assert_uint_eq(mem_used(m), first);
    }
    int *zero = arena_calloc(a, 100, sizeof *zero);
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(zero[i], 0);
    ck_assert_ptr_null(arena_calloc(a, SIZE_MAX / 2, 4));
    ck_assert_str_eq(arena_printf(a, "%d %s", 7, arena_strdup(a, "x")), "7 x");
    arena_destroy(a);
    arena_destroy(NULL);
    ck_assert_uint_eq(mem_used(m), 0);
    mem_destroy(m);
}
END_TEST

START_TEST(arena_survives_failed_allocations)
{
    struct mem *m = mem_create(NULL, 200 << 10);
    for (long n = 1; n < 6; n++) {
        mem_fault_after(n);
        struct arena *a = arena_create(m);
        for (int i = 0; a && i < 100; i++) {
            char *p = arena_alloc(a, 5000);
            if (p)
                memset(p, 1, 5000);
        }
        mem_fault_after(0);
        arena_destroy(a);
        ck_assert_uint_eq(mem_used(m), 0);
    }
    mem_destroy(m);
}
END_TEST

Suite *suite_mem(void)
{
    Suite *s = suite_create("mem");
    TCase *t = tcase_create("mem");
    tcase_add_test(t, charges_go_up_to_the_root);
    tcase_add_test(t, account_outlives_its_owner);
    tcase_add_test(t, blocks_are_aligned_and_sized);
    tcase_add_test(t, overflows_are_refused);
    tcase_add_test(t, realloc_keeps_content_and_charge);
    tcase_add_test(t, large_realloc_over_the_limit_keeps_the_block);
    tcase_add_test(t, texts);
    tcase_add_test(t, the_nth_allocation_fails_once);
    tcase_add_test(t, threads_share_an_account);
    tcase_add_test(t, arena_blocks_live_until_reset);
    tcase_add_test(t, arena_survives_failed_allocations);
    suite_add_tcase(s, t);
    return s;
}
