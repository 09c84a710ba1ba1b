/* SPDX-License-Identifier: Apache-2.0 */
#define LANES 8
#define MLP_PRODUCT_FN mlp_product_avx2
#include "learners/mlp/product_body.h"
