/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Body of dist_topk for one vector width: a file defines LANES and DIST_TOPK, then includes this.
 *
 * Nearest rows: |x|^2 - 2 q.x by blocks of GEMM finds top + ASX_DIST_SPARE candidates a query (|q|^2
 * does not change their order), then their distances are computed as sums of squared differences and
 * sorted, ties by position. The spare ones make up for the rounding of the expanded form near the end
 * of the list.
 */
#include "backends/cpu/cpu.h"
#include "backends/cpu/vecmath.h"

#include <cblas.h>
#include <immintrin.h>
#include <math.h>
#include <string.h>

/* A query's candidates: a heap, the farthest on top (of equals, the one that came last). */
struct candidates {
    float *dist;
    uint32_t *index;
    size_t n, most;
};

static inline bool farther(const struct candidates *c, size_t a, size_t b)
{
    return c->dist[a] > c->dist[b] || (c->dist[a] == c->dist[b] && c->index[a] > c->index[b]);
}

static inline void swap(struct candidates *c, size_t a, size_t b)
{
    float d = c->dist[a];
    uint32_t i = c->index[a];
    c->dist[a] = c->dist[b];
    c->index[a] = c->index[b];
    c->dist[b] = d;
    c->index[b] = i;
}

static void sift_up(struct candidates *c, size_t k)
{
    for (size_t up; k > 0 && farther(c, k, up = (k - 1) / 2); k = up)
        swap(c, k, up);
}

static void sift_down(struct candidates *c)
{
    for (size_t k = 0, child; (child = 2 * k + 1) < c->n; k = child) {
        if (child + 1 < c->n && farther(c, child + 1, child))
            child++;
        if (!farther(c, child, k))
            return;
        swap(c, k, child);
    }
}

/* Takes a row nearer than limit(); rows come by ascending position, so among equals the first stay. */
static void offer(struct candidates *c, float d, uint32_t i)
{
    size_t k = c->n < c->most ? c->n++ : 0;
    c->dist[k] = d;
    c->index[k] = i;
    if (k)
        sift_up(c, k);
    else
        sift_down(c);
}

static inline float limit(const struct candidates *c)
{
    return c->n < c->most ? INFINITY : c->dist[0];
}

/* Bit l is set where d[l] < most. */
static inline unsigned below(vf d, vf most)
{
#if LANES == 16
    return _mm512_cmp_ps_mask((__m512)d, (__m512)most, _CMP_LT_OQ);
#elif LANES == 8
    return (unsigned)_mm256_movemask_ps((__m256)(d < most));
#else
    return (unsigned)_mm_movemask_ps((__m128)(d < most));
#endif
}

static inline void offer_one(const struct asx_dist_args *g, size_t query, size_t j, float d, struct candidates *c)
{
    if (d < limit(c) && !(g->query_id && g->x_id && g->query_id[query] == g->x_id[j]))
        offer(c, d, (uint32_t)j);
}

/* One query against a block of rows: most vectors hold nothing near enough and cost a compare. */
static void scan(const struct asx_dist_args *g, size_t query, size_t first, size_t n, const float *dot, struct candidates *c)
{
    const float *norm = g->x_norm + first;
    size_t j = 0;
    for (; j + LANES <= n; j += LANES) {
        vf product = *(const vf *)(dot + j);
        vf d = *(const vf *)(norm + j) - (product + product);
        for (unsigned hit = below(d, vec(limit(c))); hit; hit &= hit - 1) {
            unsigned l = (unsigned)__builtin_ctz(hit);
            offer_one(g, query, first + j + l, ((const float *)&d)[l], c);
        }
    }
    for (; j < n; j++)
        offer_one(g, query, first + j, norm[j] - 2 * dot[j], c);
}

static float squared(const float *restrict a, const float *restrict b, size_t p)
{
    double s = 0;
    for (size_t j = 0; j < p; j++) {
        double d = (double)a[j] - (double)b[j];
        s += d * d;
    }
    return (float)s;
}

static void refine(const struct asx_dist_args *g, size_t query, struct candidates *c)
{
    float *dist = g->dist + query * g->top;
    uint32_t *index = g->index + query * g->top;
    size_t n = 0;
    for (size_t k = 0; k < c->n; k++) {
        uint32_t i = c->index[k];
        float d = squared(g->query + query * g->p, g->x + (size_t)i * g->p, g->p);
        size_t at = n; /* insertion, nearer first, then lower position */
        while (at > 0 && (d < dist[at - 1] || (d == dist[at - 1] && i < index[at - 1])))
            at--;
        if (at >= g->top)
            continue;
        size_t last = n < g->top ? n++ : g->top - 1;
        memmove(dist + at + 1, dist + at, (last - at) * sizeof *dist);
        memmove(index + at + 1, index + at, (last - at) * sizeof *index);
        dist[at] = d;
        index[at] = i;
    }
    for (; n < g->top; n++) {
        dist[n] = INFINITY;
        index[n] = UINT32_MAX;
    }
}

static void block(const struct asx_dist_args *g, size_t first, size_t m)
{
    size_t most = g->top + ASX_DIST_SPARE, nb = g->n < ASX_DIST_ROWS ? g->n : ASX_DIST_ROWS;
    float *dot = g->scratch, *list = dot + m * nb;
    size_t count[ASX_DIST_QUERIES] = {0};
    for (size_t j = 0; j < g->n; j += nb) {
        size_t n = g->n - j < nb ? g->n - j : nb;
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)m, (int)n, (int)g->p, 1.0f, g->query + first * g->p, (int)g->p,
                    g->x + j * g->p, (int)g->p, 0.0f, dot, (int)nb);
        for (size_t i = 0; i < m; i++) {
            float *d = list + i * 2 * most;
            struct candidates c = {d, (uint32_t *)(void *)(d + most), count[i], most};
            scan(g, first + i, j, n, dot + i * nb, &c);
            count[i] = c.n;
        }
    }
    for (size_t i = 0; i < m; i++) {
        float *d = list + i * 2 * most;
        struct candidates c = {d, (uint32_t *)(void *)(d + most), count[i], most};
        refine(g, first + i, &c);
    }
}

asx_st DIST_TOPK(struct asx_queue *q, const void *args)
{
    (void)q;
    const struct asx_dist_args *g = args;
    if (g->p == 0 || g->p > INT32_MAX || g->n > UINT32_MAX - 1)
        return g->p == 0 ? ASX_E_INVAL : ASX_E_UNSUPPORTED;
    if (g->top == 0)
        return ASX_OK;
    for (size_t i = 0; i < g->m; i += ASX_DIST_QUERIES)
        block(g, i, g->m - i < ASX_DIST_QUERIES ? g->m - i : ASX_DIST_QUERIES);
    return ASX_OK;
}
