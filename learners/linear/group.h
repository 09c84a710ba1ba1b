/* SPDX-License-Identifier: Apache-2.0 */
/** @file group.h Least-squares fits grouped by fold: normal equations once, then every config. */
#ifndef ASSAY_LEARNERS_LINEAR_GROUP_H
#define ASSAY_LEARNERS_LINEAR_GROUP_H

#include "learners/linear/glm.h"
#include "learners/linear/gram.h"

/** Members of one fold and one affine artefact, which share their normal equations. */
struct lin_group {
    struct asx_exec *exec; /**< its scratch lives as long as the group */
    struct lin_map map;
    struct lin_normal normal;
    struct asx_member **member; /**< [n] */
    double **weight;            /**< [n] -> [p + 1], zero at first; what solve fills */
    int n;
};

/** Fills weights and statuses of a group's members. */
typedef asx_st (*lin_solve_fn)(struct lin_group *, struct asx_err *);

/** Sets the penalties of a member for the iterative way. */
typedef void (*lin_set_fn)(const struct asx_member *, struct glm_fit *, double weight, double sd);

/**
 * Runs a batch group by group: normal equations, `solve`, held-out predictions, states.
 * Needs are {"gram", "affine"} (affine_at 1) or {"affine"} (affine_at 0: from the rows, and by
 * L-BFGS over the rows with `wide` when there are more than LIN_GRAM_COLUMNS columns).
 */
asx_st lin_groups_run(struct asx_exec *, const struct asx_batch *, int affine_at, lin_solve_fn solve, lin_set_fn wide,
                      struct asx_err *);

/** struct asx_op members of every way that solves a fold's members from the shared Gram. */
#define LIN_GRAM_WAY .equiv = ASX_CLOSE, .needs = {"gram", "affine"}, .gives = "fit", .max_batch = 256, .batch_on = 0

/** Ways over the Gram: few enough columns? */
bool lin_can_gram(const struct asx_problem *, const struct asx_batch *);

/* Parts of a way's work. */

/** A fold's normal equations from the shared Gram. */
void lin_work_from_gram(const struct asx_batch *, struct asx_work *);
/** A fold's normal equations from its rows. */
void lin_work_from_rows(const struct asx_batch *, struct asx_work *);
/** Passes over the rows, for matrices too wide for normal equations. */
void lin_work_passes(const struct asx_batch *, double passes, struct asx_work *);
/** Predicting what was held out, and what members keep; the scratch of normal equations where those are made. */
void lin_work_finish(const struct asx_batch *, double serial, struct asx_work *);

#endif
