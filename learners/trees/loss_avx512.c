/* SPDX-License-Identifier: Apache-2.0 */
/* The arithmetic of losses at instruction-set level avx512. */
#define LOSS_ROWS loss_rows_avx512
#include "learners/trees/loss_body.h"
