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
/** Rows of a piece: those its fold holds out (k_fold), or the training rows of its fold. Returns how many. */
size_t bayes_piece_rows(const struct bayes_pieces *, int piece, const uint32_t **row);
/** Adds up the sums [pieces][size] that make the training rows of `fold`. */
void bayes_training_sum(const struct bayes_pieces *, int fold, const double *sum, size_t size, double *out);

/** Scores (joint log likelihoods, -inf allowed) to probabilities. */
void bayes_softmax(const double *score, int classes, double *out);

/** log of class shares; a class without training weight gets -inf. @shape count, out [classes] */
void bayes_log_prior(const double *count, int classes, double *out);

/* ---- the model ------------------------------------------------------------------------ */

/** Most arrays of one kind that a model has. */
enum { BAYES_TABLES = 3 };

/** Log shares of the classes, and what columns add to them. A fit's state is the same record. */
struct asx_model {
    size_t cols;
    int classes, constants, tables;
    double *log_prior;              /**< [classes] */
    double *constant[BAYES_TABLES]; /**< [constants] -> [cols] */
    double *table[BAYES_TABLES];    /**< [tables] -> [cols * classes] */
};

struct asx_state {
    struct asx_model model;
};

asx_st bayes_no_memory(struct asx_err *);
/** Zeroed; NULL when out of memory. */
struct asx_model *bayes_model_new(struct mem *, size_t cols, int classes, int constants, int tables);
/** Refuses a matrix that lacks columns. */
asx_st bayes_need_columns(const struct asx_model *, const struct asx_matrix *, struct asx_err *);
/** Gives a member its model as state. */
void bayes_member_set(struct asx_member *, struct asx_model *);

/** Adds the columns of a row to its scores. @shape score [classes] */
typedef void (*bayes_score_fn)(const void *arg, size_t row, double *score);
/** Fills member->pred, when wanted, with probabilities from base + what `score` adds. @shape base [classes] */
asx_st bayes_held_out(struct asx_exec *, struct asx_member *, const double *base, bayes_score_fn, const void *arg,
                      struct asx_err *);

/* struct asx_learner members */
void bayes_free_model(struct asx_model *);
void bayes_free_state(struct asx_state *);
uint64_t bayes_state_bytes(const struct asx_state *);
asx_st bayes_model_of(struct asx_exec *, const struct asx_member *, int iterations, struct asx_model **, struct asx_err *);
asx_st bayes_save(const struct asx_model *, struct asx_writer *);
asx_st bayes_load(struct asx_reader *, struct mem *, int constants, int tables, struct asx_model **, struct asx_err *);

/** struct asx_learner members that are the same for both; the file has its own `load`. */
#define BAYES_LEARNER                                                                                                              \
    .tasks = ASX_CLASSIFY, .params = params, .n_params = sizeof params / sizeof *params, .first = first, .nominal_cost = 0.03,     \
    .fit = ways, .free_state = bayes_free_state, .state_bytes = bayes_state_bytes, .model = bayes_model_of, .predict = predict,    \
    .save = bayes_save, .load = load, .free_model = bayes_free_model

/** struct asx_op members that are the same for both ways. */
#define BAYES_WAY                                                                                                                  \
    .version = 1, .equiv = ASX_BITWISE, .gives = "fit", .flags = ASX_SPLITS, .max_batch = 64, .batch_on = 0, .work = work,         \
    .run = run

#endif
