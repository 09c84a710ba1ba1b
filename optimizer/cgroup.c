/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Version 2: one hierarchy, cpu.max "quota period" or "max period", memory.max and memory.high.
 * Version 1: a folder per controller, cpu.cfs_quota_us (-1: none) over cpu.cfs_period_us,
 * memory.limit_in_bytes. Limits of every ancestor hold, so the walk goes up to the root. In a container
 * the path named in /proc/self/cgroup may not exist below the mount; then the root itself is looked at.
 */
#include "optimizer/cgroup.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_SIZE = 1024 };

static bool read_text(const char *dir, const char *name, char *out, size_t size)
{
    char path[PATH_SIZE + 64];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "re");
    if (!f)
        return false;
    size_t n = fread(out, 1, size - 1, f);
    fclose(f);
    out[n] = 0;
    return n > 0;
}

/* A number, or "max" and anything huge as "none" (0). */
static uint64_t read_bytes(const char *dir, const char *name)
{
    char text[64];
    if (!read_text(dir, name, text, sizeof text) || strncmp(text, "max", 3) == 0)
        return 0;
    unsigned long long v = strtoull(text, NULL, 10);
    return v >= 1ULL << 60 ? 0 : v;
}

static uint64_t stat_field(const char *dir, const char *field)
{
    char text[8192];
    if (!read_text(dir, "memory.stat", text, sizeof text))
        return 0;
    size_t n = strlen(field);
    for (const char *p = text; p; p = strchr(p, '\n')) {
        p += *p == '\n';
        if (strncmp(p, field, n) == 0 && p[n] == ' ')
            return strtoull(p + n, NULL, 10);
    }
    return 0;
}

static void least_cores(struct opt_cgroup *c, double quota, double period)
{
    if (quota > 0 && period > 0 && (c->cores == 0 || quota / period < c->cores))
        c->cores = quota / period;
}

static void least_memory(struct opt_cgroup *c, uint64_t limit, uint64_t used, uint64_t reclaimable)
{
    if (!limit)
        return;
    if (!c->memory_limit || limit < c->memory_limit)
        c->memory_limit = limit;
    used = used > reclaimable ? used - reclaimable : 0;
    uint64_t left = limit > used ? limit - used : 0;
    if (left < c->memory_free)
        c->memory_free = left;
}

static void look_v2(const char *dir, struct opt_cgroup *c)
{
    char text[128], *end;
    if (read_text(dir, "cpu.max", text, sizeof text) && strncmp(text, "max", 3) != 0) {
        double quota = strtod(text, &end);
        least_cores(c, quota, strtod(end, NULL));
    }
    uint64_t used = read_bytes(dir, "memory.current"), file = stat_field(dir, "inactive_file");
    least_memory(c, read_bytes(dir, "memory.max"), used, file);
    least_memory(c, read_bytes(dir, "memory.high"), used, file);
}

static void look_v1_cpu(const char *dir, struct opt_cgroup *c)
{
    char quota[64], period[64];
    if (read_text(dir, "cpu.cfs_quota_us", quota, sizeof quota) && read_text(dir, "cpu.cfs_period_us", period, sizeof period))
        least_cores(c, strtod(quota, NULL), strtod(period, NULL));
}

static void look_v1_memory(const char *dir, struct opt_cgroup *c)
{
    least_memory(c, read_bytes(dir, "memory.limit_in_bytes"), read_bytes(dir, "memory.usage_in_bytes"),
                 stat_field(dir, "total_inactive_file"));
}

/* Looks at mount + path and at every folder above it, down to the mount itself. */
static void walk_up(const char *mount, const char *path, void (*look)(const char *, struct opt_cgroup *), struct opt_cgroup *c)
{
    char dir[PATH_SIZE];
    int n = snprintf(dir, sizeof dir, "%s%s", mount, path);
    if (n < 0 || n >= (int)sizeof dir)
        return;
    size_t base = strlen(mount);
    for (;;) {
        size_t len = strlen(dir);
        while (len > base && dir[len - 1] == '/')
            dir[--len] = 0;
        look(dir, c);
        char *slash = strrchr(dir, '/');
        if (len <= base || !slash || (size_t)(slash - dir) < base)
            return;
        *slash = 0;
    }
}

/* Is `name` one of the comma-separated controllers? */
static bool has_controller(const char *list, size_t n, const char *name)
{
    size_t len = strlen(name);
    for (const char *p = list; p < list + n;) {
        const char *end = memchr(p, ',', (size_t)(list + n - p));
        size_t k = (size_t)((end ? end : list + n) - p);
        if (k == len && memcmp(p, name, len) == 0)
            return true;
        p += k + 1;
    }
    return false;
}

static void read_line(const char *root, const char *controllers, size_t n, const char *path, struct opt_cgroup *c)
{
    char mount[PATH_SIZE];
    if (n == 0) {
        snprintf(mount, sizeof mount, "%s/unified", root); /* both versions at once: the second lives here */
        walk_up(access(mount, F_OK) == 0 ? mount : root, path, look_v2, c);
    }
    if (has_controller(controllers, n, "cpu")) {
        snprintf(mount, sizeof mount, "%s/cpu", root);
        walk_up(mount, path, look_v1_cpu, c);
    }
    if (has_controller(controllers, n, "memory")) {
        snprintf(mount, sizeof mount, "%s/memory", root);
        walk_up(mount, path, look_v1_memory, c);
    }
}

void opt_cgroup_read(const char *root, const char *self, struct opt_cgroup *out)
{
    *out = (struct opt_cgroup){.memory_free = UINT64_MAX};
    for (const char *line = self; line && *line;) {
        const char *end = strchr(line, '\n'), *a = strchr(line, ':'), *b = a ? strchr(a + 1, ':') : NULL;
        char path[PATH_SIZE / 2];
        size_t n = end ? (size_t)(end - line) : strlen(line);
        if (b && b < line + n && (size_t)(line + n - b - 1) < sizeof path) {
            memcpy(path, b + 1, (size_t)(line + n - b - 1));
            path[line + n - b - 1] = 0;
            read_line(root, a + 1, (size_t)(b - a - 1), path, out);
        }
        line = end ? end + 1 : NULL;
    }
}

void opt_cgroup_self(struct opt_cgroup *out)
{
    char self[8192] = "";
    read_text("/proc/self", "cgroup", self, sizeof self);
    opt_cgroup_read("/sys/fs/cgroup", self, out);
}
