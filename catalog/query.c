/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/store.h"

#include <math.h>
#include <string.h>

/* Statements live as long as the connection; a full cache (a bug) only costs preparing again. */
static sqlite3_stmt *statement(struct cat *cat, const char *sql, int *rc)
{
    for (int i = 0; i < cat->cached; i++)
        if (cat->cache[i].sql == sql)
            return cat->cache[i].stmt;
    if (cat->cached == DB_STATEMENTS) {
        sqlite3_finalize(cat->cache[0].stmt);
        memmove(cat->cache, cat->cache + 1, (DB_STATEMENTS - 1) * sizeof *cat->cache);
        cat->cached--;
    }
    sqlite3_stmt *stmt = NULL;
    *rc = sqlite3_prepare_v3(cat->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL);
    if (*rc != SQLITE_OK)
        return NULL;
    cat->cache[cat->cached].sql = sql;
    cat->cache[cat->cached++].stmt = stmt;
    return stmt;
}

struct query db_query(struct cat *cat, const char *sql)
{
    struct query q = {.cat = cat, .rc = SQLITE_OK};
    q.stmt = statement(cat, sql, &q.rc);
    return q;
}

static void bound(struct query *q, int rc)
{
    if (rc != SQLITE_OK && q->rc == SQLITE_OK)
        q->rc = rc;
}

void q_i64(struct query *q, int64_t v)
{
    if (q->stmt)
        bound(q, sqlite3_bind_int64(q->stmt, ++q->at, v));
}

void q_id(struct query *q, int64_t v)
{
    if (q->stmt)
        bound(q, v ? sqlite3_bind_int64(q->stmt, ++q->at, v) : sqlite3_bind_null(q->stmt, ++q->at));
}

void q_f64(struct query *q, double v)
{
    if (q->stmt)
        bound(q, isnan(v) ? sqlite3_bind_null(q->stmt, ++q->at) : sqlite3_bind_double(q->stmt, ++q->at, v));
}

void q_text(struct query *q, const char *s)
{
    if (q->stmt)
        bound(q, sqlite3_bind_text(q->stmt, ++q->at, s, -1, SQLITE_STATIC));
}

void q_blob(struct query *q, const void *data, size_t size)
{
    if (q->stmt)
        bound(q, sqlite3_bind_blob64(q->stmt, ++q->at, data, size, SQLITE_STATIC));
}

void q_key(struct query *q, struct asx_key key)
{
    if (!q->stmt)
        return;
    unsigned char b[16];
    for (int i = 0; i < 8; i++) {
        b[i] = (unsigned char)(key.hi >> (56 - 8 * i));
        b[8 + i] = (unsigned char)(key.lo >> (56 - 8 * i));
    }
    bound(q, sqlite3_bind_blob64(q->stmt, ++q->at, b, sizeof b, SQLITE_TRANSIENT));
}

bool q_row(struct query *q)
{
    if (q->rc != SQLITE_OK || !q->stmt)
        return false;
    int rc = sqlite3_step(q->stmt);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        q->rc = rc;
    return rc == SQLITE_ROW;
}

asx_st q_end(struct query *q, struct asx_err *err)
{
    asx_st st = q->rc == SQLITE_OK ? ASX_OK : db_error(q->cat, q->rc, err);
    if (q->stmt) {
        sqlite3_reset(q->stmt);
        sqlite3_clear_bindings(q->stmt);
    }
    return st;
}

int64_t q_col_i64(const struct query *q, int col)
{
    return sqlite3_column_int64(q->stmt, col);
}

double q_col_f64(const struct query *q, int col)
{
    return sqlite3_column_type(q->stmt, col) == SQLITE_NULL ? NAN : sqlite3_column_double(q->stmt, col);
}

const char *q_col_text(struct query *q, int col, struct arena *arena)
{
    if (sqlite3_column_type(q->stmt, col) == SQLITE_NULL)
        return NULL;
    const char *s = (const char *)sqlite3_column_text(q->stmt, col);
    char *copy = s ? arena_strdup(arena, s) : NULL;
    if (!copy)
        q->rc = SQLITE_NOMEM;
    return copy;
}

struct asx_key q_col_key(const struct query *q, int col)
{
    struct asx_key key = {0, 0};
    const unsigned char *b = sqlite3_column_blob(q->stmt, col);
    if (!b || sqlite3_column_bytes(q->stmt, col) != 16)
        return key;
    for (int i = 0; i < 8; i++) {
        key.hi = key.hi << 8 | b[i];
        key.lo = key.lo << 8 | b[8 + i];
    }
    return key;
}

void *list_more(struct query *q, struct arena *arena, void **items, size_t *n, size_t *capacity, size_t size)
{
    if (*n == *capacity) {
        size_t more = *capacity ? 2 * *capacity : 16;
        void *grown = arena_alloc(arena, more * size);
        if (!grown) {
            q->rc = SQLITE_NOMEM;
            return NULL;
        }
        if (*n)
            memcpy(grown, *items, *n * size);
        *items = grown;
        *capacity = more;
    }
    void *item = (char *)*items + (*n)++ * size;
    memset(item, 0, size);
    return item;
}
