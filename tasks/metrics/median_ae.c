/* SPDX-License-Identifier: Apache-2.0 */
#include "tasks/metric_util.h"

#include "base/mem.h"

#include <stdlib.h>

struct error {
    double e, w;
};

static int by_error(const void *a, const void *b)
{
    double x = ((const struct error *)a)->e, y = ((const struct error *)b)->e;
    return (x > y) - (x < y);
}

/* Lower weighted median: the first error at which half the weight is reached (scikit-learn 1.2). */
static double weighted(const struct error *a, size_t n)
{
    double total = 0, sum = 0;
    for (size_t i = 0; i < n; i++)
        total += a[i].w;
    if (!(total > 0))
        return NAN;
    for (size_t i = 0; i < n; i++)
        if ((sum += a[i].w) >= total / 2 && sum > 0)
            return a[i].e;
    return a[n - 1].e;
}

static double median_ae(const struct asx_scored *s)
{
    struct error *a = mem_array(NULL, s->n + 1, sizeof(*a));
    double median = NAN;
    if (!a || !s->n)
        goto out;
    for (size_t i = 0; i < s->n; i++) {
        a[i] = (struct error){fabs(metric_truth(s, i) - metric_pred(s, i, 0)), metric_weight(s, i)};
        if (a[i].e != a[i].e)
            goto out;
    }
    qsort(a, s->n, sizeof(*a), by_error);
    if (s->weight)
        median = weighted(a, s->n);
    else
        median = s->n % 2 ? a[s->n / 2].e : (a[s->n / 2 - 1].e + a[s->n / 2].e) / 2;
out:
    mem_free(a);
    return median;
}

const struct asx_metric asx_metric_median_ae = {
    .head = {"median_ae", "median absolute error"},
    .tasks = ASX_REGRESS,
    .greater_is_better = false,
    .best = 0,
    .worst = INFINITY,
    .score = median_ae,
};
