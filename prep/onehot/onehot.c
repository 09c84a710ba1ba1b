/* SPDX-License-Identifier: Apache-2.0 */
/* Categories as one 0/1 column a level, stored sparse. See README.md. */
#include "prep/support.h"

extern const struct asx_prep asx_prep_onehot;

static const struct asx_param params[] = {
    {.name = "min_frequency",
     .kind = ASX_INT,
     .low = 1,
     .high = 20,
     .min = 1,
     .max = 1e9,
     .log = true,
     .def = 1,
     .fixed = true,
     .help = "levels in fewer cells than this share one column (cells)"},
    {.name = "max_levels",
     .kind = ASX_INT,
     .low = 20,
     .high = 2000,
     .min = 2,
     .max = 1e6,
     .log = true,
     .def = 1000,
     .fixed = true,
     .help = "most columns for the levels of a column, the shared one included"},
};

/* Output columns of one frame column, relative to its first: levels, then the rare ones', then missing. */
struct column {
    struct prep_levels levels;   /* level -> column; the rare ones share one; -1: of two levels the first has none */
    int32_t cols, rare, missing; /* rare, missing: -1 = there is none */
};

struct state {
    struct prep_head head;
    int columns;
    struct column *column;
};

static void limits(const struct asx_prep_input *in, double *min_frequency, double *max_levels)
{
    *min_frequency = prep_param(&asx_prep_onehot, in->config, "min_frequency");
    *max_levels = prep_param(&asx_prep_onehot, in->config, "max_levels");
}

static void onehot_shape(const struct asx_prep_input *in, struct asx_shape *out)
{
    double rows = (double)in->frame->rows, cols = 0, min_frequency, max_levels;
    limits(in, &min_frequency, &max_levels);
    for (int j = 0; j < in->columns; j++) {
        const struct asx_column_facts *facts = prep_facts(in->problem, in->column[j]);
        double d = prep_distinct(in->problem, in->frame, in->column[j]);
        d = fmin(fmin(d, max_levels), rows / min_frequency + 1);
        cols += (d == 2 ? 1 : d) + (facts && facts->missing ? 1 : 0);
    }
    double nnz = rows * in->columns;
    *out = (struct asx_shape){.rows = rows, .cols = cols, .nnz = nnz, .bytes = nnz * 8 + rows * 8};
}

static void onehot_work(const struct asx_prep_input *in, struct asx_work *w)
{
    struct asx_shape shape;
    onehot_shape(in, &shape);
    double levels = 0;
    for (int j = 0; j < in->columns; j++)
        levels += prep_distinct(in->problem, in->frame, in->column[j]);
    *w = (struct asx_work){.output = (uint64_t)shape.bytes, .scratch = (uint64_t)(levels * 16), .serial = 0.2};
    asx_work_add(w->once, &w->n_once,
                 (struct asx_use){.k = ASX_KC_GATHER, .t = ASX_I32, .m = 3 * shape.nnz, .times = 1, .footprint = levels * 8 + 64});
    asx_work_add(w->once, &w->n_once, (struct asx_use){.k = ASX_KC_STREAM, .t = ASX_F64, .m = shape.nnz + shape.rows, .times = 1});
}

/* ---- fit ------------------------------------------------------------------ */

/*
 * Levels that keep a column of their own. As in scikit-learn's OneHotEncoder: first those
 * below min_frequency go, then, when levels (with the shared column) exceed max_levels, the
 * rarest; equal counts: the later name goes.
 */
static size_t choose(const struct prep_rank *rank, size_t n, size_t min_frequency, size_t max_levels)
{
    size_t keep = n;
    while (keep && rank[keep - 1].count < min_frequency)
        keep--;
    if (keep + (keep < n) > max_levels)
        keep = max_levels - 1;
    return keep;
}

static asx_st fit_column(struct asx_exec *x, const struct asx_prep_input *in, int j, void *state)
{
    struct state *s = state;
    const struct asx_column *c = &in->frame->column[in->column[j]];
    struct column *out = &s->column[j];
    double min_frequency, max_levels;
    limits(in, &min_frequency, &max_levels);
    struct prep_rank *rank;
    size_t n;
    uint64_t missing;
    int32_t *to = arena_alloc(x->scratch, (c->levels + 1) * sizeof *to);
    if (!to || prep_levels_rank(x, in, c, &rank, &n, &missing) != ASX_OK)
        return ASX_E_NOMEM;
    size_t keep = choose(rank, n, (size_t)min_frequency, (size_t)max_levels);
    /* Two levels tell the same: only the second gets a column. */
    bool pair = n == 2 && keep == 2;
    int32_t cols = pair ? 1 : (int32_t)keep, next = pair ? -1 : 0;
    out->rare = keep < n ? cols++ : -1;
    out->missing = missing ? cols++ : -1;
    out->cols = cols;
    /* columns are in the dictionary's order, whatever the counts */
    enum { KEPT = PREP_ABSENT + 1 };
    for (size_t i = 0; i < c->levels; i++)
        to[i] = PREP_ABSENT;
    for (size_t i = 0; i < n; i++)
        to[rank[i].level] = i < keep ? KEPT : out->rare;
    for (size_t i = 0; i < c->levels; i++)
        if (to[i] == KEPT)
            to[i] = next++;
    return prep_levels_make(&out->levels, s, c, to);
}

static asx_st fit(struct asx_exec *x, const struct asx_prep_input *in, void *state, struct asx_err *err)
{
    struct state *s = state;
    s->columns = in->columns;
    s->column = prep_state_alloc(s, (size_t)in->columns + 1, sizeof *s->column);
    return s->column ? prep_fit_columns(&asx_prep_onehot, x, in, PREP_STORE_BIT(ASX_STORE_CODE), fit_column, s, err) : ASX_E_NOMEM;
}

static asx_st onehot_fit(struct asx_exec *x, const struct asx_prep_input *in, struct asx_prep_state **out, struct asx_err *err)
{
    return prep_fit_state(&asx_prep_onehot, x, in, sizeof(struct state), fit, out, err);
}

/* ---- transform -------------------------------------------------------------- */

struct rows {
    int columns;
    const int32_t **code;
    int32_t **map;
};

static size_t onehot_row(const void *arg, size_t row, int32_t *index, float *value)
{
    const struct rows *r = arg;
    size_t n = 0;
    for (int j = 0; j < r->columns; j++) {
        int32_t at = r->map[j][1 + r->code[j][row]];
        if (at < 0)
            continue;
        if (index) {
            index[n] = at;
            value[n] = 1;
        }
        n++;
    }
    return n;
}

/* Names and kinds of the columns that frame column j became. */
static asx_st describe(struct asx_exec *x, const struct column *fitted, const char *column, struct asx_block *out, int32_t first,
                       const char **name)
{
    for (size_t i = 0; i < fitted->levels.n; i++) {
        int32_t at = fitted->levels.to[i];
        if (at < 0 || at == fitted->rare)
            continue;
        if (!(name[first + at] = prep_block_name(x, out, column, "=", fitted->levels.name[i])))
            return ASX_E_NOMEM;
    }
    if (fitted->rare >= 0 && !(name[first + fitted->rare] = prep_block_name(x, out, column, "=", "(rare)")))
        return ASX_E_NOMEM;
    if (fitted->missing >= 0 && !(name[first + fitted->missing] = prep_block_name(x, out, column, "=", "(missing)")))
        return ASX_E_NOMEM;
    return ASX_OK;
}

static asx_st transform(struct asx_exec *x, const void *state, const struct asx_frame *f, const int32_t *column,
                        struct asx_block *out, struct asx_err *err)
{
    const struct state *s = state;
    size_t cols = 0;
    for (int j = 0; j < s->columns; j++)
        cols += (size_t)s->column[j].cols;
    const char **name;
    uint8_t *kind;
    int32_t *source, first = 0;
    struct rows rows = {s->columns, arena_calloc(x->scratch, (size_t)s->columns + 1, sizeof *rows.code),
                        arena_calloc(x->scratch, (size_t)s->columns + 1, sizeof *rows.map)};
    if (!rows.code || !rows.map || prep_block_init(x, out, ASX_LAYOUT_CSR, f->rows, cols) != ASX_OK ||
        prep_block_describe(x, out, &name, &kind, &source) != ASX_OK)
        return ASX_E_NOMEM;
    for (int j = 0; j < s->columns; j++) {
        const struct asx_column *c = &f->column[column[j]];
        const struct column *fitted = &s->column[j];
        asx_st st = prep_need_store(&asx_prep_onehot, c, PREP_STORE_BIT(ASX_STORE_CODE), err);
        if (st != ASX_OK)
            return st;
        for (int32_t k = 0; k < fitted->cols; k++)
            name[first + k] = c->name;
        /* an unseen level counts as missing */
        int32_t *map = prep_levels_map(&fitted->levels, c, fitted->missing, fitted->missing, x->scratch);
        if (!map || describe(x, fitted, c->name, out, first, name) != ASX_OK)
            return ASX_E_NOMEM;
        for (size_t i = 0; i <= c->levels; i++)
            map[i] += map[i] < 0 ? 0 : first;
        for (int32_t k = 0; k < fitted->cols; k++) {
            kind[first + k] = ASX_COL_INDICATOR;
            source[first + k] = column[j];
        }
        rows.code[j] = c->code;
        rows.map[j] = map;
        first += fitted->cols;
    }
    return prep_block_csr(x, out, onehot_row, &rows);
}

static asx_st onehot_transform(struct asx_exec *x, const struct asx_prep_state *state, const struct asx_frame *f,
                               const int32_t *column, int columns, struct asx_block *out, struct asx_err *err)
{
    int fitted = ((const struct state *)(const void *)state)->columns;
    return prep_transform_state(&asx_prep_onehot, x, state, fitted, f, column, columns, transform, out, err);
}

/* ---- save, load ---------------------------------------------------------------- */

static asx_st onehot_save(const struct asx_prep_state *state, struct asx_writer *w)
{
    const struct state *s = (const void *)state;
    asx_put_u64(w, (uint64_t)s->columns);
    for (int j = 0; j < s->columns; j++) {
        asx_put_i64(w, s->column[j].cols);
        asx_put_i64(w, s->column[j].rare);
        asx_put_i64(w, s->column[j].missing);
        prep_levels_save(&s->column[j].levels, w);
    }
    return ASX_OK;
}

static asx_st load_column(struct asx_reader *r, struct state *s, struct column *c)
{
    int64_t cols = asx_get_i64(r), rare = asx_get_i64(r), missing = asx_get_i64(r);
    if (cols < 0 || cols > INT32_MAX || rare < -1 || rare >= cols || missing < -1 || missing >= cols)
        asx_reader_fail(r, "a column of indicators is damaged");
    if (asx_reader_bad(r))
        return ASX_OK;
    *c = (struct column){.cols = (int32_t)cols, .rare = (int32_t)rare, .missing = (int32_t)missing};
    asx_st st = prep_levels_load(&c->levels, s, r, -1, (int32_t)cols - 1);
    if (st != ASX_OK || asx_reader_bad(r))
        return st;
    /* every column must have a level, so that names and memory stay in proportion to what was read */
    int64_t named = (rare >= 0) + (missing >= 0);
    for (size_t i = 0; i < c->levels.n; i++)
        named += c->levels.to[i] >= 0 && c->levels.to[i] != rare;
    if (named != cols)
        asx_reader_fail(r, "indicator columns and levels disagree");
    return ASX_OK;
}

static asx_st load(struct asx_reader *r, void *state)
{
    struct state *s = state;
    size_t columns = asx_get_count(r, 32);
    s->column = prep_state_alloc(s, columns + 1, sizeof *s->column);
    if (!s->column)
        return ASX_E_NOMEM;
    s->columns = (int)columns;
    asx_st st = ASX_OK;
    for (size_t j = 0; j < columns && st == ASX_OK && !asx_reader_bad(r); j++)
        st = load_column(r, s, &s->column[j]);
    return st;
}

static asx_st onehot_load(struct asx_reader *r, struct mem *mem, struct asx_prep_state **out, struct asx_err *err)
{
    return prep_load_state(&asx_prep_onehot, r, mem, sizeof(struct state), load, out, err);
}

const struct asx_prep asx_prep_onehot = {
    .head = {"onehot", "categories as sparse 0/1 columns, rare levels together"},
    .version = 1,
    .takes = ASX_TYPE_BIT(ASX_CATEGORICAL) | ASX_TYPE_BIT(ASX_BOOLEAN),
    .roles = ASX_FOR_LINEAR | ASX_FOR_COUNTS,
    .preference = 50,
    .scope = ASX_SHARED,
    .params = params,
    .n_params = sizeof params / sizeof *params,
    .shape = onehot_shape,
    .work = onehot_work,
    .fit = onehot_fit,
    .transform = onehot_transform,
    .free_block = prep_block_free,
    .save = onehot_save,
    .load = onehot_load,
    .free_state = prep_state_free,
};
