/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/cpu/cpu.h"
#include "backends/cpu/tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *cpu_simd_name(enum cpu_simd level)
{
    return level == CPU_AVX512 ? "avx512" : level == CPU_AVX2 ? "avx2" : "sse2";
}

static enum cpu_simd able(void)
{
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        return CPU_AVX512;
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2") ? CPU_AVX2 : CPU_SSE2;
}

enum cpu_simd cpu_simd_level(void)
{
    enum cpu_simd best = able();
    const char *most = getenv("ASSAY_SIMD");
    for (int level = CPU_SSE2; most && level < (int)best; level++)
        if (strcmp(most, cpu_simd_name((enum cpu_simd)level)) == 0)
            return (enum cpu_simd)level;
    return best;
}

const char *cpu_simd_unknown(void)
{
    const char *most = getenv("ASSAY_SIMD");
    for (int level = CPU_SSE2; most && level <= CPU_AVX512; level++)
        if (strcmp(most, cpu_simd_name((enum cpu_simd)level)) == 0)
            most = NULL;
    return most;
}

static int cpu_probe(struct asx_device_info *out, int max)
{
    (void)out, (void)max;
    return 0; /* `ref` lists the device; this backend only makes it faster */
}

static asx_st cpu_open(struct asx_device *d, struct asx_err *err)
{
    (void)err;
    if (strcmp(d->info.id, "cpu") != 0)
        return ASX_NONE;
    struct cpu_blas blas;
    cpu_blas_init(&blas);
    static const asx_kernel_fn glm_step[] = {cpu_glm_step_sse2, cpu_glm_step_avx2, cpu_glm_step_avx512};
    static const asx_kernel_fn dist_topk[] = {cpu_dist_topk_sse2, cpu_dist_topk_avx2, cpu_dist_topk_avx512};
    enum cpu_simd level = cpu_simd_level();
    snprintf(d->info.driver, sizeof d->info.driver, "%s, OpenBLAS %.32s", cpu_simd_name(level), blas.core);
    d->kernel[ASX_K_GEMM_F32] = cpu_gemm_f32;
    d->kernel[ASX_K_GEMM_F64] = cpu_gemm_f64;
    d->kernel[ASX_K_SYRK_F64] = cpu_syrk_f64;
    d->kernel[ASX_K_CHOLESKY_F64] = cpu_cholesky_f64;
    d->kernel[ASX_K_EIGEN_F64] = cpu_eigen_f64;
    d->kernel[ASX_K_SPMM_F32] = cpu_spmm_f32;
    d->kernel[ASX_K_GLM_STEP] = glm_step[level];
    d->kernel[ASX_K_DIST_TOPK] = dist_topk[level];
    d->kernel[ASX_K_MLP_ACT] = cpu_mlp_act;
    cpu_tree_rows(d->kernel);
    return ASX_OK;
}

const struct asx_backend asx_backend_cpu = {
    .head = {"cpu", "OpenBLAS and SIMD on the host processor"},
    .rank = 10,
    .probe = cpu_probe,
    .open = cpu_open,
};
