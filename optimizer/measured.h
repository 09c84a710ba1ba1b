/* SPDX-License-Identifier: Apache-2.0 */
/** @file measured.h Measured speeds in the catalog: loaded at the start of a run, measured once a machine. */
#ifndef ASSAY_OPTIMIZER_MEASURED_H
#define ASSAY_OPTIMIZER_MEASURED_H

#include "optimizer/calibrate.h"

struct cat;

/** Puts what the catalog knows under machine->key into the machine; returns how many coefficients. Never in nominal mode. */
int opt_measured_load(struct opt_machine *, struct cat *, struct mem *);

/** Writes the machine's measured coefficients (samples > 0) and its description to the catalog. */
asx_st opt_measured_store(const struct opt_machine *, struct cat *, struct asx_err *);

/**
 * The one call for a run with a time limit: measures those classes the plans count that have no measurement
 * yet, for at most `seconds` (the caller gives 2 % of its budget), and stores them. Below 20 ms, or with
 * less than 256 MiB to spend, it does nothing. Call it while nothing else runs; plan again afterwards or not.
 *
 * @out     measured: number of new coefficients; NULL = not wanted
 */
asx_st opt_measure(struct opt_machine *, const struct asx_device *, const struct opt_plan *const *, int plans, double seconds,
                   uint64_t memory, struct cat *, struct mem *, int *measured, struct asx_err *);

#endif
