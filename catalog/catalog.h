/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file catalog.h
 * The catalog: one SQLite file that remembers data sets, machines, measurements, runs,
 * trials, op executions and models. This header opens it; the records have headers of
 * their own (run.h, trial.h, op.h, plan.h, machine.h, dataset.h, model.h, blob.h).
 *
 *     struct cat *cat;
 *     asx_st st = cat_open(&cat, &(struct cat_options){.path = NULL, .events = sink}, &err);
 *     ...
 *     cat_close(cat);
 *
 * Rules for all functions here:
 *  - any thread may call; calls are serialised inside;
 *  - NaN is stored as NULL and read back as NaN;
 *  - rows read come from the arena passed, strings included, and live as long as it;
 *  - several processes may use one file at a time (WAL, 10 s of waiting for a lock);
 *  - a failed write leaves the catalog as it was before the call.
 */
#ifndef ASSAY_CATALOG_CATALOG_H
#define ASSAY_CATALOG_CATALOG_H

#include <assay/ext/status.h>
#include <assay/ext/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct cat;
struct event_sink;
struct mem;

struct cat_options {
    /** NULL: $ASSAY_CATALOG, else $XDG_DATA_HOME/assay/catalog.db, else ~/.local/share/assay/catalog.db. ":memory:": none. */
    const char *path;
    /** Only look: an absent file gives an empty catalog and is not created; a file without write permission is fine. */
    bool read_only;
    const struct event_sink *events; /**< hears "catalog.memory" (warning) when the file cannot be used; NULL = nobody */
    struct mem *mem;                 /**< NULL: the process's root account */
};

/**
 * Opens (and creates) the catalog. A location that cannot be written, a file that is no
 * catalog, is damaged or was made by a newer version is left untouched: a warning is sent
 * and an empty catalog in memory takes its place, so that a run always has one.
 *
 * @errors E_NOMEM; E_INTERNAL when not even a catalog in memory can be made
 * @cost   about 1 ms; 10-20 ms when the file is created
 */
asx_st cat_open(struct cat **, const struct cat_options *, struct asx_err *);

/** Folds the log into the file and closes it; NULL is fine. */
void cat_close(struct cat *);

const char *cat_path(const struct cat *); /**< file in use; ":memory:" when there is none */
bool cat_in_memory(const struct cat *);   /**< nothing outlives the process */

/** Where the catalog would be: path, or the default place. Owned by the caller (mem_free). */
asx_st cat_resolve_path(const char *path, struct mem *, char **out, struct asx_err *);
/** Is a place named, by the caller or by $ASSAY_CATALOG? */
bool cat_path_given(const char *path);

/** Shown ids: r1 (run), m41 (model), p3 (plan). Returns out. */
enum { CAT_ID = 24 };
const char *cat_id_format(char kind, int64_t id, char out[CAT_ID]);
/** True when `text` is `kind` followed by a positive number. */
bool cat_id_parse(const char *text, char kind, int64_t *id);

/* ---- shrinking ------------------------------------------------------------ */

struct cat_gc_options {
    uint64_t max_bytes; /**< size cap of file and blobs together; 0 = only what nobody needs */
};

struct cat_gc_result {
    uint64_t bytes_before, bytes_after; /**< file and blobs together */
    int64_t blobs, runs;                /**< rows dropped */
    int64_t predictions, models;        /**< out-of-fold predictions and superseded models let go */
};

/**
 * Lets go of what nobody needs any more (README, "What gc drops"): out-of-fold predictions of trials that a later rung of the
 * same config went past, those and the asks of finished runs that a newer finished run of the same problem stands for, and
 * models that a later model of the same run took the place of. Drops blobs that no row refers to, stray blob files older than an hour, and, while the
 * catalog is over its cap, the oldest finished runs with their trials, op executions and
 * models kept inside (measured coefficients, residuals and data sets stay); then gives
 * free pages back.
 */
asx_st cat_gc(struct cat *, const struct cat_gc_options *, struct cat_gc_result *, struct asx_err *);

#endif
