/* SPDX-License-Identifier: Apache-2.0 */
/* Passes through a network: products by the device's kernels, the rest fused by ASX_K_MLP_ACT. */
#include "learners/mlp/net.h"

#include <assay/ext/backend.h>

#include "base/mem.h"
#include "base/rng.h"

#include <string.h>

/* Element-wise loops as vectors, rounded as written. */
#if defined(__GNUC__) && !defined(__clang__)
#define VECTORS __attribute__((optimize("O3", "no-trapping-math")))
#else
#define VECTORS
#endif

void mlp_net_init(struct mlp_net *n, size_t cols, int hidden, size_t width, size_t scores)
{
    *n = (struct mlp_net){.layers = hidden + 1};
    n->dim[0] = cols;
    for (int l = 1; l <= hidden; l++)
        n->dim[l] = width;
    n->dim[n->layers] = scores;
    for (int l = 0; l < n->layers; l++) {
        n->at[l] = n->size;
        n->size += (n->dim[l] * n->dim[l + 1] + n->dim[l + 1] + 15) / 16 * 16;
    }
}

void mlp_net_start(const struct mlp_net *n, uint64_t seed, float *w)
{
    memset(w, 0, n->size * sizeof *w);
    for (int l = 0; l < n->layers; l++) {
        struct rng r = rng_stream(seed, 0x6d6c70, 0, (uint64_t)l);
        double sd = sqrt((l + 1 < n->layers ? 2.0 : 1.0) / (double)(n->dim[l] ? n->dim[l] : 1));
        for (size_t i = 0; i < n->dim[l] * n->dim[l + 1]; i++)
            w[n->at[l] + i] = (float)(sd * rng_normal(&r));
    }
}

bool mlp_pass_init(struct mlp_pass *s, const struct mlp_net *n, const struct asx_device *device, size_t rows, bool training,
                   struct arena *a)
{
    size_t widest = 1;
    *s = (struct mlp_pass){.net = n, .device = device, .rows = rows};
    for (int l = 0; l <= n->layers; l++) {
        widest = n->dim[l] > widest && l ? n->dim[l] : widest;
        if (!(s->act[l] = arena_alloc(a, (rows * n->dim[l] + 1) * sizeof(float))))
            return false;
    }
    for (int i = 0; training && i < 2; i++)
        if (!(s->delta[i] = arena_alloc(a, rows * widest * sizeof(float))))
            return false;
    return true;
}

static asx_st product(const struct mlp_pass *s, size_t m, size_t n, size_t p, const float *a, size_t lda, bool ta, const float *b,
                      size_t ldb, bool tb, float *c)
{
    struct asx_gemm_args g = {.m = m,
                              .n = n,
                              .p = p,
                              .trans_a = ta,
                              .trans_b = tb,
                              .alpha = 1,
                              .beta = 0,
                              .a = asx_buf_of(a),
                              .b = asx_buf_of(b),
                              .c = asx_buf_of(c),
                              .lda = lda,
                              .ldb = ldb,
                              .ldc = n};
    return asx_run_kernel(s->device, ASX_K_GEMM_F32, &g);
}

asx_st mlp_forward(struct mlp_pass *s, const float *w, size_t n, const struct mlp_drop *drop)
{
    const struct mlp_net *net = s->net;
    asx_st st = ASX_OK;
    for (int l = 0; l < net->layers && !st; l++) {
        size_t in = net->dim[l], out = net->dim[l + 1];
        bool last = l + 1 == net->layers;
        st = product(s, n, out, in, s->act[l], in, false, w + net->at[l], out, false, s->act[l + 1]);
        struct asx_mlp_act_args a = {.rows = n,
                                     .cols = out,
                                     .ld = out,
                                     .z = asx_buf_of(s->act[l + 1]),
                                     .activation = last ? ASX_IDENTITY : ASX_RELU,
                                     .bias = w + mlp_bias_at(net, l),
                                     .keep = 1};
        if (drop && !last) {
            a.keep = drop->keep;
            a.key = drop->key[l];
            a.first_row = drop->first_row;
        }
        if (!st)
            st = asx_run_kernel(s->device, ASX_K_MLP_ACT, &a);
    }
    return st;
}

/* From the gradient of a layer's output (rectified when hidden) to those of its weights, biases and input. */
static asx_st layer_back(struct mlp_pass *s, const float *w, size_t n, int l, const struct mlp_drop *drop, float *delta,
                         float *next, float *gradient)
{
    const struct mlp_net *net = s->net;
    size_t in = net->dim[l], out = net->dim[l + 1];
    bool last = l + 1 == net->layers;
    struct asx_mlp_act_args a = {.rows = n,
                                 .cols = out,
                                 .ld = out,
                                 .z = asx_buf_of(delta),
                                 .activation = last ? ASX_IDENTITY : ASX_RELU,
                                 .backward = true,
                                 .out = s->act[l + 1],
                                 .bias_grad = gradient + mlp_bias_at(net, l),
                                 .keep = drop && !last ? drop->keep : 1};
    memset(a.bias_grad, 0, out * sizeof(float));
    asx_st st = asx_run_kernel(s->device, ASX_K_MLP_ACT, &a);
    if (!st)
        st = product(s, in, out, n, s->act[l], in, true, delta, out, false, gradient + net->at[l]);
    if (!st && l > 0)
        st = product(s, n, in, out, delta, out, false, w + net->at[l], out, true, next);
    return st;
}

asx_st mlp_backward(struct mlp_pass *s, const float *w, size_t n, const struct mlp_drop *drop, float *gradient)
{
    float *delta = s->act[s->net->layers];
    asx_st st = ASX_OK;
    for (int l = s->net->layers - 1, turn = 0; l >= 0 && !st; l--, turn = !turn) {
        st = layer_back(s, w, n, l, drop, delta, s->delta[turn], gradient);
        delta = s->delta[turn];
    }
    return st;
}

/* Square roots and quotients round alike in vectors and alone, so a cell does not depend on its place. */
VECTORS void mlp_squash(float *z, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float v = z[i], s = v * (1.0f / 3.0f), o = v / sqrtf(1.0f + s * s);
        z[i] = fabsf(v) < 1e15f ? o : 0;
    }
}

void mlp_gather(const struct asx_dense *d, const uint32_t *row, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++)
        memcpy(out + i * d->cols, d->x + (size_t)row[i] * d->ld, d->cols * sizeof *out);
    mlp_squash(out, n * d->cols);
}

VECTORS void mlp_adam_step(const struct mlp_adam *a, size_t n, const float *restrict g, float *restrict m, float *restrict v,
                           float *restrict w, float *restrict avg)
{
    float rate = a->rate, b1 = a->beta1, b2 = a->beta2, c2 = a->correction2, decay = a->decay, share = a->average;
    for (size_t i = 0; i < n; i++) {
        float mi = b1 * m[i] + (1 - b1) * g[i], vi = b2 * v[i] + (1 - b2) * g[i] * g[i];
        float wi = w[i] - rate * mi / (sqrtf(c2 * vi) + 1e-8f) - decay * w[i];
        m[i] = mi;
        v[i] = vi;
        w[i] = wi;
        avg[i] += share * (wi - avg[i]);
    }
}
