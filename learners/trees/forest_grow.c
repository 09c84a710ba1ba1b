/* SPDX-License-Identifier: Apache-2.0 */
/* One tree of a forest: draws rows, then splits nodes depth first. */
#include "learners/trees/forest_grow.h"
#include "learners/trees/forest_rows.h"

#include "backends/cpu/cpu.h"
#include "base/mem.h"

#include <math.h>
#include <string.h>

/* Rows of the tree: matrix row, class or target, weight (NULL: all 1); a node is a range of them. */
struct rows {
    uint32_t *row;
    uint16_t *label;
    int64_t *target;
    uint32_t *weight;
};

/* Sums of a set of rows; classes have counts beside it. */
struct sums {
    int64_t weight, target; /* target: sum of weight * target (regression) */
    double score;           /* the part of the criterion that grows with purity */
};

struct cut {
    double gain;
    int feature, bin;
    bool categorical, missing_left;
    uint32_t bins[8];
};

struct pending {
    size_t from, to;
    int leaf, parent, depth;
    bool left_side;
};

struct forest_work {
    const struct forest_rows *fast;
    struct rows at, spare;
    uint16_t *drawn;
    uint8_t *key; /* codes of a node's rows for one feature, as ranks */
    uint32_t *order;
    int *feature; /* permuted */
    struct pending *stack;
    size_t stack_room;
    uint32_t *count, *left, *right; /* [classes] */
    uint32_t *hist;                 /* [257 * classes] */
    int64_t *hist_w, *hist_t;       /* [257] */
    double *value;                  /* [dims] */
    double *xlogx;                  /* [table] x ln x */
    size_t table;
};

static bool rows_create(struct rows *r, const struct forest_data *d, struct mem *m)
{
    size_t n = d->n + 80; /* loops read whole vectors */
    bool weighted = d->weight || d->params.bootstrap;
    r->row = mem_array(m, n, sizeof *r->row);
    r->label = d->classes ? mem_array(m, n, sizeof *r->label) : NULL;
    r->target = d->classes ? NULL : mem_array(m, n, sizeof *r->target);
    r->weight = weighted ? mem_array(m, n, sizeof *r->weight) : NULL;
    return r->row && (r->label || r->target) && (r->weight || !weighted);
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

static inline uint32_t weight_of(const struct rows *r, size_t i)
{
    return r->weight ? r->weight[i] : 1;
}

struct forest_work *forest_work_create(const struct forest_data *d, struct mem *m)
{
    struct forest_work *w = mem_calloc(m, 1, sizeof *w);
    if (!w)
        return NULL;
    size_t n = d->n, k = d->classes ? (size_t)d->classes : 1;
    bool ok = rows_create(&w->at, d, m) && rows_create(&w->spare, d, m);
    w->fast = forest_rows_best();
    w->drawn = mem_array(m, n + 1, sizeof *w->drawn);
    w->key = mem_array(m, n + 80, 1);
    w->order = mem_array(m, n + 1, sizeof *w->order);
    w->feature = mem_array(m, (size_t)d->view->features + 1, sizeof *w->feature);
    w->stack_room = 256;
    w->stack = mem_array(m, w->stack_room, sizeof *w->stack);
    w->count = mem_array(m, 3 * k, sizeof *w->count);
    w->hist = mem_array(m, 257 * k, sizeof *w->hist);
    w->hist_w = mem_array(m, 2 * 257, sizeof *w->hist_w);
    w->value = mem_array(m, k, sizeof *w->value);
    w->table = d->params.entropy && d->classes ? 1 << 14 : 1;
    w->xlogx = mem_array(m, w->table, sizeof *w->xlogx);
    if (!ok || !w->drawn || !w->key || !w->order || !w->feature || !w->stack || !w->count || !w->hist || !w->hist_w || !w->value ||
        !w->xlogx) {
        forest_work_free(w);
        return NULL;
    }
    w->left = w->count + k;
    w->right = w->count + 2 * k;
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
    mem_free(w->drawn);
    mem_free(w->key);
    mem_free(w->order);
    mem_free(w->feature);
    mem_free(w->stack);
    mem_free(w->count);
    mem_free(w->hist);
    mem_free(w->hist_w);
    mem_free(w->value);
    mem_free(w->xlogx);
    mem_free(w);
}

/* ---- rows ---------------------------------------------------------------------------- */

static size_t draw_rows(const struct forest_data *d, struct forest_work *w, struct rng *r, uint16_t *in_bag)
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
    if (in_bag)
        memcpy(in_bag, w->drawn, n * sizeof *in_bag);
    return out;
}

/* ---- criteria --------------------------------------------------------------------------- */

static double x_log_x(const struct forest_work *w, int64_t x)
{
    return (size_t)x < w->table ? w->xlogx[x] : (double)x * log((double)x);
}

/* Sum over classes of c^2 / W, or of c ln c - W ln W: both grow as a node gets purer. */
static double purity(const struct forest_data *d, const struct forest_work *w, const uint32_t *count)
{
    int64_t weight = 0;
    double s = 0;
    for (int k = 0; k < d->classes; k++) {
        weight += count[k];
        s += d->params.entropy ? x_log_x(w, count[k]) : (double)count[k] * (double)count[k];
    }
    return weight == 0 ? 0 : d->params.entropy ? s - x_log_x(w, weight) : s / (double)weight;
}

static double mean_score(int64_t target, int64_t weight)
{
    return weight ? (double)target * (double)target / (double)weight : 0;
}

/* Running sums while rows move from right to left in key order. */
struct sweep {
    const struct forest_data *d;
    struct forest_work *w;
    int64_t left_w, right_w, left_t, right_t;
    double left_s, right_s; /* gini: sums of squares; entropy: sums of x ln x */
};

static inline void move_class(struct sweep *s, uint32_t label, uint32_t c)
{
    uint32_t *l = &s->w->left[label], *r = &s->w->right[label];
    if (s->d->params.entropy) {
        s->left_s += x_log_x(s->w, (int64_t)*l + c) - x_log_x(s->w, *l);
        s->right_s += x_log_x(s->w, (int64_t)*r - c) - x_log_x(s->w, *r);
    } else {
        s->left_s += (double)c * (2.0 * *l + c);
        s->right_s -= (double)c * (2.0 * *r - c);
    }
    *l += c;
    *r -= c;
    s->left_w += c;
    s->right_w -= c;
}

static double sweep_score(const struct sweep *s)
{
    if (!s->d->classes)
        return mean_score(s->left_t, s->left_w) + mean_score(s->right_t, s->right_w);
    if (s->d->params.entropy)
        return s->left_s - x_log_x(s->w, s->left_w) + s->right_s - x_log_x(s->w, s->right_w);
    return s->left_s / (double)s->left_w + s->right_s / (double)s->right_w;
}

static void sweep_start(struct sweep *s, const struct forest_data *d, struct forest_work *w, const struct sums *node)
{
    *s = (struct sweep){.d = d, .w = w, .right_w = node->weight, .right_t = node->target};
    if (!d->classes)
        return;
    size_t bytes = (size_t)d->classes * sizeof *w->left;
    memset(w->left, 0, bytes);
    memcpy(w->right, w->count, bytes);
    for (int k = 0; k < d->classes; k++)
        s->right_s += d->params.entropy ? x_log_x(w, w->count[k]) : (double)w->count[k] * (double)w->count[k];
}

/* ---- one feature --------------------------------------------------------------------------- */

/* A feature in a node: codes turned into ranks 0..ranks-1 that are swept from left to right. */
struct view_node {
    const struct forest_data *d;
    struct forest_work *w;
    struct rows at; /* of the node */
    size_t n;
    int feature, ranks, least;
    const struct sums *sums;
    double min_weight;
    uint8_t code_of[257]; /* categories: code of each rank */
    bool missing_low;     /* missing cells rank below all numbers */
};

/* The node's part of the rows. */
static struct rows rows_of(const struct forest_work *w, size_t from)
{
    struct rows r = w->at;
    r.row += from;
    r.label = r.label ? r.label + from : NULL;
    r.target = r.target ? r.target + from : NULL;
    r.weight = r.weight ? r.weight + from : NULL;
    return r;
}

static int read_codes(struct view_node *v)
{
    const struct view_feature *f = &v->d->view->feature[v->feature];
    uint8_t *key = v->w->key;
    int lo, hi;
    if (f->code && f->pre == f->shift) {
        v->w->fast->keys(f->code, v->at.row, v->n, key, &lo, &hi);
    } else {
        for (size_t i = 0; i < v->n; i++)
            key[i] = (uint8_t)view_bin(f, v->at.row[i]);
        v->w->fast->range(key, v->n, &lo, &hi);
    }
    v->least = lo;
    v->ranks = hi + 1;
    return hi - lo;
}

/* Fills class or target histograms by key. */
static void fill_hist(struct view_node *v)
{
    struct forest_work *w = v->w;
    const struct rows *r = &v->at;
    if (v->d->classes) {
        size_t k = (size_t)v->d->classes;
        memset(w->hist, 0, (size_t)v->ranks * k * sizeof *w->hist);
        for (size_t i = 0; i < v->n; i++)
            w->hist[w->key[i] * k + r->label[i]] += weight_of(r, i);
        return;
    }
    memset(w->hist_w, 0, 2 * 257 * sizeof *w->hist_w);
    for (size_t i = 0; i < v->n; i++) {
        w->hist_w[w->key[i]] += weight_of(r, i);
        w->hist_t[w->key[i]] += (int64_t)weight_of(r, i) * r->target[i];
    }
}

static void keep(struct cut *best, const struct view_node *v, double gain, int last, int next)
{
    if (gain <= best->gain)
        return;
    best->gain = gain;
    best->feature = v->feature;
    best->bin = last;
    best->categorical = v->d->view->feature[v->feature].f->categorical;
    best->missing_left = v->missing_low;
    if (best->categorical) {
        memset(best->bins, 0, sizeof best->bins);
        for (int r = 0; r <= last; r++)
            best->bins[v->code_of[r] / 32] |= 1u << (v->code_of[r] % 32);
        return;
    }
    /* of the empty bins between, cut nearest the middle of the gap, as scikit-learn's midpoints do */
    const struct view_feature *f = &v->d->view->feature[v->feature];
    int base = v->missing_low ? 1 : 0, lo = last - base, hi = next - base;
    if (lo < 0 || hi >= f->n_bins) { /* missing cells against all others */
        best->bin = lo < 0 ? -1 : f->n_bins - 1;
        return;
    }
    double a = lo > 0 ? 0.5 * ((double)view_edge(f, lo - 1) + (double)view_edge(f, lo)) : (double)f->f->low;
    double b = 0.5 * ((double)view_edge(f, hi - 1) + (double)view_edge(f, hi)), mid = 0.5 * (a + b);
    int at = lo;
    while (at + 1 < hi && fabs((double)view_edge(f, at + 1) - mid) <= fabs((double)view_edge(f, at) - mid))
        at++;
    best->bin = at;
}

static bool sides_ok(const struct view_node *v, const struct sweep *s)
{
    return (double)s->left_w >= v->min_weight && (double)s->right_w >= v->min_weight;
}

static void sweep_hist(struct view_node *v, struct cut *best)
{
    struct sweep s;
    struct forest_work *w = v->w;
    int last = -1, k = v->d->classes;
    sweep_start(&s, v->d, w, v->sums);
    for (int r = 0; r < v->ranks; r++) {
        bool any = !k && w->hist_w[r];
        for (int c = 0; !any && c < k; c++)
            any = w->hist[r * k + c] != 0;
        if (!any)
            continue;
        if (last >= 0 && sides_ok(v, &s))
            keep(best, v, sweep_score(&s), last, r);
        if (k) {
            for (int c = 0; c < k; c++)
                if (w->hist[r * k + c])
                    move_class(&s, (uint32_t)c, w->hist[r * k + c]);
        } else {
            s.left_w += w->hist_w[r];
            s.right_w -= w->hist_w[r];
            s.left_t += w->hist_t[r];
            s.right_t -= w->hist_t[r];
        }
        last = r;
    }
}

/* Rows in key order: by insertion for few, by counting for more. */
static void sort_keys(struct view_node *v)
{
    struct forest_work *w = v->w;
    if (v->n <= 24) {
        for (size_t i = 0; i < v->n; i++) {
            uint32_t x = (uint32_t)w->key[i] << 24 | (uint32_t)i;
            size_t j = i;
            for (; j > 0 && w->order[j - 1] > x; j--)
                w->order[j] = w->order[j - 1];
            w->order[j] = x;
        }
        for (size_t i = 0; i < v->n; i++)
            w->order[i] &= 0xffffffu;
        return;
    }
    uint32_t at[257] = {0}, sum = 0;
    for (size_t i = 0; i < v->n; i++)
        at[w->key[i]]++;
    for (int r = 0; r < v->ranks; r++) {
        uint32_t c = at[r];
        at[r] = sum;
        sum += c;
    }
    for (size_t i = 0; i < v->n; i++)
        w->order[at[w->key[i]]++] = (uint32_t)i;
}

static void sweep_sorted(struct view_node *v, struct cut *best)
{
    struct sweep s;
    struct forest_work *w = v->w;
    const struct rows *it = &v->at;
    sort_keys(v);
    sweep_start(&s, v->d, w, v->sums);
    for (size_t i = 0; i < v->n; i++) {
        uint32_t at = w->order[i];
        if (i) {
            int last = w->key[w->order[i - 1]], r = w->key[at];
            if (last != r && sides_ok(v, &s))
                keep(best, v, sweep_score(&s), last, r);
        }
        if (v->d->classes) {
            move_class(&s, it->label[at], weight_of(it, at));
        } else {
            int64_t t = (int64_t)weight_of(it, at) * it->target[at];
            s.left_w += weight_of(it, at);
            s.right_w -= weight_of(it, at);
            s.left_t += t;
            s.right_t -= t;
        }
    }
}

/*
 * Categories get ranks by their mean target (Breiman et al. 1984, theorem 4.5: optimal for two classes and for
 * squares); with more classes by the share of the node's largest one. Missing cells stay last, hence right.
 */
static bool rank_categories(struct view_node *v)
{
    struct forest_work *w = v->w;
    const struct view_feature *f = &v->d->view->feature[v->feature];
    int top = 0, n = 0, k = v->d->classes;
    double mean[257];
    fill_hist(v);
    for (int c = 1; c < k; c++)
        if (w->count[c] > w->count[top])
            top = c;
    for (int r = 0; r < v->ranks; r++) {
        int64_t weight = k ? 0 : w->hist_w[r];
        for (int c = 0; c < k; c++)
            weight += w->hist[r * k + c];
        if (!weight)
            continue;
        double m = (k ? (double)w->hist[r * k + top] : (double)w->hist_t[r]) / (double)weight;
        if (r == f->missing)
            m = HUGE_VAL;
        int at = n++;
        for (; at > 0 && mean[at - 1] > m; at--) {
            mean[at] = mean[at - 1];
            v->code_of[at] = v->code_of[at - 1];
        }
        mean[at] = m;
        v->code_of[at] = (uint8_t)r;
    }
    uint8_t rank[256] = {0};
    for (int r = 0; r < n; r++)
        rank[v->code_of[r]] = (uint8_t)r;
    for (size_t i = 0; i < v->n; i++)
        w->key[i] = rank[w->key[i]];
    v->ranks = n;
    return n > 2 && mean[n - 1] == HUGE_VAL;
}

/* The other end first: with missing cells pinned to the right, cuts from both ends differ. */
static void reverse_categories(struct view_node *v)
{
    int last = v->ranks - 2;
    for (size_t i = 0; i < v->n; i++)
        v->w->key[i] = v->w->key[i] <= last ? (uint8_t)(last - v->w->key[i]) : v->w->key[i];
    for (int r = 0; r < (last + 1) / 2; r++) {
        uint8_t c = v->code_of[r];
        v->code_of[r] = v->code_of[last - r];
        v->code_of[last - r] = c;
    }
}

/* Puts missing cells below the numbers. */
static void missing_to_front(struct view_node *v)
{
    const struct view_feature *f = &v->d->view->feature[v->feature];
    v->missing_low = true;
    for (size_t i = 0; i < v->n; i++)
        v->w->key[i] = v->w->key[i] == f->missing ? 0 : (uint8_t)(v->w->key[i] + 1);
    v->ranks = f->n_bins + 1;
}

static double middle(const struct view_feature *f, int bin)
{
    double low = bin > 0 ? (double)view_edge(f, bin - 1) : (double)f->f->low;
    return 0.5 * (low + (double)view_edge(f, bin));
}

/* The last rank in [lo, hi) whose bin's middle is at most u. */
static int rank_of(const struct view_feature *f, int lo, int hi, int base, double u)
{
    while (hi - lo > 1) {
        int mid = (lo + hi) / 2;
        if (middle(f, mid - base) <= u)
            lo = mid;
        else
            hi = mid;
    }
    return lo;
}

/*
 * A cut drawn uniformly between the least and the greatest number of the node (Geurts et al. 2006), as a rank.
 * Where cells are missing, one draw in eight parts them from the numbers.
 */
static int random_cut(const struct view_node *v, struct rng *r)
{
    const struct view_feature *f = &v->d->view->feature[v->feature];
    int base = v->missing_low ? 1 : 0, top = f->f->categorical ? 256 : f->n_bins + base, lo = v->least, hi = v->ranks - 1;
    if (f->f->categorical)
        return (int)rng_below(r, (uint64_t)hi); /* ranks 0 .. hi are all there */
    if (v->missing_low || hi >= top) {
        lo = 256, hi = -1;
        for (size_t i = 0; i < v->n; i++) {
            int key = v->w->key[i];
            lo = key >= base && key < top && key < lo ? key : lo;
            hi = key >= base && key < top && key > hi ? key : hi;
        }
        if (lo >= hi || rng_below(r, 8) == 0)
            return v->missing_low ? 0 : hi;
    }
    double a = middle(f, lo - base), b = middle(f, hi - base);
    return rank_of(f, lo, hi, base, a + (b - a) * rng_unit(r));
}

/* One cut, counted directly: what lies at or below the rank goes left. */
static void try_cut(struct view_node *v, struct cut *best, int only)
{
    struct sweep s = {.d = v->d, .w = v->w, .right_w = v->sums->weight, .right_t = v->sums->target};
    const struct rows *it = &v->at;
    const uint8_t *key = v->w->key;
    uint32_t *left = v->w->left;
    int k = v->d->classes;
    if (k && !it->weight)
        v->w->fast->left(key, it->label, v->n, only, k, left);
    else if (k) {
        memset(left, 0, (size_t)k * sizeof *left);
        for (size_t i = 0; i < v->n; i++)
            left[it->label[i]] += key[i] <= only ? it->weight[i] : 0;
    }
    if (k) {
        for (int c = 0; c < k; c++) {
            uint32_t a = left[c], b = v->w->count[c] - a;
            s.left_w += a;
            s.left_s += v->d->params.entropy ? x_log_x(v->w, a) : (double)a * (double)a;
            s.right_s += v->d->params.entropy ? x_log_x(v->w, b) : (double)b * (double)b;
        }
    } else {
        for (size_t i = 0; i < v->n; i++) {
            int64_t weight = key[i] <= only ? (int64_t)weight_of(it, i) : 0;
            s.left_w += weight;
            s.left_t += weight * it->target[i];
        }
        s.right_t -= s.left_t;
    }
    s.right_w -= s.left_w;
    if (s.left_w && s.right_w && sides_ok(v, &s))
        keep(best, v, sweep_score(&s), only, only + 1);
}

static void best_cut(struct view_node *v, struct cut *best, struct rng *r)
{
    size_t k = v->d->classes ? (size_t)v->d->classes : 1;
    if (v->d->params.random_cuts) {
        try_cut(v, best, random_cut(v, r));
    } else if ((size_t)v->ranks * k < 2 * v->n) {
        fill_hist(v);
        sweep_hist(v, best);
    } else {
        sweep_sorted(v, best);
    }
}

/* False when all the node's rows have the same code. */
static bool look_at(struct view_node *v, struct cut *best, struct rng *r)
{
    const struct view_feature *f = &v->d->view->feature[v->feature];
    v->missing_low = false;
    if (read_codes(v) == 0)
        return false;
    if (f->f->categorical) {
        bool pinned = rank_categories(v);
        best_cut(v, best, r);
        if (pinned) {
            reverse_categories(v);
            best_cut(v, best, r);
        }
        return true;
    }
    bool missing = f->missing >= 0 && v->ranks == f->missing + 1;
    if (!missing) {
        best_cut(v, best, r);
        return true;
    }
    /* a forest tosses a coin for the side of missing cells; a single tree tries both */
    bool both = v->d->params.n_estimators == 1 && !v->d->params.random_cuts;
    bool low = both || (rng_u64(r) & 1);
    if (both || !low)
        best_cut(v, best, r);
    if (low) {
        missing_to_front(v);
        best_cut(v, best, r);
    }
    return true;
}

/* ---- nodes ------------------------------------------------------------------------------------- */

static void node_sums(const struct forest_data *d, struct forest_work *w, const struct pending *p, struct sums *s)
{
    *s = (struct sums){0};
    if (d->classes)
        memset(w->count, 0, (size_t)d->classes * sizeof *w->count);
    struct rows r = rows_of(w, p->from);
    size_t n = p->to - p->from;
    for (size_t i = 0; i < n && d->classes; i++)
        w->count[r.label[i]] += weight_of(&r, i);
    for (int k = 0; k < d->classes; k++)
        s->weight += w->count[k];
    for (size_t i = 0; i < n && !d->classes; i++) {
        s->weight += weight_of(&r, i);
        s->target += (int64_t)weight_of(&r, i) * r.target[i];
    }
    s->score = d->classes ? purity(d, w, w->count) : mean_score(s->target, s->weight);
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

static asx_st make_leaf(const struct forest_data *d, struct forest_work *w, const struct pending *p, const struct sums *s,
                        struct tree *t)
{
    t->leaf_cover[p->leaf] = (double)s->weight * d->weight_unit;
    int pure = d->classes ? pure_class(d, w, s) : -1;
    if (pure >= 0) {
        tree_set_pure(t, p->leaf, pure);
        return ASX_OK;
    }
    if (!d->classes)
        w->value[0] = d->centre + d->unit * (s->weight ? (double)s->target / (double)s->weight : 0);
    for (int k = 0; k < d->classes; k++)
        w->value[k] = (double)w->count[k] / (double)s->weight;
    return tree_set_leaf(t, p->leaf, w->value);
}

/* As scikit-learn: max_features columns are drawn, those constant in the node included, and more until one is not. */
static void find_cut(const struct forest_data *d, struct forest_work *w, const struct pending *p, const struct sums *s,
                     struct rng *r, struct cut *best)
{
    int n = d->view->features, looked = 0;
    struct view_node v = {.d = d,
                          .w = w,
                          .at = rows_of(w, p->from),
                          .n = p->to - p->from,
                          .sums = s,
                          .min_weight = d->params.min_samples_leaf / d->weight_unit};
    *best = (struct cut){.gain = -HUGE_VAL, .feature = -1}; /* splits that gain nothing yet may lead to purity */
    for (int i = 0; i < n && (i < d->max_features || looked == 0 || best->feature < 0); i++) {
        int j = i + (int)rng_below(r, (uint64_t)(n - i)), f = w->feature[j];
        w->feature[j] = w->feature[i];
        w->feature[i] = f;
        v.feature = f;
        looked += look_at(&v, best, r);
    }
    best->gain -= s->score;
}

/* Stable: those with a side of 1 first. */
#define DIVIDE(bits, type)                                                                                                         \
    static size_t divide_##bits(type *v, type *spare, const uint8_t *side, size_t n)                                               \
    {                                                                                                                              \
        size_t nl = 0, nr = 0;                                                                                                     \
        for (size_t i = 0; i < n; i++) {                                                                                           \
            type x = v[i];                                                                                                         \
            v[nl] = x;                                                                                                             \
            spare[nr] = x;                                                                                                         \
            nl += side[i];                                                                                                         \
            nr += 1u - side[i];                                                                                                    \
        }                                                                                                                          \
        memcpy(v + nl, spare, nr * sizeof *v);                                                                                     \
        return nl;                                                                                                                 \
    }
DIVIDE(16, uint16_t)
DIVIDE(32, uint32_t)
DIVIDE(64, int64_t)
#undef DIVIDE

static size_t divide(const struct forest_data *d, struct forest_work *w, const struct pending *p, const struct cut *c)
{
    const struct view_feature *f = &d->view->feature[c->feature];
    const uint8_t *code = f->code;
    uint8_t left[256];
    for (int at = 0; at < 256; at++) {
        int b = code ? view_shift(f, at) & 255 : at;
        left[at] = b == f->missing ? c->missing_left : c->categorical ? c->bins[b / 32] >> (b % 32) & 1 : b <= c->bin;
    }
    struct rows r = rows_of(w, p->from);
    size_t n = p->to - p->from;
    uint8_t *side = w->key; /* the codes of the last feature looked at are done with */
    for (size_t i = 0; i < n; i++)
        side[i] = left[code ? code[r.row[i]] : view_bin(f, r.row[i])];
    size_t nl = divide_32(r.row, w->spare.row, side, n);
    if (r.label)
        divide_16(r.label, w->spare.label, side, n);
    else
        divide_64(r.target, w->spare.target, side, n);
    if (r.weight)
        divide_32(r.weight, w->spare.weight, side, n);
    return nl;
}

static asx_st push(struct forest_work *w, size_t *depth, struct pending p)
{
    if (*depth == w->stack_room) {
        struct pending *s = mem_realloc(NULL, w->stack, 2 * w->stack_room * sizeof *s);
        if (!s)
            return ASX_E_NOMEM;
        w->stack = s;
        w->stack_room *= 2;
    }
    w->stack[(*depth)++] = p;
    return ASX_OK;
}

static asx_st visit(const struct forest_data *d, struct forest_work *w, struct pending p, struct rng *r, struct tree *t,
                    size_t *depth)
{
    struct sums s;
    struct cut best;
    int node, right;
    node_sums(d, w, &p, &s);
    bool stop = p.to - p.from < 2 || (double)s.weight * d->weight_unit < 2 * d->params.min_samples_leaf ||
                (d->params.max_depth > 0 && p.depth >= d->params.max_depth);
    stop = stop || (d->classes ? pure_class(d, w, &s) >= 0 : same_targets(w, &p));
    if (stop)
        return make_leaf(d, w, &p, &s, t);
    find_cut(d, w, &p, &s, r, &best);
    if (best.feature < 0)
        return make_leaf(d, w, &p, &s, t);
    size_t nl = divide(d, w, &p, &best);
    const struct view_feature *f = &d->view->feature[best.feature];
    bool missing_left = f->missing >= 0 || best.categorical ? best.missing_left : 2 * nl >= p.to - p.from;
    uint16_t set[256];
    int n_set = 0;
    for (int b = 0; best.categorical && b < 256; b++)
        if (best.bins[b / 32] >> (b % 32) & 1)
            set[n_set++] = (uint16_t)b;
    struct tree_cut cut = {best.feature,
                           best.categorical,
                           missing_left,
                           best.bin,
                           set,
                           n_set,
                           best.gain * (d->classes ? d->weight_unit : d->weight_unit * d->unit * d->unit)};
    asx_st st = tree_split(t, d->view, p.leaf, p.parent, p.left_side, &cut, &node, &right);
    if (st)
        return st;
    t->cover[node] = (double)s.weight * d->weight_unit;
    st = push(w, depth, (struct pending){p.from + nl, p.to, right, node, p.depth + 1, false});
    return st ? st : push(w, depth, (struct pending){p.from, p.from + nl, p.leaf, node, p.depth + 1, true});
}

asx_st forest_tree(const struct forest_data *d, struct forest_work *w, uint64_t seed, struct mem *mem, struct tree *t,
                   uint16_t *in_bag)
{
    struct rng r = rng_stream(seed, 0x666f72, 0, 0);
    asx_st st = tree_init(t, mem, 256, d->classes ? d->classes : 1);
    size_t depth = 0, visited = 0;
    if (st)
        return st;
    for (int j = 0; j < d->view->features; j++)
        w->feature[j] = j;
    size_t n = draw_rows(d, w, &r, in_bag);
    st = push(w, &depth, (struct pending){0, n, 0, -1, 0, false});
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
        tree_shrink(t);
    return st;
}
