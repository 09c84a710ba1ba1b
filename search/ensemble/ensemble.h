/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file ensemble.h
 * Ensembles and what else is learned from out-of-fold predictions: weights, temperature,
 * decision threshold, confidence intervals. Pure functions of their inputs and the seed:
 * the same on any number of threads; no clock is read.
 *
 *     struct asx_scored truth = {.n = n, .outputs = k, .y = problem->y, .weight = problem->score_weight,
 *                                .positive = problem->positive};
 *     struct ens_input in = {.truth = truth, .metric = problem->metric, .pred = oof, .candidates = c, .seed = seed, .exec = exec};
 *     double weight[c];
 *     st = ens_select(&in, weight, &score, &err);
 *     ens_blend(oof, weight, c, n * k, blended);
 *     truth.pred = blended;
 *     temperature = ens_temperature(&truth, metric, exec);   ens_temper(blended, n, k, temperature);
 *     threshold = ens_threshold(&truth, metric, exec);
 *     ens_boot_interval(boot, &truth, metric, &low, &high);
 */
#ifndef ASSAY_SEARCH_ENSEMBLE_H
#define ASSAY_SEARCH_ENSEMBLE_H

#include <assay/ext/metric.h>
#include <assay/ext/op.h>

/** What the selection works on. */
struct ens_input {
    struct asx_scored truth; /**< n, outputs, y, weight, row, positive; pred is ignored */
    const struct asx_metric *metric;
    const float *const *pred; /**< [candidates] of [n * outputs]: rows as in truth, probabilities or values */
    int candidates;           /**< in the caller's order of preference: ties go to the earlier */
    int rounds;               /**< 0 = 40 */
    uint64_t seed;
    struct asx_exec *exec; /**< threads, stop, memory; NULL: one thread, no stop */
};

/**
 * Greedy selection with replacement. Starts from the best few candidates averaged, then adds, round by round,
 * the candidate that helps the averaged prediction most; the best round wins. On few rows the weights are the mean of
 * several selections, each over a random half of the candidates.
 *
 * @shape   weight [candidates], sums to 1, 0 = not used
 * @source  Caruana, Niculescu-Mizil, Crew, Ksikes, Ensemble selection from libraries of models (ICML 2004), sections 2.1-2.3
 * @cost    rounds * min(candidates, 100) * rows; rows are sampled above 50,000, 20,000 where the metric sorts (README.md)
 * @errors  E_NOMEM; E_INVAL without candidates. Stopped: ASX_OK with the best so far (at worst the best single candidate)
 */
asx_st ens_select(const struct ens_input *, double *weight, double *score, struct asx_err *);

/** out[i] = sum_c weight[c] * pred[c][i], in candidate order, in double. `out` [size] must not be one of pred. */
void ens_blend(const float *const *pred, const double *weight, int candidates, size_t size, float *out);

/**
 * Temperature that makes probabilities fit: p_k' ~ p_k^(1/T). 1 unless log loss falls by more than two
 * standard errors of the paired difference and the metric itself does not suffer. 1 when stopped.
 *
 * @cost    some 20 losses of at most 20,000 rows and, from 1,000 rows up, 400,000 cells
 * @source  Guo, Pleiss, Sun, Weinberger, On calibration of modern neural networks (ICML 2017), section 4.2
 */
double ens_temperature(const struct asx_scored *, const struct asx_metric *, struct asx_exec *);
/** Applies it to rows of probabilities in place; 1 changes nothing. */
void ens_temper(float *pred, size_t n, int outputs, double temperature);
void ens_temper64(double *pred, size_t n, int outputs, double temperature);

/**
 * Decision threshold on the positive class's probability, for binary problems and thresholded metrics; 0 (argmax) unless
 * thresholds chosen on four fifths of the rows improve the score of the other fifths, or when stopped.
 */
double ens_threshold(const struct asx_scored *, const struct asx_metric *, struct asx_exec *);

/* ---- intervals --------------------------------------------------------------- */

/** Bootstrap resamples of n rows, shared by all candidates scored on them. */
struct ens_boot;

/** Rows above 10,000 are sampled and the interval is narrowed by sqrt(m / n). NULL when out of memory. */
struct ens_boot *ens_boot_create(size_t n, uint64_t seed, struct mem *);
void ens_boot_destroy(struct ens_boot *);

/**
 * 95 % percentile bootstrap interval of a score over its rows (200 resamples). NaN bounds when the score has none.
 *
 * @cost   5-10 ms for metrics that are means or areas under ROC curves, else 200 calls of the metric on at most 10,000 rows
 * @source Efron, Tibshirani, An introduction to the bootstrap (1993), chapter 13
 * @errors E_NOMEM; E_INVAL: n differs from the resamples'
 */
asx_st ens_boot_interval(const struct ens_boot *, const struct asx_scored *, const struct asx_metric *, double *low, double *high,
                         struct asx_err *);

#endif
