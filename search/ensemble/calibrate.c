/* SPDX-License-Identifier: Apache-2.0 */
/* Temperature and decision threshold: learned from out-of-fold predictions, kept only when they pay beyond noise. */
#include "base/mem.h"
#include "base/rng.h"
#include "search/ensemble/objective.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_ROWS = 20000, MOST_CELLS = 400000, FEWEST_ROWS = 1000, PARTS = 5, THRESHOLDS = 100 };

/* Rows sampled, gathered side by side. */
struct rows {
    size_t m;
    int outputs;
    struct asx_exec *exec;
    uint32_t *at, *row; /* position in the predictions; row of y and weight */
    float *pred;        /* [m * outputs] */
};

static struct mem *mem_of(struct asx_exec *exec)
{
    return exec ? exec->mem : NULL;
}

static bool stopped(const struct rows *r)
{
    return r->exec && r->exec->stop && r->exec->stop(r->exec);
}

/* Of many classes fewer rows: what is looked at are cells. */
static size_t most_rows(int outputs)
{
    size_t m = MOST_CELLS / (size_t)outputs;
    return m > MOST_ROWS ? MOST_ROWS : m < FEWEST_ROWS ? FEWEST_ROWS : m;
}

static void rows_clear(struct rows *r)
{
    mem_free(r->at);
    mem_free(r->row);
    mem_free(r->pred);
}

static bool rows_init(struct rows *r, const struct asx_scored *s, struct asx_exec *exec)
{
    struct mem *mem = mem_of(exec);
    memset(r, 0, sizeof *r);
    r->outputs = s->outputs;
    r->exec = exec;
    if (obj_sample(s->n, most_rows(s->outputs), NULL, 0, mem, &r->at, &r->m) != ASX_OK)
        return false;
    size_t k = (size_t)s->outputs;
    r->row = mem_array(mem, r->m + 1, sizeof *r->row);
    r->pred = mem_array(mem, r->m * k + 1, sizeof *r->pred);
    if (!r->row || !r->pred) {
        rows_clear(r);
        return false;
    }
    for (size_t i = 0; i < r->m; i++) {
        r->row[i] = s->row ? s->row[r->at[i]] : r->at[i];
        for (size_t j = 0; j < k; j++) {
            size_t cell = r->at[i] * k + j;
            r->pred[i * k + j] = s->pred ? s->pred[cell] : (float)s->pred64[cell];
        }
    }
    return true;
}

static struct asx_scored scored_of(const struct asx_scored *s, const struct rows *r, const float *pred)
{
    struct asx_scored out = *s;
    out.n = r->m;
    out.row = r->row;
    out.pred = pred;
    out.pred64 = NULL;
    return out;
}

/* ---- temperature ------------------------------------------------------------------------- */

static void temper(double *p, int outputs, double temperature)
{
    double sum = 0, top = 0;
    for (int j = 0; j < outputs; j++)
        top = fmax(top, p[j]);
    if (!(top > 0))
        return;
    for (int j = 0; j < outputs; j++)
        sum += p[j] = p[j] > 0 ? pow(p[j] / top, 1 / temperature) : 0; /* the largest becomes 1: no underflow of all */
    for (int j = 0; j < outputs; j++)
        p[j] /= sum;
}

void ens_temper64(double *pred, size_t n, int outputs, double temperature)
{
    for (size_t i = 0; temperature != 1 && i < n; i++)
        temper(pred + i * (size_t)outputs, outputs, temperature);
}

void ens_temper(float *pred, size_t n, int outputs, double temperature)
{
    enum { ON_STACK = 64 };
    for (size_t i = 0; temperature != 1 && i < n; i++) {
        float *p = pred + i * (size_t)outputs;
        double top = 0, sum = 0, few[ON_STACK];
        if (outputs <= ON_STACK) {
            for (int j = 0; j < outputs; j++)
                few[j] = (double)p[j];
            temper(few, outputs, temperature);
            for (int j = 0; j < outputs; j++)
                p[j] = (float)few[j];
            continue;
        }
        for (int j = 0; j < outputs; j++)
            top = fmax(top, (double)p[j]);
        for (int j = 0; top > 0 && j < outputs; j++)
            sum += p[j] > 0 ? pow((double)p[j] / top, 1 / temperature) : 0;
        for (int j = 0; top > 0 && j < outputs; j++)
            p[j] = (float)((p[j] > 0 ? pow((double)p[j] / top, 1 / temperature) : 0) / sum);
    }
}

/* ln(p / largest p) of every cell, once for all temperatures: -INFINITY for 0, NaN in rows without any probability. */
static float *logs_of(const struct rows *r, struct mem *mem)
{
    size_t k = (size_t)r->outputs;
    float *out = mem_array(mem, r->m * k + 1, sizeof *out);
    for (size_t i = 0; out && i < r->m; i++) {
        const float *p = r->pred + i * k;
        float top = 0;
        for (size_t j = 0; j < k; j++)
            top = p[j] > top ? p[j] : top;
        for (size_t j = 0; j < k; j++)
            out[i * k + j] = top > 0 ? (float)log((double)p[j] / (double)top) : NAN;
    }
    return out;
}

/* Loss of one row at a temperature: -ln of the true class's share. */
static double row_loss(const float *logs, int outputs, double y, double inverse)
{
    double sum = 0;
    if (isnan(logs[0]) || !(y >= 0 && y < outputs))
        return 0;
    for (int j = 0; j < outputs; j++)
        sum += exp((double)logs[j] * inverse);
    double share = exp((double)logs[(int)y] * inverse) / sum;
    return -log(fmin(fmax(share, DBL_EPSILON), 1 - DBL_EPSILON));
}

/* Weighted mean loss; with `before`, of the differences before - loss, and *se their standard error. */
static double mean_loss(const struct asx_scored *s, const struct rows *r, const float *logs, double temperature,
                        const double *before, double *se)
{
    double sum = 0, sum2 = 0, weights = 0, weights2 = 0;
    for (size_t i = 0; i < r->m; i++) {
        double w = s->weight ? s->weight[r->row[i]] : 1;
        double d = row_loss(logs + i * (size_t)r->outputs, r->outputs, s->y[r->row[i]], 1 / temperature);
        if (before)
            d = before[i] - d;
        sum += w * d;
        sum2 += w * d * d;
        weights += w;
        weights2 += w * w;
    }
    double mean = sum / weights;
    if (se)
        *se = sqrt(fmax(sum2 / weights - mean * mean, 0) * weights2) / weights;
    return mean;
}

/* Golden section on ln T; the loss is unimodal there. 1 when stopped. */
static double best_temperature(const struct asx_scored *s, const struct rows *r, const float *logs)
{
    const double golden = 0.6180339887498949;
    double low = log(0.25), high = log(4);
    double a = high - golden * (high - low), b = low + golden * (high - low);
    double fa = mean_loss(s, r, logs, exp(a), NULL, NULL), fb = mean_loss(s, r, logs, exp(b), NULL, NULL);
    while (high - low > 0.005) {
        if (stopped(r))
            return 1;
        if (fa <= fb) {
            high = b, b = a, fb = fa;
            a = high - golden * (high - low);
            fa = mean_loss(s, r, logs, exp(a), NULL, NULL);
        } else {
            low = a, a = b, fa = fb;
            b = low + golden * (high - low);
            fb = mean_loss(s, r, logs, exp(b), NULL, NULL);
        }
    }
    return exp((low + high) / 2);
}

/* Does the metric not suffer? */
static bool metric_keeps(const struct asx_scored *s, const struct asx_metric *metric, const struct rows *r, double temperature)
{
    float *after = mem_array(mem_of(r->exec), r->m * (size_t)r->outputs + 1, sizeof *after);
    if (!after)
        return false;
    memcpy(after, r->pred, r->m * (size_t)r->outputs * sizeof *after);
    ens_temper(after, r->m, r->outputs, temperature);
    struct asx_scored old = scored_of(s, r, r->pred), new = scored_of(s, r, after);
    double was = metric->score(&old), is = metric->score(&new);
    mem_free(after);
    return fabs(is - was) <= 1e-9 * fabs(was) || asx_metric_better(metric, is, was);
}

/* Does the loss fall by more than two standard errors? */
static bool loss_falls(const struct asx_scored *s, const struct rows *r, const float *logs, double temperature)
{
    double *before = mem_array(mem_of(r->exec), r->m + 1, sizeof *before), se = 0;
    if (!before)
        return false;
    for (size_t i = 0; i < r->m; i++)
        before[i] = row_loss(logs + i * (size_t)r->outputs, r->outputs, s->y[r->row[i]], 1);
    double gain = mean_loss(s, r, logs, temperature, before, &se);
    mem_free(before);
    return gain > 2 * se;
}

double ens_temperature(const struct asx_scored *s, const struct asx_metric *metric, struct asx_exec *exec)
{
    struct rows r;
    if (s->outputs < 2 || s->n < 20 || !rows_init(&r, s, exec))
        return 1;
    float *logs = logs_of(&r, mem_of(exec));
    double temperature = logs ? best_temperature(s, &r, logs) : 1;
    if (temperature != 1 && !(loss_falls(s, &r, logs, temperature) && metric_keeps(s, metric, &r, temperature)))
        temperature = 1;
    mem_free(logs);
    rows_clear(&r);
    return temperature;
}

/* ---- threshold ------------------------------------------------------------------------------ */

struct cut {
    const struct asx_scored *s;
    const struct asx_metric *metric;
    const struct rows *r;
    unsigned char *part; /* [m] */
    float *pred;         /* [m * 2] rows of some parts */
    uint32_t *row;
};

/* Rows whose part is (not) `part`; part -1: all. */
static size_t gather(struct cut *c, int part, bool inside)
{
    size_t n = 0;
    for (size_t i = 0; i < c->r->m; i++) {
        if (part >= 0 && (c->part[i] == part) != inside)
            continue;
        c->row[n] = c->r->row[i];
        memcpy(c->pred + 2 * n, c->r->pred + 2 * i, 2 * sizeof *c->pred);
        n++;
    }
    return n;
}

static double score_at(const struct cut *c, size_t n, double threshold)
{
    struct asx_scored s = *c->s;
    s.n = n;
    s.row = c->row;
    s.pred = c->pred;
    s.pred64 = NULL;
    s.threshold = threshold;
    return c->metric->score(&s);
}

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Best of the thresholds between quantiles of the probabilities; ties go to the one nearest to a half. */
static double best_threshold(const struct cut *c, size_t n, float *sorted)
{
    for (size_t i = 0; i < n; i++)
        sorted[i] = c->pred[2 * i + (size_t)c->s->positive];
    qsort(sorted, n, sizeof *sorted, by_value);
    double best = 0.5, score = score_at(c, n, 0.5);
    for (size_t k = 1; k < THRESHOLDS && n > 1; k++) {
        size_t at = k * (n - 1) / THRESHOLDS;
        double threshold = 0.5 * ((double)sorted[at] + (double)sorted[at + 1]);
        if (!(threshold > 0 && threshold < 1))
            continue;
        double now = score_at(c, n, threshold);
        if (asx_metric_better(c->metric, now, score) || (now == score && fabs(threshold - 0.5) < fabs(best - 0.5))) {
            best = threshold;
            score = now;
        }
    }
    return best;
}

/* Decisions with thresholds chosen on the other parts, scored together and part by part. */
static bool pays(struct cut *c, float *sorted, float *decided)
{
    const struct rows *r = c->r;
    int pos = c->s->positive, not_worse = 0;
    for (int p = 0; p < PARTS; p++) {
        if (stopped(r))
            return false;
        double threshold = best_threshold(c, gather(c, p, false), sorted);
        size_t n = gather(c, p, true);
        not_worse += n == 0 || !asx_metric_better(c->metric, score_at(c, n, 0), score_at(c, n, threshold));
        for (size_t i = 0; i < r->m; i++)
            if (c->part[i] == p) {
                bool yes = (double)r->pred[2 * i + (size_t)pos] >= threshold;
                decided[2 * i + (size_t)pos] = yes;
                decided[2 * i + (size_t)(1 - pos)] = !yes;
            }
    }
    struct asx_scored was = scored_of(c->s, r, r->pred), is = scored_of(c->s, r, decided);
    was.threshold = is.threshold = 0;
    return not_worse >= 3 && asx_metric_better(c->metric, c->metric->score(&is), c->metric->score(&was));
}

double ens_threshold(const struct asx_scored *s, const struct asx_metric *metric, struct asx_exec *exec)
{
    struct mem *mem = mem_of(exec);
    struct rows r;
    if (s->outputs != 2 || !metric->thresholded || s->n < 50 || !rows_init(&r, s, exec))
        return 0;
    struct cut c = {.s = s, .metric = metric, .r = &r};
    c.part = mem_alloc(mem, r.m);
    c.pred = mem_array(mem, 2 * r.m, sizeof *c.pred);
    c.row = mem_array(mem, r.m, sizeof *c.row);
    float *sorted = mem_array(mem, r.m, sizeof *sorted), *decided = mem_array(mem, 2 * r.m, sizeof *decided);
    double threshold = 0;
    if (c.part && c.pred && c.row && sorted && decided) {
        struct rng rng = rng_stream(0, 0, 0, 0x7061727473ull);
        for (size_t i = 0; i < r.m; i++)
            c.part[i] = (unsigned char)rng_below(&rng, PARTS);
        if (pays(&c, sorted, decided))
            threshold = best_threshold(&c, gather(&c, -1, true), sorted);
    }
    mem_free(c.part);
    mem_free(c.pred);
    mem_free(c.row);
    mem_free(sorted);
    mem_free(decided);
    rows_clear(&r);
    return threshold;
}
