/* SPDX-License-Identifier: Apache-2.0 */
#include "tasks/metric_util.h"

/* Plain mean of F1 over the classes that occur in the truth or among the predictions. */
static double f1_macro(const struct asx_scored *s)
{
    struct metric_counts c;
    if (!metric_counts_init(&c, s))
        return NAN;
    double sum = 0;
    int classes = 0;
    for (int k = 0; k < c.classes; k++)
        if (c.present[k]) {
            sum += metric_f1_of(&c, k);
            classes++;
        }
    metric_counts_clear(&c);
    return classes ? sum / classes : NAN;
}

const struct asx_metric asx_metric_f1_macro = {
    .head = {"f1_macro", "mean F1 over classes"},
    .tasks = ASX_CLASSIFY,
    .greater_is_better = true,
    .best = 1,
    .worst = 0,
    .thresholded = true,
    .score = f1_macro,
};
