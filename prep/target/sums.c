/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tallies of the target per level and inner fold, and the encodings they give. A cell holds
 * what one (level, fold) has: for classes the weight of each class encoded, for numbers mean
 * and squared deviations, and the weight last. Cells of other folds are put together, an own
 * fold's is left out, never subtracted: nothing of its targets may remain.
 */
#include "prep/target/target.h"

static size_t width_of(const struct target_work_set *t, const struct target_state *s)
{
    return (t->label ? (size_t)s->outputs : 2) + 1;
}

/* One more row for a cell (Welford, Technometrics 4:3, 1962, for numbers). */
static inline void cell_add(double *cell, size_t width, const struct target_work_set *t, const struct target_state *s, size_t row)
{
    double w = t->weight ? t->weight[row] : 1, *total = cell + width - 1;
    *total += w;
    if (t->label) {
        for (int k = 0; k < s->outputs; k++)
            cell[k] += t->label[row] == s->class_of[k] ? w : 0;
    } else if (w > 0) {
        double d = t->y[row] - cell[0];
        cell[0] += d * w / *total;
        cell[1] += w * d * (t->y[row] - cell[0]);
    }
}

static struct target_tally cell_tally(const double *cell, size_t width, bool classes, int k)
{
    double w = cell[width - 1];
    if (!(w > 0))
        return (struct target_tally){0, 0, 0};
    if (!classes)
        return (struct target_tally){w, cell[0], cell[1]};
    double share = cell[k] / w;
    return (struct target_tally){w, share, w * share * (1 - share)};
}

/* Two sets of values together (Chan, Golub, LeVeque, 1979). */
static void merge(struct target_tally *a, struct target_tally b)
{
    if (!(b.w > 0))
        return;
    double w = a->w + b.w, d = b.mean - a->mean;
    a->mean += d * b.w / w;
    a->m2 += b.m2 + d * d * a->w * b.w / w;
    a->w = w;
}

/* The folds' cells together, but for fold `leave` (-1: all). */
static struct target_tally gather(const double *cells, size_t width, int folds, int leave, bool classes, int k)
{
    struct target_tally sum = {0, 0, 0};
    for (int f = 0; f < folds; f++)
        if (f != leave)
            merge(&sum, cell_tally(cells + (size_t)f * width, width, classes, k));
    return sum;
}

asx_st target_priors(struct asx_exec *x, struct target_work_set *t, struct target_state *s)
{
    size_t width = width_of(t, s), outputs = (size_t)s->outputs;
    int folds = t->fold ? t->folds : 1;
    double *cell = arena_calloc(x->scratch, (size_t)folds * width, sizeof *cell);
    t->all = arena_calloc(x->scratch, outputs, sizeof *t->all);
    t->others = arena_calloc(x->scratch, (size_t)folds * outputs, sizeof *t->others);
    if (!cell || !t->all || !t->others)
        return ASX_E_NOMEM;
    for (size_t i = 0; i < t->n; i++)
        cell_add(cell + (t->fold ? t->fold[i] * width : 0), width, t, s, target_row(t, i));
    for (size_t k = 0; k < outputs; k++) {
        t->all[k] = gather(cell, width, folds, -1, t->label, (int)k);
        s->prior[k] = t->all[k].mean;
        for (int f = 0; t->fold && f < folds; f++)
            t->others[(size_t)f * outputs + k] = gather(cell, width, folds, f, t->label, (int)k);
    }
    return ASX_OK;
}

/* The level's own mean drawn towards that of all rows. */
static double encode(struct target_tally level, struct target_tally all, double smoothing)
{
    if (!(level.w > 0))
        return all.mean;
    double share = level.w / (level.w + smoothing);
    if (smoothing == 0) {
        double between = all.m2 / all.w * level.w, within = level.m2 / level.w;
        share = between + within > 0 ? between / (between + within) : 0;
    }
    return share * level.mean + (1 - share) * all.mean;
}

asx_st target_sums_make(struct asx_exec *x, const struct target_work_set *t, const struct target_state *s,
                        const struct asx_column *c, bool cross, struct target_sums *out)
{
    size_t entries = c->levels + 1, outputs = (size_t)s->outputs, width = width_of(t, s);
    size_t folds = cross ? (size_t)t->folds : 1;
    size_t cells = entries * folds * width, without = cross ? entries * folds * outputs : 0;
    *out = (struct target_sums){.memory = NULL};
    double *memory = mem_calloc(x->mem, cells + without + entries * outputs + entries, sizeof *memory);
    if (!memory)
        return ASX_E_NOMEM;
    out->memory = memory;
    out->value = memory + cells;
    out->without = cross ? out->value + entries * outputs : NULL;
    out->rows = (uint64_t *)(void *)(out->value + entries * outputs + without);
    for (size_t i = 0; i < t->n; i++) {
        size_t row = target_row(t, i), level = (size_t)(1 + c->code[row]);
        out->rows[level]++;
        cell_add(memory + (level * folds + (cross ? t->fold[i] : 0)) * width, width, t, s, row);
    }
    for (size_t e = 0; e < entries; e++)
        for (size_t k = 0; k < outputs; k++) {
            const double *cell = memory + e * folds * width;
            out->value[e * outputs + k] = encode(gather(cell, width, (int)folds, -1, t->label, (int)k), t->all[k], t->smoothing);
            for (size_t f = 0; cross && f < folds; f++)
                out->without[(e * folds + f) * outputs + k] =
                    encode(gather(cell, width, (int)folds, (int)f, t->label, (int)k), t->others[f * outputs + k], t->smoothing);
        }
    return ASX_OK;
}

void target_sums_clear(struct target_sums *s)
{
    mem_free(s->memory);
    s->memory = NULL;
}
