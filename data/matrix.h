/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file matrix.h
 * Raw matrices, their packed form, and the affine preparation on top.
 *
 * The path of learners that take products of columns:
 *
 *     raw matrix --packed_build--> packed --affine_make (per fold)--> affine
 *                                            |                          |
 *                                    dense_apply (training rows)  affine_model_make
 *                                            |                          |
 *                                       z, row-major f32        predicts from raw matrices
 *
 * Column order of `packed`, `affine`, `z` and `affine_model` is the same: dense columns, then
 * one mask column for each dense column with missing cells (1 = missing), then sparse columns.
 *
 *     st = affine_make(&par, packed, fold->train, fold->n_train, weight, AFFINE_MEDIAN, constants, arg, f, mem, &a, err);
 *     dense_apply(a, fold->train, 0, 512, z, a->cols);        // rows train[0..512)
 *     ... fit ...
 *     st = affine_model_make(a, mem, &model->affine, err);    // self-contained
 *     affine_model_apply(model->affine, raw, from, to, z, affine_model_cols, err);
 */
#ifndef ASSAY_DATA_MATRIX_H
#define ASSAY_DATA_MATRIX_H

#include "base/mem.h"
#include "data/par.h"
#include <assay/ext/codec.h>
#include <assay/ext/prep.h>
#include <assay/ext/types.h>

/* ---- raw matrices ------------------------------------------------------------------- */

/**
 * Blocks side by side. The key is that of the block keys in order.
 * @owns   copies the list of pointers; blocks themselves are borrowed and must outlive the matrix
 * @errors E_INVAL: no block, or rows differ
 */
asx_st matrix_make(const struct asx_block *const *block, int blocks, struct mem *, struct asx_matrix **out, struct asx_err *);
void matrix_free(struct asx_matrix *);

/** Where column j of a matrix lies: its block and the position in it; block NULL when j is out of range. */
struct matrix_place {
    const struct asx_block *block;
    size_t at;
};
struct matrix_place matrix_column(const struct asx_matrix *, size_t j);

/** Kind of column `at` of a block (I32 references with levels are codes unless `kind` says otherwise). */
enum asx_colkind block_kind(const struct asx_block *, size_t at);
/** Its name; where the block has none, "f<at + 1>" is written to `buffer`. */
const char *block_name(const struct asx_block *, size_t at, char *buffer, size_t size);
/** One cell; NaN is missing (code -1 too). Slow on CSR (a binary search): for tests and odd cells. */
double block_cell(const struct asx_block *, size_t row, size_t at);
double matrix_cell(const struct asx_matrix *, size_t row, size_t j);

/* ---- packed ---------------------------------------------------------------------------- */

/**
 * Form "packed" of a raw matrix: see struct asx_packed.
 * shift = mean of the present cells over all rows, unit = 1/std rounded to a power of two (so that storing is exact
 * up to one f32 rounding); indicator columns keep shift 0, unit 1. CSR columns are copied as they are, unshifted.
 *
 * @cost   two passes over the dense cells
 * @owns   *out is the caller's: packed_free
 * @errors E_UNSUPPORTED: a column of category codes (expand them first); E_NOMEM; ASX_STOPPED
 * @thread any; the same bytes for any thread count
 */
asx_st packed_build(const struct data_par *, const struct asx_matrix *, struct mem *, struct asx_key key, struct asx_packed **out,
                    struct asx_err *);
void packed_free(struct asx_packed *);
size_t packed_cols(const struct asx_packed *); /**< dense + masks + sparse */
uint64_t packed_bytes(const struct asx_packed *);
/** Mask column of each dense column, -1 where it has none. @shape out [dense] */
void packed_masks(const struct asx_packed *, int32_t *out);
/** Kind of column `col` of a packed matrix in the column order above. */
enum asx_colkind packed_kind(const struct asx_packed *, size_t col);

/* ---- affine ------------------------------------------------------------------------------ */

/** Flags of affine_make. */
enum {
    AFFINE_MEDIAN = 1 /**< compute exact medians and quartiles; without it `median`, `q25` and `q75` are NaN */
};

/**
 * Decides the constants of one column from its training-row statistics. Before the call *fill = 0, *centre = 0,
 * *scale = 1; a NaN written by it means "leave as it was", as asx_prep.constants does, so a callback may chain steps.
 */
typedef void (*affine_constants_fn)(void *arg, size_t col, const struct asx_column_stats *, double *fill, double *centre,
                                    double *scale);

/**
 * Training-row statistics and constants of one fold.
 * Statistics are in the units of the raw column, weighted (mean, std, n) where weights are given: mean = sum w x / sum w,
 * std = sqrt(sum w (x - mean)^2 / sum w) (population form, as StandardScaler), over present cells; `missing` is the
 * weight of missing cells; weighted median and quartiles are the smallest x at which that share of the weight is reached
 * (unweighted: numpy's linear interpolation, for the median the mean of the two middle values). Sparse columns: absent cells are zeros, and present. Masks: values 0 and 1.
 *
 * @shape  row [n] ascending; NULL: all rows. weight [packed->rows] or NULL
 * @owns   *out is the caller's: affine_free; it borrows `packed`
 * @thread any; the same constants for any thread count
 */
asx_st affine_make(const struct data_par *, const struct asx_packed *, const uint32_t *row, size_t n, const double *weight,
                   unsigned flags, affine_constants_fn, void *arg, int fold, struct mem *, struct asx_affine **out,
                   struct asx_err *);
void affine_free(struct asx_affine *);

/** Statistics alone, [packed_cols] of them, as above. */
asx_st affine_stats(const struct data_par *, const struct asx_packed *, const uint32_t *row, size_t n, const double *weight,
                    unsigned flags, struct mem *, struct asx_column_stats *out, struct asx_err *);

/**
 * Prepared values of rows row[from..to) (row NULL: rows from..to themselves), sparse columns densified.
 * @shape   z [(to - from) * ldz] row-major, ldz >= affine->cols
 * @formula z_j = ((present ? x_j : fill_j) - centre_j) / scale_j in f64, rounded once to f32
 * @thread  any; no allocation; a row's values do not depend on the range
 */
void dense_apply(const struct asx_affine *, const uint32_t *row, size_t from, size_t to, float *z, size_t ldz);

/* ---- constants that travel with a model ---------------------------------------------------- */

/** The affine preparation by itself: everything needed to prepare rows of a raw matrix. Immutable. */
struct affine_model {
    size_t raw_cols;             /**< columns the raw matrix must have */
    size_t dense, masks, sparse; /**< parts; cols = their sum */
    size_t cols;
    int32_t *raw_of;               /**< [dense + sparse] column of the raw matrix */
    int32_t *mask_of;              /**< [masks] dense column */
    int32_t *of_raw;               /**< [raw_cols] column of z (mask columns aside); -1: not used */
    int32_t *mask_at;              /**< [dense] column of z that is its mask; -1: none */
    double *fill, *centre, *scale; /**< [cols] */
};

asx_st affine_model_make(const struct asx_affine *, struct mem *, struct affine_model **out, struct asx_err *);
void affine_model_free(struct affine_model *);
asx_st affine_model_save(const struct affine_model *, struct asx_writer *);
asx_st affine_model_load(struct asx_reader *, struct mem *, struct affine_model **out, struct asx_err *);

/**
 * Prepared values of rows [from, to) of a raw matrix; missing cells of columns that had none in training are filled.
 * @shape  z [(to - from) * ldz] row-major, ldz >= model->cols
 * @errors E_INVAL: the matrix has not raw_cols columns
 * @thread any; equals dense_apply on the packed form of the same matrix up to one f32 rounding of the stored value
 */
asx_st affine_model_apply(const struct affine_model *, const struct asx_matrix *, size_t from, size_t to, float *z, size_t ldz,
                          struct asx_err *);

/**
 * Linear functions of the prepared values, without preparing them: out = bias + W z, summed in f64 straight from the
 * raw cells with the constants folded into weights and bias; the cost follows the stored cells, not the columns.
 * @shape  weight [k * cols] row-major, bias [k] or NULL, out [(to - from) * k] row-major f64 (overwritten)
 * @thread any; a row's values do not depend on the range
 */
asx_st affine_model_linear(const struct affine_model *, const double *weight, const double *bias, int k, const struct asx_matrix *,
                           size_t from, size_t to, double *out, struct mem *, struct asx_err *);

#endif
