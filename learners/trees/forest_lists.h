/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file forest_lists.h
 * Columns that say the same of most rows, turned on their side: the rows that differ.
 *
 * Indicators and words are 0 almost everywhere. A node learns all it needs of such a column from the few rows that are
 * in its list and from its own sums, so the work follows the non-zeros, not the rows. Compare scikit-learn's
 * `SparsePartitioner`, which keeps CSC columns for the same reason.
 */
#ifndef ASSAY_LEARNERS_TREES_FOREST_LISTS_H
#define ASSAY_LEARNERS_TREES_FOREST_LISTS_H

#include "learners/trees/view.h"

struct forest_list {
    const uint32_t *row; /**< [n] matrix rows, ascending; NULL: the column has no list */
    const uint8_t *bin;  /**< [n] their bins after shifting */
    size_t n;
    int rest; /**< bin of all other training rows */
};

struct forest_lists {
    struct forest_list *list; /**< [features]; NULL: no column has one */
    uint32_t *row;
    uint8_t *bin;
};

/**
 * Lists the training rows of every column of CSR blocks, and of dense columns of whose training rows at most one in
 * LISTS_SHARE is outside the most frequent bin. A pure function of the data.
 */
enum { LISTS_SHARE = 8 };
asx_st forest_lists_make(struct forest_lists *, struct asx_exec *, const struct view *, const uint32_t *row, size_t n);
void forest_lists_clear(struct forest_lists *);

#endif
