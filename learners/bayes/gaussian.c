/* SPDX-License-Identifier: Apache-2.0 */
/* Gaussian naive Bayes; indicator columns are Bernoulli. Formulas: README.md. */
#include "learners/bayes/bayes.h"

#include "base/err.h"
#include "base/mem.h"

enum { ROWS = 256, COLUMNS = 64, SUMS = 3 /* weight of present cells, sum, sum of squares */ };

/*
 * A column adds base[j, c] for a row in which it is absent from a sparse row (x = 0), and for a
 * present x: offset + x (linear + x quadratic). Missing dense cells add nothing.
 */
struct asx_model {
    size_t cols;
    int classes;
    double *log_prior;                   /* [classes] */
    double *offset, *linear, *quadratic; /* [cols * classes]: ln p(x | c) = offset + linear x + quadratic x^2 */
    double *centre;                      /* [cols]: x is taken relative to it, so that squares keep their digits */
};

struct asx_state {
    struct asx_model model;
};

static asx_st no_memory(struct asx_err *err)
{
    return err_set(err, ASX_E_NOMEM, "no memory for Gaussian naive Bayes; raise --memory");
}

static void free_model(struct asx_model *m)
{
    if (!m)
        return;
    mem_free(m->log_prior);
    mem_free(m->offset);
    mem_free(m->linear);
    mem_free(m->quadratic);
    mem_free(m->centre);
    mem_free(m);
}

static void free_state(struct asx_state *s)
{
    free_model(s ? &s->model : NULL);
}

static uint64_t state_bytes(const struct asx_state *s)
{
    return sizeof *s + ((3 * s->model.cols + 1) * (uint64_t)s->model.classes + s->model.cols) * sizeof(double);
}

static struct asx_model *model_new(struct mem *mem, size_t cols, int classes)
{
    size_t n = cols * (size_t)classes;
    struct asx_model *m = mem_calloc(mem, 1, sizeof(struct asx_state));
    if (!m)
        return NULL;
    m->cols = cols;
    m->classes = classes;
    m->log_prior = mem_calloc(mem, (size_t)classes, sizeof(double));
    m->offset = mem_calloc(mem, n, sizeof(double));
    m->linear = mem_calloc(mem, n, sizeof(double));
    m->quadratic = mem_calloc(mem, n, sizeof(double));
    m->centre = mem_calloc(mem, cols, sizeof(double));
    if (m->log_prior && m->offset && m->linear && m->quadratic && m->centre)
        return m;
    free_model(m);
    return NULL;
}

/* ---- sums over pieces of rows, in packed units -------------------------------------- */

struct sums {
    const struct bayes_pieces *pieces;
    const struct asx_packed *x;
    struct asx_exec *exec;
    size_t classes, features; /* features: dense + sparse */
    size_t size;              /* classes + features * classes * SUMS: class weights first */
    size_t groups;            /* of dense columns; one more for the class weights and the sparse part */
    double *sum;              /* [pieces][size] */
    int32_t *mask_col;        /* [dense] */
    bool *stopped;            /* [pieces * groups] */
};

static double weight_of(const struct asx_problem *p, size_t row)
{
    return p->fit_weight ? p->fit_weight[row] : 1;
}

static void sum_dense(const struct sums *s, const uint32_t *row, size_t n, size_t from, size_t to, double *sum)
{
    const struct asx_problem *pb = s->exec->problem;
    for (size_t i = 0; i < n; i++) {
        const float *x = s->x->x + row[i] * s->x->ld;
        double w = weight_of(pb, row[i]);
        size_t c = (size_t)pb->label[row[i]];
        for (size_t j = from; j < to; j++) {
            if (s->mask_col[j] >= 0 && x[s->mask_col[j]] != 0)
                continue;
            double *at = sum + s->classes + (j * s->classes + c) * SUMS, v = (double)x[j];
            at[0] += w;
            at[1] += w * v;
            at[2] += w * v * v;
        }
    }
}

/* Class weights, and the stored cells of sparse columns; the weight of a sparse column is its class's. */
static void sum_sparse(const struct sums *s, const uint32_t *row, size_t n, double *sum)
{
    const struct asx_problem *pb = s->exec->problem;
    const struct asx_csr *csr = &s->x->csr;
    for (size_t i = 0; i < n; i++) {
        double w = weight_of(pb, row[i]);
        size_t c = (size_t)pb->label[row[i]];
        sum[c] += w;
        for (int64_t k = s->x->sparse ? csr->indptr[row[i]] : 0; s->x->sparse && k < csr->indptr[row[i] + 1]; k++) {
            double *at = sum + s->classes + ((s->x->dense + (size_t)csr->indices[k]) * s->classes + c) * SUMS;
            double v = (double)csr->values[k];
            at[1] += w * v;
            at[2] += w * v * v;
        }
    }
    for (size_t j = s->x->dense; j < s->features; j++)
        for (size_t c = 0; c < s->classes; c++)
            sum[s->classes + (j * s->classes + c) * SUMS] = sum[c];
}

static void sum_chunk(void *arg, size_t chunk, int worker)
{
    (void)worker;
    struct sums *s = arg;
    size_t piece = chunk / (s->groups + 1), group = chunk % (s->groups + 1), from = group * COLUMNS;
    const uint32_t *row;
    size_t n = bayes_piece_rows(s->pieces, (int)piece, &row), to = from + COLUMNS < s->x->dense ? from + COLUMNS : s->x->dense;
    double *sum = s->sum + piece * s->size;
    if ((s->stopped[chunk] = s->exec->stop(s->exec)))
        return;
    if (group == s->groups)
        sum_sparse(s, row, n, sum);
    else
        sum_dense(s, row, n, from, to, sum);
}

static asx_st sums_open(struct sums *s, struct asx_exec *exec, const struct bayes_pieces *pieces, struct asx_err *err)
{
    const struct asx_packed *x = exec->in[0];
    *s = (struct sums){.pieces = pieces,
                       .x = x,
                       .exec = exec,
                       .classes = (size_t)exec->problem->classes,
                       .features = x->dense + x->sparse,
                       .groups = (x->dense + COLUMNS - 1) / COLUMNS};
    s->size = s->classes * (1 + s->features * SUMS);
    s->sum = arena_calloc(exec->scratch, (size_t)pieces->pieces * s->size, sizeof *s->sum);
    s->mask_col = arena_alloc(exec->scratch, (x->dense + 1) * sizeof *s->mask_col);
    s->stopped = arena_calloc(exec->scratch, (size_t)pieces->pieces * (s->groups + 1), sizeof *s->stopped);
    if (!s->sum || !s->mask_col || !s->stopped)
        return no_memory(err);
    for (size_t j = 0; j < x->dense; j++)
        s->mask_col[j] = -1;
    for (size_t k = 0; k < x->masks; k++)
        s->mask_col[x->mask_of[k]] = (int32_t)(x->dense + k);
    size_t chunks = (size_t)pieces->pieces * (s->groups + 1);
    exec->split(exec, chunks, sum_chunk, s);
    for (size_t c = 0; c < chunks; c++)
        if (s->stopped[c])
            return ASX_STOPPED;
    return ASX_OK;
}

/* ---- sums to a model ------------------------------------------------------------------ */

/*
 * Bernoulli with two rows of the column's own share p added to each class (m-estimate, Cestnik 1990): p_c = (sum_c + 2 p) / (n_c + 2).
 * Adding 1 to each side instead would favour large classes by every rare level.
 */
static void bernoulli(struct asx_model *m, size_t raw, size_t classes, const double *at)
{
    double n = 0, on = 0;
    for (size_t c = 0; c < classes; c++) {
        n += at[c * SUMS];
        on += at[c * SUMS + 1];
    }
    if (!(on > 0) || !(on < n))
        return; /* constant: it says nothing */
    for (size_t c = 0; c < classes; c++) {
        double p = (at[c * SUMS + 1] + 2 * on / n) / (at[c * SUMS] + 2);
        m->offset[raw * classes + c] = log1p(-p);
        m->linear[raw * classes + c] = log(p) - log1p(-p);
    }
}

/* Normal densities; a class without present cells takes the column's own mean and variance. */
static void normal(struct asx_model *m, size_t raw, size_t classes, const double *at, double unit, double smoothing)
{
    double n = 0, sum = 0, square = 0;
    for (size_t c = 0; c < classes; c++) {
        n += at[c * SUMS];
        sum += at[c * SUMS + 1];
        square += at[c * SUMS + 2];
    }
    double mean = n > 0 ? sum / n : 0, all = n > 0 ? square / n - mean * mean : 0;
    if (!(all > 1e-12 * (square / (n > 0 ? n : 1))) || !(all > 0))
        return; /* constant: it says nothing */
    for (size_t c = 0; c < classes; c++) {
        const double *v = at + c * SUMS;
        double mu = v[0] > 0 ? v[1] / v[0] : mean, var = v[0] > 0 ? v[2] / v[0] - mu * mu : all;
        var = (var > 0 ? var : 0) + smoothing * all;
        /* packed units to raw units around the centre: x = (raw - centre) * unit */
        m->offset[raw * classes + c] = -0.5 * log(2 * 3.14159265358979323846 * var) + log(unit) - mu * mu / (2 * var);
        m->linear[raw * classes + c] = mu / var * unit;
        m->quadratic[raw * classes + c] = -0.5 / var * unit * unit;
    }
}

static void set_model(struct asx_model *m, const struct sums *s, const double *sum, double smoothing)
{
    const struct asx_packed *x = s->x;
    bayes_log_prior(sum, m->classes, m->log_prior);
    for (size_t j = 0; j < s->features; j++) {
        size_t raw = (size_t)x->raw_of[j];
        const double *at = sum + s->classes + j * s->classes * SUMS;
        m->centre[raw] = j < x->dense ? x->shift[j] : 0;
        bool indicator = x->kind && x->kind[j] == ASX_COL_INDICATOR && m->centre[raw] == 0 && (j >= x->dense || x->unit[j] == 1);
        for (size_t c = 0; indicator && c < s->classes; c++)
            indicator = at[c * SUMS + 1] == at[c * SUMS + 2]; /* x^2 = x for 0 and 1 alone */
        if (indicator)
            bernoulli(m, raw, s->classes, at);
        else
            normal(m, raw, s->classes, at, j < x->dense ? x->unit[j] : 1, smoothing);
    }
}

static struct asx_model *model_for(struct mem *mem, const struct sums *s)
{
    size_t cols = 0;
    for (size_t j = 0; j < s->features; j++)
        cols = (size_t)s->x->raw_of[j] + 1 > cols ? (size_t)s->x->raw_of[j] + 1 : cols;
    return model_new(mem, cols, (int)s->classes);
}

/* ---- prediction ----------------------------------------------------------------------- */

static void add_cell(const struct asx_model *m, size_t col, double x, double *score)
{
    size_t k = (size_t)m->classes, at = col * k;
    double v = x - m->centre[col];
    for (size_t c = 0; c < k; c++)
        score[c] += m->offset[at + c] + v * (m->linear[at + c] + v * m->quadratic[at + c]);
}

/* A stored cell of a sparse column, whose absence was already counted. */
static void replace_zero(const struct asx_model *m, size_t col, double x, double *score)
{
    size_t k = (size_t)m->classes, at = col * k;
    for (size_t c = 0; c < k; c++)
        score[c] += x * (m->linear[at + c] + x * m->quadratic[at + c]);
}

static double cell(const struct asx_colref *col, size_t row)
{
    if (col->dtype == ASX_F64)
        return ((const double *)col->data)[row];
    if (col->dtype == ASX_F32)
        return (double)((const float *)col->data)[row];
    int32_t code = ((const int32_t *)col->data)[row];
    return code < 0 ? NAN : (double)code;
}

/* Scores of a row without any stored sparse cell. */
static void base_scores(const struct asx_model *m, const struct asx_matrix *x, double *score)
{
    size_t first = 0, k = (size_t)m->classes;
    memcpy(score, m->log_prior, k * sizeof *score);
    for (int b = 0; b < x->blocks; first += x->block[b]->cols, b++)
        for (size_t j = 0; x->block[b]->layout == ASX_LAYOUT_CSR && j < x->block[b]->cols && first + j < m->cols; j++)
            for (size_t c = 0; c < k; c++)
                score[c] += m->offset[(first + j) * k + c];
}

static void score_row(const struct asx_model *m, const struct asx_matrix *x, size_t row, double *score)
{
    size_t first = 0;
    for (int b = 0; b < x->blocks; first += x->block[b]->cols, b++) {
        const struct asx_block *k = x->block[b];
        if (k->layout == ASX_LAYOUT_CSR) {
            for (int64_t e = k->csr.indptr[row]; e < k->csr.indptr[row + 1]; e++)
                if (first + (size_t)k->csr.indices[e] < m->cols && isfinite(k->csr.values[e]))
                    replace_zero(m, first + (size_t)k->csr.indices[e], (double)k->csr.values[e], score);
            continue;
        }
        for (size_t j = 0; j < k->cols && first + j < m->cols && k->layout != ASX_LAYOUT_OPAQUE; j++) {
            double v = k->layout == ASX_LAYOUT_COLUMNS ? cell(&k->col[j], row) : (double)k->rowmajor[row * k->ld + j];
            if (isfinite(v))
                add_cell(m, first + j, v, score);
        }
    }
}

static asx_st predict(const struct asx_model *m, const struct asx_matrix *x, size_t from, size_t to, double *out,
                      struct asx_err *err)
{
    size_t k = (size_t)m->classes;
    if (x->cols < m->cols)
        return err_set(err, ASX_E_INVAL, "the matrix has %zu columns where the model wants %zu; use the data it was made for",
                       x->cols, m->cols);
    double *base = mem_array(NULL, 2 * k, sizeof *base);
    if (!base)
        return no_memory(err);
    base_scores(m, x, base);
    for (size_t i = from; i < to; i++) {
        memcpy(base + k, base, k * sizeof *base);
        score_row(m, x, i, base + k);
        bayes_softmax(base + k, m->classes, out + (i - from) * k);
    }
    mem_free(base);
    return ASX_OK;
}

struct held_out {
    const struct asx_model *m;
    const struct sums *s;
    const struct asx_fold *fold;
    float *pred;
    double *base, *scratch; /* [classes]; [threads][2 * classes] */
};

/* The same scores from the packed columns: raw values are s / unit + shift. */
static void score_packed(const struct held_out *h, size_t row, double *score)
{
    const struct asx_packed *x = h->s->x;
    const float *v = x->dense ? x->x + row * x->ld : NULL;
    for (size_t j = 0; j < x->dense; j++)
        if (h->s->mask_col[j] < 0 || v[h->s->mask_col[j]] == 0)
            add_cell(h->m, (size_t)x->raw_of[j], (double)v[j] / x->unit[j] + x->shift[j], score);
    for (int64_t e = x->sparse ? x->csr.indptr[row] : 0; x->sparse && e < x->csr.indptr[row + 1]; e++)
        replace_zero(h->m, (size_t)x->raw_of[x->dense + (size_t)x->csr.indices[e]], (double)x->csr.values[e], score);
}

static void held_out_chunk(void *arg, size_t chunk, int worker)
{
    struct held_out *h = arg;
    size_t k = h->s->classes, to = (chunk + 1) * ROWS < h->fold->n_test ? (chunk + 1) * ROWS : h->fold->n_test;
    double *score = h->scratch + (size_t)worker * 2 * k;
    for (size_t i = chunk * ROWS; i < to; i++) {
        memcpy(score, h->base, k * sizeof *score);
        score_packed(h, h->fold->test[i], score);
        bayes_softmax(score, (int)k, score + k);
        for (size_t c = 0; c < k; c++)
            h->pred[i * k + c] = (float)score[k + c];
    }
}

/* ---- fit -------------------------------------------------------------------------------- */

static asx_st fit_member(struct asx_exec *exec, const struct sums *s, struct asx_member *b, double *sum, struct asx_err *err)
{
    const struct asx_fold *fold = &exec->problem->splits->fold[b->fold];
    const struct asx_packed *x = s->x;
    size_t k = s->classes, threads = (size_t)(exec->threads > 1 ? exec->threads : 1);
    int i = asx_space_find(b->config->space, "var_smoothing");
    struct asx_model *m = model_for(exec->mem, s);
    double *scratch = arena_alloc(exec->scratch, (threads + 1) * 2 * k * sizeof *scratch);
    if (!m || !scratch) {
        free_model(m);
        return no_memory(err);
    }
    double smoothing = i < 0 ? 1e-9 : b->config->value[i];
    bayes_training_sum(s->pieces, b->fold, s->sum, s->size, sum);
    set_model(m, s, sum, smoothing > 1e-12 ? smoothing : 1e-12);
    struct held_out h = {m, s, fold, b->pred, scratch, scratch + k};
    memcpy(h.base, m->log_prior, k * sizeof *h.base);
    for (size_t j = x->dense; j < s->features; j++)
        for (size_t c = 0; c < k; c++)
            h.base[c] += m->offset[(size_t)x->raw_of[j] * k + c];
    if (b->pred)
        exec->split(exec, (fold->n_test + ROWS - 1) / ROWS, held_out_chunk, &h);
    free_state(b->state);
    b->state = (struct asx_state *)m;
    b->err = (struct asx_err){0};
    b->status = ASX_OK;
    return ASX_OK;
}

static asx_st run(struct asx_exec *exec, const struct asx_batch *batch, struct asx_err *err)
{
    struct bayes_pieces pieces;
    struct sums s;
    asx_st st = bayes_pieces_init(&pieces, exec, batch, err);
    if (!st)
        st = sums_open(&s, exec, &pieces, err);
    if (st)
        return st;
    double *sum = arena_alloc(exec->scratch, s.size * sizeof *sum);
    if (!sum)
        return no_memory(err);
    for (int i = 0; !st && i < batch->n; i++)
        st = exec->stop(exec) ? ASX_STOPPED : fit_member(exec, &s, &batch->member[i], sum, err);
    return st;
}

static void work(const struct asx_problem *p, const struct asx_batch *b, struct asx_work *w)
{
    const struct asx_shape *s = &b->shape;
    double k = p->classes, test = s->test_rows * s->dense;
    asx_work_add(w->once, &w->n_once, (struct asx_use){.k = ASX_KC_STREAM, .t = ASX_F64, .m = 3 * s->rows * s->dense + s->nnz});
    asx_work_add(w->once, &w->n_once,
                 (struct asx_use){.k = ASX_KC_STREAM, .t = ASX_F64, .m = 2 * test * k + 20 * s->cols * k, .times = b->n});
    asx_work_add(w->once, &w->n_once,
                 (struct asx_use){.k = ASX_KC_EXP, .t = ASX_F64, .m = (s->test_rows + s->cols) * k, .times = b->n});
    w->serial = 0.1;
    w->scratch = (uint64_t)(((p->splits ? p->splits->folds : 5) + 1) * (1 + s->cols * SUMS) * k * 8);
    w->output = (uint64_t)(b->n * (3 * s->cols + 1) * k * 8);
}

static asx_st model_of(struct asx_exec *exec, const struct asx_member *b, int iterations, struct asx_model **out,
                       struct asx_err *err)
{
    (void)iterations;
    const struct asx_model *s = &b->state->model;
    struct asx_model *m = model_new(exec->mem, s->cols, s->classes);
    if (!m)
        return no_memory(err);
    size_t n = s->cols * (size_t)s->classes * sizeof(double);
    memcpy(m->log_prior, s->log_prior, (size_t)s->classes * sizeof(double));
    memcpy(m->offset, s->offset, n);
    memcpy(m->linear, s->linear, n);
    memcpy(m->quadratic, s->quadratic, n);
    memcpy(m->centre, s->centre, s->cols * sizeof(double));
    *out = m;
    return ASX_OK;
}

static asx_st save(const struct asx_model *m, struct asx_writer *w)
{
    size_t n = m->cols * (size_t)m->classes;
    asx_put_u64(w, (uint64_t)m->classes);
    asx_put_f64s(w, m->log_prior, (size_t)m->classes);
    asx_put_u64(w, m->cols);
    asx_put_f64s(w, m->centre, m->cols);
    asx_put_f64s(w, m->offset, n);
    asx_put_f64s(w, m->linear, n);
    asx_put_f64s(w, m->quadratic, n);
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
    m->cols = asx_get_count(r, sizeof(double) * (1 + 3 * (classes ? classes : 1)));
    if (!asx_reader_bad(r)) {
        m->centre = asx_get_f64s(r, mem, m->cols);
        m->offset = asx_get_f64s(r, mem, m->cols * classes);
        m->linear = asx_get_f64s(r, mem, m->cols * classes);
        m->quadratic = asx_get_f64s(r, mem, m->cols * classes);
    }
    asx_st st = ASX_OK;
    if (asx_reader_bad(r))
        st = asx_reader_error(r, err);
    else if (!m->log_prior || !m->centre || !m->offset || !m->linear || !m->quadratic)
        st = no_memory(err);
    if (st) {
        free_model(m);
        return st;
    }
    *out = m;
    return ASX_OK;
}

static const struct asx_param params[] = {
    {.name = "var_smoothing",
     .kind = ASX_REAL,
     .low = 1e-9,
     .high = 0.3,
     .min = 0,
     .max = 1e3,
     .log = true,
     .def = 1e-6,
     .help = "share of a column's variance added to each class's variance"},
};
static const char *const first[] = {"{}", "{\"var_smoothing\":0.01}", "{\"var_smoothing\":0.1}", NULL};

static const struct asx_op fit_sums = {
    .head = {"gaussian_nb.fit/sums", "sums per class, held-out rows left out; every smoothing from the same sums"},
    .version = 1,
    .equiv = ASX_BITWISE,
    .needs = {"packed"},
    .gives = "fit",
    .flags = ASX_SPLITS,
    .max_batch = 64,
    .batch_on = 0,
    .work = work,
    .run = run,
};
static const struct asx_op *const ways[] = {&fit_sums, NULL};

const struct asx_learner bayes_gaussian = {
    .head = {"gaussian_nb", "naive Bayes with normal columns; indicators are Bernoulli"},
    .version = 1,
    .tasks = ASX_CLASSIFY,
    .prep_role = ASX_FOR_LINEAR,
    .params = params,
    .n_params = sizeof params / sizeof *params,
    .first = first,
    .nominal_cost = 0.03,
    .fit = ways,
    .free_state = free_state,
    .state_bytes = state_bytes,
    .model = model_of,
    .predict = predict,
    .save = save,
    .load = load,
    .free_model = free_model,
};
