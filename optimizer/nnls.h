/* SPDX-License-Identifier: Apache-2.0 */
/** @file nnls.h Non-negative least squares for a handful of unknowns, and coefficients fitted with it. */
#ifndef ASSAY_OPTIMIZER_NNLS_H
#define ASSAY_OPTIMIZER_NNLS_H

#include "optimizer/machine.h"

enum { NNLS_MAX = 8 };

/**
 * min |F x - t|^2 over x >= 0, given the normal equations.
 *
 * @shape  a = F'F [n, NNLS_MAX], b = F't [n], x [n] out; n <= NNLS_MAX
 * @source Lawson and Hanson, Solving Least Squares Problems (1974), chapter 23
 */
void nnls_solve(int n, double a[][NNLS_MAX], const double *b, double *x);

/** As opt_fit_coefficient (levels no sample reached keep the bandwidth `inout` came with), with the machine's cache sizes (L1, L2, L3) instead of nominal ones. */
asx_st opt_fit_coefficient_with(const struct asx_use *, const double *seconds, int n, const double *cache,
                                struct opt_coefficient *inout);

#endif
