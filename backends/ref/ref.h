/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file ref.h
 * Plain C rows of the kernel table: short, sequential, summing in double precision.
 * They are the truth that conformance holds other backends against, and what runs where
 * nothing better is. Arguments: <assay/ext/kernels.h>.
 */
#ifndef ASSAY_BACKENDS_REF_REF_H
#define ASSAY_BACKENDS_REF_REF_H

#include <assay/ext/backend.h>

asx_st ref_gemm_f32(struct asx_queue *, const void *args);
asx_st ref_gemm_f64(struct asx_queue *, const void *args);
asx_st ref_syrk_f64(struct asx_queue *, const void *args);
asx_st ref_cholesky_f64(struct asx_queue *, const void *args);
asx_st ref_eigen_f64(struct asx_queue *, const void *args);
asx_st ref_spmm_f32(struct asx_queue *, const void *args);
asx_st ref_glm_step(struct asx_queue *, const void *args);
asx_st ref_dist_topk(struct asx_queue *, const void *args);
asx_st ref_mlp_act(struct asx_queue *, const void *args);

#endif
