/* SPDX-License-Identifier: Apache-2.0 */
/* Books about configs: making, dropping what is no longer worth its bytes. */
#include "engine/run.h"

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static asx_st fill_config(struct run *r, struct config_run *c, struct asx_err *err)
{
    size_t folds = (size_t)r->splits->folds + 1;
    c->key = opt_config_key(&c->config);
    c->bare = c->config.learner->fit[0]->needs[0] == NULL;
    json_t *json = opt_config_json(&c->config);
    char *text = json ? json_text(json) : NULL;
    c->json = text ? mem_strdup(r->mem, text) : NULL;
    json_text_free(text);
    json_decref(json);
    c->fold = mem_calloc(r->mem, folds, sizeof *c->fold);
    if (!c->json || !c->fold)
        return err_set(err, ASX_E_NOMEM, "no memory for another config; raise the memory limit");
    asx_st st = opt_recipe_make(r->session_registry, &r->problem, &c->config, r->mem, &c->recipe, err);
    if (st != ASX_OK)
        return st;
    if (!c->bare && c->recipe->parts == 0)
        return err_set(err, ASX_E_INVAL, "'%s' can use none of the columns of this data; leave it out of search.learners",
                       c->config.learner->head.name);
    c->fitted = mem_calloc(r->mem, folds * (size_t)c->recipe->parts + 1, sizeof *c->fitted);
    return c->fitted ? ASX_OK : err_set(err, ASX_E_NOMEM, "no memory for another config; raise the memory limit");
}

static bool grow(struct run *r, int id)
{
    if (id < r->config_capacity)
        return true;
    int capacity = id < 64 ? 128 : 2 * id;
    struct config_run **list = mem_realloc(r->mem, r->config, (size_t)capacity * sizeof *list);
    if (!list)
        return false;
    memset(list + r->config_capacity, 0, (size_t)(capacity - r->config_capacity) * sizeof *list);
    r->config = list;
    r->config_capacity = capacity;
    return true;
}

struct config_run *run_config(struct run *r, int id, const struct asx_config *config, struct asx_err *err)
{
    if (!grow(r, id)) {
        err_set(err, ASX_E_NOMEM, "no memory for another config; raise the memory limit");
        return NULL;
    }
    if (r->config[id])
        return r->config[id];
    struct config_run *c = mem_calloc(r->mem, 1, sizeof *c);
    if (!c) {
        err_set(err, ASX_E_NOMEM, "no memory for another config; raise the memory limit");
        return NULL;
    }
    c->id = id;
    c->config = *config;
    c->validation = c->ci_low = c->ci_high = c->test = c->predict_us = c->predict_fixed_s = c->predict_row_s = NAN;
    if (fill_config(r, c, err) != ASX_OK) {
        config_run_free(r, c);
        return NULL;
    }
    r->config[id] = c;
    if (id >= r->configs)
        r->configs = id + 1;
    return c;
}

void config_drop_states(struct run *r, struct config_run *c)
{
    for (int f = 0; f <= r->splits->folds; f++) {
        if (c->fold[f].state)
            c->config.learner->free_state(c->fold[f].state);
        c->fold[f].state = NULL;
    }
}

void config_drop_preds(struct run *r, struct config_run *c)
{
    for (int f = 0; f <= r->splits->folds; f++) {
        mem_free(c->fold[f].pred);
        c->fold[f].pred = NULL;
    }
}

void config_drop_models(struct run *r, struct config_run *c)
{
    for (int f = 0; f <= r->splits->folds; f++) {
        if (c->fold[f].model)
            c->config.learner->free_model(c->fold[f].model);
        c->fold[f].model = NULL;
    }
    c->has_models = false;
}

void config_run_free(struct run *r, struct config_run *c)
{
    if (!c)
        return;
    if (c->fold) {
        config_drop_states(r, c);
        config_drop_preds(r, c);
        config_drop_models(r, c);
        for (int f = 0; f <= r->splits->folds; f++) {
            mem_free(c->fold[f].curve.iteration);
            mem_free(c->fold[f].curve.value);
        }
    }
    if (c->fitted && c->recipe)
        for (int i = 0; i < (r->splits->folds + 1) * c->recipe->parts; i++)
            prep_fitted_put(c->fitted[i]);
    mem_free(c->fitted);
    opt_recipe_free(c->recipe);
    mem_free(c->fold);
    mem_free(c->json);
    mem_free(c->oof);
    mem_free(c->error);
    mem_free(c);
}
