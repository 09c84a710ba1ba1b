/* SPDX-License-Identifier: Apache-2.0 */
/** @file board.h The run as JSON (CONTRACT, "JSON of a run"), and the report's extra facts. */
#ifndef ASSAY_ENGINE_BOARD_H
#define ASSAY_ENGINE_BOARD_H

#include "engine/run.h"

/** Confusion and ROC, or residuals, of blended held-out predictions on rows row[0..n). NULL when out of memory. */
json_t *board_summary(const struct run *, const uint32_t *row, size_t n, const float *blend);
/** The whole JSON; the caller owns the reference. */
json_t *run_board(struct run *);
/** The same with the books as they are now: of an earlier one, whose reference it takes over, or made anew (NULL). */
json_t *run_board_again(struct run *, json_t *board);

#endif
