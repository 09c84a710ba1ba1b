/* SPDX-License-Identifier: Apache-2.0 */
#include "tasks/metric_util.h"

static double squared(double y, double p)
{
    return (y - p) * (y - p);
}

static double rmse(const struct asx_scored *s)
{
    return sqrt(metric_mean(s, squared));
}

const struct asx_metric asx_metric_rmse = {
    .head = {"rmse", "root mean squared error"},
    .tasks = ASX_REGRESS,
    .greater_is_better = false,
    .best = 0,
    .worst = INFINITY,
    .score = rmse,
};
