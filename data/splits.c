/* SPDX-License-Identifier: Apache-2.0 */
#include "data/splits.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/rng.h"

#include <stdlib.h>
#include <string.h>

enum { SPLIT_STREAM = 0x73706c69 };

/* Everything is made as held-out numbers first: unit[r] says in which fold (or time block) row r is held out. */
struct maker {
    const struct split_options *o;
    size_t rows;
    struct mem *mem;
    struct asx_err *err;
    int k, repeats;
    uint32_t *order; /* [rows] scratch */
    int32_t *unit;   /* [repeats * rows]; -1: never held out */
    int32_t *group;  /* [rows] dense numbers, by first appearance */
    size_t groups;
};

static asx_st nomem(struct maker *m)
{
    return err_set(m->err, ASX_E_NOMEM, "no memory to split %zu rows; raise the memory limit", m->rows);
}

/* ---- groups and time ------------------------------------------------------------------ */

struct sortable {
    double value;
    const char *text;
    size_t size;
    uint32_t row;
};

static int by_value(const void *a, const void *b)
{
    const struct sortable *x = a, *y = b;
    if (x->value != y->value)
        return x->value < y->value ? -1 : 1;
    size_t n = x->size < y->size ? x->size : y->size;
    int c = n ? memcmp(x->text, y->text, n) : 0;
    if (c)
        return c;
    if (x->size != y->size)
        return x->size < y->size ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

static bool same_value(const struct sortable *a, const struct sortable *b)
{
    return a->value == b->value && a->size == b->size && (a->size == 0 || memcmp(a->text, b->text, a->size) == 0);
}

/* Rows sorted by the column's value; missing cells first (`present` says how many are not). */
static struct sortable *sorted(struct maker *m, const struct asx_column *c, size_t *missing)
{
    struct sortable *s = mem_array(m->mem, m->rows, sizeof *s);
    *missing = 0;
    for (size_t i = 0; s && i < m->rows; i++) {
        s[i] = (struct sortable){0, "", 0, (uint32_t)i};
        if (c->store == ASX_STORE_STRING) {
            bool absent = c->missing && (c->missing[i / 64] >> (i % 64) & 1);
            s[i].value = absent ? -HUGE_VAL : 0;
            s[i].text = c->bytes + c->offset[i];
            s[i].size = (size_t)(c->offset[i + 1] - c->offset[i]);
        } else {
            double v = asx_column_number(c, i);
            s[i].value = v == v ? v : -HUGE_VAL;
        }
        *missing += s[i].value == -HUGE_VAL;
    }
    if (s)
        qsort(s, m->rows, sizeof *s, by_value);
    return s;
}

/* Numbers groups by the row in which they first appear. */
static asx_st find_groups(struct maker *m)
{
    size_t missing;
    struct sortable *s = sorted(m, m->o->group, &missing);
    m->group = mem_array(m->mem, m->rows, sizeof *m->group);
    int32_t *first = mem_array(m->mem, m->rows, sizeof *first);
    if (!s || !m->group || !first) {
        mem_free(s);
        mem_free(first);
        return nomem(m);
    }
    /* a run of equal values is a group, named for now by its first row; a missing cell is a group by itself */
    for (size_t i = 0; i < m->rows; i++)
        m->group[s[i].row] =
            i >= missing && i > missing && same_value(&s[i], &s[i - 1]) ? m->group[s[i - 1].row] : (int32_t)s[i].row;
    for (size_t i = 0; i < m->rows; i++) {
        if (m->group[i] == (int32_t)i)
            first[i] = (int32_t)m->groups++;
        m->group[i] = first[m->group[i]];
    }
    mem_free(s);
    mem_free(first);
    return ASX_OK;
}

/* Deals whole groups, shuffled, each to the fold with the fewest rows. */
static asx_st deal_groups(struct maker *m, int32_t *unit, struct rng *rng)
{
    uint32_t *order = m->order;
    size_t *size = mem_calloc(m->mem, m->groups, sizeof *size), *filled = mem_calloc(m->mem, (size_t)m->k, sizeof *filled);
    int32_t *to = mem_array(m->mem, m->groups, sizeof *to);
    if (!size || !filled || !to) {
        mem_free(size);
        mem_free(filled);
        mem_free(to);
        return nomem(m);
    }
    for (size_t i = 0; i < m->rows; i++)
        size[m->group[i]]++;
    for (size_t g = 0; g < m->groups; g++)
        order[g] = (uint32_t)g;
    rng_shuffle_u32(rng, order, m->groups);
    size_t wanted = m->o->holdout > 0 ? (size_t)(m->o->holdout * (double)m->rows + 0.5) : 0, held = 0;
    for (size_t g = 0; g < m->groups; g++) {
        if (m->o->holdout > 0) {
            /* held out while that comes nearer to the share; the last group is never held out */
            bool take = held == 0 || (held + size[order[g]] / 2 <= wanted && held < wanted);
            take = take && g + 1 < m->groups;
            to[order[g]] = take ? 0 : -1;
            held += take ? size[order[g]] : 0;
            continue;
        }
        int best = 0;
        for (int f = 1; f < m->k; f++)
            best = filled[f] < filled[best] ? f : best;
        to[order[g]] = best;
        filled[best] += size[order[g]];
    }
    for (size_t i = 0; i < m->rows; i++)
        unit[i] = to[m->group[i]];
    mem_free(size);
    mem_free(filled);
    mem_free(to);
    return ASX_OK;
}

/*
 * Blocks of time that never cut equal times: k + 1 for expanding windows (block 0 is never held out), or the last share.
 * A boundary moves to the nearest change of time.
 */
static asx_st deal_time(struct maker *m, int32_t *unit)
{
    size_t missing;
    struct sortable *s = sorted(m, m->o->time, &missing);
    if (!s)
        return nomem(m);
    int blocks = m->o->holdout > 0 ? 2 : m->k + 1;
    size_t from = 0;
    asx_st st = ASX_OK;
    for (int b = 0; b < blocks && !st; b++) {
        double share = m->o->holdout > 0 ? (b == 0 ? 1 - m->o->holdout : 1) : (double)(b + 1) / blocks;
        size_t to = b + 1 == blocks ? m->rows : (size_t)(share * (double)m->rows + 0.5);
        to = to > from ? to : from + 1;
        while (b + 1 < blocks && to < m->rows && s[to].value == s[to - 1].value)
            to++;
        if (to > m->rows || from >= m->rows || (b + 1 < blocks && to >= m->rows))
            st = err_set(m->err, ASX_E_INVAL,
                         "the time column has too few distinct times for %d folds in order of time; use fewer folds", m->k);
        for (size_t i = from; i < to && !st; i++)
            unit[s[i].row] = b - 1;
        from = to;
    }
    mem_free(s);
    return st;
}

/* ---- shuffled rows --------------------------------------------------------------------- */

/* Deals order[0..n) round and round, going on at *next. */
static void deal(const struct maker *m, const uint32_t *order, size_t n, int32_t *unit, size_t *next)
{
    for (size_t i = 0; i < n; i++)
        unit[order[i]] = (int32_t)((*next)++ % (size_t)m->k);
}

/* Holds out the first `count` of order[0..n). */
static void hold(const uint32_t *order, size_t n, size_t count, int32_t *unit)
{
    for (size_t i = 0; i < n; i++)
        unit[order[i]] = i < count ? 0 : -1;
}

/* Rows side by side by class, ascending within one: order[start[c] .. start[c + 1]). */
static asx_st by_class(struct maker *m, size_t *start)
{
    int classes = m->o->label ? m->o->classes : 1;
    size_t *at = mem_calloc(m->mem, (size_t)classes + 1, sizeof *at);
    if (!at)
        return nomem(m);
    for (size_t i = 0; i < m->rows; i++)
        start[1 + (m->o->label ? m->o->label[i] : 0)]++;
    for (int c = 0; c < classes; c++) {
        at[c] = start[c];
        start[c + 1] += start[c];
    }
    for (size_t i = 0; i < m->rows; i++)
        m->order[at[m->o->label ? m->o->label[i] : 0]++] = (uint32_t)i;
    mem_free(at);
    return ASX_OK;
}

static asx_st deal_rows(struct maker *m, int32_t *unit, struct rng *rng)
{
    size_t next = 0, held = 0;
    int classes = m->o->label ? m->o->classes : 1;
    size_t *start = mem_calloc(m->mem, (size_t)classes + 1, sizeof *start);
    asx_st st = start ? by_class(m, start) : nomem(m);
    for (int c = 0; c < classes && !st; c++) {
        uint32_t *order = m->order + start[c];
        size_t n = start[c + 1] - start[c];
        rng_shuffle_u32(rng, order, n);
        if (m->o->holdout > 0) {
            /* what is owed up to here, less what was held out: both class and total come out within one row */
            size_t owed = (size_t)(m->o->holdout * (double)start[c + 1] + 0.5);
            size_t count = owed > held ? owed - held : 0;
            count = count < n ? count : n;
            count = n >= 2 && count == n ? n - 1 : count;
            hold(order, n, count, unit);
            held += count;
        } else {
            deal(m, order, n, unit, &next);
        }
    }
    if (!st && m->o->holdout > 0 && held == 0) {
        int last = classes - 1;
        while (last > 0 && start[last] == start[last + 1])
            last--;
        unit[m->order[start[last]]] = 0;
    }
    mem_free(start);
    return st;
}

/* ---- assembling ------------------------------------------------------------------------- */

static asx_st check(struct maker *m)
{
    const struct split_options *o = m->o;
    bool holdout = o->holdout != 0;
    if (o->group && o->time)
        return err_set(m->err, ASX_E_INVAL, "both a group and a time column are given for validation; give one of them");
    if (holdout && !(o->holdout > 0 && o->holdout < 1))
        return err_set(m->err, ASX_E_INVAL, "a holdout of %g is no share of the rows; give one between 0 and 1", o->holdout);
    if (!holdout && o->folds < 2)
        return err_set(m->err, ASX_E_INVAL, "%d folds cannot be made; give at least 2", o->folds);
    if (m->rows < 2 || (!holdout && m->rows < (size_t)o->folds))
        return err_set(m->err, ASX_E_INVAL, "%zu rows are too few for validation with %d folds; give more rows or fewer folds",
                       m->rows, holdout ? 1 : o->folds);
    if (m->rows >= UINT32_MAX)
        return err_set(m->err, ASX_E_UNSUPPORTED, "%zu rows are too many; sample them", m->rows);
    return ASX_OK;
}

static asx_st deal_all(struct maker *m)
{
    asx_st st = ASX_OK;
    if (m->o->group)
        st = find_groups(m);
    if (!st && m->o->group && m->groups < (size_t)(m->k < 2 ? 2 : m->k))
        st = err_set(m->err, ASX_E_INVAL, "the group column has %zu groups, too few for %d folds; use fewer folds", m->groups,
                     m->k < 2 ? 2 : m->k);
    for (int r = 0; !st && r < m->repeats; r++) {
        struct rng rng = rng_stream(m->o->seed, SPLIT_STREAM, (uint64_t)r, 0);
        int32_t *unit = m->unit + (size_t)r * m->rows;
        if (m->o->group)
            st = deal_groups(m, unit, &rng);
        else if (m->o->time)
            st = deal_time(m, unit);
        else
            st = deal_rows(m, unit, &rng);
    }
    return st;
}

/* Row lists of fold f of one repeat. Expanding windows train on earlier blocks only. */
static asx_st make_fold(struct maker *m, const int32_t *unit, int f, struct asx_fold *out)
{
    size_t train = 0, test = 0;
    for (size_t i = 0; i < m->rows; i++) {
        test += unit[i] == f;
        train += m->o->time ? unit[i] < f : unit[i] != f;
    }
    uint32_t *t = mem_array(m->mem, train, sizeof *t), *h = mem_array(m->mem, test, sizeof *h);
    out->train = t;
    out->test = h;
    if (!t || !h)
        return nomem(m);
    for (size_t i = 0; i < m->rows; i++) {
        if (unit[i] == f)
            h[out->n_test++] = (uint32_t)i;
        else if (!m->o->time || unit[i] < f)
            t[out->n_train++] = (uint32_t)i;
    }
    if (train == 0 || test == 0)
        return err_set(m->err, ASX_E_INVAL, "a fold has no %s rows; use fewer folds", train ? "held-out" : "training");
    return ASX_OK;
}

static asx_st assemble(struct maker *m, struct asx_splits *s)
{
    struct asx_fold *fold = mem_calloc(m->mem, (size_t)s->folds + 1, sizeof *fold);
    s->fold = fold;
    if (!fold)
        return nomem(m);
    struct hash h = hash_begin("data.splits/1");
    hash_u64(&h, (uint64_t)m->k);
    hash_u64(&h, m->o->time != NULL);
    asx_st st = ASX_OK;
    for (int r = 0; !st && r < m->repeats; r++) {
        const int32_t *unit = m->unit + (size_t)r * m->rows;
        hash_bytes(&h, unit, m->rows * sizeof *unit);
        for (int f = 0; !st && f < m->k; f++)
            st = make_fold(m, unit, f, &fold[r * m->k + f]);
    }
    uint32_t *all = st ? NULL : mem_array(m->mem, m->rows, sizeof *all);
    if (st || !all)
        return st ? st : nomem(m);
    for (size_t i = 0; i < m->rows; i++)
        all[i] = (uint32_t)i;
    fold[s->folds] = (struct asx_fold){all, NULL, m->rows, 0};
    s->key = hash_end(&h);
    bool once = m->repeats == 1 && !m->o->time && m->o->holdout == 0 && m->k <= 255;
    uint8_t *of = once ? mem_array(m->mem, m->rows, sizeof *of) : NULL;
    for (size_t i = 0; of && i < m->rows; i++)
        of[i] = (uint8_t)m->unit[i];
    s->fold_of = of;
    return once && !of ? nomem(m) : ASX_OK;
}

asx_st splits_make(const struct split_options *o, size_t rows, struct mem *mem, struct asx_splits **out, struct asx_err *err)
{
    struct maker m = {.o = o, .rows = rows, .mem = mem, .err = err};
    m.k = o->holdout != 0 ? 1 : o->folds;
    m.repeats = o->repeats > 1 && !o->time ? o->repeats : 1;
    asx_st st = check(&m);
    if (st)
        return st;
    struct asx_splits *s = mem_calloc(mem, 1, sizeof *s);
    m.order = mem_array(mem, rows, sizeof *m.order);
    m.unit = mem_array(mem, rows * (size_t)m.repeats, sizeof *m.unit);
    st = s && m.order && m.unit ? deal_all(&m) : nomem(&m);
    if (!st) {
        s->folds = m.k * m.repeats;
        st = assemble(&m, s);
    }
    mem_free(m.order);
    mem_free(m.unit);
    mem_free(m.group);
    if (st)
        splits_free(s);
    else
        *out = s;
    return st;
}

void splits_free(struct asx_splits *s)
{
    if (!s)
        return;
    for (int f = 0; s->fold && f <= s->folds; f++) {
        mem_free((void *)(uintptr_t)s->fold[f].train);
        mem_free((void *)(uintptr_t)s->fold[f].test);
    }
    mem_free((void *)(uintptr_t)s->fold);
    mem_free((void *)(uintptr_t)s->fold_of);
    mem_free(s);
}

void splits_default(size_t rows, double cells, struct split_options *o)
{
    if (o->folds || o->holdout != 0)
        return;
    if (rows >= 200000 || cells >= 2e7)
        o->holdout = rows >= 1000000 ? 0.1 : 0.2;
    else
        o->folds = rows < 10 ? (rows < 4 ? 2 : 3) : 5;
    if (!o->repeats && o->folds && !o->time)
        o->repeats = rows < 1000 ? 2 : 1;
}
