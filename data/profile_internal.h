/* SPDX-License-Identifier: Apache-2.0 */
/** @file profile_internal.h What the parts of the profile share. */
#ifndef ASSAY_DATA_PROFILE_INTERNAL_H
#define ASSAY_DATA_PROFILE_INTERNAL_H

#include "data/profile.h"

enum { PROFILE_BINS = 64 };

/**
 * A sample of rows with each column cut into few bins: quantile bins of numbers and dates, levels by frequency with the
 * rest together, and a last bin for missing cells. Text has one bin for all present cells.
 */
struct binned {
    size_t rows; /**< sampled */
    const uint32_t *row;
    size_t columns; /**< of the frame */
    uint8_t *bin;   /**< [columns * rows]; 255: missing */
    uint8_t *bins;  /**< [columns] bins of present cells */
};

/** At most `most` bins (up to 64) a column, at most `sample` rows. Columns in parallel. ASX_STOPPED when the op is told to stop. */
asx_st binned_make(struct binned *, const struct asx_frame *, const struct data_par *, int most, size_t sample, struct mem *,
                   struct asx_err *);
void binned_clear(struct binned *);

/** Notes about missing cells into profile->column[].missing*. */
asx_st profile_missingness(struct profile *, const struct asx_frame *, const struct data_par *, struct mem *, struct asx_err *);
/** predicts_target of all features. */
asx_st profile_predictors(struct profile *, const struct asx_frame *, const struct data_par *, struct mem *, struct asx_err *);

/** Facts of the features of a sparse table into profile->feature. */
asx_st profile_sparse(struct profile *, const struct asx_csr *, struct mem *, struct asx_err *);

/** Upper tail of the chi-square distribution: P(X >= x) with `df` degrees of freedom. */
double profile_chi2_tail(double x, double df);

#endif
