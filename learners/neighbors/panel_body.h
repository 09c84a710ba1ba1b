/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Body of a panel's distances for one vector width: a file defines LANES and KNN_PANEL_FN, then includes
 * this. Differences are squared as they are, not expanded, so near neighbours keep their digits.
 */
#include "learners/neighbors/neighbors.h"

#include <string.h>

#ifndef LANES
#define LANES 4
#endif
#ifndef KNN_PANEL_FN
#define KNN_PANEL_FN knn_panel_fast
#endif
#define PARTS (KNN_PANEL / LANES)

typedef int knn_bits __attribute__((vector_size(LANES * 4)));
typedef float knn_vec __attribute__((vector_size(LANES * 4), aligned(4), may_alias));

bool KNN_PANEL_FN(const float *panel, const float *q, size_t p, float limit, float *out)
{
    knn_vec sum[PARTS];
    memset(sum, 0, sizeof sum);
    for (size_t j = 0; j < p; j++) {
        const knn_vec *x = (const knn_vec *)(const void *)(panel + j * KNN_PANEL);
#pragma GCC unroll 8
        for (int l = 0; l < PARTS; l++) {
            knn_vec d = x[l] - q[j];
            sum[l] += d * d;
        }
    }
    knn_bits below = {0};
    for (int l = 0; l < PARTS; l++)
        below |= sum[l] < limit;
    memcpy(out, sum, sizeof sum);
    int64_t any = 0, part[LANES / 2];
    memcpy(part, &below, sizeof part);
    for (int l = 0; l < LANES / 2; l++)
        any |= part[l];
    return any != 0;
}
