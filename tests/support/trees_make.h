/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file trees_make.h
 * Raw matrices, bins and fits of tree learners made by hand.
 *
 *     struct trees_make t;
 *     trees_make_init(&t, problem, x, rows, cols, 2);      // two threads
 *     struct asx_member m = trees_make_member(&t, 0, 20);  // fold 0, 20 rounds
 *     trees_make_fit(&t, "gbdt.fit/hist_fixed", &m);
 */
#ifndef ASSAY_TESTS_TREES_MAKE_H
#define ASSAY_TESTS_TREES_MAKE_H

#include <assay/ext/learner.h>

#include "tests/support/exec_make.h"

struct trees_make {
    struct exec_make e;
    struct config_make config;
    const struct asx_learner *learner;
    struct asx_block raw;
    const struct asx_block *raw_list[1], *bin_list[1];
    struct asx_matrix raw_matrix, bins;
    const void *in[3];
    struct asx_curve curve;
    float *pred;
};

/** Dense f32 rows, NaN missing. Builds the bins; `learner` by name. Aborts on failure. */
void trees_make_init(struct trees_make *, const struct asx_problem *, const char *learner, const float *x, size_t rows, size_t cols,
                     int threads);
/** Any raw block. */
void trees_make_block(struct trees_make *, const struct asx_problem *, const char *learner, const struct asx_block *, int threads);
/** A member on a fold with curve and predictions wanted. */
struct asx_member trees_make_member(struct trees_make *, int fold, int iterations);
asx_st trees_make_fit(struct trees_make *, const char *op, struct asx_member *);
/** Model of the member, predictions [rows * outputs] of all raw rows into out. */
struct asx_model *trees_make_model(struct trees_make *, struct asx_member *, int iterations, double *out);
void trees_make_end(struct trees_make *, struct asx_member *, struct asx_model *);
/** Frees everything; aborts when memory leaked. */
void trees_make_clear(struct trees_make *);

/** Bins of u16 codes in place of those of u8. */
void trees_make_bins16(struct trees_make *);

#endif
