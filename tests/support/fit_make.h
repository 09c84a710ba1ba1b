/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file fit_make.h
 * Everything a fit op needs, made by hand: a problem, its raw, packed and affine forms (mean fill, standard
 * scale), whatever other forms registered ops make of these, a device, and members to run.
 *
 *     struct fit_make m;
 *     fit_make_init(&m, &(struct fit_data){.rows = 90, .dense = 4, .x = x, .task = ASX_BINARY, .y = y, .classes = 2, .folds = 3}, 1);
 *     struct asx_member *b = fit_make_member(&m, learner, 0);
 *     fit_make_set(&m, b, "l2", 0.1);
 *     st = fit_make_run(&m, op, &err);        // all members as one batch
 *     fit_make_clear(&m);                     // checks that nothing leaked
 */
#ifndef ASSAY_TESTS_FIT_MAKE_H
#define ASSAY_TESTS_FIT_MAKE_H

#include "tests/support/exec_make.h"
#include "tests/support/frame_make.h"
#include <assay/ext/backend.h>
#include <assay/ext/learner.h>

enum { FIT_MEMBERS = 64, FIT_FOLDS = 16 };

struct fit_data {
    size_t rows, dense, sparse;
    const double *x; /**< [rows * dense] row-major, NaN missing */
    const float *s;  /**< [rows * sparse] row-major; zeros are absent; NULL without */
    bool indicator;  /**< sparse columns are indicators (unscaled) */
    bool unscaled;   /**< features stay as they are, filled only */
    enum asx_task task;
    const double *y;
    int classes, folds;
    const double *weight; /**< [rows] fit weights or NULL */
};

/** What a form op made of an input. */
struct fit_form {
    const struct asx_op *op;
    const void *in;
    int fold;
    void *out;                 /**< the op's output; of an op that runs block by block, a matrix of its outputs */
    struct asx_matrix *matrix; /**< that matrix, else NULL */
};
enum { FIT_FORMS = 48 };

struct fit_make {
    struct frame_make *frame;
    struct asx_problem *problem;
    struct exec_make e;
    struct asx_device *device;
    struct asx_block dense, sparse;
    struct asx_csr csr;
    const struct asx_block *block[2];
    struct asx_matrix *raw;
    struct asx_packed *packed;
    struct asx_affine *affine[FIT_FOLDS + 1];
    struct fit_form made[FIT_FORMS]; /**< in the order they were made */
    int forms;
    struct config_make config[FIT_MEMBERS];
    struct asx_member member[FIT_MEMBERS];
    int members;
    size_t pred_size;
};

/** Task of that many classes; 0: regression. */
static inline enum asx_task fit_make_task(int classes)
{
    return classes == 0 ? ASX_REGRESSION : classes == 2 ? ASX_BINARY : ASX_MULTICLASS;
}

void fit_make_init(struct fit_make *, const struct fit_data *, int threads);
/** A member with defaults and room for held-out predictions (none for the full fit). */
struct asx_member *fit_make_member(struct fit_make *, const struct asx_learner *, int fold);
void fit_make_set(struct fit_make *, struct asx_member *, const char *name, double value);
void fit_make_choose(struct fit_make *, struct asx_member *, const char *name, const char *choice);
/** Runs an op on all members, or on [first, first + n). */
asx_st fit_make_run(struct fit_make *, const struct asx_op *, struct asx_err *);
asx_st fit_make_run_some(struct fit_make *, const struct asx_op *, int first, int n, struct asx_err *);
/** Members [first, first + n) as the batch an op gets, its shape that of fold 0. */
struct asx_batch fit_make_batch(struct fit_make *, int first, int n);
/** Frees members (states, predictions), so that others can be made. */
void fit_make_drop(struct fit_make *);
/** Frees the forms that ops made (gram, bins, dense, neighbors, ...), so that the next fit makes them again. */
void fit_make_forget(struct fit_make *);
/** Frees all; aborts when the account still holds bytes. */
void fit_make_clear(struct fit_make *);

/** Points exec.in at the inputs of an op for a member, as a learner's `held_out` and `model` find them. @shape in [ASX_NEEDS] */
void fit_make_inputs(struct fit_make *, const struct asx_op *, const struct asx_member *, const void **in);

/** The op of a learner, or of a family's forms, by its name. */
const struct asx_op *fit_make_way(const struct asx_learner *, const char *name);
const struct asx_learner *fit_make_learner(const char *name);
const struct asx_metric *fit_make_metric(const char *name);

/** The generator of the golden cases: s <- s * 6364136223846793005 + 1442695040888963407, (s >> 11) / 2^53. */
double fit_make_unit(uint64_t *s);
/** 2 (u1 + u2 + u3 + u4 - 2): close to a normal number. */
double fit_make_bell(uint64_t *s);

#endif
