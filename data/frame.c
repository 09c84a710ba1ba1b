/* SPDX-License-Identifier: Apache-2.0 */
#include "data/frame.h"
#include "base/err.h"
#include "base/hash.h"
#include "data/dict.h"
#include "data/infer.h"

#include <stdatomic.h>
#include <string.h>

/* A dictionary shared by the frames cut from one. */
struct levels {
    atomic_long references;
    const char *const *level;
    char *bytes;
};

/* What a frame keeps of a column beside the public part. */
struct own {
    struct levels *levels;
    struct asx_key key;
    bool borrowed; /* the arrays belong to the parent */
    bool day_first;
    enum comma comma;
};

struct frame {
    struct asx_frame f; /* first: a frame is its public part */
    atomic_long references;
    struct mem *mem;
    struct asx_column *column;
    struct own *own;
    size_t capacity;
    struct dict names;
    struct asx_csr sparse;
    struct asx_key sparse_key;
    bool sealed, sparse_borrowed;
    const struct asx_frame *parent, *beside; /* beside: the second of a join */
};

static struct frame *own_of(const struct asx_frame *f)
{
    return (struct frame *)(uintptr_t)f;
}

static void drop(const void *p)
{
    mem_free((void *)(uintptr_t)p);
}

static asx_st nomem(const struct asx_frame *f, struct asx_err *err)
{
    return err_set(err, ASX_E_NOMEM, "a table of %zu rows does not fit in memory; raise the memory limit", f->rows);
}

struct asx_frame *frame_create(struct mem *mem, size_t rows)
{
    struct frame *f = mem_calloc(mem, 1, sizeof *f);
    if (!f)
        return NULL;
    f->f.rows = rows;
    f->mem = mem;
    atomic_init(&f->references, 1);
    dict_init(&f->names, mem);
    return &f->f;
}

const struct asx_frame *frame_get(const struct asx_frame *f)
{
    atomic_fetch_add(&own_of(f)->references, 1);
    return f;
}

static void levels_put(struct levels *l)
{
    if (!l || atomic_fetch_sub(&l->references, 1) != 1)
        return;
    drop(l->level);
    mem_free(l->bytes);
    mem_free(l);
}

/* Frees the arrays of a column, its levels aside. */
static void free_cells(const struct asx_column *c)
{
    drop(c->f64);
    drop(c->f32);
    drop(c->code);
    drop(c->offset);
    drop(c->bytes);
    drop(c->missing);
}

void frame_put(const struct asx_frame *frame)
{
    if (!frame || atomic_fetch_sub(&own_of(frame)->references, 1) != 1)
        return;
    struct frame *f = own_of(frame);
    for (size_t i = 0; i < f->f.columns; i++) {
        if (!f->own[i].borrowed)
            free_cells(&f->column[i]);
        levels_put(f->own[i].levels);
        drop(f->column[i].name);
    }
    if (!f->sparse_borrowed) {
        drop(f->sparse.indptr);
        drop(f->sparse.indices);
        drop(f->sparse.values);
    }
    mem_free(f->column);
    mem_free(f->own);
    dict_clear(&f->names);
    frame_put(f->parent);
    frame_put(f->beside);
    mem_free(f);
}

/* ---- adding -------------------------------------------------------------------- */

static bool reserve(struct frame *f)
{
    if (f->f.columns < f->capacity)
        return true;
    size_t capacity = f->capacity ? f->capacity * 2 : 16;
    struct asx_column *column = mem_realloc(f->mem, f->column, capacity * sizeof *column);
    if (!column)
        return false;
    f->column = column;
    f->f.column = column;
    struct own *own = mem_realloc(f->mem, f->own, capacity * sizeof *own);
    if (!own)
        return false;
    f->own = own;
    f->capacity = capacity;
    return true;
}

/* Appends a column with its own name; `own` holds a reference to its levels. Nothing is freed on failure. */
static asx_st append(struct frame *f, const struct asx_column *c, const struct own *own, struct asx_err *err)
{
    if (dict_find(&f->names, c->name, strlen(c->name)) >= 0)
        return err_set(err, ASX_E_DATA, "column name '%.100s' is used twice; rename one of the columns", c->name);
    char *name = reserve(f) ? mem_strdup(f->mem, c->name) : NULL;
    if (!name || dict_add(&f->names, c->name, strlen(c->name)) < 0) {
        mem_free(name);
        return nomem(&f->f, err);
    }
    f->column[f->f.columns] = *c;
    f->column[f->f.columns].name = name;
    f->own[f->f.columns] = *own;
    f->f.columns++;
    return ASX_OK;
}

asx_st frame_take(struct asx_frame *frame, const struct asx_column *c, char *level_bytes, struct asx_err *err)
{
    struct own own = {0};
    asx_st st = ASX_OK;
    if (c->store == ASX_STORE_CODE) {
        own.levels = mem_calloc(own_of(frame)->mem, 1, sizeof *own.levels);
        if (!own.levels) {
            drop(c->level);
            mem_free(level_bytes);
            st = nomem(frame, err);
        } else {
            atomic_init(&own.levels->references, 1);
            own.levels->level = c->level;
            own.levels->bytes = level_bytes;
        }
    }
    if (!st)
        st = append(own_of(frame), c, &own, err);
    if (st) {
        free_cells(c);
        levels_put(own.levels);
    }
    return st;
}

asx_st frame_take_sparse(struct asx_frame *frame, const struct asx_csr *csr, struct asx_err *err)
{
    struct frame *f = own_of(frame);
    if (csr->rows != frame->rows || frame->sparse) {
        drop(csr->indptr);
        drop(csr->indices);
        drop(csr->values);
        return err_set(err, ASX_E_INVAL, "a sparse part of %zu rows does not fit a table of %zu; give both the same rows",
                       csr->rows, frame->rows);
    }
    f->sparse = *csr;
    frame->sparse = &f->sparse;
    return ASX_OK;
}

asx_st frame_add_f64(struct asx_frame *f, const char *name, enum asx_type type, const double *v, struct asx_err *err)
{
    if (type != ASX_NUMERIC && type != ASX_DATETIME)
        return err_set(err, ASX_E_INVAL, "column '%.100s' is given as numbers but not numeric; give its cells as text", name);
    for (size_t i = 0; i < f->rows; i++) {
        if (isinf(v[i]))
            return err_set(err, ASX_E_DATA, "column '%.100s' is infinite in row %zu; use NaN for missing values", name, i + 1);
    }
    double *copy = mem_array(own_of(f)->mem, f->rows, sizeof *copy);
    if (!copy)
        return nomem(f, err);
    if (f->rows)
        memcpy(copy, v, f->rows * sizeof *copy);
    struct asx_column c = {.name = name, .type = type, .store = ASX_STORE_F64, .f64 = copy};
    return frame_take(f, &c, NULL, err);
}

asx_st frame_add_i64(struct asx_frame *f, const char *name, const int64_t *v, struct asx_err *err)
{
    double *copy = mem_array(own_of(f)->mem, f->rows, sizeof *copy);
    if (!copy)
        return nomem(f, err);
    for (size_t i = 0; i < f->rows; i++)
        copy[i] = (double)v[i];
    struct asx_column c = {.name = name, .type = ASX_NUMERIC, .store = ASX_STORE_F64, .f64 = copy};
    return frame_take(f, &c, NULL, err);
}

asx_st frame_add_str(struct asx_frame *f, const char *name, enum asx_type type, const char *const *v, struct asx_err *err)
{
    struct mem *mem = own_of(f)->mem;
    struct dict dict;
    dict_init(&dict, mem);
    int32_t *code = mem_array(mem, f->rows, sizeof *code);
    bool good = code != NULL;
    for (size_t i = 0; good && i < f->rows; i++) {
        code[i] = v[i] ? dict_add(&dict, v[i], strlen(v[i])) : -1;
        good = !v[i] || code[i] >= 0;
    }
    if (!good) {
        mem_free(code);
        dict_clear(&dict);
        return nomem(f, err);
    }
    struct infer_input in = {.name = name, .dict = &dict, .code = code, .rows = f->rows, .type = type, .mem = mem};
    struct infer_output out;
    asx_st st = infer_column(&in, &out, err);
    if (!st)
        st = frame_take(f, &out.column, out.level_bytes, err);
    if (!st)
        own_of(f)->own[f->columns - 1].day_first = out.day_first;
    return st;
}

asx_st frame_add_codes(struct asx_frame *f, const char *name, enum asx_type type, const int32_t *code, const char *const *level,
                       size_t levels, struct asx_err *err)
{
    struct mem *mem = own_of(f)->mem;
    if ((type != ASX_CATEGORICAL && type != ASX_BOOLEAN) || levels > INT32_MAX)
        return err_set(err, ASX_E_INVAL, "column '%.100s' is given as codes but not categorical; give its cells as text", name);
    struct dict dict;
    dict_init(&dict, mem);
    asx_st st = ASX_OK;
    int32_t *copy = mem_array(mem, f->rows, sizeof *copy);
    for (size_t i = 0; copy && !st && i < levels; i++) {
        int32_t at = dict_add(&dict, level[i], strlen(level[i]));
        if (at < 0)
            st = nomem(f, err);
        else if ((size_t)at != i)
            st = err_set(err, ASX_E_INVAL, "level '%.60s' of column '%.100s' is given twice; give each level once", level[i], name);
    }
    for (size_t i = 0; copy && !st && i < f->rows; i++) {
        copy[i] = code[i];
        if (code[i] < -1 || code[i] >= (int64_t)levels)
            st = err_set(err, ASX_E_INVAL, "code %d of column '%.100s' in row %zu has no level; codes are below %zu, -1 is missing",
                         code[i], name, i + 1, levels);
    }
    if (!copy)
        st = nomem(f, err);
    if (st) {
        dict_clear(&dict);
        mem_free(copy);
        return st;
    }
    struct infer_input in = {.name = name, .dict = &dict, .code = copy, .rows = f->rows, .type = ASX_CATEGORICAL, .mem = mem};
    struct infer_output out;
    st = infer_column(&in, &out, err);
    out.column.type = type;
    return st ? st : frame_take(f, &out.column, out.level_bytes, err);
}

/* ---- keys ---------------------------------------------------------------------- */

static struct asx_key column_key(const struct asx_column *c, size_t rows)
{
    struct hash h = hash_begin("data.column/1");
    hash_str(&h, c->name);
    hash_u64(&h, (uint64_t)c->type);
    hash_u64(&h, (uint64_t)c->store);
    switch (c->store) {
    case ASX_STORE_F64: hash_bytes(&h, c->f64, rows * sizeof *c->f64); break;
    case ASX_STORE_F32: hash_bytes(&h, c->f32, rows * sizeof *c->f32); break;
    case ASX_STORE_CODE:
        hash_bytes(&h, c->code, rows * sizeof *c->code);
        hash_u64(&h, c->levels);
        for (size_t i = 0; i < c->levels; i++)
            hash_str(&h, c->level[i]);
        break;
    case ASX_STORE_STRING:
        hash_bytes(&h, c->offset, (rows + 1) * sizeof *c->offset);
        hash_bytes(&h, c->bytes, (size_t)c->offset[rows]);
        hash_bytes(&h, c->missing, c->missing ? (rows + 63) / 64 * sizeof *c->missing : 0);
        break;
    }
    return hash_end(&h);
}

static struct asx_key sparse_key(const struct asx_csr *s)
{
    struct hash h = hash_begin("data.sparse/1");
    hash_u64(&h, s->cols);
    hash_bytes(&h, s->indptr, (s->rows + 1) * sizeof *s->indptr);
    hash_bytes(&h, s->indices, (size_t)s->indptr[s->rows] * sizeof *s->indices);
    hash_bytes(&h, s->values, (size_t)s->indptr[s->rows] * sizeof *s->values);
    return hash_end(&h);
}

static void seal(struct frame *f)
{
    struct hash h = hash_begin("data.frame/1");
    hash_u64(&h, f->f.rows);
    hash_u64(&h, f->f.columns);
    for (size_t i = 0; i < f->f.columns; i++)
        hash_key(&h, f->own[i].key);
    if (f->f.sparse)
        hash_key(&h, f->sparse_key);
    f->f.key = hash_end(&h);
    f->sealed = true;
}

asx_st frame_seal(struct asx_frame *frame, struct asx_err *err)
{
    struct frame *f = own_of(frame);
    if (f->sealed)
        return err_set(err, ASX_E_INTERNAL, "a table is sealed twice; this is a fault of Assay");
    for (size_t i = 0; i < frame->columns; i++)
        f->own[i].key = column_key(&f->column[i], frame->rows);
    if (frame->sparse)
        f->sparse_key = sparse_key(frame->sparse);
    seal(f);
    return ASX_OK;
}

/* ---- cutting ------------------------------------------------------------------- */

static struct levels *levels_get(struct levels *l)
{
    if (l)
        atomic_fetch_add(&l->references, 1);
    return l;
}

#define TAKE(field, type)                                                                                                          \
    do {                                                                                                                           \
        type *to = mem_array(mem, n, sizeof *to);                                                                                  \
        if (!to)                                                                                                                   \
            return false;                                                                                                          \
        for (size_t i = 0; i < n; i++)                                                                                             \
            to[i] = from->field[row[i]];                                                                                           \
        c->field = to;                                                                                                             \
    } while (0)

static bool take_strings(const struct asx_column *from, const uint32_t *row, size_t n, struct mem *mem, struct asx_column *c)
{
    uint64_t total = 0;
    for (size_t i = 0; i < n; i++)
        total += from->offset[row[i] + 1] - from->offset[row[i]];
    uint64_t *offset = mem_array(mem, n + 1, sizeof *offset);
    char *bytes = mem_alloc(mem, (size_t)total + 1);
    uint64_t *missing = from->missing ? mem_calloc(mem, n / 64 + 1, sizeof *missing) : NULL;
    c->offset = offset;
    c->bytes = bytes;
    c->missing = missing;
    if (!offset || !bytes || (from->missing && !missing))
        return false;
    uint64_t at = 0;
    for (size_t i = 0; i < n; i++) {
        offset[i] = at;
        size_t size = (size_t)(from->offset[row[i] + 1] - from->offset[row[i]]);
        memcpy(bytes + at, from->bytes + from->offset[row[i]], size);
        at += size;
        if (missing && (from->missing[row[i] / 64] >> (row[i] % 64) & 1))
            missing[i / 64] |= (uint64_t)1 << (i % 64);
    }
    offset[n] = at;
    bytes[at] = '\0';
    return true;
}

static bool take_cells(const struct asx_column *from, const uint32_t *row, size_t n, struct mem *mem, struct asx_column *c)
{
    switch (from->store) {
    case ASX_STORE_F64: TAKE(f64, double); return true;
    case ASX_STORE_F32: TAKE(f32, float); return true;
    case ASX_STORE_CODE: TAKE(code, int32_t); return true;
    default: return take_strings(from, row, n, mem, c);
    }
}

static bool take_sparse(const struct asx_csr *from, const uint32_t *row, size_t n, struct mem *mem, struct asx_csr *s)
{
    int64_t *indptr = mem_array(mem, n + 1, sizeof *indptr);
    s->rows = n;
    s->cols = from->cols;
    s->indptr = indptr;
    if (!indptr)
        return false;
    indptr[0] = 0;
    for (size_t i = 0; i < n; i++)
        indptr[i + 1] = indptr[i] + from->indptr[row[i] + 1] - from->indptr[row[i]];
    int32_t *indices = mem_array(mem, (size_t)indptr[n], sizeof *indices);
    float *values = mem_array(mem, (size_t)indptr[n], sizeof *values);
    s->indices = indices;
    s->values = values;
    if (!indices || !values)
        return false;
    for (size_t i = 0; i < n; i++) {
        size_t count = (size_t)(indptr[i + 1] - indptr[i]);
        memcpy(indices + indptr[i], from->indices + from->indptr[row[i]], count * sizeof *indices);
        memcpy(values + indptr[i], from->values + from->indptr[row[i]], count * sizeof *values);
    }
    return true;
}

asx_st frame_take_rows(const struct asx_frame *from, const uint32_t *row, size_t n, struct mem *mem, struct asx_frame **out,
                       struct asx_err *err)
{
    bool all = n == from->rows;
    for (size_t i = 0; i < n; i++) {
        if (row[i] >= from->rows)
            return err_set(err, ASX_E_INVAL, "row %u is beyond the table's %zu rows; give rows that exist", row[i], from->rows);
        all = all && row[i] == i;
    }
    if (all) {
        *out = (struct asx_frame *)(uintptr_t)frame_get(from);
        return ASX_OK;
    }
    struct asx_frame *f = frame_create(mem, n);
    asx_st st = f ? ASX_OK : nomem(from, err);
    for (size_t j = 0; !st && j < from->columns; j++) {
        struct asx_column c = from->column[j];
        struct own own = own_of(from)->own[j];
        own.borrowed = false;
        own.levels = levels_get(own.levels);
        c.f64 = NULL, c.f32 = NULL, c.code = NULL, c.offset = NULL, c.bytes = NULL, c.missing = NULL;
        st = take_cells(&from->column[j], row, n, mem, &c) ? append(own_of(f), &c, &own, err) : nomem(f, err);
        if (st) {
            free_cells(&c);
            levels_put(own.levels);
        }
    }
    if (!st && from->sparse) {
        own_of(f)->sparse.rows = n;
        f->sparse = &own_of(f)->sparse;
        st = take_sparse(from->sparse, row, n, mem, &own_of(f)->sparse) ? ASX_OK : nomem(f, err);
    }
    if (!st)
        st = frame_seal(f, err);
    if (st)
        frame_put(f);
    else
        *out = f;
    return st;
}

static void borrow_sparse(struct frame *o, const struct asx_frame *from)
{
    if (!from->sparse)
        return;
    o->sparse = *from->sparse;
    o->sparse_key = own_of(from)->sparse_key;
    o->sparse_borrowed = true;
    o->f.sparse = &o->sparse;
}

asx_st frame_select(const struct asx_frame *from, const int32_t *column, size_t n, struct mem *mem, struct asx_frame **out,
                    struct asx_err *err)
{
    struct asx_frame *f = frame_create(mem, from->rows);
    asx_st st = f ? ASX_OK : nomem(from, err);
    for (size_t j = 0; !st && j < n; j++) {
        if (column[j] < 0 || (size_t)column[j] >= from->columns) {
            st = err_set(err, ASX_E_INVAL, "column %d is beyond the table's %zu columns; give columns that exist", column[j],
                         from->columns);
            break;
        }
        struct own own = own_of(from)->own[column[j]];
        own.borrowed = true;
        own.levels = levels_get(own.levels);
        st = append(own_of(f), &from->column[column[j]], &own, err);
        if (st)
            levels_put(own.levels);
    }
    if (st) {
        frame_put(f);
        return st;
    }
    struct frame *o = own_of(f);
    o->parent = frame_get(from);
    borrow_sparse(o, from);
    seal(o);
    *out = f;
    return ASX_OK;
}

/* One column of another frame by reference, under its own name or another. */
static asx_st borrow_column(struct frame *f, const struct asx_frame *from, size_t at, const char *name, struct asx_err *err)
{
    struct own own = own_of(from)->own[at];
    struct asx_column c = from->column[at];
    c.name = name ? name : c.name;
    own.borrowed = true;
    own.levels = levels_get(own.levels);
    asx_st st = append(f, &c, &own, err);
    if (st)
        levels_put(own.levels);
    return st;
}

asx_st frame_beside(const struct asx_frame *x, const struct asx_frame *y, const char *name, struct mem *mem, struct asx_frame **out,
                    struct asx_err *err)
{
    struct asx_frame *f = frame_create(mem, x->rows);
    asx_st st = f ? ASX_OK : nomem(x, err);
    for (size_t j = 0; !st && j < x->columns; j++)
        st = borrow_column(own_of(f), x, j, NULL, err);
    if (!st)
        st = borrow_column(own_of(f), y, 0, name, err);
    if (st) {
        frame_put(f);
        return st;
    }
    struct frame *o = own_of(f);
    o->parent = frame_get(x);
    o->beside = frame_get(y);
    borrow_sparse(o, x);
    seal(o);
    *out = f;
    return ASX_OK;
}

/* ---- asking -------------------------------------------------------------------- */

int frame_find_near(const struct asx_frame *f, const char *name, size_t hint)
{
    for (size_t k = 0, i = hint < f->columns ? hint : 0; k < f->columns; k++, i = i + 1 < f->columns ? i + 1 : 0) {
        if (strcmp(f->column[i].name, name) == 0)
            return (int)i;
    }
    return -1;
}

int frame_find(const struct asx_frame *f, const char *name)
{
    return frame_find_near(f, name, 0);
}

asx_st frame_require(const struct asx_frame *f, const char *name, int *at, struct asx_err *err)
{
    *at = frame_find(f, name);
    if (*at >= 0)
        return ASX_OK;
    const char **names = f->columns <= 5000 ? mem_array(NULL, f->columns, sizeof *names) : NULL;
    for (size_t i = 0; names && i < f->columns; i++)
        names[i] = f->column[i].name;
    const char *nearest = names ? err_nearest(name, names, f->columns) : NULL;
    if (nearest)
        err_set(err, ASX_E_INVAL, "no column '%.100s'; did you mean '%.100s'?", name, nearest);
    else if (f->columns > 1)
        err_set(err, ASX_E_INVAL, "no column '%.100s'; the first columns are '%.40s', '%.40s'", name, f->column[0].name,
                f->column[1].name);
    else
        err_set(err, ASX_E_INVAL, "no column '%.100s'; the only column is '%.100s'", name, f->columns ? f->column[0].name : "");
    mem_free(names);
    return ASX_E_INVAL;
}

bool frame_day_first(const struct asx_frame *f, int column)
{
    return own_of(f)->own[column].day_first;
}

void frame_set_day_first(struct asx_frame *f, int column, bool first)
{
    own_of(f)->own[column].day_first = first;
}

enum comma frame_comma(const struct asx_frame *f, int column)
{
    return own_of(f)->own[column].comma;
}

void frame_set_comma(struct asx_frame *f, int column, enum comma how)
{
    own_of(f)->own[column].comma = how;
}

uint64_t frame_bytes(const struct asx_frame *f)
{
    uint64_t bytes = sizeof(struct frame) + own_of(f)->capacity * (sizeof(struct asx_column) + sizeof(struct own));
    for (size_t j = 0; j < f->columns; j++) {
        const struct asx_column *c = &f->column[j];
        switch (c->store) {
        case ASX_STORE_F64: bytes += f->rows * sizeof *c->f64; break;
        case ASX_STORE_F32: bytes += f->rows * sizeof *c->f32; break;
        case ASX_STORE_CODE:
            bytes += f->rows * sizeof *c->code + c->levels * sizeof *c->level;
            bytes += own_of(f)->own[j].levels->bytes ? mem_size(own_of(f)->own[j].levels->bytes) : 0;
            break;
        case ASX_STORE_STRING:
            bytes += (f->rows + 1) * sizeof *c->offset + c->offset[f->rows] + (c->missing ? f->rows / 8 : 0);
            break;
        }
    }
    if (f->sparse)
        bytes += (f->rows + 1) * sizeof(int64_t) + (uint64_t)f->sparse->indptr[f->rows] * 8;
    return bytes;
}
