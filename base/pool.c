/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One mutex guards the queue of jobs and the list of open splits. A split lives on its caller's
 * stack: workers join while it is listed, the caller takes it off the list when no chunk is left
 * and waits for those still inside. A worker inside only runs chunks, so the wait always ends.
 */
#include "base/pool.h"

#include "base/mem.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>

struct job {
    struct job *next;
    void (*fn)(void *);
    void *arg;
};

struct split {
    struct split *next;
    void (*fn)(void *, size_t, int);
    void *arg;
    size_t n;
    atomic_size_t claimed;
    int joined, most; /* workers that joined, the caller included; at most */
    int inside;       /* workers other than the caller running chunks */
    pthread_cond_t left;
};

struct pool {
    int threads, started;
    pthread_t *thread;
    pthread_mutex_t lock;
    pthread_cond_t work, idle;
    struct job *first, *last;
    struct split *splits;
    size_t pending; /* jobs queued or running */
    bool closing;
};

static void run_chunks(struct split *s, int worker)
{
    for (size_t c; (c = atomic_fetch_add(&s->claimed, 1)) < s->n;)
        s->fn(s->arg, c, worker);
}

static struct split *joinable(struct pool *p)
{
    for (struct split *s = p->splits; s; s = s->next)
        if (s->joined < s->most && atomic_load(&s->claimed) < s->n)
            return s;
    return NULL;
}

/* With the lock held on entry and exit. */
static void help(struct pool *p, struct split *s)
{
    int worker = s->joined++;
    s->inside++;
    pthread_mutex_unlock(&p->lock);
    run_chunks(s, worker);
    pthread_mutex_lock(&p->lock);
    if (--s->inside == 0)
        pthread_cond_signal(&s->left);
}

/* With the lock held on entry and exit. */
static void run_job(struct pool *p)
{
    struct job *j = p->first;
    p->first = j->next;
    if (!p->first)
        p->last = NULL;
    pthread_mutex_unlock(&p->lock);
    j->fn(j->arg);
    mem_free(j);
    pthread_mutex_lock(&p->lock);
    if (--p->pending == 0)
        pthread_cond_broadcast(&p->idle);
}

static void *worker_main(void *arg)
{
    struct pool *p = arg;
    pthread_mutex_lock(&p->lock);
    for (;;) {
        struct split *s = joinable(p);
        if (s)
            help(p, s);
        else if (p->first)
            run_job(p);
        else if (p->closing)
            break;
        else
            pthread_cond_wait(&p->work, &p->lock);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

/* Signals go to the threads of the program, never to workers. */
static int start_worker(struct pool *p)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int rc = pthread_create(&p->thread[p->started], NULL, worker_main, p);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return rc;
}

struct pool *pool_create(int threads)
{
    struct pool *p = mem_calloc(NULL, 1, sizeof *p);
    if (!p)
        return NULL;
    p->threads = threads < 1 ? 1 : threads;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->work, NULL);
    pthread_cond_init(&p->idle, NULL);
    p->thread = mem_calloc(NULL, (size_t)p->threads, sizeof *p->thread);
    if (!p->thread) {
        pool_destroy(p);
        return NULL;
    }
    for (; p->started < p->threads - 1; p->started++)
        if (start_worker(p) != 0) {
            pool_destroy(p);
            return NULL;
        }
    return p;
}

void pool_destroy(struct pool *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->closing = true;
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
    for (int i = 0; i < p->started; i++)
        pthread_join(p->thread[i], NULL);
    pthread_cond_destroy(&p->idle);
    pthread_cond_destroy(&p->work);
    pthread_mutex_destroy(&p->lock);
    mem_free(p->thread);
    mem_free(p);
}

int pool_threads(const struct pool *p)
{
    return p->threads;
}

int pool_submit(struct pool *p, void (*fn)(void *), void *arg)
{
    if (p->threads == 1) {
        fn(arg);
        return 0;
    }
    struct job *j = mem_alloc(NULL, sizeof *j);
    if (!j)
        return -1;
    *j = (struct job){NULL, fn, arg};
    pthread_mutex_lock(&p->lock);
    if (p->last)
        p->last->next = j;
    else
        p->first = j;
    p->last = j;
    p->pending++;
    pthread_cond_signal(&p->work);
    pthread_mutex_unlock(&p->lock);
    return 0;
}

void pool_wait(struct pool *p)
{
    pthread_mutex_lock(&p->lock);
    while (p->pending > 0) {
        if (p->first)
            run_job(p);
        else
            pthread_cond_wait(&p->idle, &p->lock);
    }
    pthread_mutex_unlock(&p->lock);
}

static void open_split(struct pool *p, struct split *s)
{
    pthread_mutex_lock(&p->lock);
    s->next = p->splits;
    p->splits = s;
    size_t wanted = (size_t)s->most - 1 < s->n - 1 ? (size_t)s->most - 1 : s->n - 1;
    for (size_t i = 0; i < wanted; i++)
        pthread_cond_signal(&p->work);
    pthread_mutex_unlock(&p->lock);
}

static void close_split(struct pool *p, struct split *s)
{
    pthread_mutex_lock(&p->lock);
    struct split **at = &p->splits;
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    while (s->inside > 0)
        pthread_cond_wait(&s->left, &p->lock);
    pthread_mutex_unlock(&p->lock);
}

void pool_split(struct pool *p, int threads, size_t n, void (*fn)(void *, size_t, int), void *arg)
{
    if (threads > p->threads)
        threads = p->threads;
    if (threads <= 1 || n <= 1) {
        for (size_t c = 0; c < n; c++)
            fn(arg, c, 0);
        return;
    }
    struct split s = {.fn = fn, .arg = arg, .n = n, .joined = 1, .most = threads};
    atomic_init(&s.claimed, 0);
    pthread_cond_init(&s.left, NULL);
    open_split(p, &s);
    run_chunks(&s, 0);
    close_split(p, &s);
    pthread_cond_destroy(&s.left);
}
