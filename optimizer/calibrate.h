/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file calibrate.h
 * Measuring kernel classes: a short look before a run (at most 2 % of its budget).
 */
#ifndef ASSAY_OPTIMIZER_CALIBRATE_H
#define ASSAY_OPTIMIZER_CALIBRATE_H

#include "optimizer/plan.h"

/** Bits (1 << class) of the classes that the plans' ops count, those calibration has a timer for. */
unsigned opt_calibration_wants(const struct opt_plan *const *, int plans);

/**
 * Times the wanted classes on an open device and fits their coefficients (f32, and f64 where the class
 * has it) by non-negative least squares, shipped values standing in for classes that got no time.
 * Each shape is run until its share of `seconds` is spent and counts with its minimum. A shape of
 * which the shipped speed says that it would not fit its share is left out.
 *
 * @units   seconds: wall time in all; the call may pass it by one kernel call (a few milliseconds)
 * @thread  uses one thread; run it while nothing else does
 * @errors  ASX_E_NOMEM; a kernel that fails leaves its class as it was
 */
asx_st opt_calibrate(struct opt_machine *, const struct asx_device *, unsigned classes, double seconds, struct mem *,
                     struct asx_err *);

#endif
