/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file codec.h
 * Writing and reading fitted things: the byte format of model files.
 *
 * For: `save`/`load` of preparation steps and learners. The engine implements both
 * ends; every put has a get of the same kind and order. A reader never reads past its
 * section and turns into an error state at the first mismatch: after that every get
 * returns zeros, so a loader may read on and check once at the end.
 *
 *     asx_put_u64(w, model->n); asx_put_f64s(w, model->weight, model->n);
 *     ...
 *     size_t n = asx_get_count(r, sizeof(double));  // refuses counts beyond the section
 *     model->weight = asx_get_f64s(r, mem, n);
 *     if (asx_reader_bad(r)) return asx_reader_error(r, err);
 */
#ifndef ASSAY_EXT_CODEC_H
#define ASSAY_EXT_CODEC_H

#include <assay/ext/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct mem;
struct asx_writer;
struct asx_reader;

void asx_put_u64(struct asx_writer *, uint64_t);
void asx_put_i64(struct asx_writer *, int64_t);
void asx_put_f64(struct asx_writer *, double);
void asx_put_str(struct asx_writer *, const char *); /**< NULL is kept as NULL */
void asx_put_bytes(struct asx_writer *, const void *, size_t);
void asx_put_f64s(struct asx_writer *, const double *, size_t);
void asx_put_f32s(struct asx_writer *, const float *, size_t);
void asx_put_i32s(struct asx_writer *, const int32_t *, size_t);

uint64_t asx_get_u64(struct asx_reader *);
int64_t asx_get_i64(struct asx_reader *);
double asx_get_f64(struct asx_reader *);
/** A count followed by that many items of at least `item` bytes: bad when they cannot fit. */
size_t asx_get_count(struct asx_reader *, size_t item);
/** Allocated from `mem`; NULL on error (or for a NULL string). */
char *asx_get_str(struct asx_reader *, struct mem *);
void asx_get_bytes(struct asx_reader *, void *, size_t);
double *asx_get_f64s(struct asx_reader *, struct mem *, size_t);
float *asx_get_f32s(struct asx_reader *, struct mem *, size_t);
int32_t *asx_get_i32s(struct asx_reader *, struct mem *, size_t);

bool asx_reader_bad(const struct asx_reader *);
void asx_reader_fail(struct asx_reader *, const char *why); /**< a loader found nonsense */
asx_st asx_reader_error(const struct asx_reader *, struct asx_err *);

#ifdef __cplusplus
}
#endif
#endif
