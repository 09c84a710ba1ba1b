/* SPDX-License-Identifier: Apache-2.0 */
/* Columns of raw blocks as f32. */
#include "learners/trees/bins_source.h"

#include "base/err.h"
#include "base/mem.h"
#include "base/rng.h"

#include <stdlib.h>
#include <string.h>

enum { STREAM = 0x62696e73 };

/* One cell from each of `want` equal ranges, by one fixed stream: all dense columns look at the same rows. */
static size_t draw(const struct rng *r, size_t i, size_t cells, size_t want)
{
    size_t from = (size_t)((__uint128_t)i * cells / want), to = (size_t)((__uint128_t)(i + 1) * cells / want);
    return to - from > 1 ? from + (size_t)(rng_at(r, i) % (to - from)) : from;
}

static asx_st draw_rows(struct source *s, struct asx_exec *exec, struct asx_err *err)
{
    struct rng r = rng_stream(STREAM, 0, 0, 0);
    if (s->rows <= BINS_SAMPLE || s->rows > UINT32_MAX)
        return ASX_OK;
    s->at = mem_array(exec->mem, BINS_SAMPLE, sizeof *s->at);
    if (!s->at)
        return err_set(err, ASX_E_NOMEM, "out of memory for a sample of rows; raise the memory limit");
    for (size_t i = 0; i < BINS_SAMPLE; i++)
        s->at[i] = (uint32_t)draw(&r, i, s->rows, BINS_SAMPLE);
    return ASX_OK;
}

size_t source_piece(const struct source *s, size_t piece)
{
    return (size_t)((__uint128_t)s->rows * piece / s->pieces);
}

static void count_piece(void *arg, size_t piece, int worker)
{
    (void)worker;
    struct source *s = arg;
    const struct asx_csr *m = &s->raw->csr;
    size_t *count = s->end + piece * s->raw->cols;
    int64_t end = m->indptr[source_piece(s, piece + 1)];
    for (int64_t k = m->indptr[source_piece(s, piece)]; k < end; k++)
        count[m->indices[k]]++;
}

static void place_piece(void *arg, size_t piece, int worker)
{
    (void)worker;
    struct source *s = arg;
    const struct asx_csr *m = &s->raw->csr;
    size_t *at = s->end + piece * s->raw->cols, last = source_piece(s, piece + 1);
    for (size_t i = source_piece(s, piece); i < last; i++)
        for (int64_t k = m->indptr[i]; k < m->indptr[i + 1]; k++) {
            size_t to = at[m->indices[k]]++;
            s->value[to] = m->values[k];
            s->row[to] = (uint32_t)i;
        }
}

/* Each piece of rows counts its cells by column, which tells where its own go. */
static void sort_by_column(struct source *s, struct asx_exec *exec)
{
    size_t sum = 0, cols = s->raw->cols;
    exec->split(exec, s->pieces, count_piece, s);
    for (size_t j = 0; j < cols; j++) {
        for (size_t p = 0; p < s->pieces; p++) {
            size_t n = s->end[p * cols + j];
            s->end[p * cols + j] = sum;
            sum += n;
        }
        s->start[j + 1] = sum;
    }
    exec->split(exec, s->pieces, place_piece, s);
}

asx_st bins_source_open(struct source *s, struct asx_exec *exec, const struct asx_block *raw, struct asx_err *err)
{
    *s = (struct source){.raw = raw, .rows = raw->rows};
    if (raw->layout == ASX_LAYOUT_OPAQUE)
        return err_set(err, ASX_E_INTERNAL, "bins are built from raw blocks only; this block is opaque");
    if (raw->layout != ASX_LAYOUT_CSR)
        return draw_rows(s, exec, err);
    size_t nnz = (size_t)raw->csr.indptr[raw->rows];
    bool counts_are_few = raw->cols < nnz / (4 * (size_t)exec->threads + 4);
    s->pieces = exec->threads > 1 && nnz > 1 << 16 && counts_are_few ? (size_t)exec->threads : 1;
    s->end = mem_calloc(exec->mem, s->pieces * raw->cols + 1, sizeof *s->end);
    s->start = mem_calloc(exec->mem, raw->cols + 1, sizeof *s->start);
    s->value = mem_array(exec->mem, nnz + 1, sizeof *s->value);
    s->row = mem_array(exec->mem, nnz, sizeof *s->row);
    if (!s->end || !s->start || !s->value || !s->row)
        return err_set(err, ASX_E_NOMEM, "out of memory to sort %zu cells by column; raise the memory limit", nnz);
    sort_by_column(s, exec);
    return ASX_OK;
}

void bins_source_close(struct source *s)
{
    mem_free(s->start);
    mem_free(s->end);
    mem_free(s->value);
    mem_free(s->row);
    mem_free(s->at);
}

void bins_source_column(const struct source *s, size_t col, size_t first, size_t n, float *out)
{
    const struct asx_block *raw = s->raw;
    if (raw->layout == ASX_LAYOUT_ROWS) {
        for (size_t i = 0; i < n; i++)
            out[i] = raw->rowmajor[(first + i) * raw->ld + col];
        return;
    }
    const struct asx_colref *c = &raw->col[col];
    switch (c->dtype) {
    case ASX_F32: memcpy(out, (const float *)c->data + first, n * sizeof *out); break;
    case ASX_F64:
        for (size_t i = 0; i < n; i++)
            out[i] = (float)((const double *)c->data)[first + i];
        break;
    case ASX_I32:
        for (size_t i = 0; i < n; i++) {
            int32_t v = ((const int32_t *)c->data)[first + i];
            out[i] = v < 0 ? NAN : (float)v;
        }
        break;
    default: memset(out, 0, n * sizeof *out);
    }
}

size_t source_cells(const struct source *s, size_t col)
{
    return s->start ? s->start[col + 1] - s->start[col] : s->rows;
}

size_t source_zeros(const struct source *s, size_t col)
{
    return s->rows - source_cells(s, col);
}

void source_cells_of(const struct source *s, size_t col, size_t first, size_t n, float *out)
{
    if (s->start)
        memcpy(out, s->value + s->start[col] + first, n * sizeof *out);
    else
        bins_source_column(s, col, first, n, out);
}

const float *source_run(const struct source *s, size_t col, size_t first, size_t n, float *tmp)
{
    if (s->start)
        return s->value + s->start[col] + first;
    if (s->raw->layout == ASX_LAYOUT_COLUMNS && s->raw->col[col].dtype == ASX_F32)
        return (const float *)s->raw->col[col].data + first;
    bins_source_column(s, col, first, n, tmp);
    return tmp;
}

size_t source_sample(const struct source *s, size_t col, size_t want, float *out)
{
    size_t cells = source_cells(s, col), n = 0;
    struct rng r = rng_stream(STREAM, 0, 0, 0);
    const float *x = want && cells ? source_run(s, col, 0, 1, out) : out;
    if (x != out && want == cells && !s->at) { /* all of them */
        for (size_t i = 0; i < cells; i++) {
            out[n] = x[i];
            n += x[i] == x[i];
        }
        return n;
    }
    for (size_t i = 0; i < want; i++) {
        size_t at = s->at ? s->at[i] : draw(&r, i, cells, want);
        float v;
        if (x != out)
            v = x[at];
        else
            source_cells_of(s, col, at, 1, &v);
        out[n] = v;
        n += v == v;
    }
    return n;
}

static uint32_t key_of(float v)
{
    uint32_t u;
    v += 0.0f; /* -0 sorts with 0 */
    memcpy(&u, &v, sizeof u);
    return u & 0x80000000u ? ~u : u | 0x80000000u;
}

static float value_of(uint32_t k)
{
    uint32_t u = k & 0x80000000u ? k & 0x7fffffffu : ~k;
    float v;
    memcpy(&v, &u, sizeof v);
    return v;
}

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* One pass of a radix sort; false when all keys have the same digit and stay where they are. */
static bool radix_pass(const float *from, float *to, size_t n, uint32_t *count, int shift)
{
    uint32_t sum = 0, k;
    memcpy(&k, from, sizeof k);
    if (count[k >> shift & 2047] == n)
        return false;
    for (int d = 0; d < 2048; d++) {
        uint32_t c = count[d];
        count[d] = sum;
        sum += c;
    }
    for (size_t i = 0; i < n; i++) {
        memcpy(&k, &from[i], sizeof k);
        memcpy(&to[count[k >> shift & 2047]++], &k, sizeof k);
    }
    return true;
}

void source_sort(float *v, float *tmp, size_t n)
{
    if (n < 512) {
        qsort(v, n, sizeof *v, by_value);
        return;
    }
    uint32_t count[3][2048], k;
    memset(count, 0, sizeof count);
    for (size_t i = 0; i < n; i++) {
        k = key_of(v[i]);
        memcpy(&v[i], &k, sizeof k);
        count[0][k & 2047]++;
        count[1][k >> 11 & 2047]++;
        count[2][k >> 22]++;
    }
    float *from = v, *to = tmp;
    for (int pass = 0; pass < 3; pass++)
        if (radix_pass(from, to, n, count[pass], 11 * pass)) {
            float *swap = from;
            from = to;
            to = swap;
        }
    for (size_t i = 0; i < n; i++) {
        memcpy(&k, &from[i], sizeof k);
        v[i] = value_of(k);
    }
}

static int down(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x < y) - (x > y);
}

void source_sort_u64_down(uint64_t *v, size_t n)
{
    qsort(v, n, sizeof *v, down);
}
