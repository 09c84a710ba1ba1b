/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file vecmath.h
 * exp and log1p on vectors of LANES floats, for files that define LANES (4, 8 or 16) first.
 * Explicit vector types, so that the arithmetic is the same whatever the optimizer does.
 *
 * @source  polynomials of Cephes expf and logf (Moshier, Methods and Programs for Mathematical Functions, 1989)
 * @errors  exp: relative 2e-7 on [-87, 88], clamped outside; log1p on [0, 1]: relative 3e-7;
 *          NaN stays NaN
 */
#ifndef ASSAY_BACKENDS_CPU_VECMATH_H
#define ASSAY_BACKENDS_CPU_VECMATH_H

#include <stdint.h>

typedef float vf __attribute__((vector_size(LANES * 4), aligned(4), may_alias));
typedef int32_t vi __attribute__((vector_size(LANES * 4), aligned(4), may_alias));

static inline vf vec(float v)
{
    return v - (vf){0};
}

static inline vf vec_select(vi mask, vf yes, vf no)
{
    return (vf)((mask & (vi)yes) | (~mask & (vi)no));
}

static inline vf vec_exp(vf x)
{
    const vf magic = vec(12582912.0f); /* 1.5 * 2^23: adding it rounds to an integer in the low bits */
    vf c = vec_select(x < vec(-87.0f), vec(-87.0f), x);
    c = vec_select(c > vec(88.0f), vec(88.0f), c);
    vf t = c * vec(1.44269504088896341f) + magic;
    vi n = (vi)t - (vi)magic;
    vf k = t - magic;
    vf r = c - k * vec(0.693359375f);
    r = r - k * vec(-2.12194440e-4f);
    vf p = vec(1.9875691500e-4f);
    p = p * r + vec(1.3981999507e-3f);
    p = p * r + vec(8.3334519073e-3f);
    p = p * r + vec(4.1665795894e-2f);
    p = p * r + vec(1.6666665459e-1f);
    p = p * r + vec(5.0000001201e-1f);
    p = p * r * r + r + vec(1.0f);
    return (vf)((vi)p + (n << 23));
}

/* ln(1 + e), e in [0, 1]: ln of y = fl(1 + e) plus the rounding error of y over y. */
static inline vf vec_log1p(vf e)
{
    vf y = e + vec(1.0f);
    vf lost = e - (y - vec(1.0f));
    vi big = y > vec(1.41421356f);
    vf m = vec_select(big, y * vec(0.5f), y);
    vf x = m - vec(1.0f), z = x * x;
    vf p = vec(7.0376836292e-2f);
    p = p * x + vec(-1.1514610310e-1f);
    p = p * x + vec(1.1676998740e-1f);
    p = p * x + vec(-1.2420140846e-1f);
    p = p * x + vec(1.4249322787e-1f);
    p = p * x + vec(-1.6668057665e-1f);
    p = p * x + vec(2.0000714765e-1f);
    p = p * x + vec(-2.4999993993e-1f);
    p = p * x + vec(3.3333331174e-1f);
    vf k = vec_select(big, vec(1.0f), vec(0.0f));
    vf r = x * z * p + k * vec(-2.12194440e-4f);
    r = r - z * vec(0.5f) + x + k * vec(0.693359375f);
    return r + lost / y;
}

#endif
