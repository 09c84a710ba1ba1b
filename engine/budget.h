/* SPDX-License-Identifier: Apache-2.0 */
/** @file budget.h What a run may take: its clock and its memory account. */
#ifndef ASSAY_ENGINE_BUDGET_H
#define ASSAY_ENGINE_BUDGET_H

#include "engine/run.h"

/** Starts the clock: `started`, `deadline`, and a first guess of when the search must end. */
void budget_set_clock(struct run *);
/** A resumed run whose limit is all but spent gets what a model of the best recorded config takes, within a quarter of the limit. */
void budget_give_least(struct run *);
/** Opens the run's account: the limit less what the process holds already. E_INVAL when nothing is left to work in. */
asx_st budget_set_memory(struct run *, struct asx_err *);

#endif
