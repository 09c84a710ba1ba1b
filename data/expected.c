/* SPDX-License-Identifier: Apache-2.0 */
#include "data/expected.h"

/* Terms of a text column: they grow more slowly than the words (Heaps' law), up to what is kept by default. */
static double text_columns(size_t rows, const struct asx_column_facts *f)
{
    double words = f && f->mean_words > 0 ? (double)rows * f->mean_words : 1e9, terms = fmin(words, 5 * pow(words, 0.6));
    return fmin(terms, 5000);
}

double expected_columns(const struct asx_problem *p)
{
    if (!p->frame)
        return 1;
    double cols = p->frame->sparse ? (double)p->frame->sparse->cols : 0;
    for (size_t j = 0; j < p->frame->columns; j++) {
        const struct asx_column_facts *f = p->profile ? &p->profile->column[j] : NULL;
        enum asx_type type = p->frame->column[j].type;
        if (f && f->role != ASX_ROLE_FEATURE)
            continue;
        if (type == ASX_TEXT)
            cols += text_columns(p->rows, f);
        else if (type == ASX_CATEGORICAL && f && f->distinct < 1000)
            cols += (double)f->distinct;
        else
            cols += type == ASX_CATEGORICAL ? 50 : 1;
    }
    return cols;
}
