/* SPDX-License-Identifier: Apache-2.0 */
/* Logistic and softmax loss with derivatives. */
#include "backends/ref/ref.h"

#include <math.h>

static double logistic(float *z, double y, double w)
{
    double x = (double)*z, e = exp(-fabs(x));
    double p = x >= 0 ? 1 / (1 + e) : e / (1 + e);
    *z = (float)(w * (p - y));
    return w * (log1p(e) + (x > 0 ? x : 0) - y * x);
}

static double softmax(float *z, int outputs, size_t label, double w)
{
    double top = (double)z[0], sum = 0, at_label = (double)z[label];
    for (int c = 1; c < outputs; c++)
        if (!((double)z[c] <= top)) /* a NaN becomes the top and poisons all, as it must */
            top = (double)z[c];
    for (int c = 0; c < outputs; c++)
        sum += exp((double)z[c] - top);
    for (int c = 0; c < outputs; c++)
        z[c] = (float)(w * (exp((double)z[c] - top) / sum - ((size_t)c == label)));
    return w * (log(sum) + top - at_label);
}

asx_st ref_glm_step(struct asx_queue *q, const void *args)
{
    (void)q;
    const struct asx_glm_args *g = args;
    for (size_t i = 0; i < g->rows; i++)
        for (size_t j = 0; j < g->k; j++) {
            float *z = (float *)g->z.host + i * g->ldz + j * (size_t)g->outputs;
            double w = g->weight ? (double)g->weight[i * g->k + j] : 1.0;
            if (w == 0) {
                for (int c = 0; c < g->outputs; c++)
                    z[c] = 0;
                continue;
            }
            g->loss[j] += g->outputs == 1 ? logistic(z, g->y[i], w) : softmax(z, g->outputs, (size_t)g->y[i], w);
        }
    return ASX_OK;
}
