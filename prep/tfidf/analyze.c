/* SPDX-License-Identifier: Apache-2.0 */
/* Text to terms: UTF-8, lower case, words, n-grams. */
#include "base/hash.h"
#include "prep/tfidf/tfidf.h"

#include <string.h>

/* ---- characters ------------------------------------------------------------ */

/* Next code point; bytes that are not UTF-8 become U+FFFD, one at a time. */
static uint32_t next_char(const unsigned char *s, size_t size, size_t *at)
{
    size_t i = *at;
    uint32_t c = s[i++];
    int more = c < 0x80 ? 0 : c >= 0xC2 && c < 0xE0 ? 1 : c >= 0xE0 && c < 0xF0 ? 2 : c >= 0xF0 && c < 0xF5 ? 3 : -1;
    *at = i;
    if (more <= 0)
        return more ? 0xFFFD : c;
    if (size - i < (size_t)more)
        return 0xFFFD;
    c &= 0x3Fu >> more;
    for (int k = 0; k < more; k++) {
        if ((s[i + (size_t)k] & 0xC0) != 0x80)
            return 0xFFFD;
        c = c << 6 | (s[i + (size_t)k] & 0x3F);
    }
    *at = i + (size_t)more;
    return c;
}

static size_t put_char(uint32_t c, char out[4])
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xC0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3F));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xE0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3F));
        out[2] = (char)(0x80 | (c & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3F));
    out[2] = (char)(0x80 | (c >> 6 & 0x3F));
    out[3] = (char)(0x80 | (c & 0x3F));
    return 4;
}

/* Simple case folding of Latin, Greek, Cyrillic and Armenian, as in Unicode's simple lower-case mapping. */
static uint32_t lower(uint32_t c)
{
    if (c < 0x80)
        return c >= 'A' && c <= 'Z' ? c + 32 : c;
    if (c < 0x100)
        return c >= 0xC0 && c <= 0xDE && c != 0xD7 ? c + 32 : c;
    if (c < 0x180) {
        if (c == 0x130)
            return 'i';
        if (c == 0x178)
            return 0xFF;
        bool even = c <= 0x137 || (c >= 0x14A && c <= 0x177), odd = (c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17E);
        return (even && !(c & 1)) || (odd && (c & 1)) ? c + 1 : c;
    }
    if (c >= 0x386 && c <= 0x3AB) {
        if (c == 0x386)
            return 0x3AC;
        if (c >= 0x388 && c <= 0x38A)
            return c + 37;
        if (c == 0x38C)
            return 0x3CC;
        if (c == 0x38E || c == 0x38F)
            return c + 63;
        return c >= 0x391 && c != 0x3A2 ? c + 32 : c;
    }
    if (c >= 0x400 && c <= 0x52F) {
        if (c < 0x430)
            return c < 0x410 ? c + 80 : c + 32;
        bool pairs = (c >= 0x460 && c <= 0x481) || (c >= 0x48A && c <= 0x4BF) || c >= 0x4D0;
        return pairs && !(c & 1) ? c + 1 : c;
    }
    return c >= 0x531 && c <= 0x556 ? c + 48 : c;
}

static bool is_space(uint32_t c)
{
    if (c < 0x80)
        return c == 0 || c == ' ' || (c >= 9 && c <= 13) || (c >= 0x1C && c <= 0x1F);
    return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
           c == 0x205F || c == 0x3000;
}

/* Letters, digits and the underscore. Beyond Latin-1: everything but the blocks of punctuation and symbols. */
static bool is_word(uint32_t c)
{
    if (c < 0x80)
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    if (c < 0xC0)
        return c == 0xAA || c == 0xB2 || c == 0xB3 || c == 0xB5 || c == 0xB9 || c == 0xBA || (c >= 0xBC && c <= 0xBE);
    if (c < 0x2000)
        return c != 0xD7 && c != 0xF7 && c != 0x37E && c != 0x387;
    if (c < 0x2C00)
        return c >= 0x2070 && c <= 0x218B && !(c >= 0x20A0 && c <= 0x20FF) && !(c >= 0x207A && c <= 0x207E) &&
               !(c >= 0x208A && c <= 0x208E);
    if (c >= 0x3000 && c <= 0x3030)
        return c >= 0x3005 && c <= 0x3007;
    if (c >= 0xFE10 && c <= 0xFE6F)
        return false;
    if (c >= 0xFF00 && c <= 0xFFFF)
        return (c >= 0xFF10 && c <= 0xFF19) || (c >= 0xFF21 && c <= 0xFF3A) || (c >= 0xFF41 && c <= 0xFF5A) ||
               (c >= 0xFF66 && c <= 0xFFDC);
    return c < 0x1F000 || c >= 0x20000;
}

/* ---- growing ------------------------------------------------------------------ */

/* Room for n items. Capacities double, so that documents reuse them. */
static asx_st grow(struct mem *mem, void **p, size_t *capacity, size_t n, size_t item)
{
    if (n <= *capacity)
        return ASX_OK;
    size_t more = n + n / 2 + 64;
    void *q = mem_realloc(mem, *p, more * item);
    if (!q)
        return ASX_E_NOMEM;
    *p = q;
    *capacity = more;
    return ASX_OK;
}

static asx_st add_term(struct tfidf_terms *t, size_t start, size_t end)
{
    void *p = t->term;
    if (grow(t->mem, &p, &t->capacity, t->n + 1, sizeof *t->term) != ASX_OK)
        return ASX_E_NOMEM;
    t->term = p;
    t->term[t->n++] = (struct tfidf_span){(uint32_t)start, (uint32_t)(end - start)};
    return ASX_OK;
}

static asx_st add_mark(struct tfidf_terms *t, size_t n, size_t at)
{
    void *p = t->mark;
    if (grow(t->mem, &p, &t->mark_capacity, n + 1, sizeof *t->mark) != ASX_OK)
        return ASX_E_NOMEM;
    t->mark = p;
    t->mark[n] = (uint32_t)at;
    return ASX_OK;
}

/* ---- words ---------------------------------------------------------------------- */

/* mark[i] .. mark[i + 1] - 1 (less the blank) is word i. */
static asx_st word_grams(struct tfidf_terms *t, const struct tfidf_analyzer *a, size_t words)
{
    for (int n = a->shortest; n <= a->longest; n++)
        for (size_t i = 0; i + (size_t)n <= words; i++)
            if (add_term(t, t->mark[i], t->mark[i + (size_t)n] - 1) != ASX_OK)
                return ASX_E_NOMEM;
    return ASX_OK;
}

static asx_st words_make(struct tfidf_terms *t, const struct tfidf_analyzer *a, const unsigned char *s, size_t size)
{
    size_t words = 0, at = 0, start = 0, chars = 0;
    if (add_mark(t, 0, 0) != ASX_OK)
        return ASX_E_NOMEM;
    for (;;) {
        uint32_t c = at < size ? lower(next_char(s, size, &at)) : 0;
        if (c && is_word(c)) {
            t->n_text += put_char(c, t->text + t->n_text);
            chars++;
            continue;
        }
        if (chars >= 2) { /* as the pattern \w\w+ */
            t->text[t->n_text++] = ' ';
            start = t->n_text;
            if (add_mark(t, ++words, start) != ASX_OK)
                return ASX_E_NOMEM;
        }
        t->n_text = start;
        chars = 0;
        if (!c && at >= size)
            break;
    }
    return word_grams(t, a, words);
}

/* ---- characters within word boundaries --------------------------------------------- */

/* Characters of one padded word: mark[0..chars], the last past its end. */
static asx_st char_grams(struct tfidf_terms *t, const struct tfidf_analyzer *a, size_t chars)
{
    for (int n = a->shortest; n <= a->longest; n++) {
        size_t length = (size_t)n;
        if (chars <= length) { /* a short word counts once, then longer n-grams add nothing */
            return add_term(t, t->mark[0], t->mark[chars]);
        }
        for (size_t i = 0; i + length <= chars; i++)
            if (add_term(t, t->mark[i], t->mark[i + length]) != ASX_OK)
                return ASX_E_NOMEM;
    }
    return ASX_OK;
}

static asx_st end_word(struct tfidf_terms *t, const struct tfidf_analyzer *a, size_t chars)
{
    if (add_mark(t, chars, t->n_text) != ASX_OK)
        return ASX_E_NOMEM;
    t->text[t->n_text++] = ' ';
    if (add_mark(t, chars + 1, t->n_text) != ASX_OK)
        return ASX_E_NOMEM;
    return char_grams(t, a, chars + 1);
}

static asx_st chars_make(struct tfidf_terms *t, const struct tfidf_analyzer *a, const unsigned char *s, size_t size)
{
    size_t at = 0, chars = 0; /* characters of the current word, its leading blank included */
    while (at < size) {
        uint32_t c = lower(next_char(s, size, &at));
        if (is_space(c)) {
            if (chars && end_word(t, a, chars) != ASX_OK)
                return ASX_E_NOMEM;
            chars = 0;
            continue;
        }
        if (!chars) {
            if (add_mark(t, 0, t->n_text) != ASX_OK)
                return ASX_E_NOMEM;
            t->text[t->n_text++] = ' ';
            chars = 1;
        }
        if (add_mark(t, chars++, t->n_text) != ASX_OK)
            return ASX_E_NOMEM;
        t->n_text += put_char(c, t->text + t->n_text);
    }
    return chars ? end_word(t, a, chars) : ASX_OK;
}

/* ---- terms ----------------------------------------------------------------------------- */

asx_st tfidf_terms_make(struct tfidf_terms *t, const struct tfidf_analyzer *a, const char *text, size_t size)
{
    t->n = t->n_text = 0;
    if (!text || !size)
        return ASX_OK;
    size_t most = (size_t)1 << 28; /* spans are 32 bits; what follows in so long a cell says nothing new */
    if (size > most)
        size = most;
    void *p = t->text;
    /* a byte that is not UTF-8 becomes 3, and every word may be padded by two blanks */
    if (grow(t->mem, &p, &t->text_capacity, 4 * size + 8, 1) != ASX_OK)
        return ASX_E_NOMEM;
    t->text = p;
    const unsigned char *s = (const unsigned char *)text;
    return a->kind == TFIDF_WORD ? words_make(t, a, s, size) : chars_make(t, a, s, size);
}

void tfidf_terms_clear(struct tfidf_terms *t)
{
    mem_free(t->text);
    mem_free(t->term);
    mem_free(t->mark);
    *t = (struct tfidf_terms){.mem = t->mem};
}

uint64_t tfidf_hash(const char *term, size_t size)
{
    return hash_of(term, size).lo;
}

uint64_t tfidf_term_hash(const struct tfidf_terms *t, size_t i)
{
    return tfidf_hash(t->text + t->term[i].start, t->term[i].size);
}

/* ---- documents ---------------------------------------------------------------------------- */

size_t tfidf_documents(const struct asx_column *c, size_t rows)
{
    return c->store == ASX_STORE_CODE ? c->levels : rows;
}

const char *tfidf_document(const struct asx_column *c, size_t i, size_t *size)
{
    if (c->store == ASX_STORE_CODE) {
        *size = strlen(c->level[i]);
        return c->level[i];
    }
    bool missing = c->missing && (c->missing[i / 64] >> (i % 64) & 1);
    *size = missing ? 0 : (size_t)(c->offset[i + 1] - c->offset[i]);
    return *size ? c->bytes + c->offset[i] : NULL;
}
