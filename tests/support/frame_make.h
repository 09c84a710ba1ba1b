/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file frame_make.h
 * Frames, profiles, splits and problems made by hand, for tests. Everything is copied and
 * lives until frame_make_free; nothing here uses base/mem.h, so injected faults do not
 * reach it.
 *
 *     struct frame_make *f = frame_make_new(4);
 *     frame_make_f64(f, "x", (double[]){1, 2, NAN, 4});
 *     frame_make_strings(f, "colour", ASX_CATEGORICAL, (const char *[]){"red", NULL, "blue", "red"});
 *     const struct asx_problem *p = frame_make_problem(f, ASX_BINARY, (double[]){0, 1, 0, 1}, 2, 2);
 */
#ifndef ASSAY_TESTS_FRAME_MAKE_H
#define ASSAY_TESTS_FRAME_MAKE_H

#include <assay/ext/types.h>

struct frame_make;

struct frame_make *frame_make_new(size_t rows);
void frame_make_free(struct frame_make *);

/* Each returns the index of the column added. */
int frame_make_f64(struct frame_make *, const char *name, const double *cells);      /**< numeric */
int frame_make_f32(struct frame_make *, const char *name, const float *cells);       /**< numeric */
int frame_make_datetime(struct frame_make *, const char *name, const double *cells); /**< unix seconds */
/** Cells as text, NULL missing: a sorted dictionary and codes (boolean, categorical) or strings (text). */
int frame_make_strings(struct frame_make *, const char *name, enum asx_type, const char *const *cells);
/** Codes into a dictionary that must be sorted bytewise; -1 missing. */
int frame_make_codes(struct frame_make *, const char *name, enum asx_type, const int32_t *cells, const char *const *level,
                     size_t levels);
/** Sets frame->sparse from a dense [rows * cols] row-major array; zeros are absent. */
void frame_make_sparse(struct frame_make *, const float *cells, size_t cols);

/** The frame so far; columns added later show in it too. */
const struct asx_frame *frame_make_frame(struct frame_make *);
/** Facts as the profile gives them, computed plainly; every role is FEATURE. */
const struct asx_profile *frame_make_profile(struct frame_make *);
/**
 * A problem over the frame: y as given (class indices for classification, `classes` 0 for
 * regression), `folds` folds with row i held out in fold i % folds, no weights, no metric, seed 1.
 * It may be called again; the latest call's problem replaces the earlier one's.
 */
struct asx_problem *frame_make_problem(struct frame_make *, enum asx_task, const double *y, int classes, int folds);

#endif
