/* SPDX-License-Identifier: Apache-2.0 */
/* Growing text buffers of base/file.h. */
#include "base/file.h"

#include "base/mem.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void text_init(struct text *t, struct mem *mem)
{
    *t = (struct text){.mem = mem};
}

void text_clear(struct text *t)
{
    mem_free(t->s);
    *t = (struct text){.mem = t->mem};
}

/* Room for n more bytes and a NUL. */
static bool reserve(struct text *t, size_t n)
{
    if (t->failed)
        return false;
    if (n < t->capacity - t->n)
        return true;
    size_t want, capacity = t->capacity ? t->capacity : 128;
    if (__builtin_add_overflow(t->n, n + 1, &want) || want > SIZE_MAX / 4) {
        t->failed = true;
        return false;
    }
    while (capacity < want)
        capacity += capacity / 2 + 64;
    char *s = mem_realloc(t->mem, t->s, capacity);
    if (!s) {
        t->failed = true;
        return false;
    }
    t->s = s;
    t->capacity = capacity;
    return true;
}

void text_put(struct text *t, const char *s, size_t n)
{
    if (!reserve(t, n))
        return;
    if (n)
        memcpy(t->s + t->n, s, n);
    t->n += n;
    t->s[t->n] = '\0';
}

void text_puts(struct text *t, const char *s)
{
    text_put(t, s, strlen(s));
}

void text_printf(struct text *t, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    if (n < 0)
        t->failed = true;
    else if (reserve(t, (size_t)n)) {
        vsnprintf(t->s + t->n, (size_t)n + 1, fmt, again);
        t->n += (size_t)n;
    }
    va_end(again);
    va_end(ap);
}

void text_number(struct text *t, double v, const char *null_word)
{
    if (!isfinite(v)) {
        text_puts(t, null_word);
        return;
    }
    char s[40];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(s, sizeof s, "%.*g", digits, v);
        if (strtod(s, NULL) == v)
            break;
    }
    text_puts(t, s);
}
