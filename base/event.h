/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file event.h
 * Events: the library's only voice. It never writes to standard output or error;
 * whoever opened the session sets a sink.
 */
#ifndef ASSAY_BASE_EVENT_H
#define ASSAY_BASE_EVENT_H

enum event_level { EVENT_DEBUG, EVENT_INFO, EVENT_WARNING };

struct event_sink {
    void (*fn)(void *arg, enum event_level level, const char *name, const char *text);
    void *arg;
    enum event_level least;
};

/** Sink NULL or without fn: nothing happens. `name` is a dotted word ("data.target_missing"). */
void event_send(const struct event_sink *, enum event_level, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

#endif
