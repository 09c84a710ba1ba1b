/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/store.h"
#include "base/file.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOCK_WAIT_MS = 10000 };

asx_st db_error(struct cat *cat, int rc, struct asx_err *err)
{
    const char *path = cat->path;
    switch (rc & 0xff) {
    case SQLITE_NOMEM: return err_set(err, ASX_E_NOMEM, "out of memory in the catalog '%s'; raise the memory limit", path);
    case SQLITE_FULL:
        return err_set(err, ASX_E_IO, "no space left for the catalog '%s'; free some space or give another catalog", path);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return err_set(err, ASX_E_BUSY, "the catalog '%s' is locked by another process; try again when that one has ended", path);
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return err_set(err, ASX_E_IO, "the catalog '%s' cannot be written; make it writable or give another catalog", path);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return err_set(err, ASX_E_DATA, "the catalog '%s' is damaged; move it away and start again, or give another catalog", path);
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
        return err_set(err, ASX_E_IO, "the catalog '%s' cannot be read or written (%s); check disk and permissions", path,
                       sqlite3_errstr(rc));
    default:
        return err_set(err, ASX_E_INTERNAL, "a query of the catalog '%s' failed (%s); please report it", path,
                       sqlite3_errmsg(cat->db));
    }
}

int db_exec(struct cat *cat, const char *sql)
{
    return sqlite3_exec(cat->db, sql, NULL, NULL, NULL);
}

void db_lock(struct cat *cat)
{
    pthread_mutex_lock(&cat->lock);
}

void db_unlock(struct cat *cat)
{
    pthread_mutex_unlock(&cat->lock);
}

asx_st db_begin(struct cat *cat, enum db_durability d, struct asx_err *err)
{
    db_lock(cat);
    int rc = d == DB_FULL ? db_exec(cat, "PRAGMA synchronous = FULL") : SQLITE_OK;
    asx_st st = rc == SQLITE_OK ? ASX_OK : db_error(cat, rc, err);
    if (st == ASX_OK) {
        struct query q = db_query(cat, "BEGIN IMMEDIATE");
        (void)q_row(&q);
        st = q_end(&q, err);
    }
    if (st == ASX_OK)
        return ASX_OK;
    if (d == DB_FULL)
        (void)db_exec(cat, "PRAGMA synchronous = NORMAL");
    db_unlock(cat);
    return st;
}

asx_st db_end(struct cat *cat, enum db_durability d, asx_st st, struct asx_err *err)
{
    if (st >= 0) {
        struct query q = db_query(cat, "COMMIT");
        (void)q_row(&q);
        asx_st done = q_end(&q, err);
        if (done < 0)
            st = done;
    }
    if (!sqlite3_get_autocommit(cat->db)) /* some errors have rolled back already */
        (void)db_exec(cat, "ROLLBACK");
    if (d == DB_FULL)
        (void)db_exec(cat, "PRAGMA synchronous = NORMAL");
    db_unlock(cat);
    return st;
}

/* ---- opening ---------------------------------------------------------------- */

static int open_db(struct cat *cat, const char *path, int flags)
{
    int rc = sqlite3_open_v2(path, &cat->db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    if (rc == SQLITE_OK)
        sqlite3_busy_timeout(cat->db, LOCK_WAIT_MS);
    return rc;
}

static void close_db(struct cat *cat)
{
    for (int i = 0; i < cat->cached; i++)
        sqlite3_finalize(cat->cache[i].stmt);
    cat->cached = 0;
    sqlite3_close(cat->db);
    cat->db = NULL;
}

/*
 * The switch to WAL wants the file for itself and does not wait as other statements do.
 * Making the file is not synced (a loss of power then costs an empty catalog); all later
 * commits are, as README says.
 */
static int use_wal(struct cat *cat)
{
    int rc = db_exec(cat, "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA synchronous = OFF");
    for (int i = 0; rc == SQLITE_OK; i++) {
        rc = db_exec(cat, "PRAGMA journal_mode = WAL");
        if ((rc & 0xff) != SQLITE_BUSY || i == 100)
            break;
        rc = SQLITE_OK;
        sqlite3_sleep(10);
    }
    return rc;
}

static int prepare_file(struct cat *cat, const char **why)
{
    int rc = schema_check(cat, why);
    if (rc == SQLITE_OK)
        rc = use_wal(cat);
    if (rc == SQLITE_OK)
        rc = schema_apply(cat, why);
    if (rc == SQLITE_OK)
        rc = db_exec(cat, "PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = 16777216; PRAGMA temp_store = MEMORY");
    if (rc == SQLITE_OK && sqlite3_db_readonly(cat->db, "main") == 1)
        rc = SQLITE_READONLY;
    return rc;
}

/* A file we may only read, perhaps in a folder where the log's index cannot be made. */
static int open_to_read(struct cat *cat, const char **why)
{
    int rc = open_db(cat, cat->path, SQLITE_OPEN_READONLY);
    if (rc == SQLITE_OK)
        rc = schema_apply(cat, why);
    if (rc == SQLITE_OK || (rc & 0xff) == SQLITE_NOTADB)
        return rc;
    close_db(cat);
    char *uri = sqlite3_mprintf("file:%s?immutable=1", cat->path);
    if (!uri || strpbrk(cat->path, "?#%")) {
        sqlite3_free(uri);
        return uri ? rc : SQLITE_NOMEM;
    }
    rc = open_db(cat, uri, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI);
    sqlite3_free(uri);
    return rc == SQLITE_OK ? schema_apply(cat, why) : rc;
}

static int open_file(struct cat *cat, bool read_only, const char **why)
{
    if (read_only && access(cat->path, W_OK) != 0)
        return open_to_read(cat, why);
    struct asx_err err = {0};
    if (file_make_parent(cat->path, &err) != ASX_OK) {
        *why = "its folder cannot be made";
        return SQLITE_CANTOPEN;
    }
    struct stat s;
    if (stat(cat->path, &s) == 0 && !S_ISREG(s.st_mode)) {
        *why = "it is no regular file";
        return SQLITE_CANTOPEN;
    }
    int rc = open_db(cat, cat->path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    return rc == SQLITE_OK ? prepare_file(cat, why) : rc;
}

static asx_st open_memory(struct cat *cat, struct asx_err *err)
{
    const char *why = NULL;
    mem_free(cat->path);
    mem_free(cat->blob_dir);
    cat->blob_dir = NULL;
    cat->in_memory = true;
    cat->path = mem_strdup(cat->mem, ":memory:");
    int rc = cat->path ? open_db(cat, ":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE) : SQLITE_NOMEM;
    if (rc == SQLITE_OK)
        rc = schema_apply(cat, &why);
    if (rc == SQLITE_OK)
        return ASX_OK;
    if (rc == SQLITE_NOMEM || !cat->path)
        return err_set(err, ASX_E_NOMEM, "out of memory for a catalog; raise the memory limit");
    return db_error(cat, rc, err);
}

/* ---- leaving the disk ------------------------------------------------------------------------ */

enum { MOST_COPIED = 256 << 20 };

static int64_t size_of(struct cat *cat)
{
    struct query pages = db_query(cat, "PRAGMA page_count"), size = db_query(cat, "PRAGMA page_size");
    int64_t n = q_row(&pages) ? q_col_i64(&pages, 0) : 0, each = q_row(&size) ? q_col_i64(&size, 0) : 0;
    struct asx_err ignored = {0};
    bool known = q_end(&pages, &ignored) == ASX_OK && q_end(&size, &ignored) == ASX_OK;
    return known ? n * each : INT64_MAX;
}

static int copy_db(sqlite3 *from, sqlite3 *to)
{
    sqlite3_backup *b = sqlite3_backup_init(to, "main", from, "main");
    if (!b)
        return sqlite3_errcode(to);
    (void)sqlite3_backup_step(b, -1);
    return sqlite3_backup_finish(b);
}

static bool go_on_in_memory(struct cat *cat, const char *why)
{
    struct cat copy = {.mem = cat->mem};
    bool good = size_of(cat) <= MOST_COPIED &&
                open_db(&copy, ":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE) == SQLITE_OK &&
                copy_db(cat->db, copy.db) == SQLITE_OK;
    if (!good) {
        close_db(&copy);
        return false;
    }
    event_send(&cat->events, EVENT_WARNING, "catalog.memory", "%s; the rest of this process is not remembered", why);
    close_db(cat);
    cat->db = copy.db;
    cat->in_memory = true;
    return true;
}

bool db_leave_disk(struct cat *cat, asx_st st, struct asx_err *err)
{
    if (st != ASX_E_IO)
        return false;
    db_lock(cat);
    bool there = cat->in_memory || go_on_in_memory(cat, err->text); /* another thread's write may have been first */
    db_unlock(cat);
    if (there)
        *err = (struct asx_err){0};
    return there;
}

static asx_st open_any(struct cat *cat, const struct cat_options *o, struct asx_err *err)
{
    asx_st st = cat_resolve_path(o->path, cat->mem, &cat->path, err);
    if (st != ASX_OK)
        return st;
    bool no_place = strcmp(cat->path, ":memory:") == 0;
    if (no_place && !cat_path_given(o->path))
        event_send(&cat->events, EVENT_WARNING, "catalog.memory",
                   "there is no home folder for a catalog: nothing is remembered after this process; give a catalog file "
                   "(--catalog FILE)");
    if (no_place || (o->read_only && access(cat->path, F_OK) != 0 && errno == ENOENT))
        return open_memory(cat, err);
    cat->blob_dir = mem_printf(cat->mem, "%s.blobs", cat->path);
    if (!cat->blob_dir)
        return err_set(err, ASX_E_NOMEM, "out of memory for the catalog's path; raise the memory limit");
    const char *why = NULL;
    int rc = open_file(cat, o->read_only, &why);
    if (rc == SQLITE_OK)
        return ASX_OK;
    event_send(
        &cat->events, EVENT_WARNING, "catalog.memory",
        "the catalog '%s' cannot be used (%s): nothing is remembered after this process; give a catalog file (--catalog FILE)",
        cat->path, why ? why : sqlite3_errstr(rc));
    close_db(cat);
    return open_memory(cat, err);
}

asx_st cat_open(struct cat **out, const struct cat_options *o, struct asx_err *err)
{
    struct cat *cat = mem_calloc(o->mem, 1, sizeof *cat);
    if (!cat)
        return err_set(err, ASX_E_NOMEM, "out of memory for a catalog; raise the memory limit");
    cat->mem = o->mem;
    if (o->events)
        cat->events = *o->events;
    pthread_mutex_init(&cat->lock, NULL);
    asx_st st = open_any(cat, o, err);
    if (st != ASX_OK) {
        cat_close(cat);
        return st;
    }
    if (!o->read_only)
        runs_sweep(cat);
    *out = cat;
    return ASX_OK;
}

void cat_close(struct cat *cat)
{
    if (!cat)
        return;
    close_db(cat);
    pthread_mutex_destroy(&cat->lock);
    mem_free(cat->path);
    mem_free(cat->blob_dir);
    mem_free(cat);
}

const char *cat_path(const struct cat *cat)
{
    return cat->path;
}

bool cat_in_memory(const struct cat *cat)
{
    return cat->in_memory;
}
