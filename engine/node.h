/* SPDX-License-Identifier: Apache-2.0 */
/** @file node.h Running one node of a plan on the current thread. */
#ifndef ASSAY_ENGINE_NODE_H
#define ASSAY_ENGINE_NODE_H

#include "engine/executor.h"

/**
 * Runs the node of `exec->engine` (an exec_context) and fills its result. An out-of-memory failure
 * empties the cache of what nobody uses and is tried once more.
 */
asx_st node_run(struct asx_exec *, struct node_result *);

#endif
