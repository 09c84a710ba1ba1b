/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/run.h"
#include "base/clock.h"
#include "catalog/store.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static asx_st run_begin(struct cat *cat, const struct cat_run_new *r, int64_t *run, struct asx_err *err)
{
    struct lease own;
    lease_own(&own);
    asx_st st = db_begin(cat, DB_NORMAL, err);
    if (st != ASX_OK)
        return st;
    struct query q =
        db_query(cat, "INSERT INTO runs(task, spec, spec_path, task_json, data, target, build, seed, time_limit_s, trial_limit,"
                      " memory_limit, repeatable, state, active_s, started, updated, lease_pid, lease_start, lease_host)"
                      " VALUES(?,?,?,?,?,?,?,?,?,?,?,?,'running',0,?13,?13,?,?,?)");
    q_text(&q, r->task);
    q_text(&q, r->spec);
    q_text(&q, r->spec_path);
    q_text(&q, r->task_json);
    q_text(&q, r->data);
    q_text(&q, r->target);
    q_text(&q, r->build);
    q_i64(&q, (int64_t)r->seed);
    q_f64(&q, r->time_limit_s);
    q_i64(&q, r->trial_limit);
    q_i64(&q, (int64_t)r->memory_limit);
    q_i64(&q, r->repeatable);
    q_i64(&q, clock_unix());
    q_i64(&q, own.pid);
    q_i64(&q, own.start);
    q_text(&q, own.host);
    (void)q_row(&q);
    st = q_end(&q, err);
    *run = sqlite3_last_insert_rowid(cat->db);
    return db_end(cat, DB_NORMAL, st, err);
}

asx_st cat_run_begin(struct cat *cat, const struct cat_run_new *r, int64_t *run, struct asx_err *err)
{
    asx_st st = run_begin(cat, r, run, err);
    return db_leave_disk(cat, st, err) ? run_begin(cat, r, run, err) : st;
}

static asx_st run_set_facts(struct cat *cat, int64_t run, const struct cat_run_facts *f, struct asx_err *err)
{
    asx_st st = db_begin(cat, DB_NORMAL, err);
    if (st != ASX_OK)
        return st;
    struct query q =
        db_query(cat, "UPDATE runs SET data_key = ?, problem_key = ?, dataset = ?, machine = ?, metric = ?, greater = ?,"
                      " rows = ?, columns = ?, task_json = coalesce(?, task_json), updated = ? WHERE id = ?");
    q_key(&q, f->data);
    q_key(&q, f->problem);
    q_id(&q, f->dataset);
    q_text(&q, f->machine);
    q_text(&q, f->metric);
    q_i64(&q, f->greater_is_better);
    q_i64(&q, f->rows);
    q_i64(&q, f->columns);
    q_text(&q, f->task_json);
    q_i64(&q, clock_unix());
    q_i64(&q, run);
    (void)q_row(&q);
    return db_end(cat, DB_NORMAL, q_end(&q, err), err);
}

asx_st cat_run_set_facts(struct cat *cat, int64_t run, const struct cat_run_facts *f, struct asx_err *err)
{
    asx_st st = run_set_facts(cat, run, f, err);
    return db_leave_disk(cat, st, err) ? run_set_facts(cat, run, f, err) : st;
}

asx_st progress_update(struct cat *cat, int64_t run, const struct cat_run_progress *p, struct asx_err *err)
{
    struct query q = db_query(cat, "UPDATE runs SET active_s = ?, best = coalesce(?, best), updated = ? WHERE id = ?");
    q_f64(&q, p->active_s);
    q_f64(&q, p->best);
    q_i64(&q, clock_unix());
    q_i64(&q, run);
    (void)q_row(&q);
    return q_end(&q, err);
}

asx_st cat_run_set_progress(struct cat *cat, int64_t run, const struct cat_run_progress *p, struct asx_err *err)
{
    asx_st st = db_begin(cat, DB_NORMAL, err);
    return st != ASX_OK ? st : db_end(cat, DB_NORMAL, progress_update(cat, run, p, err), err);
}

static asx_st run_end(struct cat *cat, int64_t run, const struct cat_run_end *e, struct asx_err *err)
{
    asx_st st = db_begin(cat, DB_FULL, err);
    if (st != ASX_OK)
        return st;
    struct query q = db_query(cat, "UPDATE runs SET state = ?, stop_reason = ?, report = coalesce(?, report), error = ?,"
                                   " model = coalesce(?, model), lease_pid = NULL WHERE id = ?");
    q_text(&q, e->state);
    q_text(&q, e->stop_reason);
    q_text(&q, e->report_json);
    q_text(&q, e->error);
    q_id(&q, e->model);
    q_i64(&q, run);
    (void)q_row(&q);
    st = q_end(&q, err);
    if (st == ASX_OK)
        st = progress_update(cat, run, &e->progress, err);
    return db_end(cat, DB_FULL, st, err);
}

asx_st cat_run_end(struct cat *cat, int64_t run, const struct cat_run_end *e, struct asx_err *err)
{
    asx_st st = run_end(cat, run, e, err);
    return db_leave_disk(cat, st, err) ? run_end(cat, run, e, err) : st;
}

/* ---- reading ----------------------------------------------------------------- */

#define RUN_SHORT                                                                                                                  \
    "SELECT id, task, data, target, build, metric, greater, state, stop_reason, error, machine, seed, memory_limit,"               \
    " time_limit_s, trial_limit, repeatable, data_key, problem_key, dataset, rows, columns, model, active_s, best, started,"       \
    " updated, lease_pid, lease_start, lease_host,"                                                                                \
    " (SELECT count(DISTINCT config_id) FROM trials WHERE trials.run = runs.id AND config_id > 0)"
enum { RUN_LEASE = 26, RUN_TRIALS = 29, RUN_LONG = 30 };

static bool read_alive(struct query *q)
{
    struct lease l = {.pid = q_col_i64(q, RUN_LEASE), .start = q_col_i64(q, RUN_LEASE + 1)};
    const char *host = (const char *)sqlite3_column_text(q->stmt, RUN_LEASE + 2);
    snprintf(l.host, sizeof l.host, "%s", host ? host : "");
    return lease_alive(&l, q_col_i64(q, 25));
}

static void read_run(struct query *q, struct arena *a, struct cat_run *r)
{
    r->id = q_col_i64(q, 0);
    r->task = q_col_text(q, 1, a);
    r->data = q_col_text(q, 2, a);
    r->target = q_col_text(q, 3, a);
    r->build = q_col_text(q, 4, a);
    r->metric = q_col_text(q, 5, a);
    r->greater_is_better = q_col_i64(q, 6) != 0;
    r->state = q_col_text(q, 7, a);
    r->stop_reason = q_col_text(q, 8, a);
    r->error = q_col_text(q, 9, a);
    r->machine = q_col_text(q, 10, a);
    r->seed = (uint64_t)q_col_i64(q, 11);
    r->memory_limit = (uint64_t)q_col_i64(q, 12);
    r->time_limit_s = q_col_f64(q, 13);
    r->trial_limit = (int)q_col_i64(q, 14);
    r->repeatable = q_col_i64(q, 15) != 0;
    r->data_key = q_col_key(q, 16);
    r->problem_key = q_col_key(q, 17);
    r->dataset = q_col_i64(q, 18);
    r->rows = q_col_i64(q, 19);
    r->columns = q_col_i64(q, 20);
    r->model = q_col_i64(q, 21);
    r->active_s = q_col_f64(q, 22);
    r->best = q_col_f64(q, 23);
    r->started = q_col_i64(q, 24);
    r->updated = q_col_i64(q, 25);
    r->trials = (int)q_col_i64(q, RUN_TRIALS);
    if (r->state && strcmp(r->state, CAT_RUNNING) == 0) {
        r->alive = read_alive(q);
        if (!r->alive)
            r->state = CAT_INTERRUPTED;
    }
}

asx_st cat_run_get(struct cat *cat, int64_t run, struct arena *a, struct cat_run *out, struct asx_err *err)
{
    db_lock(cat);
    struct query q = db_query(cat, RUN_SHORT ", spec, spec_path, task_json, report FROM runs WHERE id = ?");
    q_i64(&q, run);
    memset(out, 0, sizeof *out);
    bool found = q_row(&q);
    if (found) {
        read_run(&q, a, out);
        out->spec = q_col_text(&q, RUN_LONG, a);
        out->spec_path = q_col_text(&q, RUN_LONG + 1, a);
        out->task_json = q_col_text(&q, RUN_LONG + 2, a);
        out->report_json = q_col_text(&q, RUN_LONG + 3, a);
    }
    asx_st st = q_end(&q, err);
    db_unlock(cat);
    return st != ASX_OK ? st : found ? ASX_OK : ASX_NONE;
}

asx_st cat_run_list(struct cat *cat, struct arena *a, struct cat_run **out, size_t *n, struct asx_err *err)
{
    void *items = NULL;
    size_t count = 0, capacity = 0;
    db_lock(cat);
    struct query q = db_query(cat, RUN_SHORT " FROM runs ORDER BY id");
    while (q_row(&q)) {
        struct cat_run *r = list_more(&q, a, &items, &count, &capacity, sizeof *r);
        if (!r)
            break;
        read_run(&q, a, r);
    }
    asx_st st = q_end(&q, err);
    db_unlock(cat);
    if (st == ASX_OK) {
        *out = items;
        *n = count;
    }
    return st;
}

asx_st cat_run_latest(struct cat *cat, bool with_model, int64_t *run, struct asx_err *err)
{
    db_lock(cat);
    struct query q = db_query(cat, "SELECT max(id) FROM runs WHERE NOT ? OR model IS NOT NULL");
    q_i64(&q, with_model);
    *run = q_row(&q) ? q_col_i64(&q, 0) : 0;
    asx_st st = q_end(&q, err);
    db_unlock(cat);
    return st != ASX_OK ? st : *run ? ASX_OK : ASX_NONE;
}

/* ---- leases ------------------------------------------------------------------- */

/* The lock is held. */
static asx_st holder(struct cat *cat, int64_t run, bool *found, bool *alive, struct asx_err *err)
{
    struct query q = db_query(cat, "SELECT state, lease_pid, lease_start, lease_host, updated FROM runs WHERE id = ?");
    q_i64(&q, run);
    *alive = false;
    *found = q_row(&q);
    if (*found && sqlite3_column_type(q.stmt, 0) == SQLITE_TEXT &&
        strcmp((const char *)sqlite3_column_text(q.stmt, 0), CAT_RUNNING) == 0) {
        struct lease l = {.pid = q_col_i64(&q, 1), .start = q_col_i64(&q, 2)};
        const char *host = (const char *)sqlite3_column_text(q.stmt, 3);
        snprintf(l.host, sizeof l.host, "%s", host ? host : "");
        *alive = lease_alive(&l, q_col_i64(&q, 4));
    }
    return q_end(&q, err);
}

bool cat_run_alive(struct cat *cat, int64_t run)
{
    bool found, alive;
    db_lock(cat);
    asx_st st = holder(cat, run, &found, &alive, NULL);
    db_unlock(cat);
    return st == ASX_OK && alive;
}

/* A process that was just killed may still be seen for a moment. */
static void wait_for_end(struct cat *cat, int64_t run)
{
    for (int i = 0; i < 15 && cat_run_alive(cat, run); i++)
        clock_sleep(0.02);
}

asx_st cat_run_take(struct cat *cat, int64_t run, struct asx_err *err)
{
    char id[CAT_ID];
    struct lease own;
    lease_own(&own);
    wait_for_end(cat, run);
    asx_st st = db_begin(cat, DB_NORMAL, err);
    if (st != ASX_OK)
        return st;
    bool found, alive;
    st = holder(cat, run, &found, &alive, err);
    if (st == ASX_OK && !found)
        st = err_set(err, ASX_E_INVAL, "there is no run '%s'; see 'assay runs'", cat_id_format('r', run, id));
    if (st == ASX_OK && alive)
        st = err_set(err, ASX_E_BUSY, "run '%s' is still running in another process; wait for it or stop it",
                     cat_id_format('r', run, id));
    if (st == ASX_OK) {
        struct query q =
            db_query(cat, "UPDATE runs SET state = 'running', lease_pid = ?, lease_start = ?, lease_host = ?, updated = ?"
                          " WHERE id = ?");
        q_i64(&q, own.pid);
        q_i64(&q, own.start);
        q_text(&q, own.host);
        q_i64(&q, clock_unix());
        q_i64(&q, run);
        (void)q_row(&q);
        st = q_end(&q, err);
    }
    return db_end(cat, DB_NORMAL, st, err);
}
