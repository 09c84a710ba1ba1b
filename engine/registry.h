/* SPDX-License-Identifier: Apache-2.0 */
/** @file registry.h The registry of this build, generated from folder and file names. */
#ifndef ASSAY_ENGINE_REGISTRY_H
#define ASSAY_ENGINE_REGISTRY_H

#include <assay/ext/registry.h>

const struct asx_registry *registry_builtin(void);

#endif
