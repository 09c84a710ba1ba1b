/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file datetime.h
 * Dates and times of day from text, as seconds since 1970-01-01 UTC.
 *
 * Forms: YYYY-MM-DD, YYYY/MM/DD, YYYY-MM, MM/DD/YYYY, DD/MM/YYYY (also with '-' or '.' between), each with an
 * optional time after a blank or 'T': HH:MM[:SS[.fraction]] [AM|PM] and an optional zone Z, +HH:MM, +HHMM or +HH.
 * Text without a zone is taken as UTC. The calendar is the proleptic Gregorian one.
 */
#ifndef ASSAY_DATA_DATETIME_H
#define ASSAY_DATA_DATETIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** What dates written with the year last can be read as. */
enum { DATE_MONTH_FIRST = 1, DATE_DAY_FIRST = 2 };

/**
 * Reads text[0..size). `order`: how to read 03/04/2015. Returns the orders under which the text is a date
 * (both bits where the order does not matter), 0 when it is none; *seconds only when `order` is among them.
 */
unsigned datetime_parse(const char *text, size_t size, unsigned order, double *seconds);

/** Days since 1970-01-01 of a civil date (H. Hinnant, chrono-compatible low-level date algorithms), and back. */
int64_t datetime_days(int64_t year, unsigned month, unsigned day);
void datetime_civil(int64_t days, int64_t *year, unsigned *month, unsigned *day);

/** "2015-04-03" or "2015-04-03T10:20:30" (a fraction of a second is cut); returns out. */
const char *datetime_format(double seconds, char out[40]);

#endif
