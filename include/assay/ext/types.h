/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file types.h
 * The nouns shared by all contracts: keys, frames, blocks, matrices, problems.
 *
 * For: implementers of steps, learners, backends and metrics, who read these
 * and never change them: everything here is immutable once built and borrowed
 * from the engine for the time of a call. Read it top to bottom once.
 *
 * A table becomes a *frame* (typed columns). Preparation steps turn columns of a
 * frame into *blocks* of a *matrix* in form "raw". Operators turn forms into other
 * forms ("bins", "packed", "gram", ...) that learners eat. Worked example, the sum
 * of a numeric column that skips missing cells:
 *
 *     double sum = 0;
 *     for (size_t i = 0; i < frame->rows; i++) {
 *         double v = asx_column_number(&frame->column[j], i);
 *         if (v == v) sum += v;
 *     }
 */
#ifndef ASSAY_EXT_TYPES_H
#define ASSAY_EXT_TYPES_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** First member of every descriptor. `name` is what specs, tables and logs show. */
struct asx_head {
    const char *name;
    const char *summary; /**< one line for `assay learners`, `assay metrics`, ... */
};

/** Lineage key: a 128-bit hash of an op, its version, canonical parameters and input keys. */
struct asx_key {
    uint64_t hi, lo;
};

/* ---- columns and frames ------------------------------------------------ */

enum asx_type { ASX_NUMERIC, ASX_BOOLEAN, ASX_CATEGORICAL, ASX_TEXT, ASX_DATETIME, ASX_TYPES };

/** Bit of a type in masks such as `asx_prep.takes`. */
#define ASX_TYPE_BIT(type) (1u << (type))

/**
 * How the cells of a column lie in memory.
 * F64/F32: NaN is missing (datetime: seconds since 1970-01-01 UTC as F64).
 * CODE: int32 index into `level`, -1 is missing (boolean and categorical).
 * STRING: cell i is bytes[offset[i] .. offset[i+1]); `missing` bit i says missing (text).
 */
enum asx_store { ASX_STORE_F64, ASX_STORE_F32, ASX_STORE_CODE, ASX_STORE_STRING };

struct asx_column {
    const char *name;
    enum asx_type type;
    enum asx_store store;
    const double *f64;
    const float *f32;
    const int32_t *code;
    const char *const *level; /**< dictionary of CODE columns, sorted bytewise */
    size_t levels;
    const uint64_t *offset; /**< [rows + 1] */
    const char *bytes;
    const uint64_t *missing; /**< bit set, NULL = none missing; STRING only */
};

/** Compressed sparse rows; absent cells are 0. Indices ascend within a row. */
struct asx_csr {
    size_t rows, cols;
    const int64_t *indptr;  /**< [rows + 1] */
    const int32_t *indices; /**< [indptr[rows]] */
    const float *values;    /**< [indptr[rows]] */
};

/**
 * Typed columns as loaded. A sparse file (libsvm) has `sparse` set and its
 * features f1, f2, ... only there; `column` then holds what stands beside it.
 */
struct asx_frame {
    size_t rows, columns;
    const struct asx_column *column;
    const struct asx_csr *sparse;
    struct asx_key key; /**< hash of the content */
};

/** Cell of a numeric, datetime or coded column as a number; NaN is missing. */
static inline double asx_column_number(const struct asx_column *c, size_t row)
{
    switch (c->store) {
    case ASX_STORE_F64: return c->f64[row];
    case ASX_STORE_F32: return (double)c->f32[row];
    case ASX_STORE_CODE: return c->code[row] < 0 ? NAN : (double)c->code[row];
    default: return NAN;
    }
}

/* ---- what the profile found -------------------------------------------- */

enum asx_role { ASX_ROLE_FEATURE, ASX_ROLE_CONSTANT, ASX_ROLE_DUPLICATE, ASX_ROLE_ID, ASX_ROLE_IGNORED, ASX_ROLE_TARGET };

/** Facts about a column, from one pass; unlabelled unless stated. */
struct asx_column_facts {
    enum asx_role role;
    size_t missing, distinct;         /**< distinct counts no missing cell; exact up to 2^16, then estimated */
    double min, max, mean, std, skew; /**< NaN for text and categories */
    bool integral;                    /**< every value is a whole number */
    double mean_words;                /**< text: words a cell */
};

struct asx_profile {
    const struct asx_column_facts *column; /**< parallel to frame->column */
    double density;                        /**< share of non-zero cells of frame->sparse, else 1 */
};

/* ---- blocks and matrices ----------------------------------------------- */

enum asx_dtype { ASX_F32, ASX_F64, ASX_U8, ASX_U16, ASX_I32 };

/** One dense column by reference: `data` holds [rows] of `dtype`. NaN (or code -1 for I32) is missing. */
struct asx_colref {
    const void *data;
    enum asx_dtype dtype; /**< F32, F64 or I32 (category codes) */
    int32_t levels;       /**< > 0: categorical codes 0..levels-1; 0: a number */
};

/** What a column of a block is, so that scaling and trees treat it rightly. */
enum asx_colkind {
    ASX_COL_NUMBER,
    ASX_COL_CODE,
    ASX_COL_INDICATOR /* 0/1, never scaled by default */,
    ASX_COL_WEIGHT /* tf-idf and the like */
};

enum asx_layout {
    ASX_LAYOUT_COLUMNS, /**< `col` [cols]: dense columns by reference, zero-copy from the frame */
    ASX_LAYOUT_ROWS,    /**< `rowmajor` [rows * ld] f32 */
    ASX_LAYOUT_CSR,     /**< `csr` */
    ASX_LAYOUT_OPAQUE   /**< `opaque`: known to the family that made it ("bins") */
};

struct asx_block {
    struct asx_key key;
    enum asx_layout layout;
    size_t rows, cols, ld;
    const struct asx_colref *col;
    const float *rowmajor;
    struct asx_csr csr;
    const void *opaque;
    const char *const *name; /**< [cols] feature names; NULL: f1.. by position */
    const uint8_t *kind;     /**< [cols] enum asx_colkind; NULL: all ASX_COL_NUMBER */
    const int32_t *source;   /**< [cols] frame column each feature came from; NULL: unknown */
    const int8_t *monotone;  /**< [cols] -1, 0, 1; NULL: none */
};

/** What a learner eats: column blocks side by side. Form "raw" unless an op says otherwise. */
struct asx_matrix {
    struct asx_key key;
    size_t rows, cols; /**< cols = sum over blocks */
    int blocks;
    const struct asx_block *const *block;
};

/**
 * Constants of the affine preparation of a *packed* matrix on one fold (scope AFFINE):
 * z_j = ((present ? x_j : fill_j) - centre_j) / scale_j. Statistics come from the
 * fold's training rows only. Missing-indicator columns are columns of their own.
 */
struct asx_affine {
    const struct asx_packed *packed;
    int fold;
    size_t cols;
    const double *fill, *centre, *scale; /**< [cols] in the units of the raw column; scale > 0 */
};

/**
 * Form "packed": the raw matrix as f32, missing cells 0, with mask columns.
 * A dense value is stored as (x - shift_j) * unit_j, shift and unit being unlabelled
 * constants of all rows (scope SHARED) that only keep f32 well conditioned; the affine
 * constants of a fold are exact algebra on top. Column order: dense columns, then one
 * mask column for each dense column with missing cells (1 = missing), then CSR columns.
 */
struct asx_packed {
    struct asx_key key;
    size_t rows, dense, masks, sparse; /**< columns of each part */
    const float *x;                    /**< [rows * ld] dense + masks, row-major */
    size_t ld;
    const double *shift, *unit; /**< [dense]; x = stored / unit + shift */
    const int32_t *mask_of;     /**< [masks] dense column each mask belongs to */
    const int32_t *raw_of;      /**< [dense + sparse] column of the raw matrix; codes are expanded before packing */
    const uint8_t *kind;        /**< [dense + sparse] enum asx_colkind */
    struct asx_csr csr;         /**< sparse part, column 0 = first sparse column */
};

/**
 * Form "dense": the rows of a packed matrix prepared for one fold (filled, centred, scaled), all rows
 * of the problem, as f32 row-major; indicator and sparse columns appended. What neighbours and networks eat.
 */
struct asx_dense {
    struct asx_key key;
    const struct asx_affine *affine;
    size_t rows, cols, ld;
    const float *x; /**< [rows * ld] */
};

/* ---- problem: a task after its data has been read and profiled ---------- */

enum asx_task { ASX_BINARY, ASX_MULTICLASS, ASX_REGRESSION, ASX_TASKS };
#define ASX_TASK_BIT(task) (1u << (task))
#define ASX_CLASSIFY (ASX_TASK_BIT(ASX_BINARY) | ASX_TASK_BIT(ASX_MULTICLASS))
#define ASX_REGRESS ASX_TASK_BIT(ASX_REGRESSION)
#define ASX_ANY_TASK (ASX_CLASSIFY | ASX_REGRESS)

/** A fold: sorted row lists. Fold `splits->folds` (one past the last) is all rows, nothing held out. */
struct asx_fold {
    const uint32_t *train, *test;
    size_t n_train, n_test;
};

struct asx_splits {
    int folds;                   /**< k * repeats, or 1 for a holdout */
    const struct asx_fold *fold; /**< [folds + 1]; the last is the full fit */
    const uint8_t *fold_of;      /**< [rows] held-out fold of each row when every row is held out exactly once, else NULL */
    struct asx_key key;
};

struct asx_metric;

struct asx_problem {
    enum asx_task task;
    size_t rows;
    int classes;  /**< 2 for binary, 0 for regression */
    int outputs;  /**< numbers a prediction has: classes (probabilities), or 1 */
    int positive; /**< index of the positive class, binary only */
    const char *const *class_name;
    const double *y;            /**< [rows] value, or class index as a number */
    const int32_t *label;       /**< [rows] class index; NULL for regression */
    const double *fit_weight;   /**< [rows] sample x class weights, NULL = 1 */
    const double *score_weight; /**< [rows] sample weights, NULL = 1 */
    const struct asx_frame *frame;
    const struct asx_profile *profile;
    const struct asx_splits *splits;
    const struct asx_metric *metric;
    const int8_t *monotone; /**< [frame->columns], NULL = none */
    uint64_t seed;
    bool repeatable;    /**< law 4: nothing that shapes a score reads a clock or a thread count */
    struct asx_key key; /**< data + target + weights + splits */
};

#ifdef __cplusplus
}
#endif
#endif
