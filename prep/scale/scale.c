/* SPDX-License-Identifier: Apache-2.0 */
/* Centres and scales columns: two constants a column and fold. See README.md. */
#include "prep/support.h"

extern const struct asx_prep asx_prep_scale;

enum { STANDARD, ROBUST, MINMAX, NONE };
static const char *const kinds[] = {"standard", "robust", "minmax", "none"};

static const struct asx_param params[] = {
    {.name = "kind",
     .kind = ASX_CHOICE,
     .choices = kinds,
     .n_choices = 4,
     .def = STANDARD,
     .help = "standard: mean 0, deviation 1; robust: median 0, quartile range 1; minmax: 0 to 1"},
};

/* A spread that carries no digits of the values it was computed from is rounding noise of a constant column. */
static double spread(double s, const struct asx_column_stats *c)
{
    double size = fmax(fabs(c->min), fabs(c->max));
    return isfinite(s) && s > 0 && !(s <= size * 1e-14) ? s : 1;
}

static void numbers(int kind, const struct asx_column_stats *s, double *centre, double *scale)
{
    switch (kind) {
    case STANDARD:
        *centre = s->mean;
        *scale = spread(s->std, s);
        break;
    case ROBUST: {
        double iqr = s->q75 - s->q25;
        *centre = isfinite(s->median) ? s->median : s->mean;
        *scale = iqr > 0 && isfinite(iqr) ? spread(iqr, s) : spread(s->std, s);
        break;
    }
    case MINMAX:
        *centre = s->min;
        *scale = spread(s->max - s->min, s);
        break;
    default:
        *centre = 0;
        *scale = 1;
        break;
    }
    if (!isfinite(*centre))
        *centre = 0;
}

static void scale_constants(const struct asx_column_stats *s, const struct asx_config *config, double *fill, double *centre,
                            double *scale)
{
    (void)fill;
    int kind = (int)prep_param(&asx_prep_scale, config, "kind");
    *centre = 0;
    *scale = 1;
    if (s->kind == ASX_COL_WEIGHT) { /* never centred (that would fill the zeros), never amplified */
        double size = fmax(fabs(s->min), fabs(s->max));
        if (kind != NONE && isfinite(size) && size > 1)
            *scale = size;
    } else if (s->kind != ASX_COL_INDICATOR) {
        numbers(kind, s, centre, scale);
    }
}

const struct asx_prep asx_prep_scale = {
    .head = {"scale", "centres and scales numbers per fold; indicators stay 0 and 1"},
    .version = 1,
    .roles = ASX_FOR_LINEAR,
    .preference = 90,
    .scope = ASX_AFFINE,
    .params = params,
    .n_params = sizeof params / sizeof *params,
    .constants = scale_constants,
};
