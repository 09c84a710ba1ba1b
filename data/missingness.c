/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is a column's missingness predictable from the other columns?
 *
 * For each pair (column with missing cells, other column) Pearson's chi-square test of independence between "missing" and
 * the other column's bins (8 at most and one for its own missing cells; bins in which fewer than 1 missing cell or 5 cells
 * are expected are pooled). With C candidates a column's missingness is called predictable when the smallest p-value is
 * below 0.01 / C (Bonferroni) and Cramer's V = sqrt(chi2 / n) of it at least 0.1, so that large tables do not call every
 * trace a dependence. (Cramer, Mathematical Methods of Statistics, 1946, 21.9; Rubin, Inference and Missing Data,
 * Biometrika 63 (1976), for the words.)
 */
#include "base/err.h"
#include "data/profile_internal.h"

#include <math.h>

enum { BINS = 8, SLOTS = BINS + 1, SAMPLE = 20000 };

/* Regularised upper incomplete gamma function Q(a, x): series below a + 1, continued fraction above (DLMF 8.7.1, 8.9.2). */
static double gamma_tail(double a, double x)
{
    if (x <= 0)
        return 1;
    int sign; /* lgamma would write it to a global that all threads share */
    double front = exp(-x + a * log(x) - lgamma_r(a, &sign));
    if (x < a + 1) {
        double term = 1 / a, sum = term;
        for (int i = 1; i < 1000 && term > sum * 1e-16; i++) {
            term *= x / (a + i);
            sum += term;
        }
        return fmax(0, 1 - front * sum);
    }
    /* modified Lentz */
    double b = x + 1 - a, c = 1e300, d = 1 / b, h = d;
    for (int i = 1; i < 1000; i++) {
        double an = -i * (i - a);
        b += 2;
        d = an * d + b;
        d = fabs(d) < 1e-300 ? 1e-300 : d;
        c = b + an / c;
        c = fabs(c) < 1e-300 ? 1e-300 : c;
        d = 1 / d;
        double delta = d * c;
        h *= delta;
        if (fabs(delta - 1) < 1e-15)
            break;
    }
    return front * h;
}

double profile_chi2_tail(double x, double df)
{
    return df > 0 ? gamma_tail(df / 2, x / 2) : 1;
}

/* Chi-square of a 2 x SLOTS table after pooling; p-value, and V through *strength. */
static double dependence(const size_t count[SLOTS][2], double *strength)
{
    double total[2] = {0, 0}, pool[2] = {0, 0}, cell[SLOTS + 1][2];
    int cells = 0;
    for (int k = 0; k < SLOTS; k++) {
        total[0] += (double)count[k][0];
        total[1] += (double)count[k][1];
    }
    double n = total[0] + total[1], share = total[1] / n;
    *strength = 0;
    if (total[0] < 1 || total[1] < 1)
        return 1;
    double rarer = share < 0.5 ? share : 1 - share;
    for (int k = 0; k < SLOTS; k++) {
        double sum = (double)(count[k][0] + count[k][1]);
        if (sum == 0)
            continue;
        if (sum * rarer < 1 || sum < 5) {
            pool[0] += (double)count[k][0];
            pool[1] += (double)count[k][1];
            continue;
        }
        cell[cells][0] = (double)count[k][0];
        cell[cells++][1] = (double)count[k][1];
    }
    double pooled = pool[0] + pool[1];
    if (pooled * rarer >= 1 && pooled >= 5) {
        cell[cells][0] = pool[0];
        cell[cells++][1] = pool[1];
    } else if (cells && pooled > 0) {
        cell[cells - 1][0] += pool[0];
        cell[cells - 1][1] += pool[1];
    }
    if (cells < 2)
        return 1;
    double chi2 = 0;
    for (int k = 0; k < cells; k++) {
        double sum = cell[k][0] + cell[k][1];
        double e = sum * share, d = cell[k][1] - e;
        chi2 += d * d / e + d * d / (sum - e);
    }
    *strength = sqrt(chi2 / n);
    return profile_chi2_tail(chi2, cells - 1);
}

struct job {
    struct profile *p;
    const struct data_par *par;
    const struct asx_frame *frame;
    const struct binned *b;
    struct mem *mem;
    bool *failed;
};

static const char *const at_random_not_seen =
    "completely at random, as far as the data shows (missing not at random cannot be told from data)";

static void note(void *arg, size_t j, int worker)
{
    struct job *k = arg;
    struct profile_column *c = &k->p->column[j];
    const struct asx_column_facts *f = &k->p->own[j];
    size_t m = k->b->rows, n = k->p->columns < 1000 ? k->p->columns : 1000, candidates = 0;
    double best = 2, strength = 0;
    (void)worker;
    if (f->missing == 0 || data_par_stop(k->par))
        return;
    if (f->missing == k->p->rows) {
        c->missingness = "every cell is missing";
        return;
    }
    for (size_t o = 0; o < n; o++) {
        if (o == j || (k->p->own[o].role != ASX_ROLE_FEATURE && k->p->own[o].role != ASX_ROLE_TARGET))
            continue;
        size_t count[SLOTS][2] = {{0, 0}};
        const uint8_t *mine = k->b->bin + j * m, *other = k->b->bin + o * m;
        candidates++;
        for (size_t i = 0; i < m; i++)
            count[other[i] == 255 ? BINS : other[i]][mine[i] == 255]++;
        double v, p = dependence(count, &v);
        if (p < best || (p == best && v > strength)) {
            best = p;
            strength = v;
            c->missing_with = (int)o;
        }
    }
    if (!candidates || best * (double)candidates >= 0.01 || strength < 0.1) {
        c->missing_with = -1;
        c->missingness = at_random_not_seen;
        return;
    }
    c->missing_strength = strength;
    c->missingness_text = mem_printf(k->mem, "at random, depends on '%s' (missing not at random cannot be told from data)",
                                     k->frame->column[c->missing_with].name);
    c->missingness = c->missingness_text;
    k->failed[j] = !c->missingness;
}

asx_st profile_missingness(struct profile *p, const struct asx_frame *frame, const struct data_par *par, struct mem *mem,
                           struct asx_err *err)
{
    size_t missing = 0;
    for (size_t j = 0; j < p->columns; j++)
        missing += p->own[j].missing > 0;
    if (missing == 0)
        return ASX_OK;
    struct binned b;
    asx_st st = binned_make(&b, frame, par, BINS, SAMPLE, mem, err);
    if (st)
        return st;
    struct job k = {p, par, frame, &b, mem, mem_calloc(mem, p->columns, sizeof *k.failed)};
    if (k.failed)
        data_par_run(par, p->columns, note, &k);
    for (size_t j = 0; j < p->columns; j++)
        st = !k.failed || k.failed[j] ? ASX_E_NOMEM : st;
    mem_free(k.failed);
    binned_clear(&b);
    return st ? err_set(err, st, "no memory to profile %zu columns; raise the memory limit", p->columns) : ASX_OK;
}
