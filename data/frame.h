/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file frame.h
 * Owned frames: building, sharing and cutting `struct asx_frame`.
 *
 * A frame is built by adding columns, then sealed, which computes its content key and
 * makes it immutable. Frames are reference-counted; the count is atomic, so any thread may
 * get and put. Names are unique within a frame.
 *
 *     struct asx_frame *f = frame_create(mem, 3);
 *     st = frame_add_f64(f, "age", ASX_NUMERIC, (double[]){31, NAN, 7}, err);
 *     if (!st) st = frame_add_str(f, "city", FRAME_INFER, (const char *[]){"Rome", NULL, "Oslo"}, err);
 *     if (!st) st = frame_seal(f, err);
 *     ...
 *     frame_put(f);
 */
#ifndef ASSAY_DATA_FRAME_H
#define ASSAY_DATA_FRAME_H

#include "base/mem.h"
#include "data/comma.h"
#include <assay/ext/status.h>
#include <assay/ext/types.h>

/** In place of a type: find it out from the cells (data/infer.h). */
#define FRAME_INFER ASX_TYPES

/** An empty frame with one reference; NULL when out of memory. All its memory is charged to `mem`. */
struct asx_frame *frame_create(struct mem *mem, size_t rows);
/** One more reference; returns its argument. */
const struct asx_frame *frame_get(const struct asx_frame *);
/** One reference less; the last one frees the frame. NULL is fine. */
void frame_put(const struct asx_frame *);

/* ---- adding columns: before frame_seal only; arrays are copied ------------------ */
/* Errors: E_DATA for a name that is there already; E_NOMEM. A failed add leaves the frame as it was. */

/** @shape v [rows]; NaN is missing, infinite is E_DATA. `type` ASX_NUMERIC or ASX_DATETIME (seconds since 1970 UTC). */
asx_st frame_add_f64(struct asx_frame *, const char *name, enum asx_type type, const double *v, struct asx_err *);
/** @shape v [rows]; whole numbers beyond 2^53 lose their last digits, as doubles do. */
asx_st frame_add_i64(struct asx_frame *, const char *name, const int64_t *v, struct asx_err *);
/**
 * @shape v [rows]; NULL is missing
 * `type` FRAME_INFER, or the type wanted: a cell that does not fit it is E_DATA, naming cell and row.
 * The words that mean "missing" in files mean nothing here: only NULL is missing.
 */
asx_st frame_add_str(struct asx_frame *, const char *name, enum asx_type type, const char *const *v, struct asx_err *);
/** @shape code [rows], -1 missing, below `levels`; level [levels] in any order, without doubles. BOOLEAN or CATEGORICAL. */
asx_st frame_add_codes(struct asx_frame *, const char *name, enum asx_type type, const int32_t *code, const char *const *level,
                       size_t levels, struct asx_err *);
/**
 * Adds a column whose arrays the caller made with mem_alloc: the frame takes them (f64, f32, code, offset, bytes,
 * missing; `level` as one mem block of pointers, its strings in the block `level_bytes`, may be NULL when they are
 * inside the same block). `name` is copied. They are freed on failure too.
 */
asx_st frame_take(struct asx_frame *, const struct asx_column *, char *level_bytes, struct asx_err *);
/** Takes the three arrays of `csr` (mem blocks) as frame->sparse, on failure too. rows must agree. */
asx_st frame_take_sparse(struct asx_frame *, const struct asx_csr *csr, struct asx_err *);

/** Computes the content key; no column can be added afterwards. */
asx_st frame_seal(struct asx_frame *, struct asx_err *);

/* ---- using frames --------------------------------------------------------------- */

/** Position of the column of that name, or -1. */
int frame_find(const struct asx_frame *, const char *name);
/** The same, looking at column `hint` first and at those after it: columns looked up in their order are found at once. */
int frame_find_near(const struct asx_frame *, const char *name, size_t hint);
/** As frame_find, but E_INVAL naming the nearest column when it is not there; *at is its position. */
asx_st frame_require(const struct asx_frame *, const char *name, int *at, struct asx_err *);

/** Is this cell missing? Any store. */
bool frame_missing(const struct asx_column *, size_t row);
/** Cells of a column that are missing. */
size_t frame_count_missing(const struct asx_column *, size_t rows);

/**
 * The rows row[0..n) in that order (repeats allowed), sealed. All rows in order: another reference to `from`,
 * nothing copied. Dictionaries are shared with `from`, so levels keep their codes.
 */
asx_st frame_take_rows(const struct asx_frame *from, const uint32_t *row, size_t n, struct mem *, struct asx_frame **out,
                       struct asx_err *);
/** A view with the columns column[0..n) in that order, sealed; it holds a reference to `from`. frame->sparse is kept. */
asx_st frame_select(const struct asx_frame *from, const int32_t *column, size_t n, struct mem *, struct asx_frame **out,
                    struct asx_err *);

/**
 * A view of the columns of `x` and, last, the first column of `y` under `name` (NULL: its own); the rows must agree. It holds
 * references to both; x->sparse is kept. E_DATA when x has a column of that name.
 */
asx_st frame_beside(const struct asx_frame *x, const struct asx_frame *y, const char *name, struct mem *, struct asx_frame **out,
                    struct asx_err *);

/** Were the days of this datetime column written before the months (DD/MM/YYYY)? */
bool frame_day_first(const struct asx_frame *, int column);
void frame_set_day_first(struct asx_frame *, int column, bool);
/** How the numbers of this column were written. */
enum comma frame_comma(const struct asx_frame *, int column);
void frame_set_comma(struct asx_frame *, int column, enum comma);

/** Bytes the frame holds in memory. */
uint64_t frame_bytes(const struct asx_frame *);

/** "numeric", "boolean", ...; and back: false when the word is none of them. */
const char *frame_type_name(enum asx_type);
bool frame_type_parse(const char *word, enum asx_type *);

/**
 * Text of a cell: a level, a text, a number (shortest form that reads back the same), an ISO date; NULL when missing.
 * `buffer` is used where the text is not stored; text cells are cut to it and NUL-terminated.
 */
const char *frame_cell(const struct asx_column *, size_t row, char *buffer, size_t size);

#endif
