/* SPDX-License-Identifier: Apache-2.0 */
#define LANES 4
#define MLP_PRODUCT_FN mlp_product_fast
#include "learners/mlp/product_body.h"
