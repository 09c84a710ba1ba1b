/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file read.h
 * Files into frames: CSV and relatives, ARFF, libsvm/SVMlight.
 *
 * The format follows from the extension: .csv .tsv .txt are delimited text, .arff ARFF,
 * .libsvm .svm .svmlight sparse text; "-" is CSV on standard input. Input is streamed
 * through a small buffer, never mapped, so memory is that of the frame.
 *
 *     struct data_options o = {.byte_budget = 100u << 20};
 *     struct asx_frame *frame = NULL;
 *     asx_st st = data_read(&o, "train.csv", mem, sink, &frame, err);
 */
#ifndef ASSAY_DATA_READ_H
#define ASSAY_DATA_READ_H

#include "base/event.h"
#include "data/comma.h"
#include "data/frame.h"
#include "data/par.h"

enum data_header { DATA_HEADER_AUTO, DATA_HEADER_YES, DATA_HEADER_NO };

/** The type a column must have, whatever its cells look like. */
struct data_type {
    const char *name;
    enum asx_type type;
    int day_first;    /**< datetime: 0 find out, 1 MM/DD/YYYY, 2 DD/MM/YYYY */
    enum comma comma; /**< numeric: how numbers with commas are written; COMMA_NONE: find out */
};

/** What a read found and did. */
struct data_read_facts {
    uint64_t file_bytes; /**< bytes read (of one pass) */
    size_t rows_seen;    /**< data rows in the file */
    size_t rows_kept;    /**< rows in the frame */
    char delimiter;      /**< delimited text; 0 otherwise */
    bool header;         /**< names came from the file */
    int passes;          /**< times the file was read */
    size_t rounded;      /**< numeric columns stored as f32 for lack of memory */
    const char *format;  /**< "csv", "arff", "libsvm" */
    size_t blank_lines;  /**< skipped before the last row; those behind it are not counted */
};

/** All zero is the default. Borrowed for the time of the call. */
struct data_options {
    enum data_header header;
    char delimiter;                /**< 0: find out */
    const char *const *missing;    /**< words added to the defaults; NULL-terminated or NULL */
    const struct data_type *types; /**< overrides; a name that is not in the file is E_INVAL, unless `lenient` */
    size_t n_types;
    bool lenient; /**< new rows: overrides of absent columns are ignored, values that a boolean did not have are levels */
    const char *const *keep;   /**< only these columns are stored; NULL-terminated; NULL: all */
    const char *const *ignore; /**< these are not stored; NULL-terminated or NULL */
    const char *const *exact;  /**< numeric columns always stored as f64 (target, weights) */
    size_t max_rows;           /**< 0: all; more rows than that are sampled */
    uint64_t byte_budget;      /**< of the frame; 0: the account's limit only */
    uint64_t seed;             /**< of the row sample */
    struct data_par par;
    bool (*stop)(void *arg); /**< true: give up with ASX_STOPPED */
    void *stop_arg;
    struct data_read_facts *facts; /**< out; NULL: not wanted */
};

/** Missing words every format knows: empty, NA, N/A, NaN, nan, NULL, null, ? (NULL-terminated); nan also signed and in any case. */
extern const char *const data_missing_words[];

/**
 * Reads a file.
 *
 * Numbers are the nearest doubles of their decimal text, whatever the locale. A numeric column is stored as f32
 * where that loses nothing (whole numbers below 2^24), and in files above 32 MiB also where every value has at
 * most 6 significant digits; as f64 otherwise. When the frame would not fit the budget, first all numeric columns
 * become f32, then rows are sampled: row r is kept when hash(seed, r) is below a threshold, so that a smaller
 * sample is a subset of a larger one, independent of threads.
 *
 * @owns   *out is a sealed frame, the caller's reference
 * @errors E_IO: cannot be read; E_DATA with file, line and column: not a table (ragged row, NUL bytes, open quote,
 *         no rows, duplicate names, infinite numbers, ...); E_INVAL: options name what is not there;
 *         E_UNSUPPORTED: known formats that are not read (sparse ARFF, compressed files); ASX_STOPPED
 * @thread any; the same frame for any thread count
 */
asx_st data_read(const struct data_options *, const char *path, struct mem *, const struct event_sink *, struct asx_frame **out,
                 struct asx_err *);

/** As data_read for text in memory; `name` stands for the file in errors and its extension gives the format. */
asx_st data_read_text(const struct data_options *, const char *name, const void *text, size_t size, struct mem *,
                      const struct event_sink *, struct asx_frame **out, struct asx_err *);

/** Estimates from a file's size and its first 64 KiB. */
struct data_prescan {
    uint64_t file_bytes;  /**< 0: unknown (standard input) */
    double rows, columns; /**< estimated; columns of a sparse file are the largest index seen */
    double numeric;       /**< share of columns whose sampled cells are numbers */
    double cells;         /**< rows * columns, or stored cells of a sparse file */
    double frame_bytes;   /**< what the frame will hold without a budget */
};

/** Prices a read before it runs. Errors as data_read for what the sample shows (unreadable, empty, binary). "-" and pipes give zeros. */
asx_st data_prescan(const char *path, struct data_prescan *, struct asx_err *);

#endif
