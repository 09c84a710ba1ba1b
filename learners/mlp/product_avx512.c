/* SPDX-License-Identifier: Apache-2.0 */
#define LANES 16
#define MLP_PRODUCT_FN mlp_product_avx512
#include "learners/mlp/product_body.h"
