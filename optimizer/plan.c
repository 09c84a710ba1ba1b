/* SPDX-License-Identifier: Apache-2.0 */
/* A wave, from trials to a placed plan. */
#include "optimizer/planner.h"

#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"

#include <math.h>
#include <string.h>

/* ---- members ------------------------------------------------------------------------- */

bool opt_member_from(const struct opt_trial *t, int fold, struct asx_fidelity *from)
{
    *from = (struct asx_fidelity){.rows = t->to.rows, .folds = t->from.folds};
    if (t->full || fold >= t->from.folds || t->from.rows != t->to.rows)
        return true;
    if (t->from.iterations >= t->to.iterations)
        return false;
    if (t->config->learner->resumable)
        from->iterations = t->from.iterations;
    return true;
}

int planner_members(const struct opt_context *ctx, const struct opt_trial *t, int *fold, struct asx_fidelity *from)
{
    int folds = ctx->problem->splits->folds, n = 0;
    if (t->full) {
        fold[0] = folds;
        opt_member_from(t, folds, &from[0]);
        return 1;
    }
    if (t->to.folds > 0 && t->to.folds < folds)
        folds = t->to.folds;
    for (int f = 0; f < folds; f++) {
        if (!opt_member_from(t, f, &from[n]))
            continue;
        fold[n++] = f;
    }
    return n;
}

/* ---- keys -------------------------------------------------------------------------------- */

static bool learners_own(const struct asx_learner *l, const char *name)
{
    for (int i = 0; i < l->n_params; i++)
        if (strcmp(l->params[i].name, name) == 0)
            return true;
    return false;
}

struct asx_key opt_fit_key(const struct opt_context *ctx, const struct asx_config *c, int fold, const struct asx_fidelity *to)
{
    const struct asx_learner *l = c->learner;
    struct hash h = hash_begin("fit");
    hash_str(&h, l->head.name);
    hash_u64(&h, (uint64_t)l->version);
    for (int i = 0; i < c->space->n; i++) {
        const struct asx_param *q = &c->space->param[i];
        if (!asx_param_active(c, i) || (l->resumable && l->iterations && strcmp(q->name, l->iterations) == 0))
            continue; /* how far a resumable fit may go does not change how it begins */
        hash_str(&h, q->name);
        if (q->kind == ASX_CHOICE)
            hash_str(&h, q->choices[(int)c->value[i]]);
        else
            hash_f64(&h, c->value[i]);
    }
    hash_key(&h, ctx->problem->key);
    hash_u64(&h, ctx->problem->seed);
    hash_u64(&h, (uint64_t)fold);
    hash_f64(&h, to->rows);
    hash_u64(&h, (uint64_t)to->iterations);
    return hash_end(&h);
}

/* ---- recipes -------------------------------------------------------------------------------- */

static struct asx_key preparation_key(const struct asx_config *c)
{
    struct hash h = hash_begin("preparation");
    hash_str(&h, c->learner->head.name);
    for (int i = 0; i < c->space->n; i++) {
        const struct asx_param *q = &c->space->param[i];
        if (learners_own(c->learner, q->name))
            continue;
        hash_str(&h, q->name);
        if (q->kind == ASX_CHOICE)
            hash_str(&h, q->choices[(int)c->value[i]]);
        else
            hash_f64(&h, c->value[i]);
    }
    return hash_end(&h);
}

asx_st planner_recipe(struct planner *p, const struct asx_config *c, const struct opt_recipe **out)
{
    struct opt_plan *plan = p->plan;
    struct asx_key key = preparation_key(c);
    for (int i = 0; p->recipe_key && i < plan->recipes; i++)
        if (key_equal(p->recipe_key[i], key)) {
            *out = plan->recipe[i];
            return ASX_OK;
        }
    size_t n = (size_t)plan->recipes + 1;
    struct opt_recipe **recipe = mem_realloc(plan->mem, plan->recipe, n * sizeof *recipe);
    plan->recipe = recipe ? recipe : plan->recipe;
    struct asx_key *keys = recipe ? mem_realloc(p->ctx->mem, p->recipe_key, n * sizeof *keys) : NULL;
    p->recipe_key = keys ? keys : p->recipe_key;
    if (!keys)
        return err_set(p->err, ASX_E_NOMEM, "out of memory while planning; raise the memory limit");
    asx_st st = opt_recipe_make(p->ctx->registry, p->ctx->problem, c, plan->mem, &plan->recipe[plan->recipes], p->err);
    if (st)
        return st;
    keys[plan->recipes] = key;
    *out = plan->recipe[plan->recipes++];
    return ASX_OK;
}

/* ---- who is served by what --------------------------------------------------------------------- */

typedef void (*visit_fn)(struct plan_node *, void *arg);

static void walk(struct planner *p, int id, bool through_cached, visit_fn fn, void *arg)
{
    struct plan_node *n = plan_node_of(p->plan, id);
    if (n->stamp == p->stamp)
        return;
    n->stamp = p->stamp;
    fn(n, arg);
    for (int i = 0; (through_cached || !n->pub.cached) && i < n->pub.inputs; i++)
        walk(p, n->pub.input[i], through_cached, fn, arg);
}

/* Visits what one trial's members are made from (not the fits themselves), each node once. */
static void walk_trial(struct planner *p, int trial, bool through_cached, visit_fn fn, void *arg)
{
    p->stamp++;
    for (int i = 0; i < p->plan->nodes; i++) {
        const struct opt_node *n = p->plan->node[i];
        if (n->kind != OPT_FIT)
            continue;
        int needs = n->members ? n->inputs / n->members : 0;
        for (int m = 0; m < n->members; m++)
            for (int j = 0; n->member[m].trial == trial && j < needs; j++)
                walk(p, n->input[m * needs + j], through_cached, fn, arg);
    }
}

static void count_share(struct plan_node *n, void *arg)
{
    (void)arg;
    n->pub.shared_by++;
}

static void add_alone(struct plan_node *n, void *arg)
{
    *(double *)arg += n->alone_s;
}

static int distinct_trials(const struct opt_node *n)
{
    int count = 0;
    for (int i = 0; i < n->members; i++) {
        bool seen = false;
        for (int j = 0; j < i && !seen; j++)
            seen = n->member[j].trial == n->member[i].trial;
        count += !seen;
    }
    return count;
}

static void count_shares(struct planner *p, const struct pending *m, int n)
{
    struct opt_plan *plan = p->plan;
    for (int t = 0; t < plan->trials; t++) {
        walk_trial(p, t, false, count_share, NULL);
        plan->trial_alone[t] = 0;
        walk_trial(p, t, true, add_alone, &plan->trial_alone[t]);
    }
    for (int i = 0; i < n; i++)
        plan->trial_alone[m[i].trial] += m[i].alone_s;
    for (int t = 0; t < plan->trials; t++)
        plan->alone_seconds += plan->trial_alone[t];
    for (int i = 0; i < plan->nodes; i++) {
        struct opt_node *node = plan->node[i];
        if (node->kind == OPT_FIT)
            node->shared_by = distinct_trials(node);
        else if (node->shared_by == 0)
            node->shared_by = 1; /* preparation below a cached form: kept for the models */
    }
}

struct share {
    bool nominal;
    double seconds, bytes;
};

static double node_seconds(const struct plan_node *n, bool nominal)
{
    return nominal ? n->alone_s : n->pub.cached ? 0 : planner_known(n->pub.cost.total_s);
}

static void add_share(struct plan_node *n, void *arg)
{
    struct share *s = arg;
    s->seconds += node_seconds(n, s->nominal) / (n->pub.shared_by > 1 ? n->pub.shared_by : 1);
    s->bytes += (double)n->pub.output_bytes;
}

/*
 * The work-weighted share of each trial in the ops that serve it. In nominal mode it is counted on one
 * thread, with nothing cached: strategies are told these seconds, and may not see how many threads ran.
 */
static void share_seconds(struct planner *p)
{
    struct opt_plan *plan = p->plan;
    for (int t = 0; t < plan->trials; t++) {
        struct share s = {.nominal = p->ctx->model->nominal};
        walk_trial(p, t, false, add_share, &s);
        plan->trial_seconds[t] = s.seconds;
        plan->trial_bytes[t] = s.bytes;
    }
    for (int i = 0; i < plan->nodes; i++) {
        const struct plan_node *n = plan_node_of(plan, i);
        if (n->pub.kind != OPT_FIT)
            continue;
        for (int m = 0; m < n->pub.members; m++) {
            int t = n->pub.member[m].trial;
            plan->trial_seconds[t] += node_seconds(n, p->ctx->model->nominal) / n->pub.members;
            if (m == 0 || n->pub.member[m - 1].trial != t)
                plan->trial_bytes[t] += (double)n->pub.cost.host_peak / distinct_trials(&n->pub);
        }
    }
}

/* ---- a wave ---------------------------------------------------------------------------------------- */

struct wave {
    struct planner planner;
    struct trial_plan *trial;
    struct way_choice *choice;
    struct pending *pending;
    int *fold;
    struct asx_fidelity *from;
    int pendings;
};

static bool same_stage(const struct trial_plan *a, const struct trial_plan *b)
{
    return a->trial->config->learner == b->trial->config->learner && a->trial->to.iterations == b->trial->to.iterations &&
           a->trial->to.rows == b->trial->to.rows && a->trial->full == b->trial->full;
}

static asx_st prepare_trials(struct wave *w, const struct opt_trial *trial, int n)
{
    struct planner *p = &w->planner;
    const struct opt_context *ctx = p->ctx;
    bool share = ctx->sharing && !planner_disabled(ctx, "sharing");
    int most = ctx->problem->splits->folds + 1;
    for (int i = 0; i < n; i++) {
        struct trial_plan *t = &w->trial[i];
        *t = (struct trial_plan){.trial = &p->plan->trial[i],
                                 .index = i,
                                 .fold = w->fold + (size_t)i * (size_t)most,
                                 .from = w->from + (size_t)i * (size_t)most};
        t->folds = planner_members(ctx, t->trial, t->fold, t->from);
        if (!share) {
            struct hash h = hash_begin("alone");
            hash_u64(&h, (uint64_t)trial[i].id);
            t->salt = hash_end(&h);
        }
        asx_st st = planner_recipe(p, t->trial->config, &t->recipe);
        if (st)
            return st;
    }
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            w->trial[i].peers += same_stage(&w->trial[i], &w->trial[j]) ? w->trial[j].folds : 0;
    return ASX_OK;
}

static asx_st plan_trials(struct wave *w, int n)
{
    for (int i = 0; i < n; i++) {
        struct trial_plan *t = &w->trial[i];
        if (t->folds == 0)
            continue;
        asx_st st = way_choose(&w->planner, t, &w->choice[i]);
        if (!st)
            st = way_commit(&w->planner, t, &w->choice[i], w->pending + w->pendings);
        if (st)
            return st;
        w->pendings += t->folds;
    }
    return batch_make(&w->planner, w->pending, w->pendings, w->choice);
}

static asx_st allocate(struct wave *w, const struct opt_trial *trial, int n)
{
    struct opt_plan *plan = w->planner.plan;
    struct mem *mem = w->planner.ctx->mem;
    size_t k = (size_t)n, members = k * (size_t)(w->planner.ctx->problem->splits->folds + 1);
    plan->trial = mem_array(plan->mem, k, sizeof *plan->trial);
    plan->trial_seconds = mem_calloc(plan->mem, k, sizeof(double));
    plan->trial_alone = mem_calloc(plan->mem, k, sizeof(double));
    plan->trial_bytes = mem_calloc(plan->mem, k, sizeof(double));
    w->trial = mem_calloc(mem, k, sizeof *w->trial);
    w->choice = mem_calloc(mem, k, sizeof *w->choice);
    w->pending = mem_calloc(mem, members, sizeof *w->pending);
    w->fold = mem_calloc(mem, members, sizeof *w->fold);
    w->from = mem_calloc(mem, members, sizeof *w->from);
    if (!plan->trial || !plan->trial_seconds || !plan->trial_alone || !plan->trial_bytes || !w->trial || !w->choice ||
        !w->pending || !w->fold || !w->from)
        return err_set(w->planner.err, ASX_E_NOMEM, "out of memory while planning; raise the memory limit");
    if (n)
        memcpy(plan->trial, trial, k * sizeof *trial);
    plan->trials = n;
    return ASX_OK;
}

asx_st opt_plan_wave(const struct opt_context *ctx, const struct opt_trial *trial, int trials, struct opt_plan **out,
                     struct asx_err *err)
{
    struct wave w = {.planner = {.ctx = ctx, .err = err}};
    struct opt_plan *plan = NULL;
    asx_st st = opt_plan_create(ctx->mem, &plan);
    if (st)
        return err_set(err, st, "out of memory while planning; raise the memory limit");
    w.planner.plan = plan;
    st = allocate(&w, trial, trials);
    if (!st)
        st = prepare_trials(&w, trial, trials);
    if (!st)
        st = plan_trials(&w, trials);
    if (!st) {
        count_shares(&w.planner, w.pending, w.pendings);
        st = planner_prune(&w.planner);
    }
    if (!st) {
        opt_plan_place(plan, ctx);
        share_seconds(&w.planner);
    }
    planner_clear(&w.planner);
    mem_free(w.trial);
    mem_free(w.choice);
    mem_free(w.pending);
    mem_free(w.fold);
    mem_free(w.from);
    if (st) {
        opt_plan_free(plan);
        return st;
    }
    *out = plan;
    return ASX_OK;
}
