/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file plan.h
 * Plans: DAGs of ops with ways, threads and devices chosen. Built here, run by the engine,
 * shown by explain. See optimizer/README.md for how a wave is planned.
 */
#ifndef ASSAY_OPTIMIZER_PLAN_H
#define ASSAY_OPTIMIZER_PLAN_H

#include "optimizer/cost.h"
#include "optimizer/pipeline.h"

struct mem;

/** What a node is, so that the engine knows how to run it. */
enum opt_kind {
    OPT_PREP,     /**< `recipe->part[part]` fitted and applied on `fold`: gives a raw block */
    OPT_ASSEMBLE, /**< blocks to a matrix (raw, or a per-block form) */
    OPT_FORM,     /**< op->run with one member: gives a form */
    OPT_FIT,      /**< op->run with `members` */
    OPT_CORE      /**< a step of the engine's own (read, profile, split, score, ensemble, refit, test, save): op->run */
};

/** A trial to plan: one config from one fidelity to another. */
struct opt_trial {
    int id, config_id;
    const struct asx_config *config;
    struct asx_fidelity from, to;
    bool full;       /**< fit on all rows (refit), held-out folds not wanted */
    bool reads_done; /**< what the fits of done folds were made from is wanted again (opt_plan.done) */
};

/** A fold that is done, and the nodes its fit was made from. */
struct opt_done {
    int trial, fold;
    int input[ASX_NEEDS], inputs;
};

/** One (trial, fold) of a fit. */
struct opt_member {
    int trial; /**< index into the wave's trials */
    int fold;
};

/** A way that was considered and not taken. */
struct opt_alternative {
    char way[64];
    double seconds;
    char why_not[96]; /**< "slower", "needs 1.2 GiB", "disabled by optimizer.disable", ... */
};

struct opt_node {
    int id;
    enum opt_kind kind;
    char step[64];           /**< "fit logistic", "encode onehot", "bins.build" */
    char way[64];            /**< op name */
    const struct asx_op *op; /**< FORM, FIT, CORE */
    const struct opt_recipe *recipe;
    int part;                        /**< PREP */
    const struct asx_config *config; /**< whose parameters PREP and FORM read */
    struct asx_key key;
    int fold;           /**< -1: the same for all folds */
    int *input, inputs; /**< node ids; FIT: input[m * n_needs + j] */
    struct opt_member *member;
    int members;
    struct asx_shape shape;
    struct asx_cost cost; /**< predicted, with residual, on `threads` */
    double raw_s;         /**< predicted before the residual: what opt_learn wants; of cached nodes: what making it would cost */
    double low_s, high_s;
    uint64_t output_bytes;
    int threads, device;      /**< device: index into machine->device */
    double start_s, finish_s; /**< place in the schedule */
    int shared_by;            /**< trials served; more than 1 = shared */
    bool cached;              /**< already made: costs nothing */
    struct opt_alternative *alternative;
    int alternatives;
    void *core;        /**< CORE: the engine's argument */
    double measured_s; /**< set by the engine for CORE nodes */
};

struct opt_plan {
    struct opt_node **node; /**< topological order */
    int nodes, capacity;
    struct opt_trial *trial; /**< a copy */
    int trials;
    struct opt_recipe **recipe;
    int recipes;
    struct opt_done *done;
    int dones;
    double seconds;       /**< makespan */
    double alone_seconds; /**< sum over trials of what each would cost unshared */
    uint64_t host_peak;
    double *trial_seconds; /**< [trials] predicted share of each trial */
    double *trial_alone;   /**< [trials] predicted cost without sharing */
    double *trial_bytes;
    struct mem *mem;
};

/** What plans are made for. Filled by the engine, constant over a run except `model`. */
struct opt_context {
    const struct asx_registry *registry;
    const struct asx_problem *problem;
    struct opt_model *model;
    int threads;
    uint64_t memory;             /**< bytes that plans may use beside the data; 0 = no limit */
    bool early_results;          /**< a clock may end the wave: finish cheap trials first */
    bool sharing, batching;      /**< optimizer.sharing, optimizer.batching */
    const char *const *disabled; /**< optimizer.disable: ways ("ridge.fit/gram_chol"), steps or rules by name, NULL-terminated */
    /** Is an artefact of this key at hand? NULL: nothing is. */
    bool (*cached)(void *arg, struct asx_key);
    void *cached_arg;
    struct mem *mem;
    /** Form ops beside the families' own ("packed", "affine", "dense" from the engine), NULL-terminated; NULL = none. */
    const struct asx_op *const *form;
};

/**
 * Plans a wave: recipes to steps, equal keys merged, ways chosen among the non-dominated, fits batched
 * where the cost says so, everything placed by earliest finish. Cached artefacts appear as `cached` nodes.
 * Deterministic; in nominal mode it depends on nothing measured.
 */
asx_st opt_plan_wave(const struct opt_context *, const struct opt_trial *, int trials, struct opt_plan **, struct asx_err *);
/** An empty plan to which CORE nodes are added by hand (the prelude and the final steps). */
asx_st opt_plan_create(struct mem *, struct opt_plan **);
/** Adds a CORE node priced from its op's work() on `shape`; returns its id, or -1 when out of memory. */
int opt_plan_add_core(struct opt_plan *, const struct opt_context *, const struct asx_op *, const char *step,
                      const struct asx_shape *, const int *input, int inputs, struct asx_key key, void *core);
/** Seconds of a node that were measured on a sample of its own work stand in for the model's; they teach the model nothing. */
void opt_plan_know(struct opt_plan *, int id, double seconds);
/** Schedules by earliest finish over `threads`; fills start_s, finish_s, seconds. Called by opt_plan_wave. */
void opt_plan_place(struct opt_plan *, const struct opt_context *);
void opt_plan_free(struct opt_plan *);

/** Lineage key of the fit of one (config, fold) up to a fidelity: what states and models are cached under. */
struct asx_key opt_fit_key(const struct opt_context *, const struct asx_config *, int fold, const struct asx_fidelity *to);

/**
 * Where a member's fit starts: folds below from.folds continue at from.iterations, others (and every fold
 * when the share of rows changes) start at nothing. False: this fold is done already, no member is planned.
 */
bool opt_member_from(const struct opt_trial *, int fold, struct asx_fidelity *from);

/**
 * Marginal prices for strategies, on top of what is cached and what was committed since begin: wall seconds
 * while all threads are busy; in nominal mode seconds of one thread, whatever the thread count. What no way can
 * do within the memory is INFINITY: no budget affords it. Unknown is NaN.
 */
struct opt_pricer;
struct opt_pricer *opt_pricer_create(const struct opt_context *);
void opt_pricer_begin(struct opt_pricer *);
void opt_pricer_add(struct opt_pricer *, const struct asx_config *, struct asx_fidelity from, struct asx_fidelity to,
                    double *seconds, double *bytes);
void opt_pricer_commit(struct opt_pricer *);
void opt_pricer_destroy(struct opt_pricer *);

#endif
