/* SPDX-License-Identifier: Apache-2.0 */
/* The leaderboard for a terminal: columns that do not fit are dropped, the least needed first. */
#include "tasks/report/formats.h"

#include "base/mem.h"

#include <math.h>
#include <string.h>

enum { GAP = 2, COLUMNS = 16 };

/* Characters, not bytes: UTF-8 continuation bytes take no room. (Wide characters count as one.) */
static size_t width_of(const char *s, size_t n)
{
    size_t w = 0;
    for (size_t i = 0; i < n; i++)
        w += ((unsigned char)s[i] & 0xc0) != 0x80;
    return w;
}

/* Control characters from data must not reach a terminal. */
static void put_plain(struct text *out, const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        text_put(out, c < 0x20 || c == 0x7f ? "?" : s + i, 1);
    }
}

static void put_padded(struct text *out, const char *s, size_t n, size_t width, bool right, bool last)
{
    size_t w = width_of(s, n), room = width;
    if (w > room) { /* cut between characters */
        size_t keep = 0, shown = 0;
        while (keep < n && shown + 2 < room) {
            keep++;
            while (keep < n && ((unsigned char)s[keep] & 0xc0) == 0x80)
                keep++;
            shown++;
        }
        put_plain(out, s, keep);
        text_puts(out, "..");
        return;
    }
    if (right)
        text_printf(out, "%*s", (int)(room - w), "");
    put_plain(out, s, n);
    if (!right && !last)
        text_printf(out, "%*s", (int)(room - w), "");
}

struct layout {
    size_t width[COLUMNS];
    bool shown[COLUMNS];
    int last; /* rightmost column shown */
};

static size_t total_width(const struct layout *l)
{
    size_t sum = 0;
    for (int c = 0; c < report_columns_n; c++)
        if (l->shown[c])
            sum += l->width[c] + (sum ? GAP : 0);
    return sum;
}

static void lay_out(const struct board *b, size_t rows, size_t width, struct layout *l)
{
    struct text t;
    text_init(&t, NULL);
    for (int c = 0; c < report_columns_n; c++) {
        l->shown[c] = b->used[c];
        l->width[c] = strlen(report_columns[c].narrow);
        for (size_t i = 0; i < rows; i++) {
            t.n = 0;
            report_cell(b, i, c, &t);
            size_t w = t.n ? width_of(t.s, t.n) : 0;
            l->width[c] = w > l->width[c] ? w : l->width[c];
        }
    }
    text_clear(&t);
    int config = report_columns_n - 1;
    size_t wide = l->width[config];
    if (wide > 24)
        l->width[config] = 24; /* shrinks before other columns go, and grows again into what is left */
    while (total_width(l) > width) {
        int worst = -1;
        for (int c = 0; c < report_columns_n; c++)
            if (l->shown[c] && report_columns[c].rank && (worst < 0 || report_columns[c].rank > report_columns[worst].rank))
                worst = c;
        if (worst < 0)
            break;
        l->shown[worst] = false;
    }
    size_t left = width > total_width(l) ? width - total_width(l) : 0;
    if (l->shown[config])
        l->width[config] = l->width[config] + left < wide ? l->width[config] + left : wide;
    for (int c = 0; c < report_columns_n; c++)
        if (l->shown[c])
            l->last = c;
}

static void put_rows(const struct board *b, size_t rows, const struct layout *l, struct text *out)
{
    struct text t;
    text_init(&t, NULL);
    for (size_t i = 0; i <= rows; i++) {
        bool first = true;
        for (int c = 0; c < report_columns_n; c++) {
            if (!l->shown[c])
                continue;
            if (!first)
                text_printf(out, "%*s", GAP, "");
            first = false;
            t.n = 0;
            if (i)
                report_cell(b, i - 1, c, &t);
            else
                text_puts(&t, report_columns[c].narrow);
            put_padded(out, t.s ? t.s : "", t.n, l->width[c], report_columns[c].right, c == l->last);
        }
        while (out->n && out->s[out->n - 1] == ' ')
            out->n--;
        text_puts(out, "\n");
    }
    out->failed |= t.failed;
    text_clear(&t);
}

static void put_lines(const char *label, const json_t *list, struct text *out)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *s = json_string_value(json_array_get(list, i));
        text_puts(out, label);
        put_plain(out, s ? s : "", s ? strlen(s) : 0);
        text_puts(out, "\n");
    }
}

void report_table(const json_t *run, const struct report_options *o, struct text *out)
{
    struct board b;
    struct layout l = {.last = 0};
    struct text line;
    report_init(&b, run);
    size_t rows = o->rows > 0 ? (size_t)o->rows : 20;
    rows = rows < b.n ? rows : b.n;
    text_init(&line, out->mem);
    text_printf(&line, "%s %s: %.0f rows, %.0f columns; %s, %s is better", report_text(run, "task"), report_text(run, "target"),
                fmax(0, report_number(run, "rows")), fmax(0, report_number(run, "columns")), report_text(run, "metric"),
                json_is_false(json_object_get(run, "greater_is_better")) ? "less" : "more");
    put_plain(out, line.s ? line.s : "", line.n);
    text_puts(out, "\n\n");
    lay_out(&b, rows, o->width > 0 ? (size_t)o->width : 100, &l);
    put_rows(&b, rows, &l, out);
    if (b.n > rows)
        text_printf(out, "and %zu more\n", b.n - rows);
    line.n = 0;
    report_summary(run, &line);
    text_puts(out, "\n");
    put_plain(out, line.s ? line.s : "", line.n);
    text_puts(out, "\n");
    put_lines("warning: ", report_array(run, "warnings"), out);
    out->failed |= line.failed;
    text_clear(&line);
}
