/* SPDX-License-Identifier: Apache-2.0 */
/** @file bins_source.h Reading the columns of a raw block as f32, whatever its layout. */
#ifndef ASSAY_LEARNERS_TREES_BINS_SOURCE_H
#define ASSAY_LEARNERS_TREES_BINS_SOURCE_H

#include <assay/ext/op.h>

/** Rows looked at to place quantile edges; exact below. */
enum { BINS_SAMPLE = 1 << 17 };

/** A raw block; sparse ones get their values by column, so that edges can be placed. */
struct source {
    const struct asx_block *raw;
    size_t rows;
    size_t *start; /**< CSR: [cols + 1] into value */
    float *value;  /**< CSR: stored values by column */
    uint32_t *row; /**< CSR: their rows */
    size_t pieces; /**< CSR: pieces of rows that passes over rows are cut into */
    size_t *
        end; /**< CSR: [pieces * cols] where the cells of a piece end in its columns; each piece begins where the one before ends */
    uint32_t *at; /**< dense: cells of the sample, the same for all columns; NULL: all cells */
};

asx_st bins_source_open(struct source *, struct asx_exec *, const struct asx_block *, struct asx_err *);
void bins_source_close(struct source *);
/** First row of a piece; of piece `pieces`: how many rows there are. */
size_t source_piece(const struct source *, size_t piece);

/** Cells of a number column from row `first`, as f32. Dense layouts. */
void bins_source_column(const struct source *, size_t col, size_t first, size_t n, float *out);
/** Stored cells of a column (all rows when dense), and a range of them. */
size_t source_cells(const struct source *, size_t col);
void source_cells_of(const struct source *, size_t col, size_t first, size_t n, float *out);
/** As source_cells_of, without a copy where the cells lie side by side as f32: else they are written to `tmp` [n]. */
const float *source_run(const struct source *, size_t col, size_t first, size_t n, float *tmp);
/** Cells that are absent, hence 0. */
size_t source_zeros(const struct source *, size_t col);
/** `want` cells drawn one from each of `want` equal ranges; writes those that are present, returns how many. */
size_t source_sample(const struct source *, size_t col, size_t want, float *out);

/** Ascending sort of numbers (no NaN); `tmp` [n]. */
void source_sort(float *v, float *tmp, size_t n);
void source_sort_u64_down(uint64_t *v, size_t n);

#endif
