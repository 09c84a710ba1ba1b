/* SPDX-License-Identifier: Apache-2.0 */
/** @file final.h What follows the search: ensemble, refit, test, model. */
#ifndef ASSAY_ENGINE_FINAL_H
#define ASSAY_ENGINE_FINAL_H

#include "engine/run.h"

/** Marks configs that others of their learner went past as pruned. Counts them. */
void final_prune(struct run *);
/** Fills r->candidate: scored on all folds, not pruned, best first. Of those without models, as many as `refit_s` seconds fit again. */
asx_st final_candidates(struct run *, double refit_s, struct asx_err *);
/**
 * Selects an ensemble while the search may still go on, so that the final steps are priced for the configs they will meet.
 * Answers whether that leaves enough of the limit to go on; the search's end is set anew either way.
 */
bool final_leaves_time(struct run *);
/** Out-of-fold predictions of a config, from memory or the catalog; NULL when they are gone. Owned by the config. */
const float *final_oof(struct run *, struct config_run *);

/** Adds a config's fold models (or its full model) to `m`; `weight` is divided among them. The config keeps its models. */
asx_st final_add_config(struct run *, struct model *, struct config_run *, double weight, struct asx_err *);
/** An empty model with the run's schema. */
asx_st final_new_model(struct run *, struct model **, struct asx_err *);
/** Frees a model that only borrows its members' fitted models. */
void final_free_borrowed(struct model *);
/** Fits what the chosen configs lack. `full`: on all rows. */
asx_st final_refit(struct run *, struct config_run *const *, int n, bool full, struct asx_err *);

/** Reads the test data (or a sample of the training rows, for timing only) and predicts it with every config that has models. */
asx_st final_read_test(struct run *, struct asx_err *);
/**
 * Before the search: can the test data be used? A small file is read and kept, of a large one the beginning is looked at.
 * Its errors name the file (status 2); a clock that ends meanwhile is no error.
 */
asx_st final_check_test(struct run *, struct asx_err *);
/** Predicts and scores the test data: by the ensemble and its members, or by the configs outside it among the first `lines`. */
asx_st final_test(struct run *, bool members, int lines, struct asx_err *);
/** Measures predict_fixed_s and predict_row_s of a config whose models are there, on training rows; 0 where it cannot. */
void final_time_prediction(struct run *, struct config_run *);

#endif
