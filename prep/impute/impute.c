/* SPDX-License-Identifier: Apache-2.0 */
/* What stands in for a missing cell: one constant a column and fold. See README.md. */
#include "prep/support.h"

extern const struct asx_prep asx_prep_impute;

enum { MEAN, MEDIAN, CONSTANT };
static const char *const strategies[] = {"mean", "median", "constant"};

static const struct asx_param params[] = {
    {.name = "strategy",
     .kind = ASX_CHOICE,
     .choices = strategies,
     .n_choices = 3,
     .def = MEAN,
     .help = "what stands in for a missing number: the column's mean, its median, or fill_value"},
    {.name = "fill_value",
     .kind = ASX_REAL,
     .low = -1e6,
     .high = 1e6,
     .min = -1e300,
     .max = 1e300,
     .def = 0,
     .fixed = true,
     .help = "the constant of strategy constant, in the column's unit"},
};

/* Weights (tf-idf, hashed and sparse cells) know no missing cells: an absent one is 0. */
static void impute_constants(const struct asx_column_stats *s, const struct asx_config *config, double *fill, double *centre,
                             double *scale)
{
    (void)centre;
    (void)scale;
    double v = 0;
    if (s->kind != ASX_COL_WEIGHT) {
        switch ((int)prep_param(&asx_prep_impute, config, "strategy")) {
        case MEDIAN: v = isfinite(s->median) ? s->median : s->mean; break;
        case CONSTANT: v = prep_param(&asx_prep_impute, config, "fill_value"); break;
        default: v = s->mean; break;
        }
    }
    *fill = isfinite(v) ? v : 0; /* a column without any present cell has no mean */
}

const struct asx_prep asx_prep_impute = {
    .head = {"impute", "fills missing cells with a constant per column and fold; masks mark them"},
    .version = 1,
    .roles = ASX_FOR_LINEAR | ASX_FOR_COUNTS,
    .preference = 100,
    .scope = ASX_AFFINE,
    .params = params,
    .n_params = sizeof params / sizeof *params,
    .constants = impute_constants,
};
