/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Members of equal fits side by side. n members in batches of b on T threads take
 *     rounds(ceil(n / b), T) * seconds(b)
 * where seconds(b) comes from the op's own work at b members, and a moment for running and recording
 * an op at all: a batch pays where that grows slower than b, and not where it would leave threads idle. Which members may meet: one op, one learner,
 * the same iterations, and the same artefact where the op says its batch shares one.
 */
#include "optimizer/planner.h"

#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"

#include <math.h>
#include <stdio.h>

/* What an op costs beside its own seconds: dispatch, its row in the catalog. */
static const double op_s = 2e-5;

static bool batching(const struct opt_context *ctx)
{
    return ctx->batching && !planner_disabled(ctx, "batching");
}

static double makespan(struct planner *p, const struct asx_config *config, const struct pending *m, int n, int b, uint64_t *peak)
{
    int threads = planner_threads(p->ctx), nodes = (n + b - 1) / b;
    double seconds = op_s + way_fit_seconds(p, config, m, b, peak, NULL);
    if (m->op->flags & ASX_SPLITS && nodes < threads)
        return 1.15 * seconds * nodes / threads; /* threads inside an op lose some to its serial parts */
    return ceil((double)nodes / threads) * seconds;
}

int batch_size(struct planner *p, const struct asx_config *config, const struct pending *m, int n)
{
    int most = m->op->max_batch < n ? m->op->max_batch : n, best = 1;
    if (most <= 1 || !batching(p->ctx))
        return 1;
    int threads = planner_threads(p->ctx), even = (n + threads - 1) / threads;
    double least = makespan(p, config, m, n, 1, NULL);
    uint64_t budget = p->ctx->memory ? p->ctx->memory / (uint64_t)threads : UINT64_MAX;
    for (int b = 2; b / 2 < most; b *= 2) {
        int candidate[2] = {b < most ? b : most, even};
        for (int i = 0; i < 2; i++) {
            int c = candidate[i];
            uint64_t peak = 0;
            if (c < 2 || c > most || (i == 1 && b != 2))
                continue;
            double t = makespan(p, config, m, n, c, &peak);
            if (peak <= budget && t < 0.97 * least) /* a small gain is not worth a wider op */
                least = t, best = c;
        }
    }
    return best;
}

/* ---- groups ------------------------------------------------------------------------------ */

static const struct opt_trial *trial_of(const struct planner *p, const struct pending *m)
{
    return &p->plan->trial[m->trial];
}

static bool together(const struct planner *p, const struct pending *a, const struct pending *b)
{
    if (a->op != b->op || trial_of(p, a)->config->learner != trial_of(p, b)->config->learner)
        return false;
    if (a->from.iterations != b->from.iterations || a->to.iterations != b->to.iterations || a->to.rows != b->to.rows)
        return false;
    int on = a->op->batch_on;
    bool full = trial_of(p, a)->full == trial_of(p, b)->full;
    return full && (on < 0 || on >= a->n_needs || a->input[on] == b->input[on]);
}

static struct asx_key batch_key(const struct planner *p, const struct pending *const *m, int n)
{
    struct hash h = hash_begin("fits");
    hash_str(&h, m[0]->op->head.name);
    for (int i = 0; i < n; i++) {
        hash_key(&h, opt_fit_key(p->ctx, trial_of(p, m[i])->config, m[i]->fold, &m[i]->to));
        hash_u64(&h, (uint64_t)trial_of(p, m[i])->id);
    }
    return hash_end(&h);
}

/* Sizes a batch sees: rows on average, held-out rows in all the most of a member. */
static void describe(struct planner *p, struct plan_node *node, const struct pending *const *m, int n)
{
    struct asx_member *member = way_members(p, n);
    if (!member)
        return;
    double rows = 0, test = 0;
    struct asx_shape s = way_fit_shape(p, m[0]);
    for (int i = 0; i < n; i++) {
        struct asx_shape each = way_fit_shape(p, m[i]);
        rows += each.rows;
        test = fmax(test, each.test_rows);
        member[i].config = trial_of(p, m[i])->config;
        member[i].fold = m[i]->fold;
        member[i].from = m[i]->from;
        member[i].to = m[i]->to;
    }
    s.rows = rows / n;
    s.test_rows = test;
    node->pub.shape = s;
    node->iterations = m[0]->to.iterations - m[0]->from.iterations;
    struct asx_batch batch = {.member = member, .n = n, .shape = s};
    if (m[0]->op->work)
        m[0]->op->work(p->ctx->problem, &batch, &node->work);
    node->pub.cost = planner_cost(p->ctx, node, 1, 1, false);
    node->alone_s = planner_known(node->pub.cost.total_s);
    node->pub.output_bytes = node->work.output;
}

static bool fill_members(struct planner *p, struct plan_node *node, const struct pending *const *m, int n)
{
    int needs = m[0]->n_needs;
    node->pub.member = mem_calloc(p->plan->mem, (size_t)n, sizeof *node->pub.member);
    node->pub.input = mem_array(p->plan->mem, (size_t)(n * needs), sizeof *node->pub.input);
    if (!node->pub.member || !node->pub.input) {
        p->nomem = true;
        return false;
    }
    for (int i = 0; i < n; i++) {
        node->pub.member[i] = (struct opt_member){.trial = m[i]->trial, .fold = m[i]->fold};
        for (int j = 0; j < needs; j++)
            node->pub.input[i * needs + j] = m[i]->input[j];
    }
    node->pub.members = n;
    node->pub.inputs = n * needs;
    return true;
}

static void explain_choice(struct planner *p, struct plan_node *node, const struct pending *const *m, int n, int possible,
                           const struct way_choice *choice)
{
    for (int i = 0; i < choice->alternatives; i++)
        planner_alternative(p, node, choice->alternative[i].way, choice->alternative[i].seconds * n,
                            choice->alternative[i].why_not);
    if (m[0]->op->max_batch <= 1 || (possible < 2 && n < 2))
        return;
    char way[96];
    double single = way_fit_seconds(p, trial_of(p, m[0])->config, m[0], 1, NULL, NULL);
    if (n > 1) {
        snprintf(way, sizeof way, "%.48s one by one", node->pub.way);
        planner_alternative(p, node, way, (single + op_s) * n, "slower: each would pass over the data by itself");
    } else {
        snprintf(way, sizeof way, "%.48s batched", node->pub.way);
        planner_alternative(p, node, way, NAN, batching(p->ctx) ? "no faster, or it would leave threads idle" : "batching is off");
    }
}

static bool add_batch(struct planner *p, const struct pending *const *m, int n, int possible, const struct way_choice *choice)
{
    char step[64];
    const struct asx_learner *learner = trial_of(p, m[0])->config->learner;
    snprintf(step, sizeof step, "fit %s", learner->head.name);
    struct plan_node *node = planner_add(p, OPT_FIT, batch_key(p, m, n), step, m[0]->op->head.name);
    if (!node || !fill_members(p, node, m, n))
        return false;
    node->pub.op = m[0]->op;
    node->pub.config = trial_of(p, m[0])->config;
    node->pub.fold = n == 1 ? m[0]->fold : -1;
    node->splits = m[0]->op->flags & ASX_SPLITS;
    node->needed = true;
    describe(p, node, m, n);
    explain_choice(p, node, m, n, possible, choice);
    return !p->nomem;
}

/* One group in batches of nearly equal size, members in the order of their trials. */
static bool split_group(struct planner *p, const struct pending *const *m, int n, const struct way_choice *choice)
{
    int b = batch_size(p, trial_of(p, m[0])->config, m[0], n), nodes = (n + b - 1) / b;
    for (int i = 0, at = 0; i < nodes; i++) {
        int size = n / nodes + (i < n % nodes);
        if (!add_batch(p, m + at, size, n, choice))
            return false;
        at += size;
    }
    return true;
}

asx_st batch_make(struct planner *p, struct pending *all, int n, const struct way_choice *choice)
{
    const struct pending **group = mem_array(p->ctx->mem, (size_t)n, sizeof *group);
    bool *done = mem_calloc(p->ctx->mem, (size_t)n, sizeof *done), good = group && done;
    for (int i = 0; good && i < n; i++) {
        int k = 0;
        for (int j = i; !done[i] && j < n; j++)
            if (j == i || (!done[j] && together(p, &all[i], &all[j])))
                group[k++] = &all[j];
        for (int j = 0; j < k; j++)
            done[group[j] - all] = true;
        if (k)
            good = split_group(p, group, k, &choice[all[i].trial]);
    }
    mem_free(group);
    mem_free(done);
    if (!good)
        return err_set(p->err, ASX_E_NOMEM, "out of memory while planning; raise the memory limit");
    return ASX_OK;
}
