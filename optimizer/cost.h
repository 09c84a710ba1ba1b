/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file cost.h
 * Work x coefficients x residual = cost. Units: seconds of wall time on the granted threads,
 * bytes at peak. Start-up is paid at every repetition of a use. NaN means unknown: measure it.
 */
#ifndef ASSAY_OPTIMIZER_COST_H
#define ASSAY_OPTIMIZER_COST_H

#include "optimizer/machine.h"

/** Learned multiplicative residuals of (op, device), shrunk to 1 with few samples. */
struct opt_residual {
    char op[64], device[32];
    double log_sum, log_sq; /**< of measured / predicted */
    int n;
};

struct opt_model {
    const struct opt_machine *machine;
    struct opt_residual *residual; /**< owned; grows with opt_learn */
    int residuals, capacity;
    bool nominal; /**< repeatable mode: shipped nominal coefficients, no residuals, never learns */
    struct mem *mem;
};

void opt_model_init(struct opt_model *, const struct opt_machine *, bool nominal, struct mem *);
void opt_model_clear(struct opt_model *);

/** Flops and bytes of one use by the formulas of its class. */
void opt_use_counts(const struct asx_use *, double *flops, double *bytes);
/** Seconds of one use on `threads` threads of a device while `busy` threads in all share its memory bandwidth. */
double opt_use_seconds(const struct opt_model *, const char *device, const struct asx_use *, int threads, int busy);
/** Cost of an op's work from `from` to `to` iterations (0, 0: once only). sd_s from spread and distance outside the range seen. */
struct asx_cost opt_cost(const struct opt_model *, const char *op, const char *device, const struct asx_work *, int iterations,
                         int threads, int busy);
/** 80 % interval of a cost. */
void opt_interval(const struct asx_cost *, double *low, double *high);
/** Remembers one op execution: `predicted` is what the model said before the residual. */
void opt_learn(struct opt_model *, const char *op, const char *device, double predicted, double measured);
/** Puts back what an earlier process learned about one (op, device): members of struct opt_residual. */
void opt_recall(struct opt_model *, const char *op, const char *device, int n, double log_sum, double log_sq);
/** Coarse log scale on which costs are compared (about 12 % a step). */
int opt_log_cost(double seconds);
/** Least-squares fit of a class's coefficient to (use, seconds) samples; non-negative. For calibration. */
asx_st opt_fit_coefficient(const struct asx_use *, const double *seconds, int n, struct opt_coefficient *inout);

#endif
