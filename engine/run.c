/* SPDX-License-Identifier: Apache-2.0 */
/* A run from the first millisecond to the saved model. */
#include "engine/run.h"
#include "engine/board.h"
#include "engine/budget.h"
#include "engine/final.h"
#include "engine/session.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/pool.h"
#include "data/frame.h"
#include "data/splits.h"
#include "tasks/target.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* ---- events --------------------------------------------------------------------- */

void run_tick(void *run)
{
    struct run *r = run;
    const struct assay_options *o = &r->session->options;
    if (!o->progress)
        return;
    double elapsed = run_elapsed(r);
    pthread_mutex_lock(&r->lock); /* workers note the best */
    struct assay_progress p = {.size = sizeof p,
                               .elapsed_s = elapsed,
                               .budget_s = r->opt.time_s > 0 ? r->opt.time_s : NAN,
                               .best = r->best,
                               .metric = r->opt.metric ? r->opt.metric->head.name : "",
                               .learner = r->best_learner ? r->best_learner : "",
                               .phase = r->phase,
                               .trials = r->trials_finished,
                               .trials_max = r->opt.trials};
    pthread_mutex_unlock(&r->lock);
    p.rest_s = r->opt.time_s > 0                     ? r->opt.time_s - elapsed
               : r->opt.trials && r->trials_finished ? elapsed / r->trials_finished * (r->opt.trials - r->trials_finished)
                                                     : NAN;
    if (o->progress(o->progress_arg, &p))
        __atomic_store_n(&r->session->cancelled, 1, __ATOMIC_RELAXED);
}

void run_warn(struct run *r, const char *name, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char text[1024];
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    event_send(&r->session->sink, EVENT_WARNING, name, "%s", text);
    pthread_mutex_lock(&r->lock);
    char **list = mem_realloc(NULL, r->warning, (size_t)(r->warnings + 1) * sizeof *list);
    if (list) {
        r->warning = list;
        if ((list[r->warnings] = mem_strdup(NULL, text)) != NULL)
            r->warnings++;
    }
    pthread_mutex_unlock(&r->lock);
}

/* Artefacts that nobody uses are kept up to this many bytes. */
static size_t cache_cap(const struct run *r)
{
    if (r->opt.memory)
        return (size_t)(mem_limit(r->mem) / 4);
    uint64_t frame = frame_bytes(r->file_frame);
    return (size_t)(frame + (64u << 20));
}

/* ---- opening -------------------------------------------------------------------------- */

static void fill_context(struct run *r)
{
    r->ctx = (struct opt_context){.registry = r->session->registry,
                                  .problem = &r->problem,
                                  .model = &r->model,
                                  .threads = r->opt.threads,
                                  .memory = r->opt.memory ? mem_limit(r->mem) : 0,
                                  .early_results = r->opt.time_s > 0 && r->opt.trials == 0,
                                  .sharing = r->opt.sharing,
                                  .batching = r->opt.batching,
                                  .disabled = r->opt.disabled,
                                  .mem = r->mem};
    r->executor = (struct executor){.pool = r->session->pool,
                                    .threads = r->opt.threads,
                                    .mem = r->mem,
                                    .problem = &r->problem_ptr,
                                    .device = r->session->cpu,
                                    .run = r,
                                    .members = trial_members,
                                    .done = trial_node_done,
                                    .stop = run_should_stop,
                                    .tick = run_tick};
}

static asx_st begin_row(struct run *r, struct asx_err *err)
{
    struct cat_run_new row = {.task = r->opt.kind->head.name,
                              .spec = r->opt.spec_text,
                              .spec_path = r->opt.spec_path,
                              .task_json = r->opt.task_json,
                              .data = r->opt.train,
                              .target = r->opt.target,
                              .build = ASSAY_VERSION,
                              .seed = r->opt.seed,
                              .time_limit_s = r->opt.time_s,
                              .trial_limit = r->opt.trials,
                              .memory_limit = r->opt.memory,
                              .repeatable = r->opt.trials > 0};
    return cat_run_begin(r->cat, &row, &r->id, err);
}

asx_st run_open(struct run *r, struct session *s, const struct run_options *opt, struct asx_err *err)
{
    r->session = s;
    r->session_registry = s->registry;
    r->opt = *opt;
    r->phase = "reading";
    r->best = r->ensemble_validation = r->ensemble_low = r->ensemble_high = r->ensemble_test = NAN;
    r->ensemble_predict_us = r->selected_best = NAN;
    r->temperature = 1;
    pthread_mutex_init(&r->lock, NULL);
    asx_st st = r->planning_only ? ASX_OK : session_catalog(s, false, err);
    if (st != ASX_OK)
        return st;
    r->cat = r->planning_only ? NULL : s->cat;
    if (r->cat && !r->id) /* the row first: a run that is killed in its first second must be known */
        st = begin_row(r, err);
    budget_set_clock(r);
    if (st == ASX_OK)
        st = session_machine(s, err);
    if (st == ASX_OK && r->opt.threads <= 0)
        r->opt.threads = opt_machine_threads(s->machine);
    if (st == ASX_OK)
        st = session_pool(s, r->opt.threads, err);
    if (st == ASX_OK)
        st = session_device(s, err);
    if (st == ASX_OK)
        st = budget_set_memory(r, err);
    if (st != ASX_OK)
        return st;
    r->machine = s->machine;
    r->op_rows = json_array();
    opt_model_init(&r->model, r->machine, r->opt.trials > 0, r->mem);
    run_load_measured(r, r->cat);
    fill_context(r);
    return ASX_OK;
}

/* ---- planning ---------------------------------------------------------------------------- */

static bool cached(void *run, struct asx_key key)
{
    struct run *r = run;
    return cache_has(r->cache, key);
}

/* Who names a learner gets it where it is able; what is sensible (`fits`) only chooses among those that nobody named. */
static bool wanted(const struct run *r, const struct asx_learner *l)
{
    if (!(l->tasks & ASX_TASK_BIT(r->problem.task)))
        return false;
    if (!r->opt.learners)
        return strcmp(l->head.name, "constant") != 0 && (!l->fits || l->fits(&r->problem));
    for (int i = 0; i < r->opt.learners; i++)
        if (r->opt.learner[i] == l)
            return true;
    return false;
}

static asx_st add_learner(struct run *r, const struct asx_learner *l, struct asx_err *err)
{
    const struct asx_learner **list = mem_realloc(r->mem, r->learner, (size_t)(r->learners + 1) * sizeof *list);
    if (list)
        r->learner = list;
    struct asx_space **space = mem_realloc(r->mem, r->space, (size_t)(r->learners + 1) * sizeof *space);
    if (space)
        r->space = space;
    if (!list || !space)
        return err_set(err, ASX_E_NOMEM, "no memory for the search space; raise the memory limit");
    r->learner[r->learners] = l;
    asx_st st = opt_space_make(r->session_registry, &r->problem, l, r->opt.restriction, r->opt.restrictions, r->mem,
                               &r->space[r->learners], err);
    if (st == ASX_OK)
        r->learners++;
    return st;
}

/* A step that the task names for a type may fit no further than some of its columns. Told once, not learner by learner. */
static void tell_unserved(struct run *r)
{
    const char *told = "";
    for (int k = 0; k < r->opt.restrictions; k++) {
        const struct opt_restriction *of = &r->opt.restriction[k];
        size_t first = 0, n = 0;
        for (int i = 0; i < r->learners && n == 0 && strcmp(of->param, told) != 0; i++)
            n = opt_restriction_unserved(r->session_registry, &r->problem, r->learner[i], r->opt.restriction, r->opt.restrictions,
                                         of, &first);
        if (n == 0)
            continue;
        told = of->param;
        run_warn(r, "search.unserved",
                 "the preparation named for '%s' does not fit %zu column%s, '%s' first, which keep%s the default; a bound "
                 "such as ordinal.max_levels may be the reason",
                 of->param, n, n == 1 ? "" : "s", r->frame->column[first].name, n == 1 ? "s" : "");
    }
}

static asx_st add_learners(struct run *r, struct asx_err *err)
{
    asx_st st = ASX_OK;
    for (int f = 0; r->session_registry->family[f] && st == ASX_OK; f++)
        for (int i = 0; r->session_registry->family[f]->learner[i] && st == ASX_OK; i++)
            if (wanted(r, r->session_registry->family[f]->learner[i]))
                st = add_learner(r, r->session_registry->family[f]->learner[i], err);
    if (st == ASX_OK && r->learners == 0)
        st = err_set(err, ASX_E_INVAL, "none of the learners asked for can do this task; 'assay learners' lists what each can do");
    err_key(err, "search.learners");
    return st;
}

/* What the data leaves of the memory limit; counted, not asked of the account, so that repeatable plans repeat. */
static uint64_t data_free_memory(const struct run *r)
{
    uint64_t limit = mem_limit(r->mem), data = frame_bytes(r->file_frame) + 16 * (uint64_t)r->problem.rows;
    return data < limit / 2 ? limit - data : limit / 2;
}

asx_st run_open_planning(struct run *r, struct asx_err *err)
{
    r->cache = cache_create(r->mem, cache_cap(r));
    if (!r->cache)
        return err_set(err, ASX_E_NOMEM, "no memory to plan; raise the memory limit");
    r->executor.cache = r->cache;
    if (r->opt.memory) /* the account holds the data, too */
        r->ctx.memory = data_free_memory(r);
    r->ctx.cached = cached;
    r->ctx.cached_arg = r;
    asx_st st = add_learners(r, err);
    if (st != ASX_OK)
        return st;
    tell_unserved(r);
    r->warm = arena_create(r->mem);
    struct asx_config *warm = NULL;
    int warms = r->warm ? run_warm_configs(r, r->warm, &warm) : 0;
    struct asx_search search = {.problem = &r->problem,
                                .warm = warm,
                                .warms = warms,
                                .learner = r->learner,
                                .space = (const struct asx_space *const *)r->space,
                                .learners = r->learners,
                                .max_configs = r->opt.trials,
                                .folds = r->splits->folds,
                                .seed = r->opt.seed,
                                .mem = r->mem};
    return r->opt.strategy->open(&search, &r->strategy, err);
}

static asx_st record_facts(struct run *r, struct asx_err *err)
{
    struct cat_run_facts f = {.data = r->file_frame->key,
                              .problem = r->problem.key,
                              .machine = r->machine->key,
                              .metric = r->opt.metric->head.name,
                              .greater_is_better = r->opt.metric->greater_is_better,
                              .rows = (int64_t)r->problem.rows,
                              .columns = (int64_t)r->frame->columns};
    return cat_run_set_facts(r->cat, r->id, &f, err);
}

/* ---- the whole ----------------------------------------------------------------------------- */

static asx_st end_row(struct run *r, asx_st st, struct asx_err *err)
{
    bool interrupted = r->stop_reason && strcmp(r->stop_reason, "interrupted") == 0;
    json_t *board = r->made ? run_board_again(r, r->board) : NULL;
    r->board = NULL;
    char *text = board ? json_text(board) : NULL;
    double best = r->best;
    if (board) {
        double last = json_double(json_object_get(json_object_get(board, "best"), "validation")); /* of what was saved */
        best = last == last ? last : best;
        struct asx_err mine = {0};
        asx_st written = run_write_reports(r, board, &mine);
        if (written < 0 && st >= 0) {
            st = written;
            *err = mine;
        }
    }
    json_decref(board);
    char message[1200];
    /* A run that cannot go on now (its data is away) may do so later. */
    struct cat_run_end end = {.state = st < 0 && !r->made ? (r->resumed ? CAT_INTERRUPTED : CAT_FAILED)
                                       : interrupted      ? CAT_INTERRUPTED
                                                          : CAT_FINISHED,
                              .stop_reason = r->stop_reason,
                              .report_json = text,
                              .error = st < 0 ? err_format(err, message, sizeof message) : NULL,
                              .model = r->made_id,
                              .progress = {.active_s = run_elapsed(r), .best = best}};
    struct asx_err ignored = {0};
    cat_run_end(r->cat, r->id, &end, &ignored);
    if (r->made && text) {
        mem_free(r->made->board);
        r->made->board = mem_strdup(r->made->mem, text);
    }
    json_text_free(text);
    return st;
}

static asx_st check_same_data(struct run *r, struct asx_err *err)
{
    bool same = key_is_zero(r->opt.expect_data) || key_equal(r->opt.expect_data, r->file_frame->key);
    if (same && (key_is_zero(r->opt.expect_problem) || key_equal(r->opt.expect_problem, r->problem.key)))
        return ASX_OK;
    return err_set(err, ASX_E_INVAL, "the data in '%s' has changed since the run began; start a new run",
                   r->opt.train ? r->opt.train : "memory");
}

static asx_st run_phases(struct run *r, struct asx_err *err)
{
    asx_st st = run_prelude(r, err);
    if (st == ASX_STOPPED && __atomic_load_n(&r->session->cancelled, __ATOMIC_RELAXED))
        r->stop_reason = "interrupted";
    if (st == ASX_STOPPED || (st == ASX_OK && !r->problem_ptr))
        return __atomic_load_n(&r->session->cancelled, __ATOMIC_RELAXED)
                   ? ASX_STOPPED
                   : err_set(err, ASX_E_LIMIT, "the time limit ended before the target was read; raise the time limit");
    if (st == ASX_OK)
        st = check_same_data(r, err);
    if (st == ASX_OK)
        st = final_check_test(r, err);
    if (st == ASX_OK)
        st = record_facts(r, err);
    if (st == ASX_OK)
        st = run_open_planning(r, err);
    if (st == ASX_OK)
        st = run_search(r, err);
    return st == ASX_OK ? run_final(r, err) : st;
}

static asx_st run_all(struct run *r, struct session *s, const struct run_options *opt, struct model **out, struct asx_err *err)
{
    struct asx_err mine = {0};
    asx_st st = run_open(r, s, opt, &mine);
    if (st == ASX_OK)
        st = run_phases(r, &mine);
    if (r->cat && r->id)
        run_save_residuals(r);
    if (r->cat && r->id)
        st = end_row(r, st, &mine);
    if (st >= 0 && r->stop_reason && strcmp(r->stop_reason, "interrupted") == 0)
        st = ASX_STOPPED;
    if (st < 0 && err)
        *err = mine;
    *out = r->made;
    r->made = NULL;
    __atomic_store_n(&s->cancelled, 0, __ATOMIC_RELAXED); /* the next task of the session is another */
    return st;
}

asx_st run_task(struct session *s, const struct run_options *opt, struct model **out, struct asx_err *err)
{
    struct run *r = mem_calloc(NULL, 1, sizeof *r);
    if (!r)
        return err_set(err, ASX_E_NOMEM, "no memory to start a run");
    asx_st st = run_all(r, s, opt, out, err);
    run_close(r);
    return st;
}

asx_st run_resume(struct session *s, const struct run_options *opt, int64_t id, double active_before, struct model **out,
                  struct asx_err *err)
{
    struct run *r = mem_calloc(NULL, 1, sizeof *r);
    if (!r)
        return err_set(err, ASX_E_NOMEM, "no memory to resume a run");
    r->id = id;
    r->resumed = true;
    r->active_before = active_before;
    asx_st st = run_all(r, s, opt, out, err);
    run_close(r);
    return st;
}

static void close_search(struct run *r)
{
    for (int i = 0; i < r->configs; i++)
        config_run_free(r, r->config[i]);
    mem_free(r->config);
    mem_free(r->candidate);
    if (r->strategy)
        r->opt.strategy->close(r->strategy);
    if (r->warm)
        arena_destroy(r->warm);
    for (int i = 0; i < r->learners; i++)
        opt_space_free(r->space[i]);
    if (r->baseline_space)
        opt_space_free(r->baseline_space);
    mem_free(r->learner);
    mem_free(r->space);
    cache_destroy(r->cache);
}

static void close_data(struct run *r)
{
    if (r->prelude)
        opt_plan_free(r->prelude);
    splits_free(r->splits);
    target_clear(&r->target);
    target_clear(&r->test_target);
    profile_free(r->profile);
    frame_put(r->frame);
    frame_put(r->test_frame);
    frame_put(r->file_frame);
    mem_free(r->fit_weight);
    mem_free(r->score_weight);
    mem_free(r->monotone);
}

void run_close(struct run *r)
{
    if (!r)
        return;
    close_search(r);
    close_data(r);
    for (int i = 0; i < r->warnings; i++)
        mem_free(r->warning[i]);
    mem_free(r->warning);
    mem_free(r->timeline);
    mem_free(r->q_log);
    json_decref(r->op_rows);
    json_decref(r->summary);
    json_decref(r->importance);
    json_decref(r->split_importance);
    json_decref(r->board);
    eng_model_free(r->made);
    if (r->mem) {
        opt_model_clear(&r->model);
        mem_destroy(r->mem);
    }
    pthread_mutex_destroy(&r->lock);
    mem_free(r);
}
