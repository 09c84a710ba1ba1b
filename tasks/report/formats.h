/* SPDX-License-Identifier: Apache-2.0 */
/** @file formats.h The formats, one function each; running out of memory shows in out->failed. Not for others. */
#ifndef ASSAY_TASKS_REPORT_FORMATS_H
#define ASSAY_TASKS_REPORT_FORMATS_H

#include "tasks/report/board.h"

void report_table(const json_t *run, const struct report_options *, struct text *out);
void report_markdown(const json_t *run, const struct report_options *, struct text *out);
void report_csv(const json_t *run, struct text *out);
/** One CSV cell, quoted where it must be. */
void report_csv_cell(struct text *out, const char *s);
void report_html(const json_t *run, struct text *out);

/** Text with the characters that mean something in HTML replaced; safe in elements and in quoted attributes. */
void report_html_text(struct text *out, const char *s);
/** One sections of the page each; nothing when the run has no data for it. */
void report_html_figures(const struct board *, struct text *out);
void report_html_tables(const struct board *, struct text *out);
/** What the charts are drawn from, as JSON that is safe inside a script element. */
void report_html_chart_data(const struct board *, struct text *out);

/** The embedded style sheet, script and chart library (generated at build). */
extern const char report_css[], report_js[], report_chart_js[];

#endif
