/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of the target encoder, and its state on disk. */
#include "prep/target/target.h"

#include <stdio.h>

extern const struct asx_prep asx_prep_target;

static const char *column_name(struct asx_exec *x, struct asx_block *out, const char *column, const struct target_state *s, int k)
{
    const struct asx_problem *p = x->problem;
    if (s->outputs == 1)
        return prep_block_name(x, out, column, "", "(target)");
    char class_name[80];
    if (p && p->class_name && s->class_of[k] < p->classes)
        snprintf(class_name, sizeof class_name, "%s)", p->class_name[s->class_of[k]]);
    else
        snprintf(class_name, sizeof class_name, "class %d)", s->class_of[k]);
    return prep_block_name(x, out, column, "(target ", class_name);
}

asx_st target_block(struct asx_exec *x, const struct target_state *s, const struct asx_frame *f, const int32_t *column,
                    struct asx_block *out)
{
    const char **name;
    uint8_t *kind;
    int32_t *source;
    size_t cols = (size_t)s->columns * (size_t)s->outputs;
    if (prep_block_init(x, out, ASX_LAYOUT_COLUMNS, f->rows, cols) != ASX_OK ||
        prep_block_describe(x, out, &name, &kind, &source) != ASX_OK)
        return ASX_E_NOMEM;
    struct asx_colref *col = (struct asx_colref *)(uintptr_t)out->col;
    for (size_t i = 0; i < cols; i++) {
        int j = (int)(i / (size_t)s->outputs), k = (int)(i % (size_t)s->outputs);
        float *cells = prep_block_alloc(x, out, f->rows, sizeof *cells);
        name[i] = column_name(x, out, f->column[column[j]].name, s, k);
        if (!cells || !name[i])
            return ASX_E_NOMEM;
        col[i] = (struct asx_colref){.data = cells, .dtype = ASX_F32};
        kind[i] = ASX_COL_NUMBER;
        source[i] = column[j];
    }
    return ASX_OK;
}

static inline float *cells_of(const struct asx_block *b, const struct target_state *s, int j, int k)
{
    return (float *)(uintptr_t)b->col[(size_t)j * (size_t)s->outputs + (size_t)k].data;
}

struct fill {
    const struct target_state *s;
    const struct asx_frame *frame;
    const int32_t *code;
    const float *value; /* [(levels + 1) * outputs] */
    struct asx_block *out;
    int j;
};

static asx_st fill_piece(void *arg, size_t chunk, int worker)
{
    const struct fill *f = arg;
    (void)worker;
    for (int k = 0; k < f->s->outputs; k++) {
        float *to = cells_of(f->out, f->s, f->j, k);
        for (size_t i = chunk * PREP_ROWS; i < prep_chunk_end(chunk, f->frame->rows); i++)
            to[i] = f->value[(size_t)(1 + f->code[i]) * (size_t)f->s->outputs + (size_t)k];
    }
    return ASX_OK;
}

/* Cells of column j from the final state, by the frame's own dictionary. */
static asx_st fill_column(struct asx_exec *x, const struct target_state *s, int j, const struct asx_frame *f, int32_t column,
                          struct asx_block *out)
{
    const struct asx_column *c = &f->column[column];
    const struct target_column *fitted = &s->column[j];
    size_t outputs = (size_t)s->outputs;
    float *value = arena_calloc(x->scratch, (c->levels + 1) * outputs, sizeof *value);
    if (!value)
        return ASX_E_NOMEM;
    for (size_t e = 0; e <= c->levels; e++) {
        int32_t at = e ? prep_levels_find(&fitted->levels, c->level[e - 1], -1) : -1;
        for (size_t k = 0; k < outputs; k++)
            value[e * outputs + k] = at >= 0                ? (float)fitted->value[(size_t)at * outputs + k]
                                     : fitted->missing_seen ? NAN
                                                            : (float)s->prior[k];
    }
    struct fill arg = {s, f, c->code, value, out, j};
    return prep_run(x, prep_chunks(f->rows), fill_piece, &arg);
}

asx_st target_fill(struct asx_exec *x, const struct target_state *s, const struct asx_frame *f, const int32_t *column,
                   struct asx_block *out)
{
    asx_st st = ASX_OK;
    for (int j = 0; j < s->columns && st == ASX_OK; j++)
        st = fill_column(x, s, j, f, column[j], out);
    return st;
}

asx_st target_fill_training(struct asx_exec *x, const struct target_work_set *t, const struct target_state *s, int j,
                            const struct asx_frame *f, int32_t column, const struct target_sums *sums, struct asx_block *out)
{
    asx_st st = fill_column(x, s, j, f, column, out);
    const int32_t *code = f->column[column].code;
    for (int k = 0; k < s->outputs && st == ASX_OK; k++) {
        float *to = cells_of(out, s, j, k);
        for (size_t i = 0; i < t->n; i++) {
            size_t row = target_row(t, i), level = (size_t)(1 + code[row]);
            if (level == 0) /* missing_seen: NaN, as fill_column wrote */
                continue;
            to[row] = (float)sums->without[(level * (size_t)t->folds + t->fold[i]) * (size_t)s->outputs + (size_t)k];
        }
    }
    return st;
}

/* ---- save, load ---------------------------------------------------------------- */

asx_st target_save(const struct asx_prep_state *state, struct asx_writer *w)
{
    const struct target_state *s = (const void *)state;
    asx_put_u64(w, (uint64_t)s->outputs);
    asx_put_i32s(w, s->class_of, (size_t)s->outputs);
    asx_put_f64s(w, s->prior, (size_t)s->outputs);
    asx_put_u64(w, (uint64_t)s->columns);
    for (int j = 0; j < s->columns; j++) {
        const struct target_column *c = &s->column[j];
        asx_put_i64(w, c->missing_seen);
        prep_levels_save(&c->levels, w);
        asx_put_f64s(w, c->value, c->levels.n * (size_t)s->outputs);
    }
    return ASX_OK;
}

static asx_st load_outputs(struct asx_reader *r, struct target_state *s)
{
    size_t n = asx_get_count(r, 12);
    if (n < 1 || n > 1000)
        asx_reader_fail(r, "a number of outputs is impossible");
    if (asx_reader_bad(r))
        return ASX_OK;
    s->outputs = (int)n;
    s->class_of = prep_state_alloc(s, n + 1, sizeof *s->class_of);
    s->prior = prep_state_alloc(s, n, sizeof *s->prior);
    if (!s->class_of || !s->prior)
        return ASX_E_NOMEM;
    int32_t *class_of = asx_get_i32s(r, NULL, n);
    double *prior = asx_get_f64s(r, NULL, n);
    if (!asx_reader_bad(r)) {
        memcpy(s->class_of, class_of, n * sizeof *class_of);
        memcpy(s->prior, prior, n * sizeof *prior);
        for (size_t k = 0; k < n; k++)
            if (class_of[k] < 0)
                asx_reader_fail(r, "a class is impossible");
    }
    mem_free(class_of);
    mem_free(prior);
    return ASX_OK;
}

static asx_st load_column(struct asx_reader *r, struct target_state *s, struct target_column *c)
{
    c->missing_seen = asx_get_i64(r) != 0;
    asx_st st = prep_levels_load(&c->levels, s, r, 0, INT32_MAX);
    if (st != ASX_OK || asx_reader_bad(r))
        return st;
    for (size_t i = 0; i < c->levels.n; i++)
        if ((size_t)c->levels.to[i] >= c->levels.n)
            asx_reader_fail(r, "a table of levels is damaged");
    size_t n = c->levels.n * (size_t)s->outputs;
    double *value = asx_get_f64s(r, NULL, n);
    if (asx_reader_bad(r)) {
        mem_free(value);
        return ASX_OK;
    }
    c->value = prep_state_alloc(s, n + 1, sizeof *c->value);
    if (c->value && n)
        memcpy(c->value, value, n * sizeof *value);
    mem_free(value);
    return c->value ? ASX_OK : ASX_E_NOMEM;
}

static asx_st load(struct asx_reader *r, void *state)
{
    struct target_state *s = state;
    asx_st st = load_outputs(r, s);
    if (st != ASX_OK || asx_reader_bad(r))
        return st;
    size_t columns = asx_get_count(r, 27);
    s->column = prep_state_alloc(s, columns + 1, sizeof *s->column);
    if (!s->column)
        return ASX_E_NOMEM;
    s->columns = (int)columns;
    for (size_t j = 0; j < columns && st == ASX_OK && !asx_reader_bad(r); j++)
        st = load_column(r, s, &s->column[j]);
    return st;
}

asx_st target_load(struct asx_reader *r, struct mem *mem, struct asx_prep_state **out, struct asx_err *err)
{
    return prep_load_state(&asx_prep_target, r, mem, sizeof(struct target_state), load, out, err);
}
