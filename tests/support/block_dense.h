/* SPDX-License-Identifier: Apache-2.0 */
/** @file block_dense.h A block's cells as plain numbers, for comparisons in tests. */
#ifndef ASSAY_TESTS_BLOCK_DENSE_H
#define ASSAY_TESTS_BLOCK_DENSE_H

#include <assay/ext/types.h>

/** [rows * cols] row-major; missing cells (NaN, code -1) are NaN, absent cells 0. Free with free(). */
double *block_dense(const struct asx_block *);
/** Checks what every raw block promises: indices ascending and in range, codes below levels, names there. NULL or what is wrong. */
const char *block_wrong(const struct asx_block *);
/** Column by name, or -1. */
int block_find(const struct asx_block *, const char *name);

#endif
