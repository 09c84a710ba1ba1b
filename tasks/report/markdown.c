/* SPDX-License-Identifier: Apache-2.0 */
#include "tasks/report/formats.h"

#include <math.h>
#include <string.h>

/* Text in a table cell: no bars, no line breaks, nothing that Markdown or HTML would take for markup. */
static void put_cell(struct text *out, const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c < 0x20 || c == 0x7f)
            text_puts(out, " ");
        else if (c == '<')
            text_puts(out, "&lt;");
        else if (c == '>')
            text_puts(out, "&gt;");
        else if (c == '&')
            text_puts(out, "&amp;");
        else {
            if (strchr("|\\`*[]", c) || (c == '_' && (i == 0 || i + 1 == n)))
                text_puts(out, "\\");
            text_put(out, s + i, 1);
        }
    }
}

static void put_board(const struct board *b, size_t rows, struct text *out)
{
    struct text t;
    text_init(&t, out->mem);
    for (int c = 0; c < report_columns_n; c++)
        if (b->used[c])
            text_printf(out, "| %s ", report_columns[c].title);
    text_puts(out, "|\n");
    for (int c = 0; c < report_columns_n; c++)
        if (b->used[c])
            text_puts(out, report_columns[c].right ? "|---:" : "|:---");
    text_puts(out, "|\n");
    for (size_t i = 0; i < rows; i++) {
        for (int c = 0; c < report_columns_n; c++) {
            if (!b->used[c])
                continue;
            t.n = 0;
            report_cell(b, i, c, &t);
            text_puts(out, "| ");
            put_cell(out, t.s ? t.s : "", t.n);
            text_puts(out, t.n ? " " : "");
        }
        text_puts(out, "|\n");
    }
    out->failed |= t.failed;
    text_clear(&t);
}

void report_markdown(const json_t *run, const struct report_options *o, struct text *out)
{
    struct board b;
    struct text line;
    report_init(&b, run);
    text_init(&line, out->mem);
    text_puts(out, "# ");
    text_printf(&line, "%s %s", report_text(run, "task"), report_text(run, "target"));
    put_cell(out, line.s ? line.s : "", line.n);
    text_printf(out, "\n\n%.0f rows, %.0f columns; metric %s (%s is better).\n", fmax(0, report_number(run, "rows")),
                fmax(0, report_number(run, "columns")), report_text(run, "metric"),
                json_is_false(json_object_get(run, "greater_is_better")) ? "less" : "more");
    line.n = 0;
    report_summary(run, &line);
    put_cell(out, line.s ? line.s : "", line.n);
    text_puts(out, ".\n\n");
    put_board(&b, o->rows > 0 && (size_t)o->rows < b.n ? (size_t)o->rows : b.n, out);
    const json_t *warnings = report_array(run, "warnings");
    if (json_array_size(warnings))
        text_puts(out, "\n## Warnings\n\n");
    for (size_t i = 0; i < json_array_size(warnings); i++) {
        const char *s = json_string_value(json_array_get(warnings, i));
        text_puts(out, "- ");
        put_cell(out, s ? s : "", s ? strlen(s) : 0);
        text_puts(out, "\n");
    }
    out->failed |= line.failed;
    text_clear(&line);
}
