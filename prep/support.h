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

/* ---- the frame of fit, transform and load ------------------------------------ */

/** The end of a fit or load: hands the state on when st is OK, else frees it; words E_NOMEM. Returns st. */
asx_st prep_state_end(const struct asx_prep *, void *state, asx_st st, struct asx_prep_state **out, struct asx_err *);

/** Fills a zeroed state (its first member a struct prep_head). E_NOMEM needs no message. */
typedef asx_st (*prep_fit_fn)(struct asx_exec *, const struct asx_prep_input *, void *state, struct asx_err *);
/** asx_prep.fit: a state of `size` bytes filled by fn; nothing is left behind when it fails. */
asx_st prep_fit_state(const struct asx_prep *, struct asx_exec *, const struct asx_prep_input *, size_t size, prep_fit_fn,
                      struct asx_prep_state **out, struct asx_err *);

/** Reads a zeroed state. A bad reader or E_NOMEM needs no message. */
typedef asx_st (*prep_load_fn)(struct asx_reader *, void *state);
/** asx_prep.load: a state of `size` bytes read by fn; nothing is left behind when it fails. */
asx_st prep_load_state(const struct asx_prep *, struct asx_reader *, struct mem *, size_t size, prep_load_fn,
                       struct asx_prep_state **out, struct asx_err *);

/** Makes a block of a frame's columns. E_NOMEM needs no message. */
typedef asx_st (*prep_fill_fn)(struct asx_exec *, const void *state, const struct asx_frame *, const int32_t *column,
                               struct asx_block *out, struct asx_err *);
/** asx_prep.transform for a state of `fitted` columns; an empty block when it fails. */
asx_st prep_transform_state(const struct asx_prep *, struct asx_exec *, const void *state, int fitted, const struct asx_frame *,
                            const int32_t *column, int columns, prep_fill_fn, struct asx_block *out, struct asx_err *);

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
/** The same for several columns of a frame. */
asx_st prep_need_stores(const struct asx_prep *, const struct asx_frame *, const int32_t *column, int columns, unsigned stores,
                        struct asx_err *);
/** Bit of a store for prep_need_store. */
#define PREP_STORE_BIT(store) (1u << (store))

/** Learns from input column j. E_NOMEM needs no message. */
typedef asx_st (*prep_column_fn)(struct asx_exec *, const struct asx_prep_input *, int j, void *state);
/** Calls fn for every input column whose store is one of `stores`, refusing others; asks exec->stop before each. */
asx_st prep_fit_columns(const struct asx_prep *, struct asx_exec *, const struct asx_prep_input *, unsigned stores, prep_column_fn,
                        void *state, struct asx_err *);

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

/** A level that occurs: its place in the column's dictionary, and its cells. */
struct prep_rank {
    uint64_t count;
    size_t level;
};

/**
 * Levels that occur in the training rows, the most frequent first; equal counts in the dictionary's (bytewise)
 * order, so that nothing hangs on the order of rows. `rank` comes from exec->scratch.
 */
asx_st prep_levels_rank(struct asx_exec *, const struct asx_prep_input *, const struct asx_column *, struct prep_rank **rank,
                        size_t *n, uint64_t *missing);

/** What prep_levels_make leaves out. */
enum { PREP_ABSENT = INT32_MIN };

/** The table of a column's dictionary: level i gets number to[i]. Names are copied into the state's arena. @shape to [c->levels] */
asx_st prep_levels_make(struct prep_levels *, void *state, const struct asx_column *c, const int32_t *to);
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
