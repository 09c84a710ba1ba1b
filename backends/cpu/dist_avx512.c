/* SPDX-License-Identifier: Apache-2.0 */
#define LANES 16
#define DIST_TOPK cpu_dist_topk_avx512
#include "backends/cpu/dist_body.h"
