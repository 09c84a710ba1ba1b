/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file executor.h
 * Runs a plan: nodes in the order the optimizer placed them, as soon as their inputs are
 * there and a thread is free. Idle threads help nodes that split their work. Nothing here
 * decides anything: ways, batches and order come with the plan.
 */
#ifndef ASSAY_ENGINE_EXECUTOR_H
#define ASSAY_ENGINE_EXECUTOR_H

#include "engine/cache.h"
#include "optimizer/plan.h"

struct pool;

enum node_state { NODE_WAITING, NODE_RUNNING, NODE_DONE, NODE_FAILED, NODE_SKIPPED /**< an input failed, or stopped */ };

/** What became of a node. */
struct node_result {
    enum node_state state;
    bool alone;          /**< out of memory beside others: its second try runs alone */
    struct mem *account; /**< its own while it runs */
    asx_st status;
    struct asx_err err;
    double seconds;            /**< measured wall time */
    double bytes;              /**< most that its allocations held at once, output included; NaN: it did not run */
    struct artefact *artefact; /**< PREP, ASSEMBLE, FORM */
    struct asx_member *member; /**< FIT: [node->members], filled by the caller's hook before the run */
};

/** What the run gives the executor. All hooks may be called from any thread; NULL = none. */
struct executor {
    struct pool *pool;
    int threads;
    struct mem *mem;
    struct cache *cache;
    const struct asx_problem *const *problem; /**< read when an op starts: the prelude sets it */
    const struct asx_device *device;          /**< "cpu" */
    void *run;
    /** Fills a FIT node's members (states, buffers, seeds). */
    asx_st (*members)(void *run, const struct opt_plan *, const struct opt_node *, struct asx_member *, struct asx_err *);
    /** A node is done (or failed, or skipped); called before its successors start. */
    void (*done)(void *run, const struct opt_plan *, const struct opt_node *, struct node_result *);
    /** Should running ops give up? */
    bool (*stop)(void *run);
    /** Called now and then on the calling thread only. */
    void (*tick)(void *run);
};

/**
 * Runs all nodes. `result` [plan->nodes] is filled; artefacts in it are references the caller puts
 * with executor_release. Returns ASX_OK, ASX_STOPPED, or the first failure of a CORE node.
 * Failed PREP, FORM and FIT nodes fail only what depends on them.
 */
asx_st executor_run(const struct executor *, const struct opt_plan *, struct node_result *result, struct asx_err *);
void executor_release(struct node_result *, int nodes);

/** For CORE ops: what exec->engine points to. */
struct exec_context {
    const struct executor *executor;
    const struct opt_plan *plan;
    const struct opt_node *node;
    struct node_result *result; /**< [plan->nodes] */
    void *engine;               /**< the executor's own */
};

#endif
