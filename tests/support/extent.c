/* SPDX-License-Identifier: Apache-2.0 */
/* See extent.h. */
#include "tests/support/extent.h"

#include <stdlib.h>

bool extent_whole(void)
{
    return getenv("ASSAY_LONG") != NULL;
}

size_t extent(size_t sample, size_t whole)
{
    return extent_whole() ? whole : sample;
}
