/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file metric_util.h
 * What metrics share: reading a row of `struct asx_scored`, counts per class, ranking.
 *
 * A truth that is no known class (y NaN or out of range, as in new data with an unseen
 * class) counts as one more class that no prediction can name: wrong for every metric of
 * classes, never positive for rankings.
 * A prediction that is NaN makes every metric NaN.
 */
#ifndef ASSAY_TASKS_METRIC_UTIL_H
#define ASSAY_TASKS_METRIC_UTIL_H

#include <assay/ext/metric.h>

/** Prediction k of row i. */
static inline double metric_pred(const struct asx_scored *s, size_t i, int k)
{
    size_t at = i * (size_t)s->outputs + (size_t)k;
    return s->pred ? (double)s->pred[at] : s->pred64[at];
}

/** Truth of row i: a value, or a class index. */
static inline double metric_truth(const struct asx_scored *s, size_t i)
{
    return s->y[s->row ? s->row[i] : i];
}

/** Weight of row i. */
static inline double metric_weight(const struct asx_scored *s, size_t i)
{
    return s->weight ? s->weight[s->row ? s->row[i] : i] : 1.0;
}

/** True class of row i: 0..outputs-1, or `outputs` for one that is not known. */
static inline int metric_true_class(const struct asx_scored *s, size_t i)
{
    double y = metric_truth(s, i);
    return y >= 0 && y < (double)s->outputs ? (int)y : s->outputs;
}

/**
 * Predicted class of row i: the positive class where its probability reaches the threshold
 * (binary with a threshold), else the first of the most probable; -1 when one is NaN.
 */
int metric_pred_class(const struct asx_scored *, size_t i);

/** Sums of weights per class; `present` also counts classes whose rows weigh nothing. */
struct metric_counts {
    int classes;            /**< outputs + 1: the last is "not known" */
    double *hit;            /**< [classes] truth and prediction agree */
    double *truth, *pred;   /**< [classes] by truth, by prediction */
    unsigned char *present; /**< [classes] seen in truth or prediction */
    double total;
};

/** False when memory is out or a prediction is NaN (nothing is held then). */
bool metric_counts_init(struct metric_counts *, const struct asx_scored *);
void metric_counts_clear(struct metric_counts *);

/** F1 of one class: 2 hit / (truth + pred), 0 where that is 0/0 (scikit-learn's zero_division). */
double metric_f1_of(const struct metric_counts *, int k);

/** Rows by descending score of one class, with whether they are of that class. */
struct metric_ranking {
    size_t n;
    uint64_t *packed;         /**< of f32 scores: inverted order-preserving bits << 32 | row << 1 | is of the class */
    struct metric_wide *wide; /**< of f64 scores; NULL when packed is set */
};

/** An item of a ranking of f64 scores: ascending keys are descending scores. */
struct metric_wide {
    uint64_t key;
    uint32_t row, positive;
};

/**
 * Ranks the rows by the probability of class k: LSD radix sort, O(n), stable.
 * False when memory is out or a score is NaN (nothing is held then).
 */
bool metric_rank(struct metric_ranking *, const struct asx_scored *, int k);
void metric_rank_clear(struct metric_ranking *);

/** Weights of positives and negatives among the rows that tie with item `at`; returns the item after them. */
size_t metric_tie(const struct asx_scored *, const struct metric_ranking *, size_t at, double *pos, double *neg);

/**
 * Area under the ROC curve of class k against the rest, trapezoids over ties; NaN when
 * one side has no weight, memory is out or a score is NaN.
 */
double metric_auc_of(const struct asx_scored *, int k);

/** Weighted mean of term(truth, prediction) over the rows; NaN when the weights sum to 0. */
double metric_mean(const struct asx_scored *, double (*term)(double y, double p));

#endif
