/* SPDX-License-Identifier: Apache-2.0 */
/* A piece of whole records into cells, column by column. The hot loop of reading. */
#include "data/csv.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

void csv_place_of(const char *window, size_t first_line, const char *at, int *line, int *column)
{
    size_t lines = scan_count(window, (size_t)(at - window), '\n');
    const char *start = at;
    while (start > window && start[-1] != '\n')
        start--;
    *line = (int)(first_line + lines);
    *column = (int)(at - start) + 1;
}

static __attribute__((format(printf, 3, 4))) void fault(struct csv_piece *piece, const char *at, const char *fmt, ...)
{
    va_list list;
    va_start(list, fmt);
    vsnprintf(piece->message, sizeof piece->message, fmt, list);
    va_end(list);
    piece->bad = at;
}

/* A cell of a number column that is not simply a number before a delimiter. */
static double odd_number(const struct csv_parse *c, struct csv_piece *piece, size_t column, const struct cell *cell,
                         uint32_t *flags)
{
    double v;
    *flags = 0;
    const struct csv_spec *spec = &c->spec[column];
    if (missing_words_has(c->missing, cell->text, cell->size))
        return NAN;
    if (number_parse(cell->text, cell->size, &v, flags))
        return v;
    if (spec->must) {
        int shown = cell->size < 60 ? (int)cell->size : 60;
        fault(piece, cell->text, "cell '%.*s' of numeric column '%.100s' is no number; correct it or change the column's type",
              shown, cell->text, c->name[column]);
    }
    piece->words[spec->slot] = 1;
    return NAN;
}

static const char *scan_fault_text(enum scan_fault f)
{
    return f == SCAN_OPEN_QUOTE ? "a quoted cell is never closed; add the missing quote"
                                : "text follows a closing quote; double quotes inside quoted cells";
}

static void width_fault(const struct csv_parse *c, struct csv_piece *piece, const char *start, const char *end)
{
    size_t n = 1;
    struct cell cell;
    enum scan_fault f;
    for (const char *p = start;; n++) {
        p = scan_cell(p, end, c->delimiter, &cell, &f);
        if (!p || p >= end || *p == '\n')
            break;
        p++;
    }
    fault(piece, start, "the row has %zu cells where the table has %zu columns; correct the row", n, c->columns);
}

static inline void put_number(struct csv_piece *piece, const struct csv_spec *spec, size_t row, double v)
{
    memcpy(&piece->cells[spec->slot * piece->capacity + row], &v, sizeof v);
}

static void note_infinite(struct csv_piece *piece, size_t column, const char *at)
{
    if (piece->infinites < CSV_PLACES)
        piece->infinite[piece->infinites++] = (struct csv_place){column, (size_t)(at - piece->begin)};
}

/* One cell; returns its terminator, NULL after an error. */
static inline const char *parse_cell(const struct csv_parse *c, struct csv_piece *piece, size_t column, size_t row, const char *p)
{
    const struct csv_spec *spec = &c->spec[column];
    struct cell cell;
    enum scan_fault f = SCAN_GOOD;
    uint32_t flags;
    if (spec->mode == CSV_NUMBER) {
        double v;
        const char *q = number_scan(p, &v, &flags);
        if (q && *q == '\r' && q[1] == '\n')
            q++;
        if (q && (*q == c->delimiter || *q == '\n') && q <= piece->end) {
            put_number(piece, spec, row, v);
            piece->flags[spec->slot] |= flags;
            if (__builtin_expect(flags & NUMBER_INFINITE, 0))
                note_infinite(piece, column, p);
            return q;
        }
    }
    const char *stop = scan_cell(p, piece->end, c->delimiter, &cell, &f);
    if (!stop) {
        fault(piece, cell.text, "%s", scan_fault_text(f));
        return NULL;
    }
    if (spec->mode == CSV_NUMBER) {
        put_number(piece, spec, row, odd_number(c, piece, column, &cell, &flags));
        piece->flags[spec->slot] |= flags;
        if (flags & NUMBER_INFINITE)
            note_infinite(piece, column, cell.text);
        return piece->bad ? NULL : stop;
    }
    if (spec->mode == CSV_WORDS) {
        uint64_t word = CSV_MISSING;
        if (!missing_words_has(c->missing, cell.text, cell.size))
            word = (uint64_t)(cell.text - c->window) | (uint64_t)cell.size << 32 | (cell.doubled ? CSV_DOUBLED : 0);
        piece->cells[spec->slot * piece->capacity + row] = word;
    }
    return stop;
}

void csv_parse_piece(const struct csv_parse *c, struct csv_piece *piece)
{
    const char *p = piece->begin, *end = piece->end;
    size_t last = c->columns - 1;
    piece->rows = 0;
    piece->blank = (struct blank_lines){0};
    piece->bad = NULL;
    piece->infinites = 0;
    while (p < end) {
        if (last > 0 && (*p == '\n' || (*p == '\r' && p[1] == '\n'))) { /* of one column it is a row: its cell is missing */
            p += *p == '\r' ? 2 : 1;
            piece->blank.pending++;
            continue;
        }
        const char *start = p;
        if (piece->rows == piece->capacity) { /* cannot be: each whole row takes at least `columns` bytes */
            width_fault(c, piece, start, end);
            return;
        }
        for (size_t j = 0; j <= last; j++) {
            const char *stop = parse_cell(c, piece, j, piece->rows, p);
            if (!stop)
                return;
            bool row_ends = stop >= end || *stop == '\n';
            if (row_ends != (j == last)) {
                width_fault(c, piece, start, end);
                return;
            }
            p = stop + 1;
        }
        piece->rows++;
        blank_lines_row(&piece->blank);
    }
}
