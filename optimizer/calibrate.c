/* SPDX-License-Identifier: Apache-2.0 */
#include "optimizer/calibrate.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/rng.h"
#include "optimizer/coefficients.h"
#include "optimizer/nnls.h"
#include "optimizer/planner.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    CELLS = 1 << 21, /* f32 cells of each buffer: 8 MiB, beyond the second cache level */
    SHAPES = 10,
    SPARSE_COLS = 4096,
    SPARSE_ROW = 16 /* stored cells of a sparse row */
};

/* Buffers all timers share. Values are small and regular: nothing overflows or becomes subnormal. */
struct bench {
    const struct asx_device *device;
    float *a, *b, *c;
    uint32_t *index;
    int64_t *indptr;
    int32_t *indices;
    double *y;
    volatile double sink;
};

typedef asx_st (*timer_fn)(struct bench *, const struct asx_use *);

/* ---- timers: each does exactly what its use counts ------------------------------------ */

static asx_st time_stream(struct bench *s, const struct asx_use *u)
{
    float *restrict y = s->c;
    const float *restrict x = s->a;
    for (size_t i = 0; i < (size_t)u->m; i++)
        y[i] = 0.5f * x[i] + 0.25f;
    s->sink = y[0];
    return ASX_OK;
}

static asx_st time_gather(struct bench *s, const struct asx_use *u)
{
    size_t mask = (size_t)(u->footprint / 8) - 1;
    const double *x = (const double *)(void *)s->a;
    double sum = 0;
    for (size_t i = 0; i < (size_t)u->m; i++)
        sum += x[s->index[i & (CELLS - 1)] & mask];
    s->sink = sum;
    return ASX_OK;
}

static int compare_floats(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static asx_st time_sort(struct bench *s, const struct asx_use *u)
{
    for (size_t i = 0; i < (size_t)u->m; i++)
        s->c[i] = (float)s->index[i];
    qsort(s->c, (size_t)u->m, sizeof *s->c, compare_floats);
    return ASX_OK;
}

static asx_st time_gemm(struct bench *s, const struct asx_use *u)
{
    size_t m = (size_t)u->m, n = (size_t)u->n, p = (size_t)u->p;
    struct asx_gemm_args g = {.m = m,
                              .n = n,
                              .p = p,
                              .alpha = 1,
                              .beta = 0,
                              .a = asx_buf_of(s->a),
                              .b = asx_buf_of(s->b),
                              .c = asx_buf_of(s->c),
                              .lda = p,
                              .ldb = n,
                              .ldc = n};
    return asx_run_kernel(s->device, u->t == ASX_F64 ? ASX_K_GEMM_F64 : ASX_K_GEMM_F32, &g);
}

static asx_st time_gemv(struct bench *s, const struct asx_use *u)
{
    struct asx_use as_gemm = *u;
    as_gemm.p = u->n;
    as_gemm.n = 1;
    return time_gemm(s, &as_gemm);
}

static asx_st time_syrk(struct bench *s, const struct asx_use *u)
{
    size_t m = (size_t)u->m, n = (size_t)u->n;
    memset(s->c, 0, n * n * sizeof(double));
    struct asx_syrk_args g = {.rows = m, .cols = n, .a = asx_buf_of(s->a), .c = asx_buf_of(s->c), .lda = n, .ldc = n};
    return asx_run_kernel(s->device, ASX_K_SYRK_F64, &g);
}

/* A well-conditioned matrix: 1 off, n + 1 on the diagonal. */
static void fill_spd(double *a, size_t n)
{
    for (size_t i = 0; i < n * n; i++)
        a[i] = i % (n + 1) == 0 ? (double)n + 1 + 1e-3 * (double)i : 1;
}

static asx_st time_cholesky(struct bench *s, const struct asx_use *u)
{
    size_t n = (size_t)u->n, k = (size_t)u->m;
    fill_spd((double *)(void *)s->c, n);
    struct asx_cholesky_args g = {.n = n, .k = k, .a = asx_buf_of(s->c), .b = asx_buf_of(s->b), .lda = n, .ldb = n};
    return asx_run_kernel(s->device, ASX_K_CHOLESKY_F64, &g);
}

static asx_st time_eigen(struct bench *s, const struct asx_use *u)
{
    size_t n = (size_t)u->n;
    fill_spd((double *)(void *)s->c, n);
    struct asx_eigen_args g = {.n = n, .a = asx_buf_of(s->c), .w = asx_buf_of(s->b), .lda = n};
    return asx_run_kernel(s->device, ASX_K_EIGEN_F64, &g);
}

static asx_st time_spmm(struct bench *s, const struct asx_use *u)
{
    size_t n = (size_t)u->n;
    struct asx_spmm_args g = {.n_rows = (size_t)u->m,
                              .n = n,
                              .alpha = 1,
                              .indptr = s->indptr,
                              .indices = s->indices,
                              .values = s->a,
                              .b = asx_buf_of(s->b),
                              .c = asx_buf_of(s->c),
                              .ldb = n,
                              .ldc = n};
    return asx_run_kernel(s->device, ASX_K_SPMM_F32, &g);
}

/* Forward product, loss, backward product, in row blocks as logistic regression does it. */
static asx_st time_glm_step(struct bench *s, const struct asx_use *u)
{
    enum { BLOCK = 512 };
    size_t p = (size_t)u->p, k = (size_t)u->n;
    double loss[64] = {0};
    asx_st st = ASX_OK;
    for (size_t at = 0; !st && at + BLOCK <= (size_t)u->m; at += BLOCK) {
        const float *x = s->a + at * p;
        struct asx_gemm_args f = {.m = BLOCK,
                                  .n = k,
                                  .p = p,
                                  .alpha = 1,
                                  .a = asx_buf_of(x),
                                  .b = asx_buf_of(s->b),
                                  .c = asx_buf_of(s->c),
                                  .lda = p,
                                  .ldb = k,
                                  .ldc = k};
        st = asx_run_kernel(s->device, ASX_K_GEMM_F32, &f);
        struct asx_glm_args g = {.rows = BLOCK, .k = k, .outputs = 1, .z = asx_buf_of(s->c), .ldz = k, .y = s->y, .loss = loss};
        if (!st)
            st = asx_run_kernel(s->device, ASX_K_GLM_STEP, &g);
        struct asx_gemm_args b = {.m = p,
                                  .n = k,
                                  .p = BLOCK,
                                  .trans_a = true,
                                  .alpha = 1,
                                  .beta = 1,
                                  .a = asx_buf_of(x),
                                  .b = asx_buf_of(s->c),
                                  .c = asx_buf_of(s->c + CELLS / 2),
                                  .lda = p,
                                  .ldb = k,
                                  .ldc = k};
        if (!st)
            st = asx_run_kernel(s->device, ASX_K_GEMM_F32, &b);
    }
    s->sink = loss[0];
    return st;
}

static asx_st time_dist(struct bench *s, const struct asx_use *u)
{
    enum { TOP = 50 };
    size_t m = (size_t)u->m, n = (size_t)u->n, p = (size_t)u->p;
    float *scratch = s->c + CELLS / 2, *norm = s->c + CELLS / 4;
    if (asx_dist_scratch(m, n, TOP) > CELLS / 2 || m * TOP * 2 > CELLS / 4)
        return ASX_NONE;
    for (size_t i = 0; i < n; i++) {
        norm[i] = 0;
        for (size_t j = 0; j < p; j++)
            norm[i] += s->a[i * p + j] * s->a[i * p + j];
    }
    struct asx_dist_args d = {.m = m,
                              .n = n,
                              .p = p,
                              .top = TOP,
                              .query = s->b,
                              .x = s->a,
                              .x_norm = norm,
                              .scratch = scratch,
                              .dist = s->c,
                              .index = (uint32_t *)(void *)(s->c + m * TOP)};
    return asx_run_kernel(s->device, ASX_K_DIST_TOPK, &d);
}

/* ---- what to time ------------------------------------------------------------------------ */

struct plan_class {
    enum asx_kernel_class k;
    enum asx_dtype t;
    timer_fn time;
    struct asx_use use[SHAPES]; /* small to large; k and t are filled in */
};

static const struct plan_class classes[] = {
    {ASX_KC_STREAM, ASX_F32, time_stream, {{.m = 1e3}, {.m = 3e3}, {.m = 3e4}, {.m = 1e5}, {.m = 1e6}, {.m = 2e6}}},
    {ASX_KC_GATHER,
     ASX_F32,
     time_gather,
     {{.m = 1e4, .footprint = 1 << 14},
      {.m = 1e5, .footprint = 1 << 17},
      {.m = 1e5, .footprint = 1 << 19},
      {.m = 3e5, .footprint = 1 << 22},
      {.m = 3e5, .footprint = 1 << 23}}},
    {ASX_KC_SORT, ASX_F32, time_sort, {{.m = 1e4, .n = 1}, {.m = 3e4, .n = 1}, {.m = 1e5, .n = 1}}},
    {ASX_KC_GEMM,
     ASX_F32,
     time_gemm,
     {{.m = 64, .n = 16, .p = 16},
      {.m = 512, .n = 16, .p = 64},
      {.m = 512, .n = 64, .p = 128},
      {.m = 4096, .n = 16, .p = 100},
      {.m = 2048, .n = 64, .p = 512},
      {.m = 512, .n = 512, .p = 512},
      {.m = 16384, .n = 64, .p = 100}}},
    {ASX_KC_GEMM,
     ASX_F64,
     time_gemm,
     {{.m = 64, .n = 16, .p = 16},
      {.m = 512, .n = 16, .p = 64},
      {.m = 512, .n = 64, .p = 128},
      {.m = 4096, .n = 8, .p = 100},
      {.m = 512, .n = 256, .p = 256},
      {.m = 8192, .n = 32, .p = 100}}},
    {ASX_KC_GEMV, ASX_F32, time_gemv, {{.m = 64, .n = 64}, {.m = 512, .n = 64}, {.m = 2048, .n = 100}, {.m = 16384, .n = 100}}},
    {ASX_KC_SYRK,
     ASX_F64,
     time_syrk,
     {{.m = 512, .n = 16}, {.m = 512, .n = 64}, {.m = 2048, .n = 64}, {.m = 512, .n = 200}, {.m = 4096, .n = 200}}},
    {ASX_KC_CHOLESKY, ASX_F64, time_cholesky, {{.n = 16, .m = 1}, {.n = 64, .m = 1}, {.n = 200, .m = 1}, {.n = 500, .m = 1}}},
    {ASX_KC_EIGEN, ASX_F64, time_eigen, {{.n = 16}, {.n = 64}, {.n = 128}, {.n = 256}}},
    {ASX_KC_SPMM, ASX_F32, time_spmm, {{.m = 1000, .n = 1}, {.m = 8192, .n = 1}, {.m = 8192, .n = 16}, {.m = 32768, .n = 16}}},
    {ASX_KC_GLM_STEP,
     ASX_F32,
     time_glm_step,
     {{.m = 512, .p = 20, .n = 1},
      {.m = 512, .p = 100, .n = 16},
      {.m = 4096, .p = 100, .n = 16},
      {.m = 16384, .p = 100, .n = 1},
      {.m = 16384, .p = 100, .n = 16},
      {.m = 8192, .p = 100, .n = 64}}},
    {ASX_KC_DIST_TOPK,
     ASX_F32,
     time_dist,
     {{.m = 128, .n = 2000, .p = 16}, {.m = 512, .n = 8000, .p = 16}, {.m = 512, .n = 8000, .p = 100}}},
};
enum { CLASSES = sizeof classes / sizeof *classes };

unsigned opt_calibration_wants(const struct opt_plan *const *plan, int plans)
{
    unsigned used = 0, known = 0;
    for (int c = 0; c < CLASSES; c++)
        known |= 1u << classes[c].k;
    for (int i = 0; i < plans; i++)
        for (int k = 0; k < plan[i]->nodes; k++) {
            const struct asx_work *w = &plan_node_of(plan[i], k)->work;
            for (int u = 0; u < w->n_once; u++)
                used |= 1u << w->once[u].k;
            for (int u = 0; u < w->n_per_iteration; u++)
                used |= 1u << w->per_iteration[u].k;
        }
    return used & known;
}

/* ---- timing --------------------------------------------------------------------------------- */

/* The least of as many runs as fit `share` seconds, the first one (cold) aside; NAN: it fails. */
static double time_shape(struct bench *s, timer_fn fn, const struct asx_use *u, double share)
{
    double least = NAN, end = clock_now() + share;
    for (int run = 0; run < 200; run++) {
        double t = clock_now();
        if (fn(s, u) != ASX_OK)
            return NAN;
        double now = clock_now();
        if (run == 0 && now < end)
            continue;
        least = now - t < least || isnan(least) ? now - t : least;
        if (now >= end)
            break;
    }
    return least;
}

static asx_st time_class(struct bench *s, struct opt_machine *m, const struct plan_class *c, double share, struct mem *mem)
{
    struct asx_use use[SHAPES];
    double seconds[SHAPES], cache[OPT_LEVELS - 1];
    int n = 0, shapes = 0;
    struct opt_model model;
    opt_model_init(&model, m, true, mem);
    while (shapes < SHAPES && c->use[shapes].m + c->use[shapes].n > 0)
        shapes++;
    for (int i = 0; i < shapes; i++) {
        struct asx_use u = c->use[i];
        u.k = c->k;
        u.t = c->t;
        if (c->k == ASX_KC_SPMM)
            u.nnz = u.m * SPARSE_ROW;
        if (opt_use_seconds(&model, "cpu", &u, 1, 1) * 2 > share / shapes)
            continue; /* too dear for this budget */
        double t = time_shape(s, c->time, &u, share / shapes);
        if (t > 0) {
            use[n] = u;
            seconds[n++] = t;
        }
    }
    if (n < 3)
        return ASX_OK;
    opt_cache_bytes(m, 1, cache);
    struct opt_coefficient fitted = opt_coefficient_default(m->simd, c->k, c->t);
    if (opt_fit_coefficient_with(use, seconds, n, cache, &fitted) != ASX_OK ||
        (fitted.flop_rate <= 0 && fitted.bandwidth[OPT_LEVELS - 1] <= 0))
        return ASX_OK;
    return opt_coefficient_put(m, &fitted, mem);
}

/* ---- buffers ------------------------------------------------------------------------------------ */

static void fill(struct bench *s)
{
    struct rng r = rng_stream(1, 0, 0, 0);
    for (size_t i = 0; i < CELLS; i++) {
        uint64_t v = rng_at(&r, i);
        s->a[i] = s->b[i] = (float)(v & 255) / 512 + 0.1f;
        s->index[i] = (uint32_t)(v >> 32);
    }
    memset(s->c, 0, CELLS * sizeof *s->c);
    for (size_t i = 0; i <= CELLS / SPARSE_ROW; i++)
        s->indptr[i] = (int64_t)(i * SPARSE_ROW);
    for (size_t i = 0; i < CELLS; i++) /* ascending within a row */
        s->indices[i] = (int32_t)((i % SPARSE_ROW) * (SPARSE_COLS / SPARSE_ROW) + s->index[i] % (SPARSE_COLS / SPARSE_ROW));
    for (size_t i = 0; i < 512; i++)
        s->y[i] = (double)(i & 1);
}

/* Values as doubles overlay the floats; they must be tame too. */
static void fill_doubles(struct bench *s)
{
    double *a = (double *)(void *)s->a, *b = (double *)(void *)s->b;
    for (size_t i = 0; i < CELLS / 2; i++)
        a[i] = b[i] = (double)(s->index[i] & 255) / 512 + 0.1;
}

asx_st opt_calibrate(struct opt_machine *m, const struct asx_device *device, unsigned wanted, double seconds, struct mem *mem,
                     struct asx_err *err)
{
    struct bench s = {.device = device};
    size_t bytes = CELLS * sizeof(float);
    s.a = mem_alloc(mem, bytes);
    s.b = mem_alloc(mem, bytes);
    s.c = mem_alloc(mem, bytes);
    s.index = mem_alloc(mem, bytes);
    s.indices = mem_alloc(mem, bytes);
    s.indptr = mem_array(mem, CELLS / SPARSE_ROW + 1, sizeof *s.indptr);
    s.y = mem_array(mem, 512, sizeof *s.y);
    asx_st st = ASX_OK;
    if (!s.a || !s.b || !s.c || !s.index || !s.indices || !s.indptr || !s.y)
        st = err_set(err, ASX_E_NOMEM, "out of memory for measuring kernels; raise the memory limit");
    double begun = clock_now();
    int n = 0, doubles = 0;
    for (int c = 0; c < CLASSES; c++)
        n += wanted >> classes[c].k & 1;
    for (int pass = 0; pass < 2 && !st; pass++) { /* all f32 first, so that buffers change once */
        for (int c = 0; c < CLASSES && !st; c++) {
            if (!(wanted >> classes[c].k & 1) || (classes[c].t == ASX_F64) != (pass == 1))
                continue;
            double left = seconds - (clock_now() - begun);
            if (n <= 0 || left <= 0)
                break;
            if (pass == 0 && doubles == 0)
                fill(&s), doubles = 1;
            if (pass == 1 && doubles < 2)
                fill(&s), fill_doubles(&s), doubles = 2;
            st = time_class(&s, m, &classes[c], left / n--, mem);
        }
    }
    mem_free(s.a);
    mem_free(s.b);
    mem_free(s.c);
    mem_free(s.index);
    mem_free(s.indices);
    mem_free(s.indptr);
    mem_free(s.y);
    return st;
}
