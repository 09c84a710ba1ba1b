/* SPDX-License-Identifier: Apache-2.0 */
#include "tasks/metric_util.h"

static double absolute(double y, double p)
{
    return fabs(y - p);
}

static double mae(const struct asx_scored *s)
{
    return metric_mean(s, absolute);
}

const struct asx_metric asx_metric_mae = {
    .head = {"mae", "mean absolute error"},
    .tasks = ASX_REGRESS,
    .greater_is_better = false,
    .best = 0,
    .worst = INFINITY,
    .score = mae,
};
