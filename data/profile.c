/* SPDX-License-Identifier: Apache-2.0 */
/* Facts of columns, roles, target facts. */
#include "base/err.h"
#include "data/distinct.h"
#include "data/infer.h"
#include "data/profile_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { STRETCH = 4096, ID_ROWS = 20 };

struct work {
    const struct asx_frame *frame;
    struct profile *p;
    const struct data_par *par;
    unsigned flags;
    struct mem *mem;
    uint64_t *content; /* [columns] hash of the cells, for duplicates */
    bool *failed;      /* [columns] */
};

static uint64_t bits_of(double v)
{
    uint64_t u;
    v = v == 0 ? 0 : v; /* -0 is 0 */
    memcpy(&u, &v, sizeof u);
    return v != v ? 0x7ff8000000000000u : u;
}

/* ---- numbers ------------------------------------------------------------------------- */

struct moments {
    double s2, s3;
};

/* Mean first, then central moments; blocks of fixed size added in order. */
static void moments(const struct asx_column *c, size_t rows, struct asx_column_facts *f)
{
    size_t n = rows - f->missing;
    if (n == 0)
        return;
    double sum = 0;
    double origin = f->min;
    for (size_t from = 0; from < rows; from += STRETCH) {
        double part = 0;
        for (size_t i = from; i < rows && i < from + STRETCH; i++) {
            double v = asx_column_number(c, i);
            part += v == v ? v - origin : 0;
        }
        sum += part;
    }
    f->mean = origin + sum / (double)n;
    struct moments m = {0, 0};
    for (size_t from = 0; from < rows; from += STRETCH) {
        struct moments part = {0, 0};
        for (size_t i = from; i < rows && i < from + STRETCH; i++) {
            double v = asx_column_number(c, i), e = v == v ? v - f->mean : 0;
            part.s2 += e * e;
            part.s3 += e * e * e;
        }
        m.s2 += part.s2;
        m.s3 += part.s3;
    }
    double variance = f->min == f->max ? 0 : m.s2 / (double)n;
    f->std = sqrt(variance);
    f->skew = variance > 0 ? m.s3 / (double)n / (variance * f->std) : 0;
}

static void number_facts(struct work *w, size_t j, struct distinct *d)
{
    const struct asx_column *c = &w->frame->column[j];
    struct asx_column_facts *f = &w->p->own[j];
    uint64_t content = 0x9e3779b97f4a7c15u;
    bool integral = true;
    double min = INFINITY, max = -INFINITY;
    for (size_t i = 0; i < w->frame->rows; i++) {
        double v = asx_column_number(c, i);
        uint64_t u = bits_of(v);
        content = distinct_mix(content ^ u) + 0x9e3779b97f4a7c15u;
        if (v != v) {
            f->missing++;
            continue;
        }
        integral = integral && v == rint(v);
        min = v < min ? v : min;
        max = v > max ? v : max;
        distinct_add(d, distinct_mix(u), (uint32_t)i);
    }
    w->content[j] = content;
    f->integral = integral && f->missing < w->frame->rows;
    f->distinct = distinct_count(d);
    if (min <= max) {
        f->min = min;
        f->max = max;
        moments(c, w->frame->rows, f);
    }
}

/* ---- categories and text ---------------------------------------------------------------- */

static void text_facts(struct work *w, size_t j, struct distinct *d)
{
    const struct asx_column *c = &w->frame->column[j];
    struct asx_column_facts *f = &w->p->own[j];
    uint64_t content = 1;
    double words = 0;
    for (size_t i = 0; i < w->frame->rows; i++) {
        if (frame_missing(c, i)) {
            f->missing++;
            content = distinct_mix(content ^ 7);
            continue;
        }
        const char *text = c->bytes + c->offset[i];
        size_t size = (size_t)(c->offset[i + 1] - c->offset[i]);
        uint64_t h = XXH3_64bits(text, size);
        content = distinct_mix(content ^ h);
        words += (double)infer_words(text, size);
        distinct_add(d, h, (uint32_t)i);
    }
    w->content[j] = content;
    f->distinct = distinct_count(d);
    size_t n = w->frame->rows - f->missing;
    f->mean_words = n ? words / (double)n : 0;
}

/* Fills top[] with the most frequent of entries (count, row of an example, order for ties). */
struct candidate {
    size_t count, order;
    uint32_t row;
};

static void offer(struct candidate *best, struct candidate c)
{
    for (int i = 0; i < PROFILE_TOP; i++) {
        if (c.count > best[i].count || (c.count == best[i].count && c.count && c.order < best[i].order)) {
            struct candidate other = best[i];
            best[i] = c;
            c = other;
        }
    }
}

static bool keep_top(struct work *w, size_t j, const struct candidate *best)
{
    const struct asx_column *c = &w->frame->column[j];
    for (int i = 0; i < PROFILE_TOP && best[i].count; i++) {
        char buffer[256];
        const char *text = frame_cell(c, best[i].row, buffer, sizeof buffer);
        w->p->column[j].top[i].text = mem_strdup(w->mem, text ? text : "");
        w->p->column[j].top[i].count = best[i].count;
        if (!w->p->column[j].top[i].text)
            return false;
    }
    return true;
}

/* Ties of numbers by value, of texts by first appearance. */
static bool top_of_distinct(struct work *w, size_t j, const struct distinct *d)
{
    const struct asx_column *c = &w->frame->column[j];
    struct candidate best[PROFILE_TOP] = {{0, 0, 0}};
    for (size_t i = 0; d->entry && i < d->slots; i++) {
        if (!d->entry[i].count)
            continue;
        size_t order = d->entry[i].row;
        if (c->store != ASX_STORE_STRING) { /* an order-preserving map of doubles to whole numbers */
            uint64_t u = bits_of(asx_column_number(c, d->entry[i].row));
            order = (size_t)(u >> 63 ? ~u : u | (uint64_t)1 << 63);
        }
        offer(best, (struct candidate){d->entry[i].count, order, d->entry[i].row});
    }
    return keep_top(w, j, best);
}

static bool code_facts(struct work *w, size_t j)
{
    const struct asx_column *c = &w->frame->column[j];
    struct asx_column_facts *f = &w->p->own[j];
    struct candidate *level = mem_calloc(w->mem, c->levels + 1, sizeof *level);
    uint64_t *hash = mem_array(w->mem, c->levels + 1, sizeof *hash);
    struct candidate best[PROFILE_TOP] = {{0, 0, 0}};
    bool good = level && hash;
    for (size_t k = 0; good && k < c->levels; k++)
        hash[k] = XXH3_64bits(c->level[k], strlen(c->level[k]));
    uint64_t content = 2;
    for (size_t i = 0; good && i < w->frame->rows; i++) {
        int32_t code = c->code[i];
        content = distinct_mix(content ^ (code < 0 ? 7 : hash[code]));
        if (code < 0) {
            f->missing++;
            continue;
        }
        if (level[code].count++ == 0)
            level[code].row = (uint32_t)i;
        level[code].order = (size_t)code;
    }
    w->content[j] = content;
    for (size_t k = 0; good && k < c->levels; k++) {
        f->distinct += level[k].count > 0;
        offer(best, level[k]);
    }
    mem_free(level);
    mem_free(hash);
    return good && ((w->flags & PROFILE_QUICK) || keep_top(w, j, best));
}

static void column_facts(void *arg, size_t j, int worker)
{
    struct work *w = arg;
    const struct asx_column *c = &w->frame->column[j];
    struct asx_column_facts *f = &w->p->own[j];
    (void)worker;
    if (data_par_stop(w->par))
        return; /* profile_make sees it, too */
    f->min = f->max = f->mean = f->std = f->skew = NAN;
    w->p->column[j].duplicate_of = w->p->column[j].missing_with = -1;
    w->p->column[j].predicts_target = NAN;
    if (c->store == ASX_STORE_CODE) {
        w->failed[j] = !code_facts(w, j);
        return;
    }
    struct distinct d;
    distinct_init(&d, w->mem);
    if (c->store == ASX_STORE_STRING)
        text_facts(w, j, &d);
    else
        number_facts(w, j, &d);
    w->failed[j] = d.failed || (!(w->flags & PROFILE_QUICK) && !top_of_distinct(w, j, &d));
    distinct_clear(&d);
}

/* ---- roles ------------------------------------------------------------------------------ */

static bool equal_cells(const struct asx_column *a, const struct asx_column *b, size_t rows)
{
    if (a->type != b->type)
        return false;
    for (size_t i = 0; i < rows; i++) {
        bool missing = frame_missing(a, i);
        if (missing != frame_missing(b, i))
            return false;
        if (missing)
            continue;
        if (a->store == ASX_STORE_STRING && b->store == ASX_STORE_STRING) {
            size_t n = (size_t)(a->offset[i + 1] - a->offset[i]);
            if (n != b->offset[i + 1] - b->offset[i] || memcmp(a->bytes + a->offset[i], b->bytes + b->offset[i], n) != 0)
                return false;
        } else if (a->store == ASX_STORE_CODE && b->store == ASX_STORE_CODE) {
            if (strcmp(a->level[a->code[i]], b->level[b->code[i]]) != 0)
                return false;
        } else if (asx_column_number(a, i) != asx_column_number(b, i)) {
            return false;
        }
    }
    return true;
}

struct content {
    uint64_t hash;
    int column;
};

static int by_content(const void *a, const void *b)
{
    const struct content *x = a, *y = b;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return x->column - y->column;
}

static asx_st find_duplicates(struct work *w, struct asx_err *err)
{
    size_t n = w->frame->columns;
    struct content *list = mem_array(w->mem, n, sizeof *list);
    if (!list)
        return err_set(err, ASX_E_NOMEM, "no memory to profile %zu columns; raise the memory limit", n);
    for (size_t j = 0; j < n; j++)
        list[j] = (struct content){w->content[j], (int)j};
    qsort(list, n, sizeof *list, by_content);
    for (size_t i = 1; i < n; i++) {
        for (size_t k = i; k-- > 0 && list[k].hash == list[i].hash;) {
            int a = list[k].column, b = list[i].column;
            if (w->p->own[a].role != ASX_ROLE_FEATURE || w->p->own[b].role != ASX_ROLE_FEATURE)
                continue;
            if (equal_cells(&w->frame->column[a], &w->frame->column[b], w->frame->rows)) {
                w->p->own[b].role = ASX_ROLE_DUPLICATE;
                w->p->column[b].duplicate_of = a;
                break;
            }
        }
    }
    mem_free(list);
    return ASX_OK;
}

static enum asx_role role_of(const struct asx_column *c, const struct asx_column_facts *f, size_t rows)
{
    size_t present = rows - f->missing;
    if (present == 0 || (f->distinct <= 1 && f->missing == 0))
        return ASX_ROLE_CONSTANT;
    if (c->type == ASX_CATEGORICAL && f->distinct == present && present >= ID_ROWS)
        return ASX_ROLE_ID;
    /* estimated counts of long columns are let off by 5 % */
    bool unlike = f->distinct > DISTINCT_EXACT ? (double)f->distinct > 0.95 * (double)rows : f->distinct == rows;
    if (c->type == ASX_NUMERIC && f->integral && f->missing == 0 && rows >= ID_ROWS && unlike &&
        (f->max - f->min + 1) <= 1.5 * (double)rows)
        return ASX_ROLE_ID;
    return ASX_ROLE_FEATURE;
}

static asx_st find_roles(struct work *w, int target, struct asx_err *err)
{
    for (size_t j = 0; j < w->frame->columns; j++)
        w->p->own[j].role = (int)j == target ? ASX_ROLE_TARGET : role_of(&w->frame->column[j], &w->p->own[j], w->frame->rows);
    return find_duplicates(w, err);
}

/* ---- the target --------------------------------------------------------------------------- */

static void target_facts(struct profile *p, const struct asx_frame *frame, int target)
{
    p->target = (struct profile_target){.column = target, .minority = NAN};
    if (target < 0)
        return;
    const struct asx_column *c = &frame->column[target];
    const struct asx_column_facts *f = &p->own[target];
    size_t present = frame->rows - f->missing;
    p->target.missing = f->missing;
    p->target.classes = f->distinct;
    bool number = c->type == ASX_NUMERIC || c->type == ASX_DATETIME;
    /* many distinct numbers, or fractions among more than a few: a quantity */
    p->target.looks_regression =
        number && (f->distinct > 100 || (!f->integral && f->distinct > 10) || (f->distinct > 20 && f->distinct * 10 > present));
    p->target.looks_classes = !p->target.looks_regression;
    if (f->distinct == 0 || f->distinct > 100)
        return;
    /* the rarest of at most 100 values */
    double value[100];
    size_t count[100], n = 0;
    for (size_t i = 0; i < frame->rows; i++) {
        double v = asx_column_number(c, i);
        if (v != v)
            continue;
        size_t k = 0;
        while (k < n && value[k] != v)
            k++;
        if (k == n && n < 100) {
            value[n] = v;
            count[n++] = 0;
        }
        if (k < n)
            count[k]++;
    }
    size_t least = present;
    for (size_t k = 0; k < n; k++)
        least = count[k] < least ? count[k] : least;
    if (n)
        p->target.minority = (double)least / (double)present;
}

static double density(const struct asx_frame *f)
{
    if (!f->sparse || !f->sparse->rows || !f->sparse->cols)
        return 1;
    return (double)f->sparse->indptr[f->sparse->rows] / ((double)f->sparse->rows * (double)f->sparse->cols);
}

asx_st profile_make(const struct asx_frame *frame, int target, const struct data_par *par, unsigned flags, struct mem *mem,
                    struct profile **out, struct asx_err *err)
{
    size_t n = frame->columns;
    struct profile *p = mem_calloc(mem, 1, sizeof *p);
    struct work w = {.frame = frame, .p = p, .par = par, .flags = flags, .mem = mem};
    asx_st st = ASX_E_NOMEM;
    if (target >= (int)n)
        return mem_free(p),
               err_set(err, ASX_E_INVAL, "target column %d is beyond the table's %zu columns; name one of them", target, n);
    if (p) {
        p->columns = n;
        p->rows = frame->rows;
        p->own = mem_calloc(mem, n, sizeof *p->own);
        p->column = mem_calloc(mem, n, sizeof *p->column);
        p->facts = (struct asx_profile){p->own, density(frame)};
    }
    w.content = mem_array(mem, n, sizeof *w.content);
    w.failed = mem_calloc(mem, n, sizeof *w.failed);
    if (p && p->own && p->column && w.content && w.failed) {
        st = ASX_OK;
        data_par_run(par, n, column_facts, &w);
        for (size_t j = 0; j < n; j++)
            st = w.failed[j] ? ASX_E_NOMEM : st;
    }
    if (st)
        err_set(err, st, "no memory to profile %zu columns; raise the memory limit", n);
    if (!st && data_par_stop(par))
        st = ASX_STOPPED;
    if (!st)
        st = find_roles(&w, target, err);
    if (!st && frame->sparse && !(flags & PROFILE_QUICK))
        st = profile_sparse(p, frame->sparse, mem, err);
    if (!st) {
        target_facts(p, frame, target);
        st = profile_predictors(p, frame, par, mem, err);
        if (!st && !(flags & PROFILE_QUICK))
            st = profile_missingness(p, frame, par, mem, err);
        st = st == ASX_STOPPED ? ASX_OK : st; /* the facts are there; notes for people are left out */
    }
    mem_free(w.content);
    mem_free(w.failed);
    if (st)
        profile_free(p);
    else
        *out = p;
    return st;
}

static void clear_column(struct profile_column *c)
{
    for (int i = 0; i < PROFILE_TOP; i++)
        mem_free(c->top[i].text);
    mem_free(c->missingness_text);
}

void profile_free(struct profile *p)
{
    if (!p)
        return;
    for (size_t j = 0; p->column && j < p->columns; j++)
        clear_column(&p->column[j]);
    for (size_t j = 0; j < p->features; j++)
        clear_column(&p->feature[j].more);
    mem_free(p->feature);
    mem_free(p->own);
    mem_free(p->column);
    mem_free(p);
}
