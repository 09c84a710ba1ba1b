/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file cpu.h
 * Fast rows for the host: OpenBLAS, LAPACK and SIMD loops chosen when the device is opened.
 * Every row runs on the calling thread alone and is safe to call from many at once.
 */
#ifndef ASSAY_BACKENDS_CPU_CPU_H
#define ASSAY_BACKENDS_CPU_CPU_H

#include <assay/ext/backend.h>

/** What the BLAS library says of itself. */
struct cpu_blas {
    char core[64];    /**< kernel set in use ("SkylakeX"); OPENBLAS_CORETYPE chooses another */
    char config[160]; /**< version and build options */
    bool openmp;      /**< the OpenMP flavour: its thread count can't be held at one from other threads; warn */
};

/**
 * Sets one thread per BLAS call, once in the life of the process (the library's one global
 * effect), and tells what is loaded. `out` may be NULL.
 * @thread any, at any time
 */
void cpu_blas_init(struct cpu_blas *out);

/** SIMD levels this backend distinguishes; results may differ between them in the last bits. */
enum cpu_simd { CPU_SSE2, CPU_AVX2, CPU_AVX512 };

/** Level in use: the best the processor has, or at most `sse2|avx2|avx512` of $ASSAY_SIMD. */
enum cpu_simd cpu_simd_level(void);
const char *cpu_simd_name(enum cpu_simd);
/** $ASSAY_SIMD where it names no level and is therefore ignored; NULL: it does, or is not set. */
const char *cpu_simd_unknown(void);

/* Rows. */
asx_st cpu_gemm_f32(struct asx_queue *, const void *args);
asx_st cpu_gemm_f64(struct asx_queue *, const void *args);
asx_st cpu_syrk_f64(struct asx_queue *, const void *args);
asx_st cpu_cholesky_f64(struct asx_queue *, const void *args);
asx_st cpu_eigen_f64(struct asx_queue *, const void *args);
asx_st cpu_spmm_f32(struct asx_queue *, const void *args);
asx_st cpu_glm_step_sse2(struct asx_queue *, const void *args);
asx_st cpu_glm_step_avx2(struct asx_queue *, const void *args);
asx_st cpu_glm_step_avx512(struct asx_queue *, const void *args);
asx_st cpu_dist_topk_sse2(struct asx_queue *, const void *args);
asx_st cpu_dist_topk_avx2(struct asx_queue *, const void *args);
asx_st cpu_dist_topk_avx512(struct asx_queue *, const void *args);
asx_st cpu_mlp_act(struct asx_queue *, const void *args);

#endif
