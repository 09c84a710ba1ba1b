/* SPDX-License-Identifier: Apache-2.0 */
/* The tree kernels at instruction-set level base. */
#define TREE_ROWS cpu_tree_rows_base
#include "backends/cpu/tree_body.h"
