/* SPDX-License-Identifier: Apache-2.0 */
#include "search/ensemble/objective.h"
#include "base/err.h"
#include "base/mem.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* Rows scored on at most, so that 100 candidates x 40 rounds stay about a second; see README.md for the noise. */
enum { MOST_ROWS = 50000, MOST_SORTED = 20000, MOST_CELLS = 400000 };

/* ---- set-up ----------------------------------------------------------------------- */

static enum obj_kind kind_of(const struct asx_metric *m, int outputs)
{
    static const struct {
        const char *name;
        enum obj_kind kind;
    } fast[] = {{"log_loss", OBJ_LOG_LOSS},
                {"rmse", OBJ_SQUARED},
                {"r2", OBJ_SQUARED},
                {"mae", OBJ_ABSOLUTE},
                {"brier", OBJ_SQUARED},
                {"roc_auc", OBJ_AUC},
                {"average_precision", OBJ_PRECISION}};
    for (size_t i = 0; i < sizeof fast / sizeof *fast; i++)
        if (strcmp(m->head.name, fast[i].name) == 0)
            return fast[i].kind == OBJ_LOG_LOSS || outputs <= 2 ? fast[i].kind : OBJ_METRIC;
    return OBJ_METRIC;
}

static bool sorts(enum obj_kind k)
{
    return k == OBJ_AUC || k == OBJ_PRECISION;
}

static uint32_t row_of(const struct asx_scored *t, size_t i)
{
    return t->row ? t->row[i] : (uint32_t)i;
}

/* Truth as the kind wants it: 0/1 for the positive class of binary problems, else y. */
static double truth_of(const struct objective *o, uint32_t row)
{
    const struct asx_scored *t = &o->in->truth;
    bool binary = t->outputs == 2 && (sorts(o->kind) || o->kind == OBJ_SQUARED);
    return binary ? t->y[row] == t->positive : t->y[row];
}

static asx_st choose_rows(struct objective *o)
{
    const struct asx_scored *t = &o->in->truth;
    size_t most = sorts(o->kind) ? MOST_SORTED : MOST_ROWS;
    if (o->kind == OBJ_METRIC) {
        size_t cells = (size_t)MOST_CELLS / (size_t)t->outputs;
        most = cells < MOST_SORTED ? cells : MOST_SORTED;
        most = most < 2000 ? 2000 : most;
    }
    unsigned char *label = NULL;
    if (o->kind == OBJ_AUC && t->n > most) {
        label = mem_alloc(o->mem, t->n);
        if (!label)
            return ASX_E_NOMEM;
        for (size_t i = 0; i < t->n; i++)
            label[i] = t->y[row_of(t, i)] == t->positive;
    }
    asx_st st = obj_sample(t->n, most, label, o->in->seed, o->mem, &o->at, &o->m);
    mem_free(label);
    return st;
}

static asx_st gather_truth(struct objective *o)
{
    const struct asx_scored *t = &o->in->truth;
    o->row = mem_array(o->mem, o->m + 1, sizeof *o->row);
    o->y = mem_array(o->mem, o->m + 1, sizeof *o->y);
    o->weight = t->weight ? mem_array(o->mem, o->m + 1, sizeof *o->weight) : NULL;
    if (!o->row || !o->y || (t->weight && !o->weight))
        return ASX_E_NOMEM;
    for (size_t i = 0; i < o->m; i++) {
        o->row[i] = row_of(t, o->at[i]);
        o->y[i] = truth_of(o, o->row[i]);
        if (o->weight)
            o->weight[i] = t->weight[o->row[i]];
    }
    return ASX_OK;
}

/* The numbers of one candidate that the kind looks at. */
static void gather_column(const struct objective *o, const float *pred, float *out)
{
    size_t k = (size_t)o->in->truth.outputs;
    for (size_t i = 0; i < o->m; i++) {
        const float *p = pred + o->at[i] * k;
        if (o->width > 1 || k == 1)
            memcpy(out + i * (size_t)o->width, p, (size_t)o->width * sizeof *out);
        else if (o->kind == OBJ_LOG_LOSS)
            out[i] = o->y[i] >= 0 && o->y[i] < (double)k ? p[(size_t)o->y[i]] : 0;
        else
            out[i] = p[o->in->truth.positive];
    }
}

static asx_st gather(struct objective *o)
{
    const struct ens_input *in = o->in;
    bool as_is = o->m == in->truth.n && o->width == in->truth.outputs;
    o->col = mem_calloc(o->mem, (size_t)in->candidates, sizeof(float *));
    if (!o->col)
        return ASX_E_NOMEM;
    o->owned = !as_is;
    for (int c = 0; c < in->candidates; c++) {
        if (as_is) {
            o->col[c] = (float *)(uintptr_t)in->pred[c]; /* read only */
            continue;
        }
        o->col[c] = mem_array(o->mem, o->m * (size_t)o->width + 1, sizeof(float));
        if (!o->col[c])
            return ASX_E_NOMEM;
        gather_column(o, in->pred[c], o->col[c]);
    }
    return ASX_OK;
}

static size_t scratch_bytes(const struct objective *o)
{
    if (sorts(o->kind))
        return 2 * (o->m + 1) * sizeof(uint64_t);
    return o->kind == OBJ_METRIC ? (o->m * (size_t)o->width + 1) * sizeof(float) : 1;
}

asx_st obj_init(struct objective *o, const struct ens_input *in, struct asx_err *err)
{
    memset(o, 0, sizeof *o);
    o->in = in;
    o->mem = in->exec ? in->exec->mem : NULL;
    o->kind = kind_of(in->metric, in->truth.outputs);
    o->breaks_ties = o->kind == OBJ_METRIC && in->truth.outputs > 1 && !in->metric->needs_proba;
    o->width = o->kind == OBJ_METRIC ? in->truth.outputs : 1;
    o->workers = in->exec && in->exec->threads > 1 ? in->exec->threads : 1;
    asx_st st = choose_rows(o);
    if (st == ASX_OK)
        st = gather_truth(o);
    if (st == ASX_OK)
        st = gather(o);
    o->scratch = st == ASX_OK ? mem_calloc(o->mem, (size_t)o->workers, sizeof *o->scratch) : NULL;
    for (int w = 0; o->scratch && w < o->workers && st == ASX_OK; w++)
        if (!(o->scratch[w] = mem_alloc(o->mem, scratch_bytes(o))))
            st = ASX_E_NOMEM;
    if (st == ASX_OK && o->scratch)
        return ASX_OK;
    obj_clear(o);
    return err_set(err, ASX_E_NOMEM, "out of memory for the ensemble; raise the memory limit");
}

void obj_clear(struct objective *o)
{
    for (int c = 0; o->owned && o->col && c < o->in->candidates; c++)
        mem_free(o->col[c]);
    for (int w = 0; o->scratch && w < o->workers; w++)
        mem_free(o->scratch[w]);
    mem_free(o->scratch);
    mem_free(o->col);
    mem_free(o->at);
    mem_free(o->row);
    mem_free(o->y);
    mem_free(o->weight);
    memset(o, 0, sizeof *o);
}

/* ---- means over rows ------------------------------------------------------------------ */

static inline double averaged(const double *sum, const float *col, size_t i, double inverse)
{
    return (sum[i] + (col ? (double)col[i] : 0)) * inverse;
}

static inline double clipped(double p)
{
    return p > DBL_EPSILON ? p < 1 - DBL_EPSILON ? p : 1 - DBL_EPSILON : DBL_EPSILON; /* NaN becomes eps */
}

/* Logarithms of products of 16 save most of the logarithms: 16 x 52 bits stay far above the smallest double. */
enum { PRODUCT = 16 };

static double log_likelihood(const struct objective *o, const double *sum, const float *col, double inverse)
{
    double total = 0, weights = 0;
    for (size_t i = 0; i < o->m;) {
        double product = 1;
        size_t end = o->weight ? i + 1 : i + PRODUCT;
        double w = o->weight ? o->weight[i] : 1;
        for (end = end < o->m ? end : o->m; i < end; i++)
            product *= clipped(averaged(sum, col, i, inverse));
        total += w * log(product);
        weights += w;
    }
    return total / (o->weight ? weights : (double)o->m);
}

/* The same for probabilities of all classes, up to a constant factor. */
static double class_log_likelihood(const struct objective *o, const float *p)
{
    double total = 0;
    for (size_t i = 0; i < o->m;) {
        double product = 1;
        size_t end = o->weight ? i + 1 : i + PRODUCT;
        double w = o->weight ? o->weight[i] : 1;
        for (end = end < o->m ? end : o->m; i < end; i++)
            product *= clipped(o->y[i] >= 0 && o->y[i] < o->width ? (double)p[i * (size_t)o->width + (size_t)o->y[i]] : 0);
        total += w * log(product);
    }
    return total;
}

static double negative_error(const struct objective *o, const double *sum, const float *col, double inverse)
{
    double total = 0, weights = 0;
    bool squared = o->kind == OBJ_SQUARED;
    for (size_t i = 0; i < o->m; i++) {
        double w = o->weight ? o->weight[i] : 1, e = averaged(sum, col, i, inverse) - o->y[i];
        total += w * (squared ? e * e : fabs(e));
        weights += w;
    }
    return -total / weights;
}

/* ---- ranks ------------------------------------------------------------------------------ */

enum { DIGIT = 12, BUCKETS = 1 << DIGIT };

/*
 * Rows by ascending probability, as (key << 32 | row): two counting passes over 24-bit fixed point. Probabilities closer
 * than 6e-8 count as equal; the score finally reported comes from the metric itself.
 */
static uint64_t *ranked(const struct objective *o, const double *sum, const float *col, double inverse, uint64_t *a)
{
    uint64_t *b = a + o->m;
    uint32_t low[BUCKETS] = {0}, high[BUCKETS] = {0};
    for (size_t i = 0; i < o->m; i++) {
        double p = averaged(sum, col, i, inverse);
        p = p > 0 ? p < 1 ? p : 1 : 0; /* NaN too */
        uint32_t key = (uint32_t)(p * ((1 << 2 * DIGIT) - 1) + 0.5);
        a[i] = (uint64_t)key << 32 | i;
        low[key & (BUCKETS - 1)]++;
        high[key >> DIGIT]++;
    }
    for (uint32_t k = 0, sum_low = 0, sum_high = 0; k < BUCKETS; k++) {
        uint32_t l = low[k], h = high[k];
        low[k] = sum_low;
        high[k] = sum_high;
        sum_low += l;
        sum_high += h;
    }
    for (size_t i = 0; i < o->m; i++)
        b[low[a[i] >> 32 & (BUCKETS - 1)]++] = a[i];
    for (size_t i = 0; i < o->m; i++)
        a[high[b[i] >> (32 + DIGIT)]++] = b[i];
    return a;
}

/* Area under the ROC curve, ties by halves. */
static double area(const struct objective *o, const uint64_t *rank)
{
    double pos = 0, neg = 0, below = 0;
    for (size_t i = 0; i < o->m;) {
        uint64_t key = rank[i] >> 32;
        double p = 0, n = 0;
        for (; i < o->m && rank[i] >> 32 == key; i++) {
            uint32_t at = (uint32_t)rank[i];
            double w = o->weight ? o->weight[at] : 1;
            p += w * o->y[at];
            n += w * (1 - o->y[at]);
        }
        below += p * (neg + 0.5 * n);
        pos += p;
        neg += n;
    }
    return below / (pos * neg);
}

/* Average precision: sum over thresholds of (recall step) x precision, from the top down. */
static double precision(const struct objective *o, const uint64_t *rank)
{
    double pos = 0, all = 0, sum = 0;
    for (size_t i = o->m; i > 0;) {
        uint64_t key = rank[i - 1] >> 32;
        double p = 0;
        for (; i > 0 && rank[i - 1] >> 32 == key; i--) {
            uint32_t at = (uint32_t)rank[i - 1];
            double w = o->weight ? o->weight[at] : 1;
            p += w * o->y[at];
            all += w;
        }
        pos += p;
        if (all > 0)
            sum += p * pos / all;
    }
    return sum / pos;
}

/* ---- any metric ------------------------------------------------------------------------------ */

static struct obj_score by_metric(const struct objective *o, const double *sum, const float *col, double inverse, float *p)
{
    const struct asx_scored *t = &o->in->truth;
    for (size_t i = 0; i < o->m * (size_t)o->width; i++)
        p[i] = (float)averaged(sum, col, i, inverse);
    struct asx_scored s = *t;
    s.n = o->m;
    s.row = o->row;
    s.pred = p;
    s.pred64 = NULL;
    double score = o->in->metric->score(&s);
    struct obj_score out = {o->in->metric->greater_is_better ? score : -score, 0};
    if (o->breaks_ties)
        out.second = class_log_likelihood(o, p);
    return out;
}

struct obj_score obj_eval(const struct objective *o, const double *sum, int candidate, int count, int worker)
{
    const float *col = candidate >= 0 ? o->col[candidate] : NULL;
    double inverse = 1.0 / count;
    switch (o->kind) {
    case OBJ_LOG_LOSS: return (struct obj_score){log_likelihood(o, sum, col, inverse), 0};
    case OBJ_SQUARED:
    case OBJ_ABSOLUTE: return (struct obj_score){negative_error(o, sum, col, inverse), 0};
    case OBJ_AUC: return (struct obj_score){area(o, ranked(o, sum, col, inverse, o->scratch[worker])), 0};
    case OBJ_PRECISION: return (struct obj_score){precision(o, ranked(o, sum, col, inverse, o->scratch[worker])), 0};
    default: return by_metric(o, sum, col, inverse, o->scratch[worker]);
    }
}

void obj_add(const struct objective *o, double *sum, int candidate)
{
    const float *col = o->col[candidate];
    for (size_t i = 0; i < o->m * (size_t)o->width; i++)
        sum[i] += (double)col[i];
}

bool obj_better(struct obj_score a, struct obj_score b)
{
    if (isnan(a.first) || isnan(b.first))
        return !isnan(a.first) && isnan(b.first);
    return a.first > b.first || (a.first == b.first && a.second > b.second);
}
