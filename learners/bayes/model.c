/* SPDX-License-Identifier: Apache-2.0 */
/* The model of both naive Bayes learners: its life, its file, its predictions of held-out rows. */
#include "learners/bayes/bayes.h"

#include "base/err.h"
#include "base/mem.h"

enum { ROWS = 256 };

asx_st bayes_no_memory(struct asx_err *err)
{
    return err_set(err, ASX_E_NOMEM, "no memory for naive Bayes; raise the memory limit");
}

void bayes_free_model(struct asx_model *m)
{
    if (!m)
        return;
    mem_free(m->log_prior);
    for (int t = 0; t < BAYES_TABLES; t++) {
        mem_free(m->constant[t]);
        mem_free(m->table[t]);
    }
    mem_free(m);
}

void bayes_free_state(struct asx_state *s)
{
    bayes_free_model(s ? &s->model : NULL);
}

uint64_t bayes_state_bytes(const struct asx_state *s)
{
    const struct asx_model *m = &s->model;
    uint64_t cells = (uint64_t)m->tables * m->cols + 1;
    return sizeof *s + (cells * (uint64_t)m->classes + (uint64_t)m->constants * m->cols) * sizeof(double);
}

static struct asx_model *model_empty(struct mem *mem, size_t cols, int classes, int constants, int tables)
{
    struct asx_model *m = mem_calloc(mem, 1, sizeof(struct asx_state));
    if (m) {
        m->cols = cols;
        m->classes = classes;
        m->constants = constants;
        m->tables = tables;
    }
    return m;
}

static bool complete(const struct asx_model *m)
{
    bool good = m->log_prior != NULL;
    for (int t = 0; t < m->constants; t++)
        good &= m->constant[t] != NULL;
    for (int t = 0; t < m->tables; t++)
        good &= m->table[t] != NULL;
    return good;
}

struct asx_model *bayes_model_new(struct mem *mem, size_t cols, int classes, int constants, int tables)
{
    struct asx_model *m = model_empty(mem, cols, classes, constants, tables);
    if (!m)
        return NULL;
    m->log_prior = mem_calloc(mem, (size_t)classes, sizeof(double));
    for (int t = 0; t < constants; t++)
        m->constant[t] = mem_calloc(mem, cols, sizeof(double));
    for (int t = 0; t < tables; t++)
        m->table[t] = mem_calloc(mem, cols * (size_t)classes, sizeof(double));
    if (complete(m))
        return m;
    bayes_free_model(m);
    return NULL;
}

asx_st bayes_model_of(struct asx_exec *exec, const struct asx_member *b, int iterations, struct asx_model **out,
                      struct asx_err *err)
{
    (void)iterations;
    const struct asx_model *s = &b->state->model;
    struct asx_model *m = bayes_model_new(exec->mem, s->cols, s->classes, s->constants, s->tables);
    if (!m)
        return bayes_no_memory(err);
    memcpy(m->log_prior, s->log_prior, (size_t)s->classes * sizeof(double));
    for (int t = 0; t < s->constants; t++)
        memcpy(m->constant[t], s->constant[t], s->cols * sizeof(double));
    for (int t = 0; t < s->tables; t++)
        memcpy(m->table[t], s->table[t], s->cols * (size_t)s->classes * sizeof(double));
    *out = m;
    return ASX_OK;
}

/* ---- files ---------------------------------------------------------------------- */

asx_st bayes_save(const struct asx_model *m, struct asx_writer *w)
{
    asx_put_u64(w, (uint64_t)m->classes);
    asx_put_f64s(w, m->log_prior, (size_t)m->classes);
    asx_put_u64(w, m->cols);
    for (int t = 0; t < m->constants; t++)
        asx_put_f64s(w, m->constant[t], m->cols);
    for (int t = 0; t < m->tables; t++)
        asx_put_f64s(w, m->table[t], m->cols * (size_t)m->classes);
    return ASX_OK;
}

asx_st bayes_load(struct asx_reader *r, struct mem *mem, int constants, int tables, struct asx_model **out, struct asx_err *err)
{
    struct asx_model *m = model_empty(mem, 0, 0, constants, tables);
    if (!m)
        return bayes_no_memory(err);
    size_t classes = asx_get_count(r, sizeof(double));
    if (classes < 1 || classes > 1u << 20)
        asx_reader_fail(r, "a naive Bayes model without classes");
    m->classes = (int)classes;
    m->log_prior = asx_get_f64s(r, mem, classes);
    m->cols = asx_get_count(r, sizeof(double) * ((size_t)constants + (size_t)tables * (classes ? classes : 1)));
    for (int t = 0; t < constants && !asx_reader_bad(r); t++)
        m->constant[t] = asx_get_f64s(r, mem, m->cols);
    for (int t = 0; t < tables && !asx_reader_bad(r); t++)
        m->table[t] = asx_get_f64s(r, mem, m->cols * classes);
    asx_st st = asx_reader_bad(r) ? asx_reader_error(r, err) : complete(m) ? ASX_OK : bayes_no_memory(err);
    if (st) {
        bayes_free_model(m);
        return st;
    }
    *out = m;
    return ASX_OK;
}

/* ---- prediction ---------------------------------------------------------------------- */

asx_st bayes_need_columns(const struct asx_model *m, const struct asx_matrix *x, struct asx_err *err)
{
    if (x->cols >= m->cols)
        return ASX_OK;
    return err_set(err, ASX_E_INVAL, "the matrix has %zu columns where the model wants %zu; use the data it was made for", x->cols,
                   m->cols);
}

struct held_out {
    bayes_score_fn score;
    const void *arg;
    size_t classes;
    const struct asx_fold *fold;
    const double *base;
    float *pred;
    double *scratch; /* [threads][2 * classes] */
};

static void held_out_chunk(void *arg, size_t chunk, int worker)
{
    struct held_out *h = arg;
    size_t k = h->classes, to = (chunk + 1) * ROWS < h->fold->n_test ? (chunk + 1) * ROWS : h->fold->n_test;
    double *score = h->scratch + (size_t)worker * 2 * k;
    for (size_t i = chunk * ROWS; i < to; i++) {
        memcpy(score, h->base, k * sizeof *score);
        h->score(h->arg, h->fold->test[i], score);
        bayes_softmax(score, (int)k, score + k);
        for (size_t c = 0; c < k; c++)
            h->pred[i * k + c] = (float)score[k + c];
    }
}

asx_st bayes_held_out(struct asx_exec *exec, struct asx_member *b, const double *base, bayes_score_fn score, const void *arg,
                      struct asx_err *err)
{
    if (!b->pred)
        return ASX_OK;
    size_t threads = (size_t)(exec->threads > 1 ? exec->threads : 1);
    struct held_out h = {.score = score,
                         .arg = arg,
                         .classes = (size_t)exec->problem->classes,
                         .fold = &exec->problem->splits->fold[b->fold],
                         .base = base,
                         .pred = b->pred};
    h.scratch = arena_alloc(exec->scratch, threads * 2 * h.classes * sizeof *h.scratch);
    if (!h.scratch)
        return bayes_no_memory(err);
    exec->split(exec, (h.fold->n_test + ROWS - 1) / ROWS, held_out_chunk, &h);
    return ASX_OK;
}

void bayes_member_set(struct asx_member *b, struct asx_model *m)
{
    bayes_free_state(b->state);
    b->state = (struct asx_state *)m;
    b->err = (struct asx_err){0};
    b->status = ASX_OK;
}
