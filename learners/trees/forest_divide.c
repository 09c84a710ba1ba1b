/* SPDX-License-Identifier: Apache-2.0 */
/* Moving the rows of a node to its children. */
#include "learners/trees/forest_node.h"

#include <string.h>

static bool goes_left(const struct view_feature *f, const struct cut *c, int bin)
{
    if (bin == f->missing)
        return c->missing_left;
    return c->categorical ? c->bins[bin / 32] >> (bin % 32) & 1 : bin <= c->bin;
}

/*
 * Stable: rows with a side of 1 first, all arrays of a row in one pass. What goes right waits in `spare`. Compiled for
 * each set of arrays.
 */
__attribute__((always_inline)) static inline size_t move(struct rows *r, const struct rows *spare, const uint8_t *side, size_t n,
                                                         bool label, bool weight)
{
    size_t nl = 0, nr = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t row = r->row[i];
        r->row[nl] = row;
        spare->row[nr] = row;
        if (label) {
            uint16_t x = r->label[i];
            r->label[nl] = x;
            spare->label[nr] = x;
        } else {
            int64_t x = r->target[i];
            r->target[nl] = x;
            spare->target[nr] = x;
        }
        if (weight) {
            uint32_t x = r->weight[i];
            r->weight[nl] = x;
            spare->weight[nr] = x;
        }
        nl += side[i];
        nr += 1u - side[i];
    }
    memcpy(r->row + nl, spare->row, nr * sizeof *r->row);
    if (label)
        memcpy(r->label + nl, spare->label, nr * sizeof *r->label);
    else
        memcpy(r->target + nl, spare->target, nr * sizeof *r->target);
    if (weight)
        memcpy(r->weight + nl, spare->weight, nr * sizeof *r->weight);
    return nl;
}

/* The side of each row into `side`: by a table over codes where that many rows pay for it. */
static void sides_of(const struct view_feature *f, const struct cut *c, const uint32_t *row, size_t n, uint8_t *side)
{
    const uint8_t *code = f->code;
    uint8_t left[256];
    if (!code || n < 256) {
        for (size_t i = 0; i < n; i++)
            side[i] = goes_left(f, c, code ? view_shift(f, code[row[i]]) & 255 : view_bin(f, row[i]));
        return;
    }
    for (int at = 0; at < 256; at++)
        left[at] = goes_left(f, c, view_shift(f, at) & 255);
    for (size_t i = 0; i < n; i++)
        side[i] = left[code[row[i]]];
}

static size_t by_cells(const struct forest_data *d, struct forest_work *w, size_t from, size_t n, const struct cut *c)
{
    struct rows r = rows_from(&w->at, from);
    uint8_t *side = w->key; /* the codes of the last feature looked at are done with */
    sides_of(&d->view->feature[c->feature], c, r.row, n, side);
    size_t nl = r.label ? (r.weight ? move(&r, &w->spare, side, n, true, true) : move(&r, &w->spare, side, n, true, false))
                        : (r.weight ? move(&r, &w->spare, side, n, false, true) : move(&r, &w->spare, side, n, false, false));
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
