/* SPDX-License-Identifier: Apache-2.0 */
/** @file trial.h One trial: what its fits are given, what they leave behind, its score. */
#ifndef ASSAY_ENGINE_TRIAL_H
#define ASSAY_ENGINE_TRIAL_H

#include "engine/run.h"

/** Rounds a fidelity asks of a config: to.iterations for iterative learners, else 0. */
/** Folds that are done may be wanted at another round once more folds are known: predictions and models come from their states. */
bool trial_may_read_done(const struct config_run *);
bool trial_is_iterative(const struct config_run *);
/** Share of full fidelity, 0..1: rounds done of rounds wanted, times folds. */
double trial_fidelity_share(const struct run *, const struct config_run *, const struct asx_fidelity *);
/** Measured seconds of the trial: its share of every op that served it. */
double trial_measured_share(const struct opt_plan *, const struct node_result *, int trial);
/** Bytes the trial took: outputs of what it was prepared from, and its share of what its fits held at most (as trial_bytes of a plan). */
double trial_measured_bytes(const struct opt_plan *, const struct node_result *, int trial);
/** Mean of the folds' staged curves and the round it is best at; 0 when there is none. */
int trial_best_iteration(const struct run *, const struct config_run *, int folds, struct asx_curve *mean);
/**
 * Rounds that a fold's model keeps of its best. The folds' models are averaged: where rounds are exchangeable each needs only its
 * share of them, and the whole is as large and as slow as one fit of all rows would be.
 */
int trial_rounds_kept(const struct config_run *, int best_iteration, int folds);
/** Out-of-fold predictions from fold predictions: [rows * outputs], NaN where not held out, averaged over repeats. */
asx_st trial_oof(const struct run *, const struct config_run *, int folds, float *const *pred, float *oof, struct asx_err *);
/** Metric over rows that have a prediction. */
asx_st trial_score_oof(const struct run *, const float *oof, struct mem *, double *score, struct asx_err *);

/** Seed of a fit, equal for every way, batch and rung: a function of the run's seed, the config and the fold. */
uint64_t trial_fit_seed(const struct run *, const struct config_run *, int fold);

#endif
