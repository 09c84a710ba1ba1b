/* SPDX-License-Identifier: Apache-2.0 */
#define LANES 4
#define GLM_STEP cpu_glm_step_sse2
#include "backends/cpu/glm_body.h"
