/* SPDX-License-Identifier: Apache-2.0 */
/** @file tree.h Fast rows of the tree kernels for this processor. */
#ifndef ASSAY_BACKENDS_CPU_TREE_H
#define ASSAY_BACKENDS_CPU_TREE_H

#include <assay/ext/backend.h>
#include <assay/ext/kernels_tree.h>

/** Overwrites rows BIN, HIST, SPLIT_SCAN and PARTITION with the best this processor can run. */
void cpu_tree_rows(asx_kernel_fn *kernel);

/* One set per instruction-set level, from the same source (tree_body.h): results agree bit for bit. */
void cpu_tree_rows_base(asx_kernel_fn *kernel);
void cpu_tree_rows_avx2(asx_kernel_fn *kernel);
void cpu_tree_rows_avx512(asx_kernel_fn *kernel);

#endif
