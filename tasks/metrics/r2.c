/* SPDX-License-Identifier: Apache-2.0 */
#include "tasks/metric_util.h"

/*
 * 1 - residual sum of squares / sum of squares about the weighted mean. Where the truth is
 * constant: 1 for a perfect prediction, else 0; no value under two rows (scikit-learn).
 */
static double r2(const struct asx_scored *s)
{
    double sum = 0, total = 0, residual = 0, spread = 0;
    for (size_t i = 0; i < s->n; i++) {
        sum += metric_weight(s, i) * metric_truth(s, i);
        total += metric_weight(s, i);
    }
    if (s->n < 2 || !(total > 0))
        return NAN;
    for (size_t i = 0; i < s->n; i++) {
        double w = metric_weight(s, i), y = metric_truth(s, i);
        double e = y - metric_pred(s, i, 0), d = y - sum / total;
        residual += w * e * e;
        spread += w * d * d;
    }
    if (residual != residual)
        return NAN;
    if (spread == 0)
        return residual == 0 ? 1 : 0;
    return 1 - residual / spread;
}

const struct asx_metric asx_metric_r2 = {
    .head = {"r2", "share of the target's variance explained"},
    .tasks = ASX_REGRESS,
    .greater_is_better = true,
    .best = 1,
    .worst = -INFINITY,
    .score = r2,
};
