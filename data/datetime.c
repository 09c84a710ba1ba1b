/* SPDX-License-Identifier: Apache-2.0 */
#include "data/datetime.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

int64_t datetime_days(int64_t y, unsigned m, unsigned d)
{
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * (int64_t)(m + (m > 2 ? -3u : 9u)) + 2) / 5 + (int64_t)d - 1;
    int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + doe - 719468;
}

void datetime_civil(int64_t z, int64_t *year, unsigned *month, unsigned *day)
{
    z += 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    *day = (unsigned)(doy - (153 * mp + 2) / 5 + 1);
    *month = (unsigned)(mp < 10 ? mp + 3 : mp - 9);
    *year = yoe + era * 400 + (*month <= 2);
}

static bool valid_date(int y, int m, int d)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (m < 1 || m > 12 || d < 1)
        return false;
    int last = days[m - 1] + (m == 2 && ((y % 4 == 0 && y % 100 != 0) || y % 400 == 0));
    return d <= last;
}

/* Up to `most` digits at *p; how many there were. */
static int number(const char **p, const char *end, int most, int *value)
{
    int n = 0;
    *value = 0;
    while (*p < end && n < most && **p >= '0' && **p <= '9') {
        *value = *value * 10 + (**p - '0');
        (*p)++;
        n++;
    }
    return n;
}

static bool zone(const char **p, const char *end, double *seconds)
{
    if (*p < end && (**p == 'Z' || **p == 'z')) {
        (*p)++;
        return true;
    }
    if (*p >= end || (**p != '+' && **p != '-'))
        return true;
    int sign = **p == '-' ? -1 : 1, hours, minutes = 0;
    (*p)++;
    if (number(p, end, 2, &hours) != 2)
        return false;
    bool colon = *p < end && **p == ':';
    *p += colon;
    int n = number(p, end, 2, &minutes);
    if ((n != 0 && n != 2) || (colon && n == 0) || hours > 15 || minutes > 59)
        return false;
    *seconds -= sign * (hours * 3600.0 + minutes * 60.0);
    return true;
}

/* HH:MM[:SS[.f]] [AM|PM] [zone], all of p..end. */
static bool time_of_day(const char *p, const char *end, double *seconds)
{
    int h, m, s = 0;
    double fraction = 0;
    int n = number(&p, end, 2, &h);
    if (n == 0 || p >= end || *p != ':')
        return false;
    p++;
    if (number(&p, end, 2, &m) != 2)
        return false;
    if (p < end && *p == ':') {
        p++;
        if (number(&p, end, 2, &s) != 2)
            return false;
        if (p < end && (*p == '.' || *p == ',')) {
            double unit = 0.1;
            for (p++; p < end && *p >= '0' && *p <= '9'; p++, unit /= 10)
                fraction += unit * (*p - '0');
        }
    }
    while (p < end && *p == ' ')
        p++;
    if (end - p >= 2 && (p[1] == 'M' || p[1] == 'm') && (p[0] == 'A' || p[0] == 'a' || p[0] == 'P' || p[0] == 'p')) {
        if (h < 1 || h > 12)
            return false;
        h = h % 12 + (p[0] == 'P' || p[0] == 'p' ? 12 : 0);
        p += 2;
    }
    if (h > 24 || m > 59 || s > 60 || (h == 24 && (m || s)))
        return false;
    *seconds = h * 3600.0 + m * 60.0 + s + fraction;
    return zone(&p, end, seconds) && p == end;
}

unsigned datetime_parse(const char *text, size_t size, unsigned order, double *seconds)
{
    const char *p = text, *end = text + size;
    int a, b = 0, c = 1;
    int na = number(&p, end, 4, &a);
    if (size > 64 || na == 0 || na == 3 || p >= end)
        return 0;
    char separator = *p;
    if (separator != '-' && separator != '/' && separator != '.')
        return 0;
    p++;
    int nb = number(&p, end, 2, &b), nc = 0;
    if (nb == 0 || (na == 4 && separator == '.'))
        return 0;
    if (p < end && *p == separator) {
        p++;
        nc = number(&p, end, na == 4 ? 2 : 4, &c);
    }
    if (na == 4 ? (nc == 0 && (separator != '-' || nb != 2 || p != end)) : nc != 4)
        return 0;
    double day_time = 0;
    if (p < end) {
        if (*p != ' ' && *p != 'T' && *p != 't')
            return 0;
        if (!time_of_day(p + 1, end, &day_time))
            return 0;
    }
    int year = na == 4 ? a : c, month = b, day = nc ? c : 1;
    unsigned able = 0;
    if (na == 4) {
        able = valid_date(year, month, day) ? DATE_MONTH_FIRST | DATE_DAY_FIRST : 0;
    } else {
        able |= separator != '.' && valid_date(year, a, b) ? DATE_MONTH_FIRST : 0;
        able |= valid_date(year, b, a) ? DATE_DAY_FIRST : 0;
        month = order == DATE_DAY_FIRST ? b : a;
        day = order == DATE_DAY_FIRST ? a : b;
    }
    if ((able & order) && seconds)
        *seconds = (double)datetime_days(year, (unsigned)month, (unsigned)day) * 86400.0 + day_time;
    return able;
}

const char *datetime_format(double seconds, char out[40])
{
    double days = floor(seconds / 86400.0);
    if (!(fabs(days) < 1e9)) {
        snprintf(out, 40, "%.17g", seconds);
        return out;
    }
    int64_t year;
    unsigned month, day;
    datetime_civil((int64_t)days, &year, &month, &day);
    int rest = (int)(seconds - days * 86400.0);
    if (rest == 0)
        snprintf(out, 40, "%04ld-%02u-%02u", (long)year, month, day);
    else
        snprintf(out, 40, "%04ld-%02u-%02uT%02d:%02d:%02d", (long)year, month, day, rest / 3600, rest / 60 % 60, rest % 60);
    return out;
}
