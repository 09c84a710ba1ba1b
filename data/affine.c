/* SPDX-License-Identifier: Apache-2.0 */
/* Training-row statistics of a packed matrix, affine constants, prepared rows. */
#include "base/err.h"
#include "data/matrix.h"
#include "data/median.h"

#include <math.h>
#include <string.h>

enum { GROUP = 16, STRETCH = 65536, BLOCK = 64 };

/* Sums over a stretch of rows; of stored (shifted, scaled) values. */
struct sums {
    double n, missing, s, q;
    float min, max;
};

struct job {
    const struct data_par *par;
    const struct asx_packed *p;
    const uint32_t *row;
    size_t n;
    const double *weight;
    unsigned flags;
    int32_t *mask_at; /* [dense] */
    size_t groups, stretches;
    struct sums *sums; /* [stretches][dense] */
    struct asx_column_stats *out;
    float **scratch; /* [threads] */
};

static inline size_t row_at(const struct job *k, size_t i)
{
    return k->row ? k->row[i] : i;
}

/* One group of dense columns over one stretch of rows. */
static void add_up(void *arg, size_t chunk, int worker)
{
    struct job *k = arg;
    (void)worker;
    const struct asx_packed *p = k->p;
    size_t stretch = chunk / k->groups, first = chunk % k->groups * GROUP;
    size_t count = p->dense - first < GROUP ? p->dense - first : GROUP;
    size_t from = stretch * STRETCH, to = from + STRETCH < k->n ? from + STRETCH : k->n;
    struct sums *sums = k->sums + stretch * p->dense + first;
    if (data_par_stop(k->par))
        return;
    for (size_t j = 0; j < count; j++)
        sums[j] = (struct sums){0, 0, 0, 0, INFINITY, -INFINITY};
    for (size_t i = from; i < to; i++) {
        size_t r = row_at(k, i);
        const float *x = p->x + r * p->ld;
        double w = k->weight ? k->weight[r] : 1.0;
        for (size_t j = 0; j < count; j++) {
            int32_t mask = k->mask_at[first + j];
            if (mask >= 0 && x[mask] != 0) {
                sums[j].missing += w;
                continue;
            }
            float v = x[first + j];
            sums[j].n += w;
            sums[j].s += w * (double)v;
            sums[j].q += w * (double)v * (double)v;
            sums[j].min = v < sums[j].min ? v : sums[j].min;
            sums[j].max = v > sums[j].max ? v : sums[j].max;
        }
    }
}

static struct asx_column_stats unknown(double n, double missing, unsigned kind)
{
    return (struct asx_column_stats){.n = n,
                                     .missing = missing,
                                     .mean = NAN,
                                     .std = NAN,
                                     .median = NAN,
                                     .min = NAN,
                                     .max = NAN,
                                     .q25 = NAN,
                                     .q75 = NAN,
                                     .kind = (enum asx_colkind)kind};
}

/* Total of the stretches, in order, in the units of the raw column. */
static void finish(const struct job *k, size_t j)
{
    struct sums t = {0, 0, 0, 0, INFINITY, -INFINITY};
    for (size_t i = 0; i < k->stretches; i++) {
        const struct sums *s = &k->sums[i * k->p->dense + j];
        t.n += s->n;
        t.missing += s->missing;
        t.s += s->s;
        t.q += s->q;
        t.min = fminf(t.min, s->min);
        t.max = fmaxf(t.max, s->max);
    }
    double unit = k->p->unit[j], shift = k->p->shift[j];
    struct asx_column_stats *o = &k->out[j];
    *o = unknown(t.n, t.missing, k->p->kind[j]);
    if (t.min > t.max)
        return;
    o->min = (double)t.min / unit + shift;
    o->max = (double)t.max / unit + shift;
    if (t.min == t.max || !(t.n > 0)) { /* one value: no rounding may turn into a spread */
        o->mean = o->min;
        o->std = 0;
        return;
    }
    double mean = t.s / t.n, variance = t.q / t.n - mean * mean;
    o->mean = mean / unit + shift;
    o->std = sqrt(variance > 0 ? variance : 0) / unit;
}

static void set_quartiles(struct asx_column_stats *o, const double q[3], double unit, double shift)
{
    o->q25 = q[0] / unit + shift;
    o->median = q[1] / unit + shift;
    o->q75 = q[2] / unit + shift;
}

static void dense_median(void *arg, size_t j, int worker)
{
    struct job *k = arg;
    const struct asx_packed *p = k->p;
    float *v = k->scratch[worker], *w = k->weight ? v + k->n : NULL;
    int32_t mask = k->mask_at[j];
    size_t n = 0;
    if (data_par_stop(k->par))
        return;
    for (size_t i = 0; i < k->n; i++) {
        size_t r = row_at(k, i);
        const float *x = p->x + r * p->ld;
        if (mask >= 0 && x[mask] != 0)
            continue;
        if (w)
            w[n] = (float)k->weight[r];
        v[n++] = x[j];
    }
    double q[3];
    if (n == 0)
        return;
    if (w)
        quartiles_weighted(v, w, n, w + k->n, w + 2 * k->n, q);
    else
        quartiles_f32(v, n, v + k->n, q);
    set_quartiles(&k->out[j], q, p->unit[j], p->shift[j]);
}

/* Quantile p of a column of zeros and ones with n rows: as interpolated for other columns, or by weight. */
static double zero_one_quantile(double p, double zeros, double n, bool weighted)
{
    if (weighted)
        return p * n <= zeros ? 0 : 1;
    double position = (n - 1) * p, rank = floor(position);
    double low = rank < zeros ? 0 : 1, high = rank + 1 < zeros || rank + 1 > n - 1 ? low : 1;
    return low + (position - rank) * (high - low);
}

/* Masks hold 0 and 1: all statistics follow from the missing weight of their column. */
static void mask_stats(const struct job *k)
{
    for (size_t m = 0; m < k->p->masks; m++) {
        const struct asx_column_stats *of = &k->out[k->p->mask_of[m]];
        struct asx_column_stats *o = &k->out[k->p->dense + m];
        double n = of->n + of->missing, share = n > 0 ? of->missing / n : NAN;
        *o = unknown(n, 0, ASX_COL_INDICATOR);
        o->mean = share;
        o->std = sqrt(share * (1 - share));
        o->min = of->n > 0 ? 0 : 1;
        o->max = of->missing > 0 ? 1 : 0;
        if (!(k->flags & AFFINE_MEDIAN) || !(n > 0))
            continue;
        double q[3];
        for (int i = 0; i < 3; i++)
            q[i] = zero_one_quantile(0.25 * (i + 1), of->n, n, k->weight != NULL);
        set_quartiles(o, q, 1, 0);
    }
}

/* ---- sparse columns ------------------------------------------------------------ */

struct sparse_sums {
    double n, s, q, below; /* weight of stored cells, their sums, weight below zero */
    float min, max;
    size_t stored;
};

static void sparse_column(const struct job *k, size_t j, const struct sparse_sums *t, double total)
{
    struct asx_column_stats *o = &k->out[k->p->dense + k->p->masks + j];
    *o = unknown(total, 0, k->p->kind[k->p->dense + j]);
    if (k->n == 0)
        return;
    bool absent = t->stored < k->n;
    float min = absent ? fminf(t->min, 0) : t->min, max = absent ? fmaxf(t->max, 0) : t->max;
    o->min = (double)min;
    o->max = (double)max;
    o->mean = min == max ? (double)min : t->s / total;
    double variance = t->q / total - o->mean * o->mean;
    o->std = min == max ? 0 : sqrt(variance > 0 ? variance : 0);
    double at_most_zero = total - (t->n - t->below);
    double n = k->weight ? total : total - 1; /* positions 0 .. n - 1 of unweighted values */
    if ((k->flags & AFFINE_MEDIAN) && t->below < n * 0.25 && at_most_zero > n * 0.75 + 1)
        o->q25 = o->median = o->q75 = 0;
}

/* Medians of the columns whose middle is a stored cell: their cells by column, zeros added. */
static asx_st sparse_medians(const struct job *k, struct mem *mem)
{
    const struct asx_csr *s = &k->p->csr;
    struct asx_column_stats *out = k->out + k->p->dense + k->p->masks;
    size_t wanted = 0;
    int32_t *slot = mem_array(mem, s->cols, sizeof *slot);
    for (size_t j = 0; slot && j < s->cols; j++)
        slot[j] = out[j].median != out[j].median ? (int32_t)wanted++ : -1;
    /* a few columns at a time, so that the buffer stays at 64 MiB at most */
    size_t step = k->n ? ((size_t)16 << 20) / k->n + 1 : 1;
    step = step < wanted ? step : wanted;
    float *v = wanted && k->n ? mem_array(mem, (step + 3) * k->n, sizeof *v) : NULL;
    asx_st st = !slot || (wanted && k->n && !v) ? ASX_E_NOMEM : ASX_OK;
    for (size_t base = 0; !st && v && base < wanted; base += step) {
        if (data_par_stop(k->par))
            break;
        size_t count = wanted - base < step ? wanted - base : step;
        memset(v, 0, count * k->n * sizeof *v);
        for (size_t i = 0; i < k->n; i++) {
            size_t r = row_at(k, i);
            for (int64_t t = s->indptr[r]; t < s->indptr[r + 1]; t++) {
                int32_t at = slot[s->indices[t]];
                if (at >= (int32_t)base && (size_t)at < base + count)
                    v[((size_t)at - base) * k->n + i] = s->values[t];
            }
        }
        float *spare = v + step * k->n;
        for (size_t j = 0; j < s->cols; j++) {
            if (slot[j] < (int32_t)base || (size_t)slot[j] >= base + count)
                continue;
            const float *column = v + ((size_t)slot[j] - base) * k->n;
            double q[3];
            for (size_t i = 0; k->weight && i < k->n; i++)
                spare[i] = (float)k->weight[row_at(k, i)];
            if (k->weight)
                quartiles_weighted(column, spare, k->n, spare + k->n, spare + 2 * k->n, q);
            else
                quartiles_f32(column, k->n, spare, q);
            set_quartiles(&out[j], q, 1, 0);
        }
    }
    mem_free(slot);
    mem_free(v);
    return st;
}

static asx_st sparse_stats(struct job *k, struct mem *mem)
{
    const struct asx_csr *s = &k->p->csr;
    struct sparse_sums *sums = mem_calloc(mem, s->cols, sizeof *sums);
    if (!sums)
        return ASX_E_NOMEM;
    for (size_t j = 0; j < s->cols; j++)
        sums[j].min = INFINITY, sums[j].max = -INFINITY;
    double total = 0;
    for (size_t i = 0; i < k->n; i++) {
        size_t r = row_at(k, i);
        double w = k->weight ? k->weight[r] : 1.0;
        total += w;
        for (int64_t t = s->indptr[r]; t < s->indptr[r + 1]; t++) {
            struct sparse_sums *o = &sums[s->indices[t]];
            float v = s->values[t];
            o->stored++;
            o->n += w;
            o->s += w * (double)v;
            o->q += w * (double)v * (double)v;
            o->below += v < 0 ? w : 0;
            o->min = fminf(o->min, v);
            o->max = fmaxf(o->max, v);
        }
    }
    for (size_t j = 0; j < s->cols; j++)
        sparse_column(k, j, &sums[j], total);
    mem_free(sums);
    return k->flags & AFFINE_MEDIAN ? sparse_medians(k, mem) : ASX_OK;
}

/* ---- all columns --------------------------------------------------------------- */

asx_st affine_stats(const struct data_par *par, const struct asx_packed *p, const uint32_t *row, size_t n, const double *weight,
                    unsigned flags, struct mem *mem, struct asx_column_stats *out, struct asx_err *err)
{
    n = row ? n : p->rows;
    struct job k = {.par = par, .p = p, .row = row, .n = n, .weight = weight, .flags = flags, .out = out};
    k.groups = (p->dense + GROUP - 1) / GROUP;
    k.stretches = (n + STRETCH - 1) / STRETCH;
    int threads = data_par_threads(par);
    asx_st st = ASX_OK;
    k.mask_at = mem_array(mem, p->dense, sizeof *k.mask_at);
    k.sums = mem_array(mem, k.stretches * p->dense, sizeof *k.sums);
    k.scratch = mem_calloc(mem, (size_t)threads, sizeof *k.scratch);
    if (!k.mask_at || !k.sums || !k.scratch) {
        st = ASX_E_NOMEM;
        goto out;
    }
    for (size_t j = 0; j < p->dense; j++)
        k.mask_at[j] = -1;
    for (size_t m = 0; m < p->masks; m++)
        k.mask_at[p->mask_of[m]] = (int32_t)(p->dense + m);
    data_par_run(par, k.groups * k.stretches, add_up, &k);
    for (size_t j = 0; j < p->dense; j++)
        finish(&k, j);
    for (int t = 0; !st && (flags & AFFINE_MEDIAN) && p->dense && t < threads; t++) {
        k.scratch[t] = mem_array(mem, n, (weight ? 4 : 2) * sizeof(float));
        st = k.scratch[t] ? ASX_OK : ASX_E_NOMEM;
    }
    if (!st && (flags & AFFINE_MEDIAN))
        data_par_run(par, p->dense, dense_median, &k);
    mask_stats(&k);
    if (!st && p->sparse)
        st = sparse_stats(&k, mem);
    if (!st && data_par_stop(par))
        st = ASX_STOPPED;
out:
    for (int t = 0; k.scratch && t < threads; t++)
        mem_free(k.scratch[t]);
    mem_free(k.scratch);
    mem_free(k.sums);
    mem_free(k.mask_at);
    return st == ASX_E_NOMEM ? err_set(err, st, "no memory for statistics of %zu columns; raise the memory limit", packed_cols(p))
                             : st;
}

asx_st affine_make(const struct data_par *par, const struct asx_packed *p, const uint32_t *row, size_t n, const double *weight,
                   unsigned flags, affine_constants_fn constants, void *arg, int fold, struct mem *mem, struct asx_affine **out,
                   struct asx_err *err)
{
    size_t cols = packed_cols(p);
    struct asx_affine *a = mem_calloc(mem, 1, sizeof *a);
    double *fill = mem_calloc(mem, cols, sizeof *fill), *centre = mem_calloc(mem, cols, sizeof *centre);
    double *scale = mem_array(mem, cols, sizeof *scale);
    struct asx_column_stats *stats = mem_array(mem, cols, sizeof *stats);
    asx_st st;
    if (!a || !fill || !centre || !scale || !stats) {
        mem_free(a);
        mem_free(fill);
        mem_free(centre);
        mem_free(scale);
        mem_free(stats);
        return err_set(err, ASX_E_NOMEM, "no memory for constants of %zu columns; raise the memory limit", cols);
    }
    *a = (struct asx_affine){p, fold, cols, fill, centre, scale};
    st = affine_stats(par, p, row, n, weight, flags, mem, stats, err);
    for (size_t j = 0; !st && j < cols; j++) {
        double f = 0, c = 0, s = 1;
        if (constants)
            constants(arg, j, &stats[j], &f, &c, &s);
        fill[j] = isfinite(f) ? f : 0;
        centre[j] = isfinite(c) ? c : 0;
        scale[j] = isfinite(s) && s > 0 && isfinite(1 / s) ? s : 1;
    }
    mem_free(stats);
    if (st)
        affine_free(a);
    else
        *out = a;
    return st;
}

void affine_free(struct asx_affine *a)
{
    if (!a)
        return;
    mem_free((void *)(uintptr_t)a->fill);
    mem_free((void *)(uintptr_t)a->centre);
    mem_free((void *)(uintptr_t)a->scale);
    mem_free(a);
}

/* ---- prepared rows --------------------------------------------------------------- */

/* z = stored * slope + offset, or `missing`. */
struct line {
    double slope[BLOCK], offset[BLOCK], missing[BLOCK];
    int32_t mask[BLOCK];
};

static void dense_block(const struct asx_affine *a, size_t first, size_t count, struct line *l, size_t *mask)
{
    const struct asx_packed *p = a->packed;
    for (size_t j = 0; j < count; j++) {
        size_t c = first + j;
        l->slope[j] = 1 / (p->unit[c] * a->scale[c]);
        l->offset[j] = (p->shift[c] - a->centre[c]) / a->scale[c];
        l->missing[j] = (a->fill[c] - a->centre[c]) / a->scale[c];
        bool has = *mask < p->masks && (size_t)p->mask_of[*mask] == c;
        l->mask[j] = has ? (int32_t)(p->dense + (*mask)++) : -1;
    }
}

static void sparse_rows(const struct asx_affine *a, const uint32_t *row, size_t from, size_t to, float *z, size_t ldz)
{
    const struct asx_packed *p = a->packed;
    size_t first = p->dense + p->masks;
    const double *centre = a->centre + first, *scale = a->scale + first;
    for (size_t j = 0; j < p->sparse; j++)
        z[first + j] = (float)((0 - centre[j]) / scale[j]);
    for (size_t i = from + 1; i < to; i++)
        memcpy(z + (i - from) * ldz + first, z + first, p->sparse * sizeof *z);
    for (size_t i = from; i < to; i++) {
        size_t r = row ? row[i] : i;
        float *o = z + (i - from) * ldz + first;
        for (int64_t t = p->csr.indptr[r]; t < p->csr.indptr[r + 1]; t++) {
            int32_t j = p->csr.indices[t];
            o[j] = (float)(((double)p->csr.values[t] - centre[j]) / scale[j]);
        }
    }
}

void dense_apply(const struct asx_affine *a, const uint32_t *row, size_t from, size_t to, float *z, size_t ldz)
{
    const struct asx_packed *p = a->packed;
    struct line l;
    size_t mask = 0;
    if (from >= to)
        return;
    for (size_t first = 0; first < p->dense; first += BLOCK) {
        size_t count = p->dense - first < BLOCK ? p->dense - first : BLOCK;
        dense_block(a, first, count, &l, &mask);
        for (size_t i = from; i < to; i++) {
            const float *x = p->x + (row ? row[i] : i) * p->ld;
            float *o = z + (i - from) * ldz + first;
            for (size_t j = 0; j < count; j++)
                o[j] = (float)((double)x[first + j] * l.slope[j] + l.offset[j]);
            for (size_t j = 0; j < count; j++) {
                if (l.mask[j] >= 0 && x[l.mask[j]] != 0)
                    o[j] = (float)l.missing[j];
            }
        }
    }
    for (size_t i = from; p->masks && i < to; i++) {
        const float *x = p->x + (row ? row[i] : i) * p->ld;
        float *o = z + (i - from) * ldz;
        for (size_t j = p->dense; j < p->dense + p->masks; j++)
            o[j] = (float)(((double)x[j] - a->centre[j]) / a->scale[j]);
    }
    if (p->sparse)
        sparse_rows(a, row, from, to, z, ldz);
}
