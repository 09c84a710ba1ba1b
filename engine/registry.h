/* SPDX-License-Identifier: Apache-2.0 */
/** @file registry.h The registry of this build, generated from folder and file names. */
#ifndef ASSAY_ENGINE_REGISTRY_H
#define ASSAY_ENGINE_REGISTRY_H

#include <assay/ext/registry.h>

const struct asx_registry *registry_builtin(void);

/* By name; NULL when there is none (or name is NULL). */
const struct asx_learner *registry_learner(const struct asx_registry *, const char *name);
const struct asx_prep *registry_prep(const struct asx_registry *, const char *name);
const struct asx_metric *registry_metric(const struct asx_registry *, const char *name);
const struct asx_kind *registry_kind(const struct asx_registry *, const char *name);
const struct asx_strategy *registry_strategy(const struct asx_registry *, const char *name);

#endif
