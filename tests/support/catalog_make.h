/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file catalog_make.h
 * A catalog in a folder of its own, for tests: as a checked fixture (each test runs in a process of its own),
 * opening it, runs and trials to put into it, and looking at it with SQL.
 *
 *     tcase_add_checked_fixture(c, catalog_set_up, catalog_tear_down);
 *     ...
 *     struct cat *cat = catalog_open(made.path);
 *     catalog_put(cat, catalog_begin(cat), 1, 0.5, NULL, 0, ASX_OK);
 */
#ifndef ASSAY_TESTS_CATALOG_MAKE_H
#define ASSAY_TESTS_CATALOG_MAKE_H

#include "base/event.h"
#include "catalog/trial.h"

/** Of the test that runs. */
extern struct catalog_make {
    char folder[64], path[128]; /**< the folder, and a database below it, in a folder that is not there yet */
    char warning[512];          /**< the last warning the catalog sent, "name: text" */
    struct arena *arena;
    struct asx_err err;
} made;

extern const struct event_sink catalog_sink; /**< keeps warnings */

void catalog_set_up(void);
void catalog_tear_down(void);
struct cat *catalog_open(const char *where);
/** A run of a classification; its number. */
int64_t catalog_begin(struct cat *);
/** A finished trial with its held-out predictions; checks the status. */
void catalog_put(struct cat *, int64_t run, int trial, double validation, const void *oof, size_t bytes, asx_st expected);
/** The first cell a statement gives on made.path ("none": no row). */
const char *catalog_sql(const char *sql);

#endif
