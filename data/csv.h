/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file csv.h
 * The parts of reading delimited text. Used by the readers only.
 *
 *   csv_sniff   looks at the beginning: delimiter, header, names, which columns hold words
 *   csv_parse   one piece of whole records -> cells, column by column (pieces run in parallel)
 *   store       cells -> columns of the frame, with the memory budget and the row sample
 *   csv_read    windows of the file through parse and store; a second pass where a column turned out to hold words
 */
#ifndef ASSAY_DATA_CSV_H
#define ASSAY_DATA_CSV_H

#include "data/number.h"
#include "data/read.h"
#include "data/scan.h"
#include "data/source.h"

/** Readable bytes that must lie behind the end of every buffer that is scanned; the first is a line feed. */
enum { SCAN_PAD = 32 };

/* ---- sniffing --------------------------------------------------------------------- */

struct csv_layout {
    char delimiter;
    bool header;
    size_t columns;
    char **name;          /**< [columns] */
    uint8_t *words;       /**< [columns] the sample holds a cell that is no number, or digits that are codes */
    uint8_t *commas;      /**< [columns] numbers with commas, and plain ones, are all that the sample holds */
    uint32_t *flags;      /**< [columns] NUMBER_ flags of the sample's numbers */
    size_t first_row;     /**< where the first data record begins in the sample */
    size_t first_line;    /**< its line, from 1 */
    double bytes_per_row; /**< of the sample's data records; 0: none */
    size_t sample_rows;
};

/**
 * Looks at sample[0..n) (behind it a line feed and SCAN_PAD bytes). `whole`: the sample is the whole file; else its last
 * record may be cut and is left out. *enough is false when the sample holds no complete data record: try a longer one.
 */
asx_st csv_sniff(const struct data_options *, const char *file, const char *sample, size_t n, bool whole, struct mem *,
                 struct csv_layout *, bool *enough, struct asx_err *);
void csv_layout_clear(struct csv_layout *);

/** Refuses what is no text at all: NUL bytes, UTF-16, compressed files, lines ending in CR alone. */
asx_st csv_check_text(const char *file, const char *sample, size_t n, bool first, struct asx_err *);

/* ---- parsing ---------------------------------------------------------------------- */

/** Blank lines that are no rows: those before a row shift it against its line, those at the end shift nothing. */
struct blank_lines {
    size_t skipped, pending;
};
static inline void blank_lines_row(struct blank_lines *b)
{
    b->skipped += b->pending;
    b->pending = 0;
}

enum csv_mode { CSV_SKIP, CSV_NUMBER, CSV_WORDS };

/** A cell of words as an offset into the window and a size; or a double: 8 bytes either way. */
#define CSV_MISSING UINT64_MAX
#define CSV_DOUBLED ((uint64_t)1 << 63)

/** What parsing needs to know of a column. */
struct csv_spec {
    enum csv_mode mode;
    bool must;   /**< a cell that is no number is an error */
    size_t slot; /**< position among the columns that are stored in this pass */
};

/** An infinite number met in a column (an error only when the column turns out to be numeric). */
struct csv_place {
    size_t column;
    size_t offset;
};

enum { CSV_PLACES = 16 };

struct csv_piece {
    const char *begin, *end; /**< whole records; *end is a line feed or the beginning of the next piece */
    size_t line_feeds;       /**< in begin..end */
    size_t capacity, rows;   /**< room for rows; rows found */
    struct blank_lines blank;
    uint64_t *cells; /**< [slots * capacity], column by column */
    uint32_t *flags; /**< [slots] or-ed NUMBER_ flags */
    uint8_t *words;  /**< [slots] a number column met a word */
    struct csv_place infinite[CSV_PLACES];
    int infinites;
    const char *bad; /**< where the first error is; NULL: none */
    char message[400];
};

struct csv_parse {
    const char *window; /**< offsets are relative to this */
    char delimiter;
    size_t columns;
    const struct csv_spec *spec;
    const struct missing_words *missing;
    char *const *name;
};

/** Parses a piece into its arrays; stops at the first error. @thread any, one piece each */
void csv_parse_piece(const struct csv_parse *, struct csv_piece *);

/** Line and column (from 1) of a byte, counted from the window's first line. */
void csv_place_of(const char *window, size_t first_line, const char *at, int *line, int *column);

/* ---- reading ---------------------------------------------------------------------- */

asx_st csv_read(const struct data_options *, struct source *, struct mem *, const struct event_sink *, struct asx_frame **,
                struct data_read_facts *, struct asx_err *);
asx_st arff_read(const struct data_options *, struct source *, struct mem *, const struct event_sink *, struct asx_frame **,
                 struct data_read_facts *, struct asx_err *);
asx_st libsvm_read(const struct data_options *, struct source *, struct mem *, const struct event_sink *, struct asx_frame **,
                   struct data_read_facts *, struct asx_err *);

/** Options with the lengths of their lists. */
struct data_wishes {
    const struct data_options *o;
    size_t keep, ignore, exact;
};
struct data_wishes data_wishes_of(const struct data_options *);
/* Is this column stored (options.keep, options.ignore)? The override of its type, or NULL. Is it always stored as f64?
 * `column`: the name's position in the file. Lists in the file's order are searched at once, whatever their length. */
bool data_wanted(const struct data_wishes *, const char *name, size_t column);
const struct data_type *data_type_of(const struct data_options *, const char *name, size_t column);
bool data_exact(const struct data_wishes *, const char *name, size_t column);
/** E_INVAL when an override or `ignore` names no column (with the nearest name), unless lenient. */
asx_st data_check_names(const struct data_options *, const char *file, char *const *name, size_t columns, struct asx_err *);

#endif
