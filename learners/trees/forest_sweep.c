/* SPDX-License-Identifier: Apache-2.0 */
/* Scores of the cuts of one feature in one node: sweeps from left to right, or one random cut. */
#include "learners/trees/forest_node.h"

#include <math.h>
#include <string.h>

/* ---- criteria --------------------------------------------------------------------------- */

static double x_log_x(const struct forest_work *w, int64_t x)
{
    return (size_t)x < w->table ? w->xlogx[x] : (double)x * log((double)x);
}

double forest_purity(const struct forest_data *d, const struct forest_work *w, const uint32_t *count)
{
    int64_t weight = 0;
    double s = 0;
    for (int k = 0; k < d->classes; k++) {
        weight += count[k];
        s += d->params.entropy ? x_log_x(w, count[k]) : (double)count[k] * (double)count[k];
    }
    return weight == 0 ? 0 : d->params.entropy ? s - x_log_x(w, weight) : s / (double)weight;
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

static inline void move_value(struct sweep *s, int64_t weight, int64_t target)
{
    s->left_w += weight;
    s->right_w -= weight;
    s->left_t += target;
    s->right_t -= target;
}

/* The rows that a list leaves out move together. */
static void move_rest(struct sweep *s, const struct view_node *v)
{
    for (int k = 0; k < s->d->classes; k++)
        if (s->w->rest[k])
            move_class(s, (uint32_t)k, s->w->rest[k]);
    if (!s->d->classes)
        move_value(s, v->rest_w, v->rest_t);
}

static double sweep_score(const struct sweep *s)
{
    if (!s->d->classes)
        return forest_mean_score(s->left_t, s->left_w) + forest_mean_score(s->right_t, s->right_w);
    if (s->d->params.entropy)
        return s->left_s - x_log_x(s->w, s->left_w) + s->right_s - x_log_x(s->w, s->right_w);
    return s->left_s / (double)s->left_w + s->right_s / (double)s->right_w;
}

static void sweep_start(struct sweep *s, const struct view_node *v)
{
    const struct forest_data *d = v->d;
    struct forest_work *w = v->w;
    *s = (struct sweep){.d = d, .w = w, .right_w = v->sums->weight, .right_t = v->sums->target};
    if (!d->classes)
        return;
    size_t bytes = (size_t)d->classes * sizeof *w->left;
    memset(w->left, 0, bytes);
    memcpy(w->right, w->count, bytes);
    for (int k = 0; k < d->classes; k++)
        s->right_s += d->params.entropy ? x_log_x(w, w->count[k]) : (double)w->count[k] * (double)w->count[k];
}

/* ---- keeping the best ----------------------------------------------------------------------- */

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

/* Monotone columns: the sides' values, cut off at the node's bounds as their leaves' are, must be in order. */
static bool in_order(const struct view_node *v, const struct sweep *s, int sign)
{
    int64_t second = v->d->classes ? v->w->left[1] : 0, all = v->d->classes ? v->w->count[1] : 0;
    double l = forest_value(v->d, s->left_w, s->left_t, second), r = forest_value(v->d, s->right_w, s->right_t, all - second);
    l = forest_clamp(l, v->low, v->high);
    r = forest_clamp(r, v->low, v->high);
    return sign > 0 ? l <= r : l >= r;
}

static bool sides_ok(const struct view_node *v, const struct sweep *s)
{
    int sign = forest_sign(v->d, v->feature);
    if ((double)s->left_w < v->min_weight || (double)s->right_w < v->min_weight)
        return false;
    return sign == 0 || in_order(v, s, sign);
}

/* ---- all cuts, by histogram ------------------------------------------------------------------- */

void forest_fill_hist(struct view_node *v)
{
    struct forest_work *w = v->w;
    const struct rows *r = &v->at;
    if (v->d->classes) {
        size_t k = (size_t)v->d->classes;
        memset(w->hist, 0, (size_t)v->ranks * k * sizeof *w->hist);
        for (size_t i = 0; i < v->n; i++)
            w->hist[w->key[i] * k + r->label[i]] += weight_of(r, i);
        for (size_t c = 0; v->rest >= 0 && c < k; c++)
            w->hist[(size_t)v->rest * k + c] += w->rest[c];
        return;
    }
    memset(w->hist_w, 0, 2 * 257 * sizeof *w->hist_w);
    for (size_t i = 0; i < v->n; i++) {
        w->hist_w[w->key[i]] += weight_of(r, i);
        w->hist_t[w->key[i]] += (int64_t)weight_of(r, i) * r->target[i];
    }
    if (v->rest >= 0) {
        w->hist_w[v->rest] += v->rest_w;
        w->hist_t[v->rest] += v->rest_t;
    }
}

static void sweep_hist(struct view_node *v, struct cut *best)
{
    struct sweep s;
    struct forest_work *w = v->w;
    int last = -1, k = v->d->classes;
    sweep_start(&s, v);
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
            move_value(&s, w->hist_w[r], w->hist_t[r]);
        }
        last = r;
    }
}

/* ---- all cuts, by sorting ------------------------------------------------------------------------ */

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

/* Between two ranks that differ lies a cut. */
static inline void cut_between(struct view_node *v, const struct sweep *s, struct cut *best, int last, int next)
{
    if (last >= 0 && last != next && sides_ok(v, s))
        keep(best, v, sweep_score(s), last, next);
}

static void sweep_sorted(struct view_node *v, struct cut *best)
{
    struct sweep s;
    struct forest_work *w = v->w;
    const struct rows *it = &v->at;
    int last = -1;
    bool rest = v->rest >= 0;
    sort_keys(v);
    sweep_start(&s, v);
    for (size_t i = 0; i < v->n; i++) {
        uint32_t at = w->order[i];
        int r = w->key[at];
        if (rest && r > v->rest) {
            cut_between(v, &s, best, last, v->rest);
            move_rest(&s, v);
            last = v->rest;
            rest = false;
        }
        cut_between(v, &s, best, last, r);
        if (v->d->classes)
            move_class(&s, it->label[at], weight_of(it, at));
        else
            move_value(&s, weight_of(it, at), (int64_t)weight_of(it, at) * it->target[at]);
        last = r;
    }
    if (rest)
        cut_between(v, &s, best, last, v->rest);
}

/* ---- one random cut -------------------------------------------------------------------------------- */

/* The last bin in [lo, hi) whose middle is at most u, where that of lo is: bins of u's cell are the only ones in doubt. */
static int bin_of(const struct forest_middles *m, int lo, int hi, double u)
{
    int c = forest_cell(m, u), from = m->below[c] - 1, to = m->below[c + 1];
    lo = from > lo ? from : lo;
    hi = to < hi ? to : hi;
    while (hi - lo > 1) {
        int mid = (lo + hi) / 2;
        if (m->at[mid] <= u)
            lo = mid;
        else
            hi = mid;
    }
    return lo;
}

/* The range of ranks that are numbers. */
static void number_range(const struct view_node *v, int base, int top, int *lo, int *hi)
{
    *lo = 256, *hi = -1;
    for (size_t i = 0; i <= v->n; i++) {
        int key = i < v->n ? v->w->key[i] : v->rest;
        *lo = key >= base && key < top && key < *lo ? key : *lo;
        *hi = key >= base && key < top && key > *hi ? key : *hi;
    }
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
        number_range(v, base, top, &lo, &hi);
        if (lo >= hi || rng_below(r, 8) == 0)
            return v->missing_low ? 0 : hi;
    }
    const struct forest_middles *m = &v->d->middle[v->feature];
    double a = m->at[lo - base], b = m->at[hi - base];
    return base + bin_of(m, lo - base, hi - base, a + (b - a) * rng_unit(r));
}

static void left_classes(struct view_node *v, int only)
{
    const struct rows *it = &v->at;
    const uint8_t *key = v->w->key;
    uint32_t *left = v->w->left;
    int k = v->d->classes;
    if (!it->weight) {
        v->w->fast->left(key, it->label, v->n, only, k, left);
    } else {
        memset(left, 0, (size_t)k * sizeof *left);
        for (size_t i = 0; i < v->n; i++)
            left[it->label[i]] += key[i] <= only ? it->weight[i] : 0;
    }
    for (int c = 0; v->rest >= 0 && v->rest <= only && c < k; c++)
        left[c] += v->w->rest[c];
}

/* One cut, counted directly: what lies at or below the rank goes left. */
static void try_cut(struct view_node *v, struct cut *best, int only)
{
    struct sweep s = {.d = v->d, .w = v->w, .right_w = v->sums->weight, .right_t = v->sums->target};
    int k = v->d->classes;
    if (k && !v->at.weight && !v->d->params.entropy && v->rest < 0) {
        struct forest_squares q = {.all = (uint64_t)(v->sums->score * (double)v->sums->weight + 0.5)};
        v->w->fast->squares(v->w->key, v->at.label, v->n, only, k, v->w->count, v->w->left, &q);
        s.left_w = (int64_t)q.weight;
        s.left_s = (double)q.left;
        s.right_s = (double)q.right;
    } else if (k) {
        left_classes(v, only);
        for (int c = 0; c < k; c++) {
            uint32_t a = v->w->left[c], b = v->w->count[c] - a;
            s.left_w += a;
            s.left_s += v->d->params.entropy ? x_log_x(v->w, a) : (double)a * (double)a;
            s.right_s += v->d->params.entropy ? x_log_x(v->w, b) : (double)b * (double)b;
        }
    } else {
        for (size_t i = 0; i < v->n; i++) {
            int64_t weight = v->w->key[i] <= only ? (int64_t)weight_of(&v->at, i) : 0;
            s.left_w += weight;
            s.left_t += weight * v->at.target[i];
        }
        if (v->rest >= 0 && v->rest <= only) {
            s.left_w += v->rest_w;
            s.left_t += v->rest_t;
        }
        s.right_t -= s.left_t;
    }
    s.right_w -= s.left_w;
    if (s.left_w && s.right_w && sides_ok(v, &s))
        keep(best, v, sweep_score(&s), only, only + 1);
}

void forest_best_cut(struct view_node *v, struct cut *best, struct rng *r)
{
    size_t k = v->d->classes ? (size_t)v->d->classes : 1;
    if (v->d->params.random_cuts) {
        try_cut(v, best, random_cut(v, r));
    } else if ((size_t)v->ranks * k < 2 * v->n) {
        forest_fill_hist(v);
        sweep_hist(v, best);
    } else {
        sweep_sorted(v, best);
    }
}
