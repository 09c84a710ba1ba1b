/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file run_make.h
 * Whole runs for tests: a generated table on disk, a session, a task from settings, the board as JSON, and SQL on
 * the session's own catalog.
 *
 *     struct run_make r;
 *     run_make_open(&r, 240, RUN_BINARY);
 *     run_make_run(&r, "classify", (const char *[]){"search.trials", "12", "search.learners", "[ridge]", NULL});
 *     ck_assert_int_eq(run_make_count(&r, "SELECT count(*) FROM v_trials"), 13);
 *     run_make_close(&r);
 */
#ifndef ASSAY_TESTS_RUN_MAKE_H
#define ASSAY_TESTS_RUN_MAKE_H

#include <assay/assay.h>
#include <jansson.h>

enum run_target { RUN_BINARY, RUN_MULTICLASS, RUN_REGRESSION };

struct run_make {
    assay_session *session;
    assay_model *model;  /**< of the last run */
    json_t *board;       /**< of the last run */
    char data[64];       /**< the generated table */
    assay_status status; /**< of the last run */
};

/**
 * Writes a table (numbers with missing cells, categories of 3 and of 30 levels, a date, a text, a flag, the target
 * "y") and opens a session whose catalog lives in memory.
 */
void run_make_open(struct run_make *, int rows, enum run_target);
/** The same on a table that is there, which is not deleted. */
void run_make_open_file(struct run_make *, const char *data);
/** Frees the last run's model and board, ends the session, deletes the table. */
void run_make_close(struct run_make *);

/** A task with the settings (key, value, ..., NULL); NULL target is not set. Fails the test when a setting is refused. */
assay_task *run_make_task(struct run_make *, const char *kind, const char *const *settings);
/** Runs it; the test fails unless there is a model. */
void run_make_run(struct run_make *, const char *kind, const char *const *settings);
/** The first column of the first row of a query on the session's catalog, as text (to be freed) or number. */
char *run_make_text(struct run_make *, const char *sql);
long run_make_count(struct run_make *, const char *sql);

/**
 * What law 4 compares, as text: of every row rank, learner, config, fidelity, validation, interval, test and weight,
 * bit for bit (doubles in hexadecimal).
 */
char *run_make_law4(const json_t *board);

#endif
