/* SPDX-License-Identifier: Apache-2.0 */
/* Plans of made-up steps: order, threads, failures and what they take along, running out of memory, stopping. */
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/pool.h"
#include "engine/executor.h"
#include "tests/support/plan_make.h"

#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

Suite *suite_executor(void);

enum { MOST = 64, CHUNKS = 200 };

/* What steps do to it; `begun` and `ended` count up over the whole plan. */
struct probe {
    int begun[MOST], ended[MOST], clock, running, together;
    double deadline; /* clock_now() time; 0: none */
    bool cancelled;
    uint64_t need;
    int chunk[CHUNKS], workers;
    pthread_t caller;
    int ticks, strange_ticks, dones;
};

struct step {
    struct probe *probe;
    int id;
};

static const struct step *step_of(const struct asx_exec *e)
{
    return ((const struct exec_context *)e->engine)->node->core;
}

static void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

static void enter(const struct step *s)
{
    struct probe *p = s->probe;
    p->begun[s->id] = __atomic_add_fetch(&p->clock, 1, __ATOMIC_SEQ_CST);
    int now = __atomic_add_fetch(&p->running, 1, __ATOMIC_SEQ_CST);
    if (now > __atomic_load_n(&p->together, __ATOMIC_SEQ_CST))
        __atomic_store_n(&p->together, now, __ATOMIC_SEQ_CST);
}

static asx_st leave(const struct step *s, asx_st st)
{
    struct probe *p = s->probe;
    __atomic_sub_fetch(&p->running, 1, __ATOMIC_SEQ_CST);
    p->ended[s->id] = __atomic_add_fetch(&p->clock, 1, __ATOMIC_SEQ_CST);
    return st;
}

static asx_st plain_run(struct asx_exec *e, const struct asx_batch *b, struct asx_err *err)
{
    (void)b;
    (void)err;
    enter(step_of(e));
    nap();
    return leave(step_of(e), ASX_OK);
}

static asx_st bad_run(struct asx_exec *e, const struct asx_batch *b, struct asx_err *err)
{
    (void)b;
    enter(step_of(e));
    return leave(step_of(e), err_set(err, ASX_E_DATA, "step %d does not like '%s'", step_of(e)->id, "this"));
}

/* Works until it is told to stop; ten seconds at most. */
static asx_st long_run(struct asx_exec *e, const struct asx_batch *b, struct asx_err *err)
{
    (void)b;
    (void)err;
    enter(step_of(e));
    for (int i = 0; i < 10000; i++) {
        if (e->stop(e))
            return leave(step_of(e), ASX_STOPPED);
        nap();
    }
    return leave(step_of(e), ASX_OK);
}

static asx_st cancelling_run(struct asx_exec *e, const struct asx_batch *b, struct asx_err *err)
{
    (void)b;
    (void)err;
    enter(step_of(e));
    for (int i = 0; i < 20; i++)
        nap();
    __atomic_store_n(&step_of(e)->probe->cancelled, true, __ATOMIC_SEQ_CST);
    return leave(step_of(e), ASX_OK);
}

static asx_st greedy_run(struct asx_exec *e, const struct asx_batch *b, struct asx_err *err)
{
    (void)b;
    const struct step *s = step_of(e);
    enter(s);
    void *most = mem_alloc(e->mem, s->probe->need);
    for (int i = 0; i < 20; i++)
        nap(); /* long enough to meet the others */
    mem_free(most);
    if (!most)
        return leave(s, err_set(err, ASX_E_NOMEM, "no memory for step %d", s->id));
    e->out = mem_alloc(e->mem, 8);
    return leave(s, e->out ? ASX_OK : ASX_E_NOMEM);
}

static void chunk(void *arg, size_t i, int worker)
{
    struct probe *p = arg;
    __atomic_add_fetch(&p->chunk[i], 1, __ATOMIC_SEQ_CST);
    int most = __atomic_load_n(&p->workers, __ATOMIC_SEQ_CST);
    while (worker + 1 > most &&
           !__atomic_compare_exchange_n(&p->workers, &most, worker + 1, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        ;
}

static asx_st split_run(struct asx_exec *e, const struct asx_batch *b, struct asx_err *err)
{
    (void)b;
    (void)err;
    enter(step_of(e));
    e->split(e, CHUNKS, chunk, step_of(e)->probe);
    return leave(step_of(e), ASX_OK);
}

static const struct asx_op plain_op = {.head = {"test.plain/a", "does nothing"}, .run = plain_run},
                           bad_op = {.head = {"test.bad/a", "fails"}, .run = bad_run},
                           long_op = {.head = {"test.long/a", "takes until it is stopped"}, .run = long_run},
                           cancelling_op = {.head = {"test.cancelling/a", "cancels the run"}, .run = cancelling_run},
                           greedy_op = {.head = {"test.greedy/a", "needs much memory"}, .free_output = mem_free, .run = greedy_run},
                           split_op = {.head = {"test.split/a", "shares its work"}, .flags = ASX_SPLITS, .run = split_run};

/* ---- a plan and its executor ---------------------------------------------------------------- */

struct bench {
    struct plan_make made;
    struct mem *mem;
    struct pool *pool;
    const struct asx_problem *problem;
    struct opt_plan *plan;
    struct probe probe;
    struct step step[MOST];
    struct node_result result[MOST];
    struct executor ex;
    struct asx_err err;
};

static bool stop(void *run)
{
    const struct bench *b = run;
    return __atomic_load_n(&b->probe.cancelled, __ATOMIC_SEQ_CST) || (b->probe.deadline > 0 && clock_now() > b->probe.deadline);
}

static void tick(void *run)
{
    struct bench *b = run;
    b->probe.ticks++;
    b->probe.strange_ticks += !pthread_equal(pthread_self(), b->probe.caller);
}

static void done(void *run, const struct opt_plan *plan, const struct opt_node *n, struct node_result *r)
{
    struct bench *b = run;
    (void)plan;
    (void)n;
    (void)r;
    __atomic_add_fetch(&b->probe.dones, 1, __ATOMIC_SEQ_CST);
}

static struct bench *open_bench(int threads, uint64_t limit)
{
    struct bench *b = calloc(1, sizeof *b);
    ck_assert_ptr_nonnull(b);
    plan_make_init(&b->made, 100, 3, false);
    b->mem = mem_create(NULL, limit);
    b->pool = pool_create(threads);
    b->probe.caller = pthread_self();
    ck_assert_int_eq(opt_plan_create(b->made.mem, &b->plan), ASX_OK);
    b->problem = &b->made.problem;
    b->ex = (struct executor){.pool = b->pool,
                              .threads = threads,
                              .mem = b->mem,
                              .problem = &b->problem,
                              .run = b,
                              .stop = stop,
                              .tick = tick,
                              .done = done};
    return b;
}

/* Adds a step after others (-1 ends the list); `kind` CORE, or FORM for what may fail by itself. */
static int add(struct bench *b, const struct asx_op *op, enum opt_kind kind, int first, int second)
{
    int input[2] = {first, second}, n = (first >= 0) + (second >= 0), id = b->plan->nodes;
    b->step[id] = (struct step){&b->probe, id};
    int at = opt_plan_add_core(b->plan, &b->made.ctx, op, "step", NULL, input, n, (struct asx_key){0, 0}, &b->step[id]);
    ck_assert_int_eq(at, id);
    b->plan->node[id]->kind = kind;
    b->plan->node[id]->key = (struct asx_key){(uint64_t)id + 1, 1};
    return id;
}

static asx_st run(struct bench *b)
{
    opt_plan_place(b->plan, &b->made.ctx);
    return executor_run(&b->ex, b->plan, b->result, &b->err);
}

static void close_bench(struct bench *b)
{
    executor_release(b->result, b->plan->nodes);
    opt_plan_free(b->plan);
    plan_make_clear(&b->made);
    pool_destroy(b->pool);
    ck_assert_uint_eq(mem_used(b->mem), 0);
    mem_destroy(b->mem);
    free(b);
}

/* ---- tests -------------------------------------------------------------------------------------- */

START_TEST(steps_run_once_and_after_their_inputs)
{
    struct bench *b = open_bench(_i + 1, 0);
    for (int i = 0; i < 24; i++)
        add(b, &plain_op, OPT_CORE, i >= 2 ? i - 2 : -1, i >= 5 ? i - 5 : -1);
    ck_assert_int_eq(run(b), ASX_OK);
    for (int i = 0; i < b->plan->nodes; i++) {
        ck_assert_int_eq(b->result[i].state, NODE_DONE);
        ck_assert_int_gt(b->probe.ended[i], b->probe.begun[i]);
        for (int k = 0; k < b->plan->node[i]->inputs; k++)
            ck_assert_int_gt(b->probe.begun[i], b->probe.ended[b->plan->node[i]->input[k]]);
        ck_assert(b->result[i].seconds >= 0.001);
    }
    ck_assert_int_eq(b->probe.clock, 2 * b->plan->nodes);
    ck_assert_int_eq(b->probe.dones, b->plan->nodes);
    ck_assert_int_le(b->probe.together, _i + 1);
    close_bench(b);
}
END_TEST

START_TEST(a_failure_takes_along_what_depends_on_it)
{
    struct bench *b = open_bench(_i + 1, 0);
    int bad = add(b, &bad_op, OPT_FORM, -1, -1), good = add(b, &plain_op, OPT_CORE, -1, -1);
    int after = add(b, &greedy_op, OPT_FORM, bad, good), later = add(b, &greedy_op, OPT_FORM, after, -1);
    int beside = add(b, &plain_op, OPT_CORE, good, -1);
    b->probe.need = 64;
    ck_assert_int_eq(run(b), ASX_OK); /* a form that fails costs trials, not the run */
    ck_assert_int_eq(b->result[bad].state, NODE_FAILED);
    ck_assert_int_eq(b->result[good].state, NODE_DONE);
    ck_assert_int_eq(b->result[beside].state, NODE_DONE);
    ck_assert_int_eq(b->result[after].state, NODE_FAILED);
    ck_assert_int_eq(b->result[later].state, NODE_FAILED);
    ck_assert_int_eq(b->probe.begun[after] + b->probe.begun[later], 0);
    ck_assert_str_eq(b->result[later].err.text, b->result[bad].err.text); /* the reason travels */
    ck_assert(strstr(b->result[later].err.text, "step 0 does not like 'this'") != NULL);
    ck_assert_int_eq(b->probe.dones, b->plan->nodes);
    close_bench(b);
}
END_TEST

START_TEST(a_core_step_that_fails_fails_the_plan)
{
    struct bench *b = open_bench(2, 0);
    int bad = add(b, &bad_op, OPT_CORE, -1, -1), after = add(b, &plain_op, OPT_CORE, bad, -1);
    ck_assert_int_eq(run(b), ASX_E_DATA);
    ck_assert_str_eq(b->err.text, "step 0 does not like 'this'");
    ck_assert_int_eq(b->result[after].state, NODE_FAILED);
    ck_assert_int_eq(b->probe.begun[after], 0);
    close_bench(b);
}
END_TEST

/* Side by side they do not fit; one after the other they do, and none is lost. */
START_TEST(who_runs_out_of_memory_beside_others_tries_again_alone)
{
    struct bench *b = open_bench(3, 10 << 20);
    b->probe.need = 6 << 20;
    for (int i = 0; i < 6; i++)
        add(b, &greedy_op, OPT_FORM, -1, -1);
    ck_assert_int_eq(run(b), ASX_OK);
    for (int i = 0; i < 6; i++)
        ck_assert_msg(b->result[i].state == NODE_DONE, "step %d: %s", i, b->result[i].err.text);
    close_bench(b);
    b = open_bench(2, 4 << 20); /* and what never fits fails with its reason */
    b->probe.need = 6 << 20;
    int big = add(b, &greedy_op, OPT_FORM, -1, -1);
    ck_assert_int_eq(run(b), ASX_OK);
    ck_assert_int_eq(b->result[big].state, NODE_FAILED);
    ck_assert_int_eq(b->result[big].status, ASX_E_NOMEM);
    ck_assert_str_eq(b->result[big].err.text, "no memory for step 0");
    close_bench(b);
}
END_TEST

/* What is predicted not to fit beside what runs waits instead of failing: no second try is needed. */
START_TEST(steps_wait_for_room)
{
    struct bench *b = open_bench(3, 10 << 20);
    b->probe.need = 6 << 20;
    for (int i = 0; i < 6; i++)
        add(b, &greedy_op, OPT_FORM, -1, -1);
    opt_plan_place(b->plan, &b->made.ctx);
    for (int i = 0; i < 6; i++)
        b->plan->node[i]->cost.host_peak = 6 << 20;
    ck_assert_int_eq(executor_run(&b->ex, b->plan, b->result, &b->err), ASX_OK);
    int again = 0;
    for (int i = 0; i < 6; i++) {
        ck_assert_int_eq(b->result[i].state, NODE_DONE);
        again += b->result[i].alone;
    }
    ck_assert_int_le(again, 1); /* two may look at the same room at the same moment */
    close_bench(b);
}
END_TEST

START_TEST(cancelling_ends_a_running_step)
{
    struct bench *b = open_bench(2, 0);
    int busy = add(b, &long_op, OPT_FORM, -1, -1), other = add(b, &cancelling_op, OPT_CORE, -1, -1);
    int after = add(b, &greedy_op, OPT_FORM, busy, -1), fresh = add(b, &greedy_op, OPT_FORM, other, -1);
    double from = clock_now();
    ck_assert_int_eq(run(b), ASX_STOPPED);
    ck_assert(clock_now() - from < 5);
    ck_assert_int_eq(b->result[busy].state, NODE_SKIPPED);
    ck_assert_int_eq(b->result[busy].status, ASX_STOPPED);
    ck_assert_int_eq(b->result[other].state, NODE_DONE);
    ck_assert_int_eq(b->result[after].state, NODE_SKIPPED);
    ck_assert_int_eq(b->result[fresh].state, NODE_SKIPPED);
    ck_assert_int_eq(b->probe.begun[after] + b->probe.begun[fresh], 0);
    ck_assert_int_eq(b->probe.dones, b->plan->nodes);
    close_bench(b);
}
END_TEST

START_TEST(a_deadline_ends_a_running_step)
{
    struct bench *b = open_bench(_i + 1, 0);
    int busy = add(b, &long_op, OPT_FORM, -1, -1), after = add(b, &long_op, OPT_FORM, busy, -1);
    int last = add(b, &plain_op, OPT_CORE, -1, -1);
    double from = clock_now();
    b->probe.deadline = from + 0.3;
    ck_assert_int_eq(run(b), ASX_STOPPED);
    ck_assert(clock_now() - from >= 0.3);
    ck_assert(clock_now() - from < 5);
    ck_assert_int_eq(b->result[busy].state, NODE_SKIPPED);
    ck_assert_int_eq(b->result[after].state, NODE_SKIPPED);
    ck_assert_int_eq(b->probe.begun[after], 0);
    ck_assert_int_eq(b->result[last].state, NODE_DONE); /* core steps decide themselves: there is always a model */
    if (_i == 0)
        ck_assert_int_gt(b->probe.ticks, 0);
    ck_assert_int_eq(b->probe.strange_ticks, 0);
    close_bench(b);
}
END_TEST

START_TEST(work_that_is_split_is_done_once_each)
{
    struct bench *b = open_bench(_i + 1, 0);
    add(b, &split_op, OPT_CORE, -1, -1);
    ck_assert_int_eq(run(b), ASX_OK);
    for (int i = 0; i < CHUNKS; i++)
        ck_assert_int_eq(b->probe.chunk[i], 1);
    ck_assert_int_ge(b->probe.workers, 1);
    ck_assert_int_le(b->probe.workers, _i + 1);
    close_bench(b);
}
END_TEST

START_TEST(an_empty_plan_is_done)
{
    struct bench *b = open_bench(2, 0);
    ck_assert_int_eq(run(b), ASX_OK);
    close_bench(b);
}
END_TEST

Suite *suite_executor(void)
{
    Suite *s = suite_create("executor");
    TCase *t = tcase_create("executor");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, steps_run_once_and_after_their_inputs, 0, 4);
    tcase_add_loop_test(t, a_failure_takes_along_what_depends_on_it, 0, 3);
    tcase_add_test(t, a_core_step_that_fails_fails_the_plan);
    tcase_add_test(t, who_runs_out_of_memory_beside_others_tries_again_alone);
    tcase_add_test(t, steps_wait_for_room);
    tcase_add_test(t, cancelling_ends_a_running_step);
    tcase_add_loop_test(t, a_deadline_ends_a_running_step, 0, 2);
    tcase_add_loop_test(t, work_that_is_split_is_done_once_each, 0, 4);
    tcase_add_test(t, an_empty_plan_is_done);
    suite_add_tcase(s, t);
    return s;
}
