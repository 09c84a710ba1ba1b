/* SPDX-License-Identifier: Apache-2.0 */
#include "base/event.h"

#include <stdarg.h>
#include <stdio.h>

void event_send(const struct event_sink *sink, enum event_level level, const char *name, const char *fmt, ...)
{
    if (!sink || !sink->fn || level < sink->least)
        return;
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    sink->fn(sink->arg, level, name, text);
}
