/* SPDX-License-Identifier: Apache-2.0 */
/* See map.h. */
#include "learners/linear/map.h"

#include "base/err.h"
#include "base/mem.h"
#include "data/matrix.h"

static double finite_or(double v, double other)
{
    return isfinite(v) ? v : other;
}

asx_st lin_map_init(struct lin_map *m, const struct asx_affine *af, struct arena *arena, struct asx_err *err)
{
    const struct asx_packed *x = af->packed;
    m->packed = x;
    m->affine = af;
    m->p = x->dense + x->masks + x->sparse;
    m->a = arena_alloc(arena, (m->p + 1) * sizeof *m->a);
    m->c = arena_alloc(arena, (m->p + 1) * sizeof *m->c);
    m->b = arena_alloc(arena, (x->dense + 1) * sizeof *m->b);
    m->mask_col = arena_alloc(arena, (x->dense + 1) * sizeof *m->mask_col);
    if (!m->a || !m->b || !m->c || !m->mask_col)
        return err_set(err, ASX_E_NOMEM, "no memory for a linear fit; raise the memory limit");
    packed_masks(x, m->mask_col);
    for (size_t j = 0; j < m->p; j++) {
        double scale = af->scale[j] > 0 && isfinite(af->scale[j]) ? af->scale[j] : 1, centre = finite_or(af->centre[j], 0);
        bool dense = j < x->dense;
        m->a[j] = 1 / (dense ? x->unit[j] * scale : scale);
        m->c[j] = ((dense ? x->shift[j] : 0) - centre) / scale;
        if (dense)
            m->b[j] = m->mask_col[j] < 0 ? 0 : (finite_or(af->fill[j], 0) - x->shift[j]) / scale;
    }
    return ASX_OK;
}

void lin_map_weights(const struct lin_map *m, const double *w, double *u, double *constant)
{
    double k = w[m->p];
    for (size_t j = 0; j < m->p; j++) {
        u[j] = m->a[j] * w[j];
        k += m->c[j] * w[j];
    }
    for (size_t j = 0; j < m->packed->dense; j++)
        if (m->mask_col[j] >= 0)
            u[m->mask_col[j]] += m->b[j] * w[j];
    *constant = k;
}

void lin_map_gradient(const struct lin_map *m, const double *g, double r, double *out)
{
    for (size_t j = 0; j < m->p; j++)
        out[j] = m->a[j] * g[j] + m->c[j] * r;
    for (size_t j = 0; j < m->packed->dense; j++)
        if (m->mask_col[j] >= 0)
            out[j] += m->b[j] * g[m->mask_col[j]];
    out[m->p] = r;
}

void lin_map_row(const struct lin_map *m, size_t row, double *z)
{
    const struct asx_packed *x = m->packed;
    size_t nd = x->dense + x->masks;
    const float *s = nd ? x->x + row * x->ld : NULL;
    for (size_t j = 0; j < nd; j++)
        z[j] = m->a[j] * (double)s[j] + m->c[j];
    for (size_t j = 0; j < x->dense; j++)
        if (m->mask_col[j] >= 0)
            z[j] += m->b[j] * (double)s[m->mask_col[j]];
    for (size_t j = nd; j < m->p; j++)
        z[j] = m->c[j];
    if (!x->sparse)
        return;
    for (int64_t k = x->csr.indptr[row]; k < x->csr.indptr[row + 1]; k++)
        z[nd + (size_t)x->csr.indices[k]] += m->a[nd + (size_t)x->csr.indices[k]] * (double)x->csr.values[k];
}
