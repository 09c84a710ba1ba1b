/* SPDX-License-Identifier: Apache-2.0 */
/* The arithmetic of losses at instruction-set level avx2. */
#define LOSS_ROWS loss_rows_avx2
#include "learners/trees/loss_body.h"
