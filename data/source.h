/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file source.h
 * Bytes of a file, of standard input or of memory, read forwards and more than once.
 *
 * Standard input that is no plain file is spooled: to memory up to 8 MiB, beyond that to an unlinked temporary file
 * ($TMPDIR or /tmp), so that a second pass is possible and memory stays that of the frame.
 */
#ifndef ASSAY_DATA_SOURCE_H
#define ASSAY_DATA_SOURCE_H

#include "base/mem.h"
#include <assay/ext/status.h>

struct source {
    const char *name; /**< for errors */
    int fd;           /**< -1: text */
    bool close;
    const char *text;
    char *spooled; /**< owner of `text` when it was spooled */
    uint64_t size, at;
};

/** @errors E_IO: a folder, absent, unreadable, a temporary file cannot be written; E_NOMEM. On failure nothing is open. */
asx_st source_open(struct source *, const char *path, struct mem *, struct asx_err *);
void source_open_text(struct source *, const char *name, const char *text, size_t size);
void source_close(struct source *);
/** Reads up to n bytes (fewer only at the end); *got says how many. */
asx_st source_read(struct source *, char *buffer, size_t n, size_t *got, struct asx_err *);
asx_st source_seek(struct source *, uint64_t at, struct asx_err *);

#endif
