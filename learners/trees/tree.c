/* SPDX-License-Identifier: Apache-2.0 */
/* Building, walking, copying and storing one tree. */
#include "learners/trees/tree.h"

#include "base/mem.h"

#include <string.h>

static asx_st room(struct tree *t, struct mem *mem, int leaves)
{
    if (leaves <= t->capacity)
        return ASX_OK;
    size_t n = (size_t)leaves;
#define GROW(field, count)                                                                                                         \
    do {                                                                                                                           \
        void *p = mem_realloc(mem, t->field, (count) * sizeof *t->field);                                                          \
        if (!p)                                                                                                                    \
            return ASX_E_NOMEM;                                                                                                    \
        t->field = p;                                                                                                              \
    } while (0)
    GROW(node, n);
    GROW(bin, n);
    GROW(set_words, n);
    GROW(gain, n);
    GROW(cover, n);
    GROW(leaf_cover, n);
    GROW(at, n);
#undef GROW
    t->capacity = leaves;
    return ASX_OK;
}

asx_st tree_init(struct tree *t, struct mem *mem, int leaves, int dims)
{
    *t = (struct tree){.dims = dims};
    asx_st st = room(t, mem, leaves < 2 ? 2 : leaves);
    if (!st) {
        t->value = mem_array(mem, (size_t)t->capacity * (size_t)dims, sizeof *t->value);
        t->value_room = (size_t)t->capacity * (size_t)dims;
        t->word = mem_alloc(mem, 0);
        t->bin_word = mem_alloc(mem, 0);
        st = t->value && t->word && t->bin_word ? ASX_OK : ASX_E_NOMEM;
    }
    if (st)
        tree_clear(t);
    t->n_leaves = 1;
    if (!st)
        t->at[0] = 0;
    return st;
}

void tree_clear(struct tree *t)
{
    if (t->block) {
        mem_free(t->block);
        *t = (struct tree){0};
        return;
    }
    mem_free(t->node);
    mem_free(t->bin);
    mem_free(t->set_words);
    mem_free(t->gain);
    mem_free(t->cover);
    mem_free(t->leaf_cover);
    mem_free(t->at);
    mem_free(t->value);
    mem_free(t->word);
    mem_free(t->bin_word);
    *t = (struct tree){0};
}

uint64_t tree_bytes(const struct tree *t)
{
    if (t->block)
        return sizeof *t + mem_size(t->block);
    return sizeof *t + (uint64_t)t->capacity * (sizeof *t->node + (t->bin ? sizeof *t->bin : 0) + 36) + t->value_room * 8 +
           (t->word_room + t->bin_word_room) * 4;
}

static uint32_t *words(uint32_t **list, size_t *n, size_t *capacity, size_t want)
{
    if (*n + want > *capacity) {
        size_t next = (*n + want) * 2;
        uint32_t *p = mem_realloc(NULL, *list, next * sizeof *p);
        if (!p)
            return NULL;
        *list = p;
        *capacity = next;
    }
    uint32_t *at = *list + *n;
    memset(at, 0, want * sizeof *at);
    *n += want;
    return at;
}

/* The level set that equals a set of bins. */
static asx_st write_set(struct tree *t, const struct view_feature *f, int node, const struct tree_cut *cut)
{
    t->bin[node].set = (uint32_t)t->n_bin_words;
    t->node[node].by.set = (uint32_t)t->n_words;
    size_t n = ((size_t)f->f->levels + 31) / 32;
    uint32_t *b = words(&t->bin_word, &t->n_bin_words, &t->bin_word_room, (size_t)f->n_bins / 32 + 1);
    uint32_t *w = words(&t->word, &t->n_words, &t->word_room, n);
    if (!b || !w)
        return ASX_E_NOMEM;
    for (int i = 0; i < cut->n_set; i++)
        b[cut->set[i] / 32] |= 1u << (cut->set[i] % 32);
    for (int32_t l = 0; l < f->f->levels; l++) {
        unsigned bin = f->wide ? f->f->wide_of_level[l] : f->f->bin_of_level[l];
        if ((int)bin < f->n_bins && (b[bin / 32] >> (bin % 32) & 1))
            w[l / 32] |= 1u << (l % 32);
    }
    t->set_words[node] = (uint32_t)n;
    return ASX_OK;
}

asx_st tree_split(struct tree *t, const struct view *v, int leaf, int parent, bool left_side, const struct tree_cut *cut, int *node,
                  int *right)
{
    if (t->n_leaves + 1 > t->capacity) {
        asx_st st = room(t, NULL, t->capacity * 2);
        if (st)
            return st;
    }
    const struct view_feature *f = &v->feature[cut->feature];
    int n = t->n_nodes, r = t->n_leaves;
    struct tree_node *x = &t->node[n];
    *x = (struct tree_node){.column = f->column, .left = ~leaf, .right = ~r};
    x->flags = (cut->missing_left ? TREE_MISSING_LEFT : 0u) | (cut->categorical ? TREE_CATEGORICAL : 0u);
    t->bin[n] = (struct tree_bin){cut->feature, cut->bin, 0};
    t->set_words[n] = 0;
    t->gain[n] = (float)cut->gain;
    if (cut->categorical) {
        asx_st st = write_set(t, f, n, cut);
        if (st)
            return st;
    } else {
        /* the ends part missing cells from all others: nothing is <= NaN, everything <= infinity */
        x->by.threshold = cut->bin < 0 ? NAN : cut->bin < f->n_bins - 1 ? view_edge(f, cut->bin) : INFINITY;
    }
    if (parent >= 0)
        *(left_side ? &t->node[parent].left : &t->node[parent].right) = n;
    t->n_nodes++;
    t->n_leaves++;
    t->at[r] = 0;
    *node = n;
    *right = r;
    return ASX_OK;
}

asx_st tree_set_leaf(struct tree *t, int leaf, const double *value)
{
    size_t dims = (size_t)t->dims;
    if (t->n_values + dims > t->value_room) {
        size_t n = (t->n_values + dims) * 2;
        double *p = mem_realloc(NULL, t->value, n * sizeof *p);
        if (!p)
            return ASX_E_NOMEM;
        t->value = p;
        t->value_room = n;
    }
    memcpy(t->value + t->n_values, value, dims * sizeof *value);
    t->at[leaf] = (int32_t)t->n_values;
    t->n_values += dims;
    return ASX_OK;
}

void tree_set_pure(struct tree *t, int leaf, int cls)
{
    t->at[leaf] = ~cls;
}

/* Takes the next `bytes` of a block, copies them there, and says where; a NULL block only counts. */
static void *lay(char *block, size_t *at, const void *from, size_t bytes)
{
    void *to = block ? block + *at : NULL;
    *at += (bytes + 7) & ~(size_t)7;
    if (to && bytes)
        memcpy(to, from, bytes);
    return to;
}

/* Lays all arrays into the block, the widest types first; returns the bytes they take. */
static size_t lay_all(struct tree *out, const struct tree *t, char *block, bool bins)
{
    size_t at = 0, n = (size_t)t->n_leaves, nodes = (size_t)t->n_nodes;
    out->cover = lay(block, &at, t->cover, nodes * sizeof *t->cover);
    out->leaf_cover = lay(block, &at, t->leaf_cover, n * sizeof *t->leaf_cover);
    out->value = lay(block, &at, t->value, t->n_values * sizeof *t->value);
    out->node = lay(block, &at, t->node, nodes * sizeof *t->node);
    out->set_words = lay(block, &at, t->set_words, nodes * sizeof *t->set_words);
    out->gain = lay(block, &at, t->gain, nodes * sizeof *t->gain);
    out->at = lay(block, &at, t->at, n * sizeof *t->at);
    out->word = lay(block, &at, t->word, t->n_words * sizeof *t->word);
    out->bin = bins ? lay(block, &at, t->bin, nodes * sizeof *t->bin) : NULL;
    out->bin_word = bins ? lay(block, &at, t->bin_word, t->n_bin_words * sizeof *t->bin_word) : NULL;
    return at;
}

static asx_st pack(struct tree *out, const struct tree *t, struct mem *mem, bool bins)
{
    *out = (struct tree){.n_nodes = t->n_nodes,
                         .n_leaves = t->n_leaves,
                         .dims = t->dims,
                         .capacity = t->n_leaves,
                         .n_values = t->n_values,
                         .value_room = t->n_values,
                         .n_words = t->n_words,
                         .word_room = t->n_words,
                         .n_bin_words = bins ? t->n_bin_words : 0,
                         .bin_word_room = bins ? t->n_bin_words : 0,
                         .depth = t->depth};
    out->block = mem_alloc(mem, lay_all(out, t, NULL, bins) + 1);
    if (!out->block) {
        *out = (struct tree){0};
        return ASX_E_NOMEM;
    }
    lay_all(out, t, out->block, bins);
    return ASX_OK;
}

void tree_shrink(struct tree *t, struct mem *mem)
{
    struct tree packed;
    t->depth = tree_depth(t);
    if (pack(&packed, t, mem, t->bin != NULL) != ASX_OK)
        return; /* it stays as it is */
    tree_clear(t);
    *t = packed;
}

asx_st tree_copy(struct tree *out, const struct tree *t, struct mem *mem)
{
    return pack(out, t, mem, false);
}

/*
 * Children come after their parents, so one pass over the nodes knows all depths. A damaged file may hold nodes with no
 * parent or with two: none is left without a depth, and the longest way counts.
 */
int tree_depth(const struct tree *t)
{
    int depth[512], deepest = t->n_nodes ? 1 : 0;
    int *d = t->n_nodes <= 512 ? depth : mem_array(NULL, (size_t)t->n_nodes, sizeof *d);
    if (!d)
        return t->n_nodes;
    for (int i = 0; i < t->n_nodes; i++)
        d[i] = 1;
    for (int i = 0; i < t->n_nodes; i++) {
        deepest = d[i] > deepest ? d[i] : deepest;
        int32_t left = t->node[i].left, right = t->node[i].right;
        if (left >= 0 && d[left] <= d[i])
            d[left] = d[i] + 1;
        if (right >= 0 && d[right] <= d[i])
            d[right] = d[i] + 1;
    }
    if (d != depth)
        mem_free(d);
    return deepest;
}

/* `cell`: codes of the row's sparse columns by raw column, or NULL. */
static inline int leaf_of(const struct tree *t, const struct view *v, size_t row, const uint8_t *cell)
{
    if (!t->n_nodes)
        return 0;
    int i = 0;
    while (i >= 0) {
        const struct tree_node *x = &t->node[i];
        const struct tree_bin *b = &t->bin[i];
        const struct view_feature *f = &v->feature[b->feature];
        int bin = cell && f->sparse ? view_shift(f, cell[f->column]) : view_bin(f, row);
        bool left;
        if (bin == f->missing)
            left = x->flags & TREE_MISSING_LEFT;
        else if (x->flags & TREE_CATEGORICAL)
            left = t->bin_word[b->set + (unsigned)bin / 32] >> ((unsigned)bin % 32) & 1;
        else
            left = bin <= b->bin;
        i = left ? x->left : x->right;
    }
    return ~i;
}

int tree_leaf_of_bins(const struct tree *t, const struct view *v, size_t row)
{
    return leaf_of(t, v, row, NULL);
}

int tree_leaf_of_cells(const struct tree *t, const struct view *v, size_t row, const uint8_t *cell)
{
    return leaf_of(t, v, row, cell);
}

/* ---- walks over planes ----------------------------------------------------------------- */

/* With missing cells on the left their code, the largest, is turned round to be the smallest. */
static void walk_cut(const struct tree *t, int i, const struct view_feature *f, struct tree_step *s)
{
    int cut = (((t->bin[i].bin + 1) << f->shift) - 1) >> f->pre;
    bool first = f->missing >= 0 && t->node[i].flags & TREE_MISSING_LEFT;
    int add = first ? 256 - f->f->missing : 0;
    cut = t->bin[i].bin < 0 ? -1 : cut;
    cut = f->missing >= 0 && cut >= f->f->missing ? f->f->missing - 1 : cut;
    cut = first ? (cut < 0 ? 0 : cut + add) : cut;
    *s = (struct tree_step){.code = f->code, .add = (uint8_t)add, .cut = (int16_t)(cut < 255 ? cut : 255)};
}

bool tree_steps(const struct tree *t, const struct view *v, struct tree_step *step)
{
    for (int i = 0; i < t->n_nodes; i++) {
        const struct view_feature *f = &v->feature[t->bin[i].feature];
        if (f->wide || !f->code || t->node[i].flags & TREE_CATEGORICAL)
            return false;
        walk_cut(t, i, f, &step[i]);
        step[i].next[0] = t->node[i].left < 0 ? t->n_nodes + ~t->node[i].left : t->node[i].left;
        step[i].next[1] = t->node[i].right < 0 ? t->n_nodes + ~t->node[i].right : t->node[i].right;
    }
    for (int l = 0; l < t->n_leaves; l++) {
        int at = t->n_nodes + l;
        step[at] = (struct tree_step){.code = t->n_nodes ? step[0].code : NULL, .next = {at, at}};
    }
    return t->n_nodes > 0;
}

void tree_walk(const struct tree *t, const struct tree_step *step, const uint32_t *row, int leaf[TREE_LANES])
{
    int at[TREE_LANES] = {0}, on = 1;
    while (on) {
        on = 0;
        for (int k = 0; k < TREE_LANES; k++) {
            const struct tree_step *s = &step[at[k]];
            at[k] = s->next[(uint8_t)(s->code[row[k]] + s->add) > s->cut];
            on |= at[k] < t->n_nodes;
        }
    }
    for (int k = 0; k < TREE_LANES; k++)
        leaf[k] = at[k] - t->n_nodes;
}
