/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file pool.h
 * The one thread pool. Workers sleep on a condition variable when idle; nothing spins.
 *
 * pool_split runs chunks on the calling thread and on idle workers; the caller always
 * takes part, so nested splits cannot deadlock and a busy pool just means less help.
 */
#ifndef ASSAY_BASE_POOL_H
#define ASSAY_BASE_POOL_H

#include <stddef.h>

struct pool;

/** `threads` includes the caller of pool_split: threads - 1 workers are started. */
struct pool *pool_create(int threads);
void pool_destroy(struct pool *); /**< waits for queued jobs */
int pool_threads(const struct pool *);

/** Runs fn(arg) on a worker (threads >= 2), else before returning. 0, or -1 when out of memory. */
int pool_submit(struct pool *, void (*fn)(void *arg), void *arg);
/** Waits until all submitted jobs are done; the caller helps to run them. */
void pool_wait(struct pool *);

/** Runs fn(arg, chunk, worker) for chunk in [0, n) on at most `threads` threads; worker in [0, threads). */
void pool_split(struct pool *, int threads, size_t n, void (*fn)(void *arg, size_t chunk, int worker), void *arg);

#endif
