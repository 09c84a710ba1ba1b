/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/model.h"
#include "base/clock.h"
#include "catalog/store.h"

#include <string.h>

static asx_st model_write(struct cat *cat, const struct cat_model *m, int64_t *id, struct asx_err *err)
{
    struct query q = db_query(
        cat, "INSERT INTO models(id, run, trial, rank, learner, path, blob, board, validation, created) VALUES(?,?,?,?,?,?,?,?,?,?)"
             " ON CONFLICT(id) DO UPDATE SET rank = coalesce(nullif(excluded.rank, 0), rank), path = coalesce(excluded.path, path),"
             " blob = coalesce(excluded.blob, blob), board = coalesce(excluded.board, board),"
             " learner = coalesce(excluded.learner, learner), validation = coalesce(excluded.validation, validation) RETURNING id");
    q_id(&q, m->id);
    q_id(&q, m->run);
    q_i64(&q, m->trial);
    q_i64(&q, m->rank);
    q_text(&q, m->learner);
    q_text(&q, m->path);
    q_id(&q, m->blob);
    q_text(&q, m->board_json);
    q_f64(&q, m->validation);
    q_i64(&q, clock_unix());
    while (q_row(&q))
        *id = q_col_i64(&q, 0);
    return q_end(&q, err);
}

static asx_st model_put(struct cat *cat, const struct cat_model *m, int64_t *id, struct asx_err *err)
{
    asx_st st = db_begin(cat, DB_FULL, err);
    return st != ASX_OK ? st : db_end(cat, DB_FULL, model_write(cat, m, id, err), err);
}

asx_st cat_model_put(struct cat *cat, const struct cat_model *m, int64_t *id, struct asx_err *err)
{
    asx_st st = model_put(cat, m, id, err);
    return db_leave_disk(cat, st, err) ? model_put(cat, m, id, err) : st;
}

static asx_st models_put(struct cat *cat, struct cat_model *m, size_t n, struct asx_err *err)
{
    asx_st st = db_begin(cat, DB_FULL, err);
    if (st != ASX_OK)
        return st;
    for (size_t i = 0; i < n && st == ASX_OK; i++)
        st = model_write(cat, &m[i], &m[i].id, err);
    return db_end(cat, DB_FULL, st, err);
}

asx_st cat_models_put(struct cat *cat, struct cat_model *m, size_t n, struct asx_err *err)
{
    asx_st st = models_put(cat, m, n, err);
    return db_leave_disk(cat, st, err) ? models_put(cat, m, n, err) : st;
}

#define MODEL "SELECT id, run, trial, rank, learner, path, blob, board, validation FROM models "

static void read_model(struct query *q, struct arena *a, struct cat_model *m)
{
    m->id = q_col_i64(q, 0);
    m->run = q_col_i64(q, 1);
    m->trial = (int)q_col_i64(q, 2);
    m->rank = (int)q_col_i64(q, 3);
    m->learner = q_col_text(q, 4, a);
    m->path = q_col_text(q, 5, a);
    m->blob = q_col_i64(q, 6);
    m->board_json = q_col_text(q, 7, a);
    m->validation = q_col_f64(q, 8);
}

/* First row of a query that is bound; unlocks. */
static asx_st one_model(struct query *q, struct arena *a, struct cat_model *out, struct asx_err *err)
{
    struct cat *cat = q->cat;
    memset(out, 0, sizeof *out);
    bool found = q_row(q);
    if (found)
        read_model(q, a, out);
    asx_st st = q_end(q, err);
    db_unlock(cat);
    return st != ASX_OK ? st : found ? ASX_OK : ASX_NONE;
}

asx_st cat_model_get(struct cat *cat, int64_t id, struct arena *a, struct cat_model *out, struct asx_err *err)
{
    db_lock(cat);
    struct query q = db_query(cat, MODEL "WHERE id = ?");
    q_i64(&q, id);
    return one_model(&q, a, out, err);
}

asx_st cat_model_latest(struct cat *cat, struct arena *a, struct cat_model *out, struct asx_err *err)
{
    db_lock(cat);
    /* the best of the newest run that kept one */
    struct query q = db_query(cat, MODEL "WHERE path IS NOT NULL OR blob IS NOT NULL ORDER BY run DESC, id DESC LIMIT 1");
    return one_model(&q, a, out, err);
}

asx_st cat_models_get(struct cat *cat, int64_t run, struct arena *a, struct cat_model **out, size_t *n, struct asx_err *err)
{
    void *items = NULL;
    size_t count = 0, capacity = 0;
    db_lock(cat);
    struct query q = db_query(cat, MODEL "WHERE run = ? ORDER BY rank = 0, rank, id");
    q_i64(&q, run);
    while (q_row(&q)) {
        struct cat_model *m = list_more(&q, a, &items, &count, &capacity, sizeof *m);
        if (!m)
            break;
        read_model(&q, a, m);
    }
    asx_st st = q_end(&q, err);
    db_unlock(cat);
    if (st == ASX_OK) {
        *out = items;
        *n = count;
    }
    return st;
}
