/* SPDX-License-Identifier: Apache-2.0 */
/** @file linear.h What the learners of this folder share, and the lists of linear.c. */
#ifndef ASSAY_LEARNERS_LINEAR_H
#define ASSAY_LEARNERS_LINEAR_H

#include <assay/ext/learner.h>
#include <assay/ext/prep.h>

extern const struct asx_learner lin_ridge, lin_elastic_net, lin_logistic;
extern const struct asx_op lin_gram_syrk;

/** AFFINE steps of every linear learner: fill, then centre and scale. NULL-terminated. */
extern const char *const lin_affine[];

/**
 * Widest packed matrices whose Gram is made and factored (75 MB a piece of rows, half a second a factor), and whose
 * eigenvalues are found: LAPACK can't be stopped on the way, and wider ones would hold a deadline up for seconds.
 */
enum { LIN_GRAM_COLUMNS = 3072, LIN_EIGEN_COLUMNS = 1024 };

/** Batch members on distinct folds, at planning and running time; `folds` as in problem->splits. */
int lin_batch_folds(const struct asx_batch *);

/** lin_products_sparse at planning time; `rows` of the whole matrix. */
bool lin_sparse_shape(const struct asx_shape *, double rows);

#endif
