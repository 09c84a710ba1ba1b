/* SPDX-License-Identifier: Apache-2.0 */
/* Going on with a run of the catalog. */
#include "engine/api.h"
#include "engine/explain_run.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "catalog/run.h"
#include "catalog/trial.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static asx_st find_run(struct session *s, const char *what, struct arena *a, struct cat_run *run, struct asx_err *err)
{
    int64_t id;
    asx_st st = ASX_OK;
    if (strcmp(what, "latest") == 0)
        st = cat_run_latest(s->cat, false, &id, err);
    else if (!cat_id_parse(what, 'r', &id))
        return err_set(err, ASX_E_INVAL, "'%s' is no run id (r7) or 'latest'; 'assay runs' lists them", what);
    if (st == ASX_OK)
        st = cat_run_get(s->cat, id, a, run, err);
    return st == ASX_NONE ? err_set(err, ASX_E_INVAL, "run '%s' is not in the catalog; 'assay runs' lists what there is", what)
                          : st;
}

static asx_st restate(struct task *t, const struct cat_run *run, const struct assay_resume_options *o, struct asx_err *err)
{
    json_t *json = NULL;
    char id[CAT_ID];
    if (!run->task_json)
        return err_set(err, ASX_E_INVAL, "run '%s' was killed before its task was written down; start it anew",
                       cat_id_format('r', run->id, id));
    if (!run->data)
        return err_set(err, ASX_E_INVAL, "run '%s' used tables in memory, which are gone; start it anew",
                       cat_id_format('r', run->id, id));
    asx_st st = json_parse(run->task_json, strlen(run->task_json), NULL, &json, err);
    if (st == ASX_OK)
        st = spec_read_json(t->spec, json, err);
    json_decref(json);
    const char *const set[][3] = {{"objective.subject_to.time", o->time, "--time"},
                                  {"search.trials", o->trials, "--trials"},
                                  {"output.model", o->model, "--model"},
                                  {"output.report", o->report, "--report"}};
    for (size_t i = 0; i < sizeof set / sizeof *set && st == ASX_OK; i++)
        if (set[i][1])
            st = spec_set(t->spec, set[i][0], set[i][1], set[i][2], err);
    return st;
}

/* Do the limits asked for leave a finished run something to do? It ended by one of those it had. */
static bool extends(const struct cat_run *run, const struct assay_resume_options *o, const struct task_spec *spec)
{
    double spent = run->active_s > run->time_limit_s ? run->active_s : run->time_limit_s;
    bool more_trials =
        o->trials && run->trial_limit > 0 && spec->search.trials > run->trial_limit && spec->search.trials > run->trials;
    bool more_time = o->time && run->time_limit_s > 0 && spec->objective.time_s > spent;
    return more_trials || more_time;
}

/* What the strategy asked is gone: gc has dropped it. */
static asx_st check_asks(struct session *s, const struct cat_run *run, struct arena *a, struct asx_err *err)
{
    struct cat_ask *ask;
    size_t n = 0;
    char id[CAT_ID];
    asx_st st = cat_asks_get(s->cat, run->id, a, &ask, &n, err);
    if (st < 0 || n > 0 || run->trials == 0)
        return st < 0 ? st : ASX_OK;
    return err_set(err, ASX_E_INVAL,
                   "what it takes to extend run '%s' was dropped by 'assay gc'; start a new run, which begins with the best of it",
                   cat_id_format('r', run->id, id));
}

static void tell(struct session *s, const struct cat_run *run, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static void tell(struct session *s, const struct cat_run *run, const char *fmt, ...)
{
    char what[400], id[CAT_ID];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    event_send(&s->sink, EVENT_INFO, "resume.note", "run %s %s", cat_id_format('r', run->id, id), what);
}

/* Why a finished run stays as it is, and what would extend it. */
static void tell_finished(struct session *s, const struct cat_run *run, const struct assay_resume_options *o)
{
    char spent[32], limit[32];
    double most = run->active_s > run->time_limit_s ? run->active_s : run->time_limit_s;
    clock_format_seconds(run->active_s == run->active_s ? run->active_s : 0, spent);
    if (run->trial_limit > 0 && o->trials)
        tell(s, run, "is finished with %d trials, so a limit of %s does not extend it; give more", run->trials, o->trials);
    else if (run->trial_limit > 0)
        tell(s, run, "is finished with %d trials and stays as it is; a higher limit on trials would extend it%s", run->trials,
             o->time ? ", a time does not" : "");
    else if (o->time)
        tell(s, run, "is finished after %s, so a limit of %s does not extend it; give more than %s", spent, o->time,
             clock_format_seconds(most, limit));
    else
        tell(s, run, "is finished after %s and stays as it is; a longer time limit would extend it%s", spent,
             o->trials ? ", a limit on trials does not" : "");
}

/* An interrupted run goes on in the time that is left of its limit; a new limit must leave some. */
static asx_st check_time(const struct cat_run *run, const struct assay_resume_options *o, const struct task_spec *spec,
                         struct asx_err *err)
{
    char id[CAT_ID], spent[32];
    if (!o->time || !(spec->objective.time_s <= run->active_s))
        return ASX_OK;
    return err_set(err, ASX_E_INVAL,
                   "run '%s' has worked for %s, so a limit of %s leaves it none; give more, or none to keep the one it has",
                   cat_id_format('r', run->id, id), clock_format_seconds(run->active_s, spent), o->time);
}

static asx_st check_trials(const struct cat_run *run, const struct assay_resume_options *o, const struct task_spec *spec,
                           struct asx_err *err)
{
    char id[CAT_ID];
    if (!o->trials)
        return ASX_OK;
    if (run->trial_limit <= 0)
        return err_set(err, ASX_E_INVAL, "run '%s' has no limit on trials, and one would change what it does; leave it out",
                       cat_id_format('r', run->id, id));
    if (spec->search.trials < run->trials)
        return err_set(err, ASX_E_INVAL,
                       "run '%s' has done %d trials already, more than the limit of %d; give more, or none to keep the one it has",
                       cat_id_format('r', run->id, id), run->trials, spec->search.trials);
    return ASX_OK;
}

/* The model and the report of a finished run, where they are wanted now. */
static asx_st write_again(struct session *s, const assay_model *m, const struct assay_resume_options *o, struct asx_err *err)
{
    char *text = NULL;
    assay_session *session = (assay_session *)s;
    assay_status st = o->model ? assay_model_save(m, o->model) : ASSAY_OK;
    if (st != ASSAY_OK)
        return err_set(err, ASX_E_IO, "cannot write the model '%s'; check the path and its permissions", o->model);
    if (o->report)
        st = assay_report(session, assay_model_board_json(m), "html", &text);
    if (st == ASSAY_OK && o->report)
        st = assay_write(session, o->report, text);
    assay_text_free(text);
    return st == ASSAY_OK ? ASX_OK : err_set(err, ASX_E_IO, "%s", assay_session_error(session));
}

/* A finished run that nothing extends: its model as it is. */
static asx_st finished(struct session *s, const struct cat_run *run, const struct assay_resume_options *o, assay_model **out,
                       struct asx_err *err)
{
    char id[CAT_ID];
    tell_finished(s, run, o);
    if (run->model <= 0)
        return ASX_OK;
    if (assay_model_open(out, (assay_session *)s, cat_id_format('r', run->id, id)) != ASSAY_OK)
        return err_set(err, ASX_E_INVAL, "%s", assay_session_error((assay_session *)s));
    struct model *m = (*out)->model;
    if (run->report_json) { /* the board with the final times */
        mem_free(m->board);
        m->board = mem_strdup(m->mem, run->report_json);
    }
    return write_again(s, *out, o, err);
}

static asx_st go_on(struct session *s, const struct cat_run *run, const struct assay_resume_options *o, assay_model **out,
                    struct asx_err *err)
{
    struct task *t = NULL;
    struct model *m = NULL;
    struct run_options opt;
    asx_st st = task_create(s, NULL, &t, err);
    struct arena *a = st == ASX_OK ? arena_create(t->mem) : NULL;
    if (st == ASX_OK)
        st = a ? restate(t, run, o, err) : ASX_E_NOMEM;
    bool as_is = st == ASX_OK && strcmp(run->state, CAT_FINISHED) == 0 && !extends(run, o, t->spec);
    if (as_is)
        st = finished(s, run, o, out, err);
    else if (st == ASX_OK)
        st = check_time(run, o, t->spec, err);
    if (st == ASX_OK && !as_is)
        st = check_trials(run, o, t->spec, err);
    if (st == ASX_OK && !as_is)
        st = check_asks(s, run, a, err);
    if (st == ASX_OK && !as_is)
        st = task_ready(t, a, &opt, err);
    if (st == ASX_OK && !as_is) {
        opt.expect_data = run->data_key;
        opt.expect_problem = run->problem_key;
        st = cat_run_take(s->cat, run->id, err);
    }
    if (st == ASX_OK && !as_is)
        st = run_resume(s, &opt, run->id, run->active_s == run->active_s ? run->active_s : 0, &m, err);
    if (m) {
        asx_st wrapped = api_wrap_model(m, out, err);
        st = wrapped < 0 ? wrapped : st;
    }
    if (a)
        arena_destroy(a);
    task_free(t);
    return st;
}

assay_status assay_resume(assay_session *session, const char *what, const struct assay_resume_options *options, assay_model **out)
{
    struct session *s = (struct session *)session;
    if (!s || !what || !out)
        return session_refuse(s);
    *out = NULL;
    struct assay_resume_options o = {0};
    if (options)
        memcpy(&o, options, options->size && options->size < sizeof o ? options->size : sizeof o);
    struct asx_err err = {0};
    struct cat_run run;
    asx_st st = session_catalog(s, false, &err);
    struct arena *a = st == ASX_OK ? arena_create(s->mem) : NULL;
    if (st == ASX_OK)
        st = a ? find_run(s, what, a, &run, &err) : ASX_E_NOMEM;
    char id[CAT_ID];
    if (st == ASX_OK && run.alive && strcmp(run.state, CAT_RUNNING) == 0)
        st = err_set(&err, ASX_E_BUSY, "run '%s' is still running; wait for it, or stop it first", cat_id_format('r', run.id, id));
    bool done = st == ASX_OK && strcmp(run.state, CAT_FINISHED) == 0;
    if (st == ASX_OK && done && !o.time && !o.trials)
        st = finished(s, &run, &o, out, &err);
    else if (st == ASX_OK)
        st = go_on(s, &run, &o, out, &err);
    if (a)
        arena_destroy(a);
    return session_fail(s, st, &err);
}
