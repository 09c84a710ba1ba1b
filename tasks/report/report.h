/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file report.h
 * Reports of a run: terminal table, Markdown, CSV, JSON and one self-contained HTML page.
 *
 * Input is the JSON of a run (the fields every run has, and optional ones that are
 * documented in tasks/report/README.md); a field that is absent or null is left out of
 * the report. Nothing is looked up elsewhere, so a report can be made again from stored
 * JSON alone.
 *
 *     struct text out;
 *     text_init(&out, mem);
 *     asx_st st = report_make(run, "html", NULL, &out, err);
 *     ...
 *     text_clear(&out);
 */
#ifndef ASSAY_TASKS_REPORT_H
#define ASSAY_TASKS_REPORT_H

#include "base/file.h"
#include <jansson.h>

/** All zero is the default. */
struct report_options {
    int width; /**< columns of the terminal; 0: 100 */
    int rows;  /**< leaderboard rows shown; 0: all in files, 20 in the terminal table */
};

/** format: table, md, html, json or csv (E_INVAL otherwise). Options may be NULL. */
asx_st report_make(const json_t *run, const char *format, const struct report_options *, struct text *out, struct asx_err *);

/** The failed trials with their errors, same formats (HTML excepted). */
asx_st report_failed(const json_t *run, const char *format, const struct report_options *, struct text *out, struct asx_err *);

/** Format by a file's extension: .html .htm .md .csv .json .txt; NULL: none of them. */
const char *report_format_of(const char *path);

#endif
