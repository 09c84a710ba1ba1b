/* SPDX-License-Identifier: Apache-2.0 */
/* The tree kernels at instruction-set level avx512. */
#define TREE_ROWS cpu_tree_rows_avx512
#include "backends/cpu/tree_body.h"
