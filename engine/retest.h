/* SPDX-License-Identifier: Apache-2.0 */
/** @file retest.h A finished run's model on new test data. */
#ifndef ASSAY_ENGINE_RETEST_H
#define ASSAY_ENGINE_RETEST_H

#include "catalog/run.h"
#include "engine/session.h"

/**
 * Scores the run's saved model on a file, and each config that is part of it, with the weights the task named; their lines of
 * the board get the scores, all others none.
 */
asx_st retest_board(struct session *, const struct cat_run *, const char *test, json_t *board, struct asx_err *);

#endif
