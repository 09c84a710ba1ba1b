/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static double seconds(clockid_t id)
{
    struct timespec t;
    if (clock_gettime(id, &t) != 0)
        return 0.0;
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double clock_now(void)
{
    return seconds(CLOCK_MONOTONIC);
}

double clock_thread_cpu(void)
{
    return seconds(CLOCK_THREAD_CPUTIME_ID);
}

static bool read_small(const char *path, char *out, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, out, size - 1);
    close(fd);
    if (n <= 0)
        return false;
    out[n] = '\0';
    return true;
}

/* Field 22 of /proc/self/stat: start in ticks since boot; fields are counted after the last ')' of the name. */
double clock_process_start(void)
{
    char stat[1024];
    double now = clock_now(), boot = seconds(CLOCK_BOOTTIME);
    if (!read_small("/proc/self/stat", stat, sizeof stat))
        return now;
    const char *p = strrchr(stat, ')');
    for (int field = 2; p && field < 22; field++)
        p = strchr(p + 1, ' ');
    if (!p)
        return now;
    double start = strtod(p + 1, NULL) / (double)sysconf(_SC_CLK_TCK);
    double age = boot - start;
    return age >= 0 && age <= boot ? now - age : now;
}

int64_t clock_unix(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec;
}

const char *clock_iso(int64_t unix_s, char out[24])
{
    time_t t = (time_t)unix_s;
    struct tm tm;
    if (!gmtime_r(&t, &tm) || !strftime(out, 24, "%Y-%m-%dT%H:%M:%SZ", &tm))
        snprintf(out, 24, "-");
    return out;
}

void clock_sleep(double s)
{
    if (!(s > 0))
        return;
    if (s > 1e9)
        s = 1e9;
    struct timespec t = {.tv_sec = (time_t)s, .tv_nsec = (long)((s - floor(s)) * 1e9)};
    while (nanosleep(&t, &t) != 0 && errno == EINTR)
        ;
}

uint64_t clock_peak_rss(void)
{
    struct rusage u;
    return getrusage(RUSAGE_SELF, &u) == 0 ? (uint64_t)u.ru_maxrss * 1024u : 0;
}

uint64_t clock_rss(void)
{
    char text[256];
    if (!read_small("/proc/self/statm", text, sizeof text))
        return 0;
    const char *p = strchr(text, ' ');
    return p ? strtoull(p, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

struct unit {
    const char *name;
    double factor;
};

/* A non-negative decimal number and a unit of the list ("" is one of them). */
static bool parse_quantity(const char *s, const struct unit *unit, double *out)
{
    while (s && (*s == ' ' || *s == '\t'))
        s++;
    if (!s || !((*s >= '0' && *s <= '9') || *s == '.'))
        return false;
    if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X'))
        return false;
    char *end;
    double v = strtod(s, &end);
    if (end == s || !isfinite(v))
        return false;
    while (*end == ' ')
        end++;
    size_t n = strlen(end);
    while (n && (end[n - 1] == ' ' || end[n - 1] == '\t'))
        n--;
    for (; unit->name; unit++)
        if (strlen(unit->name) == n && strncmp(end, unit->name, n) == 0) {
            *out = v * unit->factor;
            return isfinite(*out);
        }
    return false;
}

bool clock_parse_duration(const char *s, double *out)
{
    static const struct unit unit[] = {{"", 1},   {"ns", 1e-9}, {"us", 1e-6}, {"ms", 1e-3},   {"s", 1},     {"sec", 1},
                                       {"m", 60}, {"min", 60},  {"h", 3600},  {"hour", 3600}, {"d", 86400}, {NULL, 0}};
    return parse_quantity(s, unit, out);
}

bool clock_parse_size(const char *s, uint64_t *out)
{
    static const struct unit unit[] = {
        {"", 1},     {"B", 1},    {"KiB", 0x1p10}, {"MiB", 0x1p20}, {"GiB", 0x1p30}, {"TiB", 0x1p40}, {"KB", 1e3},   {"kB", 1e3},
        {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12},    {"K", 0x1p10},   {"M", 0x1p20},   {"G", 0x1p30},   {"T", 0x1p40}, {NULL, 0}};
    double v;
    if (!parse_quantity(s, unit, &v) || v >= 0x1p63)
        return false;
    *out = (uint64_t)(v + 0.5);
    return true;
}

const char *clock_format_seconds(double s, char out[32])
{
    double a = fabs(s);
    if (!isfinite(s))
        snprintf(out, 32, "-");
    else if (a < 1e-6)
        snprintf(out, 32, a == 0 ? "0 s" : "%.0f ns", s * 1e9);
    else if (a < 0.9995e-3)
        snprintf(out, 32, a < 9.95e-6 ? "%.1f us" : "%.0f us", s * 1e6);
    else if (a < 0.9995)
        snprintf(out, 32, a < 9.95e-3 ? "%.1f ms" : "%.0f ms", s * 1e3);
    else if (a < 59.95)
        snprintf(out, 32, a < 9.995 ? "%.2f s" : "%.1f s", s);
    else if (a < 3599.5)
        snprintf(out, 32, "%d min %02d s", (int)(round(s) / 60), (int)fmod(round(s), 60));
    else
        snprintf(out, 32, "%.0f h %02d min", floor(round(s / 60) / 60), (int)fmod(round(s / 60), 60));
    return out;
}

const char *clock_format_bytes(double b, char out[32])
{
    static const char *const unit[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    if (!isfinite(b)) {
        snprintf(out, 32, "-");
        return out;
    }
    int u = 0;
    while (fabs(b) >= 1023.5 && u < 5) {
        b /= 1024;
        u++;
    }
    snprintf(out, 32, u == 0 || fabs(b) >= 99.95 ? "%.0f %s" : "%.1f %s", b, unit[u]);
    return out;
}
