/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trees of a round: gradients, growth, leaf values, scores. Softmax fits one tree a class, all from the scores
 * before the round, whose gradients are written for all classes in one pass where memory holds them; where single trees are too
 * small to fill the threads, classes are fitted side by side.
 */
#include "learners/trees/gbdt_fit.h"

#include "base/err.h"
#include "base/mem.h"

#include <stdatomic.h>
#include <string.h>

/* Cells of a tree above which threads work inside it. */
static const double SMALL_TREE = 1 << 21;

static asx_st no_memory(struct asx_err *err)
{
    return err_set(err, ASX_E_NOMEM, "out of memory for boosting; raise the memory limit or lower 'num_leaves'");
}

/* ---- one tree ------------------------------------------------------------------------ */

/* The rows of all leaves in pieces, leaf by leaf. */
static asx_st list_pieces(struct fit *f)
{
    size_t most = (size_t)f->tree->n_leaves + gbdt_chunks(f->fold->n_train), n = 0;
    if (most > f->piece_room) {
        struct leaf_piece *p = mem_realloc(f->exec->mem, f->piece, most * sizeof *p);
        if (!p)
            return ASX_E_NOMEM;
        f->piece = p;
        f->piece_room = most;
    }
    for (int l = 0; l < f->tree->n_leaves; l++) {
        size_t rows = f->grow.leaf[l].count;
        for (size_t from = 0; from < rows; from += GBDT_CHUNK, n++) {
            size_t m = rows - from < GBDT_CHUNK ? rows - from : GBDT_CHUNK;
            f->piece[n] = (struct leaf_piece){.leaf = l, .from = from, .n = m};
        }
    }
    f->pieces = n;
    return ASX_OK;
}

static void score_piece(void *arg, size_t i, int worker)
{
    (void)worker;
    struct fit *f = arg;
    const struct leaf_piece *p = &f->piece[i];
    const uint32_t *row = grow_rows(&f->grow, &f->grow.leaf[p->leaf]) + p->from;
    double v = f->tree->value[f->tree->at[p->leaf]], *score = f->state->score + (size_t)f->score * f->state->rows;
    for (size_t k = 0; k < p->n; k++) {
        __builtin_prefetch(score + row[k + 32 < p->n ? k + 32 : k], 1);
        score[row[k]] += v;
    }
}

static void exact_piece(void *arg, size_t i, int worker)
{
    (void)worker;
    struct fit *f = arg;
    gbdt_exact_sums(f, &f->piece[i]);
}

struct walk_job {
    struct fit *f;
    const uint32_t *row;
    size_t n;
    bool steps; /* f->step holds the tree */
};

static void walk_steps(const struct fit *f, const uint32_t *row, size_t n, double *score)
{
    int leaf[TREE_LANES];
    uint32_t last[TREE_LANES];
    for (size_t i = 0; i < n; i += TREE_LANES) {
        size_t m = n - i < TREE_LANES ? n - i : TREE_LANES;
        for (size_t k = 0; k < TREE_LANES; k++)
            last[k] = row[k < m ? i + k : i];
        tree_walk(f->tree, f->step, last, leaf);
        for (size_t k = 0; k < m; k++)
            tree_add_leaf(f->tree, leaf[k], 1, score + last[k]);
    }
}

/* Sparse columns without planes: the row's cells are spread out once for all nodes. */
static void walk_cells(const struct fit *f, const uint32_t *row, size_t n, uint8_t *cell, double *score)
{
    const uint8_t *absent = f->cell + (size_t)f->exec->threads * f->view.columns;
    memcpy(cell, absent, f->view.columns);
    for (size_t i = 0; i < n; i++) {
        view_spread(&f->view, row[i], NULL, cell);
        tree_add_leaf(f->tree, tree_leaf_of_cells(f->tree, &f->view, row[i], cell), 1, score + row[i]);
        view_spread(&f->view, row[i], absent, cell);
    }
}

static void walk_chunk(void *arg, size_t c, int worker)
{
    struct walk_job *job = arg;
    struct fit *f = job->f;
    double *score = f->state->score + (size_t)f->score * f->state->rows;
    size_t from = c * GBDT_CHUNK, n = gbdt_chunk_rows(job->n, c);
    const uint32_t *row = job->row + from;
    if (job->steps)
        walk_steps(f, row, n, score);
    else if (f->cell)
        walk_cells(f, row, n, f->cell + (size_t)worker * f->view.columns, score);
    else
        for (size_t i = 0; i < n; i++)
            tree_add_leaf(f->tree, tree_leaf_of_bins(f->tree, &f->view, row[i]), 1, score + row[i]);
}

static void walk_rows(struct fit *f, const uint32_t *row, size_t n)
{
    struct walk_job job = {f, row, n, n > 4 * TREE_LANES && f->step && tree_steps(f->tree, &f->view, f->step)};
    f->exec->split(f->exec, gbdt_chunks(n), walk_chunk, &job);
}

/* Few bits choose the splits only: leaf values come from the gradients before rounding. */
static void refit_sums(struct fit *f)
{
    f->exec->split(f->exec, f->pieces, exact_piece, f);
    for (int l = 0; l < f->tree->n_leaves; l++)
        f->grow.leaf[l].sum_g = f->grow.leaf[l].sum_h = 0;
    for (size_t i = 0; i < f->pieces; i++) {
        f->grow.leaf[f->piece[i].leaf].sum_g += f->piece[i].g;
        f->grow.leaf[f->piece[i].leaf].sum_h += f->piece[i].h;
    }
}

/* The leaf's value before shrinkage. Bounds of growing are of -G/H, so they say nothing about refined values. */
static double value_of(const struct fit *f, const struct grow_leaf *leaf)
{
    const struct asx_state *s = f->state;
    if (s->loss.refine)
        return loss_refine(&s->loss, f->problem, s->score, grow_rows(&f->grow, leaf), leaf->count, f->residual);
    double v = split_leaf_value(leaf->sum_g, leaf->sum_h, f->params.grow.l1, f->params.grow.l2);
    v = loss_limit(&s->loss, v, leaf->sum_g, leaf->sum_h);
    return v < leaf->low ? leaf->low : v > leaf->high ? leaf->high : v;
}

static bool constrained(const struct fit *f)
{
    for (int i = 0; i < f->tree->n_nodes; i++)
        if (f->view.feature[f->tree->bin[i].feature].f->monotone)
            return true;
    return false;
}

static asx_st leaf_values(struct fit *f, struct asx_err *err)
{
    int leaves = f->tree->n_leaves;
    double *value = mem_array(f->exec->mem, (size_t)leaves, sizeof *value);
    asx_st st = value ? ASX_OK : ASX_E_NOMEM;
    if (f->kind == GROW_FEW)
        refit_sums(f);
    for (int l = 0; !st && l < leaves; l++)
        value[l] = value_of(f, &f->grow.leaf[l]);
    if (!st && f->state->loss.refine && constrained(f))
        st = gbdt_order_leaves(f->tree, &f->view, f->exec->mem, value);
    for (int l = 0; !st && l < leaves; l++) {
        value[l] *= f->params.learning_rate;
        st = tree_set_leaf(f->tree, l, &value[l]);
    }
    mem_free(value);
    return st ? no_memory(err) : ASX_OK;
}

static asx_st boost_tree(struct fit *f, int k, struct asx_err *err)
{
    double g, h;
    f->score = k;
    f->iteration = f->state->iterations;
    f->tree = &f->state->tree[f->iteration * f->state->loss.scores + k];
    if (tree_init(f->tree, f->exec->mem, 32, 1))
        return no_memory(err);
    size_t n = gbdt_gradients(f, &g, &h);
    struct rng r = rng_stream(f->member->seed, 0x74726565, (uint64_t)f->iteration, (uint64_t)k);
    asx_st st = grow_tree(&f->grow, n, g, h, rng_at(&r, 0), f->tree, err);
    if (!st && list_pieces(f))
        st = no_memory(err);
    if (!st)
        st = leaf_values(f, err);
    if (st) {
        tree_clear(f->tree);
        return st;
    }
    f->exec->split(f->exec, f->pieces, score_piece, f);
    if (f->params.bagging_fraction < 1)
        walk_rows(f, f->out_row, f->n_out);
    walk_rows(f, f->fold->test, f->fold->n_test);
    tree_shrink(f->tree, f->exec->mem);
    return ASX_OK;
}

/* ---- classes side by side ------------------------------------------------------------- */

/* A worker's own fit: the same data and state, memory of its own, no threads. */
struct gbdt_lane {
    struct asx_exec exec;
    struct fit fit;
    struct asx_err err;
};

struct across {
    struct fit *fit;
    _Atomic int status;
    struct gbdt_lane *_Atomic failed;
};

static void here(struct asx_exec *exec, size_t n, asx_chunk_fn fn, void *arg)
{
    (void)exec;
    for (size_t i = 0; i < n; i++)
        fn(arg, i, 0);
}

static void class_chunk(void *arg, size_t k, int worker)
{
    struct across *a = arg;
    struct gbdt_lane *lane = &a->fit->lane[worker];
    if (atomic_load(&a->status))
        return;
    asx_st st = boost_tree(&lane->fit, (int)k, &lane->err);
    if (st) {
        int none = 0;
        if (atomic_compare_exchange_strong(&a->status, &none, st))
            atomic_store(&a->failed, lane);
    }
}

static bool small_trees(const struct fit *f)
{
    return f->exec->threads > 1 && f->state->loss.scores > 2 && (double)f->fold->n_train * f->view.features < SMALL_TREE;
}

asx_st gbdt_round(struct fit *f, struct asx_err *err)
{
    int scores = f->state->loss.scores;
    asx_st st = ASX_OK;
    memset(&f->state->tree[f->state->iterations * scores], 0, (size_t)scores * sizeof *f->state->tree);
    gbdt_share(f);
    if (!f->lanes) {
        for (int k = 0; !st && k < scores; k++)
            st = boost_tree(f, k, err);
        return st;
    }
    struct across a = {.fit = f};
    f->exec->split(f->exec, (size_t)scores, class_chunk, &a);
    st = atomic_load(&a.status);
    if (st < 0)
        *err = atomic_load(&a.failed)->err;
    return st;
}

/* ---- memory ------------------------------------------------------------------------------ */

/* What one fit of trees at a time needs for itself. */
static asx_st tree_memory(struct fit *f, struct asx_err *err)
{
    struct mem *m = f->exec->mem;
    size_t n = f->fold->n_train, chunks = gbdt_chunks(n) + 1;
    bool bagged = f->params.bagging_fraction < 1;
    f->chunk_g = mem_array(m, chunks, sizeof *f->chunk_g);
    f->chunk_h = mem_array(m, chunks, sizeof *f->chunk_h);
    f->chunk_gh = mem_array(m, chunks, sizeof *f->chunk_gh);
    if (f->kind == GROW_FEW)
        f->exact = mem_array(m, f->view.rows + 1, 2 * sizeof *f->exact);
    if (bagged)
        f->out_row = mem_array(m, n + 1, sizeof *f->out_row);
    if (f->state->loss.refine)
        f->residual = mem_array(m, n + 1, 2 * sizeof *f->residual);
    if (!f->chunk_g || !f->chunk_h || !f->chunk_gh || (bagged && !f->out_row) || (f->kind == GROW_FEW && !f->exact) ||
        (f->state->loss.refine && !f->residual))
        return no_memory(err);
    f->step = mem_array(m, 2 * (size_t)f->params.grow.num_leaves + 2, sizeof *f->step);
    if (view_searches(&f->view))
        f->cell = mem_calloc(m, (size_t)f->exec->threads + 1, f->view.columns);
    if (f->cell) /* without: cell by cell */
        view_absent(&f->view, f->cell + (size_t)f->exec->threads * f->view.columns);
    asx_st st = grow_init(&f->grow, f->exec, &f->view, &f->params.grow, n, f->kind, err);
    for (size_t i = 1; i < n && f->grow.ascending; i++)
        f->grow.ascending = f->fold->train[i - 1] < f->fold->train[i];
    return st;
}

static void tree_memory_clear(struct fit *f)
{
    grow_clear(&f->grow);
    mem_free(f->chunk_g);
    mem_free(f->chunk_h);
    mem_free(f->chunk_gh);
    mem_free(f->exact);
    mem_free(f->piece);
    mem_free(f->out_row);
    mem_free(f->residual);
    mem_free(f->step);
    mem_free(f->cell);
}

static void all_clear(struct fit *f)
{
    mem_free(f->all.gh);
    mem_free(f->all.sum_g);
    mem_free(f->all.sum_h);
    f->all = (struct loss_all){0};
}

static void lanes_clear(struct fit *f)
{
    for (int i = 0; i < f->lanes; i++)
        tree_memory_clear(&f->lane[i].fit);
    mem_free(f->lane);
    f->lane = NULL;
    f->lanes = 0;
}

/* A lane for each thread, or none when memory is short: then the classes follow each other. */
static void make_lanes(struct fit *f)
{
    int threads = f->exec->threads;
    uint64_t bytes = f->fold->n_train * 40 + (uint64_t)f->params.grow.num_leaves * (f->view.hist_size + 64) * 8;
    struct asx_err err = {0};
    if (!small_trees(f) || !mem_fits(f->exec->mem, 2 * (uint64_t)threads * bytes))
        return;
    f->lane = mem_calloc(f->exec->mem, (size_t)threads, sizeof *f->lane);
    while (f->lane && f->lanes < threads) {
        struct gbdt_lane *l = &f->lane[f->lanes++];
        l->exec = *f->exec;
        l->exec.threads = 1;
        l->exec.split = here;
        l->fit = (struct fit){.exec = &l->exec,
                              .problem = f->problem,
                              .member = f->member,
                              .fold = f->fold,
                              .params = f->params,
                              .state = f->state,
                              .view = f->view,
                              .kind = f->kind,
                              .all = f->all,
                              .norm = f->norm,
                              .lse64 = f->lse64};
        if (tree_memory(&l->fit, &err)) {
            lanes_clear(f);
            return;
        }
    }
}

/* Gradients of all classes when they take at most a quarter of the free memory. */
static bool room_for_all(struct fit *f)
{
    struct mem *m = f->exec->mem;
    size_t k = (size_t)f->state->loss.scores, n = f->fold->n_train, chunks = gbdt_chunks(n);
    struct loss_all *a = &f->all;
    if (!mem_fits(m, 4 * (uint64_t)k * (n + 2 * chunks) * 2 * sizeof *a->gh))
        return false;
    *a = (struct loss_all){mem_array(m, k * n, 2 * sizeof *a->gh), mem_array(m, k * chunks, sizeof *a->sum_g),
                           mem_array(m, k * chunks, sizeof *a->sum_h), n, chunks};
    if (a->gh && a->sum_g && a->sum_h)
        return true;
    all_clear(f);
    return false;
}

/* Softmax: what the classes of a round share. */
static asx_st shared_memory(struct fit *f)
{
    struct mem *m = f->exec->mem;
    size_t n = f->fold->n_train;
    if (f->kind == GROW_DOUBLES) {
        f->lse64 = mem_array(m, n, sizeof *f->lse64);
        return f->lse64 ? ASX_OK : ASX_E_NOMEM;
    }
    if (room_for_all(f))
        return ASX_OK;
    f->norm.top = mem_array(m, n, sizeof *f->norm.top);
    f->norm.inverse = mem_array(m, n, sizeof *f->norm.inverse);
    return f->norm.top && f->norm.inverse ? ASX_OK : ASX_E_NOMEM;
}

asx_st gbdt_fit_memory(struct fit *f, struct asx_err *err)
{
    struct mem *m = f->exec->mem;
    f->pred = mem_array(m, f->fold->n_test * (size_t)f->problem->outputs + 1, sizeof *f->pred);
    if (!f->pred || (f->state->loss.kind == LOSS_SOFTMAX && shared_memory(f)))
        return no_memory(err);
    make_lanes(f);
    return f->lanes ? ASX_OK : tree_memory(f, err);
}

void gbdt_fit_clear(struct fit *f)
{
    lanes_clear(f);
    tree_memory_clear(f);
    mem_free(f->pred);
    all_clear(f);
    mem_free(f->norm.top);
    mem_free(f->norm.inverse);
    mem_free(f->lse64);
}
