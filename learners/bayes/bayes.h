/* SPDX-License-Identifier: Apache-2.0 */
/** @file bayes.h What the two naive Bayes learners share. */
#ifndef ASSAY_LEARNERS_BAYES_H
#define ASSAY_LEARNERS_BAYES_H

#include <assay/ext/learner.h>
#include <assay/ext/prep.h>

extern const struct asx_learner bayes_gaussian, bayes_multinomial;

/**
 * Which sums a batch needs. With k-fold splits one pass adds every row to the sums of the fold that
 * holds it out (a "piece"), and a training set is the sum of the other pieces; otherwise there is
 * a piece per fold in use. Rows in no piece are skipped.
 */
struct bayes_pieces {
    const struct asx_problem *problem;
    bool k_fold;
    int pieces;
    int *fold; /**< [pieces] fold whose training rows a piece holds, when not k_fold */
};

/** Memory from exec->scratch. */
asx_st bayes_pieces_init(struct bayes_pieces *, struct asx_exec *, const struct asx_batch *, struct asx_err *);
/** Rows of a piece: all rows (k_fold: choose by bayes_piece_of) or the training rows of its fold. */
size_t bayes_piece_rows(const struct bayes_pieces *, int piece, const uint32_t **row);
/** Adds up the sums [pieces][size] that make the training rows of `fold`. */
void bayes_training_sum(const struct bayes_pieces *, int fold, const double *sum, size_t size, double *out);

/** Scores (joint log likelihoods, -inf allowed) to probabilities. */
void bayes_softmax(const double *score, int classes, double *out);

/** log of class shares; a class without training weight gets -inf. @shape count, out [classes] */
void bayes_log_prior(const double *count, int classes, double *out);

#endif
