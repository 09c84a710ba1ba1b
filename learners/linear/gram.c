/* SPDX-License-Identifier: Apache-2.0 */
/* The form op gram.build/syrk. See gram.h. */
#include "learners/linear/gram.h"

#include "learners/linear/linear.h"
#include "learners/linear/score.h"

#include "base/err.h"
#include "base/mem.h"

enum { PARTS = 12, PARTS_COLUMNS = 512 };

/* Rows of a piece, in ascending order. */
struct piece {
    uint32_t *row;
    size_t n;
};

struct build {
    struct asx_exec *exec;
    struct lin_gram *gram;
    struct piece *piece;
    int parts;     /* sums a piece is made of, added in order; by the data's size alone */
    double **part; /* [pieces * parts] -> [m * m]; part 0 is the piece's own */
    double *rows;  /* per worker [LIN_ROWS * m] */
    asx_st *status;
};

static asx_st no_memory(struct asx_err *err)
{
    return err_set(err, ASX_E_NOMEM, "no memory for the Gram matrices; raise the memory limit");
}

static void gram_free(void *out)
{
    struct lin_gram *g = out;
    if (!g)
        return;
    for (int k = 0; g->sum && k < g->pieces; k++)
        mem_free(g->sum[k]);
    mem_free(g->sum);
    mem_free(g->sign);
    mem_free(g);
}

static struct lin_gram *gram_new(struct mem *mem, const struct asx_packed *x, int pieces, int folds)
{
    struct lin_gram *g = mem_calloc(mem, 1, sizeof *g);
    if (!g)
        return NULL;
    g->packed = x;
    g->p = x->dense + x->masks + x->sparse;
    g->m = g->p + 2;
    g->pieces = pieces;
    g->folds = folds;
    g->sum = mem_calloc(mem, (size_t)pieces, sizeof *g->sum);
    g->sign = mem_calloc(mem, (size_t)(folds + 1) * (size_t)pieces, 1);
    for (int k = 0; g->sum && k < pieces; k++)
        g->sum[k] = mem_calloc(mem, g->m * g->m, sizeof(double));
    bool good = g->sum && g->sign;
    for (int k = 0; good && k < pieces; k++)
        good = g->sum[k] != NULL;
    if (good)
        return g;
    gram_free(g);
    return NULL;
}

/*
 * Numbers rows by the set of folds they train in: class[i], refined fold by fold. Returns the
 * number of classes, or 0 when there are more than `most`. Class 0 trains nowhere and is dropped later.
 */
static int classes_of(const struct asx_splits *s, size_t n, int most, uint16_t *class, uint8_t *in, int *next)
{
    int count = 1;
    memset(class, 0, n * sizeof *class);
    for (int f = 0; f < s->folds; f++) {
        memset(in, 0, n);
        for (size_t i = 0; i < s->fold[f].n_train; i++)
            in[s->fold[f].train[i]] = 1;
        for (int c = 0; c < 2 * count; c++)
            next[c] = -1;
        int fresh = 0;
        for (size_t i = 0; i < n; i++) {
            int *to = &next[2 * class[i] + in[i]];
            if (*to < 0)
                *to = fresh++;
            if (fresh > most)
                return 0;
            class[i] = (uint16_t)*to;
        }
        count = fresh;
    }
    return count;
}

static asx_st list_piece(struct asx_exec *exec, struct piece *p, const uint16_t *class, int which, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += class[i] == which;
    p->row = arena_alloc(exec->scratch, (count + 1) * sizeof *p->row);
    if (!p->row)
        return ASX_E_NOMEM;
    for (size_t i = 0; i < n; i++)
        if (class[i] == which)
            p->row[p->n++] = (uint32_t)i;
    return ASX_OK;
}

/* Disjoint pieces: the training rows of each fold, and of the full fit, are unions of them. */
static asx_st disjoint_pieces(struct build *b, const struct asx_packed *x, int count, const uint16_t *class)
{
    const struct asx_splits *s = b->exec->problem->splits;
    b->piece = arena_calloc(b->exec->scratch, (size_t)count, sizeof *b->piece);
    b->gram = gram_new(b->exec->mem, x, count, s->folds);
    if (!b->piece || !b->gram)
        return ASX_E_NOMEM;
    for (int k = 0; k < count; k++)
        if (list_piece(b->exec, &b->piece[k], class, k, x->rows))
            return ASX_E_NOMEM;
    for (int f = 0; f <= s->folds; f++)
        for (size_t i = 0; i < s->fold[f].n_train; i++)
            b->gram->sign[f * count + class[s->fold[f].train[i]]] = 1;
    return ASX_OK;
}

/* Overlapping pieces: all rows, then per fold the held-out rows, or the training rows where those are no complement. */
static asx_st overlapping_pieces(struct build *b, const struct asx_packed *x)
{
    const struct asx_splits *s = b->exec->problem->splits;
    int count = s->folds + 1;
    b->piece = arena_calloc(b->exec->scratch, (size_t)count, sizeof *b->piece);
    b->gram = gram_new(b->exec->mem, x, count, s->folds);
    if (!b->piece || !b->gram)
        return ASX_E_NOMEM;
    for (int f = 0; f <= s->folds; f++) {
        const struct asx_fold *fold = &s->fold[f];
        bool all = f == s->folds, complement = !all && fold->n_train + fold->n_test == s->fold[s->folds].n_train;
        int k = all ? 0 : f + 1;
        b->piece[k] = complement ? (struct piece){(uint32_t *)(uintptr_t)fold->test, fold->n_test}
                                 : (struct piece){(uint32_t *)(uintptr_t)fold->train, fold->n_train};
        b->gram->sign[f * count + k] = complement ? -1 : 1;
        if (complement)
            b->gram->sign[f * count] = 1;
    }
    return ASX_OK;
}

static asx_st make_pieces(struct build *b, const struct asx_packed *x)
{
    const struct asx_splits *s = b->exec->problem->splits;
    struct arena *a = b->exec->scratch;
    int most = s->folds + 2;
    uint16_t *class = arena_alloc(a, (x->rows + 1) * sizeof *class);
    uint8_t *in = arena_alloc(a, x->rows + 1);
    int *next = arena_alloc(a, 2 * ((size_t)most + 1) * sizeof *next);
    if (!class || !in || !next)
        return ASX_E_NOMEM;
    int count = classes_of(s, x->rows, most, class, in, next);
    return count ? disjoint_pieces(b, x, count, class) : overlapping_pieces(b, x);
}

static void build_chunk(void *arg, size_t chunk, int worker)
{
    struct build *b = arg;
    const struct piece *piece = &b->piece[chunk / (size_t)b->parts];
    size_t part = chunk % (size_t)b->parts, from = part * piece->n / (size_t)b->parts,
           to = (part + 1) * piece->n / (size_t)b->parts;
    b->status[chunk] = lin_add_products(b->exec, b->gram->packed, piece->row + from, to - from, b->part[chunk],
                                        b->rows + (size_t)worker * LIN_ROWS * b->gram->m);
}

static asx_st gram_sum(struct build *b)
{
    struct arena *a = b->exec->scratch;
    struct lin_gram *g = b->gram;
    size_t threads = (size_t)(b->exec->threads > 1 ? b->exec->threads : 1);
    b->parts = g->p <= PARTS_COLUMNS && g->pieces < PARTS ? (PARTS + g->pieces - 1) / g->pieces : 1;
    size_t chunks = (size_t)g->pieces * (size_t)b->parts;
    b->part = arena_calloc(a, chunks, sizeof *b->part);
    b->status = arena_calloc(a, chunks, sizeof *b->status);
    b->rows = arena_alloc(a, threads * LIN_ROWS * g->m * sizeof *b->rows);
    if (!b->part || !b->status || !b->rows)
        return ASX_E_NOMEM;
    for (size_t c = 0; c < chunks; c++) {
        b->part[c] = c % (size_t)b->parts ? arena_calloc(a, g->m * g->m, sizeof(double)) : g->sum[c / (size_t)b->parts];
        if (!b->part[c])
            return ASX_E_NOMEM;
    }
    b->exec->split(b->exec, chunks, build_chunk, b);
    for (size_t c = 0; c < chunks; c++) {
        if (b->status[c])
            return b->status[c];
        for (size_t i = 0; c % (size_t)b->parts && i < g->m * g->m; i++)
            g->sum[c / (size_t)b->parts][i] += b->part[c][i];
    }
    return ASX_OK;
}

static asx_st gram_run(struct asx_exec *exec, const struct asx_batch *batch, struct asx_err *err)
{
    (void)batch;
    struct build b = {.exec = exec};
    asx_st st = make_pieces(&b, exec->in[0]);
    if (!st)
        st = gram_sum(&b);
    if (!st) {
        exec->out = b.gram;
        return ASX_OK;
    }
    gram_free(b.gram);
    if (st == ASX_E_NOMEM)
        return no_memory(err);
    return st > 0 ? st : err_set(err, st, "the product of columns failed; report this fault of Assay");
}

/* Regression alone eats it; a Gram wider than this is dearer than iterating over the rows. */
static bool gram_can(const struct asx_problem *p, const struct asx_batch *b)
{
    return p->task == ASX_REGRESSION && b->shape.cols <= LIN_GRAM_COLUMNS;
}

static void gram_work(const struct asx_problem *p, const struct asx_batch *b, struct asx_work *w)
{
    const struct asx_shape *s = &b->shape;
    double m = s->cols + 2, rows = p->rows > 0 ? (double)p->rows : s->rows, pieces = p->splits ? p->splits->folds : 5;
    pieces = pieces < 2 ? 2 : pieces;
    double each = rows > 0 ? s->nnz / rows : 0; /* stored cells a row */
    if (lin_sparse_shape(s, rows)) {
        asx_work_add(
            w->once, &w->n_once,
            (struct asx_use){.k = ASX_KC_GATHER, .t = ASX_F64, .m = rows * each * (each / 2 + s->dense), .footprint = m * m * 8});
        asx_work_add(w->once, &w->n_once, (struct asx_use){.k = ASX_KC_SYRK, .t = ASX_F64, .m = rows, .n = s->dense});
    } else {
        asx_work_add(w->once, &w->n_once,
                     (struct asx_use){.k = ASX_KC_STREAM, .t = ASX_F64, .m = rows * m, .footprint = LIN_ROWS * m * 8});
        asx_work_add(w->once, &w->n_once,
                     (struct asx_use){.k = ASX_KC_SYRK, .t = ASX_F64, .m = rows, .n = m, .footprint = m * m * 8});
    }
    double parts = m - 2 <= PARTS_COLUMNS ? PARTS : 0;
    asx_work_add(w->once, &w->n_once,
                 (struct asx_use){.k = ASX_KC_STREAM, .t = ASX_F64, .m = (pieces + parts) * m * m, .times = 2});
    w->scratch = (uint64_t)(parts * m * m * 8 + LIN_ROWS * m * 8 * 4 + rows * 8);
    w->output = (uint64_t)(pieces * m * m * 8);
    w->serial = 0.05;
}

static void gram_shape(const struct asx_problem *p, const struct asx_shape *in, struct asx_shape *out)
{
    *out = *in;
    out->bytes = (double)((p->splits ? p->splits->folds : 5) + 1) * (in->cols + 2) * (in->cols + 2) * 8;
}

const struct asx_op lin_gram_syrk = {
    .head = {"gram.build/syrk", "products of columns and target, summed over pieces of the rows"},
    .version = 1,
    .equiv = ASX_CLOSE,
    .tolerance = 1e-9,
    .needs = {"packed"},
    .gives = "gram",
    .flags = ASX_SPLITS,
    .can = gram_can,
    .work = gram_work,
    .shape = gram_shape,
    .run = gram_run,
    .free_output = gram_free,
};
