/* SPDX-License-Identifier: Apache-2.0 */
/* See model.h. */
#include "learners/linear/model.h"

#include "base/err.h"
#include "base/mem.h"
#include "data/cells.h"
#include "data/matrix.h"

enum { PREDICT_ROWS = 256 };

static asx_st no_memory(struct asx_err *err)
{
    return err_set(err, ASX_E_NOMEM, "no memory for a linear model; raise the memory limit");
}

void lin_free_model(struct asx_model *m)
{
    if (!m)
        return;
    mem_free(m->value);
    mem_free(m->missing);
    mem_free(m->bias);
    mem_free(m->importance);
    mem_free(m);
}

void lin_free_state(struct asx_state *s)
{
    lin_free_model(s ? &s->model : NULL);
}

uint64_t lin_state_bytes(const struct asx_state *s)
{
    const struct asx_model *m = &s->model;
    return sizeof *s + (2 * m->cols * m->sets + m->sets + m->cols) * sizeof(double);
}

static struct asx_model *model_new(struct mem *mem, size_t cols, size_t sets, enum lin_link link)
{
    struct asx_model *m = mem_calloc(mem, 1, sizeof(struct asx_state));
    if (!m)
        return NULL;
    m->link = link;
    m->cols = cols;
    m->sets = sets;
    m->value = mem_calloc(mem, cols * sets, sizeof(double));
    m->missing = mem_calloc(mem, cols * sets, sizeof(double));
    m->bias = mem_calloc(mem, sets, sizeof(double));
    m->importance = mem_calloc(mem, cols, sizeof(double));
    if (m->value && m->missing && m->bias && m->importance)
        return m;
    lin_free_model(m);
    return NULL;
}

static void normalise(double *v, size_t n)
{
    double sum = 0;
    for (size_t j = 0; j < n; j++)
        sum += v[j];
    for (size_t j = 0; j < n; j++)
        v[j] = sum > 0 && isfinite(sum) ? v[j] / sum : 0;
}

/* One weight set; see the formulas in model.h. */
static void fold_set(const struct lin_map *map, const double *w, size_t c, struct asx_model *m)
{
    const struct asx_packed *x = map->packed;
    const struct asx_affine *af = map->affine;
    m->bias[c] = w[map->p];
    for (size_t j = 0; j < x->dense; j++) {
        size_t at = (size_t)x->raw_of[j] * m->sets + c;
        double v = w[j] * (map->a[j] * x->unit[j]), centre = isfinite(af->centre[j]) ? af->centre[j] : 0;
        double fill = isfinite(af->fill[j]) ? af->fill[j] : 0;
        m->value[at] += v;
        m->missing[at] += v * fill;
        m->bias[c] -= v * centre;
        m->importance[x->raw_of[j]] += fabs(w[j]);
    }
    for (size_t j = x->dense; j < map->p; j++) {
        bool mask = j < x->dense + x->masks;
        size_t raw = (size_t)x->raw_of[mask ? (size_t)x->mask_of[j - x->dense] : j - x->masks];
        (mask ? m->missing : m->value)[raw * m->sets + c] += w[j] * map->a[j];
        m->bias[c] += w[j] * map->c[j];
        m->importance[raw] += fabs(w[j]);
    }
}

asx_st lin_model_make(const struct lin_map *map, const double *w, size_t sets, enum lin_link link, struct mem *mem,
                      struct asx_model **out, struct asx_err *err)
{
    const struct asx_packed *x = map->packed;
    size_t cols = 0;
    for (size_t j = 0; j < x->dense + x->sparse; j++)
        if ((size_t)x->raw_of[j] + 1 > cols)
            cols = (size_t)x->raw_of[j] + 1;
    for (size_t j = 0; j < sets * (map->p + 1); j++)
        if (!isfinite(w[j]))
            return err_set(err, ASX_E_NUMERIC, "a weight of the linear model is not finite; raise the penalty 'l2'");
    struct asx_model *m = model_new(mem, cols, sets, link);
    if (!m)
        return no_memory(err);
    for (size_t c = 0; c < sets; c++)
        fold_set(map, w + c * (map->p + 1), c, m);
    normalise(m->importance, cols);
    *out = m;
    return ASX_OK;
}

asx_st lin_member_set(struct asx_member *b, const struct lin_map *map, const double *w, size_t sets, enum lin_link link,
                      struct mem *mem, struct asx_err *err)
{
    struct asx_model *m;
    asx_st st = lin_model_make(map, w, sets, link, mem, &m, err);
    if (st)
        return st;
    lin_free_state(b->state);
    b->state = (struct asx_state *)m;
    b->status = ASX_OK;
    return ASX_OK;
}

asx_st lin_model_of(struct asx_exec *exec, const struct asx_member *b, int iterations, struct asx_model **out, struct asx_err *err)
{
    (void)iterations;
    const struct asx_model *s = &b->state->model;
    struct asx_model *m = model_new(exec->mem, s->cols, s->sets, s->link);
    if (!m)
        return no_memory(err);
    memcpy(m->value, s->value, s->cols * s->sets * sizeof(double));
    memcpy(m->missing, s->missing, s->cols * s->sets * sizeof(double));
    memcpy(m->bias, s->bias, s->sets * sizeof(double));
    memcpy(m->importance, s->importance, s->cols * sizeof(double));
    *out = m;
    return ASX_OK;
}

void lin_link_apply(enum lin_link link, const double *score, size_t sets, double *out)
{
    if (link == LIN_IDENTITY) {
        out[0] = score[0];
    } else if (link == LIN_LOGIT) {
        /* both tails without cancellation: the smaller probability is computed, not 1 - the larger */
        double e = exp(-fabs(score[0])), small = e / (1 + e), large = 1 / (1 + e);
        out[0] = score[0] > 0 ? small : large;
        out[1] = score[0] > 0 ? large : small;
    } else {
        double top = score[0], sum = 0;
        for (size_t c = 1; c < sets; c++)
            top = score[c] > top ? score[c] : top;
        for (size_t c = 0; c < sets; c++)
            sum += out[c] = exp(score[c] - top);
        for (size_t c = 0; c < sets; c++)
            out[c] /= sum;
    }
}

/* Adds one cell's share to the scores of its row. Cells that are not finite count as missing. */
static inline void add_cell(const struct asx_model *m, size_t j, double x, double *score)
{
    bool present = isfinite(x);
    for (size_t c = 0; c < m->sets; c++)
        score[c] += present ? m->value[j * m->sets + c] * x : m->missing[j * m->sets + c];
}

static void add_block(const struct asx_model *m, const struct asx_block *b, size_t first, size_t from, size_t n, double *score)
{
    size_t cols = first + b->cols <= m->cols ? b->cols : first < m->cols ? m->cols - first : 0;
    if (b->layout == ASX_LAYOUT_COLUMNS) {
        for (size_t j = 0; j < cols; j++)
            for (size_t i = 0; i < n; i++)
                add_cell(m, first + j, colref_cell(&b->col[j], from + i), score + i * m->sets);
    } else if (b->layout == ASX_LAYOUT_ROWS) {
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < cols; j++)
                add_cell(m, first + j, (double)b->rowmajor[(from + i) * b->ld + j], score + i * m->sets);
    } else if (b->layout == ASX_LAYOUT_CSR) {
        for (size_t i = 0; i < n; i++)
            for (int64_t k = b->csr.indptr[from + i]; k < b->csr.indptr[from + i + 1]; k++)
                if ((size_t)b->csr.indices[k] < cols)
                    add_cell(m, first + (size_t)b->csr.indices[k], (double)b->csr.values[k], score + i * m->sets);
    }
}

static asx_st check_matrix(const struct asx_model *m, const struct asx_matrix *x, struct asx_err *err)
{
    if (x->cols < m->cols)
        return err_set(err, ASX_E_INVAL,
                       "the matrix has %zu columns where the linear model wants %zu; use the data it was made for", x->cols,
                       m->cols);
    for (int b = 0; b < x->blocks; b++)
        if (x->block[b]->layout == ASX_LAYOUT_OPAQUE)
            return err_set(err, ASX_E_INTERNAL, "a linear model was given an opaque block; give it the raw matrix");
    return ASX_OK;
}

asx_st lin_predict(const struct asx_model *m, const struct asx_matrix *x, size_t from, size_t to, double *out, struct asx_err *err)
{
    asx_st st = check_matrix(m, x, err);
    if (st)
        return st;
    size_t outputs = m->link == LIN_LOGIT ? 2 : m->sets;
    double *score = mem_array(NULL, PREDICT_ROWS * m->sets, sizeof *score);
    if (!score)
        return no_memory(err);
    for (size_t at = from; at < to; at += PREDICT_ROWS) {
        size_t n = to - at < PREDICT_ROWS ? to - at : PREDICT_ROWS, first = 0;
        for (size_t i = 0; i < n; i++)
            memcpy(score + i * m->sets, m->bias, m->sets * sizeof *score);
        for (int b = 0; b < x->blocks; first += x->block[b]->cols, b++)
            add_block(m, x->block[b], first, at, n, score);
        for (size_t i = 0; i < n; i++)
            lin_link_apply(m->link, score + i * m->sets, m->sets, out + (at - from + i) * outputs);
    }
    mem_free(score);
    return ASX_OK;
}

/*
 * Contributions to the raw score: each cell's term, the bias last. For the two outputs of a
 * binary model the score is the log odds of class 1, and class 0 has its negative.
 */
asx_st lin_explain(const struct asx_model *m, const struct asx_matrix *x, size_t row, double *out, struct asx_err *err)
{
    asx_st st = check_matrix(m, x, err);
    if (st)
        return st;
    size_t outputs = m->link == LIN_LOGIT ? 2 : m->sets, width = x->cols + 1, first = 0;
    double *one = mem_array(NULL, m->sets, sizeof *one);
    if (!one)
        return no_memory(err);
    memset(out, 0, outputs * width * sizeof *out);
    for (int b = 0; b < x->blocks; first += x->block[b]->cols, b++)
        for (size_t j = 0; j < x->block[b]->cols && first + j < m->cols; j++) {
            const struct asx_block *k = x->block[b];
            double v = block_cell(k, row, j);
            memset(one, 0, m->sets * sizeof *one);
            add_cell(m, first + j, v, one);
            for (size_t c = 0; c < outputs; c++)
                out[c * width + first + j] = m->link != LIN_LOGIT ? one[c] : c ? one[0] : -one[0];
        }
    for (size_t c = 0; c < outputs; c++)
        out[c * width + x->cols] = m->link != LIN_LOGIT ? m->bias[c] : c ? m->bias[0] : -m->bias[0];
    mem_free(one);
    return ASX_OK;
}

enum asx_link lin_explain_link(const struct asx_model *m)
{
    return m->link == LIN_LOGIT ? ASX_LINK_LOGIT : m->link == LIN_SOFTMAX ? ASX_LINK_SOFTMAX : ASX_LINK_NONE;
}

void lin_importance(const struct asx_model *m, double *out, size_t cols)
{
    for (size_t j = 0; j < cols; j++)
        out[j] = j < m->cols ? m->importance[j] : 0;
}

asx_st lin_save(const struct asx_model *m, struct asx_writer *w)
{
    asx_put_u64(w, (uint64_t)m->link);
    asx_put_u64(w, m->sets);
    asx_put_f64s(w, m->bias, m->sets);
    asx_put_u64(w, m->cols);
    asx_put_f64s(w, m->importance, m->cols);
    asx_put_f64s(w, m->value, m->cols * m->sets);
    asx_put_f64s(w, m->missing, m->cols * m->sets);
    return ASX_OK;
}

asx_st lin_load(struct asx_reader *r, struct mem *mem, struct asx_model **out, struct asx_err *err)
{
    struct asx_model *m = mem_calloc(mem, 1, sizeof(struct asx_state));
    if (!m)
        return no_memory(err);
    uint64_t link = asx_get_u64(r);
    if (link > LIN_SOFTMAX)
        asx_reader_fail(r, "a linear model with an unknown link");
    m->link = (enum lin_link)link;
    m->sets = asx_get_count(r, sizeof(double));
    if (m->sets < 1 || (link != LIN_SOFTMAX && m->sets != 1) || m->sets > 1u << 20)
        asx_reader_fail(r, "a linear model with a wrong number of weight sets");
    m->bias = asx_get_f64s(r, mem, m->sets);
    m->cols = asx_get_count(r, sizeof(double) * (1 + 2 * (m->sets ? m->sets : 1)));
    if (!asx_reader_bad(r)) {
        m->importance = asx_get_f64s(r, mem, m->cols);
        m->value = asx_get_f64s(r, mem, m->cols * m->sets);
        m->missing = asx_get_f64s(r, mem, m->cols * m->sets);
    }
    asx_st st = ASX_OK;
    if (asx_reader_bad(r))
        st = asx_reader_error(r, err);
    else if (!m->bias || !m->importance || !m->value || !m->missing)
        st = no_memory(err);
    if (st) {
        lin_free_model(m);
        return st;
    }
    *out = m;
    return ASX_OK;
}
