/* SPDX-License-Identifier: Apache-2.0 */
/* Multinomial naive Bayes on non-negative counts. Formulas: README.md. */
#include "learners/bayes/bayes.h"

#include "base/err.h"
#include "base/mem.h"
#include "data/cells.h"

/* The model has one table: log theta. */
enum { LOG_THETA, TABLES };

/* Calls fn for the present, non-zero cells of a row. */
typedef void (*cell_fn)(void *arg, size_t col, double x);

static void each_cell(const struct asx_matrix *x, size_t row, cell_fn fn, void *arg)
{
    size_t first = 0;
    for (int b = 0; b < x->blocks; first += x->block[b]->cols, b++) {
        const struct asx_block *k = x->block[b];
        if (k->layout == ASX_LAYOUT_CSR) {
            for (int64_t e = k->csr.indptr[row]; e < k->csr.indptr[row + 1]; e++)
                fn(arg, first + (size_t)k->csr.indices[e], (double)k->csr.values[e]);
            continue;
        }
        for (size_t j = 0; j < k->cols && k->layout != ASX_LAYOUT_OPAQUE; j++) {
            double v = dense_cell(k, row, j);
            if (isfinite(v) && v != 0)
                fn(arg, first + j, v);
        }
    }
}

/* ---- sums ------------------------------------------------------------------ */

/* Sums of a piece: [classes] weights, then [cols * classes] weighted counts. */
struct sums {
    const struct bayes_pieces *pieces;
    const struct asx_matrix *x;
    struct asx_exec *exec;
    int classes;
    size_t size;
    double *sum; /* [pieces][size] */
    bool *negative, *stopped;
};

struct add {
    double *to, w;
    int classes, label;
    bool negative;
};

static void add_cell(void *arg, size_t col, double x)
{
    struct add *a = arg;
    a->negative |= x < 0;
    if (isfinite(x))
        a->to[col * (size_t)a->classes + (size_t)a->label] += a->w * x;
}

static void sum_piece(void *arg, size_t piece, int worker)
{
    (void)worker;
    struct sums *s = arg;
    const struct asx_problem *pb = s->exec->problem;
    const uint32_t *row;
    size_t n = bayes_piece_rows(s->pieces, (int)piece, &row);
    double *to = s->sum + piece * s->size;
    struct add a = {.to = to + s->classes, .classes = s->classes};
    for (size_t i = 0; i < n && !s->stopped[piece]; i++) {
        a.label = pb->label[row[i]];
        a.w = pb->fit_weight ? pb->fit_weight[row[i]] : 1;
        to[a.label] += a.w;
        each_cell(s->x, row[i], add_cell, &a);
        if (i % 4096 == 0)
            s->stopped[piece] = s->exec->stop(s->exec);
    }
    s->negative[piece] = a.negative;
}

/* log theta_cj = log((N_cj + alpha) / (N_c + alpha d)). False: a sum is beyond what doubles hold. */
static bool set_model(struct asx_model *m, const double *sum, double alpha)
{
    size_t k = (size_t)m->classes;
    const double *count = sum + k;
    bayes_log_prior(sum, m->classes, m->log_prior);
    for (size_t c = 0; c < k; c++) {
        double total = 0;
        for (size_t j = 0; j < m->cols; j++)
            total += count[j * k + c];
        if (!isfinite(total))
            return false;
        for (size_t j = 0; j < m->cols; j++)
            m->table[LOG_THETA][j * k + c] = log((count[j * k + c] + alpha) / (total + alpha * (double)m->cols));
    }
    return true;
}

/* ---- prediction ---------------------------------------------------------------- */

struct score {
    const struct asx_model *m;
    double *to;
};

static void score_cell(void *arg, size_t col, double x)
{
    const struct score *s = arg;
    if (col >= s->m->cols || !isfinite(x))
        return;
    const double *w = s->m->table[LOG_THETA] + col * (size_t)s->m->classes;
    for (int c = 0; c < s->m->classes; c++)
        s->to[c] += x * w[c];
}

static void score_row(const struct asx_model *m, const struct asx_matrix *x, size_t row, double *score)
{
    each_cell(x, row, score_cell, &(struct score){m, score});
}

static asx_st predict(const struct asx_model *m, const struct asx_matrix *x, size_t from, size_t to, double *out,
                      struct asx_err *err)
{
    asx_st st = bayes_need_columns(m, x, err);
    if (st)
        return st;
    size_t k = (size_t)m->classes;
    double *score = mem_array(NULL, k, sizeof *score);
    if (!score)
        return bayes_no_memory(err);
    for (size_t i = from; i < to; i++) {
        memcpy(score, m->log_prior, k * sizeof *score);
        score_row(m, x, i, score);
        bayes_softmax(score, m->classes, out + (i - from) * k);
    }
    mem_free(score);
    return ASX_OK;
}

struct raw_model {
    const struct asx_model *m;
    const struct asx_matrix *x;
};

static void score_raw(const void *arg, size_t row, double *score)
{
    const struct raw_model *h = arg;
    score_row(h->m, h->x, row, score);
}

/* ---- fit ------------------------------------------------------------------------ */

static asx_st fit_member(struct asx_exec *exec, struct sums *s, struct asx_member *b, double *sum, struct asx_err *err)
{
    double alpha = asx_config_get_or(b->config, "alpha", 1);
    struct asx_model *m = bayes_model_new(exec->mem, s->x->cols, s->classes, 0, TABLES);
    if (!m)
        return bayes_no_memory(err);
    bayes_training_sum(s->pieces, b->fold, s->sum, s->size, sum);
    if (!set_model(m, sum, alpha > 1e-10 ? alpha : 1e-10)) {
        bayes_free_model(m);
        b->status =
            err_set(&b->err, ASX_E_NUMERIC, "the counts add up to no finite number; divide the columns by a large constant");
        return ASX_OK;
    }
    asx_st st = bayes_held_out(exec, b, m->log_prior, score_raw, &(struct raw_model){m, s->x}, err);
    if (st)
        bayes_free_model(m);
    else
        bayes_member_set(b, m);
    return st;
}

static asx_st run(struct asx_exec *exec, const struct asx_batch *batch, struct asx_err *err)
{
    struct bayes_pieces pieces;
    struct sums s = {.pieces = &pieces, .x = exec->in[0], .exec = exec, .classes = exec->problem->classes};
    asx_st st = bayes_pieces_init(&pieces, exec, batch, err);
    if (st)
        return st;
    s.size = (s.x->cols + 1) * (size_t)s.classes;
    s.sum = arena_calloc(exec->scratch, (size_t)pieces.pieces * s.size, sizeof *s.sum);
    s.negative = arena_calloc(exec->scratch, (size_t)pieces.pieces, sizeof *s.negative);
    s.stopped = arena_calloc(exec->scratch, (size_t)pieces.pieces, sizeof *s.stopped);
    double *sum = arena_alloc(exec->scratch, s.size * sizeof *sum);
    if (!s.sum || !s.negative || !s.stopped || !sum)
        return bayes_no_memory(err);
    exec->split(exec, (size_t)pieces.pieces, sum_piece, &s);
    bool negative = false;
    for (int k = 0; k < pieces.pieces; k++) {
        if (s.stopped[k])
            return ASX_STOPPED;
        negative |= s.negative[k];
    }
    for (int i = 0; i < batch->n; i++) {
        struct asx_member *b = &batch->member[i];
        b->err = (struct asx_err){0};
        if (negative)
            b->status = err_set(&b->err, ASX_E_DATA, "multinomial naive Bayes counts, but a value is negative; use 'gaussian_nb'");
        else if ((st = fit_member(exec, &s, b, sum, err)))
            return st;
    }
    return ASX_OK;
}

static void work(const struct asx_problem *p, const struct asx_batch *b, struct asx_work *w)
{
    const struct asx_shape *s = &b->shape;
    double cells = s->rows * s->dense + s->nnz, test = s->rows > 0 ? cells * s->test_rows / s->rows : 0, k = p->classes;
    asx_work_add(w->once, &w->n_once, (struct asx_use){.k = ASX_KC_STREAM, .t = ASX_F64, .m = cells + test});
    asx_work_add(w->once, &w->n_once,
                 (struct asx_use){.k = ASX_KC_EXP, .t = ASX_F64, .m = (s->cols + s->test_rows) * k, .times = b->n});
    asx_work_add(w->once, &w->n_once,
                 (struct asx_use){.k = ASX_KC_STREAM, .t = ASX_F64, .m = test * k + 6 * s->cols * k, .times = b->n});
    w->serial = 0.1;
    w->scratch = (uint64_t)((p->splits ? p->splits->folds : 5) * (s->cols + 1) * k * 8);
    w->output = (uint64_t)(b->n * (s->cols + 1) * k * 8);
}

/* Something to count: categories, text, or a sparse file; and nothing below 0. */
static bool fits(const struct asx_problem *p)
{
    const struct asx_frame *f = p->frame;
    if (!f)
        return true;
    if (f->sparse) {
        for (int64_t e = 0; e < f->sparse->indptr[f->sparse->rows]; e++)
            if (f->sparse->values[e] < 0)
                return false;
        return true;
    }
    bool counts = false;
    for (size_t j = 0; p->profile && j < f->columns; j++) {
        const struct asx_column_facts *c = &p->profile->column[j];
        if (c->role != ASX_ROLE_FEATURE)
            continue;
        if (f->column[j].type == ASX_NUMERIC && c->min < 0)
            return false;
        counts |= f->column[j].type != ASX_NUMERIC && f->column[j].type != ASX_DATETIME;
    }
    return counts;
}

static asx_st load(struct asx_reader *r, struct mem *mem, struct asx_model **out, struct asx_err *err)
{
    return bayes_load(r, mem, 0, TABLES, out, err);
}

static const struct asx_param params[] = {
    {.name = "alpha",
     .kind = ASX_REAL,
     .low = 1e-3,
     .high = 10,
     .min = 0,
     .max = 1e9,
     .log = true,
     .def = 1,
     .help = "count added to every feature of every class (Lidstone smoothing)"},
};
static const char *const first[] = {"{}", "{\"alpha\":0.1}", "{\"alpha\":0.01}", NULL};

static const struct asx_op fit_sums = {
    .head = {"multinomial_nb.fit/sums", "counts per class, held-out rows left out; every alpha from the same sums"},
    BAYES_WAY,
    .needs = {"raw"},
};
static const struct asx_op *const ways[] = {&fit_sums, NULL};

const struct asx_learner bayes_multinomial = {
    .head = {"multinomial_nb", "naive Bayes on counts and categories"},
    BAYES_LEARNER,
    .version = 1,
    .prep_role = ASX_FOR_COUNTS,
    .fits = fits,
};
