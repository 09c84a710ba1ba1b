/* SPDX-License-Identifier: Apache-2.0 */
#include "data/store.h"
#include "base/err.h"

#include <math.h>

enum { ROW_STREAM = 0x726f77 };

static asx_st nomem(size_t rows, struct asx_err *err)
{
    return err_set(err, ASX_E_NOMEM, "the table does not fit in memory (after %zu rows); raise the memory limit", rows);
}

asx_st store_init(struct store *s, const struct data_options *o, struct mem *mem, size_t columns, struct asx_err *err)
{
    *s = (struct store){.mem = mem, .columns = columns, .threshold = UINT64_MAX, .max_rows = o->max_rows, .budget = o->byte_budget};
    s->rows = rng_stream(o->seed, ROW_STREAM, 0, 0);
    uint64_t limit = mem_limit(mem);
    if (!s->budget && limit)
        s->budget = limit > mem_used(mem) ? (limit - mem_used(mem)) / 5 * 4 : 1;
    s->column = mem_calloc(mem, columns, sizeof *s->column);
    for (size_t j = 0; s->column && j < columns; j++)
        dict_init(&s->column[j].dict, mem);
    return s->column ? ASX_OK : nomem(0, err);
}

static void empty(struct store_column *c)
{
    mem_free(c->f32);
    mem_free(c->f64);
    mem_free(c->code);
    dict_clear(&c->dict);
    c->f32 = NULL, c->f64 = NULL, c->code = NULL;
    c->n = c->capacity = 0;
}

void store_clear(struct store *s)
{
    for (size_t j = 0; s->column && j < s->columns; j++)
        empty(&s->column[j]);
    mem_free(s->column);
    s->column = NULL;
}

/* ---- one column ------------------------------------------------------------------ */

static size_t width(const struct store_column *c)
{
    return c->mode == CSV_SKIP ? 0 : c->wide ? 8 : 4;
}

static bool resize(struct store *s, struct store_column *c, size_t capacity)
{
    void *old = c->mode == CSV_WORDS ? (void *)c->code : c->wide ? (void *)c->f64 : (void *)c->f32;
    if (capacity > SIZE_MAX / 8)
        return false;
    void *p = mem_realloc(s->mem, old, capacity * width(c));
    if (!p)
        return false;
    if (c->mode == CSV_WORDS)
        c->code = p;
    else if (c->wide)
        c->f64 = p;
    else
        c->f32 = p;
    c->capacity = capacity;
    return true;
}

static bool reserve(struct store *s, struct store_column *c, size_t more)
{
    size_t need = c->n + more;
    if (need <= c->capacity)
        return true;
    double share = s->threshold == UINT64_MAX ? 1 : (double)s->threshold / 18446744073709551616.0;
    /* the first rows reserve nothing ahead: what the whole file needs is judged against the budget after them */
    size_t expected = s->seen ? (size_t)(s->expected * share * 1.01) : 0;
    return resize(s, c, expected >= need ? expected : need + need / 4);
}

/* Numbers held as f32 become the doubles their text meant. */
static bool widen(struct store *s, struct store_column *c)
{
    double *wide = mem_array(s->mem, c->capacity ? c->capacity : 1, sizeof *wide);
    if (!wide)
        return false;
    for (size_t i = 0; i < c->n; i++)
        wide[i] = number_from_f32(c->f32[i]);
    mem_free(c->f32);
    c->f32 = NULL;
    c->f64 = wide;
    c->wide = true;
    return true;
}

/* In place, from the front: a float never overtakes the double it comes from. */
static void round_column(struct store *s, struct store_column *c)
{
    char *bytes = (char *)c->f64;
    for (size_t i = 0; i < c->n; i++) {
        float f = (float)c->f64[i];
        memcpy(bytes + i * sizeof f, &f, sizeof f);
    }
    c->f64 = NULL;
    c->f32 = (float *)(void *)bytes;
    c->wide = false;
    resize(s, c, c->n ? c->n : 1);
}

static bool must_widen(const struct store *s, const struct store_column *c)
{
    if (!(c->flags & NUMBER_FRACTION) || c->wide)
        return false;
    return c->exact || (!s->rounded && (!s->narrow || (c->flags & NUMBER_LONG)));
}

struct append {
    struct store *s;
    const char *window;
    const struct csv_piece *piece;
    size_t pieces;
    const struct csv_spec *spec;
    uint32_t **keep; /* [pieces] rows kept, NULL: all */
    size_t *kept;    /* [pieces] */
    bool *failed;    /* [columns] out of memory */
    char **scratch;  /* [columns] for doubled quotes */
};

static bool append_numbers(struct append *a, struct store_column *c, size_t slot)
{
    for (size_t i = 0; i < a->pieces; i++) {
        c->flags |= a->piece[i].flags[slot];
        c->failed = c->failed || a->piece[i].words[slot];
    }
    if (c->failed) {
        empty(c);
        return true;
    }
    if (must_widen(a->s, c) && !widen(a->s, c))
        return false;
    for (size_t i = 0; i < a->pieces; i++) {
        const struct csv_piece *p = &a->piece[i];
        const double *from = (const double *)(const void *)(p->cells + slot * p->capacity);
        const uint32_t *keep = a->keep ? a->keep[i] : NULL;
        size_t n = a->kept[i];
        if (!reserve(a->s, c, n))
            return false;
        if (c->wide) {
            double *to = c->f64 + c->n;
            for (size_t k = 0; k < n; k++)
                to[k] = from[keep ? keep[k] : k];
        } else {
            float *to = c->f32 + c->n;
            for (size_t k = 0; k < n; k++)
                to[k] = (float)from[keep ? keep[k] : k];
        }
        c->n += n;
    }
    return true;
}

static bool append_words(struct append *a, struct store_column *c, size_t slot)
{
    char small[256];
    for (size_t i = 0; i < a->pieces; i++) {
        const struct csv_piece *p = &a->piece[i];
        const uint64_t *from = p->cells + slot * p->capacity;
        const uint32_t *keep = a->keep ? a->keep[i] : NULL;
        size_t n = a->kept[i];
        if (!reserve(a->s, c, n))
            return false;
        for (size_t k = 0; k < n; k++) {
            uint64_t word = from[keep ? keep[k] : k];
            int32_t code = -1;
            if (word != CSV_MISSING) {
                const char *text = a->window + (uint32_t)word;
                size_t size = (size_t)((word & ~CSV_DOUBLED) >> 32);
                char *plain = NULL;
                if (word & CSV_DOUBLED) {
                    plain = size <= sizeof small ? small : mem_alloc(a->s->mem, size);
                    if (!plain)
                        return false;
                    size = scan_undouble(text, size, plain);
                    text = plain;
                }
                code = dict_add(&c->dict, text, size);
                if (plain && plain != small)
                    mem_free(plain);
                if (code < 0)
                    return false;
            }
            c->code[c->n + k] = code;
        }
        c->n += n;
    }
    return true;
}

static void append_column(void *arg, size_t j, int worker)
{
    struct append *a = arg;
    struct store_column *c = &a->s->column[j];
    (void)worker;
    if (c->done || c->failed || c->mode == CSV_SKIP)
        return;
    a->failed[j] = !(c->mode == CSV_NUMBER ? append_numbers(a, c, a->spec[j].slot) : append_words(a, c, a->spec[j].slot));
}

/* ---- budget ---------------------------------------------------------------------- */

/* Words end up as codes (4 bytes), dates (8), or text (an offset of 8 beside its bytes): the larger counts. */
static size_t final_width(const struct store_column *c)
{
    return c->mode == CSV_WORDS ? 8 : width(c);
}

uint64_t store_bytes(const struct store *s)
{
    uint64_t bytes = 0;
    for (size_t j = 0; j < s->columns; j++)
        bytes += s->column[j].capacity * final_width(&s->column[j]) + dict_bytes(&s->column[j].dict);
    return bytes;
}

/* Bytes the frame will have, were the rest of the file like what was seen. */
static double projected(const struct store *s)
{
    double rows = s->expected > (double)s->seen ? s->expected : (double)s->seen, bytes = 0;
    double share = s->seen ? (double)s->kept / (double)s->seen : 1;
    for (size_t j = 0; j < s->columns; j++) {
        const struct store_column *c = &s->column[j];
        bytes += rows * share * (double)final_width(c);
        if (c->mode != CSV_WORDS || c->n == 0)
            continue;
        double each = (double)dict_bytes(&c->dict) / (double)c->n; /* unlike cells go on being unlike; like ones do not grow */
        bytes += c->dict.n * 2 > c->n ? rows * share * each : (double)dict_bytes(&c->dict);
    }
    return bytes;
}

struct shrink {
    struct store *s;
    uint32_t *keep, *keep_done; /* positions among the rows kept so far */
    size_t n, n_done;
};

static void shrink_column(void *arg, size_t j, int worker)
{
    struct shrink *k = arg;
    struct store_column *c = &k->s->column[j];
    (void)worker;
    const uint32_t *keep = c->done ? k->keep_done : k->keep;
    size_t n = c->done ? k->n_done : k->n;
    if (c->mode == CSV_SKIP || c->failed || c->n == 0)
        return;
    for (size_t i = 0; i < n; i++) {
        if (c->mode == CSV_WORDS)
            c->code[i] = c->code[keep[i]];
        else if (c->wide)
            c->f64[i] = c->f64[keep[i]];
        else
            c->f32[i] = c->f32[keep[i]];
    }
    c->n = n;
    resize(k->s, c, n ? n : 1); /* a failure to shrink is no failure */
}

/* Positions, among rows [0, rows) kept under the old threshold, of those kept under the new one. */
static size_t survivors(const struct store *s, size_t rows, uint64_t threshold, uint32_t *keep)
{
    size_t n = 0;
    uint32_t at = 0;
    for (size_t r = 0; r < rows; r++) {
        uint64_t h = rng_at(&s->rows, r);
        if (s->threshold != UINT64_MAX && h >= s->threshold)
            continue;
        if (h < threshold)
            keep[n++] = at;
        at++;
    }
    return n;
}

static asx_st shrink(struct store *s, const struct data_par *par, double share, struct asx_err *err)
{
    double old = s->threshold == UINT64_MAX ? 18446744073709551616.0 : (double)s->threshold;
    uint64_t threshold = (uint64_t)(old * (share < 0.999 ? share : 0.999));
    struct shrink k = {.s = s};
    size_t done = s->total;
    k.keep = mem_array(NULL, s->kept, sizeof *k.keep);
    k.keep_done = done ? mem_array(NULL, done, sizeof *k.keep_done) : NULL;
    if (!k.keep || (done && !k.keep_done)) {
        mem_free(k.keep);
        mem_free(k.keep_done);
        return nomem(s->seen, err);
    }
    k.n = survivors(s, s->seen, threshold, k.keep);
    if (done)
        k.n_done = survivors(s, done, threshold, k.keep_done);
    data_par_run(par, s->columns, shrink_column, &k);
    s->threshold = threshold;
    s->kept = k.n;
    mem_free(k.keep);
    mem_free(k.keep_done);
    return ASX_OK;
}

static void round_all(struct store *s)
{
    s->rounded = true;
    for (size_t j = 0; j < s->columns; j++) {
        if (s->column[j].mode == CSV_NUMBER && s->column[j].wide && !s->column[j].exact)
            round_column(s, &s->column[j]);
    }
}

/* Keeps the store within its limits: first rounds numbers, then drops rows. */
static asx_st fit(struct store *s, const struct data_par *par, struct asx_err *err)
{
    asx_st st = ASX_OK;
    double budget = (double)s->budget;
    if (s->budget && !s->rounded && projected(s) > budget)
        round_all(s);
    double p = projected(s);
    if (s->budget && p > budget)
        st = shrink(s, par, 0.92 * budget / p, err);
    double share = s->seen ? (double)s->kept / (double)s->seen : 1;
    if (!st && s->max_rows && s->expected * share > 1.05 * (double)s->max_rows)
        st = shrink(s, par, (double)s->max_rows / (s->expected * share), err);
    while (!st && s->max_rows && s->kept > s->max_rows)
        st = shrink(s, par, 0.98 * (double)s->max_rows / (double)s->kept, err);
    while (!st && s->budget && store_bytes(s) > s->budget && s->kept > 16)
        st = shrink(s, par, 0.75, err);
    return st;
}

/* ---- appending --------------------------------------------------------------------- */

/* Which rows of each piece are kept. */
static bool choose(struct append *a)
{
    struct store *s = a->s;
    size_t total = 0, at = 0, row = s->seen;
    for (size_t i = 0; i < a->pieces; i++) {
        a->kept[i] = a->piece[i].rows;
        total += a->piece[i].rows;
    }
    if (s->threshold == UINT64_MAX)
        return true;
    a->keep = mem_calloc(s->mem, a->pieces, sizeof *a->keep);
    uint32_t *list = a->keep ? mem_array(s->mem, total, sizeof *list) : NULL;
    if (!list)
        return false;
    for (size_t i = 0; i < a->pieces; i++) {
        a->keep[i] = list + at;
        a->kept[i] = 0;
        for (size_t k = 0; k < a->piece[i].rows; k++, row++) {
            if (rng_at(&s->rows, row) < s->threshold)
                a->keep[i][a->kept[i]++] = (uint32_t)k;
        }
        at += a->kept[i];
    }
    return true;
}

asx_st store_append(struct store *s, const struct data_par *par, const char *window, const struct csv_piece *piece, size_t pieces,
                    const struct csv_spec *spec, struct asx_err *err)
{
    struct append a = {.s = s, .window = window, .piece = piece, .pieces = pieces, .spec = spec};
    a.kept = mem_array(s->mem, pieces, sizeof *a.kept);
    a.failed = mem_calloc(s->mem, s->columns, sizeof *a.failed);
    bool good = a.kept && a.failed && choose(&a);
    if (good) {
        data_par_run(par, s->columns, append_column, &a);
        for (size_t j = 0; j < s->columns; j++)
            good = good && !a.failed[j];
        for (size_t i = 0; i < pieces; i++) {
            s->seen += piece[i].rows;
            s->kept += a.kept[i];
        }
    }
    if (a.keep)
        mem_free(a.keep[0]);
    mem_free(a.keep);
    mem_free(a.kept);
    mem_free(a.failed);
    return good ? fit(s, par, err) : nomem(s->seen, err);
}

void store_pass(struct store *s)
{
    s->total = s->seen;
    s->seen = s->kept = 0;
    for (size_t j = 0; j < s->columns; j++)
        s->column[j].done = !s->column[j].failed;
}
