/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* memrchr */
/* Delimited text: windows of the file through parsing and store; a second pass for columns that turned out to hold words. */
#include "base/err.h"
#include "data/store.h"

#include <math.h>

enum {
    SAMPLE = 64 << 10,
    SAMPLE_MOST = 64 << 20,
    WINDOW = 2 << 20,
    WINDOW_MOST = 256 << 20,
    PIECE = 128 << 10,
    PIECES = 32,
    NARROW_FROM = 32 << 20 /* smaller files keep their decimals as doubles: there is nothing to save */
};

/* The first infinite number of a column. */
struct infinite {
    size_t column;
    int line, at;
};

struct reader {
    const struct data_options *o;
    struct source *source;
    struct mem *mem;
    struct csv_layout layout;
    struct csv_spec *spec;
    struct store store;
    struct missing_words missing;
    char *buffer;
    size_t capacity, have;
    size_t line; /* of buffer[0] */
    struct csv_piece piece[PIECES];
    uint64_t *cells; /* of all pieces */
    size_t cells_capacity;
    uint32_t *flags; /* [PIECES * columns] */
    uint8_t *words;
    size_t slots;
    struct infinite infinite[64];
    int infinites;
    uint64_t consumed;
    struct blank_lines blank; /* of this pass */
};

static asx_st nomem(const struct reader *r, struct asx_err *err)
{
    return err_set(err, ASX_E_NOMEM, "no memory to read '%s'; raise the memory limit", r->source->name);
}

/* ---- names ------------------------------------------------------------------------- */

static size_t length_of(const char *const *list)
{
    size_t n = 0;
    while (list && list[n])
        n++;
    return n;
}

struct data_wishes data_wishes_of(const struct data_options *o)
{
    return (struct data_wishes){o, length_of(o->keep), length_of(o->ignore), length_of(o->exact)};
}

/* The list's columns in the file's order, some of the file's left out: at or before the same place, or else anywhere. */
static bool listed(const char *const *list, size_t n, const char *name, size_t column)
{
    size_t from = column + 1 < n ? column + 1 : n;
    for (size_t i = from; i-- > 0;)
        if (strcmp(list[i], name) == 0)
            return true;
    for (size_t i = from; i < n; i++)
        if (strcmp(list[i], name) == 0)
            return true;
    return false;
}

bool data_wanted(const struct data_wishes *w, const char *name, size_t column)
{
    return (!w->o->keep || listed(w->o->keep, w->keep, name, column)) && !listed(w->o->ignore, w->ignore, name, column);
}

bool data_exact(const struct data_wishes *w, const char *name, size_t column)
{
    return listed(w->o->exact, w->exact, name, column);
}

const struct data_type *data_type_of(const struct data_options *o, const char *name, size_t column)
{
    size_t from = column + 1 < o->n_types ? column + 1 : o->n_types;
    for (size_t i = from; i-- > 0;)
        if (strcmp(o->types[i].name, name) == 0)
            return &o->types[i];
    for (size_t i = from; i < o->n_types; i++)
        if (strcmp(o->types[i].name, name) == 0)
            return &o->types[i];
    return NULL;
}

/* Looks at column `hint` first, then at those after it. */
static bool has_name(char *const *name, size_t columns, const char *wanted, size_t hint)
{
    for (size_t k = 0; k < columns; k++)
        if (strcmp(name[(hint + k) % columns], wanted) == 0)
            return true;
    return false;
}

asx_st data_check_names(const struct data_options *o, const char *file, char *const *name, size_t columns, struct asx_err *err)
{
    for (const char *const *s = o->lenient ? NULL : o->ignore; s && *s; s++) {
        if (has_name(name, columns, *s, (size_t)(s - o->ignore)))
            continue;
        const char *nearest = columns <= 5000 ? err_nearest(*s, (const char *const *)name, columns) : NULL;
        err_at(err, ASX_E_INVAL, file, 0, 0,
               nearest ? "data.ignore names column '%.100s', which is not there; did you mean '%.100s'?"
                       : "data.ignore names column '%.100s', which is not there; remove it",
               *s, nearest);
        err_key(err, "data.ignore");
        return ASX_E_INVAL;
    }
    for (size_t i = 0; i < o->n_types && !o->lenient; i++) {
        if (has_name(name, columns, o->types[i].name, i))
            continue;
        const char *nearest = columns <= 5000 ? err_nearest(o->types[i].name, (const char *const *)name, columns) : NULL;
        err_at(err, ASX_E_INVAL, file, 0, 0,
               nearest ? "a type is given for column '%.100s', which is not there; did you mean '%.100s'?"
                       : "a type is given for column '%.100s', which is not there; remove it",
               o->types[i].name, nearest);
        err_key(err, "data.types");
        return ASX_E_INVAL;
    }
    return ASX_OK;
}

/* ---- the beginning ------------------------------------------------------------------- */

/* Longer and longer samples until one holds a data record. */
static asx_st sniff(struct reader *r, struct asx_err *err)
{
    asx_st st = ASX_OK;
    bool enough = false, whole = false;
    for (size_t want = SAMPLE; !st && !enough && !whole; want *= 4) {
        size_t got = 0;
        char *sample = mem_alloc(r->mem, want + SCAN_PAD);
        if (!sample)
            return nomem(r, err);
        csv_layout_clear(&r->layout);
        st = source_seek(r->source, 0, err);
        if (!st)
            st = source_read(r->source, sample, want, &got, err);
        memset(sample + got, '\n', SCAN_PAD);
        whole = got < want;
        if (!st && got == 0)
            st = err_at(err, ASX_E_DATA, r->source->name, 0, 0, "the file is empty; give a table with at least one row");
        if (!st)
            st = csv_sniff(r->o, r->source->name, sample, got, whole, r->mem, &r->layout, &enough, err);
        if (!st && !enough && !whole && want >= SAMPLE_MOST)
            st = err_at(err, ASX_E_DATA, r->source->name, 1, 1, "a row is longer than %d MiB; check quotes and line ends",
                        SAMPLE_MOST >> 20);
        mem_free(sample);
    }
    if (!st && r->layout.columns == 0)
        st = err_at(err, ASX_E_DATA, r->source->name, 0, 0,
                    "the file holds no table, only blank lines; give a table with at least one row");
    if (!st && !enough && r->layout.sample_rows == 0 && r->layout.header)
        st =
            err_at(err, ASX_E_DATA, r->source->name, 2, 0, "there is a header but no data row; give a table with at least one row");
    return st;
}

static asx_st plan_columns(struct reader *r, struct asx_err *err)
{
    const struct csv_layout *l = &r->layout;
    asx_st st = data_check_names(r->o, r->source->name, l->name, l->columns, err);
    if (st)
        return st;
    r->spec = mem_calloc(r->mem, l->columns, sizeof *r->spec);
    if (!r->spec)
        return nomem(r, err);
    struct data_wishes wishes = data_wishes_of(r->o);
    for (size_t j = 0; j < l->columns; j++) {
        const struct data_type *type = data_type_of(r->o, l->name[j], j);
        struct store_column *c = &r->store.column[j];
        if (!data_wanted(&wishes, l->name[j], j))
            c->mode = CSV_SKIP;
        else if (type)
            c->mode = type->type == ASX_NUMERIC && !type->comma && !l->commas[j] ? CSV_NUMBER : CSV_WORDS;
        else
            c->mode = l->words[j] ? CSV_WORDS : CSV_NUMBER;
        c->exact = data_exact(&wishes, l->name[j], j);
        r->spec[j].mode = c->mode;
        r->spec[j].must = type && type->type == ASX_NUMERIC && c->mode == CSV_NUMBER;
    }
    return ASX_OK;
}

/* Numbers the columns that this pass stores. */
static asx_st number_slots(struct reader *r, struct asx_err *err)
{
    r->slots = 0;
    for (size_t j = 0; j < r->layout.columns; j++) {
        const struct store_column *c = &r->store.column[j];
        r->spec[j].mode = c->done ? CSV_SKIP : c->mode;
        r->spec[j].slot = r->slots;
        r->slots += r->spec[j].mode != CSV_SKIP;
    }
    mem_free(r->flags);
    mem_free(r->words);
    r->flags = mem_array(r->mem, PIECES * r->slots, sizeof *r->flags);
    r->words = mem_array(r->mem, PIECES * r->slots, sizeof *r->words);
    return r->flags && r->words ? ASX_OK : nomem(r, err);
}

/* ---- windows --------------------------------------------------------------------------- */

/* End of the record at p, behind its line feed; NULL when it is not in p..end. buffer[end] is a line feed. */
static const char *record_end(const char *p, const char *end, char delimiter)
{
    for (;;) {
        while (scan_blank(*p, delimiter))
            p++;
        while (*p == '"') { /* to the closing quote; what follows it is the parser's business */
            const char *q = p + 1 < end ? memchr(p + 1, '"', (size_t)(end - p - 1)) : NULL;
            if (!q)
                return NULL;
            p = q + 1;
        }
        p = scan_unquoted(p, delimiter);
        if (p >= end)
            return NULL;
        if (*p++ == '\n')
            return p;
    }
}

/* Cuts buffer[0..n) into pieces of whole records; returns how many bytes they cover. */
static size_t cut(struct reader *r, size_t n, bool last, size_t *pieces)
{
    const char *buffer = r->buffer, *end = buffer + n, *p = buffer;
    bool quotes = memchr(buffer, '"', n) != NULL;
    size_t target = n / (PIECES - 1) > PIECE ? n / (PIECES - 1) : PIECE;
    *pieces = 0;
    while (p < end && *pieces < PIECES) {
        const char *begin = p, *stop = NULL;
        if (!quotes) {
            const char *from = (size_t)(end - p) > target ? p + target : NULL;
            const char *lf = from ? memchr(from, '\n', (size_t)(end - from)) : NULL;
            if (!lf)
                lf = memrchr(p, '\n', (size_t)(end - p));
            stop = lf ? lf + 1 : NULL;
        } else {
            for (const char *q = p; (size_t)(q - p) < target && (q = record_end(q, end, r->layout.delimiter));)
                stop = q;
        }
        bool whole_rest = last && (!stop || *pieces == PIECES - 1);
        if (!stop && !whole_rest)
            break;
        p = whole_rest ? end : stop;
        r->piece[(*pieces)++] = (struct csv_piece){.begin = begin, .end = p};
    }
    return (size_t)(p - buffer);
}

static void parse_chunk(void *arg, size_t i, int worker)
{
    struct reader *r = arg;
    (void)worker;
    struct csv_parse c = {r->buffer, r->layout.delimiter, r->layout.columns, r->spec, &r->missing, r->layout.name};
    csv_parse_piece(&c, &r->piece[i]);
}

/* Room for the cells of each piece: a row takes at least one byte a column. */
static asx_st give_room(struct reader *r, size_t pieces, struct asx_err *err)
{
    size_t total = 0;
    for (size_t i = 0; i < pieces; i++) {
        struct csv_piece *p = &r->piece[i];
        size_t bytes = (size_t)(p->end - p->begin);
        p->line_feeds = scan_count(p->begin, bytes, '\n');
        p->capacity = p->line_feeds < bytes / r->layout.columns ? p->line_feeds + 1 : bytes / r->layout.columns + 1;
        p->flags = r->flags + i * r->slots;
        p->words = r->words + i * r->slots;
        total += p->capacity * r->slots;
    }
    memset(r->flags, 0, pieces * r->slots * sizeof *r->flags);
    memset(r->words, 0, pieces * r->slots * sizeof *r->words);
    if (total > r->cells_capacity) {
        mem_free(r->cells);
        r->cells_capacity = 0;
        r->cells = mem_array(r->mem, total, sizeof *r->cells);
        if (!r->cells)
            return nomem(r, err);
        r->cells_capacity = total;
    }
    uint64_t *at = r->cells;
    for (size_t i = 0; i < pieces; i++) {
        r->piece[i].cells = at;
        at += r->piece[i].capacity * r->slots;
    }
    return ASX_OK;
}

static void note_infinite(struct reader *r, const struct csv_piece *p)
{
    for (int k = 0; k < p->infinites; k++) {
        bool known = false;
        for (int i = 0; i < r->infinites; i++)
            known = known || r->infinite[i].column == p->infinite[k].column;
        if (known || r->infinites == (int)(sizeof r->infinite / sizeof r->infinite[0]))
            continue;
        struct infinite *f = &r->infinite[r->infinites++];
        f->column = p->infinite[k].column;
        csv_place_of(r->buffer, r->line, p->begin + p->infinite[k].offset, &f->line, &f->at);
    }
}

/* Pieces in the order of the file. */
static void note_blank(struct blank_lines *all, const struct csv_piece *p)
{
    if (p->rows) {
        blank_lines_row(all);
        all->skipped += p->blank.skipped;
    }
    all->pending += p->blank.pending;
}

static asx_st use_pieces(struct reader *r, size_t pieces, struct asx_err *err)
{
    asx_st st = give_room(r, pieces, err);
    if (st)
        return st;
    data_par_run(&r->o->par, pieces, parse_chunk, r);
    for (size_t i = 0; i < pieces; i++) {
        const struct csv_piece *p = &r->piece[i];
        note_infinite(r, p);
        note_blank(&r->blank, p);
        if (p->bad) {
            int line, column;
            csv_place_of(r->buffer, r->line, p->bad, &line, &column);
            return err_at(err, ASX_E_DATA, r->source->name, line, column, "%s", p->message);
        }
    }
    size_t rows = 0;
    for (size_t i = 0; i < pieces; i++)
        rows += r->piece[i].rows;
    double seen = (double)(r->store.seen + rows), bytes = (double)r->consumed + (double)(r->piece[pieces - 1].end - r->buffer);
    if (r->store.total)
        r->store.expected = (double)r->store.total;
    else if (r->source->size && bytes > 0)
        r->store.expected = seen * (double)(r->source->size - r->layout.first_row) / bytes;
    return store_append(&r->store, &r->o->par, r->buffer, r->piece, pieces, r->spec, err);
}

static asx_st grow_buffer(struct reader *r, struct asx_err *err)
{
    if (r->capacity >= WINDOW_MOST)
        return err_at(err, ASX_E_DATA, r->source->name, (int)r->line, 1,
                      "a row is longer than %d MiB; check for a quote that is never closed", WINDOW_MOST >> 20);
    size_t capacity = r->capacity ? r->capacity * 2 : WINDOW;
    if (!r->capacity && r->source->size && r->source->size < WINDOW)
        capacity = (size_t)r->source->size + 1;
    char *bigger = mem_realloc(r->mem, r->buffer, capacity + SCAN_PAD);
    if (!bigger)
        return nomem(r, err);
    r->buffer = bigger;
    r->capacity = capacity;
    return ASX_OK;
}

/* One pass over the data records. */
static asx_st pass(struct reader *r, struct asx_err *err)
{
    asx_st st = source_seek(r->source, r->layout.first_row, err);
    r->have = 0;
    r->line = r->layout.first_line;
    r->consumed = 0;
    r->blank = (struct blank_lines){0};
    bool last = false;
    if (!st)
        st = number_slots(r, err);
    while (!st && !last) {
        size_t got = 0, pieces = 0;
        if (r->o->stop && r->o->stop(r->o->stop_arg))
            return ASX_STOPPED;
        if (r->have == r->capacity && (st = grow_buffer(r, err)))
            break;
        st = source_read(r->source, r->buffer + r->have, r->capacity - r->have, &got, err);
        if (!st)
            st = csv_check_text(r->source->name, r->buffer + r->have, got, false, err);
        if (st)
            break;
        last = r->have + got < r->capacity;
        r->have += got;
        memset(r->buffer + r->have, '\n', SCAN_PAD);
        size_t used = cut(r, r->have, last, &pieces);
        if (pieces)
            st = use_pieces(r, pieces, err);
        for (size_t i = 0; i < pieces; i++)
            r->line += r->piece[i].line_feeds;
        r->consumed += used;
        memmove(r->buffer, r->buffer + used, r->have - used);
        r->have -= used;
        last = last && r->have == 0;
    }
    return st;
}

/* Columns to be read again as words: those that failed as numbers, and codes with leading zeros. */
static size_t again(struct reader *r)
{
    size_t n = 0;
    for (size_t j = 0; j < r->layout.columns; j++) {
        struct store_column *c = &r->store.column[j];
        if (c->mode != CSV_NUMBER || r->spec[j].must)
            continue;
        uint32_t width = NUMBER_WIDTHS(c->flags);
        bool codes = (c->flags & NUMBER_LEAD0) && !(c->flags & NUMBER_NOT_DIGITS) && (width & (width - 1)) == 0;
        c->failed = c->failed || codes;
        n += c->failed;
    }
    return n;
}

static void to_words(struct reader *r)
{
    store_pass(&r->store);
    for (size_t j = 0; j < r->layout.columns; j++) {
        struct store_column *c = &r->store.column[j];
        if (!c->failed)
            continue;
        mem_free(c->f32);
        mem_free(c->f64);
        c->f32 = NULL, c->f64 = NULL;
        c->n = c->capacity = 0;
        c->mode = CSV_WORDS;
        c->wide = c->failed = false;
    }
}

static asx_st refuse_infinite(const struct reader *r, struct asx_err *err)
{
    for (size_t j = 0; j < r->layout.columns; j++) {
        const struct store_column *c = &r->store.column[j];
        if (c->mode != CSV_NUMBER || !(c->flags & NUMBER_INFINITE))
            continue;
        int line = 0, at = 0;
        for (int i = 0; i < r->infinites; i++) {
            if (r->infinite[i].column == j) {
                line = r->infinite[i].line;
                at = r->infinite[i].at;
            }
        }
        return err_at(err, ASX_E_DATA, r->source->name, line, at,
                      "numeric column '%.100s' holds an infinite number; leave the cell empty if the value is missing",
                      r->layout.name[j]);
    }
    return ASX_OK;
}

static void tell(const struct reader *r, const struct event_sink *sink)
{
    const struct store *s = &r->store;
    if (s->kept < s->seen)
        event_send(sink, EVENT_WARNING, "data.sampled", "%zu of %zu rows were kept, as many as the limits allow", s->kept, s->seen);
    if (s->rounded_columns)
        event_send(sink, EVENT_WARNING, "data.rounded", "%zu numeric columns are stored with 24 bits for lack of memory",
                   s->rounded_columns);
}

static asx_st build(struct reader *r, const struct event_sink *sink, struct asx_frame **out, struct asx_err *err)
{
    if (r->store.kept == 0)
        return r->store.seen
                   ? err_set(err, ASX_E_LIMIT, "no row of '%s' fits the memory limit; raise it", r->source->name)
                   : err_at(err, ASX_E_DATA, r->source->name, 0, 0, "there is no data row; give a table with at least one row");
    if (r->store.kept >= UINT32_MAX)
        return err_set(err, ASX_E_UNSUPPORTED, "'%s' has more than %u rows; split it", r->source->name, UINT32_MAX - 1);
    struct asx_frame *frame = frame_create(r->mem, r->store.kept);
    asx_st st = frame ? ASX_OK : nomem(r, err);
    if (!st)
        st = store_finish(&r->store, r->o, &r->o->par, r->source->name, r->layout.name, sink, frame, err);
    if (!st)
        st = frame_seal(frame, err);
    if (st)
        frame_put(frame);
    else
        *out = frame;
    return st;
}

asx_st csv_read(const struct data_options *o, struct source *source, struct mem *mem, const struct event_sink *sink,
                struct asx_frame **out, struct data_read_facts *facts, struct asx_err *err)
{
    struct reader r = {.o = o, .source = source, .mem = mem};
    missing_words_init(&r.missing, o->missing);
    int passes = 1;
    asx_st st = sniff(&r, err);
    if (!st)
        st = store_init(&r.store, o, mem, r.layout.columns, err);
    if (!st)
        st = plan_columns(&r, err);
    r.store.comma_guess = r.layout.delimiter == ',' ? COMMA_THOUSANDS : COMMA_DECIMAL;
    r.store.narrow = source->size >= NARROW_FROM;
    if (!st)
        st = pass(&r, err);
    if (!st && again(&r)) {
        to_words(&r);
        passes = 2;
        st = pass(&r, err);
    }
    if (!st)
        st = refuse_infinite(&r, err);
    mem_free(r.buffer);
    mem_free(r.cells);
    mem_free(r.flags);
    mem_free(r.words);
    if (!st)
        st = build(&r, sink, out, err);
    if (!st)
        tell(&r, sink);
    *facts = (struct data_read_facts){
        source->size, r.store.seen,   r.store.kept, r.layout.delimiter, r.layout.header, passes, r.store.rounded_columns,
        "csv",        r.blank.skipped};
    store_clear(&r.store);
    csv_layout_clear(&r.layout);
    mem_free(r.spec);
    return st;
}
