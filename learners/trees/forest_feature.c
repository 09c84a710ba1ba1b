/* SPDX-License-Identifier: Apache-2.0 */
/* One feature in one node: its cells as ranks, from planes, from CSR rows or from the feature's list. */
#include "learners/trees/forest_node.h"

#include <math.h>
#include <string.h>

/* Every row's cell; returns whether they differ. */
static bool read_cells(struct view_node *v)
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
    return lo != hi;
}

/* The rows of the node that the list names, copied side by side; the others as sums. */
static bool read_list(struct view_node *v, size_t from, size_t n)
{
    const struct forest_data *d = v->d;
    struct forest_work *w = v->w;
    const struct forest_list *l = &d->list[v->feature];
    size_t out = 0;
    int lo = 255, hi = 0;
    for (size_t i = 0; i < l->n; i++) {
        size_t at = (size_t)w->place[l->row[i]] - from; /* rows outside wrap to large numbers */
        if (at >= n)
            continue;
        w->key[out] = l->bin[i];
        lo = l->bin[i] < lo ? l->bin[i] : lo;
        hi = l->bin[i] > hi ? l->bin[i] : hi;
        w->order[out++] = (uint32_t)(from + at);
    }
    if (out == 0 || (out == n && lo == hi))
        return false;
    v->rest = out < n ? l->rest : -1;
    v->rest_w = v->sums->weight;
    v->rest_t = v->sums->target;
    if (d->classes)
        memcpy(w->rest, w->count, (size_t)d->classes * sizeof *w->rest);
    for (size_t i = 0; i < out; i++) {
        uint32_t at = w->order[i], weight = weight_of(&w->at, at);
        if (w->some.weight)
            w->some.weight[i] = weight;
        v->rest_w -= weight;
        if (d->classes) {
            w->some.label[i] = w->at.label[at];
            w->rest[w->at.label[at]] -= weight;
        } else {
            w->some.target[i] = w->at.target[at];
            v->rest_t -= (int64_t)weight * w->at.target[at];
        }
    }
    v->at = w->some;
    v->n = out;
    v->least = v->rest >= 0 && v->rest < lo ? v->rest : lo;
    v->ranks = (v->rest > hi ? v->rest : hi) + 1;
    return true;
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
    forest_fill_hist(v);
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
    v->rest = v->rest >= 0 ? rank[v->rest] : -1;
    v->least = 0;
    v->ranks = n;
    return n > 2 && mean[n - 1] == HUGE_VAL;
}

/* The other end first: with missing cells pinned to the right, cuts from both ends differ. */
static void reverse_categories(struct view_node *v)
{
    int last = v->ranks - 2;
    for (size_t i = 0; i < v->n; i++)
        v->w->key[i] = v->w->key[i] <= last ? (uint8_t)(last - v->w->key[i]) : v->w->key[i];
    v->rest = v->rest >= 0 && v->rest <= last ? last - v->rest : v->rest;
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
    v->rest = v->rest < 0 ? -1 : v->rest == f->missing ? 0 : v->rest + 1;
    v->ranks = f->n_bins + 1;
}

bool forest_look_at(struct view_node *v, size_t from, size_t n, struct cut *best, struct rng *r)
{
    const struct view_feature *f = &v->d->view->feature[v->feature];
    v->missing_low = false;
    v->rest = -1;
    v->n = n;
    v->at = rows_from(&v->w->at, from);
    if (list_pays(v->d, v->feature, n) ? !read_list(v, from, n) : !read_cells(v))
        return false;
    if (f->f->categorical) {
        bool pinned = rank_categories(v);
        forest_best_cut(v, best, r);
        if (pinned) {
            reverse_categories(v);
            forest_best_cut(v, best, r);
        }
        return true;
    }
    bool missing = f->missing >= 0 && v->ranks == f->missing + 1;
    if (!missing) {
        forest_best_cut(v, best, r);
        return true;
    }
    /* a forest tosses a coin for the side of missing cells; a single tree tries both */
    bool both = v->d->params.n_estimators == 1 && !v->d->params.random_cuts;
    bool low = both || (rng_u64(r) & 1);
    if (both || !low)
        forest_best_cut(v, best, r);
    if (low) {
        missing_to_front(v);
        forest_best_cut(v, best, r);
    }
    return true;
}
