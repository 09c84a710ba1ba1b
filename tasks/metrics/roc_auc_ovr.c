/* SPDX-License-Identifier: Apache-2.0 */
#include "tasks/metric_util.h"

/* Mean over classes of the AUC of one class against the rest; a class that is absent, or alone, has none. */
static double roc_auc_ovr(const struct asx_scored *s)
{
    double sum = 0;
    int classes = 0;
    if (s->outputs == 2)
        return metric_auc_of(s, s->positive);
    for (int k = 0; k < s->outputs; k++) {
        double auc = metric_auc_of(s, k);
        if (auc == auc) {
            sum += auc;
            classes++;
        }
    }
    return classes ? sum / classes : NAN;
}

const struct asx_metric asx_metric_roc_auc_ovr = {
    .head = {"roc_auc_ovr", "mean AUC of each class against the rest"},
    .tasks = ASX_CLASSIFY,
    .greater_is_better = true,
    .best = 1,
    .worst = 0,
    .needs_proba = true,
    .score = roc_auc_ovr,
};
