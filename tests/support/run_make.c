/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/run_make.h"

#include "catalog/store.h"
#include "engine/session.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static double unit(uint64_t *s)
{
    *s = *s * 6364136223846793005u + 1442695040888963407u;
    return (double)(*s >> 11) * 0x1p-53;
}

static void write_row(FILE *f, int i, uint64_t *s, enum run_target target)
{
    static const char *const colour[] = {"red", "green", "blue"};
    static const char *const word[] = {"quick", "brown", "fox", "jumps", "over", "lazy", "dogs"};
    double a = unit(s), b = unit(s) * 10 - 5, c = unit(s), noise = unit(s);
    int k = (int)(unit(s) * 3), level = (int)(unit(s) * 30), w = (int)(unit(s) * 7);
    double score = 3 * a - 0.3 * b + (k == 1) + 0.05 * level + 0.8 * (w == 2) + 1.5 * noise;
    if (i % 11 == 3)
        fprintf(f, ",");
    else
        fprintf(f, "%.6g,", a);
    fprintf(f, "%.6g,%.4g,%s,level%d,", b, c, i % 17 == 5 ? "" : colour[k], level);
    fprintf(f, "20%02d-%02d-%02d,the %s %s and %s %d,%s,", i % 20 + 1, i % 12 + 1, i % 28 + 1, word[w], word[(w + i) % 7],
            word[i * 3 % 7], i, i % 3 ? "yes" : "no");
    if (target == RUN_REGRESSION)
        fprintf(f, "%.8g\n", score);
    else if (target == RUN_MULTICLASS)
        fprintf(f, "%s\n", score < 2.5 ? "low" : score < 4 ? "mid" : "top");
    else
        fprintf(f, "%s\n", score < 3.2 ? "bad" : "good");
}

static void open_session(struct run_make *r)
{
    struct assay_options o = ASSAY_OPTIONS_INIT;
    o.catalog = ":memory:";
    ck_assert_int_eq(assay_open(&r->session, &o), ASSAY_OK);
}

void run_make_open(struct run_make *r, int rows, enum run_target target)
{
    *r = (struct run_make){.data = "/tmp/assay-run-XXXXXX.csv"};
    int fd = mkstemps(r->data, 4);
    ck_assert_int_ge(fd, 0);
    FILE *f = fdopen(fd, "w");
    uint64_t s = 7;
    fprintf(f, "a,b,c,colour,level,when,text,flag,y\n");
    for (int i = 0; i < rows; i++)
        write_row(f, i, &s, target);
    fclose(f);
    open_session(r);
}

void run_make_open_file(struct run_make *r, const char *data)
{
    *r = (struct run_make){0};
    snprintf(r->data, sizeof r->data, "%s", data);
    open_session(r);
}

static void drop_run(struct run_make *r)
{
    assay_model_free(r->model);
    json_decref(r->board);
    r->model = NULL;
    r->board = NULL;
}

void run_make_close(struct run_make *r)
{
    drop_run(r);
    assay_close(r->session);
    if (strncmp(r->data, "/tmp/assay-run-", 15) == 0)
        unlink(r->data);
}

assay_task *run_make_task(struct run_make *r, const char *kind, const char *const *settings)
{
    assay_task *t = NULL;
    ck_assert_int_eq(assay_task_create(&t, r->session, kind), ASSAY_OK);
    assay_status st = assay_task_set(t, "data.train", r->data, NULL);
    if (st == ASSAY_OK && strncmp(r->data, "/tmp/assay-run-", 15) == 0)
        st = assay_task_set(t, "data.target", "y", NULL);
    for (int i = 0; st == ASSAY_OK && settings[i]; i += 2)
        st = assay_task_set(t, settings[i], settings[i + 1], NULL);
    ck_assert_msg(st == ASSAY_OK, "%s", assay_session_error(r->session));
    return t;
}

void run_make_run(struct run_make *r, const char *kind, const char *const *settings)
{
    assay_task *t = run_make_task(r, kind, settings);
    drop_run(r);
    r->status = assay_task_run(t, &r->model);
    ck_assert_msg(r->model != NULL, "%s", assay_session_error(r->session));
    assay_task_free(t);
    json_error_t e;
    r->board = json_loads(assay_model_board_json(r->model), 0, &e);
    ck_assert_msg(r->board != NULL, "%s", e.text);
}

char *run_make_text(struct run_make *r, const char *sql)
{
    struct cat *cat = ((struct session *)r->session)->cat;
    sqlite3 *db = cat->db;
    sqlite3_stmt *s = NULL;
    db_lock(cat); /* the connection has no lock of its own, and probes ask from worker threads */
    ck_assert_msg(sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK, "%s: %s", sql, sqlite3_errmsg(db));
    int rc = sqlite3_step(s);
    const char *text = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(s, 0) : NULL;
    char *copy = strdup(text ? text : "");
    sqlite3_finalize(s);
    db_unlock(cat);
    ck_assert_ptr_nonnull(copy);
    return copy;
}

long run_make_count(struct run_make *r, const char *sql)
{
    char *text = run_make_text(r, sql);
    long n = strtol(text, NULL, 10);
    free(text);
    return n;
}

static void put_number(FILE *f, const json_t *row, const char *key)
{
    const json_t *v = json_object_get(row, key);
    if (json_is_number(v))
        fprintf(f, " %s=%a", key, json_number_value(v));
    else
        fprintf(f, " %s=-", key);
}

char *run_make_law4(const json_t *board)
{
    static const char *const number[] = {"rank", "fidelity", "validation", "ci_low", "ci_high", "test", "weight"};
    char *text = NULL;
    size_t size = 0, i;
    FILE *f = open_memstream(&text, &size);
    const json_t *row;
    json_array_foreach(json_object_get(board, "leaderboard"), i, row)
    {
        const char *learner = json_string_value(json_object_get(row, "learner"));
        char *config = json_dumps(json_object_get(row, "config"), JSON_SORT_KEYS | JSON_COMPACT | JSON_REAL_PRECISION(17));
        /* members of an ensemble are named by ids of the catalog: their weights stand in their own rows */
        fprintf(f, "%s %s", learner, strcmp(learner, "ensemble") == 0 ? "" : config);
        for (size_t k = 0; k < sizeof number / sizeof *number; k++)
            put_number(f, row, number[k]);
        fprintf(f, "\n");
        free(config);
    }
    fclose(f);
    return text;
}
