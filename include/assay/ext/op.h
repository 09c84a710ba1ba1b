/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file op.h
 * A physical operator: one concrete way to do one piece of work.
 *
 * For: learners, preparation families and the engine's own steps, which register ops;
 * the optimizer, which prices and chooses among them; the engine, which runs them.
 * The name is "step/way" (`gram.build/syrk`, `ridge.fit/gram_chol`): ops with the same
 * step name are ways of the same step. An op turns *forms* into a form. Forms are
 * names, as sort orders are in a relational planner: "raw" comes from the preparation,
 * "fit" is what a learner's fit gives; between them families register the forms they
 * want ("bins", "packed", "affine", "dense", "gram", "neighbors"), and the optimizer
 * chains ops until every need is met. Equal lineage keys are made once.
 *
 *     static const struct asx_op gram_syrk = {
 *         .head = {"gram.build/syrk", "row-block Gram matrices of the packed columns"},
 *         .version = 1, .equiv = ASX_CLOSE, .tolerance = 1e-9,
 *         .needs = {"packed"}, .gives = "gram",
 *         .work = gram_work, .run = gram_run, .free_output = gram_free,
 *     };
 */
#ifndef ASSAY_EXT_OP_H
#define ASSAY_EXT_OP_H

#include <assay/ext/space.h>
#include <assay/ext/status.h>
#include <assay/ext/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- work: device-free counts ------------------------------------------- */

/**
 * Kernel classes. A coefficient (speed) is kept per device, class and dtype;
 * m, n, p are the class's natural sizes. Flops and bytes follow the formulas in
 * optimizer/cost.c; an op only counts.
 */
enum asx_kernel_class {
    ASX_KC_STREAM,       /**< m elements read and written once, simple arithmetic */
    ASX_KC_GATHER,       /**< m elements fetched by index from `footprint` bytes */
    ASX_KC_SORT,         /**< m keys sorted, n groups */
    ASX_KC_EXP,          /**< m exp/log/tanh evaluations */
    ASX_KC_GEMM,         /**< [m, p] x [p, n] */
    ASX_KC_GEMV,         /**< [m, n] x [n] */
    ASX_KC_SYRK,         /**< [n, n] += [m, n]' [m, n] */
    ASX_KC_CHOLESKY,     /**< order n, m right-hand sides */
    ASX_KC_EIGEN,        /**< symmetric, order n, with vectors */
    ASX_KC_SPMM,         /**< CSR with nnz times [., n] */
    ASX_KC_COORD,        /**< m coordinate updates of length n */
    ASX_KC_GLM_STEP,     /**< fused logits, loss and gradient: m rows, p features, n columns */
    ASX_KC_DIST_TOPK,    /**< m queries against n rows of p features */
    ASX_KC_BIN,          /**< m values binned against n edges */
    ASX_KC_HIST,         /**< m row visits x n features added to histograms of `footprint` bytes */
    ASX_KC_SPLIT,        /**< m bins scanned for the best split */
    ASX_KC_PARTITION,    /**< m rows moved to two children */
    ASX_KC_TREE_PREDICT, /**< m rows through n trees of depth p */
    ASX_KC_MLP_STEP,     /**< m rows through layers with p weights in all (forward, backward, update) */
    ASX_KC_PARSE,        /**< m bytes of text turned into cells */
    ASX_KC_TOKENIZE,     /**< m bytes of text turned into n terms */
    ASX_KC_HASH,         /**< m lookups in a table of n entries */
    ASX_KC_IO,           /**< m bytes to or from storage */
    ASX_KERNEL_CLASSES
};

/** One use of a kernel class. `times` repetitions of the same shape; zero means 1. */
struct asx_use {
    enum asx_kernel_class k;
    enum asx_dtype t;
    double m, n, p, nnz, times;
    double footprint; /**< bytes that are touched again and again; 0 = all of it once */
};

enum { ASX_USES = 8 };

/** What a run of an op does, as counts. Pure: no clock, no machine. */
struct asx_work {
    struct asx_use once[ASX_USES];          /**< times 0 marks the end when k is 0 too */
    struct asx_use per_iteration[ASX_USES]; /**< multiplied by to.iterations - from.iterations */
    int n_once, n_per_iteration;
    double serial;            /**< share of the work that cannot use more threads, 0..1 */
    uint64_t scratch, output; /**< peak bytes beside inputs and output; bytes of the output */
};

/** Appends a use; false when the table is full (a bug of the op, caught by conformance). */
static inline bool asx_work_add(struct asx_use *list, int *n, struct asx_use use)
{
    if (*n >= ASX_USES)
        return false;
    list[(*n)++] = use;
    return true;
}

/** Cost in the planner's units. NaN seconds mean "unknown: measure it". */
struct asx_cost {
    double startup_s, total_s, sd_s, price;
    uint64_t host_peak, dev_peak;
    int disabled; /**< ways switched off are counted, not priced at 1e10 */
};

enum asx_equiv { ASX_BITWISE, ASX_CLOSE /**< within `tolerance` */, ASX_APPROX };

/* ---- batches -------------------------------------------------------------- */

/**
 * How much of a trial is done. `iterations` counts the learner's rounds (0: not
 * iterative); `folds` how many folds, from fold 0; `rows` a share of the rows.
 */
struct asx_fidelity {
    double rows;
    int iterations, folds;
};

/** Learner's own training state (trees and raw scores, weights and Adam moments). Opaque. */
struct asx_state;

/** Staged held-out scores, in the metric's own direction: value[i] after iteration[i] rounds. */
struct asx_curve {
    int n, capacity;
    int *iteration;
    double *value;
};

/**
 * One config on one fold, from one fidelity to another. The engine owns everything
 * pointed to. `fold == problem->splits->folds` is the full fit (nothing held out: no pred).
 */
struct asx_member {
    const struct asx_config *config;
    int fold;
    struct asx_fidelity from, to;
    uint64_t seed;           /**< stream of (run seed, config, fold): equal for every way and rung */
    struct asx_state *state; /**< in: state at `from` or NULL; out: state at `to`, owned by the engine */
    float *pred;             /**< out: [n_test * outputs] held-out predictions at `to`; NULL: not wanted */
    struct asx_curve *curve; /**< out: appended to; NULL: not wanted */
    asx_st status;           /**< out: a failed member does not fail its batch */
    struct asx_err err;      /**< out */
};

/** Sizes of the op's main input, estimated at planning, exact at running. */
struct asx_shape {
    double rows, cols; /**< rows is what the op visits: training rows of a fold for fits */
    double dense, nnz; /**< dense columns; stored cells of the sparse part */
    double test_rows;  /**< held-out rows predicted */
    double bytes;      /**< bytes of the input */
};

/** Members that run as one op. n == 1 is the plain case; ops that make forms have one member without state. */
struct asx_batch {
    struct asx_member *member;
    int n;
    struct asx_shape shape;
};

/* ---- running ---------------------------------------------------------------- */

struct mem;
struct arena;
struct asx_device;

/** Chunk function of a split: `worker` < threads, for scratch owned by a worker. */
typedef void (*asx_chunk_fn)(void *arg, size_t chunk, int worker);

/**
 * What a running op sees. `in[m * n_needs + j]` is the artefact of form needs[j] for
 * member m (pointers coincide where members share it).
 */
struct asx_exec {
    const struct asx_problem *problem;
    const void *const *in;
    int n_needs;
    void *out;                       /**< the artefact made (form ops); the engine frees it with op->free_output */
    struct asx_key out_key;          /**< its lineage key */
    struct mem *mem;                 /**< account for what outlives the op */
    struct arena *scratch;           /**< reset after the op; not for worker chunks */
    int threads;                     /**< granted; 1 = run alone */
    const struct asx_device *device; /**< kernels and queue */
    /** Runs fn over chunks 0..n-1 on up to `threads` threads; returns when all are done. */
    void (*split)(struct asx_exec *, size_t n, asx_chunk_fn fn, void *arg);
    /** True when the op should give up: cancelled or out of time. Ask at least every 50 ms. */
    bool (*stop)(struct asx_exec *);
    void *engine; /**< the engine's own */
};

/** Flags of an op. */
enum {
    ASX_PER_BLOCK = 1, /**< runs on each block of the matrix; the engine reassembles the matrix */
    ASX_PER_FOLD = 2,  /**< output differs per fold even when the input does not */
    ASX_SEEDED = 4,    /**< stochastic: the seed is part of the lineage key */
    ASX_SPLITS = 8     /**< calls exec->split, so more than one thread helps */
};

enum { ASX_NEEDS = 3 };

struct asx_op {
    struct asx_head head; /**< "step/way" */
    int version;          /**< numeric version, part of the lineage key; raise it when results change */
    enum asx_equiv equiv;
    double tolerance; /**< CLOSE: relative to the reference way */
    const char *needs[ASX_NEEDS];
    const char *gives;         /**< form; "fit" for fits */
    const char *const *params; /**< names of config parameters a form op reads, NULL-terminated; part of its key */
    unsigned flags;
    int max_batch;                                                     /**< 0 or 1: one member at a time */
    int batch_on;                                                      /**< index into needs whose artefact all members share */
    bool (*can)(const struct asx_problem *, const struct asx_batch *); /**< able, not fast; NULL = always */
    void (*work)(const struct asx_problem *, const struct asx_batch *, struct asx_work *); /**< pure */
    void (*shape)(const struct asx_problem *, const struct asx_shape *in,
                  struct asx_shape *out); /**< form ops: of the output; NULL = as input */
    asx_st (*run)(struct asx_exec *, const struct asx_batch *, struct asx_err *);
    void (*free_output)(void *); /**< form ops */
};

#ifdef __cplusplus
}
#endif
#endif
