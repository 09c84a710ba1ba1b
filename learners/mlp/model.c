/* SPDX-License-Identifier: Apache-2.0 */
/* See model.h. */
#include "learners/mlp/model.h"

#include "backends/cpu/cpu.h"
#include "base/err.h"
#include "base/mem.h"
#include "data/matrix.h"

#include <string.h>

static asx_st no_memory(struct asx_err *err)
{
    return err_set(err, ASX_E_NOMEM, "no memory for a network; raise the memory limit");
}

static size_t padded(size_t cols)
{
    return (cols + MLP_PAD - 1) / MLP_PAD * MLP_PAD;
}

void mlp_free_model(struct asx_model *m)
{
    if (!m)
        return;
    affine_model_free(m->affine);
    for (int l = 0; l < MLP_LAYERS; l++) {
        mem_free(m->w[l]);
        mem_free(m->b[l]);
    }
    mem_free(m);
}

/* Room for all layers of m->net, zeroed. */
static bool make_layers(struct asx_model *m, struct mem *mem)
{
    for (int l = 0; l < m->net.layers; l++) {
        size_t cols = padded(m->net.dim[l + 1]);
        m->w[l] = mem_calloc(mem, m->net.dim[l] * cols, sizeof(float));
        m->b[l] = mem_calloc(mem, cols, sizeof(float));
        if (!m->w[l] || !m->b[l])
            return false;
    }
    return true;
}

static void fill_layers(struct asx_model *m, const float *w)
{
    for (int l = 0; l < m->net.layers; l++) {
        size_t in = m->net.dim[l], out = m->net.dim[l + 1], cols = padded(out);
        for (size_t i = 0; i < in; i++)
            memcpy(m->w[l] + i * cols, w + m->net.at[l] + i * out, out * sizeof(float));
        memcpy(m->b[l], w + mlp_bias_at(&m->net, l), out * sizeof(float));
    }
}

asx_st mlp_model_make(const struct asx_affine *affine, const struct asx_state *s, const float *w, struct mem *mem,
                      struct asx_model **out, struct asx_err *err)
{
    struct asx_model *m = mem_calloc(mem, 1, sizeof *m);
    if (!m)
        return no_memory(err);
    m->target = s->target;
    m->net = s->net;
    asx_st st = make_layers(m, mem) ? affine_model_make(affine, mem, &m->affine, err) : no_memory(err);
    if (st) {
        mlp_free_model(m);
        return st;
    }
    fill_layers(m, w);
    *out = m;
    return ASX_OK;
}

/* ---- prediction ----------------------------------------------------------------------------- */

static mlp_product_fn fastest(void)
{
    static const mlp_product_fn level[] = {mlp_product_fast, mlp_product_avx2, mlp_product_avx512};
    return level[cpu_simd_level()];
}

/* A layer's output has padded columns; the next product wants them side by side. */
static void close_up(float *x, size_t cols)
{
    size_t wide = padded(cols);
    for (size_t i = 1; wide != cols && i < MLP_BLOCK; i++)
        memmove(x + i * cols, x + i * wide, cols * sizeof *x);
}

/* A whole block of rows to scores; returns where they are. */
static const float *predict_block(const struct asx_model *m, mlp_product_fn product, float *x, float *const room[2])
{
    for (int l = 0; l < m->net.layers; l++) {
        product(x, m->net.dim[l], m->w[l], m->b[l], padded(m->net.dim[l + 1]), l + 1 < m->net.layers, room[l % 2]);
        x = room[l % 2];
        close_up(x, m->net.dim[l + 1]);
    }
    return x;
}

asx_st mlp_predict(const struct asx_model *m, const struct asx_matrix *x, size_t from, size_t to, double *out, struct asx_err *err)
{
    size_t widest = 0, cols = m->net.dim[0], scores = m->net.dim[m->net.layers], outputs = (size_t)m->target.outputs;
    for (int l = 1; l <= m->net.layers; l++)
        widest = padded(m->net.dim[l]) > widest ? padded(m->net.dim[l]) : widest;
    float *z = mem_calloc(NULL, MLP_BLOCK * (cols + 2 * widest) + 1, sizeof *z);
    if (!z)
        return no_memory(err);
    float *const room[2] = {z + MLP_BLOCK * cols, z + MLP_BLOCK * (cols + widest)};
    mlp_product_fn product = fastest();
    asx_st st = ASX_OK;
    for (size_t at = from; !st && at < to; at += MLP_BLOCK) {
        size_t n = to - at < MLP_BLOCK ? to - at : MLP_BLOCK;
        memset(z + n * cols, 0, (MLP_BLOCK - n) * cols * sizeof *z);
        st = affine_model_apply(m->affine, x, at, at + n, z, cols, err);
        if (st)
            break;
        mlp_squash(z, n * cols);
        const float *score = predict_block(m, product, z, room);
        for (size_t i = 0; i < n; i++)
            mlp_outputs(&m->target, score + i * scores, out + (at - from + i) * outputs);
    }
    mem_free(z);
    return st;
}

/* ---- files -------------------------------------------------------------------------------------- */

asx_st mlp_save(const struct asx_model *m, struct asx_writer *w)
{
    const struct mlp_target *t = &m->target;
    asx_put_u64(w, (uint64_t)t->task);
    asx_put_u64(w, (uint64_t)t->outputs);
    asx_put_f64(w, t->mean);
    asx_put_f64(w, t->sd);
    asx_put_f64(w, t->low);
    asx_put_f64(w, t->high);
    asx_put_u64(w, (uint64_t)m->net.layers);
    asx_put_u64(w, m->net.dim[0]);
    for (int l = 0; l < m->net.layers; l++) {
        asx_put_u64(w, m->net.dim[l + 1]);
        asx_put_f32s(w, m->b[l], padded(m->net.dim[l + 1]));
        asx_put_f32s(w, m->w[l], m->net.dim[l] * padded(m->net.dim[l + 1]));
    }
    return affine_model_save(m->affine, w);
}

static void read_target(struct asx_reader *r, struct mlp_target *t)
{
    uint64_t task = asx_get_u64(r), outputs = asx_get_u64(r);
    t->mean = asx_get_f64(r);
    t->sd = asx_get_f64(r);
    t->low = asx_get_f64(r);
    t->high = asx_get_f64(r);
    bool good = task < ASX_TASKS && outputs >= 1 && outputs < 1u << 24 && isfinite(t->mean) && isfinite(t->sd) && t->low <= t->high;
    good = good && (task != ASX_REGRESSION || outputs == 1) && (task != ASX_BINARY || outputs == 2);
    if (!good)
        asx_reader_fail(r, "a network with impossible answers");
    t->task = good ? (enum asx_task)task : ASX_REGRESSION;
    t->outputs = good ? (int)outputs : 1;
}

/* Sizes come before what they size, and every layer must be there in full: nothing large is taken on trust. */
static void read_layers(struct asx_reader *r, struct mem *mem, struct asx_model *m)
{
    uint64_t layers = asx_get_u64(r);
    m->net.dim[0] = asx_get_count(r, sizeof(float));
    if (layers < 1 || layers > MLP_LAYERS)
        asx_reader_fail(r, "a network with an impossible number of layers");
    for (uint64_t l = 0; l < layers && !asx_reader_bad(r); l++) {
        size_t out = asx_get_count(r, sizeof(float)), cols = padded(out);
        if (out < 1) {
            asx_reader_fail(r, "a network with an empty layer");
            return;
        }
        m->net.dim[l + 1] = out;
        m->b[l] = asx_get_f32s(r, mem, cols);
        m->w[l] = asx_reader_bad(r) ? NULL : asx_get_f32s(r, mem, m->net.dim[l] * cols);
        m->net.layers++;
    }
}

static asx_st check(struct asx_reader *r, const struct asx_model *m, struct asx_err *err)
{
    if (asx_reader_bad(r))
        return asx_reader_error(r, err);
    for (int l = 0; l < m->net.layers; l++)
        if (!m->w[l] || !m->b[l])
            return no_memory(err);
    size_t scores = m->target.task == ASX_MULTICLASS ? (size_t)m->target.outputs : 1;
    if (m->net.dim[m->net.layers] == scores)
        return ASX_OK;
    asx_reader_fail(r, "a network whose scores do not match its answers");
    return asx_reader_error(r, err);
}

asx_st mlp_load(struct asx_reader *r, struct mem *mem, struct asx_model **out, struct asx_err *err)
{
    struct asx_model *m = mem_calloc(mem, 1, sizeof *m);
    if (!m)
        return no_memory(err);
    read_target(r, &m->target);
    if (!asx_reader_bad(r))
        read_layers(r, mem, m);
    asx_st st = check(r, m, err);
    if (!st)
        st = affine_model_load(r, mem, &m->affine, err);
    if (!st && m->affine->cols != m->net.dim[0]) {
        asx_reader_fail(r, "a network whose columns do not match its preparation");
        st = asx_reader_error(r, err);
    }
    if (st) {
        mlp_free_model(m);
        return st;
    }
    *out = m;
    return ASX_OK;
}
