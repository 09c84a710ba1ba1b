/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file kernels.h
 * The macro-kernels and their arguments.
 *
 * For: backends, which implement them, and ops, which call them. Sizes are in elements,
 * matrices row-major with a leading dimension. Add a kernel by adding its id here, its
 * argument struct, and a plain row in backends/ref; other backends follow when they pay.
 *
 *     struct asx_syrk_args g = {.rows = 512, .cols = d, .a = asx_buf_of(x), .lda = d, .c = asx_buf_of(gram), .ldc = d};
 *     asx_run_kernel(dev, ASX_K_SYRK_F64, &g);   // gram += x'x, lower triangle
 */
#ifndef ASSAY_EXT_KERNELS_H
#define ASSAY_EXT_KERNELS_H

#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A buffer handle: host pointer on host devices, the backend's own elsewhere. */
struct asx_buf {
    void *host;
    void *dev;
    size_t offset;
};

static inline struct asx_buf asx_buf_of(const void *host)
{
    struct asx_buf b = {(void *)(uintptr_t)host, NULL, 0};
    return b;
}

enum asx_kernel {
    ASX_K_GEMM_F32,
    ASX_K_GEMM_F64,
    ASX_K_SYRK_F64,
    ASX_K_CHOLESKY_F64,
    ASX_K_EIGEN_F64,
    ASX_K_SPMM_F32,
    ASX_K_GLM_STEP,
    ASX_K_DIST_TOPK,
    ASX_K_MLP_ACT,
    ASX_K_BIN,
    ASX_K_HIST,
    ASX_K_SPLIT_SCAN,
    ASX_K_PARTITION,
    ASX_K_TREE_PREDICT,
    ASX_KERNELS
};

/** C = alpha * op(A) op(B) + beta * C. op(A) is [m, p], op(B) [p, n]. F32 or F64 by kernel id. */
struct asx_gemm_args {
    size_t m, n, p;
    bool trans_a, trans_b;
    double alpha, beta;
    struct asx_buf a, b, c;
    size_t lda, ldb, ldc;
};

/** C += A'A (lower triangle, row-major), A [rows, cols] f64. */
struct asx_syrk_args {
    size_t rows, cols;
    struct asx_buf a, c;
    size_t lda, ldc;
};

/** Solves A X = B in place for SPD A [n, n] (lower, row-major, overwritten), B [n, k] column-major. E_NUMERIC if not SPD. */
struct asx_cholesky_args {
    size_t n, k;
    struct asx_buf a, b;
    size_t lda, ldb;
};

/** A = V diag(w) V' for symmetric A [n, n]: A is overwritten by V' (row i = i-th eigenvector), w ascending. */
struct asx_eigen_args {
    size_t n;
    struct asx_buf a, w;
    size_t lda;
};

/** C += alpha * op(S) B for CSR S [rows, cols] restricted to `row` list (NULL = all): op = S: C [n_rows, n]; op = S': C [cols, n]. */
struct asx_spmm_args {
    size_t n_rows, n;
    const uint32_t *row;
    bool trans;
    float alpha;
    const int64_t *indptr;
    const int32_t *indices;
    const float *values;
    struct asx_buf b, c;
    size_t ldb, ldc;
};

/**
 * Loss and its derivative for a block of logits, in place: Z [rows, k * outputs] holds logits per
 * model (k models side by side, `outputs` each), becomes residuals weight * (p - y); loss[k] += sums.
 * outputs 1: logistic on y in {0, 1}; > 1: softmax on class indices.
 */
struct asx_glm_args {
    size_t rows, k;
    int outputs;
    struct asx_buf z;
    size_t ldz;
    const double *y;      /**< [rows] */
    const float *weight;  /**< [rows * k] training weight of a row in each model: 0 = held out */
    double *loss;         /**< [k] */
};

/** For each of m queries the `top` nearest of n rows (squared Euclidean), ties by lower index; ascending. */
struct asx_dist_args {
    size_t m, n, p, top;
    const float *query, *x;   /**< row-major, ld = p */
    const float *x_norm;      /**< [n] squared norms */
    const uint32_t *query_id, *x_id; /**< NULL, or ids: a row whose id equals the query's is skipped */
    float *scratch;           /**< [block * n_block] sized by asx_dist_scratch */
    float *dist;              /**< [m * top] */
    uint32_t *index;          /**< [m * top] positions in x */
};

#ifdef __cplusplus
}
#endif
#endif
