/* SPDX-License-Identifier: Apache-2.0 */
/** @file coefficients.h Shipped speeds per SIMD level, and looking speeds up. */
#ifndef ASSAY_OPTIMIZER_COEFFICIENTS_H
#define ASSAY_OPTIMIZER_COEFFICIENTS_H

#include "optimizer/machine.h"

/** Memory levels of a coefficient: L1, L2, L3, memory. */
enum { OPT_LEVELS = 4 };

/**
 * Shipped coefficient of the device "cpu" for a class, dtype and SIMD level ("sse2", "avx2", "avx512").
 * samples 0, spread as documented in optimizer/README.md.
 */
struct opt_coefficient opt_coefficient_default(const char *simd, enum asx_kernel_class, enum asx_dtype);

/** Fills machine->coefficient with the shipped ones for machine->simd. */
asx_st opt_coefficients_ship(struct opt_machine *, struct mem *);

/**
 * Coefficient for (device, class, dtype); the class's other dtype when there is no exact one. For "cpu"
 * the shipped one stands in; NULL: nothing is known of this device, so measure it.
 */
const struct opt_coefficient *opt_coefficient_find(const struct opt_machine *, const char *device, enum asx_kernel_class,
                                                   enum asx_dtype);

/** Puts one coefficient in, replacing the one of the same device, class and dtype. */
asx_st opt_coefficient_put(struct opt_machine *, const struct opt_coefficient *, struct mem *);

/** "gemm", "hist", ...: names in files and tables. */
const char *opt_kernel_name(enum asx_kernel_class);
const char *opt_dtype_name(enum asx_dtype);
bool opt_kernel_parse(const char *, enum asx_kernel_class *);
bool opt_dtype_parse(const char *, enum asx_dtype *);
size_t opt_dtype_size(enum asx_dtype);

/** Effective bytes of L1, L2, L3 for one of `busy` threads; levels a machine lacks repeat the one below. */
void opt_cache_bytes(const struct opt_machine *, int busy, double out[OPT_LEVELS - 1]);

/** The cache sizes assumed when there is no machine, and in nominal mode. */
extern const double opt_nominal_cache[OPT_LEVELS - 1];

#endif
