/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file support.h
 * What preparation steps share: parameters, memory of blocks and states, splitting over
 * rows, level tables and CSR building. Private to `prep/`.
 *
 * Ownership. A block's own memory is a list of pieces hung on `block->opaque` (raw blocks
 * have no other use for it), so one prep_block_free serves every step. A state's memory is
 * one arena, whose handle is the state's first member, so one prep_state_free serves every
 * step and no failure path frees anything by hand.
 */
#ifndef ASSAY_PREP_SUPPORT_H
#define ASSAY_PREP_SUPPORT_H

#include "base/err.h"
#include "base/mem.h"

#include <assay/ext/prep.h>

/** Rows a chunk: fixed, so that results do not depend on the thread count. */
enum { PREP_ROWS = 8192 };

/* ---- parameters ---------------------------------------------------------- */

/** Value of "<step>.<name>" in a config (NULL allowed), or the table's default. */
double prep_param(const struct asx_prep *, const struct asx_config *, const char *name);

/* ---- memory --------------------------------------------------------------- */

/** First member of every state. */
struct prep_head {
    struct arena *arena;
};

/** A zeroed state of `size` bytes in an arena of its own; NULL when out of memory. */
void *prep_state_create(struct mem *, size_t size);
void prep_state_free(struct asx_prep_state *);
/** n * size bytes of the state's arena, zeroed; NULL when out of memory. */
void *prep_state_alloc(void *state, size_t n, size_t size);

/** n * size bytes that live as long as the block; not zeroed; NULL when out of memory. Serial code only. */
void *prep_block_alloc(struct asx_exec *, struct asx_block *, size_t n, size_t size);
/** asx_prep.free_block of every step: frees what prep_block_alloc gave and clears the block. */
void prep_block_free(struct asx_block *);

/** E_NOMEM with a message that names the step. */
asx_st prep_nomem(const struct asx_prep *, struct asx_err *);

/* ---- splitting ------------------------------------------------------------ */

static inline size_t prep_chunks(size_t rows)
{
    return (rows + PREP_ROWS - 1) / PREP_ROWS;
}

/** First row past chunk c. */
static inline size_t prep_chunk_end(size_t chunk, size_t rows)
{
    size_t end = (chunk + 1) * PREP_ROWS;
    return end < rows ? end : rows;
}

/** One piece of work of a split; a failure stops the pieces that have not begun. */
typedef asx_st (*prep_piece_fn)(void *arg, size_t piece, int worker);

/**
 * Runs fn over pieces 0..n-1 through exec->split, asking exec->stop before each.
 * Returns the first failure by piece number (ASX_STOPPED when stopped), else ASX_OK.
 */
asx_st prep_run(struct asx_exec *, size_t n, prep_piece_fn fn, void *arg);

/* ---- cells ------------------------------------------------------------------ */

/** Refuses a column that is not of a store the step reads (a frame read with other types than at fitting). */
asx_st prep_need_store(const struct asx_prep *, const struct asx_column *, unsigned stores, struct asx_err *);
/** Bit of a store for prep_need_store. */
#define PREP_STORE_BIT(store) (1u << (store))

/** Refuses a number of columns that differs from the one fitted. */
asx_st prep_need_columns(const struct asx_prep *, int fitted, int given, struct asx_err *);

/* ---- levels ------------------------------------------------------------------- */

/**
 * What was learned about the levels of one column: names sorted bytewise, each with
 * a number the step gives a meaning to. Unseen levels are those not listed.
 */
struct prep_levels {
    size_t n;
    const char **name; /**< [n] */
    int32_t *to;       /**< [n] */
};

/**
 * Counts cells a level over `rows` (NULL: all). count[0] are missing cells, count[1 + code] levels.
 * @shape count [column->levels + 1]
 */
void prep_level_counts(const struct asx_column *, const uint32_t *rows, size_t n_rows, uint64_t *count);

/** Allocates a table for n levels in the state's arena. */
asx_st prep_levels_init(struct prep_levels *, void *state, size_t n);
/** Copies a name into entry i. */
asx_st prep_levels_set(struct prep_levels *, void *state, size_t i, const char *name, int32_t to);
/** Number of a level, or `unseen`. */
int32_t prep_levels_find(const struct prep_levels *, const char *name, int32_t unseen);
/**
 * The table for a column's own dictionary: map[1 + code] is the number of that level, `unseen`
 * for levels not listed; map[0] = missing. From `arena`; NULL when out of memory.
 */
int32_t *prep_levels_map(const struct prep_levels *, const struct asx_column *, int32_t unseen, int32_t missing, struct arena *);
void prep_levels_save(const struct prep_levels *, struct asx_writer *);
/** Reads a table; `to` outside [low, high] or names out of order make the reader bad. E_NOMEM when out of memory. */
asx_st prep_levels_load(struct prep_levels *, void *state, struct asx_reader *, int32_t low, int32_t high);

/** Column facts, or NULL when the problem has no profile. */
const struct asx_column_facts *prep_facts(const struct asx_problem *, int column);
/** Distinct present cells of a column: the profile's count, else the dictionary's size. */
double prep_distinct(const struct asx_problem *, const struct asx_frame *, int column);

/* ---- blocks --------------------------------------------------------------------- */

/** Sets rows, cols, key and layout; for COLUMNS also allocates `col`. */
asx_st prep_block_init(struct asx_exec *, struct asx_block *, enum asx_layout, size_t rows, size_t cols);
/**
 * Allocates names, kinds and sources. The arrays are writable until the block is handed on.
 * names may be NULL (not wanted).
 */
asx_st prep_block_describe(struct asx_exec *, struct asx_block *, const char ***names, uint8_t **kind, int32_t **source);
/** "column" + glue + "part" in the block's memory; NULL when out of memory. */
const char *prep_block_name(struct asx_exec *, struct asx_block *, const char *column, const char *glue, const char *part);

/**
 * Stored cells of one row. With index NULL only counts; else writes indices ascending and values.
 * @return number of stored cells; equal in both modes
 */
typedef size_t (*prep_row_fn)(const void *arg, size_t row, int32_t *index, float *value);

/** Fills block->csr row by row in parallel: one pass counts, one writes. */
asx_st prep_block_csr(struct asx_exec *, struct asx_block *, prep_row_fn, const void *arg);

#endif
