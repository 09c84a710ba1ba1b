/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file target.h
 * Inside of the target encoder: its state, the sums of a column, and who fills blocks.
 * Order of outputs: all outputs of the first frame column, then of the second, ...
 */
#ifndef ASSAY_PREP_TARGET_H
#define ASSAY_PREP_TARGET_H

#include "base/rng.h"
#include "prep/support.h"

#include <string.h>

enum { TARGET_STREAM = 0x7a67 };

/** One frame column: means of the levels seen. */
struct target_column {
    struct prep_levels levels; /**< `to` = index into value */
    double *value;             /**< [levels.n * outputs] */
    int32_t missing_seen;      /**< 1: missing and unseen cells become NaN; 0: the prior */
};

struct target_state {
    struct prep_head head;
    int columns, outputs;
    int32_t *class_of;            /**< [outputs] class whose share is encoded (classification) */
    double *prior;                /**< [outputs] mean over all training rows */
    struct target_column *column; /**< [columns] */
};

/** Weight, mean and summed squared deviations of some values. */
struct target_tally {
    double w, mean, m2;
};

/** The training rows and what is learned from. Position i of n is frame row `rows[i]`, or i. */
struct target_work_set {
    const uint32_t *rows;
    size_t n;
    const int32_t *label; /**< NULL for regression */
    const double *y, *weight;
    uint8_t *fold; /**< [n] inner fold; NULL when nothing is cross-fitted */
    int folds;
    double smoothing;            /**< rows; 0: by the variances */
    struct target_tally *all;    /**< [outputs] all training rows */
    struct target_tally *others; /**< [folds * outputs] all but an inner fold's; NULL when nothing is cross-fitted */
};

static inline size_t target_row(const struct target_work_set *t, size_t i)
{
    return t->rows ? t->rows[i] : i;
}

/**
 * Encodings of one column by its own dictionary; entry 0 is the missing cell, 1 + code a level.
 * @formula value = share * mean(level) + (1 - share) * mean(all), over training rows, with
 *          share = w / (w + smoothing), or with smoothing 0: s w / (s w + v), s the variance of the
 *          target over all rows and v within the level; `without`: rows outside an inner fold only
 * @source  Micci-Barreca, SIGKDD Explorations 3:1 (2001), equations 3 to 5; scikit-learn's TargetEncoder
 */
struct target_sums {
    void *memory;
    uint64_t *rows;  /**< [levels + 1] training rows, unweighted */
    double *value;   /**< [(levels + 1) * outputs] */
    double *without; /**< [(levels + 1) * folds * outputs]; NULL when not cross-fitted */
};

/** Fills t->all, t->others (when folds are dealt) and s->prior, in the scratch arena. */
asx_st target_priors(struct asx_exec *, struct target_work_set *, struct target_state *);
asx_st target_sums_make(struct asx_exec *, const struct target_work_set *, const struct target_state *, const struct asx_column *,
                        bool cross, struct target_sums *);
void target_sums_clear(struct target_sums *);

/** An empty block with its columns described. */
asx_st target_block(struct asx_exec *, const struct target_state *, const struct asx_frame *, const int32_t *column,
                    struct asx_block *);
/** Fills all rows of all columns from the final state. */
asx_st target_fill(struct asx_exec *, const struct target_state *, const struct asx_frame *, const int32_t *column,
                   struct asx_block *);
/** Fills all rows of the j-th column: training rows cross-fitted, others from the final state. */
asx_st target_fill_training(struct asx_exec *, const struct target_work_set *, const struct target_state *, int j,
                            const struct asx_frame *, int32_t column, const struct target_sums *, struct asx_block *);

asx_st target_save(const struct asx_prep_state *, struct asx_writer *);
asx_st target_load(struct asx_reader *, struct mem *, struct asx_prep_state **, struct asx_err *);

#endif
