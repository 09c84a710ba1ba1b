/* SPDX-License-Identifier: Apache-2.0 */
/* The family, and what its learners share. */
#include "learners/bayes/bayes.h"

#include "base/err.h"
#include "base/mem.h"

asx_st bayes_pieces_init(struct bayes_pieces *p, struct asx_exec *exec, const struct asx_batch *batch, struct asx_err *err)
{
    const struct asx_splits *s = exec->problem->splits;
    *p = (struct bayes_pieces){.problem = exec->problem, .k_fold = s->fold_of != NULL};
    for (int f = 0; f < s->folds; f++)
        p->k_fold &= s->fold[f].n_train + s->fold[f].n_test == exec->problem->rows;
    if (p->k_fold) {
        p->pieces = s->folds;
        return ASX_OK;
    }
    p->fold = arena_alloc(exec->scratch, (size_t)batch->n * sizeof *p->fold);
    if (!p->fold)
        return bayes_no_memory(err);
    for (int i = 0; i < batch->n; i++) {
        int k = 0;
        while (k < p->pieces && p->fold[k] != batch->member[i].fold)
            k++;
        if (k == p->pieces)
            p->fold[p->pieces++] = batch->member[i].fold;
    }
    return ASX_OK;
}

size_t bayes_piece_rows(const struct bayes_pieces *p, int piece, const uint32_t **row)
{
    const struct asx_fold *f = &p->problem->splits->fold[p->k_fold ? piece : p->fold[piece]];
    *row = p->k_fold ? f->test : f->train;
    return p->k_fold ? f->n_test : f->n_train;
}

void bayes_training_sum(const struct bayes_pieces *p, int fold, const double *sum, size_t size, double *out)
{
    memset(out, 0, size * sizeof *out);
    for (int k = 0; k < p->pieces; k++)
        if (p->k_fold ? k != fold : p->fold[k] == fold)
            for (size_t i = 0; i < size; i++)
                out[i] += sum[(size_t)k * size + i];
}

void bayes_softmax(const double *score, int classes, double *out)
{
    double top = -INFINITY, sum = 0;
    for (int c = 0; c < classes; c++)
        top = score[c] > top ? score[c] : top;
    for (int c = 0; c < classes; c++)
        sum += out[c] = isfinite(top) ? exp(score[c] - top) : 1;
    for (int c = 0; c < classes; c++)
        out[c] /= sum;
}

void bayes_log_prior(const double *count, int classes, double *out)
{
    double sum = 0;
    for (int c = 0; c < classes; c++)
        sum += count[c];
    for (int c = 0; c < classes; c++)
        out[c] = count[c] > 0 ? log(count[c] / sum) : -INFINITY;
}

static const struct asx_learner *const learners[] = {&bayes_gaussian, &bayes_multinomial, NULL};
static const struct asx_op *const ops[] = {NULL};

const struct asx_family asx_family_bayes = {
    .head = {"bayes", "naive Bayes: classes from independent features"},
    .learner = learners,
    .op = ops,
};
