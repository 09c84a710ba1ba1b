/* SPDX-License-Identifier: Apache-2.0 */
/** @file expected.h How wide a problem's prepared rows will be, before they are made. */
#ifndef ASSAY_DATA_EXPECTED_H
#define ASSAY_DATA_EXPECTED_H

#include <assay/ext/types.h>

/**
 * Columns of the form "dense", roughly, for learners that ask themselves whether they fit a problem: numbers count
 * one, categories a column a level (50 from 1,000 levels on, which are hashed or averaged), text its terms by Heaps'
 * law, 5 words^0.6 and at most 5,000. 1 when the problem has no frame.
 */
double expected_columns(const struct asx_problem *);

#endif
