/* SPDX-License-Identifier: Apache-2.0 */
/** @file score.h Held-out predictions of linear fits that share a fold. */
#ifndef ASSAY_LEARNERS_LINEAR_SCORE_H
#define ASSAY_LEARNERS_LINEAR_SCORE_H

#include "learners/linear/model.h"

/** Rows of an f64 block: converted, multiplied and let go while they are in cache. */
enum { LIN_ROWS = 256 };

/** Converts packed rows (dense, masks, sparse) to f64. @shape out [n * ld], ld >= columns */
void lin_rows_f64(const struct asx_packed *, const uint32_t *row, size_t n, double *out, size_t ld);

/**
 * Writes member[k]->pred for every k that wants one: X_test W by f64 GEMM over row blocks.
 * @shape weight[k] [sets * (p + 1)] feature weights of member k; all members have the map's fold
 */
asx_st lin_held_out(struct asx_exec *, const struct lin_map *, struct asx_member *const *member, const double *const *weight, int n,
                    size_t sets, enum lin_link, struct asx_err *);

#endif
