/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/op.h"
#include "catalog/store.h"

#include <math.h>

/* Below this, clock and scheduler are most of what is measured. */
static const double shortest_s = 1e-3;

asx_st ops_insert(struct cat *cat, int64_t run, struct cat_op *op, size_t n, struct asx_err *err)
{
    asx_st st = ASX_OK;
    for (size_t i = 0; i < n && st == ASX_OK; i++) {
        struct query q = db_query(cat, "INSERT INTO ops(run, trial, name, device, threads, batch, lineage, predicted_s,"
                                       " predicted_bytes) VALUES(?,?,?,?,?,?,?,?,?)");
        q_i64(&q, run);
        q_i64(&q, op[i].trial);
        q_text(&q, op[i].name);
        q_text(&q, op[i].device);
        q_i64(&q, op[i].threads);
        q_i64(&q, op[i].batch);
        q_key(&q, op[i].lineage);
        q_f64(&q, op[i].predicted_s);
        q_f64(&q, op[i].predicted_bytes);
        (void)q_row(&q);
        st = q_end(&q, err);
        op[i].id = sqlite3_last_insert_rowid(cat->db);
    }
    return st;
}

static asx_st residual_add(struct cat *cat, int64_t run, const struct cat_op *op, struct asx_err *err)
{
    if (!op->name || !op->device || !(op->predicted_s >= shortest_s) || !(op->measured_s >= shortest_s))
        return ASX_OK;
    double r = log(op->measured_s / op->predicted_s);
    struct query q = db_query(cat, "INSERT INTO residuals VALUES(coalesce((SELECT machine FROM runs WHERE id = ?1), ''),"
                                   " ?2, ?3, 1, ?4, ?4 * ?4, ?5) ON CONFLICT DO UPDATE SET n = n + 1,"
                                   " sum_log = sum_log + excluded.sum_log, sum_log2 = sum_log2 + excluded.sum_log2,"
                                   " measured_s = measured_s + excluded.measured_s");
    q_i64(&q, run);
    q_text(&q, op->name);
    q_text(&q, op->device);
    q_f64(&q, r);
    q_f64(&q, op->measured_s);
    (void)q_row(&q);
    return q_end(&q, err);
}

asx_st ops_update(struct cat *cat, int64_t run, const struct cat_op *op, size_t n, struct asx_err *err)
{
    asx_st st = ASX_OK;
    for (size_t i = 0; i < n && st == ASX_OK; i++) {
        if (op[i].id == 0)
            continue;
        struct query q = db_query(cat, "UPDATE ops SET measured_s = ?, measured_bytes = ?, hits = ?, saved_s = ? WHERE id = ?");
        q_f64(&q, op[i].measured_s);
        q_f64(&q, op[i].measured_bytes);
        q_i64(&q, op[i].hits);
        q_f64(&q, op[i].saved_s);
        q_i64(&q, op[i].id);
        (void)q_row(&q);
        st = q_end(&q, err);
        if (st == ASX_OK)
            st = residual_add(cat, run, &op[i], err);
    }
    return st;
}

asx_st cat_ops_predict(struct cat *cat, int64_t run, struct cat_op *op, size_t n, struct asx_err *err)
{
    asx_st st = db_begin(cat, DB_NORMAL, err);
    return st != ASX_OK ? st : db_end(cat, DB_NORMAL, ops_insert(cat, run, op, n, err), err);
}

static asx_st ops_measure(struct cat *cat, int64_t run, const struct cat_op *op, size_t n, struct asx_err *err)
{
    asx_st st = db_begin(cat, DB_NORMAL, err);
    return st != ASX_OK ? st : db_end(cat, DB_NORMAL, ops_update(cat, run, op, n, err), err);
}

asx_st cat_ops_measure(struct cat *cat, int64_t run, const struct cat_op *op, size_t n, struct asx_err *err)
{
    asx_st st = ops_measure(cat, run, op, n, err);
    return db_leave_disk(cat, st, err) ? ops_measure(cat, run, op, n, err) : st;
}

asx_st cat_ops_get(struct cat *cat, int64_t run, struct arena *a, struct cat_op **out, size_t *n, struct asx_err *err)
{
    void *items = NULL;
    size_t count = 0, capacity = 0;
    db_lock(cat);
    struct query q = db_query(cat, "SELECT id, trial, name, device, threads, batch, lineage, predicted_s, predicted_bytes,"
                                   " measured_s, measured_bytes, hits, saved_s FROM ops WHERE run = ? ORDER BY id");
    q_i64(&q, run);
    while (q_row(&q)) {
        struct cat_op *o = list_more(&q, a, &items, &count, &capacity, sizeof *o);
        if (!o)
            break;
        o->id = q_col_i64(&q, 0);
        o->trial = (int)q_col_i64(&q, 1);
        o->name = q_col_text(&q, 2, a);
        o->device = q_col_text(&q, 3, a);
        o->threads = (int)q_col_i64(&q, 4);
        o->batch = (int)q_col_i64(&q, 5);
        o->lineage = q_col_key(&q, 6);
        o->predicted_s = q_col_f64(&q, 7);
        o->predicted_bytes = q_col_f64(&q, 8);
        o->measured_s = q_col_f64(&q, 9);
        o->measured_bytes = q_col_f64(&q, 10);
        o->hits = (int)q_col_i64(&q, 11);
        o->saved_s = q_col_f64(&q, 12);
    }
    asx_st st = q_end(&q, err);
    db_unlock(cat);
    if (st == ASX_OK) {
        *out = items;
        *n = count;
    }
    return st;
}

asx_st cat_residuals(struct cat *cat, const char *machine, struct arena *a, struct cat_residual **out, size_t *n,
                     struct asx_err *err)
{
    void *items = NULL;
    size_t count = 0, capacity = 0;
    db_lock(cat);
    struct query q = db_query(cat, "SELECT name, device, n, sum_log, sum_log2, measured_s FROM residuals WHERE machine = ?"
                                   " ORDER BY name, device");
    q_text(&q, machine);
    while (q_row(&q)) {
        struct cat_residual *r = list_more(&q, a, &items, &count, &capacity, sizeof *r);
        if (!r)
            break;
        r->name = q_col_text(&q, 0, a);
        r->device = q_col_text(&q, 1, a);
        r->n = q_col_i64(&q, 2);
        r->mean_log = q_col_f64(&q, 3) / (double)r->n;
        double var = q_col_f64(&q, 4) / (double)r->n - r->mean_log * r->mean_log;
        r->sd_log = var > 0 ? sqrt(var) : 0;
        r->measured_s = q_col_f64(&q, 5);
    }
    asx_st st = q_end(&q, err);
    db_unlock(cat);
    if (st == ASX_OK) {
        *out = items;
        *n = count;
    }
    return st;
}

asx_st cat_residuals_clear(struct cat *cat, const char *machine, struct asx_err *err)
{
    asx_st st = db_begin(cat, DB_NORMAL, err);
    if (st != ASX_OK)
        return st;
    struct query q = db_query(cat, "DELETE FROM residuals WHERE machine = ?");
    q_text(&q, machine);
    (void)q_row(&q);
    return db_end(cat, DB_NORMAL, q_end(&q, err), err);
}
