/* SPDX-License-Identifier: Apache-2.0 */
/* Text for faces: leaderboards, runs, profiles, specs, machines, learners, metrics. */
#include "engine/api.h"

#include "backends/opencl/opencl.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "catalog/catalog.h"
#include "catalog/run.h"
#include "data/frame.h"
#include "data/profile.h"
#include "data/read.h"
#include "engine/registry.h"
#include "engine/retest.h"
#include "tasks/report/report.h"

#include <stdlib.h>
#include <string.h>

/* ---- leaderboards ------------------------------------------------------------------ */

static asx_st find_run(struct session *s, const char *what, struct arena *a, struct cat_run *run, struct asx_err *err)
{
    int64_t id;
    asx_st st;
    if (!what || strcmp(what, "latest") == 0) {
        st = cat_run_latest(s->cat, true, &id, err);
        if (st == ASX_NONE)
            return err_set(err, ASX_E_INVAL, "the catalog has no finished run yet; run a task first");
    } else if (cat_id_parse(what, 'r', &id)) {
        st = ASX_OK;
    } else {
        return err_set(err, ASX_E_INVAL, "'%s' is no run id (r7) or 'latest'; 'assay runs' lists them", what);
    }
    if (st == ASX_OK)
        st = cat_run_get(s->cat, id, a, run, err);
    return st == ASX_NONE ? err_set(err, ASX_E_INVAL, "run '%s' is not in the catalog; 'assay runs' lists what there is", what)
                          : st;
}

/* The board a run left: its text is the catalog's, which nobody can correct. */
static asx_st recorded_board(const struct session *s, const struct cat_run *run, json_t **out, struct asx_err *err)
{
    struct asx_err why = {0};
    char id[CAT_ID];
    asx_st st = json_parse(run->report_json, strlen(run->report_json), NULL, out, &why);
    if (st != ASX_E_DATA) {
        *err = why;
        return st;
    }
    return err_set(err, st, "the catalog '%s' is damaged: the leaderboard of run '%s' cannot be read; run the task again",
                   cat_path(s->cat), cat_id_format('r', run->id, id));
}

static asx_st board_text(struct session *s, const char *what, const char *test, const char *format, int failed, struct text *t,
                         struct asx_err *err)
{
    struct arena *a = arena_create(s->mem);
    struct cat_run run;
    asx_st st = a ? find_run(s, what, a, &run, err) : ASX_E_NOMEM;
    json_t *json = NULL;
    char id[CAT_ID];
    if (st == ASX_OK && !run.report_json)
        st = err_set(err, ASX_E_INVAL, "run '%s' has no leaderboard (it is %s%s%s); 'assay resume' may finish it",
                     cat_id_format('r', run.id, id), run.state, run.error ? ": " : "", run.error ? run.error : "");
    if (st == ASX_OK)
        st = recorded_board(s, &run, &json, err);
    if (st == ASX_OK && test)
        st = retest_board(s, &run, test, json, err);
    if (st == ASX_OK)
        st = failed ? report_failed(json, format ? format : "table", NULL, t, err)
                    : report_make(json, format ? format : "table", NULL, t, err);
    json_decref(json);
    if (a)
        arena_destroy(a);
    return st;
}

assay_status assay_leaderboard(assay_session *session, const char *run, const char *test, const char *format, int failed,
                               char **out)
{
    struct api_call call;
    if (!api_begin(&call, session, out))
        return session_refuse((struct session *)session);
    asx_st st = session_catalog(call.session, true, &call.err);
    if (st == ASX_OK)
        st = board_text(call.session, run, test, format, failed, &call.text, &call.err);
    return api_end(&call, st);
}

assay_status assay_report(assay_session *session, const char *board, const char *format, char **out)
{
    struct api_call call;
    if (!board || !api_begin(&call, session, out))
        return session_refuse((struct session *)session);
    json_t *json = NULL;
    asx_st st = json_parse(board, strlen(board), "the leaderboard", &json, &call.err);
    if (st == ASX_OK)
        st = report_make(json, format ? format : "table", NULL, &call.text, &call.err);
    json_decref(json);
    return api_end(&call, st);
}

/* ---- runs ------------------------------------------------------------------------------ */

static json_t *run_json(const struct cat_run *r)
{
    char id[CAT_ID], when[24];
    bool failed = strcmp(r->state, CAT_FAILED) == 0;
    json_t *o = json_object();
    json_object_set_new(o, "run", json_string(cat_id_format('r', r->id, id)));
    json_object_set_new(o, "task", r->task ? json_string(r->task) : json_null());
    json_object_set_new(o, "data", r->data ? json_string(r->data) : json_null());
    json_object_set_new(o, "target", r->target ? json_string(r->target) : json_null());
    json_object_set_new(o, "started", json_string(clock_iso(r->started, when)));
    json_object_set_new(o, "state", json_string(failed ? CAT_INTERRUPTED : r->state)); /* "failed" tells the two apart */
    json_object_set_new(o, "trials", json_integer(r->trials));
    json_object_set_new(o, "best", json_number(r->best));
    json_object_set_new(o, "metric", r->metric ? json_string(r->metric) : json_null());
    json_object_set_new(o, "failed", json_boolean(failed));
    json_object_set_new(o, "error", r->error ? json_string(r->error) : json_null());
    return o;
}

static void runs_table(const struct cat_run *r, size_t n, struct text *t)
{
    if (n == 0)
        text_puts(t, "no runs yet\n");
    else
        text_printf(t, "%-6s %-9s %-20s %-12s %7s %12s %-10s %s\n", "run", "task", "started", "state", "trials", "best", "metric",
                    "data");
    for (size_t i = 0; i < n; i++) {
        char id[CAT_ID], when[24], best[32] = "-";
        if (r[i].best == r[i].best)
            snprintf(best, sizeof best, "%.6g", r[i].best);
        text_printf(t, "%-6s %-9s %-20s %-12s %7d %12s %-10s %s\n", cat_id_format('r', r[i].id, id), r[i].task ? r[i].task : "-",
                    clock_iso(r[i].started, when), r[i].state, r[i].trials, best, r[i].metric ? r[i].metric : "-",
                    r[i].data ? r[i].data : "(table in memory)");
    }
}

assay_status assay_runs(assay_session *session, int json, char **out)
{
    struct api_call call;
    if (!api_begin(&call, session, out))
        return session_refuse((struct session *)session);
    struct cat_run *list = NULL;
    size_t n = 0;
    asx_st st = session_catalog(call.session, true, &call.err);
    struct arena *a = st == ASX_OK ? arena_create(call.session->mem) : NULL;
    if (st == ASX_OK)
        st = a ? cat_run_list(call.session->cat, a, &list, &n, &call.err) : ASX_E_NOMEM;
    if (st == ASX_NONE)
        st = ASX_OK;
    if (st == ASX_OK && json) {
        json_t *rows = json_array();
        for (size_t i = 0; i < n; i++)
            json_array_append_new(rows, run_json(&list[i]));
        api_put_json(&call.text, json_pack("{s:o}", "runs", rows));
    } else if (st == ASX_OK) {
        runs_table(list, n, &call.text);
    }
    if (a)
        arena_destroy(a);
    return api_end(&call, st);
}

/* ---- data ------------------------------------------------------------------------------- */

static asx_st profile_file(struct session *s, const char *data, const char *target, struct asx_frame **frame,
                           struct profile **profile, struct asx_err *err)
{
    asx_st st = session_machine(s, err);
    if (st == ASX_OK)
        st = session_pool(s, opt_machine_threads(s->machine), err);
    struct data_options o = {0};
    const char *const exact[] = {target, NULL};
    if (st == ASX_OK)
        st = task_reading(s, &o, err);
    o.par = data_par_pool(s->pool);
    o.exact = exact;
    if (st == ASX_OK)
        st = data_read(&o, data, NULL, &s->sink, frame, err);
    int at = -1;
    bool sparse = st == ASX_OK && (*frame)->sparse;
    if (sparse && target)
        st = err_set(err, ASX_E_INVAL,
                     "a target '%s' cannot be named for a libsvm file, whose first field is the target; remove it", target);
    else if (st == ASX_OK && (target || sparse))
        st = frame_require(*frame, target ? target : "target", &at, err);
    if (st == ASX_OK)
        st = profile_make(*frame, at, &o.par, 0, NULL, profile, err);
    if (st < 0 && st != ASX_E_IO) /* that names its file */
        err_place(err, data, 0, 0);
    return st;
}

assay_status assay_profile(assay_session *session, const char *data, const char *target, int json, char **out)
{
    struct api_call call;
    if (!data || !api_begin(&call, session, out))
        return session_refuse((struct session *)session);
    struct asx_frame *frame = NULL;
    struct profile *profile = NULL;
    asx_st st = profile_file(call.session, data, target, &frame, &profile, &call.err);
    if (st == ASX_OK && json)
        api_put_json(&call.text, profile_json(profile, frame));
    else if (st == ASX_OK)
        profile_text(profile, frame, &call.text);
    profile_free(profile);
    frame_put(frame);
    return api_end(&call, st);
}

assay_status assay_init(assay_session *session, const char *data, const char *target, char **out)
{
    struct api_call call;
    if (!data || !api_begin(&call, session, out))
        return session_refuse((struct session *)session);
    struct asx_frame *frame = NULL;
    struct profile *profile = NULL;
    struct task *task = NULL;
    asx_st st = profile_file(call.session, data, target, &frame, &profile, &call.err);
    if (st == ASX_OK && !target && !frame->sparse)
        st = err_set(&call.err, ASX_E_INVAL, "init needs the column to predict; write 'assay init %s --target COL'", data);
    if (st == ASX_OK)
        st = task_create(call.session, NULL, &task, &call.err);
    if (st == ASX_OK)
        st = spec_write_commented(&task->spec->context,
                                  &(struct spec_init){.data = data,
                                                      .target = target,
                                                      .frame = frame,
                                                      .profile = profile,
                                                      .header = call.session->options.header,
                                                      .delimiter = call.session->options.delimiter},
                                  &call.text, &call.err);
    task_free(task);
    profile_free(profile);
    frame_put(frame);
    return api_end(&call, st);
}

/* ---- the catalog, and files ------------------------------------------------------------------ */

assay_status assay_gc(assay_session *session, int json, char **out)
{
    return assay_gc_to(session, NULL, json, out);
}

assay_status assay_gc_to(assay_session *session, const char *size, int json, char **out)
{
    struct api_call call;
    if (!api_begin(&call, session, out))
        return session_refuse((struct session *)session);
    struct cat_gc_result r = {0};
    struct cat_gc_options how = {0};
    asx_st st = session_catalog(call.session, false, &call.err);
    if (st == ASX_OK && size && (!clock_parse_size(size, &how.max_bytes) || how.max_bytes == 0))
        st = err_set(&call.err, ASX_E_INVAL, "size '%s' makes no sense; give one such as 512MiB or 2GiB", size);
    if (st == ASX_OK)
        st = cat_gc(call.session->cat, &how, &r, &call.err);
    char before[32], after[32], freed[32];
    if (st == ASX_OK && json)
        api_put_json(&call.text,
                     json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "bytes_before", (json_int_t)r.bytes_before, "bytes_after",
                               (json_int_t)r.bytes_after, "blobs", (json_int_t)r.blobs, "runs", (json_int_t)r.runs, "predictions",
                               (json_int_t)r.predictions, "models", (json_int_t)r.models));
    else if (st == ASX_OK)
        text_printf(
            &call.text,
            "%s: %s before, %s now: %s freed; dropped: predictions of %lld trials, %lld superseded models, %lld blobs, %lld runs\n",
            cat_path(call.session->cat), clock_format_bytes((double)r.bytes_before, before),
            clock_format_bytes((double)r.bytes_after, after),
            clock_format_bytes(r.bytes_before > r.bytes_after ? (double)(r.bytes_before - r.bytes_after) : 0, freed),
            (long long)r.predictions, (long long)r.models, (long long)r.blobs, (long long)r.runs);
    if (st == ASX_OK && !json && how.max_bytes && r.bytes_after > how.max_bytes)
        text_printf(&call.text, "that is still more than %s: the newest run, and runs that are under way, stay\n", size);
    return api_end(&call, st);
}

assay_status assay_write(assay_session *session, const char *path, const char *text)
{
    struct session *s = (struct session *)session;
    struct asx_err err = {0};
    if (!s || !path || !text)
        return session_refuse(s);
    return session_fail(s, file_write(path, text, strlen(text), &err), &err);
}

assay_status assay_opencl_list(char **out)
{
    struct text t;
    struct asx_err err = {0};
    if (!out)
        return ASSAY_E_INVAL;
    *out = NULL;
    text_init(&t, NULL);
    opencl_list(&t);
    return (assay_status)api_give(&t, ASX_OK, out, &err);
}

const char *const *assay_task_kinds(void)
{
    enum { MOST = 32 };
    static const char *names[MOST + 1];
    const struct asx_kind *const *kind = registry_builtin()->kind;
    for (int i = 0; kind[i] && i < MOST; i++)
        __atomic_store_n(&names[i], kind[i]->head.name, __ATOMIC_RELAXED);
    return names;
}
