/* SPDX-License-Identifier: Apache-2.0 */
/* From chosen configs to one model: refits what is missing, puts members and preparation together. */
#include "engine/final.h"

#include "base/err.h"
#include "base/mem.h"
#include "data/frame.h"

#include <string.h>

/* ---- schema -------------------------------------------------------------------- */

static asx_st copy_schema(struct run *r, struct model *m, struct asx_err *err)
{
    const struct asx_frame *f = r->frame;
    m->column = mem_calloc(m->mem, f->columns + 1, sizeof *m->column);
    m->place = mem_calloc(m->mem, f->columns + 1, sizeof *m->place);
    m->class_name = mem_calloc(m->mem, (size_t)r->problem.classes + 1, sizeof *m->class_name);
    if (!m->column || !m->place || !m->class_name)
        return err_set(err, ASX_E_NOMEM, "no memory for the model; raise the memory limit");
    for (int c = 0; c < r->problem.classes; c++)
        m->class_name[c] = mem_strdup(m->mem, r->problem.class_name[c]);
    m->classes = r->problem.classes;
    m->outputs = r->problem.outputs;
    m->positive = r->problem.positive;
    m->task = r->problem.task;
    m->kind = mem_strdup(m->mem, r->opt.kind->head.name);
    m->target = r->opt.target ? mem_strdup(m->mem, r->opt.target) : NULL;
    m->metric = mem_strdup(m->mem, r->opt.metric->head.name);
    m->sparse = f->sparse != NULL;
    if (!eng_model_take_missing(m, r->opt.read.missing))
        return err_set(err, ASX_E_NOMEM, "no memory for the model; raise the memory limit");
    return ASX_OK;
}

asx_st final_new_model(struct run *r, struct model **out, struct asx_err *err)
{
    struct model *m = eng_model_create();
    if (!m)
        return err_set(err, ASX_E_NOMEM, "no memory for the model; raise the memory limit");
    asx_st st = copy_schema(r, m, err);
    if (st != ASX_OK)
        eng_model_free(m);
    else
        *out = m;
    return st;
}

/* Schema index of a frame column, added when new; -1 when out of memory. */
static int schema_column(struct run *r, struct model *m, int32_t frame_column)
{
    const struct asx_column *c = &r->frame->column[frame_column];
    if (m->place[frame_column])
        return m->place[frame_column] - 1;
    char *name = mem_strdup(m->mem, c->name);
    if (!name)
        return -1;
    m->column[m->columns] = (struct model_column){.name = name,
                                                  .type = c->type,
                                                  .day_first = frame_day_first(r->file_frame, frame_column),
                                                  .comma = frame_comma(r->file_frame, frame_column)};
    m->place[frame_column] = ++m->columns;
    return m->columns - 1;
}

static int add_part(struct run *r, struct model *m, const struct opt_part *part, struct prep_fitted *f)
{
    int32_t *column = mem_array(m->mem, (size_t)part->columns + 1, sizeof *column);
    bool good = column != NULL;
    for (int i = 0; good && i < part->columns; i++) {
        column[i] = schema_column(r, m, part->column[i]);
        good = column[i] >= 0;
    }
    int at = good ? eng_model_add_part(m, f, column, part->columns) : -1;
    mem_free(column);
    return at;
}

static asx_st add_fold(struct run *r, struct model *m, struct config_run *c, int fold, double weight, struct asx_err *err)
{
    int part[ARTEFACT_DEPS], parts = c->bare ? 0 : c->recipe->parts;
    if (parts > ARTEFACT_DEPS)
        return err_set(err, ASX_E_INTERNAL, "a pipeline has %d preparation parts; please report this", parts);
    for (int p = 0; p < parts; p++) {
        struct prep_fitted *f = c->fitted[fold * parts + p];
        part[p] = f ? add_part(r, m, &c->recipe->part[p], f) : -1;
        if (!f)
            return err_set(err, ASX_E_INTERNAL, "step '%s' of '%s' was not kept for the model; please report this",
                           c->recipe->part[p].prep->head.name, c->config.learner->head.name);
        if (part[p] < 0)
            return err_set(err, ASX_E_NOMEM, "no memory for the model; raise the memory limit");
    }
    return eng_model_add_member(m, c->config.learner, c->fold[fold].model, part, parts, weight, err);
}

asx_st final_add_config(struct run *r, struct model *m, struct config_run *c, double weight, struct asx_err *err)
{
    int folds = r->splits->folds, n = 0;
    if (c->fold[folds].model)
        return add_fold(r, m, c, folds, weight, err);
    for (int f = 0; f < folds; f++)
        n += c->fold[f].model != NULL;
    asx_st st = n ? ASX_OK : err_set(err, ASX_E_INTERNAL, "a config of the ensemble has no model; please report this");
    for (int f = 0; f < folds && st == ASX_OK; f++)
        if (c->fold[f].model)
            st = add_fold(r, m, c, f, weight / n, err);
    return st;
}

void final_free_borrowed(struct model *m)
{
    for (int i = 0; m && i < m->members; i++)
        m->member[i].model = NULL;
    eng_model_free(m);
}

/* ---- refits ------------------------------------------------------------------------ */

asx_st final_refit(struct run *r, struct config_run *const *config, int n, bool full, struct asx_err *err)
{
    struct trial_run *trial = mem_calloc(r->mem, (size_t)n + 1, sizeof *trial);
    if (!trial)
        return err_set(err, ASX_E_NOMEM, "no memory to refit; raise the memory limit");
    for (int i = 0; i < n; i++) {
        struct config_run *c = config[i];
        config_drop_states(r, c);
        if (r->opt.memory)
            config_drop_models(r, c); /* else they stay until better ones are there: the clock may end this */
        trial[i] = (struct trial_run){.config = c, .refit = true, .full = full, .best_iteration = c->best_iteration};
        trial[i].ask = (struct asx_ask){.trial = c->last_trial, .config_id = c->id, .config = c->config, .from = {1, 0, 0}};
        trial[i].ask.to = (struct asx_fidelity){1, c->best_iteration, r->splits->folds};
    }
    asx_st st = run_wave(r, trial, n, r->cat && r->id > 0, true, err);
    for (int i = 0; i < n && st == ASX_OK; i++)
        if (trial[i].status < 0) /* the ensemble does without it */
            run_warn(r, "refit.failed", "a chosen '%s' could not be fitted again: %s", config[i]->config.learner->head.name,
                     trial[i].err.text);
    run_wave_clear(trial, n);
    mem_free(trial);
    return st;
}
