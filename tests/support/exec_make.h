/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file exec_make.h
 * A minimal asx_exec and configs made by hand, for tests of steps, learners and ops.
 *
 *     struct exec_make e;
 *     exec_make_init(&e, problem, 1);
 *     st = step->fit(&e.exec, &input, &state, &err);
 *     ...
 *     ck_assert_uint_eq(exec_make_leaked(&e), 0);
 *     exec_make_clear(&e);
 */
#ifndef ASSAY_TESTS_EXEC_MAKE_H
#define ASSAY_TESTS_EXEC_MAKE_H

#include <assay/ext/op.h>
#include <assay/ext/prep.h>

struct mem;
struct arena;
struct pool;

struct exec_make {
    struct asx_exec exec; /**< no device: tests of ops that run kernels set exec.device */
    struct mem *mem;
    struct arena *scratch;
    struct pool *pool; /**< NULL with one thread */
    bool reverse;      /**< one thread: run chunks from the last to the first (order must not matter) */
    long stop_after;   /**< stop() answers true from this call on; -1: never */
    long stop_calls;   /**< how often stop() was asked */
};

/** threads 1: chunks run one after the other; more: on a pool of that size. Aborts when out of memory. */
void exec_make_init(struct exec_make *, const struct asx_problem *, int threads);
/** Bytes still charged to the account, scratch aside: 0 when all outputs were freed. */
uint64_t exec_make_leaked(struct exec_make *);
void exec_make_clear(struct exec_make *);

/** A space and a config, grown parameter table by parameter table. */
struct config_make {
    struct asx_param param[ASX_MAX_PARAMS];
    char name[ASX_MAX_PARAMS][64];
    struct asx_space space;
    struct asx_config config;
};

void config_make_init(struct config_make *, const struct asx_learner *); /**< learner may be NULL */
/** Adds parameters at their defaults, named "<prefix>.<name>" (prefix NULL: as they are). */
void config_make_add(struct config_make *, const char *prefix, const struct asx_param *, int n);
/** Sets a parameter that exists; aborts otherwise. */
void config_make_set(struct config_make *, const char *name, double value);
/** Sets a CHOICE parameter by the name of the choice; aborts when there is none. */
void config_make_choose(struct config_make *, const char *name, const char *choice);

#endif
