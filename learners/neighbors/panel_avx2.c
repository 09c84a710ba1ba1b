/* SPDX-License-Identifier: Apache-2.0 */
#define LANES 8
#define KNN_PANEL_FN knn_panel_avx2
#include "learners/neighbors/panel_body.h"
