/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Features that predict the target all by themselves, which more often than not means that the target leaked into them.
 *
 * Rows of a sample are dealt to two halves. In the first each bin of the feature learns the commonest class (or the mean);
 * the second tells how good that is: (accuracy - a) / (1 - a) with a the accuracy of the commonest class, or
 * 1 - sum of squared errors / sum of squares around the first half's mean. Negative shares count as 0.
 */
#include "base/err.h"
#include "data/distinct.h"
#include "data/profile_internal.h"

#include <math.h>
#include <string.h>

enum { BINS = PROFILE_BINS, SLOTS = BINS + 1, CLASSES = 64, SAMPLE = 6000 };

struct job {
    struct profile *p;
    const struct data_par *par;
    const struct asx_frame *frame;
    const struct binned *b;
    const uint8_t *label; /* [rows] class, 255 missing; NULL: numbers */
    const double *value;  /* [rows] */
    int classes;
};

/* Which half a sampled row is in: by hash, so that order in the file means nothing. */
static inline bool learns(size_t i)
{
    return distinct_mix(i + 1) & 1;
}

static double classes_share(const struct job *k, const uint8_t *bin)
{
    uint32_t count[SLOTS][CLASSES] = {{0}}, all[CLASSES] = {0};
    uint8_t vote[SLOTS], commonest = 0;
    size_t m = k->b->rows, right = 0, base = 0, n = 0;
    for (size_t i = 0; i < m; i++) {
        if (k->label[i] == 255 || !learns(i))
            continue;
        count[bin[i] == 255 ? BINS : bin[i]][k->label[i]]++;
        all[k->label[i]]++;
    }
    for (int c = 1; c < k->classes; c++)
        commonest = all[c] > all[commonest] ? (uint8_t)c : commonest;
    for (int s = 0; s < SLOTS; s++) {
        vote[s] = commonest;
        for (int c = 0; c < k->classes; c++)
            vote[s] = count[s][c] > count[s][vote[s]] ? (uint8_t)c : vote[s];
    }
    for (size_t i = 0; i < m; i++) {
        if (k->label[i] == 255 || learns(i))
            continue;
        n++;
        right += vote[bin[i] == 255 ? BINS : bin[i]] == k->label[i];
        base += commonest == k->label[i];
    }
    return n > base ? ((double)right - (double)base) / ((double)n - (double)base) : NAN;
}

static double numbers_share(const struct job *k, const uint8_t *bin)
{
    double sum[SLOTS] = {0}, total = 0, error = 0, spread = 0;
    size_t count[SLOTS] = {0}, n = 0, m = k->b->rows;
    for (size_t i = 0; i < m; i++) {
        if (k->value[i] != k->value[i] || !learns(i))
            continue;
        int s = bin[i] == 255 ? BINS : bin[i];
        sum[s] += k->value[i];
        count[s]++;
        total += k->value[i];
        n++;
    }
    if (n == 0)
        return NAN;
    double mean = total / (double)n;
    for (size_t i = 0; i < m; i++) {
        if (k->value[i] != k->value[i] || learns(i))
            continue;
        int s = bin[i] == 255 ? BINS : bin[i];
        double e = k->value[i] - (count[s] ? sum[s] / (double)count[s] : mean), d = k->value[i] - mean;
        error += e * e;
        spread += d * d;
    }
    return spread > 0 ? 1 - error / spread : NAN;
}

static void score(void *arg, size_t j, int worker)
{
    struct job *k = arg;
    (void)worker;
    if (k->p->own[j].role != ASX_ROLE_FEATURE || data_par_stop(k->par))
        return;
    const uint8_t *bin = k->b->bin + j * k->b->rows;
    double share = k->label ? classes_share(k, bin) : numbers_share(k, bin);
    k->p->column[j].predicts_target = share < 0 ? 0 : share;
}

asx_st profile_predictors(struct profile *p, const struct asx_frame *frame, const struct data_par *par, struct mem *mem,
                          struct asx_err *err)
{
    const struct profile_target *t = &p->target;
    if (t->column < 0 || frame->rows < 40 || frame->columns < 2 || t->classes < 2 || (t->looks_classes && t->classes > CLASSES))
        return ASX_OK;
    const struct asx_column *c = &frame->column[t->column];
    if (c->store == ASX_STORE_STRING)
        return ASX_OK;
    struct binned b;
    asx_st st = binned_make(&b, frame, par, BINS, SAMPLE, mem, err);
    if (st)
        return st;
    double *value = mem_array(mem, b.rows, sizeof *value), known[CLASSES];
    uint8_t *label = t->looks_classes ? mem_array(mem, b.rows, sizeof *label) : NULL;
    int classes = 0;
    if (!value || (t->looks_classes && !label))
        st = err_set(err, ASX_E_NOMEM, "no memory to profile %zu columns; raise the memory limit", p->columns);
    for (size_t i = 0; !st && i < b.rows; i++) {
        value[i] = asx_column_number(c, b.row[i]);
        if (!label)
            continue;
        int at = 0;
        while (at < classes && known[at] != value[i])
            at++;
        if (at == classes && value[i] == value[i] && classes < CLASSES)
            known[classes++] = value[i];
        label[i] = value[i] == value[i] && at < CLASSES ? (uint8_t)at : 255;
    }
    struct job k = {p, par, frame, &b, label, value, classes};
    if (!st)
        data_par_run(par, p->columns, score, &k);
    mem_free(value);
    mem_free(label);
    binned_clear(&b);
    return st;
}
