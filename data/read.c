/* SPDX-License-Identifier: Apache-2.0 */
#include "data/read.h"
#include "base/err.h"
#include "data/csv.h"

#include <math.h>
#include <strings.h>

typedef asx_st (*read_fn)(const struct data_options *, struct source *, struct mem *, const struct event_sink *,
                          struct asx_frame **, struct data_read_facts *, struct asx_err *);

static read_fn format_of(const char *path)
{
    static const struct {
        const char *extension;
        read_fn read;
    } format[] = {{".csv", csv_read},       {".tsv", csv_read},    {".txt", csv_read},
                  {".tab", csv_read},       {".data", csv_read},   {".arff", arff_read},
                  {".libsvm", libsvm_read}, {".svm", libsvm_read}, {".svmlight", libsvm_read}};
    const char *dot = strrchr(path, '.');
    if (strcmp(path, "-") == 0 || strcmp(path, "standard input") == 0 || strncmp(path, "/dev/", 5) == 0)
        return csv_read;
    for (size_t i = 0; dot && i < sizeof format / sizeof format[0]; i++) {
        if (strcasecmp(dot, format[i].extension) == 0)
            return format[i].read;
    }
    return NULL;
}

static asx_st unknown_format(const char *path, struct asx_err *err)
{
    return err_at(err, ASX_E_UNSUPPORTED, path, 0, 0,
                  "files of this kind are not read; give .csv, .tsv, .txt, .arff, .libsvm or .svm");
}

static asx_st read_source(const struct data_options *o, read_fn read, struct source *source, struct mem *mem,
                          const struct event_sink *sink, struct asx_frame **out, struct asx_err *err)
{
    static const struct data_options defaults;
    struct data_read_facts facts = {0};
    asx_st st = read(o ? o : &defaults, source, mem, sink, out, &facts, err);
    if (st == ASX_OK && facts.blank_lines)
        event_send(sink, EVENT_WARNING, "data.blank_lines",
                   "%zu blank line%s between the rows of '%s' %s skipped; row numbers leave %s out", facts.blank_lines,
                   facts.blank_lines > 1 ? "s" : "", source->name, facts.blank_lines > 1 ? "are" : "is",
                   facts.blank_lines > 1 ? "them" : "it");
    if (o && o->facts)
        *o->facts = facts;
    return st;
}

asx_st data_read(const struct data_options *o, const char *path, struct mem *mem, const struct event_sink *sink,
                 struct asx_frame **out, struct asx_err *err)
{
    struct source source;
    asx_st st = source_open(&source, path, mem, err);
    if (st)
        return st;
    read_fn read = format_of(path);
    st = read ? read_source(o, read, &source, mem, sink, out, err) : unknown_format(path, err);
    source_close(&source);
    return st;
}

asx_st data_read_text(const struct data_options *o, const char *name, const void *text, size_t size, struct mem *mem,
                      const struct event_sink *sink, struct asx_frame **out, struct asx_err *err)
{
    struct source source;
    read_fn read = format_of(name);
    if (!read)
        return unknown_format(name, err);
    source_open_text(&source, name, text, size);
    return read_source(o, read, &source, mem, sink, out, err);
}
