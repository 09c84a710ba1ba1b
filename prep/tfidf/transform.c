/* SPDX-License-Identifier: Apache-2.0 */
/* Documents to rows of weights. Documents are weighed once, then rows are put together column by column. */
#include "prep/tfidf/tfidf.h"

#include <string.h>

/* Weights of the documents of one piece, one after the other. */
struct weights {
    int32_t *index;
    float *value;
    size_t n, capacity;
};

/* One frame column: where each document's weights lie. */
struct part {
    const struct asx_column *column;
    const struct tfidf_vocabulary *vocabulary;
    size_t documents, pieces;
    struct weights *piece; /* [pieces] */
    uint32_t *start;       /* [documents + 1 a piece]: offsets into the piece */
    int32_t first;         /* the block's column of the first term */
};

struct scratch {
    struct tfidf_terms terms;
    uint32_t *count; /* [terms of the largest vocabulary] all 0 between documents */
    uint64_t *seen;  /* a bit for each term, all 0 between documents: read off in order, it sorts */
    int32_t *touched;
};

struct job {
    const struct tfidf_state *s;
    struct part *part;
    size_t *first_piece; /* [columns + 1] piece numbers */
    struct scratch *scratch;
    struct mem *mem;
};

static asx_st room(struct mem *mem, struct weights *w, size_t n)
{
    if (n <= w->capacity)
        return ASX_OK;
    size_t capacity = n + n / 2 + 256;
    int32_t *index = mem_realloc(mem, w->index, capacity * sizeof *index);
    if (!index)
        return ASX_E_NOMEM;
    w->index = index;
    float *value = mem_realloc(mem, w->value, capacity * sizeof *value);
    if (!value)
        return ASX_E_NOMEM;
    w->value = value;
    w->capacity = capacity;
    return ASX_OK;
}

/*
 * Weights of one document: tf * idf, divided by their Euclidean norm.
 * tf = 1 + ln(count) when sublinear, else count (scikit-learn, TfidfTransformer).
 */
static asx_st weigh(const struct job *job, const struct tfidf_vocabulary *v, struct scratch *s, const char *text, size_t size,
                    struct weights *w)
{
    if (tfidf_terms_make(&s->terms, &job->s->analyzer, text, size) != ASX_OK)
        return ASX_E_NOMEM;
    size_t n = 0;
    for (size_t i = 0; i < s->terms.n; i++) {
        int32_t k = tfidf_vocabulary_find(v, tfidf_term_hash(&s->terms, i));
        if (k >= 0 && s->count[k]++ == 0)
            s->seen[k / 64] |= 1ull << (k % 64);
    }
    for (size_t i = 0; i <= v->n / 64; i++) {
        for (uint64_t bits = s->seen[i]; bits; bits &= bits - 1)
            s->touched[n++] = (int32_t)(i * 64 + (size_t)__builtin_ctzll(bits));
        s->seen[i] = 0;
    }
    asx_st st = room(job->mem, w, w->n + n);
    double norm = 0;
    for (size_t i = 0; i < n; i++) {
        int32_t k = s->touched[i];
        double tf = job->s->sublinear ? 1 + log((double)s->count[k]) : (double)s->count[k], weight = tf * v->idf[k];
        s->count[k] = 0;
        norm += weight * weight;
        if (st == ASX_OK) {
            w->index[w->n + i] = k;
            w->value[w->n + i] = (float)weight;
        }
    }
    if (st != ASX_OK)
        return st;
    double one = norm > 0 ? 1 / sqrt(norm) : 1;
    for (size_t i = 0; i < n; i++)
        w->value[w->n + i] = (float)((double)w->value[w->n + i] * one);
    w->n += n;
    return ASX_OK;
}

static asx_st weigh_piece(void *arg, size_t piece, int worker)
{
    const struct job *job = arg;
    int j = 0;
    while (piece >= job->first_piece[j + 1])
        j++;
    struct part *p = &job->part[j];
    size_t k = piece - job->first_piece[j], end = (k + 1) * TFIDF_DOCS < p->documents ? (k + 1) * TFIDF_DOCS : p->documents;
    uint32_t *start = p->start + k * (TFIDF_DOCS + 1);
    asx_st st = ASX_OK;
    for (size_t i = k * TFIDF_DOCS; i < end && st == ASX_OK; i++) {
        size_t size;
        const char *text = tfidf_document(p->column, i, &size);
        start[i % TFIDF_DOCS] = (uint32_t)p->piece[k].n;
        st = weigh(job, p->vocabulary, &job->scratch[worker], text, size, &p->piece[k]);
        start[i % TFIDF_DOCS + 1] = (uint32_t)p->piece[k].n;
    }
    return st;
}

static size_t tfidf_row(const void *arg, size_t row, int32_t *index, float *value)
{
    const struct job *job = arg;
    size_t n = 0;
    for (int j = 0; j < job->s->columns; j++) {
        const struct part *p = &job->part[j];
        int64_t document = tfidf_document_of(p->column, row);
        if (document < 0)
            continue;
        size_t k = (size_t)document / TFIDF_DOCS;
        const uint32_t *start = p->start + k * (TFIDF_DOCS + 1) + (size_t)document % TFIDF_DOCS;
        if (index)
            for (uint32_t i = start[0]; i < start[1]; i++) {
                index[n + i - start[0]] = p->first + p->piece[k].index[i];
                value[n + i - start[0]] = p->piece[k].value[i];
            }
        n += start[1] - start[0];
    }
    return n;
}

/* Names "column:term". */
static asx_st describe(struct asx_exec *x, const struct tfidf_state *s, const struct asx_frame *f, const int32_t *column,
                       struct asx_block *out)
{
    const char **name;
    uint8_t *kind;
    int32_t *source;
    size_t at = 0;
    if (prep_block_describe(x, out, &name, &kind, &source) != ASX_OK)
        return ASX_E_NOMEM;
    memset(kind, ASX_COL_WEIGHT, out->cols);
    for (int j = 0; j < s->columns; j++) {
        const char *of = f->column[column[j]].name;
        size_t bytes = 0, width = strlen(of) + 2, n = s->vocabulary[j].n;
        for (size_t k = 0; k < n; k++)
            bytes += width + strlen(s->vocabulary[j].term[k]);
        char *text = prep_block_alloc(x, out, bytes, 1);
        if (!text)
            return ASX_E_NOMEM;
        for (size_t k = 0; k < n; k++) {
            size_t size = strlen(s->vocabulary[j].term[k]);
            name[at] = text;
            source[at++] = column[j];
            memcpy(text, of, width - 2);
            text[width - 2] = ':';
            memcpy(text + width - 1, s->vocabulary[j].term[k], size + 1);
            text += width + size;
        }
    }
    return ASX_OK;
}

/* Memory of the job; the pieces' own is found and freed by `clear`. */
static asx_st open_job(struct asx_exec *x, const struct tfidf_state *s, const struct asx_frame *f, const int32_t *column,
                       int workers, struct job *job)
{
    size_t columns = (size_t)s->columns, largest = 0;
    job->part = arena_calloc(x->scratch, columns + 1, sizeof *job->part);
    job->first_piece = arena_calloc(x->scratch, columns + 1, sizeof *job->first_piece);
    job->scratch = arena_calloc(x->scratch, (size_t)workers, sizeof *job->scratch);
    if (!job->part || !job->first_piece || !job->scratch)
        return ASX_E_NOMEM;
    int32_t first = 0;
    for (size_t j = 0; j < columns; j++) {
        struct part *p = &job->part[j];
        *p = (struct part){.column = &f->column[column[j]], .vocabulary = &s->vocabulary[j], .first = first};
        p->documents = tfidf_documents(p->column, f->rows);
        p->pieces = (p->documents + TFIDF_DOCS - 1) / TFIDF_DOCS;
        p->piece = arena_calloc(x->scratch, p->pieces + 1, sizeof *p->piece);
        p->start = arena_calloc(x->scratch, p->pieces * (TFIDF_DOCS + 1) + 1, sizeof *p->start);
        if (!p->piece || !p->start) {
            p->pieces = 0;
            return ASX_E_NOMEM;
        }
        job->first_piece[j + 1] = job->first_piece[j] + p->pieces;
        first += (int32_t)s->vocabulary[j].n;
        largest = largest > s->vocabulary[j].n ? largest : s->vocabulary[j].n;
    }
    for (int w = 0; w < workers; w++) {
        struct scratch *t = &job->scratch[w];
        t->terms.mem = x->mem;
        t->count = arena_calloc(x->scratch, largest + 1, sizeof *t->count);
        t->seen = arena_calloc(x->scratch, largest / 64 + 1, sizeof *t->seen);
        t->touched = arena_calloc(x->scratch, largest + 1, sizeof *t->touched);
        if (!t->count || !t->seen || !t->touched)
            return ASX_E_NOMEM;
    }
    return ASX_OK;
}

static void clear_job(struct job *job, int workers)
{
    for (int j = 0; job->part && j < job->s->columns; j++)
        for (size_t k = 0; k < job->part[j].pieces; k++) {
            mem_free(job->part[j].piece[k].index);
            mem_free(job->part[j].piece[k].value);
        }
    for (int w = 0; job->scratch && w < workers; w++)
        if (job->scratch[w].terms.mem)
            tfidf_terms_clear(&job->scratch[w].terms);
}

static asx_st transform(struct asx_exec *x, const void *state, const struct asx_frame *f, const int32_t *column,
                        struct asx_block *out, struct asx_err *err)
{
    const struct tfidf_state *s = state;
    int workers = x->threads > 1 ? x->threads : 1;
    struct job job = {.s = s, .mem = x->mem};
    size_t cols = 0;
    for (int j = 0; j < s->columns; j++)
        cols += s->vocabulary[j].n;
    asx_st st = prep_need_stores(&asx_prep_tfidf, f, column, s->columns, TFIDF_STORES, err);
    if (st == ASX_OK)
        st = prep_block_init(x, out, ASX_LAYOUT_CSR, f->rows, cols);
    if (st == ASX_OK)
        st = describe(x, s, f, column, out);
    if (st == ASX_OK)
        st = open_job(x, s, f, column, workers, &job);
    if (st == ASX_OK)
        st = prep_run(x, job.first_piece[s->columns], weigh_piece, &job);
    if (st == ASX_OK)
        st = prep_block_csr(x, out, tfidf_row, &job);
    clear_job(&job, workers);
    return st;
}

asx_st tfidf_transform(struct asx_exec *x, const struct asx_prep_state *state, const struct asx_frame *f, const int32_t *column,
                       int columns, struct asx_block *out, struct asx_err *err)
{
    int fitted = ((const struct tfidf_state *)(const void *)state)->columns;
    return prep_transform_state(&asx_prep_tfidf, x, state, fitted, f, column, columns, transform, out, err);
}
