/* SPDX-License-Identifier: Apache-2.0 */
#include "tasks/metric_util.h"

#include <float.h>

/* Mean of -ln p(true class), p clipped to [eps, 1 - eps] with eps = 2^-52, in nats. */
static double log_loss(const struct asx_scored *s)
{
    double sum = 0, total = 0;
    for (size_t i = 0; i < s->n; i++) {
        int k = metric_true_class(s, i);
        double p = k < s->outputs ? metric_pred(s, i, k) : 0;
        if (p != p)
            return NAN;
        double w = metric_weight(s, i);
        sum -= w * log(fmin(fmax(p, DBL_EPSILON), 1 - DBL_EPSILON));
        total += w;
    }
    return total > 0 ? sum / total : NAN;
}

const struct asx_metric asx_metric_log_loss = {
    .head = {"log_loss", "mean negative log probability of the true class"},
    .tasks = ASX_CLASSIFY,
    .greater_is_better = false,
    .best = 0,
    .worst = INFINITY,
    .needs_proba = true,
    .score = log_loss,
};
