/* SPDX-License-Identifier: Apache-2.0 */
/* Nearest rows by brute force. */
#include "backends/ref/ref.h"

#include <math.h>

static double squared(const float *a, const float *b, size_t p)
{
    double s = 0;
    for (size_t j = 0; j < p; j++) {
        double d = (double)a[j] - (double)b[j];
        s += d * d;
    }
    return s;
}

/* Inserts behind all that are as near: rows come by ascending position, so ties keep the lower one. */
static void insert(float *dist, uint32_t *index, size_t top, float d, uint32_t i)
{
    if (top == 0 || !(d < dist[top - 1]))
        return;
    size_t k = top - 1;
    for (; k > 0 && d < dist[k - 1]; k--) {
        dist[k] = dist[k - 1];
        index[k] = index[k - 1];
    }
    dist[k] = d;
    index[k] = i;
}

asx_st ref_dist_topk(struct asx_queue *q, const void *args)
{
    (void)q;
    const struct asx_dist_args *g = args;
    for (size_t i = 0; i < g->m; i++) {
        float *dist = g->dist + i * g->top;
        uint32_t *index = g->index + i * g->top;
        for (size_t k = 0; k < g->top; k++) {
            dist[k] = INFINITY;
            index[k] = UINT32_MAX;
        }
        for (size_t j = 0; j < g->n; j++) {
            if (g->query_id && g->x_id && g->query_id[i] == g->x_id[j])
                continue;
            float d = (float)squared(g->query + i * g->p, g->x + j * g->p, g->p);
            insert(dist, index, g->top, d, (uint32_t)j);
        }
    }
    return ASX_OK;
}
