/* SPDX-License-Identifier: Apache-2.0 */
#define LANES 4
#define KNN_PANEL_FN knn_panel_fast
#include "learners/neighbors/panel_body.h"
