/* SPDX-License-Identifier: Apache-2.0 */
#include "tasks/metric_util.h"

/* Predictions below 0 count as 0: scikit-learn has no value there, and a model should not fail for one row. */
static double squared_log(double y, double p)
{
    double d = log1p(y) - log1p(p < 0 ? 0 : p);
    return y < 0 ? NAN : d * d;
}

static double rmsle(const struct asx_scored *s)
{
    return sqrt(metric_mean(s, squared_log));
}

static bool not_negative(double y)
{
    return y >= 0;
}

const struct asx_metric asx_metric_rmsle = {
    .head = {"rmsle", "root mean squared error of ln(1 + value), for targets of 0 and more"},
    .tasks = ASX_REGRESS,
    .greater_is_better = false,
    .best = 0,
    .worst = INFINITY,
    .score = rmsle,
    .accepts = not_negative,
    .domain = "of 0 and more",
    .refuses = true,
};
