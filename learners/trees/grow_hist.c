/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Histograms of the leaves being split, and the search for their best splits.
 *
 * Work comes in units: the features of a dense group, one wide feature, 128 features of a sparse block. A unit of a
 * split builds the smaller child's histogram, subtracts it from the parent's and scans both, while the bins are in
 * the first-level cache. Leaves of many rows are built in pieces of rows first, each into a histogram of its own;
 * sums are exact, so any cut gives the same bits. Doubles are always built in one piece.
 */
#include "base/mem.h"
#include "learners/trees/grow.h"

#include <math.h>
#include <string.h>

enum {
    PARALLEL = 1 << 15,   /* cells below which threads cost more than they give */
    PIECE_ROWS = 1 << 13, /* least rows of a piece */
    SPARSE_UNIT = 128
};

static size_t cell_bytes(const struct grow *g)
{
    return g->kind == GROW_DOUBLES ? 16 : 8;
}

static size_t slot_bytes(const struct grow *g)
{
    return (g->view->hist_size + 64) * cell_bytes(g);
}

static void *cell_at(const struct grow *g, void *hist, size_t at)
{
    return (char *)hist + at * cell_bytes(g);
}

static size_t bins_of(const struct view_feature *f)
{
    return (size_t)(f->missing >= 0 ? f->missing + 1 : f->n_bins);
}

/* ---- slots ------------------------------------------------------------------------ */

/*
 * Histograms kept at once. Of L leaves at most N - L will still be split, so with those of most gain kept N/2 are
 * enough; when a quarter of the free budget holds fewer, the others are recomputed. The reference way keeps all,
 * for a recomputed histogram of doubles differs from a subtracted one in its last bits.
 */
static int slots_that_fit(const struct grow *g)
{
    int ahead = g->exec->threads > 1 ? GROW_AHEAD : 0;
    int want = g->kind == GROW_DOUBLES || g->params.depth_wise ? g->params.num_leaves + 1 : g->params.num_leaves / 2 + 4;
    want += ahead;
    uint64_t room = mem_room(g->exec->mem);
    if (g->kind == GROW_DOUBLES || room == UINT64_MAX)
        return want;
    uint64_t n = room / 4 / slot_bytes(g);
    return n < 3 ? 3 : n < (uint64_t)want ? (int)n : want;
}

static double worth(const struct grow *g, int slot)
{
    return g->owner[slot] < 0 ? -1 : g->leaf[g->owner[slot]].best.gain;
}

/* A free slot, or that of the leaf whose split is least worth making; those of the splits being made stay. */
static int victim(const struct grow *g, bool made)
{
    int best = -1;
    for (int i = 0; i < g->slots; i++) {
        if (g->pinned[i] || (made && !g->slot[i]))
            continue;
        if (g->owner[i] < 0)
            return i;
        if (best < 0 || worth(g, i) < worth(g, best))
            best = i;
    }
    return best;
}

static bool take_slot(struct grow *g, int id)
{
    int at = victim(g, false);
    if (at >= 0 && !g->slot[at])
        g->slot[at] = mem_alloc(g->exec->mem, slot_bytes(g));
    if (at >= 0 && !g->slot[at])
        at = victim(g, true); /* make do with the slots there are */
    if (at < 0)
        return false;
    if (g->owner[at] >= 0)
        g->leaf[g->owner[at]].slot = -1;
    g->owner[at] = id;
    g->pinned[at] = true;
    g->leaf[id].slot = at;
    return true;
}

void grow_drop_slot(struct grow *g, int id)
{
    if (g->leaf[id].slot >= 0)
        g->owner[g->leaf[id].slot] = -1;
    g->leaf[id].slot = -1;
}

static void hand_slot(struct grow *g, int from, int to)
{
    int slot = g->leaf[from].slot;
    g->leaf[from].slot = -1;
    g->leaf[to].slot = slot;
    g->owner[slot] = to;
    g->pinned[slot] = true;
}

/* ---- building ------------------------------------------------------------------------ */

/* Where a piece of a build adds up: the first in the leaf's slot, the others in histograms of their own. */
static void *piece_hist(const struct grow *g, const struct grow_leaf *leaf, int piece)
{
    return piece ? (char *)g->part + (size_t)(piece - 1) * slot_bytes(g) : g->slot[leaf->slot];
}

struct rows {
    const uint32_t *row;
    const uint64_t *gh;
    const uint16_t *few;
    const double *gh64;
    size_t n;
};

static struct rows rows_of(const struct grow *g, const struct grow_leaf *leaf, int piece, int pieces)
{
    size_t per = (leaf->count + (size_t)pieces - 1) / (size_t)pieces, from = per * (size_t)piece;
    from = from < leaf->count ? from : leaf->count;
    size_t at = leaf->begin + from, n = leaf->count - from < per ? leaf->count - from : per;
    struct rows r = {.row = (leaf->in_spare ? g->spare_row : g->row) + at, .n = n};
    if (g->kind == GROW_PACKED)
        r.gh = (leaf->in_spare ? g->spare_gh : g->gh) + at;
    else if (g->kind == GROW_FEW)
        r.few = (leaf->in_spare ? g->spare_few : g->few) + at;
    else
        r.gh64 = g->leaf_gh64 + 2 * at;
    return r;
}

static uint64_t packed_of(const struct rows *r, size_t i)
{
    return r->gh ? r->gh[i] : asx_widen(r->few[i]);
}

static void group_hist(const struct grow *g, int group, const struct rows *r, void *hist)
{
    const struct view_group *vg = &g->view->group[group];
    memset(cell_at(g, hist, vg->hist), 0, ((size_t)vg->g->used << vg->stride_log2) * cell_bytes(g));
    struct asx_hist_args a = {.code = vg->g->code,
                              .width = vg->g->width,
                              .used = vg->g->used,
                              .stride_log2 = vg->stride_log2,
                              .shift = vg->shift,
                              .row = r->row,
                              .n = r->n,
                              .gh = r->gh,
                              .gh16 = r->few,
                              .gh64 = r->gh64};
    if (g->ascending && r->n && r->row[r->n - 1] - r->row[0] == r->n - 1) {
        a.first = r->row[0];
        a.row = NULL;
    }
    if (r->gh64)
        a.hist64 = cell_at(g, hist, vg->hist);
    else
        a.hist = cell_at(g, hist, vg->hist);
    g->kernel[ASX_K_HIST](NULL, &a);
}

/* One feature of u16 codes. */
static void wide_hist(const struct grow *g, int feature, const struct rows *r, void *hist)
{
    const struct view_feature *f = &g->view->feature[feature];
    uint64_t *h = cell_at(g, hist, f->hist);
    double *h64 = cell_at(g, hist, f->hist);
    memset(h, 0, bins_of(f) * cell_bytes(g));
    for (size_t i = 0; i < r->n; i++) {
        __builtin_prefetch(&f->wide[r->row[i + 32 < r->n ? i + 32 : i]]);
        size_t at = (size_t)(f->wide[r->row[i]] >> f->shift);
        if (r->gh64) {
            h64[2 * at] += r->gh64[2 * i];
            h64[2 * at + 1] += r->gh64[2 * i + 1];
        } else {
            h[at] += packed_of(r, i);
        }
    }
}

static void sparse_range(const struct grow *g, const struct view_sparse *s, size_t *from, size_t *to)
{
    size_t next = s->first + (size_t)s->features;
    *from = s->features ? g->view->feature[s->first].hist : 0;
    *to = !s->features ? 0 : next < (size_t)g->view->features ? g->view->feature[next].hist : g->view->hist_size;
}

static void sparse_doubles(const struct view_sparse *s, const struct rows *r, double *hist)
{
    for (size_t i = 0; i < r->n; i++)
        for (int64_t k = s->s->indptr[r->row[i]]; k < s->s->indptr[r->row[i] + 1]; k++) {
            size_t at = s->map ? s->map[s->s->place[k]] : s->hist + s->s->place[k];
            hist[2 * at] += r->gh64[2 * i];
            hist[2 * at + 1] += r->gh64[2 * i + 1];
        }
}

static void sparse_any(const struct view_sparse *s, const struct rows *r, uint64_t *hist)
{
    for (size_t i = 0; i < r->n; i++) {
        uint64_t v = packed_of(r, i);
        for (int64_t k = s->s->indptr[r->row[i]]; k < s->s->indptr[r->row[i] + 1]; k++)
            hist[s->map ? s->map[s->s->place[k]] : s->hist + s->s->place[k]] += v;
    }
}

/* The usual case. Rows of a list are far apart: their cells are asked for ahead, and the places of those before that. */
static void sparse_packed(const struct view_sparse *s, const struct rows *r, uint64_t *hist)
{
    const int64_t *indptr = s->s->indptr;
    const uint32_t *place = s->s->place, *row = r->row;
    for (size_t i = 0; i < r->n; i++) {
        uint64_t v = r->gh[i];
        size_t far = i + 32 < r->n ? i + 32 : r->n - 1, near = i + 12 < r->n ? i + 12 : r->n - 1;
        __builtin_prefetch(indptr + row[far]);
        const uint32_t *next = place + indptr[row[near]];
        __builtin_prefetch(next);
        __builtin_prefetch(next + 16);
        __builtin_prefetch(next + 28);
        const uint32_t *at = place + indptr[row[i]], *end = place + indptr[row[i] + 1];
        for (; at + 4 <= end; at += 4) {
            hist[at[0]] += v;
            hist[at[1]] += v;
            hist[at[2]] += v;
            hist[at[3]] += v;
        }
        for (; at < end; at++)
            hist[*at] += v;
    }
}

/* Stored cells only; what is not stored is given to the bin of zero by fill_zero. */
static void sparse_hist(const struct grow *g, int block, const struct rows *r, void *hist)
{
    const struct view_sparse *s = &g->view->sparse[block];
    size_t from, to;
    sparse_range(g, s, &from, &to);
    memset(cell_at(g, hist, from), 0, (to - from) * cell_bytes(g));
    if (r->gh64)
        sparse_doubles(s, r, hist);
    else if (s->map || r->few)
        sparse_any(s, r, hist);
    else
        sparse_packed(s, r, (uint64_t *)hist + s->hist);
}

/* The leaf's sums as packed: whole numbers of units below 2^32, so the divisions are exact. */
static uint64_t total_of(const struct grow *g, const struct grow_leaf *leaf)
{
    if (g->kind == GROW_DOUBLES)
        return 0;
    return ((uint64_t)(int64_t)llrint(leaf->sum_g / g->g_unit) << 32) + (uint64_t)llrint(leaf->sum_h / g->h_unit);
}

/* The bin of zero of a sparse feature is the leaf's total minus the others. */
static void fill_zero(const struct grow *g, const struct view_feature *f, const struct grow_leaf *leaf, uint64_t total, void *hist)
{
    int end = f->missing >= 0 ? f->missing : f->n_bins - 1;
    if (g->kind == GROW_DOUBLES) {
        double *h = cell_at(g, hist, f->hist), a = leaf->sum_g, b = leaf->sum_h;
        for (int i = 0; i <= end; i++) {
            a -= h[2 * i];
            b -= h[2 * i + 1];
        }
        h[2 * f->zero] += a;
        h[2 * f->zero + 1] += b;
        return;
    }
    uint64_t *h = cell_at(g, hist, f->hist);
    for (int i = 0; i <= end; i++)
        total -= h[i];
    h[f->zero] += total;
}

static void build_unit(const struct grow *g, const struct grow_unit *u, const struct grow_leaf *leaf, int piece, int pieces)
{
    struct rows r = rows_of(g, leaf, piece, pieces);
    void *hist = piece_hist(g, leaf, piece);
    if (u->kind == UNIT_GROUP)
        group_hist(g, u->of, &r, hist);
    else if (u->kind == UNIT_WIDE)
        wide_hist(g, u->of, &r, hist);
    else
        sparse_hist(g, u->of, &r, hist);
}

static bool unit_used(const struct grow *g, const struct grow_unit *u)
{
    return u->kind == UNIT_GROUP ? g->group_use[u->of] : u->kind == UNIT_WIDE ? g->use[u->of] : true;
}

/* ---- scanning ------------------------------------------------------------------------ */

static void subtract(const struct grow *g, const struct view_feature *f, void *large, void *small)
{
    size_t n = bins_of(f);
    if (g->kind == GROW_DOUBLES) {
        double *a = cell_at(g, large, f->hist);
        const double *b = cell_at(g, small, f->hist);
        for (size_t i = 0; i < 2 * n; i++)
            a[i] -= b[i];
        return;
    }
    uint64_t *a = cell_at(g, large, f->hist);
    const uint64_t *b = cell_at(g, small, f->hist);
    for (size_t i = 0; i < n; i++)
        a[i] -= b[i];
}

/* Adds up the pieces of a feature, and completes what sparse blocks leave out. */
static void finish(const struct grow *g, const struct grow_unit *u, const struct view_feature *f, const struct grow_leaf *leaf,
                   int pieces, uint64_t total)
{
    void *hist = g->slot[leaf->slot];
    uint64_t *a = cell_at(g, hist, f->hist);
    size_t n = bins_of(f);
    for (int p = 1; p < pieces; p++) {
        const uint64_t *b = cell_at(g, piece_hist(g, leaf, p), f->hist);
        for (size_t i = 0; i < n; i++)
            a[i] += b[i];
    }
    if (u->kind == UNIT_SPARSE)
        fill_zero(g, f, leaf, total, hist);
}

static struct split_node node_of(const struct grow *g, const struct grow_leaf *leaf)
{
    const void *hist = g->slot[leaf->slot];
    bool doubles = g->kind == GROW_DOUBLES;
    return (struct split_node){.sum_g = leaf->sum_g,
                               .sum_h = leaf->sum_h,
                               .rows = (double)leaf->count,
                               .low = leaf->low,
                               .high = leaf->high,
                               .hist = doubles ? NULL : hist,
                               .hist64 = doubles ? hist : NULL,
                               .g_unit = doubles ? 1 : g->g_unit,
                               .h_unit = doubles ? 0 : g->h_unit,
                               .seed = leaf->seed};
}

/*
 * A cut leaves the bin of zero on one side, so the other has at most the hessian of the stored cells: where that is less
 * than a child needs there is nothing to scan, which is so for most sparse columns in most nodes. All sums are exact.
 */
static bool too_few(const struct view_feature *f, const struct split_node *n, double least)
{
    return f->sparse && n->hist && n->sum_h - (double)(uint32_t)n->hist[f->hist + (size_t)f->zero] * n->h_unit < least;
}

static const struct grow_leaf *child(const struct grow *g, const struct grow_split *s, int which)
{
    int id = which ? s->large : s->small;
    return id < 0 ? NULL : &g->leaf[id];
}

/* Is the histogram of this unit made before the scans, in pieces? */
static bool ahead(const struct grow_unit *u, const struct grow_split *s, int which)
{
    return s->build[which] && (s->pieces[which] > 1 || u->kind == UNIT_SPARSE);
}

static void build_task(void *arg, size_t at, int worker)
{
    (void)worker;
    struct grow *g = arg;
    const struct grow_task *t = &g->task[at];
    const struct grow_split *s = &g->split[t->split];
    build_unit(g, &g->unit[t->unit], child(g, s, t->which), t->piece, s->pieces[t->which]);
}

static void look_task(void *arg, size_t at, int worker)
{
    (void)worker;
    struct grow *g = arg;
    const struct grow_task *t = &g->task[at];
    const struct grow_split *s = &g->split[t->split];
    const struct grow_unit *u = &g->unit[t->unit];
    struct split *best = &g->scan[2 * at];
    best[0].gain = best[1].gain = -1;
    struct split_node node[2];
    double least[2] = {0};
    uint64_t total[2] = {0};
    for (int w = 0; w < 2; w++) {
        if (s->build[w] && !ahead(u, s, w))
            build_unit(g, u, child(g, s, w), 0, 1);
        if (s->build[w] && u->kind == UNIT_SPARSE)
            total[w] = total_of(g, child(g, s, w));
        if (s->scan[w]) {
            node[w] = node_of(g, child(g, s, w));
            least[w] = split_least_hessian(&g->params, &node[w]);
        }
    }
    for (int j = u->from; j < u->to; j++) {
        const struct view_feature *f = &g->view->feature[j];
        if (!g->use[j])
            continue;
        for (int w = 0; w < 2; w++)
            if (s->build[w])
                finish(g, u, f, child(g, s, w), s->pieces[w], total[w]);
        if (s->subtract)
            subtract(g, f, g->slot[child(g, s, 1)->slot], g->slot[child(g, s, 0)->slot]);
        for (int w = 0; w < 2; w++)
            if (s->scan[w] && s->use[w][j] && !too_few(f, &node[w], least[w]))
                split_feature(g->kernel, &g->params, g->view, j, &node[w], &best[w]);
    }
}

/* ---- a round of splits ------------------------------------------------------------------ */

static bool may_split(const struct grow *g, const struct grow_leaf *l)
{
    return l->count >= 2 && (double)l->count >= 2 * g->params.min_data_in_leaf &&
           (g->params.max_depth <= 0 || l->depth < g->params.max_depth) && l->sum_h > 0;
}

/* Pieces of rows a build is cut into, so that every thread gets several tasks. */
static int pieces_for(const struct grow *g, size_t rows)
{
    if (g->parts == 0)
        return 1;
    size_t most = rows / PIECE_ROWS, want = (size_t)g->parts + 1;
    want = want < most ? want : most;
    return want < 1 ? 1 : (int)want;
}

/* Decides what a split needs and takes its slots. False: no memory for them now. */
static bool arrange(struct grow *g, struct grow_split *s, bool *parts_taken)
{
    int a = s->pair >= 0 ? s->pair : s->leaf, b = s->pair >= 0 ? s->pair + 1 : -1, parent = s->pair >= 0 ? s->leaf : -1;
    if (b >= 0 && g->leaf[b].count < g->leaf[a].count) {
        a = b;
        b = s->pair;
    }
    bool small = may_split(g, &g->leaf[a]), large = b >= 0 && may_split(g, &g->leaf[b]);
    s->small = s->large = -1;
    s->scan[0] = small;
    s->scan[1] = large;
    s->build[0] = s->build[1] = s->subtract = false;
    s->pieces[0] = s->pieces[1] = 1;
    if (!small && !large) {
        if (parent >= 0)
            grow_drop_slot(g, parent);
        return true;
    }
    s->subtract = large && parent >= 0 && g->leaf[parent].slot >= 0;
    if (s->subtract)
        g->pinned[g->leaf[parent].slot] = true;
    s->build[0] = small || s->subtract;
    s->build[1] = large && !s->subtract;
    if (s->build[0] && !take_slot(g, a))
        return false;
    if (s->build[1] && !take_slot(g, b)) {
        grow_drop_slot(g, a);
        return false;
    }
    if (s->subtract)
        hand_slot(g, parent, b);
    else if (parent >= 0)
        grow_drop_slot(g, parent);
    s->small = s->build[0] ? a : -1;
    s->large = large ? b : -1;
    int main_build = s->build[1] ? 1 : 0;
    if (!*parts_taken && s->build[main_build]) {
        s->pieces[main_build] = pieces_for(g, child(g, s, main_build)->count);
        *parts_taken = s->pieces[main_build] > 1;
    }
    return true;
}

static bool task_room(struct grow *g, size_t n, size_t scans)
{
    if (n > g->task_room) {
        struct grow_task *t = mem_realloc(g->exec->mem, g->task, n * sizeof *t);
        if (!t)
            return false;
        g->task = t;
        g->task_room = n;
    }
    if (scans > g->scan_room) {
        struct split *s = mem_realloc(g->exec->mem, g->scan, 2 * scans * sizeof *s);
        if (!s)
            return false;
        g->scan = s;
        g->scan_room = scans;
    }
    return true;
}

/* Tasks of the builds that come before the scans. */
static size_t list_builds(struct grow *g, int from, int to)
{
    size_t n = 0;
    for (int i = from; i < to; i++)
        for (int w = 0; w < 2; w++)
            for (int u = 0, last = -1; u < g->units; u++) {
                const struct grow_unit *x = &g->unit[u];
                const struct grow_split *s = &g->split[i];
                if (!ahead(x, s, w) || !unit_used(g, x))
                    continue;
                if (x->kind == UNIT_SPARSE && x->of == last)
                    continue; /* the block's first unit builds for all of them */
                last = x->kind == UNIT_SPARSE ? x->of : last;
                for (int p = 0; p < s->pieces[w]; p++)
                    g->task[n++] = (struct grow_task){i, u, w, p};
            }
    return n;
}

static size_t list_looks(struct grow *g, int from, int to)
{
    size_t n = 0;
    for (int i = from; i < to; i++)
        for (int u = 0; u < g->units; u++)
            if ((g->split[i].small >= 0 || g->split[i].large >= 0) && unit_used(g, &g->unit[u]))
                g->task[n++] = (struct grow_task){i, u, 0, 0};
    return n;
}

static void keep_best(struct grow *g, size_t tasks)
{
    for (size_t t = 0; t < tasks; t++)
        for (int w = 0; w < 2; w++) {
            const struct grow_split *s = &g->split[g->task[t].split];
            struct split *best = s->scan[w] ? &g->leaf[w ? s->large : s->small].best : NULL;
            if (best && split_better(g->scan[2 * t + (size_t)w].gain, best->gain))
                *best = g->scan[2 * t + (size_t)w];
        }
}

/* A leaf without a split worth making gives its histogram back. */
static void judge(struct grow *g, int id)
{
    struct grow_leaf *l = &g->leaf[id];
    double noise = 1e-11 * split_score(l->sum_g, l->sum_h, g->params.l1, g->params.l2);
    l->candidate = l->best.gain > g->params.min_gain && l->best.gain > noise && l->best.gain > 0;
    if (!l->candidate)
        grow_drop_slot(g, id);
}

static void gather_doubles(struct grow *g, int from, int to)
{
    for (int i = from; i < to; i++)
        for (int w = 0; w < 2; w++) {
            const struct grow_leaf *l = g->split[i].build[w] ? child(g, &g->split[i], w) : NULL;
            const uint32_t *row = l ? grow_rows(g, l) : NULL;
            for (size_t k = 0; l && k < l->count; k++)
                memcpy(g->leaf_gh64 + 2 * (l->begin + k), g->gh64 + 2 * (size_t)row[k], 2 * sizeof(double));
        }
}

/* Cells a round visits: what decides whether threads are woken. */
static double cells(const struct grow *g, int from, int to)
{
    double n = 0;
    for (int i = from; i < to; i++) {
        n += (double)g->view->hist_size;
        for (int w = 0; w < 2; w++)
            n += g->split[i].build[w] ? (double)child(g, &g->split[i], w)->count * g->view->row_cells : 0;
    }
    return n;
}

static asx_st look(struct grow *g, int from, int to)
{
    size_t units = (size_t)(to - from) * (size_t)g->units, pieces = 2 * units + (size_t)g->units * (size_t)(g->parts + 1);
    if (!task_room(g, pieces, units))
        return ASX_E_NOMEM;
    if (g->kind == GROW_DOUBLES)
        gather_doubles(g, from, to);
    bool parallel = cells(g, from, to) > PARALLEL;
    size_t n = list_builds(g, from, to);
    if (n)
        grow_split_work(g, parallel, n, build_task, g);
    n = list_looks(g, from, to);
    grow_split_work(g, parallel, n, look_task, g);
    keep_best(g, n);
    for (int i = from; i < to; i++)
        for (int w = 0; w < 2; w++) {
            const struct grow_split *s = &g->split[i];
            int id = w ? s->large : s->small;
            if (id >= 0)
                judge(g, id);
        }
    return ASX_OK;
}

/* Which features a node looks at: those of the tree, or a share of them. */
static void choose_features(struct grow *g, int i)
{
    struct grow_split *s = &g->split[i];
    for (int w = 0; w < 2; w++) {
        s->use[w] = g->use;
        const struct grow_leaf *l = s->scan[w] ? child(g, s, w) : NULL;
        if (!l || g->params.feature_fraction_bynode >= 1)
            continue;
        bool *use = g->node_use + (size_t)(2 * i + w) * (size_t)g->view->features;
        grow_draw_features(g, l->seed, g->params.feature_fraction_bynode, g->use, use);
        s->use[w] = use;
    }
}

asx_st grow_look(struct grow *g, int n)
{
    for (int i = 0; i < n;) {
        int from = i;
        bool parts = false;
        memset(g->pinned, 0, (size_t)g->slots * sizeof *g->pinned);
        for (int k = from; k < n; k++) /* parents' histograms become their children's */
            if (g->split[k].pair >= 0 && g->leaf[g->split[k].leaf].slot >= 0)
                g->pinned[g->leaf[g->split[k].leaf].slot] = k < from + (g->slots - 1) / 2 || k == from;
        while (i < n && arrange(g, &g->split[i], &parts))
            choose_features(g, i++);
        if (i == from)
            return ASX_E_NOMEM;
        asx_st st = look(g, from, i);
        if (st)
            return st;
    }
    return ASX_OK;
}

/* ---- memory --------------------------------------------------------------------------- */

static int list_units(const struct grow *g, struct grow_unit *unit)
{
    const struct view *v = g->view;
    int n = 0;
    for (int j = 0; j < v->features;) {
        const struct view_feature *f = &v->feature[j];
        int block = 0, to = j + 1;
        struct grow_unit u = {.kind = f->wide ? UNIT_WIDE : f->group >= 0 ? UNIT_GROUP : UNIT_SPARSE};
        while (u.kind == UNIT_SPARSE && (size_t)j >= v->sparse[block].first + (size_t)v->sparse[block].features)
            block++;
        u.of = f->wide ? j : f->group >= 0 ? f->group : block;
        if (u.kind == UNIT_GROUP)
            to = j + v->group[f->group].g->n;
        if (u.kind == UNIT_SPARSE) {
            int end = (int)v->sparse[block].first + v->sparse[block].features;
            to = j + SPARSE_UNIT < end ? j + SPARSE_UNIT : end;
        }
        u.from = j;
        u.to = to;
        if (unit)
            unit[n] = u;
        n++;
        j = to;
    }
    return n;
}

/* Cells a row that a unit builds from; those of a sparse block by its first unit. */
static double unit_cells(const struct grow *g, const struct grow_unit *u)
{
    if (u->kind == UNIT_SPARSE)
        return (size_t)u->from == g->view->sparse[u->of].first ? g->view->sparse[u->of].row_cells : 0;
    return u->to - u->from;
}

/* Histograms for pieces of rows: so many that no task of a large leaf is more than an eighth of a thread's share. */
static int parts_for(const struct grow *g)
{
    int threads = g->exec->threads;
    if (threads < 2 || g->kind == GROW_DOUBLES || g->units == 0 || g->room < 2 * PIECE_ROWS)
        return 0;
    double most = 0;
    for (int u = 0; u < g->units; u++)
        most = fmax(most, unit_cells(g, &g->unit[u]));
    uint64_t want = g->view->row_cells > 0 ? (uint64_t)ceil(8 * threads * most / g->view->row_cells) : 1;
    want = want > 0 ? want - 1 : 0;
    uint64_t room = mem_room(g->exec->mem) / 8 / slot_bytes(g);
    return (int)(want < room ? want : room);
}

asx_st grow_hist_init(struct grow *g)
{
    struct mem *m = g->exec->mem;
    g->units = list_units(g, NULL);
    g->unit = mem_calloc(m, (size_t)g->units + 1, sizeof *g->unit);
    if (!g->unit)
        return ASX_E_NOMEM;
    list_units(g, g->unit);
    g->slots = slots_that_fit(g);
    g->parts = parts_for(g);
    g->slot = mem_calloc(m, (size_t)g->slots, sizeof *g->slot);
    g->owner = mem_calloc(m, (size_t)g->slots, sizeof *g->owner);
    g->pinned = mem_calloc(m, (size_t)g->slots, sizeof *g->pinned);
    g->part = mem_alloc(m, (size_t)g->parts * slot_bytes(g) + 1);
    if (!g->slot || !g->owner || !g->pinned || !g->part)
        return ASX_E_NOMEM;
    return ASX_OK;
}

void grow_hist_clear(struct grow *g)
{
    for (int i = 0; g->slot && i < g->slots; i++)
        mem_free(g->slot[i]);
    mem_free(g->slot);
    mem_free(g->owner);
    mem_free(g->pinned);
    mem_free(g->part);
    mem_free(g->unit);
    mem_free(g->task);
    mem_free(g->scan);
}
