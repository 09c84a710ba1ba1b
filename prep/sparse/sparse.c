/* SPDX-License-Identifier: Apache-2.0 */
/* The sparse part of a frame (libsvm files) as one CSR block, by reference where most features occur. See README.md. */
#include "prep/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct asx_prep asx_prep_sparse;

/* What the columns were at fitting: how many, and which hold nothing but 0 and 1. */
struct state {
    struct prep_head head;
    size_t cols;
    uint8_t *kind;  /* [cols] enum asx_colkind */
    int32_t *index; /* [cols] features that occurred, ascending; NULL: all, column j is feature j */
};

static bool sparse_fits(const struct asx_problem *p, int column)
{
    return column < 0 && p->frame && p->frame->sparse;
}

/* More than twice as many features as cells: half of them, at least, occur nowhere, and a column each would be for nothing. */
static bool mostly_empty(const struct asx_csr *m)
{
    return m->cols / 2 > (size_t)m->indptr[m->rows];
}

static void sparse_shape(const struct asx_prep_input *in, struct asx_shape *out)
{
    const struct asx_csr *m = in->frame->sparse;
    double nnz = m ? (double)m->indptr[m->rows] : 0;
    double cols = !m ? 0 : mostly_empty(m) ? nnz : (double)m->cols;
    *out = (struct asx_shape){.rows = (double)in->frame->rows, .cols = cols, .nnz = nnz, .bytes = nnz * 8};
}

static void sparse_work(const struct asx_prep_input *in, struct asx_work *w)
{
    struct asx_shape shape;
    sparse_shape(in, &shape);
    *w = (struct asx_work){.serial = 1, .output = (uint64_t)shape.cols};
    asx_work_add(w->once, &w->n_once, (struct asx_use){.k = ASX_KC_STREAM, .t = ASX_F32, .m = shape.nnz, .times = 1});
}

static asx_st need_sparse(const struct asx_frame *f, struct asx_err *err)
{
    if (f->sparse)
        return ASX_OK;
    return err_set(
        err, ASX_E_DATA,
        "the data has no sparse part, which preparation step 'sparse' was made for; give a file of the kind used in training");
}

static int ascending(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

/* The features that occur; there are no more of them than cells. */
static asx_st occurring(struct state *s, const struct asx_csr *m)
{
    size_t nnz = (size_t)m->indptr[m->rows];
    s->index = prep_state_alloc(s, nnz + 1, sizeof *s->index);
    if (!s->index)
        return ASX_E_NOMEM;
    memcpy(s->index, m->indices, nnz * sizeof *s->index);
    qsort(s->index, nnz, sizeof *s->index, ascending);
    for (size_t i = 0; i < nnz; i++)
        if (i == 0 || s->index[i] != s->index[s->cols - 1])
            s->index[s->cols++] = s->index[i];
    return ASX_OK;
}

/* Column of a feature; `cols` when there is none. */
static size_t column_of(const struct state *s, int32_t feature)
{
    if (!s->index)
        return (size_t)feature < s->cols ? (size_t)feature : s->cols;
    const int32_t *at = bsearch(&feature, s->index, s->cols, sizeof *s->index, ascending);
    return at ? (size_t)(at - s->index) : s->cols;
}

static asx_st fit(struct asx_exec *x, const struct asx_prep_input *in, void *state, struct asx_err *err)
{
    struct state *s = state;
    const struct asx_csr *m = in->frame->sparse;
    (void)x;
    if (!m)
        return need_sparse(in->frame, err);
    if (!mostly_empty(m))
        s->cols = m->cols;
    else if (occurring(s, m) != ASX_OK)
        return ASX_E_NOMEM;
    s->kind = prep_state_alloc(s, s->cols + 1, 1);
    if (!s->kind)
        return ASX_E_NOMEM;
    memset(s->kind, ASX_COL_INDICATOR, s->cols);
    for (int64_t i = 0; i < m->indptr[m->rows]; i++)
        if (m->values[i] != 1 && m->values[i] != 0)
            s->kind[column_of(s, m->indices[i])] = ASX_COL_WEIGHT;
    return ASX_OK;
}

static asx_st sparse_fit(struct asx_exec *x, const struct asx_prep_input *in, struct asx_prep_state **out, struct asx_err *err)
{
    return prep_fit_state(&asx_prep_sparse, x, in, sizeof(struct state), fit, out, err);
}

/* Row by row without the features that were unknown at fitting. */
struct cut {
    const struct asx_csr *from;
    const struct state *s;
};

static size_t cut_row(const void *arg, size_t row, int32_t *index, float *value)
{
    const struct cut *c = arg;
    size_t n = 0;
    for (int64_t i = c->from->indptr[row]; i < c->from->indptr[row + 1]; i++) {
        size_t column = column_of(c->s, c->from->indices[i]);
        if (column == c->s->cols)
            continue;
        if (index) {
            index[n] = (int32_t)column;
            value[n] = c->from->values[i];
        }
        n++;
    }
    return n;
}

static asx_st name_columns(struct asx_exec *x, struct asx_block *out, const struct state *s, const char **name)
{
    char number[16];
    for (size_t j = 0; j < s->cols; j++) {
        snprintf(number, sizeof number, "%lld", (long long)s->index[j] + 1);
        if (!(name[j] = prep_block_name(x, out, "f", "", number)))
            return ASX_E_NOMEM;
    }
    return ASX_OK;
}

static asx_st transform(struct asx_exec *x, const void *state, const struct asx_frame *f, const int32_t *column,
                        struct asx_block *out, struct asx_err *err)
{
    const struct state *s = state;
    const struct asx_csr *m = f->sparse;
    const char **name = NULL;
    uint8_t *kind;
    int32_t *source;
    (void)column;
    if (!m)
        return need_sparse(f, err);
    if (prep_block_init(x, out, ASX_LAYOUT_CSR, m->rows, s->cols) != ASX_OK ||
        prep_block_describe(x, out, s->index ? &name : NULL, &kind, &source) != ASX_OK ||
        (s->index && name_columns(x, out, s, name) != ASX_OK))
        return ASX_E_NOMEM;
    memcpy(kind, s->kind, s->cols);
    out->source = NULL; /* these features are no frame columns */
    if (s->index || m->cols > s->cols)
        return prep_block_csr(x, out, cut_row, &(struct cut){m, s});
    out->csr = *m;
    out->csr.cols = s->cols;
    return ASX_OK;
}

/* Whatever columns are named: the block is the frame's sparse part. */
static asx_st sparse_transform(struct asx_exec *x, const struct asx_prep_state *state, const struct asx_frame *f,
                               const int32_t *column, int columns, struct asx_block *out, struct asx_err *err)
{
    return prep_transform_state(&asx_prep_sparse, x, state, columns, f, column, columns, transform, out, err);
}

static asx_st sparse_save(const struct asx_prep_state *state, struct asx_writer *w)
{
    const struct state *s = (const void *)state;
    asx_put_u64(w, s->cols);
    asx_put_bytes(w, s->kind, s->cols);
    asx_put_u64(w, s->index != NULL);
    if (s->index)
        asx_put_bytes(w, s->index, s->cols * sizeof *s->index);
    return ASX_OK;
}

static asx_st load_index(struct asx_reader *r, struct state *s)
{
    s->index = prep_state_alloc(s, s->cols + 1, sizeof *s->index);
    if (!s->index)
        return ASX_E_NOMEM;
    asx_get_bytes(r, s->index, s->cols * sizeof *s->index);
    for (size_t j = 0; j < s->cols; j++)
        if (s->index[j] < 0 || (j > 0 && s->index[j] <= s->index[j - 1]))
            asx_reader_fail(r, "features do not ascend");
    return ASX_OK;
}

static asx_st load(struct asx_reader *r, void *state)
{
    struct state *s = state;
    size_t cols = asx_get_count(r, 1);
    s->kind = prep_state_alloc(s, cols + 1, 1);
    if (!s->kind)
        return ASX_E_NOMEM;
    s->cols = cols;
    asx_get_bytes(r, s->kind, cols);
    for (size_t j = 0; j < cols; j++)
        if (s->kind[j] != ASX_COL_INDICATOR && s->kind[j] != ASX_COL_WEIGHT)
            asx_reader_fail(r, "the kind of a column is impossible");
    return asx_get_u64(r) ? load_index(r, s) : ASX_OK;
}

static asx_st sparse_load(struct asx_reader *r, struct mem *mem, struct asx_prep_state **out, struct asx_err *err)
{
    return prep_load_state(&asx_prep_sparse, r, mem, sizeof(struct state), load, out, err);
}

const struct asx_prep asx_prep_sparse = {
    .head = {"sparse", "features of sparse files as they are, by reference"},
    .version = 2,
    .takes = 0, /* no frame column: the frame's sparse part */
    .roles = ASX_FOR_TREES | ASX_FOR_LINEAR | ASX_FOR_COUNTS,
    .preference = 100,
    .scope = ASX_SHARED,
    .fits = sparse_fits,
    .shape = sparse_shape,
    .work = sparse_work,
    .fit = sparse_fit,
    .transform = sparse_transform,
    .free_block = prep_block_free,
    .save = sparse_save,
    .load = sparse_load,
    .free_state = prep_state_free,
};
