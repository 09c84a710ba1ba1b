/* SPDX-License-Identifier: Apache-2.0 */
/* Split finding: ordered bins through the kernel, categories and monotone columns here. */
#include "learners/trees/split.h"

#include <math.h>

static double shrink(double g, double l1)
{
    double t = fabs(g) - l1;
    return t <= 0 ? 0 : g > 0 ? t : -t;
}

double split_leaf_value(double g, double h, double l1, double l2)
{
    return h + l2 > 0 ? -shrink(g, l1) / (h + l2) : 0;
}

double split_score(double g, double h, double l1, double l2)
{
    double t = shrink(g, l1);
    return h + l2 > 0 ? t * t / (h + l2) : 0;
}

static void cell(const struct split_node *n, size_t at, double *g, double *h)
{
    if (n->hist64) {
        *g = n->hist64[2 * at];
        *h = n->hist64[2 * at + 1];
    } else {
        *g = (double)((int64_t)n->hist[at] >> 32) * n->g_unit;
        *h = (double)(uint32_t)n->hist[at] * n->h_unit;
    }
}

double split_least_hessian(const struct grow_params *p, const struct split_node *n)
{
    double by_rows = (p->min_data_in_leaf - 0.5) * n->sum_h / n->rows, floor = n->h_unit > 0 ? 0.5 * n->h_unit : 1e-12 * n->sum_h;
    double least = by_rows > p->min_sum_hessian ? by_rows : p->min_sum_hessian;
    return least > floor ? least : floor;
}

/* Score of a value v in place of the best one: -(2 G v + (H + l2) v^2) - 2 l1 |v|. */
static double score_at(double g, double h, double l1, double l2, double v)
{
    return -(2 * g * v + (h + l2) * v * v + 2 * l1 * fabs(v));
}

static double clamp(double v, double lo, double hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}

/* Monotone columns and bounded nodes: children's values are clamped and must be in order. */
static void scan_bounded(const struct grow_params *p, const struct view_feature *f, const struct split_node *n, double min_h,
                         int only, struct asx_split_args *best)
{
    double mg = 0, mh = 0;
    best->gain = -1e300;
    best->bin = -1;
    if (f->missing >= 0)
        cell(n, f->hist + (size_t)f->missing, &mg, &mh);
    for (int side = 0; side < (mh > 0 ? 2 : 1); side++) {
        double g = side ? mg : 0, h = side ? mh : 0;
        for (int b = 0; b < f->n_bins - 1; b++) {
            double cg, ch;
            cell(n, f->hist + (size_t)b, &cg, &ch);
            g += cg;
            h += ch;
            double rg = n->sum_g - g, rh = n->sum_h - h;
            if (h < min_h || rh < min_h || (only >= 0 && b != only))
                continue;
            double l = clamp(split_leaf_value(g, h, p->l1, p->l2), n->low, n->high);
            double r = clamp(split_leaf_value(rg, rh, p->l1, p->l2), n->low, n->high);
            if ((f->f->monotone > 0 && l > r) || (f->f->monotone < 0 && l < r))
                continue;
            double gain = score_at(g, h, p->l1, p->l2, l) + score_at(rg, rh, p->l1, p->l2, r);
            if (gain > best->gain) {
                best->gain = gain;
                best->bin = b;
                best->missing_left = side;
                best->left_g = g;
                best->left_h = h;
            }
        }
    }
}

static double node_score(const struct grow_params *p, const struct split_node *n)
{
    double v = split_leaf_value(n->sum_g, n->sum_h, p->l1, p->l2), c = clamp(v, n->low, n->high);
    return c == v ? split_score(n->sum_g, n->sum_h, p->l1, p->l2) : score_at(n->sum_g, n->sum_h, p->l1, p->l2, c);
}

/* Gain of a threshold of SPLIT_SCAN, or -1. */
static double gain_at(const struct asx_split_args *a, double g, double h)
{
    double hr = a->sum_h - h, tl = shrink(g, a->l1), tr = shrink(a->sum_g - g, a->l1);
    double dl = h + a->l2, dr = hr + a->l2;
    return h < a->min_h || hr < a->min_h ? -1 : (tl * tl * dr + tr * tr * dl) / (dl * dr);
}

/* What SPLIT_SCAN does, for features of more bins than it takes: the largest gain, then the first that ties with it. */
static void scan_many(struct asx_split_args *a)
{
    struct split_node n = {.hist = a->hist, .hist64 = a->hist64, .g_unit = a->g_unit, .h_unit = a->h_unit};
    double mg = 0, mh = 0;
    a->gain = a->bin = -1;
    a->missing_left = false;
    if (a->missing >= 0)
        cell(&n, (size_t)a->missing, &mg, &mh);
    for (int side = 0; side < (mh > 0 ? 2 : 1); side++) {
        double top = -1, wanted = 0;
        for (int pass = 0; pass < 2; pass++) {
            double g = side ? mg : 0, h = side ? mh : 0;
            for (int b = 0; b < a->bins - 1; b++) {
                double cg, ch;
                cell(&n, (size_t)b, &cg, &ch);
                g += cg;
                h += ch;
                double gain = a->only >= 0 && b != a->only ? -1 : gain_at(a, g, h);
                if (pass == 0) {
                    top = gain > top ? gain : top;
                } else if (gain >= wanted) {
                    a->gain = gain;
                    a->bin = b;
                    a->missing_left = side;
                    a->left_g = g;
                    a->left_h = h;
                    break;
                }
            }
            double slack = asx_split_slack(a, top);
            if (!(top > (a->bin < 0 ? a->gain : a->gain + slack)))
                break;
            wanted = top - slack;
        }
    }
}

/* The one threshold of two bins of which none is missing, as indicators have: no kernel needed. */
static void scan_two(struct asx_split_args *a)
{
    struct split_node n = {.hist = a->hist, .g_unit = a->g_unit, .h_unit = a->h_unit};
    cell(&n, 0, &a->left_g, &a->left_h);
    a->gain = gain_at(a, a->left_g, a->left_h);
    a->bin = a->gain >= 0 ? 0 : -1;
    a->missing_left = false;
}

static void numeric(const asx_kernel_fn *k, const struct grow_params *p, const struct view *v, int feature,
                    const struct split_node *n, struct split *best)
{
    const struct view_feature *f = &v->feature[feature];
    bool bounded = f->f->monotone || n->low > -HUGE_VAL || n->high < HUGE_VAL;
    double min_h = split_least_hessian(p, n);
    int only = -1;
    if (p->extra_trees && f->n_bins > 2) {
        struct rng r = rng_stream(n->seed, (uint64_t)f->column, 1, 0);
        only = (int)rng_below(&r, (uint64_t)(f->n_bins - 1));
    }
    struct asx_split_args a = {.hist = n->hist ? n->hist + f->hist : NULL,
                               .hist64 = n->hist64 ? n->hist64 + 2 * f->hist : NULL,
                               .bins = f->n_bins,
                               .missing = f->missing,
                               .g_unit = n->g_unit,
                               .h_unit = n->h_unit,
                               .sum_g = n->sum_g,
                               .sum_h = n->sum_h,
                               .l1 = p->l1,
                               .l2 = p->l2,
                               .min_h = min_h,
                               .only = only};
    /* with missing cells "all present left, missing right" is a threshold too: after the last bin */
    if (f->missing >= 0)
        a.bins++;
    if (bounded) {
        struct view_feature whole = *f;
        whole.n_bins = a.bins;
        scan_bounded(p, &whole, n, min_h, only, &a);
    } else if (a.bins > 256) {
        scan_many(&a);
    } else if (a.bins == 2 && a.missing < 0 && a.hist) {
        scan_two(&a);
    } else {
        k[ASX_K_SPLIT_SCAN](NULL, &a);
    }
    if (a.bin < 0)
        return;
    double gain = a.gain - node_score(p, n);
    if (!split_better(gain, best->gain))
        return;
    *best = (struct split){.gain = gain, .feature = feature, .bin = a.bin, .left_g = a.left_g, .left_h = a.left_h};
    best->missing_left = f->missing >= 0 ? a.missing_left : a.left_h * 2 >= n->sum_h;
}

/* ---- categories -------------------------------------------------------------- */

struct level {
    double order, g, h;
    int bin;
};

static bool before(const struct level *x, const struct level *y)
{
    return x->order < y->order || (x->order == y->order && x->bin < y->bin);
}

/* The first (or last) levels of an order, at most `most` of them. */
struct ends {
    int n, most;
    struct level level[SPLIT_SET];
};

static void ends_add(struct ends *e, const struct level *x, bool last)
{
    int at = e->n;
    if (at == e->most) {
        if (!(last ? before(&e->level[at - 1], x) : before(x, &e->level[at - 1])))
            return;
        at--;
    } else {
        e->n++;
    }
    for (; at > 0 && (last ? before(&e->level[at - 1], x) : before(x, &e->level[at - 1])); at--)
        e->level[at] = e->level[at - 1];
    e->level[at] = *x;
}

static double pair_gain(const struct grow_params *p, const struct split_node *n, double g, double h, double l2)
{
    double rg = n->sum_g - g, rh = n->sum_h - h;
    double l = clamp(split_leaf_value(g, h, p->l1, l2), n->low, n->high),
           r = clamp(split_leaf_value(rg, rh, p->l1, l2), n->low, n->high);
    return score_at(g, h, p->l1, l2, l) + score_at(rg, rh, p->l1, l2, r);
}

static void keep_set(struct split *best, int feature, double gain, double g, double h, const struct level *l, int n)
{
    if (!split_better(gain, best->gain))
        return;
    *best = (struct split){.gain = gain, .feature = feature, .bin = -1, .categorical = true, .left_g = g, .left_h = h, .n_set = n};
    for (int i = 0; i < n; i++)
        best->set[i] = (uint16_t)l[i].bin;
}

/* One level against the rest. */
static void one_hot(const struct grow_params *p, const struct view_feature *f, int feature, const struct split_node *n,
                    double min_h, struct split *best)
{
    double base = node_score(p, n);
    for (int b = 0; b < f->n_bins; b++) {
        struct level x = {.bin = b};
        cell(n, f->hist + (size_t)b, &x.g, &x.h);
        if (x.h >= min_h && n->sum_h - x.h >= min_h)
            keep_set(best, feature, pair_gain(p, n, x.g, x.h, p->l2) - base, x.g, x.h, &x, 1);
    }
}

/* Cuts of an order from one end, with what LightGBM asks of them. */
static void cuts(const struct grow_params *p, int feature, const struct split_node *n, const struct ends *e, double min_h, int only,
                 struct split *best)
{
    double base = node_score(p, n), l2 = p->l2 + p->cat_l2, group_h = (p->min_data_per_group - 0.5) * n->sum_h / n->rows;
    double g = 0, h = 0, since = 0;
    for (int i = 0; i < e->n; i++) {
        g += e->level[i].g;
        h += e->level[i].h;
        since += e->level[i].h;
        double rest = n->sum_h - h;
        if (h < min_h || rest < min_h || rest < group_h || since < group_h || (only >= 0 && i != only))
            continue;
        since = 0;
        keep_set(best, feature, pair_gain(p, n, g, h, l2) - base, g, h, e->level, i + 1);
    }
}

/*
 * Levels ordered by G/(H + cat_smooth), cut from either end (Fisher 1958: the best two-way grouping is a
 * cut of that order). As in LightGBM, levels of less than cat_smooth rows are left out (they go right), at most
 * max_cat_threshold levels go left, cuts are at least min_data_per_group rows apart, and missing cells go right.
 */
static void many(const struct grow_params *p, const struct view_feature *f, int feature, const struct split_node *n, double min_h,
                 struct split *best)
{
    struct ends low = {.most = p->max_cat_threshold < SPLIT_SET ? p->max_cat_threshold : SPLIT_SET}, high = low;
    double least = p->cat_smooth * 0.999 * n->sum_h / n->rows;
    least = least > 0 ? least : 0.5 * n->h_unit;
    uint64_t least_packed = n->hist ? (uint64_t)(least / n->h_unit) : 0;
    for (int b = 0; b < f->n_bins; b++) {
        if (n->hist && (uint32_t)n->hist[f->hist + (size_t)b] < least_packed)
            continue;
        struct level x = {.bin = b};
        cell(n, f->hist + (size_t)b, &x.g, &x.h);
        if (x.h < least || x.h <= 0)
            continue;
        x.order = x.g / (x.h + p->cat_smooth);
        ends_add(&low, &x, false);
        ends_add(&high, &x, true);
    }
    int only = -1;
    if (p->extra_trees && low.n > 1) {
        struct rng r = rng_stream(n->seed, (uint64_t)f->column, 2, 0);
        only = (int)rng_below(&r, (uint64_t)low.n);
    }
    cuts(p, feature, n, &low, min_h, only, best);
    cuts(p, feature, n, &high, min_h, only, best);
}

void split_feature(const asx_kernel_fn *k, const struct grow_params *p, const struct view *v, int feature,
                   const struct split_node *n, struct split *best)
{
    const struct view_feature *f = &v->feature[feature];
    if (!f->f->categorical)
        numeric(k, p, v, feature, n, best);
    else if (f->n_bins <= p->max_cat_to_onehot)
        one_hot(p, f, feature, n, split_least_hessian(p, n), best);
    else
        many(p, f, feature, n, split_least_hessian(p, n), best);
}

void split_table(const struct view_feature *f, const struct split *s, uint8_t *left)
{
    int codes = !f->wide ? 256 : f->missing >= f->n_bins ? f->missing + 1 : f->n_bins;
    for (int code = 0; code < codes; code++) {
        int bin = f->wide ? code : view_shift(f, code) & 255;
        left[code] = bin == f->missing ? s->missing_left : !s->categorical && bin <= s->bin;
    }
    for (int i = 0; s->categorical && i < s->n_set; i++)
        left[s->set[i]] = 1; /* categories are never shifted: a bin is its code */
}
