/* SPDX-License-Identifier: Apache-2.0 */
/* Multinomial naive Bayes on non-negative counts. Formulas: README.md. */
#include "learners/bayes/bayes.h"

#include "base/err.h"
#include "base/mem.h"

enum { ROWS = 256 };

struct asx_model {
    size_t cols;
    int classes;
    double *log_prior; /* [classes] */
    double *log_theta; /* [cols * classes] */
};

struct asx_state {
    struct asx_model model;
};

static asx_st no_memory(struct asx_err *err)
{
    return err_set(err, ASX_E_NOMEM, "no memory for multinomial naive Bayes; raise --memory");
}

static void free_model(struct asx_model *m)
{
    if (!m)
        return;
    mem_free(m->log_prior);
    mem_free(m->log_theta);
    mem_free(m);
}

static void free_state(struct asx_state *s)
{
    free_model(s ? &s->model : NULL);
}

static uint64_t state_bytes(const struct asx_state *s)
{
    return sizeof *s + (s->model.cols + 1) * (uint64_t)s->model.classes * sizeof(double);
}

static struct asx_model *model_new(struct mem *mem, size_t cols, int classes)
{
    struct asx_model *m = mem_calloc(mem, 1, sizeof(struct asx_state));
    if (!m)
        return NULL;
    m->cols = cols;
    m->classes = classes;
    m->log_prior = mem_calloc(mem, (size_t)classes, sizeof(double));
    m->log_theta = mem_calloc(mem, cols * (size_t)classes, sizeof(double));
    if (m->log_prior && m->log_theta)
        return m;
    free_model(m);
    return NULL;
}

static double cell(const struct asx_colref *col, size_t row)
{
    if (col->dtype == ASX_F64)
        return ((const double *)col->data)[row];
    if (col->dtype == ASX_F32)
        return (double)((const float *)col->data)[row];
    return (double)((const int32_t *)col->data)[row];
}

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
            double v = k->layout == ASX_LAYOUT_COLUMNS ? cell(&k->col[j], row) : (double)k->rowmajor[row * k->ld + j];
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

/* log theta_cj = log((N_cj + alpha) / (N_c + alpha d)) */
static void set_model(struct asx_model *m, const double *sum, double alpha)
{
    size_t k = (size_t)m->classes;
    const double *count = sum + k;
    bayes_log_prior(sum, m->classes, m->log_prior);
    for (size_t c = 0; c < k; c++) {
        double total = 0;
        for (size_t j = 0; j < m->cols; j++)
            total += count[j * k + c];
        for (size_t j = 0; j < m->cols; j++)
            m->log_theta[j * k + c] = log((count[j * k + c] + alpha) / (total + alpha * (double)m->cols));
    }
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
    const double *w = s->m->log_theta + col * (size_t)s->m->classes;
    for (int c = 0; c < s->m->classes; c++)
        s->to[c] += x * w[c];
}

static void predict_row(const struct asx_model *m, const struct asx_matrix *x, size_t row, double *score, double *out)
{
    struct score s = {m, score};
    memcpy(score, m->log_prior, (size_t)m->classes * sizeof *score);
    each_cell(x, row, score_cell, &s);
    bayes_softmax(score, m->classes, out);
}

static asx_st predict(const struct asx_model *m, const struct asx_matrix *x, size_t from, size_t to, double *out,
                      struct asx_err *err)
{
    if (x->cols < m->cols)
        return err_set(err, ASX_E_INVAL, "the matrix has %zu columns where the model wants %zu; use the data it was made for",
                       x->cols, m->cols);
    double *score = mem_array(NULL, (size_t)m->classes, sizeof *score);
    if (!score)
        return no_memory(err);
    for (size_t i = from; i < to; i++)
        predict_row(m, x, i, score, out + (i - from) * (size_t)m->classes);
    mem_free(score);
    return ASX_OK;
}

struct held_out {
    const struct asx_model *m;
    const struct asx_matrix *x;
    const struct asx_fold *fold;
    float *pred;
    double *scratch; /* [threads][2 * classes] */
};

static void held_out_chunk(void *arg, size_t chunk, int worker)
{
    struct held_out *h = arg;
    size_t k = (size_t)h->m->classes, to = (chunk + 1) * ROWS < h->fold->n_test ? (chunk + 1) * ROWS : h->fold->n_test;
    double *score = h->scratch + (size_t)worker * 2 * k;
    for (size_t i = chunk * ROWS; i < to; i++) {
        predict_row(h->m, h->x, h->fold->test[i], score, score + k);
        for (size_t c = 0; c < k; c++)
            h->pred[i * k + c] = (float)score[k + c];
    }
}

/* ---- fit ------------------------------------------------------------------------ */

static asx_st fit_member(struct asx_exec *exec, struct sums *s, struct asx_member *b, double *sum, struct asx_err *err)
{
    const struct asx_fold *fold = &exec->problem->splits->fold[b->fold];
    int i = asx_space_find(b->config->space, "alpha");
    double alpha = i < 0 ? 1 : b->config->value[i];
    struct asx_model *m = model_new(exec->mem, s->x->cols, s->classes);
    size_t threads = (size_t)(exec->threads > 1 ? exec->threads : 1);
    double *scratch = arena_alloc(exec->scratch, threads * 2 * (size_t)s->classes * sizeof *scratch);
    if (!m || !scratch) {
        free_model(m);
        return no_memory(err);
    }
    bayes_training_sum(s->pieces, b->fold, s->sum, s->size, sum);
    set_model(m, sum, alpha > 1e-10 ? alpha : 1e-10);
    struct held_out h = {m, s->x, fold, b->pred, scratch};
    if (b->pred)
        exec->split(exec, (fold->n_test + ROWS - 1) / ROWS, held_out_chunk, &h);
    free_state(b->state);
    b->state = (struct asx_state *)m;
    b->status = ASX_OK;
    return ASX_OK;
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
        return no_memory(err);
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

static asx_st model_of(struct asx_exec *exec, const struct asx_member *b, int iterations, struct asx_model **out,
                       struct asx_err *err)
{
    (void)iterations;
    const struct asx_model *s = &b->state->model;
    struct asx_model *m = model_new(exec->mem, s->cols, s->classes);
    if (!m)
        return no_memory(err);
    memcpy(m->log_prior, s->log_prior, (size_t)s->classes * sizeof(double));
    memcpy(m->log_theta, s->log_theta, s->cols * (size_t)s->classes * sizeof(double));
    *out = m;
    return ASX_OK;
}

static asx_st save(const struct asx_model *m, struct asx_writer *w)
{
    asx_put_u64(w, (uint64_t)m->classes);
    asx_put_f64s(w, m->log_prior, (size_t)m->classes);
    asx_put_u64(w, m->cols);
    asx_put_f64s(w, m->log_theta, m->cols * (size_t)m->classes);
    return ASX_OK;
}

static asx_st load(struct asx_reader *r, struct mem *mem, struct asx_model **out, struct asx_err *err)
{
    struct asx_model *m = mem_calloc(mem, 1, sizeof(struct asx_state));
    if (!m)
        return no_memory(err);
    size_t classes = asx_get_count(r, sizeof(double));
    if (classes < 1 || classes > 1u << 20)
        asx_reader_fail(r, "a naive Bayes model without classes");
    m->classes = (int)classes;
    m->log_prior = asx_get_f64s(r, mem, classes);
    m->cols = asx_get_count(r, sizeof(double) * (classes ? classes : 1));
    m->log_theta = asx_reader_bad(r) ? NULL : asx_get_f64s(r, mem, m->cols * classes);
    asx_st st = asx_reader_bad(r) ? asx_reader_error(r, err) : !m->log_prior || !m->log_theta ? no_memory(err) : ASX_OK;
    if (st) {
        free_model(m);
        return st;
    }
    *out = m;
    return ASX_OK;
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
    .version = 1,
    .equiv = ASX_BITWISE,
    .needs = {"raw"},
    .gives = "fit",
    .flags = ASX_SPLITS,
    .max_batch = 64,
    .batch_on = 0,
    .work = work,
    .run = run,
};
static const struct asx_op *const ways[] = {&fit_sums, NULL};

const struct asx_learner bayes_multinomial = {
    .head = {"multinomial_nb", "naive Bayes on counts and categories"},
    .version = 1,
    .tasks = ASX_CLASSIFY,
    .prep_role = ASX_FOR_COUNTS,
    .params = params,
    .n_params = sizeof params / sizeof *params,
    .first = first,
    .nominal_cost = 0.03,
    .fits = fits,
    .fit = ways,
    .free_state = free_state,
    .state_bytes = state_bytes,
    .model = model_of,
    .predict = predict,
    .save = save,
    .load = load,
    .free_model = free_model,
};
