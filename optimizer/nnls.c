/* SPDX-License-Identifier: Apache-2.0 */
/* Coefficients from timings: non-negative least squares on relative errors. */
#include "optimizer/nnls.h"

#include "optimizer/coefficients.h"
#include "optimizer/cost.h"

#include <math.h>
#include <string.h>

/* Solves the normal equations restricted to the columns in `on`; false when they are singular. */
static bool solve_on(int n, double a[][NNLS_MAX], const double *b, const bool *on, double *x)
{
    double m[NNLS_MAX][NNLS_MAX + 1];
    int id[NNLS_MAX], k = 0;
    for (int i = 0; i < n; i++)
        if (on[i])
            id[k++] = i;
    for (int i = 0; i < k; i++) {
        for (int j = 0; j < k; j++)
            m[i][j] = a[id[i]][id[j]];
        m[i][k] = b[id[i]];
    }
    for (int c = 0; c < k; c++) {
        int pivot = c;
        for (int r = c + 1; r < k; r++)
            if (fabs(m[r][c]) > fabs(m[pivot][c]))
                pivot = r;
        if (fabs(m[pivot][c]) < 1e-13)
            return false;
        for (int j = c; j <= k; j++) {
            double t = m[c][j];
            m[c][j] = m[pivot][j];
            m[pivot][j] = t;
        }
        for (int r = 0; r < k; r++) {
            double f = r == c ? 0 : m[r][c] / m[c][c];
            for (int j = c; f != 0 && j <= k; j++)
                m[r][j] -= f * m[c][j];
        }
    }
    memset(x, 0, (size_t)n * sizeof *x);
    for (int i = 0; i < k; i++)
        x[id[i]] = m[i][k] / m[i][i];
    return true;
}

/* Moves from x towards z until a coordinate reaches zero, and takes that coordinate out. */
static bool step_to(int n, const double *z, bool *on, double *x)
{
    double alpha = 1;
    for (int i = 0; i < n; i++)
        if (on[i] && z[i] <= 0 && x[i] / (x[i] - z[i]) < alpha)
            alpha = x[i] / (x[i] - z[i]);
    bool out = false;
    for (int i = 0; i < n; i++) {
        if (!on[i])
            continue;
        bool leaves = z[i] <= 0 && x[i] + alpha * (z[i] - x[i]) <= 1e-14;
        x[i] += alpha * (z[i] - x[i]);
        if (leaves) {
            x[i] = 0;
            on[i] = false;
            out = true;
        }
    }
    return out;
}

void nnls_solve(int n, double a[][NNLS_MAX], const double *b, double *x)
{
    bool on[NNLS_MAX] = {false}, banned[NNLS_MAX] = {false};
    memset(x, 0, (size_t)n * sizeof *x);
    for (int round = 0; round < 4 * NNLS_MAX; round++) {
        int best = -1;
        double steepest = 1e-12;
        for (int i = 0; i < n; i++) {
            double w = b[i];
            for (int j = 0; j < n; j++)
                w -= a[i][j] * x[j];
            if (!on[i] && !banned[i] && w > steepest)
                steepest = w, best = i;
        }
        if (best < 0)
            return;
        on[best] = true;
        for (int inner = 0; inner < NNLS_MAX; inner++) {
            double z[NNLS_MAX];
            if (!solve_on(n, a, b, on, z)) { /* a column that repeats others adds nothing */
                on[best] = false;
                banned[best] = true;
                break;
            }
            bool positive = true;
            for (int i = 0; i < n; i++)
                positive &= !on[i] || z[i] > 0;
            if (positive) {
                memcpy(x, z, (size_t)n * sizeof *x);
                break;
            }
            if (!step_to(n, z, on, x))
                break;
        }
    }
}

/* ---- coefficients -------------------------------------------------------------------- */

enum { STARTUP, FLOPS, BYTES, COLUMNS = BYTES + OPT_LEVELS };

/*
 * Blocked kernels reuse what they load: their bytes stand for the borders of blocks, wherever the data
 * lie. With a term per level, flops and misses grow alike from sample to sample and extrapolate wildly.
 */
static bool compute_bound(enum asx_kernel_class k)
{
    return k == ASX_KC_SYRK || k == ASX_KC_CHOLESKY || k == ASX_KC_EIGEN || k == ASX_KC_DIST_TOPK || k == ASX_KC_SORT;
}

/*
 * Features of a sample: repetitions, flops, and bytes beyond each cache level, so that weights that are
 * non-negative give bandwidths that fall from level to level.
 */
static void features(const struct asx_use *u, const double *cache, double out[COLUMNS])
{
    double flops, bytes, reps = u->times > 0 ? u->times : 1;
    opt_use_counts(u, &flops, &bytes);
    out[STARTUP] = reps;
    out[FLOPS] = flops;
    out[BYTES] = bytes;
    double f = u->footprint > 0 ? u->footprint : bytes / reps;
    for (int l = 1; l < OPT_LEVELS; l++)
        out[BYTES + l] = f > cache[l - 1] && !compute_bound(u->k) ? bytes * (1 - cache[l - 1] / f) : 0;
}

/* A level that no sample reached keeps the bandwidth it had, unless a nearer level turned out slower. */
static void assign(struct opt_coefficient *c, const double *x, const double *seen)
{
    c->startup_s = x[STARTUP];
    c->flop_rate = x[FLOPS] > 0 ? 1 / x[FLOPS] : 0;
    double spb = 0;
    for (int l = 0; l < OPT_LEVELS; l++) {
        spb += x[BYTES + l];
        if (seen[BYTES + l] == 0 && c->bandwidth[l] > 0 && !compute_bound(c->kernel))
            spb = fmax(spb, 1 / c->bandwidth[l]);
        c->bandwidth[l] = spb > 0 ? 1 / spb : 0;
    }
}

asx_st opt_fit_coefficient_with(const struct asx_use *use, const double *seconds, int n, const double *cache,
                                struct opt_coefficient *inout)
{
    double a[NNLS_MAX][NNLS_MAX] = {{0}}, b[NNLS_MAX] = {0}, x[NNLS_MAX] = {0}, scale[COLUMNS] = {0};
    int used = 0;
    for (int i = 0; i < n; i++) {
        double f[COLUMNS];
        features(&use[i], cache, f);
        for (int c = 0; c < COLUMNS && seconds[i] > 0; c++)
            scale[c] = fmax(scale[c], f[c] / seconds[i]);
    }
    for (int i = 0; i < n; i++) {
        double f[COLUMNS];
        if (!(seconds[i] > 0) || !isfinite(seconds[i]))
            continue;
        used++;
        features(&use[i], cache, f);
        for (int c = 0; c < COLUMNS; c++) /* relative errors, columns of one size */
            f[c] = scale[c] > 0 ? f[c] / seconds[i] / scale[c] : 0;
        for (int r = 0; r < COLUMNS; r++) {
            for (int c = 0; c < COLUMNS; c++)
                a[r][c] += f[r] * f[c];
            b[r] += f[r];
        }
    }
    if (used == 0)
        return ASX_NONE;
    nnls_solve(COLUMNS, a, b, x);
    for (int c = 0; c < COLUMNS; c++)
        x[c] = scale[c] > 0 ? x[c] / scale[c] : 0;
    double sq = 0, low = INFINITY, high = 0;
    for (int i = 0; i < n; i++) {
        double f[COLUMNS], predicted = 0;
        if (!(seconds[i] > 0) || !isfinite(seconds[i]))
            continue;
        features(&use[i], cache, f);
        for (int c = 0; c < COLUMNS; c++)
            predicted += x[c] * f[c];
        double e = predicted > 0 ? log(seconds[i] / predicted) : 0;
        sq += e * e;
        double size = (f[FLOPS] > 0 ? f[FLOPS] : f[BYTES]) / f[STARTUP];
        low = fmin(low, size);
        high = fmax(high, size);
    }
    assign(inout, x, scale);
    /* few samples say little about their spread: start from 1.3 as if seen twice */
    double prior = log(1.3), var = (sq + 2 * prior * prior) / (used + 2);
    inout->samples = used;
    inout->spread = exp(sqrt(var));
    inout->low = low;
    inout->high = high;
    return ASX_OK;
}

asx_st opt_fit_coefficient(const struct asx_use *use, const double *seconds, int n, struct opt_coefficient *inout)
{
    return opt_fit_coefficient_with(use, seconds, n, opt_nominal_cache, inout);
}
