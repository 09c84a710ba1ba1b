/* SPDX-License-Identifier: Apache-2.0 */
#include "tasks/metric_util.h"

/* Sum over thresholds of (recall step) x precision, without interpolation; ties are one threshold. */
static double average_precision(const struct asx_scored *s)
{
    struct metric_ranking r;
    if (!metric_rank(&r, s, s->positive))
        return NAN;
    double sum = 0, above = 0, seen = 0;
    for (size_t at = 0; at < s->n;) {
        double pos, neg;
        at = metric_tie(s, &r, at, &pos, &neg);
        above += pos;
        seen += pos + neg;
        if (pos > 0)
            sum += pos * (above / seen);
    }
    metric_rank_clear(&r);
    if (!(seen > 0))
        return NAN;
    return above > 0 ? sum / above : 0;
}

const struct asx_metric asx_metric_average_precision = {
    .head = {"average_precision", "area under the precision-recall steps of the positive class"},
    .tasks = ASX_TASK_BIT(ASX_BINARY),
    .greater_is_better = true,
    .best = 1,
    .worst = 0,
    .needs_proba = true,
    .score = average_precision,
};
