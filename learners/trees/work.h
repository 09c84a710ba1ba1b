/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file work.h
 * What tree fits count: asx_op.work of each way, apart from the fits because it is a model of its own.
 *
 * A fit's sizes are known, its trees are not: how deep they get and how many leaves they end in depends on how well the
 * classes can be told apart. The constants here are medians over real tables (see README, "Prices"); a table whose classes
 * part easily costs less than counted, a noisy one more, by some 1.5. All counts grow with rows and columns.
 */
#ifndef ASSAY_LEARNERS_TREES_WORK_H
#define ASSAY_LEARNERS_TREES_WORK_H

#include <assay/ext/learner.h>

/** `which` 0 forest, 1 extra trees, 2 single tree. */
void trees_forest_work(const struct asx_problem *, const struct asx_batch *, struct asx_work *, int which);
/** Bytes of the gradients of all classes, which a fit holds at once where they fit; 0 with one score a row. */
uint64_t trees_class_bytes(const struct asx_problem *, const struct asx_batch *);
/** Boosting with packed gradients; other ways change what differs. */
void trees_gbdt_work(const struct asx_problem *, const struct asx_batch *, struct asx_work *);

#endif
