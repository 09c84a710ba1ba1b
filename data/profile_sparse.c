/* SPDX-License-Identifier: Apache-2.0 */
/* Facts of the features of a sparse table. Absent cells are 0; features that no row has are not listed: there may be
 * a hundred million of them. */
#include "base/err.h"
#include "data/profile_internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct cell {
    int32_t column;
    float value;
};

/* By column, then by value; missing cells last. */
static int by_column(const void *a, const void *b)
{
    const struct cell *x = a, *y = b;
    if (x->column != y->column)
        return x->column < y->column ? -1 : 1;
    bool p = x->value != x->value, q = y->value != y->value;
    if (p || q)
        return p - q;
    return (x->value > y->value) - (x->value < y->value);
}

/* ---- one feature ---------------------------------------------------------------------- */

/* The most frequent values so far, by count, then by value. */
struct top {
    double value[PROFILE_TOP];
    size_t count[PROFILE_TOP];
    int n;
};

static void top_add(struct top *t, double value, size_t count)
{
    int at = t->n;
    while (at > 0 && (t->count[at - 1] < count || (t->count[at - 1] == count && t->value[at - 1] > value)))
        at--;
    if (at == PROFILE_TOP)
        return;
    int moved = (t->n < PROFILE_TOP ? t->n : PROFILE_TOP - 1) - at;
    memmove(t->value + at + 1, t->value + at, (size_t)moved * sizeof *t->value);
    memmove(t->count + at + 1, t->count + at, (size_t)moved * sizeof *t->count);
    t->value[at] = value;
    t->count[at] = count;
    t->n += t->n < PROFILE_TOP;
}

static void note_value(struct asx_column_facts *f, struct top *top, double v, size_t count)
{
    f->distinct++;
    f->integral = f->integral && v == rint(v);
    f->min = fmin(f->min, v);
    f->max = fmax(f->max, v);
    top_add(top, v, count);
}

static void moments(const struct cell *c, size_t n, size_t zeros, struct asx_column_facts *f)
{
    double sum = 0, s2 = 0, s3 = 0, all = (double)(n + zeros);
    for (size_t i = 0; i < n; i++)
        sum += (double)c[i].value;
    f->mean = sum / all;
    for (size_t i = 0; i < n; i++) {
        double e = (double)c[i].value - f->mean;
        s2 += e * e;
        s3 += e * e * e;
    }
    s2 += (double)zeros * f->mean * f->mean;
    s3 -= (double)zeros * f->mean * f->mean * f->mean;
    f->std = f->min == f->max ? 0 : sqrt(s2 / all);
    f->skew = f->std > 0 ? s3 / all / (f->std * f->std * f->std) : 0;
}

/* c: the n stored cells of a feature, sorted. */
static asx_st feature_facts(struct profile_feature *out, const struct cell *c, size_t n, size_t rows, struct mem *mem)
{
    struct asx_column_facts *f = &out->facts;
    struct top top = {.n = 0};
    size_t absent = rows - n, zeros = absent, present = n;
    *f = (struct asx_column_facts){.min = INFINITY, .max = -INFINITY, .mean = NAN, .std = NAN, .skew = NAN, .integral = true};
    snprintf(out->name, sizeof out->name, "f%d", c->column + 1);
    while (present > 0 && c[present - 1].value != c[present - 1].value)
        present--;
    f->missing = n - present;
    for (size_t i = 0, to; i < present; i = to) {
        for (to = i + 1; to < present && !(c[to].value > c[i].value); to++) {
        }
        if (c[i].value == 0)
            zeros += to - i;
        else
            note_value(f, &top, (double)c[i].value, to - i);
    }
    if (zeros)
        note_value(f, &top, 0, zeros);
    if (f->distinct)
        moments(c, present, absent, f);
    else
        f->min = f->max = NAN;
    f->role = f->distinct == 0 || (f->distinct == 1 && !f->missing) ? ASX_ROLE_CONSTANT : ASX_ROLE_FEATURE;
    out->more = (struct profile_column){.duplicate_of = -1, .missing_with = -1, .predicts_target = NAN};
    for (int i = 0; i < top.n; i++) {
        char text[32];
        snprintf(text, sizeof text, "%.9g", top.value[i]);
        out->more.top[i].count = top.count[i];
        out->more.top[i].text = mem_strdup(mem, text);
        if (!out->more.top[i].text)
            return ASX_E_NOMEM;
    }
    return ASX_OK;
}

/* ---- all ------------------------------------------------------------------------------ */

asx_st profile_sparse(struct profile *p, const struct asx_csr *x, struct mem *mem, struct asx_err *err)
{
    size_t n = (size_t)x->indptr[x->rows], features = 0;
    struct cell *cell = mem_array(mem, n + 1, sizeof *cell);
    asx_st st = cell ? ASX_OK : ASX_E_NOMEM;
    for (size_t i = 0; !st && i < n; i++)
        cell[i] = (struct cell){x->indices[i], x->values[i]};
    if (!st) {
        qsort(cell, n, sizeof *cell, by_column);
        for (size_t i = 0; i < n; i++)
            features += i == 0 || cell[i].column != cell[i - 1].column;
        p->feature = mem_calloc(mem, features + 1, sizeof *p->feature);
        st = p->feature ? ASX_OK : ASX_E_NOMEM;
    }
    for (size_t i = 0, to; !st && i < n; i = to) {
        for (to = i + 1; to < n && cell[to].column == cell[i].column; to++) {
        }
        st = feature_facts(&p->feature[p->features++], cell + i, to - i, x->rows, mem);
    }
    mem_free(cell);
    return st ? err_set(err, st, "no memory to profile %zu cells; raise the memory limit", n) : ASX_OK;
}
