/* SPDX-License-Identifier: Apache-2.0 */
/* Flattening the blocks of a binned matrix. */
#include "learners/trees/view.h"

#include "base/err.h"
#include "base/mem.h"

static int log2_of(int max_bin)
{
    return max_bin <= 63 ? 6 : max_bin <= 127 ? 7 : 8;
}

static int shift_of(const struct bins_feature *f, int stride_log2, int want)
{
    return f->categorical || stride_log2 <= want ? 0 : stride_log2 - want;
}

static void fill_feature(struct view_feature *v, const struct bins_feature *f, size_t column, int shift)
{
    v->f = f;
    v->column = (uint32_t)column;
    v->shift = shift;
    v->pre = f->pre;
    v->n_bins = view_shift(v, f->n_bins - 1) + 1;
    v->missing = f->has_missing ? view_shift(v, f->missing) : -1;
    v->zero = view_shift(v, f->zero);
    v->group = -1;
}

static void add_dense(struct view *v, const struct bins *b, size_t column, int want)
{
    for (int g = 0; g < b->n_groups; g++) {
        struct view_group *vg = &v->group[v->groups];
        vg->g = &b->group[g];
        vg->shift = vg->g->categorical || vg->g->stride_log2 <= want ? 0 : vg->g->stride_log2 - want;
        vg->stride_log2 = vg->g->stride_log2 - vg->shift;
        vg->hist = v->hist_size;
        v->row_cells += vg->g->n;
        for (int j = 0; j < vg->g->n; j++) {
            struct view_feature *f = &v->feature[v->features++];
            fill_feature(f, &b->feature[vg->g->feature[j]], column + (size_t)vg->g->feature[j], vg->shift);
            f->code = f->f->plane;
            f->group = v->groups;
            f->hist = v->hist_size + ((size_t)j << vg->stride_log2);
        }
        v->hist_size += (size_t)vg->g->used << vg->stride_log2;
        v->groups++;
    }
}

/* Features of u16 codes stand alone; categories of many levels can also be cut down to u8, without histograms in groups. */
static void add_wide(struct view *v, const struct bins *b, size_t column, int max_bin, bool wide)
{
    for (size_t j = 0; j < b->cols; j++) {
        const struct bins_feature *f = &b->feature[j];
        if (!f->wide)
            continue;
        struct view_feature *vf = &v->feature[v->features];
        int shift = 0;
        while (!f->categorical && (f->n_bins - 1) >> shift >= max_bin)
            shift++;
        fill_feature(vf, f, column + j, shift);
        vf->code = f->plane;
        vf->hist = v->hist_size;
        if (wide) {
            vf->wide = f->wide;
            vf->n_bins = f->categorical ? f->wide_bins : vf->n_bins;
            vf->missing = f->categorical ? f->wide_bins : vf->missing;
            v->wide[v->wides++] = v->features;
        }
        int last = vf->missing >= vf->n_bins ? vf->missing : vf->n_bins;
        if (wide)
            v->most_wide = last > v->most_wide ? last : v->most_wide;
        v->hist_size += ((size_t)last + 64) / 64 * 64;
        v->row_cells++;
        v->features++;
    }
}

/* Where the places of a block stand in histograms of fewer bins. */
static bool map_places(const struct view *v, struct view_sparse *s, struct asx_exec *exec)
{
    const uint32_t *base = s->s->base;
    s->map = arena_alloc(exec->scratch, (base[s->cols] + 1) * sizeof *s->map);
    for (int i = 0; s->map && i < s->features; i++) {
        const struct view_feature *f = &v->feature[s->first + (size_t)i];
        for (uint32_t k = base[f->sparse_index]; k < base[f->sparse_index + 1]; k++)
            s->map[k] = (uint32_t)f->hist + ((k - base[f->sparse_index]) >> f->shift);
    }
    return s->map != NULL;
}

static bool add_sparse(struct view *v, struct asx_exec *exec, const struct bins *b, size_t column, int want)
{
    struct view_sparse *s = &v->sparse[v->sparse_blocks++];
    s->s = &b->sparse;
    s->cols = b->cols;
    s->first = (size_t)v->features;
    s->hist = v->hist_size;
    s->column = column;
    bool shifted = false;
    for (size_t j = 0; j < b->cols; j++) {
        const struct bins_feature *f = &b->feature[j];
        if (f->group != BINS_SPARSE)
            continue;
        struct view_feature *vf = &v->feature[v->features++];
        int shift = shift_of(f, f->stride_log2, want);
        fill_feature(vf, f, column + j, shift);
        vf->sparse = &b->sparse;
        vf->code = f->plane;
        vf->sparse_index = (uint32_t)j;
        vf->hist = v->hist_size;
        s->features++;
        shifted |= shift > 0;
        v->hist_size += bins_places(f) >> shift;
    }
    s->row_cells = (double)s->s->indptr[b->rows] / (double)(b->rows > 0 ? b->rows : 1);
    v->row_cells += s->row_cells;
    return !shifted || map_places(v, s, exec);
}

asx_st view_init(struct view *v, struct asx_exec *exec, const struct asx_matrix *m, int max_bin, bool wide, struct asx_err *err)
{
    size_t groups = 0, column = 0;
    *v = (struct view){.rows = m->rows, .columns = m->cols};
    for (int i = 0; i < m->blocks; i++)
        groups += (size_t)((const struct bins *)m->block[i]->opaque)->n_groups;
    v->feature = arena_calloc(exec->scratch, m->cols + 1, sizeof *v->feature);
    v->group = arena_calloc(exec->scratch, groups + 1, sizeof *v->group);
    v->sparse = arena_calloc(exec->scratch, (size_t)m->blocks + 1, sizeof *v->sparse);
    v->wide = arena_calloc(exec->scratch, m->cols + 1, sizeof *v->wide);
    bool ok = v->feature && v->group && v->sparse && v->wide;
    for (int i = 0; ok && i < m->blocks; i++) {
        const struct bins *b = m->block[i]->opaque;
        if (b->sparse.indptr)
            ok = add_sparse(v, exec, b, column, log2_of(max_bin));
        else
            add_dense(v, b, column, log2_of(max_bin));
        if (ok)
            add_wide(v, b, column, max_bin, wide);
        column += b->cols;
    }
    return ok ? ASX_OK : err_set(err, ASX_E_NOMEM, "out of memory for the features of a fit; raise the memory limit");
}

int view_bin(const struct view_feature *v, size_t row)
{
    if (v->wide)
        return v->wide[row] >> v->shift;
    if (v->code)
        return view_shift(v, v->code[row]);
    const struct bins_sparse *s = v->sparse;
    uint32_t from = s->base[v->sparse_index], end = s->base[v->sparse_index + 1];
    int64_t lo = s->indptr[row], hi = s->indptr[row + 1], last = hi;
    while (lo < hi) {
        int64_t mid = (lo + hi) / 2;
        if (s->place[mid] < from)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < last && s->place[lo] < end ? view_shift(v, (int)(s->place[lo] - from)) : v->zero;
}

bool view_searches(const struct view *v)
{
    for (int i = 0; i < v->features; i++)
        if (v->feature[i].sparse && !v->feature[i].code)
            return true;
    return false;
}

void view_absent(const struct view *v, uint8_t *cell)
{
    for (int i = 0; i < v->features; i++)
        if (v->feature[i].sparse)
            cell[v->feature[i].column] = (uint8_t)v->feature[i].f->zero;
}

void view_spread(const struct view *v, size_t row, const uint8_t *absent, uint8_t *cell)
{
    for (int i = 0; i < v->sparse_blocks; i++) {
        const struct bins_sparse *s = v->sparse[i].s;
        size_t first = v->sparse[i].column;
        for (int64_t k = s->indptr[row]; k < s->indptr[row + 1]; k++) {
            uint32_t j = s->feature_of[s->place[k]];
            cell[first + j] = absent ? absent[first + j] : (uint8_t)(s->place[k] - s->base[j]);
        }
    }
}
