/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Growing a tree: best leaf first (or level by level). With threads, leaves whose turn will probably come are split
 * ahead, several at once, so that small leaves fill the threads too; splits are written in their order, whatever was
 * done ahead, and what is never written leaves no trace.
 */
#include "learners/trees/grow.h"

#include "base/err.h"
#include "base/mem.h"

#include <string.h>

/* Cells of the round's smaller children, for each thread, at which no more leaves are taken into a round. */
static const double ROUND_CELLS = 150000;

static asx_st no_memory(struct asx_err *err)
{
    return err_set(err, ASX_E_NOMEM, "out of memory for growing trees; raise the memory limit or lower 'num_leaves'");
}

static int most_ahead(const struct grow *g)
{
    return g->exec->threads > 1 ? GROW_AHEAD : 1;
}

asx_st grow_init(struct grow *g, struct asx_exec *exec, const struct view *view, const struct grow_params *params, size_t rows,
                 enum grow_kind kind, struct asx_err *err)
{
    *g = (struct grow){.exec = exec, .view = view, .params = *params, .kind = kind, .room = rows, .ascending = true};
    tree_kernels(exec, g->kernel);
    struct mem *m = exec->mem;
    size_t n = rows + 32, ahead = (size_t)most_ahead(g);
    g->ids = params->num_leaves + 2 + 2 * (int)ahead;
    g->table_size = (size_t)(view->most_wide > 256 ? view->most_wide : 256) + 1;
    g->row = mem_array(m, n, sizeof *g->row);
    g->spare_row = mem_array(m, n, sizeof *g->spare_row);
    bool ok = g->row && g->spare_row;
    if (kind == GROW_DOUBLES) {
        g->gh64 = mem_array(m, view->rows + 1, 2 * sizeof *g->gh64);
        g->leaf_gh64 = mem_array(m, n, 2 * sizeof *g->leaf_gh64);
        ok = ok && g->gh64 && g->leaf_gh64;
    } else if (kind == GROW_FEW) {
        g->few = mem_array(m, n, sizeof *g->few);
        g->spare_few = mem_array(m, n, sizeof *g->spare_few);
        ok = ok && g->few && g->spare_few;
    } else {
        g->gh = mem_array(m, n, sizeof *g->gh);
        g->spare_gh = mem_array(m, n, sizeof *g->spare_gh);
        ok = ok && g->gh && g->spare_gh;
    }
    g->leaf = mem_calloc(m, (size_t)g->ids, sizeof *g->leaf);
    g->use = mem_calloc(m, (size_t)view->features + 1, sizeof *g->use);
    g->node_use =
        mem_calloc(m, params->feature_fraction_bynode < 1 ? 2 * ahead * (size_t)view->features + 1 : 1, sizeof *g->node_use);
    g->group_use = mem_calloc(m, (size_t)view->groups + 1, 1);
    g->side = mem_array(m, rows / 64 + rows / GROW_CHUNK + ahead + 2, sizeof *g->side);
    g->table = mem_alloc(m, ahead * g->table_size);
    ok = ok && g->leaf && g->use && g->node_use && g->group_use && g->side && g->table && grow_hist_init(g) == ASX_OK;
    return ok ? ASX_OK : no_memory(err);
}

void grow_clear(struct grow *g)
{
    grow_hist_clear(g);
    mem_free(g->row);
    mem_free(g->spare_row);
    mem_free(g->gh);
    mem_free(g->spare_gh);
    mem_free(g->few);
    mem_free(g->spare_few);
    mem_free(g->gh64);
    mem_free(g->leaf_gh64);
    mem_free(g->leaf);
    mem_free(g->use);
    mem_free(g->node_use);
    mem_free(g->group_use);
    mem_free(g->piece);
    mem_free(g->side);
    mem_free(g->table);
    for (int i = 0; i < GROW_AHEAD; i++)
        mem_free(g->plane[i]);
    *g = (struct grow){0};
}

/* ---- features of a tree ------------------------------------------------------- */

static uint64_t child_seed(uint64_t seed, bool left)
{
    struct rng r = rng_stream(seed, left ? 1 : 2, 3, 0);
    return rng_at(&r, 0);
}

void grow_draw_features(const struct grow *g, uint64_t seed, double share, const bool *among, bool *use)
{
    int n = g->view->features, left = 0;
    for (int j = 0; j < n; j++)
        left += among ? among[j] : 1;
    int want = (int)(share * left + 0.5);
    want = want < 1 ? 1 : want;
    struct rng r = rng_stream(seed, 4, 0, 0);
    for (int j = 0; j < n; j++) { /* selection sampling: Knuth, algorithm 3.4.2 S */
        bool in = !among || among[j];
        use[j] = in && want > 0 && rng_below(&r, (uint64_t)left) < (uint64_t)want;
        left -= in;
        want -= use[j];
    }
}

static void mark_groups(struct grow *g)
{
    memset(g->group_use, 0, (size_t)g->view->groups);
    for (int j = 0; j < g->view->features; j++)
        if (g->use[j] && g->view->feature[j].group >= 0)
            g->group_use[g->view->feature[j].group] = 1;
}

/* ---- choosing leaves ------------------------------------------------------------------ */

static bool comes_before(const struct grow *g, int a, int b)
{
    const struct grow_leaf *x = &g->leaf[a], *y = &g->leaf[b];
    if (g->params.depth_wise && x->depth != y->depth)
        return x->depth < y->depth;
    return !g->params.depth_wise && x->best.gain != y->best.gain ? x->best.gain > y->best.gain : a < b;
}

/* Best first: largest gain; level by level: shallowest. Ties: the oldest leaf. `fresh`: not split ahead yet. */
static int next_leaf(const struct grow *g, bool fresh)
{
    int best = -1;
    for (int i = 0; i < g->leaves; i++)
        if (g->leaf[i].candidate && !(fresh && g->leaf[i].pair >= 0) && (best < 0 || comes_before(g, i, best)))
            best = i;
    return best;
}

static void bound_children(const struct grow *g, const struct view_feature *f, struct grow_leaf *l, struct grow_leaf *r)
{
    if (!f->f->monotone)
        return;
    double lo = l->low, hi = l->high;
    double a = split_leaf_value(l->sum_g, l->sum_h, g->params.l1, g->params.l2),
           b = split_leaf_value(r->sum_g, r->sum_h, g->params.l1, g->params.l2);
    a = a < lo ? lo : a > hi ? hi : a;
    b = b < lo ? lo : b > hi ? hi : b;
    double mid = (a + b) / 2;
    if (f->f->monotone > 0)
        l->high = r->low = mid;
    else
        l->low = r->high = mid;
}

/* Children without rows yet. */
static void open_pair(struct grow *g, int at)
{
    struct grow_leaf *p = &g->leaf[at];
    p->pair = g->free_pair[--g->free_pairs];
    struct grow_leaf *l = &g->leaf[p->pair], *r = l + 1;
    const struct split *s = &p->best;
    *l = (struct grow_leaf){.depth = p->depth + 1, .slot = -1, .pair = -1, .low = p->low, .high = p->high, .best.gain = -1};
    *r = *l;
    l->left_side = true;
    l->sum_g = s->left_g;
    l->sum_h = s->left_h;
    l->seed = child_seed(p->seed, true);
    r->sum_g = p->sum_g - s->left_g;
    r->sum_h = p->sum_h - s->left_h;
    r->seed = child_seed(p->seed, false);
    bound_children(g, &g->view->feature[s->feature], l, r);
}

/* Cells of the smaller child, as the hessians have it. */
static double smaller_cells(const struct grow *g, const struct grow_leaf *l)
{
    double share = l->sum_h > 0 ? l->best.left_h / l->sum_h : 0.5;
    share = share < 0.5 ? share : 1 - share;
    return share * (double)l->count * g->view->row_cells + 2 * (double)g->view->hist_size;
}

/*
 * Splits leaf `at` and, while threads would be idle, leaves after it in order. Near the end fewer are taken, for
 * what is split ahead and never written is lost.
 */
static asx_st split_round(struct grow *g, int at)
{
    int n = 0, left = g->params.num_leaves - g->leaves, most = (left + 1) / 2;
    double cells = 0, enough = ROUND_CELLS * g->exec->threads;
    most = most < g->free_pairs ? most : g->free_pairs;
    most = most < 1 ? 1 : most;
    do {
        cells += smaller_cells(g, &g->leaf[at]);
        open_pair(g, at);
        g->split[n++] = (struct grow_split){.leaf = at, .pair = g->leaf[at].pair};
    } while (n < most && cells < enough && (at = next_leaf(g, true)) >= 0);
    asx_st st = grow_partition(g, n);
    if (!st && left > 1)
        st = grow_look(g, n);
    return st;
}

static void move_leaf(struct grow *g, int from, int to)
{
    g->leaf[to] = g->leaf[from];
    if (g->leaf[to].slot >= 0)
        g->owner[g->leaf[to].slot] = to;
}

/* Writes the split of a leaf whose children are ready. */
static asx_st write_split(struct grow *g, int at, struct tree *t)
{
    struct grow_leaf *p = &g->leaf[at];
    const struct split *s = &p->best;
    int node, right, pair = p->pair;
    struct tree_cut cut = {s->feature, s->categorical, s->missing_left, s->bin, s->set, s->n_set, s->gain};
    if (tree_split(t, g->view, at, p->node, p->left_side, &cut, &node, &right))
        return ASX_E_NOMEM;
    t->cover[node] = p->sum_h;
    grow_drop_slot(g, at);
    move_leaf(g, pair, at);
    move_leaf(g, pair + 1, right);
    g->leaf[at].node = g->leaf[right].node = node;
    g->free_pair[g->free_pairs++] = pair;
    g->leaves = t->n_leaves;
    return ASX_OK;
}

/* ---- the tree -------------------------------------------------------------------------- */

static void start(struct grow *g, size_t n, double root_g, double root_h, uint64_t seed)
{
    for (int i = 0; i < g->slots; i++)
        g->owner[i] = -1;
    g->free_pairs = 0;
    for (int i = most_ahead(g) - 1; i >= 0; i--)
        g->free_pair[g->free_pairs++] = g->params.num_leaves + 2 + 2 * i;
    if (g->params.feature_fraction < 1)
        grow_draw_features(g, seed, g->params.feature_fraction, NULL, g->use);
    else
        memset(g->use, 1, (size_t)g->view->features);
    mark_groups(g);
    g->leaves = 1;
    g->leaf[0] = (struct grow_leaf){.count = n,
                                    .slot = -1,
                                    .node = -1,
                                    .pair = -1,
                                    .sum_g = root_g,
                                    .sum_h = root_h,
                                    .low = -HUGE_VAL,
                                    .high = HUGE_VAL,
                                    .seed = child_seed(seed, true),
                                    .best.gain = -1};
    g->split[0] = (struct grow_split){.leaf = 0, .pair = -1};
}

asx_st grow_tree(struct grow *g, size_t n, double root_g, double root_h, uint64_t seed, struct tree *t, struct asx_err *err)
{
    start(g, n, root_g, root_h, seed);
    asx_st st = g->view->features && g->params.num_leaves > 1 ? grow_look(g, 1) : ASX_OK;
    double visited = 0;
    while (!st && g->leaves < g->params.num_leaves) {
        int at = next_leaf(g, false);
        if (at < 0)
            break;
        visited += (double)g->leaf[at].count * (g->view->row_cells + 8) + (double)g->view->hist_size;
        if (visited > 2e7) { /* some 10 ms */
            visited = 0;
            if (g->exec->stop && g->exec->stop(g->exec)) {
                st = ASX_STOPPED;
                break;
            }
        }
        if (g->leaf[at].pair < 0)
            st = split_round(g, at);
        if (!st)
            st = write_split(g, at, t);
    }
    for (int i = 0; i < g->leaves; i++)
        t->leaf_cover[i] = g->leaf[i].sum_h;
    return st < 0 ? no_memory(err) : st;
}
