/* SPDX-License-Identifier: Apache-2.0 */
/** @file lines.h Lines of a source, one window at a time: for formats whose records never cross a line. */
#ifndef ASSAY_DATA_LINES_H
#define ASSAY_DATA_LINES_H

#include "data/csv.h"

struct lines {
    struct source *source;
    struct mem *mem;
    char *buffer; /**< the window; may be written to */
    size_t capacity, have, used;
    size_t line; /**< of the line last given, from 1 */
    bool last, first;
};

void lines_init(struct lines *, struct source *, struct mem *);
void lines_clear(struct lines *);
/**
 * The next line, without its end; the byte at `*end` is a line feed (or CR) and SCAN_PAD bytes lie behind. It stays valid
 * until lines_more. ASX_NONE: the window is used up.
 */
asx_st lines_next(struct lines *, char **begin, char **end);
/** Reads the next window; ASX_NONE at the end of the file. @errors E_IO, E_NOMEM, E_DATA (NUL bytes, endless line) */
asx_st lines_more(struct lines *, struct asx_err *);

#endif
