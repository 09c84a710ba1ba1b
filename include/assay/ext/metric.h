/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file metric.h
 * A metric: one number for a set of predictions.
 *
 * For: `tasks/metrics/<name>.c`, each exporting `const struct asx_metric asx_metric_<name>`.
 * Called for every staged and final score; definitions are scikit-learn's.
 *
 *     double s = metric->score(&(struct asx_scored){.n = n, .outputs = 2, .y = y, .pred = p, .positive = 1});
 */
#ifndef ASSAY_EXT_METRIC_H
#define ASSAY_EXT_METRIC_H

#include <assay/ext/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Predictions beside the truth. Row i of `y` and `weight` is row[i] when `row` is set, else i. */
struct asx_scored {
    size_t n;
    int outputs;          /**< classes, or 1 for values */
    const double *y;      /**< value, or class index as a number */
    const float *pred;    /**< [n * outputs]; exactly one of pred and pred64 is set */
    const double *pred64; /**< [n * outputs] */
    const double *weight; /**< NULL = 1 */
    const uint32_t *row;  /**< rows of y and weight; NULL = 0..n-1 */
    int positive;         /**< positive class (binary) */
    double threshold;     /**< on the positive class's probability for thresholded binary metrics; 0 = argmax */
};

struct asx_metric {
    struct asx_head head;
    unsigned tasks;
    bool greater_is_better;
    double best, worst; /**< bounds in its own direction; may be infinite */
    bool needs_proba;   /**< ranks or averages probabilities; false: uses classes or values */
    bool thresholded;   /**< a decision threshold changes it */
    /** NaN only where scikit-learn has no value either (one class under roc_auc). */
    double (*score)(const struct asx_scored *);
    bool (*accepts)(double y); /**< is it defined for this truth? NULL: for every one */
    const char *domain;        /**< what it accepts, in words: "of 0 and more"; with `accepts` */
    bool refuses;              /**< other truths are an error, not a warning */
};

/** Is a better than b? NaN is never better. */
static inline bool asx_metric_better(const struct asx_metric *m, double a, double b)
{
    if (a != a)
        return false;
    if (b != b)
        return true;
    return m->greater_is_better ? a > b : a < b;
}

#ifdef __cplusplus
}
#endif
#endif
