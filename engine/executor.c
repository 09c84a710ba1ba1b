/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/executor.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/pool.h"
#include "engine/node.h"

#include <math.h>
#include <pthread.h>
#include <string.h>

/* Work an op has offered to idle threads; lives on the op's stack while it is split. */
struct split_job {
    struct split_job *next;
    asx_chunk_fn fn;
    void *arg;
    size_t n, claimed; /* claimed: atomic */
    int workers, most; /* worker ids handed out; guarded by the lock */
    int active;        /* helpers inside fn; guarded by the lock */
};

struct active_run {
    const struct executor *ex;
    const struct opt_plan *plan;
    struct node_result *result;
    struct asx_err *err;
    asx_st status;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    int *waiting_for; /* inputs not yet done, per node */
    int *order;       /* node ids by planned start */
    int left, running;
    bool lonely; /* a step that did not fit beside others has the memory to itself */
    struct split_job *jobs;
    pthread_t main_thread;
    double next_tick;
};

static bool run_stopped(struct active_run *a)
{
    const struct executor *ex = a->ex;
    if (ex->tick && pthread_equal(pthread_self(), a->main_thread)) {
        double now = clock_now();
        if (now >= a->next_tick) {
            a->next_tick = now + 0.1;
            ex->tick(ex->run);
        }
    }
    return ex->stop && ex->stop(ex->run);
}

static bool exec_stop(struct asx_exec *e)
{
    struct exec_context *c = e->engine;
    return run_stopped(c->engine);
}

static void work_on(struct split_job *j, int worker)
{
    for (;;) {
        size_t i = __atomic_fetch_add(&j->claimed, 1, __ATOMIC_RELAXED);
        if (i >= j->n)
            return;
        j->fn(j->arg, i, worker);
    }
}

static void unlink_job(struct active_run *a, struct split_job *job)
{
    for (struct split_job **p = &a->jobs; *p; p = &(*p)->next)
        if (*p == job) {
            *p = job->next;
            return;
        }
}

static void exec_split(struct asx_exec *e, size_t n, asx_chunk_fn fn, void *arg)
{
    struct active_run *a = ((struct exec_context *)e->engine)->engine;
    if (n <= 1 || e->threads <= 1) {
        for (size_t i = 0; i < n; i++)
            fn(arg, i, 0);
        return;
    }
    struct split_job job = {.fn = fn, .arg = arg, .n = n, .workers = 1, .most = e->threads};
    pthread_mutex_lock(&a->lock);
    job.next = a->jobs;
    a->jobs = &job;
    pthread_cond_broadcast(&a->wake);
    pthread_mutex_unlock(&a->lock);
    work_on(&job, 0);
    pthread_mutex_lock(&a->lock);
    unlink_job(a, &job);
    while (job.active > 0)
        pthread_cond_wait(&a->wake, &a->lock);
    pthread_mutex_unlock(&a->lock);
}

/* Called with the lock held; helps one split job if there is one worth helping. */
static bool help(struct active_run *a)
{
    for (struct split_job *j = a->jobs; j; j = j->next) {
        if (j->workers >= j->most || __atomic_load_n(&j->claimed, __ATOMIC_RELAXED) >= j->n)
            continue;
        int worker = j->workers++;
        j->active++;
        pthread_mutex_unlock(&a->lock);
        work_on(j, worker);
        pthread_mutex_lock(&a->lock);
        if (--j->active == 0)
            pthread_cond_broadcast(&a->wake);
        return true;
    }
    return false;
}

/* What the account still has for a step beside those that run, once these have taken what they are predicted to need. */
static uint64_t free_room(const struct active_run *a)
{
    uint64_t room = mem_room(a->ex->mem), owed = 0;
    for (int i = 0; i < a->plan->nodes && room != UINT64_MAX && a->running > 0; i++) {
        if (a->result[i].state != NODE_RUNNING || !a->result[i].account)
            continue;
        uint64_t has = mem_used(a->result[i].account), needs = a->plan->node[i]->cost.host_peak;
        owed += needs > has ? needs - has : 0;
    }
    return owed < room ? room - owed : 0;
}

/* The first step in planned order that may start. Beside others only one that fits the memory; alone any may try. */
static int next_ready(const struct active_run *a)
{
    uint64_t room = 0;
    bool known = false;
    for (int i = 0; i < a->plan->nodes && !a->lonely; i++) {
        int id = a->order[i];
        const struct opt_node *n = a->plan->node[id];
        if (a->result[id].state != NODE_WAITING || a->waiting_for[id] != 0 || (a->result[id].alone && a->running > 0))
            continue;
        if (a->running == 0 || n->kind == OPT_CORE)
            return id;
        room = known ? room : free_room(a);
        known = true;
        if (n->cost.host_peak <= room)
            return id;
    }
    return -1;
}

static bool inputs_failed(const struct active_run *a, const struct opt_node *n)
{
    for (int i = 0; i < n->inputs; i++) {
        enum node_state s = a->result[n->input[i]].state;
        if (n->kind == OPT_CORE && a->plan->node[n->input[i]]->kind != OPT_CORE)
            continue; /* a score step looks itself at which fits arrived */
        if (s == NODE_FAILED || s == NODE_SKIPPED)
            return true;
    }
    return false;
}

static void settle(struct active_run *a, const struct opt_node *n, asx_st st)
{
    struct node_result *r = &a->result[n->id];
    r->status = st;
    enum node_state state = st == ASX_OK ? NODE_DONE : st == ASX_STOPPED ? NODE_SKIPPED : NODE_FAILED;
    __atomic_store_n(&r->state, state, __ATOMIC_RELEASE);
    if (a->ex->done) {
        pthread_mutex_unlock(&a->lock);
        a->ex->done(a->ex->run, a->plan, n, r);
        pthread_mutex_lock(&a->lock);
    }
    if (n->kind == OPT_CORE && st < 0 && a->status == ASX_OK) {
        a->status = st;
        if (a->err)
            *a->err = r->err;
    }
    if (st == ASX_STOPPED && a->status == ASX_OK)
        a->status = ASX_STOPPED;
    for (int i = 0; i < a->plan->nodes; i++) {
        const struct opt_node *m = a->plan->node[i];
        for (int k = 0; k < m->inputs; k++)
            if (m->input[k] == n->id)
                a->waiting_for[m->id]--;
    }
    a->left--;
}

static asx_st run_one(struct active_run *a, const struct opt_node *n, int threads)
{
    struct exec_context ctx = {a->ex, a->plan, n, a->result, a};
    struct node_result *r = &a->result[n->id];
    if (!r->account)
        return err_set(&r->err, ASX_E_NOMEM, "no memory for '%s'; raise the memory limit", n->way);
    struct asx_exec e = {
        .mem = r->account, .threads = threads, .device = a->ex->device, .split = exec_split, .stop = exec_stop, .engine = &ctx};
    asx_st st = node_run(&e, r);
    r->bytes = (double)mem_peak(r->account);
    return st;
}

/* Called with the lock held. */
static void take(struct active_run *a, int id)
{
    const struct opt_node *n = a->plan->node[id];
    struct node_result *r = &a->result[id];
    bool beside = a->ex->threads > 1 && n->kind != OPT_CORE;
    r->state = NODE_RUNNING;
    a->lonely = r->alone;
    a->running++;
    r->account = mem_create(a->ex->mem, 0); /* of this op alone: what it takes is known when it ends */
    bool failed = inputs_failed(a, n);
    int threads = a->ex->threads;
    pthread_mutex_unlock(&a->lock);
    asx_st st = ASX_STOPPED;
    if (failed) {
        for (int i = 0; i < n->inputs && st == ASX_STOPPED; i++)
            if (a->result[n->input[i]].status < 0) {
                st = a->result[n->input[i]].status;
                r->err = a->result[n->input[i]].err;
            }
    } else if (n->kind == OPT_CORE || !run_stopped(a)) {
        double t = clock_now();
        st = run_one(a, n, threads);
        r->seconds = clock_now() - t;
    }
    pthread_mutex_lock(&a->lock);
    if (r->account)
        mem_destroy(r->account);
    r->account = NULL;
    if (st == ASX_E_NOMEM && !failed && beside && !r->alone) { /* once more, when nobody else needs memory */
        r->alone = true;
        r->state = NODE_WAITING;
    } else {
        settle(a, n, st);
    }
    a->running--;
    a->lonely = false;
    pthread_cond_broadcast(&a->wake);
}

static void worker_loop(void *arg)
{
    struct active_run *a = arg;
    pthread_mutex_lock(&a->lock);
    while (a->left > 0) {
        int id = next_ready(a);
        if (id >= 0)
            take(a, id);
        else if (!help(a)) {
            if (a->running == 0 && a->left > 0 && next_ready(a) < 0)
                break; /* a cycle: only a broken plan has one */
            pthread_cond_wait(&a->wake, &a->lock);
        }
    }
    pthread_cond_broadcast(&a->wake);
    pthread_mutex_unlock(&a->lock);
}

static void sort_by_start(const struct opt_plan *p, int *order)
{
    for (int i = 0; i < p->nodes; i++) {
        int k = i;
        while (k > 0 && p->node[order[k - 1]]->start_s > p->node[i]->start_s) {
            order[k] = order[k - 1];
            k--;
        }
        order[k] = i;
    }
}

/* What the plan counts on must not be evicted before its turn comes. */
static void pin_cached(const struct executor *ex, const struct opt_plan *plan, struct node_result *result)
{
    for (int i = 0; i < plan->nodes; i++)
        if (plan->node[i]->cached && ex->cache)
            result[i].artefact = cache_get(ex->cache, plan->node[i]->key);
}

asx_st executor_run(const struct executor *ex, const struct opt_plan *plan, struct node_result *result, struct asx_err *err)
{
    struct active_run a = {
        .ex = ex, .plan = plan, .result = result, .err = err, .left = plan->nodes, .main_thread = pthread_self()};
    if (plan->nodes == 0)
        return ASX_OK;
    memset(result, 0, (size_t)plan->nodes * sizeof *result);
    for (int i = 0; i < plan->nodes; i++)
        result[i].bytes = NAN;
    a.waiting_for = mem_calloc(ex->mem, 2 * (size_t)plan->nodes, sizeof(int));
    if (!a.waiting_for)
        return err_set(err, ASX_E_NOMEM, "no memory to run a plan of %d steps; raise the memory limit", plan->nodes);
    a.order = a.waiting_for + plan->nodes;
    sort_by_start(plan, a.order);
    for (int i = 0; i < plan->nodes; i++)
        a.waiting_for[i] = plan->node[i]->inputs;
    pin_cached(ex, plan, result);
    pthread_mutex_init(&a.lock, NULL);
    pthread_cond_init(&a.wake, NULL);
    int helpers = ex->threads - 1;
    for (int i = 0; i < helpers; i++)
        if (pool_submit(ex->pool, worker_loop, &a) != 0)
            break;
    worker_loop(&a);
    pool_wait(ex->pool);
    asx_st st = a.status;
    if (a.left > 0 && st == ASX_OK)
        st = err_set(err, ASX_E_INTERNAL, "a plan has steps that wait for each other; please report this");
    pthread_cond_destroy(&a.wake);
    pthread_mutex_destroy(&a.lock);
    mem_free(a.waiting_for);
    return st;
}

void executor_release(struct node_result *result, int nodes)
{
    for (int i = 0; i < nodes; i++) {
        artefact_put(result[i].artefact);
        mem_free(result[i].member);
        result[i].artefact = NULL;
        result[i].member = NULL;
    }
}
