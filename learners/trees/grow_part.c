/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parting the rows of leaves, in pieces of GROW_CHUNK rows: first every piece finds the sides of its rows, then, with
 * all places known, moves rows and gradients straight to them, from one set of arrays to the other. A leaf of one piece
 * does both at once.
 */
#include "base/mem.h"
#include "learners/trees/grow.h"

#include <string.h>

static size_t wide_sides(const struct view_feature *f, const uint8_t *left, const uint32_t *row, size_t n, uint64_t *side)
{
    size_t nl = 0;
    for (size_t i = 0; i < n; i += 64) {
        size_t m = n - i < 64 ? n - i : 64;
        uint64_t s = 0;
        for (size_t j = 0; j < m; j++) {
            __builtin_prefetch(&f->wide[row[i + j + 48 < n ? i + j + 48 : n - 1]]);
            s |= (uint64_t)(left[f->wide[row[i + j]] >> f->shift] != 0) << j;
        }
        side[i / 64] = s;
        nl += (size_t)__builtin_popcountll(s);
    }
    return nl;
}

/* ---- sparse columns ------------------------------------------------------------ */

/* Code of a row by halving the column's cells, from `*at` on while rows rise. */
static int look_up(const struct view_feature *f, uint32_t row, size_t *at)
{
    const uint32_t *cell = f->sparse->row + f->sparse->start[f->sparse_index];
    size_t count = f->sparse->count[f->sparse_index], lo = *at, step = 1;
    if (lo > 0 && cell[lo - 1] >= row)
        lo = 0;
    while (lo + step <= count && cell[lo + step - 1] < row) {
        lo += step;
        step *= 2;
    }
    size_t left = lo + step - 1 < count ? step - 1 : count - lo;
    while (left > 0) {
        size_t half = left / 2;
        bool below = cell[lo + half] < row;
        lo = below ? lo + half + 1 : lo;
        left = below ? left - half - 1 : half;
    }
    *at = lo;
    return lo < count && cell[lo] == row ? f->sparse->code[f->sparse->start[f->sparse_index] + lo] : f->f->zero;
}

static size_t sparse_sides(const struct view_feature *f, const uint8_t *left, const uint32_t *row, size_t n, uint64_t *side)
{
    size_t nl = 0, at = 0;
    for (size_t i = 0; i < n; i += 64) {
        size_t m = n - i < 64 ? n - i : 64;
        uint64_t s = 0;
        for (size_t j = 0; j < m; j++)
            s |= (uint64_t)(left[look_up(f, row[i + j], &at)] != 0) << j;
        side[i / 64] = s;
        nl += (size_t)__builtin_popcountll(s);
    }
    return nl;
}

/*
 * Codes of a sparse column are looked up one by one in small leaves (some 25 ns each); for larger ones the column is
 * spread out first (a ns a cell, and 30 bytes of the plane cleared in one), then they are parted as by a dense one.
 */
static void choose_code(struct grow *g, int i)
{
    struct grow_split *s = &g->split[i];
    const struct grow_leaf *leaf = &g->leaf[s->leaf];
    const struct view_feature *f = &g->view->feature[leaf->best.feature];
    s->code = f->wide ? NULL : f->code;
    s->fill = false;
    if (f->wide || f->code || leaf->count * 25 < g->view->rows / 30 + f->sparse->count[f->sparse_index])
        return;
    if (!g->plane[i])
        g->plane[i] = mem_array(g->exec->mem, g->view->rows + 64, 1);
    s->code = g->plane[i]; /* no memory: looked up after all */
    s->fill = g->plane[i] != NULL;
}

static void fill_plane(void *arg, size_t i, int worker)
{
    (void)worker;
    struct grow *g = arg;
    const struct grow_split *s = &g->split[i];
    if (!s->fill)
        return;
    const struct view_feature *f = &g->view->feature[g->leaf[s->leaf].best.feature];
    size_t from = f->sparse->start[f->sparse_index], end = from + f->sparse->count[f->sparse_index];
    memset(g->plane[i], f->f->zero, g->view->rows + 64);
    for (size_t k = from; k < end; k++)
        g->plane[i][f->sparse->row[k]] = f->sparse->code[k];
}

/* ---- pieces ---------------------------------------------------------------------- */

/* Sides of a piece's rows by the split's table over codes. */
static void find_sides(struct grow *g, struct grow_part *p)
{
    const struct grow_split *s = &g->split[p->split];
    const struct grow_leaf *leaf = &g->leaf[s->leaf];
    const struct view_feature *f = &g->view->feature[leaf->best.feature];
    const uint8_t *table = g->table + (size_t)p->split * g->table_size;
    const uint32_t *row = (leaf->in_spare ? g->spare_row : g->row) + p->from;
    uint64_t *side = g->side + p->side;
    if (!s->code) {
        p->n_left = f->wide ? wide_sides(f, table, row, p->n, side) : sparse_sides(f, table, row, p->n, side);
        return;
    }
    struct asx_partition_args a = {.code = s->code, .width = 1, .left = table, .row = row, .n = p->n, .side = side};
    g->kernel[ASX_K_PARTITION](NULL, &a);
    p->n_left = a.n_left;
}

static void move(struct grow *g, const struct grow_part *p)
{
    bool back = g->leaf[g->split[p->split].leaf].in_spare;
    uint32_t *to = back ? g->row : g->spare_row;
    struct asx_partition_args a = {.row = (back ? g->spare_row : g->row) + p->from,
                                   .n = p->n,
                                   .side = g->side + p->side,
                                   .move = true,
                                   .left_row = to + p->left_at,
                                   .right_row = to + p->right_at};
    if (g->kind == GROW_PACKED) {
        uint64_t *gh = back ? g->gh : g->spare_gh;
        a.gh = (back ? g->spare_gh : g->gh) + p->from;
        a.left_gh = gh + p->left_at;
        a.right_gh = gh + p->right_at;
    } else if (g->kind == GROW_FEW) {
        uint16_t *few = back ? g->few : g->spare_few;
        a.gh16 = (back ? g->spare_few : g->few) + p->from;
        a.left_gh16 = few + p->left_at;
        a.right_gh16 = few + p->right_at;
    }
    g->kernel[ASX_K_PARTITION](NULL, &a);
}

static bool alone(const struct grow *g, const struct grow_part *p)
{
    return p->n == g->leaf[g->split[p->split].leaf].count;
}

static void first_step(void *arg, size_t i, int worker)
{
    (void)worker;
    struct grow *g = arg;
    struct grow_part *p = &g->piece[i];
    find_sides(g, p);
    if (alone(g, p)) {
        p->left_at = p->from;
        p->right_at = p->from + p->n_left;
        move(g, p);
    }
}

static void second_step(void *arg, size_t i, int worker)
{
    (void)worker;
    struct grow *g = arg;
    if (!alone(g, &g->piece[i]))
        move(g, &g->piece[i]);
}

static asx_st list_pieces(struct grow *g, int n, size_t *pieces, size_t *rows, bool *parted)
{
    size_t want = 0, at = 0, word = 0;
    for (int i = 0; i < n; i++)
        want += (g->leaf[g->split[i].leaf].count + GROW_CHUNK - 1) / GROW_CHUNK;
    if (want > g->piece_room) {
        struct grow_part *p = mem_realloc(g->exec->mem, g->piece, want * sizeof *p);
        if (!p)
            return ASX_E_NOMEM;
        g->piece = p;
        g->piece_room = want;
    }
    *rows = 0;
    *parted = false;
    for (int i = 0; i < n; i++) {
        const struct grow_leaf *l = &g->leaf[g->split[i].leaf];
        *rows += l->count;
        *parted |= l->count > GROW_CHUNK;
        for (size_t from = 0; from < l->count; from += GROW_CHUNK) {
            size_t m = l->count - from < GROW_CHUNK ? l->count - from : GROW_CHUNK;
            g->piece[at++] = (struct grow_part){.split = i, .from = l->begin + from, .n = m, .side = word};
            word += (m + 63) / 64;
        }
    }
    *pieces = at;
    return ASX_OK;
}

/* Places of all pieces, from what went left before them; children get their rows. */
static void place(struct grow *g, int n, size_t pieces)
{
    size_t p = 0;
    for (int i = 0; i < n; i++) {
        const struct grow_leaf *l = &g->leaf[g->split[i].leaf];
        struct grow_leaf *a = &g->leaf[g->split[i].pair], *b = a + 1;
        size_t first = p, left = 0;
        for (; p < pieces && g->piece[p].split == i; p++)
            left += g->piece[p].n_left;
        a->begin = l->begin;
        a->count = left;
        b->begin = l->begin + left;
        b->count = l->count - left;
        a->in_spare = b->in_spare = !l->in_spare;
        size_t left_at = a->begin, right_at = b->begin;
        for (size_t k = first; k < p; k++) {
            g->piece[k].left_at = left_at;
            g->piece[k].right_at = right_at;
            left_at += g->piece[k].n_left;
            right_at += g->piece[k].n - g->piece[k].n_left;
        }
    }
}

asx_st grow_partition(struct grow *g, int n)
{
    size_t pieces, rows;
    bool parted, fill = false;
    asx_st st = list_pieces(g, n, &pieces, &rows, &parted);
    if (st)
        return st;
    for (int i = 0; i < n; i++) {
        const struct split *s = &g->leaf[g->split[i].leaf].best;
        split_table(&g->view->feature[s->feature], s, g->table + (size_t)i * g->table_size);
        choose_code(g, i);
        fill |= g->split[i].fill;
    }
    bool parallel = rows > 8192;
    if (fill)
        grow_split_work(g, parallel, (size_t)n, fill_plane, g);
    grow_split_work(g, parallel, pieces, first_step, g);
    place(g, n, pieces);
    if (parted)
        grow_split_work(g, parallel, pieces, second_step, g);
    return ASX_OK;
}
