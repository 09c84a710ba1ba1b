/* SPDX-License-Identifier: Apache-2.0 */
/* One tree of a forest: draws rows, then splits nodes depth first. */
#include "learners/trees/forest_node.h"

#include "backends/cpu/cpu.h"
#include "base/mem.h"

#include <math.h>
#include <string.h>

static bool middles_of(struct forest_middles *m, const struct view_feature *f, struct arena *scratch)
{
    int bins = f->f->categorical ? 0 : f->n_bins, b = 0;
    double *at = arena_alloc(scratch, (size_t)(bins + 1) * sizeof *at);
    uint8_t *below = arena_alloc(scratch, FOREST_CELLS + 1);
    if (!at || !below)
        return false;
    for (int i = 0; i < bins; i++)
        at[i] = 0.5 * ((i ? (double)view_edge(f, i - 1) : (double)f->f->low) + (double)view_edge(f, i));
    double span = bins ? at[bins - 1] - at[0] : 0;
    *m = (struct forest_middles){at, below, bins ? at[0] : 0, span > 0 && span < HUGE_VAL ? FOREST_CELLS / span : 0};
    for (int c = 0; c <= FOREST_CELLS; c++) {
        while (b < bins && (c == FOREST_CELLS || forest_cell(m, at[b]) < c))
            b++;
        below[c] = (uint8_t)b;
    }
    return true;
}

asx_st forest_middles_make(struct forest_data *d, struct arena *scratch)
{
    struct forest_middles *m = arena_alloc(scratch, (size_t)(d->view->features + 1) * sizeof *m);
    d->middle = m;
    for (int j = 0; m && j < d->view->features; j++)
        if (!middles_of(&m[j], &d->view->feature[j], scratch))
            m = NULL;
    return m ? ASX_OK : ASX_E_NOMEM;
}

/* ---- scratch ------------------------------------------------------------------------------ */

static bool rows_create(struct rows *r, const struct forest_data *d, bool index, struct mem *m)
{
    size_t n = d->n + 80; /* loops read whole vectors */
    bool weighted = d->weight || d->params.bootstrap;
    r->row = index ? mem_array(m, n, sizeof *r->row) : NULL;
    r->label = d->classes ? mem_array(m, n, sizeof *r->label) : NULL;
    r->target = d->classes ? NULL : mem_array(m, n, sizeof *r->target);
    r->weight = weighted ? mem_array(m, n, sizeof *r->weight) : NULL;
    return (r->row || !index) && (r->label || r->target) && (r->weight || !weighted);
}

static void rows_clear(struct rows *r)
{
    mem_free(r->row);
    mem_free(r->label);
    mem_free(r->target);
    mem_free(r->weight);
}

const struct forest_rows *forest_rows_best(void)
{
    enum cpu_simd level = cpu_simd_level();
    return level == CPU_AVX512 ? &forest_rows_avx512 : level == CPU_AVX2 ? &forest_rows_avx2 : &forest_rows_base;
}

static bool arrays_create(struct forest_work *w, const struct forest_data *d, struct mem *m)
{
    size_t n = d->n, k = d->classes ? (size_t)d->classes : 1, features = (size_t)d->view->features + 1;
    bool ok = rows_create(&w->at, d, true, m) && rows_create(&w->spare, d, true, m);
    if (ok && d->list) {
        ok = rows_create(&w->some, d, false, m);
        w->place = mem_array(m, d->view->rows + 1, sizeof *w->place);
        ok = ok && w->place;
    }
    w->drawn = mem_array(m, n + 1, sizeof *w->drawn);
    w->key = mem_array(m, n + 80, 1);
    w->order = mem_array(m, n + 1, sizeof *w->order);
    w->feature = mem_array(m, features, sizeof *w->feature);
    w->constant = mem_array(m, features, sizeof *w->constant);
    w->stack_room = 64;
    w->stack = mem_array(m, w->stack_room, sizeof *w->stack);
    w->counts = mem_array(m, w->stack_room * k, sizeof *w->counts);
    w->count = mem_array(m, 4 * k, sizeof *w->count);
    w->hist = mem_array(m, 257 * k, sizeof *w->hist);
    w->hist_w = mem_array(m, 2 * 257, sizeof *w->hist_w);
    w->value = mem_array(m, k, sizeof *w->value);
    w->table = d->params.entropy && d->classes ? 1 << 14 : 1;
    w->xlogx = mem_array(m, w->table, sizeof *w->xlogx);
    return ok && w->drawn && w->key && w->order && w->feature && w->constant && w->stack && w->counts && w->count && w->hist &&
           w->hist_w && w->value && w->xlogx;
}

struct forest_work *forest_work_create(const struct forest_data *d, struct mem *m)
{
    struct forest_work *w = mem_calloc(m, 1, sizeof *w);
    if (!w)
        return NULL;
    w->fast = forest_rows_best();
    if (!arrays_create(w, d, m)) {
        forest_work_free(w);
        return NULL;
    }
    size_t k = d->classes ? (size_t)d->classes : 1;
    w->left = w->count + k;
    w->right = w->count + 2 * k;
    w->rest = w->count + 3 * k;
    w->hist_t = w->hist_w + 257;
    w->xlogx[0] = 0;
    for (size_t i = 1; i < w->table; i++)
        w->xlogx[i] = (double)i * log((double)i);
    return w;
}

void forest_work_free(struct forest_work *w)
{
    if (!w)
        return;
    rows_clear(&w->at);
    rows_clear(&w->spare);
    rows_clear(&w->some);
    mem_free(w->place);
    mem_free(w->drawn);
    mem_free(w->key);
    mem_free(w->order);
    mem_free(w->feature);
    mem_free(w->constant);
    mem_free(w->stack);
    mem_free(w->counts);
    mem_free(w->count);
    mem_free(w->hist);
    mem_free(w->hist_w);
    mem_free(w->value);
    mem_free(w->xlogx);
    mem_free(w);
}

/* ---- rows ---------------------------------------------------------------------------- */

static size_t draw_rows(const struct forest_data *d, struct forest_work *w, struct rng *r)
{
    size_t n = d->n, out = 0, want = (size_t)((double)n * d->params.max_samples + 0.5);
    want = want < 1 ? 1 : want;
    for (size_t i = 0; i < n; i++)
        w->drawn[i] = d->params.bootstrap ? 0 : 1;
    if (d->params.bootstrap)
        for (size_t i = 0; i < want; i++) {
            size_t at = (size_t)rng_below(r, n);
            w->drawn[at] = (uint16_t)(w->drawn[at] + (w->drawn[at] < 65535));
        }
    for (size_t i = 0; i < n; i++) {
        uint32_t weight = (uint32_t)w->drawn[i] * (d->weight ? d->weight[i] : 1u);
        w->at.row[out] = d->row[i];
        if (d->classes)
            w->at.label[out] = (uint16_t)d->label[d->row[i]];
        else
            w->at.target[out] = d->target[i];
        if (w->at.weight)
            w->at.weight[out] = weight;
        out += weight != 0;
    }
    if (w->place) {
        memset(w->place, 255, d->view->rows * sizeof *w->place);
        for (size_t i = 0; i < out; i++)
            w->place[w->at.row[i]] = (uint32_t)i;
    }
    return out;
}

/* ---- sums of nodes ------------------------------------------------------------------------- */

/* Class counts, or weight and target, of rows [from, to). */
static struct sums count_rows(const struct forest_data *d, const struct forest_work *w, size_t from, size_t to, uint32_t *count)
{
    struct sums s = {0};
    struct rows r = rows_from(&w->at, from);
    if (d->classes) {
        memset(count, 0, (size_t)d->classes * sizeof *count);
        for (size_t i = 0; i < to - from; i++)
            count[r.label[i]] += weight_of(&r, i);
        for (int k = 0; k < d->classes; k++)
            s.weight += count[k];
        return s;
    }
    for (size_t i = 0; i < to - from; i++) {
        s.weight += weight_of(&r, i);
        s.target += (int64_t)weight_of(&r, i) * r.target[i];
    }
    return s;
}

static double score_of(const struct forest_data *d, const struct forest_work *w, const struct sums *s, const uint32_t *count)
{
    return d->classes ? forest_purity(d, w, count) : forest_mean_score(s->target, s->weight);
}

static int pure_class(const struct forest_data *d, const struct forest_work *w, const struct sums *s)
{
    for (int k = 0; k < d->classes; k++)
        if (w->count[k])
            return (int64_t)w->count[k] == s->weight ? k : -1;
    return -1;
}

static bool same_targets(const struct forest_work *w, const struct pending *p)
{
    for (size_t i = p->from + 1; i < p->to; i++)
        if (w->at.target[i] != w->at.target[p->from])
            return false;
    return true;
}

static asx_st make_leaf(const struct forest_data *d, struct forest_work *w, const struct pending *p, struct tree *t)
{
    const struct sums *s = &p->sums;
    t->leaf_cover[p->leaf] = (double)s->weight * d->weight_unit;
    int pure = d->classes ? pure_class(d, w, s) : -1;
    double own = d->classes <= 2 ? forest_value(d, s->weight, s->target, d->classes ? w->count[1] : 0) : 0,
           value = forest_clamp(own, p->low, p->high);
    if (pure >= 0 && value == own) {
        tree_set_pure(t, p->leaf, pure);
        return ASX_OK;
    }
    if (!d->classes)
        w->value[0] = d->centre + d->unit * value;
    for (int k = 0; k < d->classes; k++)
        w->value[k] = (double)w->count[k] / (double)s->weight;
    if (value != own && d->classes) { /* two of them */
        w->value[0] = 1 - value;
        w->value[1] = value;
    }
    return tree_set_leaf(t, p->leaf, w->value);
}

/* ---- features ----------------------------------------------------------------------------------- */

static inline void swap_features(int *f, int a, int b)
{
    int x = f[a];
    f[a] = f[b];
    f[b] = x;
}

/*
 * As scikit-learn: max_features columns are drawn, those constant in the node included, and more until one can be cut.
 * What was constant in a parent is constant in its children: such columns stand first in w->feature, [0, known), and
 * cost a draw, not a look (the scheme of scikit-learn's `_splitter.pyx`). Those found here follow, up to `total`;
 * those looked at gather at the end, from `rest` on. w->constant keeps the order for the nodes that are still to come.
 * Returns how many are constant.
 */
static int find_cut(const struct forest_data *d, struct forest_work *w, const struct pending *p, struct rng *r, struct cut *best)
{
    int n = d->view->features, *f = w->feature, known = p->constants, total = known, rest = n, drawn = 0, found = 0;
    int visited = 0, looked = 0;
    struct view_node v = {.d = d, .w = w, .sums = &p->sums, .min_weight = d->min_weight, .low = p->low, .high = p->high};
    *best = (struct cut){.gain = -HUGE_VAL, .feature = -1}; /* splits that gain nothing yet may lead to purity */
    if (d->max_features >= n)
        visited = drawn = known; /* all of them: no need to draw constants */
    while (rest > total && (visited < d->max_features || looked == 0 || best->feature < 0)) {
        if (visited >= d->max_features)
            drawn = known;
        visited++;
        int j = drawn + (int)rng_below(r, (uint64_t)(rest - found - drawn));
        if (j < known) {
            swap_features(f, drawn++, j);
            continue;
        }
        j += found;
        v.feature = f[j];
        if (forest_look_at(&v, p->from, p->to - p->from, best, r)) {
            looked++;
            swap_features(f, --rest, j);
        } else {
            found++;
            swap_features(f, total++, j);
        }
    }
    memcpy(f, w->constant, (size_t)known * sizeof *f);
    memcpy(w->constant + known, f + known, (size_t)found * sizeof *f);
    best->gain -= p->sums.score;
    return total;
}

/* ---- nodes ------------------------------------------------------------------------------------- */

static asx_st stack_room(const struct forest_data *d, struct forest_work *w, size_t want)
{
    if (want <= w->stack_room)
        return ASX_OK;
    size_t k = d->classes ? (size_t)d->classes : 1, room = 2 * w->stack_room;
    struct pending *s = mem_realloc(NULL, w->stack, room * sizeof *s);
    if (!s)
        return ASX_E_NOMEM;
    w->stack = s;
    uint32_t *c = mem_realloc(NULL, w->counts, room * k * sizeof *c);
    if (!c)
        return ASX_E_NOMEM;
    w->counts = c;
    w->stack_room = room;
    return ASX_OK;
}

/* Children of a split of a monotone column stay on their sides of the middle of their values ("basic" in LightGBM). */
static void bound_children(const struct forest_data *d, int sign, struct pending *l, struct pending *r, const uint32_t *left,
                           const uint32_t *right)
{
    double a = forest_clamp(forest_value(d, l->sums.weight, l->sums.target, d->classes ? left[1] : 0), l->low, l->high);
    double b = forest_clamp(forest_value(d, r->sums.weight, r->sums.target, d->classes ? right[1] : 0), r->low, r->high);
    double mid = 0.5 * (a + b);
    if (sign > 0)
        l->high = r->low = mid;
    else
        l->low = r->high = mid;
}

/* Pushes both children, left on top. The smaller one is counted, the other is what remains. */
static asx_st push_children(const struct forest_data *d, struct forest_work *w, const struct pending *p, struct pending left,
                            struct pending right, int sign, size_t *depth)
{
    asx_st st = stack_room(d, w, *depth + 2);
    if (st)
        return st;
    size_t k = (size_t)d->classes;
    bool few_left = left.to - left.from <= right.to - right.from;
    uint32_t *cr = w->counts + *depth * k, *cl = cr + k, *few = few_left ? cl : cr, *many = few_left ? cr : cl;
    struct pending *a = few_left ? &left : &right, *b = few_left ? &right : &left;
    a->sums = count_rows(d, w, a->from, a->to, few);
    b->sums = (struct sums){p->sums.weight - a->sums.weight, p->sums.target - a->sums.target, 0};
    for (size_t c = 0; c < k; c++)
        many[c] = w->count[c] - few[c];
    a->sums.score = score_of(d, w, &a->sums, few);
    b->sums.score = score_of(d, w, &b->sums, many);
    if (sign)
        bound_children(d, sign, &left, &right, cl, cr);
    w->stack[(*depth)++] = right;
    w->stack[(*depth)++] = left;
    return ASX_OK;
}

static asx_st write_split(const struct forest_data *d, const struct pending *p, const struct cut *best, size_t nl, struct tree *t,
                          int *node, int *right)
{
    const struct view_feature *f = &d->view->feature[best->feature];
    bool missing_left = f->missing >= 0 || best->categorical ? best->missing_left : 2 * nl >= p->to - p->from;
    uint16_t set[256];
    int n_set = 0;
    for (int b = 0; best->categorical && b < 256; b++)
        if (best->bins[b / 32] >> (b % 32) & 1)
            set[n_set++] = (uint16_t)b;
    struct tree_cut cut = {best->feature,
                           best->categorical,
                           missing_left,
                           best->bin,
                           set,
                           n_set,
                           best->gain * (d->classes ? d->weight_unit : d->weight_unit * d->unit * d->unit)};
    asx_st st = tree_split(t, d->view, p->leaf, p->parent, p->left_side, &cut, node, right);
    if (!st)
        t->cover[*node] = (double)p->sums.weight * d->weight_unit;
    return st;
}

static asx_st visit(const struct forest_data *d, struct forest_work *w, struct pending p, struct rng *r, struct tree *t,
                    size_t *depth)
{
    struct cut best;
    int node, right;
    if (d->classes)
        memcpy(w->count, w->counts + *depth * (size_t)d->classes, (size_t)d->classes * sizeof *w->count);
    bool stop = p.to - p.from < 2 || (double)p.sums.weight < 2 * d->min_weight ||
                (d->params.max_depth > 0 && p.depth >= d->params.max_depth);
    stop = stop || (d->classes ? pure_class(d, w, &p.sums) >= 0 : same_targets(w, &p));
    if (stop)
        return make_leaf(d, w, &p, t);
    int constants = find_cut(d, w, &p, r, &best);
    if (best.feature < 0)
        return make_leaf(d, w, &p, t);
    size_t nl = forest_divide(d, w, p.from, p.to, &best);
    asx_st st = write_split(d, &p, &best, nl, t, &node, &right);
    if (st)
        return st;
    struct pending l = {.from = p.from,
                        .to = p.from + nl,
                        .leaf = p.leaf,
                        .parent = node,
                        .depth = p.depth + 1,
                        .constants = constants,
                        .left_side = true,
                        .low = p.low,
                        .high = p.high};
    struct pending g = l;
    g.from = l.to;
    g.to = p.to;
    g.leaf = right;
    g.left_side = false;
    return push_children(d, w, &p, l, g, forest_sign(d, best.feature), depth);
}

asx_st forest_tree(const struct forest_data *d, struct forest_work *w, uint64_t seed, struct mem *mem, struct tree *t)
{
    struct rng r = rng_stream(seed, 0x666f72, 0, 0);
    asx_st st = tree_init(t, mem, 256, d->classes ? d->classes : 1);
    size_t depth = 1, visited = 0;
    if (st)
        return st;
    for (int j = 0; j < d->view->features; j++)
        w->feature[j] = j;
    struct pending root = {.to = draw_rows(d, w, &r), .parent = -1, .low = -HUGE_VAL, .high = HUGE_VAL};
    root.sums = count_rows(d, w, 0, root.to, w->counts);
    root.sums.score = score_of(d, w, &root.sums, w->counts);
    w->stack[0] = root;
    while (!st && depth) {
        struct pending p = w->stack[--depth];
        visited += (p.to - p.from + 64) * (size_t)d->max_features;
        if (visited > 1 << 21) {
            visited = 0;
            if (d->exec->stop && d->exec->stop(d->exec)) {
                st = ASX_STOPPED;
                break;
            }
        }
        st = visit(d, w, p, &r, t, &depth);
    }
    if (st)
        tree_clear(t);
    else
        tree_shrink(t, mem);
    return st;
}
