/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file board.h
 * The leaderboard as columns of text: what all formats share. Not for others.
 */
#ifndef ASSAY_TASKS_REPORT_BOARD_H
#define ASSAY_TASKS_REPORT_BOARD_H

#include "tasks/report/report.h"

/** A column of the leaderboard for people. */
struct board_column {
    const char *id, *title;
    const char *narrow; /**< title in the terminal */
    bool right;         /**< numbers */
    int rank;           /**< the higher, the sooner it is dropped where room is short; 0 never */
    const char *help;   /**< what it says, one line */
};

extern const struct board_column report_columns[];
extern const int report_columns_n;

/** A leaderboard of text cells, in order of rank. */
struct board {
    const json_t *run, *rows; /**< rows: json array, possibly empty */
    size_t n;                 /**< rows in it */
    int decimals;             /**< of scores, fitted to the largest: 0.9289, 123.45, 12346; -1: exponents */
    bool used[16];            /**< columns that have a value in some row */
};

void report_init(struct board *, const json_t *run);
/** Writes cell (row, column) as plain text; an absent value is nothing. */
void report_cell(const struct board *, size_t row, int column, struct text *out);
/** A score in the board's decimals; NaN is nothing. */
void report_score(const struct board *, double score, struct text *out);

/* Fields of JSON objects, forgiving: absent or wrong types are NaN, "" and NULL. */
double report_number(const json_t *, const char *key);
const char *report_text(const json_t *, const char *key);
const json_t *report_array(const json_t *, const char *key);

/** "num_leaves 31, learning_rate 0.1": a config on one line. */
void report_config(const json_t *config, struct text *out);
/** One line on how the run went: trials, time, memory, why it ended. */
void report_summary(const json_t *run, struct text *out);
/** Why it ended, in words. */
const char *report_stop_text(const char *reason);

#endif
