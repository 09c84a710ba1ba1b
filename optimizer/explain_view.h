/* SPDX-License-Identifier: Apache-2.0 */
/** @file explain_view.h What the formats of explain share. */
#ifndef ASSAY_OPTIMIZER_EXPLAIN_VIEW_H
#define ASSAY_OPTIMIZER_EXPLAIN_VIEW_H

#include "optimizer/explain.h"

enum { EXPLAIN_INPUTS = 512 };

/** Sums over plans and summaries; peak bytes are the largest of them. */
struct explain_total {
    double seconds, low, high, alone;
    uint64_t bytes;
};

struct explain_total explain_total(const struct opt_explained *);
/** Number of the first node of a plan: nodes count from 1 through all plans. */
int explain_base(const struct opt_explained *, int plan);
/** Distinct inputs of a node, ascending; at most `most`. */
int explain_inputs(const struct opt_node *, int *out, int most);
/** Why a way was not taken, without figures when costs are off. */
const char *explain_why(const struct opt_explained *, const struct opt_alternative *);
/** "before the search" or "first wave". */
const char *explain_title(const struct opt_explained *, int plan);

#endif
