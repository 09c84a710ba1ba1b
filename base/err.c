/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static void copy_name(char *out, size_t size, const char *s)
{
    size_t n = s ? strnlen(s, size - 1) : 0;
    if (n)
        memcpy(out, s, n);
    out[n] = '\0';
}

static void fill(struct asx_err *err, asx_st code, const char *file, int line, int column, const char *fmt, va_list ap)
{
    if (!err || err->code < 0)
        return;
    err->code = code;
    err->line = line;
    err->column = column;
    err->key = NULL;
    copy_name(err->file, sizeof err->file, file);
    vsnprintf(err->text, sizeof err->text, fmt, ap);
}

asx_st err_set(struct asx_err *err, asx_st code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fill(err, code, NULL, 0, 0, fmt, ap);
    va_end(ap);
    return code;
}

asx_st err_at(struct asx_err *err, asx_st code, const char *file, int line, int column, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fill(err, code, file, line, column, fmt, ap);
    va_end(ap);
    return code;
}

void err_place(struct asx_err *err, const char *file, int line, int column)
{
    if (!err || err->code >= 0 || err->file[0] || err->line)
        return;
    copy_name(err->file, sizeof err->file, file);
    err->line = line;
    err->column = column;
}

void err_key(struct asx_err *err, const char *key)
{
    if (err && err->code < 0 && !err->key)
        err->key = key;
}

const char *err_format(const struct asx_err *err, char *out, size_t size)
{
    if (!size)
        return out;
    char line[16] = "", column[16] = "";
    if (err->line > 0)
        snprintf(line, sizeof line, "%d:", err->line);
    if (err->line > 0 && err->column > 0)
        snprintf(column, sizeof column, "%d:", err->column);
    const char *text = err->text[0] ? err->text : err_text(err->code);
    bool place = err->file[0] || line[0];
    snprintf(out, size, "%s%s%s%s%s%s", err->file, err->file[0] ? ":" : "", line, column, place ? " " : "", text);
    return out;
}

int err_exit_status(asx_st code)
{
    switch (code) {
#define X(name, value, exit_status, text)                                                                                          \
    case value: return exit_status;
        ASX_STATUS_MAP(X)
#undef X
    default: return 1;
    }
}

const char *err_text(asx_st code)
{
    switch (code) {
#define X(name, value, exit_status, text)                                                                                          \
    case value: return text;
        ASX_STATUS_MAP(X)
#undef X
    default: return "unknown status";
    }
}

enum { WORD = 63 };

/*
 * Edit distance without regard to case; two neighbours swapped are one edit, as typing has it (optimal string
 * alignment, Damerau 1964). Words past WORD bytes are compared by their beginning.
 */
static size_t distance(const char *a, const char *b)
{
    size_t n = strnlen(a, WORD), m = strnlen(b, WORD);
    size_t rows[3][WORD + 1], *before = rows[0], *last = rows[1], *row = rows[2];
    for (size_t j = 0; j <= m; j++)
        last[j] = j;
    for (size_t i = 1; i <= n; i++) {
        int x = tolower((unsigned char)a[i - 1]), x_before = i > 1 ? tolower((unsigned char)a[i - 2]) : 0;
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            int y = tolower((unsigned char)b[j - 1]), y_before = j > 1 ? tolower((unsigned char)b[j - 2]) : 0;
            size_t best = last[j - 1] + (x != y);
            if (last[j] + 1 < best)
                best = last[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            if (i > 1 && j > 1 && x == y_before && x_before == y && before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            row[j] = best;
        }
        size_t *t = before;
        before = last;
        last = row;
        row = t;
    }
    return last[m];
}

const char *err_nearest(const char *word, const char *const *candidates, size_t n)
{
    if (!word || !*word)
        return NULL;
    size_t least = strnlen(word, WORD) / 3;
    if (least == 0)
        least = 1;
    const char *best = NULL;
    for (size_t i = 0; i < n; i++) {
        if (!candidates[i])
            continue;
        size_t d = distance(word, candidates[i]);
        if (d < strnlen(word, WORD) && d <= least && (!best || d < least)) {
            best = candidates[i];
            least = d;
        }
    }
    return best;
}
