/* SPDX-License-Identifier: Apache-2.0 */
/* Models: making, freeing, importance, storing. */
#include "learners/trees/model.h"

#include "base/err.h"
#include "base/mem.h"

#include <string.h>

asx_st model_create(struct mem *mem, const struct tree *tree, int n, size_t columns, struct asx_model **out, struct asx_err *err)
{
    struct asx_model *m = mem_calloc(mem, 1, sizeof *m);
    *out = NULL;
    if (m) {
        m->mem = mem;
        m->columns = columns;
        m->tree = mem_calloc(mem, (size_t)n + 1, sizeof *m->tree);
        for (; m->tree && m->n_trees < n; m->n_trees++)
            if (tree_copy(&m->tree[m->n_trees], &tree[m->n_trees], mem))
                break;
        if (m->tree && m->n_trees == n && !model_prepare(m)) {
            *out = m;
            return ASX_OK;
        }
    }
    model_free(m);
    return err_set(err, ASX_E_NOMEM, "out of memory for a model of %d trees; raise the memory limit", n);
}

void model_free(struct asx_model *m)
{
    if (!m)
        return;
    for (int t = 0; m->tree && t < m->n_trees; t++)
        tree_clear(&m->tree[t]);
    mem_free(m->tree);
    mem_free(m->start);
    mem_free(m->slot_of);
    mem_free(m->column_of);
    mem_free(m->walk);
    mem_free(m->root);
    mem_free(m->cut);
    mem_free(m->threshold);
    mem_free(m->thresholds);
    mem_free(m->step);
    mem_free(m->step_root);
    mem_free(m->step_leaf);
    mem_free(m->step_value);
    mem_free(m->step_order);
    mem_free(m);
}

static void importance(const struct asx_model *m, double *out, size_t cols, bool gain)
{
    double total = 0;
    memset(out, 0, cols * sizeof *out);
    for (int t = 0; t < m->n_trees; t++)
        for (int i = 0; i < m->tree[t].n_nodes; i++) {
            size_t j = m->tree[t].node[i].column;
            double v = gain ? fmin((double)m->tree[t].gain[i], 3e38) : 1; /* huge targets have gains beyond f32 */
            if (j < cols && v > 0) {
                out[j] += v;
                total += v;
            }
        }
    for (size_t j = 0; total > 0 && j < cols; j++)
        out[j] /= total;
}

void model_importance(const struct asx_model *m, double *out, size_t cols)
{
    importance(m, out, cols, true);
}

void model_split_importance(const struct asx_model *m, double *out, size_t cols)
{
    importance(m, out, cols, false);
}

/* ---- storing ------------------------------------------------------------------- */

asx_st tree_save(const struct tree *t, struct asx_writer *w)
{
    size_t n = (size_t)t->n_nodes;
    int32_t *rec = mem_array(NULL, n + 1, 5 * sizeof *rec);
    if (!rec)
        return ASX_E_NOMEM;
    for (size_t i = 0; i < n; i++) {
        const struct tree_node *x = &t->node[i];
        memcpy(&rec[5 * i], &x->by, sizeof *rec);
        rec[5 * i + 1] = (int32_t)((uint32_t)x->column | (uint32_t)x->flags << 30);
        rec[5 * i + 2] = x->left;
        rec[5 * i + 3] = x->right;
        rec[5 * i + 4] = (int32_t)t->set_words[i];
    }
    asx_put_u64(w, n);
    asx_put_u64(w, t->n_values);
    asx_put_u64(w, t->n_words);
    asx_put_i32s(w, rec, 5 * n);
    asx_put_f32s(w, t->gain, n);
    asx_put_f64s(w, t->cover, n);
    asx_put_f64s(w, t->leaf_cover, (size_t)t->n_leaves);
    asx_put_i32s(w, t->at, (size_t)t->n_leaves);
    asx_put_f64s(w, t->value, t->n_values);
    asx_put_bytes(w, t->word, t->n_words * sizeof *t->word);
    mem_free(rec);
    return ASX_OK;
}

static bool child_ok(int32_t child, int parent, int n_nodes, int n_leaves)
{
    return child >= 0 ? child > parent && child < n_nodes : ~child < n_leaves;
}

/* Every node but the root, and every leaf, hangs on one node: else walks of all paths would not end in time. */
static asx_st one_parent_each(const struct tree *t, bool *ok)
{
    size_t nodes = (size_t)t->n_nodes;
    uint8_t *seen = mem_calloc(NULL, nodes + (size_t)t->n_leaves, 1);
    if (!seen)
        return ASX_E_NOMEM;
    *ok = true;
    for (size_t i = 0; i < 2 * nodes; i++) {
        int32_t c = i % 2 ? t->node[i / 2].right : t->node[i / 2].left;
        uint8_t *s = &seen[c >= 0 ? (size_t)c : nodes + (size_t)~c];
        *ok = *ok && !*s;
        *s = 1;
    }
    mem_free(seen);
    return ASX_OK;
}

static bool tree_ok(const struct tree *t, size_t columns)
{
    for (int i = 0; i < t->n_nodes; i++) {
        const struct tree_node *x = &t->node[i];
        if (x->column >= columns || !child_ok(x->left, i, t->n_nodes, t->n_leaves) ||
            !child_ok(x->right, i, t->n_nodes, t->n_leaves))
            return false;
        if ((x->flags & TREE_CATEGORICAL) && (uint64_t)x->by.set + t->set_words[i] > t->n_words)
            return false;
    }
    for (int l = 0; l < t->n_leaves; l++)
        if (t->at[l] < 0 ? t->dims == 1 || ~t->at[l] >= t->dims : (size_t)t->at[l] + (size_t)t->dims > t->n_values)
            return false;
    return true;
}

asx_st tree_load(struct tree *t, struct asx_reader *r, struct mem *mem, size_t columns)
{
    int dims = t->dims;
    size_t n = asx_get_count(r, 20), values = asx_get_count(r, 8), word_count = asx_get_count(r, 4);
    *t = (struct tree){.dims = dims};
    if (asx_reader_bad(r) || n > 1 << 28)
        return ASX_E_DATA;
    t->n_nodes = (int)n;
    t->n_leaves = t->capacity = (int)n + 1;
    t->n_values = t->value_room = values;
    t->n_words = t->word_room = word_count;
    t->node = mem_array(mem, n + 1, sizeof *t->node);
    t->set_words = mem_array(mem, n + 1, sizeof *t->set_words);
    t->word = mem_array(mem, word_count + 1, sizeof *t->word);
    if (!t->node || !t->set_words || !t->word)
        return ASX_E_NOMEM;
    int32_t *rec = asx_get_i32s(r, mem, 5 * n);
    if (!rec)
        return asx_reader_bad(r) ? ASX_E_DATA : ASX_E_NOMEM;
    for (size_t i = 0; i < n; i++) {
        memcpy(&t->node[i].by, &rec[5 * i], sizeof *rec);
        t->node[i].column = (uint32_t)rec[5 * i + 1] & 0x3fffffffu;
        t->node[i].flags = (uint32_t)rec[5 * i + 1] >> 30;
        t->node[i].left = rec[5 * i + 2];
        t->node[i].right = rec[5 * i + 3];
        t->set_words[i] = (uint32_t)rec[5 * i + 4];
    }
    mem_free(rec);
    t->gain = asx_get_f32s(r, mem, n);
    t->cover = asx_get_f64s(r, mem, n);
    t->leaf_cover = asx_get_f64s(r, mem, n + 1);
    t->at = asx_get_i32s(r, mem, n + 1);
    t->value = asx_get_f64s(r, mem, values);
    asx_get_bytes(r, t->word, word_count * sizeof *t->word);
    if (asx_reader_bad(r))
        return ASX_E_DATA;
    if (!t->leaf_cover || !t->at || (n && (!t->gain || !t->cover)))
        return ASX_E_NOMEM;
    bool single = false;
    if (tree_ok(t, columns) && one_parent_each(t, &single))
        return ASX_E_NOMEM;
    if (!single) {
        asx_reader_fail(r, "a tree refers to something that is not there");
        return ASX_E_DATA;
    }
    t->depth = tree_depth(t);
    return ASX_OK;
}

asx_st model_save(const struct asx_model *m, struct asx_writer *w)
{
    asx_put_u64(w, m->averaged);
    asx_put_u64(w, (uint64_t)m->loss);
    asx_put_u64(w, (uint64_t)m->scores);
    asx_put_u64(w, (uint64_t)m->outputs);
    asx_put_u64(w, m->columns);
    asx_put_f64s(w, m->start, (size_t)m->scores);
    asx_put_u64(w, (uint64_t)m->n_trees);
    asx_st st = ASX_OK;
    for (int t = 0; !st && t < m->n_trees; t++)
        st = tree_save(&m->tree[t], w);
    return st;
}

static bool header_ok(const struct asx_model *m)
{
    bool known = m->loss > LOSS_AUTO && m->loss <= LOSS_SOFTMAX;
    bool sizes = m->scores >= 1 && m->scores <= 1 << 20 && m->columns <= 1u << 24;
    int outputs = m->loss == LOSS_LOGISTIC ? 2 : m->scores;
    return sizes && (m->averaged ? m->outputs == m->scores : known && m->outputs == outputs);
}

asx_st model_load(struct asx_reader *r, struct mem *mem, struct asx_model **out, struct asx_err *err)
{
    struct asx_model *m = mem_calloc(mem, 1, sizeof *m);
    asx_st st = ASX_E_NOMEM;
    *out = NULL;
    if (!m)
        return err_set(err, st, "out of memory for a model; raise the memory limit");
    m->mem = mem;
    m->averaged = asx_get_u64(r) != 0;
    m->loss = (enum loss_kind)asx_get_u64(r);
    uint64_t scores = asx_get_u64(r), outputs = asx_get_u64(r);
    m->scores = scores < 1 << 20 ? (int)scores : 0;
    m->outputs = outputs < 1 << 20 ? (int)outputs : 0;
    m->columns = (size_t)asx_get_u64(r);
    if (!asx_reader_bad(r) && !header_ok(m))
        asx_reader_fail(r, "the header of a tree model makes no sense");
    m->start = asx_reader_bad(r) ? NULL : asx_get_f64s(r, mem, (size_t)m->scores);
    size_t n = asx_get_count(r, 24);
    m->tree = asx_reader_bad(r) ? NULL : mem_calloc(mem, n + 1, sizeof *m->tree);
    if (m->start && m->tree) {
        st = ASX_OK;
        for (size_t t = 0; !st && t < n; t++) {
            m->n_trees = (int)t + 1;
            m->tree[t].dims = m->averaged ? m->scores : 1;
            st = tree_load(&m->tree[t], r, mem, m->columns);
        }
        if (!st)
            st = model_prepare(m);
    }
    if (asx_reader_bad(r)) {
        model_free(m);
        return asx_reader_error(r, err);
    }
    if (st) {
        model_free(m);
        return err_set(err, st, "out of memory for a model of %zu trees; raise the memory limit", n);
    }
    *out = m;
    return ASX_OK;
}
