/* SPDX-License-Identifier: Apache-2.0 */
/* The model of knn: predicts from raw rows by visiting every training row, panel by panel. */
#include "learners/neighbors/neighbors.h"

#include "backends/cpu/cpu.h"
#include "base/err.h"
#include "base/mem.h"
#include "data/matrix.h"

#include <string.h>

/* As the lists: a few candidates more than needed, found in f32, then sorted by exact sums. */
enum { QUERIES = 16, SPARE = 8 };

static asx_st no_memory(struct asx_err *err)
{
    return err_set(err, ASX_E_NOMEM, "no memory for nearest neighbours; raise the memory limit");
}

void knn_free_model(struct asx_model *m)
{
    if (!m)
        return;
    affine_model_free(m->affine);
    mem_free(m->panel);
    mem_free(m->value);
    mem_free(m->weight);
    mem_free(m->prior);
    mem_free(m);
}

/* ---- search -------------------------------------------------------------------------------- */

/** A query's nearest rows so far, ascending; ties keep the lower position. */
struct nearest {
    float *dist;
    uint32_t *index;
    size_t n, most;
};

static void offer(struct nearest *c, float d, uint32_t i)
{
    size_t at = c->n;
    while (at > 0 && (d < c->dist[at - 1] || (d == c->dist[at - 1] && i < c->index[at - 1])))
        at--;
    if (at >= c->most)
        return;
    size_t last = c->n < c->most ? c->n++ : c->most - 1;
    memmove(c->dist + at + 1, c->dist + at, (last - at) * sizeof *c->dist);
    memmove(c->index + at + 1, c->index + at, (last - at) * sizeof *c->index);
    c->dist[at] = d;
    c->index[at] = i;
}

static inline float farthest(const struct nearest *c)
{
    return c->n < c->most ? INFINITY : c->dist[c->most - 1];
}

static void scan_panel(const struct asx_model *m, size_t panel, const float *q, knn_panel_fn distances, struct nearest *c)
{
    float d[KNN_PANEL];
    size_t first = panel * KNN_PANEL, n = m->n - first < KNN_PANEL ? m->n - first : KNN_PANEL;
    if (!distances(m->panel + first * m->cols, q, m->cols, farthest(c), d))
        return; /* most panels hold nothing near enough */
    for (size_t l = 0; l < n; l++)
        if (d[l] < farthest(c))
            offer(c, d[l], (uint32_t)(first + l));
}

static float squared(const struct asx_model *m, const float *q, uint32_t i)
{
    const float *x = m->panel + i / KNN_PANEL * m->cols * KNN_PANEL + i % KNN_PANEL;
    double s = 0;
    for (size_t j = 0; j < m->cols; j++) {
        double d = (double)q[j] - (double)x[j * KNN_PANEL];
        s += d * d;
    }
    return (float)s;
}

/* The same list sorted by distances summed in double. */
static struct nearest refine(const struct asx_model *m, const float *q, const struct nearest *c)
{
    struct nearest out = {c->dist + c->most, c->index + c->most, 0, c->most};
    for (size_t k = 0; k < c->n; k++)
        offer(&out, squared(m, q, c->index[k]), c->index[k]);
    return out;
}

static knn_panel_fn fastest(void)
{
    static const knn_panel_fn level[] = {knn_panel_fast, knn_panel_avx2, knn_panel_avx512};
    return level[cpu_simd_level()];
}

static void predict_block(const struct asx_model *m, knn_panel_fn distances, const float *z, size_t n, float *dist, uint32_t *index,
                          double *out)
{
    size_t top = m->votes.k < m->n ? m->votes.k : m->n, most = top + SPARE;
    struct nearest c[QUERIES];
    for (size_t i = 0; i < n; i++)
        c[i] = (struct nearest){dist + i * 2 * most, index + i * 2 * most, 0, most};
    for (size_t panel = 0; panel * KNN_PANEL < m->n; panel++)
        for (size_t i = 0; i < n; i++)
            scan_panel(m, panel, z + i * m->cols, distances, &c[i]);
    for (size_t i = 0; i < n; i++) {
        struct nearest list = refine(m, z + i * m->cols, &c[i]);
        knn_vote(&m->votes, list.dist, list.index, list.n, out + i * (size_t)m->votes.outputs);
    }
}

asx_st knn_predict(const struct asx_model *m, const struct asx_matrix *x, size_t from, size_t to, double *out, struct asx_err *err)
{
    size_t most = (m->votes.k < m->n ? m->votes.k : m->n) + SPARE;
    float *z = mem_array(NULL, QUERIES * m->cols, sizeof *z), *dist = mem_array(NULL, 2 * QUERIES * most, sizeof *dist);
    uint32_t *index = mem_array(NULL, 2 * QUERIES * most, sizeof *index);
    knn_panel_fn distances = fastest();
    asx_st st = z && dist && index ? ASX_OK : no_memory(err);
    for (size_t at = from; !st && at < to; at += QUERIES) {
        size_t n = to - at < QUERIES ? to - at : QUERIES;
        st = affine_model_apply(m->affine, x, at, at + n, z, m->cols, err);
        for (size_t i = 0; !st && i < n * m->cols; i++)
            z[i] = isfinite(z[i]) ? z[i] : 0;
        if (!st)
            predict_block(m, distances, z, n, dist, index, out + (at - from) * (size_t)m->votes.outputs);
    }
    mem_free(z);
    mem_free(dist);
    mem_free(index);
    return st;
}

/* ---- files ------------------------------------------------------------------------------------ */

static size_t panel_floats(const struct asx_model *m)
{
    return (m->n + KNN_PANEL - 1) / KNN_PANEL * KNN_PANEL * m->cols;
}

asx_st knn_save(const struct asx_model *m, struct asx_writer *w)
{
    const struct knn_votes *v = &m->votes;
    asx_put_u64(w, (uint64_t)v->task);
    asx_put_u64(w, v->k);
    asx_put_u64(w, v->distance);
    asx_put_u64(w, m->weight != NULL);
    asx_put_f64(w, v->smoothing);
    asx_put_u64(w, (uint64_t)v->outputs);
    asx_put_f64s(w, m->prior, (size_t)v->outputs);
    asx_put_u64(w, m->n);
    asx_put_f64s(w, m->value, m->n);
    if (m->weight)
        asx_put_f64s(w, m->weight, m->n);
    asx_put_u64(w, m->cols);
    asx_put_f32s(w, m->panel, panel_floats(m));
    return affine_model_save(m->affine, w);
}

static void read_votes(struct asx_reader *r, struct mem *mem, struct asx_model *m, bool *weighted)
{
    struct knn_votes *v = &m->votes;
    uint64_t task = asx_get_u64(r), k = asx_get_u64(r), distance = asx_get_u64(r), has_weight = asx_get_u64(r);
    v->smoothing = asx_get_f64(r);
    size_t outputs = asx_get_count(r, sizeof(double));
    bool good = task < ASX_TASKS && k >= 1 && k <= UINT32_MAX && distance <= 1 && has_weight <= 1 && v->smoothing >= 0 &&
                isfinite(v->smoothing) && outputs >= 1 && outputs <= INT32_MAX && (task != ASX_REGRESSION || outputs == 1) &&
                (task != ASX_BINARY || outputs == 2);
    if (!good)
        asx_reader_fail(r, "a model of nearest neighbours with impossible settings");
    v->task = (enum asx_task)task;
    v->k = k;
    v->distance = distance;
    v->outputs = good ? (int)outputs : 1;
    *weighted = has_weight;
    m->prior = asx_get_f64s(r, mem, outputs);
}

/* Class indices index the votes, so they are checked; numbers must be finite, or votes would not be. */
static void check_rows(struct asx_reader *r, const struct asx_model *m)
{
    bool good = true;
    for (size_t i = 0; i < m->n; i++) {
        double v = m->value[i];
        good &= isfinite(v) && (!m->weight || (isfinite(m->weight[i]) && m->weight[i] >= 0));
        good &= m->votes.task == ASX_REGRESSION || (v >= 0 && v < m->votes.outputs && v == (double)(int)v);
    }
    if (!good)
        asx_reader_fail(r, "a model of nearest neighbours with impossible rows");
}

static void read_rows(struct asx_reader *r, struct mem *mem, struct asx_model *m, bool weighted)
{
    m->n = asx_get_count(r, sizeof(double));
    if (m->n > UINT32_MAX - KNN_PANEL)
        asx_reader_fail(r, "a model of nearest neighbours with too many rows");
    m->value = asx_get_f64s(r, mem, m->n);
    if (weighted)
        m->weight = asx_get_f64s(r, mem, m->n);
    m->cols = asx_get_count(r, sizeof(float) * (m->n ? m->n : 1));
    if (!asx_reader_bad(r) && m->cols == 0)
        asx_reader_fail(r, "a model of nearest neighbours without columns");
    if (asx_reader_bad(r))
        return;
    m->panel = asx_get_f32s(r, mem, panel_floats(m));
    if (!asx_reader_bad(r) && m->value && (m->weight || !weighted))
        check_rows(r, m);
}

asx_st knn_load(struct asx_reader *r, struct mem *mem, struct asx_model **out, struct asx_err *err)
{
    struct asx_model *m = mem_calloc(mem, 1, sizeof *m);
    bool weighted = false;
    if (!m)
        return no_memory(err);
    read_votes(r, mem, m, &weighted);
    if (!asx_reader_bad(r))
        read_rows(r, mem, m, weighted);
    asx_st st = ASX_OK;
    if (asx_reader_bad(r))
        st = asx_reader_error(r, err);
    else if (!m->prior || !m->value || !m->panel || (weighted && !m->weight))
        st = no_memory(err);
    if (!st)
        st = affine_model_load(r, mem, &m->affine, err);
    if (!st && m->affine->cols != m->cols) {
        asx_reader_fail(r, "a model of nearest neighbours whose columns do not match its preparation");
        st = asx_reader_error(r, err);
    }
    if (st) {
        knn_free_model(m);
        return st;
    }
    m->votes.value = m->value;
    m->votes.weight = m->weight;
    m->votes.prior = m->prior;
    *out = m;
    return ASX_OK;
}
