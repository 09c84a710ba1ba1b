/* SPDX-License-Identifier: Apache-2.0 */
/* Placing the edges of number bins. */
#include "learners/trees/bins.h"

/* A number m with a <= m < b, in the middle when f32 has one. */
static float between(float a, float b)
{
    float m = (float)(0.5 * (double)a + 0.5 * (double)b);
    return m >= a && m < b ? m : a;
}

/* Equal frequency: heavy values get bins of their own, the rest share what is left. */
static int greedy(const float *value, const double *count, size_t n, int max_bins, float *edge)
{
    double total = 0, rest;
    int bins = 0, rest_bins = max_bins;
    for (size_t i = 0; i < n; i++)
        total += count[i];
    double mean = total / max_bins, heavy = mean, in_bin = 0;
    rest = total;
    for (size_t i = 0; i < n; i++)
        if (count[i] >= heavy) {
            rest_bins--;
            rest -= count[i];
        }
    mean = rest_bins > 0 ? rest / rest_bins : rest;
    for (size_t i = 0; i + 1 < n && bins < max_bins - 1; i++) {
        bool big = count[i] >= heavy, next_big = count[i + 1] >= heavy;
        if (!big)
            rest -= count[i];
        in_bin += count[i];
        if (!big && in_bin < mean && !(next_big && in_bin >= 0.5 * mean))
            continue;
        edge[bins++] = between(value[i], value[i + 1]);
        in_bin = 0;
        if (!big) {
            rest_bins--;
            mean = rest_bins > 0 ? rest / rest_bins : rest;
        }
    }
    edge[bins++] = value[n - 1];
    return bins;
}

int bins_edges(const float *value, const double *count, size_t n, int max_bins, float *edge)
{
    if (n == 0) {
        edge[0] = 0;
        return 1;
    }
    if (n > (size_t)max_bins)
        return greedy(value, count, n, max_bins, edge);
    for (size_t i = 0; i + 1 < n; i++)
        edge[i] = between(value[i], value[i + 1]);
    edge[n - 1] = value[n - 1];
    return (int)n;
}
