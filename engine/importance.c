/* SPDX-License-Identifier: Apache-2.0 */
/* Importance of the whole model by column, by gain (or weight) and by splits: each member's shares, weighted as the member is. */
#include "engine/run.h"

#include "base/mem.h"
#include "data/frame.h"

#include <stdlib.h>

struct share {
    int column;
    double value;
};

static int larger(const void *a, const void *b)
{
    const struct share *x = a, *y = b;
    return x->value != y->value ? (x->value < y->value ? 1 : -1) : x->column - y->column;
}

typedef void importance_fn(const struct asx_model *, double *out, size_t cols);

/* Adds one member's shares; the raw matrix of a few rows tells where each raw column came from. */
static void add_member(const struct model *m, int member, bool splits, const struct asx_frame *few, struct share *sum)
{
    const struct model_member *mm = &m->member[member];
    importance_fn *importance = splits ? mm->learner->split_importance : mm->learner->importance;
    struct model_matrix *x = NULL;
    struct asx_err ignored = {0};
    if (!importance || mm->parts == 0 || eng_model_matrix_make(m, member, few, NULL, &x, &ignored) != ASX_OK)
        return;
    const struct asx_matrix *raw = eng_model_matrix_raw(x);
    double *share = mem_calloc(m->mem, raw->cols + 1, sizeof *share);
    if (share)
        importance(mm->model, share, raw->cols);
    size_t j = 0;
    for (int b = 0; share && b < raw->blocks; b++)
        for (size_t at = 0; at < raw->block[b]->cols; at++, j++) {
            int c = eng_model_source(&m->part[mm->part[b]], raw->block[b], at);
            if (c >= 0 && share[j] > 0)
                sum[c].value += mm->weight * share[j];
        }
    mem_free(share);
    eng_model_matrix_free(x);
}

static json_t *as_json(const struct model *m, struct share *sum)
{
    enum { MOST = 50 };
    double total = 0;
    for (int c = 0; c < m->columns; c++)
        total += sum[c].value;
    if (!(total > 0))
        return NULL;
    qsort(sum, (size_t)m->columns, sizeof *sum, larger);
    json_t *out = json_array();
    for (int c = 0; c < m->columns && c < MOST && sum[c].value > 0; c++)
        json_array_append_new(out, json_pack("[s, f]", m->column[sum[c].column].name, sum[c].value / total));
    return out;
}

json_t *final_importance(struct run *r, const struct model *m, bool splits)
{
    uint32_t row[4] = {0, 1, 2, 3};
    size_t n = r->frame->rows < 4 ? r->frame->rows : 4;
    struct asx_frame *few = NULL;
    const struct asx_frame *bound = NULL;
    struct asx_err ignored = {0};
    json_t *out = NULL;
    struct share *sum = mem_calloc(m->mem, (size_t)m->columns + 1, sizeof *sum);
    if (sum && m->columns && frame_take_rows(r->frame, row, n, r->mem, &few, &ignored) == ASX_OK &&
        eng_model_bind(m, few, &bound, &ignored) == ASX_OK) {
        for (int c = 0; c < m->columns; c++)
            sum[c].column = c;
        for (int i = 0; i < m->members; i++)
            add_member(m, i, splits, bound, sum);
        out = as_json(m, sum);
    }
    frame_put(bound);
    frame_put(few);
    mem_free(sum);
    return out;
}
