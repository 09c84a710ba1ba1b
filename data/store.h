/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file store.h
 * Columns growing while a file is read: number or dictionary stores, within a budget of bytes and rows.
 *
 * Row r is kept while hash(seed, r) < threshold. Lowering the threshold drops some of the rows kept so far and none else,
 * so the sample is what it would have been with the last threshold from the start.
 */
#ifndef ASSAY_DATA_STORE_H
#define ASSAY_DATA_STORE_H

#include "base/rng.h"
#include "data/csv.h"
#include "data/dict.h"

struct store_column {
    enum csv_mode mode;
    bool exact;     /* numbers are never rounded to f32 */
    bool failed;    /* a number column met words: to be read again */
    bool done;      /* complete since an earlier pass */
    bool wide;      /* numbers are in f64 */
    uint32_t flags; /* of all numbers seen */
    size_t n, capacity;
    float *f32;
    double *f64;
    int32_t *code;
    struct dict dict;
};

struct store {
    struct mem *mem;
    struct store_column *column;
    size_t columns;
    struct rng rows;
    uint64_t threshold;     /* UINT64_MAX: all rows */
    size_t seen, kept;      /* in this pass */
    size_t total;           /* rows of a finished pass */
    size_t max_rows;        /* 0: none */
    uint64_t budget;        /* 0: none */
    double expected;        /* rows of the file; 0: unknown */
    bool narrow;            /* short decimals may be f32 */
    enum comma comma_guess; /* what "1,234" is: by what stands between cells */
    bool rounded;           /* all decimals are f32 for lack of memory */
    size_t rounded_columns;
};

asx_st store_init(struct store *, const struct data_options *, struct mem *, size_t columns, struct asx_err *);
void store_clear(struct store *);
/** Appends the rows of parsed pieces, in order; columns in parallel. `slot_of[j]` is the slot of column j in the pieces. */
asx_st store_append(struct store *, const struct data_par *, const char *window, const struct csv_piece *, size_t pieces,
                    const struct csv_spec *spec, struct asx_err *);
/** Ends a pass: columns read so far are complete. */
void store_pass(struct store *);
/** Bytes held. */
uint64_t store_bytes(const struct store *);
/**
 * Turns all columns into frame columns (types found out or as wanted) and adds them in order. The stores are emptied.
 * Words go through infer_column, in parallel.
 */
asx_st store_finish(struct store *, const struct data_options *, const struct data_par *, const char *file, char *const *name,
                    const struct event_sink *, struct asx_frame *, struct asx_err *);

#endif
