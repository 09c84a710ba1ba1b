/* SPDX-License-Identifier: Apache-2.0 */
/** @file dataset.h Data sets that were seen: by the hash of their content. */
#ifndef ASSAY_CATALOG_DATASET_H
#define ASSAY_CATALOG_DATASET_H

#include "catalog/catalog.h"

struct cat_dataset {
    int64_t id;
    struct asx_key key;
    const char *path;
    int64_t rows, columns, bytes; /**< bytes of the file */
    const char *profile_json;     /**< NULL = none */
};

/** Inserts or refreshes by key; the id is written to `*id`. */
asx_st cat_dataset_put(struct cat *, const struct cat_dataset *, int64_t *id, struct asx_err *);
/** ASX_NONE when it was never seen. */
asx_st cat_dataset_get(struct cat *, struct asx_key key, struct arena *, struct cat_dataset *, struct asx_err *);

#endif
