/* SPDX-License-Identifier: Apache-2.0 */
/* Lineage keys: pieces kept apart, canonical numbers, hex form, and the published XXH3 value of the empty input. */
#include "base/hash.h"

#include <check.h>
#include <math.h>

Suite *suite_hash(void);

static struct asx_key two(const char *a, const char *b)
{
    struct hash h = hash_begin("test");
    hash_str(&h, a);
    hash_str(&h, b);
    return hash_end(&h);
}

START_TEST(pieces_are_kept_apart)
{
    ck_assert(!key_equal(two("ab", "c"), two("a", "bc")));
    ck_assert(!key_equal(two("", "x"), two("x", "")));
    ck_assert(!key_equal(two(NULL, "x"), two("", "x")));
    ck_assert(key_equal(two("ab", "c"), two("ab", "c")));
}
END_TEST

START_TEST(kinds_and_domains_are_kept_apart)
{
    struct hash a = hash_begin("d"), b = hash_begin("d"), c = hash_begin("e");
    uint64_t v = 5;
    hash_u64(&a, v);
    hash_bytes(&b, &v, sizeof v);
    hash_u64(&c, v);
    ck_assert(!key_equal(hash_end(&a), hash_end(&b)));
    ck_assert(!key_equal(hash_end(&a), hash_end(&c)));
    struct hash d = hash_begin("d");
    hash_key(&d, hash_end(&a));
    ck_assert(!key_equal(hash_end(&d), hash_end(&a)));
}
END_TEST

static struct asx_key number(double v)
{
    struct hash h = hash_begin("n");
    hash_f64(&h, v);
    return hash_end(&h);
}

START_TEST(numbers_are_canonical)
{
    ck_assert(key_equal(number(0.0), number(-0.0)));
    ck_assert(key_equal(number(NAN), number(-(double)NAN)));
    ck_assert(!key_equal(number(INFINITY), number(-INFINITY)));
    ck_assert(!key_equal(number(1.0), number(nextafter(1.0, 2))));
    ck_assert(!key_equal(number(NAN), number(0)));
}
END_TEST

START_TEST(hex_round_trip)
{
    char hex[KEY_HEX];
    struct asx_key k = hash_of("", 0), back;
    ck_assert_str_eq(key_hex(k, hex), "99aa06d3014798d86001c324468d497f"); /* XXH3-128 of nothing */
    ck_assert(key_parse(hex, &back));
    ck_assert(key_equal(k, back));
    ck_assert(key_parse("99AA06D3014798D86001C324468D497F", &back) && key_equal(k, back));
    ck_assert(!key_parse("99aa", &back));
    ck_assert(!key_parse("99aa06d3014798d86001c324468d497g", &back));
    ck_assert(!key_parse("99aa06d3014798d86001c324468d497f0", &back));
    ck_assert(!key_parse(NULL, &back));
    ck_assert(!key_is_zero(k));
    ck_assert(key_is_zero((struct asx_key){0, 0}));
}
END_TEST

Suite *suite_hash(void)
{
    Suite *s = suite_create("hash");
    TCase *t = tcase_create("hash");
    tcase_add_test(t, pieces_are_kept_apart);
    tcase_add_test(t, kinds_and_domains_are_kept_apart);
    tcase_add_test(t, numbers_are_canonical);
    tcase_add_test(t, hex_round_trip);
    suite_add_tcase(s, t);
    return s;
}
