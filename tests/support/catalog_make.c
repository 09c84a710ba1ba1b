/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/catalog_make.h"

#include "base/mem.h"

#include <check.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct catalog_make made;

static void hear(void *arg, enum event_level level, const char *name, const char *text)
{
    (void)arg;
    if (level == EVENT_WARNING)
        snprintf(made.warning, sizeof made.warning, "%s: %s", name, text);
}

const struct event_sink catalog_sink = {hear, NULL, EVENT_DEBUG};

void catalog_set_up(void)
{
    strcpy(made.folder, "/tmp/assay-catalog-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(made.folder));
    snprintf(made.path, sizeof made.path, "%s/sub/catalog.db", made.folder);
    made.arena = arena_create(NULL);
    memset(&made.err, 0, sizeof made.err);
    made.warning[0] = 0;
}

void catalog_tear_down(void)
{
    char command[160];
    arena_destroy(made.arena);
    snprintf(command, sizeof command, "rm -rf '%s'", made.folder);
    ck_assert_int_eq(system(command), 0);
}

struct cat *catalog_open(const char *where)
{
    struct cat *cat = NULL;
    ck_assert_int_eq(cat_open(&cat, &(struct cat_options){.path = where, .events = &catalog_sink}, &made.err), ASX_OK);
    return cat;
}

int64_t catalog_begin(struct cat *cat)
{
    int64_t run = 0;
    struct cat_run_new r = {.task = "classify",
                            .spec = "assay: 1\n",
                            .data = "iris.csv",
                            .target = "species",
                            .seed = UINT64_MAX,
                            .time_limit_s = 2.5,
                            .trial_limit = 40,
                            .repeatable = true};
    ck_assert_int_eq(cat_run_begin(cat, &r, &run, &made.err), ASX_OK);
    return run;
}

void catalog_put(struct cat *cat, int64_t run, int trial, double validation, const void *oof, size_t bytes, asx_st expected)
{
    struct cat_trial t = {.trial = trial,
                          .config_id = (trial + 1) / 2,
                          .learner = "gbdt",
                          .config_json = "{}",
                          .config_hash = {1, (uint64_t)trial},
                          .to = {1, 100, 5},
                          .fidelity = 1,
                          .state = "finished",
                          .validation = validation,
                          .ci_low = NAN,
                          .ci_high = NAN,
                          .at_s = trial};
    struct cat_run_progress p = {.active_s = trial, .best = validation};
    ck_assert_int_eq(cat_trial_put(cat, run, &t, oof, bytes, NULL, 0, &p, &made.err), expected);
}

static char cell[128];
static int first_cell(void *arg, int n, char **value, char **name)
{
    (void)arg, (void)n, (void)name;
    snprintf(cell, sizeof cell, "%s", value[0] ? value[0] : "null");
    return 0;
}

const char *catalog_sql(const char *sql)
{
    sqlite3 *db;
    strcpy(cell, "none");
    ck_assert_int_eq(sqlite3_open(made.path, &db), SQLITE_OK);
    ck_assert_msg(sqlite3_exec(db, sql, first_cell, NULL, NULL) == SQLITE_OK, "%s: %s", sql, sqlite3_errmsg(db));
    sqlite3_close(db);
    return cell;
}
