/* SPDX-License-Identifier: Apache-2.0 */
#include "tasks/metric_util.h"

static double roc_auc(const struct asx_scored *s)
{
    return metric_auc_of(s, s->positive);
}

const struct asx_metric asx_metric_roc_auc = {
    .head = {"roc_auc", "area under the ROC curve of the positive class"},
    .tasks = ASX_TASK_BIT(ASX_BINARY),
    .greater_is_better = true,
    .best = 1,
    .worst = 0,
    .needs_proba = true,
    .score = roc_auc,
};
