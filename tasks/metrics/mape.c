/* SPDX-License-Identifier: Apache-2.0 */
#include "tasks/metric_util.h"

#include <float.h>

/* A share, not per cent; a truth of 0 divides by eps = 2^-52 as in scikit-learn. */
static double relative(double y, double p)
{
    return fabs(y - p) / fmax(fabs(y), DBL_EPSILON);
}

static double mape(const struct asx_scored *s)
{
    return metric_mean(s, relative);
}

static bool not_zero(double y)
{
    return y != 0;
}

const struct asx_metric asx_metric_mape = {
    .head = {"mape", "mean absolute error relative to the truth"},
    .tasks = ASX_REGRESS,
    .greater_is_better = false,
    .best = 0,
    .worst = INFINITY,
    .score = mape,
    .accepts = not_zero,
    .domain = "other than 0",
};
