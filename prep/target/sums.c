/* SPDX-License-Identifier: Apache-2.0 */
/* Sums of the target per level and inner fold, and the encodings they give. */
#include "prep/target/target.h"

/* Value of output k for a row: 1 or 0 for a class, else the target. */
static inline double value_of(const struct target_work_set *t, const struct target_state *s, size_t row, int k)
{
    return t->label ? (double)(t->label[row] == s->class_of[k]) : t->y[row];
}

static inline double weight_of(const struct target_work_set *t, size_t row)
{
    return t->weight ? t->weight[row] : 1;
}

void target_priors(struct asx_exec *x, struct target_work_set *t, struct target_state *s)
{
    int outputs = s->outputs, folds = t->fold ? t->folds : 1;
    double *sum = arena_calloc(x->scratch, (size_t)folds * (size_t)(outputs + 1), sizeof *sum);
    t->fold_prior = t->fold ? arena_calloc(x->scratch, (size_t)folds * (size_t)outputs, sizeof *t->fold_prior) : NULL;
    if (!sum || (t->fold && !t->fold_prior)) {
        t->fold_prior = NULL;
        s->prior = NULL;
        return;
    }
    for (size_t i = 0; i < t->n; i++) {
        size_t row = target_row(t, i);
        double w = weight_of(t, row), *to = sum + (size_t)(t->fold ? t->fold[i] : 0) * (size_t)(outputs + 1);
        for (int k = 0; k < outputs; k++)
            to[k] += w * value_of(t, s, row, k);
        to[outputs] += w;
    }
    for (int k = 0; k < outputs; k++) {
        double total = 0, weight = 0;
        for (int f = 0; f < folds; f++) {
            total += sum[f * (outputs + 1) + k];
            weight += sum[f * (outputs + 1) + outputs];
        }
        s->prior[k] = weight > 0 ? total / weight : 0;
        for (int f = 0; t->fold && f < folds; f++) {
            /* summed over the other folds, not subtracted: nothing of the fold's own targets may remain */
            double rest = 0, rest_weight = 0;
            for (int g = 0; g < folds; g++) {
                rest += g == f ? 0 : sum[g * (outputs + 1) + k];
                rest_weight += g == f ? 0 : sum[g * (outputs + 1) + outputs];
            }
            t->fold_prior[f * outputs + k] = rest_weight > 0 ? rest / rest_weight : 0;
        }
    }
}

/* Sums by (level, fold): entry (level * folds + fold) * (outputs + 1), the weight last. */
static void add_up(const struct target_work_set *t, const struct target_state *s, const int32_t *code, int folds, uint64_t *rows,
                   double *sum)
{
    size_t width = (size_t)s->outputs + 1;
    for (size_t i = 0; i < t->n; i++) {
        size_t row = target_row(t, i), level = (size_t)(1 + code[row]);
        double w = weight_of(t, row), *to = sum + (level * (size_t)folds + (size_t)(folds > 1 ? t->fold[i] : 0)) * width;
        rows[level]++;
        for (int k = 0; k < s->outputs; k++)
            to[k] += w * value_of(t, s, row, k);
        to[s->outputs] += w;
    }
}

/* The encoding from the sums of all folds but one (leave = -1: of all). */
static double encode(const double *sum, int folds, int leave, int outputs, int k, double smoothing, double prior)
{
    double total = 0, weight = 0;
    for (int f = 0; f < folds; f++) {
        if (f == leave)
            continue;
        total += sum[f * (outputs + 1) + k];
        weight += sum[f * (outputs + 1) + outputs];
    }
    return weight + smoothing > 0 ? (total + smoothing * prior) / (weight + smoothing) : prior;
}

asx_st target_sums_make(struct asx_exec *x, const struct target_work_set *t, const struct target_state *s,
                        const struct asx_column *c, bool cross, struct target_sums *out)
{
    *out = (struct target_sums){.memory = NULL};
    if (!s->prior || (cross && !t->fold_prior))
        return ASX_E_NOMEM;
    size_t entries = c->levels + 1, outputs = (size_t)s->outputs;
    int folds = cross ? t->folds : 1;
    size_t sums = entries * (size_t)folds * (outputs + 1), without = cross ? entries * (size_t)folds * outputs : 0;
    double *memory = mem_calloc(x->mem, sums + without + entries * outputs + entries, sizeof *memory);
    if (!memory)
        return ASX_E_NOMEM;
    out->memory = memory;
    out->value = memory + sums;
    out->without = cross ? out->value + entries * outputs : NULL;
    out->rows = (uint64_t *)(void *)(out->value + entries * outputs + without);
    add_up(t, s, c->code, folds, out->rows, memory);
    for (size_t e = 0; e < entries; e++) {
        const double *sum = memory + e * (size_t)folds * (outputs + 1);
        for (int k = 0; k < s->outputs; k++) {
            out->value[e * outputs + (size_t)k] = encode(sum, folds, -1, s->outputs, k, t->smoothing, s->prior[k]);
            for (int f = 0; cross && f < folds; f++)
                out->without[(e * (size_t)folds + (size_t)f) * outputs + (size_t)k] =
                    encode(sum, folds, f, s->outputs, k, t->smoothing, t->fold_prior[f * s->outputs + k]);
        }
    }
    return ASX_OK;
}

void target_sums_clear(struct target_sums *s)
{
    mem_free(s->memory);
    s->memory = NULL;
}
