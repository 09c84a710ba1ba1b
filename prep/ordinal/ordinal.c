/* SPDX-License-Identifier: Apache-2.0 */
/* Categories as integer codes, for learners that cut columns. See README.md. */
#include "prep/support.h"

extern const struct asx_prep asx_prep_ordinal;

enum { DEFAULT_LEVELS = 254, MOST_LEVELS = 65534 };

static const struct asx_param params[] = {
    {.name = "max_levels",
     .kind = ASX_INT,
     .low = 16,
     .high = 254,
     .min = 2,
     .max = MOST_LEVELS,
     .def = DEFAULT_LEVELS,
     .fixed = true,
     .help = "most codes a column has; the rarest levels share the last one"},
};

/* One column: code of each level, and how many codes there are. */
struct column {
    struct prep_levels levels;
    int32_t codes;
};

struct state {
    struct prep_head head;
    int columns;
    struct column *column;
};

static bool ordinal_fits(const struct asx_problem *p, int column)
{
    if (column < 0)
        return false;
    return prep_distinct(p, p->frame, column) <= DEFAULT_LEVELS;
}

/* More codes than a byte has room for are for those who ask: `target` was better on most tables (README). */
static bool ordinal_fits_at(const struct asx_problem *p, int column, double max_levels)
{
    return column >= 0 && max_levels >= 0 && (double)prep_distinct(p, p->frame, column) <= max_levels;
}

static void ordinal_shape(const struct asx_prep_input *in, struct asx_shape *out)
{
    double rows = (double)in->frame->rows;
    *out = (struct asx_shape){.rows = rows, .cols = in->columns, .dense = in->columns, .bytes = rows * in->columns * 4};
}

static void ordinal_work(const struct asx_prep_input *in, struct asx_work *w)
{
    double cells = (double)in->frame->rows * in->columns, levels = 0;
    for (int j = 0; j < in->columns; j++)
        levels += prep_distinct(in->problem, in->frame, in->column[j]);
    *w = (struct asx_work){.output = (uint64_t)(cells * 4), .scratch = (uint64_t)(levels * 16)};
    asx_work_add(w->once, &w->n_once,
                 (struct asx_use){.k = ASX_KC_GATHER, .t = ASX_I32, .m = 2 * cells, .times = 1, .footprint = levels * 8 + 64});
    asx_work_add(w->once, &w->n_once, (struct asx_use){.k = ASX_KC_SORT, .t = ASX_F64, .m = levels, .n = in->columns, .times = 1});
}

/* ---- fit ------------------------------------------------------------------ */

static asx_st fit_column(struct asx_exec *x, const struct asx_prep_input *in, int j, void *state)
{
    struct state *s = state;
    const struct asx_column *c = &in->frame->column[in->column[j]];
    size_t max_levels = (size_t)prep_param(&asx_prep_ordinal, in->config, "max_levels"), n;
    struct prep_rank *rank;
    uint64_t missing;
    int32_t *code = arena_alloc(x->scratch, (c->levels + 1) * sizeof *code);
    if (!code || prep_levels_rank(x, in, c, &rank, &n, &missing) != ASX_OK)
        return ASX_E_NOMEM;
    s->column[j].codes = (int32_t)(n < max_levels ? n : max_levels);
    for (size_t i = 0; i < c->levels; i++)
        code[i] = PREP_ABSENT;
    for (size_t i = 0; i < n; i++)
        code[rank[i].level] = (int32_t)(i < max_levels ? i : max_levels - 1);
    return prep_levels_make(&s->column[j].levels, s, c, code);
}

static asx_st fit(struct asx_exec *x, const struct asx_prep_input *in, void *state, struct asx_err *err)
{
    struct state *s = state;
    s->columns = in->columns;
    s->column = prep_state_alloc(s, (size_t)in->columns + 1, sizeof *s->column);
    return s->column ? prep_fit_columns(&asx_prep_ordinal, x, in, PREP_STORE_BIT(ASX_STORE_CODE), fit_column, s, err) : ASX_E_NOMEM;
}

static asx_st ordinal_fit(struct asx_exec *x, const struct asx_prep_input *in, struct asx_prep_state **out, struct asx_err *err)
{
    return prep_fit_state(&asx_prep_ordinal, x, in, sizeof(struct state), fit, out, err);
}

/* ---- transform -------------------------------------------------------------- */

struct fill {
    const struct asx_frame *frame;
    const int32_t *column;
    int32_t *const *map;
    struct asx_colref *col;
    size_t chunks;
};

/* A piece is a chunk of rows of one column. */
static asx_st fill_piece(void *arg, size_t piece, int worker)
{
    const struct fill *f = arg;
    (void)worker;
    size_t j = piece / f->chunks, chunk = piece % f->chunks, end = prep_chunk_end(chunk, f->frame->rows);
    const int32_t *code = f->frame->column[f->column[j]].code, *map = f->map[j];
    if (f->col[j].dtype == ASX_F32) {
        float *to = (float *)(uintptr_t)f->col[j].data;
        for (size_t i = chunk * PREP_ROWS; i < end; i++)
            to[i] = map[1 + code[i]] < 0 ? NAN : (float)map[1 + code[i]];
    } else {
        int32_t *to = (int32_t *)(uintptr_t)f->col[j].data;
        for (size_t i = chunk * PREP_ROWS; i < end; i++)
            to[i] = map[1 + code[i]];
    }
    return ASX_OK;
}

static asx_st transform(struct asx_exec *x, const void *state, const struct asx_frame *f, const int32_t *column,
                        struct asx_block *out, struct asx_err *err)
{
    const struct state *s = state;
    const char **name;
    uint8_t *kind;
    int32_t *source, **map = arena_calloc(x->scratch, (size_t)s->columns + 1, sizeof *map);
    if (!map || prep_block_init(x, out, ASX_LAYOUT_COLUMNS, f->rows, (size_t)s->columns) != ASX_OK ||
        prep_block_describe(x, out, &name, &kind, &source) != ASX_OK)
        return ASX_E_NOMEM;
    struct asx_colref *col = (struct asx_colref *)(uintptr_t)out->col;
    for (int j = 0; j < s->columns; j++) {
        const struct asx_column *c = &f->column[column[j]];
        const struct column *fitted = &s->column[j];
        asx_st st = prep_need_store(&asx_prep_ordinal, c, PREP_STORE_BIT(ASX_STORE_CODE), err);
        if (st != ASX_OK)
            return st;
        bool number = fitted->codes <= 2; /* two levels have one cut: a number says it more cheaply */
        void *cells = prep_block_alloc(x, out, f->rows, sizeof(int32_t));
        map[j] = prep_levels_map(&fitted->levels, c, -1, -1, x->scratch);
        name[j] = prep_block_name(x, out, c->name, "", "");
        if (!cells || !map[j] || !name[j])
            return ASX_E_NOMEM;
        col[j] = (struct asx_colref){cells, number ? ASX_F32 : ASX_I32, number ? 0 : fitted->codes};
        kind[j] = number ? ASX_COL_NUMBER : ASX_COL_CODE;
        source[j] = column[j];
    }
    struct fill arg = {f, column, map, col, prep_chunks(f->rows)};
    return prep_run(x, arg.chunks * (size_t)s->columns, fill_piece, &arg);
}

static asx_st ordinal_transform(struct asx_exec *x, const struct asx_prep_state *state, const struct asx_frame *f,
                                const int32_t *column, int columns, struct asx_block *out, struct asx_err *err)
{
    int fitted = ((const struct state *)(const void *)state)->columns;
    return prep_transform_state(&asx_prep_ordinal, x, state, fitted, f, column, columns, transform, out, err);
}

/* ---- save, load ---------------------------------------------------------------- */

static asx_st ordinal_save(const struct asx_prep_state *state, struct asx_writer *w)
{
    const struct state *s = (const void *)state;
    asx_put_u64(w, (uint64_t)s->columns);
    for (int j = 0; j < s->columns; j++) {
        asx_put_i64(w, s->column[j].codes);
        prep_levels_save(&s->column[j].levels, w);
    }
    return ASX_OK;
}

static asx_st load(struct asx_reader *r, void *state)
{
    struct state *s = state;
    size_t columns = asx_get_count(r, 16);
    s->column = prep_state_alloc(s, columns + 1, sizeof *s->column);
    if (!s->column)
        return ASX_E_NOMEM;
    s->columns = (int)columns;
    for (size_t j = 0; j < columns && !asx_reader_bad(r); j++) {
        int64_t codes = asx_get_i64(r);
        if (codes < 0 || codes > MOST_LEVELS)
            asx_reader_fail(r, "a number of codes is impossible");
        if (asx_reader_bad(r))
            break;
        s->column[j].codes = (int32_t)codes;
        asx_st st = prep_levels_load(&s->column[j].levels, s, r, 0, (int32_t)codes - 1);
        if (st != ASX_OK)
            return st;
    }
    return ASX_OK;
}

static asx_st ordinal_load(struct asx_reader *r, struct mem *mem, struct asx_prep_state **out, struct asx_err *err)
{
    return prep_load_state(&asx_prep_ordinal, r, mem, sizeof(struct state), load, out, err);
}

const struct asx_prep asx_prep_ordinal = {
    .head = {"ordinal", "categories as codes by frequency, cut natively by trees"},
    .version = 1,
    .takes = ASX_TYPE_BIT(ASX_CATEGORICAL) | ASX_TYPE_BIT(ASX_BOOLEAN),
    .roles = ASX_FOR_TREES,
    .preference = 60,
    .scope = ASX_SHARED,
    .params = params,
    .n_params = sizeof params / sizeof *params,
    .fits = ordinal_fits,
    .shape = ordinal_shape,
    .work = ordinal_work,
    .fit = ordinal_fit,
    .transform = ordinal_transform,
    .free_block = prep_block_free,
    .save = ordinal_save,
    .load = ordinal_load,
    .free_state = prep_state_free,
    .fits_param = "max_levels",
    .fits_at = ordinal_fits_at,
};
