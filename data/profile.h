/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file profile.h
 * What a frame's columns are like: the facts that planning and `assay profile` need.
 *
 * Roles are decided without looking at the target; only `struct profile_target` and the
 * flag `predicts_target` use it (they lead to warnings, never to leaving a column out).
 *
 *     struct profile *p = NULL;
 *     st = profile_make(frame, frame_find(frame, "income"), &par, 0, mem, &p, err);
 *     problem.profile = &p->facts;
 */
#ifndef ASSAY_DATA_PROFILE_H
#define ASSAY_DATA_PROFILE_H

#include "base/file.h"
#include "data/frame.h"
#include "data/par.h"
#include <jansson.h>

enum { PROFILE_TOP = 5 };

/** One of the most frequent values. */
struct profile_top {
    char *text;
    size_t count;
};

/** What is known of a column beside struct asx_column_facts. */
struct profile_column {
    struct profile_top top[PROFILE_TOP]; /**< by count descending, then by value; text NULL ends the list */
    int duplicate_of;                    /**< role DUPLICATE: the earlier equal column; else -1 */
    int missing_with;                    /**< column its missingness depends on most, or -1 */
    double missing_strength;             /**< Cramer's V with it, 0..1 */
    const char *missingness;             /**< the note; NULL when no cell is missing */
    char *missingness_text;              /**< owner of the note when it was made for this column */
    double predicts_target; /**< share of target variation this feature alone explains on held-out rows, 0..1; NaN unknown */
};

/** Facts about the target. */
struct profile_target {
    int column; /**< -1: none named */
    size_t missing;
    size_t classes;        /**< distinct values */
    double minority;       /**< share of the rarest class, when there are at most 100 classes; else NaN */
    bool looks_regression; /**< numeric with many distinct values */
    bool looks_classes;    /**< few distinct values, or not a number */
};

/** A feature of a sparse table. */
struct profile_feature {
    char name[16];
    struct asx_column_facts facts;
    struct profile_column more;
};

struct profile {
    struct asx_profile facts;      /**< facts.column [frame->columns]; roles are FEATURE, CONSTANT, DUPLICATE, ID, TARGET */
    struct profile_column *column; /**< [columns] */
    struct profile_target target;
    size_t columns, rows;
    struct profile_feature *feature; /**< [features] of a sparse table: those that some row has; not with PROFILE_QUICK */
    size_t features;
    struct asx_column_facts *own; /**< storage of facts.column */
};

/** From this share on, a feature that explains the target alone is worth a warning. */
#define PROFILE_PREDICTS 0.98

/** Flags of profile_make. */
enum {
    PROFILE_QUICK = 1 /**< for runs: no top values, no missingness notes, no features of sparse tables */
};

/**
 * Profiles a frame.
 * - distinct: exact to 2^16 values, then estimated (a bottom-k sketch of 64-bit hashes, k = 4096, about 1.6 %);
 * - constant: at most one distinct value and nothing missing, or nothing present at all;
 * - duplicate: cell for cell equal to an earlier column of the same type;
 * - ID-like: categories all but distinct (no repeats, at least 20 rows, not text), or whole numbers, none missing
 *   or repeated (20 rows at least), that fill two thirds of their range: row numbers, whole or sampled, in any order.
 *
 * An op that is told to stop gets ASX_STOPPED within a column; once all facts are there, what is left are notes
 * (predicts_target, missingness), which are then left unknown.
 *
 * @owns   *out is the caller's: profile_free; borrows nothing of `frame` afterwards
 * @cost   one pass a column, columns in parallel
 */
asx_st profile_make(const struct asx_frame *, int target, const struct data_par *, unsigned flags, struct mem *,
                    struct profile **out, struct asx_err *);
void profile_free(struct profile *);

/** The JSON of `assay profile --json`; NULL when out of memory. The caller owns the reference. */
json_t *profile_json(const struct profile *, const struct asx_frame *);
/** The table of `assay profile`. */
void profile_text(const struct profile *, const struct asx_frame *, struct text *out);

#endif
