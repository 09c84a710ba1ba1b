/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seconds from counts.
 *
 *   t(use) = times * (startup + flops / F + sum over levels of bytes served there / B_level)
 *   t(op)  = (10 us + (sum of uses) * (serial + (1 - serial) / threads)) * residual
 *
 * A footprint of f bytes finds the share cache_l / f of its accesses in a cache of cache_l bytes;
 * memory bandwidth is shared: a thread gets min(B, B_total / busy), and cores are shared by
 * threads beyond their number. All terms are non-negative and
 * non-decreasing in sizes, so the price never falls when the work grows, nor rises when the machine
 * gets faster (law 2). Times are wall seconds on the granted threads.
 */
#include "optimizer/cost.h"

#include "base/mem.h"
#include "optimizer/coefficients.h"

#include <math.h>
#include <string.h>

enum {
    SHRINK = 1,   /* samples at which a residual counts half */
    REMEMBER = 30 /* samples a residual averages over; older ones fade */
};
static const double wake_s = 2e-5; /* waking helpers for a split */
static const double op_s = 1e-5;   /* an op's own start and end: scratch, hashing, first touches */

void opt_model_init(struct opt_model *model, const struct opt_machine *machine, bool nominal, struct mem *mem)
{
    *model = (struct opt_model){.machine = machine, .nominal = nominal, .mem = mem};
}

void opt_model_clear(struct opt_model *model)
{
    mem_free(model->residual);
    model->residual = NULL;
    model->residuals = model->capacity = 0;
}

/* ---- counts --------------------------------------------------------------------- */

static double at_least_one(double v)
{
    return v > 1 ? v : 1;
}

static double lg(double v)
{
    return log2(at_least_one(v) + 1);
}

/* Counts of one repetition. */
static void counts(const struct asx_use *u, double *flops, double *bytes)
{
    double m = u->m, n = u->n, p = u->p, size = (double)opt_dtype_size(u->t);
    double f = 0, b = 0;
    switch (u->k) {
    case ASX_KC_STREAM: f = m, b = 2 * m * size; break;
    case ASX_KC_GATHER: f = m, b = m * 8; break;
    case ASX_KC_SORT: f = m * lg(m / at_least_one(n)); break;
    case ASX_KC_EXP: f = m; break;
    case ASX_KC_GEMM: f = 2 * m * n * p, b = size * (m * p + p * n + 2 * m * n); break;
    case ASX_KC_GEMV: f = 2 * m * n, b = size * (m * n + m + n); break;
    case ASX_KC_SYRK: f = m * n * (n + 1), b = size * (m * n + n * n); break;
    case ASX_KC_CHOLESKY: f = n * n * n / 3 + 2 * n * n * m, b = size * (n * n + n * m); break;
    case ASX_KC_EIGEN: f = 9 * n * n * n, b = size * 3 * n * n; break;
    case ASX_KC_SPMM: f = 2 * u->nnz * at_least_one(n), b = u->nnz * (8 + size * at_least_one(n)); break;
    case ASX_KC_COORD: f = 4 * m * n, b = size * m * n; break;
    case ASX_KC_GLM_STEP:
        f = m * (n * (4 * p + 100) + 400), b = size * (m * p + m * n);
        break; /* 400: a row's share of its block's calls */
    case ASX_KC_DIST_TOPK:
        f = m * (n * (2 * p + 110) + 4e5), b = size * (m + n) * p;
        break; /* 4e5: the first candidates of a query */
    case ASX_KC_BIN: f = m * lg(n), b = m * (size + 1); break;
    case ASX_KC_HIST: f = m * n, b = 16 * m * n; break;
    case ASX_KC_SPLIT: f = m; break;
    case ASX_KC_PARTITION: f = m, b = 12 * m; break;
    case ASX_KC_TREE_PREDICT: f = m * n * at_least_one(p), b = 16 * f; break;
    case ASX_KC_MLP_STEP: f = 6 * m * p, b = size * (3 * p + 4 * m * at_least_one(n)); break;
    case ASX_KC_PARSE: f = m; break;
    case ASX_KC_TOKENIZE: f = m + 20 * n; break;
    case ASX_KC_HASH: f = m, b = 16 * m; break;
    case ASX_KC_IO: f = m; break;
    default: break;
    }
    *flops = f > 0 ? f : 0;
    *bytes = b > 0 ? b : 0;
}

static double repetitions(const struct asx_use *u)
{
    return u->times > 0 ? u->times : 1;
}

void opt_use_counts(const struct asx_use *u, double *flops, double *bytes)
{
    counts(u, flops, bytes);
    *flops *= repetitions(u);
    *bytes *= repetitions(u);
}

/* Bytes that are touched over and over: what decides the cache level. */
static double footprint(const struct asx_use *u, double bytes)
{
    if (u->footprint > 0)
        return u->footprint;
    if (u->k == ASX_KC_HASH)
        return 16 * u->n;
    if (u->k == ASX_KC_HIST || u->k == ASX_KC_TREE_PREDICT)
        return 0; /* not stated: assumed to stay in the first level */
    return bytes;
}

static struct opt_coefficient speed_of(const struct opt_model *model, const char *device, enum asx_kernel_class k, enum asx_dtype t)
{
    const struct opt_machine *m = model->machine;
    if (!model->nominal) {
        const struct opt_coefficient *c = opt_coefficient_find(m, device, k, t);
        if (c)
            return *c;
    }
    if (strcmp(device, "cpu") == 0)
        return opt_coefficient_default(m->simd, k, t);
    return (struct opt_coefficient){.flop_rate = NAN};
}

/* Seconds a byte from each level for one of `busy` threads. */
static void seconds_per_byte(const struct opt_model *model, const struct opt_coefficient *c, int busy, double out[OPT_LEVELS])
{
    double total = model->machine->bandwidth_total, slowest = 0;
    for (int l = 0; l < OPT_LEVELS; l++) {
        double bw = c->bandwidth[l];
        if (l == OPT_LEVELS - 1 && bw > 0 && !model->nominal && total > 0 && busy > 1)
            bw = fmin(bw, total / busy * fmin(1, bw / 14e9)); /* random access uses a part of each line */
        double s = bw > 0 ? 1 / bw : 0;
        slowest = out[l] = fmax(s, slowest); /* a further level is never faster */
    }
}

/* Seconds of one repetition without its start-up. */
static double body_seconds(const struct opt_model *model, const struct asx_use *u, const struct opt_coefficient *c, int busy)
{
    double flops, bytes, cache[OPT_LEVELS - 1], spb[OPT_LEVELS];
    counts(u, &flops, &bytes);
    double t = c->flop_rate > 0 ? flops / c->flop_rate : isnan(c->flop_rate) ? NAN : 0;
    if (bytes <= 0)
        return t;
    if (model->nominal)
        memcpy(cache, opt_nominal_cache, sizeof cache);
    else
        opt_cache_bytes(model->machine, busy, cache);
    seconds_per_byte(model, c, busy, spb);
    double f = footprint(u, bytes), each = spb[0];
    for (int l = 1; l < OPT_LEVELS; l++) {
        double miss = f > cache[l - 1] ? 1 - cache[l - 1] / f : 0;
        each += miss * (spb[l] - spb[l - 1]);
    }
    return t + bytes * each;
}

/* How much slower a thread runs when `busy` threads sit on fewer cores: a second thread on a core adds about a quarter. */
static double crowding(const struct opt_model *model, int busy)
{
    int cores = model->machine->cores;
    if (model->nominal || cores < 1 || busy <= cores)
        return 1;
    return busy / (cores + 0.25 * (busy - cores));
}

double opt_use_seconds(const struct opt_model *model, const char *device, const struct asx_use *u, int threads, int busy)
{
    struct opt_coefficient c = speed_of(model, device, u->k, u->t);
    int share = busy > threads ? busy : threads;
    return repetitions(u) *
           (c.startup_s + body_seconds(model, u, &c, share) * crowding(model, share) / (threads > 1 ? threads : 1));
}

/* Log-scale spread of a use: the coefficient's, wider outside the range it was measured on. */
static double use_sigma(const struct opt_model *model, const char *device, const struct asx_use *u)
{
    struct opt_coefficient c = speed_of(model, device, u->k, u->t);
    double flops, bytes, sigma = c.spread > 1 ? log(c.spread) : 0.1;
    counts(u, &flops, &bytes);
    double size = flops > 0 ? flops : bytes;
    if (size > 0 && c.high > 0 && size > 1.1 * c.high)
        sigma += 0.1 * log(size / c.high);
    if (size > 0 && c.low > 0 && size < 0.9 * c.low)
        sigma += 0.1 * log(c.low / size);
    return fmin(sigma, 2);
}

/* ---- residuals -------------------------------------------------------------------- */

static struct opt_residual *find_residual(const struct opt_model *model, const char *op, const char *device)
{
    for (int i = 0; i < model->residuals; i++)
        if (strcmp(model->residual[i].op, op) == 0 && strcmp(model->residual[i].device, device) == 0)
            return &model->residual[i];
    return NULL;
}

static void apply_residual(const struct opt_model *model, const char *op, const char *device, double *factor, double *sigma)
{
    *factor = 1;
    const struct opt_residual *r = model->nominal || !op ? NULL : find_residual(model, op, device);
    if (!r || r->n < 1)
        return;
    double mean = r->log_sum / r->n, weight = (double)r->n / (r->n + SHRINK);
    double var = fmax(r->log_sq / r->n - mean * mean, 0.0025);
    *factor = exp(weight * mean);
    *sigma = sqrt(weight * var + (1 - weight) * *sigma * *sigma);
}

/* The record of (op, device), made when it is new; NULL when out of memory. */
static struct opt_residual *take_residual(struct opt_model *model, const char *op, const char *device)
{
    struct opt_residual *r = find_residual(model, op, device);
    if (r)
        return r;
    if (model->residuals == model->capacity) {
        int capacity = model->capacity ? 2 * model->capacity : 32;
        void *all = mem_realloc(model->mem, model->residual, (size_t)capacity * sizeof *model->residual);
        if (!all)
            return NULL;
        model->residual = all;
        model->capacity = capacity;
    }
    r = &model->residual[model->residuals++];
    memset(r, 0, sizeof *r);
    strncpy(r->op, op, sizeof r->op - 1);
    strncpy(r->device, device, sizeof r->device - 1);
    return r;
}

void opt_recall(struct opt_model *model, const char *op, const char *device, int n, double log_sum, double log_sq)
{
    if (model->nominal || n <= 0 || !isfinite(log_sum) || !isfinite(log_sq))
        return;
    struct opt_residual *r = take_residual(model, op, device);
    if (!r)
        return;
    r->n = n < REMEMBER ? n : REMEMBER;
    r->log_sum = log_sum * r->n / n;
    r->log_sq = log_sq * r->n / n;
}

void opt_learn(struct opt_model *model, const char *op, const char *device, double predicted, double measured)
{
    if (model->nominal || !(predicted > 0) || !(measured > 0) || !isfinite(predicted) || !isfinite(measured))
        return;
    struct opt_residual *r = take_residual(model, op, device);
    if (!r)
        return; /* a sample less is no failure */
    double log_ratio = fmin(fmax(log(measured / predicted), -5), 5);
    if (r->n >= REMEMBER) {
        r->log_sum *= (double)(REMEMBER - 1) / r->n;
        r->log_sq *= (double)(REMEMBER - 1) / r->n;
        r->n = REMEMBER - 1;
    }
    r->log_sum += log_ratio;
    r->log_sq += log_ratio * log_ratio;
    r->n++;
}

/* ---- the cost of an op -------------------------------------------------------------- */

struct sum {
    double startup, body, sigma; /* sigma weighted by seconds */
};

static void add_uses(const struct opt_model *model, const char *device, const struct asx_use *u, int n, double times, int busy,
                     struct sum *s)
{
    for (int i = 0; i < n && i < ASX_USES; i++) {
        struct opt_coefficient c = speed_of(model, device, u[i].k, u[i].t);
        double reps = repetitions(&u[i]) * times;
        double startup = reps * c.startup_s, body = reps * body_seconds(model, &u[i], &c, busy) * crowding(model, busy);
        s->startup += startup;
        s->body += body;
        s->sigma += (startup + body) * use_sigma(model, device, &u[i]);
    }
}

struct asx_cost opt_cost(const struct opt_model *model, const char *op, const char *device, const struct asx_work *w,
                         int iterations, int threads, int busy)
{
    struct sum s = {0};
    int t = threads > 1 ? threads : 1, share = busy > t ? busy : t;
    add_uses(model, device, w->once, w->n_once, 1, share, &s);
    if (iterations > 0)
        add_uses(model, device, w->per_iteration, w->n_per_iteration, iterations, share, &s);
    double serial = fmin(fmax(w->serial, 0), 1), one = s.startup + s.body;
    double sigma = one > 0 ? s.sigma / one : 0.3, factor;
    apply_residual(model, op, device, &factor, &sigma);
    double total = op_s + one * (serial + (1 - serial) / t) + (t > 1 ? wake_s : 0);
    struct asx_cost c = {.startup_s = (op_s + s.startup) * factor, .total_s = total * factor};
    c.sd_s = c.total_s * sqrt(expm1(sigma * sigma));
    c.host_peak = w->scratch + w->output;
    return c;
}

void opt_interval(const struct asx_cost *c, double *low, double *high)
{
    double ratio = c->total_s > 0 ? c->sd_s / c->total_s : 0;
    double sigma = sqrt(log1p(ratio * ratio)), width = exp(1.2815515655446004 * sigma); /* the 10 % and 90 % quantiles */
    *low = c->total_s / width;
    *high = c->total_s * width;
}

int opt_log_cost(double seconds)
{
    if (isnan(seconds))
        return 1 << 20;                                /* unknown ranks after everything known */
    return (int)lround(log2(fmax(seconds, 1e-9)) * 6); /* 2^(1/6) = 1.12 a step */
}
