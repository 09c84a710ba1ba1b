/* SPDX-License-Identifier: Apache-2.0 */
/** @file updates.h Histogram updates: how many a fit makes in how many seconds, and how many this machine could make. */
#ifndef ASSAY_BENCH_TREES_UPDATES_H
#define ASSAY_BENCH_TREES_UPDATES_H

#include <assay/ext/backend.h>

/** What the counting kernel saw since it was last zeroed. For fits of one thread. */
struct updates {
    double count;   /**< cells of histograms added to */
    double seconds; /**< inside the kernel */
};

/** A device whose HIST row counts into *u and runs this processor's; its other rows are left to the learner. */
void updates_device(struct asx_device *, struct updates *u);

/**
 * One 64-bit load, add and store after another into distinct cells of a 32 KiB table: what a histogram loop cannot beat.
 * @units updates per second of one core, best of several stretches
 */
double updates_limit(void);

#endif
