/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file op.h
 * Op executions: what the optimizer predicted, committed before the op starts, and what
 * was measured afterwards. The raw material of q-errors and of the cost model's residuals.
 */
#ifndef ASSAY_CATALOG_OP_H
#define ASSAY_CATALOG_OP_H

#include "catalog/catalog.h"

/** One execution of an op. Times in seconds, sizes in bytes; NaN = unknown. */
struct cat_op {
    int64_t id;         /**< out of cat_wave_put; 0 = not recorded */
    int trial;          /**< trial it was planned for; 0 = shared by several, or none */
    const char *name;   /**< "step/way" */
    const char *device; /**< "cpu" */
    int threads, batch; /**< granted threads; members run together */
    struct asx_key lineage;
    double predicted_s, predicted_bytes;
    /* after it ran */
    double measured_s, measured_bytes;
    int hits;       /**< further uses of its result that cost nothing */
    double saved_s; /**< predicted seconds those uses saved */
};

/** Records the predictions of ops about to start (ids are written back); one transaction, about 5 us an op. */
asx_st cat_ops_predict(struct cat *, int64_t run, struct cat_op *, size_t n, struct asx_err *);
/** Records measurements (id, measured_*, hits, saved_s) of ops without a trial of their own; one transaction. */
asx_st cat_ops_measure(struct cat *, int64_t run, const struct cat_op *, size_t n, struct asx_err *);

/** Op executions of a run in order of recording. */
asx_st cat_ops_get(struct cat *, int64_t run, struct arena *, struct cat_op **, size_t *n, struct asx_err *);

/**
 * How wrong predictions of an op on a device have been, over all runs on this machine.
 * Only executions predicted and measured at 1 ms and more count.
 *
 * @formula mean and sd of ln(measured / predicted) over `n` executions
 */
struct cat_residual {
    const char *name, *device;
    int64_t n;
    double mean_log, sd_log;
    double measured_s; /**< sum */
};

/** Sorted by name, then device. `machine` as in machine.h. */
asx_st cat_residuals(struct cat *, const char *machine, struct arena *, struct cat_residual **, size_t *n, struct asx_err *);
/** Forgets them (the cost model's version changed, or a calibration was done). */
asx_st cat_residuals_clear(struct cat *, const char *machine, struct asx_err *);

#endif
