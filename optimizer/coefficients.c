/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shipped speeds. Orders of magnitude measured on AVX-512 x86-64 cores; narrower SIMD scales the
 * classes that vectorise. Nobody waits for calibration: residuals and measurements mend these.
 */
#include "optimizer/coefficients.h"

#include "base/mem.h"

#include <string.h>

const double opt_nominal_cache[OPT_LEVELS - 1] = {32e3, 1e6, 16e6};

/* One thread. `vector`: how much of the flop rate comes from SIMD width, 0 (none) or 1 (all). */
struct shipped {
    const char *name;
    double startup, rate, vector, level[OPT_LEVELS];
};

/* Streaming reads and writes, by cache level of the footprint. */
#define STREAMED                                                                                                                   \
    {                                                                                                                              \
        200e9, 140e9, 30e9, 14e9                                                                                                   \
    }

static const struct shipped table[ASX_KERNEL_CLASSES] = {
    [ASX_KC_STREAM] = {"stream", 2e-7, 4.2e9, 0.5, {0, 0, 300e9, 14e9}},
    /* random 8-byte cells: 2 G/s while they are cached, 45 M/s from 512 MB */
    [ASX_KC_GATHER] = {"gather", 1e-7, 2e9, 0, {0, 0, 40e9, 0.45e9}},
    [ASX_KC_SORT] = {"sort", 1e-6, 0.18e9, 0, {0}},
    [ASX_KC_EXP] = {"exp", 2e-7, 0.8e9, 0.7, {0}},
    [ASX_KC_GEMM] = {"gemm", 3e-7, 135e9, 1, {280e9, 250e9, 36e9, 14e9}},
    [ASX_KC_GEMV] = {"gemv", 2e-7, 48e9, 1, {0, 0, 300e9, 25e9}},
    [ASX_KC_SYRK] = {"syrk", 2e-6, 60e9, 1, {0}},
    [ASX_KC_CHOLESKY] = {"cholesky", 5e-7, 50e9, 0.8, {2.6e9, 2.6e9, 2.6e9, 2.6e9}},
    [ASX_KC_EIGEN] = {"eigen", 1e-5, 26e9, 0.7, {1.1e9, 1.1e9, 1.1e9, 1.1e9}},
    [ASX_KC_SPMM] = {"spmm", 2e-6, 30e9, 0.4, {45e9, 45e9, 19e9, 6e9}},
    [ASX_KC_COORD] = {"coord", 5e-8, 12e9, 0.8, {200e9, 140e9, 60e9, 20e9}},
    [ASX_KC_GLM_STEP] = {"glm_step", 1e-6, 112e9, 1, {0, 200e9, 150e9, 14e9}},
    [ASX_KC_DIST_TOPK] = {"dist_topk", 5e-6, 85e9, 1, {0}},
    [ASX_KC_BIN] = {"bin", 1e-6, 2e9, 0.3, STREAMED},
    [ASX_KC_HIST] = {"hist", 5e-7, 2.4e9, 0, {0, 400e9, 120e9, 50e9}},
    [ASX_KC_SPLIT] = {"split", 5e-7, 1e9, 0.2, {0}},
    [ASX_KC_PARTITION] = {"partition", 5e-7, 0.35e9, 0.2, {200e9, 140e9, 30e9, 10e9}},
    [ASX_KC_TREE_PREDICT] = {"tree_predict", 1e-6, 0.9e9, 0, {0, 40e9, 8e9, 1e9}},
    [ASX_KC_MLP_STEP] = {"mlp_step", 2e-5, 100e9, 0.9, STREAMED},
    [ASX_KC_PARSE] = {"parse", 2e-5, 0.35e9, 0, {0}},
    [ASX_KC_TOKENIZE] = {"tokenize", 2e-6, 0.2e9, 0, {0}},
    [ASX_KC_HASH] = {"hash", 2e-7, 0.04e9, 0, {24e9, 12e9, 2.4e9, 0.45e9}},
    [ASX_KC_IO] = {"io", 5e-5, 1e9, 0, {0}},
};

/* Speed of a SIMD level against AVX-512 for code that is all vector arithmetic. */
static double simd_speed(const char *simd)
{
    if (strcmp(simd, "avx512") == 0)
        return 1;
    if (strcmp(simd, "avx2") == 0)
        return 0.55;
    return 0.2;
}

struct opt_coefficient opt_coefficient_default(const char *simd, enum asx_kernel_class k, enum asx_dtype t)
{
    const struct shipped *s = &table[k];
    struct opt_coefficient c = {.device = "cpu", .kernel = k, .dtype = t, .spread = 2, .low = 1e4, .high = 1e12};
    double vector = 1 - s->vector + s->vector * simd_speed(simd);
    /* arithmetic in doubles runs at half the width where SIMD carries the class */
    bool narrow = t == ASX_F64 && k != ASX_KC_SYRK && k != ASX_KC_CHOLESKY && k != ASX_KC_EIGEN;
    bool wide = t == ASX_F32 && (k == ASX_KC_SYRK || k == ASX_KC_CHOLESKY || k == ASX_KC_EIGEN);
    double width = narrow ? 1 - 0.5 * s->vector : wide ? 1 + s->vector : 1;
    if (k == ASX_KC_HIST && t == ASX_F64)
        width = 0.4; /* gradient and hessian are two additions; packed in fixed point they are one */
    if (k == ASX_KC_GEMV && t == ASX_F64)
        width = 0.06; /* exact loops over f32 rows: a chain of dependent additions, no library call */
    if (k == ASX_KC_EXP && t == ASX_F64)
        width = 0.25; /* the library's exp and log, one at a time */
    c.startup_s = s->startup;
    c.flop_rate = s->rate * vector * width;
    memcpy(c.bandwidth, s->level, sizeof c.bandwidth);
    return c;
}

asx_st opt_coefficients_ship(struct opt_machine *m, struct mem *mem)
{
    struct opt_coefficient *c = mem_array(mem, ASX_KERNEL_CLASSES * 2, sizeof *c);
    if (!c)
        return ASX_E_NOMEM;
    mem_free(m->coefficient);
    m->coefficient = c;
    m->coefficients = 0;
    for (int k = 0; k < ASX_KERNEL_CLASSES; k++) {
        c[m->coefficients++] = opt_coefficient_default(m->simd, (enum asx_kernel_class)k, ASX_F32);
        c[m->coefficients++] = opt_coefficient_default(m->simd, (enum asx_kernel_class)k, ASX_F64);
    }
    return ASX_OK;
}

const struct opt_coefficient *opt_coefficient_find(const struct opt_machine *m, const char *device, enum asx_kernel_class k,
                                                   enum asx_dtype t)
{
    const struct opt_coefficient *near = NULL;
    for (int i = 0; i < m->coefficients; i++) {
        const struct opt_coefficient *c = &m->coefficient[i];
        if (c->kernel != k || strcmp(c->device, device) != 0)
            continue;
        if (c->dtype == t)
            return c;
        if (!near)
            near = c; /* f32 comes first: integer codes cost about as much */
    }
    return near;
}

asx_st opt_coefficient_put(struct opt_machine *m, const struct opt_coefficient *c, struct mem *mem)
{
    for (int i = 0; i < m->coefficients; i++) {
        struct opt_coefficient *old = &m->coefficient[i];
        if (old->kernel == c->kernel && old->dtype == c->dtype && strcmp(old->device, c->device) == 0) {
            *old = *c;
            return ASX_OK;
        }
    }
    struct opt_coefficient *all = mem_realloc(mem, m->coefficient, (size_t)(m->coefficients + 1) * sizeof *all);
    if (!all)
        return ASX_E_NOMEM;
    m->coefficient = all;
    all[m->coefficients++] = *c;
    return ASX_OK;
}

const char *opt_kernel_name(enum asx_kernel_class k)
{
    return table[k].name;
}

bool opt_kernel_parse(const char *name, enum asx_kernel_class *out)
{
    for (int k = 0; k < ASX_KERNEL_CLASSES; k++)
        if (strcmp(table[k].name, name) == 0) {
            *out = (enum asx_kernel_class)k;
            return true;
        }
    return false;
}

static const char *const dtype_name[] = {
    [ASX_F32] = "f32", [ASX_F64] = "f64", [ASX_U8] = "u8", [ASX_U16] = "u16", [ASX_I32] = "i32"};

const char *opt_dtype_name(enum asx_dtype t)
{
    return dtype_name[t];
}

bool opt_dtype_parse(const char *name, enum asx_dtype *out)
{
    for (int t = 0; t <= ASX_I32; t++)
        if (strcmp(dtype_name[t], name) == 0) {
            *out = (enum asx_dtype)t;
            return true;
        }
    return false;
}

size_t opt_dtype_size(enum asx_dtype t)
{
    static const size_t size[] = {[ASX_F32] = 4, [ASX_F64] = 8, [ASX_U8] = 1, [ASX_U16] = 2, [ASX_I32] = 4};
    return size[t];
}

void opt_cache_bytes(const struct opt_machine *m, int busy, double out[OPT_LEVELS - 1])
{
    double below = 0;
    for (int level = 1; level < OPT_LEVELS; level++) {
        double bytes = 0;
        for (int i = 0; i < m->caches; i++) {
            const struct opt_cache *c = &m->cache[i];
            if (c->level != level)
                continue;
            /* threads beyond the instances share one; never more sharers than cores behind it */
            double sharers = c->instances > 0 ? (double)busy / c->instances : 1;
            if (sharers > c->shared_by)
                sharers = c->shared_by;
            bytes = (double)c->bytes / (sharers < 1 ? 1 : sharers);
        }
        if (bytes < below || !m->caches)
            bytes = m->caches ? below : opt_nominal_cache[level - 1];
        out[level - 1] = below = bytes;
    }
}
