/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables and their versions. `PRAGMA user_version` counts the migrations applied; a
 * migration, once released, is never edited: a change is a new entry at the end.
 */
#include "catalog/store.h"

static const char version_1[] =
    "CREATE TABLE datasets(id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, path TEXT, rows INTEGER, columns INTEGER,"
    " bytes INTEGER, profile TEXT, seen INTEGER);"
    "CREATE TABLE machines(key TEXT PRIMARY KEY, json TEXT, seen INTEGER);"
    "CREATE TABLE coefficients(machine TEXT, device TEXT, kernel TEXT, dtype TEXT, startup_s REAL, rate REAL, bandwidth REAL,"
    " spread REAL, valid_low REAL, valid_high REAL, samples INTEGER, json TEXT, updated INTEGER,"
    " PRIMARY KEY(machine, device, kernel, dtype)) WITHOUT ROWID;"
    "CREATE TABLE notes(name TEXT PRIMARY KEY, value TEXT, written INTEGER) WITHOUT ROWID;"
    "CREATE TABLE residuals(machine TEXT, name TEXT, device TEXT, n INTEGER, sum_log REAL, sum_log2 REAL, measured_s REAL,"
    " PRIMARY KEY(machine, name, device)) WITHOUT ROWID;"
    "CREATE TABLE runs(id INTEGER PRIMARY KEY AUTOINCREMENT, task TEXT, spec TEXT, spec_path TEXT, task_json TEXT, data TEXT,"
    " target TEXT, build TEXT, metric TEXT, greater INTEGER, state TEXT NOT NULL, stop_reason TEXT, report TEXT, error TEXT,"
    " machine TEXT, seed INTEGER, memory_limit INTEGER, time_limit_s REAL, trial_limit INTEGER, repeatable INTEGER,"
    " data_key BLOB, problem_key BLOB, dataset INTEGER, rows INTEGER, columns INTEGER, model INTEGER, active_s REAL, best REAL,"
    " started INTEGER, updated INTEGER, lease_pid INTEGER, lease_start INTEGER, lease_host TEXT);"
    "CREATE INDEX runs_live ON runs(id) WHERE state = 'running';"
    "CREATE INDEX runs_data ON runs(data_key);"
    "CREATE TABLE plans(id INTEGER PRIMARY KEY AUTOINCREMENT, run INTEGER, wave INTEGER, json TEXT);"
    "CREATE INDEX plans_run ON plans(run);"
    "CREATE TABLE asks(run INTEGER, trial INTEGER, config_id INTEGER, learner TEXT, config TEXT, config_hash BLOB,"
    " from_rows REAL, from_iterations INTEGER, from_folds INTEGER, to_rows REAL, to_iterations INTEGER, to_folds INTEGER,"
    " wave INTEGER, plan INTEGER, asked INTEGER, PRIMARY KEY(run, trial)) WITHOUT ROWID;"
    "CREATE TABLE trials(run INTEGER, trial INTEGER, config_id INTEGER, learner TEXT, config TEXT, config_hash BLOB,"
    " from_rows REAL, from_iterations INTEGER, from_folds INTEGER, to_rows REAL, to_iterations INTEGER, to_folds INTEGER,"
    " fidelity REAL, state TEXT, error TEXT, validation REAL, ci_low REAL, ci_high REAL, best_iteration INTEGER, curve BLOB,"
    " seconds REAL, fit_s REAL, fit_predicted_s REAL, fit_alone_s REAL, predict_us REAL, peak_bytes REAL,"
    " peak_predicted_bytes REAL, device TEXT, plan INTEGER, at_s REAL, oof INTEGER, finished INTEGER,"
    " PRIMARY KEY(run, trial)) WITHOUT ROWID;"
    "CREATE TABLE ops(id INTEGER PRIMARY KEY, run INTEGER, trial INTEGER, name TEXT, device TEXT, threads INTEGER, batch INTEGER,"
    " lineage BLOB, predicted_s REAL, predicted_bytes REAL, measured_s REAL, measured_bytes REAL, hits INTEGER, saved_s REAL);"
    "CREATE INDEX ops_run ON ops(run);"
    "CREATE TABLE models(id INTEGER PRIMARY KEY AUTOINCREMENT, run INTEGER, trial INTEGER, rank INTEGER, learner TEXT, path TEXT,"
    " blob INTEGER, board TEXT, validation REAL, created INTEGER);"
    "CREATE INDEX models_run ON models(run);"
    "CREATE TABLE blobs(id INTEGER PRIMARY KEY AUTOINCREMENT, hash BLOB NOT NULL UNIQUE, size INTEGER, encoding INTEGER,"
    " data BLOB, created INTEGER);"
    /* the stable views; config 0 is no config of the search (the constant baseline) */
    "CREATE VIEW v_runs AS SELECT 'r' || id AS run, task, state, strftime('%Y-%m-%dT%H:%M:%SZ', started, 'unixepoch') AS started,"
    " (SELECT count(DISTINCT config_id) FROM trials WHERE trials.run = runs.id AND config_id > 0) AS trials FROM runs;"
    "CREATE VIEW v_trials AS SELECT 'r' || run AS run, trial, lower(hex(config_hash)) AS config_hash, fidelity, state, error,"
    " validation FROM trials;"
    "CREATE VIEW v_ops AS SELECT 'r' || run AS run,"
    " CASE instr(name, '/') WHEN 0 THEN name ELSE substr(name, 1, instr(name, '/') - 1) END AS op, name AS way,"
    " lower(hex(lineage)) AS lineage_key, predicted_s, measured_s FROM ops ORDER BY id;";

static const char *const migrations[] = {version_1};
enum { VERSION = sizeof migrations / sizeof *migrations };

static int version(struct cat *cat, int *out)
{
    sqlite3_stmt *s = NULL;
    int rc = sqlite3_prepare_v2(cat->db, "PRAGMA user_version", -1, &s, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(s) == SQLITE_ROW ? SQLITE_OK : sqlite3_errcode(cat->db);
    if (rc == SQLITE_OK)
        *out = sqlite3_column_int(s, 0);
    sqlite3_finalize(s);
    return rc;
}

/* A file that is a database of somebody else has tables but no version of ours. */
static int foreign(struct cat *cat, bool *out)
{
    sqlite3_stmt *s = NULL;
    int rc = sqlite3_prepare_v2(cat->db, "SELECT count(*), sum(name = 'runs') FROM sqlite_master", -1, &s, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(s) == SQLITE_ROW ? SQLITE_OK : sqlite3_errcode(cat->db);
    if (rc == SQLITE_OK)
        *out = sqlite3_column_int(s, 0) > 0 && sqlite3_column_int(s, 1) == 0;
    sqlite3_finalize(s);
    return rc;
}

static int migrate(struct cat *cat, int from)
{
    int rc = SQLITE_OK;
    for (int v = from; v < VERSION && rc == SQLITE_OK; v++)
        rc = db_exec(cat, migrations[v]);
    char *set = rc == SQLITE_OK ? sqlite3_mprintf("PRAGMA user_version = %d", (int)VERSION) : NULL;
    if (set)
        rc = db_exec(cat, set);
    else if (rc == SQLITE_OK)
        rc = SQLITE_NOMEM;
    sqlite3_free(set);
    return rc;
}

int schema_check(struct cat *cat, const char **why)
{
    int at = 0;
    bool other = false;
    int rc = version(cat, &at);
    if (rc == SQLITE_OK)
        rc = foreign(cat, &other);
    if (rc != SQLITE_OK || (!other && at <= VERSION))
        return rc;
    *why = other ? "it is a database of another program" : "it was made by a newer version of Assay";
    return SQLITE_NOTADB;
}

int schema_apply(struct cat *cat, const char **why)
{
    int at = 0;
    int rc = schema_check(cat, why);
    if (rc == SQLITE_OK)
        rc = version(cat, &at);
    if (rc != SQLITE_OK || at == VERSION)
        return rc;
    rc = db_exec(cat, "BEGIN IMMEDIATE");
    if (rc != SQLITE_OK)
        return rc;
    rc = version(cat, &at); /* another process may have been faster */
    if (rc == SQLITE_OK && at < VERSION)
        rc = migrate(cat, at);
    if (rc == SQLITE_OK)
        rc = db_exec(cat, "COMMIT");
    if (rc != SQLITE_OK && !sqlite3_get_autocommit(cat->db))
        (void)db_exec(cat, "ROLLBACK");
    return rc;
}
