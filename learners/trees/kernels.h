/* SPDX-License-Identifier: Apache-2.0 */
/** @file kernels.h Where the tree learners get their kernels. */
#ifndef ASSAY_LEARNERS_TREES_KERNELS_H
#define ASSAY_LEARNERS_TREES_KERNELS_H

#include <assay/ext/backend.h>
#include <assay/ext/kernels_tree.h>

/** Copies the kernel rows of the device, filling those it lacks with this processor's. */
void tree_kernels(const struct asx_exec *, asx_kernel_fn kernel[ASX_KERNELS]);

#endif
