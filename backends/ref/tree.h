/* SPDX-License-Identifier: Apache-2.0 */
/** @file tree.h Plain C rows of the tree kernels (<assay/ext/kernels_tree.h>). */
#ifndef ASSAY_BACKENDS_REF_TREE_H
#define ASSAY_BACKENDS_REF_TREE_H

#include <assay/ext/backend.h>
#include <assay/ext/kernels_tree.h>

/** Fills rows BIN, HIST, SPLIT_SCAN and PARTITION of a kernel table. */
void ref_tree_rows(asx_kernel_fn *kernel);

#endif
