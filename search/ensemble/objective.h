/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file objective.h
 * Inside of the ensemble: scoring "the average so far and one candidate more" in O(rows), fast forms for the
 * common metrics, the metric itself for all others.
 */
#ifndef ASSAY_SEARCH_ENSEMBLE_OBJECTIVE_H
#define ASSAY_SEARCH_ENSEMBLE_OBJECTIVE_H

#include "search/ensemble/ensemble.h"

enum obj_kind { OBJ_LOG_LOSS, OBJ_SQUARED, OBJ_ABSOLUTE, OBJ_AUC, OBJ_PRECISION, OBJ_METRIC };

/** Greater is better in both; the second decides where the first ties (log loss for metrics of classes). */
struct obj_score {
    double first, second;
};

struct objective {
    const struct ens_input *in;
    struct mem *mem;
    enum obj_kind kind;
    bool breaks_ties; /**< `second` is used */
    size_t m;         /**< rows scored on */
    uint32_t *at;     /**< [m] position in truth of each */
    uint32_t *row;    /**< [m] row of y and weight */
    double *y;        /**< [m] */
    double *weight;   /**< [m], NULL = all 1 */
    int width;        /**< numbers a row that the kind looks at: 1, or outputs */
    float **col;      /**< [candidates] of [m * width] */
    bool owned;       /**< `col[c]` are copies */
    int workers;
    void **scratch; /**< [workers] */
};

/** Chooses kind and rows, copies what is needed. */
asx_st obj_init(struct objective *, const struct ens_input *, struct asx_err *);
void obj_clear(struct objective *);

/** Score of (sum + candidate) / count; `sum` [m * width], candidate -1: sum alone. `worker` owns its scratch. */
struct obj_score obj_eval(const struct objective *, const double *sum, int candidate, int count, int worker);
/** sum += candidate. */
void obj_add(const struct objective *, double *sum, int candidate);
/** Is a better than b? NaN is never better. */
bool obj_better(struct obj_score a, struct obj_score b);

/**
 * Up to `most` of n row positions, ascending: all when they fit, else a sample; with `label` [n] (0 and 1) half from each class
 * as far as there are so many.
 */
asx_st obj_sample(size_t n, size_t most, const unsigned char *label, uint64_t seed, struct mem *, uint32_t **at, size_t *m);

#endif
