/* SPDX-License-Identifier: Apache-2.0 */
/** @file extent.h How much a test does: `make check` takes a sample of what `make check-long` does in full (ASSAY_LONG). */
#ifndef ASSAY_TESTS_EXTENT_H
#define ASSAY_TESTS_EXTENT_H

#include <stdbool.h>
#include <stddef.h>

bool extent_whole(void);
size_t extent(size_t sample, size_t whole);

#endif
