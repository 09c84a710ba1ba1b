/* SPDX-License-Identifier: Apache-2.0 */
#define LANES 16
#define KNN_PANEL_FN knn_panel_avx512
#include "learners/neighbors/panel_body.h"
