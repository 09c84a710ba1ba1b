/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file planner.h
 * Inside the planner: nodes while they are being planned. See README.md for the order of things.
 *
 *     nodes.c    plans, nodes, the key table, taking back what was only tried
 *     forms.c    preparation steps and the ops that make forms, chained back to "raw"
 *     ways.c     the ways of a fit, priced with the forms they want; the choice
 *     batches.c  members of equal fits put side by side
 *     place.c    schedule, intervals, peak
 *     plan.c     a wave, from trials to a placed plan
 *     pricer.c   the same, for one candidate at a time
 */
#ifndef ASSAY_OPTIMIZER_PLANNER_H
#define ASSAY_OPTIMIZER_PLANNER_H

#include "optimizer/plan.h"

/** Threads assumed in nominal mode, where no choice may depend on how many there are (law 4). */
enum { PLAN_NOMINAL_THREADS = 4 };

/** A node and what only the planner needs to know of it. Every opt_node of a plan is the first member of one. */
struct plan_node {
    struct opt_node pub;
    struct asx_work work;
    struct asx_shape gives; /**< sizes of the artefact made */
    int iterations;
    double known_s; /**< measured on a sample of this very work: taken instead of the model's; 0: not */
    double alone_s; /**< on one thread of an idle machine, cached or not */
    bool needed;    /**< some chosen fit wants it */
    bool splits;    /**< more threads help */
    int stamp;      /**< of the walk that saw it last */
};

static inline struct plan_node *plan_node_of(const struct opt_plan *p, int id)
{
    return (struct plan_node *)p->node[id];
}

struct planner {
    const struct opt_context *ctx;
    struct opt_plan *plan;
    struct asx_err *err;
    int *slot, slots; /**< key table: node id + 1, open addressing, slots is a power of two */
    int stamp;
    bool nomem;
    struct asx_key *recipe_key; /**< of plan->recipe, to make each preparation's recipe once */
    struct asx_member *member;  /**< scratch for batches that are only priced */
    int members;
};

/** What forms are wanted for: one fold of one trial. */
struct request {
    const struct asx_config *config;
    const struct opt_recipe *recipe;
    int fold;
    struct asx_key salt; /**< zero while sharing is on */
    const char *missing; /**< out: a form that nothing makes */
};

/* ---- nodes.c --------------------------------------------------------------- */

int planner_find(const struct planner *, struct asx_key);
/** A new node with its key in the table; NULL when out of memory (planner->nomem). */
struct plan_node *planner_add(struct planner *, enum opt_kind, struct asx_key, const char *step, const char *way);
/** Takes back all nodes from `mark` on. */
void planner_rollback(struct planner *, int mark);
bool planner_inputs(struct planner *, struct plan_node *, const int *input, int n);
void planner_clear(struct planner *);
/** Is a way, step or rule switched off? `name` matches whole, or the part before '/'. */
bool planner_disabled(const struct opt_context *, const char *name);
bool planner_alternative(struct planner *, struct plan_node *, const char *way, double seconds, const char *why_not);
/** Cost of a node on threads of the device it is on, `busy` threads in all at work; raw: without the residual. */
struct asx_cost planner_cost(const struct opt_context *, const struct plan_node *, int threads, int busy, bool raw);
/** Seconds that count as "unknown": the node is not free, and little is known. */
double planner_known(double seconds);
/** Drops the nodes no fit needs and numbers the rest anew. */
asx_st planner_prune(struct planner *);

/* ---- forms.c ---------------------------------------------------------------- */

/** Node that gives `form` for the request, made or found; -1: missing (request) or out of memory (planner). */
int form_make(struct planner *, struct request *, const char *form);
/** The PREP nodes of a recipe, in order of its parts; false when out of memory. */
bool form_preps(struct planner *, struct request *, int *out);

/* ---- ways.c ----------------------------------------------------------------- */

/** One (trial, fold) to be fitted, its way and inputs known. */
struct pending {
    int trial, fold;
    const struct asx_op *op;
    int input[ASX_NEEDS], n_needs;
    struct asx_fidelity from, to;
    double alone_s; /**< fitted by itself */
};

struct way_choice {
    const struct asx_op *op;
    double seconds; /**< marginal: new forms and fits of all folds; those of `alternative` are of one fold */
    uint64_t peak;
    int alternatives;
    struct opt_alternative alternative[8];
};

/** A trial being planned: recipe made, folds listed. */
struct trial_plan {
    const struct opt_trial *trial;
    int index;
    const struct opt_recipe *recipe;
    struct asx_key salt;
    int folds; /**< members */
    int *fold;
    struct asx_fidelity *from;
    int peers; /**< members of the wave that could be batched with these, itself included */
};

asx_st way_choose(struct planner *, const struct trial_plan *, struct way_choice *);
/** Builds the chosen way's inputs for good and appends a pending member per fold. */
asx_st way_commit(struct planner *, const struct trial_plan *, const struct way_choice *, struct pending *out);
/** Sizes a fit op sees for one member: its main input's, with the fold's rows. */
struct asx_shape way_fit_shape(const struct planner *, const struct pending *);
/** Scratch of at least n members, zeroed; NULL when out of memory. */
struct asx_member *way_members(struct planner *, int n);
/** Seconds of `n` equal members fitted as one op on one thread; `peak` and `work` may be NULL. */
double way_fit_seconds(struct planner *, const struct asx_config *, const struct pending *, int n, uint64_t *peak,
                       struct asx_work *work);
/** Sum of alone_s of the uncommitted nodes these need; cached and committed ones are free. */
double way_new_seconds(struct planner *, const int *node, int n, uint64_t *bytes);

/* ---- batches.c ---------------------------------------------------------------- */

/** How many members fit best together, of `n` equal ones. */
int batch_size(struct planner *, const struct asx_config *, const struct pending *, int n);
/** FIT nodes for all pending members. `choice` is per trial. */
asx_st batch_make(struct planner *, struct pending *, int n, const struct way_choice *choice);

/* ---- recipes -------------------------------------------------------------------- */

/** Recipe for a config, one per distinct preparation; owned by the plan. */
asx_st planner_recipe(struct planner *, const struct asx_config *, const struct opt_recipe **);
/** Members of a trial: folds still to do, with where each starts. Arrays of [splits->folds + 1]; returns how many. */
int planner_members(const struct opt_context *, const struct opt_trial *, int *fold, struct asx_fidelity *from);

/** Threads that choices count on: the context's, or the nominal number. */
static inline int planner_threads(const struct opt_context *ctx)
{
    return ctx->model->nominal ? PLAN_NOMINAL_THREADS : ctx->threads > 1 ? ctx->threads : 1;
}

#endif
