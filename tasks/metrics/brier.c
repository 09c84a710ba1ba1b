/* SPDX-License-Identifier: Apache-2.0 */
#include "tasks/metric_util.h"

/*
 * Brier (1950): mean squared distance of the probabilities from the truth. Two classes: the
 * positive class alone, as scikit-learn (0..1); more: the sum over classes (0..2).
 */
static double row_score(const struct asx_scored *s, size_t i)
{
    int truth = metric_true_class(s, i);
    if (s->outputs == 2) {
        double d = metric_pred(s, i, s->positive) - (truth == s->positive);
        return d * d;
    }
    double sum = truth == s->outputs; /* an unknown class: its own term is (0 - 1)^2 */
    for (int k = 0; k < s->outputs; k++) {
        double d = metric_pred(s, i, k) - (truth == k);
        sum += d * d;
    }
    return sum;
}

static double brier(const struct asx_scored *s)
{
    double sum = 0, total = 0;
    for (size_t i = 0; i < s->n; i++) {
        double w = metric_weight(s, i);
        sum += w * row_score(s, i);
        total += w;
    }
    return total > 0 ? sum / total : NAN;
}

const struct asx_metric asx_metric_brier = {
    .head = {"brier", "mean squared error of the probabilities"},
    .tasks = ASX_CLASSIFY,
    .greater_is_better = false,
    .best = 0,
    .worst = 2,
    .needs_proba = true,
    .score = brier,
};
