/* SPDX-License-Identifier: Apache-2.0 */
/** @file explain.h Plans as text, JSON (CONTRACT's `explain --format json`) and Graphviz. */
#ifndef ASSAY_OPTIMIZER_EXPLAIN_H
#define ASSAY_OPTIMIZER_EXPLAIN_H

#include "base/file.h"
#include "optimizer/plan.h"

/** A later wave, or a final step, as one summarised line. */
struct opt_summary {
    char step[96];
    double seconds, low, high;
    uint64_t host_bytes;
    int trials;
};

/** All that explain shows. Plans in order: prelude, first wave; then summaries. */
struct opt_explained {
    const struct opt_machine *machine;
    double budget_s; /**< NaN: none (trial limit) */
    const struct opt_plan *const *plan;
    int plans;
    const struct opt_summary *summary;
    int summaries;
    int speeds, corrections; /**< kernel speeds measured on this machine; ops whose price earlier runs correct */
    bool nominal;            /**< prices of a repeatable run: neither is used */
    bool costs;              /**< false: `--costs off`, for golden plans: no seconds, no bytes */
};

json_t *opt_explain_json(const struct opt_explained *);
void opt_explain_text(const struct opt_explained *, struct text *);
void opt_explain_dot(const struct opt_explained *, struct text *);

#endif
