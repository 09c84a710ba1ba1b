/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/trees/table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The file's head; data.py writes it. */
struct head {
    char magic[8];
    uint64_t rows, cols, test;
    int32_t task, classes, sparse, pad;
};

static void *get(FILE *f, size_t n, size_t size)
{
    void *p = malloc(n * size + 64);
    if (p && fread(p, size, n, f) == n)
        return p;
    free(p);
    return NULL;
}

static bool load_sparse(struct table *t, FILE *f)
{
    t->indptr = get(f, t->rows + 1, sizeof *t->indptr);
    size_t nnz = t->indptr ? (size_t)t->indptr[t->rows] : 0;
    t->indices = t->indptr ? get(f, nnz, sizeof *t->indices) : NULL;
    t->values = t->indices ? get(f, nnz, sizeof *t->values) : NULL;
    t->all.layout = ASX_LAYOUT_CSR;
    t->all.csr = (struct asx_csr){t->rows, t->cols, t->indptr, t->indices, t->values};
    return t->values != NULL;
}

/* Category codes are numbers in the file; the product gets them as codes, -1 missing. */
static bool load_columns(struct table *t, FILE *f, const int32_t *levels)
{
    t->all.layout = ASX_LAYOUT_COLUMNS;
    t->all.col = t->col = calloc(t->cols, sizeof *t->col);
    for (size_t j = 0; t->col && j < t->cols; j++) {
        float *x = get(f, t->rows, sizeof *x);
        if (!x)
            return false;
        t->col[j] = (struct asx_colref){x, ASX_F32, 0};
        if (!levels[j])
            continue;
        int32_t *code = malloc(t->rows * sizeof *code);
        for (size_t i = 0; code && i < t->rows; i++)
            code[i] = isnan(x[i]) ? -1 : (int32_t)x[i];
        free(x);
        t->col[j] = (struct asx_colref){code, ASX_I32, levels[j]};
        if (!code)
            return false;
    }
    return t->col != NULL;
}

static void make_problem(struct table *t, const struct head *h)
{
    t->fit = t->all;
    t->fit.rows = t->fit.csr.rows = t->train;
    t->all_list[0] = &t->all;
    t->raw = (struct asx_matrix){.rows = t->rows, .cols = t->cols, .blocks = 1, .block = t->all_list};
    t->fold[0] = t->fold[1] = (struct asx_fold){t->row, t->row, t->train, 0};
    t->splits = (struct asx_splits){.folds = 1, .fold = t->fold};
    t->problem = (struct asx_problem){.task = h->task == 0   ? ASX_REGRESSION
                                              : h->task == 1 ? ASX_BINARY
                                                             : ASX_MULTICLASS,
                                      .rows = t->train,
                                      .classes = h->classes,
                                      .outputs = h->classes ? h->classes : 1,
                                      .positive = 1,
                                      .y = t->y,
                                      .label = h->classes ? t->label : NULL,
                                      .splits = &t->splits,
                                      .seed = 1};
}

const char *table_load(struct table *t, const char *path)
{
    struct head h;
    memset(t, 0, sizeof *t);
    FILE *f = fopen(path, "rb");
    if (!f)
        return "cannot open the table";
    const char *wrong = "the table is no file of this benchmark";
    int32_t *levels = NULL;
    if (fread(&h, sizeof h, 1, f) == 1 && memcmp(h.magic, "ASYBENCH", 8) == 0) {
        t->rows = t->all.rows = h.rows;
        t->cols = t->all.cols = h.cols;
        t->train = h.rows - h.test;
        wrong = "the table is cut short, or memory is";
        levels = get(f, t->cols, sizeof *levels);
        t->label = malloc(t->rows * sizeof *t->label);
        t->row = malloc((t->train + 1) * sizeof *t->row);
        if (levels && t->label && t->row && (h.sparse ? load_sparse(t, f) : load_columns(t, f, levels)) &&
            (t->y = get(f, t->rows, sizeof *t->y)))
            wrong = NULL;
    }
    fclose(f);
    free(levels);
    if (wrong)
        return wrong;
    for (size_t i = 0; i < t->rows; i++)
        t->label[i] = (int32_t)t->y[i];
    for (size_t i = 0; i < t->train; i++)
        t->row[i] = (uint32_t)i;
    make_problem(t, &h);
    return NULL;
}

void table_clear(struct table *t)
{
    for (size_t j = 0; t->col && j < t->cols; j++)
        free((void *)(uintptr_t)t->col[j].data);
    free(t->col);
    free(t->indptr);
    free(t->indices);
    free(t->values);
    free(t->y);
    free(t->label);
    free(t->row);
    memset(t, 0, sizeof *t);
}

float *table_rows(const struct table *t, size_t n)
{
    float *x = t->col ? malloc((n * t->cols + 16) * sizeof *x) : NULL;
    for (size_t i = 0; x && i < n; i++)
        for (size_t j = 0; j < t->cols; j++) {
            const struct asx_colref *c = &t->col[j];
            int32_t code = c->levels ? ((const int32_t *)c->data)[i] : 0;
            x[i * t->cols + j] = !c->levels ? ((const float *)c->data)[i] : code < 0 ? NAN : (float)code;
        }
    return x;
}
