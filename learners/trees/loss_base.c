/* SPDX-License-Identifier: Apache-2.0 */
/* The arithmetic of losses at instruction-set level base. */
#define LOSS_ROWS loss_rows_base
#include "learners/trees/loss_body.h"
