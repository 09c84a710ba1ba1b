/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file codec.h
 * Both ends of <assay/ext/codec.h>: a writer into a growing buffer, a checked reader over bytes.
 *
 * Format, little-endian: every item is a tag byte and its payload: 8 bytes (u64, i64, f64), or a
 * u64 count and that many bytes or numbers. Tags make a get of another kind fail at once. There
 * is no checksum here: the container (model file, catalog blob) has one.
 */
#ifndef ASSAY_BASE_CODEC_H
#define ASSAY_BASE_CODEC_H

#include "base/file.h"

#include <assay/ext/codec.h>

/** Puts append to `out`; `out.s` and `out.n` are the bytes, `out.failed` says memory ran out. */
struct asx_writer {
    struct text out;
};

void codec_writer_init(struct asx_writer *, struct mem *);
void codec_writer_clear(struct asx_writer *);
/** OK, or E_NOMEM when a put found no memory. */
asx_st codec_writer_status(const struct asx_writer *, struct asx_err *);

/** Reads `size` borrowed bytes. `what` names the section in errors ("model of 'gbdt'"). */
struct asx_reader {
    const unsigned char *data;
    size_t size, at;
    asx_st code; /**< 0 while all is well */
    char what[96], why[160];
};

void codec_reader_init(struct asx_reader *, const void *data, size_t size, const char *what);
/** True when every byte was read: loaders' callers check that nothing is left. */
bool codec_reader_at_end(const struct asx_reader *);

#endif
