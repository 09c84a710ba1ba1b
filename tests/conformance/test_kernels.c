/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every kernel of the open device "cpu" against the plain rows of `ref`, on random shapes with
 * leading dimensions larger than the rows. Tolerances are written beside each comparison: with
 * N(0, 1) data a sum of p products differs by about eps * sqrt(p) * a small factor. The rows of
 * each SIMD level run as well, and a few identities that need no reference.
 */
#include "backends/cpu/cpu.h"
#include "backends/device.h"
#include "backends/ref/ref.h"
#include "base/mem.h"
#include "base/rng.h"
#include "engine/registry.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

Suite *suite_kernels(void);

extern const struct asx_backend asx_backend_ref;

static struct asx_device *cpu, *ref;
static struct rng rng;

static const struct asx_registry *only_ref(void)
{
    static const struct asx_backend *const list[] = {&asx_backend_ref, NULL};
    static const struct asx_registry r = {.backend = list};
    return &r;
}

static void open_both(void)
{
    struct asx_err e = {0};
    ck_assert_int_eq(dev_open(registry_builtin(), "cpu", &cpu, &e), ASX_OK);
    ck_assert_int_eq(dev_open(only_ref(), "cpu", &ref, &e), ASX_OK);
    rng = rng_stream(42, 0, 0, 0);
}

static void close_both(void)
{
    dev_close(registry_builtin(), cpu);
    dev_close(only_ref(), ref);
}

static size_t size_between(size_t low, size_t high)
{
    return low + (size_t)rng_below(&rng, high - low + 1);
}

static float *floats(size_t n)
{
    float *v = mem_array(NULL, n, sizeof *v);
    for (size_t i = 0; i < n; i++)
        v[i] = (float)rng_normal(&rng);
    return v;
}

static double *doubles(size_t n)
{
    double *v = mem_array(NULL, n, sizeof *v);
    for (size_t i = 0; i < n; i++)
        v[i] = rng_normal(&rng);
    return v;
}

static void *copy(const void *p)
{
    void *q = mem_alloc(NULL, mem_size(p));
    memcpy(q, p, mem_size(p));
    return q;
}

static void near_floats(const float *a, const float *b, size_t n, double tolerance, const char *what)
{
    for (size_t i = 0; i < n; i++)
        if (!(fabs((double)a[i] - (double)b[i]) <= tolerance * (1 + fabs((double)b[i]))))
            ck_abort_msg("%s: element %zu is %.9g, reference %.9g", what, i, (double)a[i], (double)b[i]);
}

static void near_doubles(const double *a, const double *b, size_t n, double tolerance, const char *what)
{
    for (size_t i = 0; i < n; i++)
        if (!(fabs(a[i] - b[i]) <= tolerance * (1 + fabs(b[i]))))
            ck_abort_msg("%s: element %zu is %.17g, reference %.17g", what, i, a[i], b[i]);
}

START_TEST(opening)
{
    struct asx_err e = {0};
    struct asx_device *none;
    ck_assert_int_eq(dev_open(registry_builtin(), "tpu:7", &none, &e), ASX_E_INVAL);
    ck_assert_ptr_null(none);
    ck_assert_ptr_nonnull(strstr(e.text, "'tpu:7'"));
    e.code = 0;
    ck_assert_int_eq(dev_open(registry_builtin(), "opencl:0", &none, &e), ASX_E_UNSUPPORTED);
    for (int k = 0; k < ASX_KERNELS; k++)
        ck_assert_ptr_nonnull(cpu->kernel[k]);
    ck_assert_str_eq(cpu->info.id, "cpu");
    ck_assert_int_ge(cpu->info.units, 1);
    ck_assert_uint_gt(cpu->info.memory_bytes, 1 << 20);
    ck_assert(cpu->kernel[ASX_K_GEMM_F32] != ref->kernel[ASX_K_GEMM_F32]);
    struct cpu_blas blas;
    cpu_blas_init(&blas);
    ck_assert_uint_gt(strlen(blas.core), 0);
    ck_assert_uint_gt(strlen(blas.config), 0);
}
END_TEST

/* Tolerance 4 eps sqrt(p): f32 4.8e-7 sqrt(p), f64 9e-16 sqrt(p). */
START_TEST(gemm)
{
    static const double factor[][2] = {{1, 0}, {1, 1}, {-0.5, 2}, {2, 0}};
    for (int round = 0; round < 60; round++) {
        struct asx_gemm_args g = {.m = size_between(1, 40), .n = size_between(1, 40), .p = size_between(1, 90)};
        g.trans_a = round & 1;
        g.trans_b = round >> 1 & 1;
        g.alpha = factor[round / 4 % 4][0];
        g.beta = factor[round / 4 % 4][1];
        g.lda = (g.trans_a ? g.m : g.p) + size_between(0, 3);
        g.ldb = (g.trans_b ? g.p : g.n) + size_between(0, 3);
        g.ldc = g.n + size_between(0, 3);
        size_t na = (g.trans_a ? g.p : g.m) * g.lda, nb = (g.trans_b ? g.n : g.p) * g.ldb, nc = g.m * g.ldc;
        float *a = floats(na), *b = floats(nb), *c = floats(nc);
        if (g.beta == 0)
            for (size_t i = 0; i < g.m; i++)
                for (size_t j = 0; j < g.n; j++)
                    c[i * g.ldc + j] = NAN; /* must not be read */
        float *d = copy(c);
        g.a = asx_buf_of(a);
        g.b = asx_buf_of(b);
        g.c = asx_buf_of(c);
        ck_assert_int_eq(asx_run_kernel(cpu, ASX_K_GEMM_F32, &g), ASX_OK);
        g.c = asx_buf_of(d);
        ck_assert_int_eq(asx_run_kernel(ref, ASX_K_GEMM_F32, &g), ASX_OK);
        near_floats(c, d, nc, 4.8e-7 * sqrt((double)g.p) * 4, "gemm_f32");
        double *x = doubles(na), *y = doubles(nb), *z = doubles(nc), *u = copy(z);
        g.a = asx_buf_of(x);
        g.b = asx_buf_of(y);
        g.c = asx_buf_of(z);
        ck_assert_int_eq(asx_run_kernel(cpu, ASX_K_GEMM_F64, &g), ASX_OK);
        g.c = asx_buf_of(u);
        ck_assert_int_eq(asx_run_kernel(ref, ASX_K_GEMM_F64, &g), ASX_OK);
        near_doubles(z, u, nc, 9e-16 * sqrt((double)g.p) * 4, "gemm_f64");
        mem_free(a), mem_free(b), mem_free(c), mem_free(d);
        mem_free(x), mem_free(y), mem_free(z), mem_free(u);
    }
}
END_TEST

/* Tolerance 4 eps sqrt(rows); the upper triangle and the padding stay untouched. */
START_TEST(syrk)
{
    for (int round = 0; round < 30; round++) {
        struct asx_syrk_args g = {.rows = size_between(0, 200), .cols = size_between(1, 50)};
        g.lda = g.cols + size_between(0, 3);
        g.ldc = g.cols + size_between(0, 3);
        double *a = doubles(g.rows * g.lda), *c = doubles(g.cols * g.ldc), *d = copy(c);
        g.a = asx_buf_of(a);
        g.c = asx_buf_of(c);
        ck_assert_int_eq(asx_run_kernel(cpu, ASX_K_SYRK_F64, &g), ASX_OK);
        g.c = asx_buf_of(d);
        ck_assert_int_eq(asx_run_kernel(ref, ASX_K_SYRK_F64, &g), ASX_OK);
        near_doubles(c, d, g.cols * g.ldc, 9e-16 * sqrt((double)g.rows + 1) * 4, "syrk");
        mem_free(a), mem_free(c), mem_free(d);
    }
}
END_TEST

/* A = B'B + n I, condition below 100: tolerance 1e-12. Also A X = B itself. */
START_TEST(cholesky)
{
    for (int round = 0; round < 30; round++) {
        size_t n = size_between(1, 60), k = size_between(0, 5), lda = n + size_between(0, 2), ldb = n + size_between(0, 2);
        double *b = doubles(n * n), *a = mem_calloc(NULL, n * lda, sizeof *a), *x = doubles(k * ldb);
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < n; j++) {
                for (size_t r = 0; r < n; r++)
                    a[i * lda + j] += b[r * n + i] * b[r * n + j];
                if (i == j)
                    a[i * lda + j] += (double)n;
                if (j > i)
                    a[i * lda + j] = NAN; /* the upper triangle must not be read */
            }
        double *a2 = copy(a), *x2 = copy(x), *a0 = copy(a), *x0 = copy(x);
        struct asx_cholesky_args g = {n, k, asx_buf_of(a), asx_buf_of(x), lda, ldb};
        ck_assert_int_eq(asx_run_kernel(cpu, ASX_K_CHOLESKY_F64, &g), ASX_OK);
        g.a = asx_buf_of(a2);
        g.b = asx_buf_of(x2);
        ck_assert_int_eq(asx_run_kernel(ref, ASX_K_CHOLESKY_F64, &g), ASX_OK);
        near_doubles(x, x2, k * ldb, 1e-12, "cholesky");
        for (size_t c = 0; c < k; c++)
            for (size_t i = 0; i < n; i++) {
                double s = 0;
                for (size_t j = 0; j < n; j++)
                    s += a0[i > j ? i * lda + j : j * lda + i] * x[c * ldb + j];
                ck_assert_double_eq_tol(s, x0[c * ldb + i], 1e-11);
            }
        mem_free(a), mem_free(b), mem_free(x), mem_free(a2), mem_free(x2), mem_free(a0), mem_free(x0);
    }
    double bad[4] = {1, 0, 2, 1}, nan[1] = {NAN}, y[2] = {1, 1}; /* [1 2; 2 1] has a negative eigenvalue */
    for (int d = 0; d < 2; d++) {
        struct asx_cholesky_args g = {2, 1, asx_buf_of(bad), asx_buf_of(y), 2, 2}, h = {1, 1, asx_buf_of(nan), asx_buf_of(y), 1, 1};
        ck_assert_int_eq(asx_run_kernel(d ? cpu : ref, ASX_K_CHOLESKY_F64, &g), ASX_E_NUMERIC);
        ck_assert_int_eq(asx_run_kernel(d ? cpu : ref, ASX_K_CHOLESKY_F64, &h), ASX_E_NUMERIC);
        memcpy(bad, (double[4]){1, 0, 2, 1}, sizeof bad);
        nan[0] = NAN;
    }
}
END_TEST

static void check_eigen(const double *a, size_t n, size_t lda, const double *v, const double *w)
{
    for (size_t i = 0; i < n; i++) {
        if (i)
            ck_assert_double_le(w[i - 1], w[i]);
        for (size_t j = 0; j < n; j++) {
            double s = 0, dot = 0;
            for (size_t k = 0; k < n; k++) {
                s += a[j > k ? j * lda + k : k * lda + j] * v[i * lda + k];
                dot += v[i * lda + k] * v[j * lda + k];
            }
            ck_assert_double_eq_tol(s, w[i] * v[i * lda + j], 1e-11 * (double)(n + 1));
            ck_assert_double_eq_tol(dot, i == j, 1e-12 * (double)(n + 1));
        }
    }
}

/* Eigenvalues to 1e-12 n; vectors by A v = w v and orthonormality, since signs and bases are open. */
START_TEST(eigen)
{
    for (int round = 0; round < 20; round++) {
        size_t n = size_between(1, 40), lda = n + size_between(0, 2);
        double *a = doubles(n * lda), *w = doubles(n), *w2 = doubles(n), *v = copy(a), *v2 = copy(a);
        struct asx_eigen_args g = {n, asx_buf_of(v), asx_buf_of(w), lda, NULL};
        ck_assert_int_eq(asx_run_kernel(cpu, ASX_K_EIGEN_F64, &g), ASX_OK);
        g.a = asx_buf_of(v2);
        g.w = asx_buf_of(w2);
        ck_assert_int_eq(asx_run_kernel(ref, ASX_K_EIGEN_F64, &g), ASX_OK);
        near_doubles(w, w2, n, 1e-12 * (double)n, "eigenvalues");
        check_eigen(a, n, lda, v, w);
        check_eigen(a, n, lda, v2, w2);
        mem_free(a), mem_free(w), mem_free(w2), mem_free(v), mem_free(v2);
    }
    struct mem *m = mem_create(NULL, 100);
    double one[4] = {2, 0, 0, 1}, w[2];
    struct asx_eigen_args g = {2, asx_buf_of(one), asx_buf_of(w), 2, m};
    ck_assert_int_eq(asx_run_kernel(cpu, ASX_K_EIGEN_F64, &g), ASX_E_NOMEM);
    mem_destroy(m);
}
END_TEST

struct sparse {
    size_t rows, cols;
    int64_t *indptr;
    int32_t *indices;
    float *values;
};

static struct sparse random_csr(size_t rows, size_t cols)
{
    struct sparse s = {rows, cols, mem_array(NULL, rows + 1, sizeof(int64_t)), mem_array(NULL, rows * cols, sizeof(int32_t)),
                       floats(rows * cols)};
    int64_t n = 0;
    for (size_t i = 0; i < rows; i++) {
        s.indptr[i] = n;
        for (size_t j = 0; j < cols; j++)
            if (rng_below(&rng, 4) == 0)
                s.indices[n++] = (int32_t)j;
    }
    s.indptr[rows] = n;
    return s;
}

/* Tolerance 1e-5: sums of up to 60 products in f32 against f64. */
START_TEST(spmm)
{
    for (int round = 0; round < 60; round++) {
        struct sparse s = random_csr(size_between(1, 50), size_between(1, 60));
        struct asx_spmm_args g = {.n = round % 3 ? size_between(1, 90) : 1, .trans = round & 1, .alpha = round % 5 ? 1.5f : 1.0f};
        uint32_t row[30];
        bool list = round >> 1 & 1;
        g.n_rows = list ? 30 : s.rows;
        for (size_t i = 0; i < 30; i++)
            row[i] = (uint32_t)rng_below(&rng, s.rows); /* rows may come twice */
        g.row = list ? row : NULL;
        g.indptr = s.indptr;
        g.indices = s.indices;
        g.values = s.values;
        g.ldb = g.n + size_between(0, 2);
        g.ldc = g.n + size_between(0, 2);
        size_t nb = (g.trans ? g.n_rows : s.cols) * g.ldb, nc = (g.trans ? s.cols : g.n_rows) * g.ldc;
        float *b = floats(nb), *c = floats(nc), *d = copy(c);
        g.b = asx_buf_of(b);
        g.c = asx_buf_of(c);
        ck_assert_int_eq(asx_run_kernel(cpu, ASX_K_SPMM_F32, &g), ASX_OK);
        g.c = asx_buf_of(d);
        ck_assert_int_eq(asx_run_kernel(ref, ASX_K_SPMM_F32, &g), ASX_OK);
        near_floats(c, d, nc, 1e-5, "spmm");
        mem_free(b), mem_free(c), mem_free(d), mem_free(s.indptr), mem_free(s.indices), mem_free(s.values);
    }
}
END_TEST

static const asx_kernel_fn glm_level[] = {cpu_glm_step_sse2, cpu_glm_step_avx2, cpu_glm_step_avx512};

/* Residuals to 1e-6 absolute (p in [0, 1], weights to 3), loss sums to 1e-6 relative. */
static void compare_glm(size_t rows, size_t k, int outputs, double spread, asx_kernel_fn kernel)
{
    size_t ldz = k * (size_t)outputs + size_between(0, 3);
    float *z = floats(rows * ldz), *weight = floats(rows * k);
    double *y = doubles(rows), *loss = mem_calloc(NULL, k, sizeof *loss), *loss2 = mem_calloc(NULL, k, sizeof *loss);
    for (size_t i = 0; i < rows * ldz; i++)
        z[i] *= (float)spread;
    for (size_t i = 0; i < rows * k; i++)
        weight[i] = rng_below(&rng, 3) ? (float)(3 * rng_unit(&rng)) : 0;
    for (size_t i = 0; i < rows; i++)
        y[i] = (double)rng_below(&rng, outputs == 1 ? 2 : (uint64_t)outputs);
    for (size_t i = 0; i < rows * k; i++)
        if (weight[i] == 0)
            z[i / k * ldz + i % k * (size_t)outputs] = NAN; /* held out: must not matter */
    float *z2 = copy(z);
    struct asx_glm_args g = {rows, k, outputs, asx_buf_of(z), ldz, y, rows % 4 ? weight : NULL, loss};
    if (!g.weight)
        for (size_t i = 0; i < rows * ldz; i++)
            z[i] = z2[i] = isnan(z[i]) ? 0 : z[i];
    ck_assert_int_eq(kernel(NULL, &g), ASX_OK);
    g.z = asx_buf_of(z2);
    g.loss = loss2;
    ck_assert_int_eq(asx_run_kernel(ref, ASX_K_GLM_STEP, &g), ASX_OK);
    near_floats(z, z2, rows * ldz, 1e-6, "glm residual");
    near_doubles(loss, loss2, k, 1e-6, "glm loss");
    mem_free(z), mem_free(z2), mem_free(weight), mem_free(y), mem_free(loss), mem_free(loss2);
}

START_TEST(glm_step)
{
    static const double spread[] = {1, 0.001, 8, 40};
    for (int level = 0; level <= (int)cpu_simd_level(); level++)
        for (int round = 0; round < 120; round++) {
            int outputs = round % 3 == 0 ? 1 : (int)size_between(2, round % 3 == 1 ? 5 : 70);
            compare_glm(size_between(1, 40), size_between(1, 20), outputs, spread[round % 4], glm_level[level]);
        }
}
END_TEST

/* Huge and broken logits: the right finite numbers, or a loss that is not finite. */
START_TEST(glm_extremes)
{
    for (int level = -1; level <= (int)cpu_simd_level(); level++) {
        asx_kernel_fn kernel = level < 0 ? ref_glm_step : glm_level[level];
        for (int outputs = 1; outputs <= 20; outputs += outputs == 1 ? 2 : 17) {
            float z[40] = {0};
            double y[2] = {1, 0}, loss = 0;
            z[0] = outputs == 1 ? 200 : -200; /* the second class is sure, the label of row 0 */
            if (outputs == 1)
                z[1] = -200;
            else
                z[outputs] = 200;
            struct asx_glm_args g = {2, 1, outputs, asx_buf_of(z), (size_t)outputs, y, NULL, &loss};
            kernel(NULL, &g);
            ck_assert_double_le(loss, outputs == 1 ? 1e-6 : log(outputs - 1) + 1e-4);
            for (int i = 0; i < 2 * outputs; i++)
                ck_assert(fabsf(z[i]) <= 1);
            static const float broken[] = {NAN, INFINITY};
            for (int b = 0; b < 2; b++) {
                memset(z, 0, sizeof z);
                z[outputs == 1 ? 1 : outputs + 2] = broken[b]; /* row 1, whose label is class 0 */
                loss = 0;
                kernel(NULL, &g);
                ck_assert_msg(!isfinite(loss), "level %d outputs %d broken %d: loss %g", level, outputs, b, loss);
            }
        }
    }
}
END_TEST

/* Residuals are the derivative of the loss: central differences of the plain row in double steps. */
START_TEST(glm_derivative)
{
    for (int outputs = 1; outputs <= 3; outputs += 2) {
        float z[3] = {0.3f, -0.7f, 1.1f}, weight[1] = {1.5f};
        double y[1] = {1}, h = 1.0 / 1024;
        for (int c = 0; c < outputs; c++) {
            double loss[2] = {0, 0};
            for (int side = 0; side < 2; side++) {
                float t[3];
                memcpy(t, z, sizeof t);
                t[c] += (float)(side ? h : -h);
                struct asx_glm_args g = {1, 1, outputs, asx_buf_of(t), 3, y, weight, &loss[side]};
                ref_glm_step(NULL, &g);
            }
            float r[3];
            double ignored = 0;
            memcpy(r, z, sizeof r);
            struct asx_glm_args g = {1, 1, outputs, asx_buf_of(r), 3, y, weight, &ignored};
            ref_glm_step(NULL, &g);
            ck_assert_double_eq_tol((loss[1] - loss[0]) / (2 * h), (double)r[c], 1e-6);
        }
    }
}
END_TEST

static const asx_kernel_fn dist_level[] = {cpu_dist_topk_sse2, cpu_dist_topk_avx2, cpu_dist_topk_avx512};
static int level_now;

static void compare_dist(size_t m, size_t n, size_t p, size_t top, bool grid, bool ids)
{
    float *x = floats(n * p), *q = floats(m * p), *norm = mem_calloc(NULL, n + 1, sizeof *norm);
    if (grid) /* whole numbers: many exact ties, decided by position */
        for (size_t i = 0; i < n * p + m * p; i++) {
            float *v = i < n * p ? &x[i] : &q[i - n * p];
            *v = (float)round((double)*v);
        }
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < p; j++)
            norm[i] += x[i * p + j] * x[i * p + j];
    uint32_t *qi = mem_array(NULL, m, sizeof *qi), *xi = mem_array(NULL, n, sizeof *xi);
    for (size_t i = 0; i < m; i++)
        qi[i] = (uint32_t)rng_below(&rng, 5);
    for (size_t i = 0; i < n; i++)
        xi[i] = (uint32_t)rng_below(&rng, 5);
    float *scratch = floats(asx_dist_scratch(m, n, top)), *d = floats(m * top), *d2 = floats(m * top);
    uint32_t *at = mem_calloc(NULL, m * top, 4), *at2 = mem_calloc(NULL, m * top, 4);
    struct asx_dist_args g = {m, n, p, top, q, x, norm, ids ? qi : NULL, ids ? xi : NULL, scratch, d, at};
    ck_assert_int_eq(dist_level[level_now](NULL, &g), ASX_OK);
    g.dist = d2;
    g.index = at2;
    ck_assert_int_eq(asx_run_kernel(ref, ASX_K_DIST_TOPK, &g), ASX_OK);
    for (size_t i = 0; i < m * top; i++) {
        if (isinf(d2[i])) {
            ck_assert(isinf(d[i]) && at[i] == UINT32_MAX);
            continue;
        }
        ck_assert_msg(fabsf(d[i] - d2[i]) <= 1e-5f * (1 + d2[i]), "distance %zu: %g, reference %g", i, (double)d[i], (double)d2[i]);
        if (!grid || p < 30)
            ck_assert_msg(at[i] == at2[i], "neighbour %zu is %u (%.9g), reference %u (%.9g)", i, at[i], (double)d[i], at2[i],
                          (double)d2[i]);
    }
    mem_free(x), mem_free(q), mem_free(norm), mem_free(qi), mem_free(xi), mem_free(scratch), mem_free(d), mem_free(d2),
        mem_free(at), mem_free(at2);
}

/* Distances to 1e-5 relative; neighbours the same, positions included (random reals have no ties; a grid has many). */
START_TEST(dist_topk)
{
    for (int round = 0; round < 60; round++) {
        level_now = round % ((int)cpu_simd_level() + 1);
        compare_dist(size_between(1, 20), size_between(1, 150), size_between(1, 12), size_between(1, 20), false, round & 1);
    }
    compare_dist(150, 2500, 6, 10, false, true);
    compare_dist(3, 4500, 3, 5, false, false);
}
END_TEST

/* Whole numbers make every distance exact, so ties are ties in both; but a tie across the end of the candidate
 * list is only broken by position when it fits the spare places, so the lists are long against the ties. */
START_TEST(dist_topk_ties)
{
    for (int round = 0; round < 30; round++) {
        level_now = round % ((int)cpu_simd_level() + 1);
        compare_dist(size_between(1, 10), size_between(1, 200), 4, size_between(1, 8), true, round & 1);
    }
}
END_TEST

/* Forward bit for bit up to the rounding of 1/keep (1e-6); backward gradients 1e-6, column sums 1e-5. */
START_TEST(mlp_act)
{
    for (int round = 0; round < 60; round++) {
        struct asx_mlp_act_args g = {
            .rows = size_between(1, 40), .cols = size_between(1, 300), .activation = round & 1 ? ASX_RELU : ASX_IDENTITY};
        g.ld = g.cols + size_between(0, 3);
        g.keep = round % 3 == 0 ? 0 : round % 3 == 1 ? 1 : 0.7f;
        g.key = 99 + (uint64_t)round;
        g.first_row = size_between(0, 1000);
        float *z = floats(g.rows * g.ld), *z2 = copy(z), *bias = floats(g.cols), *grad = floats(g.cols), *grad2 = copy(grad);
        g.bias = round % 4 ? bias : NULL;
        g.z = asx_buf_of(z);
        ck_assert_int_eq(asx_run_kernel(cpu, ASX_K_MLP_ACT, &g), ASX_OK);
        g.z = asx_buf_of(z2);
        ck_assert_int_eq(asx_run_kernel(ref, ASX_K_MLP_ACT, &g), ASX_OK);
        near_floats(z, z2, g.rows * g.ld, 1e-6, "activation");
        float *b = floats(g.rows * g.ld), *b2 = copy(b);
        g.backward = true;
        g.out = z2;
        g.bias_grad = round % 5 ? grad : NULL;
        g.z = asx_buf_of(b);
        ck_assert_int_eq(asx_run_kernel(cpu, ASX_K_MLP_ACT, &g), ASX_OK);
        g.bias_grad = round % 5 ? grad2 : NULL;
        g.z = asx_buf_of(b2);
        ck_assert_int_eq(asx_run_kernel(ref, ASX_K_MLP_ACT, &g), ASX_OK);
        near_floats(b, b2, g.rows * g.ld, 1e-6, "activation gradient");
        near_floats(grad, grad2, g.cols, 1e-5, "bias gradient");
        mem_free(z), mem_free(z2), mem_free(bias), mem_free(grad), mem_free(grad2), mem_free(b), mem_free(b2);
    }
}
END_TEST

/* Dropout masks belong to rows, not to blocks; about `keep` of the units live. */
START_TEST(dropout_does_not_depend_on_blocks)
{
    enum { ROWS = 200, COLS = 50 };
    static float whole[ROWS * COLS], parts[ROWS * COLS];
    for (int i = 0; i < ROWS * COLS; i++)
        whole[i] = parts[i] = 1;
    struct asx_mlp_act_args g = {.rows = ROWS, .cols = COLS, .ld = COLS, .activation = ASX_RELU, .keep = 0.75f, .key = 5};
    g.z = asx_buf_of(whole);
    asx_run_kernel(cpu, ASX_K_MLP_ACT, &g);
    for (size_t i = 0; i < ROWS; i += 25) {
        g.z = asx_buf_of(parts + i * COLS);
        g.rows = 25;
        g.first_row = i;
        asx_run_kernel(cpu, ASX_K_MLP_ACT, &g);
    }
    ck_assert_int_eq(memcmp(whole, parts, sizeof whole), 0);
    int live = 0;
    for (int i = 0; i < ROWS * COLS; i++)
        live += whole[i] > 0;
    ck_assert_double_eq_tol(live / (double)(ROWS * COLS), 0.75, 4 * sqrt(0.75 * 0.25 / (ROWS * COLS)));
}
END_TEST

Suite *suite_kernels(void)
{
    Suite *s = suite_create("kernels");
    TCase *t = tcase_create("kernels");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, open_both, close_both);
    tcase_add_test(t, opening);
    tcase_add_test(t, gemm);
    tcase_add_test(t, syrk);
    tcase_add_test(t, cholesky);
    tcase_add_test(t, eigen);
    tcase_add_test(t, spmm);
    tcase_add_test(t, glm_step);
    tcase_add_test(t, glm_extremes);
    tcase_add_test(t, glm_derivative);
    tcase_add_test(t, dist_topk);
    tcase_add_test(t, dist_topk_ties);
    tcase_add_test(t, mlp_act);
    tcase_add_test(t, dropout_does_not_depend_on_blocks);
    suite_add_tcase(s, t);
    return s;
}
