/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file core.h
 * The engine's own ops: shared forms, and the steps before and after the search.
 * A CORE op finds its argument in the node (`exec_context.node->core`).
 */
#ifndef ASSAY_ENGINE_OPS_CORE_H
#define ASSAY_ENGINE_OPS_CORE_H

#include <assay/ext/learner.h>

extern const struct asx_family asx_family_core;

/* CORE steps; `core` is a struct run * unless stated. */
extern const struct asx_op core_read;     /**< data.read/stream: file to frame */
extern const struct asx_op core_profile;  /**< data.profile/columns */
extern const struct asx_op core_split;    /**< data.split/rows: target, weights, folds */
extern const struct asx_op core_score;    /**< trial.score/held_out; core: struct trial_run * */
extern const struct asx_op core_ensemble; /**< ensemble.select/greedy */
extern const struct asx_op core_test;     /**< test.score/predict */
extern const struct asx_op core_save;     /**< model.save/file */

#endif
