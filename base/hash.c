/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"

#include <math.h>
#include <string.h>
#include <xxhash.h>

enum tag { TAG_DOMAIN = 1, TAG_BYTES, TAG_STR, TAG_NULL, TAG_U64, TAG_F64, TAG_KEY };

static struct asx_key from_xxh(XXH128_hash_t h)
{
    return (struct asx_key){h.high64, h.low64};
}

struct asx_key hash_of(const void *p, size_t n)
{
    return from_xxh(XXH3_128bits(n ? p : "", n));
}

/* key' = XXH3(key, kind, length, XXH3(piece)): kind and length keep neighbouring pieces apart. */
static void piece(struct hash *h, enum tag tag, const void *p, size_t n)
{
    struct asx_key inner = hash_of(p, n);
    uint64_t block[6] = {h->key.hi, h->key.lo, (uint64_t)tag, n, inner.hi, inner.lo};
    h->key = hash_of(block, sizeof block);
}

struct hash hash_begin(const char *domain)
{
    struct hash h = {{0, 0}};
    piece(&h, TAG_DOMAIN, domain, strlen(domain));
    return h;
}

void hash_bytes(struct hash *h, const void *p, size_t n)
{
    piece(h, TAG_BYTES, p, n);
}

void hash_str(struct hash *h, const char *s)
{
    if (s)
        piece(h, TAG_STR, s, strlen(s));
    else
        piece(h, TAG_NULL, "", 0);
}

void hash_u64(struct hash *h, uint64_t v)
{
    piece(h, TAG_U64, &v, sizeof v);
}

void hash_f64(struct hash *h, double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    if (isnan(v))
        bits = 0x7ff8000000000000u;
    if (v == 0.0)
        bits = 0;
    piece(h, TAG_F64, &bits, sizeof bits);
}

void hash_key(struct hash *h, struct asx_key k)
{
    piece(h, TAG_KEY, &k, sizeof k);
}

struct asx_key hash_end(const struct hash *h)
{
    return h->key;
}

bool key_equal(struct asx_key a, struct asx_key b)
{
    return a.hi == b.hi && a.lo == b.lo;
}

bool key_is_zero(struct asx_key k)
{
    return k.hi == 0 && k.lo == 0;
}

const char *key_hex(struct asx_key k, char out[KEY_HEX])
{
    static const char digit[] = "0123456789abcdef";
    for (int i = 0; i < 16; i++) {
        out[15 - i] = digit[(k.hi >> (4 * i)) & 15];
        out[31 - i] = digit[(k.lo >> (4 * i)) & 15];
    }
    out[32] = '\0';
    return out;
}

bool key_parse(const char *hex, struct asx_key *out)
{
    uint64_t part[2] = {0, 0};
    if (!hex || strlen(hex) != 32)
        return false;
    for (int i = 0; i < 32; i++) {
        char c = hex[i];
        int v = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
        if (v < 0)
            return false;
        part[i / 16] = part[i / 16] << 4 | (uint64_t)v;
    }
    *out = (struct asx_key){part[0], part[1]};
    return true;
}
