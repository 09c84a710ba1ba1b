/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file store.h
 * Inside of the catalog: the connection, statements that bind and read one after another,
 * transactions. Included by the files of this folder only.
 *
 * A query keeps the first failure, so that a caller binds and steps without looking and
 * asks once at the end:
 *
 *     struct query q = db_query(cat, "SELECT json FROM plans WHERE id = ?");
 *     q_i64(&q, plan);
 *     if (q_row(&q))
 *         *json = q_col_text(&q, 0, arena);
 *     return q_end(&q, err);      // resets; E_* when anything went wrong
 */
#ifndef ASSAY_CATALOG_STORE_H
#define ASSAY_CATALOG_STORE_H

#include "base/err.h"
#include "base/event.h"
#include "base/mem.h"
#include "catalog/catalog.h"

#include <pthread.h>
#include <sqlite3.h>

enum { DB_STATEMENTS = 128 };

struct cat {
    sqlite3 *db;
    struct mem *mem;
    struct event_sink events;
    char *path, *blob_dir; /* blob_dir NULL: blobs lie in the database */
    bool in_memory;
    pthread_mutex_t lock;
    struct {
        const char *sql; /* compared by address: SQL texts are literals */
        sqlite3_stmt *stmt;
    } cache[DB_STATEMENTS];
    int cached;
};

/* ---- connection (store.c) ------------------------------------------------- */

/** Turns an SQLite code into a status with one sentence. */
asx_st db_error(struct cat *, int rc, struct asx_err *);
/** Runs constant SQL without parameters. */
int db_exec(struct cat *, const char *sql);
void db_lock(struct cat *);
void db_unlock(struct cat *);

enum db_durability { DB_NORMAL, DB_FULL };

/** Locks and starts a write transaction; on failure nothing is held. */
asx_st db_begin(struct cat *, enum db_durability, struct asx_err *);
/** Commits when `st` is not a failure, else rolls back; unlocks; returns the first failure. */
asx_st db_end(struct cat *, enum db_durability, asx_st st, struct asx_err *);

/**
 * After a write that answered `st`. When the disk refused it (E_IO), what is committed is copied into memory and the catalog
 * goes on there, with a warning; the file stays as it is, for a later resume. True: `err` is cleared, write again.
 */
bool db_leave_disk(struct cat *, asx_st st, struct asx_err *err);

/* ---- schema (schema.c) ---------------------------------------------------- */

/** Refuses other programs' databases and newer versions, changing nothing. */
int schema_check(struct cat *, const char **why);
/** Brings the tables to this version; *why is filled with a short reason on failure. */
int schema_apply(struct cat *, const char **why);

/* ---- queries (query.c); the lock is held ----------------------------------- */

struct query {
    struct cat *cat;
    sqlite3_stmt *stmt;
    int rc, at;
};

struct query db_query(struct cat *, const char *sql);
void q_i64(struct query *, int64_t);
void q_id(struct query *, int64_t);        /* 0 is NULL */
void q_f64(struct query *, double);        /* NaN is NULL */
void q_text(struct query *, const char *); /* NULL is NULL; borrowed until q_end */
void q_blob(struct query *, const void *, size_t);
void q_key(struct query *, struct asx_key);
bool q_row(struct query *);
asx_st q_end(struct query *, struct asx_err *);

int64_t q_col_i64(const struct query *, int col);
double q_col_f64(const struct query *, int col);
const char *q_col_text(struct query *, int col, struct arena *); /* NULL stays NULL */
struct asx_key q_col_key(const struct query *, int col);

/** Room for one more item of a list that grows in an arena; NULL when out of memory. */
void *list_more(struct query *, struct arena *, void **items, size_t *n, size_t *capacity, size_t size);

/* ---- leases (lease.c) ------------------------------------------------------ */

struct lease {
    int64_t pid, start;
    char host[96]; /* boot id and pid namespace */
};

void lease_own(struct lease *);
/** `updated`: unix seconds of the holder's last commit. */
bool lease_alive(const struct lease *, int64_t updated);
/** Marks runs whose process is gone as interrupted. The lock is not held. */
void runs_sweep(struct cat *);

/* ---- blobs (blob.c) -------------------------------------------------------- */

/** A blob whose file, if it has one, is in place; its row is not. */
struct blob_new {
    struct asx_key hash;
    size_t size;
    int encoding;
    const void *data; /* as stored in the row */
    size_t bytes;
    const void *raw;
    void *owned;
};

/** Outside transactions: compresses and writes. */
asx_st blob_prepare(struct cat *, const void *, size_t, struct blob_new *, struct asx_err *);
/** Inside a transaction. */
asx_st blob_insert(struct cat *, const struct blob_new *, int64_t *id, struct asx_err *);
void blob_clear(struct blob_new *);
/** File of a blob: "<dir>/xx/<hash>.zst"; owned by the caller. */
char *blob_path(struct cat *, struct asx_key);

/* ---- ops (op.c), inside a transaction --------------------------------------- */

struct cat_op;
asx_st ops_insert(struct cat *, int64_t run, struct cat_op *, size_t n, struct asx_err *);
asx_st ops_update(struct cat *, int64_t run, const struct cat_op *, size_t n, struct asx_err *);
struct cat_run_progress;
asx_st progress_update(struct cat *, int64_t run, const struct cat_run_progress *, struct asx_err *);

#endif
