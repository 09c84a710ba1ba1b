/* SPDX-License-Identifier: Apache-2.0 */
/* Split finding: ordered bins through the kernel, categories and monotone columns here. */
#include "learners/trees/split.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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

/* Least hessian of a child: the parameter's, and the share that stands for min_data_in_leaf rows. */
static double least_hessian(const struct grow_params *p, const struct split_node *n)
{
    double by_rows = (p->min_data_in_leaf - 0.5) * n->sum_h / n->rows, floor = n->h_unit > 0 ? 0.5 * n->h_unit : 1e-12;
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
static void scan_bounded(const struct grow_params *p, const struct view_feature *f, const struct split_node *n, double min_h, int only,
                         struct asx_split_args *best)
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

static void numeric(const asx_kernel_fn *k, const struct grow_params *p, const struct view *v, int feature, const struct split_node *n,
                    struct split *best)
{
    const struct view_feature *f = &v->feature[feature];
    bool bounded = f->f->monotone || n->low > -HUGE_VAL || n->high < HUGE_VAL;
    double min_h = least_hessian(p, n);
    int only = -1;
    if (p->extra_trees && f->n_bins > 2) {
        struct rng r = rng_stream(n->seed, (uint64_t)f->column, 1, 0);
        only = (int)rng_below(&r, (uint64_t)(f->n_bins - 1));
    }
    struct asx_split_args a = {.hist = n->hist ? n->hist + f->hist : NULL, .hist64 = n->hist64 ? n->hist64 + 2 * f->hist : NULL,
                               .bins = f->n_bins, .missing = f->missing, .g_unit = n->g_unit, .h_unit = n->h_unit, .sum_g = n->sum_g,
                               .sum_h = n->sum_h, .l1 = p->l1, .l2 = p->l2, .min_h = min_h, .only = only};
    /* with missing cells "all present left, missing right" is a threshold too: after the last bin */
    if (f->missing >= 0)
        a.bins++;
    if (bounded) {
        struct view_feature whole = *f;
        whole.n_bins = a.bins;
        scan_bounded(p, &whole, n, min_h, only, &a);
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

static int by_order(const void *a, const void *b)
{
    const struct split_level *x = a, *y = b;
    return x->order < y->order ? -1 : x->order > y->order ? 1 : (x->bin > y->bin) - (x->bin < y->bin);
}

static double pair_gain(const struct grow_params *p, const struct split_node *n, double g, double h, double l2)
{
    double rg = n->sum_g - g, rh = n->sum_h - h;
    double l = clamp(split_leaf_value(g, h, p->l1, l2), n->low, n->high), r = clamp(split_leaf_value(rg, rh, p->l1, l2), n->low, n->high);
    return score_at(g, h, p->l1, l2, l) + score_at(rg, rh, p->l1, l2, r);
}

static void keep_set(struct split *best, int feature, double gain, double g, double h, const struct split_level *l, int from, int to)
{
    if (!split_better(gain, best->gain))
        return;
    *best = (struct split){.gain = gain, .feature = feature, .bin = -1, .categorical = true, .left_g = g, .left_h = h};
    for (int i = from; i < to && best->n_set < SPLIT_SET; i++)
        best->set[best->n_set++] = (uint16_t)l[i].bin;
}

/* One level against the rest. */
static void one_hot(const struct grow_params *p, const struct split_node *n, int feature, const struct split_level *l, int levels, double min_h,
                    struct split *best)
{
    double base = node_score(p, n);
    for (int i = 0; i < levels; i++)
        if (l[i].h >= min_h && n->sum_h - l[i].h >= min_h)
            keep_set(best, feature, pair_gain(p, n, l[i].g, l[i].h, p->l2) - base, l[i].g, l[i].h, l, i, i + 1);
}

/*
 * Levels ordered by G/(H + cat_smooth), cut from either end (Fisher 1958: the best two-way grouping is a
 * cut of that order). As in LightGBM, at most max_cat_threshold levels go left, cuts are
 * at least min_data_per_group rows apart, and missing cells go right.
 */
static void many(const struct grow_params *p, const struct split_node *n, int feature, struct split_level *l, int levels, double min_h,
                 struct split *best)
{
    double base = node_score(p, n), l2 = p->l2 + p->cat_l2, row_h = n->sum_h / n->rows;
    double group_h = (p->min_data_per_group - 0.5) * row_h;
    int used = 0;
    for (int i = 0; i < levels; i++) /* levels of less than cat_smooth rows are left out: they go right */
        if (l[i].h >= p->cat_smooth * row_h * 0.999) {
            l[used] = l[i];
            l[used].order = l[i].g / (l[i].h + p->cat_smooth);
            used++;
        }
    qsort(l, (size_t)used, sizeof *l, by_order);
    int most = used < p->max_cat_threshold ? used : p->max_cat_threshold; /* at most SPLIT_SET */
    int only = -1;
    if (p->extra_trees && most > 1) {
        struct rng r = rng_stream(n->seed, (uint64_t)feature, 2, 0);
        only = (int)rng_below(&r, (uint64_t)most);
    }
    for (int side = 0; side < 2; side++) {
        double g = 0, h = 0, since = 0;
        for (int i = 0; i < most && i < used; i++) {
            const struct split_level *x = &l[side ? used - 1 - i : i];
            g += x->g;
            h += x->h;
            since += x->h;
            if (h < min_h || n->sum_h - h < min_h || n->sum_h - h < group_h || since < group_h || (only >= 0 && i != only))
                continue;
            since = 0;
            keep_set(best, feature, pair_gain(p, n, g, h, l2) - base, g, h, l, side ? used - 1 - i : 0, side ? used : i + 1);
        }
    }
}

static void categorical(const struct grow_params *p, const struct view *v, int feature, const struct split_node *n, struct split_level *l,
                        struct split *best)
{
    const struct view_feature *f = &v->feature[feature];
    int levels = 0;
    for (int b = 0; b < f->n_bins; b++) {
        struct split_level x = {.bin = b};
        cell(n, f->hist + (size_t)b, &x.g, &x.h);
        if (x.h > 0)
            l[levels++] = x;
    }
    double min_h = least_hessian(p, n);
    if (f->n_bins <= p->max_cat_to_onehot)
        one_hot(p, n, feature, l, levels, min_h, best);
    else
        many(p, n, feature, l, levels, min_h, best);
}

void split_feature(const asx_kernel_fn *k, const struct grow_params *p, const struct view *v, int feature, const struct split_node *n,
                   struct split_level *levels, struct split *best)
{
    if (v->feature[feature].f->categorical)
        categorical(p, v, feature, n, levels, best);
    else
        numeric(k, p, v, feature, n, best);
}

void split_table(const struct view_feature *f, const struct split *s, uint8_t *left)
{
    int codes = f->wide ? f->n_bins + 1 : 256;
    for (int code = 0; code < codes; code++) {
        int bin = f->wide ? code : view_shift(f, code) & 255;
        left[code] = bin == f->missing ? s->missing_left : !s->categorical && bin <= s->bin;
    }
    for (int i = 0; s->categorical && i < s->n_set; i++)
        left[s->set[i]] = 1; /* categories are never shifted: a bin is its code */
}
