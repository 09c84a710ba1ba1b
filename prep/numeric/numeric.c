/* SPDX-License-Identifier: Apache-2.0 */
/* Numeric columns by reference: nothing is learned and nothing is copied. */
#include "prep/support.h"

extern const struct asx_prep asx_prep_numeric;

struct state {
    struct prep_head head;
    int columns;
};

static void numeric_shape(const struct asx_prep_input *in, struct asx_shape *out)
{
    double rows = (double)in->frame->rows, cells = rows * in->columns;
    *out = (struct asx_shape){.rows = rows, .cols = in->columns, .dense = in->columns, .bytes = cells * 8};
}

static void numeric_work(const struct asx_prep_input *in, struct asx_work *w)
{
    *w = (struct asx_work){.serial = 1};
    struct asx_use use = {.k = ASX_KC_STREAM, .t = ASX_F64, .m = in->columns, .times = 1};
    asx_work_add(w->once, &w->n_once, use);
    w->output = (uint64_t)in->columns * (sizeof(struct asx_colref) + 16);
}

static asx_st fit(struct asx_exec *x, const struct asx_prep_input *in, void *state, struct asx_err *err)
{
    (void)x, (void)err;
    ((struct state *)state)->columns = in->columns;
    return ASX_OK;
}

static asx_st numeric_fit(struct asx_exec *x, const struct asx_prep_input *in, struct asx_prep_state **out, struct asx_err *err)
{
    return prep_fit_state(&asx_prep_numeric, x, in, sizeof(struct state), fit, out, err);
}

/* A number column that came as codes (an override of the type) is copied as f32. */
static asx_st refer(struct asx_exec *x, const struct asx_column *c, size_t rows, struct asx_block *out, struct asx_colref *ref)
{
    if (c->store == ASX_STORE_F64) {
        *ref = (struct asx_colref){.data = c->f64, .dtype = ASX_F64};
        return ASX_OK;
    }
    if (c->store == ASX_STORE_F32) {
        *ref = (struct asx_colref){.data = c->f32, .dtype = ASX_F32};
        return ASX_OK;
    }
    float *v = prep_block_alloc(x, out, rows, sizeof *v);
    if (!v)
        return ASX_E_NOMEM;
    for (size_t i = 0; i < rows; i++)
        v[i] = (float)asx_column_number(c, i);
    *ref = (struct asx_colref){.data = v, .dtype = ASX_F32};
    return ASX_OK;
}

static asx_st transform(struct asx_exec *x, const void *state, const struct asx_frame *f, const int32_t *column,
                        struct asx_block *out, struct asx_err *err)
{
    const struct state *s = state;
    const char **name;
    uint8_t *kind;
    int32_t *source;
    if (prep_block_init(x, out, ASX_LAYOUT_COLUMNS, f->rows, (size_t)s->columns) != ASX_OK ||
        prep_block_describe(x, out, &name, &kind, &source) != ASX_OK)
        return ASX_E_NOMEM;
    const int8_t *monotone = x->problem ? x->problem->monotone : NULL;
    int8_t *sign = monotone ? prep_block_alloc(x, out, out->cols, 1) : NULL;
    if (monotone && !sign)
        return ASX_E_NOMEM;
    unsigned stores = PREP_STORE_BIT(ASX_STORE_F64) | PREP_STORE_BIT(ASX_STORE_F32) | PREP_STORE_BIT(ASX_STORE_CODE);
    struct asx_colref *col = (struct asx_colref *)(uintptr_t)out->col;
    for (size_t j = 0; j < out->cols; j++) {
        const struct asx_column *c = &f->column[column[j]];
        asx_st st = prep_need_store(&asx_prep_numeric, c, stores, err);
        if (st != ASX_OK)
            return st;
        if (refer(x, c, f->rows, out, &col[j]) != ASX_OK)
            return ASX_E_NOMEM;
        name[j] = c->name;
        kind[j] = ASX_COL_NUMBER;
        source[j] = column[j];
        if (sign)
            sign[j] = monotone[column[j]];
    }
    out->monotone = sign;
    return ASX_OK;
}

static asx_st numeric_transform(struct asx_exec *x, const struct asx_prep_state *state, const struct asx_frame *f,
                                const int32_t *column, int columns, struct asx_block *out, struct asx_err *err)
{
    int fitted = ((const struct state *)(const void *)state)->columns;
    return prep_transform_state(&asx_prep_numeric, x, state, fitted, f, column, columns, transform, out, err);
}

static asx_st numeric_save(const struct asx_prep_state *state, struct asx_writer *w)
{
    const struct state *s = (const void *)state;
    asx_put_u64(w, (uint64_t)s->columns);
    return ASX_OK;
}

static asx_st load(struct asx_reader *r, void *state)
{
    uint64_t columns = asx_get_u64(r);
    if (columns > INT32_MAX)
        asx_reader_fail(r, "the number of columns is impossible");
    ((struct state *)state)->columns = (int)columns;
    return ASX_OK;
}

static asx_st numeric_load(struct asx_reader *r, struct mem *mem, struct asx_prep_state **out, struct asx_err *err)
{
    return prep_load_state(&asx_prep_numeric, r, mem, sizeof(struct state), load, out, err);
}

const struct asx_prep asx_prep_numeric = {
    .head = {"numeric", "numeric columns as they are, by reference"},
    .version = 1,
    .takes = ASX_TYPE_BIT(ASX_NUMERIC),
    .roles = ASX_FOR_TREES | ASX_FOR_LINEAR | ASX_FOR_COUNTS,
    .preference = 100,
    .scope = ASX_STATELESS,
    .shape = numeric_shape,
    .work = numeric_work,
    .fit = numeric_fit,
    .transform = numeric_transform,
    .free_block = prep_block_free,
    .save = numeric_save,
    .load = numeric_load,
    .free_state = prep_state_free,
};
