/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file infer.h
 * From a dictionary of cell texts to a typed column.
 *
 * Readers and frame_add_str collect the cells of a column that is not all numbers as codes into a dictionary; this
 * module decides what such a column is, and stores it that way. The rules, in order:
 *
 *   numeric      every present cell is a number (a reader finds out by itself), but not when all cells are digits of one
 *                width and one begins with 0 (postal codes): these are categorical
 *                or every present cell is a number with a decimal comma, or with commas between thousands (data/comma.h)
 *   datetime     every distinct cell is a date (data/datetime.h) under one order of day and month; where both orders
 *                fit, the month comes first
 *   boolean      two distinct cells (or one) that are a known pair in any case: true/false, yes/no, t/f, y/n, on/off
 *   text         at least 3 words a cell on average and at least half of the present cells distinct (20 at least), or
 *                at least 8 words and a tenth distinct
 *   categorical  the rest, whatever the number of levels
 *
 * Integer codes are numeric: nothing in the cells tells a code from a count. `data.types` says otherwise.
 */
#ifndef ASSAY_DATA_INFER_H
#define ASSAY_DATA_INFER_H

#include "data/comma.h"
#include "data/dict.h"
#include <assay/ext/status.h>
#include <assay/ext/types.h>

/** Cells as collected. `code` is -1 where missing. Both are consumed by infer_column, on failure too. */
struct infer_input {
    const char *name; /**< for errors; not copied */
    const char *file; /**< for errors; NULL: none */
    struct dict *dict;
    int32_t *code; /**< [rows], a mem block */
    size_t rows;
    enum asx_type type; /**< wanted, or ASX_TYPES: infer */
    bool lenient;  /**< new rows of known columns: a boolean may have more values, which no model knows, and is categorical then */
    int day_first; /**< 0 find out, 1 month first, 2 day first */
    enum comma comma; /**< numbers: known convention, or COMMA_NONE: find out */
    enum comma guess; /**< where it is ambiguous; COMMA_NONE: numbers with commas are words */
    struct mem *mem;
};

struct infer_output {
    struct asx_column column; /**< arrays are mem blocks of the caller; name as given */
    char *level_bytes;        /**< storage of the levels' texts, or NULL */
    bool day_first;
    enum comma comma; /**< numbers have commas */
    /** A categorical column that is numeric but for at most three words (less than 2 % of cells): one of them; else NULL.
        Lies in level_bytes. */
    const char *stray;
};

/** @errors E_DATA: a cell does not fit the type wanted (cell, data row and column are named); E_NOMEM */
asx_st infer_column(struct infer_input *, struct infer_output *, struct asx_err *);

/** What infer_column would choose, by the rules above. `rows`: present cells; `words`: mean words of a present cell. */
enum asx_type infer_type(const struct dict *, const int32_t *code, size_t rows, int *day_first, enum comma guess,
                         enum comma *comma);

/** Words of a text: runs of bytes between blanks. */
size_t infer_words(const char *text, size_t size);

#endif
