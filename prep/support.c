/* SPDX-License-Identifier: Apache-2.0 */
/* What preparation steps share. */
#include "prep/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- parameters ---------------------------------------------------------- */

double prep_param(const struct asx_prep *step, const struct asx_config *config, const char *name)
{
    char full[96];
    snprintf(full, sizeof full, "%s.%s", step->head.name, name);
    int i = config && config->space ? asx_space_find(config->space, full) : -1;
    if (i >= 0)
        return config->value[i];
    for (int j = 0; j < step->n_params; j++)
        if (strcmp(step->params[j].name, name) == 0)
            return step->params[j].def;
    return 0;
}

/* ---- memory --------------------------------------------------------------- */

void *prep_state_create(struct mem *mem, size_t size)
{
    struct arena *arena = arena_create(mem);
    if (!arena)
        return NULL;
    struct prep_head *head = arena_calloc(arena, 1, size);
    if (!head) {
        arena_destroy(arena);
        return NULL;
    }
    head->arena = arena;
    return head;
}

void prep_state_free(struct asx_prep_state *state)
{
    if (state)
        arena_destroy(((struct prep_head *)(void *)state)->arena);
}

void *prep_state_alloc(void *state, size_t n, size_t size)
{
    return arena_calloc(((struct prep_head *)state)->arena, n, size);
}

/* A piece of a block's memory: the link fills one cache line, so that data stay aligned. */
enum { LINK = 64 };
struct piece {
    struct piece *next;
};

void *prep_block_alloc(struct asx_exec *x, struct asx_block *out, size_t n, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes) || __builtin_add_overflow(bytes, (size_t)LINK, &bytes))
        return NULL;
    struct piece *p = mem_alloc(x->mem, bytes);
    if (!p)
        return NULL;
    p->next = (struct piece *)(uintptr_t)out->opaque;
    out->opaque = p;
    return (char *)p + LINK;
}

void prep_block_free(struct asx_block *b)
{
    if (!b)
        return;
    for (struct piece *p = (struct piece *)(uintptr_t)b->opaque, *next; p; p = next) {
        next = p->next;
        mem_free(p);
    }
    memset(b, 0, sizeof *b);
}

asx_st prep_nomem(const struct asx_prep *step, struct asx_err *err)
{
    return err_set(err, ASX_E_NOMEM, "not enough memory for preparation step '%s'; raise the memory limit", step->head.name);
}

/* ---- the frame of fit, transform and load ------------------------------------ */

asx_st prep_state_end(const struct asx_prep *step, void *state, asx_st st, struct asx_prep_state **out, struct asx_err *err)
{
    if (st == ASX_E_NOMEM)
        st = prep_nomem(step, err);
    if (st == ASX_OK)
        *out = state;
    else
        prep_state_free(state);
    return st;
}

asx_st prep_fit_state(const struct asx_prep *step, struct asx_exec *x, const struct asx_prep_input *in, size_t size, prep_fit_fn fn,
                      struct asx_prep_state **out, struct asx_err *err)
{
    void *s = prep_state_create(x->mem, size);
    return prep_state_end(step, s, s ? fn(x, in, s, err) : ASX_E_NOMEM, out, err);
}

asx_st prep_load_state(const struct asx_prep *step, struct asx_reader *r, struct mem *mem, size_t size, prep_load_fn fn,
                       struct asx_prep_state **out, struct asx_err *err)
{
    void *s = prep_state_create(mem, size);
    asx_st st = s ? fn(r, s) : ASX_E_NOMEM;
    if (st == ASX_OK && asx_reader_bad(r))
        st = asx_reader_error(r, err);
    return prep_state_end(step, s, st, out, err);
}

/* Refuses a number of columns that differs from the one fitted. */
static asx_st need_columns(const struct asx_prep *step, int fitted, int given, struct asx_err *err)
{
    if (fitted == given)
        return ASX_OK;
    return err_set(err, ASX_E_INVAL, "preparation step '%s' was made for %d columns and got %d; give the columns of training",
                   step->head.name, fitted, given);
}

asx_st prep_transform_state(const struct asx_prep *step, struct asx_exec *x, const void *state, int fitted,
                            const struct asx_frame *f, const int32_t *column, int columns, prep_fill_fn fn, struct asx_block *out,
                            struct asx_err *err)
{
    *out = (struct asx_block){.rows = 0};
    asx_st st = need_columns(step, fitted, columns, err);
    if (st == ASX_OK)
        st = fn(x, state, f, column, out, err);
    if (st == ASX_E_NOMEM)
        st = prep_nomem(step, err);
    if (st != ASX_OK)
        prep_block_free(out);
    return st;
}

/* ---- splitting ------------------------------------------------------------ */

struct run {
    struct asx_exec *exec;
    prep_piece_fn fn;
    void *arg;
    size_t first;  /* lowest piece that failed so far */
    asx_st status; /* its status */
    int lock;
};

static void note(struct run *r, size_t piece, asx_st st)
{
    while (__atomic_exchange_n(&r->lock, 1, __ATOMIC_ACQUIRE))
        ;
    if (piece < r->first) {
        __atomic_store_n(&r->first, piece, __ATOMIC_RELAXED);
        r->status = st;
    }
    __atomic_store_n(&r->lock, 0, __ATOMIC_RELEASE);
}

static void run_piece(void *arg, size_t piece, int worker)
{
    struct run *r = arg;
    if (__atomic_load_n(&r->first, __ATOMIC_RELAXED) < piece)
        return; /* a failure of an earlier piece decides */
    asx_st st = r->exec->stop && r->exec->stop(r->exec) ? ASX_STOPPED : r->fn(r->arg, piece, worker);
    if (st != ASX_OK)
        note(r, piece, st);
}

asx_st prep_run(struct asx_exec *x, size_t n, prep_piece_fn fn, void *arg)
{
    struct run r = {.exec = x, .fn = fn, .arg = arg, .first = SIZE_MAX};
    if (n)
        x->split(x, n, run_piece, &r);
    return r.status;
}

/* ---- cells ------------------------------------------------------------------ */

asx_st prep_need_store(const struct asx_prep *step, const struct asx_column *c, unsigned stores, struct asx_err *err)
{
    if (stores & PREP_STORE_BIT(c->store))
        return ASX_OK;
    return err_set(err, ASX_E_DATA,
                   "column '%s' has another type than preparation step '%s' was made for; read it with the type it had in training",
                   c->name, step->head.name);
}

asx_st prep_need_stores(const struct asx_prep *step, const struct asx_frame *f, const int32_t *column, int columns, unsigned stores,
                        struct asx_err *err)
{
    asx_st st = ASX_OK;
    for (int j = 0; j < columns && st == ASX_OK; j++)
        st = prep_need_store(step, &f->column[column[j]], stores, err);
    return st;
}

asx_st prep_fit_columns(const struct asx_prep *step, struct asx_exec *x, const struct asx_prep_input *in, unsigned stores,
                        prep_column_fn fn, void *state, struct asx_err *err)
{
    asx_st st = ASX_OK;
    for (int j = 0; j < in->columns && st == ASX_OK; j++) {
        st = prep_need_store(step, &in->frame->column[in->column[j]], stores, err);
        if (st == ASX_OK && x->stop(x))
            st = ASX_STOPPED;
        if (st == ASX_OK)
            st = fn(x, in, j, state);
    }
    return st;
}

/* ---- levels ------------------------------------------------------------------- */

void prep_level_counts(const struct asx_column *c, const uint32_t *rows, size_t n_rows, uint64_t *count)
{
    memset(count, 0, (c->levels + 1) * sizeof *count);
    for (size_t i = 0; i < n_rows; i++)
        count[1 + c->code[rows ? rows[i] : i]]++;
}

static asx_st levels_init(struct prep_levels *l, void *state, size_t n)
{
    *l = (struct prep_levels){
        .n = n, .name = prep_state_alloc(state, n + 1, sizeof *l->name), .to = prep_state_alloc(state, n + 1, sizeof *l->to)};
    return l->name && l->to ? ASX_OK : ASX_E_NOMEM;
}

static int by_count(const void *a, const void *b)
{
    const struct prep_rank *x = a, *y = b;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    return (x->level > y->level) - (x->level < y->level);
}

asx_st prep_levels_rank(struct asx_exec *x, const struct asx_prep_input *in, const struct asx_column *c, struct prep_rank **rank,
                        size_t *n, uint64_t *missing)
{
    uint64_t *count = arena_calloc(x->scratch, c->levels + 1, sizeof *count);
    *rank = arena_calloc(x->scratch, c->levels + 1, sizeof **rank);
    if (!count || !*rank)
        return ASX_E_NOMEM;
    prep_level_counts(c, in->rows, in->rows ? in->n_rows : in->frame->rows, count);
    *n = 0;
    for (size_t i = 0; i < c->levels; i++)
        if (count[1 + i])
            (*rank)[(*n)++] = (struct prep_rank){count[1 + i], i};
    qsort(*rank, *n, sizeof **rank, by_count);
    *missing = count[0];
    return ASX_OK;
}

asx_st prep_levels_make(struct prep_levels *l, void *state, const struct asx_column *c, const int32_t *to)
{
    size_t n = 0;
    for (size_t i = 0; i < c->levels; i++)
        n += to[i] != PREP_ABSENT;
    asx_st st = levels_init(l, state, n);
    for (size_t i = 0, at = 0; i < c->levels && st == ASX_OK; i++) {
        if (to[i] == PREP_ABSENT)
            continue;
        l->to[at] = to[i];
        if (!(l->name[at++] = arena_strdup(((struct prep_head *)state)->arena, c->level[i])))
            st = ASX_E_NOMEM;
    }
    return st;
}

int32_t prep_levels_find(const struct prep_levels *l, const char *name, int32_t unseen)
{
    size_t low = 0, high = l->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(l->name[middle], name);
        if (order == 0)
            return l->to[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return unseen;
}

int32_t *prep_levels_map(const struct prep_levels *l, const struct asx_column *c, int32_t unseen, int32_t missing,
                         struct arena *arena)
{
    int32_t *map = arena_calloc(arena, c->levels + 1, sizeof *map);
    if (!map)
        return NULL;
    map[0] = missing;
    for (size_t i = 0; i < c->levels; i++)
        map[1 + i] = prep_levels_find(l, c->level[i], unseen);
    return map;
}

void prep_levels_save(const struct prep_levels *l, struct asx_writer *w)
{
    asx_put_u64(w, l->n);
    for (size_t i = 0; i < l->n; i++) {
        asx_put_str(w, l->name[i]);
        asx_put_i64(w, l->to[i]);
    }
}

asx_st prep_levels_load(struct prep_levels *l, void *state, struct asx_reader *r, int32_t low, int32_t high)
{
    struct arena *arena = ((struct prep_head *)state)->arena;
    asx_st st = levels_init(l, state, asx_get_count(r, 9));
    if (st != ASX_OK)
        return st;
    for (size_t i = 0; i < l->n && !asx_reader_bad(r); i++) {
        char *name = asx_get_str(r, NULL);
        int64_t to = asx_get_i64(r);
        if (asx_reader_bad(r)) {
            mem_free(name);
            break;
        }
        if (!name || to < low || to > high || (i && strcmp(l->name[i - 1], name) >= 0)) {
            asx_reader_fail(r, "a table of levels is damaged");
            mem_free(name);
            break;
        }
        l->name[i] = arena_strdup(arena, name);
        l->to[i] = (int32_t)to;
        mem_free(name);
        if (!l->name[i])
            return ASX_E_NOMEM;
    }
    return ASX_OK;
}

const struct asx_column_facts *prep_facts(const struct asx_problem *p, int column)
{
    return p && p->profile && p->profile->column && column >= 0 ? &p->profile->column[column] : NULL;
}

double prep_distinct(const struct asx_problem *p, const struct asx_frame *f, int column)
{
    const struct asx_column_facts *facts = prep_facts(p, column);
    if (facts)
        return (double)facts->distinct;
    return f && column >= 0 ? (double)f->column[column].levels : 0;
}

/* ---- blocks --------------------------------------------------------------------- */

asx_st prep_block_init(struct asx_exec *x, struct asx_block *b, enum asx_layout layout, size_t rows, size_t cols)
{
    memset(b, 0, sizeof *b);
    b->key = x->out_key;
    b->layout = layout;
    b->rows = rows;
    b->cols = cols;
    if (layout != ASX_LAYOUT_COLUMNS)
        return ASX_OK;
    struct asx_colref *col = prep_block_alloc(x, b, cols, sizeof *col);
    if (!col)
        return ASX_E_NOMEM;
    memset(col, 0, cols * sizeof *col);
    b->col = col;
    return ASX_OK;
}

asx_st prep_block_describe(struct asx_exec *x, struct asx_block *b, const char ***names, uint8_t **kind, int32_t **source)
{
    *kind = prep_block_alloc(x, b, b->cols, sizeof **kind);
    *source = prep_block_alloc(x, b, b->cols, sizeof **source);
    if (!*kind || !*source)
        return ASX_E_NOMEM;
    b->kind = *kind;
    b->source = *source;
    if (names) {
        *names = prep_block_alloc(x, b, b->cols, sizeof **names);
        if (!*names)
            return ASX_E_NOMEM;
        b->name = *names;
    }
    return ASX_OK;
}

const char *prep_block_name(struct asx_exec *x, struct asx_block *b, const char *column, const char *glue, const char *part)
{
    size_t size = strlen(column) + strlen(glue) + strlen(part) + 1;
    char *s = prep_block_alloc(x, b, size, 1);
    if (s)
        snprintf(s, size, "%s%s%s", column, glue, part);
    return s;
}

struct csr_fill {
    prep_row_fn fn;
    const void *arg;
    size_t rows;
    int64_t *indptr;
    int32_t *indices;
    float *values;
};

static asx_st csr_count(void *arg, size_t chunk, int worker)
{
    struct csr_fill *f = arg;
    (void)worker;
    for (size_t i = chunk * PREP_ROWS; i < prep_chunk_end(chunk, f->rows); i++)
        f->indptr[i + 1] = (int64_t)f->fn(f->arg, i, NULL, NULL);
    return ASX_OK;
}

static asx_st csr_write(void *arg, size_t chunk, int worker)
{
    struct csr_fill *f = arg;
    (void)worker;
    for (size_t i = chunk * PREP_ROWS; i < prep_chunk_end(chunk, f->rows); i++)
        f->fn(f->arg, i, f->indices + f->indptr[i], f->values + f->indptr[i]);
    return ASX_OK;
}

asx_st prep_block_csr(struct asx_exec *x, struct asx_block *b, prep_row_fn fn, const void *arg)
{
    struct csr_fill f = {.fn = fn, .arg = arg, .rows = b->rows};
    f.indptr = prep_block_alloc(x, b, b->rows + 1, sizeof *f.indptr);
    if (!f.indptr)
        return ASX_E_NOMEM;
    f.indptr[0] = 0;
    asx_st st = prep_run(x, prep_chunks(b->rows), csr_count, &f);
    if (st != ASX_OK)
        return st;
    for (size_t i = 0; i < b->rows; i++)
        f.indptr[i + 1] += f.indptr[i];
    size_t nnz = (size_t)f.indptr[b->rows];
    f.indices = prep_block_alloc(x, b, nnz, sizeof *f.indices);
    f.values = prep_block_alloc(x, b, nnz, sizeof *f.values);
    if (!f.indices || !f.values)
        return ASX_E_NOMEM;
    st = prep_run(x, prep_chunks(b->rows), csr_write, &f);
    b->csr = (struct asx_csr){b->rows, b->cols, f.indptr, f.indices, f.values};
    return st;
}
