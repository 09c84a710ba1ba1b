/* SPDX-License-Identifier: Apache-2.0 */
/** @file table.h A benchmark's table, as the driver wrote it, and the problem made of its training rows. */
#ifndef ASSAY_BENCH_TREES_TABLE_H
#define ASSAY_BENCH_TREES_TABLE_H

#include <assay/ext/op.h>

/**
 * Rows [0, train) are for fitting, rows [train, rows) are held out and never shown to binning or fits.
 * @owns everything it points to
 */
struct table {
    size_t rows, cols, train;
    struct asx_colref *col;
    int64_t *indptr;
    int32_t *indices;
    float *values;
    double *y; /**< [rows] value or class index */
    int32_t *label;
    uint32_t *row;                       /**< [train] 0, 1, 2, ... */
    struct asx_block all, fit;           /**< raw blocks of all rows and of the training rows */
    const struct asx_block *all_list[1]; /**< borrowed by `raw` */
    struct asx_matrix raw;               /**< all rows */
    struct asx_fold fold[2];             /**< both: all training rows, nothing held out */
    struct asx_splits splits;
    struct asx_problem problem; /**< the training rows */
};

/** Reads a file that data.py wrote. NULL, or what is wrong. */
const char *table_load(struct table *, const char *path);
void table_clear(struct table *);
/** The first n rows, row-major f32 [n * cols]; missing cells NaN, codes as numbers. NULL for sparse tables. */
float *table_rows(const struct table *, size_t n);

#endif
