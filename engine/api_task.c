/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks of the public API: state them, run them. */
#include "engine/api.h"

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "data/frame.h"
#include "engine/explain_run.h"

#include <stdio.h>
#include <string.h>

assay_status assay_task_create(assay_task **out, assay_session *session, const char *kind)
{
    struct session *s = (struct session *)session;
    if (!out || !s)
        return session_refuse(s);
    *out = NULL;
    struct asx_err err = {0};
    struct assay_task *t = mem_calloc(NULL, 1, sizeof *t);
    asx_st st = t ? task_create(s, kind, &t->task, &err) : ASX_E_NOMEM;
    if (st != ASX_OK) {
        mem_free(t);
        return session_fail(s, st, &err);
    }
    *out = t;
    return ASSAY_OK;
}

void assay_task_free(assay_task *t)
{
    if (!t)
        return;
    task_free(t->task);
    mem_free(t);
}

assay_status assay_task_read_spec(assay_task *t, const char *path)
{
    if (!t || !path)
        return session_refuse(t ? t->task->session : NULL);
    struct asx_err err = {0};
    char *text = NULL;
    size_t size = 0;
    asx_st st = spec_read_file(t->task->spec, path, &err);
    if (st == ASX_OK && file_read(path, 1u << 24, t->task->mem, &text, &size, &err) == ASX_OK) {
        mem_free(t->task->spec_text);
        t->task->spec_text = text;
        mem_free(t->task->spec_path);
        t->task->spec_path = mem_strdup(t->task->mem, path);
    }
    return session_fail(t->task->session, st, &err);
}

assay_status assay_task_set(assay_task *t, const char *key, const char *value, const char *origin)
{
    if (!t || !key || !value)
        return session_refuse(t ? t->task->session : NULL);
    struct asx_err err = {0};
    return session_fail(t->task->session, spec_set(t->task->spec, key, value, origin, &err), &err);
}

/* ---- tables in memory ------------------------------------------------------------ */

/* X and y side by side; columns are copied by reference to their cells. */
static asx_st join(struct task *t, const struct asx_frame *x, const struct asx_frame *y, struct asx_err *err)
{
    if (y->columns != 1)
        return err_set(err, ASX_E_INVAL, "y has %zu columns; it must have one", y->columns);
    if (y->rows != x->rows)
        return err_set(err, ASX_E_INVAL, "X has %zu rows and y has %zu; they must agree", x->rows, y->rows);
    char name[300];
    snprintf(name, sizeof name, "%.280s", y->column[0].name);
    for (int k = 2; frame_find(x, name) >= 0; k++) /* X and y without names both begin at f1 */
        snprintf(name, sizeof name, k == 2 ? "target" : "target_%d", k);
    struct asx_frame *f = NULL;
    asx_st st = frame_beside(x, y, name, t->mem, &f, err);
    t->frame = f;
    return st == ASX_OK ? spec_set(t->spec, "data.target", name, "y", err) : st;
}

assay_status assay_task_set_tables(assay_task *t, const assay_table *X, const assay_table *y)
{
    if (!t)
        return session_refuse(t ? t->task->session : NULL);
    struct asx_err err = {0};
    const struct asx_frame *x = NULL, *target = NULL;
    asx_st st = table_frame(X, &x, &err);
    if (st == ASX_OK && y)
        st = table_frame(y, &target, &err);
    frame_put(t->task->frame);
    t->task->frame = NULL;
    if (st == ASX_OK && target)
        st = join(t->task, x, target, &err);
    else if (st == ASX_OK)
        t->task->frame = frame_get(x);
    return session_fail(t->task->session, st, &err);
}

/* ---- options of the session ---------------------------------------------------------- */

static asx_st set_if(struct task *t, const char *key, const char *value, struct asx_err *err)
{
    return value && !spec_given(t->spec, key) ? spec_set(t->spec, key, value, "option", err) : ASX_OK;
}

static asx_st set_number(struct task *t, const char *key, double v, struct asx_err *err)
{
    char text[40];
    if (v == 0 || spec_given(t->spec, key))
        return ASX_OK;
    snprintf(text, sizeof text, "%.17g", v);
    return spec_set(t->spec, key, text, "option", err);
}

static asx_st apply_options(struct task *t, const struct assay_options *o, struct asx_err *err)
{
    asx_st st = set_number(t, "objective.subject_to.time", o->time_s, err);
    if (st == ASX_OK)
        st = set_number(t, "objective.subject_to.memory", (double)o->memory_bytes, err);
    if (st == ASX_OK)
        st = set_number(t, "search.seed", (double)o->seed, err);
    if (st == ASX_OK)
        st = set_number(t, "search.trials", o->trials, err);
    if (st == ASX_OK)
        st = set_number(t, "resources.threads", o->threads, err);
    if (st == ASX_OK)
        st = set_number(t, "search.validation.folds", o->folds, err);
    if (st == ASX_OK && o->metric && !spec_given(t->spec, "objective.maximize") && !spec_given(t->spec, "objective.minimize"))
        st = spec_set(t->spec, "objective.metric", o->metric, "option", err);
    if (st == ASX_OK)
        st = set_if(t, "search.learners", o->learners, err);
    if (st == ASX_OK)
        st = set_if(t, "data.positive", o->positive, err);
    if (st == ASX_OK && !t->frame)
        st = set_if(t, "data.header", o->header, err);
    if (st == ASX_OK && !t->frame)
        st = set_if(t, "data.delimiter", o->delimiter, err);
    if (st == ASX_OK && o->ensemble)
        st = set_if(t, "search.ensemble", o->ensemble == 1 ? "true" : "false", err);
    if (st == ASX_OK && o->warm_start)
        st = set_if(t, "search.warm_start", o->warm_start == 1 ? "true" : "false", err);
    if (st == ASX_OK && o->space_yaml)
        st = spec_set(t->spec, "search.space", o->space_yaml, NULL, err);
    return st;
}

asx_st task_ready(struct task *t, struct arena *a, struct run_options *o, struct asx_err *err)
{
    asx_st st = apply_options(t, &t->session->options, err);
    if (st == ASX_OK)
        st = spec_validate(t->spec, t->frame ? SPEC_IN_MEMORY : 0, err);
    return st == ASX_OK ? task_options(t, a, o, err) : st;
}

/* ---- running ----------------------------------------------------------------------------- */

asx_st api_wrap_model(struct model *m, assay_model **out, struct asx_err *err)
{
    struct assay_model *w = mem_calloc(NULL, 1, sizeof *w);
    if (!w) {
        eng_model_free(m);
        return err_set(err, ASX_E_NOMEM, "no memory for the model");
    }
    w->model = m;
    *out = w;
    return ASX_OK;
}

assay_status assay_task_run(assay_task *t, assay_model **out)
{
    if (!t || !out)
        return session_refuse(t ? t->task->session : NULL);
    *out = NULL;
    struct asx_err err = {0};
    struct run_options o;
    struct arena *a = arena_create(t->task->mem);
    struct model *m = NULL;
    asx_st st = a ? task_ready(t->task, a, &o, &err) : ASX_E_NOMEM;
    if (st == ASX_OK)
        st = run_check_outputs(&o, &err);
    if (st == ASX_OK)
        st = run_task(t->task->session, &o, &m, &err);
    if (a)
        arena_destroy(a);
    if (m) {
        asx_st wrapped = api_wrap_model(m, out, &err);
        st = wrapped < 0 ? wrapped : st;
    }
    task_place(t->task, &err);
    return session_fail(t->task->session, st, &err);
}

assay_status assay_task_explain(assay_task *t, const struct assay_explain_options *options, char **text)
{
    if (!t || !text)
        return session_refuse(t ? t->task->session : NULL);
    *text = NULL;
    struct asx_err err = {0};
    struct run_options o;
    struct arena *a = arena_create(t->task->mem);
    struct assay_explain_options e = {.size = sizeof e};
    if (options)
        memcpy(&e, options, options->size && options->size < sizeof e ? options->size : sizeof e);
    asx_st st = a ? task_ready(t->task, a, &o, &err) : ASX_E_NOMEM;
    if (st == ASX_OK)
        st = run_explain(t->task->session, &o, &e, text, &err);
    if (a)
        arena_destroy(a);
    task_place(t->task, &err);
    return session_fail(t->task->session, st, &err);
}

/* ---- one call ------------------------------------------------------------------------------ */

static assay_status one_call(assay_session *session, const char *kind, const assay_table *X, const assay_table *y,
                             const struct assay_options *options, assay_model **out)
{
    struct session *s = (struct session *)session;
    if (!s || !out)
        return session_refuse(s);
    *out = NULL;
    assay_task *t = NULL;
    assay_status st = assay_task_create(&t, session, kind);
    if (st == ASSAY_OK)
        st = assay_task_set_tables(t, X, y);
    struct asx_err err = {0};
    if (st == ASSAY_OK && options) {
        struct assay_options o = {0};
        memcpy(&o, options, options->size && options->size < sizeof o ? options->size : sizeof o);
        st = session_fail(s, apply_options(t->task, &o, &err), &err);
        struct assay_options kept = s->options;
        if (o.progress) {
            s->options.progress = o.progress;
            s->options.progress_arg = o.progress_arg;
        }
        if (st == ASSAY_OK)
            st = assay_task_run(t, out);
        s->options = kept;
    } else if (st == ASSAY_OK) {
        st = assay_task_run(t, out);
    }
    assay_task_free(t);
    return st;
}

assay_status assay_classify(assay_session *s, const assay_table *X, const assay_table *y, const struct assay_options *o,
                            assay_model **out)
{
    return one_call(s, "classify", X, y, o, out);
}

assay_status assay_regress(assay_session *s, const assay_table *X, const assay_table *y, const struct assay_options *o,
                           assay_model **out)
{
    return one_call(s, "regress", X, y, o, out);
}

assay_status assay_run_spec(assay_session *s, const char *path, assay_model **out)
{
    if (!s || !out)
        return session_refuse((struct session *)s);
    *out = NULL;
    assay_task *t = NULL;
    assay_status st = assay_task_create(&t, s, NULL);
    if (st == ASSAY_OK)
        st = assay_task_read_spec(t, path);
    if (st == ASSAY_OK)
        st = assay_task_run(t, out);
    assay_task_free(t);
    return st;
}
