/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file pipeline.h
 * Pipelines: the space of a learner with its preparation, and the recipe a config stands for.
 */
#ifndef ASSAY_OPTIMIZER_PIPELINE_H
#define ASSAY_OPTIMIZER_PIPELINE_H

#include <assay/ext/registry.h>
#include <jansson.h>

struct mem;

/** A restriction of one parameter, from `search.space`: fixed (n == 1), choices (n > 1) or a range (n == 0). */
struct opt_restriction {
    const char *learner, *param;
    int n;
    const double *value; /**< for CHOICE parameters: indices */
    double low, high;
    bool log;
};

/**
 * Space of a learner on a problem: one CHOICE parameter per column type present for which more than one
 * step fits ("categorical": onehot|target|hash), the parameters of those steps as "<step>.<param>" with
 * only_if "categorical=<step>", the AFFINE steps' parameters ("impute.strategy", "scale.kind"), then the learner's own.
 * `problem` NULL: all steps that could fit (for checking specs and `assay learners`).
 */
asx_st opt_space_make(const struct asx_registry *, const struct asx_problem *, const struct asx_learner *,
                      const struct opt_restriction *, int restrictions, struct mem *, struct asx_space **, struct asx_err *);
void opt_space_free(struct asx_space *);
/** How many columns none of the steps fits that restriction `of` names for their type, and the first: their default serves them. */
size_t opt_restriction_unserved(const struct asx_registry *, const struct asx_problem *, const struct asx_learner *,
                                const struct opt_restriction *, int restrictions, const struct opt_restriction *of, size_t *first);

/** All defaults; inactive parameters at their default. */
void opt_config_default(const struct asx_learner *, const struct asx_space *, struct asx_config *);
/** From JSON text such as a learner's `first` entries; unknown or inactive keys are ignored, values clamped into the space. */
asx_st opt_config_from_json(const char *json, const struct asx_learner *, const struct asx_space *, struct asx_config *,
                            struct asx_err *);
/** Active parameters, those left out that could not be otherwise (a spec's single value is told), as a JSON object (choices by name). Canonical text of it is hashed. */
json_t *opt_config_json(const struct asx_config *);
struct asx_key opt_config_key(const struct asx_config *);
/** One step of a recipe, applied to some columns. */
struct opt_part {
    const struct asx_prep *prep;
    const int32_t *column;
    int columns;
    struct asx_key key; /**< step, version, its parameters, columns; not the fold or data */
};

/** What a config's preparation is: parts side by side (sorted by type, then step), then AFFINE steps in order. */
struct opt_recipe {
    int parts, affines;
    struct opt_part *part;
    const struct asx_prep *affine[4];
    struct asx_key affine_key; /**< AFFINE steps and their parameters */
};

asx_st opt_recipe_make(const struct asx_registry *, const struct asx_problem *, const struct asx_config *, struct mem *,
                       struct opt_recipe **, struct asx_err *);
void opt_recipe_free(struct opt_recipe *);

#endif
