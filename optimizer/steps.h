/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file steps.h
 * Which preparation steps serve which columns: the one place that knows the rule.
 *
 * A step is a *candidate* for a column when it takes the column's type, serves the
 * learner's role, is not AFFINE (those act on the packed matrix, later) and finds the
 * column sensible (`fits`). Among candidates the higher `preference` wins, ties by name.
 */
#ifndef ASSAY_OPTIMIZER_STEPS_H
#define ASSAY_OPTIMIZER_STEPS_H

#include <assay/ext/registry.h>

/** Name of the choice parameter that governs columns of a type; boolean columns follow "categorical". */
const char *steps_group(enum asx_type);

/** Is this column a feature that preparation should see? */
bool steps_feature(const struct asx_problem *, size_t column);

/** Could the step serve columns of `type` for the learner, whatever the column? */
bool steps_serves(const struct asx_prep *, const struct asx_learner *, enum asx_type);

/** Is the step a candidate for this column? `column` -1: the sparse part. */
bool steps_candidate(const struct asx_prep *, const struct asx_learner *, const struct asx_problem *, int column);

/** The same where the step's `fits_param` is set to a value; NAN: it is not. */
bool steps_candidate_at(const struct asx_prep *, const struct asx_learner *, const struct asx_problem *, int column, double value);

/** Rank of a step as the default for a learner: `for_trees` or `preference`. */
int steps_preference(const struct asx_prep *, const struct asx_learner *);

/** The candidate of highest preference, or NULL: the column is left out for this learner. */
const struct asx_prep *steps_default(const struct asx_registry *, const struct asx_learner *, const struct asx_problem *,
                                     int column);

/** A registered step by name, or NULL. */
const struct asx_prep *steps_find(const struct asx_registry *, const char *name);

#endif
