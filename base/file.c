/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include "base/err.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static asx_st too_large(const char *path, uint64_t max, struct asx_err *err)
{
    return err_set(err, ASX_E_DATA, "file '%s' is larger than %llu bytes; pass a smaller one", path, (unsigned long long)max);
}

/* Reads to the end, growing as it goes, since pipes and /proc files have no size. */
static asx_st read_all(int fd, const char *path, uint64_t hint, uint64_t max, struct mem *mem, char **text, size_t *size,
                       struct asx_err *err)
{
    size_t capacity = hint && hint < max ? (size_t)hint + 2 : 64 << 10, n = 0;
    char *s = mem_alloc(mem, capacity);
    while (s) {
        ssize_t got = read(fd, s + n, capacity - 1 - n < (1u << 30) ? capacity - 1 - n : 1u << 30);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            int why = errno;
            mem_free(s);
            return err_set(err, ASX_E_IO, "cannot read '%s': %s; check the file", path, strerror(why));
        }
        n += (size_t)got;
        if (n > max) {
            mem_free(s);
            return too_large(path, max, err);
        }
        if (got == 0) {
            s[n] = '\0';
            *text = s;
            *size = n;
            return ASX_OK;
        }
        if (n + 1 < capacity)
            continue;
        char *more = mem_realloc(mem, s, capacity * 2);
        if (!more)
            mem_free(s);
        s = more;
        capacity *= 2;
    }
    return err_set(err, ASX_E_NOMEM, "not enough memory to read '%s'; raise the memory limit", path);
}

asx_st file_read(const char *path, uint64_t max, struct mem *mem, char **text, size_t *size, struct asx_err *err)
{
    *text = NULL;
    *size = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set(err, ASX_E_IO, "cannot open '%s': %s; check the path", path, strerror(errno));
    struct stat st;
    asx_st rc;
    if (fstat(fd, &st) != 0)
        rc = err_set(err, ASX_E_IO, "cannot read '%s': %s; check the path", path, strerror(errno));
    else if (S_ISDIR(st.st_mode))
        rc = err_set(err, ASX_E_IO, "'%s' is a folder; name a file", path);
    else if (S_ISREG(st.st_mode) && (uint64_t)st.st_size > max)
        rc = too_large(path, max, err);
    else
        rc = read_all(fd, path, S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0, max, mem, text, size, err);
    close(fd);
    return rc;
}

static asx_st write_error(struct asx_err *err, const char *path, int why)
{
    const char *hint = why == ENOSPC || why == EDQUOT ? "free some space"
                       : why == EFBIG                 ? "raise the file size limit"
                                                      : "check the path and its permissions";
    return err_set(err, ASX_E_IO, "cannot write '%s': %s; %s", path, strerror(why), hint);
}

asx_st file_write_fd(int fd, const void *data, size_t size, const char *path, struct asx_err *err)
{
    const char *p = data;
    while (size) {
        ssize_t n = write(fd, p, size < (1u << 30) ? size : 1u << 30);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return write_error(err, path, errno);
        p += n;
        size -= (size_t)n;
    }
    return ASX_OK;
}

/* Devices and pipes can't be replaced: they are written through. */
static asx_st write_through(const char *path, const void *data, size_t size, struct asx_err *err)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return write_error(err, path, errno);
    asx_st rc = file_write_fd(fd, data, size, path, err);
    if (close(fd) != 0 && rc == ASX_OK)
        rc = write_error(err, path, errno);
    return rc;
}

/* A new file beside `target`, made with the umask of the process; its name goes to tmp. */
static int open_beside(const char *target, char *tmp, size_t size)
{
    for (int attempt = 0; attempt < 100; attempt++) {
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        int n = snprintf(tmp, size, "%s.%ld-%lx%d.tmp", target, (long)getpid(), (unsigned long)t.tv_nsec, attempt);
        if (n < 0 || (size_t)n >= size) {
            errno = ENAMETOOLONG;
            return -1;
        }
        int fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd >= 0 || errno != EEXIST)
            return fd;
    }
    return -1;
}

/* Makes the rename itself durable; a file system that cannot is no reason to fail. */
static void sync_folder_of(const char *target)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(target, '/');
    size_t n = slash ? (size_t)(slash - target) : 0;
    if (n >= sizeof folder)
        return;
    memcpy(folder, target, n);
    folder[n] = '\0';
    int fd = open(n ? folder : slash ? "/" : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)fsync(fd);
    close(fd);
}

static asx_st replace_now(const char *path, const char *target, const struct stat *old, const void *data, size_t size,
                          struct asx_err *err)
{
    char tmp[PATH_MAX + 64];
    int fd = open_beside(target, tmp, sizeof tmp);
    if (fd < 0)
        return write_error(err, path, errno);
    if (old)
        (void)fchmod(fd, old->st_mode & 07777);
    asx_st rc = file_write_fd(fd, data, size, path, err);
    if (rc == ASX_OK && fsync(fd) != 0 && errno != EINVAL)
        rc = write_error(err, path, errno);
    if (close(fd) != 0 && rc == ASX_OK)
        rc = write_error(err, path, errno);
    if (rc == ASX_OK && rename(tmp, target) != 0)
        rc = write_error(err, path, errno);
    if (rc != ASX_OK)
        unlink(tmp);
    else
        sync_folder_of(target);
    return rc;
}

/* What would end the process waits until the file is whole or gone: nothing half written is left under another name. */
static asx_st replace(const char *path, const char *target, const struct stat *old, const void *data, size_t size,
                      struct asx_err *err)
{
    sigset_t ends, before;
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &ends, &before);
    asx_st rc = replace_now(path, target, old, data, size, err);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

asx_st file_write(const char *path, const void *data, size_t size, struct asx_err *err)
{
    if (strcmp(path, "-") == 0)
        return file_write_fd(STDOUT_FILENO, data, size, "standard output", err);
    struct stat st;
    if (stat(path, &st) != 0)
        return replace(path, path, NULL, data, size, err);
    if (S_ISDIR(st.st_mode))
        return err_set(err, ASX_E_IO, "cannot write '%s': it is a folder; name a file", path);
    if (!S_ISREG(st.st_mode))
        return write_through(path, data, size, err);
    if (access(path, W_OK) != 0)
        return write_error(err, path, errno);
    char target[PATH_MAX]; /* behind links, so that a link stays a link */
    if (!realpath(path, target))
        return write_error(err, path, errno);
    return replace(path, target, &st, data, size, err);
}

char *file_absolute(const char *path, struct mem *mem)
{
    char target[PATH_MAX];
    return realpath(path, target) ? mem_strdup(mem, target) : NULL;
}

asx_st file_make_parent(const char *path, struct asx_err *err)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) : 0;
    if (n == 0)
        return ASX_OK;
    if (n >= sizeof folder)
        return write_error(err, path, ENAMETOOLONG);
    memcpy(folder, path, n);
    folder[n] = '\0';
    for (char *p = folder + 1;; p++) {
        if (*p && *p != '/')
            continue;
        char end = *p;
        *p = '\0';
        if (mkdir(folder, 0777) != 0 && errno != EEXIST) {
            struct stat st;
            int why = errno;
            if (stat(folder, &st) != 0) /* mkdir of an existing folder may say EROFS or EACCES */
                return err_set(err, ASX_E_IO, "cannot make folder '%s': %s; check the path and its permissions", folder,
                               strerror(why));
        }
        *p = end;
        if (!end)
            return ASX_OK;
    }
}
