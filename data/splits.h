/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file splits.h
 * Splits of a problem's rows into training and held-out rows.
 *
 * Rows are those of the problem: after rows without a target were dropped. Everything
 * follows from the seed by counter-based streams.
 *
 *     struct split_options o = {.folds = 5, .label = label, .classes = 3, .seed = 7};
 *     st = splits_make(&o, rows, mem, &splits, err);
 */
#ifndef ASSAY_DATA_SPLITS_H
#define ASSAY_DATA_SPLITS_H

#include "base/mem.h"
#include <assay/ext/status.h>
#include <assay/ext/types.h>

struct split_options {
    int folds;            /**< k of k-fold, at least 2; 0 with `holdout` */
    int repeats;          /**< of k-fold or holdout, each shuffled anew; 0 means 1 */
    double holdout;       /**< share of rows held out once, in (0, 1); 0: k-fold */
    const int32_t *label; /**< stratify by class; NULL: do not. Ignored with group or time */
    int classes;
    const struct asx_column *group; /**< rows of equal value stay together; a missing value is a group of its own row */
    const struct asx_column *time;  /**< train on the past, hold out the future; missing counts as earliest */
    uint64_t seed;
};

/**
 * Makes the splits; `splits->fold[splits->folds]` is the full fit.
 *
 * - k-fold: rows are shuffled and dealt to folds whose sizes differ by one at most;
 * - stratified: each class is shuffled and dealt, the next class going on where the last one ended, so both class
 *   and fold sizes differ by one at most; classes with fewer rows than folds are held out where they fall;
 * - group: whole groups in shuffled order, each to the fold with the fewest rows so far (ties: the lower fold);
 * - time: rows sorted by time (ties: row number) in k + 1 blocks that never cut equal times; fold f trains on
 *   blocks 0..f and holds out block f + 1 (expanding window). Then fold_of is NULL, as some rows are never held out.
 *
 * @errors E_INVAL: fewer rows, groups or distinct times than folds need; both group and time
 */
asx_st splits_make(const struct split_options *, size_t rows, struct mem *, struct asx_splits **out, struct asx_err *);
void splits_free(struct asx_splits *);

/**
 * What `auto` means, by data size; leaves options with `folds` or `holdout` set alone. From 200,000 rows or 20 million
 * cells on a holdout of 0.2 (0.1 from a million rows): its standard error is small already. Below that 5 folds; 8 folds
 * below 2,000 rows, where training rows are dear; repeated twice below 1,000 and three times below 300, where the luck of
 * one split would decide.
 */
void splits_default(size_t rows, double cells, struct split_options *);

#endif
