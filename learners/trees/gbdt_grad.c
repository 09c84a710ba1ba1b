/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gradients of a round in the form the way wants: packed fixed point, few bits with stochastic rounding, or doubles.
 * Pieces of GBDT_CHUNK rows; sums of pieces are added in order.
 */
#include "learners/trees/gbdt_fit.h"

#include <math.h>
#include <string.h>

enum { BLOCK = 1024, FEW_G = 127, FEW_H = 255 };

/* ---- what the classes share (softmax) --------------------------------------------- */

static struct loss_norm norm_at(const struct fit *f, size_t i)
{
    return (struct loss_norm){f->norm.top ? f->norm.top + i : NULL, f->norm.inverse ? f->norm.inverse + i : NULL};
}

static void norm_chunk(void *arg, size_t c, int worker)
{
    (void)worker;
    struct fit *f = arg;
    size_t at = c * GBDT_CHUNK;
    loss_softmax_norm(&f->state->loss, f->state->score, f->state->rows, f->fold->train + at, gbdt_chunk_rows(f->fold->n_train, c),
                      norm_at(f, at));
}

static void all_chunk(void *arg, size_t c, int worker)
{
    (void)worker;
    struct fit *f = arg;
    size_t at = c * GBDT_CHUNK;
    struct loss_all out = f->all;
    out.gh += 2 * at;
    out.sum_g += c;
    out.sum_h += c;
    loss_gradients_all(&f->state->loss, f->problem, f->state->score, f->state->rows, f->fold->train + at,
                       gbdt_chunk_rows(f->fold->n_train, c), &out);
}

void gbdt_share(struct fit *f)
{
    const struct asx_state *s = f->state;
    if (f->all.gh)
        f->exec->split(f->exec, gbdt_chunks(f->fold->n_train), all_chunk, f);
    else if (f->norm.top)
        f->exec->split(f->exec, gbdt_chunks(f->fold->n_train), norm_chunk, f);
    if (f->lse64)
        loss_lse64(&s->loss, s->score, s->rows, f->fold->train, f->fold->n_train, f->lse64);
}

/* ---- fixed point --------------------------------------------------------------- */

/* Gradients of the tree at hand before rounding: of all classes there are those of its own, else they are made. */
static float *unrounded(const struct fit *f)
{
    return f->all.gh ? f->all.gh + 2 * (size_t)f->score * f->all.stride : (float *)f->grow.spare_gh;
}

static void gradient_chunk(void *arg, size_t c, int worker)
{
    (void)worker;
    struct fit *f = arg;
    size_t at = c * GBDT_CHUNK;
    loss_gradients(&f->state->loss, f->problem, f->state->score, f->state->rows, f->score, norm_at(f, at), f->fold->train + at,
                   gbdt_chunk_rows(f->fold->n_train, c), unrounded(f) + 2 * at, &f->chunk_g[c], &f->chunk_h[c]);
}

static void pack_chunk(void *arg, size_t c, int worker)
{
    (void)worker;
    struct fit *f = arg;
    size_t n = gbdt_chunk_rows(f->fold->n_train, c), at = c * GBDT_CHUNK;
    uint64_t *gh = f->grow.gh + at, sum = 0;
    loss_pack(&f->state->loss, unrounded(f) + 2 * at, n, f->g_scale, f->h_scale, gh);
    for (size_t i = 0; i < n; i++)
        sum += gh[i];
    f->chunk_gh[c] = sum;
    memcpy(f->grow.row + at, f->fold->train + at, n * sizeof(uint32_t));
}

/* The smallest power of two u with sum / u + n / 2 below `most`: n rounded numbers cannot leave the range. */
static double unit_for(double sum, size_t n, double most)
{
    int e;
    double u = sum / (most - 0.5 * (double)n - 1), least = 0x1p-126; /* its inverse is an f32, too */
    if (!(u > least))
        return least;
    frexp(u, &e);
    return ldexp(1, e);
}

static void fixed_gradients(struct fit *f, size_t chunks)
{
    size_t n = f->fold->n_train;
    const double *g = f->chunk_g, *h = f->chunk_h;
    double sg = 0, sh = 0;
    if (f->all.gh) {
        g = f->all.sum_g + (size_t)f->score * f->all.sum_stride;
        h = f->all.sum_h + (size_t)f->score * f->all.sum_stride;
    } else {
        f->exec->split(f->exec, chunks, gradient_chunk, f);
    }
    for (size_t c = 0; c < chunks; c++) {
        sg += g[c];
        sh += h[c];
    }
    f->grow.g_unit = unit_for(sg * 1.0001, n, 2147483647.0);
    f->grow.h_unit = unit_for(sh * 1.0001, n, 2147483647.0);
    f->g_scale = (float)(1 / f->grow.g_unit);
    f->h_scale = (float)(1 / f->grow.h_unit);
    f->exec->split(f->exec, chunks, pack_chunk, f);
}

/* ---- few bits -------------------------------------------------------------------- */

static void exact_chunk(void *arg, size_t c, int worker)
{
    (void)worker;
    struct fit *f = arg;
    size_t from = c * GBDT_CHUNK, end = from + gbdt_chunk_rows(f->fold->n_train, c);
    float made[2 * BLOCK], most_g = 0, most_h = 0;
    for (size_t i = from; i < end; i += BLOCK) {
        size_t n = end - i < BLOCK ? end - i : BLOCK;
        const float *gh = f->all.gh ? unrounded(f) + 2 * i : made;
        double sg, sh;
        if (!f->all.gh)
            loss_gradients(&f->state->loss, f->problem, f->state->score, f->state->rows, f->score, norm_at(f, i),
                           f->fold->train + i, n, made, &sg, &sh);
        for (size_t k = 0; k < n; k++) {
            float g = fabsf(gh[2 * k]), h = gh[2 * k + 1];
            most_g = g > most_g ? g : most_g;
            most_h = h > most_h ? h : most_h;
            memcpy(f->exact + 2 * (size_t)f->fold->train[i + k], gh + 2 * k, 2 * sizeof *gh);
        }
    }
    f->chunk_g[c] = (double)most_g;
    f->chunk_h[c] = (double)most_h;
}

/* Stochastic rounding: floor(x + u), u uniform in [0, 1) by the place in the fold, so E[rounded] = x. */
static void few_chunk(void *arg, size_t c, int worker)
{
    (void)worker;
    struct fit *f = arg;
    size_t from = c * GBDT_CHUNK, n = gbdt_chunk_rows(f->fold->n_train, c);
    struct rng r = rng_stream(f->member->seed, 0x666577, (uint64_t)f->iteration, (uint64_t)f->score);
    const uint32_t *row = f->fold->train + from;
    uint16_t *few = f->grow.few + from;
    uint64_t bits = 0, sum = 0;
    for (size_t i = 0; i < n; i++) {
        if (i % 2 == 0) /* GBDT_CHUNK is even: one draw serves two rows of the same piece */
            bits = rng_at(&r, (from + i) / 2);
        float u = (float)(bits & 0xffff) * 0x1p-16f, v = (float)(bits >> 16 & 0xffff) * 0x1p-16f;
        bits >>= 32;
        const float *gh = f->exact + 2 * (size_t)row[i];
        float x = gh[0] * f->g_scale + u + 256.0f; /* positive: truncation is floor */
        int g = (int)x - 256, h = (int)(gh[1] * f->h_scale + v);
        few[i] = (uint16_t)((unsigned)g << 8 | (unsigned)h);
        sum += asx_widen(few[i]);
    }
    f->chunk_gh[c] = sum;
    memcpy(f->grow.row + from, row, n * sizeof *row);
}

/* The largest gradient gets the most levels whose sums still fit 32 bits. */
static double few_unit(double most, size_t n, int levels, double range)
{
    double fit = floor(range / ((double)n + 1));
    fit = fit < levels ? fit : levels;
    fit = fit < 1 ? 1 : fit;
    return most > 0x1p-110 ? most / fit : 0x1p-110; /* its inverse is an f32, too */
}

static void few_gradients(struct fit *f, size_t chunks)
{
    size_t n = f->fold->n_train;
    double g = 0, h = 0;
    f->exec->split(f->exec, chunks, exact_chunk, f);
    for (size_t c = 0; c < chunks; c++) {
        g = f->chunk_g[c] > g ? f->chunk_g[c] : g;
        h = f->chunk_h[c] > h ? f->chunk_h[c] : h;
    }
    f->grow.g_unit = few_unit(g, n, FEW_G, 2147483647.0);
    f->grow.h_unit = few_unit(h, n, FEW_H, 4294967295.0);
    /* a shade below, so that the largest cannot round up past its level */
    f->g_scale = (float)(1 / f->grow.g_unit) * 0.999999f;
    f->h_scale = (float)(1 / f->grow.h_unit) * 0.999999f;
    f->exec->split(f->exec, chunks, few_chunk, f);
}

void gbdt_exact_sums(const struct fit *f, struct leaf_piece *p)
{
    const uint32_t *row = grow_rows(&f->grow, &f->grow.leaf[p->leaf]) + p->from;
    p->g = p->h = 0;
    for (size_t i = 0; i < p->n; i++) {
        __builtin_prefetch(f->exact + 2 * (size_t)row[i + 32 < p->n ? i + 32 : i]);
        p->g += (double)f->exact[2 * (size_t)row[i]];
        p->h += (double)f->exact[2 * (size_t)row[i] + 1];
    }
}

/* ---- rows of a tree ---------------------------------------------------------------- */

/* Rows of this round, drawn without replacement by their own random numbers; fills out_row with the others. */
static size_t bag(struct fit *f)
{
    struct grow *g = &f->grow;
    size_t n = 0;
    struct rng r = rng_stream(f->member->seed, 0x626167, (uint64_t)f->iteration, 0);
    f->n_out = 0;
    uint64_t below = (uint64_t)(f->params.bagging_fraction * 18446744073709549568.0);
    for (size_t i = 0; i < f->fold->n_train; i++) {
        bool in = rng_at(&r, i) < below;
        uint32_t row = f->fold->train[i];
        g->row[n] = row;
        if (g->gh)
            g->gh[n] = g->gh[i];
        if (g->few)
            g->few[n] = g->few[i];
        f->out_row[f->n_out] = row;
        n += in;
        f->n_out += !in;
    }
    return n;
}

static size_t double_gradients(struct fit *f, double *root_g, double *root_h)
{
    const struct asx_state *s = f->state;
    const struct asx_fold *fold = f->fold;
    struct grow *g = &f->grow;
    size_t n = fold->n_train;
    loss_gradients64(&s->loss, f->problem, s->score, s->rows, f->score, f->lse64, fold->train, n, g->gh64);
    memcpy(g->row, fold->train, n * sizeof *g->row);
    if (f->params.bagging_fraction < 1)
        n = bag(f);
    *root_g = *root_h = 0;
    for (size_t i = 0; i < n; i++) {
        *root_g += g->gh64[2 * (size_t)g->row[i]];
        *root_h += g->gh64[2 * (size_t)g->row[i] + 1];
    }
    return n;
}

size_t gbdt_gradients(struct fit *f, double *root_g, double *root_h)
{
    size_t n = f->fold->n_train, chunks = gbdt_chunks(n);
    uint64_t sum = 0;
    if (f->kind == GROW_DOUBLES)
        return double_gradients(f, root_g, root_h);
    if (f->kind == GROW_FEW)
        few_gradients(f, chunks);
    else
        fixed_gradients(f, chunks);
    if (f->params.bagging_fraction < 1) {
        n = bag(f);
        for (size_t i = 0; i < n; i++)
            sum += f->grow.gh ? f->grow.gh[i] : asx_widen(f->grow.few[i]);
    } else {
        for (size_t c = 0; c < chunks; c++)
            sum += f->chunk_gh[c];
    }
    *root_g = (double)((int64_t)sum >> 32) * f->grow.g_unit;
    *root_h = (double)(uint32_t)sum * f->grow.h_unit;
    return n;
}
