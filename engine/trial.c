/* SPDX-License-Identifier: Apache-2.0 */
/* What fits are given and what they leave behind. */
#include "engine/trial.h"

#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"

#include <string.h>

bool trial_is_iterative(const struct config_run *c)
{
    return c->config.learner->iterations != NULL;
}

bool trial_may_read_done(const struct config_run *c)
{
    return trial_is_iterative(c) && c->fold && c->fold[0].state;
}

double trial_fidelity_share(const struct run *r, const struct config_run *c, const struct asx_fidelity *f)
{
    double share = f->folds > 0 ? (double)f->folds / r->splits->folds : 1;
    if (trial_is_iterative(c)) {
        double want = asx_config_get(&c->config, c->config.learner->iterations);
        share *= want > 0 && f->iterations < want ? f->iterations / want : 1;
    }
    return share;
}

/* ---- before a fit ------------------------------------------------------------ */

uint64_t trial_fit_seed(const struct run *r, const struct config_run *c, int fold)
{
    struct hash h = hash_begin("fit seed");
    hash_u64(&h, r->opt.seed);
    hash_key(&h, c->key);
    hash_u64(&h, (uint64_t)fold);
    return hash_end(&h).lo;
}

static asx_st grow_curve(struct run *r, struct asx_curve *c, int rounds)
{
    int want = rounds + 16;
    if (c->capacity >= want)
        return ASX_OK;
    int *iteration = mem_realloc(r->mem, c->iteration, (size_t)want * sizeof *iteration);
    if (iteration)
        c->iteration = iteration;
    double *value = mem_realloc(r->mem, c->value, (size_t)want * sizeof *value);
    if (value)
        c->value = value;
    if (!iteration || !value)
        return ASX_E_NOMEM;
    c->capacity = want;
    return ASX_OK;
}

static asx_st prepare_member(struct run *r, struct trial_run *t, int fold, struct asx_member *m, struct asx_err *err)
{
    struct config_run *c = t->config;
    struct fold_run *f = &c->fold[fold];
    const struct asx_fold *rows = &r->splits->fold[fold];
    *m = (struct asx_member){
        .config = &c->config, .fold = fold, .from = t->ask.from, .to = t->ask.to, .seed = trial_fit_seed(r, c, fold)};
    bool goes_on = f->state && fold < t->ask.from.folds && t->ask.from.iterations > 0 && f->iterations == t->ask.from.iterations;
    if (goes_on) {
        m->state = f->state;
        f->state = NULL; /* the op has it now */
    } else {
        m->from.iterations = 0;
        f->curve.n = 0;
    }
    const char *lacks = NULL;
    if (grow_curve(r, &f->curve, t->ask.to.iterations) != ASX_OK)
        lacks = "a learning curve";
    m->curve = trial_is_iterative(c) && rows->n_test ? &f->curve : NULL;
    if (!lacks && rows->n_test && !(m->pred = mem_array(r->mem, rows->n_test * (size_t)r->problem.outputs, sizeof(float))))
        lacks = "held-out predictions";
    if (!lacks)
        return ASX_OK;
    if (goes_on)
        f->state = m->state;
    *m = (struct asx_member){0}; /* not prepared: a second try starts here again */
    return err_set(err, ASX_E_NOMEM, "no memory for %s; raise the memory limit", lacks);
}

asx_st trial_members(void *run, const struct opt_plan *plan, const struct opt_node *n, struct asx_member *m, struct asx_err *err)
{
    struct run *r = run;
    (void)plan;
    asx_st st = ASX_OK;
    for (int i = 0; i < n->members && st == ASX_OK; i++)
        if (!m[i].config) /* a second try after the cache was emptied keeps what it has */
            st = prepare_member(r, &r->wave[n->member[i].trial], n->member[i].fold, &m[i], err);
    return st;
}

/* ---- after a fit --------------------------------------------------------------- */

static void keep_fitted(struct config_run *c, int fold, const struct artefact *a)
{
    if (!a)
        return;
    for (int p = 0; a->fitted && p < c->recipe->parts; p++) {
        struct prep_fitted **slot = &c->fitted[fold * c->recipe->parts + p];
        if (!*slot && key_equal(a->fitted->part, c->recipe->part[p].key))
            *slot = prep_fitted_get(a->fitted);
    }
    for (int i = 0; i < a->deps; i++)
        keep_fitted(c, fold, a->dep[i]);
}

static void trial_fail(struct trial_run *t, asx_st st, const struct asx_err *err)
{
    if (t->status != ASX_OK)
        return;
    t->status = st;
    t->err = *err;
}

static void take_member(struct run *r, struct trial_run *t, struct asx_member *m, asx_st st, const struct asx_err *err)
{
    struct config_run *c = t->config;
    struct fold_run *f = &c->fold[m->fold];
    const struct asx_learner *learner = c->config.learner;
    if (f->state && f->state != m->state)
        learner->free_state(f->state);
    f->state = m->state;
    m->state = NULL;
    if (f->pred != m->pred)
        mem_free(f->pred);
    f->pred = m->pred;
    m->pred = NULL;
    f->iterations = m->to.iterations;
    if (st == ASX_OK && m->status != ASX_OK) {
        st = m->status;
        err = &m->err;
    }
    if (st == ASX_OK)
        return;
    pthread_mutex_lock(&r->lock);
    trial_fail(t, st, err);
    pthread_mutex_unlock(&r->lock);
    if (f->state)
        learner->free_state(f->state);
    f->state = NULL;
}

void trial_node_done(void *run, const struct opt_plan *plan, const struct opt_node *n, struct node_result *result)
{
    struct run *r = run;
    (void)plan;
    if (n->kind != OPT_FIT)
        return;
    for (int i = 0; i < n->members; i++) {
        struct trial_run *t = &r->wave[n->member[i].trial];
        if (!result->member || !result->member[i].config) {
            pthread_mutex_lock(&r->lock);
            trial_fail(t, result->status == ASX_OK ? ASX_E_INTERNAL : result->status, &result->err);
            pthread_mutex_unlock(&r->lock);
            continue;
        }
        take_member(r, t, &result->member[i], result->status, &result->err);
        for (int k = 0; k < n->inputs / n->members; k++)
            keep_fitted(t->config, n->member[i].fold, r->result[n->input[i * (n->inputs / n->members) + k]].artefact);
    }
}

/* ---- shares ------------------------------------------------------------------------ */

static double share_of(const struct opt_plan *plan, const struct node_result *result, int id, unsigned char *seen)
{
    const struct opt_node *n = plan->node[id];
    if (seen[id])
        return 0;
    seen[id] = 1;
    double s = n->kind == OPT_FIT || n->cached ? 0 : result[id].seconds / (n->shared_by > 1 ? n->shared_by : 1);
    for (int i = 0; i < n->inputs; i++)
        s += share_of(plan, result, n->input[i], seen);
    return s;
}

double trial_measured_share(const struct opt_plan *plan, const struct node_result *result, int trial)
{
    unsigned char *seen = mem_calloc(NULL, (size_t)plan->nodes + 1, 1);
    double sum = 0;
    for (int id = 0; seen && id < plan->nodes; id++) {
        const struct opt_node *n = plan->node[id];
        if (n->kind != OPT_FIT)
            continue;
        int mine = 0, per = n->members ? n->inputs / n->members : 0;
        for (int i = 0; i < n->members; i++) {
            if (n->member[i].trial != trial)
                continue;
            mine++;
            for (int k = 0; k < per; k++)
                sum += share_of(plan, result, n->input[i * per + k], seen);
        }
        if (mine)
            sum += result[id].seconds * mine / n->members;
    }
    mem_free(seen);
    return sum;
}

static double bytes_below(const struct opt_plan *plan, const struct node_result *result, int id, unsigned char *seen)
{
    const struct opt_node *n = plan->node[id];
    if (seen[id])
        return 0;
    seen[id] = 1;
    double s = n->kind == OPT_FIT || !result[id].artefact ? 0 : (double)result[id].artefact->bytes;
    for (int i = 0; i < n->inputs; i++)
        s += bytes_below(plan, result, n->input[i], seen);
    return s;
}

/* Trials that a batch serves; members of a trial lie side by side. */
static int trials_of(const struct opt_node *n)
{
    int count = 0;
    for (int i = 0; i < n->members; i++)
        count += i == 0 || n->member[i - 1].trial != n->member[i].trial;
    return count;
}

double trial_measured_bytes(const struct opt_plan *plan, const struct node_result *result, int trial)
{
    unsigned char *seen = mem_calloc(NULL, (size_t)plan->nodes + 1, 1);
    double sum = 0;
    for (int id = 0; seen && id < plan->nodes; id++) {
        const struct opt_node *n = plan->node[id];
        int per = n->kind == OPT_FIT && n->members ? n->inputs / n->members : 0;
        bool mine = false;
        for (int i = 0; n->kind == OPT_FIT && i < n->members; i++) {
            if (n->member[i].trial != trial)
                continue;
            mine = true;
            for (int k = 0; k < per; k++)
                sum += bytes_below(plan, result, n->input[i * per + k], seen);
        }
        if (mine && result[id].bytes == result[id].bytes)
            sum += result[id].bytes / trials_of(n);
    }
    mem_free(seen);
    return sum;
}
