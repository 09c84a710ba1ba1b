/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file model.h
 * Models: where a fitted pipeline or ensemble is, and what it scored. Shown as m1, m2, ...
 *
 * A model file's bytes live at `path` (the user asked for it) or in a blob (kept by the
 * catalog), or both; a row with neither is a line of the leaderboard that was not kept.
 */
#ifndef ASSAY_CATALOG_MODEL_H
#define ASSAY_CATALOG_MODEL_H

#include "catalog/catalog.h"

struct cat_model {
    int64_t id; /**< 0 in put: a new row */
    int64_t run;
    int trial;              /**< last trial of its config; 0 = ensemble */
    int rank;               /**< on the run's leaderboard; 0 = not ranked */
    const char *learner;    /**< "ensemble" too */
    const char *path;       /**< absolute; NULL = none */
    int64_t blob;           /**< 0 = none */
    const char *board_json; /**< its line of the leaderboard */
    double validation;
};

/** Inserts (id 0) or updates the row; NULL and 0 members leave what is there. Synced. The id is written to `*id`. */
asx_st cat_model_put(struct cat *, const struct cat_model *, int64_t *id, struct asx_err *);
/** Inserts many rows in one transaction; ids are written back. */
asx_st cat_models_put(struct cat *, struct cat_model *, size_t n, struct asx_err *);
/** ASX_NONE when there is no such model. */
asx_st cat_model_get(struct cat *, int64_t id, struct arena *, struct cat_model *, struct asx_err *);
/** Models of a run by rank, unranked last. */
asx_st cat_models_get(struct cat *, int64_t run, struct arena *, struct cat_model **, size_t *n, struct asx_err *);
/** Newest model that was kept (path or blob); ASX_NONE when there is none. */
asx_st cat_model_latest(struct cat *, struct arena *, struct cat_model *, struct asx_err *);

#endif
