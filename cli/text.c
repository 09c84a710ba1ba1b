/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool grow(struct cli_text *t, size_t more)
{
    if (t->failed)
        return false;
    if (t->n + more + 1 <= t->room)
        return true;
    size_t room = (t->n + more + 1) * 2;
    char *s = realloc(t->s, room);
    if (!s) {
        free(t->s);
        *t = (struct cli_text){.failed = true};
        return false;
    }
    t->s = s;
    t->room = room;
    return true;
}

void cli_put(struct cli_text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0 || !grow(t, (size_t)n))
        return;
    va_start(args, format);
    vsnprintf(t->s + t->n, (size_t)n + 1, format, args);
    va_end(args);
    t->n += (size_t)n;
}

void cli_put_json(struct cli_text *t, const char *s)
{
    cli_put(t, "\"");
    while (*s) {
        size_t plain = 0;
        while ((unsigned char)s[plain] >= 0x20 && s[plain] != '"' && s[plain] != '\\')
            plain++;
        cli_put(t, "%.*s", (int)plain, s);
        s += plain;
        if (*s) {
            cli_put(t, *s == '"' || *s == '\\' ? "\\%c" : "\\u%04x", (unsigned char)*s);
            s++;
        }
    }
    cli_put(t, "\"");
}
