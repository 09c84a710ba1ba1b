/* SPDX-License-Identifier: Apache-2.0 */
/** @file err.h Filling and showing the error record of <assay/ext/status.h>. */
#ifndef ASSAY_BASE_ERR_H
#define ASSAY_BASE_ERR_H

#include <assay/ext/status.h>
#include <stddef.h>

/** Fills the record (unless it already holds an error, or is NULL) and returns `code`. */
asx_st err_set(struct asx_err *err, asx_st code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/** As err_set, with a place: 1-based line and column, 0 for none. */
asx_st err_at(struct asx_err *err, asx_st code, const char *file, int line, int column, const char *fmt, ...)
    __attribute__((format(printf, 6, 7)));

/** Adds a place to a record that has none. */
void err_place(struct asx_err *err, const char *file, int line, int column);

/** Says which key of the task spec the error comes from, unless that is known; `key` is a literal. */
void err_key(struct asx_err *err, const char *key);

/** "FILE:LINE:COLUMN: text", without the parts that are unknown. Returns out. */
const char *err_format(const struct asx_err *err, char *out, size_t size);

/** Exit status of the command line for a code (0, 1, 2 or 3), and its text. */
int err_exit_status(asx_st code);
const char *err_text(asx_st code);

/** The candidate nearest to `word` (edit distance at most a third of its length), or NULL. */
const char *err_nearest(const char *word, const char *const *candidates, size_t n);

#endif
