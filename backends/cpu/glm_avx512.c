/* SPDX-License-Identifier: Apache-2.0 */
#define LANES 16
#define GLM_STEP cpu_glm_step_avx512
#include "backends/cpu/glm_body.h"
