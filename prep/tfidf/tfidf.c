/* SPDX-License-Identifier: Apache-2.0 */
/* Text as weights of words or pieces of words. See README.md. */
#include "prep/tfidf/tfidf.h"

#include <string.h>

static const char *const analyzers[] = {"word", "char_wb"};

static const struct asx_param params[] = {
    {.name = "analyzer",
     .kind = ASX_CHOICE,
     .choices = analyzers,
     .n_choices = 2,
     .def = TFIDF_WORD,
     .help = "terms: words, or pieces of words (n-grams of characters that do not cross words)"},
    {.name = "ngram_min",
     .kind = ASX_INT,
     .low = 0,
     .high = 3,
     .min = 0,
     .max = 8,
     .def = 0,
     .fixed = true,
     .help = "shortest n-gram; 0: 1 word, 2 characters"},
    {.name = "ngram_max",
     .kind = ASX_INT,
     .low = 0,
     .high = 5,
     .min = 0,
     .max = 8,
     .def = 0,
     .fixed = true,
     .help = "longest n-gram; 0: 2 words, 5 characters"},
    {.name = "min_df",
     .kind = ASX_INT,
     .low = 1,
     .high = 10,
     .min = 1,
     .max = 1e9,
     .log = true,
     .def = 2,
     .fixed = true,
     .help = "fewest training rows a term must be in"},
    {.name = "max_features",
     .kind = ASX_INT,
     .low = 500,
     .high = 50000,
     .min = 1,
     .max = 1e7,
     .log = true,
     .def = 5000,
     .fixed = true,
     .help = "most terms a column keeps: those in most training rows"},
    {.name = "sublinear_tf",
     .kind = ASX_BOOL,
     .low = 0,
     .high = 1,
     .def = 1,
     .fixed = true,
     .help = "a term that occurs n times counts 1 + ln n instead of n"},
};

/* Categories of many levels that read like text (job titles), words apart by blanks. */
enum { MANY_LEVELS = 50, LEVELS_READ = 1000 };
static const double WORDS_A_LEVEL = 1.5;

static bool tfidf_fits(const struct asx_problem *p, int column)
{
    if (column < 0)
        return false;
    const struct asx_column *c = &p->frame->column[column];
    if (c->store == ASX_STORE_STRING)
        return true;
    if (c->store != ASX_STORE_CODE || prep_distinct(p, p->frame, column) < MANY_LEVELS)
        return false;
    size_t n = c->levels < LEVELS_READ ? c->levels : LEVELS_READ, words = 0;
    for (size_t i = 0; i < n; i++) {
        words++;
        for (const char *s = strchr(c->level[i], ' '); s; s = strchr(s + 1, ' '))
            words++;
    }
    return (double)words >= WORDS_A_LEVEL * (double)n;
}

static struct tfidf_analyzer analyzer_of(const struct asx_config *config)
{
    struct tfidf_analyzer a = {.kind = (int)prep_param(&asx_prep_tfidf, config, "analyzer"),
                               .shortest = (int)prep_param(&asx_prep_tfidf, config, "ngram_min"),
                               .longest = (int)prep_param(&asx_prep_tfidf, config, "ngram_max")};
    if (a.shortest < 1)
        a.shortest = a.kind == TFIDF_WORD ? 1 : 2;
    if (a.longest < 1)
        a.longest = a.kind == TFIDF_WORD ? 2 : 5;
    if (a.longest < a.shortest)
        a.longest = a.shortest;
    return a;
}

/* ---- planning ----------------------------------------------------------------- */

/* Bytes of the documents of a column, and how many cells have one. */
static double bytes_of(const struct asx_frame *f, const struct asx_column *c)
{
    if (c->store == ASX_STORE_STRING)
        return f->rows ? (double)(c->offset[f->rows] - c->offset[0]) : 0;
    size_t n = c->levels < LEVELS_READ ? c->levels : LEVELS_READ, bytes = 0;
    for (size_t i = 0; i < n; i++)
        bytes += strlen(c->level[i]);
    return n ? (double)bytes / (double)n * (double)c->levels : 0;
}

/* Terms of a text of that many bytes: a word is some 6 bytes; a byte begins one n-gram of each length. */
static double terms_of(const struct tfidf_analyzer *a, double bytes)
{
    double lengths = a->longest - a->shortest + 1;
    return a->kind == TFIDF_WORD ? bytes / 6 * lengths : bytes * lengths;
}

/*
 * Estimates: distinct terms by Heaps' law, V = 10 T^0.6 (Manning, Raghavan, Schuetze,
 * Introduction to Information Retrieval, 2008, section 5.1), half of them in two documents;
 * a document repeats a quarter of its terms.
 */
static void tfidf_shape(const struct asx_prep_input *in, struct asx_shape *out)
{
    struct tfidf_analyzer a = analyzer_of(in->config);
    double rows = (double)in->frame->rows, cols = 0, nnz = 0, most = prep_param(&asx_prep_tfidf, in->config, "max_features");
    for (int j = 0; j < in->columns; j++) {
        const struct asx_column *c = &in->frame->column[in->column[j]];
        double documents = fmax(1, (double)tfidf_documents(c, in->frame->rows));
        double kept = c->store == ASX_STORE_CODE ? fmin(most, prep_distinct(in->problem, in->frame, in->column[j])) : most;
        double terms = terms_of(&a, bytes_of(in->frame, c)), distinct = fmin(kept, fmin(terms, 5 * pow(terms, 0.6)));
        cols += floor(distinct);
        nnz += rows * fmin(distinct, 0.75 * terms / documents);
    }
    *out = (struct asx_shape){.rows = rows, .cols = cols, .nnz = nnz, .bytes = nnz * 8 + rows * 8};
}

static void tfidf_work(const struct asx_prep_input *in, struct asx_work *w)
{
    struct tfidf_analyzer a = analyzer_of(in->config);
    struct asx_shape shape;
    tfidf_shape(in, &shape);
    double bytes = 0;
    for (int j = 0; j < in->columns; j++)
        bytes += bytes_of(in->frame, &in->frame->column[in->column[j]]);
    double terms = terms_of(&a, bytes), distinct = 10 * pow(terms, 0.6);
    *w = (struct asx_work){.serial = 0.1, .output = (uint64_t)shape.bytes, .scratch = (uint64_t)(distinct * 48 + shape.nnz * 12)};
    /*
     * once over the training rows for the vocabulary, once over all rows, where most terms have been met:
     * measured at 0.6 of two passes
     */
    asx_work_add(w->once, &w->n_once, (struct asx_use){.k = ASX_KC_TOKENIZE, .t = ASX_U8, .m = bytes, .n = terms, .times = 1.2});
    asx_work_add(
        w->once, &w->n_once,
        (struct asx_use){.k = ASX_KC_HASH, .t = ASX_F64, .m = terms, .n = distinct, .times = 2, .footprint = distinct * 24});
    asx_work_add(w->once, &w->n_once, (struct asx_use){.k = ASX_KC_STREAM, .t = ASX_F64, .m = shape.nnz, .times = 3});
}

/* ---- fit ------------------------------------------------------------------------ */

static asx_st fit_column(struct asx_exec *x, const struct asx_prep_input *in, int j, void *state)
{
    struct tfidf_state *s = state;
    return tfidf_vocabulary_fit(x, in, j, s, &s->vocabulary[j]);
}

static asx_st fit(struct asx_exec *x, const struct asx_prep_input *in, void *state, struct asx_err *err)
{
    struct tfidf_state *s = state;
    s->columns = in->columns;
    s->analyzer = analyzer_of(in->config);
    s->sublinear = prep_param(&asx_prep_tfidf, in->config, "sublinear_tf") != 0;
    s->vocabulary = prep_state_alloc(s, (size_t)in->columns + 1, sizeof *s->vocabulary);
    return s->vocabulary ? prep_fit_columns(&asx_prep_tfidf, x, in, TFIDF_STORES, fit_column, s, err) : ASX_E_NOMEM;
}

static asx_st tfidf_fit(struct asx_exec *x, const struct asx_prep_input *in, struct asx_prep_state **out, struct asx_err *err)
{
    return prep_fit_state(&asx_prep_tfidf, x, in, sizeof(struct tfidf_state), fit, out, err);
}

/* ---- save, load -------------------------------------------------------------------- */

static asx_st tfidf_save(const struct asx_prep_state *state, struct asx_writer *w)
{
    const struct tfidf_state *s = (const void *)state;
    asx_put_i64(w, s->analyzer.kind);
    asx_put_i64(w, s->analyzer.shortest);
    asx_put_i64(w, s->analyzer.longest);
    asx_put_i64(w, s->sublinear);
    asx_put_u64(w, (uint64_t)s->columns);
    for (int j = 0; j < s->columns; j++) {
        const struct tfidf_vocabulary *v = &s->vocabulary[j];
        asx_put_u64(w, v->n);
        asx_put_f64s(w, v->idf, v->n);
        for (size_t k = 0; k < v->n; k++)
            asx_put_str(w, v->term[k]);
    }
    return ASX_OK;
}

static asx_st load_vocabulary(struct asx_reader *r, struct tfidf_state *s, struct tfidf_vocabulary *v)
{
    size_t n = asx_get_count(r, 17);
    v->term = prep_state_alloc(s, n + 1, sizeof *v->term);
    v->idf = prep_state_alloc(s, n + 1, sizeof *v->idf);
    if (!v->term || !v->idf)
        return ASX_E_NOMEM;
    double *idf = asx_get_f64s(r, NULL, n);
    if (idf && n)
        memcpy(v->idf, idf, n * sizeof *idf);
    mem_free(idf);
    for (size_t k = 0; k < n && !asx_reader_bad(r); k++) {
        char *term = asx_get_str(r, NULL);
        if (term)
            v->term[k] = arena_strdup(s->head.arena, term);
        bool nomem = term && !v->term[k];
        mem_free(term);
        if (nomem)
            return ASX_E_NOMEM;
        if (!term || (k && strcmp(v->term[k - 1], v->term[k]) >= 0) || !(v->idf[k] > 0 && v->idf[k] < 1e6))
            asx_reader_fail(r, "a vocabulary is damaged");
    }
    if (asx_reader_bad(r))
        return ASX_OK;
    v->n = n;
    return tfidf_vocabulary_index(s, v);
}

static asx_st load(struct asx_reader *r, void *state)
{
    struct tfidf_state *s = state;
    int64_t kind = asx_get_i64(r), shortest = asx_get_i64(r), longest = asx_get_i64(r), sublinear = asx_get_i64(r);
    if (kind < TFIDF_WORD || kind > TFIDF_CHAR_WB || shortest < 1 || longest < shortest || longest > 64)
        asx_reader_fail(r, "an analyzer of text is impossible");
    size_t columns = asx_get_count(r, 18);
    s->vocabulary = prep_state_alloc(s, columns + 1, sizeof *s->vocabulary);
    if (!s->vocabulary)
        return ASX_E_NOMEM;
    s->analyzer = (struct tfidf_analyzer){(int)kind, (int)shortest, (int)longest};
    s->sublinear = sublinear != 0;
    s->columns = (int)columns;
    asx_st st = ASX_OK;
    for (size_t j = 0; j < columns && st == ASX_OK && !asx_reader_bad(r); j++)
        st = load_vocabulary(r, s, &s->vocabulary[j]);
    return st;
}

static asx_st tfidf_load(struct asx_reader *r, struct mem *mem, struct asx_prep_state **out, struct asx_err *err)
{
    return prep_load_state(&asx_prep_tfidf, r, mem, sizeof(struct tfidf_state), load, out, err);
}

const struct asx_prep asx_prep_tfidf = {
    .head = {"tfidf", "text as tf-idf weights of words or of pieces of words"},
    .version = 1,
    .takes = ASX_TYPE_BIT(ASX_TEXT) | ASX_TYPE_BIT(ASX_CATEGORICAL),
    .roles = ASX_FOR_TREES | ASX_FOR_LINEAR | ASX_FOR_COUNTS,
    .preference = 70,
    .for_trees = 30, /* thousands of columns, each a weak cut: codes and target means first */
    .scope = ASX_FOLD,
    .params = params,
    .n_params = sizeof params / sizeof *params,
    .fits = tfidf_fits,
    .shape = tfidf_shape,
    .work = tfidf_work,
    .fit = tfidf_fit,
    .transform = tfidf_transform,
    .free_block = prep_block_free,
    .save = tfidf_save,
    .load = tfidf_load,
    .free_state = prep_state_free,
};
