/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file tfidf.h
 * Inside of the text step: the analyzer (text to terms), the vocabulary, the state.
 *
 * A *document* is a cell of a text column, or a level of a categorical one (analyzed
 * once, however many rows have it). Terms are compared by a 64-bit hash of their bytes
 * (among ten million terms a collision has a chance of some 3 in a million; it would merge two columns).
 */
#ifndef ASSAY_PREP_TFIDF_H
#define ASSAY_PREP_TFIDF_H

#include "prep/support.h"

extern const struct asx_prep asx_prep_tfidf;

enum { TFIDF_WORD, TFIDF_CHAR_WB };
/** Documents a piece of work: fixed, and small enough that texts of some KB stay under 50 ms. */
enum { TFIDF_DOCS = 256 };

/** How text becomes terms. */
struct tfidf_analyzer {
    int kind, shortest, longest; /**< n-grams of shortest..longest words or characters */
};

struct tfidf_span {
    uint32_t start, size; /**< bytes of tfidf_terms.text */
};

/** Terms of one document; memory is reused from document to document. */
struct tfidf_terms {
    struct mem *mem;
    char *text; /**< lower-cased, words one blank apart (word) or padded by blanks (char_wb) */
    size_t n_text, text_capacity;
    struct tfidf_span *term;
    size_t n, capacity;
    uint32_t *mark; /**< starts of words, or of characters of a word */
    size_t mark_capacity;
};

/**
 * Splits a document into terms, repeated ones repeated.
 * @source scikit-learn, feature_extraction/text.py: token pattern \w\w+ on lower-cased text;
 *         char_wb: n-grams of characters of words padded by one blank, a word shorter than n once
 * @errors E_NOMEM
 */
asx_st tfidf_terms_make(struct tfidf_terms *, const struct tfidf_analyzer *, const char *text, size_t size);
void tfidf_terms_clear(struct tfidf_terms *);
uint64_t tfidf_term_hash(const struct tfidf_terms *, size_t i);
uint64_t tfidf_hash(const char *term, size_t size);

/** Terms of one column in bytewise order; column = index. */
struct tfidf_vocabulary {
    size_t n;
    const char **term;
    double *idf;    /**< [n] ln((1 + documents) / (1 + df)) + 1 */
    uint64_t *key;  /**< open addressing: hash of a term */
    int32_t *index; /**< [slots] -1 = free */
    size_t mask;    /**< slots - 1 */
};

/** Stores of columns whose cells are read as text. */
enum { TFIDF_STORES = PREP_STORE_BIT(ASX_STORE_STRING) | PREP_STORE_BIT(ASX_STORE_CODE) };

struct tfidf_state {
    struct prep_head head;
    int columns;
    bool sublinear;
    struct tfidf_analyzer analyzer;
    struct tfidf_vocabulary *vocabulary; /**< [columns] */
};

/** Documents of a column: their number, and the i-th one's text (NULL: empty or missing). */
size_t tfidf_documents(const struct asx_column *, size_t rows);
const char *tfidf_document(const struct asx_column *, size_t i, size_t *size);
/** Document of a row, or -1 when the cell is missing. */
static inline int64_t tfidf_document_of(const struct asx_column *c, size_t row)
{
    return c->store == ASX_STORE_CODE ? c->code[row] : (int64_t)row;
}

/** Learns the vocabulary of one column from the given rows. */
asx_st tfidf_vocabulary_fit(struct asx_exec *, const struct asx_prep_input *, int j, struct tfidf_state *,
                            struct tfidf_vocabulary *);
/** Builds the table of a vocabulary whose terms are set. */
asx_st tfidf_vocabulary_index(struct tfidf_state *, struct tfidf_vocabulary *);

/** Column of a term, or -1. */
static inline int32_t tfidf_vocabulary_find(const struct tfidf_vocabulary *v, uint64_t hash)
{
    for (size_t i = hash & v->mask; v->index[i] >= 0; i = (i + 1) & v->mask)
        if (v->key[i] == hash)
            return v->index[i];
    return -1;
}

asx_st tfidf_transform(struct asx_exec *, const struct asx_prep_state *, const struct asx_frame *, const int32_t *column,
                       int columns, struct asx_block *, struct asx_err *);

#endif
