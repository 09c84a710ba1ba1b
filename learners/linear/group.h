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

#endif
