/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file loss_body.h
 * Derivatives in single precision, written so that compilers vectorise them; compiled once per
 * instruction-set level (loss_{base,avx2,avx512}.c), where reassociation is allowed.
 */
#include "learners/trees/loss_rows.h"

#include <string.h>

enum { BLOCK = 256 };

#if defined(__GNUC__)
#define SAME_CODE __attribute__((noinline))
#else
#define SAME_CODE
#endif

/* Comparisons, for fmaxf and fminf stay calls where NaN has to be minded. */
static inline float larger(float a, float b)
{
    return a > b ? a : b;
}

static inline float smaller(float a, float b)
{
    return a < b ? a : b;
}

/* To [-80, 80], an end at a time: both in one loop become branches, and the loop stays scalar. */
static inline void clamp_rows(float *x, size_t m)
{
    for (size_t k = 0; k < m; k++)
        x[k] = larger(x[k], -80.0f);
    for (size_t k = 0; k < m; k++)
        x[k] = smaller(x[k], 80.0f);
}

/* e^x in f32: 2^i 2^f, degree 6 Taylor of 2^f on [-1/2, 1/2]; relative error below 3e-7 for |x| <= 80, which it must be. */
static inline float fast_exp(float x)
{
    float t = x * 1.44269504f;
    int32_t i = (int32_t)(t + copysignf(0.5f, t));
    float f = (x - (float)i * 0.693145752f) - (float)i * 1.42860677e-6f; /* Cody and Waite */
    float p = 1.0f + f * (1.0f + f * (0.5f + f * (0.166666667f + f * (0.0416666667f + f * (0.00833333333f + f * 0.00138888889f)))));
    int32_t bits = (i + 127) << 23;
    float two;
    memcpy(&two, &bits, sizeof two);
    return p * two;
}

/* Row lists of a whole table are runs: then plain loads do. */
static inline bool is_run(const uint32_t *row, size_t m)
{
    return row[m - 1] - row[0] == m - 1;
}

static void logistic(const double *score, const double *y, const double *w, const uint32_t *row, size_t n, int positive, float *gh)
{
    float s[BLOCK], t[BLOCK], v[BLOCK];
    float one = (float)positive;
    for (size_t i = 0; i < n; i += BLOCK) {
        size_t m = n - i < BLOCK ? n - i : BLOCK;
        const double *run_s = score + row[i], *run_y = y + row[i];
        if (is_run(row + i, m))
            for (size_t k = 0; k < m; k++) {
                s[k] = (float)run_s[k];
                t[k] = (float)run_y[k] == one ? 1.0f : 0.0f;
            }
        else
            for (size_t k = 0; k < m; k++) {
                s[k] = (float)score[row[i + k]];
                t[k] = (float)y[row[i + k]] == one ? 1.0f : 0.0f;
            }
        for (size_t k = 0; k < m; k++)
            v[k] = w ? (float)w[row[i + k]] : 1.0f;
        clamp_rows(s, m);
        for (size_t k = 0; k < m; k++) {
            float p = 1.0f / (1.0f + fast_exp(-s[k]));
            float h = p * (1.0f - p);
            s[k] = (p - t[k]) * v[k];
            t[k] = larger(h, 1e-16f) * v[k];
        }
        for (size_t k = 0; k < m; k++) {
            gh[2 * (i + k)] = s[k];
            gh[2 * (i + k) + 1] = t[k];
        }
    }
}

/* Scores of one class for a block of rows. */
static inline void fetch(const double *score, const uint32_t *row, size_t m, float *restrict out)
{
    const double *run = score + row[0];
    if (is_run(row, m))
        for (size_t j = 0; j < m; j++)
            out[j] = (float)run[j];
    else
        for (size_t j = 0; j < m; j++)
            out[j] = (float)score[row[j]];
}

/* ---- softmax: all classes in one pass, or a class at a time ---------------------- */

/*
 * Both give the same bits: what rounds stands in functions of its own that are never inlined, and both call them on the
 * same blocks of rows, so that no compiler contracts or reassociates one way otherwise than the other.
 */

/* s = e^(s - top). */
SAME_CODE static void exponentials(float *restrict s, const float *restrict top, size_t m)
{
    for (size_t j = 0; j < m; j++)
        s[j] -= top[j];
    clamp_rows(s, m);
    for (size_t j = 0; j < m; j++)
        s[j] = fast_exp(s[j]);
}

SAME_CODE static void invert(float *restrict out, const float *restrict sum, size_t m)
{
    for (size_t j = 0; j < m; j++)
        out[j] = 1.0f / sum[j];
}

static void sums(const float *gh, size_t n, double *sum_g, double *sum_h);

/* Derivatives by the score of class k from e^(s - top), which is spoilt; their sums are added. */
SAME_CODE static void class_block(float *restrict e, const float *restrict inverse, const int32_t *restrict label,
                                  const float *restrict w, size_t m, int k, float factor, float *restrict gh, double *sum_g,
                                  double *sum_h)
{
    float h[BLOCK];
    double g_of_block, h_of_block;
    for (size_t j = 0; j < m; j++) {
        float p = e[j] * inverse[j];
        e[j] = (p - (label[j] == k ? 1.0f : 0.0f)) * w[j];
        h[j] = larger(factor * p * (1.0f - p), 1e-16f) * w[j];
    }
    for (size_t j = 0; j < m; j++) {
        gh[2 * j] = e[j];
        gh[2 * j + 1] = h[j];
    }
    sums(gh, m, &g_of_block, &h_of_block);
    *sum_g += g_of_block;
    *sum_h += h_of_block;
}

/* Labels and weights of a block of rows. */
static inline void targets(const int32_t *label, const double *w, const uint32_t *row, size_t m, int32_t *restrict t,
                           float *restrict v)
{
    for (size_t j = 0; j < m; j++)
        t[j] = label[row[j]];
    for (size_t j = 0; j < m; j++)
        v[j] = w ? (float)w[row[j]] : 1.0f;
}

static inline void raise_to(float *restrict top, const float *restrict s, size_t m)
{
    for (size_t j = 0; j < m; j++)
        top[j] = larger(s[j], top[j]);
}

static inline void add_to(float *restrict sum, const float *restrict s, size_t m)
{
    for (size_t j = 0; j < m; j++)
        sum[j] += s[j];
}

/* A block's scores, then their exponentials, wait in the first half of where its derivatives go. */
static void softmax_all(const double *score, size_t rows, int classes, const int32_t *label, const double *w, const uint32_t *row,
                        size_t n, float factor, const struct loss_all *out)
{
    float top[BLOCK], sum[BLOCK], inverse[BLOCK], v[BLOCK], e[BLOCK];
    int32_t t[BLOCK];
    for (size_t c = 0; c < (size_t)classes; c++)
        out->sum_g[c * out->sum_stride] = out->sum_h[c * out->sum_stride] = 0;
    for (size_t i = 0; i < n; i += BLOCK) {
        size_t m = n - i < BLOCK ? n - i : BLOCK;
        float *at = out->gh + 2 * i;
        fetch(score, row + i, m, at);
        memcpy(top, at, m * sizeof *top);
        for (size_t c = 1; c < (size_t)classes; c++) {
            fetch(score + c * rows, row + i, m, at + 2 * c * out->stride);
            raise_to(top, at + 2 * c * out->stride, m);
        }
        memset(sum, 0, sizeof sum);
        for (size_t c = 0; c < (size_t)classes; c++) {
            exponentials(at + 2 * c * out->stride, top, m);
            add_to(sum, at + 2 * c * out->stride, m);
        }
        invert(inverse, sum, m);
        targets(label, w, row + i, m, t, v);
        for (size_t c = 0; c < (size_t)classes; c++) {
            memcpy(e, at + 2 * c * out->stride, m * sizeof *e);
            class_block(e, inverse, t, v, m, (int)c, factor, at + 2 * c * out->stride, &out->sum_g[c * out->sum_stride],
                        &out->sum_h[c * out->sum_stride]);
        }
    }
}

static void softmax_norm(const double *score, size_t rows, int classes, const uint32_t *row, size_t n, struct loss_norm norm)
{
    float sum[BLOCK], s[BLOCK];
    for (size_t i = 0; i < n; i += BLOCK) {
        size_t m = n - i < BLOCK ? n - i : BLOCK;
        float *top = norm.top + i;
        fetch(score, row + i, m, top);
        for (size_t c = 1; c < (size_t)classes; c++) {
            fetch(score + c * rows, row + i, m, s);
            raise_to(top, s, m);
        }
        memset(sum, 0, sizeof sum);
        for (size_t c = 0; c < (size_t)classes; c++) {
            fetch(score + c * rows, row + i, m, s);
            exponentials(s, top, m);
            add_to(sum, s, m);
        }
        invert(norm.inverse + i, sum, m);
    }
}

static void softmax(const double *score, const int32_t *label, const double *w, const uint32_t *row, struct loss_norm norm,
                    size_t n, int k, float factor, float *gh, double *sum_g, double *sum_h)
{
    float s[BLOCK], v[BLOCK];
    int32_t t[BLOCK];
    *sum_g = *sum_h = 0;
    for (size_t i = 0; i < n; i += BLOCK) {
        size_t m = n - i < BLOCK ? n - i : BLOCK;
        fetch(score, row + i, m, s);
        exponentials(s, norm.top + i, m);
        targets(label, w, row + i, m, t, v);
        class_block(s, norm.inverse + i, t, v, m, k, factor, gh + 2 * i, sum_g, sum_h);
    }
}

/* ---- sums and packing ------------------------------------------------------------ */

static void sums(const float *gh, size_t n, double *sum_g, double *sum_h)
{
    double g = 0, h = 0;
    for (size_t i = 0; i < n; i += BLOCK) {
        size_t m = n - i < BLOCK ? n - i : BLOCK;
        float bg[8] = {0}, bh[8] = {0};
        size_t k = 0;
        for (; k + 8 <= m; k += 8)
            for (int l = 0; l < 8; l++) {
                bg[l] += fabsf(gh[2 * (i + k + (size_t)l)]);
                bh[l] += gh[2 * (i + k + (size_t)l) + 1];
            }
        for (int l = 0; l < 8; l++) {
            g += (double)bg[l];
            h += (double)bh[l];
        }
        for (; k < m; k++) {
            g += (double)fabsf(gh[2 * (i + k)]);
            h += (double)gh[2 * (i + k) + 1];
        }
    }
    *sum_g = g;
    *sum_h = h;
}

/* As two 32-bit integers side by side: low half h, high half g. Both fit by the choice of scales. */
static void pack(const float *gh, size_t n, float g_scale, float h_scale, uint64_t *out)
{
    for (size_t i = 0; i < n; i++) {
        float g = gh[2 * i] * g_scale, h = gh[2 * i + 1] * h_scale;
        int32_t gi = (int32_t)(g + copysignf(0.5f, g)), hi = (int32_t)(h + 0.5f);
        out[i] = (uint64_t)(uint32_t)gi << 32 | (uint32_t)hi;
    }
}

const struct loss_rows LOSS_ROWS = {logistic, softmax_all, softmax_norm, softmax, sums, pack};
