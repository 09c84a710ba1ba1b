/* SPDX-License-Identifier: Apache-2.0 */
/* Greedy selection with replacement; README.md has the policy. */
#include "base/err.h"
#include "base/mem.h"
#include "base/rng.h"
#include "search/ensemble/objective.h"

#include <math.h>
#include <string.h>

enum {
    ROUNDS = 40,
    PATIENCE = 12,   /* rounds without a better score */
    START = 5,       /* best candidates that may be averaged to begin with */
    MOST = 100,      /* candidates looked at, best first */
    AT_ONCE = 8,     /* candidates between two looks at the clock */
    BAGS = 10,       /* selections from halves of the candidates, */
    BAG_ROWS = 2000, /* on fewer rows than this, */
    BAG_LEAST = 10   /* from this many candidates on */
};

struct selection {
    struct objective o;
    const struct ens_input *in;
    int *order; /* [n] candidates, best single score first */
    int n;
    struct obj_score *single; /* [candidates] */
    struct obj_score *score;  /* [n] of a round */
    double *sum;              /* [m * width] */
    int count;
    const int *pool; /* candidates of the round */
    bool stopped;
};

/* ---- scoring many at once -------------------------------------------------------------- */

struct task {
    struct selection *s;
    int from;
    const double *sum;
};

static void score_one(void *arg, size_t chunk, int worker)
{
    struct task *t = arg;
    int k = t->from + (int)chunk;
    t->s->score[k] = obj_eval(&t->s->o, t->sum, t->s->pool[k], t->s->count + 1, worker);
}

static bool stop(struct selection *s)
{
    struct asx_exec *e = s->in->exec;
    if (!s->stopped && e && e->stop && e->stop(e))
        s->stopped = true;
    return s->stopped;
}

/* score[k] = average so far and pool[k]; false when stopped on the way. */
static bool score_pool(struct selection *s, int n)
{
    struct asx_exec *e = s->in->exec;
    for (int from = 0; from < n; from += AT_ONCE) {
        size_t now = (size_t)(n - from < AT_ONCE ? n - from : AT_ONCE);
        struct task t = {s, from, s->sum};
        if (stop(s))
            return false;
        if (e && e->split && s->o.workers > 1)
            e->split(e, now, score_one, &t);
        else
            for (size_t k = 0; k < now; k++)
                score_one(&t, k, 0);
    }
    return true;
}

/* ---- one greedy selection --------------------------------------------------------------- */

static void reset(struct selection *s)
{
    memset(s->sum, 0, s->o.m * (size_t)s->o.width * sizeof *s->sum);
    s->count = 0;
}

/* The first few of the pool averaged, as many as score best together. */
static int best_start(struct selection *s, int n, struct obj_score *score)
{
    int best = 1;
    reset(s);
    *score = s->single[s->pool[0]];
    for (int k = 0; k < n && k < START; k++) {
        obj_add(&s->o, s->sum, s->pool[k]);
        struct obj_score now = obj_eval(&s->o, s->sum, -1, k + 1, 0);
        if (k > 0 && obj_better(now, *score)) {
            *score = now;
            best = k + 1;
        }
    }
    reset(s);
    for (int k = 0; k < best; k++)
        obj_add(&s->o, s->sum, s->pool[k]);
    s->count = best;
    return best;
}

/* Adds the counts of the best selection from pool[0..n) to `weight`, normalised to 1. */
static void greedy(struct selection *s, const int *pool, int n, int *pick, double *weight)
{
    int rounds = s->in->rounds > 0 ? s->in->rounds : ROUNDS;
    struct obj_score best;
    s->pool = pool;
    int picked = best_start(s, n, &best), kept = picked;
    for (int k = 0; k < picked; k++)
        pick[k] = pool[k];
    while (picked < rounds && picked - kept < PATIENCE && score_pool(s, n)) {
        int at = 0;
        for (int k = 1; k < n; k++)
            if (obj_better(s->score[k], s->score[at]))
                at = k;
        obj_add(&s->o, s->sum, pool[at]);
        s->count++;
        pick[picked++] = pool[at];
        if (obj_better(s->score[at], best)) {
            best = s->score[at];
            kept = picked;
        }
    }
    for (int k = 0; k < kept; k++)
        weight[pick[k]] += 1.0 / kept;
}

/* ---- candidates ---------------------------------------------------------------------------- */

static asx_st prepare(struct selection *s, struct asx_err *err)
{
    size_t c = (size_t)s->in->candidates;
    struct mem *mem = s->o.mem;
    s->order = mem_array(mem, c, sizeof *s->order);
    s->single = mem_array(mem, c, sizeof *s->single);
    s->score = mem_array(mem, c, sizeof *s->score);
    s->sum = mem_array(mem, s->o.m * (size_t)s->o.width + 1, sizeof *s->sum);
    if (!s->order || !s->single || !s->score || !s->sum)
        return err_set(err, ASX_E_NOMEM, "out of memory for the ensemble; raise the memory limit");
    reset(s);
    for (size_t k = 0; k < c; k++) {
        s->order[k] = (int)k;
        s->score[k] = (struct obj_score){NAN, 0};
    }
    s->pool = s->order;
    (void)score_pool(s, (int)c);
    memcpy(s->single, s->score, c * sizeof *s->single);
    for (size_t k = 1; k < c; k++) { /* insertion: stable, and the caller's order is nearly right */
        int me = s->order[k];
        size_t at = k;
        for (; at > 0 && obj_better(s->single[me], s->single[s->order[at - 1]]); at--)
            s->order[at] = s->order[at - 1];
        s->order[at] = me;
    }
    s->n = (int)(c < MOST ? c : MOST);
    while (s->n > 1 && isnan(s->single[s->order[s->n - 1]].first))
        s->n--;
    return ASX_OK;
}

static void normalise(double *weight, int n)
{
    double sum = 0;
    for (int c = 0; c < n; c++)
        sum += weight[c];
    for (int c = 0; c < n; c++)
        weight[c] /= sum;
}

static struct obj_score score_weights(struct selection *s, const double *weight)
{
    size_t cells = s->o.m * (size_t)s->o.width;
    reset(s);
    for (int c = 0; c < s->in->candidates; c++)
        for (size_t i = 0; weight[c] > 0 && i < cells; i++)
            s->sum[i] += weight[c] * (double)s->o.col[c][i];
    return obj_eval(&s->o, s->sum, -1, 1, 0);
}

/* Weights averaged over selections from random halves of the candidates: less fitted to few rows. */
static void bagged(struct selection *s, int *pool, int *pick, double *weight)
{
    for (int b = 0; b < BAGS && !stop(s); b++) {
        struct rng rng = rng_stream(s->in->seed, (uint64_t)b, 0, 0x626167ull);
        int n = 0, left = s->n, want = (s->n + 1) / 2;
        for (int k = 0; k < s->n; k++, left--)
            if (rng_below(&rng, (uint64_t)left) < (uint64_t)(want - n))
                pool[n++] = s->order[k];
        greedy(s, pool, n, pick, weight);
    }
    normalise(weight, s->in->candidates);
}

static void select_weights(struct selection *s, int *pool, int *pick, double *weight)
{
    if (s->in->truth.n < BAG_ROWS && s->n >= BAG_LEAST) {
        bagged(s, pool, pick, weight);
        /* never worse than the best alone on these rows */
        if (!s->stopped && !obj_better(s->single[s->order[0]], score_weights(s, weight)))
            return;
        memset(weight, 0, (size_t)s->in->candidates * sizeof *weight);
    }
    greedy(s, s->order, s->n, pick, weight);
}

static asx_st exact_score(const struct ens_input *in, const double *weight, double *score, struct asx_err *err)
{
    size_t cells = in->truth.n * (size_t)in->truth.outputs;
    float *blend = mem_array(in->exec ? in->exec->mem : NULL, cells + 1, sizeof *blend);
    if (!blend)
        return err_set(err, ASX_E_NOMEM, "out of memory for the ensemble; raise the memory limit");
    ens_blend(in->pred, weight, in->candidates, cells, blend);
    struct asx_scored s = in->truth;
    s.pred = blend;
    s.pred64 = NULL;
    *score = in->metric->score(&s);
    mem_free(blend);
    return ASX_OK;
}

asx_st ens_select(const struct ens_input *in, double *weight, double *score, struct asx_err *err)
{
    if (in->candidates < 1)
        return err_set(err, ASX_E_INVAL, "an ensemble of no candidates was asked for; pass one at least");
    struct selection s = {.in = in};
    asx_st st = obj_init(&s.o, in, err);
    if (st != ASX_OK)
        return st;
    st = prepare(&s, err);
    int rounds = (in->rounds > 0 ? in->rounds : ROUNDS) + START;
    int *pick = mem_array(s.o.mem, (size_t)rounds, sizeof *pick);
    int *pool = mem_array(s.o.mem, (size_t)in->candidates, sizeof *pool);
    if (st == ASX_OK && (!pick || !pool))
        st = err_set(err, ASX_E_NOMEM, "out of memory for the ensemble; raise the memory limit");
    memset(weight, 0, (size_t)in->candidates * sizeof *weight);
    if (st == ASX_OK)
        select_weights(&s, pool, pick, weight);
    mem_free(pick);
    mem_free(pool);
    mem_free(s.order);
    mem_free(s.single);
    mem_free(s.score);
    mem_free(s.sum);
    obj_clear(&s.o);
    return st == ASX_OK ? exact_score(in, weight, score, err) : st;
}

void ens_blend(const float *const *pred, const double *weight, int candidates, size_t size, float *out)
{
    enum { BLOCK = 1024 };
    double sum[BLOCK];
    for (size_t from = 0; from < size; from += BLOCK) {
        size_t n = size - from < BLOCK ? size - from : BLOCK;
        memset(sum, 0, n * sizeof *sum);
        for (int c = 0; c < candidates; c++)
            for (size_t i = 0; weight[c] != 0 && i < n; i++)
                sum[i] += weight[c] * (double)pred[c][from + i];
        for (size_t i = 0; i < n; i++)
            out[from + i] = (float)sum[i];
    }
}
