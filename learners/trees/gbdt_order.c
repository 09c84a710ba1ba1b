/* SPDX-License-Identifier: Apache-2.0 */
/* The order of leaf values that were set after growing, along the splits of monotone columns. */
#include "learners/trees/gbdt_fit.h"

#include "base/mem.h"

/* Leaves below each node as lists, which join from the lowest node up. */
struct order {
    const struct tree *t;
    double *value;
    int *first, *last; /* [n_nodes] */
    int *next;         /* [n_leaves] -1: the end */
};

static int first_of(const struct order *o, int child)
{
    return child < 0 ? ~child : o->first[child];
}

static int last_of(const struct order *o, int child)
{
    return child < 0 ? ~child : o->last[child];
}

/* Half the derivative of the projection's sum at m; it never falls. */
static double slope(const struct order *o, int low, int high, double m)
{
    double s = 0;
    for (int l = low; l >= 0; l = o->next[l])
        s -= o->value[l] > m ? o->t->leaf_cover[l] * (o->value[l] - m) : 0;
    for (int l = high; l >= 0; l = o->next[l])
        s += o->value[l] < m ? o->t->leaf_cover[l] * (m - o->value[l]) : 0;
    return s;
}

static void part(const struct order *o, int low, int high)
{
    enum { HALVINGS = 60 };
    double top = o->value[low], bottom = o->value[high];
    for (int l = low; l >= 0; l = o->next[l])
        top = o->value[l] > top ? o->value[l] : top;
    for (int l = high; l >= 0; l = o->next[l])
        bottom = o->value[l] < bottom ? o->value[l] : bottom;
    if (top <= bottom)
        return;
    double from = bottom, to = top;
    for (int i = 0; i < HALVINGS; i++) {
        double mid = 0.5 * from + 0.5 * to;
        if (slope(o, low, high, mid) < 0)
            from = mid;
        else
            to = mid;
    }
    for (int l = low; l >= 0; l = o->next[l])
        o->value[l] = o->value[l] > to ? to : o->value[l];
    for (int l = high; l >= 0; l = o->next[l])
        o->value[l] = o->value[l] < to ? to : o->value[l];
}

asx_st gbdt_order_leaves(const struct tree *t, const struct view *v, struct mem *mem, double *value)
{
    size_t nodes = (size_t)t->n_nodes, leaves = (size_t)t->n_leaves;
    int *place = mem_array(mem, 2 * nodes + leaves + 1, sizeof *place);
    if (!place)
        return ASX_E_NOMEM;
    struct order o = {t, value, place, place + nodes, place + 2 * nodes};
    for (size_t l = 0; l < leaves; l++)
        o.next[l] = -1;
    for (int i = t->n_nodes - 1; i >= 0; i--) { /* children have larger numbers than their parents */
        int left = t->node[i].left, right = t->node[i].right, a = first_of(&o, left), b = first_of(&o, right);
        int sign = v->feature[t->bin[i].feature].f->monotone;
        if (sign)
            part(&o, sign > 0 ? a : b, sign > 0 ? b : a);
        o.next[last_of(&o, left)] = b;
        o.first[i] = a;
        o.last[i] = last_of(&o, right);
    }
    mem_free(place);
    return ASX_OK;
}
