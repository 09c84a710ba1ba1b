/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BLAS and LAPACK rows. LAPACK is column-major: a row-major lower triangle is a column-major
 * upper one, so 'U' is passed where the contract says lower, and nothing is copied.
 */
#include "backends/cpu/cpu.h"

#include "base/mem.h"

#include <cblas.h>
#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>

void dpotrf_(const char *uplo, const int *n, double *a, const int *lda, int *info);
void dpotrs_(const char *uplo, const int *n, const int *nrhs, const double *a, const int *lda, double *b, const int *ldb,
             int *info);
void dsyevd_(const char *jobz, const char *uplo, const int *n, double *a, const int *lda, double *w, double *work, const int *lwork,
             int *iwork, const int *liwork, int *info);

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void one_thread(void)
{
    openblas_set_num_threads(1);
}

void cpu_blas_init(struct cpu_blas *out)
{
    pthread_once(&once, one_thread);
    if (!out)
        return;
    snprintf(out->core, sizeof out->core, "%s", openblas_get_corename());
    snprintf(out->config, sizeof out->config, "%s", openblas_get_config());
    out->openmp = openblas_get_parallel() == OPENBLAS_OPENMP;
}

/* BLAS counts in int. */
static bool fits(size_t a, size_t b, size_t c)
{
    return a <= INT_MAX && b <= INT_MAX && c <= INT_MAX;
}

static CBLAS_TRANSPOSE op(bool trans)
{
    return trans ? CblasTrans : CblasNoTrans;
}

static int ld(size_t v)
{
    return v ? (int)v : 1; /* BLAS refuses 0 even for empty matrices */
}

/* Packing costs a product with one column more than the product itself. */
static bool one_column(const struct asx_gemm_args *g)
{
    return g->n == 1 && g->m && g->p && !g->trans_b;
}

asx_st cpu_gemm_f32(struct asx_queue *q, const void *args)
{
    (void)q;
    const struct asx_gemm_args *g = args;
    if (!fits(g->m, g->n, g->p) || !fits(g->lda, g->ldb, g->ldc))
        return ASX_E_UNSUPPORTED;
    if (one_column(g))
        cblas_sgemv(CblasRowMajor, op(g->trans_a), (int)(g->trans_a ? g->p : g->m), (int)(g->trans_a ? g->m : g->p),
                    (float)g->alpha, g->a.host, ld(g->lda), g->b.host, ld(g->ldb), (float)g->beta, g->c.host, ld(g->ldc));
    else if (g->m && g->n)
        cblas_sgemm(CblasRowMajor, op(g->trans_a), op(g->trans_b), (int)g->m, (int)g->n, (int)g->p, (float)g->alpha, g->a.host,
                    ld(g->lda), g->b.host, ld(g->ldb), (float)g->beta, g->c.host, ld(g->ldc));
    return ASX_OK;
}

asx_st cpu_gemm_f64(struct asx_queue *q, const void *args)
{
    (void)q;
    const struct asx_gemm_args *g = args;
    if (!fits(g->m, g->n, g->p) || !fits(g->lda, g->ldb, g->ldc))
        return ASX_E_UNSUPPORTED;
    if (one_column(g))
        cblas_dgemv(CblasRowMajor, op(g->trans_a), (int)(g->trans_a ? g->p : g->m), (int)(g->trans_a ? g->m : g->p), g->alpha,
                    g->a.host, ld(g->lda), g->b.host, ld(g->ldb), g->beta, g->c.host, ld(g->ldc));
    else if (g->m && g->n)
        cblas_dgemm(CblasRowMajor, op(g->trans_a), op(g->trans_b), (int)g->m, (int)g->n, (int)g->p, g->alpha, g->a.host, ld(g->lda),
                    g->b.host, ld(g->ldb), g->beta, g->c.host, ld(g->ldc));
    return ASX_OK;
}

asx_st cpu_syrk_f64(struct asx_queue *q, const void *args)
{
    (void)q;
    const struct asx_syrk_args *g = args;
    if (!fits(g->rows, g->cols, 0) || !fits(g->lda, g->ldc, 0))
        return ASX_E_UNSUPPORTED;
    if (g->rows && g->cols)
        cblas_dsyrk(CblasRowMajor, CblasLower, CblasTrans, (int)g->cols, (int)g->rows, 1.0, g->a.host, ld(g->lda), 1.0, g->c.host,
                    ld(g->ldc));
    return ASX_OK;
}

/* OpenBLAS lets NaN pass as a pivot. */
static bool positive(const double *a, size_t n, size_t stride)
{
    for (size_t i = 0; i < n; i++)
        if (!(a[i * stride + i] > 0) || !isfinite(a[i * stride + i]))
            return false;
    return true;
}

asx_st cpu_cholesky_f64(struct asx_queue *q, const void *args)
{
    (void)q;
    const struct asx_cholesky_args *g = args;
    if (!fits(g->n, g->k, 0) || !fits(g->lda, g->ldb, 0))
        return ASX_E_UNSUPPORTED;
    if (g->n == 0)
        return ASX_OK;
    int n = (int)g->n, k = (int)g->k, lda = ld(g->lda), ldb = ld(g->ldb), info = 0;
    dpotrf_("U", &n, g->a.host, &lda, &info);
    if (info != 0 || !positive(g->a.host, g->n, g->lda))
        return ASX_E_NUMERIC;
    if (k > 0)
        dpotrs_("U", &n, &k, g->a.host, &lda, g->b.host, &ldb, &info);
    return info == 0 ? ASX_OK : ASX_E_NUMERIC;
}

/* Eigenvectors come as columns of a column-major matrix: the rows the contract asks for. */
asx_st cpu_eigen_f64(struct asx_queue *q, const void *args)
{
    (void)q;
    const struct asx_eigen_args *g = args;
    if (g->n > 20000 || !fits(g->lda, 0, 0)) /* 2 n^2 must stay an int */
        return ASX_E_UNSUPPORTED;
    if (g->n == 0)
        return ASX_OK;
    int n = (int)g->n, lda = ld(g->lda), info = 0;
    int lwork = 1 + 6 * n + 2 * n * n, liwork = 3 + 5 * n;
    double *work = mem_array(g->mem, (size_t)lwork, sizeof *work);
    int *iwork = mem_array(g->mem, (size_t)liwork, sizeof *iwork);
    asx_st rc = ASX_E_NOMEM;
    if (work && iwork) {
        dsyevd_("V", "U", &n, g->a.host, &lda, g->w.host, work, &lwork, iwork, &liwork, &info);
        rc = info == 0 ? ASX_OK : ASX_E_NUMERIC;
    }
    mem_free(work);
    mem_free(iwork);
    return rc;
}
