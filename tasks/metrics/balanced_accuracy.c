/* SPDX-License-Identifier: Apache-2.0 */
#include "tasks/metric_util.h"

/* Mean recall over the classes that occur in the truth (Brodersen et al. 2010). */
static double balanced_accuracy(const struct asx_scored *s)
{
    struct metric_counts c;
    if (!metric_counts_init(&c, s))
        return NAN;
    double sum = 0;
    int classes = 0;
    for (int k = 0; k < c.classes; k++)
        if (c.truth[k] > 0) {
            sum += c.hit[k] / c.truth[k];
            classes++;
        }
    metric_counts_clear(&c);
    return classes ? sum / classes : NAN;
}

const struct asx_metric asx_metric_balanced_accuracy = {
    .head = {"balanced_accuracy", "mean recall over classes"},
    .tasks = ASX_CLASSIFY,
    .greater_is_better = true,
    .best = 1,
    .worst = 0,
    .thresholded = true,
    .score = balanced_accuracy,
};
