/* SPDX-License-Identifier: Apache-2.0 */
/* Chooses the instruction-set level of the tree kernels at run time. */
#include "backends/cpu/tree.h"
#include "backends/cpu/cpu.h"

void cpu_tree_rows(asx_kernel_fn *kernel)
{
    switch (cpu_simd_level()) {
    case CPU_AVX512: cpu_tree_rows_avx512(kernel); break;
    case CPU_AVX2: cpu_tree_rows_avx2(kernel); break;
    default: cpu_tree_rows_base(kernel);
    }
}
