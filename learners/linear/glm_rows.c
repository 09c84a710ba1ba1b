/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reference evaluator: one fit at a time, f64, row by row, no kernels. It holds for any
 * width (sparse rows cost their stored cells) and is what the batched way is compared with.
 */
#include "learners/linear/glm.h"

#include "base/err.h"
#include "base/mem.h"

enum { CHUNKS = 8 };

struct pass {
    struct glm *g;
    struct glm_fit *fit;
    bool split; /* chunks on several threads; else in a loop, the same numbers */
    const struct asx_fold *fold;
    double *u, *constant; /* [sets][p], [sets] */
    double *grad, *sum;   /* [CHUNKS][sets * p], [CHUNKS][sets] */
    double loss[CHUNKS];
    double *score; /* [CHUNKS][2 * sets + 2] */
    bool stopped[CHUNKS];
};

/* Loss of a row and, in `d`, its derivative by the scores. */
static double row_loss(enum lin_link link, double y, const double *score, size_t sets, double *d)
{
    if (link == LIN_IDENTITY) {
        d[0] = score[0] - y;
        return 0.5 * d[0] * d[0];
    }
    if (link == LIN_LOGIT) {
        double p[2];
        lin_link_apply(link, score, 1, p);
        d[0] = p[1] - y;
        double z = y > 0.5 ? -score[0] : score[0]; /* loss = ln(1 + e^z) */
        return z > 0 ? z + log1p(exp(-z)) : log1p(exp(z));
    }
    double top = score[0], sum = 0;
    for (size_t c = 1; c < sets; c++)
        top = score[c] > top ? score[c] : top;
    for (size_t c = 0; c < sets; c++)
        sum += exp(score[c] - top);
    for (size_t c = 0; c < sets; c++)
        d[c] = exp(score[c] - top) / sum - (c == (size_t)y);
    return top + log(sum) - score[(size_t)y];
}

static void add_row(const struct pass *s, size_t r, double v, double *score, double *grad, double *sum, double *loss)
{
    const struct asx_packed *x = s->g->x;
    size_t sets = s->g->sets, p = s->g->p, nd = x->dense + x->masks;
    const float *row = nd ? x->x + r * x->ld : NULL;
    int64_t from = x->sparse ? x->csr.indptr[r] : 0, to = x->sparse ? x->csr.indptr[r + 1] : 0;
    double *d = score + sets;
    for (size_t c = 0; c < sets; c++) {
        const double *u = s->u + c * p;
        double z = s->constant[c];
        for (size_t j = 0; j < nd; j++)
            z += u[j] * (double)row[j];
        for (int64_t k = from; k < to; k++)
            z += u[nd + (size_t)x->csr.indices[k]] * (double)x->csr.values[k];
        score[c] = z;
    }
    *loss += v * row_loss(s->g->link, s->g->exec->problem->y[r], score, sets, d);
    for (size_t c = 0; c < sets; c++) {
        double *g = grad + c * p, e = v * d[c];
        for (size_t j = 0; j < nd; j++)
            g[j] += e * (double)row[j];
        for (int64_t k = from; k < to; k++)
            g[nd + (size_t)x->csr.indices[k]] += e * (double)x->csr.values[k];
        sum[c] += e;
    }
}

static void eval_chunk(void *arg, size_t chunk, int worker)
{
    (void)worker;
    struct pass *s = arg;
    struct glm *g = s->g;
    size_t n = s->fold->n_train, from = chunk * n / CHUNKS, to = (chunk + 1) * n / CHUNKS;
    double *grad = s->grad + chunk * g->sets * g->p, *sum = s->sum + chunk * g->sets;
    const double *v = g->exec->problem->fit_weight;
    memset(grad, 0, g->sets * g->p * sizeof *grad);
    memset(sum, 0, g->sets * sizeof *sum);
    s->loss[chunk] = 0;
    s->stopped[chunk] = false;
    for (size_t i = from; i < to && !s->stopped[chunk]; i++) {
        size_t r = s->fold->train[i];
        add_row(s, r, v ? v[r] : 1, s->score + chunk * (2 * g->sets + 2), grad, sum, &s->loss[chunk]);
        if (i % 256 == 0)
            s->stopped[chunk] = g->exec->stop(g->exec);
    }
}

static asx_st run_fit(struct pass *s)
{
    struct glm *g = s->g;
    struct lbfgs *solver = &s->fit->solver;
    s->fold = &g->exec->problem->splits->fold[s->fit->fold];
    while (!solver->done) {
        for (size_t c = 0; c < g->sets; c++)
            lin_map_weights(&g->map[s->fit->map], solver->trial + c * (g->p + 1), s->u + c * g->p, &s->constant[c]);
        if (s->split)
            g->exec->split(g->exec, CHUNKS, eval_chunk, s);
        for (size_t k = 0; !s->split && k < CHUNKS; k++)
            eval_chunk(s, k, 0);
        double loss = 0;
        for (int k = 0; k < CHUNKS; k++) {
            if (s->stopped[k])
                return ASX_STOPPED;
            loss += s->loss[k];
            for (size_t j = 0; k && j < g->sets * g->p; j++)
                s->grad[j] += s->grad[(size_t)k * g->sets * g->p + j];
            for (size_t c = 0; k && c < g->sets; c++)
                s->sum[c] += s->sum[(size_t)k * g->sets + c];
        }
        for (size_t c = 0; c < g->sets; c++)
            glm_set_gradient(g, s->fit, c, s->grad + c * g->p, s->sum[c]);
        glm_tell(g, s->fit, loss);
    }
    return ASX_OK;
}

static bool pass_open(struct pass *s, struct glm *g)
{
    struct arena *a = g->exec->scratch;
    *s = (struct pass){.g = g};
    s->u = arena_alloc(a, (g->sets * g->p + 1) * sizeof *s->u);
    s->constant = arena_alloc(a, g->sets * sizeof *s->constant);
    s->grad = arena_alloc(a, (CHUNKS * g->sets * g->p + 1) * sizeof *s->grad);
    s->sum = arena_alloc(a, CHUNKS * g->sets * sizeof *s->sum);
    s->score = arena_alloc(a, CHUNKS * (2 * g->sets + 2) * sizeof *s->score);
    return s->u && s->constant && s->grad && s->sum && s->score;
}

struct fits {
    struct pass *pass; /* per worker */
    struct glm *g;
    asx_st *status; /* per fit */
};

static void fit_chunk(void *arg, size_t at, int worker)
{
    struct fits *f = arg;
    f->pass[worker].fit = &f->g->fit[at];
    f->status[at] = run_fit(&f->pass[worker]);
}

/* Several fits run side by side; one alone splits its rows. */
asx_st glm_run_rows(struct glm *g, struct asx_err *err)
{
    struct arena *a = g->exec->scratch;
    size_t threads = g->fits > 1 && g->exec->threads > 1 ? (size_t)g->exec->threads : 1;
    struct fits f = {
        .g = g, .pass = arena_alloc(a, threads * sizeof *f.pass), .status = arena_calloc(a, (size_t)g->fits, sizeof *f.status)};
    bool good = f.pass && f.status;
    for (size_t w = 0; good && w < threads; w++)
        good = pass_open(&f.pass[w], g);
    if (!good)
        return err_set(err, ASX_E_NOMEM, "no memory for a linear fit; raise the memory limit");
    f.pass[0].split = g->fits == 1;
    if (g->fits == 1)
        fit_chunk(&f, 0, 0);
    else
        g->exec->split(g->exec, (size_t)g->fits, fit_chunk, &f);
    for (int i = 0; i < g->fits; i++)
        if (f.status[i])
            return f.status[i];
    return ASX_OK;
}
