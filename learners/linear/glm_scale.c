/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The coordinates solvers work in: dense features centred and scaled over the training rows, whatever
 * the preparation did, because steps of L-BFGS are lost on features of size 1e9 or with means far from 0.
 * Penalties stay those of the features as prepared (w = x unit), so the solution is the same one.
 */
#include "learners/linear/glm.h"
#include "learners/linear/glm_fast.h"

#include "base/err.h"
#include "base/mem.h"

struct moments {
    struct glm *g;
    double *work; /* [maps][2 * columns] sums and sums of squares of packed columns */
    int *fold;    /* [maps] */
    size_t columns;
};

static void sum_map(void *arg, size_t k, int worker)
{
    (void)worker;
    const struct moments *s = arg;
    const struct asx_problem *pb = s->g->exec->problem;
    const struct asx_fold *fold = &pb->splits->fold[s->fold[k]];
    double *sum = s->work + k * 2 * s->columns;
    for (size_t i = 0; i < fold->n_train; i++) {
        size_t r = fold->train[i];
        glm_add_moments(s->g->x->x + r * s->g->x->ld, s->columns, pb->fit_weight ? pb->fit_weight[r] : 1, sum, sum + s->columns);
    }
}

/* Mean and spread of the features of map k, and the map to them centred and scaled. */
static void rescale(const struct moments *s, size_t k, double n)
{
    struct glm *g = s->g;
    const double *sum = s->work + k * 2 * s->columns, *square = sum + s->columns;
    const struct lin_map *from = &g->plain[k];
    for (size_t j = 0; j < g->x->dense; j++) {
        double ms = sum[j] / n, a = from->a[j], b = 0, mm = 0;
        double var = a * a * (square[j] / n - ms * ms), mean = a * ms + from->c[j];
        if (from->mask_col[j] >= 0) { /* the cell is 0 where the mask is 1 */
            b = from->b[j];
            mm = sum[from->mask_col[j]] / n;
            var += b * b * mm * (1 - mm) - 2 * a * b * ms * mm;
            mean += b * mm;
        }
        double scale = var > 1e-14 * mean * mean && isfinite(var) ? sqrt(var) : 1;
        g->unit[k * (g->p + 1) + j] = 1 / scale;
        g->mean[k * (g->p + 1) + j] = mean;
        g->map[k].a[j] = a / scale;
        g->map[k].b[j] = b / scale;
        g->map[k].c[j] = (from->c[j] - mean) / scale;
    }
}

asx_st glm_rescale(struct glm *g, struct asx_err *err)
{
    struct arena *a = g->exec->scratch;
    struct moments s = {.g = g, .columns = g->x->dense + g->x->masks};
    size_t width = g->p + 1;
    s.work = arena_calloc(a, g->maps * 2 * s.columns + 1, sizeof *s.work);
    s.fold = arena_calloc(a, g->maps, sizeof *s.fold);
    g->plain = arena_alloc(a, g->maps * sizeof *g->plain);
    g->unit = arena_alloc(a, g->maps * width * sizeof *g->unit);
    g->mean = arena_calloc(a, g->maps * width, sizeof *g->mean);
    bool good = s.work && s.fold && g->plain && g->unit && g->mean;
    for (size_t k = 0; good && k < g->maps; k++) {
        g->plain[k] = g->map[k];
        good = lin_map_init(&g->map[k], g->plain[k].affine, a, err) == ASX_OK;
        for (size_t j = 0; j < width; j++)
            g->unit[k * width + j] = j < g->p;
    }
    if (!good)
        return err_set(err, ASX_E_NOMEM, "no memory for a batch of linear fits; raise the memory limit");
    if (!g->x->dense)
        return ASX_OK;
    for (int i = g->fits - 1; i >= 0; i--)
        s.fold[g->fit[i].map] = g->fit[i].fold;
    g->exec->split(g->exec, g->maps, sum_map, &s);
    for (int i = 0; i < g->fits; i++)
        if (g->fit[i].weight > 0 && s.fold[g->fit[i].map] == g->fit[i].fold)
            rescale(&s, g->fit[i].map, g->fit[i].weight);
    return ASX_OK;
}

void glm_to_features(const struct glm *g, const struct glm_fit *f, double *w)
{
    const double *unit = g->unit + f->map * (g->p + 1), *mean = g->mean + f->map * (g->p + 1);
    for (size_t c = 0; c < g->sets; c++, w += g->p + 1)
        for (size_t j = 0; j < g->p; j++) {
            w[j] *= unit[j];
            w[g->p] -= w[j] * mean[j];
        }
}
