/* SPDX-License-Identifier: Apache-2.0 */
#define LANES 8
#define GLM_STEP cpu_glm_step_avx2
#include "backends/cpu/glm_body.h"
