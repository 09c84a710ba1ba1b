/* SPDX-License-Identifier: Apache-2.0 */
#include "data/comma.h"
#include "data/dict.h"
#include "data/number.h"

#include <string.h>

enum { LONGEST = 60 };

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

/* What a text is when `group` stands between thousands and `point` before the fraction. */
struct shape {
    bool fits, grouped, fraction;
};

static struct shape shape_of(const char *t, size_t n, char group, char point)
{
    struct shape s = {0}, bad = {0};
    size_t i = n && (t[0] == '+' || t[0] == '-'), first = i;
    if (n > LONGEST)
        return bad;
    while (i < n && digit(t[i]))
        i++;
    size_t whole = i - first;
    while (i + 3 < n && t[i] == group && whole >= 1 && whole <= 3 && digit(t[i + 1]) && digit(t[i + 2]) && digit(t[i + 3]) &&
           (i + 4 == n || !digit(t[i + 4]))) {
        i += 4;
        s.grouped = true;
    }
    if (i < n && t[i] == point) {
        size_t from = ++i;
        while (i < n && digit(t[i]))
            i++;
        s.fraction = i > from;
    }
    if (whole == 0 && !s.fraction)
        return bad;
    if (i < n && (t[i] == 'e' || t[i] == 'E')) {
        i += 1 + (i + 1 < n && (t[i + 1] == '+' || t[i + 1] == '-'));
        size_t from = i;
        while (i < n && digit(t[i]))
            i++;
        if (i == from)
            return bad;
    }
    s.fits = i == n;
    return s.fits ? s : bad;
}

static struct shape decimal(const char *t, size_t n)
{
    return shape_of(t, n, '.', ',');
}

static struct shape thousands(const char *t, size_t n)
{
    return shape_of(t, n, ',', '.');
}

bool comma_number(const char *text, size_t size)
{
    return memchr(text, ',', size) && (decimal(text, size).fits || thousands(text, size).fits);
}

bool comma_parse(const char *text, size_t size, enum comma how, double *value, uint32_t *flags)
{
    char plain[LONGEST];
    bool commas = memchr(text, ',', size) != NULL;
    bool points = how == COMMA_DECIMAL_POINTS && memchr(text, '.', size) != NULL;
    *flags = 0;
    if (!commas && !points)
        return number_parse(text, size, value, flags);
    struct shape s = how == COMMA_THOUSANDS ? thousands(text, size) : decimal(text, size);
    if (how == COMMA_NONE)
        return false;
    if (!s.fits) /* one plain number among those of another convention */
        return !commas && number_parse(text, size, value, flags);
    size_t n = 0;
    char group = how == COMMA_THOUSANDS ? ',' : '.';
    for (size_t i = 0; i < size; i++)
        if (text[i] != group)
            plain[n++] = text[i] == ',' ? '.' : text[i];
    return number_parse(plain, n, value, flags);
}

enum comma comma_convention(const struct dict *d, enum comma ambiguous)
{
    bool is_decimal = true, is_thousands = true, fraction = false, grouped = false, both = false, points = false;
    for (size_t i = 0; i < d->n && (is_decimal || is_thousands); i++) {
        const char *t = dict_text(d, i);
        size_t n = dict_size(d, i);
        struct shape a = decimal(t, n), b = thousands(t, n);
        bool commas = memchr(t, ',', n) != NULL;
        is_decimal = is_decimal && a.fits;
        is_thousands = is_thousands && b.fits;
        fraction = fraction || (a.fraction && commas);
        grouped = grouped || (b.grouped && commas);
        both = both || (a.grouped && a.fraction);
        points = points || (a.grouped && !a.fraction);
    }
    /* "1.234" counts as grouped only where "1.234,5" shows that points group. */
    is_decimal = is_decimal && fraction && (!points || both);
    is_thousands = is_thousands && grouped;
    if (is_decimal && is_thousands)
        return ambiguous;
    return is_decimal ? (both ? COMMA_DECIMAL_POINTS : COMMA_DECIMAL) : is_thousands ? COMMA_THOUSANDS : COMMA_NONE;
}
