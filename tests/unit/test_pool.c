/* SPDX-License-Identifier: Apache-2.0 */
/* Splits run every chunk once, nest without deadlock, respect the thread limit; an idle pool uses no CPU. */
#include "base/clock.h"
#include "base/mem.h"
#include "base/pool.h"

#include <check.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>

Suite *suite_pool(void);

struct marks {
    atomic_int count[1000];
    atomic_int inside[8], most_worker;
    int spin;
};

static void mark(void *arg, size_t chunk, int worker)
{
    struct marks *m = arg;
    int w = atomic_load(&m->most_worker);
    while (worker > w && !atomic_compare_exchange_weak(&m->most_worker, &w, worker))
        ;
    ck_assert_int_eq(atomic_fetch_add(&m->inside[worker], 1), 0); /* one thread per worker number at a time */
    for (volatile int i = 0; i < m->spin; i++)
        ;
    atomic_fetch_add(&m->count[chunk], 1);
    atomic_fetch_sub(&m->inside[worker], 1);
}

START_TEST(every_chunk_runs_once)
{
    static const int threads[] = {1, 2, 4, 8};
    for (size_t t = 0; t < 4; t++) {
        struct pool *p = pool_create(threads[t]);
        ck_assert_int_eq(pool_threads(p), threads[t]);
        for (int round = 0; round < 50; round++) {
            struct marks *m = calloc(1, sizeof *m);
            size_t n = (size_t)(round * 20);
            m->spin = round % 3 * 100;
            pool_split(p, 3, n, mark, m);
            for (size_t i = 0; i < 1000; i++)
                ck_assert_int_eq(atomic_load(&m->count[i]), i < n);
            ck_assert_int_lt(atomic_load(&m->most_worker), 3);
            free(m);
        }
        pool_destroy(p);
    }
}
END_TEST

struct nest {
    struct pool *pool;
    atomic_long *sum;
    int depth;
};

static void nested(void *arg, size_t chunk, int worker)
{
    (void)worker;
    struct nest *n = arg;
    if (n->depth == 0) {
        atomic_fetch_add(n->sum, (long)chunk + 1);
        return;
    }
    struct nest inner = {n->pool, n->sum, n->depth - 1};
    pool_split(n->pool, 4, 5, nested, &inner);
}

START_TEST(splits_nest)
{
    struct pool *p = pool_create(3);
    atomic_long sum = 0;
    struct nest n = {p, &sum, 3};
    pool_split(p, 4, 5, nested, &n);
    ck_assert_int_eq(atomic_load(&sum), 125 * 15);
    pool_destroy(p);
}
END_TEST

static void job(void *arg)
{
    struct nest *n = arg;
    struct nest inner = {n->pool, n->sum, 1};
    pool_split(n->pool, 2, 5, nested, &inner);
}

START_TEST(jobs_may_split)
{
    for (int threads = 1; threads <= 4; threads++) {
        struct pool *p = pool_create(threads);
        atomic_long sum = 0;
        struct nest n = {p, &sum, 0};
        for (int i = 0; i < 100; i++)
            ck_assert_int_eq(pool_submit(p, job, &n), 0);
        pool_wait(p);
        ck_assert_int_eq(atomic_load(&sum), 100 * 5 * 15);
        pool_wait(p);
        pool_destroy(p);
    }
}
END_TEST

START_TEST(destroy_runs_what_is_queued)
{
    struct pool *p = pool_create(2);
    atomic_long sum = 0;
    struct nest n = {p, &sum, 0};
    for (int i = 0; i < 50; i++)
        pool_submit(p, job, &n);
    pool_destroy(p);
    ck_assert_int_eq(atomic_load(&sum), 50 * 5 * 15);
    pool_destroy(NULL);
}
END_TEST

START_TEST(waiting_costs_no_cpu)
{
    struct pool *p = pool_create(4);
    struct rusage a, b;
    getrusage(RUSAGE_SELF, &a);
    clock_sleep(0.3);
    getrusage(RUSAGE_SELF, &b);
    double cpu = (double)(b.ru_utime.tv_sec - a.ru_utime.tv_sec) + 1e-6 * (double)(b.ru_utime.tv_usec - a.ru_utime.tv_usec);
    ck_assert_double_lt(cpu, 0.05);
    pool_destroy(p);
}
END_TEST

START_TEST(failed_allocations_leak_nothing)
{
    for (long n = 1; n <= 3; n++) {
        mem_fault_after(n);
        struct pool *p = pool_create(2);
        ck_assert_int_eq(p == NULL, n <= 2);
        if (p) {
            atomic_long sum = 0;
            struct nest nest = {p, &sum, 0};
            ck_assert_int_eq(pool_submit(p, job, &nest), -1);
        }
        mem_fault_after(0);
        pool_destroy(p);
    }
}
END_TEST

Suite *suite_pool(void)
{
    Suite *s = suite_create("pool");
    TCase *t = tcase_create("pool");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, every_chunk_runs_once);
    tcase_add_test(t, splits_nest);
    tcase_add_test(t, jobs_may_split);
    tcase_add_test(t, destroy_runs_what_is_queued);
    tcase_add_test(t, waiting_costs_no_cpu);
    tcase_add_test(t, failed_allocations_leak_nothing);
    suite_add_tcase(s, t);
    return s;
}
