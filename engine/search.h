/* SPDX-License-Identifier: Apache-2.0 */
/** @file search.h Books of the search that the score step writes. */
#ifndef ASSAY_ENGINE_SEARCH_H
#define ASSAY_ENGINE_SEARCH_H

#include "engine/run.h"

/** Should this trial's fold models be made now, while its inputs are at hand? */
bool search_wants_models(struct run *, const struct trial_run *);
/** Records the outcome: config, timeline, catalog. Called once a trial, from any thread. */
void search_trial_done(struct run *, const struct opt_plan *, const struct node_result *, struct trial_run *);

#endif
