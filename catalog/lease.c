/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who works on a run. A process id alone may have been given to another process since,
 * so its start time (clock ticks since boot, /proc/PID/stat field 22) goes with it; boot
 * id and pid namespace say whether the numbers can be compared at all.
 */
#include "base/clock.h"
#include "catalog/run.h"
#include "catalog/store.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Where processes cannot be seen, a commit younger than this counts as a sign of life. */
enum { SIGN_OF_LIFE_S = 120 };

static size_t slurp(const char *path, char *out, size_t size)
{
    FILE *f = fopen(path, "rb");
    size_t n = f ? fread(out, 1, size - 1, f) : 0;
    if (f)
        fclose(f);
    out[n] = 0;
    return n;
}

/* Flag of a process that is being taken down (PF_EXITING of the kernel's sched.h). */
enum { EXITING = 4 };

/* Start time of a process, 0 when there is none (one on its way out and a zombie have ended too). */
static int64_t process_start(int64_t pid)
{
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%lld/stat", (long long)pid);
    if (!slurp(path, text, sizeof text))
        return 0;
    char *p = strrchr(text, ')'); /* the name before it may hold anything */
    if (!p || p[1] != ' ' || p[2] == 'Z' || p[2] == 'X' || p[2] == 'x')
        return 0;
    p += 2;
    for (int field = 3; field < 22; field++) {
        p = strchr(p, ' ');
        if (!p)
            return 0;
        p++;
        if (field + 1 == 9 && strtoull(p, NULL, 10) & EXITING)
            return 0;
    }
    return strtoll(p, NULL, 10);
}

void lease_own(struct lease *l)
{
    char boot[64] = "";
    char space[32] = "";
    if (slurp("/proc/sys/kernel/random/boot_id", boot, sizeof boot))
        boot[strcspn(boot, "\n")] = 0;
    ssize_t n = readlink("/proc/self/ns/pid", space, sizeof space - 1);
    space[n > 0 ? n : 0] = 0;
    l->pid = getpid();
    l->start = process_start(l->pid);
    snprintf(l->host, sizeof l->host, "%.40s/%s", boot, space);
}

bool lease_alive(const struct lease *l, int64_t updated)
{
    if (l->pid <= 0)
        return false;
    struct lease own;
    lease_own(&own);
    if (strcmp(own.host, l->host) != 0) {
        size_t boot = strcspn(own.host, "/");
        bool same_boot = boot > 0 && strcspn(l->host, "/") == boot && strncmp(own.host, l->host, boot) == 0;
        return same_boot && clock_unix() - updated < SIGN_OF_LIFE_S;
    }
    if (own.start == 0) /* no /proc */
        return kill((pid_t)l->pid, 0) == 0 || errno == EPERM;
    return process_start(l->pid) == l->start;
}

static size_t dead_runs(struct cat *cat, int64_t *dead, size_t max)
{
    size_t n = 0;
    struct query q = db_query(cat, "SELECT id, lease_pid, lease_start, lease_host, updated FROM runs WHERE state = 'running'");
    while (n < max && q_row(&q)) {
        struct lease l = {.pid = q_col_i64(&q, 1), .start = q_col_i64(&q, 2)};
        const char *host = (const char *)sqlite3_column_text(q.stmt, 3);
        snprintf(l.host, sizeof l.host, "%s", host ? host : "");
        if (!lease_alive(&l, q_col_i64(&q, 4)))
            dead[n++] = q_col_i64(&q, 0);
    }
    (void)q_end(&q, NULL);
    return n;
}

void runs_sweep(struct cat *cat)
{
    int64_t dead[64];
    db_lock(cat);
    size_t n = dead_runs(cat, dead, 64);
    db_unlock(cat);
    if (n == 0 || db_begin(cat, DB_NORMAL, NULL) != ASX_OK)
        return;
    n = dead_runs(cat, dead, 64); /* one may have been taken over since */
    asx_st st = ASX_OK;
    for (size_t i = 0; i < n && st == ASX_OK; i++) {
        struct query q = db_query(cat, "UPDATE runs SET state = 'interrupted', lease_pid = NULL WHERE id = ?");
        q_i64(&q, dead[i]);
        (void)q_row(&q);
        st = q_end(&q, NULL);
    }
    (void)db_end(cat, DB_NORMAL, st, NULL);
}
