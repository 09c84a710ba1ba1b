/* SPDX-License-Identifier: Apache-2.0 */
/* Prediction from raw matrices: the walk for few rows here, faster ones in predict_row.c, batches in predict_block.c. */
#include "base/err.h"
#include "base/mem.h"
#include "learners/trees/kernels.h"
#include "learners/trees/model.h"

#include <string.h>

enum { TOGETHER = 8 };

/* A node with everything a step needs; leaves are ~index. */
struct walk_node {
    float threshold;
    uint32_t slot : 30, flags : 2;
    int32_t left, right;
};

static asx_st mark_used(struct asx_model *m)
{
    m->slot_of = mem_array(m->mem, m->columns + 1, sizeof *m->slot_of);
    if (!m->slot_of)
        return ASX_E_NOMEM;
    for (size_t j = 0; j < m->columns; j++)
        m->slot_of[j] = -1;
    for (int t = 0; t < m->n_trees; t++)
        for (int i = 0; i < m->tree[t].n_nodes; i++)
            m->slot_of[m->tree[t].node[i].column] = 0;
    for (size_t j = 0; j < m->columns; j++)
        if (m->slot_of[j] == 0)
            m->slot_of[j] = (int32_t)m->used++;
    m->column_of = mem_array(m->mem, m->used + 1, sizeof *m->column_of);
    if (!m->column_of)
        return ASX_E_NOMEM;
    for (size_t j = 0; j < m->columns; j++)
        if (m->slot_of[j] >= 0)
            m->column_of[m->slot_of[j]] = (uint32_t)j;
    return ASX_OK;
}

asx_st model_prepare(struct asx_model *m)
{
    size_t nodes = 0, at = 0;
    if (mark_used(m))
        return ASX_E_NOMEM;
    for (int t = 0; t < m->n_trees; t++)
        nodes += (size_t)m->tree[t].n_nodes;
    m->walk = mem_array(m->mem, nodes + 1, sizeof *m->walk);
    m->root = mem_array(m->mem, (size_t)m->n_trees + 1, sizeof *m->root);
    if (!m->walk || !m->root)
        return ASX_E_NOMEM;
    for (int t = 0; t < m->n_trees; t++) {
        const struct tree *x = &m->tree[t];
        m->root[t] = at;
        for (int i = 0; i < x->n_nodes; i++) {
            const struct tree_node *n = &x->node[i];
            struct walk_node *w = &m->walk[at++];
            *w = (struct walk_node){.left = n->left, .right = n->right};
            w->slot = (uint32_t)m->slot_of[n->column];
            w->flags = n->flags;
            if (n->flags & TREE_CATEGORICAL)
                memcpy(&w->threshold, &n->by.set, sizeof w->threshold);
            else
                w->threshold = n->by.threshold;
        }
    }
    asx_st st = model_prepare_cuts(m);
    return st ? st : model_prepare_steps(m);
}

static float number_at(const struct asx_colref *c, size_t row)
{
    switch (c->dtype) {
    case ASX_F32: return ((const float *)c->data)[row];
    case ASX_F64: return (float)((const double *)c->data)[row];
    case ASX_I32: {
        int32_t v = ((const int32_t *)c->data)[row];
        return v < 0 ? NAN : (float)v;
    }
    default: return NAN;
    }
}

static void gather_block(const struct asx_model *m, const struct asx_block *b, size_t column, size_t from, size_t n, float *x)
{
    size_t used = m->used;
    if (b->layout == ASX_LAYOUT_CSR) {
        for (size_t i = 0; i < n; i++)
            for (int64_t k = b->csr.indptr[from + i]; k < b->csr.indptr[from + i + 1]; k++) {
                int32_t s = m->slot_of[column + (size_t)b->csr.indices[k]];
                if (s >= 0)
                    x[i * used + (size_t)s] = b->csr.values[k];
            }
        return;
    }
    for (size_t j = 0; j < b->cols; j++) {
        int32_t s = m->slot_of[column + j];
        if (s < 0)
            continue;
        float *to = x + s;
        if (b->layout == ASX_LAYOUT_ROWS)
            for (size_t i = 0; i < n; i++)
                to[i * used] = b->rowmajor[(from + i) * b->ld + j];
        else
            for (size_t i = 0; i < n; i++)
                to[i * used] = number_at(&b->col[j], from + i);
    }
}

void model_gather(const struct asx_model *m, const struct asx_matrix *x, size_t from, size_t to, float *out)
{
    size_t column = 0;
    memset(out, 0, (to - from) * m->used * sizeof *out);
    for (int b = 0; b < x->blocks; b++) {
        gather_block(m, x->block[b], column, from, to - from, out);
        column += x->block[b]->cols;
    }
}

static inline bool goes_left(const struct asx_model *m, int tree, const struct walk_node *w, int node, float v)
{
    if (w->flags & TREE_CATEGORICAL) {
        uint32_t at;
        memcpy(&at, &w->threshold, sizeof at);
        const struct tree *t = &m->tree[tree];
        return v >= 0 && v < 2147483648.0f && tree_in_set(t->word + at, t->set_words[node], (uint32_t)v);
    }
    return v <= w->threshold || (v != v && (w->flags & TREE_MISSING_LEFT));
}

int model_leaf(const struct asx_model *m, int tree, const float *x)
{
    const struct walk_node *w = m->walk + m->root[tree];
    if (!m->tree[tree].n_nodes)
        return 0;
    int i = 0;
    do
        i = goes_left(m, tree, &w[i], i, x[w[i].slot]) ? w[i].left : w[i].right;
    while (i >= 0);
    return ~i;
}

static void finish(const struct asx_model *m, double *raw, double *out)
{
    if (!m->averaged) {
        loss_predict(m->loss, m->scores, raw, out);
        return;
    }
    double sum = 0;
    for (int k = 0; k < m->outputs; k++)
        sum += out[k] = raw[k] / (m->n_trees ? m->n_trees : 1);
    if (m->outputs > 1 && sum > 0)
        for (int k = 0; k < m->outputs; k++)
            out[k] /= sum;
}

static void start_raw(const struct asx_model *m, size_t n, double *raw)
{
    size_t dims = (size_t)m->scores;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < dims; k++)
            raw[i * dims + k] = m->averaged ? 0 : m->start[k];
}

static inline int32_t pick(bool left, int32_t a, int32_t b)
{
    int32_t m = -(int32_t)left;
    return (a & m) | (b & ~m);
}

/*
 * Leaves of a few trees at once for one row of cut codes, without branches on the data: steps of different trees
 * overlap, which hides the wait for each node, and there is nothing to mispredict. A tree that has arrived stays.
 */
static void leaves_of(const struct asx_model *m, int tree, int n, const uint8_t *code, const float *x, int32_t *at)
{
    static const struct asx_cut_node none; /* of a tree that is a leaf: read, and the answer not used */
    const struct asx_cut_node *w[TOGETHER];
    int steps = 0;
    for (int k = 0; k < n; k++) {
        w[k] = m->tree[tree + k].n_nodes ? m->cut + m->root[tree + k] : &none;
        at[k] = m->tree[tree + k].n_nodes ? 0 : ~0;
        steps = m->tree[tree + k].depth > steps ? m->tree[tree + k].depth : steps;
    }
    for (int d = 0; d < steps; d++)
        for (int k = 0; k < n; k++) {
            int32_t now = at[k], safe = now & ~(now >> 31);
            const struct asx_cut_node *v = &w[k][safe];
            bool left;
            if (__builtin_expect(v->by_mask, 0)) {
                const struct walk_node *y = &m->walk[m->root[tree + k] + (size_t)safe];
                left = goes_left(m, tree + k, y, safe, x[y->slot]);
            } else {
                left = (uint8_t)(code[v->slot] + v->add) <= v->cut;
            }
            at[k] = pick(now < 0, now, pick(left, v->left, v->right));
        }
}

static uint8_t code_of(const float *threshold, float v)
{
    int b = 0;
    if (v != v)
        return 255;
    for (int step = 128; step; step >>= 1)
        b += v > threshold[b + step - 1] ? step : 0;
    return (uint8_t)b;
}

static void add_few(const struct asx_model *m, const float *x, size_t n, uint8_t *code, uint32_t *place, double *raw)
{
    int32_t at[TOGETHER];
    for (size_t i = 0; i < n; i++, x += m->used) {
        double *to = raw + i * (size_t)m->scores;
        for (size_t j = 0; m->cut && j < m->used; j++)
            code[j] = code_of(m->threshold + j * 256, x[j]);
        if (m->step) {
            model_add_row(m, code, place, to);
            continue;
        }
        for (int t = 0; t < m->n_trees; t += TOGETHER) {
            int some = m->n_trees - t < TOGETHER ? m->n_trees - t : TOGETHER;
            if (m->cut)
                leaves_of(m, t, some, code, x, at);
            for (int k = 0; k < some; k++) {
                int leaf = m->cut ? ~at[k] : model_leaf(m, t + k, x);
                tree_add_leaf(&m->tree[t + k], leaf, 1, to + (m->averaged ? 0 : (t + k) % m->scores));
            }
        }
    }
}

asx_st model_predict(const struct asx_model *m, const struct asx_matrix *x, size_t from, size_t to, double *out,
                     struct asx_err *err)
{
    if (x->cols != m->columns)
        return err_set(err, ASX_E_INVAL, "the model takes %zu columns, the data has %zu; use the data's own preparation",
                       m->columns, x->cols);
    bool few = !m->cut || to - from < 16;
    size_t step = few ? 16 : MODEL_BLOCK, most = to - from < step ? to - from : step;
    float *buf = few ? mem_array(NULL, most * m->used + 1, sizeof *buf) : NULL;
    struct model_scratch *s = few ? NULL : model_scratch_create(m);
    uint8_t *code = few ? mem_array(NULL, 2 * m->used + 1, 1) : NULL;
    uint32_t *place = few && m->step ? mem_array(NULL, (size_t)m->n_trees + 1, sizeof *place) : NULL;
    double *raw = mem_array(NULL, most * (size_t)m->scores + 1, sizeof *raw);
    asx_st st = (few ? buf && code && (place || !m->step) : s != NULL) && raw ? ASX_OK : ASX_E_NOMEM;
    for (size_t i = from; !st && i < to; i += step) {
        size_t n = to - i < step ? to - i : step;
        start_raw(m, n, raw);
        if (few) {
            model_gather(m, x, i, i + n, buf);
            add_few(m, buf, n, code, place, raw);
        } else {
            model_add_block(m, s, x, i, n, raw);
        }
        for (size_t k = 0; k < n; k++)
            finish(m, raw + k * (size_t)m->scores, out + (i - from + k) * (size_t)m->outputs);
    }
    mem_free(buf);
    mem_free(code);
    mem_free(place);
    model_scratch_free(s);
    mem_free(raw);
    return st ? err_set(err, st, "out of memory for prediction; predict fewer rows at once") : ASX_OK;
}
