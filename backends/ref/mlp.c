/* SPDX-License-Identifier: Apache-2.0 */
/* Bias, activation and dropout of a network layer. */
#include "backends/ref/ref.h"

#include "base/rng.h"

static bool kept(const struct asx_mlp_act_args *g, size_t row, size_t col)
{
    struct rng r = {g->key, 0};
    uint64_t draw = rng_at(&r, (g->first_row + row) * ((g->cols + 3) / 4) + col / 4);
    return (float)(draw >> (16 * (col % 4)) & 0xffff) < g->keep * 65536.0f;
}

static void forward(const struct asx_mlp_act_args *g)
{
    bool drop = g->keep > 0 && g->keep < 1;
    for (size_t i = 0; i < g->rows; i++)
        for (size_t j = 0; j < g->cols; j++) {
            float *z = (float *)g->z.host + i * g->ld + j;
            float v = *z + (g->bias ? g->bias[j] : 0);
            if (g->activation == ASX_RELU && v < 0)
                v = 0;
            if (drop)
                v = kept(g, i, j) ? v / g->keep : 0;
            *z = v;
        }
}

static void backward(const struct asx_mlp_act_args *g)
{
    float *z = g->z.host;
    float scale = g->keep > 0 && g->keep < 1 ? 1 / g->keep : 1;
    for (size_t j = 0; j < g->cols; j++) {
        double sum = 0;
        for (size_t i = 0; i < g->rows; i++) {
            size_t e = i * g->ld + j;
            if (g->activation == ASX_RELU)
                z[e] = g->out[e] > 0 ? z[e] * scale : 0;
            sum += (double)z[e];
        }
        if (g->bias_grad)
            g->bias_grad[j] += (float)sum;
    }
}

asx_st ref_mlp_act(struct asx_queue *q, const void *args)
{
    (void)q;
    const struct asx_mlp_act_args *g = args;
    if (g->backward)
        backward(g);
    else
        forward(g);
    return ASX_OK;
}
