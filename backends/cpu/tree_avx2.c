/* SPDX-License-Identifier: Apache-2.0 */
/* The tree kernels at instruction-set level avx2. */
#define TREE_ROWS cpu_tree_rows_avx2
#include "backends/cpu/tree_body.h"
