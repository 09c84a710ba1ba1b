/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "base/hash.h"
#include "catalog/run.h"
#include "catalog/store.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A blob or a file younger than this may belong to a row that another process is about to write. */
enum { YOUNG_S = 3600 };

/* ---- sizes ------------------------------------------------------------------------ */

typedef void (*file_fn)(struct cat *, const char *path, const char *name, const struct stat *, void *arg);

/* Calls fn for each file of the blob folder ("xx/<hash>.zst" and left-over temporaries). */
static void each_file(struct cat *cat, file_fn fn, void *arg)
{
    DIR *top = cat->blob_dir ? opendir(cat->blob_dir) : NULL;
    for (struct dirent *d; top && (d = readdir(top));) {
        if (d->d_name[0] == '.')
            continue;
        char *folder = mem_printf(cat->mem, "%s/%s", cat->blob_dir, d->d_name);
        DIR *sub = folder ? opendir(folder) : NULL;
        for (struct dirent *e; sub && (e = readdir(sub));) {
            struct stat s;
            char *path = mem_printf(cat->mem, "%s/%s", folder, e->d_name);
            if (path && lstat(path, &s) == 0 && S_ISREG(s.st_mode))
                fn(cat, path, e->d_name, &s, arg);
            mem_free(path);
        }
        if (sub)
            closedir(sub);
        mem_free(folder);
    }
    if (top)
        closedir(top);
}

static void add_size(struct cat *cat, const char *path, const char *name, const struct stat *s, void *arg)
{
    (void)cat, (void)path, (void)name;
    *(uint64_t *)arg += (uint64_t)s->st_size;
}

static uint64_t pragma(struct cat *cat, const char *sql)
{
    struct query q = db_query(cat, sql);
    uint64_t v = q_row(&q) ? (uint64_t)q_col_i64(&q, 0) : 0;
    (void)q_end(&q, NULL);
    return v;
}

/* Bytes in use: pages that are not free, and blob files. The lock is held. */
static uint64_t total_bytes(struct cat *cat)
{
    uint64_t files = 0;
    each_file(cat, add_size, &files);
    return files + (pragma(cat, "PRAGMA page_count") - pragma(cat, "PRAGMA freelist_count")) * pragma(cat, "PRAGMA page_size");
}

/* ---- dropping ----------------------------------------------------------------------- */

static asx_st run_sql(struct cat *cat, const char *sql, int64_t arg, int64_t *changed, struct asx_err *err)
{
    struct query q = db_query(cat, sql);
    if (q.stmt && sqlite3_bind_parameter_count(q.stmt) > 0)
        q_i64(&q, arg);
    (void)q_row(&q);
    asx_st st = q_end(&q, err);
    if (changed && st == ASX_OK)
        *changed += sqlite3_changes(cat->db);
    return st;
}

/* Unlinks the files of blobs about to be dropped; see blob.c for why that is done inside the transaction. */
static asx_st drop_blobs(struct cat *cat, int64_t before, int64_t *dropped, struct asx_err *err)
{
    static const char find[] =
        "SELECT hash FROM blobs WHERE encoding = 2 AND created <= ? AND id NOT IN"
        " (SELECT oof FROM trials WHERE oof IS NOT NULL UNION SELECT blob FROM models WHERE blob IS NOT NULL)";
    static const char drop[] =
        "DELETE FROM blobs WHERE created <= ? AND id NOT IN"
        " (SELECT oof FROM trials WHERE oof IS NOT NULL UNION SELECT blob FROM models WHERE blob IS NOT NULL)";
    struct query q = db_query(cat, find);
    q_i64(&q, before);
    while (cat->blob_dir && q_row(&q)) {
        char *path = blob_path(cat, q_col_key(&q, 0));
        if (path)
            (void)unlink(path);
        mem_free(path);
    }
    asx_st st = q_end(&q, err);
    return st == ASX_OK ? run_sql(cat, drop, before, dropped, err) : st;
}

/* Oldest run that is neither alive nor the newest; 0 = none. */
static int64_t oldest_run(struct cat *cat)
{
    struct query q = db_query(cat, "SELECT min(id) FROM runs WHERE state <> 'running' AND id < (SELECT max(id) FROM runs)");
    int64_t id = q_row(&q) ? q_col_i64(&q, 0) : 0;
    (void)q_end(&q, NULL);
    return id;
}

static asx_st drop_run(struct cat *cat, int64_t run, struct cat_gc_result *r, struct asx_err *err)
{
    static const char *const parts[] = {"DELETE FROM ops WHERE run = ?", "DELETE FROM trials WHERE run = ?",
                                        "DELETE FROM asks WHERE run = ?", "DELETE FROM plans WHERE run = ?",
                                        "DELETE FROM models WHERE run = ?"};
    asx_st st = ASX_OK;
    for (size_t i = 0; i < sizeof parts / sizeof *parts && st == ASX_OK; i++)
        st = run_sql(cat, parts[i], run, NULL, err);
    return st == ASX_OK ? run_sql(cat, "DELETE FROM runs WHERE id = ?", run, &r->runs, err) : st;
}

/* Files without a row. */
static void drop_stray(struct cat *cat, const char *path, const char *name, const struct stat *s, void *arg)
{
    (void)arg;
    if (clock_unix() - (int64_t)s->st_mtime < YOUNG_S)
        return;
    struct asx_key key;
    char hex[KEY_HEX];
    bool known = false;
    if (strlen(name) == KEY_HEX - 1 + 4) {
        memcpy(hex, name, KEY_HEX - 1);
        hex[KEY_HEX - 1] = 0;
        if (key_parse(hex, &key)) {
            struct query q = db_query(cat, "SELECT 1 FROM blobs WHERE hash = ?");
            q_key(&q, key);
            known = q_row(&q);
            if (q_end(&q, NULL) != ASX_OK)
                known = true;
        }
    }
    if (!known)
        (void)unlink(path);
}

/* A run that is over and that a newer one of the same problem stands for: it can be shown and predicted with, not extended. */
#define SUPERSEDED                                                                                                                 \
    "(SELECT id FROM runs WHERE state = 'finished' AND id NOT IN"                                                                  \
    " (SELECT max(id) FROM runs WHERE state = 'finished' GROUP BY problem_key, ifnull(problem_key, id)))"
#define AT_REST "(SELECT id FROM runs WHERE state <> 'running')"

static asx_st drop_needless(struct cat *cat, struct cat_gc_result *r, struct asx_err *err)
{
    static const char *const predictions[] = {
        "UPDATE trials SET oof = NULL WHERE oof IS NOT NULL AND run IN " AT_REST " AND (run, trial) NOT IN"
        " (SELECT run, max(trial) FROM trials WHERE state <> 'failed' GROUP BY run, config_id)",
        "UPDATE trials SET oof = NULL WHERE oof IS NOT NULL AND run IN " SUPERSEDED};
    static const char models[] = "UPDATE models SET blob = NULL WHERE blob IS NOT NULL AND run IN " AT_REST
                                 " AND id < (SELECT model FROM runs WHERE runs.id = models.run)";
    asx_st st = ASX_OK;
    for (size_t i = 0; i < sizeof predictions / sizeof *predictions && st == ASX_OK; i++)
        st = run_sql(cat, predictions[i], 0, &r->predictions, err);
    if (st == ASX_OK)
        st = run_sql(cat, "DELETE FROM asks WHERE run IN " SUPERSEDED, 0, NULL, err);
    return st == ASX_OK ? run_sql(cat, models, 0, &r->models, err) : st;
}

static asx_st shrink(struct cat *cat, const struct cat_gc_options *o, struct cat_gc_result *r, struct asx_err *err)
{
    bool busy = pragma(cat, "SELECT count(*) FROM runs WHERE state = 'running'") > 0;
    int64_t before = clock_unix() - (busy ? YOUNG_S : 0);
    asx_st st = drop_needless(cat, r, err);
    if (st == ASX_OK)
        st = drop_blobs(cat, before, &r->blobs, err);
    each_file(cat, drop_stray, NULL);
    while (st == ASX_OK && o->max_bytes && total_bytes(cat) > o->max_bytes) {
        int64_t run = oldest_run(cat);
        if (!run)
            break;
        st = drop_run(cat, run, r, err);
        if (st == ASX_OK)
            st = drop_blobs(cat, before, &r->blobs, err);
    }
    return st;
}

asx_st cat_gc(struct cat *cat, const struct cat_gc_options *o, struct cat_gc_result *r, struct asx_err *err)
{
    memset(r, 0, sizeof *r);
    runs_sweep(cat);
    asx_st st = db_begin(cat, DB_NORMAL, err);
    if (st != ASX_OK)
        return st;
    r->bytes_before = total_bytes(cat) + pragma(cat, "PRAGMA freelist_count") * pragma(cat, "PRAGMA page_size");
    st = db_end(cat, DB_NORMAL, shrink(cat, o, r, err), err);
    if (st != ASX_OK)
        return st;
    db_lock(cat);
    int rc = db_exec(cat, "PRAGMA incremental_vacuum");
    if (rc == SQLITE_OK && !cat->in_memory) {
        rc = db_exec(cat, "PRAGMA wal_checkpoint(TRUNCATE)");
        if ((rc & 0xff) == SQLITE_BUSY) /* somebody reads: the next close does it */
            rc = SQLITE_OK;
    }
    r->bytes_after = total_bytes(cat) + pragma(cat, "PRAGMA freelist_count") * pragma(cat, "PRAGMA page_size");
    db_unlock(cat);
    return rc == SQLITE_OK ? ASX_OK : db_error(cat, rc, err);
}
