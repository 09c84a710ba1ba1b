/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/dataset.h"
#include "base/clock.h"
#include "catalog/store.h"

#include <string.h>

static asx_st dataset_put(struct cat *cat, const struct cat_dataset *d, int64_t *id, struct asx_err *err)
{
    asx_st st = db_begin(cat, DB_NORMAL, err);
    if (st != ASX_OK)
        return st;
    struct query q = db_query(cat, "INSERT INTO datasets(key, path, rows, columns, bytes, profile, seen) VALUES(?,?,?,?,?,?,?)"
                                   " ON CONFLICT(key) DO UPDATE SET path = excluded.path, seen = excluded.seen,"
                                   " profile = coalesce(excluded.profile, profile) RETURNING id");
    q_key(&q, d->key);
    q_text(&q, d->path);
    q_i64(&q, d->rows);
    q_i64(&q, d->columns);
    q_i64(&q, d->bytes);
    q_text(&q, d->profile_json);
    q_i64(&q, clock_unix());
    while (q_row(&q))
        *id = q_col_i64(&q, 0);
    return db_end(cat, DB_NORMAL, q_end(&q, err), err);
}

asx_st cat_dataset_put(struct cat *cat, const struct cat_dataset *d, int64_t *id, struct asx_err *err)
{
    asx_st st = dataset_put(cat, d, id, err);
    return db_leave_disk(cat, st, err) ? dataset_put(cat, d, id, err) : st;
}

asx_st cat_dataset_get(struct cat *cat, struct asx_key key, struct arena *a, struct cat_dataset *out, struct asx_err *err)
{
    memset(out, 0, sizeof *out);
    db_lock(cat);
    struct query q = db_query(cat, "SELECT id, path, rows, columns, bytes, profile FROM datasets WHERE key = ?");
    q_key(&q, key);
    bool found = q_row(&q);
    if (found) {
        out->id = q_col_i64(&q, 0);
        out->key = key;
        out->path = q_col_text(&q, 1, a);
        out->rows = q_col_i64(&q, 2);
        out->columns = q_col_i64(&q, 3);
        out->bytes = q_col_i64(&q, 4);
        out->profile_json = q_col_text(&q, 5, a);
    }
    asx_st st = q_end(&q, err);
    db_unlock(cat);
    return st != ASX_OK ? st : found ? ASX_OK : ASX_NONE;
}
