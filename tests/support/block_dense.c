/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/block_dense.h"

#include <stdlib.h>
#include <string.h>

static double cell(const struct asx_colref *c, size_t row)
{
    switch (c->dtype) {
    case ASX_F64: return ((const double *)c->data)[row];
    case ASX_F32: return (double)((const float *)c->data)[row];
    case ASX_I32: return ((const int32_t *)c->data)[row] < 0 ? NAN : (double)((const int32_t *)c->data)[row];
    default: return NAN;
    }
}

double *block_dense(const struct asx_block *b)
{
    double *x = calloc(b->rows * b->cols + 1, sizeof *x);
    if (!x)
        abort();
    for (size_t i = 0; i < b->rows; i++) {
        double *row = x + i * b->cols;
        if (b->layout == ASX_LAYOUT_COLUMNS)
            for (size_t j = 0; j < b->cols; j++)
                row[j] = cell(&b->col[j], i);
        else if (b->layout == ASX_LAYOUT_ROWS)
            for (size_t j = 0; j < b->cols; j++)
                row[j] = (double)b->rowmajor[i * b->ld + j];
        else
            for (int64_t k = b->csr.indptr[i]; k < b->csr.indptr[i + 1]; k++)
                row[b->csr.indices[k]] = (double)b->csr.values[k];
    }
    return x;
}

static const char *csr_wrong(const struct asx_block *b)
{
    if (b->csr.rows != b->rows || b->csr.cols != b->cols)
        return "sizes of block and CSR differ";
    if (b->csr.indptr[0] != 0)
        return "the first row does not begin at 0";
    for (size_t i = 0; i < b->rows; i++) {
        if (b->csr.indptr[i + 1] < b->csr.indptr[i])
            return "a row has a negative size";
        for (int64_t k = b->csr.indptr[i]; k < b->csr.indptr[i + 1]; k++) {
            if (b->csr.indices[k] < 0 || (size_t)b->csr.indices[k] >= b->cols)
                return "an index is out of range";
            if (k > b->csr.indptr[i] && b->csr.indices[k] <= b->csr.indices[k - 1])
                return "indices do not ascend";
            if (!isfinite(b->csr.values[k]))
                return "a stored cell is not finite";
        }
    }
    return NULL;
}

const char *block_wrong(const struct asx_block *b)
{
    for (size_t j = 0; b->name && j < b->cols; j++)
        if (!b->name[j] || !b->name[j][0])
            return "a column has no name";
    if (b->layout == ASX_LAYOUT_CSR)
        return csr_wrong(b);
    if (b->layout != ASX_LAYOUT_COLUMNS)
        return NULL;
    for (size_t j = 0; j < b->cols; j++) {
        const struct asx_colref *c = &b->col[j];
        bool code = b->kind && b->kind[j] == ASX_COL_CODE;
        if (code != (c->levels > 0) || (code && c->dtype != ASX_I32))
            return "kind, levels and dtype of a column disagree";
        for (size_t i = 0; i < b->rows; i++) {
            double v = cell(c, i);
            if (isinf(v))
                return "a cell is infinite";
            if (code && v >= c->levels)
                return "a code is beyond the levels";
        }
    }
    return NULL;
}

int block_find(const struct asx_block *b, const char *name)
{
    for (size_t j = 0; b->name && j < b->cols; j++)
        if (strcmp(b->name[j], name) == 0)
            return (int)j;
    return -1;
}
