/* SPDX-License-Identifier: Apache-2.0 */
/* Delimiter, header, names and first guesses from the beginning of a file. */
#include "base/err.h"
#include "data/csv.h"
#include "data/datetime.h"
#include "data/dict.h"

#include <stdio.h>
#include <stdlib.h>

enum { RECORDS = 200, CELLS = 400000 };

asx_st csv_check_text(const char *file, const char *p, size_t n, bool first, struct asx_err *err)
{
    const unsigned char *u = (const unsigned char *)p;
    if (first && n >= 2 && ((u[0] == 0xFF && u[1] == 0xFE) || (u[0] == 0xFE && u[1] == 0xFF)))
        return err_at(err, ASX_E_UNSUPPORTED, file, 1, 1, "the file is in UTF-16; save it as UTF-8");
    if (first && n >= 4 && ((u[0] == 0x1F && u[1] == 0x8B) || memcmp(p, "PK\3\4", 4) == 0 || memcmp(p, "\x28\xB5\x2F\xFD", 4) == 0))
        return err_at(err, ASX_E_UNSUPPORTED, file, 0, 0, "the file is compressed or a spreadsheet; unpack it, or save it as CSV");
    if (first && n >= 4 && memcmp(p, "PAR1", 4) == 0)
        return err_at(err, ASX_E_UNSUPPORTED, file, 0, 0, "the file is in Parquet format, which is not read; save it as CSV");
    const char *nul = memchr(p, 0, n);
    if (nul) {
        int line = 0, column = 0;
        if (first)
            csv_place_of(p, 1, nul, &line, &column);
        return err_at(err, ASX_E_DATA, file, line, column,
                      "the file holds NUL bytes, so it is no text; check that it is the right file");
    }
    return ASX_OK;
}

void csv_layout_clear(struct csv_layout *l)
{
    for (size_t i = 0; l->name && i < l->columns; i++)
        mem_free(l->name[i]);
    mem_free(l->name);
    mem_free(l->words);
    mem_free(l->commas);
    mem_free(l->flags);
    memset(l, 0, sizeof *l);
}

/* Reads the record at p into cells[0..most); returns the beginning of the next record, NULL on a fault. */
static const char *record(const char *p, const char *end, char delimiter, struct cell *cells, size_t most, size_t *count,
                          enum scan_fault *fault, const char **at)
{
    struct cell c;
    for (*count = 0;;) {
        const char *stop = scan_cell(p, end, delimiter, &c, fault);
        if (!stop) {
            *at = c.text;
            return NULL;
        }
        if (*count < most)
            cells[*count] = c;
        (*count)++;
        if (stop >= end || *stop == '\n')
            return stop < end ? stop + 1 : end;
        p = stop + 1;
    }
}

static const char *skip_blank_lines(const char *p, const char *end)
{
    while (p < end && (*p == '\n' || (*p == '\r' && p[1] == '\n')))
        p += *p == '\r' ? 2 : 1;
    return p;
}

/*
 * How well a delimiter fits: share of records with the commonest width (above 1), then that width. The first record has to
 * agree: commas in the numbers of a table of semicolons are just as regular, but its header has none.
 */
static double fit(const char *sample, const char *end, bool whole, char delimiter)
{
    size_t width[64], n = 0, best = 0;
    enum scan_fault fault;
    const char *at, *p = skip_blank_lines(sample, end);
    while (p < end && n < 64) {
        size_t count;
        const char *next = record(p, end, delimiter, NULL, 0, &count, &fault, &at);
        if (!next || (next == end && !whole && end[-1] != '\n'))
            break;
        width[n++] = count;
        p = skip_blank_lines(next, end);
    }
    size_t hits = 0;
    for (size_t i = 0; i < n; i++) {
        size_t same = 0;
        for (size_t k = 0; k < n; k++)
            same += width[k] == width[i];
        if (width[i] > 1 && (same > hits || (same == hits && width[i] > best))) {
            hits = same;
            best = width[i];
        }
    }
    double share = n ? (double)hits / (double)n : 0;
    return best > 1 ? (share >= 0.9 && width[0] == best ? 1 : share * 0.5) * 1e7 + (double)best : 0;
}

/*
 * In a table without a header whose numbers have decimal commas, commas stand as regularly as the delimiter. It is the
 * other one when that leaves commas within numbers only.
 */
static bool commas_in_numbers(const char *sample, const char *end, char delimiter)
{
    enum scan_fault fault;
    const char *at, *p = skip_blank_lines(sample, end);
    struct cell cell[64];
    size_t numbers = 0;
    for (int lines = 0; p < end && lines < 64; lines++) {
        size_t count;
        const char *next = record(p, end, delimiter, cell, 64, &count, &fault, &at);
        if (!next)
            break;
        for (size_t i = 0; i < count && i < 64 && next != end; i++) {
            if (!memchr(cell[i].text, ',', cell[i].size))
                continue;
            if (!comma_number(cell[i].text, cell[i].size))
                return false;
            numbers++;
        }
        p = skip_blank_lines(next, end);
    }
    return numbers > 0;
}

static char find_delimiter(const struct data_options *o, const char *file, const char *sample, const char *end, bool whole)
{
    size_t n = strlen(file);
    if (o->delimiter)
        return o->delimiter;
    if (n > 4 && (strcmp(file + n - 4, ".tsv") == 0 || strcmp(file + n - 4, ".TSV") == 0))
        return '\t';
    static const char candidate[] = {',', ';', '\t', '|'};
    char best = ',';
    double most = 0;
    for (size_t i = 0; i < sizeof candidate; i++) {
        double f = fit(sample, end, whole, candidate[i]);
        if (f > most || (f >= 1e7 && best == ',' && candidate[i] != ',' && commas_in_numbers(sample, end, candidate[i]))) {
            most = f;
            best = candidate[i];
        }
    }
    return best;
}

/* ---- the sample as a table ------------------------------------------------------------ */

struct sample {
    const char *file, *text, *end;
    bool whole;
    struct cell *cell; /* [rows][columns] */
    size_t rows, columns;
    const char *second; /* behind the first record */
    const char *stop;   /* behind the last record */
    size_t start;       /* of the first record */
    size_t first_line, second_line;
};

static asx_st fault_error(const char *file, const char *text, const char *at, enum scan_fault fault, struct asx_err *err)
{
    int line, column;
    csv_place_of(text, 1, at, &line, &column);
    if (fault == SCAN_OPEN_QUOTE)
        return err_at(err, ASX_E_DATA, file, line, column, "a quoted cell is never closed; add the missing quote");
    return err_at(err, ASX_E_DATA, file, line, column, "text follows a closing quote; double quotes inside quoted cells");
}

static asx_st read_sample(struct sample *s, char delimiter, struct mem *mem, struct asx_err *err)
{
    enum scan_fault fault = SCAN_GOOD;
    const char *at = NULL, *p = skip_blank_lines(s->text, s->end);
    size_t count = 0;
    s->start = (size_t)(p - s->text);
    s->first_line = 1 + scan_count(s->text, s->start, '\n');
    const char *next = p < s->end ? record(p, s->end, delimiter, NULL, 0, &count, &fault, &at) : s->end;
    if (!next)
        return s->whole ? fault_error(s->file, s->text, at, fault, err) : ASX_OK;
    if (p >= s->end || (next == s->end && !s->whole && s->end[-1] != '\n'))
        return ASX_OK;
    s->columns = count;
    s->second = next;
    s->second_line = s->first_line + scan_count(p, (size_t)(next - p), '\n');
    size_t most = CELLS / count + 2;
    most = most < RECORDS ? most : RECORDS;
    s->cell = mem_array(mem, most * count, sizeof *s->cell);
    if (!s->cell)
        return err_set(err, ASX_E_NOMEM, "no memory to read '%s'; raise the memory limit", s->file);
    while (p < s->end && s->rows < most) {
        next = record(p, s->end, delimiter, s->cell + s->rows * count, count, &count, &fault, &at);
        if (!next || (next == s->end && !s->whole && s->end[-1] != '\n') || count != s->columns)
            break; /* parsing will tell what is wrong, if it is not just the end of the sample */
        s->rows++;
        s->stop = next;
        p = skip_blank_lines(next, s->end);
        count = s->columns;
    }
    return ASX_OK;
}

static const struct cell *cell_at(const struct sample *s, size_t row, size_t column)
{
    return &s->cell[row * s->columns + column];
}

static bool is_number(const struct cell *c, uint32_t *flags)
{
    double v;
    *flags = 0;
    return number_parse(c->text, c->size, &v, flags);
}

static bool is_date(const struct cell *c)
{
    return datetime_parse(c->text, c->size, 0, NULL) != 0;
}

static bool same(const struct cell *a, const struct cell *b)
{
    return a->size == b->size && memcmp(a->text, b->text, a->size) == 0;
}

/* All present cells below the first row are numbers, or all dates; and there are some. */
static bool regular_below(const struct sample *s, size_t column, const struct missing_words *m)
{
    size_t numbers = 0, dates = 0, present = 0;
    for (size_t i = 1; i < s->rows; i++) {
        const struct cell *c = cell_at(s, i, column);
        uint32_t flags;
        if (missing_words_has(m, c->text, c->size))
            continue;
        present++;
        numbers += is_number(c, &flags) || comma_number(c->text, c->size);
        dates += is_date(c);
    }
    return present && (numbers == present || dates == present);
}

/* Does the caller name a column as this cell does? */
static bool asked_for(const struct data_options *o, const struct cell *c)
{
    const char *const *lists[] = {o->exact, o->keep, o->ignore};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        for (const char *const *s = lists[i]; s && *s; s++)
            if (strlen(*s) == c->size && memcmp(*s, c->text, c->size) == 0)
                return true;
    for (size_t i = 0; i < o->n_types; i++)
        if (strlen(o->types[i].name) == c->size && memcmp(o->types[i].name, c->text, c->size) == 0)
            return true;
    return false;
}

/*
 * What a column of words says about its first cell: -1 it comes again below, as a value does and seldom a name; 1 it does not,
 * though each value comes twice on average; 0 nothing.
 */
static int vote(const struct sample *s, size_t column, const struct missing_words *m, struct mem *mem)
{
    struct dict seen;
    dict_init(&seen, mem);
    const struct cell *head = cell_at(s, 0, column);
    size_t present = 0;
    int v = 0;
    for (size_t i = 1; i < s->rows && v == 0; i++) {
        const struct cell *c = cell_at(s, i, column);
        v = same(head, c) ? -1 : 0;
        if (missing_words_has(m, c->text, c->size))
            continue;
        present++;
        if (dict_add(&seen, c->text, c->size) < 0)
            break;
    }
    if (v == 0 && present >= 4 && seen.n * 2 <= present)
        v = 1;
    dict_clear(&seen);
    return v;
}

/*
 * Is the first record a header? The first of these that says something:
 *   a cell is the name of a column that the caller asks for (target, weights, columns of a model): yes
 *   a cell is a number or a date: no
 *   words stand over a column of numbers or dates: yes
 *   two cells are the same: no
 *   columns of words vote: yes, unless as many of them have their first cell again below as do not
 */
static bool find_header(const struct data_options *o, const struct sample *s, const struct missing_words *m, struct mem *mem)
{
    bool repeated = false, proof = false;
    uint32_t flags;
    int against = 0, votes = 0;
    struct dict seen;
    for (size_t j = 0; j < s->columns; j++)
        if (asked_for(o, cell_at(s, 0, j)))
            return true;
    dict_init(&seen, mem);
    for (size_t j = 0; j < s->columns; j++) {
        const struct cell *c = cell_at(s, 0, j);
        if (missing_words_has(m, c->text, c->size))
            continue;
        if (is_number(c, &flags) || is_date(c) || comma_number(c->text, c->size)) {
            dict_clear(&seen);
            return false;
        }
        proof = proof || regular_below(s, j, m);
        size_t before = seen.n;
        repeated = repeated || dict_add(&seen, c->text, c->size) < 0 || seen.n == before;
    }
    dict_clear(&seen);
    for (size_t j = 0; j < s->columns && !proof && !repeated; j++) {
        if (missing_words_has(m, cell_at(s, 0, j)->text, cell_at(s, 0, j)->size))
            continue;
        int v = vote(s, j, m, mem);
        against += v < 0;
        votes += v;
    }
    return proof ? true : !repeated && (against == 0 || votes > 0);
}

/* The name of column j: the header's cell as UTF-8 without its quotes, or c<j + 1>. */
static char *make_name(const struct sample *s, bool header, size_t j, struct mem *mem)
{
    const struct cell *c = cell_at(s, 0, j);
    if (!header || c->size == 0)
        return mem_printf(mem, "c%zu", j + 1);
    char *name = mem_alloc(mem, 2 * c->size + 1), *plain = mem_alloc(mem, c->size + 1);
    if (name && plain) {
        size_t n = scan_undouble(c->text, c->size, plain);
        if (!c->doubled) {
            memcpy(plain, c->text, c->size);
            n = c->size;
        }
        if (scan_utf8(plain, n)) {
            memcpy(name, plain, n);
            name[n] = '\0';
        } else {
            scan_latin1(plain, n, name);
        }
        mem_free(plain);
        return name;
    }
    mem_free(name);
    mem_free(plain);
    return NULL;
}

static asx_st name_columns(const struct sample *s, struct csv_layout *l, struct mem *mem, struct asx_err *err)
{
    struct dict seen;
    dict_init(&seen, mem);
    asx_st st = ASX_OK;
    for (size_t j = 0; !st && j < l->columns; j++) {
        l->name[j] = make_name(s, l->header, j, mem);
        size_t before = seen.n;
        if (!l->name[j] || dict_add(&seen, l->name[j], strlen(l->name[j])) < 0) {
            st = err_set(err, ASX_E_NOMEM, "no memory for %zu column names; raise the memory limit", l->columns);
        } else if (seen.n == before) {
            int line, column;
            csv_place_of(s->text, 1, cell_at(s, 0, j)->text, &line, &column);
            st = err_at(err, ASX_E_DATA, s->file, line, column, "column name '%.100s' is used twice; rename one of the columns",
                        l->name[j]);
        }
    }
    dict_clear(&seen);
    return st;
}

static void guess_columns(const struct sample *s, struct csv_layout *l, const struct missing_words *m)
{
    for (size_t j = 0; j < l->columns; j++) {
        bool commas = false, words = false;
        for (size_t i = l->header; i < s->rows && !words; i++) {
            const struct cell *c = cell_at(s, i, j);
            uint32_t flags;
            if (missing_words_has(m, c->text, c->size))
                continue;
            if (!is_number(c, &flags)) {
                bool comma = comma_number(c->text, c->size);
                commas = commas || comma;
                words = !comma;
            }
            l->flags[j] |= flags;
        }
        l->words[j] = words || commas;
        l->commas[j] = commas && !words;
        uint32_t f = l->flags[j], width = NUMBER_WIDTHS(f);
        if ((f & NUMBER_LEAD0) && !(f & NUMBER_NOT_DIGITS) && (width & (width - 1)) == 0)
            l->words[j] = 1;
    }
}

asx_st csv_sniff(const struct data_options *o, const char *file, const char *sample, size_t n, bool whole, struct mem *mem,
                 struct csv_layout *l, bool *enough, struct asx_err *err)
{
    memset(l, 0, sizeof *l);
    size_t bom = n >= 3 && memcmp(sample, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    struct sample s = {.file = file, .text = sample + bom, .end = sample + n, .whole = whole};
    struct missing_words missing;
    missing_words_init(&missing, o->missing);
    *enough = false;
    asx_st st = csv_check_text(file, sample, n, true, err);
    if (st)
        return st;
    if (!memchr(sample, '\n', n) && memchr(sample, '\r', n))
        return err_at(err, ASX_E_UNSUPPORTED, file, 1, 0, "lines end in CR alone; convert them to LF");
    l->delimiter = find_delimiter(o, file, s.text, s.end, whole);
    st = read_sample(&s, l->delimiter, mem, err);
    if (st || s.columns == 0)
        goto out;
    l->columns = s.columns;
    l->header = o->header == DATA_HEADER_YES || (o->header == DATA_HEADER_AUTO && s.rows && find_header(o, &s, &missing, mem));
    /* A broken record: parsing will tell. Blank lines are rows of a table with one column. */
    bool more = s.rows && (l->columns == 1 ? s.stop : skip_blank_lines(s.stop, s.end)) < s.end;
    *enough = s.rows > (size_t)l->header || (whole && more);
    if (!*enough && !whole)
        goto out;
    l->name = mem_calloc(mem, l->columns, sizeof *l->name);
    l->words = mem_calloc(mem, l->columns, sizeof *l->words);
    l->commas = mem_calloc(mem, l->columns, sizeof *l->commas);
    l->flags = mem_calloc(mem, l->columns, sizeof *l->flags);
    if (!l->name || !l->words || !l->commas || !l->flags) {
        st = err_set(err, ASX_E_NOMEM, "no memory for %zu columns; raise the memory limit", l->columns);
        goto out;
    }
    st = name_columns(&s, l, mem, err);
    if (st)
        goto out;
    guess_columns(&s, l, &missing);
    bool blank_first = !l->header && l->columns == 1;
    const char *data = l->header ? s.second : blank_first ? s.text : s.text + s.start;
    l->first_row = (size_t)(data - sample);
    l->first_line = l->header ? s.second_line : blank_first ? 1 : s.first_line;
    l->sample_rows = s.rows - l->header;
    l->bytes_per_row = l->sample_rows ? (double)(s.stop - data) / (double)l->sample_rows : 0;
out:
    mem_free(s.cell);
    if (st)
        csv_layout_clear(l);
    return st;
}
