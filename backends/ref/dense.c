/* SPDX-License-Identifier: Apache-2.0 */
/* Dense linear algebra. */
#include "backends/ref/ref.h"

#include "base/mem.h"

#include <math.h>
#include <string.h>

static inline size_t at(bool trans, size_t row, size_t col, size_t ld)
{
    return trans ? col * ld + row : row * ld + col;
}

asx_st ref_gemm_f32(struct asx_queue *q, const void *args)
{
    (void)q;
    const struct asx_gemm_args *g = args;
    const float *a = g->a.host, *b = g->b.host;
    float *c = g->c.host;
    for (size_t i = 0; i < g->m; i++)
        for (size_t j = 0; j < g->n; j++) {
            double s = 0;
            for (size_t k = 0; k < g->p; k++)
                s += (double)a[at(g->trans_a, i, k, g->lda)] * (double)b[at(g->trans_b, k, j, g->ldb)];
            float *z = &c[i * g->ldc + j];
            *z = (float)(g->alpha * s + (g->beta != 0 ? g->beta * (double)*z : 0));
        }
    return ASX_OK;
}

asx_st ref_gemm_f64(struct asx_queue *q, const void *args)
{
    (void)q;
    const struct asx_gemm_args *g = args;
    const double *a = g->a.host, *b = g->b.host;
    double *c = g->c.host;
    for (size_t i = 0; i < g->m; i++)
        for (size_t j = 0; j < g->n; j++) {
            double s = 0;
            for (size_t k = 0; k < g->p; k++)
                s += a[at(g->trans_a, i, k, g->lda)] * b[at(g->trans_b, k, j, g->ldb)];
            double *z = &c[i * g->ldc + j];
            *z = g->alpha * s + (g->beta != 0 ? g->beta * *z : 0);
        }
    return ASX_OK;
}

asx_st ref_syrk_f64(struct asx_queue *q, const void *args)
{
    (void)q;
    const struct asx_syrk_args *g = args;
    const double *a = g->a.host;
    double *c = g->c.host;
    for (size_t r = 0; r < g->rows; r++)
        for (size_t i = 0; i < g->cols; i++)
            for (size_t j = 0; j <= i; j++)
                c[i * g->ldc + j] += a[r * g->lda + i] * a[r * g->lda + j];
    return ASX_OK;
}

/* A = L L' in the lower triangle; false when a pivot is not positive (NaN included). */
static bool factor(double *a, size_t n, size_t lda)
{
    for (size_t j = 0; j < n; j++) {
        double d = a[j * lda + j];
        for (size_t k = 0; k < j; k++)
            d -= a[j * lda + k] * a[j * lda + k];
        if (!(d > 0) || !isfinite(d))
            return false;
        d = sqrt(d);
        a[j * lda + j] = d;
        for (size_t i = j + 1; i < n; i++) {
            double s = a[i * lda + j];
            for (size_t k = 0; k < j; k++)
                s -= a[i * lda + k] * a[j * lda + k];
            a[i * lda + j] = s / d;
        }
    }
    return true;
}

static void solve(const double *l, size_t n, size_t lda, double *x)
{
    for (size_t i = 0; i < n; i++) {
        double s = x[i];
        for (size_t k = 0; k < i; k++)
            s -= l[i * lda + k] * x[k];
        x[i] = s / l[i * lda + i];
    }
    for (size_t i = n; i-- > 0;) {
        double s = x[i];
        for (size_t k = i + 1; k < n; k++)
            s -= l[k * lda + i] * x[k];
        x[i] = s / l[i * lda + i];
    }
}

asx_st ref_cholesky_f64(struct asx_queue *q, const void *args)
{
    (void)q;
    const struct asx_cholesky_args *g = args;
    if (!factor(g->a.host, g->n, g->lda))
        return ASX_E_NUMERIC;
    for (size_t j = 0; j < g->k; j++)
        solve(g->a.host, g->n, g->lda, (double *)g->b.host + j * g->ldb);
    return ASX_OK;
}

/* One Jacobi rotation that makes S[i, j] zero; V' keeps the vectors as rows. */
static void rotate(double *s, double *v, size_t n, size_t i, size_t j)
{
    double apq = s[i * n + j];
    double theta = (s[j * n + j] - s[i * n + i]) / (2 * apq);
    double t = (theta >= 0 ? 1 : -1) / (fabs(theta) + sqrt(theta * theta + 1));
    double c = 1 / sqrt(t * t + 1), d = t * c;
    for (size_t k = 0; k < n; k++) {
        double x = s[k * n + i], y = s[k * n + j];
        s[k * n + i] = c * x - d * y;
        s[k * n + j] = d * x + c * y;
    }
    for (size_t k = 0; k < n; k++) {
        double x = s[i * n + k], y = s[j * n + k];
        s[i * n + k] = c * x - d * y;
        s[j * n + k] = d * x + c * y;
        double p = v[i * n + k], r = v[j * n + k];
        v[i * n + k] = c * p - d * r;
        v[j * n + k] = d * p + c * r;
    }
}

/* Cyclic Jacobi (Golub and Van Loan, Matrix Computations, section 8.5). */
static bool jacobi(double *s, double *v, size_t n)
{
    double all = 0;
    for (size_t i = 0; i < n * n; i++)
        all += s[i] * s[i];
    if (!isfinite(all))
        return false;
    for (int sweep = 0; sweep < 60; sweep++) {
        double off = 0;
        for (size_t i = 0; i < n; i++)
            for (size_t j = i + 1; j < n; j++)
                off += s[i * n + j] * s[i * n + j];
        if (off <= 1e-32 * all)
            return true;
        for (size_t i = 0; i < n; i++)
            for (size_t j = i + 1; j < n; j++)
                if (s[i * n + j] != 0)
                    rotate(s, v, n, i, j);
    }
    return false;
}

static void write_sorted(const struct asx_eigen_args *g, double *s, const double *v)
{
    double *a = g->a.host, *w = g->w.host;
    size_t n = g->n;
    for (size_t k = 0; k < n; k++) {
        size_t best = n;
        for (size_t i = 0; i < n; i++)
            if (!isnan(s[i * n + i]) && (best == n || s[i * n + i] < s[best * n + best]))
                best = i;
        w[k] = s[best * n + best];
        memcpy(a + k * g->lda, v + best * n, n * sizeof *v);
        s[best * n + best] = NAN; /* taken */
    }
}

asx_st ref_eigen_f64(struct asx_queue *q, const void *args)
{
    (void)q;
    const struct asx_eigen_args *g = args;
    size_t n = g->n;
    const double *a = g->a.host;
    double *s = mem_array(g->mem, n * n, sizeof *s), *v = mem_calloc(g->mem, n * n, sizeof *v);
    asx_st rc = ASX_E_NOMEM;
    if (!s || !v)
        goto out;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++)
            s[i * n + j] = s[j * n + i] = a[i * g->lda + j];
    for (size_t i = 0; i < n; i++)
        v[i * n + i] = 1;
    rc = jacobi(s, v, n) ? ASX_OK : ASX_E_NUMERIC;
    if (rc == ASX_OK)
        write_sorted(g, s, v);
out:
    mem_free(s);
    mem_free(v);
    return rc;
}
