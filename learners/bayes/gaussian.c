/* SPDX-License-Identifier: Apache-2.0 */
/* Gaussian naive Bayes; indicator columns are Bernoulli. Formulas: README.md. */
#include "learners/bayes/bayes.h"

#include "base/err.h"
#include "base/mem.h"
#include "data/cells.h"
#include "data/matrix.h"

enum { COLUMNS = 64, SUMS = 3 /* weight of present cells, sum, sum of squares */ };

/*
 * The model: with z = (x - CENTRE) UNIT, a present cell adds ln p(z | c) = OFFSET + LINEAR z + QUADRATIC z^2. Missing
 * dense cells add nothing; a cell absent from a sparse row is 0. Kept in units of the column's spread, so that neither
 * squares of huge values nor inverse squares of tiny ones overflow.
 */
enum { CENTRE, UNIT, CONSTANTS };
enum { OFFSET, LINEAR, QUADRATIC, TABLES };

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
        return bayes_no_memory(err);
    packed_masks(x, s->mask_col);
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
        m->table[OFFSET][raw * classes + c] = log1p(-p);
        m->table[LINEAR][raw * classes + c] = log(p) - log1p(-p);
    }
}

/* Normal densities; a class without present cells takes the column's own mean and variance. */
static void normal(struct asx_model *m, size_t raw, size_t classes, const double *at, double smoothing)
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
        m->table[OFFSET][raw * classes + c] = -0.5 * log(2 * 3.14159265358979323846 * var) - mu * mu / (2 * var);
        m->table[LINEAR][raw * classes + c] = mu / var;
        m->table[QUADRATIC][raw * classes + c] = -0.5 / var;
    }
}

static void set_model(struct asx_model *m, const struct sums *s, const double *sum, double smoothing)
{
    const struct asx_packed *x = s->x;
    bayes_log_prior(sum, m->classes, m->log_prior);
    for (size_t j = 0; j < s->features; j++) {
        size_t raw = (size_t)x->raw_of[j];
        const double *at = sum + s->classes + j * s->classes * SUMS;
        double centre = j < x->dense ? x->shift[j] : 0, unit = j < x->dense ? x->unit[j] : 1;
        m->constant[CENTRE][raw] = centre;
        m->constant[UNIT][raw] = unit;
        bool indicator = x->kind && x->kind[j] == ASX_COL_INDICATOR && centre == 0 && unit == 1;
        for (size_t c = 0; indicator && c < s->classes; c++)
            indicator = at[c * SUMS + 1] == at[c * SUMS + 2]; /* x^2 = x for 0 and 1 alone */
        if (indicator)
            bernoulli(m, raw, s->classes, at);
        else
            normal(m, raw, s->classes, at, smoothing);
    }
}

static struct asx_model *model_for(struct mem *mem, const struct sums *s)
{
    size_t cols = 0;
    for (size_t j = 0; j < s->features; j++)
        cols = (size_t)s->x->raw_of[j] + 1 > cols ? (size_t)s->x->raw_of[j] + 1 : cols;
    return bayes_model_new(mem, cols, (int)s->classes, CONSTANTS, TABLES);
}

/* ---- prediction ----------------------------------------------------------------------- */

/* A cell in units of its column; one far outside f32, which training never saw, counts as at its edge. */
static double in_units(const struct asx_model *m, size_t col, double x)
{
    return fmin(fmax((x - m->constant[CENTRE][col]) * m->constant[UNIT][col], -3e38), 3e38);
}

/* A present cell of a dense column, in units of its column. */
static void add_cell(const struct asx_model *m, size_t col, double z, double *score)
{
    size_t k = (size_t)m->classes, at = col * k;
    for (size_t c = 0; c < k; c++)
        score[c] += m->table[OFFSET][at + c] + z * (m->table[LINEAR][at + c] + z * m->table[QUADRATIC][at + c]);
}

/* A stored cell of a sparse column, whose absence was already counted. */
static void replace_zero(const struct asx_model *m, size_t col, double x, double *score)
{
    size_t k = (size_t)m->classes, at = col * k;
    for (size_t c = 0; c < k; c++)
        score[c] += x * (m->table[LINEAR][at + c] + x * m->table[QUADRATIC][at + c]);
}

/* Scores of a row without any stored sparse cell. */
static void base_scores(const struct asx_model *m, const struct asx_matrix *x, double *score)
{
    size_t first = 0, k = (size_t)m->classes;
    memcpy(score, m->log_prior, k * sizeof *score);
    for (int b = 0; b < x->blocks; first += x->block[b]->cols, b++)
        for (size_t j = 0; x->block[b]->layout == ASX_LAYOUT_CSR && j < x->block[b]->cols && first + j < m->cols; j++)
            for (size_t c = 0; c < k; c++)
                score[c] += m->table[OFFSET][(first + j) * k + c];
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
            double v = dense_cell(k, row, j);
            if (isfinite(v))
                add_cell(m, first + j, in_units(m, first + j, v), score);
        }
    }
}

static asx_st predict(const struct asx_model *m, const struct asx_matrix *x, size_t from, size_t to, double *out,
                      struct asx_err *err)
{
    size_t k = (size_t)m->classes;
    asx_st st = bayes_need_columns(m, x, err);
    if (st)
        return st;
    double *base = mem_array(NULL, 2 * k, sizeof *base);
    if (!base)
        return bayes_no_memory(err);
    base_scores(m, x, base);
    for (size_t i = from; i < to; i++) {
        memcpy(base + k, base, k * sizeof *base);
        score_row(m, x, i, base + k);
        bayes_softmax(base + k, m->classes, out + (i - from) * k);
    }
    mem_free(base);
    return ASX_OK;
}

struct packed_model {
    const struct asx_model *m;
    const struct sums *s;
};

/* The same scores from the packed columns, which are in units already. */
static void score_packed(const void *arg, size_t row, double *score)
{
    const struct packed_model *h = arg;
    const struct asx_packed *x = h->s->x;
    const float *v = x->dense ? x->x + row * x->ld : NULL;
    for (size_t j = 0; j < x->dense; j++)
        if (h->s->mask_col[j] < 0 || v[h->s->mask_col[j]] == 0)
            add_cell(h->m, (size_t)x->raw_of[j], (double)v[j], score);
    for (int64_t e = x->sparse ? x->csr.indptr[row] : 0; x->sparse && e < x->csr.indptr[row + 1]; e++)
        replace_zero(h->m, (size_t)x->raw_of[x->dense + (size_t)x->csr.indices[e]], (double)x->csr.values[e], score);
}

/* ---- fit -------------------------------------------------------------------------------- */

static asx_st fit_member(struct asx_exec *exec, const struct sums *s, struct asx_member *b, double *sum, struct asx_err *err)
{
    double smoothing = asx_config_get_or(b->config, "var_smoothing", 1e-6);
    struct asx_model *m = model_for(exec->mem, s);
    double *base = arena_alloc(exec->scratch, s->classes * sizeof *base);
    if (!m || !base) {
        bayes_free_model(m);
        return bayes_no_memory(err);
    }
    bayes_training_sum(s->pieces, b->fold, s->sum, s->size, sum);
    set_model(m, s, sum, smoothing > 1e-12 ? smoothing : 1e-12);
    memcpy(base, m->log_prior, s->classes * sizeof *base);
    for (size_t j = s->x->dense; j < s->features; j++)
        for (size_t c = 0; c < s->classes; c++)
            base[c] += m->table[OFFSET][(size_t)s->x->raw_of[j] * s->classes + c];
    asx_st st = bayes_held_out(exec, b, base, score_packed, &(struct packed_model){m, s}, err);
    if (st)
        bayes_free_model(m);
    else
        bayes_member_set(b, m);
    return st;
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
        return bayes_no_memory(err);
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

static asx_st load(struct asx_reader *r, struct mem *mem, struct asx_model **out, struct asx_err *err)
{
    return bayes_load(r, mem, CONSTANTS, TABLES, out, err);
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
    BAYES_WAY,
    .needs = {"packed"},
};
static const struct asx_op *const ways[] = {&fit_sums, NULL};

const struct asx_learner bayes_gaussian = {
    .head = {"gaussian_nb", "naive Bayes with normal columns; indicators are Bernoulli"},
    BAYES_LEARNER,
    .version = 2,
    .prep_role = ASX_FOR_LINEAR,
};
