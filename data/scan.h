/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file scan.h
 * Cells of delimited text: where they begin and end, and which words mean "missing".
 *
 * RFC 4180 with the usual leniences: blanks around unquoted cells are no part of them, lines end in LF or CRLF, a quoted
 * cell may hold delimiters, line ends and doubled quotes; a quote inside an unquoted cell is a character like others.
 */
#ifndef ASSAY_DATA_SCAN_H
#define ASSAY_DATA_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/** How often a byte occurs. */
size_t scan_count(const char *p, size_t n, char byte);

/** A cell: text[0..size), without its quotes; `doubled` when it holds "" pairs that stand for one quote each. */
struct cell {
    const char *text;
    size_t size;
    bool quoted, doubled;
};

enum scan_fault { SCAN_GOOD, SCAN_OPEN_QUOTE, SCAN_AFTER_QUOTE };

/** First delimiter or line feed at or behind p; *end is a line feed. 16 readable bytes lie behind it. */
static inline const char *scan_unquoted(const char *p, char delimiter)
{
#if defined(__SSE2__)
    const __m128i d = _mm_set1_epi8(delimiter), n = _mm_set1_epi8('\n');
    for (;; p += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
        int hit = _mm_movemask_epi8(_mm_or_si128(_mm_cmpeq_epi8(v, d), _mm_cmpeq_epi8(v, n)));
        if (hit)
            return p + __builtin_ctz((unsigned)hit);
    }
#else
    while (*p != delimiter && *p != '\n')
        p++;
    return p;
#endif
}

static inline bool scan_blank(char c, char delimiter)
{
    return (c == ' ' || c == '\t') && c != delimiter;
}

/**
 * Reads the cell at p and returns its terminator: a delimiter, a line feed, or `end` (where a line feed stands as a
 * sentinel, with 16 readable bytes behind). NULL: *fault says why, c->text where.
 */
static inline const char *scan_cell(const char *p, const char *end, char delimiter, struct cell *c, enum scan_fault *fault)
{
    c->quoted = c->doubled = false;
    while (scan_blank(*p, delimiter))
        p++;
    if (*p != '"') {
        const char *stop = scan_unquoted(p, delimiter);
        const char *last = stop;
        if (*stop == '\n' && last > p && last[-1] == '\r')
            last--;
        while (last > p && scan_blank(last[-1], delimiter))
            last--;
        c->text = p;
        c->size = (size_t)(last - p);
        return stop;
    }
    c->quoted = true;
    c->text = ++p;
    for (;;) {
        const char *q = p < end ? memchr(p, '"', (size_t)(end - p)) : NULL;
        if (!q) {
            c->text--;
            *fault = SCAN_OPEN_QUOTE;
            return NULL;
        }
        if (q + 1 < end && q[1] == '"') {
            c->doubled = true;
            p = q + 2;
            continue;
        }
        c->size = (size_t)(q - c->text);
        p = q + 1;
        break;
    }
    while (scan_blank(*p, delimiter))
        p++;
    if (*p == '\r' && p[1] == '\n')
        p++;
    if (p == end || *p == delimiter || *p == '\n')
        return p;
    c->text = p;
    *fault = SCAN_AFTER_QUOTE;
    return NULL;
}

/** Words that mean "missing": a small set with a quick refusal by length and first byte. */
struct missing_words {
    const char *const *list[2]; /**< the defaults, and what the user added; NULL-terminated; may be NULL */
    size_t longest;
    bool first[256];
};

void missing_words_init(struct missing_words *, const char *const *added);
bool missing_words_has_slow(const struct missing_words *, const char *text, size_t size);
static inline bool missing_words_has(const struct missing_words *m, const char *text, size_t size)
{
    if (size == 0)
        return true;
    return size <= m->longest && m->first[(unsigned char)text[0]] && missing_words_has_slow(m, text, size);
}

/** Is text[0..size) valid UTF-8 (no surrogates, no overlong forms)? */
bool scan_utf8(const char *text, size_t size);
/** Latin-1 bytes as UTF-8, NUL-terminated; out has room for 2 * size + 1 bytes; returns the size. */
size_t scan_latin1(const char *text, size_t size, char *out);
/** Copies a cell, each "" as one quote; out has room for its size; returns the size. */
size_t scan_undouble(const char *text, size_t size, char *out);

#endif
