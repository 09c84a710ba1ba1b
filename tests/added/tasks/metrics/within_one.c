/* SPDX-License-Identifier: Apache-2.0 */
#include "tasks/metric_util.h"

/* Weighted share of predictions that are off by at most one unit of the target. */
static double within_one(const struct asx_scored *s)
{
    double hit = 0, total = 0;
    for (size_t i = 0; i < s->n; i++) {
        double e = metric_truth(s, i) - metric_pred(s, i, 0);
        hit += metric_weight(s, i) * (e <= 1 && e >= -1);
        total += metric_weight(s, i);
    }
    return total > 0 ? hit / total : NAN;
}

const struct asx_metric asx_metric_within_one = {
    .head = {"within_one", "share of predictions that are off by at most one"},
    .tasks = ASX_REGRESS,
    .greater_is_better = true,
    .best = 1,
    .worst = 0,
    .score = within_one,
};
