/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file comma.h
 * Numbers with commas in them: decimal commas ("3,14", "1.234,5") and commas between thousands ("1,234.5").
 *
 * One text alone does not tell which it is ("1,234"): a column does, as a whole. The convention found in training is
 * kept with the model, so that new rows are read the same way.
 */
#ifndef ASSAY_DATA_COMMA_H
#define ASSAY_DATA_COMMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dict;

/** How numbers of a column are written. */
enum comma {
    COMMA_NONE,          /**< no commas; "find out" where a convention is asked for */
    COMMA_DECIMAL,       /**< 3,14 */
    COMMA_THOUSANDS,     /**< 1,234.5 */
    COMMA_DECIMAL_POINTS /**< 1.234,5 */
};

/** As number_parse, for a text written in this convention; a text without commas and a plain number is one in each of them. */
bool comma_parse(const char *text, size_t size, enum comma, double *value, uint32_t *flags);

/** Is the text a number with a comma in one of the conventions? */
bool comma_number(const char *text, size_t size);

/**
 * The convention under which all texts of a dictionary are numbers, at least one with a comma; COMMA_NONE when there is
 * none. Where both a decimal comma and thousands fit (one comma and three digits behind it, throughout), `ambiguous`.
 */
enum comma comma_convention(const struct dict *, enum comma ambiguous);

#endif
