/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* strtod_l */
#include "data/number.h"
#include "data/pow5.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const double pow10_exact[23] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                       1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

static inline bool is_digit(char c)
{
    return (unsigned char)(c - '0') < 10;
}

static inline uint64_t load8(const char *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
    return v;
}

/* Little-endian tricks on eight bytes at once; big-endian machines take the byte loop. */
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
enum { EIGHT = 1 };
#else
enum { EIGHT = 0 };
#endif

/* The high bit of each byte that is no digit (right up to the first such byte). */
static inline uint64_t no_digits(uint64_t v)
{
    return ((v + 0x4646464646464646u) | (v - 0x3030303030303030u)) & 0x8080808080808080u;
}

/* Eight digits, as values 0 to 9 in ascending bytes, to a number: pairs, fours and eights by three multiplications. */
static inline uint64_t eight_value(uint64_t v)
{
    v = v * 10 + (v >> 8);
    uint64_t low = (v & 0x000000FF000000FFu) * 0x000F424000000064u;
    uint64_t high = ((v >> 16) & 0x000000FF000000FFu) * 0x0000271000000001u;
    return (low + high) >> 32;
}

/* Appends the digits at p to w; shorter runs are shifted up behind zeros, so that their length costs no branches. */
static inline const char *digits(const char *p, uint64_t *w)
{
    static const uint64_t power[8] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000};
    uint64_t v = *w;
    while (EIGHT) {
        uint64_t eight = load8(p), stop = no_digits(eight);
        eight -= 0x3030303030303030u;
        if (stop) {
            unsigned n = (unsigned)__builtin_ctzll(stop) >> 3;
            *w = n ? v * power[n] + eight_value(eight << (64 - 8 * n)) : v;
            return p + n;
        }
        v = v * 100000000u + eight_value(eight);
        p += 8;
    }
    for (; is_digit(*p); p++)
        v = v * 10 + (uint64_t)(*p - '0');
    *w = v;
    return p;
}

/*
 * w * 10^q rounded to the nearest double, ties to even; NAN when this method cannot decide.
 * The product of w and the truncated 128-bit power brackets the true value; only when all bits below the 55 kept are
 * ones could the missing part of the power carry into them.
 */
static double by_product(uint64_t w, int q)
{
    if (q < POW5_MIN || q > POW5_MAX)
        return NAN;
    int lz = __builtin_clzll(w);
    w <<= lz;
    const uint64_t *t = pow5_table[q - POW5_MIN];
    unsigned __int128 first = (unsigned __int128)w * t[0];
    uint64_t upper = (uint64_t)(first >> 64), lower = (uint64_t)first;
    if ((upper & 0x1FF) == 0x1FF) {
        uint64_t second = (uint64_t)(((unsigned __int128)w * t[1]) >> 64);
        lower += second;
        upper += lower < second;
    }
    if (lower == UINT64_MAX && (q < -27 || q > 55))
        return NAN;
    int top = (int)(upper >> 63);
    uint64_t mantissa = upper >> (top + 9);
    /* floor(log2(10^q)) + 63 = ((152170 + 65536) q >> 16) + 63 for |q| < 400 */
    int power2 = ((217706 * q) >> 16) + 63 + top - lz + 1023;
    if (power2 <= 0 || power2 >= 0x7FE)
        return NAN; /* subnormal or near overflow: left to strtod */
    if (lower <= 1 && q >= -4 && q <= 23 && (mantissa & 3) == 1 && (mantissa << (top + 9)) == upper)
        mantissa &= ~(uint64_t)1; /* exactly half way: to even */
    mantissa = (mantissa + (mantissa & 1)) >> 1;
    if (mantissa >= (uint64_t)1 << 53) {
        mantissa = (uint64_t)1 << 52;
        power2++;
    }
    uint64_t bits = (mantissa & (((uint64_t)1 << 52) - 1)) | ((uint64_t)power2 << 52);
    double v;
    memcpy(&v, &bits, 8);
    return v;
}

/*
 * strtod in the C locale, of the significant digits as a whole number and an exponent. Digits beyond the 800th matter
 * only through "is any of them not zero", which one more digit says.
 */
static double by_library(const char *p, const char *end)
{
    enum { KEEP = 800 };
    char copy[KEEP + 40];
    size_t n = 0;
    long e = 0;
    bool point = false, sticky = false;
    for (; p < end && *p != 'e' && *p != 'E'; p++) {
        if (*p == '.') {
            point = true;
            continue;
        }
        bool kept = n < KEEP && (n || *p != '0');
        if (kept)
            copy[n++] = *p;
        sticky = sticky || (!kept && *p != '0');
        e += !kept && n && !point ? 1 : point && (kept || !n) ? -1 : 0;
    }
    if (sticky) {
        copy[n++] = '1';
        e--;
    }
    long exponent = p < end ? strtol(p + 1, NULL, 10) : 0;
    exponent = exponent > 100000 ? 100000 : exponent < -100000 ? -100000 : exponent;
    snprintf(copy + n, sizeof copy - n, "e%ld", exponent + e);
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    double v = c ? strtod_l(copy, NULL, c) : strtod(copy, NULL);
    if (c)
        freelocale(c);
    return v;
}

/* Flags of a number that is no plain small whole one. */
static uint32_t shape_of(uint64_t w, bool exact, double v)
{
    double a = fabs(v);
    if (a > 1.7976931348623157e308)
        return NUMBER_INFINITE;
    if (a < 16777216.0 && a == (double)(int32_t)a && exact)
        return 0;
    if (a != 0 && (a < 1e-30 || a > 1e30))
        return NUMBER_FRACTION | NUMBER_LONG;
    if (!exact)
        return NUMBER_FRACTION | NUMBER_LONG;
    while (w >= 1000000 && w % 10 == 0)
        w /= 10;
    return NUMBER_FRACTION | (w >= 1000000 ? NUMBER_LONG : 0);
}

/* The exponent behind the digits; p stays where it is when there is none. */
static const char *exponent_scan(const char *p, long *e)
{
    const char *s = p + 1;
    bool negative = *s == '-';
    s += *s == '-' || *s == '+';
    if (!is_digit(*s))
        return p;
    long v = 0;
    for (; is_digit(*s); s++)
        v = v < 100000 ? v * 10 + (*s - '0') : v;
    *e += negative ? -v : v;
    return s;
}

/* Any number: exponents, more digits than 64 bits hold, extremes. */
static const char *general(const char *p, double *value, uint32_t *flags)
{
    const char *start = p;
    bool negative = *p == '-';
    p += negative || *p == '+';
    const char *first = p;
    uint64_t w = 0;
    p = digits(p, &w);
    long e = 0;
    ptrdiff_t count = p - first;
    uint32_t f = first != start ? NUMBER_NOT_DIGITS : 0;
    if (*p == '.') {
        const char *point = p + 1;
        p = digits(point, &w);
        e = -(long)(p - point);
        count += p - point;
        f |= NUMBER_NOT_DIGITS;
    }
    if (count == 0)
        return NULL;
    if (*p == 'e' || *p == 'E') {
        const char *behind = exponent_scan(p, &e);
        f |= behind != p ? NUMBER_NOT_DIGITS : 0;
        p = behind;
    }
    ptrdiff_t bytes = p - start;
    f |= (uint32_t)NUMBER_WIDTH << (bytes < 26 ? bytes : 26);
    bool exact = true;
    if (count > 19) {
        const char *s = first;
        while (*s == '0' || *s == '.') {
            count -= *s == '0';
            s++;
        }
        exact = count <= 19;
    }
    double v;
    if (exact && w <= (uint64_t)1 << 53 && e >= -22 && e <= 22) {
        v = e < 0 ? (double)w / pow10_exact[-e] : (double)w * pow10_exact[e];
    } else if (exact && w == 0) {
        v = 0;
    } else {
        v = exact ? by_product(w, e < -1000 ? -1000 : e > 1000 ? 1000 : (int)e) : NAN;
        if (v != v)
            v = by_library(first, p);
    }
    if (!(e == 0 && exact && w < 16777216))
        f |= shape_of(w, exact, v);
    if (*first == '0' && bytes > 1 && !(f & NUMBER_NOT_DIGITS))
        f |= NUMBER_LEAD0;
    *value = negative ? -v : v;
    *flags = f;
    return p;
}

/* More than six digits, zeros at the end aside. */
static inline uint32_t long_flag(uint64_t w)
{
    while (w >= 1000000 && w % 10 == 0)
        w /= 10;
    return w >= 1000000 ? NUMBER_LONG : 0;
}

/* The common case, digits with or without a point: the sign and the digits' count cost no branches. */
const char *number_scan(const char *p, double *value, uint32_t *flags)
{
    static const uint64_t power[19] = {1u,
                                       10u,
                                       100u,
                                       1000u,
                                       10000u,
                                       100000u,
                                       1000000u,
                                       10000000u,
                                       100000000u,
                                       1000000000u,
                                       10000000000u,
                                       100000000000u,
                                       1000000000000u,
                                       10000000000000u,
                                       100000000000000u,
                                       1000000000000000u,
                                       10000000000000000u,
                                       100000000000000000u,
                                       1000000000000000000u};
    uint64_t negative = *p == '-', whole = 0, part = 0, bits;
    const char *first = p + (negative | (uint64_t)(*p == '+'));
    const char *point = digits(first, &whole), *end = point;
    if (*point == '.')
        end = digits(point + 1, &part);
    size_t places = end == point ? 0 : (size_t)(end - point) - 1, count = (size_t)(point - first) + places;
    if (__builtin_expect(count == 0 || count > 18 || (*end | 32) == 'e', 0))
        return count ? general(p, value, flags) : NULL;
    uint64_t w = whole * power[places] + part;
    double v = (double)w;
    if (w > (uint64_t)1 << 53) {
        v = by_product(w, -(int)places);
        if (v != v)
            return general(p, value, flags);
    } else if (places) {
        v /= pow10_exact[places];
    }
    size_t bytes = (size_t)(end - p);
    uint32_t f = (uint32_t)NUMBER_WIDTH << (bytes < 26 ? bytes : 26);
    if (part || whole >= 16777216)
        f |= NUMBER_FRACTION | long_flag(w);
    if (first != p || end != point)
        f |= NUMBER_NOT_DIGITS;
    else if (*p == '0' && bytes > 1)
        f |= NUMBER_LEAD0;
    memcpy(&bits, &v, sizeof bits);
    bits ^= negative << 63;
    memcpy(value, &bits, sizeof bits);
    *flags = f;
    return end;
}

bool number_parse(const char *text, size_t size, double *value, uint32_t *flags)
{
    char copy[64];
    if (size == 0 || size > 4096)
        return false;
    if (size + 9 <= sizeof copy) {
        memcpy(copy, text, size);
        memset(copy + size, 0, sizeof copy - size);
        const char *end = number_scan(copy, value, flags);
        if (end)
            return end == copy + size;
        size_t sign = copy[0] == '-' || copy[0] == '+';
        if (strcasecmp(copy + sign, "inf") == 0 || strcasecmp(copy + sign, "infinity") == 0) {
            *value = copy[0] == '-' ? -INFINITY : INFINITY;
            *flags = NUMBER_INFINITE | NUMBER_NOT_DIGITS;
            return true;
        }
        return false;
    }
    char longer[4096 + 16];
    memcpy(longer, text, size);
    memset(longer + size, 0, 16);
    return number_scan(longer, value, flags) == longer + size;
}

double number_from_f32(float f)
{
    double v = (double)f, a = fabs(v);
    if (a < 16777216.0 && a == floor(a))
        return v;
    if (!(a < 1e31))
        return v;
    /* scale to a six-digit whole number: both steps below are exact or correctly rounded, so the division is, too */
    int e = 5 - (int)floor(log10(a));
    if (e >= -22 && e <= 22) {
        double r = rint(e >= 0 ? a * pow10_exact[e] : a / pow10_exact[-e]);
        double back = e >= 0 ? r / pow10_exact[e] : r * pow10_exact[-e];
        if ((float)back == fabsf(f))
            return f < 0 ? -back : back;
    }
    char text[32];
    uint32_t flags;
    int n = snprintf(text, sizeof text, "%.5e", v);
    for (char *c = text; *c; c++)
        if (*c == ',') /* a locale's decimal comma */
            *c = '.';
    return number_parse(text, (size_t)n, &v, &flags) ? v : (double)f;
}
