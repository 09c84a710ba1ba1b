/* SPDX-License-Identifier: Apache-2.0 */
/* The inner loops of forests at instruction-set level avx512. */
#define FOREST_ROWS forest_rows_avx512
#include "learners/trees/forest_body.h"
