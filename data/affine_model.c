/* SPDX-License-Identifier: Apache-2.0 */
/* The affine preparation as constants of a model: raw rows in, prepared rows or linear functions of them out. */
#include "base/err.h"
#include "data/cells.h"
#include "data/matrix.h"

#include <string.h>

enum { TILE = 128, VERSION = 1 };

void affine_model_free(struct affine_model *m)
{
    if (!m)
        return;
    mem_free(m->raw_of);
    mem_free(m->mask_of);
    mem_free(m->of_raw);
    mem_free(m->mask_at);
    mem_free(m->fill);
    mem_free(m->centre);
    mem_free(m->scale);
    mem_free(m);
}

/* Allocates and fills the inverse maps; E_DATA when the maps make no sense (a damaged file). */
static asx_st invert(struct affine_model *m, struct mem *mem)
{
    m->of_raw = mem_array(mem, m->raw_cols, sizeof *m->of_raw);
    m->mask_at = mem_array(mem, m->dense, sizeof *m->mask_at);
    if (!m->raw_of || !m->mask_of || !m->of_raw || !m->mask_at || !m->fill || !m->centre || !m->scale)
        return ASX_E_NOMEM;
    for (size_t j = 0; j < m->raw_cols; j++)
        m->of_raw[j] = -1;
    for (size_t j = 0; j < m->dense; j++)
        m->mask_at[j] = -1;
    for (size_t j = 0; j < m->dense + m->sparse; j++) {
        if (m->raw_of[j] < 0 || (size_t)m->raw_of[j] >= m->raw_cols || m->of_raw[m->raw_of[j]] >= 0)
            return ASX_E_DATA;
        m->of_raw[m->raw_of[j]] = (int32_t)(j < m->dense ? j : j + m->masks);
    }
    for (size_t i = 0; i < m->masks; i++) {
        if (m->mask_of[i] < 0 || (size_t)m->mask_of[i] >= m->dense)
            return ASX_E_DATA;
        m->mask_at[m->mask_of[i]] = (int32_t)(m->dense + i);
    }
    for (size_t j = 0; j < m->cols; j++) {
        if (!isfinite(m->fill[j]) || !isfinite(m->centre[j]) || !(m->scale[j] > 0) || !isfinite(m->scale[j]))
            return ASX_E_DATA;
    }
    return ASX_OK;
}

static void *copy(struct mem *mem, const void *from, size_t n, size_t size)
{
    void *to = mem_array(mem, n, size);
    if (to && n)
        memcpy(to, from, n * size);
    return to;
}

asx_st affine_model_make(const struct asx_affine *a, struct mem *mem, struct affine_model **out, struct asx_err *err)
{
    const struct asx_packed *p = a->packed;
    struct affine_model *m = mem_calloc(mem, 1, sizeof *m);
    asx_st st = m ? ASX_OK : ASX_E_NOMEM;
    if (!st) {
        *m = (struct affine_model){
            .raw_cols = p->dense + p->sparse, .dense = p->dense, .masks = p->masks, .sparse = p->sparse, .cols = a->cols};
        m->raw_of = copy(mem, p->raw_of, p->dense + p->sparse, sizeof *m->raw_of);
        m->mask_of = copy(mem, p->mask_of, p->masks, sizeof *m->mask_of);
        m->fill = copy(mem, a->fill, a->cols, sizeof *m->fill);
        m->centre = copy(mem, a->centre, a->cols, sizeof *m->centre);
        m->scale = copy(mem, a->scale, a->cols, sizeof *m->scale);
        st = invert(m, mem);
    }
    if (!st) {
        *out = m;
        return ASX_OK;
    }
    affine_model_free(m);
    return st == ASX_E_NOMEM
               ? err_set(err, st, "no memory for constants of %zu columns; raise the memory limit", a->cols)
               : err_set(err, ASX_E_INTERNAL, "the columns of a packed matrix contradict each other; this is a fault of Assay");
}

asx_st affine_model_save(const struct affine_model *m, struct asx_writer *w)
{
    asx_put_u64(w, VERSION);
    asx_put_u64(w, m->raw_cols);
    asx_put_u64(w, m->dense);
    asx_put_u64(w, m->masks);
    asx_put_u64(w, m->sparse);
    asx_put_i32s(w, m->raw_of, m->dense + m->sparse);
    asx_put_i32s(w, m->mask_of, m->masks);
    asx_put_f64s(w, m->fill, m->cols);
    asx_put_f64s(w, m->centre, m->cols);
    asx_put_f64s(w, m->scale, m->cols);
    return ASX_OK;
}

asx_st affine_model_load(struct asx_reader *r, struct mem *mem, struct affine_model **out, struct asx_err *err)
{
    if (asx_get_u64(r) != VERSION && !asx_reader_bad(r))
        asx_reader_fail(r, "the constants of the preparation are of an unknown version");
    size_t raw = asx_get_count(r, 4), dense = asx_get_count(r, 4), masks = asx_get_count(r, 4), sparse = asx_get_count(r, 4);
    if (!asx_reader_bad(r) && raw != dense + sparse)
        asx_reader_fail(r, "the parts of the preparation do not add up");
    if (asx_reader_bad(r))
        return asx_reader_error(r, err);
    struct affine_model *m = mem_calloc(mem, 1, sizeof *m);
    if (!m)
        return err_set(err, ASX_E_NOMEM, "no memory for constants of %zu columns; raise the memory limit", raw);
    *m = (struct affine_model){.raw_cols = raw, .dense = dense, .masks = masks, .sparse = sparse, .cols = dense + masks + sparse};
    m->raw_of = asx_get_i32s(r, mem, dense + sparse);
    m->mask_of = asx_get_i32s(r, mem, masks);
    m->fill = asx_get_f64s(r, mem, m->cols);
    m->centre = asx_get_f64s(r, mem, m->cols);
    m->scale = asx_get_f64s(r, mem, m->cols);
    asx_st st = asx_reader_bad(r) ? asx_reader_error(r, err) : invert(m, mem);
    if (st == ASX_E_DATA && !asx_reader_bad(r)) {
        asx_reader_fail(r, "the columns of the preparation contradict each other");
        st = asx_reader_error(r, err);
    }
    if (!st) {
        *out = m;
        return ASX_OK;
    }
    affine_model_free(m);
    return st == ASX_E_NOMEM ? err_set(err, st, "no memory for constants of %zu columns; raise the memory limit", raw) : st;
}

static asx_st wrong_width(const struct affine_model *m, const struct asx_matrix *raw, struct asx_err *err)
{
    return err_set(err, ASX_E_INVAL, "a matrix of %zu columns is given to a model of %zu; give the columns it was trained on",
                   raw->cols, m->raw_cols);
}

/* ---- prepared rows ------------------------------------------------------------------ */

static void apply_dense(const struct affine_model *m, const struct cells *c, size_t j, size_t from, size_t to, float *z, size_t ldz)
{
    double v[TILE];
    int32_t mask = j < m->dense ? m->mask_at[j] : -1;
    for (size_t at = from; at < to; at += TILE) {
        size_t end = at + TILE < to ? at + TILE : to;
        cells_read(c, at, end, v);
        for (size_t i = at; i < end; i++) {
            double x = v[i - at];
            bool present = x == x;
            z[(i - from) * ldz + j] = (float)(((present ? x : m->fill[j]) - m->centre[j]) / m->scale[j]);
            if (mask >= 0)
                z[(i - from) * ldz + (size_t)mask] = (float)(((present ? 0.0 : 1.0) - m->centre[mask]) / m->scale[mask]);
        }
    }
}

static void apply_sparse(const struct affine_model *m, const struct asx_block *b, size_t base, size_t from, size_t to, float *z,
                         size_t ldz)
{
    const struct asx_csr *s = &b->csr;
    for (size_t j = 0; j < b->cols; j++) {
        int32_t to_col = m->of_raw[base + j];
        if (to_col < 0)
            continue;
        float zero = (float)((0 - m->centre[to_col]) / m->scale[to_col]);
        for (size_t i = 0; i < to - from; i++)
            z[i * ldz + (size_t)to_col] = zero;
    }
    for (size_t i = from; i < to; i++) {
        for (int64_t t = s->indptr[i]; t < s->indptr[i + 1]; t++) {
            int32_t j = m->of_raw[base + (size_t)s->indices[t]];
            if (j >= 0)
                z[(i - from) * ldz + (size_t)j] = (float)(((double)s->values[t] - m->centre[j]) / m->scale[j]);
        }
    }
}

asx_st affine_model_apply(const struct affine_model *m, const struct asx_matrix *raw, size_t from, size_t to, float *z, size_t ldz,
                          struct asx_err *err)
{
    if (raw->cols != m->raw_cols)
        return wrong_width(m, raw, err);
    size_t base = 0;
    for (int b = 0; b < raw->blocks; b++) {
        const struct asx_block *block = raw->block[b];
        if (block->layout == ASX_LAYOUT_CSR)
            apply_sparse(m, block, base, from, to, z, ldz);
        for (size_t at = 0; block->layout != ASX_LAYOUT_CSR && at < block->cols; at++) {
            struct cells c = cells_of(block, at);
            if (m->of_raw[base + at] >= 0)
                apply_dense(m, &c, (size_t)m->of_raw[base + at], from, to, z, ldz);
        }
        base += block->cols;
    }
    return ASX_OK;
}

/* ---- linear functions of prepared rows -------------------------------------------------- */

/* Weights and biases of raw cells: w / scale, and the bias less what centring takes away. */
static double *fold(const struct affine_model *m, const double *weight, const double *bias, int k, struct mem *mem)
{
    size_t n = (size_t)k;
    double *w = mem_array(mem, (m->cols + 1) * n, sizeof *w);
    for (size_t o = 0; w && o < n; o++) {
        double b = bias ? bias[o] : 0;
        for (size_t j = 0; j < m->cols; j++) {
            double per_unit = weight[o * m->cols + j] / m->scale[j];
            w[j * n + o] = per_unit;
            b -= per_unit * m->centre[j];
        }
        w[m->cols * n + o] = b;
    }
    return w;
}

asx_st affine_model_linear(const struct affine_model *m, const double *weight, const double *bias, int k,
                           const struct asx_matrix *raw, size_t from, size_t to, double *out, struct mem *mem, struct asx_err *err)
{
    if (raw->cols != m->raw_cols)
        return wrong_width(m, raw, err);
    size_t n = (size_t)k;
    double *w = fold(m, weight, bias, k, mem), v[TILE];
    if (!w)
        return err_set(err, ASX_E_NOMEM, "no memory to predict with %zu columns; raise the memory limit", m->cols);
    for (size_t tile = from; tile < to; tile += TILE) {
        size_t end = tile + TILE < to ? tile + TILE : to, base = 0;
        double *o = out + (tile - from) * n;
        for (size_t i = 0; i < end - tile; i++)
            memcpy(o + i * n, w + m->cols * n, n * sizeof *o);
        for (int b = 0; b < raw->blocks; b++) {
            const struct asx_block *block = raw->block[b];
            const struct asx_csr *s = &block->csr;
            for (size_t i = tile; block->layout == ASX_LAYOUT_CSR && i < end; i++) {
                for (int64_t t = s->indptr[i]; t < s->indptr[i + 1]; t++) {
                    int32_t j = m->of_raw[base + (size_t)s->indices[t]];
                    for (size_t c = 0; j >= 0 && c < n; c++)
                        o[(i - tile) * n + c] += w[(size_t)j * n + c] * (double)s->values[t];
                }
            }
            for (size_t at = 0; block->layout != ASX_LAYOUT_CSR && at < block->cols; at++) {
                int32_t j = m->of_raw[base + at];
                if (j < 0)
                    continue;
                struct cells cells = cells_of(block, at);
                int32_t mask = (size_t)j < m->dense ? m->mask_at[j] : -1;
                cells_read(&cells, tile, end, v);
                for (size_t i = 0; i < end - tile; i++) {
                    bool present = v[i] == v[i];
                    double x = present ? v[i] : m->fill[j];
                    for (size_t c = 0; c < n; c++)
                        o[i * n + c] += w[(size_t)j * n + c] * x;
                    for (size_t c = 0; !present && mask >= 0 && c < n; c++)
                        o[i * n + c] += w[(size_t)mask * n + c];
                }
            }
            base += block->cols;
        }
    }
    mem_free(w);
    return ASX_OK;
}
