/* SPDX-License-Identifier: Apache-2.0 */
/* Files in, predictions out: CSV, all or nothing. */
#include "engine/api.h"
#include "engine/contributions.h"

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/pool.h"
#include "data/frame.h"
#include "data/matrix.h"
#include "data/read.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- CSV -------------------------------------------------------------------------- */

static void put_cell(struct text *t, const char *s)
{
    if (!strpbrk(s, ",\"\r\n")) {
        text_puts(t, s);
        return;
    }
    text_puts(t, "\"");
    for (; *s; s++) {
        if (*s == '"')
            text_puts(t, "\"");
        text_put(t, s, 1);
    }
    text_puts(t, "\"");
}

static void put_header(const struct model *m, int proba, int explain, struct text *t)
{
    if (!proba) {
        text_puts(t, "prediction");
    } else {
        for (int c = 0; c < m->classes; c++) {
            struct text name;
            text_init(&name, m->mem);
            text_printf(&name, "proba_%s", m->class_name[c]);
            if (c)
                text_puts(t, ",");
            put_cell(t, name.s ? name.s : "");
            t->failed |= name.failed;
            text_clear(&name);
        }
    }
    if (explain > 0)
        text_puts(t, ",base");
    for (int i = 0; i < explain; i++)
        text_printf(t, ",feature_%d,contribution_%d", i + 1, i + 1);
    text_puts(t, "\n");
}

static void put_row(const struct model *m, const double *p, int proba, struct text *t)
{
    if (!m->classes) {
        text_number(t, p[0], "");
        return;
    }
    if (!proba) {
        put_cell(t, m->class_name[eng_model_decide(m, p)]);
        return;
    }
    for (int c = 0; c < m->classes; c++) {
        if (c)
            text_puts(t, ",");
        text_number(t, p[c], "");
    }
}

/* ---- contributions ------------------------------------------------------------------- */

/* The output explained: the predicted class's (the positive one's for two classes), or the value. */
static int explained_output(const struct model *m, const double *p)
{
    return !m->classes ? 0 : m->classes == 2 ? m->positive : eng_model_decide(m, p);
}

static void put_contributions(const struct model *m, const struct contribution *sum, double base, int explain, struct text *t)
{
    text_puts(t, ",");
    text_number(t, base, "");
    for (int i = 0; i < explain; i++) {
        text_puts(t, ",");
        if (i < m->columns) {
            put_cell(t, m->column[sum[i].column].name);
            text_puts(t, ",");
            text_number(t, sum[i].value, "");
        } else {
            text_puts(t, ",");
        }
    }
}

static asx_st explain_row(const struct model *m, struct explainer *x, size_t row, const double *p, int explain, struct text *t,
                          struct asx_err *err)
{
    const struct contribution *list;
    double base;
    asx_st st = eng_explain(x, row, p, explained_output(m, p), &list, &base, err);
    if (st == ASX_OK)
        put_contributions(m, list, base, explain, t);
    return st;
}

/* ---- the whole ------------------------------------------------------------------------- */

static asx_st write_rows(struct session *s, const struct model *m, const struct asx_frame *bound, const double *p, int proba,
                         int explain, struct text *t, struct asx_err *err)
{
    struct explainer *x = NULL;
    asx_st st = explain > 0 ? eng_explainer_open(m, bound, s->pool, &x, err) : ASX_OK;
    if (st == ASX_OK)
        put_header(m, proba, explain, t);
    for (size_t i = 0; i < bound->rows && st == ASX_OK; i++) {
        put_row(m, p + i * (size_t)m->outputs, proba, t);
        if (explain > 0)
            st = explain_row(m, x, i, p + i * (size_t)m->outputs, explain, t, err);
        text_puts(t, "\n");
        if (__atomic_load_n(&s->cancelled, __ATOMIC_RELAXED))
            st = ASX_STOPPED;
    }
    eng_explainer_close(x);
    if (st == ASX_OK && t->failed)
        st = err_set(err, ASX_E_NOMEM, "no memory for the predictions; predict fewer rows at once");
    return st;
}

static bool stop_asked(void *arg)
{
    return __atomic_load_n(&((struct session *)arg)->cancelled, __ATOMIC_RELAXED);
}

static bool same_file(const char *a, const char *b)
{
    struct stat x, y;
    return a && b && stat(a, &x) == 0 && stat(b, &y) == 0 && S_ISREG(x.st_mode) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static asx_st predict(struct session *s, const struct model *m, const char *data, const char *out, int proba, int explain,
                      struct asx_err *err)
{
    const struct asx_frame *frame = NULL, *bound = NULL;
    struct data_options how = {0};
    double *p = NULL;
    struct text t;
    text_init(&t, m->mem);
    asx_st st = ASX_OK;
    if (same_file(out, data))
        st = err_set(err, ASX_E_INVAL, "the predictions would overwrite the data '%s'; give another file", data);
    else if (same_file(out, m->path))
        st = err_set(err, ASX_E_INVAL, "the predictions would overwrite the model '%s'; give another file", m->path);
    else if (proba && !m->classes)
        st = err_set(err, ASX_E_INVAL, "the model predicts values and has no probabilities; leave --proba out");
    if (st == ASX_OK)
        st = session_machine(s, err);
    if (st == ASX_OK)
        st = session_pool(s, s->options.threads > 0 ? s->options.threads : opt_machine_threads(s->machine), err);
    if (st == ASX_OK)
        st = task_reading(s, &how, err);
    how.par = data_par_pool(s->pool);
    if (st == ASX_OK)
        st = eng_model_read(m, &how, &s->sink, data, false, &frame, err);
    if (st == ASX_OK)
        st = eng_model_bind(m, frame, &bound, err);
    if (st == ASX_OK && !(p = mem_array(m->mem, bound->rows * (size_t)m->outputs + 1, sizeof *p)))
        st = err_set(err, ASX_E_NOMEM, "no memory for the predictions; predict fewer rows at once");
    if (st == ASX_OK)
        st = eng_model_predict(m, bound, s->pool, stop_asked, s, p, err);
    if (st < 0)
        err_place(err, data, 0, 0);
    if (st == ASX_OK)
        st = write_rows(s, m, bound, p, proba, explain, &t, err);
    if (st == ASX_OK)
        st = file_write(out ? out : "-", t.s, t.n, err);
    text_clear(&t);
    mem_free(p);
    frame_put(bound);
    frame_put(frame);
    return st;
}

assay_status assay_predict_file(assay_session *session, const assay_model *m, const char *data, const char *out, int proba,
                                int explain)
{
    struct session *s = (struct session *)session;
    if (!s || !m || !data)
        return session_refuse(s);
    struct asx_err err = {0};
    __atomic_store_n(&s->cancelled, 0, __ATOMIC_RELAXED);
    return session_fail(s, predict(s, m->model, data, out, proba, explain, &err), &err);
}
