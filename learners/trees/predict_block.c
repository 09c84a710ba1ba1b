/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batch prediction: a block of rows becomes u8 codes among each column's thresholds (x <= t_k exactly when
 * code <= k), then every tree sends 64 rows at a time down by byte masks (ASX_K_TREE_PREDICT).
 */
#include "base/mem.h"
#include "learners/trees/kernels.h"
#include "learners/trees/model.h"

#include <stdlib.h>
#include <string.h>

enum { MISSING = 255, MOST = 254 };

struct model_scratch {
    asx_kernel_fn kernel[ASX_KERNELS];
    float *x;       /* [used * MODEL_BLOCK] by column */
    uint8_t *code;  /* the same as codes */
    uint8_t *mask;  /* [most_masks * 64] */
    uint8_t *reach; /* [(depth + 2) * 64] */
    int32_t *stack;
};

/* ---- preparing ---------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Sorts and drops repeats; returns how many are left. */
static size_t distinct(float *v, size_t n)
{
    size_t out = 0;
    qsort(v, n, sizeof *v, by_value);
    for (size_t i = 0; i < n; i++)
        if (!out || v[out - 1] != v[i])
            v[out++] = v[i];
    return out;
}

/* Gathers each column's finite thresholds; false when one has too many (cuts stay unused) or memory is short (st). */
static bool collect(struct asx_model *m, asx_st *st)
{
    size_t *start = mem_calloc(m->mem, m->used + 2, sizeof *start), total = 0;
    float *all = NULL;
    bool fits = true;
    for (int pass = 0; start && pass < 2; pass++) {
        for (int t = 0; t < m->n_trees; t++)
            for (int i = 0; i < m->tree[t].n_nodes; i++) {
                const struct tree_node *n = &m->tree[t].node[i];
                float v = n->by.threshold;
                if ((n->flags & TREE_CATEGORICAL) || v != v || v == INFINITY)
                    continue;
                size_t s = (size_t)m->slot_of[n->column];
                if (pass == 0)
                    start[s + 2]++, total++;
                else
                    all[start[s + 1]++] = v;
            }
        if (pass)
            break;
        for (size_t s = 0; s < m->used; s++)
            start[s + 2] += start[s + 1];
        all = mem_array(m->mem, total + 1, sizeof *all);
        if (!all)
            break;
    }
    *st = start && all ? ASX_OK : ASX_E_NOMEM;
    for (size_t s = 0; !*st && fits && s < m->used; s++) {
        size_t n = distinct(all + start[s], start[s + 1] - start[s]);
        fits = n <= MOST;
        m->thresholds[s] = (int)n;
        for (size_t k = 0; fits && k < 256; k++)
            m->threshold[s * 256 + k] = k < n ? all[start[s] + k] : INFINITY;
    }
    mem_free(start);
    mem_free(all);
    return fits && !*st;
}

static int cut_of(const struct asx_model *m, size_t slot, float v)
{
    const float *t = m->threshold + slot * 256;
    int lo = 0, hi = m->thresholds[slot];
    while (lo < hi) {
        int mid = (lo + hi) / 2;
        if (t[mid] < v)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* "left when code + add <= cut"; false where that cannot say it (nothing goes left). */
static bool cut_node(const struct asx_model *m, const struct tree_node *n, int *masks, struct asx_cut_node *c)
{
    size_t slot = (size_t)m->slot_of[n->column];
    bool missing_left = n->flags & TREE_MISSING_LEFT;
    *c = (struct asx_cut_node){.slot = (uint32_t)slot, .left = n->left, .right = n->right, .add = missing_left};
    if (n->flags & TREE_CATEGORICAL) {
        c->by_mask = 1;
        c->slot = (uint32_t)(*masks)++;
        return true;
    }
    float v = n->by.threshold;
    int cut = v != v ? -1 : v == INFINITY ? MOST : cut_of(m, slot, v);
    cut += missing_left;
    c->cut = (uint8_t)cut;
    return cut >= 0;
}

asx_st model_prepare_cuts(struct asx_model *m)
{
    size_t nodes = 0;
    asx_st st;
    for (int t = 0; t < m->n_trees; t++) {
        nodes += (size_t)m->tree[t].n_nodes;
        m->depth = m->tree[t].depth > m->depth ? m->tree[t].depth : m->depth;
    }
    m->threshold = mem_array(m->mem, m->used * 256 + 1, sizeof *m->threshold);
    m->thresholds = mem_calloc(m->mem, m->used + 1, sizeof *m->thresholds);
    if (!m->threshold || !m->thresholds)
        return ASX_E_NOMEM;
    bool fits = collect(m, &st);
    if (st || !fits)
        return st;
    m->cut = mem_array(m->mem, nodes + 1, sizeof *m->cut);
    if (!m->cut)
        return ASX_E_NOMEM;
    for (int t = 0; t < m->n_trees && fits; t++) {
        int masks = 0;
        for (int i = 0; i < m->tree[t].n_nodes; i++)
            fits = cut_node(m, &m->tree[t].node[i], &masks, &m->cut[m->root[t] + (size_t)i]) && fits;
        m->most_masks = masks > m->most_masks ? masks : m->most_masks;
        fits = fits && m->tree[t].n_leaves <= 65536;
    }
    if (!fits) {
        mem_free(m->cut);
        m->cut = NULL;
    }
    return ASX_OK;
}

/* ---- a block -------------------------------------------------------------------- */

struct model_scratch *model_scratch_create(const struct asx_model *m)
{
    struct model_scratch *s = mem_calloc(NULL, 1, sizeof *s);
    if (!s)
        return NULL;
    tree_kernels(NULL, s->kernel);
    s->x = mem_array(NULL, m->used * MODEL_BLOCK + 1, sizeof *s->x);
    s->code = mem_array(NULL, m->used * MODEL_BLOCK + 1, 1);
    s->mask = mem_array(NULL, (size_t)m->most_masks * ASX_TREE_ROWS + 1, 1);
    s->reach = mem_array(NULL, ((size_t)m->depth + 2) * ASX_TREE_ROWS, 1);
    s->stack = mem_array(NULL, (size_t)m->depth + 2, sizeof *s->stack);
    if (s->x && s->code && s->mask && s->reach && s->stack)
        return s;
    model_scratch_free(s);
    return NULL;
}

void model_scratch_free(struct model_scratch *s)
{
    if (!s)
        return;
    mem_free(s->x);
    mem_free(s->code);
    mem_free(s->mask);
    mem_free(s->reach);
    mem_free(s->stack);
    mem_free(s);
}

static void dense_columns(const struct asx_model *m, const struct asx_block *b, size_t column, size_t from, size_t n, float *x)
{
    for (size_t j = 0; j < b->cols; j++) {
        int32_t s = m->slot_of[column + j];
        if (s < 0)
            continue;
        float *to = x + (size_t)s * MODEL_BLOCK;
        if (b->layout == ASX_LAYOUT_ROWS) {
            for (size_t i = 0; i < n; i++)
                to[i] = b->rowmajor[(from + i) * b->ld + j];
            continue;
        }
        const struct asx_colref *c = &b->col[j];
        if (c->dtype == ASX_F32)
            memcpy(to, (const float *)c->data + from, n * sizeof *to);
        else if (c->dtype == ASX_F64)
            for (size_t i = 0; i < n; i++)
                to[i] = (float)((const double *)c->data)[from + i];
        else
            for (size_t i = 0; i < n; i++) {
                int32_t v = ((const int32_t *)c->data)[from + i];
                to[i] = v < 0 ? NAN : (float)v;
            }
    }
}

static void fill_columns(const struct asx_model *m, const struct asx_matrix *x, size_t from, size_t n, float *out)
{
    size_t column = 0;
    memset(out, 0, m->used * MODEL_BLOCK * sizeof *out);
    for (int b = 0; b < x->blocks; b++) {
        const struct asx_block *blk = x->block[b];
        if (blk->layout != ASX_LAYOUT_CSR)
            dense_columns(m, blk, column, from, n, out);
        else
            for (size_t i = 0; i < n; i++)
                for (int64_t k = blk->csr.indptr[from + i]; k < blk->csr.indptr[from + i + 1]; k++) {
                    int32_t s = m->slot_of[column + (size_t)blk->csr.indices[k]];
                    if (s >= 0)
                        out[(size_t)s * MODEL_BLOCK + i] = blk->csr.values[k];
                }
        column += blk->cols;
    }
}

/* Sides of one tree's category nodes for 64 rows. */
static void fill_masks(const struct asx_model *m, const struct model_scratch *s, int tree, size_t from)
{
    const struct tree *t = &m->tree[tree];
    uint8_t *mask = s->mask;
    for (int i = 0; i < t->n_nodes; i++) {
        const struct tree_node *n = &t->node[i];
        if (!(n->flags & TREE_CATEGORICAL))
            continue;
        const float *x = s->x + (size_t)m->slot_of[n->column] * MODEL_BLOCK + from;
        for (int r = 0; r < ASX_TREE_ROWS; r++) {
            float v = x[r];
            mask[r] = v >= 0 && v < 2147483648.0f && tree_in_set(t->word + n->by.set, t->set_words[i], (uint32_t)v) ? 255 : 0;
        }
        mask += ASX_TREE_ROWS;
    }
}

void model_add_block(const struct asx_model *m, struct model_scratch *s, const struct asx_matrix *x, size_t from, size_t n,
                     double *raw)
{
    uint16_t leaf[ASX_TREE_ROWS];
    size_t dims = (size_t)m->scores;
    fill_columns(m, x, from, n, s->x);
    for (size_t j = 0; j < m->used; j++) {
        struct asx_bin_args a = {.x = s->x + j * MODEL_BLOCK,
                                 .n = MODEL_BLOCK,
                                 .edge = m->threshold + j * 256,
                                 .edges = m->thresholds[j],
                                 .missing = MISSING,
                                 .code = s->code + j * MODEL_BLOCK};
        s->kernel[ASX_K_BIN](NULL, &a);
    }
    for (int t = 0; t < m->n_trees; t++) {
        const struct tree *tree = &m->tree[t];
        size_t k = m->averaged ? 0 : (size_t)(t % m->scores);
        for (size_t at = 0; at < n; at += ASX_TREE_ROWS) {
            size_t rows = n - at < ASX_TREE_ROWS ? n - at : ASX_TREE_ROWS;
            memset(leaf, 0, sizeof leaf);
            if (tree->n_nodes) {
                struct asx_walk_args a = {.node = m->cut + m->root[t],
                                          .n_leaves = tree->n_leaves,
                                          .code = s->code + at,
                                          .stride = MODEL_BLOCK,
                                          .mask = s->mask,
                                          .reach = s->reach,
                                          .stack = s->stack,
                                          .leaf = leaf};
                if (m->most_masks)
                    fill_masks(m, s, t, at);
                s->kernel[ASX_K_TREE_PREDICT](NULL, &a);
            }
            if (tree->dims == 1) /* one value a leaf, and never a pure class */
                for (size_t i = 0; i < rows; i++)
                    raw[(at + i) * dims + k] += tree->value[tree->at[leaf[i]]];
            else
                for (size_t i = 0; i < rows; i++)
                    tree_add_leaf(tree, leaf[i], 1, raw + (at + i) * dims + k);
        }
    }
}
