/* SPDX-License-Identifier: Apache-2.0 */
/* Bootstrap intervals: resamples as counts, so that a resample is a weighting of rows that never move. */
#include "base/err.h"
#include "base/mem.h"
#include "base/rng.h"
#include "search/ensemble/objective.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { RESAMPLES = 200, MOST_ROWS = 10000 };

struct ens_boot {
    size_t n, m;
    uint32_t *at;         /* [m] positions */
    unsigned char *count; /* [RESAMPLES][m] */
    struct mem *mem;
};

struct ens_boot *ens_boot_create(size_t n, uint64_t seed, struct mem *mem)
{
    struct ens_boot *b = mem_calloc(mem, 1, sizeof *b);
    if (!b)
        return NULL;
    b->n = n;
    b->mem = mem;
    if (obj_sample(n, MOST_ROWS, NULL, seed, mem, &b->at, &b->m) == ASX_OK)
        b->count = mem_calloc(mem, b->m + 1, RESAMPLES);
    if (!b->count) {
        ens_boot_destroy(b);
        return NULL;
    }
    for (uint64_t k = 0; k < RESAMPLES && b->m > 0; k++) {
        struct rng rng = rng_stream(seed, k, 0, 0x626f6f74ull);
        unsigned char *c = b->count + k * b->m;
        for (size_t i = 0; i < b->m; i++) {
            unsigned char *one = &c[rng_below(&rng, b->m)];
            *one += *one < 255;
        }
    }
    return b;
}

void ens_boot_destroy(struct ens_boot *b)
{
    if (!b)
        return;
    mem_free(b->at);
    mem_free(b->count);
    mem_free(b);
}

/* ---- what a score is made of -------------------------------------------------------------- */

enum boot_kind { MEAN, ROOT_MEAN, R2, AUC, METRIC };

struct boot_rows {
    const struct ens_boot *b;
    const struct asx_scored *s;
    const struct asx_metric *metric;
    enum boot_kind kind;
    uint32_t *row;    /* [m] of y and weight */
    double *y, *w;    /* [m] */
    float *pred;      /* [m * outputs] METRIC */
    double *term;     /* [m] loss of a row; AUC: probability of the positive class */
    uint32_t *rank;   /* [m] AUC: by term, ascending */
    double *weighted; /* [max row + 1] METRIC: weights by row */
};

static enum boot_kind kind_of(const struct asx_metric *m, int outputs)
{
    static const struct {
        const char *name;
        enum boot_kind kind;
    } fast[] = {{"log_loss", MEAN},  {"accuracy", MEAN}, {"mae", MEAN},   {"brier", MEAN},
                {"rmse", ROOT_MEAN}, {"r2", R2},         {"roc_auc", AUC}};
    for (size_t i = 0; i < sizeof fast / sizeof *fast; i++)
        if (strcmp(m->head.name, fast[i].name) == 0)
            return fast[i].kind == AUC && outputs != 2 ? METRIC : fast[i].kind;
    return METRIC;
}

static double pred_at(const struct asx_scored *s, size_t i, int k)
{
    size_t at = i * (size_t)s->outputs + (size_t)k;
    return s->pred ? (double)s->pred[at] : s->pred64[at];
}

static bool is_hit(const struct asx_scored *s, size_t i, double y)
{
    int best = 0;
    for (int k = 1; k < s->outputs; k++)
        if (pred_at(s, i, k) > pred_at(s, i, best))
            best = k;
    if (s->threshold > 0 && s->outputs == 2)
        best = pred_at(s, i, s->positive) >= s->threshold ? s->positive : 1 - s->positive;
    return best == y;
}

/* Contribution of row i (position in the predictions) with truth y. */
static double term_of(const struct asx_scored *s, const struct asx_metric *m, enum boot_kind kind, size_t i, double y)
{
    const char *name = m->head.name;
    if (kind == AUC)
        return pred_at(s, i, s->positive);
    if (strcmp(name, "log_loss") == 0) {
        double p = y >= 0 && y < s->outputs ? pred_at(s, i, (int)y) : 0;
        return -log(fmin(fmax(p, DBL_EPSILON), 1 - DBL_EPSILON));
    }
    if (strcmp(name, "accuracy") == 0)
        return is_hit(s, i, y);
    if (strcmp(name, "brier") == 0) {
        double e = s->outputs == 2 ? pred_at(s, i, s->positive) - (y == s->positive) : NAN;
        return e * e;
    }
    double e = pred_at(s, i, 0) - y;
    return strcmp(name, "mae") == 0 ? fabs(e) : e * e;
}

static void rows_clear(struct boot_rows *r)
{
    mem_free(r->row);
    mem_free(r->y);
    mem_free(r->w);
    mem_free(r->pred);
    mem_free(r->term);
    mem_free(r->rank);
    mem_free(r->weighted);
}

struct keyed {
    double v;
    uint32_t i;
};

static int by_key(const void *a, const void *b)
{
    const struct keyed *x = a, *y = b;
    if (x->v != y->v)
        return x->v < y->v ? -1 : 1;
    return (x->i > y->i) - (x->i < y->i);
}

static bool sort_rows(struct boot_rows *r)
{
    size_t m = r->b->m;
    struct keyed *k = mem_array(r->b->mem, m + 1, sizeof *k);
    r->rank = mem_array(r->b->mem, m + 1, sizeof *r->rank);
    for (size_t i = 0; k && r->rank && i < m; i++)
        k[i] = (struct keyed){r->term[i], (uint32_t)i};
    if (k && r->rank) {
        qsort(k, m, sizeof *k, by_key);
        for (size_t i = 0; i < m; i++)
            r->rank[i] = k[i].i;
    }
    mem_free(k);
    return k && r->rank;
}

static bool gather_predictions(struct boot_rows *r)
{
    const struct ens_boot *b = r->b;
    size_t k = (size_t)r->s->outputs, last = 0;
    for (size_t i = 0; i < b->m; i++)
        last = r->row[i] > last ? r->row[i] : last;
    r->pred = mem_array(b->mem, b->m * k + 1, sizeof *r->pred);
    r->weighted = mem_calloc(b->mem, last + 1, sizeof *r->weighted);
    for (size_t i = 0; r->pred && i < b->m; i++)
        for (size_t j = 0; j < k; j++)
            r->pred[i * k + j] = (float)pred_at(r->s, b->at[i], (int)j);
    return r->pred && r->weighted;
}

static bool rows_init(struct boot_rows *r, const struct ens_boot *b, const struct asx_scored *s, const struct asx_metric *metric)
{
    size_t m = b->m;
    *r = (struct boot_rows){.b = b, .s = s, .metric = metric, .kind = kind_of(metric, s->outputs)};
    r->row = mem_array(b->mem, m + 1, sizeof *r->row);
    r->y = mem_array(b->mem, m + 1, sizeof *r->y);
    r->w = mem_array(b->mem, m + 1, sizeof *r->w);
    r->term = mem_array(b->mem, m + 1, sizeof *r->term);
    if (!r->row || !r->y || !r->w || !r->term)
        return false;
    for (size_t i = 0; i < m; i++) {
        r->row[i] = s->row ? s->row[b->at[i]] : b->at[i];
        r->y[i] = s->y[r->row[i]];
        r->w[i] = s->weight ? s->weight[r->row[i]] : 1;
        r->term[i] = r->kind == METRIC ? 0 : term_of(s, metric, r->kind, b->at[i], r->y[i]);
    }
    if (r->kind == AUC && !sort_rows(r))
        return false;
    return gather_predictions(r);
}

/* ---- one resample ---------------------------------------------------------------------------- */

static double of_count(const unsigned char *count, size_t i)
{
    return count ? count[i] : 1;
}

static double mean_value(const struct boot_rows *r, const unsigned char *count)
{
    double sum = 0, weights = 0, y = 0;
    for (size_t i = 0; i < r->b->m; i++) {
        double w = of_count(count, i) * r->w[i];
        sum += w * r->term[i];
        weights += w;
        y += w * r->y[i];
    }
    if (r->kind == R2) {
        double mean = y / weights, total = 0; /* a second pass: the difference of squares cancels */
        for (size_t i = 0; i < r->b->m; i++) {
            double d = r->y[i] - mean;
            total += of_count(count, i) * r->w[i] * d * d;
        }
        return total > 0 ? 1 - sum / total : NAN;
    }
    return r->kind == ROOT_MEAN ? sqrt(sum / weights) : sum / weights;
}

static double auc_value(const struct boot_rows *r, const unsigned char *count)
{
    double pos = 0, neg = 0, below = 0;
    for (size_t k = 0; k < r->b->m;) {
        double v = r->term[r->rank[k]], p = 0, n = 0;
        for (; k < r->b->m && r->term[r->rank[k]] == v; k++) {
            uint32_t i = r->rank[k];
            double w = of_count(count, i) * r->w[i];
            if (r->y[i] == r->s->positive)
                p += w;
            else
                n += w;
        }
        below += p * (neg + 0.5 * n);
        pos += p;
        neg += n;
    }
    return pos > 0 && neg > 0 ? below / (pos * neg) : NAN;
}

static double metric_value(const struct boot_rows *r, const unsigned char *count)
{
    struct asx_scored s = *r->s;
    for (size_t i = 0; i < r->b->m; i++)
        r->weighted[r->row[i]] = of_count(count, i) * r->w[i];
    s.n = r->b->m;
    s.row = r->row;
    s.weight = r->weighted;
    s.pred = r->pred;
    s.pred64 = NULL;
    return r->metric->score(&s);
}

static double value_of(const struct boot_rows *r, const unsigned char *count)
{
    if (r->kind == METRIC)
        return metric_value(r, count);
    return r->kind == AUC ? auc_value(r, count) : mean_value(r, count);
}

/* ---- the interval ------------------------------------------------------------------------------- */

static int by_double(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double quantile(const double *sorted, int n, double q)
{
    double at = q * (n - 1);
    int i = (int)at;
    return i + 1 < n ? sorted[i] + (at - i) * (sorted[i + 1] - sorted[i]) : sorted[n - 1];
}

static void interval(struct boot_rows *r, double *low, double *high)
{
    double value[RESAMPLES];
    int n = 0;
    double centre = value_of(r, NULL);
    if (r->kind != METRIC) { /* the fast form must be the metric */
        enum boot_kind kind = r->kind;
        r->kind = METRIC;
        double exact = value_of(r, NULL);
        if (fabs(exact - centre) <= 1e-5 * fmax(1e-3, fabs(exact)))
            r->kind = kind;
        centre = exact;
    }
    for (size_t k = 0; k < RESAMPLES; k++) {
        double v = value_of(r, r->b->count + k * r->b->m);
        if (isfinite(v))
            value[n++] = v;
    }
    *low = *high = NAN;
    if (n < RESAMPLES / 2)
        return;
    qsort(value, (size_t)n, sizeof *value, by_double);
    *low = quantile(value, n, 0.025);
    *high = quantile(value, n, 0.975);
    if (r->b->m == r->b->n)
        return;
    double narrow = sqrt((double)r->b->m / (double)r->b->n), point = r->metric->score(r->s);
    double least = fmin(r->metric->best, r->metric->worst), most = fmax(r->metric->best, r->metric->worst);
    *low = fmax(point + (*low - centre) * narrow, least);
    *high = fmin(point + (*high - centre) * narrow, most);
}

asx_st ens_boot_interval(const struct ens_boot *b, const struct asx_scored *s, const struct asx_metric *metric, double *low,
                         double *high, struct asx_err *err)
{
    *low = *high = NAN;
    if (s->n != b->n)
        return err_set(err, ASX_E_INVAL, "resamples of %zu rows were used for %zu; make new ones", b->n, s->n);
    struct boot_rows r;
    bool good = rows_init(&r, b, s, metric);
    if (good)
        interval(&r, low, high);
    rows_clear(&r);
    return good ? ASX_OK : err_set(err, ASX_E_NOMEM, "out of memory for an interval; raise the memory limit");
}
