/* SPDX-License-Identifier: Apache-2.0 */
/* The inner loops of forests at instruction-set level avx2. */
#define FOREST_ROWS forest_rows_avx2
#include "learners/trees/forest_body.h"
