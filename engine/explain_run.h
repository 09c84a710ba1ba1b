/* SPDX-License-Identifier: Apache-2.0 */
/** @file explain_run.h `assay explain`: read and profile, plan the first wave, run none of it. */
#ifndef ASSAY_ENGINE_EXPLAIN_RUN_H
#define ASSAY_ENGINE_EXPLAIN_RUN_H

#include "engine/run.h"

#include <assay/assay.h>

struct arena;
struct task;

/** Checks a task and gives its run options; used by run and explain alike. */
asx_st task_ready(struct task *, struct arena *, struct run_options *, struct asx_err *);
/** text is the caller's (mem_free). */
asx_st run_explain(struct session *, const struct run_options *, const struct assay_explain_options *, char **text,
                   struct asx_err *);

#endif
