/* SPDX-License-Identifier: Apache-2.0 */
#include "tasks/metric_util.h"

#include "base/mem.h"

#include <string.h>

int metric_pred_class(const struct asx_scored *s, size_t i)
{
    int best = 0;
    double top = metric_pred(s, i, 0);
    bool nan = top != top;
    for (int k = 1; k < s->outputs; k++) {
        double p = metric_pred(s, i, k);
        nan |= p != p;
        if (p > top) {
            top = p;
            best = k;
        }
    }
    if (nan)
        return -1;
    if (s->threshold > 0 && s->outputs == 2)
        return metric_pred(s, i, s->positive) >= s->threshold ? s->positive : 1 - s->positive;
    return best;
}

bool metric_counts_init(struct metric_counts *c, const struct asx_scored *s)
{
    size_t n = (size_t)s->outputs + 1;
    memset(c, 0, sizeof(*c));
    double *block = mem_calloc(NULL, n, 4 * sizeof(double));
    if (!block)
        return false;
    c->classes = s->outputs + 1;
    c->hit = block;
    c->truth = block + n;
    c->pred = block + 2 * n;
    c->present = (unsigned char *)(block + 3 * n);
    for (size_t i = 0; i < s->n; i++) {
        int truth = metric_true_class(s, i), pred = metric_pred_class(s, i);
        if (pred < 0) {
            metric_counts_clear(c);
            return false;
        }
        double w = metric_weight(s, i);
        c->truth[truth] += w;
        c->pred[pred] += w;
        c->present[truth] = c->present[pred] = 1;
        if (truth == pred)
            c->hit[truth] += w;
        c->total += w;
    }
    return true;
}

void metric_counts_clear(struct metric_counts *c)
{
    mem_free(c->hit);
    c->hit = NULL;
}

double metric_f1_of(const struct metric_counts *c, int k)
{
    double d = c->truth[k] + c->pred[k];
    return d > 0 ? 2 * c->hit[k] / d : 0;
}

/* ---- ranking --------------------------------------------------------------------- */

/*
 * Bits that order as the numbers do (sign flipped, negatives inverted), then inverted for a
 * descending order. Adding 0 turns -0 into 0, which must tie.
 */
static uint32_t key32(float v)
{
    uint32_t u;
    v += 0.0F;
    memcpy(&u, &v, sizeof(u));
    return ~(u ^ (u >> 31 ? UINT32_MAX : UINT32_C(1) << 31));
}

static uint64_t key64(double v)
{
    uint64_t u;
    v += 0.0;
    memcpy(&u, &v, sizeof(u));
    return ~(u ^ (u >> 63 ? UINT64_MAX : UINT64_C(1) << 63));
}

enum { BITS = 11, DIGITS = 1 << BITS, PASSES32 = 3, PASSES64 = 6 };

static uint32_t digit(uint64_t key, int pass)
{
    return (uint32_t)(key >> (pass * BITS)) & (DIGITS - 1);
}

/* Counts become the first place of each digit; false when one digit holds all rows and the pass can be left out. */
static bool places(size_t *count, size_t n, uint32_t some)
{
    if (count[some] == n)
        return false;
    size_t sum = 0;
    for (size_t d = 0; d < DIGITS; d++) {
        size_t c = count[d];
        count[d] = sum;
        sum += c;
    }
    return true;
}

/* `a` has room for 2 n items; the result is in its first half. All digits are counted in one pass. */
static void sort_packed(uint64_t *a, size_t n)
{
    size_t count[PASSES32][DIGITS] = {{0}};
    uint64_t *from = a, *to = a + n;
    for (size_t i = 0; i < n; i++)
        for (int p = 0; p < PASSES32; p++)
            count[p][digit(a[i] >> 32, p)]++;
    for (int p = 0; p < PASSES32; p++) {
        if (!places(count[p], n, digit(from[0] >> 32, p)))
            continue;
        for (size_t i = 0; i < n; i++)
            to[count[p][digit(from[i] >> 32, p)]++] = from[i];
        uint64_t *t = from;
        from = to;
        to = t;
    }
    if (from != a)
        memcpy(a, from, n * sizeof(*a));
}

static void sort_wide(struct metric_wide *a, size_t n)
{
    size_t count[DIGITS];
    struct metric_wide *from = a, *to = a + n;
    for (int p = 0; p < PASSES64; p++) {
        memset(count, 0, sizeof(count));
        for (size_t i = 0; i < n; i++)
            count[digit(from[i].key, p)]++;
        if (!places(count, n, digit(from[0].key, p)))
            continue;
        for (size_t i = 0; i < n; i++)
            to[count[digit(from[i].key, p)]++] = from[i];
        struct metric_wide *t = from;
        from = to;
        to = t;
    }
    if (from != a)
        memcpy(a, from, n * sizeof(*a));
}

static void by_insertion(uint64_t *a, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        uint64_t x = a[i];
        size_t j = i;
        for (; j > 0 && a[j - 1] >> 32 > x >> 32; j--)
            a[j] = a[j - 1];
        a[j] = x;
    }
}

static bool rank_packed(uint64_t *a, const struct asx_scored *s, int k)
{
    for (size_t i = 0; i < s->n; i++) {
        float v = s->pred[i * (size_t)s->outputs + (size_t)k];
        if (v != v)
            return false;
        a[i] = (uint64_t)key32(v) << 32 | (uint64_t)i << 1 | (metric_true_class(s, i) == k);
    }
    if (s->n < 256) /* the counts of a radix sort would cost more than the rows */
        by_insertion(a, s->n);
    else
        sort_packed(a, s->n);
    return true;
}

static bool rank_wide(struct metric_wide *a, const struct asx_scored *s, int k)
{
    for (size_t i = 0; i < s->n; i++) {
        double v = metric_pred(s, i, k);
        if (v != v)
            return false;
        a[i] = (struct metric_wide){key64(v), (uint32_t)i, metric_true_class(s, i) == k};
    }
    if (s->n)
        sort_wide(a, s->n);
    return true;
}

bool metric_rank(struct metric_ranking *r, const struct asx_scored *s, int k)
{
    memset(r, 0, sizeof(*r));
    r->n = s->n;
    bool packed = s->pred && s->n < (size_t)1 << 31, ok = false;
    void *a = mem_array(NULL, 2 * s->n + 1, packed ? sizeof(uint64_t) : sizeof(struct metric_wide));
    if (packed)
        r->packed = a;
    else
        r->wide = a;
    if (a)
        ok = packed ? rank_packed(a, s, k) : rank_wide(a, s, k);
    if (!ok)
        metric_rank_clear(r);
    return ok;
}

void metric_rank_clear(struct metric_ranking *r)
{
    mem_free(r->packed);
    mem_free(r->wide);
    r->packed = NULL;
    r->wide = NULL;
}

size_t metric_tie(const struct asx_scored *s, const struct metric_ranking *r, size_t at, double *pos, double *neg)
{
    double sum[2] = {0, 0}; /* others, of the class */
    if (r->packed) {
        uint64_t key = r->packed[at] >> 32;
        for (; at < r->n && r->packed[at] >> 32 == key; at++)
            sum[r->packed[at] & 1] += metric_weight(s, (uint32_t)r->packed[at] >> 1);
    } else {
        uint64_t key = r->wide[at].key;
        for (; at < r->n && r->wide[at].key == key; at++)
            sum[r->wide[at].positive] += metric_weight(s, r->wide[at].row);
    }
    *pos = sum[1];
    *neg = sum[0];
    return at;
}

double metric_auc_of(const struct asx_scored *s, int k)
{
    struct metric_ranking r;
    if (!metric_rank(&r, s, k))
        return NAN;
    double area = 0, above = 0, below = 0; /* positives and negatives seen so far */
    for (size_t at = 0; at < s->n;) {
        double pos, neg;
        at = metric_tie(s, &r, at, &pos, &neg);
        area += neg * (above + pos / 2);
        above += pos;
        below += neg;
    }
    metric_rank_clear(&r);
    return above > 0 && below > 0 ? area / (above * below) : NAN;
}

double metric_mean(const struct asx_scored *s, double (*term)(double y, double p))
{
    double sum = 0, total = 0;
    for (size_t i = 0; i < s->n; i++) {
        double w = metric_weight(s, i);
        sum += w * term(metric_truth(s, i), metric_pred(s, i, 0));
        total += w;
    }
    return total > 0 ? sum / total : NAN;
}
