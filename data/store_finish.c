/* SPDX-License-Identifier: Apache-2.0 */
/* From stores to typed columns of a frame. */
#include "base/err.h"
#include "data/infer.h"
#include "data/store.h"

#include <stdio.h>

struct finish {
    struct store *s;
    const struct data_options *o;
    const char *file;
    char *const *name;
    struct infer_output *out; /* [columns] */
    asx_st *status;
    struct first_error *error; /* [threads] */
};

/* The error of the lowest column a worker met: the lowest of all is among them, whoever did what. */
struct first_error {
    size_t column;
    struct asx_err err;
};

static void keep_first(struct first_error *e, size_t j, const struct asx_err *err)
{
    if (e->err.code == ASX_OK || j < e->column) {
        e->err = *err;
        e->column = j;
    }
}

/* Dictionary texts that are no UTF-8 are taken for Latin-1; equal ones fall together. */
static bool make_utf8(struct dict *d, int32_t *code, size_t rows, struct mem *mem)
{
    bool good = true;
    for (size_t i = 0; good && i < d->n; i++)
        good = scan_utf8(dict_text(d, i), dict_size(d, i));
    if (good)
        return true;
    struct dict fixed;
    dict_init(&fixed, mem);
    int32_t *to = mem_array(mem, d->n, sizeof *to);
    good = to != NULL;
    for (size_t i = 0; good && i < d->n; i++) {
        size_t size = dict_size(d, i);
        if (scan_utf8(dict_text(d, i), size)) {
            to[i] = dict_add(&fixed, dict_text(d, i), size);
        } else {
            char *text = mem_alloc(mem, 2 * size + 1);
            to[i] = text ? dict_add(&fixed, text, scan_latin1(dict_text(d, i), size, text)) : -1;
            mem_free(text);
        }
        good = to[i] >= 0;
    }
    for (size_t i = 0; good && i < rows; i++)
        code[i] = code[i] < 0 ? -1 : to[code[i]];
    mem_free(to);
    if (good) {
        dict_clear(d);
        *d = fixed;
    } else {
        dict_clear(&fixed);
    }
    return good;
}

static void finish_words(void *arg, size_t j, int worker)
{
    struct finish *f = arg;
    struct store_column *c = &f->s->column[j];
    struct asx_err err = {0};
    if (c->mode != CSV_WORDS)
        return;
    const struct data_type *type = data_type_of(f->o, f->name[j], j);
    if (!make_utf8(&c->dict, c->code, c->n, f->s->mem)) {
        f->status[j] = err_set(&err, ASX_E_NOMEM, "column '%.100s' does not fit in memory; raise the memory limit", f->name[j]);
        keep_first(&f->error[worker], j, &err);
        return;
    }
    struct infer_input in = {.name = f->name[j],
                             .file = f->file,
                             .dict = &c->dict,
                             .code = c->code,
                             .rows = c->n,
                             .mem = f->s->mem,
                             .type = type ? type->type : ASX_TYPES,
                             .lenient = f->o->lenient,
                             .day_first = type ? type->day_first : 0,
                             .comma = type ? type->comma : COMMA_NONE,
                             .guess = f->s->comma_guess};
    c->code = NULL;
    f->status[j] = infer_column(&in, &f->out[j], &err);
    if (f->status[j])
        keep_first(&f->error[worker], j, &err);
    c->capacity = 0;
}

static asx_st finish_numbers(struct finish *f, size_t j, struct asx_frame *frame, struct asx_err *err)
{
    struct store_column *c = &f->s->column[j];
    struct asx_column column = {.name = f->name[j], .type = ASX_NUMERIC, .store = c->wide ? ASX_STORE_F64 : ASX_STORE_F32};
    void *cells = c->wide ? (void *)c->f64 : (void *)c->f32;
    void *tight = mem_realloc(f->s->mem, cells, (c->n ? c->n : 1) * (c->wide ? sizeof(double) : sizeof(float)));
    cells = tight ? tight : cells;
    if (!cells)
        return err_set(err, ASX_E_NOMEM, "column '%.100s' does not fit in memory; raise the memory limit", f->name[j]);
    column.f64 = c->wide ? cells : NULL;
    column.f32 = c->wide ? NULL : cells;
    f->s->rounded_columns += f->s->rounded && !c->wide && (c->flags & NUMBER_LONG);
    c->f32 = NULL;
    c->f64 = NULL;
    c->capacity = 0;
    return frame_take(frame, &column, NULL, err);
}

static void drop_output(struct infer_output *o)
{
    const void *part[] = {o->column.f64,    o->column.f32,   o->column.code,    o->column.level,
                          o->column.offset, o->column.bytes, o->column.missing, o->level_bytes};
    for (size_t i = 0; i < sizeof part / sizeof part[0]; i++)
        mem_free((void *)(uintptr_t)part[i]);
}

/* Where commas separate cells, and wherever they separate thousands, the user hears how such numbers were read. */
static void warn_commas(const struct finish *f, const struct asx_frame *frame, bool thousands, const struct event_sink *sink)
{
    char list[400];
    size_t n = 0, at = 0;
    for (size_t j = 0; j < frame->columns; j++) {
        enum comma how = frame_comma(frame, (int)j);
        if (how == COMMA_NONE || (how == COMMA_THOUSANDS) != thousands || data_type_of(f->o, frame->column[j].name, j))
            continue;
        if (n < 5)
            at += (size_t)snprintf(list + at, sizeof list - at, "%s'%.60s'", n ? ", " : "", frame->column[j].name);
        n++;
    }
    if (n && (thousands || f->s->comma_guess == COMMA_THOUSANDS))
        event_send(sink, EVENT_WARNING, thousands ? "data.thousands" : "data.decimal_comma",
                   "%s %s%s %s read as numbers with %s; data.types says otherwise", n == 1 ? "column" : "columns", list,
                   n > 5 ? ", ..." : "", n == 1 ? "is" : "are", thousands ? "commas between thousands" : "decimal commas");
}

asx_st store_finish(struct store *s, const struct data_options *o, const struct data_par *par, const char *file, char *const *name,
                    const struct event_sink *sink, struct asx_frame *frame, struct asx_err *err)
{
    struct finish f = {.s = s, .o = o, .file = file, .name = name};
    f.out = mem_calloc(s->mem, s->columns, sizeof *f.out);
    f.status = mem_calloc(s->mem, s->columns, sizeof *f.status);
    f.error = mem_calloc(s->mem, (size_t)data_par_threads(par), sizeof *f.error);
    bool ready = f.out && f.status && f.error;
    asx_st st = ready ? ASX_OK : err_set(err, ASX_E_NOMEM, "the table does not fit in memory; raise the memory limit");
    if (!st)
        data_par_run(par, s->columns, finish_words, &f);
    const struct first_error *first = NULL;
    for (int t = 0; ready && t < data_par_threads(par); t++) {
        if (f.error[t].err.code && (!first || f.error[t].column < first->column))
            first = &f.error[t];
    }
    if (first) {
        st = first->err.code;
        if (err && err->code == ASX_OK)
            *err = first->err;
    }
    for (size_t j = 0; j < s->columns && ready; j++) {
        struct store_column *c = &s->column[j];
        if (!st && c->mode == CSV_NUMBER)
            st = finish_numbers(&f, j, frame, err);
        if (c->mode != CSV_WORDS || f.status[j])
            continue;
        if (st) {
            drop_output(&f.out[j]);
            continue;
        }
        if (f.out[j].stray)
            event_send(sink, EVENT_WARNING, "data.stray_word", "column '%.100s' is numeric but for '%.40s'; add it to data.missing",
                       name[j], f.out[j].stray);
        st = frame_take(frame, &f.out[j].column, f.out[j].level_bytes, err);
        if (st)
            continue;
        frame_set_day_first(frame, (int)frame->columns - 1, f.out[j].day_first);
        frame_set_comma(frame, (int)frame->columns - 1, f.out[j].comma);
    }
    for (int thousands = 0; thousands < 2 && !st; thousands++)
        warn_commas(&f, frame, thousands, sink);
    mem_free(f.out);
    mem_free(f.status);
    mem_free(f.error);
    return st;
}
