/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prices of candidates: the planner's own choice of ways for one trial, on top of the nodes that
 * committed candidates need. Nothing is batched here; members that could be batched with committed
 * ones count as its peers, and get the price of a batch of that size.
 */
#include "optimizer/planner.h"

#include "base/mem.h"

#include <math.h>

enum { MAX_STAGES = 64 };

/* Committed members that could share a batch. */
struct stage {
    const struct asx_learner *learner;
    int iterations, members;
};

struct opt_pricer {
    struct planner planner;
    struct asx_err err;
    struct stage stage[MAX_STAGES];
    int stages;
    int *fold;
    struct asx_fidelity *from;
    struct pending *pending;
    /* the candidate added last */
    bool valid;
    struct asx_config config;
    struct opt_trial trial;
    struct trial_plan plan;
    struct way_choice choice;
};

struct opt_pricer *opt_pricer_create(const struct opt_context *ctx)
{
    struct opt_pricer *p = mem_calloc(ctx->mem, 1, sizeof *p);
    if (!p)
        return NULL;
    size_t most = (size_t)ctx->problem->splits->folds + 1;
    p->planner.ctx = ctx;
    p->planner.err = &p->err;
    p->fold = mem_calloc(ctx->mem, most, sizeof *p->fold);
    p->from = mem_calloc(ctx->mem, most, sizeof *p->from);
    p->pending = mem_calloc(ctx->mem, most, sizeof *p->pending);
    if (!p->fold || !p->from || !p->pending || opt_plan_create(ctx->mem, &p->planner.plan)) {
        opt_pricer_destroy(p);
        return NULL;
    }
    return p;
}

void opt_pricer_destroy(struct opt_pricer *p)
{
    if (!p)
        return;
    planner_clear(&p->planner);
    opt_plan_free(p->planner.plan);
    mem_free(p->fold);
    mem_free(p->from);
    mem_free(p->pending);
    mem_free(p);
}

void opt_pricer_begin(struct opt_pricer *p)
{
    planner_rollback(&p->planner, 0);
    p->stages = 0;
    p->valid = false;
}

static struct stage *stage_of(struct opt_pricer *p, const struct opt_trial *t)
{
    for (int i = 0; i < p->stages; i++)
        if (p->stage[i].learner == t->config->learner && p->stage[i].iterations == t->to.iterations)
            return &p->stage[i];
    if (p->stages == MAX_STAGES)
        return NULL;
    p->stage[p->stages] = (struct stage){.learner = t->config->learner, .iterations = t->to.iterations};
    return &p->stage[p->stages++];
}

static bool choose(struct opt_pricer *p)
{
    struct planner *planner = &p->planner;
    const struct stage *s = stage_of(p, &p->trial);
    p->err = (struct asx_err){0};
    planner->nomem = false;
    p->plan = (struct trial_plan){.trial = &p->trial, .fold = p->fold, .from = p->from};
    p->plan.folds = planner_members(planner->ctx, &p->trial, p->fold, p->from);
    p->plan.peers = p->plan.folds + (s ? s->members : 0);
    if (planner_recipe(planner, p->trial.config, &p->plan.recipe))
        return false;
    if (p->plan.folds == 0) {
        p->choice = (struct way_choice){0};
        return true;
    }
    return way_choose(planner, &p->plan, &p->choice) == ASX_OK;
}

void opt_pricer_add(struct opt_pricer *p, const struct asx_config *config, struct asx_fidelity from, struct asx_fidelity to,
                    double *seconds, double *bytes)
{
    p->config = *config; /* the caller's may be gone at commit */
    p->trial = (struct opt_trial){.config = &p->config, .from = from, .to = to};
    p->valid = choose(p);
    int threads = p->planner.ctx->model->nominal ? 1 : planner_threads(p->planner.ctx);
    bool fits = !p->planner.ctx->memory || p->choice.peak <= p->planner.ctx->memory;
    if (seconds)
        *seconds = !p->valid ? NAN : fits ? p->choice.seconds / threads : INFINITY;
    if (bytes)
        *bytes = p->valid ? (double)p->choice.peak : NAN;
}

void opt_pricer_commit(struct opt_pricer *p)
{
    if (!p->valid || p->plan.folds == 0)
        return;
    struct stage *s = stage_of(p, &p->trial);
    if (way_commit(&p->planner, &p->plan, &p->choice, p->pending) == ASX_OK && s)
        s->members += p->plan.folds;
    p->valid = false;
}
