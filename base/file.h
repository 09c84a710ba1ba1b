/* SPDX-License-Identifier: Apache-2.0 */
/** @file file.h Files as a whole: reading, and writing that is all or nothing. Growing text buffers. */
#ifndef ASSAY_BASE_FILE_H
#define ASSAY_BASE_FILE_H

#include <assay/ext/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mem;

/** Whole file, NUL-terminated (size excludes it). A folder, an unreadable or an oversized file is an error. */
asx_st file_read(const char *path, uint64_t max, struct mem *, char **text, size_t *size, struct asx_err *);

/** Writes to a temporary file beside `path`, fsyncs, renames: the old file or the new one, never a part. "-" is standard output. */
asx_st file_write(const char *path, const void *data, size_t size, struct asx_err *);

/** Writes all of it to an open descriptor; E_IO names `path`. */
asx_st file_write_fd(int fd, const void *data, size_t size, const char *path, struct asx_err *);

/** Absolute path without links of a file that exists; NULL when it does not or memory is short. */
char *file_absolute(const char *path, struct mem *);

/** mkdir -p of the folder that holds `path`. */
asx_st file_make_parent(const char *path, struct asx_err *);

/** A growing text buffer; after a failed growth `failed` stays true and further puts do nothing. */
struct text {
    struct mem *mem;
    char *s;
    size_t n, capacity;
    bool failed;
};

void text_init(struct text *, struct mem *);
void text_clear(struct text *);
void text_put(struct text *, const char *s, size_t n);
void text_puts(struct text *, const char *s);
void text_printf(struct text *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** Number of a JSON or CSV cell: shortest of %.15g, %.16g, %.17g that reads back the same; NaN and Inf as `null_word`. */
void text_number(struct text *, double v, const char *null_word);

#endif
