/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file blob.h
 * Blobs: bytes by content. Under 64 KiB (and always in memory) they lie in the database;
 * larger ones are zstd files `<catalog>.blobs/xx/<hash>.zst`, written to a temporary
 * file, synced and renamed before their row is committed. Equal bytes are kept once.
 */
#ifndef ASSAY_CATALOG_BLOB_H
#define ASSAY_CATALOG_BLOB_H

#include "catalog/catalog.h"

enum { CAT_BLOB_INLINE = 64 * 1024 };

/** Keeps a copy; the id of equal bytes kept before is given again. */
asx_st cat_blob_put(struct cat *, const void *, size_t, int64_t *blob, struct asx_err *);

/**
 * Reads and checks a blob; the caller owns `*data` (mem_free).
 *
 * @errors E_DATA: its file is gone or damaged; ASX_NONE: no such blob
 */
asx_st cat_blob_get(struct cat *, int64_t blob, struct mem *, void **data, size_t *size, struct asx_err *);

#endif
