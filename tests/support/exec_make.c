/* SPDX-License-Identifier: Apache-2.0 */
/* A minimal asx_exec for tests. */
#include "tests/support/exec_make.h"

#include "base/mem.h"
#include "base/pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void need(bool good, const char *what)
{
    if (!good) {
        fprintf(stderr, "exec_make: %s\n", what);
        abort();
    }
}

static void split(struct asx_exec *x, size_t n, asx_chunk_fn fn, void *arg)
{
    struct exec_make *e = x->engine;
    if (e->pool) {
        pool_split(e->pool, x->threads, n, fn, arg);
        return;
    }
    for (size_t i = 0; i < n; i++)
        fn(arg, e->reverse ? n - 1 - i : i, 0);
}

static bool stop(struct asx_exec *x)
{
    struct exec_make *e = x->engine;
    long call = __atomic_fetch_add(&e->stop_calls, 1, __ATOMIC_RELAXED);
    return e->stop_after >= 0 && call >= e->stop_after;
}

void exec_make_init(struct exec_make *e, const struct asx_problem *problem, int threads)
{
    memset(e, 0, sizeof *e);
    e->mem = mem_create(NULL, 0);
    need(e->mem != NULL, "no memory account");
    e->scratch = arena_create(NULL);
    need(e->scratch != NULL, "no arena");
    if (threads > 1) {
        e->pool = pool_create(threads);
        need(e->pool != NULL, "no pool");
    }
    e->stop_after = -1;
    e->exec = (struct asx_exec){
        .problem = problem, .mem = e->mem, .scratch = e->scratch, .threads = threads, .split = split, .stop = stop, .engine = e};
}

uint64_t exec_make_leaked(struct exec_make *e)
{
    return mem_used(e->mem);
}

void exec_make_clear(struct exec_make *e)
{
    if (e->pool)
        pool_destroy(e->pool);
    arena_destroy(e->scratch);
    mem_destroy(e->mem);
    memset(e, 0, sizeof *e);
}

void config_make_init(struct config_make *c, const struct asx_learner *learner)
{
    memset(c, 0, sizeof *c);
    c->space.param = c->param;
    c->config.learner = learner;
    c->config.space = &c->space;
}

void config_make_add(struct config_make *c, const char *prefix, const struct asx_param *param, int n)
{
    for (int i = 0; i < n; i++) {
        int at = c->space.n;
        need(at < ASX_MAX_PARAMS, "too many parameters");
        if (prefix)
            snprintf(c->name[at], sizeof c->name[at], "%s.%s", prefix, param[i].name);
        else
            snprintf(c->name[at], sizeof c->name[at], "%s", param[i].name);
        c->param[at] = param[i];
        c->param[at].name = c->name[at];
        c->config.value[at] = param[i].def;
        c->space.n++;
    }
}

void config_make_set(struct config_make *c, const char *name, double value)
{
    int i = asx_space_find(&c->space, name);
    need(i >= 0, name);
    c->config.value[i] = value;
}

void config_make_choose(struct config_make *c, const char *name, const char *choice)
{
    int i = asx_space_find(&c->space, name);
    need(i >= 0, name);
    for (int j = 0; j < c->param[i].n_choices; j++)
        if (strcmp(c->param[i].choices[j], choice) == 0) {
            c->config.value[i] = j;
            return;
        }
    need(false, choice);
}
