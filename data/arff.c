/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ARFF (attribute-relation file format, Weka): a header of @attribute lines, then @data and one row a line.
 * numeric, integer and real are numeric; {a, b} is categorical and admits only what it lists; string is text or
 * categorical as its cells decide; date is datetime. `?` is missing, as are the usual words unless an attribute lists them.
 * Names and cells may stand in '...' or "..." with backslash escapes; % begins a comment line. Rows in sparse form and
 * relational attributes are refused.
 */
#include "base/err.h"
#include "data/lines.h"
#include "data/store.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

enum { BATCH = 4096 };

struct attribute {
    char *name;
    enum asx_type type; /* ASX_TYPES: string */
    struct dict levels; /* nominal */
};

struct arff {
    const struct data_options *o;
    struct mem *mem;
    struct lines lines;
    struct attribute *attribute;
    size_t n, capacity;
    struct data_options with; /* the caller's options and the declared types */
    struct data_type *types;
    char **name;
    struct csv_spec *spec;
    struct csv_piece piece;
    size_t slots;
    struct store store;
    struct missing_words missing;
};

static asx_st nomem(const struct arff *a, struct asx_err *err)
{
    return err_set(err, ASX_E_NOMEM, "no memory to read '%s'; raise the memory limit", a->lines.source->name);
}

static __attribute__((format(printf, 5, 6))) asx_st fault(const struct arff *a, const char *line, const char *at,
                                                          struct asx_err *err, const char *fmt, ...)
{
    char text[400];
    va_list list;
    va_start(list, fmt);
    vsnprintf(text, sizeof text, fmt, list);
    va_end(list);
    return err_at(err, ASX_E_DATA, a->lines.source->name, (int)a->lines.line, (int)(at - line) + 1, "%s", text);
}

static char *blanks(char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t'))
        p++;
    return p;
}

/*
 * The token at p: quoted (unescaped in place) or up to a blank or one of `stops`. Returns what follows; NULL: open quote.
 */
static char *token(char *p, char *end, const char *stops, bool blanks_stop, char **text, size_t *size, bool *quoted)
{
    *quoted = p < end && (*p == '\'' || *p == '"');
    if (*quoted) {
        char quote = *p++, *to = p;
        *text = p;
        for (; p < end && *p != quote; p++) {
            if (*p == '\\' && p + 1 < end) {
                p++;
                *to++ = *p == 'n' ? '\n' : *p == 't' ? '\t' : *p;
            } else {
                *to++ = *p;
            }
        }
        *size = (size_t)(to - *text);
        return p < end ? p + 1 : NULL;
    }
    *text = p;
    while (p < end && !(*p && strchr(stops, *p)) && !(blanks_stop && (*p == ' ' || *p == '\t')))
        p++;
    *size = (size_t)(p - *text);
    while (*size && ((*text)[*size - 1] == ' ' || (*text)[*size - 1] == '\t'))
        (*size)--;
    return p;
}

/* ---- header ------------------------------------------------------------------------- */

static asx_st nominal(struct arff *a, struct attribute *t, char *line, char *p, char *end, struct asx_err *err)
{
    for (;;) {
        char *text;
        size_t size;
        bool quoted;
        p = blanks(p, end);
        char *start = p;
        p = token(p, end, ",}", false, &text, &size, &quoted);
        if (!p)
            return fault(a, line, start, err, "a quote is never closed; add the missing quote");
        if ((size || quoted) && dict_add(&t->levels, text, size) < 0)
            return nomem(a, err);
        p = blanks(p, end);
        if (p >= end)
            return fault(a, line, start, err, "the values of attribute '%.100s' do not end in '}'; add it", t->name);
        if (*p == '}')
            return ASX_OK;
        if (*p != ',')
            return fault(a, line, p, err, "values of attribute '%.100s' are not separated by commas; separate them", t->name);
        p++;
    }
}

static asx_st attribute(struct arff *a, char *line, char *p, char *end, struct asx_err *err)
{
    char *text;
    size_t size;
    bool quoted;
    if (a->n == a->capacity) {
        size_t capacity = a->capacity ? a->capacity * 2 : 32;
        struct attribute *bigger = mem_realloc(a->mem, a->attribute, capacity * sizeof *bigger);
        if (!bigger)
            return nomem(a, err);
        a->attribute = bigger;
        a->capacity = capacity;
    }
    p = blanks(p, end);
    char *start = p;
    p = token(p, end, "{", true, &text, &size, &quoted);
    if (!p || !size)
        return fault(a, line, start, err, "an attribute has no name; give '@attribute NAME TYPE'");
    for (size_t i = 0; i < a->n; i++) {
        if (strlen(a->attribute[i].name) == size && memcmp(a->attribute[i].name, text, size) == 0)
            return fault(a, line, start, err, "column name '%.100s' is used twice; rename one of the attributes",
                         a->attribute[i].name);
    }
    struct attribute *t = &a->attribute[a->n];
    memset(t, 0, sizeof *t);
    dict_init(&t->levels, a->mem);
    t->type = ASX_TYPES;
    if (scan_utf8(text, size)) {
        t->name = mem_strndup(a->mem, text, size);
    } else {
        t->name = mem_alloc(a->mem, 2 * size + 1);
        if (t->name)
            scan_latin1(text, size, t->name);
    }
    if (!t->name)
        return nomem(a, err);
    a->n++;
    p = blanks(p, end);
    if (p < end && *p == '{') {
        t->type = ASX_CATEGORICAL;
        return nominal(a, t, line, p + 1, end, err);
    }
    start = p;
    p = token(p, end, "", true, &text, &size, &quoted);
    static const struct {
        const char *word;
        enum asx_type type;
    } kind[] = {
        {"numeric", ASX_NUMERIC}, {"real", ASX_NUMERIC}, {"integer", ASX_NUMERIC}, {"string", ASX_TYPES}, {"date", ASX_DATETIME}};
    for (size_t i = 0; p && i < sizeof kind / sizeof kind[0]; i++) {
        if (strlen(kind[i].word) == size && strncasecmp(kind[i].word, text, size) == 0) {
            t->type = kind[i].type;
            return ASX_OK;
        }
    }
    return fault(a, line, start, err, "'%.*s' is no attribute type that is read; use numeric, {values}, string or date",
                 size < 40 ? (int)size : 40, text);
}

/* Reads to @data. ASX_NONE: not there yet. */
static asx_st header_line(struct arff *a, char *line, char *end, struct asx_err *err)
{
    char *p = blanks(line, end);
    if (p == end || *p == '%')
        return ASX_NONE;
    size_t left = (size_t)(end - p);
    if (left >= 9 && strncasecmp(p, "@relation", 9) == 0)
        return ASX_NONE;
    if (left >= 5 && strncasecmp(p, "@data", 5) == 0)
        return a->n ? ASX_OK : fault(a, line, p, err, "@data comes before any @attribute; declare the columns first");
    if (left >= 10 && strncasecmp(p, "@attribute", 10) == 0) {
        asx_st st = attribute(a, line, p + 10, end, err);
        return st ? st : ASX_NONE;
    }
    return fault(a, line, p, err, "the header holds neither @attribute nor @data here; check that this is an ARFF file");
}

static asx_st plan(struct arff *a, struct asx_err *err)
{
    a->name = mem_array(a->mem, a->n, sizeof *a->name);
    a->types = mem_array(a->mem, a->n + a->o->n_types, sizeof *a->types);
    a->spec = mem_calloc(a->mem, a->n, sizeof *a->spec);
    if (!a->name || !a->types || !a->spec)
        return nomem(a, err);
    for (size_t j = 0; j < a->n; j++)
        a->name[j] = a->attribute[j].name;
    asx_st st = data_check_names(a->o, a->lines.source->name, a->name, a->n, err);
    if (!st)
        st = store_init(&a->store, a->o, a->mem, a->n, err);
    if (st)
        return st;
    a->with = *a->o;
    struct data_wishes wishes = data_wishes_of(a->o);
    size_t types = 0;
    for (; types < a->o->n_types; types++)
        a->types[types] = a->o->types[types];
    for (size_t j = 0; j < a->n; j++) {
        const struct data_type *given = data_type_of(a->o, a->name[j], j);
        enum asx_type type = given ? given->type : a->attribute[j].type;
        if (!given && type != ASX_TYPES)
            a->types[types++] = (struct data_type){a->name[j], type, 0, COMMA_NONE};
        enum csv_mode mode = !data_wanted(&wishes, a->name[j], j) ? CSV_SKIP : type == ASX_NUMERIC ? CSV_NUMBER : CSV_WORDS;
        a->store.column[j].mode = mode;
        a->store.column[j].exact = data_exact(&wishes, a->name[j], j);
        a->spec[j] = (struct csv_spec){mode, mode == CSV_NUMBER, a->slots};
        a->slots += mode != CSV_SKIP;
    }
    a->with.types = a->types;
    a->with.n_types = types;
    a->store.narrow = a->lines.source->size >= 32u << 20;
    size_t batch = 4000000 / (a->n + 1) + 1;
    a->piece.capacity = batch < BATCH ? batch : BATCH;
    a->piece.cells = mem_array(a->mem, a->piece.capacity * a->slots, sizeof *a->piece.cells);
    a->piece.flags = mem_calloc(a->mem, a->slots, sizeof *a->piece.flags);
    a->piece.words = mem_calloc(a->mem, a->slots, sizeof *a->piece.words);
    return a->piece.cells && a->piece.flags && a->piece.words ? ASX_OK : nomem(a, err);
}

/* ---- data ---------------------------------------------------------------------------- */

static asx_st store_cell(struct arff *a, size_t j, const char *line, char *text, size_t size, bool quoted, struct asx_err *err)
{
    const struct csv_spec *spec = &a->spec[j];
    const struct attribute *t = &a->attribute[j];
    uint64_t *cell = &a->piece.cells[spec->slot * a->piece.capacity + a->piece.rows];
    int shown = size < 60 ? (int)size : 60;
    bool listed = t->levels.n && dict_find(&t->levels, text, size) >= 0;
    bool missing = !listed && !(quoted && size) && missing_words_has(&a->missing, text, size);
    if (t->type == ASX_CATEGORICAL && t->levels.n && !missing && !listed)
        return fault(a, line, text, err, "'%.*s' is none of the values declared for '%.100s'; declare it or correct the row", shown,
                     text, t->name);
    if (spec->mode == CSV_SKIP)
        return ASX_OK;
    if (spec->mode == CSV_WORDS) {
        *cell = missing ? CSV_MISSING : (uint64_t)(text - a->lines.buffer) | (uint64_t)size << 32;
        return ASX_OK;
    }
    double v = NAN;
    uint32_t flags = 0;
    if (!missing && !number_parse(text, size, &v, &flags))
        return fault(a, line, text, err, "cell '%.*s' of numeric column '%.100s' is no number; correct it", shown, text, t->name);
    if (flags & NUMBER_INFINITE)
        return fault(a, line, text, err, "numeric column '%.100s' holds an infinite number; use ? if the value is missing",
                     t->name);
    a->piece.flags[spec->slot] |= flags;
    memcpy(cell, &v, sizeof v);
    return ASX_OK;
}

static asx_st data_line(struct arff *a, char *line, char *end, struct asx_err *err)
{
    char *p = blanks(line, end);
    if (p == end || *p == '%') {
        a->piece.blank.pending += p == end;
        return ASX_OK;
    }
    if (*p == '{')
        return err_at(err, ASX_E_UNSUPPORTED, a->lines.source->name, (int)a->lines.line, (int)(p - line) + 1,
                      "rows in sparse form ({index value, ...}) are not read; write all cells, or use libsvm format");
    for (size_t j = 0;; j++) {
        char *text;
        size_t size;
        bool quoted;
        p = blanks(p, end);
        char *start = p;
        p = token(p, end, ",", false, &text, &size, &quoted);
        if (!p)
            return fault(a, line, start, err, "a quoted cell is never closed; add the missing quote");
        p = blanks(p, end);
        if (p < end && *p != ',')
            return fault(a, line, p, err, "text follows a closing quote; escape quotes inside cells with a backslash");
        if (j < a->n) {
            asx_st st = store_cell(a, j, line, text, size, quoted, err);
            if (st)
                return st;
        }
        if (p >= end) {
            if (j + 1 != a->n)
                return fault(a, line, line, err, "the row has %zu cells where %zu attributes are declared; correct the row", j + 1,
                             a->n);
            a->piece.rows++;
            blank_lines_row(&a->piece.blank);
            return ASX_OK;
        }
        p++;
    }
}

static asx_st flush(struct arff *a, struct asx_err *err)
{
    if (!a->piece.rows)
        return ASX_OK;
    if (a->lines.source->size && a->lines.source->at)
        a->store.expected =
            (double)(a->store.seen + a->piece.rows) * (double)a->lines.source->size /
            (double)(a->lines.source->at - (a->lines.have - (a->lines.used < a->lines.have ? a->lines.used : a->lines.have)));
    asx_st st = store_append(&a->store, &a->o->par, a->lines.buffer, &a->piece, 1, a->spec, err);
    a->piece.rows = 0;
    memset(a->piece.flags, 0, a->slots * sizeof *a->piece.flags);
    return st;
}

static asx_st read_all(struct arff *a, struct asx_err *err)
{
    bool data = false;
    char *begin, *end;
    asx_st st;
    while ((st = lines_more(&a->lines, err)) == ASX_OK) {
        while (!st && lines_next(&a->lines, &begin, &end) == ASX_OK) {
            if (data) {
                st = data_line(a, begin, end, err);
                if (!st && a->piece.rows == a->piece.capacity)
                    st = flush(a, err);
                continue;
            }
            st = header_line(a, begin, end, err);
            data = st == ASX_OK;
            st = data ? plan(a, err) : st == ASX_NONE ? ASX_OK : st;
        }
        if (!st && data)
            st = flush(a, err); /* cells point into the window */
        if (!st && a->o->stop && a->o->stop(a->o->stop_arg))
            st = ASX_STOPPED;
        if (st)
            return st;
    }
    if (st != ASX_NONE)
        return st;
    if (!data || a->store.seen == 0)
        return err_at(err, ASX_E_DATA, a->lines.source->name, 0, 0, "there is no %s; give a table with at least one row",
                      data ? "data row" : "@data section");
    return a->store.kept ? ASX_OK
                         : err_set(err, ASX_E_LIMIT, "no row of '%s' fits the memory limit; raise it", a->lines.source->name);
}

static void clear(struct arff *a)
{
    for (size_t j = 0; j < a->n; j++) {
        mem_free(a->attribute[j].name);
        dict_clear(&a->attribute[j].levels);
    }
    store_clear(&a->store);
    mem_free(a->attribute);
    mem_free(a->name);
    mem_free(a->types);
    mem_free(a->spec);
    mem_free(a->piece.cells);
    mem_free(a->piece.flags);
    mem_free(a->piece.words);
    lines_clear(&a->lines);
}

asx_st arff_read(const struct data_options *o, struct source *source, struct mem *mem, const struct event_sink *sink,
                 struct asx_frame **out, struct data_read_facts *facts, struct asx_err *err)
{
    struct arff a = {.o = o, .mem = mem};
    lines_init(&a.lines, source, mem);
    missing_words_init(&a.missing, o->missing);
    struct asx_frame *frame = NULL;
    asx_st st = read_all(&a, err);
    if (!st) {
        frame = frame_create(mem, a.store.kept);
        st = frame ? ASX_OK : nomem(&a, err);
    }
    if (!st)
        st = store_finish(&a.store, &a.with, &o->par, source->name, a.name, sink, frame, err);
    if (!st)
        st = frame_seal(frame, err);
    if (st)
        frame_put(frame);
    else
        *out = frame;
    if (!st && a.store.kept < a.store.seen)
        event_send(sink, EVENT_WARNING, "data.sampled", "%zu of %zu rows were kept, as many as the limits allow", a.store.kept,
                   a.store.seen);
    *facts = (struct data_read_facts){source->size, a.store.seen,         a.store.kept, 0, true, 1, a.store.rounded_columns,
                                      "arff",       a.piece.blank.skipped};
    clear(&a);
    return st;
}
