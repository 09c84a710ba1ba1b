/* SPDX-License-Identifier: Apache-2.0 */
/** @file fit.h Training one network on one fold: parameters, state, epochs. */
#ifndef ASSAY_LEARNERS_MLP_FIT_H
#define ASSAY_LEARNERS_MLP_FIT_H

#include "learners/mlp/net.h"

#include <assay/ext/learner.h>

/** A config read. */
struct mlp_params {
    int hidden, epochs;
    size_t width, batch;
    double learning_rate, weight_decay, dropout;
};
void mlp_params_read(const struct asx_config *, struct mlp_params *);
/** Most rows of a step: batch_size, but at least 24 steps an epoch while batches keep 16 rows. */
size_t mlp_batch_rows(const struct mlp_params *, size_t rows);

/** Answers as the network sees them: (y - mean) / sd for values, predictions kept within [low, high]. */
struct mlp_target {
    enum asx_task task;
    int outputs;
    double mean, sd, low, high;
};

/** Scores of a row to its prediction. @shape score [1, or outputs of many classes]; out [outputs] */
void mlp_outputs(const struct mlp_target *, const float *score, double *out);

/** Averaged weights after some epoch. */
struct mlp_stage {
    int epoch;
    double value; /* held-out score; NaN without one */
    float *w;     /* [net.size] */
};

/** What continues training. */
struct asx_state {
    struct mlp_net net;
    struct mlp_target target;
    int epochs;
    uint64_t steps;
    float *w, *m, *v, *avg; /* [net.size] weights, moments of Adam, averaged weights */
    int stages;
    struct mlp_stage *stage; /* ascending epochs */
};

void mlp_free_state(struct asx_state *);
uint64_t mlp_state_bytes(const struct asx_state *);

/** Held-out scores are taken after these epochs: all of the first 11, then every 2nd, 4th, ... as they grow. */
bool mlp_is_stage(int epoch);

/** Bytes of stages a state keeps, the worst by score dropped first; a dropped one is trained again when it is asked for. */
enum { MLP_STAGE_BYTES = 8 << 20 };

/** Trains a member from its state (NULL: from the start) to member->to.iterations (0: all epochs). */
asx_st mlp_train(struct asx_exec *, const struct asx_dense *, struct asx_member *, struct asx_err *);

/**
 * Averaged weights after `iterations` epochs (0 or the latest: as they are), from a kept stage or by
 * training again. *again is NULL or a state the caller frees, which then owns the weights.
 */
asx_st mlp_weights_at(struct asx_exec *, const struct asx_dense *, const struct asx_member *, int iterations, const float **w,
                      struct asx_state **again, struct asx_err *);

/** Held-out predictions by given weights. @shape pred [n_test * outputs] */
asx_st mlp_predict_held_out(struct asx_exec *, const struct asx_dense *, const struct asx_state *, int fold, const float *w,
                            float *pred, struct asx_err *);

#endif
