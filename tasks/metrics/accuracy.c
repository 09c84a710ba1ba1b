/* SPDX-License-Identifier: Apache-2.0 */
#include "tasks/metric_util.h"

/* Weighted share of rows whose class is right. */
static double accuracy(const struct asx_scored *s)
{
    double hit = 0, total = 0;
    for (size_t i = 0; i < s->n; i++) {
        int pred = metric_pred_class(s, i);
        if (pred < 0)
            return NAN;
        double w = metric_weight(s, i);
        hit += pred == metric_true_class(s, i) ? w : 0;
        total += w;
    }
    return total > 0 ? hit / total : NAN;
}

const struct asx_metric asx_metric_accuracy = {
    .head = {"accuracy", "share of rows whose class is right"},
    .tasks = ASX_CLASSIFY,
    .greater_is_better = true,
    .best = 1,
    .worst = 0,
    .thresholded = true,
    .score = accuracy,
};
