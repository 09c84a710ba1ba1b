/* SPDX-License-Identifier: Apache-2.0 */
/* sign(x) ln(1 + |x|) of numeric columns; missing cells stay missing. */
#include "prep/support.h"

#include <math.h>

extern const struct asx_prep asx_prep_signed_log;

struct state {
    struct prep_head head;
    int columns;
};

static void signed_log_shape(const struct asx_prep_input *in, struct asx_shape *out)
{
    double rows = (double)in->frame->rows;
    *out = (struct asx_shape){.rows = rows, .cols = in->columns, .dense = in->columns, .bytes = rows * in->columns * 4};
}

static void signed_log_work(const struct asx_prep_input *in, struct asx_work *w)
{
    double cells = (double)in->frame->rows * in->columns;
    *w = (struct asx_work){.serial = 1, .output = (uint64_t)(4 * cells)};
    asx_work_add(w->once, &w->n_once, (struct asx_use){.k = ASX_KC_STREAM, .t = ASX_F32, .m = 4 * cells});
}

static asx_st fit(struct asx_exec *x, const struct asx_prep_input *in, void *state, struct asx_err *err)
{
    (void)x, (void)err;
    ((struct state *)state)->columns = in->columns;
    return ASX_OK;
}

static asx_st signed_log_fit(struct asx_exec *x, const struct asx_prep_input *in, struct asx_prep_state **out, struct asx_err *err)
{
    return prep_fit_state(&asx_prep_signed_log, x, in, sizeof(struct state), fit, out, err);
}

static asx_st transform(struct asx_exec *x, const void *state, const struct asx_frame *f, const int32_t *column,
                        struct asx_block *out, struct asx_err *err)
{
    const struct state *s = state;
    const char **name;
    uint8_t *kind;
    int32_t *source;
    (void)err;
    if (prep_block_init(x, out, ASX_LAYOUT_COLUMNS, f->rows, (size_t)s->columns) != ASX_OK ||
        prep_block_describe(x, out, &name, &kind, &source) != ASX_OK)
        return ASX_E_NOMEM;
    struct asx_colref *col = (struct asx_colref *)(uintptr_t)out->col;
    for (size_t j = 0; j < out->cols; j++) {
        const struct asx_column *c = &f->column[column[j]];
        float *v = prep_block_alloc(x, out, f->rows, sizeof *v);
        if (!v)
            return ASX_E_NOMEM;
        for (size_t i = 0; i < f->rows; i++) {
            double cell = asx_column_number(c, i);
            v[i] = (float)copysign(log1p(fabs(cell)), cell);
        }
        col[j] = (struct asx_colref){.data = v, .dtype = ASX_F32};
        name[j] = c->name;
        kind[j] = ASX_COL_NUMBER;
        source[j] = column[j];
    }
    return ASX_OK;
}

static asx_st signed_log_transform(struct asx_exec *x, const struct asx_prep_state *state, const struct asx_frame *f,
                                   const int32_t *column, int columns, struct asx_block *out, struct asx_err *err)
{
    int fitted = ((const struct state *)(const void *)state)->columns;
    return prep_transform_state(&asx_prep_signed_log, x, state, fitted, f, column, columns, transform, out, err);
}

static asx_st signed_log_save(const struct asx_prep_state *state, struct asx_writer *w)
{
    asx_put_u64(w, (uint64_t)((const struct state *)(const void *)state)->columns);
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

static asx_st signed_log_load(struct asx_reader *r, struct mem *mem, struct asx_prep_state **out, struct asx_err *err)
{
    return prep_load_state(&asx_prep_signed_log, r, mem, sizeof(struct state), load, out, err);
}

const struct asx_prep asx_prep_signed_log = {
    .head = {"signed_log", "sign(x) ln(1 + |x|)"},
    .version = 1,
    .takes = ASX_TYPE_BIT(ASX_NUMERIC),
    .roles = ASX_FOR_TREES | ASX_FOR_LINEAR,
    .preference = 1,
    .scope = ASX_STATELESS,
    .shape = signed_log_shape,
    .work = signed_log_work,
    .fit = signed_log_fit,
    .transform = signed_log_transform,
    .free_block = prep_block_free,
    .save = signed_log_save,
    .load = signed_log_load,
    .free_state = prep_state_free,
};
