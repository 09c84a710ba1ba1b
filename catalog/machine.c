/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/machine.h"
#include "base/clock.h"
#include "catalog/store.h"

asx_st cat_machine_put(struct cat *cat, const char *key, const char *json, struct asx_err *err)
{
    asx_st st = db_begin(cat, DB_NORMAL, err);
    if (st != ASX_OK)
        return st;
    struct query q = db_query(cat, "INSERT OR REPLACE INTO machines(key, json, seen) VALUES(?,?,?)");
    q_text(&q, key);
    q_text(&q, json);
    q_i64(&q, clock_unix());
    (void)q_row(&q);
    return db_end(cat, DB_NORMAL, q_end(&q, err), err);
}

asx_st cat_machine_get(struct cat *cat, const char *key, struct arena *a, const char **json, struct asx_err *err)
{
    db_lock(cat);
    struct query q = db_query(cat, "SELECT json FROM machines WHERE key = ?");
    q_text(&q, key);
    bool found = q_row(&q);
    if (found)
        *json = q_col_text(&q, 0, a);
    asx_st st = q_end(&q, err);
    db_unlock(cat);
    return st != ASX_OK ? st : found ? ASX_OK : ASX_NONE;
}

static asx_st coefficient_put(struct cat *cat, const char *machine, const struct cat_coefficient *c, struct asx_err *err)
{
    struct query q = db_query(cat, "INSERT OR REPLACE INTO coefficients VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?)");
    q_text(&q, machine);
    q_text(&q, c->device);
    q_text(&q, c->kernel);
    q_text(&q, c->dtype);
    q_f64(&q, c->startup_s);
    q_f64(&q, c->rate);
    q_f64(&q, c->bandwidth);
    q_f64(&q, c->spread);
    q_f64(&q, c->valid_low);
    q_f64(&q, c->valid_high);
    q_i64(&q, c->samples);
    q_text(&q, c->json);
    q_i64(&q, clock_unix());
    (void)q_row(&q);
    return q_end(&q, err);
}

asx_st cat_coefficients_put(struct cat *cat, const char *machine, const struct cat_coefficient *c, size_t n, struct asx_err *err)
{
    asx_st st = db_begin(cat, DB_FULL, err);
    if (st != ASX_OK)
        return st;
    for (size_t i = 0; i < n && st == ASX_OK; i++)
        st = coefficient_put(cat, machine, &c[i], err);
    return db_end(cat, DB_FULL, st, err);
}

asx_st cat_coefficients_get(struct cat *cat, const char *machine, struct arena *a, struct cat_coefficient **out, size_t *n,
                            struct asx_err *err)
{
    void *items = NULL;
    size_t count = 0, capacity = 0;
    db_lock(cat);
    struct query q =
        db_query(cat, "SELECT device, kernel, dtype, startup_s, rate, bandwidth, spread, valid_low, valid_high, samples,"
                      " json FROM coefficients WHERE machine = ? ORDER BY device, kernel, dtype");
    q_text(&q, machine);
    while (q_row(&q)) {
        struct cat_coefficient *c = list_more(&q, a, &items, &count, &capacity, sizeof *c);
        if (!c)
            break;
        c->device = q_col_text(&q, 0, a);
        c->kernel = q_col_text(&q, 1, a);
        c->dtype = q_col_text(&q, 2, a);
        c->startup_s = q_col_f64(&q, 3);
        c->rate = q_col_f64(&q, 4);
        c->bandwidth = q_col_f64(&q, 5);
        c->spread = q_col_f64(&q, 6);
        c->valid_low = q_col_f64(&q, 7);
        c->valid_high = q_col_f64(&q, 8);
        c->samples = q_col_i64(&q, 9);
        c->json = q_col_text(&q, 10, a);
    }
    asx_st st = q_end(&q, err);
    db_unlock(cat);
    if (st == ASX_OK) {
        *out = items;
        *n = count;
    }
    return st;
}

asx_st cat_note_put(struct cat *cat, const char *name, const char *value, struct asx_err *err)
{
    asx_st st = db_begin(cat, DB_NORMAL, err);
    if (st != ASX_OK)
        return st;
    struct query q = db_query(cat, "INSERT OR REPLACE INTO notes(name, value, written) VALUES(?,?,?)");
    q_text(&q, name);
    q_text(&q, value);
    q_i64(&q, clock_unix());
    (void)q_row(&q);
    return db_end(cat, DB_NORMAL, q_end(&q, err), err);
}

asx_st cat_note_get(struct cat *cat, const char *name, struct arena *a, const char **value, int64_t *written, struct asx_err *err)
{
    db_lock(cat);
    struct query q = db_query(cat, "SELECT value, written FROM notes WHERE name = ? AND value IS NOT NULL");
    q_text(&q, name);
    bool found = q_row(&q);
    if (found) {
        *value = q_col_text(&q, 0, a);
        if (written)
            *written = q_col_i64(&q, 1);
    }
    asx_st st = q_end(&q, err);
    db_unlock(cat);
    return st != ASX_OK ? st : found ? ASX_OK : ASX_NONE;
}
