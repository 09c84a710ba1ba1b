/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Learning a vocabulary: document frequencies of all terms of the training rows by hash,
 * the most frequent terms kept, their spelling looked up again in the document that had
 * them first. Tables are per worker and added up: sums of whole numbers do not depend on
 * who counted what.
 */
#include "prep/tfidf/tfidf.h"

#include <stdlib.h>
#include <string.h>

/* A term seen: how many training rows have it, and the first document that does. */
struct entry {
    uint64_t hash;
    uint32_t count; /* 0 = free */
    uint32_t last;  /* document counted last, to count each once */
    uint32_t first;
};

struct table {
    struct entry *entry;
    size_t n, capacity; /* capacity: a power of two, at most 60 % used */
};

struct worker {
    struct table table;
    struct tfidf_terms terms;
};

struct count {
    const struct asx_column *column;
    const struct tfidf_analyzer *analyzer;
    const uint32_t *rows;   /* training rows; NULL: all */
    const uint32_t *weight; /* CODE columns: training rows that have the level; else NULL */
    size_t n;               /* training rows, or levels */
    size_t seen;            /* CODE columns: levels that training rows have */
    struct worker *worker;
};

static asx_st table_grow(struct mem *mem, struct table *t)
{
    size_t capacity = t->capacity ? 2 * t->capacity : 1024;
    struct entry *to = mem_calloc(mem, capacity, sizeof *to);
    if (!to)
        return ASX_E_NOMEM;
    for (size_t i = 0; i < t->capacity; i++) {
        if (!t->entry[i].count)
            continue;
        size_t at = t->entry[i].hash & (capacity - 1);
        while (to[at].count)
            at = (at + 1) & (capacity - 1);
        to[at] = t->entry[i];
    }
    mem_free(t->entry);
    t->entry = to;
    t->capacity = capacity;
    return ASX_OK;
}

/* The entry of a hash; a new one has count 0 and must get one. NULL when out of memory. */
static struct entry *table_at(struct mem *mem, struct table *t, uint64_t hash)
{
    if ((t->n + 1) * 5 > t->capacity * 3 && table_grow(mem, t) != ASX_OK)
        return NULL;
    size_t at = hash & (t->capacity - 1);
    while (t->entry[at].count && t->entry[at].hash != hash)
        at = (at + 1) & (t->capacity - 1);
    if (!t->entry[at].count) {
        t->n++;
        t->entry[at].hash = hash;
    }
    return &t->entry[at];
}

static asx_st count_document(struct count *c, struct worker *w, uint32_t document, uint32_t weight)
{
    size_t size;
    const char *text = tfidf_document(c->column, document, &size);
    if (tfidf_terms_make(&w->terms, c->analyzer, text, size) != ASX_OK)
        return ASX_E_NOMEM;
    for (size_t i = 0; i < w->terms.n; i++) {
        struct entry *e = table_at(w->terms.mem, &w->table, tfidf_term_hash(&w->terms, i));
        if (!e)
            return ASX_E_NOMEM;
        if (e->count && e->last == document)
            continue;
        if (!e->count || document < e->first)
            e->first = document;
        e->last = document;
        e->count += weight;
    }
    return ASX_OK;
}

static asx_st count_piece(void *arg, size_t piece, int worker)
{
    struct count *c = arg;
    asx_st st = ASX_OK;
    for (size_t i = piece * TFIDF_DOCS; i < (piece + 1) * TFIDF_DOCS && i < c->n && st == ASX_OK; i++) {
        uint32_t weight = c->weight ? c->weight[i] : 1;
        uint32_t document = c->weight || !c->rows ? (uint32_t)i : c->rows[i];
        if (weight)
            st = count_document(c, &c->worker[worker], document, weight);
    }
    return st;
}

/* Adds table `from` to `to`. */
static asx_st merge(struct mem *mem, struct table *to, const struct table *from)
{
    for (size_t i = 0; i < from->capacity; i++) {
        const struct entry *e = &from->entry[i];
        if (!e->count)
            continue;
        struct entry *t = table_at(mem, to, e->hash);
        if (!t)
            return ASX_E_NOMEM;
        if (!t->count || e->first < t->first)
            t->first = e->first;
        t->count += e->count;
    }
    return ASX_OK;
}

/* Most documents first; equal counts by hash: neither spelling nor order of rows decides. */
static int by_count(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    return (x->hash > y->hash) - (x->hash < y->hash);
}

static int by_first(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->first != y->first)
        return x->first < y->first ? -1 : 1;
    return (x->hash > y->hash) - (x->hash < y->hash);
}

/* Keeps the entries worth a column, at the front of the table's memory; the table is no table then. */
static size_t choose(struct table *t, size_t min_df, size_t max_features)
{
    size_t n = 0;
    for (size_t i = 0; i < t->capacity; i++)
        if (t->entry[i].count && t->entry[i].count >= min_df)
            t->entry[n++] = t->entry[i];
    if (n)
        qsort(t->entry, n, sizeof *t->entry, by_count);
    return n < max_features ? n : max_features;
}

struct spelled {
    const char *term;
    uint32_t count;
};

static int by_spelling(const void *a, const void *b)
{
    return strcmp(((const struct spelled *)a)->term, ((const struct spelled *)b)->term);
}

/* Finds the spelling of each entry in its first document. */
static asx_st spell(struct tfidf_state *s, const struct count *c, struct tfidf_terms *terms, struct entry *entry, size_t n,
                    struct spelled *out)
{
    if (n)
        qsort(entry, n, sizeof *entry, by_first);
    uint32_t made = UINT32_MAX;
    for (size_t i = 0; i < n; i++) {
        size_t size, k = 0;
        if (entry[i].first != made || !i) {
            const char *text = tfidf_document(c->column, made = entry[i].first, &size);
            if (tfidf_terms_make(terms, c->analyzer, text, size) != ASX_OK)
                return ASX_E_NOMEM;
        }
        while (k + 1 < terms->n && tfidf_term_hash(terms, k) != entry[i].hash)
            k++;
        size = terms->term[k].size;
        char *term = arena_alloc(s->head.arena, size + 1);
        if (!term)
            return ASX_E_NOMEM;
        memcpy(term, terms->text + terms->term[k].start, size);
        term[size] = 0;
        out[i] = (struct spelled){term, entry[i].count};
    }
    if (n)
        qsort(out, n, sizeof *out, by_spelling);
    return ASX_OK;
}

asx_st tfidf_vocabulary_index(struct tfidf_state *s, struct tfidf_vocabulary *v)
{
    size_t slots = 16;
    while (slots < 2 * v->n)
        slots *= 2;
    v->key = prep_state_alloc(s, slots, sizeof *v->key);
    v->index = prep_state_alloc(s, slots, sizeof *v->index);
    if (!v->key || !v->index)
        return ASX_E_NOMEM;
    v->mask = slots - 1;
    memset(v->index, 0xFF, slots * sizeof *v->index);
    for (size_t k = 0; k < v->n; k++) {
        uint64_t hash = tfidf_hash(v->term[k], strlen(v->term[k]));
        size_t at = hash & v->mask;
        while (v->index[at] >= 0)
            at = (at + 1) & v->mask;
        v->key[at] = hash;
        v->index[at] = (int32_t)k;
    }
    return ASX_OK;
}

/* The vocabulary from the spelled terms; documents counts all training rows, empty ones too. */
static asx_st keep(struct tfidf_state *s, const struct spelled *term, size_t n, double documents, struct tfidf_vocabulary *v)
{
    v->n = n;
    v->term = prep_state_alloc(s, n + 1, sizeof *v->term);
    v->idf = prep_state_alloc(s, n + 1, sizeof *v->idf);
    if (!v->term || !v->idf)
        return ASX_E_NOMEM;
    for (size_t k = 0; k < n; k++) {
        v->term[k] = term[k].term;
        v->idf[k] = log((1 + documents) / (1 + (double)term[k].count)) + 1;
    }
    return tfidf_vocabulary_index(s, v);
}

static asx_st count_all(struct asx_exec *x, struct count *c, int workers)
{
    asx_st st = prep_run(x, (c->n + TFIDF_DOCS - 1) / TFIDF_DOCS, count_piece, c);
    for (int w = 1; w < workers && st == ASX_OK; w++)
        st = merge(x->mem, &c->worker[0].table, &c->worker[w].table);
    return st;
}

/* CODE columns: training rows of each level. */
static asx_st weigh(struct asx_exec *x, const struct asx_prep_input *in, size_t rows, struct count *c)
{
    uint32_t *weight = arena_calloc(x->scratch, c->column->levels + 1, sizeof *weight);
    if (!weight)
        return ASX_E_NOMEM;
    for (size_t i = 0; i < rows; i++) {
        int32_t code = c->column->code[in->rows ? in->rows[i] : i];
        if (code >= 0)
            c->seen += weight[code]++ == 0;
    }
    c->weight = weight;
    c->n = c->column->levels;
    return ASX_OK;
}

asx_st tfidf_vocabulary_fit(struct asx_exec *x, const struct asx_prep_input *in, int j, struct tfidf_state *s,
                            struct tfidf_vocabulary *out)
{
    size_t rows = in->rows ? in->n_rows : in->frame->rows, n = 0;
    size_t min_df = (size_t)prep_param(&asx_prep_tfidf, in->config, "min_df");
    size_t max_features = (size_t)prep_param(&asx_prep_tfidf, in->config, "max_features");
    int workers = x->threads > 1 ? x->threads : 1;
    struct count c = {.column = &in->frame->column[in->column[j]],
                      .analyzer = &s->analyzer,
                      .rows = in->rows,
                      .n = rows,
                      .worker = arena_calloc(x->scratch, (size_t)workers, sizeof *c.worker)};
    if (!c.worker)
        return ASX_E_NOMEM;
    for (int w = 0; w < workers; w++)
        c.worker[w].terms.mem = x->mem;
    struct spelled *spelled = NULL;
    asx_st st = c.column->store == ASX_STORE_CODE ? weigh(x, in, rows, &c) : ASX_OK;
    if (st == ASX_OK)
        st = count_all(x, &c, workers);
    if (st == ASX_OK) {
        if (c.weight && c.seen < max_features)
            max_features = c.seen; /* no more columns than one for each level */
        n = choose(&c.worker[0].table, min_df, max_features);
        spelled = mem_calloc(x->mem, n + 1, sizeof *spelled);
        st = spelled ? spell(s, &c, &c.worker[0].terms, c.worker[0].table.entry, n, spelled) : ASX_E_NOMEM;
    }
    if (st == ASX_OK)
        st = keep(s, spelled, n, (double)rows, out);
    mem_free(spelled);
    for (int w = 0; w < workers; w++) {
        mem_free(c.worker[w].table.entry);
        tfidf_terms_clear(&c.worker[w].terms);
    }
    return st;
}
