/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file machine.h
 * Machines and the measured speed of their devices, and small notes.
 *
 * A machine's key is chosen by the optimizer (CPU features, core mask, BLAS and driver
 * versions, Assay version): other facts, other key, other coefficients.
 */
#ifndef ASSAY_CATALOG_MACHINE_H
#define ASSAY_CATALOG_MACHINE_H

#include "catalog/catalog.h"

/** Inserts or refreshes the machine's description. */
asx_st cat_machine_put(struct cat *, const char *key, const char *json, struct asx_err *);
/** ASX_NONE when it is unknown. */
asx_st cat_machine_get(struct cat *, const char *key, struct arena *, const char **json, struct asx_err *);

/** Speed of a device for one kernel class and dtype. Units are the optimizer's. */
struct cat_coefficient {
    const char *device, *kernel, *dtype;
    double startup_s;             /**< seconds a call */
    double rate;                  /**< work a second */
    double bandwidth;             /**< bytes a second; NaN = not separated */
    double spread;                /**< sd of ln(measured / fitted) */
    double valid_low, valid_high; /**< sizes seen */
    int64_t samples;
    const char *json; /**< anything more the model keeps; NULL = nothing */
};

/** Replaces rows of the same device, kernel and dtype; one transaction, synced. */
asx_st cat_coefficients_put(struct cat *, const char *machine, const struct cat_coefficient *, size_t n, struct asx_err *);
/** Sorted by device, kernel, dtype. */
asx_st cat_coefficients_get(struct cat *, const char *machine, struct arena *, struct cat_coefficient **, size_t *n,
                            struct asx_err *);

/** A small text under a name ("opencl.probe"); NULL value forgets it. */
asx_st cat_note_put(struct cat *, const char *name, const char *value, struct asx_err *);
/** ASX_NONE when there is none; `written` (unix seconds) may be NULL. */
asx_st cat_note_get(struct cat *, const char *name, struct arena *, const char **value, int64_t *written, struct asx_err *);

#endif
