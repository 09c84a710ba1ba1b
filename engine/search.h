/* SPDX-License-Identifier: Apache-2.0 */
/** @file search.h Books of the search that the score step writes. */
#ifndef ASSAY_ENGINE_SEARCH_H
#define ASSAY_ENGINE_SEARCH_H

#include "engine/run.h"

/** Should this trial's fold models be made now, while its inputs are at hand? */
bool search_wants_models(struct run *, const struct trial_run *);
/** Records the outcome: config, timeline, catalog. Called once a trial, from any thread. */
void search_trial_done(struct run *, const struct opt_plan *, const struct node_result *, struct trial_run *);

struct asx_prices;
/** The price object strategies see. */
void search_prices(struct run *, struct opt_pricer *, struct asx_prices *);
/** Notes a config's score when it was the best on all folds at `seconds`, in whatever order scores become known. */
void search_note_best(struct run *, const struct config_run *, double seconds);
/** Asks the strategy for the next wave; returns how many trials, or -1 when out of memory. */
int search_ask_wave(struct run *, struct opt_pricer *, struct trial_run *trial, struct asx_err *);
/** Runs a wave of asks, tells what came of it, and trims the books. Clears the trials' curves. */
asx_st search_one_wave(struct run *, struct trial_run *, int n, struct asx_err *);
/** After a replay: counts what was taken over, and makes sure that the clock leaves time for a model of the best of it. */
void search_replayed(struct run *);
/** Brings the strategy to where a run of the catalog was, and does again what was under way (resume.c). */
asx_st search_replay(struct run *, struct asx_err *);

#endif
