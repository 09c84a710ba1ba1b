/* SPDX-License-Identifier: Apache-2.0 */
/** @file adopt.h What a resumed run takes over from the model that an earlier process of it saved. */
#ifndef ASSAY_ENGINE_ADOPT_H
#define ASSAY_ENGINE_ADOPT_H

#include "engine/run.h"

/**
 * Gives the configs of the run's saved model their fold models and preparation back, so that the ensemble of the
 * interrupted run can be had without fitting anything again; and the peak of memory that its report tells. For runs under
 * a clock only: repeatable ones fit the chosen again, always. What does not fit the configs as they are now stays away;
 * nothing here fails a run.
 */
void adopt_saved_models(struct run *);

#endif
