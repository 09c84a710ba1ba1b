/* SPDX-License-Identifier: Apache-2.0 */
/* Normal equations of a fold, from the Gram or from the rows, and their solution. See gram.h. */
#include "learners/linear/glm_fast.h"
#include "learners/linear/gram.h"
#include "learners/linear/score.h"

#include <assay/ext/backend.h>

#include "base/err.h"
#include "base/mem.h"

/* Centred over uncentred sum of squares: below this too few digits of a column are left. */
static const double short_ratio = 1e-8;

static asx_st no_memory(struct asx_err *err)
{
    return err_set(err, ASX_E_NOMEM, "no memory for the normal equations; raise the memory limit");
}

asx_st lin_normal_init(struct lin_normal *o, size_t p, struct arena *a, struct asx_err *err)
{
    *o = (struct lin_normal){.p = p};
    o->A = arena_alloc(a, (p * p + 1) * sizeof(double));
    o->sum = arena_alloc(a, (p + 2) * (p + 2) * sizeof(double));
    o->c = arena_alloc(a, (p + 1) * sizeof(double));
    o->zbar = arena_alloc(a, (p + 1) * sizeof(double));
    return o->A && o->sum && o->c && o->zbar ? ASX_OK : no_memory(err);
}

static asx_st no_weight(int fold, struct asx_err *err)
{
    return err_set(err, ASX_E_DATA, "the training rows of fold %d have no weight; use fewer folds", fold);
}

/* The fold's sums: lower triangle of order m. `size` gets what went into the diagonal, signs aside. */
static void fold_sums(const struct lin_gram *g, int fold, double *sum, double *size)
{
    bool first = true;
    memset(size, 0, g->p * sizeof *size);
    for (int k = 0; k < g->pieces; k++) {
        double sign = g->sign[fold * g->pieces + k];
        if (sign == 0)
            continue;
        for (size_t i = 0; i < g->m; i++) {
            double *to = sum + i * g->m;
            if (first)
                memset(to, 0, (i + 1) * sizeof *to);
            vec_axpy(i + 1, sign, g->sum[k] + i * g->m, to);
        }
        for (size_t j = 0; j < g->p; j++)
            size[j] += g->sum[k][j * g->m + j];
        first = false;
    }
    if (first)
        memset(sum, 0, g->m * g->m * sizeof *sum);
}

/* Copies the lower triangle to the upper one, tile by tile. */
static void mirror(double *A, size_t p)
{
    enum { TILE = 32 };
    for (size_t i0 = 0; i0 < p; i0 += TILE)
        for (size_t j0 = 0; j0 <= i0; j0 += TILE)
            for (size_t i = i0; i < p && i < i0 + TILE; i++)
                for (size_t j = j0; j < i && j < j0 + TILE; j++)
                    A[j * p + i] = A[i * p + j];
}

/* A <- T' A T for the linear part of the map: rows, then columns. Mask rows are used before they are scaled. */
static void to_features(const struct lin_map *map, double *A)
{
    size_t p = map->p;
    for (size_t j = 0; j < p; j++) {
        double *row = A + j * p;
        const double *mask = j < map->packed->dense && map->mask_col[j] >= 0 ? A + (size_t)map->mask_col[j] * p : NULL;
        for (size_t k = 0; k < p; k++)
            row[k] = map->a[j] * row[k] + (mask ? map->b[j] * mask[k] : 0);
    }
    for (size_t k = 0; k < p; k++) {
        double *row = A + k * p;
        for (size_t j = 0; j < p; j++)
            row[j] = map->a[j] * row[j] + (j < map->packed->dense && map->mask_col[j] >= 0 ? map->b[j] * row[map->mask_col[j]] : 0);
    }
}

/* Linear part of the map on a vector over packed columns. */
static void vector_to_features(const struct lin_map *map, double *v)
{
    for (size_t j = 0; j < map->p; j++)
        v[j] = map->a[j] * v[j] + (j < map->packed->dense && map->mask_col[j] >= 0 ? map->b[j] * v[map->mask_col[j]] : 0);
}

/* Centred sums of packed columns. True when some column lost too many digits. */
static bool centre(const double *sum, const double *size, size_t m, size_t p, struct lin_normal *o, bool *constant)
{
    const double *one = sum + (p + 1) * m, *y = sum + p * m;
    bool few_digits = false;
    for (size_t j = 0; j < p; j++) {
        double mean = one[j] / o->n, raw = size[j], centred = sum[j * m + j] - one[j] * mean;
        constant[j] = !(raw > 0);
        few_digits |= !constant[j] && centred < short_ratio * raw;
        o->zbar[j] = mean;
        o->c[j] = constant[j] ? 0 : y[j] - one[j] * o->ybar;
    }
    for (size_t i = 0; i < p; i++)
        for (size_t j = 0; j <= i; j++)
            o->A[i * p + j] = constant[i] || constant[j] ? 0 : sum[i * m + j] - one[i] * o->zbar[j];
    mirror(o->A, p);
    return few_digits;
}

/* A fold's sums to equations in features; *few_digits asks for the rows instead. */
static asx_st from_sums(struct asx_exec *exec, const struct lin_map *map, int fold, const double *size, struct lin_normal *o,
                        bool *few_digits, struct asx_err *err)
{
    size_t p = map->p, m = p + 2;
    const double *sum = o->sum;
    bool *constant = arena_alloc(exec->scratch, (p + 1) * sizeof *constant);
    if (!constant)
        return no_memory(err);
    o->n = sum[(p + 1) * m + p + 1];
    if (!(o->n > 0))
        return no_weight(fold, err);
    o->ybar = sum[(p + 1) * m + p] / o->n;
    o->yy = sum[p * m + p] - o->n * o->ybar * o->ybar;
    *few_digits = centre(sum, size, m, p, o, constant);
    to_features(map, o->A);
    vector_to_features(map, o->c);
    vector_to_features(map, o->zbar);
    for (size_t j = 0; j < p; j++)
        o->zbar[j] += map->c[j];
    return ASX_OK;
}

static void means_of_rows(const struct asx_problem *pb, const struct asx_fold *f, const struct lin_map *map, double *z,
                          struct lin_normal *o)
{
    memset(o->zbar, 0, o->p * sizeof *o->zbar);
    o->n = o->ybar = 0;
    for (size_t i = 0; i < f->n_train; i++) {
        double v = pb->fit_weight ? pb->fit_weight[f->train[i]] : 1;
        lin_map_row(map, f->train[i], z);
        for (size_t j = 0; j < o->p; j++)
            o->zbar[j] += v * z[j];
        o->ybar += v * pb->y[f->train[i]];
        o->n += v;
    }
    for (size_t j = 0; j < o->p && o->n > 0; j++)
        o->zbar[j] /= o->n;
    o->ybar = o->n > 0 ? o->ybar / o->n : 0;
}

static asx_st two_passes(struct asx_exec *exec, const struct lin_map *map, int fold, struct lin_normal *o, struct asx_err *err)
{
    const struct asx_problem *pb = exec->problem;
    const struct asx_fold *f = &pb->splits->fold[fold];
    size_t p = map->p, m = p + 1;
    asx_st st = ASX_OK;
    double *sum = o->sum, *rows = arena_alloc(exec->scratch, LIN_ROWS * m * sizeof *rows);
    if (!rows)
        return no_memory(err);
    memset(sum, 0, m * m * sizeof *sum);
    means_of_rows(pb, f, map, rows, o);
    if (!(o->n > 0))
        return no_weight(fold, err);
    for (size_t at = 0; at < f->n_train; at += LIN_ROWS) {
        size_t n = f->n_train - at < LIN_ROWS ? f->n_train - at : LIN_ROWS;
        if (exec->stop(exec))
            return ASX_STOPPED;
        for (size_t i = 0; i < n; i++) {
            uint32_t r = f->train[at + i];
            double v = pb->fit_weight ? sqrt(pb->fit_weight[r]) : 1, *z = rows + i * m;
            lin_map_row(map, r, z);
            for (size_t j = 0; j < p; j++)
                z[j] = v * (z[j] - o->zbar[j]);
            z[p] = v * (pb->y[r] - o->ybar);
        }
        struct asx_syrk_args a = {.rows = n, .cols = m, .a = asx_buf_of(rows), .c = asx_buf_of(sum), .lda = m, .ldc = m};
        st = asx_run_kernel(exec->device, ASX_K_SYRK_F64, &a);
        if (st)
            return err_set(err, st, "the product of columns failed; report this fault of Assay");
    }
    for (size_t i = 0; i < p; i++) {
        o->c[i] = sum[p * m + i];
        memcpy(o->A + i * p, sum + i * m, (i + 1) * sizeof *sum);
    }
    mirror(o->A, p);
    o->yy = sum[p * m + p];
    return ASX_OK;
}

asx_st lin_normal_gram(struct asx_exec *exec, const struct lin_gram *g, const struct lin_map *map, int fold, struct lin_normal *o,
                       struct asx_err *err)
{
    bool few_digits = false;
    double *size = arena_alloc(exec->scratch, (g->p + 1) * sizeof *size);
    if (!size)
        return no_memory(err);
    fold_sums(g, fold, o->sum, size);
    asx_st st = from_sums(exec, map, fold, size, o, &few_digits, err);
    return st || !few_digits ? st : two_passes(exec, map, fold, o, err);
}

asx_st lin_normal_rows(struct asx_exec *exec, const struct lin_map *map, int fold, struct lin_normal *o, struct asx_err *err)
{
    const struct asx_fold *f = &exec->problem->splits->fold[fold];
    size_t p = map->p, m = p + 2;
    bool few_digits = false;
    if (!lin_products_sparse(map->packed))
        return two_passes(exec, map, fold, o, err);
    double *rows = arena_alloc(exec->scratch, LIN_ROWS * m * sizeof *rows),
           *size = arena_alloc(exec->scratch, (p + 1) * sizeof *size);
    if (!rows || !size)
        return no_memory(err);
    memset(o->sum, 0, m * m * sizeof *o->sum);
    asx_st st = lin_add_products(exec, map->packed, f->train, f->n_train, o->sum, rows);
    if (st < 0)
        return err_set(err, st, "the product of columns failed; report this fault of Assay");
    for (size_t j = 0; j < p; j++)
        size[j] = o->sum[j * m + j];
    if (!st)
        st = from_sums(exec, map, fold, size, o, &few_digits, err);
    return st || !few_digits ? st : two_passes(exec, map, fold, o, err);
}

double lin_intercept(const struct lin_normal *o, const double *w)
{
    double b = o->ybar;
    for (size_t j = 0; j < o->p; j++)
        b -= o->zbar[j] * w[j];
    return b;
}

/*
 * Collinear columns with a tiny penalty can make A + l2 indefinite by rounding: a ridge of
 * 1e-12 .. 1e-6 of the mean diagonal then stands in, which moves predictions by less than that.
 */
asx_st lin_solve_chol(struct asx_exec *exec, const struct lin_normal *o, double l2, double *w, struct asx_err *err)
{
    size_t p = o->p;
    double mean = 0, *work = o->sum;
    for (size_t j = 0; j < p; j++)
        mean += o->A[j * p + j] / (double)p;
    asx_st st = ASX_OK;
    for (int attempt = 0; attempt < 4; attempt++) {
        double ridge = l2 + (attempt ? mean * pow(10, -14 + 2 * attempt) : 0);
        memcpy(work, o->A, p * p * sizeof *work);
        memcpy(w, o->c, p * sizeof *w);
        for (size_t j = 0; j < p; j++)
            work[j * p + j] = work[j * p + j] + ridge > 0 ? work[j * p + j] + ridge : 1;
        struct asx_cholesky_args a = {.n = p, .k = 1, .a = asx_buf_of(work), .b = asx_buf_of(w), .lda = p, .ldb = p};
        st = p ? asx_run_kernel(exec->device, ASX_K_CHOLESKY_F64, &a) : ASX_OK;
        if (st != ASX_E_NUMERIC)
            break;
    }
    w[p] = lin_intercept(o, w);
    return st ? err_set(err, st, "the normal equations have no solution; raise the penalty 'l2'") : ASX_OK;
}
