/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* qsort_r */
#include "data/infer.h"
#include "base/err.h"
#include "data/datetime.h"
#include "data/number.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

size_t infer_words(const char *text, size_t size)
{
    size_t words = 0;
    bool inside = false;
    for (size_t i = 0; i < size; i++) {
        bool blank = text[i] == ' ' || (text[i] >= '\t' && text[i] <= '\r');
        words += !blank && !inside;
        inside = !blank;
    }
    return words;
}

/* Orders under which all texts are dates; `wanted` 0: both are tried. */
static unsigned date_orders(const struct dict *d, int wanted, size_t *bad)
{
    unsigned able = wanted ? (unsigned)wanted : DATE_MONTH_FIRST | DATE_DAY_FIRST;
    for (size_t i = 0; i < d->n; i++) {
        able &= datetime_parse(dict_text(d, i), dict_size(d, i), 0, NULL);
        if (!able) {
            *bad = i;
            return 0;
        }
    }
    return d->n ? able : 0;
}

static bool boolean_pair(const struct dict *d)
{
    static const char *const pair[][2] = {{"true", "false"}, {"yes", "no"}, {"t", "f"}, {"y", "n"}, {"on", "off"}};
    if (d->n < 1 || d->n > 2)
        return false;
    const char *a = dict_text(d, 0), *b = d->n == 2 ? dict_text(d, 1) : NULL;
    for (size_t i = 0; i < sizeof pair / sizeof pair[0]; i++) {
        for (int swap = 0; swap < 2; swap++) {
            if (strcasecmp(a, pair[i][swap]) == 0 && (b ? strcasecmp(b, pair[i][!swap]) == 0 : i < 2))
                return true;
        }
    }
    return false;
}

/* All whole numbers of one width with a leading zero: codes, not quantities. */
static bool all_numbers(const struct dict *d)
{
    uint32_t all = 0;
    for (size_t i = 0; i < d->n; i++) {
        double v;
        uint32_t flags;
        if (!number_parse(dict_text(d, i), dict_size(d, i), &v, &flags))
            return false;
        all |= flags;
    }
    bool one_width = (NUMBER_WIDTHS(all) & (NUMBER_WIDTHS(all) - 1)) == 0;
    return d->n && !((all & NUMBER_LEAD0) && !(all & NUMBER_NOT_DIGITS) && one_width) && !(all & NUMBER_INFINITE);
}

static bool is_text(const struct dict *d, const int32_t *code, size_t rows)
{
    size_t present = 0;
    double words = 0;
    size_t *each = NULL;
    if (d->n < 20)
        return false;
    each = mem_array(d->mem, d->n, sizeof *each);
    for (size_t i = 0; each && i < d->n; i++)
        each[i] = infer_words(dict_text(d, i), dict_size(d, i));
    for (size_t i = 0; i < rows; i++) {
        if (code[i] < 0)
            continue;
        present++;
        words += (double)(each ? each[code[i]] : infer_words(dict_text(d, (size_t)code[i]), dict_size(d, (size_t)code[i])));
    }
    mem_free(each);
    double mean = present ? words / (double)present : 0;
    double share = present ? (double)d->n / (double)present : 0;
    return (mean >= 3 && share >= 0.5) || (mean >= 8 && share >= 0.1);
}

enum asx_type infer_type(const struct dict *d, const int32_t *code, size_t rows, int *day_first, enum comma guess,
                         enum comma *comma)
{
    size_t bad;
    if (d->n == 0)
        return ASX_NUMERIC; /* nothing present: a column of missing numbers */
    unsigned orders = date_orders(d, *day_first, &bad);
    if (orders) {
        *day_first = orders & DATE_MONTH_FIRST ? 1 : 2;
        return ASX_DATETIME;
    }
    if (boolean_pair(d))
        return ASX_BOOLEAN;
    if (all_numbers(d))
        return ASX_NUMERIC;
    if (guess != COMMA_NONE && (*comma = comma_convention(d, guess)) != COMMA_NONE)
        return ASX_NUMERIC;
    return is_text(d, code, rows) ? ASX_TEXT : ASX_CATEGORICAL;
}

/* ---- storing ------------------------------------------------------------------- */

static asx_st misfit(const struct infer_input *in, size_t level, const char *what, struct asx_err *err)
{
    size_t row = 0;
    while (row < in->rows && in->code[row] != (int32_t)level)
        row++;
    return err_at(err, ASX_E_DATA, in->file, 0, 0,
                  "cell '%.60s' in data row %zu of column '%s' is %s; correct it or change the type of the column",
                  dict_text(in->dict, level), row + 1, in->name, what);
}

static asx_st nomem(const struct infer_input *in, struct asx_err *err)
{
    return err_set(err, ASX_E_NOMEM, "column '%s' does not fit in memory; raise the memory limit", in->name);
}

/* Numbers or dates: one f64 a cell, looked up by code. */
static asx_st store_numbers(struct infer_input *in, struct infer_output *out, bool dates, struct asx_err *err)
{
    asx_st st = ASX_OK;
    const struct dict *d = in->dict;
    double *level = mem_array(in->mem, d->n, sizeof *level), *v = mem_array(in->mem, in->rows, sizeof *v);
    if (!level || !v) {
        st = nomem(in, err);
        goto out;
    }
    unsigned order = in->day_first == 2 ? DATE_DAY_FIRST : DATE_MONTH_FIRST;
    if (!dates && in->comma == COMMA_NONE && in->guess != COMMA_NONE)
        in->comma = comma_convention(d, in->guess);
    out->comma = dates ? COMMA_NONE : in->comma;
    for (size_t i = 0; i < d->n; i++) {
        uint32_t flags = 0;
        bool good = dates ? (datetime_parse(dict_text(d, i), dict_size(d, i), order, &level[i]) & order) != 0
                          : comma_parse(dict_text(d, i), dict_size(d, i), in->comma, &level[i], &flags);
        if (!good || (flags & NUMBER_INFINITE)) {
            st = misfit(in, i, dates ? "no date" : good ? "infinite" : "no number", err);
            goto out;
        }
    }
    for (size_t i = 0; i < in->rows; i++)
        v[i] = in->code[i] < 0 ? NAN : level[in->code[i]];
    out->column.store = ASX_STORE_F64;
    out->column.f64 = v;
    v = NULL;
out:
    mem_free(level);
    mem_free(v);
    return st;
}

static int by_text(const void *a, const void *b, void *arg)
{
    const struct dict *d = arg;
    return strcmp(dict_text(d, *(const uint32_t *)a), dict_text(d, *(const uint32_t *)b));
}

/* A dictionary sorted bytewise; the texts are the dict's own bytes, taken over. */
static asx_st store_codes(struct infer_input *in, struct infer_output *out, struct asx_err *err)
{
    struct dict *d = in->dict;
    uint32_t *order = mem_array(in->mem, d->n, sizeof *order);
    int32_t *rank = mem_array(in->mem, d->n, sizeof *rank);
    const char **level = mem_array(in->mem, d->n, sizeof *level);
    if (!order || !rank || !level) {
        mem_free(order);
        mem_free(rank);
        mem_free(level);
        return nomem(in, err);
    }
    dict_freeze(d);
    char *tight = d->n ? mem_realloc(in->mem, d->bytes, (size_t)d->start[d->n]) : NULL;
    d->bytes = tight ? tight : d->bytes;
    for (size_t i = 0; i < d->n; i++)
        order[i] = (uint32_t)i;
    qsort_r(order, d->n, sizeof *order, by_text, d);
    for (size_t i = 0; i < d->n; i++) {
        rank[order[i]] = (int32_t)i;
        level[i] = dict_text(d, order[i]);
    }
    for (size_t i = 0; i < in->rows; i++)
        in->code[i] = in->code[i] < 0 ? -1 : rank[in->code[i]];
    out->column.store = ASX_STORE_CODE;
    out->column.code = in->code;
    out->column.level = level;
    out->column.levels = d->n;
    out->level_bytes = d->bytes;
    in->code = NULL;
    d->bytes = NULL;
    mem_free(order);
    mem_free(rank);
    return ASX_OK;
}

static asx_st store_strings(struct infer_input *in, struct infer_output *out, struct asx_err *err)
{
    const struct dict *d = in->dict;
    dict_freeze(in->dict);
    uint64_t total = 0;
    bool missing = false;
    for (size_t i = 0; i < in->rows; i++) {
        missing = missing || in->code[i] < 0;
        total += in->code[i] < 0 ? 0 : dict_size(d, (size_t)in->code[i]);
    }
    uint64_t *offset = mem_array(in->mem, in->rows + 1, sizeof *offset);
    uint64_t *bits = missing ? mem_calloc(in->mem, in->rows / 64 + 1, sizeof *bits) : NULL;
    char *bytes = mem_alloc(in->mem, (size_t)total + 1);
    if (!offset || !bytes || (missing && !bits)) {
        mem_free(offset);
        mem_free(bits);
        mem_free(bytes);
        return nomem(in, err);
    }
    uint64_t at = 0;
    for (size_t i = 0; i < in->rows; i++) {
        offset[i] = at;
        if (in->code[i] < 0) {
            bits[i / 64] |= (uint64_t)1 << (i % 64);
            continue;
        }
        size_t size = dict_size(d, (size_t)in->code[i]);
        memcpy(bytes + at, dict_text(d, (size_t)in->code[i]), size);
        at += size;
    }
    offset[in->rows] = at;
    bytes[at] = '\0';
    out->column.store = ASX_STORE_STRING;
    out->column.offset = offset;
    out->column.bytes = bytes;
    out->column.missing = bits;
    return ASX_OK;
}

/* Numbers with a few words among them: the word, to be told to the user. */
static const char *stray_word(const struct infer_input *in, const struct asx_column *c)
{
    size_t words = 0, cells = 0, present = 0, n = c->levels;
    const char *word = NULL;
    bool *bad = n >= 8 ? mem_calloc(in->mem, n, sizeof *bad) : NULL;
    for (size_t i = 0; bad && i < n && words <= 3; i++) {
        double v;
        uint32_t flags;
        bad[i] = !number_parse(c->level[i], strlen(c->level[i]), &v, &flags) &&
                 (!in->guess || !comma_number(c->level[i], strlen(c->level[i])));
        words += bad[i];
        word = bad[i] ? c->level[i] : word;
    }
    if (!bad || words == 0 || words > 3) {
        mem_free(bad);
        return NULL;
    }
    for (size_t i = 0; i < in->rows; i++) {
        present += c->code[i] >= 0;
        cells += c->code[i] >= 0 && bad[c->code[i]];
    }
    mem_free(bad);
    return cells * 50 < present ? word : NULL;
}

asx_st infer_column(struct infer_input *in, struct infer_output *out, struct asx_err *err)
{
    memset(out, 0, sizeof *out);
    struct dict *d = in->dict;
    asx_st st = ASX_OK;
    size_t bad = 0;
    enum asx_type type = in->type;
    if (type == ASX_TYPES) {
        type = infer_type(d, in->code, in->rows, &in->day_first, in->guess, &in->comma);
    } else if (type == ASX_DATETIME && d->n) {
        unsigned orders = date_orders(d, in->day_first, &bad);
        if (!orders) {
            st = misfit(in, bad, "no date like the others", err);
            goto out;
        }
        in->day_first = orders & DATE_MONTH_FIRST ? 1 : 2;
    } else if (type == ASX_BOOLEAN && d->n > 2 && in->lenient) {
        type = ASX_CATEGORICAL;
    } else if (type == ASX_BOOLEAN && d->n > 2) {
        st = misfit(in, 2, "a third value where a boolean has two", err);
        goto out;
    }
    out->column.name = in->name;
    out->column.type = type;
    out->day_first = in->day_first == 2;
    if (type == ASX_NUMERIC || type == ASX_DATETIME) {
        st = store_numbers(in, out, type == ASX_DATETIME, err);
    } else if (type == ASX_TEXT) {
        st = store_strings(in, out, err);
    } else {
        st = store_codes(in, out, err);
        if (!st && in->type == ASX_TYPES)
            out->stray = stray_word(in, &out->column);
    }
out:
    dict_clear(d);
    mem_free(in->code);
    in->code = NULL;
    return st;
}
