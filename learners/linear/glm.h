/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file glm.h
 * Generalised linear models by lockstep L-BFGS: many fits, one pass over the rows a step.
 *
 * A fit minimises over weights w [sets, p] and intercepts w0 [sets]
 *
 *     sum_i v_i loss(y_i, W z_i + w0) + l2/2 |W|^2 + l1 |W|_1          (intercepts are free)
 *
 * with v the fit weights, z the features of map.h, and loss the log loss of a logistic or
 * softmax model or half the squared error. Internally all is divided by sum_i v_i.
 */
#ifndef ASSAY_LEARNERS_LINEAR_GLM_H
#define ASSAY_LEARNERS_LINEAR_GLM_H

#include "learners/linear/lbfgs.h"
#include "learners/linear/model.h"

/** One fit of a group. */
struct glm_fit {
    double l1, l2, tolerance;
    int max_iterations;
    int fold;
    size_t map;              /**< index into glm.map */
    double weight, mean, sd; /**< of its training rows: sum of fit weights, target's moments; set by glm_open */
    struct lbfgs solver;
};

struct glm {
    struct asx_exec *exec;
    const struct asx_packed *x;
    enum lin_link link;
    size_t sets, p, width; /**< width = sets * (p + 1): unknowns of a fit */
    struct glm_fit *fit;
    int fits;
    struct lin_map *map;   /**< [maps] to the solvers' coordinates, one per distinct affine artefact */
    struct lin_map *plain; /**< [maps] to the features themselves */
    double *unit, *mean;   /**< [maps * (p + 1)] feature weight = coordinate x unit; the intercept has unit 0 */
    size_t maps;
    const uint8_t **mask; /**< [folds + 1] training mask over rows per fold used, NULL where all rows train */
    const uint32_t *row;  /**< rows visited, NULL = all */
    size_t rows;
};

/**
 * Fills a group from a batch whose members need {"packed", "affine"} (or {"affine"} alone when
 * `affine_at` is 0): maps, masks, row list, solvers. All memory from exec->scratch.
 * The fits' penalties, tolerance and cap are read by `set`, called for each member.
 */
asx_st glm_open(struct glm *, struct asx_exec *, const struct asx_batch *, int affine_at, enum lin_link,
                void (*set)(const struct asx_member *, struct glm_fit *, double weight, double sd), double noise, struct asx_err *);

/** All fits to their end, f32 GEMM over row blocks of 512 (glm_batch.c). STOPPED when exec says stop. */
asx_st glm_run_batch(struct glm *, struct asx_err *);

/** The same in f64 with plain loops, the reference (glm_rows.c). */
asx_st glm_run_rows(struct glm *, struct asx_err *);

/** Moves solvers to well conditioned coordinates (glm_scale.c): called by glm_open. */
asx_st glm_rescale(struct glm *, struct asx_err *);

/** A solution in a solver's coordinates [width] to weights of features, in place. */
void glm_to_features(const struct glm *, const struct glm_fit *, double *w);

/** Adds penalties to a loss and its gradient, both already divided by the weight, and tells the solver. */
void glm_tell(const struct glm *, struct glm_fit *, double loss);

/** Held-out predictions of all members that want them, and their states. */
asx_st glm_finish(struct glm *, const struct asx_batch *, struct asx_err *);

/** Gradient by packed columns [p] and constant to the solver's gradient, for one weight set. */
void glm_set_gradient(const struct glm *, struct glm_fit *, size_t set, const double *g, double r);

#endif
