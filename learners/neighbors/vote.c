/* SPDX-License-Identifier: Apache-2.0 */
/* Votes of neighbours: see neighbors.h. */
#include "learners/neighbors/neighbors.h"

#include <string.h>

/* Rows at distance 0 outvote all others; the list ascends, so the first entry tells. */
static double share(const struct knn_votes *v, const float *dist, uint32_t i, size_t at)
{
    double w = v->weight ? v->weight[i] : 1;
    if (!v->distance)
        return w;
    if (dist[0] > 0)
        return w / sqrt((double)dist[at]);
    return dist[at] > 0 ? 0 : w;
}

void knn_vote(const struct knn_votes *v, const float *dist, const uint32_t *index, size_t top, double *out)
{
    size_t k = v->k < top ? v->k : top, found = 0;
    bool values = v->task == ASX_REGRESSION;
    double sum = 0;
    memset(out, 0, (size_t)v->outputs * sizeof *out);
    for (; found < k && index[found] != UINT32_MAX; found++) {
        uint32_t i = index[found];
        double w = share(v, dist, i, found);
        sum += w;
        if (values)
            out[0] += w * v->value[i];
        else
            out[(size_t)v->value[i]] += w;
    }
    double a = values ? 0 : v->smoothing, count = (double)found;
    for (int c = 0; c < v->outputs; c++)
        out[c] = sum > 0 ? (count * (out[c] / sum) + a * v->prior[c]) / (count + a) : v->prior[c];
}
