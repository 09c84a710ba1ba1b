/* SPDX-License-Identifier: Apache-2.0 */
/* Frames, profiles and problems made by hand, for tests. */
#include "tests/support/frame_make.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Every block is linked to its frame_make and freed with it. */
struct link {
    struct link *next;
    max_align_t data[];
};

struct frame_make {
    struct link *blocks;
    struct asx_column *column;
    size_t capacity;
    struct asx_frame frame;
    struct asx_profile profile;
    struct asx_csr csr;
    struct asx_splits splits;
    struct asx_problem problem;
};

static void *grab(struct frame_make *f, size_t n, size_t size)
{
    struct link *l = calloc(1, sizeof *l + n * size + 1);
    if (!l) {
        fprintf(stderr, "frame_make: out of memory\n");
        abort();
    }
    l->next = f->blocks;
    f->blocks = l;
    return l->data;
}

static void *copy(struct frame_make *f, const void *p, size_t n, size_t size)
{
    void *q = grab(f, n, size);
    if (n)
        memcpy(q, p, n * size);
    return q;
}

struct frame_make *frame_make_new(size_t rows)
{
    struct frame_make *f = calloc(1, sizeof *f);
    if (!f)
        abort();
    f->frame.rows = rows;
    f->profile.density = 1;
    return f;
}

void frame_make_free(struct frame_make *f)
{
    if (!f)
        return;
    for (struct link *l = f->blocks, *next; l; l = next) {
        next = l->next;
        free(l);
    }
    free(f->column);
    free(f);
}

static struct asx_column *add(struct frame_make *f, const char *name, enum asx_type type, enum asx_store store)
{
    if (f->frame.columns == f->capacity) {
        f->capacity = f->capacity ? 2 * f->capacity : 8;
        f->column = realloc(f->column, f->capacity * sizeof *f->column);
        if (!f->column)
            abort();
    }
    struct asx_column *c = &f->column[f->frame.columns++];
    f->frame.column = f->column;
    f->frame.key.lo++;
    *c = (struct asx_column){.name = copy(f, name, strlen(name) + 1, 1), .type = type, .store = store};
    return c;
}

static int last(const struct frame_make *f)
{
    return (int)f->frame.columns - 1;
}

int frame_make_f64(struct frame_make *f, const char *name, const double *cells)
{
    add(f, name, ASX_NUMERIC, ASX_STORE_F64)->f64 = copy(f, cells, f->frame.rows, sizeof *cells);
    return last(f);
}

int frame_make_f32(struct frame_make *f, const char *name, const float *cells)
{
    add(f, name, ASX_NUMERIC, ASX_STORE_F32)->f32 = copy(f, cells, f->frame.rows, sizeof *cells);
    return last(f);
}

int frame_make_datetime(struct frame_make *f, const char *name, const double *cells)
{
    add(f, name, ASX_DATETIME, ASX_STORE_F64)->f64 = copy(f, cells, f->frame.rows, sizeof *cells);
    return last(f);
}

int frame_make_codes(struct frame_make *f, const char *name, enum asx_type type, const int32_t *cells, const char *const *level,
                     size_t levels)
{
    struct asx_column *c = add(f, name, type, ASX_STORE_CODE);
    const char **names = grab(f, levels, sizeof *names);
    for (size_t i = 0; i < levels; i++)
        names[i] = copy(f, level[i], strlen(level[i]) + 1, 1);
    c->code = copy(f, cells, f->frame.rows, sizeof *cells);
    c->level = names;
    c->levels = levels;
    return last(f);
}

static int by_bytes(const void *a, const void *b)
{
    const char *const *x = a, *const *y = b;
    return strcmp(*x, *y);
}

static int make_text(struct frame_make *f, const char *name, const char *const *cells)
{
    struct asx_column *c = add(f, name, ASX_TEXT, ASX_STORE_STRING);
    size_t rows = f->frame.rows, bytes = 0;
    for (size_t i = 0; i < rows; i++)
        bytes += cells[i] ? strlen(cells[i]) : 0;
    char *text = grab(f, bytes, 1);
    uint64_t *offset = grab(f, rows + 1, sizeof *offset), *missing = grab(f, rows / 64 + 1, sizeof *missing);
    size_t at = 0;
    for (size_t i = 0; i < rows; i++) {
        offset[i] = at;
        if (cells[i]) {
            memcpy(text + at, cells[i], strlen(cells[i]));
            at += strlen(cells[i]);
        } else {
            missing[i / 64] |= 1ull << (i % 64);
        }
    }
    offset[rows] = at;
    c->bytes = text;
    c->offset = offset;
    c->missing = missing;
    return last(f);
}

int frame_make_strings(struct frame_make *f, const char *name, enum asx_type type, const char *const *cells)
{
    if (type == ASX_TEXT)
        return make_text(f, name, cells);
    size_t rows = f->frame.rows, n = 0, levels = 0;
    const char **sorted = grab(f, rows, sizeof *sorted);
    int32_t *code = grab(f, rows, sizeof *code);
    for (size_t i = 0; i < rows; i++)
        if (cells[i])
            sorted[n++] = cells[i];
    qsort(sorted, n, sizeof *sorted, by_bytes);
    for (size_t i = 0; i < n; i++)
        if (!levels || strcmp(sorted[levels - 1], sorted[i]) != 0)
            sorted[levels++] = sorted[i];
    for (size_t i = 0; i < rows; i++) {
        const char **at = cells[i] ? bsearch(&cells[i], sorted, levels, sizeof *sorted, by_bytes) : NULL;
        code[i] = at ? (int32_t)(at - sorted) : -1;
    }
    return frame_make_codes(f, name, type, code, sorted, levels);
}

void frame_make_sparse(struct frame_make *f, const float *cells, size_t cols)
{
    size_t rows = f->frame.rows;
    int64_t *indptr = grab(f, rows + 1, sizeof *indptr), n = 0;
    int32_t *indices = grab(f, rows * cols, sizeof *indices);
    float *values = grab(f, rows * cols, sizeof *values);
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; j < cols; j++) {
            if (cells[i * cols + j] == 0)
                continue;
            indices[n] = (int32_t)j;
            values[n++] = cells[i * cols + j];
        }
        indptr[i + 1] = n;
    }
    f->csr = (struct asx_csr){rows, cols, indptr, indices, values};
    f->frame.sparse = &f->csr;
    f->profile.density = rows > 0 && cols > 0 ? (double)n / (double)(rows * cols) : 1;
}

const struct asx_frame *frame_make_frame(struct frame_make *f)
{
    return &f->frame;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void number_facts(struct frame_make *f, const struct asx_column *c, struct asx_column_facts *a)
{
    size_t rows = f->frame.rows, n = 0;
    double *v = grab(f, rows, sizeof *v), sum = 0, m2 = 0, m3 = 0;
    a->integral = true;
    for (size_t i = 0; i < rows; i++) {
        double x = asx_column_number(c, i);
        if (x != x)
            continue;
        v[n++] = x;
        sum += x;
        a->integral = a->integral && x == floor(x);
    }
    a->missing = rows - n;
    if (!n)
        return;
    qsort(v, n, sizeof *v, by_value);
    a->distinct = 1;
    for (size_t i = 1; i < n; i++)
        a->distinct += v[i] != v[i - 1];
    a->mean = sum / (double)n;
    for (size_t i = 0; i < n; i++) {
        m2 += (v[i] - a->mean) * (v[i] - a->mean);
        m3 += (v[i] - a->mean) * (v[i] - a->mean) * (v[i] - a->mean);
    }
    a->min = v[0];
    a->max = v[n - 1];
    a->std = sqrt(m2 / (double)n);
    a->skew = a->std > 0 ? m3 / (double)n / (a->std * a->std * a->std) : 0;
}

static void code_facts(struct frame_make *f, const struct asx_column *c, struct asx_column_facts *a)
{
    char *seen = grab(f, c->levels, 1);
    for (size_t i = 0; i < f->frame.rows; i++) {
        if (c->code[i] < 0) {
            a->missing++;
            continue;
        }
        a->distinct += !seen[c->code[i]];
        seen[c->code[i]] = 1;
    }
}

static void text_facts(const struct frame_make *f, const struct asx_column *c, struct asx_column_facts *a)
{
    size_t words = 0, present = 0;
    for (size_t i = 0; i < f->frame.rows; i++) {
        if (c->missing && (c->missing[i / 64] >> (i % 64) & 1)) {
            a->missing++;
            continue;
        }
        present++;
        bool inside = false;
        for (uint64_t j = c->offset[i]; j < c->offset[i + 1]; j++) {
            bool space = c->bytes[j] == ' ';
            words += !space && !inside;
            inside = !space;
        }
    }
    a->distinct = present;
    a->mean_words = present ? (double)words / (double)present : 0;
}

const struct asx_profile *frame_make_profile(struct frame_make *f)
{
    struct asx_column_facts *facts = grab(f, f->frame.columns, sizeof *facts);
    for (size_t j = 0; j < f->frame.columns; j++) {
        const struct asx_column *c = &f->frame.column[j];
        facts[j] = (struct asx_column_facts){.min = NAN, .max = NAN, .mean = NAN, .std = NAN, .skew = NAN, .mean_words = NAN};
        if (c->store == ASX_STORE_STRING)
            text_facts(f, c, &facts[j]);
        else if (c->store == ASX_STORE_CODE)
            code_facts(f, c, &facts[j]);
        else
            number_facts(f, c, &facts[j]);
    }
    f->profile.column = facts;
    return &f->profile;
}

static void make_splits(struct frame_make *f, int folds)
{
    size_t rows = f->frame.rows;
    struct asx_fold *fold = grab(f, (size_t)folds + 1, sizeof *fold);
    uint8_t *fold_of = grab(f, rows, 1);
    for (int k = 0; k <= folds; k++) {
        uint32_t *train = grab(f, rows, sizeof *train), *test = grab(f, rows, sizeof *test);
        for (size_t i = 0; i < rows; i++) {
            if (k < folds && i % (size_t)folds == (size_t)k) {
                fold_of[i] = (uint8_t)k;
                test[fold[k].n_test++] = (uint32_t)i;
            } else {
                train[fold[k].n_train++] = (uint32_t)i;
            }
        }
        fold[k].train = train;
        fold[k].test = test;
    }
    f->splits = (struct asx_splits){.folds = folds, .fold = fold, .fold_of = fold_of, .key = {1, (uint64_t)folds}};
}

struct asx_problem *frame_make_problem(struct frame_make *f, enum asx_task task, const double *y, int classes, int folds)
{
    size_t rows = f->frame.rows;
    make_splits(f, folds);
    const char **names = grab(f, (size_t)classes, sizeof *names);
    int32_t *label = NULL;
    if (task != ASX_REGRESSION) {
        label = grab(f, rows, sizeof *label);
        for (size_t i = 0; i < rows; i++)
            label[i] = (int32_t)y[i];
        for (int k = 0; k < classes; k++) {
            char *name = grab(f, 16, 1);
            snprintf(name, 16, "c%d", k);
            names[k] = name;
        }
    }
    f->problem = (struct asx_problem){.task = task,
                                      .rows = rows,
                                      .classes = task == ASX_REGRESSION ? 0 : classes,
                                      .outputs = task == ASX_REGRESSION ? 1 : classes,
                                      .positive = task == ASX_BINARY ? 1 : 0,
                                      .class_name = names,
                                      .y = copy(f, y, rows, sizeof *y),
                                      .label = label,
                                      .frame = &f->frame,
                                      .profile = frame_make_profile(f),
                                      .splits = &f->splits,
                                      .seed = 1,
                                      .repeatable = true,
                                      .key = {2, f->frame.key.lo}};
    return &f->problem;
}
