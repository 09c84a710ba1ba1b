/* SPDX-License-Identifier: Apache-2.0 */
/* Bias, activation and dropout, one row at a time so that the loops over columns vectorise. */
#include "backends/cpu/cpu.h"

#include "base/rng.h"

#include <string.h>

enum { TILE = 256 };

static void drop_row(const struct asx_mlp_act_args *g, float *restrict z, size_t row)
{
    struct rng r = {g->key, 0};
    uint64_t base = (g->first_row + row) * ((g->cols + 3) / 4);
    float scale = 1 / g->keep, most = g->keep * 65536.0f;
    for (size_t j = 0; j < g->cols; j += 4) {
        uint64_t draw = rng_at(&r, base + j / 4);
        for (size_t l = 0; l < 4 && j + l < g->cols; l++)
            z[j + l] = (float)(draw >> (16 * l) & 0xffff) < most ? z[j + l] * scale : 0;
    }
}

static void forward(const struct asx_mlp_act_args *g)
{
    bool drop = g->keep > 0 && g->keep < 1;
    const float *restrict bias = g->bias;
    for (size_t i = 0; i < g->rows; i++) {
        float *restrict z = (float *)g->z.host + i * g->ld;
        if (bias)
            for (size_t j = 0; j < g->cols; j++)
                z[j] += bias[j];
        if (g->activation == ASX_RELU)
            for (size_t j = 0; j < g->cols; j++)
                z[j] = z[j] < 0 ? 0 : z[j];
        if (drop)
            drop_row(g, z, i);
    }
}

static void mask(const struct asx_mlp_act_args *g)
{
    float scale = g->keep > 0 && g->keep < 1 ? 1 / g->keep : 1;
    for (size_t i = 0; i < g->rows; i++) {
        float *restrict z = (float *)g->z.host + i * g->ld;
        const float *restrict out = g->out + i * g->ld;
        for (size_t j = 0; j < g->cols; j++)
            z[j] = out[j] > 0 ? z[j] * scale : 0;
    }
}

/* Column sums in double, a tile of columns at a time. */
static void sums(const struct asx_mlp_act_args *g)
{
    for (size_t j0 = 0; j0 < g->cols; j0 += TILE) {
        size_t w = g->cols - j0 < TILE ? g->cols - j0 : TILE;
        double sum[TILE];
        memset(sum, 0, w * sizeof *sum);
        for (size_t i = 0; i < g->rows; i++) {
            const float *restrict z = (const float *)g->z.host + i * g->ld + j0;
            for (size_t j = 0; j < w; j++)
                sum[j] += (double)z[j];
        }
        for (size_t j = 0; j < w; j++)
            g->bias_grad[j0 + j] += (float)sum[j];
    }
}

asx_st cpu_mlp_act(struct asx_queue *q, const void *args)
{
    (void)q;
    const struct asx_mlp_act_args *g = args;
    if (!g->backward) {
        forward(g);
        return ASX_OK;
    }
    if (g->activation == ASX_RELU)
        mask(g);
    if (g->bias_grad)
        sums(g);
    return ASX_OK;
}
