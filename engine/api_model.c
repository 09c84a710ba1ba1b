/* SPDX-License-Identifier: Apache-2.0 */
/* Models of the public API: predict, save, load, open from the catalog. */
#include "engine/api.h"

#include "base/err.h"
#include "base/mem.h"
#include "catalog/blob.h"
#include "catalog/model.h"
#include "catalog/run.h"
#include "data/frame.h"
#include "engine/registry.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static assay_status fail(const assay_model *m, asx_st st, const struct asx_err *err)
{
    struct assay_model *w = (struct assay_model *)(uintptr_t)m; /* the error text is no part of the model */
    w->error[0] = '\0';
    if (st < 0)
        err_format(err, w->error, sizeof w->error);
    return (assay_status)st;
}

assay_status assay_model_load(assay_model **out, const char *path)
{
    if (!out || !path)
        return ASSAY_E_INVAL;
    *out = NULL;
    struct asx_err err = {0};
    struct model *m = NULL;
    asx_st st = eng_model_load(registry_builtin(), path, &m, &err);
    return (assay_status)(st == ASX_OK ? api_wrap_model(m, out, &err) : st);
}

/* ---- from the catalog ------------------------------------------------------------- */

/* Of a leaderboard's lines, the catalog keeps the best. */
static asx_st not_kept(struct session *s, const struct cat_model *row, struct arena *a, struct asx_err *err)
{
    char id[CAT_ID], best[CAT_ID], of[CAT_ID];
    struct cat_run run;
    struct asx_err ignored = {0};
    cat_id_format('m', row->id, id);
    if (cat_run_get(s->cat, row->run, a, &run, &ignored) == ASX_OK && run.model > 0 && run.model != row->id)
        return err_set(err, ASX_E_INVAL,
                       "model '%s' is a line of a leaderboard that was not kept by itself; use '%s', the best of %s", id,
                       cat_id_format('m', run.model, best), cat_id_format('r', row->run, of));
    return err_set(err, ASX_E_INVAL, "model '%s' is a line of a leaderboard that was not kept by itself; use its run's best model",
                   id);
}

static asx_st open_row(struct session *s, const struct cat_model *row, struct arena *a, struct model **m, struct asx_err *err)
{
    void *data = NULL;
    size_t size = 0;
    char id[CAT_ID];
    asx_st st;
    if (row->blob > 0) {
        st = cat_blob_get(s->cat, row->blob, s->mem, &data, &size, err);
        if (st == ASX_OK)
            st = eng_model_load_bytes(s->registry, data, size, cat_id_format('m', row->id, id), m, err);
        mem_free(data);
    } else if (row->path) {
        st = eng_model_load(s->registry, row->path, m, err);
    } else {
        st = not_kept(s, row, a, err);
    }
    if (st == ASX_OK) {
        (*m)->id = mem_strdup((*m)->mem, cat_id_format('m', row->id, id));
        if (row->path && !(*m)->path)
            (*m)->path = mem_strdup((*m)->mem, row->path);
    }
    return st;
}

static asx_st find_row(struct session *s, const char *what, struct arena *a, struct cat_model *row, struct asx_err *err)
{
    int64_t id;
    asx_st st;
    if (strcmp(what, "latest") == 0) {
        st = cat_model_latest(s->cat, a, row, err);
        return st == ASX_NONE ? err_set(err, ASX_E_INVAL, "the catalog has no model yet; run a task first") : st;
    }
    if (cat_id_parse(what, 'm', &id)) {
        st = cat_model_get(s->cat, id, a, row, err);
        return st == ASX_NONE ? err_set(err, ASX_E_INVAL, "the catalog has no model '%s'; 'assay runs' lists what there is", what)
                              : st;
    }
    if (!cat_id_parse(what, 'r', &id))
        return err_set(err, ASX_E_INVAL, "'%s' is no file, model id (m41), run id (r7) or 'latest'; check the name", what);
    struct cat_run run;
    st = cat_run_get(s->cat, id, a, &run, err);
    if (st == ASX_OK && run.model > 0)
        return cat_model_get(s->cat, run.model, a, row, err);
    return st < 0 ? st
                  : err_set(err, ASX_E_INVAL, "run '%s' %s; 'assay runs' lists what there is", what,
                            st == ASX_OK ? "has no model" : "is not in the catalog");
}

assay_status assay_model_open(assay_model **out, assay_session *session, const char *what)
{
    struct session *s = (struct session *)session;
    if (!out || !s || !what)
        return session_refuse(s);
    *out = NULL;
    struct asx_err err = {0};
    struct model *m = NULL;
    asx_st st;
    int64_t id;
    bool is_id = strcmp(what, "latest") == 0 || cat_id_parse(what, 'm', &id) || cat_id_parse(what, 'r', &id);
    if (!is_id || access(what, F_OK) == 0) {
        st = eng_model_load(s->registry, what, &m, &err);
    } else {
        st = session_catalog(s, true, &err);
        struct arena *a = st == ASX_OK ? arena_create(s->mem) : NULL;
        struct cat_model row;
        if (st == ASX_OK)
            st = a ? find_row(s, what, a, &row, &err) : ASX_E_NOMEM;
        if (st == ASX_OK)
            st = open_row(s, &row, a, &m, &err);
        if (a)
            arena_destroy(a);
    }
    if (st == ASX_OK)
        st = api_wrap_model(m, out, &err);
    return session_fail(s, st, &err);
}

assay_status assay_model_save(const assay_model *m, const char *path)
{
    struct asx_err err = {0};
    return m && path ? fail(m, eng_model_save(m->model, path, &err), &err) : ASSAY_E_INVAL;
}

void assay_model_free(assay_model *m)
{
    if (!m)
        return;
    eng_model_free(m->model);
    mem_free(m);
}

/* ---- facts ----------------------------------------------------------------------------- */

size_t assay_model_classes(const assay_model *m)
{
    return m ? (size_t)m->model->classes : 0;
}

const char *assay_model_class(const assay_model *m, size_t i)
{
    return m && i < (size_t)m->model->classes ? m->model->class_name[i] : NULL;
}

const char *assay_model_board_json(const assay_model *m)
{
    return m && m->model->board ? m->model->board : "";
}

const char *assay_model_id(const assay_model *m)
{
    return m && m->model->id ? m->model->id : "";
}

const char *assay_model_path(const assay_model *m)
{
    return m && m->model->path ? m->model->path : "";
}

const char *assay_model_error(const assay_model *m)
{
    return m ? m->error : "";
}

/* ---- predictions -------------------------------------------------------------------------- */

static asx_st proba(const assay_model *m, const assay_table *table, double *out, struct asx_err *err)
{
    const struct asx_frame *frame = NULL, *bound = NULL;
    asx_st st = table_frame(table, &frame, err);
    if (st == ASX_OK)
        st = eng_model_bind(m->model, frame, &bound, err);
    if (st == ASX_OK)
        st = eng_model_predict(m->model, bound, NULL, NULL, NULL, out, err);
    frame_put(bound);
    return st;
}

assay_status assay_predict_proba(const assay_model *m, const assay_table *t, double *out, size_t out_len)
{
    struct asx_err err = {0};
    if (!m || !t || !out)
        return ASSAY_E_INVAL;
    if (!m->model->classes)
        return fail(m, err_set(&err, ASX_E_INVAL, "the model predicts values and has no probabilities; use assay_predict"), &err);
    if (out_len < t->rows * (size_t)m->model->outputs)
        return fail(m,
                    err_set(&err, ASX_E_INVAL, "the output has room for %zu numbers; %zu rows x %d classes are needed", out_len,
                            t->rows, m->model->outputs),
                    &err);
    return fail(m, proba(m, t, out, &err), &err);
}

assay_status assay_predict(const assay_model *m, const assay_table *t, double *out, size_t out_len)
{
    struct asx_err err = {0};
    if (!m || !t || !out)
        return ASSAY_E_INVAL;
    if (out_len < t->rows)
        return fail(m, err_set(&err, ASX_E_INVAL, "the output has room for %zu numbers; %zu rows are needed", out_len, t->rows),
                    &err);
    if (!m->model->classes)
        return fail(m, proba(m, t, out, &err), &err);
    size_t k = (size_t)m->model->outputs;
    double *p = mem_array(NULL, t->rows * k + 1, sizeof *p);
    asx_st st = p ? proba(m, t, p, &err) : err_set(&err, ASX_E_NOMEM, "no memory to predict");
    for (size_t i = 0; st == ASX_OK && i < t->rows; i++)
        out[i] = eng_model_decide(m->model, p + i * k);
    mem_free(p);
    return fail(m, st, &err);
}
