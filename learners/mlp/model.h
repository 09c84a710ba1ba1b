/* SPDX-License-Identifier: Apache-2.0 */
/** @file model.h A trained network that predicts raw rows without a device. */
#ifndef ASSAY_LEARNERS_MLP_MODEL_H
#define ASSAY_LEARNERS_MLP_MODEL_H

#include "learners/mlp/fit.h"

struct affine_model;

/** Layers padded to a multiple of MLP_PAD columns with zeros, so that products need no remainder. */
struct asx_model {
    struct affine_model *affine;
    struct mlp_target target;
    struct mlp_net net;
    float *w[MLP_LAYERS]; /**< [dim[l] * padded(dim[l + 1])] */
    float *b[MLP_LAYERS]; /**< [padded(dim[l + 1])] */
};

/** Copies the weights `w` of a state's network. @errors E_NOMEM */
asx_st mlp_model_make(const struct asx_affine *, const struct asx_state *, const float *w, struct mem *, struct asx_model **,
                      struct asx_err *);
void mlp_free_model(struct asx_model *);
asx_st mlp_predict(const struct asx_model *, const struct asx_matrix *, size_t from, size_t to, double *out, struct asx_err *);
asx_st mlp_save(const struct asx_model *, struct asx_writer *);
asx_st mlp_load(struct asx_reader *, struct mem *, struct asx_model **, struct asx_err *);

#endif
