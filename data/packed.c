/* SPDX-License-Identifier: Apache-2.0 */
/* Form "packed": raw blocks as f32 rows with masks, sparse blocks side by side. */
#include "base/err.h"
#include "data/cells.h"
#include "data/matrix.h"

#include <math.h>
#include <string.h>

enum { CHUNK = 4096, TILE = 64, STRETCH = 1024 };

/* What packing needs to know of a dense column. */
struct dense {
    struct cells cells;
    size_t missing;
    double shift, unit;
    int32_t mask; /* its mask column among the masks, -1: none */
    bool indicator;
};

struct pack {
    const struct asx_matrix *raw;
    const struct data_par *par;
    struct asx_packed *p;
    struct dense *dense;
    float *x;
    int64_t *indptr;
    int32_t *indices;
    float *values;
};

/* Mean and spread of one column in blocks of fixed size, added in order. */
static void measure(void *arg, size_t j, int worker)
{
    struct pack *k = arg;
    struct dense *d = &k->dense[j];
    (void)worker;
    double v[STRETCH], sum = 0, square = 0, first = NAN, largest = 0, widest = 0;
    size_t n = 0, rows = k->raw->rows;
    if (data_par_stop(k->par))
        return;
    for (size_t from = 0; from < rows; from += STRETCH) {
        size_t to = from + STRETCH < rows ? from + STRETCH : rows;
        cells_read(&d->cells, from, to, v);
        double s = 0, q = 0;
        for (size_t i = 0; i < to - from; i++) {
            if (v[i] != v[i])
                continue;
            if (n++ == 0)
                first = v[i];
            double e = v[i] - first; /* centred on the first value: sums of squares keep their digits */
            s += e;
            q += e * e;
            largest = fmax(largest, fabs(v[i]));
            widest = fmax(widest, fabs(e));
        }
        sum += s;
        square += q;
    }
    d->missing = rows - n;
    d->shift = 0;
    d->unit = 1;
    if (d->indicator || n == 0)
        return;
    double mean = sum / (double)n, variance = square / (double)n - mean * mean, std = sqrt(variance > 0 ? variance : 0);
    if (!isfinite(mean + first) || !isfinite(std)) { /* near the end of the doubles: only keep them small */
        d->unit = isfinite(largest) ? ldexp(1.0, -ilogb(largest)) : 1;
        return;
    }
    d->shift = first + mean;
    if (std < 1e-150) /* squares of tiny differences vanish */
        std = widest;
    if (std > 0 && std > 1e-13 * fabs(first))
        d->unit = ldexp(1.0, (int)fmax(-1000, fmin(1000, -rint(log2(std)))));
}

static void fill_tile(const struct pack *k, size_t from, size_t to)
{
    const struct asx_packed *p = k->p;
    double v[TILE];
    for (size_t j = 0; j < p->dense; j++) {
        const struct dense *d = &k->dense[j];
        float *x = k->x + from * p->ld + j;
        cells_read(&d->cells, from, to, v);
        if (d->mask < 0) {
            for (size_t i = 0; i < to - from; i++)
                x[i * p->ld] = (float)((v[i] - d->shift) * d->unit);
            continue;
        }
        float *mask = k->x + from * p->ld + p->dense + (size_t)d->mask;
        for (size_t i = 0; i < to - from; i++) {
            bool present = v[i] == v[i];
            x[i * p->ld] = present ? (float)((v[i] - d->shift) * d->unit) : 0.0f;
            mask[i * p->ld] = present ? 0.0f : 1.0f;
        }
    }
}

static void fill_sparse(const struct pack *k, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        int64_t at = k->indptr[i];
        int32_t base = 0;
        for (int b = 0; b < k->raw->blocks; b++) {
            if (k->raw->block[b]->layout != ASX_LAYOUT_CSR)
                continue;
            const struct asx_csr *s = &k->raw->block[b]->csr;
            for (int64_t t = s->indptr[i]; t < s->indptr[i + 1]; t++, at++) {
                k->indices[at] = s->indices[t] + base;
                k->values[at] = s->values[t];
            }
            base += (int32_t)s->cols;
        }
    }
}

static void fill(void *arg, size_t chunk, int worker)
{
    struct pack *k = arg;
    (void)worker;
    size_t from = chunk * CHUNK, to = from + CHUNK < k->raw->rows ? from + CHUNK : k->raw->rows;
    if (data_par_stop(k->par))
        return;
    for (size_t i = from; i < to; i += TILE)
        fill_tile(k, i, i + TILE < to ? i + TILE : to);
    if (k->p->sparse)
        fill_sparse(k, from, to);
}

/* Counts parts, or (with p->raw_of there) writes which column is which. */
static asx_st layout(struct pack *k, struct asx_err *err)
{
    struct asx_packed *p = k->p;
    int32_t *raw_of = (int32_t *)(uintptr_t)p->raw_of;
    uint8_t *kind = (uint8_t *)(uintptr_t)p->kind;
    size_t dense = 0, sparse = 0, raw = 0;
    for (int i = 0; i < k->raw->blocks; i++) {
        const struct asx_block *b = k->raw->block[i];
        if (b->layout == ASX_LAYOUT_OPAQUE)
            return err_set(err, ASX_E_UNSUPPORTED, "a block of the matrix is opaque and cannot be packed; give raw blocks");
        for (size_t at = 0; at < b->cols; at++, raw++) {
            enum asx_colkind what = block_kind(b, at);
            char name[32];
            if (what == ASX_COL_CODE)
                return err_set(err, ASX_E_UNSUPPORTED,
                               "column '%.100s' holds category codes; expand them before products are taken",
                               block_name(b, at, name, sizeof name));
            size_t to = b->layout == ASX_LAYOUT_CSR ? p->dense + sparse++ : dense++;
            if (!raw_of)
                continue;
            raw_of[to] = (int32_t)raw;
            kind[to] = (uint8_t)what;
            if (b->layout == ASX_LAYOUT_CSR)
                continue;
            k->dense[to].cells = cells_of(b, at);
            k->dense[to].indicator = what == ASX_COL_INDICATOR;
            k->dense[to].mask = -1;
        }
    }
    p->dense = dense;
    p->sparse = sparse;
    return ASX_OK;
}

static asx_st constants(struct pack *k, struct mem *mem)
{
    struct asx_packed *p = k->p;
    data_par_run(k->par, p->dense, measure, k);
    for (size_t j = 0; j < p->dense; j++)
        k->dense[j].mask = k->dense[j].missing ? (int32_t)p->masks++ : -1;
    double *shift = mem_array(mem, p->dense, sizeof *shift), *unit = mem_array(mem, p->dense, sizeof *unit);
    int32_t *mask_of = mem_array(mem, p->masks, sizeof *mask_of);
    p->shift = shift;
    p->unit = unit;
    p->mask_of = mask_of;
    if (!shift || !unit || !mask_of)
        return ASX_E_NOMEM;
    for (size_t j = 0; j < p->dense; j++) {
        shift[j] = k->dense[j].shift;
        unit[j] = k->dense[j].unit;
        if (k->dense[j].mask >= 0)
            mask_of[k->dense[j].mask] = (int32_t)j;
    }
    return ASX_OK;
}

static asx_st sparse_part(struct pack *k, struct mem *mem)
{
    size_t rows = k->raw->rows;
    k->indptr = mem_array(mem, rows + 1, sizeof *k->indptr);
    k->p->csr = (struct asx_csr){.rows = rows, .cols = k->p->sparse, .indptr = k->indptr};
    if (!k->indptr)
        return ASX_E_NOMEM;
    k->indptr[0] = 0;
    for (size_t i = 0; i < rows; i++) {
        k->indptr[i + 1] = k->indptr[i];
        for (int b = 0; b < k->raw->blocks; b++) {
            if (k->raw->block[b]->layout == ASX_LAYOUT_CSR)
                k->indptr[i + 1] += k->raw->block[b]->csr.indptr[i + 1] - k->raw->block[b]->csr.indptr[i];
        }
    }
    k->indices = mem_array(mem, (size_t)k->indptr[rows], sizeof *k->indices);
    k->values = mem_array(mem, (size_t)k->indptr[rows], sizeof *k->values);
    k->p->csr.indices = k->indices;
    k->p->csr.values = k->values;
    return k->indices && k->values ? ASX_OK : ASX_E_NOMEM;
}

asx_st packed_build(const struct data_par *par, const struct asx_matrix *raw, struct mem *mem, struct asx_key key,
                    struct asx_packed **out, struct asx_err *err)
{
    struct asx_packed *p = mem_calloc(mem, 1, sizeof *p);
    struct pack k = {.raw = raw, .par = par, .p = p};
    asx_st st = p ? layout(&k, err) : ASX_E_NOMEM;
    if (st)
        goto out;
    p->key = key;
    p->rows = raw->rows;
    p->raw_of = mem_array(mem, raw->cols, sizeof *p->raw_of);
    p->kind = mem_array(mem, raw->cols, sizeof *p->kind);
    k.dense = mem_calloc(mem, p->dense, sizeof *k.dense);
    st = p->raw_of && p->kind && k.dense ? layout(&k, err) : ASX_E_NOMEM;
    if (!st)
        st = constants(&k, mem);
    if (!st && p->sparse)
        st = sparse_part(&k, mem);
    if (st)
        goto out;
    p->ld = p->dense + p->masks;
    if (p->ld && raw->rows > SIZE_MAX / sizeof(float) / p->ld) {
        st = ASX_E_NOMEM;
        goto out;
    }
    k.x = mem_array(mem, raw->rows * p->ld, sizeof *k.x);
    p->x = k.x;
    if (!k.x) {
        st = ASX_E_NOMEM;
        goto out;
    }
    data_par_run(par, (raw->rows + CHUNK - 1) / CHUNK, fill, &k);
    if (data_par_stop(par))
        st = ASX_STOPPED;
out:
    mem_free(k.dense);
    if (!st) {
        *out = p;
        return ASX_OK;
    }
    packed_free(p);
    return st == ASX_E_NOMEM
               ? err_set(err, st, "a matrix of %zu rows and %zu columns does not fit in memory; raise the memory limit", raw->rows,
                         raw->cols)
               : st;
}

void packed_free(struct asx_packed *p)
{
    if (!p)
        return;
    const void *part[] = {p->x, p->shift, p->unit, p->mask_of, p->raw_of, p->kind, p->csr.indptr, p->csr.indices, p->csr.values};
    for (size_t i = 0; i < sizeof part / sizeof part[0]; i++)
        mem_free((void *)(uintptr_t)part[i]);
    mem_free(p);
}

size_t packed_cols(const struct asx_packed *p)
{
    return p->dense + p->masks + p->sparse;
}

uint64_t packed_bytes(const struct asx_packed *p)
{
    return sizeof *p + p->rows * p->ld * sizeof(float) + p->dense * 16 + p->masks * 4 + (p->dense + p->sparse) * 5 +
           (p->sparse ? (p->rows + 1) * 8 + (uint64_t)p->csr.indptr[p->rows] * 8 : 0);
}

void packed_masks(const struct asx_packed *p, int32_t *out)
{
    for (size_t j = 0; j < p->dense; j++)
        out[j] = -1;
    for (size_t k = 0; k < p->masks; k++)
        out[p->mask_of[k]] = (int32_t)(p->dense + k);
}

enum asx_colkind packed_kind(const struct asx_packed *p, size_t col)
{
    if (col < p->dense)
        return (enum asx_colkind)p->kind[col];
    return col < p->dense + p->masks ? ASX_COL_INDICATOR : (enum asx_colkind)p->kind[col - p->masks];
}
