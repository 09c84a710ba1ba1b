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

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

struct mem;

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

/** C = alpha * op(A) op(B) + beta * C. op(A) is [m, p], op(B) [p, n]. F32 or F64 by kernel id. With beta 0, C is not read. */
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

/**
 * A = V diag(w) V' for symmetric A [n, n] (lower triangle read): A is overwritten by V' (row i = i-th
 * eigenvector, sign open), w ascending. Workspace of about 2 n^2 doubles comes from `mem`.
 */
struct asx_eigen_args {
    size_t n;
    struct asx_buf a, w;
    size_t lda;
    struct mem *mem; /**< account of the workspace; NULL = the process's */
};

/**
 * C += alpha * op(S) B for CSR S restricted to rows row[0..n_rows) (NULL: rows 0..n_rows).
 * op = S: B [cols, n], C [n_rows, n], row i of C from the i-th listed row;
 * op = S' (trans): B [n_rows, n], C [cols, n].
 */
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
 * outputs 1: logistic on y in {0, 1}, loss weight * (ln(1 + e^z) - y z); > 1: softmax on class
 * indices, loss weight * (ln sum e^z - z_y). Where the weight is 0 both are 0 whatever Z holds;
 * elsewhere a NaN or infinite logit makes the loss NaN or infinite, never wrong silently.
 */
struct asx_glm_args {
    size_t rows, k;
    int outputs;
    struct asx_buf z;
    size_t ldz;
    const double *y;     /**< [rows] */
    const float *weight; /**< [rows * k] row-major, training weight of a row in each model: 0 = held out; NULL = 1 */
    double *loss;        /**< [k] */
};

/**
 * For each of m queries the `top` nearest of n rows (squared Euclidean), ties by lower position; ascending.
 * Distances returned are sums of squared differences, not the expanded form that finds candidates.
 * Places without a row (fewer than `top` allowed) hold INFINITY and UINT32_MAX. No NaN in the inputs.
 */
struct asx_dist_args {
    size_t m, n, p, top;
    const float *query, *x;          /**< row-major, ld = p */
    const float *x_norm;             /**< [n] squared norms */
    const uint32_t *query_id, *x_id; /**< NULL, or ids: a row whose id equals the query's is skipped */
    float *scratch;                  /**< [asx_dist_scratch(m, n, top)] */
    float *dist;                     /**< [m * top] */
    uint32_t *index;                 /**< [m * top] positions in x */
};

#define ASX_DIST_QUERIES ((size_t)128) /**< queries of a block */
#define ASX_DIST_ROWS ((size_t)2048)   /**< rows of a block */
#define ASX_DIST_SPARE ((size_t)8)     /**< candidates kept beyond `top` */

/** Floats of scratch that dist_topk wants: one block of products and the candidates of a block of queries. */
static inline size_t asx_dist_scratch(size_t m, size_t n, size_t top)
{
    size_t mb = m < ASX_DIST_QUERIES ? m : ASX_DIST_QUERIES, nb = n < ASX_DIST_ROWS ? n : ASX_DIST_ROWS;
    return mb * nb + mb + 2 * mb * (top + ASX_DIST_SPARE);
}

enum asx_activation { ASX_IDENTITY, ASX_RELU };

/**
 * The element-wise part of a network layer, fused and in place, forward or backward.
 * Forward: Z = drop(act(Z + bias)), kept units divided by `keep`. Backward: Z holds the gradient of
 * the layer's output and becomes that of its input; `out` is what forward made; bias_grad += column sums.
 * Unit (row, col) is dropped when 16 bits of a counter-based draw reach keep * 2^16: draw
 * (first_row + row) * ceil(cols / 4) + col / 4 of the stream `key`, bits 16 * (col % 4) and up
 * (base/rng.h), so masks do not depend on blocks or threads. Dropout needs ASX_RELU when going
 * backward, since there the mask is read off `out` (0 = dropped or inactive).
 */
struct asx_mlp_act_args {
    size_t rows, cols, ld;
    struct asx_buf z; /**< [rows * ld] f32, in place */
    enum asx_activation activation;
    bool backward;
    const float *bias;       /**< forward: [cols], NULL = 0 */
    const float *out;        /**< backward: [rows * ld] */
    float *bias_grad;        /**< backward: [cols], NULL = not wanted */
    float keep;              /**< share of units kept; 1 (or 0) = no dropout */
    uint64_t key, first_row; /**< rng key of (seed, epoch, layer); index of the first row in the epoch */
};

#ifdef __cplusplus
}
#endif
#endif
