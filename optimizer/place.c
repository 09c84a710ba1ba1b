/* SPDX-License-Identifier: Apache-2.0 */
/*
 * List scheduling by earliest finish (Graham 1969; priorities: longest path to the end, or, where results
 * are wanted early, the cheapest trial first: a clock that ends a wave then loses the dearest trials only). Trials come
 * before threads inside an op: an op that splits gets more than one thread only while fewer nodes are
 * ready than threads are free. A node waits when its bytes beside what is live would pass the limit,
 * unless nothing else runs.
 */
#include "optimizer/planner.h"

#include "base/mem.h"

#include <math.h>
#include <string.h>

struct place {
    struct opt_plan *plan;
    const struct opt_context *ctx;
    double *rank;       /* longest path to the end */
    double *turn;       /* cheapest trial served; all 0 unless results are wanted early */
    int *waits, *users; /* inputs not done; consumers not done */
    int *ready, *running;
    int readies, runnings, threads, free_threads;
    uint64_t live, peak;
    double now;
};

static double seconds_on(const struct place *s, int id, int threads, int busy)
{
    const struct plan_node *n = plan_node_of(s->plan, id);
    return n->pub.cached ? 0 : planner_known(planner_cost(s->ctx, n, threads, busy, false).total_s);
}

/* Ids are in topological order, so one pass from the end finds every longest path. */
static void rank_nodes(struct place *s)
{
    const struct opt_plan *p = s->plan;
    for (int i = p->nodes - 1; i >= 0; i--) {
        s->rank[i] += seconds_on(s, i, 1, 1);
        const struct opt_node *n = p->node[i];
        s->waits[i] = n->inputs;
        for (int k = 0; k < n->inputs; k++) {
            s->rank[n->input[k]] = fmax(s->rank[n->input[k]], s->rank[i]);
            s->users[n->input[k]]++;
        }
    }
}

/* Predicted seconds of each trial's fits, by trial; then every step gets the least of the trials it serves. */
static void set_turns(struct place *s)
{
    const struct opt_plan *p = s->plan;
    double *trial = mem_calloc(s->ctx->mem, (size_t)p->trials + 1, sizeof *trial);
    if (!trial)
        return;
    for (int i = 0; i < p->nodes; i++) {
        const struct opt_node *n = p->node[i];
        for (int m = 0; n->kind == OPT_FIT && m < n->members; m++)
            if (n->member[m].trial < p->trials)
                trial[n->member[m].trial] += seconds_on(s, i, 1, 1) / n->members;
    }
    for (int i = 0; i < p->nodes; i++)
        s->turn[i] = p->node[i]->kind == OPT_CORE ? 0 : INFINITY;
    for (int i = p->nodes - 1; i >= 0; i--) {
        const struct opt_node *n = p->node[i];
        for (int m = 0; n->kind == OPT_FIT && m < n->members; m++)
            s->turn[i] = fmin(s->turn[i], trial[n->member[m].trial]);
        for (int k = 0; n->kind != OPT_CORE && k < n->inputs; k++)
            s->turn[n->input[k]] = fmin(s->turn[n->input[k]], s->turn[i]);
    }
    mem_free(trial);
}

/* Does `a` go before `b`? */
static bool before(const struct place *s, int a, int b)
{
    if (s->turn[a] != s->turn[b])
        return s->turn[a] < s->turn[b];
    return s->rank[a] > s->rank[b] || (s->rank[a] == s->rank[b] && a < b);
}

static bool fits_now(const struct place *s, int id)
{
    uint64_t bytes = s->plan->node[id]->cached ? 0 : plan_node_of(s->plan, id)->work.scratch + s->plan->node[id]->output_bytes;
    return !s->ctx->memory || s->runnings == 0 || s->live + bytes <= s->ctx->memory;
}

/* Place in the ready list of the best node that may start now, or -1. */
static int pick(const struct place *s)
{
    int best = -1;
    for (int i = 0; i < s->readies; i++) {
        int id = s->ready[i];
        if (!fits_now(s, id))
            continue;
        if (best < 0 || before(s, id, s->ready[best]))
            best = i;
    }
    return best;
}

/* Threads for a node that splits: what the others that are ready leave free, as long as more is faster. */
static int grant(const struct place *s, int id)
{
    const struct plan_node *n = plan_node_of(s->plan, id);
    int most = s->free_threads / (s->readies > 0 ? s->readies : 1), best = 1;
    if (!n->splits || n->pub.cached || most < 2)
        return 1;
    double least = seconds_on(s, id, 1, s->threads);
    for (int k = 2; k <= most; k++) {
        double t = seconds_on(s, id, k, s->threads);
        if (t < 0.95 * least)
            least = t, best = k;
    }
    return best;
}

static void start(struct place *s, int at)
{
    int id = s->ready[at];
    struct plan_node *n = plan_node_of(s->plan, id);
    n->pub.threads = grant(s, id);
    s->ready[at] = s->ready[--s->readies];
    s->running[s->runnings++] = id;
    s->free_threads -= n->pub.threads;
    int busy = s->threads - s->free_threads;
    if (s->readies)
        busy = s->threads;
    n->pub.cost = planner_cost(s->ctx, n, n->pub.threads, busy, false);
    n->pub.raw_s = planner_cost(s->ctx, n, n->pub.threads, busy, true).total_s;
    if (n->pub.cached) {
        n->pub.cost.total_s = n->pub.cost.startup_s = n->pub.cost.sd_s = 0; /* raw_s stays: what the cache saves */
        n->pub.cost.host_peak = 0;
    } else {
        s->live += n->work.scratch + n->pub.output_bytes;
        s->peak = s->live > s->peak ? s->live : s->peak;
    }
    opt_interval(&n->pub.cost, &n->pub.low_s, &n->pub.high_s);
    n->pub.start_s = s->now;
    n->pub.finish_s = s->now + (n->pub.cached ? 0 : planner_known(n->pub.cost.total_s));
}

static void release_input(struct place *s, int input)
{
    if (--s->users[input] == 0 && !s->plan->node[input]->cached)
        s->live -= s->plan->node[input]->output_bytes;
}

static void finish(struct place *s, int at)
{
    int id = s->running[at];
    struct plan_node *n = plan_node_of(s->plan, id);
    s->running[at] = s->running[--s->runnings];
    s->now = n->pub.finish_s;
    s->free_threads += n->pub.threads;
    if (!n->pub.cached)
        s->live -= n->work.scratch;
    for (int k = 0; k < n->pub.inputs; k++)
        release_input(s, n->pub.input[k]);
    for (int i = id + 1; i < s->plan->nodes; i++) {
        const struct opt_node *m = s->plan->node[i];
        int before = s->waits[i];
        for (int k = 0; k < m->inputs; k++)
            s->waits[i] -= m->input[k] == id;
        if (before > 0 && s->waits[i] == 0)
            s->ready[s->readies++] = i;
    }
}

static int earliest(const struct place *s)
{
    int best = 0;
    for (int i = 1; i < s->runnings; i++) {
        const struct opt_node *a = s->plan->node[s->running[i]], *b = s->plan->node[s->running[best]];
        if (a->finish_s < b->finish_s || (a->finish_s == b->finish_s && a->id < b->id))
            best = i;
    }
    return best;
}

static void simulate(struct place *s)
{
    for (int i = 0; i < s->plan->nodes; i++)
        if (s->waits[i] == 0)
            s->ready[s->readies++] = i;
    while (s->readies || s->runnings) {
        int at = s->free_threads > 0 ? pick(s) : -1;
        if (at >= 0)
            start(s, at);
        else if (s->runnings)
            finish(s, earliest(s));
        else
            break;
    }
}

/* Without memory for the bookkeeping: one after the other, in topological order. */
static void in_a_row(struct opt_plan *p, const struct opt_context *ctx)
{
    double now = 0;
    for (int i = 0; i < p->nodes; i++) {
        struct opt_node *n = p->node[i];
        n->cost = planner_cost(ctx, plan_node_of(p, i), 1, 1, false);
        n->raw_s = planner_cost(ctx, plan_node_of(p, i), 1, 1, true).total_s;
        opt_interval(&n->cost, &n->low_s, &n->high_s);
        n->start_s = now;
        n->finish_s = now += n->cached ? 0 : planner_known(n->cost.total_s);
        p->host_peak += n->cached ? 0 : n->cost.host_peak;
    }
    p->seconds = now;
}

void opt_plan_place(struct opt_plan *p, const struct opt_context *ctx)
{
    int threads = ctx->threads > 1 ? ctx->threads : 1;
    struct place s = {.plan = p, .ctx = ctx, .threads = threads, .free_threads = threads};
    size_t n = (size_t)p->nodes;
    p->seconds = 0;
    p->host_peak = 0;
    s.rank = mem_calloc(ctx->mem, 2 * n + 2, sizeof *s.rank);
    s.waits = mem_calloc(ctx->mem, 4 * n + 4, sizeof *s.waits);
    if (!s.rank || !s.waits) {
        in_a_row(p, ctx);
    } else {
        s.users = s.waits + n;
        s.ready = s.users + n;
        s.running = s.ready + n;
        s.turn = s.rank + n;
        rank_nodes(&s);
        if (ctx->early_results)
            set_turns(&s);
        simulate(&s);
        p->host_peak = s.peak;
        for (int i = 0; i < p->nodes; i++)
            p->seconds = fmax(p->seconds, p->node[i]->finish_s);
    }
    mem_free(s.rank);
    mem_free(s.waits);
}
