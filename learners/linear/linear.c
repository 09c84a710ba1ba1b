/* SPDX-License-Identifier: Apache-2.0 */
/* The family: lists, and what its learners share. */
#include "learners/linear/linear.h"

const char *const lin_affine[] = {"impute", "scale", NULL};

int lin_batch_folds(const struct asx_batch *b)
{
    int folds = 0;
    for (int i = 0; i < b->n; i++) {
        int k = 0;
        while (k < i && b->member[k].fold != b->member[i].fold)
            k++;
        folds += k == i;
    }
    return folds ? folds : 1;
}

bool lin_sparse_shape(const struct asx_shape *s, double rows)
{
    return s->nnz > 0 && rows > 0 && rows * s->dense + s->nnz < 0.15 * rows * s->cols;
}

static const struct asx_learner *const learners[] = {&lin_elastic_net, &lin_logistic, &lin_ridge, NULL};
static const struct asx_op *const ops[] = {&lin_gram_syrk, NULL};

const struct asx_family asx_family_linear = {
    .head = {"linear", "least squares with penalties, and logistic regression"},
    .learner = learners,
    .op = ops,
};
