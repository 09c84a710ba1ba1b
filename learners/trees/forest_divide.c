/* SPDX-License-Identifier: Apache-2.0 */
/* Moving the rows of a node to its children. */
#include "learners/trees/forest_node.h"

#include <string.h>

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

static bool goes_left(const struct view_feature *f, const struct cut *c, int bin)
{
    if (bin == f->missing)
        return c->missing_left;
    return c->categorical ? c->bins[bin / 32] >> (bin % 32) & 1 : bin <= c->bin;
}

static size_t by_cells(const struct forest_data *d, struct forest_work *w, size_t from, size_t n, const struct cut *c)
{
    const struct view_feature *f = &d->view->feature[c->feature];
    const uint8_t *code = f->code;
    uint8_t left[256];
    for (int at = 0; at < 256; at++)
        left[at] = goes_left(f, c, code ? view_shift(f, at) & 255 : at);
    struct rows r = rows_from(&w->at, from);
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
    for (size_t i = 0; w->place && i < n; i++)
        w->place[r.row[i]] = (uint32_t)(from + i);
    return nl;
}

static void swap_rows(struct forest_work *w, size_t a, size_t b)
{
    struct rows *r = &w->at;
#define SWAP(list)                                                                                                                 \
    do {                                                                                                                           \
        __typeof__(*list) x = list[a];                                                                                             \
        list[a] = list[b];                                                                                                         \
        list[b] = x;                                                                                                               \
    } while (0)
    SWAP(r->row);
    if (r->label)
        SWAP(r->label);
    if (r->target)
        SWAP(r->target);
    if (r->weight)
        SWAP(r->weight);
#undef SWAP
    w->place[r->row[a]] = (uint32_t)a;
    w->place[r->row[b]] = (uint32_t)b;
}

/* The rows that do not go with the rest change places with others at their end of the node: work by their number. */
static size_t by_list(const struct forest_data *d, struct forest_work *w, size_t from, size_t n, const struct cut *c)
{
    const struct view_feature *f = &d->view->feature[c->feature];
    const struct forest_list *l = &d->list[c->feature];
    bool rest_left = goes_left(f, c, l->rest);
    size_t moved = 0;
    for (size_t i = 0; i < l->n; i++) {
        size_t at = (size_t)w->place[l->row[i]] - from;
        if (at < n && goes_left(f, c, l->bin[i]) != rest_left)
            w->order[moved++] = (uint32_t)at;
    }
    size_t base = rest_left ? n - moved : 0, next = 0; /* where they go */
    uint8_t *taken = w->key;
    memset(taken, 0, moved);
    for (size_t i = 0; i < moved; i++)
        if (w->order[i] - base < moved)
            taken[w->order[i] - base] = 1;
    for (size_t i = 0; i < moved; i++) {
        if (w->order[i] - base < moved)
            continue;
        while (taken[next])
            next++;
        swap_rows(w, from + base + next++, from + w->order[i]);
    }
    return rest_left ? n - moved : moved;
}

size_t forest_divide(const struct forest_data *d, struct forest_work *w, size_t from, size_t to, const struct cut *c)
{
    size_t n = to - from;
    return list_pays(d, c->feature, n) ? by_list(d, w, from, n, c) : by_cells(d, w, from, n, c);
}
