/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file number.h
 * Decimal text to the nearest double, fast and whatever the locale.
 *
 * Three tiers: exact small integers and powers of ten (Clinger, How to Read Floating Point Numbers Accurately,
 * PLDI 1990); one or two 64 x 64 bit products (Lemire 2021, after Eisel); the C library's strtod in the "C"
 * locale for what neither can decide (more than 19 digits, extreme exponents, exact ties).
 */
#ifndef ASSAY_DATA_NUMBER_H
#define ASSAY_DATA_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** What the text of a number was like; bits of a column's cells are or-ed together. */
enum {
    NUMBER_FRACTION = 1,   /**< not a whole number below 2^24: f32 does not hold it exactly */
    NUMBER_LONG = 2,       /**< a fraction of more than 6 significant digits, or outside 1e-30..1e30 */
    NUMBER_LEAD0 = 4,      /**< digits only, more than one, the first a zero ("007") */
    NUMBER_NOT_DIGITS = 8, /**< something beside digits: sign, point, exponent */
    NUMBER_INFINITE = 16,  /**< an infinity, in words or by overflow */
    NUMBER_WIDTH = 32      /**< NUMBER_WIDTH << min(bytes, 26): how long the text was */
};

/** Bits of widths; more than one set means cells of different lengths. */
#define NUMBER_WIDTHS(flags) ((flags) & ~(uint32_t)(NUMBER_WIDTH - 1))

/**
 * Reads a number at p: [+-] digits [. digits] [(e|E) [+-] digits], at least one digit before the exponent.
 * Returns the first byte behind it, or NULL when there is no number. The text must be followed by readable bytes, the
 * first of which ends the number (a delimiter, a line end, NUL), and 8 more that may be anything.
 */
const char *number_scan(const char *p, double *value, uint32_t *flags);

/** As number_scan for exactly text[0..size), any bytes behind it; also reads inf and infinity (any case, signed) as infinite. */
bool number_parse(const char *text, size_t size, double *value, uint32_t *flags);

/** The double nearest to the shortest decimal (at most 6 digits) that rounds to this f32: undoes the storing of such numbers. */
double number_from_f32(float);

#endif
