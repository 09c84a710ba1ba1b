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

enum { DIGIT_BITS = 11, DIGITS = 1 << DIGIT_BITS };

/* Bits that order as the numbers do (sign flipped, negatives inverted), then inverted for a
 * descending order. Adding 0 turns -0 into 0, which must tie. */
static uint64_t key32(float v)
{
    uint32_t u;
    v += 0.0F;
    memcpy(&u, &v, sizeof(u));
    u ^= u >> 31 ? UINT32_MAX : UINT32_C(1) << 31;
    return UINT32_MAX - u;
}

static uint64_t key64(double v)
{
    uint64_t u;
    v += 0.0;
    memcpy(&u, &v, sizeof(u));
    u ^= u >> 63 ? UINT64_MAX : UINT64_C(1) << 63;
    return UINT64_MAX - u;
}

/* One stable counting pass by the digit at `shift`; false when all rows share it. */
static bool radix_pass(const struct metric_ranked *from, struct metric_ranked *to, size_t n, int shift, size_t *count)
{
    memset(count, 0, DIGITS * sizeof(*count));
    for (size_t i = 0; i < n; i++)
        count[(from[i].key >> shift) & (DIGITS - 1)]++;
    if (count[(from[0].key >> shift) & (DIGITS - 1)] == n)
        return false;
    size_t sum = 0;
    for (size_t d = 0; d < DIGITS; d++) {
        size_t c = count[d];
        count[d] = sum;
        sum += c;
    }
    for (size_t i = 0; i < n; i++)
        to[count[(from[i].key >> shift) & (DIGITS - 1)]++] = from[i];
    return true;
}

static void insertion(struct metric_ranked *a, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        struct metric_ranked x = a[i];
        size_t j = i;
        for (; j > 0 && a[j - 1].key > x.key; j--)
            a[j] = a[j - 1];
        a[j] = x;
    }
}

struct metric_ranked *metric_rank(const struct asx_scored *s, int k)
{
    struct metric_ranked *a = mem_array(NULL, 2 * s->n + 1, sizeof(*a));
    if (!a)
        return NULL;
    for (size_t i = 0; i < s->n; i++) {
        size_t at = i * (size_t)s->outputs + (size_t)k;
        bool nan = s->pred ? s->pred[at] != s->pred[at] : s->pred64[at] != s->pred64[at];
        if (nan) {
            mem_free(a);
            return NULL;
        }
        a[i] = (struct metric_ranked){s->pred ? key32(s->pred[at]) : key64(s->pred64[at]), (uint32_t)i};
    }
    if (s->n < 64) {
        insertion(a, s->n);
        return a;
    }
    size_t count[DIGITS];
    struct metric_ranked *from = a, *to = a + s->n;
    int bits = s->pred ? 32 : 64;
    for (int shift = 0; shift < bits; shift += DIGIT_BITS)
        if (radix_pass(from, to, s->n, shift, count)) {
            struct metric_ranked *t = from;
            from = to;
            to = t;
        }
    if (from != a)
        memcpy(a, from, s->n * sizeof(*a));
    return a;
}

size_t metric_tie(const struct asx_scored *s, const struct metric_ranked *a, size_t at, int k, double *pos, double *neg)
{
    uint64_t key = a[at].key;
    *pos = *neg = 0;
    for (; at < s->n && a[at].key == key; at++) {
        double w = metric_weight(s, a[at].i);
        *(metric_true_class(s, a[at].i) == k ? pos : neg) += w;
    }
    return at;
}

double metric_auc_of(const struct asx_scored *s, int k)
{
    struct metric_ranked *a = metric_rank(s, k);
    if (!a)
        return NAN;
    double area = 0, above = 0, below = 0; /* positives and negatives seen so far */
    for (size_t at = 0; at < s->n;) {
        double pos, neg;
        at = metric_tie(s, a, at, k, &pos, &neg);
        area += neg * (above + pos / 2);
        above += pos;
        below += neg;
    }
    mem_free(a);
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
