/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file plan_make.h
 * A registry, machine and problem made up for tests of the planner: steps numeric (STATELESS), onehot
 * (SHARED), target (FOLD), scale (AFFINE); forms packed, affine, bins (per block), gram; learners boost
 * (bins, resumable), ridge (gram or direct), logit (batch or rows), lone (needs nothing).
 */
#ifndef ASSAY_TESTS_PLAN_MAKE_H
#define ASSAY_TESTS_PLAN_MAKE_H

#include "optimizer/plan.h"

#include "tests/support/frame_make.h"

enum plan_learner { PLAN_BOOST, PLAN_RIDGE, PLAN_LOGIT, PLAN_LONE, PLAN_LEARNERS };

struct plan_make {
    struct mem *mem;
    struct frame_make *frame;
    struct asx_problem problem;
    struct opt_machine machine;
    struct opt_model model;
    struct opt_context ctx;
    struct asx_space *space[PLAN_LEARNERS];
    struct asx_key cached[64];
    int n_cached;
};

/** rows pretended (no cell is ever read), `folds` folds; 2 threads, sharing and batching on. */
void plan_make_init(struct plan_make *, size_t rows, int folds, bool categorical);
void plan_make_clear(struct plan_make *);
/** A config from JSON; aborts on errors. */
struct asx_config plan_make_config(struct plan_make *, enum plan_learner, const char *json);
/** Plans or aborts. */
struct opt_plan *plan_make_wave(struct plan_make *, const struct opt_trial *, int n);

#endif
