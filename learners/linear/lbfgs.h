/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file lbfgs.h
 * Limited-memory BFGS with an l1 term, turned inside out: it asks for evaluations.
 *
 * The caller evaluates the smooth part of an objective at `trial` and tells value and
 * gradient; the minimiser moves `trial` on. Many of them can thus share one pass over the
 * data ("lockstep") while each keeps its own step and line search.
 *
 *     while (!m.done) { f = loss(m.trial, m.grad_trial); lbfgs_tell(&m, f); }      // result: m.x
 *
 * Smooth: two-loop recursion (Nocedal & Wright, Numerical Optimization, 2nd ed., algorithm 7.4),
 * line search for the weak Wolfe conditions by bracketing (Lewis & Overton, Math. Prog. 141,
 * 2013), accepting the approximate Wolfe conditions where values differ by less than their
 * rounding noise (Hager & Zhang, SIAM J. Optim. 16, 2005).
 * With l1 > 0: orthant-wise (Andrew & Gao, ICML 2007): pseudo-gradient, direction and trial
 * projected to the orthant, backtracking.
 */
#ifndef ASSAY_LEARNERS_LINEAR_LBFGS_H
#define ASSAY_LEARNERS_LINEAR_LBFGS_H

#include <assay/ext/status.h>
#include <stdbool.h>
#include <stddef.h>

struct arena;

enum { LBFGS_HISTORY = 8 };

struct lbfgs {
    /* set before lbfgs_init */
    size_t n;            /**< unknowns */
    size_t stride;       /**< unknown i has the l1 weight l1 x l1_of[i % stride] */
    const double *l1_of; /**< [stride] */
    double l1;
    double tolerance; /**< done when no pseudo-gradient component exceeds it */
    double noise;     /**< relative rounding noise of told values */
    double gain;      /**< five steps in a row that gain less than this share of the value end it */
    int max_iterations;

    double *trial, *grad_trial; /**< [n] evaluate here; write the smooth gradient here */
    double *x;                  /**< [n] best point so far: the result */
    bool done;
    int iterations, evaluations;

    /* its own */
    double *grad, *dir, *s, *y, *pg, rho[LBFGS_HISTORY], ys_yy;
    double f, slope, step, low, high;
    int stored, newest, searches, flat;
    bool started;
};

/** Starts at `trial` = 0. Memory: (6 + 2 * LBFGS_HISTORY) * n doubles from the arena. */
asx_st lbfgs_init(struct lbfgs *, struct arena *);

/** Goes on from x with another evaluator and tolerance, as if started there. */
void lbfgs_restart(struct lbfgs *, double tolerance, double noise);

/** Tells the smooth value at `trial`, whose gradient is in `grad_trial`. */
void lbfgs_tell(struct lbfgs *, double f);

#endif
