/* SPDX-License-Identifier: Apache-2.0 */
/* The sparse part of a frame (libsvm files) as one CSR block, by reference. See README.md. */
#include "prep/support.h"

#include <string.h>

extern const struct asx_prep asx_prep_sparse;

/* What the columns were at fitting: how many, and which hold nothing but 0 and 1. */
struct state {
    struct prep_head head;
    size_t cols;
    uint8_t *kind; /* [cols] enum asx_colkind */
};

static bool sparse_fits(const struct asx_problem *p, int column)
{
    return column < 0 && p->frame && p->frame->sparse;
}

static void sparse_shape(const struct asx_prep_input *in, struct asx_shape *out)
{
    const struct asx_csr *m = in->frame->sparse;
    double nnz = m ? (double)m->indptr[m->rows] : 0;
    *out = (struct asx_shape){.rows = (double)in->frame->rows, .cols = m ? (double)m->cols : 0, .nnz = nnz, .bytes = nnz * 8};
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

static asx_st fit(struct asx_exec *x, const struct asx_prep_input *in, void *state, struct asx_err *err)
{
    struct state *s = state;
    const struct asx_csr *m = in->frame->sparse;
    (void)x;
    if (!m)
        return need_sparse(in->frame, err);
    s->kind = prep_state_alloc(s, m->cols + 1, 1);
    if (!s->kind)
        return ASX_E_NOMEM;
    s->cols = m->cols;
    memset(s->kind, ASX_COL_INDICATOR, m->cols);
    for (int64_t i = 0; i < m->indptr[m->rows]; i++)
        if (m->values[i] != 1 && m->values[i] != 0)
            s->kind[m->indices[i]] = ASX_COL_WEIGHT;
    return ASX_OK;
}

static asx_st sparse_fit(struct asx_exec *x, const struct asx_prep_input *in, struct asx_prep_state **out, struct asx_err *err)
{
    return prep_fit_state(&asx_prep_sparse, x, in, sizeof(struct state), fit, out, err);
}

/* Row by row without the columns that were unknown at fitting. */
struct cut {
    const struct asx_csr *from;
    size_t cols;
};

static size_t cut_row(const void *arg, size_t row, int32_t *index, float *value)
{
    const struct cut *c = arg;
    size_t n = 0;
    for (int64_t i = c->from->indptr[row]; i < c->from->indptr[row + 1] && (size_t)c->from->indices[i] < c->cols; i++) {
        if (index) {
            index[n] = c->from->indices[i];
            value[n] = c->from->values[i];
        }
        n++;
    }
    return n;
}

static asx_st transform(struct asx_exec *x, const void *state, const struct asx_frame *f, const int32_t *column,
                        struct asx_block *out, struct asx_err *err)
{
    const struct state *s = state;
    const struct asx_csr *m = f->sparse;
    uint8_t *kind;
    int32_t *source;
    (void)column;
    if (!m)
        return need_sparse(f, err);
    if (prep_block_init(x, out, ASX_LAYOUT_CSR, m->rows, s->cols) != ASX_OK ||
        prep_block_describe(x, out, NULL, &kind, &source) != ASX_OK)
        return ASX_E_NOMEM;
    memcpy(kind, s->kind, s->cols);
    out->source = NULL; /* these features are no frame columns */
    if (m->cols > s->cols)
        return prep_block_csr(x, out, cut_row, &(struct cut){m, s->cols});
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
    return ASX_OK;
}

static asx_st sparse_load(struct asx_reader *r, struct mem *mem, struct asx_prep_state **out, struct asx_err *err)
{
    return prep_load_state(&asx_prep_sparse, r, mem, sizeof(struct state), load, out, err);
}

const struct asx_prep asx_prep_sparse = {
    .head = {"sparse", "features of sparse files as they are, by reference"},
    .version = 1,
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
