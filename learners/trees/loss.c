/* SPDX-License-Identifier: Apache-2.0 */
/* Losses: starting values, gradients, refinement, predictions. */
#include "learners/trees/loss.h"

#include "backends/cpu/cpu.h"
#include "base/err.h"

#include <math.h>
#include <stdlib.h>

static const double POISSON_BOUND = 2.0137527074704766; /* exp(0.7) */

const struct loss_rows *loss_rows_best(void)
{
    enum cpu_simd level = cpu_simd_level();
    return level == CPU_AVX512 ? &loss_rows_avx512 : level == CPU_AVX2 ? &loss_rows_avx2 : &loss_rows_base;
}

struct loss loss_of(const struct gbdt_params *p, const struct asx_problem *problem)
{
    struct loss l = {
        .kind = p->loss, .scores = p->loss == LOSS_SOFTMAX ? problem->classes : 1, .alpha = p->alpha, .rows = loss_rows_best()};
    l.refine = l.kind == LOSS_ABSOLUTE || l.kind == LOSS_QUANTILE || l.kind == LOSS_HUBER;
    if (l.kind == LOSS_ABSOLUTE)
        l.alpha = 0.5;
    return l;
}

static double weight_of(const struct asx_problem *p, uint32_t row)
{
    return p->fit_weight ? p->fit_weight[row] : 1;
}

asx_st loss_check(const struct loss *l, const struct asx_problem *p, const uint32_t *row, size_t n, struct asx_err *err)
{
    if (l->kind == LOSS_QUANTILE && !(l->alpha > 0 && l->alpha < 1))
        return err_set(err, ASX_E_INVAL, "quantile level %g is not between 0 and 1; set 'alpha' inside", l->alpha);
    double sum = 0, top = 0;
    for (size_t i = 0; i < n; i++)
        top = fmax(top, weight_of(p, row[i]) * (l->kind < LOSS_LOGISTIC ? fmax(1, fabs(p->y[row[i]])) : 1));
    if (!(top < 1e37)) /* derivatives are f32 */
        return err_set(err, ASX_E_DATA, "weights times targets reach %g, too large to compute with; give them in larger units",
                       top);
    for (size_t i = 0; l->kind == LOSS_POISSON && i < n; i++) {
        if (p->y[row[i]] < 0)
            return err_set(err, ASX_E_DATA, "the poisson loss needs targets of at least 0, found %g; choose another 'loss'",
                           p->y[row[i]]);
        sum += weight_of(p, row[i]) * p->y[row[i]];
    }
    if (l->kind == LOSS_POISSON && sum <= 0)
        return err_set(err, ASX_E_DATA,
                       "the poisson loss needs a target above 0 in a row that has a weight; choose another 'loss'");
    return ASX_OK;
}

struct weighted {
    double v, w;
};

static int by_v(const void *a, const void *b)
{
    const struct weighted *x = a, *y = b;
    return (x->v > y->v) - (x->v < y->v);
}

/* Weighted quantile as LightGBM and numpy have it: linear between order statistics without weights, else the first past the share. */
static double quantile(struct weighted *v, size_t n, double level, bool weights)
{
    if (n == 0)
        return 0;
    qsort(v, n, sizeof *v, by_v);
    if (!weights) {
        double at = level * (double)(n - 1);
        size_t i = (size_t)at;
        return i + 1 < n ? v[i].v + (at - (double)i) * (v[i + 1].v - v[i].v) : v[n - 1].v;
    }
    double total = 0, sum = 0;
    for (size_t i = 0; i < n; i++)
        total += v[i].w;
    for (size_t i = 0; i < n; i++) {
        sum += v[i].w;
        if (sum >= level * total)
            return v[i].v;
    }
    return v[n - 1].v;
}

/*
 * Where the sum of w clamp(v - c, a) is 0: steps that are exact once the values within a of c stay the same ones, halvings of
 * what is known to hold it where such a step leaves that.
 */
static double huber_centre(const struct weighted *v, size_t n, double a)
{
    enum { STEPS = 100 };
    const double rounding = 1e-14;
    double low = HUGE_VAL, high = -HUGE_VAL;
    for (size_t i = 0; i < n; i++) {
        low = fmin(low, v[i].v);
        high = fmax(high, v[i].v);
    }
    double c = n ? 0.5 * low + 0.5 * high : 0;
    for (int k = 0; k < STEPS; k++) {
        double sum = 0, size = 0, within = 0;
        for (size_t i = 0; i < n; i++) {
            double d = v[i].v - c, cut = v[i].w * (d > a ? a : d < -a ? -a : d);
            sum += cut;
            size += fabs(cut);
            within += fabs(d) <= a ? v[i].w : 0;
        }
        if (fabs(sum) <= rounding * size)
            return c;
        *(sum > 0 ? &low : &high) = c;
        double next = within > 0 ? c + sum / within : HUGE_VAL;
        c = next > low && next < high ? next : 0.5 * low + 0.5 * high;
    }
    return c;
}

/* The constant of least loss. */
static double centre(const struct loss *l, struct weighted *v, size_t n, bool weights)
{
    return l->kind == LOSS_HUBER ? huber_centre(v, n, l->alpha) : quantile(v, n, l->alpha, weights);
}

static double mean_of(const struct asx_problem *p, const uint32_t *row, size_t n)
{
    double s = 0, w = 0;
    for (size_t i = 0; i < n; i++) {
        s += weight_of(p, row[i]) * p->y[row[i]];
        w += weight_of(p, row[i]);
    }
    return w > 0 ? s / w : 0;
}

static void class_starts(const struct loss *l, const struct asx_problem *p, const uint32_t *row, size_t n, double *start)
{
    double total = 0;
    for (int k = 0; k < l->scores; k++)
        start[k] = 0;
    double positive = 0;
    for (size_t i = 0; i < n; i++) {
        double w = weight_of(p, row[i]);
        total += w;
        if (l->kind == LOSS_LOGISTIC)
            positive += p->label[row[i]] == 1 ? w : 0;
        else
            start[p->label[row[i]]] += w;
    }
    const double floor = 1e-6;
    if (l->kind == LOSS_LOGISTIC) {
        double q = total > 0 ? positive / total : 0.5;
        q = q < floor ? floor : q > 1 - floor ? 1 - floor : q;
        start[0] = log(q / (1 - q));
        return;
    }
    for (int k = 0; k < l->scores; k++) {
        double q = total > 0 ? start[k] / total : 1.0 / l->scores;
        start[k] = log(q < floor ? floor : q);
    }
}

void loss_start(const struct loss *l, const struct asx_problem *p, const uint32_t *row, size_t n, double *tmp, double *start)
{
    if (l->kind == LOSS_LOGISTIC || l->kind == LOSS_SOFTMAX) {
        class_starts(l, p, row, n, start);
        return;
    }
    if (l->kind == LOSS_POISSON) {
        start[0] = log(mean_of(p, row, n));
        return;
    }
    if (!l->refine) {
        start[0] = mean_of(p, row, n);
        return;
    }
    struct weighted *v = (struct weighted *)tmp;
    for (size_t i = 0; i < n; i++)
        v[i] = (struct weighted){p->y[row[i]], weight_of(p, row[i])};
    start[0] = centre(l, v, n, p->fit_weight != NULL);
}

/* g and h of one row in double, without the weight. */
static void derivatives(const struct loss *l, double s, double y, double *g, double *h)
{
    double d = s - y;
    *h = 1;
    switch (l->kind) {
    case LOSS_ABSOLUTE: *g = (d > 0) - (d < 0); break;
    case LOSS_HUBER: *g = d > l->alpha ? l->alpha : d < -l->alpha ? -l->alpha : d; break;
    case LOSS_QUANTILE: *g = d >= 0 ? 1 - l->alpha : -l->alpha; break;
    case LOSS_POISSON:
        *g = exp(s) - y;
        *h = POISSON_BOUND * exp(s);
        break;
    case LOSS_LOGISTIC: {
        double p = 1 / (1 + exp(-s));
        *g = p - y;
        *h = p * (1 - p) > 1e-16 ? p * (1 - p) : 1e-16;
        break;
    }
    default: *g = d;
    }
}

static void general(const struct loss *l, const struct asx_problem *p, const double *score, const uint32_t *row, size_t n,
                    float *gh)
{
    for (size_t i = 0; i < n; i++) {
        double g, h, w = weight_of(p, row[i]);
        derivatives(l, score[row[i]], p->y[row[i]], &g, &h);
        gh[2 * i] = (float)(g * w);
        gh[2 * i + 1] = (float)(h * w);
    }
}

static float softmax_factor(const struct loss *l)
{
    return (float)l->scores / (float)(l->scores - 1);
}

void loss_gradients(const struct loss *l, const struct asx_problem *p, const double *score, size_t rows, int k,
                    struct loss_norm norm, const uint32_t *row, size_t n, float *gh, double *sum_g, double *sum_h)
{
    if (l->kind == LOSS_SOFTMAX) {
        l->rows->softmax(score + (size_t)k * rows, p->label, p->fit_weight, row, norm, n, k, softmax_factor(l), gh, sum_g, sum_h);
        return;
    }
    if (l->kind == LOSS_LOGISTIC)
        l->rows->logistic(score, p->y, p->fit_weight, row, n, 1, gh);
    else
        general(l, p, score, row, n, gh);
    l->rows->sums(gh, n, sum_g, sum_h);
}

void loss_gradients_all(const struct loss *l, const struct asx_problem *p, const double *score, size_t rows, const uint32_t *row,
                        size_t n, const struct loss_all *out)
{
    l->rows->softmax_all(score, rows, l->scores, p->label, p->fit_weight, row, n, softmax_factor(l), out);
}

void loss_gradients64(const struct loss *l, const struct asx_problem *p, const double *score, size_t rows, int k, const double *lse,
                      const uint32_t *row, size_t n, double *gh)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t r = row[i];
        double g, h, w = weight_of(p, r);
        if (l->kind == LOSS_SOFTMAX) {
            double q = exp(score[(size_t)k * rows + r] - lse[i]);
            g = q - (p->label[r] == k);
            h = (double)l->scores / (l->scores - 1) * q * (1 - q);
            h = h < 1e-16 ? 1e-16 : h;
        } else {
            derivatives(l, score[r], p->y[r], &g, &h);
        }
        gh[2 * (size_t)r] = g * w;
        gh[2 * (size_t)r + 1] = h * w;
    }
}

void loss_softmax_norm(const struct loss *l, const double *score, size_t rows, const uint32_t *row, size_t n, struct loss_norm norm)
{
    l->rows->softmax_norm(score, rows, l->scores, row, n, norm);
}

void loss_pack(const struct loss *l, const float *gh, size_t n, float g_scale, float h_scale, uint64_t *out)
{
    l->rows->pack(gh, n, g_scale, h_scale, out);
}

void loss_lse64(const struct loss *l, const double *score, size_t rows, const uint32_t *row, size_t n, double *lse)
{
    for (size_t i = 0; i < n; i++) {
        double top = score[row[i]], sum = 0;
        for (int c = 1; c < l->scores; c++)
            top = score[(size_t)c * rows + row[i]] > top ? score[(size_t)c * rows + row[i]] : top;
        for (int c = 0; c < l->scores; c++)
            sum += exp(score[(size_t)c * rows + row[i]] - top);
        lse[i] = top + log(sum);
    }
}

double loss_refine(const struct loss *l, const struct asx_problem *p, const double *score, const uint32_t *row, size_t n,
                   double *tmp)
{
    struct weighted *v = (struct weighted *)tmp;
    for (size_t i = 0; i < n; i++)
        v[i] = (struct weighted){p->y[row[i]] - score[row[i]], weight_of(p, row[i])};
    return centre(l, v, n, p->fit_weight != NULL);
}

/* From G = E - Y and H = E exp(0.7), E the sum of w exp(s): Y / E = 1 - exp(0.7) G / H. */
double loss_limit(const struct loss *l, double step, double sum_g, double sum_h)
{
    double most = l->kind == LOSS_POISSON && sum_g < 0 && sum_h > 0 ? log1p(-POISSON_BOUND * sum_g / sum_h) : HUGE_VAL;
    return step < most ? step : most;
}

void loss_predict(enum loss_kind kind, int scores, const double *raw, double *out)
{
    if (kind == LOSS_LOGISTIC) {
        double e = exp(-fabs(raw[0])), small = e / (1 + e), big = 1 / (1 + e);
        out[1] = raw[0] >= 0 ? big : small;
        out[0] = raw[0] >= 0 ? small : big;
        return;
    }
    if (kind == LOSS_SOFTMAX) {
        double top = raw[0], sum = 0;
        for (int k = 1; k < scores; k++)
            top = raw[k] > top ? raw[k] : top;
        for (int k = 0; k < scores; k++)
            sum += out[k] = exp(raw[k] - top);
        for (int k = 0; k < scores; k++)
            out[k] /= sum;
        return;
    }
    out[0] = kind == LOSS_POISSON ? exp(raw[0]) : raw[0];
}
