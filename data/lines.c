/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* memrchr */
#include "data/lines.h"
#include "base/err.h"

enum { WINDOW = 1 << 20, MOST = 256 << 20 };

void lines_init(struct lines *l, struct source *source, struct mem *mem)
{
    *l = (struct lines){.source = source, .mem = mem, .first = true};
}

void lines_clear(struct lines *l)
{
    mem_free(l->buffer);
    l->buffer = NULL;
}

asx_st lines_next(struct lines *l, char **begin, char **end)
{
    size_t limit = l->have;
    if (l->used >= limit)
        return ASX_NONE;
    char *p = l->buffer + l->used, *lf = memchr(p, '\n', limit - l->used);
    if (!lf && !l->last)
        return ASX_NONE;
    lf = lf ? lf : l->buffer + limit;
    l->used = (size_t)(lf - l->buffer) + 1;
    *begin = p;
    *end = lf > p && lf[-1] == '\r' ? lf - 1 : lf;
    l->line++;
    return ASX_OK;
}

asx_st lines_more(struct lines *l, struct asx_err *err)
{
    const char *name = l->source->name;
    size_t got = 0;
    if (l->last)
        return ASX_NONE;
    size_t rest = l->have > l->used ? l->have - l->used : 0;
    if (rest)
        memmove(l->buffer, l->buffer + l->used, rest);
    l->have = rest;
    l->used = 0;
    do {
        if (l->have == l->capacity) {
            size_t capacity = l->capacity ? l->capacity * 2 : WINDOW;
            if (capacity > MOST)
                return err_at(err, ASX_E_DATA, name, (int)l->line + 1, 0, "a line is longer than %d MiB; check the line ends",
                              MOST >> 20);
            char *bigger = mem_realloc(l->mem, l->buffer, capacity + SCAN_PAD);
            if (!bigger)
                return err_set(err, ASX_E_NOMEM, "no memory to read '%s'; raise the memory limit", name);
            l->buffer = bigger;
            l->capacity = capacity;
        }
        asx_st st = source_read(l->source, l->buffer + l->have, l->capacity - l->have, &got, err);
        if (!st)
            st = csv_check_text(name, l->buffer + l->have, got, l->first, err);
        if (st)
            return st;
        l->last = l->have + got < l->capacity;
        if (l->first && l->have == 0 && got >= 3 && memcmp(l->buffer, "\xEF\xBB\xBF", 3) == 0)
            memset(l->buffer, ' ', 3);
        l->first = false;
        l->have += got;
        memset(l->buffer + l->have, '\n', SCAN_PAD);
    } while (!l->last && !memchr(l->buffer, '\n', l->have));
    return l->have ? ASX_OK : ASX_NONE;
}
