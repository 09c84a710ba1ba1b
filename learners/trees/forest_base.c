/* SPDX-License-Identifier: Apache-2.0 */
/* The inner loops of forests at instruction-set level base. */
#define FOREST_ROWS forest_rows_base
#include "learners/trees/forest_body.h"
