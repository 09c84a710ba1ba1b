/* SPDX-License-Identifier: Apache-2.0 */
/* Categories hashed into a fixed number of signed columns. See README.md. */
#include "base/hash.h"
#include "prep/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct asx_prep asx_prep_hash;

/* Below this one column a level is affordable and nothing collides. */
enum { FEW_LEVELS = 200 };

static const struct asx_param params[] = {
    {.name = "bits",
     .kind = ASX_INT,
     .low = 6,
     .high = 14,
     .min = 2,
     .max = 20,
     .def = 10,
     .fixed = true,
     .help = "columns as a power of two: 2^bits, shared by all hashed columns"},
};

struct state {
    struct prep_head head;
    int columns, bits;
};

static bool hash_fits(const struct asx_problem *p, int column)
{
    return column >= 0 && prep_distinct(p, p->frame, column) > FEW_LEVELS;
}

static int bits_of(const struct asx_prep_input *in)
{
    return (int)prep_param(&asx_prep_hash, in->config, "bits");
}

static void hash_shape(const struct asx_prep_input *in, struct asx_shape *out)
{
    double rows = (double)in->frame->rows, nnz = rows * in->columns;
    *out = (struct asx_shape){.rows = rows, .cols = ldexp(1, bits_of(in)), .nnz = nnz, .bytes = nnz * 8 + rows * 8};
}

static void hash_work(const struct asx_prep_input *in, struct asx_work *w)
{
    struct asx_shape shape;
    hash_shape(in, &shape);
    double levels = 0;
    for (int j = 0; j < in->columns; j++)
        levels += prep_distinct(in->problem, in->frame, in->column[j]);
    *w = (struct asx_work){.output = (uint64_t)shape.bytes, .scratch = (uint64_t)(levels * 4), .serial = 0.2};
    asx_work_add(w->once, &w->n_once, (struct asx_use){.k = ASX_KC_HASH, .t = ASX_F64, .m = levels, .n = shape.cols, .times = 1});
    asx_work_add(w->once, &w->n_once,
                 (struct asx_use){.k = ASX_KC_GATHER, .t = ASX_I32, .m = 2 * shape.nnz, .times = 1, .footprint = levels * 4 + 64});
    asx_work_add(w->once, &w->n_once, (struct asx_use){.k = ASX_KC_STREAM, .t = ASX_F64, .m = shape.nnz + shape.rows, .times = 1});
}

static asx_st fit(struct asx_exec *x, const struct asx_prep_input *in, void *state, struct asx_err *err)
{
    struct state *s = state;
    (void)x, (void)err;
    s->columns = in->columns;
    s->bits = bits_of(in);
    return ASX_OK;
}

static asx_st hash_fit(struct asx_exec *x, const struct asx_prep_input *in, struct asx_prep_state **out, struct asx_err *err)
{
    return prep_fit_state(&asx_prep_hash, x, in, sizeof(struct state), fit, out, err);
}

struct rows {
    int columns;
    const int32_t **code;
    int32_t **slot; /* [1 + code]: column + 1, negative for sign -1; 0 = nothing stored */
};

static inline int32_t slot_of(const struct rows *r, int j, size_t row)
{
    return r->slot[j][1 + r->code[j][row]];
}

/* Does an earlier column of the row fall into the same place? Few columns are hashed, so looking back is cheap. */
static bool taken(const struct rows *r, int j, size_t row)
{
    int32_t slot = slot_of(r, j, row);
    for (int i = 0; i < j; i++)
        if (abs(slot_of(r, i, row)) == abs(slot))
            return true;
    return false;
}

/* Levels of one row that fell into the same place are added up; a sum of 0 stays stored. */
static size_t hash_row(const void *arg, size_t row, int32_t *index, float *value)
{
    const struct rows *r = arg;
    size_t n = 0;
    for (int j = 0; j < r->columns; j++) {
        int32_t slot = slot_of(r, j, row), at = abs(slot) - 1;
        if (slot == 0)
            continue;
        if (!index) {
            n += !taken(r, j, row);
            continue;
        }
        size_t i = n;
        while (i > 0 && index[i - 1] > at)
            i--;
        if (i > 0 && index[i - 1] == at) {
            value[i - 1] += slot < 0 ? -1.0f : 1.0f;
            continue;
        }
        memmove(index + i + 1, index + i, (n - i) * sizeof *index);
        memmove(value + i + 1, value + i, (n - i) * sizeof *value);
        index[i] = at;
        value[i] = slot < 0 ? -1.0f : 1.0f;
        n++;
    }
    return n;
}

/* The column's name is part of what is hashed: equal levels of two columns mean different things. */
static int32_t *slots(struct asx_exec *x, const struct asx_column *c, int bits)
{
    int32_t *slot = arena_calloc(x->scratch, c->levels + 1, sizeof *slot);
    if (!slot)
        return NULL;
    for (size_t i = 0; i < c->levels; i++) {
        struct hash h = hash_begin("prep.hash");
        hash_str(&h, c->name);
        hash_str(&h, c->level[i]);
        struct asx_key key = hash_end(&h);
        int32_t at = (int32_t)(key.lo & ((1u << bits) - 1)) + 1;
        slot[1 + i] = key.hi & 1 ? -at : at;
    }
    return slot;
}

static asx_st transform(struct asx_exec *x, const void *state, const struct asx_frame *f, const int32_t *column,
                        struct asx_block *out, struct asx_err *err)
{
    const struct state *s = state;
    const char **name;
    uint8_t *kind;
    int32_t *source;
    size_t cols = (size_t)1 << s->bits;
    struct rows rows = {s->columns, arena_calloc(x->scratch, (size_t)s->columns + 1, sizeof *rows.code),
                        arena_calloc(x->scratch, (size_t)s->columns + 1, sizeof *rows.slot)};
    if (!rows.code || !rows.slot || prep_block_init(x, out, ASX_LAYOUT_CSR, f->rows, cols) != ASX_OK ||
        prep_block_describe(x, out, &name, &kind, &source) != ASX_OK)
        return ASX_E_NOMEM;
    for (int j = 0; j < s->columns; j++) {
        const struct asx_column *c = &f->column[column[j]];
        asx_st st = prep_need_store(&asx_prep_hash, c, PREP_STORE_BIT(ASX_STORE_CODE), err);
        if (st != ASX_OK)
            return st;
        rows.code[j] = c->code;
        rows.slot[j] = slots(x, c, s->bits);
        if (!rows.slot[j])
            return ASX_E_NOMEM;
    }
    enum { WIDTH = 16 };
    char *text = prep_block_alloc(x, out, cols, WIDTH);
    if (!text)
        return ASX_E_NOMEM;
    for (size_t k = 0; k < cols; k++) {
        snprintf(text + k * WIDTH, WIDTH, "hash%zu", k % 10000000);
        name[k] = text + k * WIDTH;
        kind[k] = ASX_COL_WEIGHT;
        source[k] = s->columns ? column[0] : 0;
    }
    if (s->columns != 1)
        out->source = NULL; /* columns are shared: a feature has no single source */
    return prep_block_csr(x, out, hash_row, &rows);
}

static asx_st hash_transform(struct asx_exec *x, const struct asx_prep_state *state, const struct asx_frame *f,
                             const int32_t *column, int columns, struct asx_block *out, struct asx_err *err)
{
    int fitted = ((const struct state *)(const void *)state)->columns;
    return prep_transform_state(&asx_prep_hash, x, state, fitted, f, column, columns, transform, out, err);
}

static asx_st hash_save(const struct asx_prep_state *state, struct asx_writer *w)
{
    const struct state *s = (const void *)state;
    asx_put_u64(w, (uint64_t)s->columns);
    asx_put_u64(w, (uint64_t)s->bits);
    return ASX_OK;
}

static asx_st load(struct asx_reader *r, void *state)
{
    struct state *s = state;
    uint64_t columns = asx_get_u64(r), bits = asx_get_u64(r);
    if (columns > INT32_MAX || bits < 2 || bits > 20)
        asx_reader_fail(r, "the size of a hash table is impossible");
    s->columns = (int)columns;
    s->bits = (int)bits;
    return ASX_OK;
}

static asx_st hash_load(struct asx_reader *r, struct mem *mem, struct asx_prep_state **out, struct asx_err *err)
{
    return prep_load_state(&asx_prep_hash, r, mem, sizeof(struct state), load, out, err);
}

const struct asx_prep asx_prep_hash = {
    .head = {"hash", "categories of many levels hashed into signed columns"},
    .version = 1,
    .takes = ASX_TYPE_BIT(ASX_CATEGORICAL),
    .roles = ASX_FOR_LINEAR,
    .preference = 20,
    .scope = ASX_STATELESS,
    .params = params,
    .n_params = sizeof params / sizeof *params,
    .fits = hash_fits,
    .shape = hash_shape,
    .work = hash_work,
    .fit = hash_fit,
    .transform = hash_transform,
    .free_block = prep_block_free,
    .save = hash_save,
    .load = hash_load,
    .free_state = prep_state_free,
};
