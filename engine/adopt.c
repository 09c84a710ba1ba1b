/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The members of a saved model stand in the order of its leaderboard, each config's folds side by side (final.c, assemble):
 * that and the weights on the board tell whose they are.
 */
#include "engine/adopt.h"
#include "engine/trial.h"

#include "base/json.h"
#include "base/mem.h"
#include "catalog/blob.h"
#include "catalog/model.h"
#include "catalog/run.h"

#include <math.h>
#include <string.h>

struct adoption {
    struct run *run;
    struct arena *arena;
    struct cat_run row;
    struct cat_model *line; /* of the earlier leaderboard */
    size_t lines;
    struct model *model;
    int next; /* member to be given away */
    double bytes;
};

/* The config that a line of the earlier leaderboard shows; NULL when it has gone on since, or is none. */
static struct config_run *config_of(const struct adoption *a, const json_t *line)
{
    const char *name = json_string_value(json_object_get(line, "model"));
    int64_t id = 0, trial = 0;
    if (!name || !cat_id_parse(name, 'm', &id))
        return NULL;
    for (size_t i = 0; i < a->lines; i++)
        if (a->line[i].id == id)
            trial = a->line[i].trial;
    for (int i = 1; i < a->run->configs && trial > 0; i++) {
        struct config_run *c = a->run->config[i];
        if (c && c->scored && !c->failed && c->last_trial == trial)
            return json_integer_value(json_object_get(line, "iterations")) == c->best_iteration ? c : NULL;
    }
    return NULL;
}

static bool fits(const struct adoption *a, const struct model_member *m, const struct config_run *c)
{
    if (m->learner != c->config.learner || m->parts != (c->bare ? 0 : c->recipe->parts))
        return false;
    for (int p = 0; p < m->parts; p++) {
        const struct model_part *part = &a->model->part[m->part[p]];
        if (part->fitted->prep != c->recipe->part[p].prep || part->columns != c->recipe->part[p].columns)
            return false;
    }
    return true;
}

static void take_fold(struct adoption *a, struct model_member *m, struct config_run *c, int fold)
{
    for (int p = 0; p < m->parts; p++) {
        struct prep_fitted **slot = &c->fitted[fold * m->parts + p];
        if (!*slot)
            *slot = prep_fitted_get(a->model->part[m->part[p]].fitted);
    }
    c->fold[fold].model = m->model;
    c->fold[fold].model_iteration =
        trial_rounds_kept(c, c->best_iteration, fold < a->run->splits->folds ? a->run->splits->folds : 1);
    m->model = NULL;
}

/* Members of one line: one for all rows, or one for each fold. False: they are not as expected, and so is what follows. */
static bool take_line(struct adoption *a, const json_t *line, double weight)
{
    struct model *m = a->model;
    int folds = a->run->splits->folds, left = m->members - a->next;
    if (left <= 0)
        return false;
    bool full = fabs(m->member[a->next].weight - weight) < 1e-9 && folds > 1;
    int n = full ? 1 : folds, from = a->next;
    if (n > left)
        return false;
    a->next += n;
    struct config_run *c = config_of(a, line);
    for (int i = 0; c && i < n; i++)
        if (!fits(a, &m->member[from + i], c))
            return false;
    if (!c || c->has_models)
        return true;
    for (int i = 0; i < n; i++)
        take_fold(a, &m->member[from + i], c, full ? folds : i);
    c->has_models = true;
    c->model_bytes = a->bytes * n / m->members;
    c->predict_row_s = NAN;
    return true;
}

static void take_all(struct adoption *a)
{
    json_t *board = NULL;
    size_t i;
    json_t *line;
    struct asx_err ignored = {0};
    if (!a->row.report_json || json_parse(a->row.report_json, strlen(a->row.report_json), NULL, &board, &ignored) != ASX_OK)
        return;
    double peak = json_double(json_object_get(board, "peak_rss_bytes"));
    a->run->peak_rss_before = peak > 0 ? (uint64_t)peak : 0;
    json_array_foreach(json_object_get(board, "leaderboard"), i, line)
    {
        const char *learner = json_string_value(json_object_get(line, "learner"));
        double weight = json_double(json_object_get(line, "weight"));
        if (!a->model || !learner || strcmp(learner, "ensemble") == 0 || !(weight > 0))
            continue;
        if (!take_line(a, line, weight))
            break;
    }
    json_decref(board);
}

static void load_model(struct adoption *a)
{
    struct run *r = a->run;
    struct cat_model saved;
    struct asx_err ignored = {0};
    void *data = NULL;
    size_t size = 0;
    if (r->problem.repeatable || a->row.model <= 0 || cat_model_get(r->cat, a->row.model, a->arena, &saved, &ignored) != ASX_OK ||
        saved.blob <= 0 || cat_blob_get(r->cat, saved.blob, r->mem, &data, &size, &ignored) != ASX_OK)
        return;
    a->bytes = (double)size;
    if (!r->opt.memory || size < mem_limit(r->mem) / 8)
        (void)eng_model_load_bytes(r->session_registry, data, size, "catalog", &a->model, &ignored);
    mem_free(data);
}

void adopt_saved_models(struct run *r)
{
    struct adoption a = {.run = r, .arena = arena_create(r->mem)};
    struct asx_err ignored = {0};
    if (a.arena && r->cat && cat_run_get(r->cat, r->id, a.arena, &a.row, &ignored) == ASX_OK) {
        if (cat_models_get(r->cat, r->id, a.arena, &a.line, &a.lines, &ignored) == ASX_OK)
            load_model(&a);
        take_all(&a);
    }
    eng_model_free(a.model);
    if (a.arena)
        arena_destroy(a.arena);
}
