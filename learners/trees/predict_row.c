/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One row through all trees: eight trees step at once, so that their waits for nodes overlap, and no step branches on data.
 *
 * A node is 8 bytes, eight to a cache line; a tree's nodes lie breadth first, children side by side, so the first three
 * levels share a line and a step is "child + (code > cut)". Leaves lead to themselves: trees of a group take the steps of
 * its deepest, and groups are of trees of like depth. Compare VPred (Asadi, Lin, de Vries, TKDE 2014), which interleaves rows.
 */
#include "base/mem.h"
#include "learners/trees/kernels.h"
#include "learners/trees/model.h"

#include <stdlib.h>
#include <string.h>

enum { TOGETHER = 8, MOST_NODES = 1 << 21 };

struct step_node {
    uint32_t child; /* left one, within the tree; right is the next. A leaf: itself */
    uint16_t slot;  /* of the codes; used + slot: of the codes plus one, where missing cells (255) are 0 and go left */
    uint8_t cut;    /* right when code > cut */
};

struct by_depth {
    int depth, tree;
};

static int shallow_first(const void *a, const void *b)
{
    const struct by_depth *x = a, *y = b;
    return x->depth != y->depth ? (x->depth > y->depth) - (x->depth < y->depth) : (x->tree > y->tree) - (x->tree < y->tree);
}

static bool order_trees(struct asx_model *m)
{
    struct by_depth *d = mem_array(NULL, (size_t)m->n_trees + 1, sizeof *d);
    m->step_order = mem_array(m->mem, (size_t)m->n_trees + 1, sizeof *m->step_order);
    if (!d || !m->step_order) {
        mem_free(d);
        return false;
    }
    for (int t = 0; t < m->n_trees; t++)
        d[t] = (struct by_depth){m->tree[t].depth, t};
    qsort(d, (size_t)m->n_trees, sizeof *d, shallow_first);
    for (int t = 0; t < m->n_trees; t++)
        m->step_order[t] = d[t].tree;
    mem_free(d);
    return true;
}

/* Breadth first: `queue` [nodes + leaves] holds what stands at each place, a node or ~leaf. */
static void lay_out(struct asx_model *m, int t, int32_t *queue)
{
    const struct tree *tree = &m->tree[t];
    const struct asx_cut_node *cut = m->cut + m->root[t];
    size_t base = m->step_root[t];
    uint32_t n = 1;
    queue[0] = tree->n_nodes ? 0 : ~0;
    for (uint32_t at = 0; at < n; at++) {
        int32_t what = queue[at];
        struct step_node *s = &m->step[base + at];
        if (what < 0) {
            *s = (struct step_node){.child = at, .cut = 255};
            m->step_leaf[base + at] = ~what;
            continue;
        }
        const struct asx_cut_node *c = &cut[what];
        *s = (struct step_node){.child = n, .slot = (uint16_t)(c->slot + (c->add ? m->used : 0)), .cut = c->cut};
        m->step_leaf[base + at] = -1;
        queue[n++] = c->left;
        queue[n++] = c->right;
    }
    for (uint32_t at = 0; m->step_value && at < n; at++)
        m->step_value[base + at] = queue[at] < 0 ? tree->value[tree->at[~queue[at]]] : 0;
}

asx_st model_prepare_steps(struct asx_model *m)
{
    size_t total = 0, most = 1;
    bool values = true;
    if (!m->cut || m->most_masks || 2 * m->used > 65535)
        return ASX_OK;
    for (int t = 0; t < m->n_trees; t++) {
        size_t n = (size_t)m->tree[t].n_nodes + (size_t)m->tree[t].n_leaves;
        total += n;
        most = n > most ? n : most;
        values = values && m->tree[t].dims == 1;
    }
    if (total > MOST_NODES) /* they would not stay in a cache, and cost memory */
        return ASX_OK;
    int32_t *queue = mem_array(NULL, most, sizeof *queue);
    m->step_root = mem_array(m->mem, (size_t)m->n_trees + 1, sizeof *m->step_root);
    m->step_leaf = mem_array(m->mem, total + 1, sizeof *m->step_leaf);
    m->step_value = values ? mem_array(m->mem, total + 1, sizeof *m->step_value) : NULL;
    m->step = mem_array(m->mem, total + 1, sizeof *m->step);
    bool ok = queue && m->step_root && m->step_leaf && m->step && (m->step_value || !values) && order_trees(m);
    total = 0;
    for (int t = 0; ok && t < m->n_trees; t++) {
        m->step_root[t] = total;
        total += (size_t)m->tree[t].n_nodes + (size_t)m->tree[t].n_leaves;
        lay_out(m, t, queue);
    }
    mem_free(queue);
    return ok ? ASX_OK : ASX_E_NOMEM;
}

/* The leaves of a group of trees; a group that is not full repeats its last tree. */
static void walk_group(const struct asx_model *m, const int32_t *tree, int n, const uint8_t *code, uint32_t *at)
{
    const struct step_node *s[TOGETHER];
    uint32_t now[TOGETHER] = {0};
    for (int k = 0; k < TOGETHER; k++)
        s[k] = m->step + m->step_root[tree[k < n ? k : n - 1]];
    for (int d = m->tree[tree[n - 1]].depth; d > 0; d--)
        for (int k = 0; k < TOGETHER; k++) {
            const struct step_node *v = &s[k][now[k]];
            now[k] = v->child + (code[v->slot] > v->cut);
        }
    for (int k = 0; k < n; k++)
        at[tree[k]] = now[k];
}

void model_add_row(const struct asx_model *m, uint8_t *code, uint32_t *at, double *raw)
{
    for (size_t j = 0; j < m->used; j++)
        code[m->used + j] = (uint8_t)(code[j] + 1);
    for (int t = 0; t < m->n_trees; t += TOGETHER)
        walk_group(m, m->step_order + t, m->n_trees - t < TOGETHER ? m->n_trees - t : TOGETHER, code, at);
    if (m->step_value && m->scores == 1) {
        double sum = raw[0];
        for (int t = 0; t < m->n_trees; t++)
            sum += m->step_value[m->step_root[t] + at[t]];
        raw[0] = sum;
        return;
    }
    for (int t = 0, k = 0; t < m->n_trees; t++, k = k + 1 < m->scores ? k + 1 : 0)
        tree_add_leaf(&m->tree[t], m->step_leaf[m->step_root[t] + at[t]], 1, raw + (m->averaged ? 0 : k));
}
