/* SPDX-License-Identifier: Apache-2.0 */
/** @file hash.h 128-bit lineage keys (XXH3), built up piece by piece. */
#ifndef ASSAY_BASE_HASH_H
#define ASSAY_BASE_HASH_H

#include <assay/ext/types.h>
#include <stdbool.h>

/** A key being built. Each piece is length-prefixed, so ("ab","c") and ("a","bc") differ. */
struct hash {
    struct asx_key key;
};

struct hash hash_begin(const char *domain);
void hash_bytes(struct hash *, const void *, size_t);
void hash_str(struct hash *, const char *); /**< NULL differs from "" */
void hash_u64(struct hash *, uint64_t);
void hash_f64(struct hash *, double); /**< -0 is 0; all NaN alike */
void hash_key(struct hash *, struct asx_key);
struct asx_key hash_end(const struct hash *);

struct asx_key hash_of(const void *, size_t);
bool key_equal(struct asx_key, struct asx_key);
bool key_is_zero(struct asx_key);
enum { KEY_HEX = 33 };
const char *key_hex(struct asx_key, char out[KEY_HEX]); /**< 32 hex digits; returns out */
bool key_parse(const char *hex, struct asx_key *out);

#endif
