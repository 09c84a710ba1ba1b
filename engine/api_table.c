/* SPDX-License-Identifier: Apache-2.0 */
/* assay_table: typed columns of the caller, copied. */
#include "engine/api.h"

#include "base/err.h"
#include "base/mem.h"
#include "data/frame.h"
#include "data/read.h"
#include "engine/session.h"

#include <stdio.h>

static assay_status fresh(assay_table **out, size_t rows)
{
    if (!out)
        return ASSAY_E_INVAL;
    *out = NULL;
    struct assay_table *t = mem_calloc(NULL, 1, sizeof *t);
    if (!t)
        return ASSAY_E_NOMEM;
    t->building = frame_create(NULL, rows);
    t->rows = rows;
    if (!t->building) {
        mem_free(t);
        return ASSAY_E_NOMEM;
    }
    *out = t;
    return ASSAY_OK;
}

assay_status assay_table_create(assay_table **out, size_t rows)
{
    return fresh(out, rows);
}

static assay_status add_f64(assay_table *t, const char *name, const double *v)
{
    struct asx_err err = {0};
    return (assay_status)frame_add_f64(t->building, name, ASX_NUMERIC, v, &err);
}

assay_status assay_table_add_f64(assay_table *t, const char *name, const double *v)
{
    return t && t->building && name && v ? add_f64(t, name, v) : ASSAY_E_INVAL;
}

assay_status assay_table_add_i64(assay_table *t, const char *name, const int64_t *v)
{
    struct asx_err err = {0};
    return t && t->building && name && v ? (assay_status)frame_add_i64(t->building, name, v, &err) : ASSAY_E_INVAL;
}

assay_status assay_table_add_str(assay_table *t, const char *name, const char *const *v)
{
    struct asx_err err = {0};
    return t && t->building && name && v ? (assay_status)frame_add_str(t->building, name, FRAME_INFER, v, &err) : ASSAY_E_INVAL;
}

assay_status assay_table_from_dense_f64(assay_table **out, const double *data, size_t rows, size_t cols, size_t stride,
                                        const char *const *names)
{
    if (!out || !data || !cols || stride < cols)
        return ASSAY_E_INVAL;
    for (size_t j = 0; names && j < cols; j++)
        if (!names[j])
            return ASSAY_E_INVAL;
    assay_status st = fresh(out, rows);
    double *column = mem_array(NULL, rows + 1, sizeof *column);
    if (st == ASSAY_OK && !column)
        st = ASSAY_E_NOMEM;
    for (size_t j = 0; j < cols && st == ASSAY_OK; j++) {
        char name[32];
        snprintf(name, sizeof name, "f%zu", j + 1);
        for (size_t i = 0; i < rows; i++)
            column[i] = data[i * stride + j];
        st = add_f64(*out, names ? names[j] : name, column);
    }
    mem_free(column);
    if (st != ASSAY_OK && *out) {
        assay_table_free(*out);
        *out = NULL;
    }
    return st;
}

assay_status assay_table_from_file(assay_table **out, assay_session *session, const char *path)
{
    struct session *s = (struct session *)session;
    if (!out || !path)
        return ASSAY_E_INVAL;
    *out = NULL;
    struct assay_table *t = mem_calloc(NULL, 1, sizeof *t);
    if (!t)
        return ASSAY_E_NOMEM;
    struct asx_err err = {0};
    struct asx_frame *frame = NULL;
    asx_st st = data_read(&(struct data_options){0}, path, NULL, s ? &s->sink : NULL, &frame, &err);
    if (st != ASX_OK) {
        mem_free(t);
        return s ? session_fail(s, st, &err) : (assay_status)st;
    }
    t->frame = frame;
    t->rows = frame->rows;
    *out = t;
    return ASSAY_OK;
}

size_t assay_table_rows(const assay_table *t)
{
    return t ? t->rows : 0;
}

void assay_table_free(assay_table *t)
{
    if (!t)
        return;
    frame_put(t->building);
    frame_put(t->frame);
    mem_free(t);
}

asx_st table_frame(const assay_table *table, const struct asx_frame **out, struct asx_err *err)
{
    struct assay_table *t = (struct assay_table *)(uintptr_t)table; /* sealing is the one change a const table sees */
    if (!t)
        return err_set(err, ASX_E_INVAL, "a table is NULL; make one with assay_table_create");
    if (!t->frame) {
        asx_st st = frame_seal(t->building, err);
        if (st != ASX_OK)
            return st;
        t->frame = t->building;
        t->building = NULL;
    }
    *out = t->frame;
    return ASX_OK;
}
