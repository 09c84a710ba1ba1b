/* SPDX-License-Identifier: Apache-2.0 */
/* What a read will cost, from the file's size and its first 64 KiB. */
#include "base/err.h"
#include "data/csv.h"

#include <strings.h>
#include <sys/stat.h>

enum { SAMPLE = 64 << 10 };

static bool has_extension(const char *path, const char *extension)
{
    const char *dot = strrchr(path, '.');
    return dot && strcasecmp(dot, extension) == 0;
}

static void scan_sparse(const char *p, size_t n, struct data_prescan *s)
{
    double rows = 0, cells = 0;
    long largest = 0, index = 0;
    size_t used = 0;
    for (size_t i = 0; i < n; i++) {
        if (p[i] == '\n') {
            rows++;
            used = i + 1;
        }
        if (p[i] >= '0' && p[i] <= '9') {
            index = index < 1000000000 ? index * 10 + (p[i] - '0') : index;
            continue;
        }
        if (p[i] == ':') {
            cells++;
            largest = index > largest ? index : largest;
        }
        index = 0;
    }
    double scale = used ? (double)s->file_bytes / (double)used : 1;
    s->rows = rows > 0 ? rows * scale : 1;
    s->cells = cells * (used ? scale : 1);
    s->columns = (double)largest;
    s->numeric = 1;
    s->frame_bytes = s->rows * 16 + s->cells * 8;
}

/* What looks wrong here may be right under the reader's options (header, delimiter): reading tells, with its place. */
static void scan_table(const char *path, const char *sample, size_t got, bool whole, struct data_prescan *s)
{
    struct data_options o = {0};
    struct asx_err ignored = {0};
    struct csv_layout l;
    bool enough;
    s->rows = s->columns = 1;
    if (csv_sniff(&o, path, sample, got, whole, NULL, &l, &enough, &ignored) != ASX_OK)
        return;
    double words = 0, row_bytes = 0;
    for (size_t j = 0; l.words && j < l.columns; j++) {
        words += l.words[j];
        row_bytes +=
            l.words[j] || !(l.flags[j] & NUMBER_FRACTION) || (s->file_bytes > 32u << 20 && !(l.flags[j] & NUMBER_LONG)) ? 4 : 8;
    }
    s->columns = (double)l.columns;
    s->numeric = l.columns ? 1 - words / (double)l.columns : 0;
    s->rows = l.bytes_per_row > 0 ? (double)(s->file_bytes - l.first_row) / l.bytes_per_row : 1;
    s->cells = s->rows * s->columns;
    s->frame_bytes = s->rows * row_bytes + (l.columns ? words / (double)l.columns : 0) * (double)s->file_bytes / 2;
    if (l.bytes_per_row <= 0 && !whole) { /* not one whole record in the sample: a very wide table */
        double cells = (double)scan_count(sample, got, l.delimiter) + 1;
        s->cells = (double)s->file_bytes * cells / (double)got;
        s->columns = s->cells / s->rows;
        s->frame_bytes = s->cells * 8;
    }
    csv_layout_clear(&l);
}

/* ARFF: columns by their declarations, rows by the mean length of the lines behind @data. */
static void scan_arff(const char *p, size_t n, struct data_prescan *s)
{
    double columns = 0, numeric = 0, rows = 0;
    size_t data = 0;
    for (size_t i = 0; i < n;) {
        const char *lf = memchr(p + i, '\n', n - i);
        size_t next = lf ? (size_t)(lf - p) + 1 : n, size = next - i;
        if (data && lf)
            rows++;
        else if (size > 10 && strncasecmp(p + i, "@attribute", 10) == 0) {
            columns++;
            numeric += memchr(p + i, '{', size) == NULL;
        } else if (size >= 5 && strncasecmp(p + i, "@data", 5) == 0)
            data = next;
        i = next;
    }
    s->columns = columns;
    s->numeric = columns > 0 ? numeric / columns : 0;
    s->rows = rows > 0 ? rows / (double)(n - data) * (double)(s->file_bytes - data) : 1;
    s->cells = s->rows * columns;
    s->frame_bytes = s->rows * (numeric * 8 + (columns - numeric) * 4);
}

asx_st data_prescan(const char *path, struct data_prescan *s, struct asx_err *err)
{
    struct source source;
    memset(s, 0, sizeof *s);
    struct stat info;
    if (strcmp(path, "-") == 0 || (stat(path, &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode)))
        return ASX_OK; /* a pipe gives its bytes once */
    asx_st st = source_open(&source, path, NULL, err);
    if (st)
        return st;
    char *sample = mem_alloc(NULL, SAMPLE + SCAN_PAD);
    size_t got = 0;
    st = sample ? source_read(&source, sample, SAMPLE, &got, err) : err_set(err, ASX_E_NOMEM, "no memory to look at '%s'", path);
    s->file_bytes = source.size;
    if (!st)
        memset(sample + got, '\n', SCAN_PAD);
    if (!st && got == 0)
        st = err_at(err, ASX_E_DATA, path, 0, 0, "the file is empty; give a table with at least one row");
    if (!st)
        st = csv_check_text(path, sample, got, true, err);
    if (st)
        ;
    else if (has_extension(path, ".libsvm") || has_extension(path, ".svm") || has_extension(path, ".svmlight"))
        scan_sparse(sample, got, s);
    else if (has_extension(path, ".arff"))
        scan_arff(sample, got, s);
    else
        scan_table(path, sample, got, got < SAMPLE, s);
    mem_free(sample);
    source_close(&source);
    return st;
}
