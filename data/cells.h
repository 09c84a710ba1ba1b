/* SPDX-License-Identifier: Apache-2.0 */
/** @file cells.h Cells of dense columns, one by one or as a column to walk. */
#ifndef ASSAY_DATA_CELLS_H
#define ASSAY_DATA_CELLS_H

#include <assay/ext/types.h>

/** One cell of a column by reference; NaN is missing (code -1 too). */
static inline double colref_cell(const struct asx_colref *c, size_t row)
{
    switch (c->dtype) {
    case ASX_F64: return ((const double *)c->data)[row];
    case ASX_F32: return (double)((const float *)c->data)[row];
    case ASX_I32: return ((const int32_t *)c->data)[row] == -1 ? NAN : (double)((const int32_t *)c->data)[row];
    default: return NAN;
    }
}

/** One cell of a block of dense columns (COLUMNS or ROWS). */
static inline double dense_cell(const struct asx_block *b, size_t row, size_t at)
{
    return b->layout == ASX_LAYOUT_ROWS ? (double)b->rowmajor[row * b->ld + at] : colref_cell(&b->col[at], row);
}

/** Cells of one dense column: base, distance between rows in elements, type. */
struct cells {
    const void *base;
    size_t step;
    enum asx_dtype dtype;
};

static inline struct cells cells_of(const struct asx_block *b, size_t at)
{
    if (b->layout == ASX_LAYOUT_ROWS)
        return (struct cells){b->rowmajor + at, b->ld, ASX_F32};
    return (struct cells){b->col[at].data, 1, b->col[at].dtype};
}

/** Copies rows [from, to) to out as doubles, NaN where missing. */
static inline void cells_read(const struct cells *c, size_t from, size_t to, double *out)
{
    switch (c->dtype) {
    case ASX_F64:
        for (size_t i = from; i < to; i++)
            out[i - from] = ((const double *)c->base)[i * c->step];
        break;
    case ASX_F32:
        for (size_t i = from; i < to; i++)
            out[i - from] = (double)((const float *)c->base)[i * c->step];
        break;
    case ASX_I32:
        for (size_t i = from; i < to; i++) {
            int32_t v = ((const int32_t *)c->base)[i * c->step];
            out[i - from] = v == -1 ? NAN : (double)v;
        }
        break;
    default:
        for (size_t i = from; i < to; i++)
            out[i - from] = NAN;
    }
}

#endif
