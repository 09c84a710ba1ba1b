/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ways of a fit. A way is an op together with the forms it wants, so it is priced with the forms
 * that are neither cached nor planned already: a Gram that another trial pays for makes the Gram way
 * cheap. The order of preference: able, not disabled, fits the memory, seconds on the log scale,
 * peak bytes, exactness, name.
 */
#include "optimizer/planner.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_WAYS = 16 };

/* ---- what nodes cost on top of what is there -------------------------------------------- */

static double walk(struct planner *p, int id, uint64_t *bytes)
{
    struct plan_node *n = plan_node_of(p->plan, id);
    if (n->stamp == p->stamp)
        return 0;
    n->stamp = p->stamp;
    if (n->needed || (n->pub.cached && !p->ctx->model->nominal)) /* what is cached is no fact in nominal mode */
        return 0;
    double seconds = n->alone_s;
    if (bytes)
        *bytes += n->pub.output_bytes;
    for (int i = 0; i < n->pub.inputs; i++)
        seconds += walk(p, n->pub.input[i], bytes);
    return seconds;
}

double way_new_seconds(struct planner *p, const int *node, int n, uint64_t *bytes)
{
    double seconds = 0;
    p->stamp++;
    for (int i = 0; i < n; i++)
        seconds += walk(p, node[i], bytes);
    return seconds;
}

/* ---- fits ------------------------------------------------------------------------------------ */

struct asx_shape way_fit_shape(const struct planner *p, const struct pending *m)
{
    struct asx_shape s = {0};
    if (m->n_needs)
        s = plan_node_of(p->plan, m->input[0])->gives;
    const struct asx_fold *fold = &p->ctx->problem->splits->fold[m->fold];
    double share = m->to.rows > 0 && m->to.rows < 1 ? m->to.rows : 1;
    s.rows = (double)fold->n_train * share;
    s.test_rows = (double)fold->n_test;
    return s;
}

struct asx_member *way_members(struct planner *p, int n)
{
    if (p->members < n) {
        mem_free(p->member);
        p->member = mem_array(p->ctx->mem, (size_t)n, sizeof *p->member);
        p->members = p->member ? n : 0;
        p->nomem |= !p->member;
    }
    if (p->member)
        memset(p->member, 0, (size_t)n * sizeof *p->member);
    return p->member;
}

double way_fit_seconds(struct planner *p, const struct asx_config *config, const struct pending *m, int n, uint64_t *peak,
                       struct asx_work *work)
{
    struct asx_work w = {0};
    struct asx_member *member = way_members(p, n);
    if (!member)
        return NAN;
    for (int i = 0; i < n; i++) {
        member[i].config = config;
        member[i].fold = m->fold;
        member[i].from = m->from;
        member[i].to = m->to;
    }
    struct asx_batch batch = {.member = member, .n = n, .shape = way_fit_shape(p, m)};
    if (m->op->work)
        m->op->work(p->ctx->problem, &batch, &w);
    struct asx_cost c = opt_cost(p->ctx->model, m->op->head.name, "cpu", &w, m->to.iterations - m->from.iterations, 1,
                                 p->ctx->model->nominal ? 1 : planner_threads(p->ctx));
    if (peak)
        *peak = c.host_peak;
    if (work)
        *work = w;
    return m->op->work ? planner_known(c.total_s) : 1e-3;
}

/* ---- one way ------------------------------------------------------------------------------------ */

struct evaluation {
    const struct asx_op *op;
    bool able, off, fits;
    double seconds;
    uint64_t peak;
    char why[96];
};

/* Does a parameter of the config ask for this way by its name? Only that lets an approximate way in. */
static bool asked_for(const struct asx_config *c, const struct asx_op *op)
{
    const char *way = strchr(op->head.name, '/');
    for (int i = 0; way && i < c->space->n; i++) {
        const struct asx_param *q = &c->space->param[i];
        if (q->kind == ASX_CHOICE && (int)c->value[i] >= 0 && (int)c->value[i] < q->n_choices &&
            strcmp(q->choices[(int)c->value[i]], way + 1) == 0)
            return true;
        if (q->kind == ASX_BOOL && c->value[i] != 0 && strcmp(q->name, way + 1) == 0)
            return true;
    }
    return false;
}

/* Makes (or finds) all inputs of the members; node ids, n_needs a member. False: missing or out of memory. */
static bool make_inputs(struct planner *p, const struct trial_plan *t, const struct asx_op *op, int *out, int *n_needs, char *why,
                        size_t size)
{
    int needs = 0;
    while (needs < ASX_NEEDS && op->needs[needs])
        needs++;
    *n_needs = needs;
    for (int f = 0; f < t->folds; f++) {
        struct request q = {.config = t->trial->config, .recipe = t->recipe, .fold = t->fold[f], .salt = t->salt};
        for (int j = 0; j < needs; j++) {
            out[f * ASX_NEEDS + j] = form_make(p, &q, op->needs[j]);
            if (out[f * ASX_NEEDS + j] >= 0)
                continue;
            snprintf(why, size, "needs form '%s', which cannot be made here", q.missing ? q.missing : op->needs[j]);
            return false;
        }
    }
    return true;
}

static void pending_of(const struct trial_plan *t, const struct asx_op *op, int f, const int *input, int n_needs,
                       struct pending *out)
{
    *out = (struct pending){
        .trial = t->index, .fold = t->fold[f], .op = op, .n_needs = n_needs, .from = t->from[f], .to = t->trial->to};
    memcpy(out->input, input + f * ASX_NEEDS, sizeof out->input);
}

/* Seconds of a trial's fits when they are batched as well as the wave lets them be. */
static double fits_seconds(struct planner *p, const struct trial_plan *t, const struct asx_op *op, const int *input, int n_needs,
                           uint64_t *peak)
{
    double seconds = 0;
    for (int f = 0; f < t->folds; f++) {
        struct pending m;
        pending_of(t, op, f, input, n_needs, &m);
        int b = f == 0 || m.from.iterations == 0 ? batch_size(p, t->trial->config, &m, t->peers) : 1;
        uint64_t bytes = 0;
        seconds += way_fit_seconds(p, t->trial->config, &m, b, &bytes, NULL) / b;
        *peak = bytes > *peak ? bytes : *peak;
    }
    return seconds;
}

static bool member_able(const struct planner *p, const struct trial_plan *t, const struct asx_op *op, const int *input, int n_needs)
{
    if (!op->can)
        return true;
    struct pending m;
    pending_of(t, op, 0, input, n_needs, &m);
    struct asx_member member = {.config = t->trial->config, .fold = m.fold, .from = m.from, .to = m.to};
    struct asx_batch batch = {.member = &member, .n = 1, .shape = way_fit_shape(p, &m)};
    return op->can(p->ctx->problem, &batch);
}

static void evaluate(struct planner *p, const struct trial_plan *t, const struct asx_op *op, int *input, struct evaluation *e)
{
    *e = (struct evaluation){.op = op, .seconds = NAN};
    if (op->equiv == ASX_APPROX && !asked_for(t->trial->config, op)) {
        snprintf(e->why, sizeof e->why, "approximate: only when a parameter asks for it");
        return;
    }
    int mark = p->plan->nodes, n_needs;
    if (make_inputs(p, t, op, input, &n_needs, e->why, sizeof e->why)) {
        int nodes = 0;
        e->able = member_able(p, t, op, input, n_needs);
        e->off = planner_disabled(p->ctx, op->head.name);
        e->seconds = fits_seconds(p, t, op, input, n_needs, &e->peak);
        for (int f = 0; f < t->folds; f++) /* close up the list: unused needs leave gaps */
            for (int j = 0; j < n_needs; j++)
                input[nodes++] = input[f * ASX_NEEDS + j];
        e->seconds += way_new_seconds(p, input, nodes, &e->peak);
        e->fits = !p->ctx->memory || e->peak <= p->ctx->memory;
        if (!e->able)
            snprintf(e->why, sizeof e->why, "not able on this data");
    }
    planner_rollback(p, mark);
}

/* ---- the choice ------------------------------------------------------------------------------------ */

static bool preferred(const struct evaluation *a, const struct evaluation *b)
{
    if (a->able != b->able)
        return a->able;
    if (a->off != b->off)
        return !a->off;
    bool ax = a->op->equiv == ASX_APPROX, bx = b->op->equiv == ASX_APPROX;
    if (ax != bx)
        return ax; /* it got this far because the config asks for it */
    if (a->fits != b->fits)
        return a->fits;
    if (!a->fits && a->peak != b->peak)
        return a->peak < b->peak;
    int ca = opt_log_cost(a->seconds), cb = opt_log_cost(b->seconds);
    if (ca != cb)
        return ca < cb;
    int pa = opt_log_cost((double)a->peak), pb = opt_log_cost((double)b->peak);
    if (pa != pb)
        return pa < pb;
    if (a->op->equiv != b->op->equiv)
        return a->op->equiv < b->op->equiv;
    return strcmp(a->op->head.name, b->op->head.name) < 0;
}

/* Both with everything they need, of one fold: what a node's own seconds can be compared with. */
static void say_why_not(struct evaluation *e, const struct evaluation *best, int folds)
{
    char a[32], b[32];
    if (!e->able)
        return;
    if (e->off && !best->off)
        snprintf(e->why, sizeof e->why, "disabled by optimizer.disable");
    else if (!e->fits)
        snprintf(e->why, sizeof e->why, "needs %s", clock_format_bytes((double)e->peak, a));
    else if (best->op->equiv == ASX_APPROX)
        snprintf(e->why, sizeof e->why, "a parameter asks for the other");
    else if (opt_log_cost(e->seconds) > opt_log_cost(best->seconds))
        snprintf(e->why, sizeof e->why, "slower: %s against %s a fold, inputs included",
                 clock_format_seconds(e->seconds / folds, a), clock_format_seconds(best->seconds / folds, b));
    else if (opt_log_cost((double)e->peak) > opt_log_cost((double)best->peak))
        snprintf(e->why, sizeof e->why, "as fast, but needs %s against %s", clock_format_bytes((double)e->peak, a),
                 clock_format_bytes((double)best->peak, b));
    else
        snprintf(e->why, sizeof e->why, "about the same cost; ties go by exactness and name");
}

static void fill_choice(struct evaluation *e, int n, int best, int folds, struct way_choice *out)
{
    *out = (struct way_choice){.op = e[best].op, .seconds = e[best].seconds, .peak = e[best].peak};
    int most = sizeof out->alternative / sizeof *out->alternative;
    for (int i = 0; i < n && out->alternatives < most; i++) {
        if (i == best)
            continue;
        say_why_not(&e[i], &e[best], folds);
        struct opt_alternative *a = &out->alternative[out->alternatives++];
        snprintf(a->way, sizeof a->way, "%s", e[i].op->head.name);
        memcpy(a->why_not, e[i].why, sizeof a->why_not);
        a->seconds = e[i].seconds / folds;
    }
}

asx_st way_choose(struct planner *p, const struct trial_plan *t, struct way_choice *out)
{
    const struct asx_learner *learner = t->trial->config->learner;
    struct evaluation e[MAX_WAYS];
    int n = 0, best = 0;
    int *input = mem_calloc(p->ctx->mem, (size_t)t->folds * ASX_NEEDS, sizeof *input);
    if (!input)
        return err_set(p->err, ASX_E_NOMEM, "out of memory while planning; raise the memory limit");
    for (; learner->fit[n] && n < MAX_WAYS; n++) {
        evaluate(p, t, learner->fit[n], input, &e[n]);
        if (n && preferred(&e[n], &e[best]))
            best = n;
    }
    mem_free(input);
    if (p->nomem)
        return err_set(p->err, ASX_E_NOMEM, "out of memory while planning; raise the memory limit");
    if (n == 0 || !e[best].able)
        return err_set(p->err, ASX_E_UNSUPPORTED, "learner '%s' has no way to fit this data (%s); leave it out", learner->head.name,
                       n ? e[best].why : "it has none at all");
    fill_choice(e, n, best, t->folds, out);
    return ASX_OK;
}

/* ---- for good -------------------------------------------------------------------------------------------- */

static void mark_needed(struct planner *p, int id)
{
    struct plan_node *n = plan_node_of(p->plan, id);
    if (n->needed)
        return;
    n->needed = true;
    for (int i = 0; !n->pub.cached && i < n->pub.inputs; i++)
        mark_needed(p, n->pub.input[i]);
}

/* Models keep the fitted steps, so every trial's preparation is part of its plan, at hand or not. */
static bool mark_preps(struct planner *p, const struct trial_plan *t)
{
    int *node = mem_array(p->ctx->mem, (size_t)t->recipe->parts, sizeof *node);
    p->nomem |= !node;
    for (int f = 0; node && f < t->folds; f++) {
        struct request q = {.config = t->trial->config, .recipe = t->recipe, .fold = t->fold[f], .salt = t->salt};
        if (!form_preps(p, &q, node))
            break;
        for (int i = 0; i < t->recipe->parts; i++)
            mark_needed(p, node[i]);
    }
    mem_free(node);
    return !p->nomem;
}

/* Folds that are done take no part, except that their predictions or models at another round may be wanted: their inputs are found, or made. */
static bool mark_done(struct planner *p, const struct trial_plan *t, const struct asx_op *op)
{
    int folds = t->trial->full || !t->trial->reads_done ? 0 : t->trial->from.folds;
    if (folds == 0)
        return true;
    struct opt_plan *plan = p->plan;
    struct opt_done *done = mem_realloc(plan->mem, plan->done, (size_t)(plan->dones + folds) * sizeof *done);
    p->nomem |= !done;
    plan->done = done ? done : plan->done;
    for (int f = 0; done && f < folds; f++) {
        struct asx_fidelity from;
        struct request q = {.config = t->trial->config, .recipe = t->recipe, .fold = f, .salt = t->salt};
        struct opt_done *d = &done[plan->dones];
        *d = (struct opt_done){.trial = t->index, .fold = f};
        if (opt_member_from(t->trial, f, &from))
            continue; /* it is fitted */
        for (; d->inputs < ASX_NEEDS && op->needs[d->inputs]; d->inputs++)
            if ((d->input[d->inputs] = form_make(p, &q, op->needs[d->inputs])) < 0)
                break;
        if (d->inputs < ASX_NEEDS && op->needs[d->inputs])
            continue;
        for (int j = 0; j < d->inputs; j++)
            mark_needed(p, d->input[j]);
        plan->dones++;
    }
    return !p->nomem;
}

asx_st way_commit(struct planner *p, const struct trial_plan *t, const struct way_choice *choice, struct pending *out)
{
    char why[96];
    int n_needs;
    int *input = mem_calloc(p->ctx->mem, (size_t)t->folds * ASX_NEEDS, sizeof *input);
    bool made =
        input && make_inputs(p, t, choice->op, input, &n_needs, why, sizeof why) && mark_preps(p, t) && mark_done(p, t, choice->op);
    for (int f = 0; made && f < t->folds; f++) {
        pending_of(t, choice->op, f, input, n_needs, &out[f]);
        for (int j = 0; j < n_needs; j++)
            mark_needed(p, out[f].input[j]);
        out[f].alone_s = way_fit_seconds(p, t->trial->config, &out[f], 1, NULL, NULL);
    }
    mem_free(input);
    if (!made || p->nomem)
        return err_set(p->err, ASX_E_NOMEM, "out of memory while planning; raise the memory limit");
    return ASX_OK;
}
