/* SPDX-License-Identifier: Apache-2.0 */
/* Chooses the instruction-set level of the tree kernels at run time. */
#include "backends/cpu/tree.h"

void cpu_tree_rows(asx_kernel_fn *kernel)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("bmi2"))
        cpu_tree_rows_avx512(kernel);
    else if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2"))
        cpu_tree_rows_avx2(kernel);
    else
#endif
        cpu_tree_rows_base(kernel);
}
