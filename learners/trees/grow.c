/* SPDX-License-Identifier: Apache-2.0 */
/* Growing a tree: best leaf first (or level by level), sibling histograms by subtraction. */
#include "learners/trees/grow.h"

#include "base/err.h"
#include "base/mem.h"

#include <string.h>

enum {
    PART_CHUNK = 1 << 16,    /* rows of a parallel piece; fixed, so results are too */
    HIST_PARALLEL = 1 << 18, /* cells below which threads cost more than they give */
    SCAN_CHUNK = 16
};

static asx_st no_memory(struct asx_err *err)
{
    return err_set(err, ASX_E_NOMEM, "out of memory for growing trees; raise the memory limit or lower 'num_leaves'");
}

static size_t slot_bytes(const struct grow *g)
{
    return (g->view->hist_size + 64) * (g->doubles ? 16 : 8);
}

/*
 * Histograms kept at once. Of L leaves at most N - L will still be split, so with those of most gain kept N/2 are
 * enough; when a quarter of the free budget holds fewer, the others are recomputed. The reference way keeps all,
 * for a recomputed histogram of doubles differs from a subtracted one in its last bits.
 */
static int slots_that_fit(const struct grow *g)
{
    int want = g->doubles || g->params.depth_wise ? g->params.num_leaves + 1 : g->params.num_leaves / 2 + 4;
    uint64_t room = mem_room(g->exec->mem);
    if (g->doubles || room == UINT64_MAX)
        return want;
    uint64_t n = room / 4 / slot_bytes(g);
    return n < 3 ? 3 : n < (uint64_t)want ? (int)n : want;
}

asx_st grow_init(struct grow *g, struct asx_exec *exec, const struct view *view, const struct grow_params *params, size_t rows,
                 bool doubles, struct asx_err *err)
{
    *g = (struct grow){.exec = exec, .view = view, .params = *params, .doubles = doubles, .room = rows};
    tree_kernels(exec, g->kernel);
    struct mem *m = exec->mem;
    size_t chunks = (size_t)view->features / SCAN_CHUNK + 1;
    g->slots = slots_that_fit(g);
    g->row = mem_array(m, rows + 32, sizeof *g->row);
    g->spare_row = mem_array(m, rows + 32, sizeof *g->spare_row);
    g->gh = mem_array(m, rows + 32, sizeof *g->gh);
    g->spare_gh = mem_array(m, rows + 32, sizeof *g->spare_gh);
    if (doubles) {
        g->gh64 = mem_array(m, view->rows + 1, 2 * sizeof *g->gh64);
        g->leaf_gh64 = mem_array(m, rows + 1, 2 * sizeof *g->leaf_gh64);
    }
    g->leaf = mem_calloc(m, (size_t)params->num_leaves + 2, sizeof *g->leaf);
    g->slot = mem_calloc(m, (size_t)g->slots, sizeof *g->slot);
    g->owner = mem_calloc(m, (size_t)g->slots, sizeof *g->owner);
    g->use = mem_calloc(m, (size_t)view->features + 1, sizeof *g->use);
    g->node_use = mem_calloc(m, 2 * (size_t)view->features + 1, sizeof *g->node_use);
    g->group_use = mem_calloc(m, (size_t)view->groups + 1, 1);
    g->scan = mem_calloc(m, 2 * chunks, sizeof *g->scan);
    g->table = mem_alloc(m, (size_t)(view->most_wide > 256 ? view->most_wide : 256) + 1);
    bool ok = g->table && g->row && g->spare_row && g->gh && g->spare_gh && (!doubles || (g->gh64 && g->leaf_gh64)) && g->leaf &&
              g->slot && g->owner && g->use && g->node_use && g->group_use && g->scan;
    return ok ? ASX_OK : no_memory(err);
}

void grow_clear(struct grow *g)
{
    for (int i = 0; g->slot && i < g->slots; i++)
        mem_free(g->slot[i]);
    mem_free(g->row);
    mem_free(g->spare_row);
    mem_free(g->gh);
    mem_free(g->spare_gh);
    mem_free(g->gh64);
    mem_free(g->leaf_gh64);
    mem_free(g->leaf);
    mem_free(g->slot);
    mem_free(g->owner);
    mem_free(g->use);
    mem_free(g->node_use);
    mem_free(g->group_use);
    mem_free(g->scan);
    mem_free(g->table);
    *g = (struct grow){0};
}

/* ---- features of a tree ------------------------------------------------------- */

static uint64_t child_seed(uint64_t seed, bool left)
{
    struct rng r = rng_stream(seed, left ? 1 : 2, 3, 0);
    return rng_at(&r, 0);
}

/* A share of the features, drawn without replacement; at least one. */
static void draw_features(const struct grow *g, uint64_t seed, double share, const bool *among, bool *use)
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

/* ---- histograms ------------------------------------------------------------------ */

/* A free slot, or that of the leaf whose split is least worth making. */
static int take_slot(struct grow *g, int leaf, int keep)
{
    int victim = -1;
    for (int i = 0; i < g->slots; i++) {
        if (g->owner[i] < 0) {
            victim = i;
            break;
        }
        if (g->owner[i] == leaf || g->owner[i] == keep)
            continue;
        if (victim < 0 || g->leaf[g->owner[i]].best.gain < g->leaf[g->owner[victim]].best.gain)
            victim = i;
    }
    if (!g->slot[victim]) {
        g->slot[victim] = mem_alloc(g->exec->mem, slot_bytes(g));
        if (!g->slot[victim]) { /* make do with the slots there are */
            int best = -1;
            for (int i = 0; i < g->slots; i++)
                if (g->slot[i] && g->owner[i] != leaf && g->owner[i] != keep &&
                    (best < 0 || g->owner[i] < 0 || g->leaf[g->owner[i]].best.gain < g->leaf[g->owner[best]].best.gain))
                    best = i;
            if (best < 0)
                return -1;
            victim = best;
        }
    }
    if (g->owner[victim] >= 0)
        g->leaf[g->owner[victim]].slot = -1;
    g->owner[victim] = leaf;
    g->leaf[leaf].slot = victim;
    return victim;
}

static void drop_slot(struct grow *g, int leaf)
{
    if (g->leaf[leaf].slot >= 0)
        g->owner[g->leaf[leaf].slot] = -1;
    g->leaf[leaf].slot = -1;
}

struct hist_job {
    struct grow *g;
    const struct grow_leaf *leaf;
    void *hist;
};

static void sparse_hist(struct grow *g, const struct view_sparse *s, const struct grow_leaf *leaf, void *hist)
{
    const uint32_t *row = g->row + leaf->begin;
    uint64_t total = 0, *h = hist;
    double tg = 0, th = 0, *h64 = hist;
    for (size_t i = 0; i < leaf->count; i++) {
        uint64_t v = g->doubles ? 0 : g->gh[leaf->begin + i];
        double a = g->doubles ? g->leaf_gh64[2 * i] : 0, b = g->doubles ? g->leaf_gh64[2 * i + 1] : 0;
        total += v;
        tg += a;
        th += b;
        for (int64_t k = s->s->indptr[row[i]]; k < s->s->indptr[row[i] + 1]; k++) {
            uint32_t j = s->s->index[k];
            size_t at = (size_t)s->hist_of[j] + (s->s->code[k] >> s->shift_of[j]);
            if (g->doubles) {
                h64[2 * at] += a;
                h64[2 * at + 1] += b;
            } else {
                h[at] += v;
            }
        }
    }
    /* what is not stored is in the bin of zero */
    for (int j = 0; j < s->features; j++) {
        const struct view_feature *f = &g->view->feature[s->first + (size_t)j];
        uint64_t rest = total;
        double rg = tg, rh = th;
        int end = f->missing >= 0 ? f->missing : f->n_bins - 1;
        for (int b = 0; b <= end; b++) {
            size_t at = f->hist + (size_t)b;
            if (g->doubles) {
                rg -= h64[2 * at];
                rh -= h64[2 * at + 1];
            } else {
                rest -= h[at];
            }
        }
        size_t zero = f->hist + (size_t)f->zero;
        if (g->doubles) {
            h64[2 * zero] += rg;
            h64[2 * zero + 1] += rh;
        } else {
            h[zero] += rest;
        }
    }
}

/* One feature of u16 codes. */
static void wide_hist(const struct grow *g, const struct view_feature *f, const struct grow_leaf *leaf, void *hist)
{
    const uint32_t *row = g->row + leaf->begin;
    const uint64_t *gh = g->gh + leaf->begin;
    uint64_t *h = (uint64_t *)hist + f->hist;
    double *h64 = (double *)hist + 2 * f->hist;
    memset((char *)hist + f->hist * (g->doubles ? 16 : 8), 0, ((size_t)f->n_bins + 1) * (g->doubles ? 16 : 8));
    for (size_t i = 0; i < leaf->count; i++) {
        __builtin_prefetch(&f->wide[row[i + 32 < leaf->count ? i + 32 : i]]);
        size_t at = f->wide[row[i]];
        if (g->doubles) {
            h64[2 * at] += g->leaf_gh64[2 * i];
            h64[2 * at + 1] += g->leaf_gh64[2 * i + 1];
        } else {
            h[at] += gh[i];
        }
    }
}

static void hist_chunk(void *arg, size_t chunk, int worker)
{
    (void)worker;
    struct hist_job *job = arg;
    struct grow *g = job->g;
    const struct grow_leaf *leaf = job->leaf;
    size_t size = g->doubles ? 16 : 8;
    if (chunk >= (size_t)(g->view->groups + g->view->sparse_blocks)) {
        int feature = g->view->wide[chunk - (size_t)(g->view->groups + g->view->sparse_blocks)];
        if (g->use[feature])
            wide_hist(g, &g->view->feature[feature], leaf, job->hist);
        return;
    }
    if (chunk >= (size_t)g->view->groups) {
        const struct view_sparse *s = &g->view->sparse[chunk - (size_t)g->view->groups];
        if (!s->features)
            return;
        size_t from = g->view->feature[s->first].hist;
        size_t next = s->first + (size_t)s->features,
               to = next < (size_t)g->view->features ? g->view->feature[next].hist : g->view->hist_size;
        memset((char *)job->hist + from * size, 0, (to - from) * size);
        sparse_hist(g, s, leaf, job->hist);
        return;
    }
    const struct view_group *vg = &g->view->group[chunk];
    if (!g->group_use[chunk])
        return;
    memset((char *)job->hist + vg->hist * size, 0, ((size_t)vg->g->width << vg->stride_log2) * size);
    struct asx_hist_args a = {.code = vg->g->code,
                              .width = vg->g->width,
                              .stride_log2 = vg->stride_log2,
                              .shift = vg->shift,
                              .row = leaf->count == g->view->rows ? NULL : g->row + leaf->begin,
                              .n = leaf->count};
    if (g->doubles) {
        a.gh64 = g->leaf_gh64;
        a.hist64 = (double *)job->hist + 2 * vg->hist;
    } else {
        a.gh = g->gh + leaf->begin;
        a.hist = (uint64_t *)job->hist + vg->hist;
    }
    g->kernel[ASX_K_HIST](NULL, &a);
}

static void split_or_loop(struct asx_exec *exec, bool parallel, size_t n, asx_chunk_fn fn, void *arg)
{
    if (parallel && exec->threads > 1 && n > 1) {
        exec->split(exec, n, fn, arg);
        return;
    }
    for (size_t i = 0; i < n; i++)
        fn(arg, i, 0);
}

/* Histogram of a leaf from its rows. */
static void build_hist(struct grow *g, struct grow_leaf *leaf)
{
    struct hist_job job = {g, leaf, g->slot[leaf->slot]};
    for (size_t i = 0; g->doubles && i < leaf->count; i++) {
        const double *from = g->gh64 + 2 * (size_t)g->row[leaf->begin + i];
        g->leaf_gh64[2 * i] = from[0];
        g->leaf_gh64[2 * i + 1] = from[1];
    }
    split_or_loop(g->exec, leaf->count * (size_t)g->view->features > HIST_PARALLEL,
                  (size_t)(g->view->groups + g->view->sparse_blocks + g->view->wides), hist_chunk, &job);
}

/* ---- scanning ---------------------------------------------------------------------- */

struct scan_job {
    struct grow *g;
    const struct grow_leaf *small, *large; /* large: parent's histogram in its slot, to become its own; or NULL */
    void *small_hist, *large_hist;
    bool subtract;
    const bool *small_use, *large_use;
    size_t chunks;
};

static void subtract(const struct grow *g, const struct view_feature *f, void *large, const void *small)
{
    size_t n = (size_t)(f->missing >= 0 ? f->missing + 1 : f->n_bins);
    if (g->doubles) {
        double *a = (double *)large + 2 * f->hist;
        const double *b = (const double *)small + 2 * f->hist;
        for (size_t i = 0; i < 2 * n; i++)
            a[i] -= b[i];
        return;
    }
    uint64_t *a = (uint64_t *)large + f->hist;
    const uint64_t *b = (const uint64_t *)small + f->hist;
    for (size_t i = 0; i < n; i++)
        a[i] -= b[i];
}

static void scan_one(const struct scan_job *job, int feature, const struct grow_leaf *leaf, const void *hist, struct split *best)
{
    const struct grow *g = job->g;
    struct split_node n = {.sum_g = leaf->sum_g,
                           .sum_h = leaf->sum_h,
                           .rows = (double)leaf->count,
                           .low = leaf->low,
                           .high = leaf->high,
                           .hist = g->doubles ? NULL : hist,
                           .hist64 = g->doubles ? hist : NULL,
                           .g_unit = g->doubles ? 1 : g->g_unit,
                           .h_unit = g->doubles ? 0 : g->h_unit,
                           .seed = leaf->seed};
    split_feature(g->kernel, &g->params, g->view, feature, &n, best);
}

/* One chunk of features: subtraction and both scans while the bins are in the first-level cache. */
static void scan_chunk(void *arg, size_t chunk, int worker)
{
    (void)worker;
    struct scan_job *job = arg;
    struct grow *g = job->g;
    struct split *best = &g->scan[2 * chunk];
    best[0].gain = best[1].gain = -1;
    int from = (int)chunk * SCAN_CHUNK, to = from + SCAN_CHUNK;
    to = to < g->view->features ? to : g->view->features;
    for (int j = from; j < to; j++) {
        if (!g->use[j])
            continue;
        if (job->subtract)
            subtract(g, &g->view->feature[j], job->large_hist, job->small_hist);
        if (job->small && job->small_use[j])
            scan_one(job, j, job->small, job->small_hist, &best[0]);
        if (job->large && job->large_use[j])
            scan_one(job, j, job->large, job->large_hist, &best[1]);
    }
}

static const bool *node_features(struct grow *g, const struct grow_leaf *leaf, int which)
{
    if (g->params.feature_fraction_bynode >= 1)
        return g->use;
    bool *use = g->node_use + which * g->view->features;
    draw_features(g, leaf->seed, g->params.feature_fraction_bynode, g->use, use);
    return use;
}

static bool may_split(const struct grow *g, const struct grow_leaf *l)
{
    return l->count >= 2 && (double)l->count >= 2 * g->params.min_data_in_leaf &&
           (g->params.max_depth <= 0 || l->depth < g->params.max_depth) && l->sum_h > 0;
}

static void keep_best(struct grow *g, struct grow_leaf *l, int which, size_t chunks)
{
    l->best.gain = -1;
    for (size_t c = 0; c < chunks; c++)
        if (split_better(g->scan[2 * c + (size_t)which].gain, l->best.gain))
            l->best = g->scan[2 * c + (size_t)which];
    double noise = 1e-11 * split_score(l->sum_g, l->sum_h, g->params.l1, g->params.l2);
    l->candidate = l->best.gain > g->params.min_gain && l->best.gain > noise && l->best.gain > 0;
}

/* ---- partition ------------------------------------------------------------------------ */

struct part_job {
    struct grow *g;
    const struct view_feature *f;
    const struct grow_leaf *leaf;
    const uint8_t *left;
    size_t *n_left; /* [chunks] */
};

static size_t wide_partition(struct grow *g, const struct view_feature *f, const uint8_t *left, size_t from, size_t n)
{
    size_t nl = 0, nr = 0;
    for (size_t i = from; i < from + n; i++) {
        uint32_t r = g->row[i];
        uint64_t v = g->gh[i];
        size_t go = left[f->wide[r]];
        g->row[from + nl] = r;
        g->gh[from + nl] = v;
        g->spare_row[from + nr] = r;
        g->spare_gh[from + nr] = v;
        nl += go;
        nr += 1 - go;
    }
    return nl;
}

static size_t sparse_partition(struct grow *g, const struct view_feature *f, const uint8_t *left, size_t from, size_t n)
{
    size_t nl = 0, nr = 0;
    for (size_t i = from; i < from + n; i++) {
        uint32_t r = g->row[i];
        uint64_t v = g->gh[i];
        if (left[view_bin(f, r) << f->shift >> f->pre]) {
            g->row[from + nl] = r;
            g->gh[from + nl++] = v;
        } else {
            g->spare_row[from + nr] = r;
            g->spare_gh[from + nr++] = v;
        }
    }
    return nl;
}

/* Left rows stay at the chunk's start, right rows go to the spare arrays at the same place. */
static void part_chunk(void *arg, size_t chunk, int worker)
{
    (void)worker;
    struct part_job *job = arg;
    struct grow *g = job->g;
    size_t from = job->leaf->begin + chunk * PART_CHUNK, end = job->leaf->begin + job->leaf->count;
    size_t n = end - from < PART_CHUNK ? end - from : PART_CHUNK;
    if (job->f->wide) {
        job->n_left[chunk] = wide_partition(g, job->f, job->left, from, n);
        return;
    }
    if (!job->f->code) {
        job->n_left[chunk] = sparse_partition(g, job->f, job->left, from, n);
        return;
    }
    struct asx_partition_args a = {.code = job->f->code,
                                   .width = 1,
                                   .left = job->left,
                                   .row = g->row + from,
                                   .n = n,
                                   .left_row = g->row + from,
                                   .right_row = g->spare_row + from};
    if (!g->doubles) {
        a.gh = a.left_gh = g->gh + from;
        a.right_gh = g->spare_gh + from;
    }
    g->kernel[ASX_K_PARTITION](NULL, &a);
    job->n_left[chunk] = a.n_left;
}

/* Stable partition of the leaf's rows; returns how many went left. */
static size_t partition(struct grow *g, const struct grow_leaf *leaf, size_t *n_left)
{
    const struct view_feature *f = &g->view->feature[leaf->best.feature];
    split_table(f, &leaf->best, g->table);
    struct part_job job = {g, f, leaf, g->table, n_left};
    size_t chunks = (leaf->count + PART_CHUNK - 1) / PART_CHUNK, at = leaf->begin, total = 0;
    split_or_loop(g->exec, true, chunks, part_chunk, &job);
    for (size_t c = 0; c < chunks; c++) {
        size_t from = leaf->begin + c * PART_CHUNK;
        if (at != from) {
            memmove(g->row + at, g->row + from, n_left[c] * sizeof *g->row);
            memmove(g->gh + at, g->gh + from, n_left[c] * sizeof *g->gh);
        }
        at += n_left[c];
        total += n_left[c];
    }
    for (size_t c = 0; c < chunks; c++) {
        size_t from = leaf->begin + c * PART_CHUNK, end = leaf->begin + leaf->count;
        size_t n = (end - from < PART_CHUNK ? end - from : PART_CHUNK) - n_left[c];
        memcpy(g->row + at, g->spare_row + from, n * sizeof *g->row);
        memcpy(g->gh + at, g->spare_gh + from, n * sizeof *g->gh);
        at += n;
    }
    return total;
}

/* ---- the tree -------------------------------------------------------------------------- */

/* Best first: largest gain; level by level: shallowest. Ties: the oldest leaf. */
static int next_leaf(const struct grow *g)
{
    int best = -1;
    for (int i = 0; i < g->leaves; i++) {
        const struct grow_leaf *l = &g->leaf[i];
        if (!l->candidate)
            continue;
        if (best < 0)
            best = i;
        else if (g->params.depth_wise && l->depth != g->leaf[best].depth)
            best = l->depth < g->leaf[best].depth ? i : best;
        else if (l->best.gain > g->leaf[best].best.gain)
            best = i;
    }
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

/* Finds the children's best splits; a leaf that cannot be split further gives its histogram back. */
static asx_st prepare(struct grow *g, int a, int b, int parent_slot)
{
    struct grow_leaf *small = &g->leaf[a], *large = b >= 0 ? &g->leaf[b] : NULL;
    if (large && large->count < small->count) {
        struct grow_leaf *t = small;
        small = large;
        large = t;
    }
    bool want_small = may_split(g, small), want_large = large && may_split(g, large);
    small->candidate = false;
    if (large)
        large->candidate = false;
    if (!want_small && !want_large) {
        if (parent_slot >= 0)
            g->owner[parent_slot] = -1;
        return ASX_OK;
    }
    struct scan_job job = {.g = g, .chunks = ((size_t)g->view->features + SCAN_CHUNK - 1) / SCAN_CHUNK};
    if (parent_slot >= 0 && want_large) {
        large->slot = parent_slot;
        g->owner[parent_slot] = (int)(large - g->leaf);
    } else if (parent_slot >= 0) {
        g->owner[parent_slot] = -1;
    }
    bool inherit = large && large->slot >= 0;
    int keep = large ? (int)(large - g->leaf) : -1, self = (int)(small - g->leaf);
    if (want_small || inherit) {
        if (take_slot(g, self, keep) < 0)
            return ASX_E_NOMEM;
        build_hist(g, small);
        job.small_hist = g->slot[small->slot];
        if (want_small) {
            job.small = small;
            job.small_use = node_features(g, small, 0);
        }
    }
    if (want_large) {
        if (!inherit) {
            if (take_slot(g, keep, self) < 0)
                return ASX_E_NOMEM;
            build_hist(g, large);
        }
        job.large = large;
        job.large_hist = g->slot[large->slot];
        job.large_use = node_features(g, large, 1);
        job.subtract = inherit;
    }
    split_or_loop(g->exec, g->view->hist_size > 1 << 14, job.chunks, scan_chunk, &job);
    if (job.small)
        keep_best(g, small, 0, job.chunks);
    if (job.large)
        keep_best(g, large, 1, job.chunks);
    if (!small->candidate)
        drop_slot(g, self);
    if (large && !large->candidate)
        drop_slot(g, keep);
    return ASX_OK;
}

static asx_st split_leaf(struct grow *g, int at, struct tree *t, size_t *n_left, struct asx_err *err)
{
    struct grow_leaf *p = &g->leaf[at];
    struct split s = p->best;
    const struct view_feature *f = &g->view->feature[s.feature];
    int node, right, parent_slot = p->slot;
    struct tree_cut cut = {s.feature, s.categorical, s.missing_left, s.bin, s.set, s.n_set, s.gain};
    asx_st st = tree_split(t, g->view, at, p->node, p->left_side, &cut, &node, &right);
    if (st)
        return no_memory(err);
    t->cover[node] = p->sum_h;
    size_t nl = partition(g, p, n_left);
    struct grow_leaf l = {.begin = p->begin,
                          .count = nl,
                          .depth = p->depth + 1,
                          .slot = -1,
                          .node = node,
                          .left_side = true,
                          .sum_g = s.left_g,
                          .sum_h = s.left_h,
                          .low = p->low,
                          .high = p->high,
                          .seed = child_seed(p->seed, true)};
    struct grow_leaf r = {.begin = p->begin + nl,
                          .count = p->count - nl,
                          .depth = p->depth + 1,
                          .slot = -1,
                          .node = node,
                          .left_side = false,
                          .sum_g = p->sum_g - s.left_g,
                          .sum_h = p->sum_h - s.left_h,
                          .low = p->low,
                          .high = p->high,
                          .seed = child_seed(p->seed, false)};
    bound_children(g, f, &l, &r);
    g->leaf[at] = l;
    g->leaf[right] = r;
    g->leaves = t->n_leaves;
    if (g->leaves >= g->params.num_leaves) {
        if (parent_slot >= 0)
            g->owner[parent_slot] = -1;
        return ASX_OK;
    }
    st = prepare(g, at, right, parent_slot);
    return st == ASX_E_NOMEM ? no_memory(err) : st;
}

asx_st grow_tree(struct grow *g, size_t n, double root_g, double root_h, uint64_t seed, struct tree *t, struct asx_err *err)
{
    for (int i = 0; i < g->slots; i++)
        g->owner[i] = -1;
    if (g->params.feature_fraction < 1)
        draw_features(g, seed, g->params.feature_fraction, NULL, g->use);
    else
        memset(g->use, 1, (size_t)g->view->features);
    mark_groups(g);
    g->leaves = 1;
    g->leaf[0] = (struct grow_leaf){.count = n,
                                    .slot = -1,
                                    .node = -1,
                                    .sum_g = root_g,
                                    .sum_h = root_h,
                                    .low = -HUGE_VAL,
                                    .high = HUGE_VAL,
                                    .seed = child_seed(seed, true)};
    size_t *n_left = mem_array(g->exec->mem, n / PART_CHUNK + 2, sizeof *n_left);
    if (!n_left)
        return no_memory(err);
    asx_st st = g->view->features ? prepare(g, 0, -1, -1) : ASX_OK;
    if (st == ASX_E_NOMEM)
        no_memory(err);
    double visited = 0;
    while (!st && g->leaves < g->params.num_leaves) {
        int at = next_leaf(g);
        if (at < 0)
            break;
        visited += (double)g->leaf[at].count * g->view->features + (double)g->view->hist_size;
        if (visited > 2e7) { /* some 10 ms */
            visited = 0;
            if (g->exec->stop && g->exec->stop(g->exec)) {
                st = ASX_STOPPED;
                break;
            }
        }
        st = split_leaf(g, at, t, n_left, err);
    }
    mem_free(n_left);
    for (int i = 0; i < g->leaves; i++)
        t->leaf_cover[i] = g->leaf[i].sum_h;
    return st;
}
