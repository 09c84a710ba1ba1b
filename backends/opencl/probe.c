/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE 1 /* environ */
/* The parent's part: starts the child, reads its list with a deadline, and survives whatever it does. */
#include "backends/opencl/opencl.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_OUTPUT = 1 << 20 };

/* A private, writable folder; false when it can't be had. */
static bool own_folder(const char *path)
{
    struct stat st;
    struct asx_err err = {0};
    if (file_make_parent(path, &err) != ASX_OK || (mkdir(path, 0700) != 0 && errno != EEXIST))
        return false;
    return lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid() && access(path, W_OK | X_OK) == 0;
}

/* PoCL crashes when its cache folder is not writable: name one that is. "" when there is none. */
static void pocl_folder(char *out, size_t size)
{
    const char *set = getenv("POCL_CACHE_DIR"), *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (set && *set && access(set, W_OK | X_OK) == 0) {
        snprintf(out, size, "%s", set);
        return;
    }
    if (cache && *cache == '/')
        snprintf(out, size, "%s/assay/pocl", cache);
    else
        snprintf(out, size, "%s/.cache/assay/pocl", home && *home == '/' ? home : "/nonexistent");
    if (own_folder(out))
        return;
    snprintf(out, size, "/tmp/assay-pocl-%ld", (long)geteuid());
    if (!own_folder(out))
        out[0] = '\0';
}

/* The environment with POCL_CACHE_DIR replaced; `entry` holds the new one. */
static char **environment(char *entry)
{
    size_t n = 0;
    while (environ[n])
        n++;
    char **list = mem_calloc(NULL, n + 2, sizeof *list);
    if (!list)
        return NULL;
    size_t k = 0;
    for (size_t i = 0; i < n; i++)
        if (strncmp(environ[i], "POCL_CACHE_DIR=", 15) != 0)
            list[k++] = environ[i];
    list[k] = entry;
    return list;
}

static int spawn(const char *program, char **env, int out, pid_t *pid)
{
    char name[] = "assay", command[] = OPENCL_LIST_COMMAND;
    char *argv[] = {name, command, NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none;
    if (posix_spawn_file_actions_init(&files) != 0)
        return -1;
    if (posix_spawnattr_init(&attributes) != 0) {
        posix_spawn_file_actions_destroy(&files);
        return -1;
    }
    sigemptyset(&none);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    int rc = program ? posix_spawn(pid, program, &files, &attributes, argv, env)
                     : posix_spawnp(pid, name, &files, &attributes, argv, env);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return rc;
}

/* Reads until the end, the deadline or too much; true at a proper end. */
static bool read_until(int fd, double deadline, struct text *out)
{
    for (;;) {
        double left = deadline - clock_now();
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int ready = left > 0 ? poll(&p, 1, (int)(left * 1000) + 1) : 0;
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0)
            return false;
        char s[4096];
        ssize_t n = read(fd, s, sizeof s);
        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0)
            return !out->failed;
        if (n < 0 || out->n > MAX_OUTPUT)
            return false;
        text_put(out, s, (size_t)n);
    }
}

/* Waits for the child until the deadline, then kills it; its exit status, or -1 when it died or had to. */
static int reap(pid_t pid, double deadline)
{
    int status = 0;
    bool killed = false;
    for (;;) {
        pid_t got = waitpid(pid, &status, killed ? 0 : WNOHANG);
        if (got == pid)
            return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
        if (got < 0 && errno != EINTR)
            return -1;
        if (clock_now() >= deadline && !killed) {
            kill(pid, SIGKILL);
            killed = true;
        } else if (!killed) {
            clock_sleep(0.002);
        }
    }
}

static void copy(char *out, size_t size, const json_t *object, const char *key)
{
    const char *s = json_string_value(json_object_get(object, key));
    snprintf(out, size, "%s", s ? s : "");
}

static int parse(const struct text *t, struct asx_device_info *out, int max)
{
    json_t *whole;
    struct asx_err err = {0};
    if (json_parse(t->s, t->n, NULL, &whole, &err) != ASX_OK)
        return -1;
    const json_t *list = json_object_get(whole, "devices");
    int n = 0;
    for (size_t i = 0; i < json_array_size(list) && n < max; i++) {
        const json_t *d = json_array_get(list, i);
        struct asx_device_info *info = &out[n++];
        *info = (struct asx_device_info){0};
        copy(info->id, sizeof info->id, d, "id");
        copy(info->name, sizeof info->name, d, "name");
        copy(info->type, sizeof info->type, d, "type");
        copy(info->driver, sizeof info->driver, d, "driver");
        info->memory_bytes = (uint64_t)json_integer_value(json_object_get(d, "memory_bytes"));
        info->units = (int)json_integer_value(json_object_get(d, "units"));
        info->f64 = json_is_true(json_object_get(d, "f64"));
        info->unified = json_is_true(json_object_get(d, "unified"));
    }
    json_decref(whole);
    return n;
}

static void say(char *note, const char *what)
{
    if (note)
        snprintf(note, 128, "%s", what);
}

static int run(const char *program, char **env, double patience, struct asx_device_info *out, int max, char *note)
{
    int ends[2];
    pid_t pid;
    if (pipe(ends) != 0) {
        say(note, "no pipe to the probe");
        return 0;
    }
    fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    double deadline = clock_now() + patience;
    int rc = spawn(program, env, ends[1], &pid);
    close(ends[1]);
    struct text t;
    text_init(&t, NULL);
    int n = 0;
    if (rc != 0) {
        say(note, "the probe program was not found");
    } else {
        bool whole = read_until(ends[0], deadline, &t);
        int status = reap(pid, whole ? deadline : clock_now());
        n = whole && status == 0 ? parse(&t, out, max) : -1;
        if (n < 0)
            say(note, !whole ? "the probe took too long" : "the probe of the drivers failed");
    }
    close(ends[0]);
    text_clear(&t);
    return n > 0 ? n : 0;
}

int opencl_probe(const char *program, double patience, struct asx_device_info *out, int max, char note[128])
{
    char entry[4096] = "POCL_CACHE_DIR=";
    say(note, "");
    pocl_folder(entry + 15, sizeof entry - 15);
    if (!entry[15]) {
        say(note, "no writable folder for the cache of OpenCL drivers");
        return 0;
    }
    char **env = environment(entry);
    if (!env) {
        say(note, "out of memory");
        return 0;
    }
    int n = run(program, env, patience, out, max, note);
    mem_free(env);
    return n;
}
