/* SPDX-License-Identifier: Apache-2.0 */
#include "data/matrix.h"
#include "base/err.h"
#include "base/hash.h"
#include "data/cells.h"

#include <stdio.h>
#include <string.h>

asx_st matrix_make(const struct asx_block *const *block, int blocks, struct mem *mem, struct asx_matrix **out, struct asx_err *err)
{
    if (blocks <= 0)
        return err_set(err, ASX_E_INVAL, "a matrix has no columns; give it at least one block");
    for (int i = 1; i < blocks; i++) {
        if (block[i]->rows != block[0]->rows)
            return err_set(err, ASX_E_INVAL, "blocks of a matrix have %zu and %zu rows; give all the same rows", block[0]->rows,
                           block[i]->rows);
    }
    struct asx_matrix *m = mem_calloc(mem, 1, sizeof *m);
    const struct asx_block **list = mem_array(mem, (size_t)blocks, sizeof *list);
    if (!m || !list) {
        mem_free(m);
        mem_free(list);
        return err_set(err, ASX_E_NOMEM, "no memory for a list of %d blocks; raise the memory limit", blocks);
    }
    struct hash h = hash_begin("data.matrix/1");
    for (int i = 0; i < blocks; i++) {
        list[i] = block[i];
        m->cols += block[i]->cols;
        hash_key(&h, block[i]->key);
    }
    m->rows = block[0]->rows;
    m->blocks = blocks;
    m->block = list;
    m->key = hash_end(&h);
    *out = m;
    return ASX_OK;
}

void matrix_free(struct asx_matrix *m)
{
    if (!m)
        return;
    mem_free((void *)(uintptr_t)m->block);
    mem_free(m);
}

struct matrix_place matrix_column(const struct asx_matrix *m, size_t j)
{
    for (int i = 0; i < m->blocks; i++) {
        if (j < m->block[i]->cols)
            return (struct matrix_place){m->block[i], j};
        j -= m->block[i]->cols;
    }
    return (struct matrix_place){NULL, 0};
}

enum asx_colkind block_kind(const struct asx_block *b, size_t at)
{
    if (b->kind)
        return (enum asx_colkind)b->kind[at];
    if (b->layout == ASX_LAYOUT_COLUMNS && b->col[at].dtype == ASX_I32 && b->col[at].levels > 0)
        return ASX_COL_CODE;
    return ASX_COL_NUMBER;
}

const char *block_name(const struct asx_block *b, size_t at, char *buffer, size_t size)
{
    if (b->name && b->name[at])
        return b->name[at];
    snprintf(buffer, size, "f%zu", at + 1);
    return buffer;
}

static double csr_cell(const struct asx_csr *s, size_t row, size_t at)
{
    int64_t low = s->indptr[row], high = s->indptr[row + 1];
    while (low < high) {
        int64_t mid = low + (high - low) / 2;
        if ((size_t)s->indices[mid] < at)
            low = mid + 1;
        else
            high = mid;
    }
    return low < s->indptr[row + 1] && (size_t)s->indices[low] == at ? (double)s->values[low] : 0.0;
}

double block_cell(const struct asx_block *b, size_t row, size_t at)
{
    switch (b->layout) {
    case ASX_LAYOUT_ROWS:
    case ASX_LAYOUT_COLUMNS: return dense_cell(b, row, at);
    case ASX_LAYOUT_CSR: return csr_cell(&b->csr, row, at);
    default: return NAN;
    }
}

double matrix_cell(const struct asx_matrix *m, size_t row, size_t j)
{
    struct matrix_place p = matrix_column(m, j);
    return p.block ? block_cell(p.block, row, p.at) : NAN;
}
