/* SPDX-License-Identifier: Apache-2.0 */
#include "tasks/metric_util.h"

/*
 * Matthews correlation of truth and prediction for any number of classes, in the form of
 * Gorodkin (2004): cov(t, p) / sqrt(cov(t, t) cov(p, p)), 0 where a side has one class.
 */
static double mcc(const struct asx_scored *s)
{
    struct metric_counts c;
    if (!metric_counts_init(&c, s))
        return NAN;
    double hit = 0, tp = 0, tt = 0, pp = 0;
    for (int k = 0; k < c.classes; k++) {
        hit += c.hit[k];
        tp += c.truth[k] * c.pred[k];
        tt += c.truth[k] * c.truth[k];
        pp += c.pred[k] * c.pred[k];
    }
    double n = c.total, cov_tt = n * n - tt, cov_pp = n * n - pp;
    metric_counts_clear(&c);
    if (!(n > 0))
        return NAN;
    /* Differences of squares: what is left of one class is rounding, not variance. */
    if (cov_tt <= 1e-14 * n * n || cov_pp <= 1e-14 * n * n)
        return 0;
    return (hit * n - tp) / sqrt(cov_tt * cov_pp);
}

const struct asx_metric asx_metric_mcc = {
    .head = {"mcc", "Matthews correlation coefficient"},
    .tasks = ASX_CLASSIFY,
    .greater_is_better = true,
    .best = 1,
    .worst = -1,
    .thresholded = true,
    .score = mcc,
};
