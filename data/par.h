/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file par.h
 * How data functions borrow threads: from the pool, from a running op, or not at all.
 *
 * Chunks have a size that never depends on the number of threads, and are put together
 * in order, so every result is the same for any `threads`.
 *
 *     struct data_par p = data_par_exec(exec);
 *     asx_st st = packed_build(&p, matrix, exec->mem, exec->out_key, &packed, err);
 */
#ifndef ASSAY_DATA_PAR_H
#define ASSAY_DATA_PAR_H

#include "base/pool.h"
#include <assay/ext/op.h>

/** A way to run chunks. All zero: on the calling thread. Every function accepts NULL for that, too. */
struct data_par {
    struct pool *pool;
    struct asx_exec *exec;
    int threads; /**< with `pool`; < 1 means all of the pool's */
};

static inline struct data_par data_par_pool(struct pool *pool)
{
    struct data_par p = {pool, NULL, 0};
    return p;
}

static inline struct data_par data_par_exec(struct asx_exec *exec)
{
    struct data_par p = {NULL, exec, 0};
    return p;
}

/** Threads that may run at once; at least 1. `worker` in chunk functions is below it. */
static inline int data_par_threads(const struct data_par *p)
{
    if (p && p->exec && p->exec->split && p->exec->threads > 1)
        return p->exec->threads;
    if (p && !p->exec && p->pool) {
        int n = pool_threads(p->pool);
        return p->threads >= 1 && p->threads < n ? p->threads : n;
    }
    return 1;
}

/** Runs fn(arg, chunk, worker) for chunk in [0, n); returns when all are done. */
static inline void data_par_run(const struct data_par *p, size_t n, asx_chunk_fn fn, void *arg)
{
    int threads = data_par_threads(p);
    if (n > 1 && threads > 1 && p->exec) {
        p->exec->split(p->exec, n, fn, arg);
    } else if (n > 1 && threads > 1) {
        pool_split(p->pool, threads, n, fn, arg);
    } else {
        for (size_t i = 0; i < n; i++)
            fn(arg, i, 0);
    }
}

/** True when the running op was told to give up. */
static inline bool data_par_stop(const struct data_par *p)
{
    return p && p->exec && p->exec->stop && p->exec->stop(p->exec);
}

#endif
