/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file target.h
 * What task kinds share, and how a target is let go.
 *
 * Every array of `struct asx_target` is one block from the `mem` it was made with;
 * `class_name` holds its strings in the same block.
 *
 *     asx_st st = kind->target(frame, column, positive, mem, &target, err);
 *     ...
 *     target_clear(&target);
 */
#ifndef ASSAY_TASKS_TARGET_H
#define ASSAY_TASKS_TARGET_H

#include <assay/ext/kind.h>

enum { TARGET_MAX_CLASSES = 10000 };

/** Frees the arrays and zeroes the struct; fine on a zeroed one. */
void target_clear(struct asx_target *);

/** A cell as text: borrowed from the frame, or written to `buf` (numbers, shortest form that reads back). */
const char *target_text(const struct asx_column *, size_t row, char *buf, size_t size, size_t *length);

/** Is the cell missing? */
bool target_missing(const struct asx_column *, size_t row);

/** Reads a whole word as a number; false when anything is left over, or it is not finite. */
bool target_number(const char *text, size_t length, double *out);

/**
 * Fills `row` and `rows` with the rows whose target is present and allocates `y`.
 * E_DATA when none is, or the column does not exist.
 */
asx_st target_rows(const struct asx_frame *, int column, struct mem *, struct asx_target *, struct asx_err *);

#endif
