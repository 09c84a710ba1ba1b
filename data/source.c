/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* O_TMPFILE */
#include "data/source.h"
#include "base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SPOOL_STEP = 1 << 20, SPOOL_MEMORY = 8 << 20 };

static asx_st fail(const struct source *s, const char *what, struct asx_err *err)
{
    return err_set(err, ASX_E_IO, "cannot %s '%s': %s; check that it exists and may be read", what, s->name, strerror(errno));
}

static ssize_t read_some(int fd, char *buffer, size_t n)
{
    ssize_t got;
    do
        got = read(fd, buffer, n);
    while (got < 0 && errno == EINTR);
    return got;
}

static int temporary(void)
{
    const char *folder = getenv("TMPDIR");
    folder = folder && *folder ? folder : "/tmp";
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0)
        return fd;
    char path[4096];
    if (snprintf(path, sizeof path, "%s/assay-XXXXXX", folder) >= (int)sizeof path)
        return -1;
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        unlink(path);
    return fd;
}

static bool write_all(int fd, const char *p, size_t n)
{
    while (n) {
        ssize_t done = write(fd, p, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        p += done;
        n -= (size_t)done;
    }
    return true;
}

/* Moves what the buffer holds to the temporary file, which is made at the first call. */
static asx_st flush(struct source *s, const char *buffer, size_t n, struct asx_err *err)
{
    if (s->fd < 0) {
        s->fd = temporary();
        s->close = s->fd >= 0;
    }
    if (s->fd < 0 || !write_all(s->fd, buffer, n))
        return err_set(err, ASX_E_IO, "cannot keep standard input in a temporary file: %s; set TMPDIR to a folder with room",
                       strerror(errno));
    s->size += n;
    return ASX_OK;
}

/* Reads a pipe to its end, into memory while it is small, else into a file. */
static asx_st spool(struct source *s, int from, struct mem *mem, struct asx_err *err)
{
    size_t capacity = 0, n = 0;
    char *buffer = NULL;
    asx_st st = ASX_OK;
    while (!st) {
        if (n == capacity && capacity == SPOOL_MEMORY) {
            st = flush(s, buffer, n, err);
            n = 0;
        } else if (n == capacity) {
            char *bigger = mem_realloc(mem, buffer, capacity + SPOOL_STEP);
            if (!bigger)
                st = err_set(err, ASX_E_NOMEM, "no memory to read '%s'; raise the memory limit", s->name);
            buffer = bigger ? bigger : buffer;
            capacity += bigger ? SPOOL_STEP : 0;
        }
        if (st)
            break;
        ssize_t got = read_some(from, buffer + n, capacity - n);
        if (got < 0)
            st = fail(s, "read", err);
        if (got <= 0)
            break;
        n += (size_t)got;
    }
    if (!st && s->fd >= 0)
        st = flush(s, buffer, n, err);
    if (!st && s->fd >= 0)
        st = source_seek(s, 0, err);
    if (!st && s->fd < 0) {
        s->spooled = buffer;
        s->text = buffer;
        s->size = n;
        return ASX_OK;
    }
    mem_free(buffer);
    if (st)
        source_close(s);
    return st;
}

asx_st source_open(struct source *s, const char *path, struct mem *mem, struct asx_err *err)
{
    *s = (struct source){.name = strcmp(path, "-") == 0 ? "standard input" : path, .fd = -1};
    bool standard = strcmp(path, "-") == 0;
    int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail(s, "open", err);
    struct stat info;
    asx_st st = ASX_OK;
    if (fstat(fd, &info) != 0)
        st = fail(s, "open", err);
    else if (S_ISDIR(info.st_mode))
        st = err_set(err, ASX_E_IO, "'%s' is a folder; name a file in it", s->name);
    else if (S_ISREG(info.st_mode) && (!standard || lseek(fd, 0, SEEK_CUR) == 0)) {
        s->fd = fd;
        s->close = !standard;
        s->size = (uint64_t)info.st_size;
        return ASX_OK;
    } else
        st = spool(s, fd, mem, err);
    if (!standard)
        close(fd);
    return st;
}

void source_open_text(struct source *s, const char *name, const char *text, size_t size)
{
    *s = (struct source){.name = name, .fd = -1, .text = text, .size = size};
}

void source_close(struct source *s)
{
    if (s->close)
        close(s->fd);
    mem_free(s->spooled);
    *s = (struct source){.fd = -1};
}

asx_st source_read(struct source *s, char *buffer, size_t n, size_t *got, struct asx_err *err)
{
    *got = 0;
    if (s->fd < 0) {
        size_t left = (size_t)(s->size - s->at);
        *got = n < left ? n : left;
        if (*got)
            memcpy(buffer, s->text + s->at, *got);
        s->at += *got;
        return ASX_OK;
    }
    while (*got < n) {
        ssize_t part = read_some(s->fd, buffer + *got, n - *got);
        if (part < 0)
            return fail(s, "read", err);
        if (part == 0)
            break;
        *got += (size_t)part;
    }
    s->at += *got;
    return ASX_OK;
}

asx_st source_seek(struct source *s, uint64_t at, struct asx_err *err)
{
    s->at = at < s->size ? at : s->size;
    if (s->fd >= 0 && lseek(s->fd, (off_t)s->at, SEEK_SET) < 0)
        return fail(s, "read again from", err);
    return ASX_OK;
}
