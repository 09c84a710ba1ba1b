/* SPDX-License-Identifier: Apache-2.0 */
#define LANES 8
#define DIST_TOPK cpu_dist_topk_avx2
#include "backends/cpu/dist_body.h"
