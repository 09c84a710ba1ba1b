/* SPDX-License-Identifier: Apache-2.0 */
#define LANES 4
#define DIST_TOPK cpu_dist_topk_sse2
#include "backends/cpu/dist_body.h"
