/* SPDX-License-Identifier: Apache-2.0 */
/** @file json.h The few helpers Assay wants above jansson. Numbers are the shortest text that reads back the same; NaN and Inf become null. */
#ifndef ASSAY_BASE_JSON_H
#define ASSAY_BASE_JSON_H

#include <assay/ext/status.h>
#include <jansson.h>

json_t *json_number(double v);      /**< json null for NaN and Inf; whole numbers below 2^53 as integers */
double json_double(const json_t *); /**< NaN when it is no number */
/** Strict: duplicates refused, depth limited by jansson; the error names file (may be NULL), line and column. */
asx_st json_parse(const char *text, size_t size, const char *file, json_t **, struct asx_err *);
asx_st json_read(const char *path, json_t **, struct asx_err *);
/** Compact, keys in insertion order, shortest exact numbers; free with json_text_free. NULL when out of memory or for NULL. */
char *json_text(const json_t *);
/** Sorted keys: the canonical form that is hashed. */
char *json_canonical(const json_t *);
void json_text_free(char *); /**< of either, or of json_dumps; NULL is fine */

#endif
