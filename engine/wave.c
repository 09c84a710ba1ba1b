/* SPDX-License-Identifier: Apache-2.0 */
/* One wave: plan it, write down what is about to happen, run it, write down what happened. */
#include "engine/ops/core.h"
#include "engine/search.h"
#include "engine/trial.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"
#include "catalog/op.h"
#include "catalog/plan.h"
#include "optimizer/explain.h"

#include <string.h>

/* Predictions are judged over ops of at least this size. */
enum { Q_ERROR_MS = 5, COUNTED_BYTES = 1 << 20 };
/* Bytes are underestimated when more than a tenth is missing. */
static const double UNDER = 1.1;

static void books_lock(struct run *r)
{
    pthread_mutex_lock(&r->lock);
}

static void books_unlock(struct run *r)
{
    pthread_mutex_unlock(&r->lock);
}

/* ---- op executions --------------------------------------------------------------- */

/* What no other step could share (reading, scores, the model) has a key of its own: this run, this plan, this node. */
static struct asx_key recorded_key(const struct run *r, const struct opt_node *n)
{
    if (!key_is_zero(n->key))
        return n->key;
    struct hash h = hash_begin("step of a run");
    hash_u64(&h, (uint64_t)r->id);
    hash_u64(&h, (uint64_t)r->plan_id);
    hash_u64(&h, (uint64_t)n->id);
    hash_str(&h, n->way);
    return hash_end(&h);
}

static struct cat_op *describe_ops(struct run *r, const struct opt_plan *plan)
{
    struct cat_op *op = mem_calloc(r->mem, (size_t)plan->nodes + 1, sizeof *op);
    for (int i = 0; op && i < plan->nodes; i++) {
        const struct opt_node *n = plan->node[i];
        int trial = n->kind == OPT_FIT && n->members > 0 ? n->member[0].trial : -1;
        for (int m = 1; m < n->members; m++)
            if (n->member[m].trial != trial)
                trial = -1;
        op[i] = (struct cat_op){.trial = trial >= 0 ? r->wave[trial].ask.trial : 0,
                                .name = n->way,
                                .device = r->machine->device[n->device].id,
                                .threads = n->threads,
                                .batch = n->members,
                                .lineage = recorded_key(r, n),
                                .predicted_s = n->cost.total_s,
                                .predicted_bytes = (double)n->cost.host_peak,
                                .measured_s = NAN,
                                .measured_bytes = NAN};
    }
    return op;
}

static void note_q_error(struct run *r, double predicted, double measured)
{
    if (measured < Q_ERROR_MS * 1e-3 || !(predicted > 0))
        return;
    if (r->q_n == r->q_capacity) {
        int capacity = r->q_capacity ? 2 * r->q_capacity : 256;
        double *q = mem_realloc(r->mem, r->q_log, (size_t)capacity * sizeof *q);
        if (!q)
            return;
        r->q_log = q;
        r->q_capacity = capacity;
    }
    r->q_log[r->q_n++] = fabs(log(measured / predicted));
}

static void note_op_row(struct run *r, const struct opt_node *n, double measured)
{
    enum { MOST_ROWS = 2000 };
    if (!r->op_rows || json_array_size(r->op_rows) >= MOST_ROWS || measured < 1e-3)
        return;
    json_array_append_new(r->op_rows, json_pack("{s:s, s:s, s:f, s:f}", "op", n->way, "step", n->step, "predicted_s",
                                                n->cost.total_s, "measured_s", measured));
}

static void learn_ops(struct run *r, const struct opt_plan *plan, const struct node_result *result, struct cat_op *op)
{
    for (int i = 0; i < plan->nodes; i++) {
        const struct opt_node *n = plan->node[i];
        int uses = n->shared_by > 1 ? n->shared_by - 1 : 0;
        if (n->cached || result[i].state != NODE_DONE) {
            if (n->cached) {
                r->share_hits += n->shared_by > 0 ? n->shared_by : 1;
                r->share_saved += n->raw_s * (n->shared_by > 0 ? n->shared_by : 1);
            }
            continue;
        }
        op[i].measured_s = result[i].seconds;
        op[i].measured_bytes = result[i].bytes;
        op[i].hits = uses;
        op[i].saved_s = uses * result[i].seconds;
        r->share_hits += uses;
        r->share_saved += uses * result[i].seconds;
        note_q_error(r, n->cost.total_s, result[i].seconds);
        r->memory_under += result[i].bytes >= COUNTED_BYTES && result[i].bytes > UNDER * (double)n->cost.host_peak;
        note_op_row(r, n, result[i].seconds);
        if (n->raw_s > 0) {
            r->raw_s += n->raw_s;
            r->real_s += result[i].seconds;
        }
        if (n->raw_s > 0)
            opt_learn(&r->model, n->way, r->machine->device[n->device].id, n->raw_s, result[i].seconds);
    }
}

static bool is_measured(const struct cat_op *op)
{
    return op->id > 0 && op->measured_s == op->measured_s;
}

static asx_st record_measures(struct run *r, const struct opt_plan *plan, struct cat_op *op, struct asx_err *err)
{
    size_t n = 0;
    for (int i = 0; i < plan->nodes; i++)
        if (is_measured(&op[i]))
            op[n++] = op[i];
    return n ? cat_ops_measure(r->cat, r->id, op, n, err) : ASX_OK;
}

/* The plan as explain shows it, for `plan` of the leaderboard; advice, so failing to keep it fails nothing. */
static int64_t record_plan(struct run *r, const struct opt_plan *plan)
{
    struct opt_explained e = {.machine = r->machine, .budget_s = NAN, .plan = &plan, .plans = 1, .costs = true};
    json_t *json = opt_explain_json(&e);
    char *text = json ? json_text(json) : NULL;
    int64_t id = 0;
    struct asx_err ignored = {0};
    if (text && cat_plan_put(r->cat, r->id, r->waves, text, &id, &ignored) < 0)
        id = 0;
    json_decref(json);
    json_text_free(text);
    return id;
}

/* Runs a plan under the run's executor; `asks` are committed with the predictions. */
static asx_st execute(struct run *r, struct opt_plan *plan, struct cat_ask *asks, int n_asks, struct asx_err *err)
{
    struct node_result *result = mem_calloc(r->mem, (size_t)plan->nodes + 1, sizeof *result);
    r->plan_id = r->cat && r->id ? record_plan(r, plan) : 0;
    struct cat_op *op = describe_ops(r, plan);
    asx_st st = result && op ? ASX_OK : err_set(err, ASX_E_NOMEM, "no memory to run a plan; raise the memory limit");
    size_t keep = 0;
    for (int i = 0; i < n_asks; i++)
        asks[i].plan = r->plan_id;
    for (int i = 0; op && i < plan->nodes; i++)
        keep += !plan->node[i]->cached;
    struct cat_op *fresh = op && keep ? mem_array(r->mem, keep, sizeof *fresh) : NULL;
    if (st == ASX_OK && r->committing && (!keep || fresh)) {
        size_t k = 0;
        for (int i = 0; i < plan->nodes; i++)
            if (!plan->node[i]->cached)
                fresh[k++] = op[i];
        st = cat_wave_put(r->cat, r->id, asks, (size_t)n_asks, fresh, keep, err);
        for (int i = 0, f = 0; st == ASX_OK && i < plan->nodes; i++)
            if (!plan->node[i]->cached)
                op[i].id = fresh[f++].id;
    }
    if (st == ASX_OK) {
        r->result = result;
        st = executor_run(&r->executor, plan, result, err);
        r->result = NULL;
        learn_ops(r, plan, result, op);
        for (int i = 0; i < plan->nodes; i++)
            if (plan->node[i]->kind == OPT_CORE)
                plan->node[i]->measured_s = result[i].seconds;
        struct asx_err ignored = {0};
        if (r->committing)
            record_measures(r, plan, op, &ignored); /* measurements are advice: losing some loses no trial */
    }
    if (result)
        executor_release(result, plan->nodes);
    mem_free(fresh);
    mem_free(op);
    mem_free(result);
    return st;
}

asx_st run_plan(struct run *r, struct opt_plan *plan, struct asx_err *err)
{
    bool committing = r->committing;
    r->committing = r->cat != NULL && r->id > 0;
    asx_st st = execute(r, plan, NULL, 0, err);
    r->committing = committing;
    return st;
}

/* ---- planning a wave ----------------------------------------------------------------- */

/* What fits of done folds were made from, once each. */
static int add_done(const struct opt_plan *plan, int trial, int *input, int inputs)
{
    for (int d = 0; d < plan->dones; d++)
        for (int k = 0; plan->done[d].trial == trial && k < plan->done[d].inputs; k++) {
            bool seen = false;
            for (int i = 0; i < inputs && !seen; i++)
                seen = input[i] == plan->done[d].input[k];
            if (!seen)
                input[inputs++] = plan->done[d].input[k];
        }
    return inputs;
}

static asx_st add_scores(struct run *r, struct opt_plan *plan, struct trial_run *trial, int n, struct asx_err *err)
{
    int *input = mem_array(r->mem, (size_t)plan->nodes + 1, sizeof *input);
    int fits = plan->nodes;
    asx_st st = input ? ASX_OK : err_set(err, ASX_E_NOMEM, "no memory to plan a wave; raise the memory limit");
    for (int t = 0; t < n && st == ASX_OK; t++) {
        int inputs = 0;
        double bytes = 0;
        for (int id = 0; id < fits; id++) {
            const struct opt_node *node = plan->node[id];
            bool mine = false;
            for (int m = 0; node->kind == OPT_FIT && m < node->members; m++)
                mine |= node->member[m].trial == t;
            if (mine)
                input[inputs++] = id;
            for (int m = 0; mine && m < node->members; m++)
                bytes += node->member[m].trial == t ? (double)node->output_bytes / node->members : 0;
        }
        inputs = add_done(plan, t, input, inputs);
        struct asx_shape shape = {.rows = (double)r->problem.rows, .cols = (double)r->problem.outputs, .bytes = bytes};
        const struct asx_learner *learner = trial[t].config->config.learner;
        if (learner->held_out && learner->resumable && learner->prep_role == ASX_FOR_TREES)
            shape.nnz = trial[t].ask.to.iterations * (r->problem.outputs > 2 ? r->problem.outputs : 1);
        char step[64];
        snprintf(step, sizeof step, "score %s", trial[t].config->config.learner->head.name);
        if (opt_plan_add_core(plan, &r->ctx, &core_score, step, &shape, input, inputs, (struct asx_key){0, 0}, &trial[t]) < 0)
            st = err_set(err, ASX_E_NOMEM, "no memory to plan a wave; raise the memory limit");
    }
    mem_free(input);
    if (st == ASX_OK)
        opt_plan_place(plan, &r->ctx);
    return st;
}

/* Where a trial really starts: folds whose predictions are gone (the run was resumed since) are done again. */
static struct asx_fidelity starts_from(const struct trial_run *t)
{
    struct asx_fidelity from = t->ask.from;
    for (int f = 0; f < t->ask.from.folds; f++)
        if (!t->config->fold[f].pred)
            from.folds = from.iterations = 0;
    return from;
}

asx_st run_plan_wave(struct run *r, struct trial_run *trial, int n, struct opt_plan **plan, struct asx_err *err)
{
    struct opt_trial *t = mem_calloc(r->mem, (size_t)n + 1, sizeof *t);
    if (!t)
        return err_set(err, ASX_E_NOMEM, "no memory to plan a wave; raise the memory limit");
    for (int i = 0; i < n; i++)
        t[i] = (struct opt_trial){.id = trial[i].ask.trial,
                                  .config_id = trial[i].ask.config_id,
                                  .config = &trial[i].config->config,
                                  .from = starts_from(&trial[i]),
                                  .to = trial[i].ask.to,
                                  .full = trial[i].full,
                                  .reads_done = trial_may_read_done(trial[i].config)};
    asx_st st = opt_plan_wave(&r->ctx, t, n, plan, err);
    if (st == ASX_OK)
        st = add_scores(r, *plan, trial, n, err);
    mem_free(t);
    return st;
}

static asx_st fill_asks(struct run *r, const struct trial_run *trial, int n, struct cat_ask **out, struct asx_err *err)
{
    struct cat_ask *ask = mem_calloc(r->mem, (size_t)n + 1, sizeof *ask);
    if (!ask)
        return err_set(err, ASX_E_NOMEM, "no memory to record a wave; raise the memory limit");
    for (int i = 0; i < n; i++)
        ask[i] = (struct cat_ask){.trial = trial[i].ask.trial,
                                  .config_id = trial[i].ask.config_id,
                                  .learner = trial[i].config->config.learner->head.name,
                                  .config_json = trial[i].config->json,
                                  .config_hash = trial[i].config->key,
                                  .from = trial[i].ask.from,
                                  .to = trial[i].ask.to,
                                  .wave = r->waves};
    *out = ask;
    return ASX_OK;
}

static asx_st new_curves(struct run *r, struct trial_run *trial, int n)
{
    for (int i = 0; i < n; i++) {
        struct asx_curve *c = &trial[i].curve;
        c->capacity = trial[i].ask.to.iterations + 16;
        c->iteration = mem_array(r->mem, (size_t)c->capacity, sizeof *c->iteration);
        c->value = mem_array(r->mem, (size_t)c->capacity, sizeof *c->value);
        if (!c->iteration || !c->value)
            return ASX_E_NOMEM;
    }
    return ASX_OK;
}

void run_wave_clear(struct trial_run *trial, int n)
{
    for (int i = 0; i < n; i++) {
        mem_free(trial[i].curve.iteration);
        mem_free(trial[i].curve.value);
        trial[i].curve = (struct asx_curve){0};
    }
}

asx_st run_wave(struct run *r, struct trial_run *trial, int n, bool commit, bool keep_models, struct asx_err *err)
{
    struct opt_plan *plan = NULL;
    struct cat_ask *asks = NULL;
    for (int i = 0; i < n; i++) {
        trial[i].run = r;
        trial[i].index = i;
        trial[i].validation = trial[i].ci_low = trial[i].ci_high = NAN;
        trial[i].seconds = NAN;
    }
    r->wave = trial;
    r->keep_models = keep_models;
    r->committing = commit;
    asx_st st =
        new_curves(r, trial, n) == ASX_OK ? ASX_OK : err_set(err, ASX_E_NOMEM, "no memory to run a wave; raise the memory limit");
    if (st == ASX_OK)
        st = run_plan_wave(r, trial, n, &plan, err);
    int asked = commit && !trial[0].refit ? n : 0; /* a refit is no trial: its ops are recorded, nothing is asked */
    if (st == ASX_OK && asked)
        st = fill_asks(r, trial, asked, &asks, err);
    if (st == ASX_OK) {
        for (int i = 0; i < n; i++)
            if (plan->trial_seconds)
                trial[i].seconds = plan->trial_seconds[i];
        st = execute(r, plan, asks, asked, err);
    }
    books_lock(r);
    r->wave = NULL;
    r->committing = false;
    books_unlock(r);
    mem_free(asks);
    opt_plan_free(plan);
    return st;
}
