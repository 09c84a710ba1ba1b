/* SPDX-License-Identifier: Apache-2.0 */
/** @file plan.h Plans as JSON, shown as p1, p2, ... */
#ifndef ASSAY_CATALOG_PLAN_H
#define ASSAY_CATALOG_PLAN_H

#include "catalog/catalog.h"

/** Keeps the plan of a wave (0: of the whole run). */
asx_st cat_plan_put(struct cat *, int64_t run, int wave, const char *json, int64_t *plan, struct asx_err *);
/** ASX_NONE when there is none. */
asx_st cat_plan_get(struct cat *, int64_t plan, struct arena *, const char **json, struct asx_err *);

#endif
