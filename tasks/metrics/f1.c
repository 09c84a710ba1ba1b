/* SPDX-License-Identifier: Apache-2.0 */
#include "tasks/metric_util.h"

/* Harmonic mean of precision and recall of the positive class. */
static double f1(const struct asx_scored *s)
{
    struct metric_counts c;
    if (!metric_counts_init(&c, s))
        return NAN;
    double f = metric_f1_of(&c, s->positive);
    metric_counts_clear(&c);
    return f;
}

const struct asx_metric asx_metric_f1 = {
    .head = {"f1", "harmonic mean of precision and recall of the positive class"},
    .tasks = ASX_TASK_BIT(ASX_BINARY),
    .greater_is_better = true,
    .best = 1,
    .worst = 0,
    .thresholded = true,
    .score = f1,
};
