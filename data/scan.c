/* SPDX-License-Identifier: Apache-2.0 */
#include "data/scan.h"
#include "data/read.h"

const char *const data_missing_words[] = {"", "NA", "N/A", "NaN", "nan", "NULL", "null", "?", NULL};

void missing_words_init(struct missing_words *m, const char *const *added)
{
    memset(m, 0, sizeof *m);
    m->list[0] = data_missing_words;
    m->list[1] = added;
    for (int k = 0; k < 2; k++) {
        for (const char *const *w = m->list[k]; w && *w; w++) {
            size_t n = strlen(*w);
            m->longest = n > m->longest ? n : m->longest;
            m->first[(unsigned char)(*w)[0]] = true;
        }
    }
    for (const char *c = "nN+-"; *c; c++)
        m->first[(unsigned char)*c] = true;
    m->longest = m->longest < 4 ? 4 : m->longest;
}

/* nan in any case, with or without a sign: what printf writes. */
static bool is_nan(const char *t, size_t size)
{
    if (size == 4 && (t[0] == '-' || t[0] == '+')) {
        t++;
        size--;
    }
    return size == 3 && (t[0] | 32) == 'n' && (t[1] | 32) == 'a' && (t[2] | 32) == 'n';
}

bool missing_words_has_slow(const struct missing_words *m, const char *text, size_t size)
{
    if (is_nan(text, size))
        return true;
    for (int k = 0; k < 2; k++) {
        for (const char *const *w = m->list[k]; w && *w; w++) {
            if (strncmp(*w, text, size) == 0 && (*w)[size] == '\0')
                return true;
        }
    }
    return false;
}

/* Bytes of the sequence at p, 0 when it is none. */
static size_t sequence(const unsigned char *p, size_t left)
{
    size_t n = p[0] < 0x80                   ? 1
               : p[0] >= 0xC2 && p[0] < 0xE0 ? 2
               : p[0] >= 0xE0 && p[0] < 0xF0 ? 3
               : p[0] >= 0xF0 && p[0] < 0xF5 ? 4
                                             : 0;
    if (n == 0 || n > left)
        return 0;
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    }
    bool overlong = (p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xF0 && p[1] < 0x90);
    bool beyond = (p[0] == 0xED && p[1] >= 0xA0) || (p[0] == 0xF4 && p[1] >= 0x90);
    return overlong || beyond ? 0 : n;
}

bool scan_utf8(const char *text, size_t size)
{
    const unsigned char *p = (const unsigned char *)text;
    for (size_t i = 0; i < size;) {
        size_t n = p[i] < 0x80 ? 1 : sequence(p + i, size - i);
        if (n == 0)
            return false;
        i += n;
    }
    return true;
}

size_t scan_latin1(const char *text, size_t size, char *out)
{
    size_t n = 0;
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c < 0x80) {
            out[n++] = (char)c;
        } else {
            out[n++] = (char)(0xC0 | c >> 6);
            out[n++] = (char)(0x80 | (c & 0x3F));
        }
    }
    out[n] = '\0';
    return n;
}

size_t scan_undouble(const char *text, size_t size, char *out)
{
    size_t n = 0;
    for (size_t i = 0; i < size; i++) {
        out[n++] = text[i];
        i += text[i] == '"' && i + 1 < size && text[i + 1] == '"';
    }
    return n;
}
