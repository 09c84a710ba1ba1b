/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libsvm and SVMlight text: "target index:value index:value ... # comment" a line, kept as compressed sparse rows.
 * Indices begin at 1; a file in which an index 0 occurs is taken as beginning at 0. Indices must ascend within a row.
 * `qid:` says which query a row belongs to and is ignored with a warning.
 */
#include "base/err.h"
#include "base/rng.h"
#include "data/lines.h"

#include <math.h>
#include <stdlib.h>

/* Arrays go by the largest index: one mistyped index must not ask for gigabytes. Published sets end at some 50 million features. */
enum { ROW_STREAM = 0x726f77, MOST_INDEX = 100000000 };

struct svm {
    const struct data_options *o;
    struct mem *mem;
    struct lines lines;
    double *target;
    int64_t *indptr;
    int32_t *indices;
    float *values;
    size_t rows, rows_capacity, cells_capacity;
    size_t seen;
    int32_t least, most; /* indices as written */
    bool qid;
    struct blank_lines blank;
    struct rng keep;
    uint64_t threshold, budget;
};

static asx_st nomem(const struct svm *s, struct asx_err *err)
{
    return err_set(err, ASX_E_NOMEM, "'%s' does not fit in memory (after %zu rows); raise the memory limit", s->lines.source->name,
                   s->seen);
}

static asx_st fault(const struct svm *s, const char *line, const char *at, struct asx_err *err, const char *what)
{
    return err_at(err, ASX_E_DATA, s->lines.source->name, (int)s->lines.line, (int)(at - line) + 1, "%s", what);
}

static bool room(struct svm *s, size_t cells)
{
    if (s->rows + 2 > s->rows_capacity) {
        size_t n = s->rows_capacity ? s->rows_capacity + s->rows_capacity / 2 : 256;
        double *target = mem_realloc(s->mem, s->target, n * sizeof *target);
        s->target = target ? target : s->target;
        int64_t *indptr = target ? mem_realloc(s->mem, s->indptr, n * sizeof *indptr) : NULL;
        if (!indptr)
            return false;
        indptr[0] = 0;
        s->indptr = indptr;
        s->rows_capacity = n;
    }
    if (cells > s->cells_capacity) {
        size_t n = cells + cells / 2 + 256;
        int32_t *indices = mem_realloc(s->mem, s->indices, n * sizeof *indices);
        s->indices = indices ? indices : s->indices;
        float *values = indices ? mem_realloc(s->mem, s->values, n * sizeof *values) : NULL;
        if (!values)
            return false;
        s->values = values;
        s->cells_capacity = n;
    }
    return true;
}

static uint64_t bytes_of(const struct svm *s)
{
    return s->rows * 16 + (s->rows ? (uint64_t)s->indptr[s->rows] * 8 : 0);
}

/* Lowers the threshold and drops the rows above it. */
static void shrink(struct svm *s, double share)
{
    double old = s->threshold == UINT64_MAX ? 18446744073709551616.0 : (double)s->threshold;
    uint64_t threshold = (uint64_t)(old * share);
    size_t at = 0, kept = 0;
    int64_t cell = 0;
    for (size_t r = 0; r < s->seen; r++) {
        uint64_t h = rng_at(&s->keep, r);
        if (s->threshold != UINT64_MAX && h >= s->threshold)
            continue;
        if (h < threshold) {
            int64_t from = s->indptr[at], n = s->indptr[at + 1] - from;
            memmove(s->indices + cell, s->indices + from, (size_t)n * sizeof *s->indices);
            memmove(s->values + cell, s->values + from, (size_t)n * sizeof *s->values);
            s->target[kept] = s->target[at];
            cell += n;
            s->indptr[++kept] = cell; /* kept <= at + 1, whose entry is read already */
        }
        at++;
    }
    s->rows = kept;
    s->threshold = threshold;
}

static const char *blanks(const char *p)
{
    while (*p == ' ' || *p == '\t')
        p++;
    return p;
}

static bool at_end(const char *p, const char *end)
{
    return p >= end || *p == '#' || *p == '\n' || *p == '\r';
}

/* One "index:value" at p. */
static const char *pair(struct svm *s, const char *line, const char *p, int32_t *last, int64_t *cell, bool keep,
                        struct asx_err *err)
{
    double v;
    uint32_t flags;
    int64_t index = 0;
    const char *start = p;
    for (; *p >= '0' && *p <= '9'; p++)
        index = index <= MOST_INDEX ? index * 10 + (*p - '0') : index;
    if (p == start || *p != ':') {
        fault(s, line, start, err, "here an 'index:value' is expected; correct the line");
        return NULL;
    }
    if (index > MOST_INDEX) {
        fault(s, line, start, err, "an index is above 100000000; number the features from 1, or hash them into fewer");
        return NULL;
    }
    if (index <= *last) {
        fault(s, line, start, err,
              index == *last ? "an index comes twice in a row; give each index once"
                             : "indices do not ascend within the row; sort them");
        return NULL;
    }
    const char *q = number_scan(p + 1, &v, &flags);
    if (!q || !(*q == ' ' || *q == '\t' || *q == '#' || *q == '\n' || *q == '\r')) {
        fault(s, line, p + 1, err, "the value behind the index is no number; correct the line");
        return NULL;
    }
    if (flags & NUMBER_INFINITE || fabs(v) > 3.4e38) {
        fault(s, line, p + 1, err, "the value is infinite; leave the index out if the value is missing");
        return NULL;
    }
    *last = (int32_t)index;
    s->least = *last < s->least ? *last : s->least;
    s->most = *last > s->most ? *last : s->most;
    if (keep && v != 0) {
        if (!room(s, (size_t)*cell + 1)) {
            nomem(s, err);
            return NULL;
        }
        s->indices[*cell] = (int32_t)index;
        s->values[(*cell)++] = (float)v;
    }
    return q;
}

static asx_st row(struct svm *s, const char *line, const char *end, struct asx_err *err)
{
    const char *p = blanks(line);
    double target;
    uint32_t flags;
    if (at_end(p, end)) {
        s->blank.pending += *p != '#';
        return ASX_OK;
    }
    const char *q = number_scan(p, &target, &flags);
    if (q && *q == ',')
        return fault(s, line, p, err, "the row has several targets; give one number");
    if (!q || !(at_end(q, end) || *q == ' ' || *q == '\t'))
        return fault(s, line, p, err, "the row does not begin with a number, its target; correct the line");
    if (flags & NUMBER_INFINITE)
        return fault(s, line, p, err, "the target is infinite; correct the line");
    bool keep = s->threshold == UINT64_MAX || rng_at(&s->keep, s->seen) < s->threshold;
    if (!room(s, 0))
        return nomem(s, err);
    int64_t cell = s->indptr[s->rows];
    int32_t last = -1;
    for (p = blanks(q); !at_end(p, end); p = blanks(q)) {
        if (strncmp(p, "qid:", 4) == 0 && last < 0) {
            s->qid = true;
            for (q = p + 4; !at_end(q, end) && *q != ' ' && *q != '\t'; q++)
                ;
            continue;
        }
        q = pair(s, line, p, &last, &cell, keep, err);
        if (!q)
            return err ? err->code : ASX_E_DATA;
    }
    s->seen++;
    blank_lines_row(&s->blank);
    if (!keep)
        return ASX_OK;
    s->target[s->rows++] = target;
    s->indptr[s->rows] = cell;
    while ((s->budget && bytes_of(s) > s->budget && s->rows > 16) || (s->o->max_rows && s->rows > s->o->max_rows))
        shrink(s, 0.75);
    return ASX_OK;
}

static asx_st build(struct svm *s, struct asx_frame **out, struct asx_err *err)
{
    const char *name = s->lines.source->name;
    if (s->rows == 0)
        return err_at(err, ASX_E_DATA, name, 0, 0, "there is no data row; give a file with at least one row");
    int32_t base = s->least == 0 ? 0 : 1;
    int64_t cells = s->indptr[s->rows];
    for (int64_t t = 0; t < cells; t++)
        s->indices[t] -= base;
    /* to their final size; a failure to shrink is no failure */
    void *p = mem_realloc(s->mem, s->target, s->rows * sizeof *s->target);
    s->target = p ? p : s->target;
    p = mem_realloc(s->mem, s->indptr, (s->rows + 1) * sizeof *s->indptr);
    s->indptr = p ? p : s->indptr;
    if (!s->indices && !room(s, 1))
        return nomem(s, err);
    p = mem_realloc(s->mem, s->indices, ((size_t)cells + 1) * sizeof *s->indices);
    s->indices = p ? p : s->indices;
    p = mem_realloc(s->mem, s->values, ((size_t)cells + 1) * sizeof *s->values);
    s->values = p ? p : s->values;
    struct asx_csr csr = {s->rows, s->most >= base ? (size_t)(s->most - base) + 1 : 0, s->indptr, s->indices, s->values};
    struct asx_column target = {.name = "target", .type = ASX_NUMERIC, .store = ASX_STORE_F64, .f64 = s->target};
    struct asx_frame *frame = frame_create(s->mem, s->rows);
    if (!frame)
        return nomem(s, err);
    s->indptr = NULL, s->indices = NULL, s->values = NULL, s->target = NULL;
    asx_st sparse = frame_take_sparse(frame, &csr, err);
    asx_st st = frame_take(frame, &target, NULL, err);
    st = sparse ? sparse : st;
    if (!st)
        st = frame_seal(frame, err);
    if (st)
        frame_put(frame);
    else
        *out = frame;
    return st;
}

asx_st libsvm_read(const struct data_options *o, struct source *source, struct mem *mem, const struct event_sink *sink,
                   struct asx_frame **out, struct data_read_facts *facts, struct asx_err *err)
{
    if (!o->lenient && (o->n_types || (o->ignore && *o->ignore)))
        return err_at(err, ASX_E_UNSUPPORTED, source->name, 0, 0,
                      "data.types and data.ignore do not apply to sparse features, which are numbers without names; remove them");
    struct svm s = {.o = o, .mem = mem, .least = INT32_MAX, .most = -1, .threshold = UINT64_MAX, .budget = o->byte_budget};
    uint64_t limit = mem_limit(mem);
    if (!s.budget && limit)
        s.budget = limit > mem_used(mem) ? (limit - mem_used(mem)) / 2 : 1;
    s.keep = rng_stream(o->seed, ROW_STREAM, 0, 0);
    lines_init(&s.lines, source, mem);
    char *begin, *end;
    asx_st st;
    while ((st = lines_more(&s.lines, err)) == ASX_OK) {
        while (st == ASX_OK && lines_next(&s.lines, &begin, &end) == ASX_OK)
            st = row(&s, begin, end, err);
        if (!st && o->stop && o->stop(o->stop_arg))
            st = ASX_STOPPED;
        if (st)
            break;
    }
    st = st == ASX_NONE ? ASX_OK : st;
    lines_clear(&s.lines);
    if (!st)
        st = build(&s, out, err);
    if (!st && s.qid)
        event_send(sink, EVENT_WARNING, "data.qid", "query ids (qid:) are ignored");
    if (!st && s.rows < s.seen)
        event_send(sink, EVENT_WARNING, "data.sampled", "%zu of %zu rows were kept, as many as the limits allow", s.rows, s.seen);
    *facts = (struct data_read_facts){source->size, s.seen, s.rows, 0, false, 1, 0, "libsvm", s.blank.skipped};
    mem_free(s.target);
    mem_free(s.indptr);
    mem_free(s.indices);
    mem_free(s.values);
    return st;
}
