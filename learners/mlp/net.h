/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file net.h
 * A network of fully connected layers: where its weights lie, its forward and backward passes, its optimizer.
 *
 * All weights are one array: layer after layer a matrix [in, out] row-major, then `out` biases; every
 * layer begins at a multiple of 16 floats. Products run on the device's kernels; each call is one thread,
 * and its result is a function of the rows passed, so training repeats bit for bit.
 */
#ifndef ASSAY_LEARNERS_MLP_NET_H
#define ASSAY_LEARNERS_MLP_NET_H

#include <assay/ext/status.h>
#include <assay/ext/types.h>

struct arena;
struct asx_device;

/** Most hidden layers a spec may ask for. */
enum { MLP_HIDDEN = 8, MLP_LAYERS = MLP_HIDDEN + 1 };

struct mlp_net {
    int layers;                 /**< hidden layers and the last one */
    size_t dim[MLP_LAYERS + 1]; /**< columns in, widths, scores out */
    size_t at[MLP_LAYERS];      /**< where a layer's weights begin; biases at + dim[l] * dim[l + 1] */
    size_t size;                /**< floats in all */
};

/** Scores: 1 for regression and two classes, else one a class. */
void mlp_net_init(struct mlp_net *, size_t cols, int hidden, size_t width, size_t scores);
static inline size_t mlp_bias_at(const struct mlp_net *n, int layer)
{
    return n->at[layer] + n->dim[layer] * n->dim[layer + 1];
}

/**
 * First weights: He normal for layers into rectifiers, sqrt(1 / in) normal for the last; biases 0.
 * @source He, Zhang, Ren, Sun, Delving Deep into Rectifiers (ICCV 2015), eq. 10
 */
void mlp_net_start(const struct mlp_net *, uint64_t seed, float *w);

/** Room for one pass over at most `rows` rows. */
struct mlp_pass {
    const struct mlp_net *net;
    const struct asx_device *device;
    size_t rows;
    float *act[MLP_LAYERS + 1]; /**< [rows * dim[l]]: act[0] the rows, act[layers] the scores */
    float *delta[2];            /**< [rows * widest] gradients, by turns; NULL without training */
};

/** From the arena; false when out of memory. */
bool mlp_pass_init(struct mlp_pass *, const struct mlp_net *, const struct asx_device *, size_t rows, bool training,
                   struct arena *);

/** Dropout of one epoch: unit (row, col) of hidden layer l is kept with probability `keep` (rng key key[l]). */
struct mlp_drop {
    float keep;
    uint64_t key[MLP_HIDDEN];
    uint64_t first_row; /**< index of the pass's first row in the epoch */
};

/** act[0] of n rows to scores in act[layers]. `drop` NULL: none (prediction). */
asx_st mlp_forward(struct mlp_pass *, const float *w, size_t n, const struct mlp_drop *drop);

/**
 * act[layers] holds d loss / d scores; writes d loss / d weights. Destroys act[layers].
 * @shape gradient [net->size], overwritten
 */
asx_st mlp_backward(struct mlp_pass *, const float *w, size_t n, const struct mlp_drop *drop, float *gradient);

/**
 * What a row looks like to the network: values far out are drawn in smoothly, missing ones are 0.
 * @formula z / sqrt(1 + (z / 3)^2), 0 where z is not finite
 * @source  Holzmueller, Grinsztajn, Steinwart, Better by default (NeurIPS 2024), section 3
 */
void mlp_squash(float *z, size_t n);
/** Rows of a prepared matrix, squashed. @shape out [n * dense->cols] */
void mlp_gather(const struct asx_dense *, const uint32_t *row, size_t n, float *out);

/** One step of Adam. All arrays [n]. */
struct mlp_adam {
    float rate; /**< learning rate, bias correction of the first moment included */
    float beta1, beta2;
    float correction2; /**< 1 / (1 - beta2^t) */
    float decay;       /**< learning rate x weight decay; 0 for biases */
    float average;     /**< share of the new weights in the average */
};

/**
 * @formula m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2; w -= rate m / (sqrt(correction2 v) + 1e-8) + decay w;
 *          avg += average (w - avg)
 * @source  Kingma, Ba, Adam (ICLR 2015), algorithm 1; decay apart from the gradient: Loshchilov, Hutter (ICLR 2019)
 */
void mlp_adam_step(const struct mlp_adam *, size_t n, const float *g, float *m, float *v, float *w, float *avg);

/** out = x w + b, then max(0, .) when relu; x [MLP_BLOCK * p], w [p * cols], cols a multiple of MLP_PAD. Of a model. */
enum { MLP_BLOCK = 16, MLP_PAD = 32 };
typedef void (*mlp_product_fn)(const float *x, size_t p, const float *w, const float *b, size_t cols, bool relu, float *out);
void mlp_product_fast(const float *x, size_t p, const float *w, const float *b, size_t cols, bool relu, float *out);
void mlp_product_avx2(const float *x, size_t p, const float *w, const float *b, size_t cols, bool relu, float *out);
void mlp_product_avx512(const float *x, size_t p, const float *w, const float *b, size_t cols, bool relu, float *out);

#endif
