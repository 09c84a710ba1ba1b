/* SPDX-License-Identifier: Apache-2.0 */
/* After the search: choose, refit what is missing, test, put the model together, save it. */
#include "engine/final.h"
#include "engine/board.h"
#include "engine/ops/core.h"
#include "engine/session.h"
#include "engine/trial.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "catalog/blob.h"
#include "catalog/model.h"
#include "data/frame.h"

#include <stdlib.h>
#include <string.h>

/* ---- choosing ---------------------------------------------------------------- */

/* Blob ids of predictions that are only in the catalog. */
static void find_blobs(struct run *r)
{
    struct arena *a = arena_create(r->mem);
    struct cat_trial *row = NULL;
    size_t n = 0;
    struct asx_err ignored = {0};
    if (a && cat_trials_get(r->cat, r->id, a, &row, &n, &ignored) == ASX_OK)
        for (size_t i = 0; i < n; i++)
            if (row[i].config_id >= 0 && row[i].config_id < r->configs && r->config[row[i].config_id] &&
                r->config[row[i].config_id]->last_trial == row[i].trial)
                r->config[row[i].config_id]->oof_blob = row[i].oof;
    if (a)
        arena_destroy(a);
}

static asx_st select_ensemble(struct run *r, struct asx_err *err)
{
    struct opt_plan *plan = NULL;
    asx_st st = opt_plan_create(r->mem, &plan);
    struct asx_shape shape = {.rows = (double)r->problem.rows, .cols = r->candidates};
    if (st == ASX_OK &&
        opt_plan_add_core(plan, &r->ctx, &core_ensemble, "select ensemble", &shape, NULL, 0, (struct asx_key){0, 0}, r) < 0)
        st = err_set(err, ASX_E_NOMEM, "no memory to select an ensemble");
    if (st == ASX_OK) {
        opt_plan_place(plan, &r->ctx);
        st = run_plan(r, plan, err);
        r->ensemble_plan = r->plan_id;
        r->selected_best = r->best;
        r->selected_wave = r->waves;
    }
    if (plan)
        opt_plan_free(plan);
    return st;
}

bool final_leaves_time(struct run *r)
{
    static const double worthwhile = 0.03; /* of the limit: less is not worth another selection */
    struct asx_err ignored = {0};
    if (isinf(r->deadline) || r->problem.repeatable || clock_now() > r->deadline - worthwhile * r->opt.time_s)
        return false;
    run_enter(r, "ensembling");
    final_prune(r);
    asx_st st = final_candidates(r, 0, &ignored);
    if (st == ASX_OK && r->candidates > 0) {
        find_blobs(r);
        st = select_ensemble(r, &ignored);
    }
    r->phase = "searching";
    run_set_search_end(r);
    return st == ASX_OK && r->search_end - clock_now() > worthwhile * r->opt.time_s;
}

/* Has nothing happened since the selection that final_leaves_time made, and could nothing else be chosen? */
static bool selected_already(const struct run *r)
{
    int chosen = 0, here = 0;
    if (r->selected_best != r->selected_best || r->selected_wave != r->waves)
        return false;
    for (int i = 0; i < r->configs; i++)
        chosen += r->config[i] && r->config[i]->weight > 0;
    for (int i = 0; i < r->candidates; i++) {
        if (!r->candidate[i]->has_models)
            return false;
        here += r->candidate[i]->weight > 0;
    }
    return chosen > 0 && here == chosen;
}

/* ---- refitting ------------------------------------------------------------------ */

static bool wants_full(const struct run *r)
{
    if (r->opt.refit != REFIT_AUTO)
        return r->opt.refit == REFIT_FULL;
    return r->splits->folds < 3 || r->opt.time != NULL; /* one holdout, or folds that never saw the newest rows */
}

/*
 * Models of the search serve unless a run must be repeatable: what is fitted in batches owes its last bits to the batch, and a
 * resumed run has others. Learners that continue states are exact (law 6), so theirs are what a refit would give.
 */
static bool serves(const struct run *r, const struct config_run *c)
{
    return c->has_models && (!r->problem.repeatable || c->config.learner->resumable);
}

static int chosen(struct run *r, struct config_run **out, bool missing_only)
{
    int n = 0;
    for (int i = 0; i < r->candidates; i++) {
        struct config_run *c = r->candidate[i];
        if (c->weight > 0 && !(missing_only && serves(r, c)))
            out[n++] = c;
    }
    return n;
}

static double predicted_refit_s(struct run *r, struct config_run *const *c, int n, bool full)
{
    double share = full ? 1.25 / r->splits->folds : 1, sum = 0;
    for (int i = 0; i < n; i++)
        sum += c[i]->fit_s * share;
    return sum / (r->ctx.threads > 1 ? r->ctx.threads * 0.8 : 1);
}

/* Configs are refitted where law 4 or the refit mode asks for it, and time allows. */
static asx_st refit(struct run *r, struct asx_err *err)
{
    struct config_run **list = mem_array(r->mem, (size_t)r->candidates + 1, sizeof *list);
    if (!list)
        return err_set(err, ASX_E_NOMEM, "no memory to refit; raise the memory limit");
    bool full = wants_full(r);
    int n = chosen(r, list, !full);
    asx_st st = ASX_OK;
    double left = run_left(r, "refitting");
    bool must = false;
    for (int i = 0; i < n; i++)
        must |= !list[i]->has_models;
    if (n && (must || 2 * predicted_refit_s(r, list, n, full) < left)) {
        run_enter(r, "refitting");
        st = final_refit(r, list, n, full, err);
    }
    mem_free(list);
    return st;
}

/*
 * Which models are left after a search depends on threads, and on a resume. A repeatable run shows test scores of the best
 * lines all the same, fitting again what is not exact; where a time or a memory limit may bind it leaves them out.
 */
static int refit_shown(struct run *r)
{
    struct config_run *list[KEPT_MODELS];
    bool full = wants_full(r);
    int shown = r->candidates < KEPT_MODELS ? r->candidates : KEPT_MODELS, n = 0;
    struct asx_err ignored = {0};
    if (!r->opt.test || r->opt.memory)
        return 0;
    for (int i = 0; i < shown; i++)
        if (r->candidate[i]->weight <= 0 && (full || !serves(r, r->candidate[i])))
            list[n++] = r->candidate[i];
    if (n == 0)
        return shown;
    bool time = 2 * predicted_refit_s(r, list, n, full) < run_left(r, "testing others");
    return time && final_refit(r, list, n, full, &ignored) == ASX_OK ? shown : 0;
}

/* The model is chosen and scored: what fails from here on costs lines of the board their test score. */
static void test_others(struct run *r)
{
    struct asx_err ignored = {0};
    run_enter(r, "testing others");
    int shown = r->problem.repeatable ? refit_shown(r) : r->candidates;
    if (!run_should_stop(r))
        (void)final_test(r, false, shown, &ignored);
}

/* ---- the model -------------------------------------------------------------------- */

/* What final_add_config took; fold models beside a full one stay the config's. */
static void give_away(struct run *r, struct config_run *c)
{
    int folds = r->splits->folds;
    if (c->fold[folds].model)
        c->fold[folds].model = NULL;
    else
        for (int f = 0; f < folds; f++)
            c->fold[f].model = NULL;
}

static asx_st assemble(struct run *r, struct asx_err *err)
{
    struct model *m = NULL;
    asx_st st = final_new_model(r, &m, err);
    if (st != ASX_OK)
        return st;
    int members = 0;
    const char *learner = "ensemble";
    for (int i = 0; i < r->candidates && st == ASX_OK; i++) {
        struct config_run *c = r->candidate[i];
        if (c->weight <= 0)
            continue;
        members++;
        learner = c->config.learner->head.name;
        st = final_add_config(r, m, c, c->weight, err);
    }
    if (st != ASX_OK) {
        final_free_borrowed(m);
        return st;
    }
    for (int i = 0; i < r->candidates; i++) /* the model owns them now */
        if (r->candidate[i]->weight > 0)
            give_away(r, r->candidate[i]);
    m->learner = mem_strdup(m->mem, members > 1 ? "ensemble" : learner);
    m->temperature = r->temperature;
    m->threshold = r->threshold;
    m->validation = r->ensemble_validation;
    r->made = m;
    return ASX_OK;
}

static asx_st keep_blob(struct run *r, struct cat_model *row, struct asx_err *err)
{
    void *data = NULL;
    size_t size = 0;
    asx_st st = eng_model_bytes(r->made, &data, &size, err);
    if (st == ASX_OK)
        st = cat_blob_put(r->cat, data, size, &row->blob, err);
    mem_free(data);
    return st;
}

/*
 * Rows of the leaderboard get ids first, so that the board inside the model can name them. A model of one config is that
 * config's row; an ensemble has one of its own, before all others.
 */
static asx_st record_models(struct run *r, struct asx_err *err)
{
    struct cat_model *row = mem_calloc(r->mem, (size_t)r->candidates + 1, sizeof *row);
    if (!row)
        return err_set(err, ASX_E_NOMEM, "no memory for the leaderboard");
    int members = 0, n = 0, own;
    for (int i = 0; i < r->candidates; i++)
        members += r->candidate[i]->weight > 0;
    own = members > 1;
    if (own)
        row[n++] = (struct cat_model){.run = r->id, .rank = 1, .learner = r->made->learner, .validation = r->ensemble_validation};
    for (int i = 0; i < r->candidates; i++, n++)
        row[n] = (struct cat_model){.run = r->id,
                                    .trial = r->candidate[i]->last_trial,
                                    .rank = n + 1,
                                    .learner = r->candidate[i]->config.learner->head.name,
                                    .validation = r->candidate[i]->validation};
    asx_st st = cat_models_put(r->cat, row, (size_t)n, err);
    r->made_id = row[0].id;
    for (int i = 0; i < r->candidates; i++) {
        r->candidate[i]->model_id = row[own + i].id;
        if (!own && r->candidate[i]->weight > 0)
            r->made_id = row[i].id;
    }
    mem_free(row);
    return st;
}

static asx_st save(struct run *r, struct asx_err *err)
{
    run_enter(r, "saving");
    char id[CAT_ID];
    asx_st st = r->made_id ? ASX_OK : record_models(r, err);
    if (st != ASX_OK)
        return st;
    mem_free(r->made->id);
    r->made->id = mem_strdup(r->made->mem, cat_id_format('m', r->made_id, id));
    json_decref(r->importance);
    json_decref(r->split_importance);
    r->importance = final_importance(r, r->made, false);
    r->split_importance = final_importance(r, r->made, true);
    json_decref(r->board);
    r->board = run_board(r);
    char *text = r->board ? json_text(r->board) : NULL;
    mem_free(r->made->board);
    r->made->board = text ? mem_strdup(r->made->mem, text) : NULL;
    json_text_free(text);
    struct cat_model row = {.id = r->made_id,
                            .run = r->id,
                            .board_json = NULL,
                            .validation = r->ensemble_validation,
                            .learner = r->made->learner}; /* its rank stays */
    char *absolute = NULL;
    if (r->opt.model_path) {
        st = eng_model_save(r->made, r->opt.model_path, err);
        absolute = st == ASX_OK ? file_absolute(r->opt.model_path, NULL) : NULL;
        row.path = absolute;
        if (st == ASX_OK)
            r->made->path = mem_strdup(r->made->mem, r->opt.model_path);
    }
    struct asx_err blob_err = {0};
    if (st == ASX_OK && keep_blob(r, &row, &blob_err) != ASX_OK && !row.path) {
        st = blob_err.code;
        if (err)
            *err = blob_err;
    }
    if (st == ASX_OK)
        st = cat_model_put(r->cat, &row, &r->made_id, err);
    mem_free(absolute);
    return st;
}

static asx_st save_op_run(struct asx_exec *e, const struct asx_batch *b, struct asx_err *err)
{
    (void)b;
    struct run *r = ((struct exec_context *)e->engine)->node->core;
    asx_st st = r->made ? ASX_OK : assemble(r, err); /* tried once more after memory ran out: the members are in it already */
    return st == ASX_OK ? save(r, err) : st;
}

static void save_work(const struct asx_problem *p, const struct asx_batch *b, struct asx_work *w)
{
    (void)p;
    /* written, hashed, compressed; 5e6: files to flush, rows of the catalog */
    asx_work_add(w->once, &w->n_once, (struct asx_use){.k = ASX_KC_IO, .t = ASX_U8, .m = 2 * b->shape.bytes + 5e6});
}

const struct asx_op core_save = {.head = {"model.save/file", "members put together, written to the catalog and to a file"},
                                 .version = 1,
                                 .gives = "model",
                                 .work = save_work,
                                 .run = save_op_run};

static asx_st assemble_and_save(struct run *r, struct asx_err *err)
{
    struct opt_plan *plan = NULL;
    asx_st st = opt_plan_create(r->mem, &plan);
    struct asx_shape shape = {.bytes = 0};
    for (int i = 0; i < r->candidates; i++)
        shape.bytes += r->candidate[i]->weight > 0 ? r->candidate[i]->model_bytes : 0;
    if (st == ASX_OK && opt_plan_add_core(plan, &r->ctx, &core_save, "save model", &shape, NULL, 0, (struct asx_key){0, 0}, r) < 0)
        st = err_set(err, ASX_E_NOMEM, "no memory to save the model");
    if (st == ASX_OK) {
        opt_plan_place(plan, &r->ctx);
        st = run_plan(r, plan, err);
    }
    if (plan)
        opt_plan_free(plan);
    return st;
}

static bool lacks_models(const struct run *r)
{
    bool lacks = false;
    for (int i = 0; i < r->candidates; i++)
        lacks |= r->candidate[i]->weight > 0 && !r->candidate[i]->has_models;
    return lacks;
}

/* The clock ended the refits, or memory did: what is there must do. */
static asx_st choose_again(struct run *r, struct asx_err *err)
{
    if (!lacks_models(r))
        return ASX_OK;
    for (int i = 0; i < r->configs; i++)
        if (r->config[i])
            r->config[i]->weight = 0;
    asx_st st = final_candidates(r, 0, err);
    if (st == ASX_OK && r->candidates == 0)
        st = err_set(err, ASX_E_LIMIT, "the limit ended before the chosen configs were fitted; raise the time limit");
    json_decref(r->summary);
    r->summary = NULL;
    return st == ASX_OK ? select_ensemble(r, err) : st;
}

/* A model of one config is calibrated as an ensemble is: its line shows the scores of what is saved. */
static void show_saved(struct run *r)
{
    struct config_run *only = NULL;
    int n = 0;
    for (int i = 0; i < r->candidates; i++)
        if (r->candidate[i]->weight > 0) {
            only = r->candidate[i];
            n++;
        }
    if (n != 1)
        return;
    only->validation = r->ensemble_validation;
    only->ci_low = r->ensemble_low;
    only->ci_high = r->ensemble_high;
}

static void tell_constant(struct run *r)
{
    for (int i = 0; i < r->candidates; i++)
        if (r->candidate[i]->id == 0 && r->candidate[i]->weight > 0 && r->trials_finished > 0)
            run_warn(r, "search.constant",
                     "nothing that was tried predicts better than a constant, so the model is one; look at the columns with "
                     "'assay profile', or give it more time");
}

asx_st run_final(struct run *r, struct asx_err *err)
{
    static const double patience = 0.8;
    bool interrupted = r->stop_reason && strcmp(r->stop_reason, "interrupted") == 0;
    if (interrupted && r->deadline > clock_now() + patience)
        r->deadline = clock_now() + patience; /* who presses Ctrl-C waits no longer for the best so far */
    run_enter(r, "ensembling");
    final_prune(r);
    /* With a clock, what has no models could only join by fitting again: choose among what is there. */
    bool have = false;
    for (int i = 0; i < r->configs; i++)
        have |= r->config[i] && r->config[i]->has_models;
    bool cut = interrupted || (r->stop_reason && strcmp(r->stop_reason, "time") == 0);
    asx_st st = final_candidates(r, have && (cut || !r->problem.repeatable) ? 0.5 * run_left(r, "refitting") : INFINITY, err);
    if (st == ASX_OK && r->candidates == 0)
        st = err_set(err, ASX_E_LIMIT, "no model was ready when the limit ended; raise the time limit");
    if (st == ASX_OK && !selected_already(r)) {
        find_blobs(r);
        st = select_ensemble(r, err);
    }
    if (st == ASX_OK)
        st = refit(r, err);
    if (st == ASX_STOPPED || (st == ASX_OK && lacks_models(r)))
        st = choose_again(r, err);
    if (st == ASX_OK) {
        show_saved(r);
        st = final_candidates(r, INFINITY, err); /* the leaderboard ranks everything, models or not */
    }
    if (st == ASX_OK) {
        tell_constant(r);
        run_enter(r, "testing");
        st = final_read_test(r, err);
    }
    if (st == ASX_OK)
        st = final_test(r, true, r->candidates, err);
    if (st == ASX_OK)
        test_others(r);
    return st == ASX_OK || st == ASX_STOPPED ? assemble_and_save(r, err) : st;
}
