/* SPDX-License-Identifier: Apache-2.0 */
/* Kernel rows for one run of an op: the device's, or this processor's where a device has none. */
#include "learners/trees/kernels.h"

#include "backends/cpu/tree.h"

#include <string.h>

void tree_kernels(const struct asx_exec *exec, asx_kernel_fn kernel[ASX_KERNELS])
{
    static const enum asx_kernel used[] = {ASX_K_BIN, ASX_K_HIST, ASX_K_SPLIT_SCAN, ASX_K_PARTITION, ASX_K_TREE_PREDICT};
    memset(kernel, 0, ASX_KERNELS * sizeof *kernel);
    cpu_tree_rows(kernel);
    for (size_t i = 0; exec && exec->device && i < sizeof used / sizeof *used; i++)
        if (exec->device->kernel[used[i]])
            kernel[used[i]] = exec->device->kernel[used[i]];
}
