/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/trial.h"
#include "base/clock.h"
#include "base/hash.h"
#include "catalog/store.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void bind_fidelity(struct query *q, const struct asx_fidelity *f)
{
    q_f64(q, f->rows);
    q_i64(q, f->iterations);
    q_i64(q, f->folds);
}

static struct asx_fidelity col_fidelity(const struct query *q, int col)
{
    return (struct asx_fidelity){
        .rows = q_col_f64(q, col), .iterations = (int)q_col_i64(q, col + 1), .folds = (int)q_col_i64(q, col + 2)};
}

static asx_st ask_insert(struct cat *cat, int64_t run, const struct cat_ask *a, struct asx_err *err)
{
    struct query q = db_query(cat, "INSERT OR REPLACE INTO asks VALUES(?,?,?,?,?,?, ?,?,?, ?,?,?, ?,?,?)");
    q_i64(&q, run);
    q_i64(&q, a->trial);
    q_i64(&q, a->config_id);
    q_text(&q, a->learner);
    q_text(&q, a->config_json);
    q_key(&q, a->config_hash);
    bind_fidelity(&q, &a->from);
    bind_fidelity(&q, &a->to);
    q_i64(&q, a->wave);
    q_id(&q, a->plan);
    q_i64(&q, clock_unix());
    (void)q_row(&q);
    return q_end(&q, err);
}

static asx_st wave_put(struct cat *cat, int64_t run, const struct cat_ask *ask, size_t asks, struct cat_op *op, size_t ops,
                       struct asx_err *err)
{
    asx_st st = db_begin(cat, DB_NORMAL, err);
    if (st != ASX_OK)
        return st;
    for (size_t i = 0; i < asks && st == ASX_OK; i++)
        st = ask_insert(cat, run, &ask[i], err);
    if (st == ASX_OK)
        st = ops_insert(cat, run, op, ops, err);
    return db_end(cat, DB_NORMAL, st, err);
}

asx_st cat_wave_put(struct cat *cat, int64_t run, const struct cat_ask *ask, size_t asks, struct cat_op *op, size_t ops,
                    struct asx_err *err)
{
    asx_st st = wave_put(cat, run, ask, asks, op, ops, err);
    return db_leave_disk(cat, st, err) ? wave_put(cat, run, ask, asks, op, ops, err) : st;
}

asx_st cat_asks_get(struct cat *cat, int64_t run, struct arena *arena, struct cat_ask **out, size_t *n, struct asx_err *err)
{
    void *items = NULL;
    size_t count = 0, capacity = 0;
    db_lock(cat);
    struct query q = db_query(cat, "SELECT trial, config_id, learner, config, config_hash, from_rows, from_iterations, from_folds,"
                                   " to_rows, to_iterations, to_folds, wave, plan FROM asks WHERE run = ? ORDER BY trial");
    q_i64(&q, run);
    while (q_row(&q)) {
        struct cat_ask *a = list_more(&q, arena, &items, &count, &capacity, sizeof *a);
        if (!a)
            break;
        a->trial = (int)q_col_i64(&q, 0);
        a->config_id = (int)q_col_i64(&q, 1);
        a->learner = q_col_text(&q, 2, arena);
        a->config_json = q_col_text(&q, 3, arena);
        a->config_hash = q_col_key(&q, 4);
        a->from = col_fidelity(&q, 5);
        a->to = col_fidelity(&q, 8);
        a->wave = (int)q_col_i64(&q, 11);
        a->plan = q_col_i64(&q, 12);
    }
    asx_st st = q_end(&q, err);
    db_unlock(cat);
    if (st == ASX_OK) {
        *out = items;
        *n = count;
    }
    return st;
}

/* ---- trials -------------------------------------------------------------------- */

/* A curve as bytes: n pairs of (i32 iteration, f64 value), native order; the catalog does not travel between machines. */
enum { CURVE_ITEM = sizeof(int32_t) + sizeof(double) };

static asx_st curve_pack(struct cat *cat, const struct asx_curve *c, unsigned char **out, struct asx_err *err)
{
    *out = NULL;
    if (c->n <= 0)
        return ASX_OK;
    unsigned char *p = mem_alloc(cat->mem, (size_t)c->n * CURVE_ITEM);
    if (!p)
        return err_set(err, ASX_E_NOMEM, "out of memory for a learning curve; raise the memory limit");
    for (int i = 0; i < c->n; i++) {
        int32_t at = c->iteration[i];
        memcpy(p + (size_t)i * CURVE_ITEM, &at, sizeof at);
        memcpy(p + (size_t)i * CURVE_ITEM + sizeof at, &c->value[i], sizeof(double));
    }
    *out = p;
    return ASX_OK;
}

static void curve_unpack(struct query *q, int col, struct arena *a, struct asx_curve *c)
{
    const unsigned char *p = sqlite3_column_blob(q->stmt, col);
    int n = sqlite3_column_bytes(q->stmt, col) / CURVE_ITEM;
    if (!p || n == 0)
        return;
    c->iteration = arena_alloc(a, (size_t)n * sizeof *c->iteration);
    c->value = arena_alloc(a, (size_t)n * sizeof *c->value);
    if (!c->iteration || !c->value) {
        q->rc = SQLITE_NOMEM;
        return;
    }
    c->n = c->capacity = n;
    for (int i = 0; i < n; i++) {
        int32_t at;
        memcpy(&at, p + (size_t)i * CURVE_ITEM, sizeof at);
        memcpy(&c->value[i], p + (size_t)i * CURVE_ITEM + sizeof at, sizeof(double));
        c->iteration[i] = at;
    }
}

static asx_st trial_insert(struct cat *cat, int64_t run, const struct cat_trial *t, const unsigned char *curve, int64_t oof,
                           struct asx_err *err)
{
    /* learner and config default to the ask's */
    struct query q =
        db_query(cat, "INSERT OR IGNORE INTO trials VALUES(?1,?2,?3,"
                      " coalesce(?4, (SELECT learner FROM asks WHERE run = ?1 AND trial = ?2)),"
                      " coalesce(?5, (SELECT config FROM asks WHERE run = ?1 AND trial = ?2)),?6,"
                      " ?7,?8,?9, ?10,?11,?12, ?13,?14,?15,?16,?17,?18,?19,?20, ?21,?22,?23,?24,?25,?26,?27, ?28,?29,?30,?31,?32)");
    q_i64(&q, run);
    q_i64(&q, t->trial);
    q_i64(&q, t->config_id);
    q_text(&q, t->learner);
    q_text(&q, t->config_json);
    q_key(&q, t->config_hash);
    bind_fidelity(&q, &t->from);
    bind_fidelity(&q, &t->to);
    q_f64(&q, t->fidelity);
    q_text(&q, t->state);
    q_text(&q, t->error);
    q_f64(&q, t->validation);
    q_f64(&q, t->ci_low);
    q_f64(&q, t->ci_high);
    q_i64(&q, t->best_iteration);
    q_blob(&q, curve, curve ? (size_t)t->curve.n * CURVE_ITEM : 0);
    q_f64(&q, t->seconds);
    q_f64(&q, t->fit_s);
    q_f64(&q, t->fit_predicted_s);
    q_f64(&q, t->fit_alone_s);
    q_f64(&q, t->predict_us_per_row);
    q_f64(&q, t->peak_bytes);
    q_f64(&q, t->peak_predicted_bytes);
    q_text(&q, t->device);
    q_id(&q, t->plan);
    q_f64(&q, t->at_s);
    q_id(&q, oof);
    q_i64(&q, clock_unix());
    (void)q_row(&q);
    bool fresh = q.rc == SQLITE_OK && sqlite3_changes(cat->db) > 0;
    asx_st st = q_end(&q, err);
    return st != ASX_OK ? st : fresh ? ASX_OK : ASX_NONE;
}

static asx_st trial_put(struct cat *cat, int64_t run, const struct cat_trial *t, const void *oof, size_t oof_bytes,
                        const struct cat_op *op, size_t ops, const struct cat_run_progress *progress, struct asx_err *err)
{
    struct blob_new blob = {0};
    unsigned char *curve;
    asx_st st = curve_pack(cat, &t->curve, &curve, err);
    if (st == ASX_OK && oof)
        st = blob_prepare(cat, oof, oof_bytes, &blob, err);
    if (st == ASX_OK)
        st = db_begin(cat, DB_NORMAL, err);
    if (st == ASX_OK) {
        int64_t id = t->oof;
        if (oof)
            st = blob_insert(cat, &blob, &id, err);
        bool known = false;
        if (st == ASX_OK) {
            st = trial_insert(cat, run, t, curve, id, err);
            known = st == ASX_NONE;
        }
        if (st >= 0)
            st = ops_update(cat, run, op, ops, err);
        if (st >= 0 && progress)
            st = progress_update(cat, run, progress, err);
        st = db_end(cat, DB_NORMAL, st, err);
        if (st == ASX_OK && known)
            st = ASX_NONE;
    }
    blob_clear(&blob);
    mem_free(curve);
    return st;
}

asx_st cat_trial_put(struct cat *cat, int64_t run, const struct cat_trial *t, const void *oof, size_t oof_bytes,
                     const struct cat_op *op, size_t ops, const struct cat_run_progress *progress, struct asx_err *err)
{
    asx_st st = trial_put(cat, run, t, oof, oof_bytes, op, ops, progress, err);
    return db_leave_disk(cat, st, err) ? trial_put(cat, run, t, oof, oof_bytes, op, ops, progress, err) : st;
}

asx_st cat_trial_set_state(struct cat *cat, int64_t run, int trial, const char *state, struct asx_err *err)
{
    asx_st st = db_begin(cat, DB_NORMAL, err);
    if (st != ASX_OK)
        return st;
    struct query q = db_query(cat, "UPDATE trials SET state = ? WHERE run = ? AND trial = ?");
    q_text(&q, state);
    q_i64(&q, run);
    q_i64(&q, trial);
    (void)q_row(&q);
    return db_end(cat, DB_NORMAL, q_end(&q, err), err);
}

asx_st cat_trials_get(struct cat *cat, int64_t run, struct arena *a, struct cat_trial **out, size_t *n, struct asx_err *err)
{
    void *items = NULL;
    size_t count = 0, capacity = 0;
    db_lock(cat);
    struct query q = db_query(cat, "SELECT trial, config_id, learner, config, config_hash, from_rows, from_iterations, from_folds,"
                                   " to_rows, to_iterations, to_folds, fidelity, state, error, validation, ci_low, ci_high,"
                                   " best_iteration, curve, seconds, fit_s, fit_predicted_s, fit_alone_s, predict_us, peak_bytes,"
                                   " peak_predicted_bytes, device, plan, at_s, oof FROM trials WHERE run = ? ORDER BY trial");
    q_i64(&q, run);
    while (q_row(&q)) {
        struct cat_trial *t = list_more(&q, a, &items, &count, &capacity, sizeof *t);
        if (!t)
            break;
        t->trial = (int)q_col_i64(&q, 0);
        t->config_id = (int)q_col_i64(&q, 1);
        t->learner = q_col_text(&q, 2, a);
        t->config_json = q_col_text(&q, 3, a);
        t->config_hash = q_col_key(&q, 4);
        t->from = col_fidelity(&q, 5);
        t->to = col_fidelity(&q, 8);
        t->fidelity = q_col_f64(&q, 11);
        t->state = q_col_text(&q, 12, a);
        t->error = q_col_text(&q, 13, a);
        t->validation = q_col_f64(&q, 14);
        t->ci_low = q_col_f64(&q, 15);
        t->ci_high = q_col_f64(&q, 16);
        t->best_iteration = (int)q_col_i64(&q, 17);
        curve_unpack(&q, 18, a, &t->curve);
        t->seconds = q_col_f64(&q, 19);
        t->fit_s = q_col_f64(&q, 20);
        t->fit_predicted_s = q_col_f64(&q, 21);
        t->fit_alone_s = q_col_f64(&q, 22);
        t->predict_us_per_row = q_col_f64(&q, 23);
        t->peak_bytes = q_col_f64(&q, 24);
        t->peak_predicted_bytes = q_col_f64(&q, 25);
        t->device = q_col_text(&q, 26, a);
        t->plan = q_col_i64(&q, 27);
        t->at_s = q_col_f64(&q, 28);
        t->oof = q_col_i64(&q, 29);
    }
    asx_st st = q_end(&q, err);
    db_unlock(cat);
    if (st == ASX_OK) {
        *out = items;
        *n = count;
    }
    return st;
}

/* ---- priors ---------------------------------------------------------------------- */

#define PRIORS(order)                                                                                                              \
    "SELECT t.learner, t.config, t.validation, t.to_rows, t.to_iterations, t.to_folds FROM runs r JOIN trials t ON t.run = r.id"   \
    " WHERE r.data_key = ? AND r.metric = ? AND t.state = 'finished' AND t.validation IS NOT NULL AND t.config_id > 0"             \
    " ORDER BY t.validation " order ", t.run, t.trial"

static bool prior_seen(const struct cat_prior *list, size_t n, const char *learner, const char *config)
{
    for (size_t i = 0; i < n; i++)
        if (list[i].learner && learner && strcmp(list[i].learner, learner) == 0 && list[i].config_json && config &&
            strcmp(list[i].config_json, config) == 0)
            return true;
    return false;
}

asx_st cat_priors(struct cat *cat, struct asx_key data, const char *metric, bool greater_is_better, int max, struct arena *a,
                  struct cat_prior **out, size_t *n, struct asx_err *err)
{
    void *items = NULL;
    size_t count = 0, capacity = 0;
    db_lock(cat);
    struct query q = db_query(cat, greater_is_better ? PRIORS("DESC") : PRIORS("ASC"));
    q_key(&q, data);
    q_text(&q, metric);
    while ((int)count < max && q_row(&q)) {
        const char *learner = (const char *)sqlite3_column_text(q.stmt, 0), *config = (const char *)sqlite3_column_text(q.stmt, 1);
        if (prior_seen(items, count, learner, config))
            continue;
        struct cat_prior *p = list_more(&q, a, &items, &count, &capacity, sizeof *p);
        if (!p)
            break;
        p->learner = q_col_text(&q, 0, a);
        p->config_json = q_col_text(&q, 1, a);
        p->validation = q_col_f64(&q, 2);
        p->to = col_fidelity(&q, 3);
    }
    asx_st st = q_end(&q, err);
    db_unlock(cat);
    if (st == ASX_OK) {
        *out = items;
        *n = count;
    }
    return st;
}
