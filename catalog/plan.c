/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/plan.h"
#include "catalog/store.h"

static asx_st plan_put(struct cat *cat, int64_t run, int wave, const char *json, int64_t *plan, struct asx_err *err)
{
    asx_st st = db_begin(cat, DB_NORMAL, err);
    if (st != ASX_OK)
        return st;
    struct query q = db_query(cat, "INSERT INTO plans(run, wave, json) VALUES(?,?,?)");
    q_i64(&q, run);
    q_i64(&q, wave);
    q_text(&q, json);
    (void)q_row(&q);
    st = q_end(&q, err);
    *plan = sqlite3_last_insert_rowid(cat->db);
    return db_end(cat, DB_NORMAL, st, err);
}

asx_st cat_plan_put(struct cat *cat, int64_t run, int wave, const char *json, int64_t *plan, struct asx_err *err)
{
    asx_st st = plan_put(cat, run, wave, json, plan, err);
    return db_leave_disk(cat, st, err) ? plan_put(cat, run, wave, json, plan, err) : st;
}

asx_st cat_plan_get(struct cat *cat, int64_t plan, struct arena *a, const char **json, struct asx_err *err)
{
    db_lock(cat);
    struct query q = db_query(cat, "SELECT json FROM plans WHERE id = ?");
    q_i64(&q, plan);
    bool found = q_row(&q);
    if (found)
        *json = q_col_text(&q, 0, a);
    asx_st st = q_end(&q, err);
    db_unlock(cat);
    return st != ASX_OK ? st : found ? ASX_OK : ASX_NONE;
}
