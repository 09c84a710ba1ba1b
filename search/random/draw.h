/* SPDX-License-Identifier: Apache-2.0 */
/** @file draw.h Points of a conditional space: defaults, from JSON, at random, near another point; and their keys. */
#ifndef ASSAY_SEARCH_RANDOM_DRAW_H
#define ASSAY_SEARCH_RANDOM_DRAW_H

#include "base/rng.h"

#include <assay/ext/learner.h>

/** All parameters at their default. */
void draw_default(const struct asx_learner *, const struct asx_space *, struct asx_config *);
/** Default with the values of a JSON object; what the space does not know or allow is ignored. False when it is no object. */
bool draw_json(const char *text, const struct asx_learner *, const struct asx_space *, struct asx_config *);
/** Uniform on each parameter's own scale; `fixed` parameters (counts of rounds, as a rule) stay at their default. */
void draw_random(const struct asx_learner *, const struct asx_space *, struct rng *, struct asx_config *);
/** About 1.5 parameters of `near` changed: a normal step of a fifth of the range, or another choice. */
void draw_near(const struct asx_config *near, struct rng *, struct asx_config *);
/** Parameters that are searched. */
int draw_dimensions(const struct asx_space *);
/** Equal exactly for configs that mean the same: learner and active parameters. */
struct asx_key draw_key(const struct asx_config *);

#endif
