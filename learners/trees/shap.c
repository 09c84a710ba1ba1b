/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TreeSHAP, path-dependent: phi_j = sum over sets S without j of |S|! (M - |S| - 1)! / M! (f(S + j) - f(S)),
 * f(S) the tree's expectation when only columns of S are known, by covers. Exact in O(leaves depth^2).
 * Lundberg, Erion, Lee (2018), algorithm 2.
 */
#include "base/err.h"
#include "base/mem.h"
#include "learners/trees/model.h"

#include <string.h>

/* One column on the path: share of rows that pass when it is unknown (zero), whether the row passes (one). */
struct step {
    int64_t column;
    double zero, one, weight;
};

struct walk {
    const struct asx_model *model;
    const struct tree *tree;
    const float *x;
    int tree_id;
    double scale;
    double *phi;
    size_t stride;
    int score;
};

static void extend(struct step *p, int depth, double zero, double one, int64_t column)
{
    p[depth] = (struct step){column, zero, one, depth == 0 ? 1 : 0};
    for (int i = depth - 1; i >= 0; i--) {
        p[i + 1].weight += one * p[i].weight * (i + 1) / (depth + 1);
        p[i].weight = zero * p[i].weight * (depth - i) / (depth + 1);
    }
}

static void unwind(struct step *p, int depth, int at)
{
    double one = p[at].one, zero = p[at].zero, next = p[depth].weight;
    for (int i = depth - 1; i >= 0; i--) {
        if (one != 0) {
            double t = p[i].weight;
            p[i].weight = next * (depth + 1) / ((i + 1) * one);
            next = t - p[i].weight * zero * (depth - i) / (depth + 1);
        } else {
            p[i].weight = p[i].weight * (depth + 1) / (zero * (depth - i));
        }
    }
    for (int i = at; i < depth; i++) {
        p[i].column = p[i + 1].column;
        p[i].zero = p[i + 1].zero;
        p[i].one = p[i + 1].one;
    }
}

static double unwound(const struct step *p, int depth, int at)
{
    double one = p[at].one, zero = p[at].zero, next = p[depth].weight, total = 0;
    for (int i = depth - 1; i >= 0; i--) {
        if (one != 0) {
            double t = next * (depth + 1) / ((i + 1) * one);
            total += t;
            next = p[i].weight - t * zero * (depth - i) / (depth + 1);
        } else if (zero != 0) {
            total += p[i].weight * (depth + 1) / (zero * (depth - i));
        }
    }
    return total;
}

static void at_leaf(const struct walk *w, int leaf, const struct step *p, int depth)
{
    const struct tree *t = w->tree;
    for (int i = 1; i <= depth; i++) {
        double by = unwound(p, depth, i) * (p[i].one - p[i].zero) * w->scale;
        int at = t->at[leaf];
        for (int k = 0; k < t->dims; k++) {
            double v = at < 0 ? (k == ~at ? 1 : 0) : t->value[at + k];
            w->phi[(size_t)(w->score + k) * w->stride + (size_t)p[i].column] += by * v;
        }
    }
}

static double cover_of(const struct tree *t, int32_t child)
{
    return child >= 0 ? t->cover[child] : t->leaf_cover[~child];
}

/* Which child the row goes to: the walk of one step. */
static int32_t hot_child(const struct walk *w, int node)
{
    const struct tree_node *n = &w->tree->node[node];
    float v = w->x[w->model->slot_of[n->column]];
    bool left;
    if (n->flags & TREE_CATEGORICAL)
        left = v >= 0 && v < 2147483648.0f && tree_in_set(w->tree->word + n->by.set, w->tree->set_words[node], (uint32_t)v);
    else
        left = v <= n->by.threshold || (v != v && (n->flags & TREE_MISSING_LEFT));
    return left ? n->left : n->right;
}

/* `p` has room for this node's copy of the path (depth + 2 steps) and those of all below it. */
static void descend(const struct walk *w, int32_t at, const struct step *parent, struct step *p, int depth, double zero, double one,
                    int64_t column)
{
    if (depth)
        memcpy(p, parent, (size_t)depth * sizeof *p);
    extend(p, depth, zero, one, column);
    if (at < 0) {
        at_leaf(w, ~at, p, depth);
        return;
    }
    const struct tree_node *n = &w->tree->node[at];
    int32_t hot = hot_child(w, at), cold = hot == n->left ? n->right : n->left;
    double cover = w->tree->cover[at], in_zero = 1, in_one = 1;
    double hot_share = cover > 0 ? cover_of(w->tree, hot) / cover : 0.5,
           cold_share = cover > 0 ? cover_of(w->tree, cold) / cover : 0.5;
    for (int i = 1; i <= depth; i++)
        if (p[i].column == n->column) {
            in_zero = p[i].zero;
            in_one = p[i].one;
            unwind(p, depth, i);
            depth--;
            break;
        }
    descend(w, hot, p, p + depth + 2, depth + 1, in_zero * hot_share, in_one, n->column);
    descend(w, cold, p, p + depth + 2, depth + 1, in_zero * cold_share, 0, n->column);
}

/* Mean of the leaves by cover, as the walk sees it: products of shares along the path. */
static void expected(const struct tree *t, int32_t at, double share, double *sum)
{
    if (at < 0) {
        tree_add_leaf(t, ~at, share, sum);
        return;
    }
    double cover = t->cover[at], l = cover_of(t, t->node[at].left), r = cover_of(t, t->node[at].right);
    expected(t, t->node[at].left, cover > 0 ? share * l / cover : share / 2, sum);
    expected(t, t->node[at].right, cover > 0 ? share * r / cover : share / 2, sum);
}

asx_st shap_tree(const struct asx_model *m, int tree, const float *x, double scale, double *phi, size_t stride, int score)
{
    const struct tree *t = &m->tree[tree];
    struct walk w = {m, t, x, tree, scale, phi, stride, score};
    double *mean = mem_calloc(NULL, (size_t)t->dims, sizeof *mean);
    size_t depth = (size_t)t->depth + 3;
    struct step *path = mem_array(NULL, depth * (depth + 1), sizeof *path);
    asx_st st = mean && path ? ASX_OK : ASX_E_NOMEM;
    if (!st) {
        expected(t, t->n_nodes ? 0 : ~0, 1, mean);
        for (int k = 0; k < t->dims; k++)
            phi[(size_t)(score + k) * stride + m->columns] += scale * mean[k];
        if (t->n_nodes)
            descend(&w, 0, NULL, path, 0, 1, 1, -1);
    }
    mem_free(mean);
    mem_free(path);
    return st;
}

asx_st model_explain(const struct asx_model *m, const struct asx_matrix *x, size_t row, double *out, struct asx_err *err)
{
    if (x->cols != m->columns)
        return err_set(err, ASX_E_INVAL, "the model takes %zu columns, the data has %zu; use the data's own preparation",
                       m->columns, x->cols);
    size_t stride = m->columns + 1;
    float *buf = mem_array(NULL, m->used + 1, sizeof *buf);
    asx_st st = buf ? ASX_OK : ASX_E_NOMEM;
    memset(out, 0, stride * (size_t)m->outputs * sizeof *out);
    if (!st)
        model_gather(m, x, row, row + 1, buf);
    for (int t = 0; !st && t < m->n_trees; t++)
        st = shap_tree(m, t, buf, m->averaged ? 1.0 / m->n_trees : 1, out, stride, m->averaged ? 0 : t % m->scores);
    if (!m->averaged)
        for (int k = 0; k < m->scores; k++)
            out[(size_t)k * stride + m->columns] += m->start[k];
    if (m->scores < m->outputs) /* two classes, one score: it speaks for the second class */
        for (size_t j = 0; j < stride; j++) {
            out[stride + j] = out[j];
            out[j] = -out[j];
        }
    mem_free(buf);
    return st ? err_set(err, st, "out of memory for explaining a row; raise the memory limit") : ASX_OK;
}

enum asx_link model_link(const struct asx_model *m)
{
    if (m->averaged)
        return ASX_LINK_NONE;
    return m->loss == LOSS_LOGISTIC  ? ASX_LINK_LOGIT
           : m->loss == LOSS_SOFTMAX ? ASX_LINK_SOFTMAX
           : m->loss == LOSS_POISSON ? ASX_LINK_LOG
                                     : ASX_LINK_NONE;
}
