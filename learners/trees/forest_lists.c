/* SPDX-License-Identifier: Apache-2.0 */
/* Building the lists: count, lay out, fill. */
#include "learners/trees/forest_lists.h"

#include "base/mem.h"

#include <string.h>

struct job {
    const struct view *view;
    const uint32_t *row;
    size_t n;
    struct forest_lists *out;
    size_t *start; /* [features] first entry */
};

/* Dense columns: the most frequent bin, and how many rows are in others. */
static void count_chunk(void *arg, size_t j, int worker)
{
    (void)worker;
    struct job *job = arg;
    const struct view_feature *f = &job->view->feature[j];
    struct forest_list *l = &job->out->list[j];
    uint32_t count[4][256], sum[256] = {0};
    size_t i = 0;
    l->n = SIZE_MAX;
    if (f->sparse || !f->code || f->wide)
        return;
    memset(count, 0, sizeof count);
    for (; i + 4 <= job->n; i += 4)
        for (int k = 0; k < 4; k++)
            count[k][f->code[job->row[i + (size_t)k]]]++;
    for (; i < job->n; i++)
        count[0][f->code[job->row[i]]]++;
    for (int c = 0; c < 256; c++)
        sum[view_shift(f, c) & 255] += count[0][c] + count[1][c] + count[2][c] + count[3][c];
    for (int c = 0; c < 256; c++)
        l->rest = sum[c] > sum[l->rest] ? c : l->rest;
    size_t others = job->n - sum[l->rest];
    l->n = others <= job->n / LISTS_SHARE ? others : SIZE_MAX;
}

static void fill_chunk(void *arg, size_t j, int worker)
{
    (void)worker;
    struct job *job = arg;
    const struct view_feature *f = &job->view->feature[j];
    const struct forest_list *l = &job->out->list[j];
    if (f->sparse || l->n == SIZE_MAX)
        return;
    uint32_t *row = job->out->row + job->start[j];
    uint8_t *bin = job->out->bin + job->start[j];
    size_t at = 0;
    for (size_t i = 0; i < job->n && at < l->n; i++) {
        int b = view_shift(f, f->code[job->row[i]]) & 255;
        if (b == l->rest)
            continue;
        row[at] = job->row[i];
        bin[at++] = (uint8_t)b;
    }
}

/* CSR blocks, all columns in one pass over the rows: counts (fill false), or fills, moving `start` on. */
static void sparse_pass(struct job *job, const struct view_sparse *s, const int32_t *feature_of, bool fill)
{
    for (size_t i = 0; i < job->n; i++) {
        uint32_t r = job->row[i];
        for (int64_t k = s->s->indptr[r]; k < s->s->indptr[r + 1]; k++) {
            uint32_t place = s->s->place[k], column = s->s->feature_of[place];
            int32_t j = feature_of[column];
            if (j < 0)
                continue;
            const struct view_feature *f = &job->view->feature[j];
            int b = view_shift(f, (int)(place - s->s->base[column]));
            if (b == f->zero)
                continue;
            if (fill) {
                job->out->row[job->start[j]] = r;
                job->out->bin[job->start[j]++] = (uint8_t)b;
            } else {
                job->out->list[j].n++;
            }
        }
    }
}

/* Features of the columns of a CSR block, -1: constant. */
static int32_t *features_of(const struct view *v, const struct view_sparse *s)
{
    int32_t *of = mem_array(NULL, s->cols + 1, sizeof *of);
    for (size_t j = 0; of && j < s->cols; j++)
        of[j] = -1;
    for (int j = 0; of && j < s->features; j++)
        of[v->feature[s->first + (size_t)j].sparse_index] = (int32_t)s->first + j;
    return of;
}

static asx_st sparse_blocks(struct job *job, bool fill)
{
    for (int b = 0; b < job->view->sparse_blocks; b++) {
        const struct view_sparse *s = &job->view->sparse[b];
        int32_t *of = features_of(job->view, s);
        if (!of)
            return ASX_E_NOMEM;
        for (int j = 0; j < s->features && !fill; j++)
            job->out->list[s->first + (size_t)j] = (struct forest_list){.rest = job->view->feature[s->first + (size_t)j].zero};
        sparse_pass(job, s, of, fill);
        mem_free(of);
    }
    return ASX_OK;
}

asx_st forest_lists_make(struct forest_lists *out, struct asx_exec *exec, const struct view *v, const uint32_t *row, size_t n)
{
    size_t features = (size_t)v->features, total = 0;
    struct job job = {v, row, n, out, mem_array(exec->mem, features + 1, sizeof *job.start)};
    *out = (struct forest_lists){.list = mem_calloc(exec->mem, features + 1, sizeof *out->list)};
    asx_st st = job.start && out->list ? ASX_OK : ASX_E_NOMEM;
    if (!st) {
        exec->split(exec, features, count_chunk, &job);
        st = sparse_blocks(&job, false);
    }
    for (size_t j = 0; !st && j < features; j++) {
        job.start[j] = total;
        total += out->list[j].n == SIZE_MAX ? 0 : out->list[j].n;
    }
    if (!st) {
        out->row = mem_array(exec->mem, total + 1, sizeof *out->row);
        out->bin = mem_array(exec->mem, total + 1, 1);
        st = out->row && out->bin ? ASX_OK : ASX_E_NOMEM;
    }
    for (size_t j = 0; !st && j < features; j++) {
        struct forest_list *l = &out->list[j];
        l->row = l->n == SIZE_MAX ? NULL : out->row + job.start[j];
        l->bin = l->row ? out->bin + job.start[j] : NULL;
    }
    if (!st) {
        exec->split(exec, features, fill_chunk, &job);
        st = sparse_blocks(&job, true);
    }
    mem_free(job.start);
    bool any = false;
    for (size_t j = 0; !st && j < features; j++)
        any = any || out->list[j].row;
    if (st || !any)
        forest_lists_clear(out);
    return st;
}

void forest_lists_clear(struct forest_lists *l)
{
    mem_free(l->list);
    mem_free(l->row);
    mem_free(l->bin);
    *l = (struct forest_lists){0};
}
