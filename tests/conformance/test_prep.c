/* SPDX-License-Identifier: Apache-2.0 */
/* Laws every preparation step keeps, tried on all that are registered. */
#include "base/codec.h"
#include "base/mem.h"
#include "base/rng.h"
#include "engine/registry.h"
#include "tests/runner.h"
#include "tests/support/block_dense.h"
#include "tests/support/exec_make.h"
#include "tests/support/frame_make.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS = 9, TRAIN_STEP = 3 }; /* every third row is held out: see in_training */

/* What is changed in a made table, in rows that are held out; ALL_LABELS: in every row. */
enum change { NOTHING, LABELS = 1, VALUES = 2, ALL_LABELS = 4 };

struct table {
    struct frame_make *made;
    const struct asx_frame *frame;
    struct asx_problem *problem;
    uint32_t *train;
    size_t n_train;
};

static bool in_training(size_t row)
{
    return row % TRAIN_STEP != 1;
}

static const char *pick(struct rng *r, const char *const *list, size_t n)
{
    return list[rng_below(r, n)];
}

static const char *const words[] = {"good", "Bad", "UGLY", "caf\xc3\xa9", "\xc3\x89tude", "fast",
                                    "slow", "a",   "x1",   "re-do",       "\xff\xfe",     "na\xc3\xafve"};
static const char *const titles[] = {"senior", "junior", "clerk",   "engineer", "manager",
                                     "of",     "police", "officer", "fire",     "chief"};

static char *sentence(struct rng *r, char *out, const char *const *list, size_t n, size_t length)
{
    out[0] = 0;
    for (size_t i = 0; i < length; i++) {
        if (i)
            strcat(out, rng_below(r, 4) ? " " : ", ");
        strcat(out, pick(r, list, n));
    }
    return out;
}

/*
 * A table with every type of column. Equal seeds give equal cells, whatever is changed: changes
 * replace cells of held-out rows after all were drawn.
 */
static struct table make(size_t rows, enum asx_task task, unsigned changed)
{
    struct rng r = rng_stream(11, rows, 0, 0);
    enum { WIDE = 400 };
    double *x = calloc(rows + 1, sizeof *x), *when = calloc(rows + 1, sizeof *when), *y = calloc(rows + 1, sizeof *y);
    float *z = calloc(rows + 1, sizeof *z), *sparse = calloc(rows * 6 + 1, sizeof *sparse);
    char(*text)[4][WIDE] = calloc(rows + 1, sizeof *text);
    const char **flag = calloc(rows + 1, sizeof *flag), **low = calloc(rows + 1, sizeof *low),
               **pair = calloc(rows + 1, sizeof *pair), **high = calloc(rows + 1, sizeof *high),
               **title = calloc(rows + 1, sizeof *title), **note = calloc(rows + 1, sizeof *note);
    for (size_t i = 0; i < rows; i++) {
        bool new_cells = (changed & VALUES) && !in_training(i);
        x[i] = rng_below(&r, 9) ? rng_normal(&r) : NAN;
        z[i] = (float)rng_below(&r, 5);
        when[i] = rng_below(&r, 9) ? 1.5e9 + 1e4 * (double)rng_below(&r, 100000) : NAN;
        flag[i] = rng_below(&r, 9) ? rng_below(&r, 2) ? "no" : "yes" : NULL;
        pair[i] = rng_below(&r, 2) ? "left" : "right";
        low[i] = rng_below(&r, 9) ? pick(&r, words, 6) : NULL;
        snprintf(text[i][0], WIDE, "id%d", (int)rng_below(&r, 300));
        high[i] = rng_below(&r, 20) ? text[i][0] : NULL;
        title[i] = sentence(&r, text[i][1], titles, 10, 2 + rng_below(&r, 3));
        sentence(&r, text[i][2], words, 12, rng_below(&r, 12));
        note[i] = rng_below(&r, 15) ? text[i][2] : NULL;
        for (int j = 0; j < 6; j++)
            sparse[i * 6 + (size_t)j] = rng_below(&r, 3) ? 0 : j < 3 ? 1 : (float)rng_normal(&r);
        uint64_t label = rng_below(&r, 4);
        y[i] = task == ASX_REGRESSION ? rng_normal(&r) * 10 + 3 : task == ASX_BINARY ? (double)(label & 1) : (double)label;
        if (new_cells) {
            x[i] = 1e6;
            z[i] = -7;
            when[i] = 0;
            flag[i] = NULL;
            pair[i] = "middle";
            low[i] = "zebra";
            high[i] = "another";
            title[i] = "zebra keeper of zebras";
            note[i] = "zebra zebra zebra the quick brown zebra";
            for (int j = 0; j < 6; j++)
                sparse[i * 6 + (size_t)j] = 5;
        }
        if ((changed & ALL_LABELS) || ((changed & LABELS) && !in_training(i)))
            y[i] = task == ASX_REGRESSION ? -1000 : task == ASX_BINARY ? 1 - y[i] : 3 - y[i];
    }
    struct table t = {.made = frame_make_new(rows), .train = calloc(rows + 1, sizeof *t.train)};
    frame_make_f64(t.made, "x", x);
    frame_make_f32(t.made, "z", z);
    frame_make_datetime(t.made, "when", when);
    frame_make_strings(t.made, "flag", ASX_BOOLEAN, flag);
    frame_make_strings(t.made, "pair", ASX_CATEGORICAL, pair);
    frame_make_strings(t.made, "low", ASX_CATEGORICAL, low);
    frame_make_strings(t.made, "high", ASX_CATEGORICAL, high);
    frame_make_strings(t.made, "title", ASX_CATEGORICAL, title);
    frame_make_strings(t.made, "note", ASX_TEXT, note);
    frame_make_sparse(t.made, sparse, 6);
    t.frame = frame_make_frame(t.made);
    t.problem = frame_make_problem(t.made, task, y, task == ASX_REGRESSION ? 0 : task == ASX_BINARY ? 2 : 4, 3);
    for (size_t i = 0; i < rows; i++)
        if (in_training(i))
            t.train[t.n_train++] = (uint32_t)i;
    free(x), free(when), free(y), free(z), free(sparse), free(text);
    free(flag), free(low), free(pair), free(high), free(title), free(note);
    return t;
}

static void drop(struct table *t)
{
    frame_make_free(t->made);
    free(t->train);
}

/* Columns a step takes, as the optimizer would choose them on the given problem. */
static int columns_of(const struct asx_prep *p, const struct asx_problem *problem, int32_t out[COLUMNS])
{
    int n = 0;
    for (int j = 0; j < COLUMNS; j++)
        if (p->takes & ASX_TYPE_BIT(problem->frame->column[j].type) && (!p->fits || p->fits(problem, j)))
            out[n++] = j;
    return n;
}

/* A step fitted and applied. */
struct done {
    struct asx_prep_state *state;
    struct asx_block block;
};

static asx_st apply(const struct asx_prep *p, struct exec_make *e, const struct table *t, const int32_t *column, int columns,
                    struct done *d, struct asx_err *err)
{
    struct config_make c;
    config_make_init(&c, NULL);
    config_make_add(&c, p->head.name, p->params, p->n_params);
    struct asx_prep_input in = {
        .problem = t->problem, .frame = t->frame, .column = column, .columns = columns, .config = &c.config, .seed = 5};
    if (p->scope == ASX_FOLD) {
        in.rows = t->train;
        in.n_rows = t->n_train;
    }
    *d = (struct done){NULL, {.rows = 0}};
    if (p->fit_transform)
        return p->fit_transform(&e->exec, &in, &d->state, &d->block, err);
    asx_st st = p->fit(&e->exec, &in, &d->state, err);
    if (st != ASX_OK)
        return st;
    st = p->transform(&e->exec, d->state, t->frame, column, columns, &d->block, err);
    if (st != ASX_OK) {
        p->free_state(d->state);
        d->state = NULL;
    }
    return st;
}

static void undo(const struct asx_prep *p, struct done *d)
{
    p->free_state(d->state);
    p->free_block(&d->block);
}

static const struct asx_prep *const *steps(void)
{
    return registry_builtin()->prep;
}

static bool affine(const struct asx_prep *p)
{
    return p->scope == ASX_AFFINE;
}

/* Equal cells of the rows chosen, bit for bit but for the sign of NaN, and equal names. */
static void same(const struct asx_prep *p, const struct asx_block *a, const struct asx_block *b, bool training_only)
{
    ck_assert_msg(a->rows == b->rows && a->cols == b->cols, "%s: %zu x %zu against %zu x %zu", p->head.name, a->rows, a->cols,
                  b->rows, b->cols);
    double *x = block_dense(a), *y = block_dense(b);
    for (size_t i = 0; i < a->rows; i++)
        for (size_t j = 0; j < a->cols && (!training_only || in_training(i)); j++) {
            double u = x[i * a->cols + j], v = y[i * a->cols + j];
            ck_assert_msg((u != u && v != v) || u == v, "%s: row %zu column %zu: %.17g against %.17g", p->head.name, i, j, u, v);
        }
    for (size_t j = 0; a->name && j < a->cols; j++)
        ck_assert_str_eq(a->name[j], b->name[j]);
    for (size_t j = 0; a->kind && j < a->cols; j++)
        ck_assert_int_eq(a->kind[j], b->kind[j]);
    free(x);
    free(y);
}

static const enum asx_task tasks[] = {ASX_BINARY, ASX_MULTICLASS, ASX_REGRESSION};

/* ---- tests ---------------------------------------------------------------- */

START_TEST(descriptors)
{
    static const char *const needed[] = {"datetime", "hash",  "impute", "numeric", "onehot",
                                         "ordinal",  "scale", "sparse", "target",  "tfidf"};
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        bool found = false;
        for (int k = 0; steps()[k]; k++)
            found |= strcmp(steps()[k]->head.name, needed[i]) == 0;
        ck_assert_msg(found, "step '%s' is not registered", needed[i]);
    }
    for (int k = 0; steps()[k]; k++) {
        const struct asx_prep *p = steps()[k];
        ck_assert_msg(p->head.summary && p->version > 0 && p->roles, "%s: incomplete", p->head.name);
        if (affine(p))
            ck_assert_ptr_nonnull(p->constants);
        else
            ck_assert(p->fit && p->transform && p->save && p->load && p->free_state && p->free_block && p->shape && p->work);
        for (int i = 0; i < p->n_params; i++) {
            const struct asx_param *q = &p->params[i];
            ck_assert_msg(q->help != NULL, "%s.%s: no help", p->head.name, q->name);
            if (q->kind == ASX_CHOICE)
                ck_assert(q->def >= 0 && q->def < q->n_choices);
            else
                ck_assert_msg(q->low <= q->def && q->def <= q->high, "%s.%s: default outside the range", p->head.name, q->name);
        }
    }
}
END_TEST

/* Law 3: nothing learned or made for training rows changes when held-out rows change, but for what scope SHARED says. */
START_TEST(leakage)
{
    struct table a = make(300, tasks[_i], NOTHING);
    for (int k = 0; steps()[k]; k++) {
        const struct asx_prep *p = steps()[k];
        int32_t column[COLUMNS];
        int columns = affine(p) ? 0 : columns_of(p, a.problem, column);
        if (affine(p) || (p->takes && !columns))
            continue;
        for (unsigned changed = LABELS; changed <= ALL_LABELS; changed++) {
            if (p->scope == ASX_FOLD && (changed & ALL_LABELS))
                continue;
            if (p->scope == ASX_SHARED && (changed & VALUES))
                continue; /* unlabelled facts of all rows are what SHARED may use */
            struct table b = make(300, tasks[_i], changed);
            struct exec_make e, g;
            struct asx_err err = {0};
            struct done d, f;
            exec_make_init(&e, a.problem, 1);
            exec_make_init(&g, b.problem, 1);
            ck_assert_msg(apply(p, &e, &a, column, columns, &d, &err) == ASX_OK, "%s: %s", p->head.name, err.text);
            ck_assert_msg(apply(p, &g, &b, column, columns, &f, &err) == ASX_OK, "%s: %s", p->head.name, err.text);
            same(p, &d.block, &f.block, changed & VALUES);
            undo(p, &d);
            undo(p, &f);
            exec_make_clear(&e);
            exec_make_clear(&g);
            drop(&b);
        }
    }
    drop(&a);
}
END_TEST

/* Blocks are well formed, and the same for any order of chunks and number of threads. */
START_TEST(threads)
{
    struct table t = make(8500, tasks[_i], NOTHING);
    for (int k = 0; steps()[k]; k++) {
        const struct asx_prep *p = steps()[k];
        int32_t column[COLUMNS];
        int columns = affine(p) ? 0 : columns_of(p, t.problem, column);
        if (affine(p))
            continue;
        struct done d[3];
        struct exec_make e[3];
        for (int v = 0; v < 3; v++) {
            struct asx_err err = {0};
            exec_make_init(&e[v], t.problem, v == 2 ? 3 : 1);
            e[v].reverse = v == 1;
            ck_assert_msg(apply(p, &e[v], &t, column, columns, &d[v], &err) == ASX_OK, "%s: %s", p->head.name, err.text);
            const char *wrong = block_wrong(&d[v].block);
            ck_assert_msg(!wrong, "%s: %s", p->head.name, wrong ? wrong : "");
        }
        ck_assert_uint_eq(d[0].block.rows, t.frame->rows);
        ck_assert(d[0].block.cols > 0);
        for (int v = 1; v < 3; v++) {
            if (d[0].block.cols < 100)
                same(p, &d[0].block, &d[v].block, false);
            if (d[0].block.layout == ASX_LAYOUT_CSR) {
                const struct asx_csr *m = &d[0].block.csr, *n = &d[v].block.csr;
                size_t nnz = (size_t)m->indptr[m->rows];
                ck_assert_mem_eq(m->indptr, n->indptr, (m->rows + 1) * sizeof *m->indptr);
                ck_assert_mem_eq(m->indices, n->indices, nnz * sizeof *m->indices);
                ck_assert_mem_eq(m->values, n->values, nnz * sizeof *m->values);
            }
        }
        for (int v = 0; v < 3; v++) {
            undo(p, &d[v]);
            ck_assert_msg(exec_make_leaked(&e[v]) == 0, "%s: %zu bytes leaked", p->head.name, (size_t)exec_make_leaked(&e[v]));
            exec_make_clear(&e[v]);
        }
    }
    drop(&t);
}
END_TEST

static void save(const struct asx_prep *p, const struct asx_prep_state *s, struct asx_writer *w)
{
    codec_writer_init(w, NULL);
    ck_assert_int_eq(p->save(s, w), ASX_OK);
    ck_assert_int_eq(codec_writer_status(w, NULL), ASX_OK);
}

/* Law 7: a loaded state gives the same bits, on known rows and on new ones, and saves to the same bytes. */
START_TEST(save_load)
{
    struct table t = make(400, tasks[_i], NOTHING), u = make(37, tasks[_i], VALUES);
    for (int k = 0; steps()[k]; k++) {
        const struct asx_prep *p = steps()[k];
        int32_t column[COLUMNS];
        int columns = affine(p) ? 0 : columns_of(p, t.problem, column);
        if (affine(p))
            continue;
        struct exec_make e;
        struct asx_err err = {0};
        struct done d;
        exec_make_init(&e, t.problem, 1);
        ck_assert_int_eq(apply(p, &e, &t, column, columns, &d, &err), ASX_OK);
        struct asx_writer w, again;
        save(p, d.state, &w);
        struct asx_reader r;
        struct asx_prep_state *loaded = NULL;
        codec_reader_init(&r, w.out.s, w.out.n, p->head.name);
        ck_assert_msg(p->load(&r, e.mem, &loaded, &err) == ASX_OK, "%s: %s", p->head.name, err.text);
        ck_assert_msg(codec_reader_at_end(&r), "%s: load leaves bytes unread", p->head.name);
        save(p, loaded, &again);
        ck_assert_uint_eq(w.out.n, again.out.n);
        ck_assert_mem_eq(w.out.s, again.out.s, w.out.n);
        for (int v = 0; v < 2; v++) {
            const struct asx_frame *f = v ? u.frame : t.frame;
            struct asx_block a, b;
            e.exec.problem = NULL; /* predicting, there is none */
            ck_assert_msg(p->transform(&e.exec, d.state, f, column, columns, &a, &err) == ASX_OK, "%s: %s", p->head.name, err.text);
            ck_assert_msg(p->transform(&e.exec, loaded, f, column, columns, &b, &err) == ASX_OK, "%s: %s", p->head.name, err.text);
            ck_assert_ptr_null(block_wrong(&a));
            same(p, &a, &b, false);
            p->free_block(&a);
            p->free_block(&b);
        }
        codec_writer_clear(&w);
        codec_writer_clear(&again);
        p->free_state(loaded);
        undo(p, &d);
        ck_assert_uint_eq(exec_make_leaked(&e), 0);
        exec_make_clear(&e);
    }
    drop(&t);
    drop(&u);
}
END_TEST

/* Damaged bytes are refused, or at worst give a state that can be used without harm. */
START_TEST(damaged)
{
    struct table t = make(60, ASX_MULTICLASS, NOTHING);
    struct rng rng = rng_stream(3, 0, 0, 0);
    for (int k = 0; steps()[k]; k++) {
        const struct asx_prep *p = steps()[k];
        int32_t column[COLUMNS];
        int columns = affine(p) ? 0 : columns_of(p, t.problem, column);
        if (affine(p) || strcmp(p->head.name, "hash") == 0)
            continue;
        struct exec_make e;
        struct asx_err err = {0};
        struct done d;
        exec_make_init(&e, t.problem, 1);
        ck_assert_int_eq(apply(p, &e, &t, column, columns, &d, &err), ASX_OK);
        struct asx_writer w;
        save(p, d.state, &w);
        for (int i = 0; i < 200; i++) {
            size_t n = w.out.n, cut = i < 100 ? rng_below(&rng, n) : n;
            char *bytes = malloc(n);
            memcpy(bytes, w.out.s, n);
            if (i >= 100)
                bytes[rng_below(&rng, n)] ^= (char)(1 << rng_below(&rng, 8));
            struct asx_reader r;
            struct asx_prep_state *loaded = NULL;
            struct asx_err bad = {0};
            codec_reader_init(&r, bytes, cut, p->head.name);
            asx_st st = p->load(&r, e.mem, &loaded, &bad);
            ck_assert_msg(i >= 100 || st == ASX_E_DATA, "%s: cut to %zu of %zu bytes gave %d", p->head.name, cut, n, st);
            ck_assert(st == ASX_OK ? loaded != NULL : bad.text[0] != 0);
            if (st == ASX_OK) {
                struct asx_block b;
                if (p->transform(&e.exec, loaded, t.frame, column, columns, &b, &bad) == ASX_OK)
                    p->free_block(&b);
                p->free_state(loaded);
            }
            free(bytes);
        }
        codec_writer_clear(&w);
        undo(p, &d);
        ck_assert_uint_eq(exec_make_leaked(&e), 0);
        exec_make_clear(&e);
    }
    drop(&t);
}
END_TEST

/* An empty table, one row, nothing but missing cells. */
START_TEST(edges)
{
    struct table full = make(400, tasks[_i], NOTHING);
    for (int k = 0; steps()[k]; k++) {
        const struct asx_prep *p = steps()[k];
        int32_t column[COLUMNS];
        int columns = affine(p) ? 0 : columns_of(p, full.problem, column);
        for (int v = 0; v < 3 && !affine(p); v++) {
            struct table t = v == 0   ? make(1, tasks[_i], NOTHING)
                             : v == 1 ? make(2, tasks[_i], NOTHING)
                                      : (struct table){.made = NULL};
            if (v == 2) {
                enum { N = 5 };
                double none[N], y[N] = {0, 1, 0, 1, 1};
                float zero[N] = {0};
                const char *nothing[N] = {NULL};
                for (int i = 0; i < N; i++)
                    none[i] = NAN;
                for (int i = 0; i < N; i++)
                    zero[i] = NAN;
                t.made = frame_make_new(N);
                frame_make_f64(t.made, "x", none);
                frame_make_f32(t.made, "z", zero);
                frame_make_datetime(t.made, "when", none);
                frame_make_strings(t.made, "flag", ASX_BOOLEAN, nothing);
                frame_make_strings(t.made, "pair", ASX_CATEGORICAL, nothing);
                frame_make_strings(t.made, "low", ASX_CATEGORICAL, nothing);
                frame_make_strings(t.made, "high", ASX_CATEGORICAL, nothing);
                frame_make_strings(t.made, "title", ASX_CATEGORICAL, nothing);
                frame_make_strings(t.made, "note", ASX_TEXT, nothing);
                float zeros[N * 2] = {0};
                frame_make_sparse(t.made, zeros, 2);
                t.frame = frame_make_frame(t.made);
                t.problem = frame_make_problem(t.made, tasks[_i], y,
                                               tasks[_i] == ASX_REGRESSION ? 0
                                               : tasks[_i] == ASX_BINARY   ? 2
                                                                           : 4,
                                               2);
                t.train = calloc(N, sizeof *t.train);
                for (uint32_t i = 0; i < 3; i++)
                    t.train[t.n_train++] = i;
            }
            struct exec_make e;
            struct asx_err err = {0};
            struct done d;
            exec_make_init(&e, t.problem, 1);
            ck_assert_msg(apply(p, &e, &t, column, columns, &d, &err) == ASX_OK, "%s: %s", p->head.name, err.text);
            const char *wrong = block_wrong(&d.block);
            ck_assert_msg(!wrong, "%s: %s", p->head.name, wrong ? wrong : "");
            ck_assert_uint_eq(d.block.rows, t.frame->rows);
            /* and on other tables: a full one, an empty one */
            struct asx_block b;
            ck_assert_int_eq(p->transform(&e.exec, d.state, full.frame, column, columns, &b, &err), ASX_OK);
            ck_assert_ptr_null(block_wrong(&b));
            p->free_block(&b);
            struct table empty = make(0, tasks[_i], NOTHING);
            ck_assert_int_eq(p->transform(&e.exec, d.state, empty.frame, column, columns, &b, &err), ASX_OK);
            ck_assert_uint_eq(b.rows, 0);
            p->free_block(&b);
            drop(&empty);
            undo(p, &d);
            ck_assert_uint_eq(exec_make_leaked(&e), 0);
            exec_make_clear(&e);
            drop(&t);
        }
    }
    drop(&full);
}
END_TEST

/* The k-th allocation fails, for every k: E_NOMEM or success, and nothing leaks. */
START_TEST(allocation_failure)
{
    struct table t = make(90, ASX_MULTICLASS, NOTHING);
    for (int k = 0; steps()[k]; k++) {
        const struct asx_prep *p = steps()[k];
        int32_t column[COLUMNS];
        int columns = affine(p) ? 0 : columns_of(p, t.problem, column);
        bool all = affine(p);
        for (long at = 1; !all; at++) {
            struct exec_make e;
            struct asx_err err = {0};
            struct done d;
            exec_make_init(&e, t.problem, 1);
            long before = mem_allocations();
            mem_fault_after(at);
            asx_st st = apply(p, &e, &t, column, columns, &d, &err);
            struct asx_prep_state *loaded = NULL;
            struct asx_writer w;
            codec_writer_init(&w, e.mem);
            if (st == ASX_OK) {
                p->save(d.state, &w);
                st = codec_writer_status(&w, &err);
                if (st == ASX_OK) {
                    struct asx_reader r;
                    codec_reader_init(&r, w.out.s, w.out.n, p->head.name);
                    st = p->load(&r, e.mem, &loaded, &err);
                }
                undo(p, &d);
                if (st == ASX_OK)
                    p->free_state(loaded);
            }
            all = mem_allocations() - before < at;
            mem_fault_after(0);
            codec_writer_clear(&w);
            ck_assert_msg(all ? st == ASX_OK : st == ASX_E_NOMEM || st == ASX_OK, "%s: allocation %ld: %d %s", p->head.name, at, st,
                          err.text);
            ck_assert_msg(st == ASX_OK || err.text[0], "%s: allocation %ld failed without a message", p->head.name, at);
            ck_assert_msg(exec_make_leaked(&e) == 0, "%s: allocation %ld leaked %zu bytes", p->head.name, at,
                          (size_t)exec_make_leaked(&e));
            exec_make_clear(&e);
            ck_assert(at < 100000);
        }
    }
    drop(&t);
}
END_TEST

/* Asked to stop, a step stops or had finished, and leaves nothing behind. */
START_TEST(stopping)
{
    struct table t = make(8500, ASX_BINARY, NOTHING);
    for (int k = 0; steps()[k]; k++) {
        const struct asx_prep *p = steps()[k];
        int32_t column[COLUMNS];
        int columns = affine(p) ? 0 : columns_of(p, t.problem, column);
        for (long after = 0; after < 4 && !affine(p); after++) {
            struct exec_make e;
            struct asx_err err = {0};
            struct done d;
            exec_make_init(&e, t.problem, 1);
            e.stop_after = after;
            asx_st st = apply(p, &e, &t, column, columns, &d, &err);
            ck_assert_msg(st == ASX_STOPPED || e.stop_calls <= after, "%s: stopped at %ld, got %d", p->head.name, after, st);
            if (st == ASX_OK)
                undo(p, &d);
            ck_assert_uint_eq(exec_make_leaked(&e), 0);
            exec_make_clear(&e);
        }
    }
    drop(&t);
}
END_TEST

/* What is planned: columns within reach of what comes out, work that grows with rows. */
START_TEST(planning)
{
    struct table t = make(3000, tasks[_i], NOTHING), small = make(300, tasks[_i], NOTHING);
    for (int k = 0; steps()[k]; k++) {
        const struct asx_prep *p = steps()[k];
        int32_t column[COLUMNS];
        if (affine(p))
            continue;
        int columns = columns_of(p, small.problem, column);
        struct asx_prep_input in = {.problem = t.problem, .frame = t.frame, .column = column, .columns = columns};
        struct asx_prep_input less = in;
        less.problem = small.problem;
        less.frame = small.frame;
        struct asx_shape shape, shape_less;
        struct asx_work work, work_less;
        p->shape(&in, &shape);
        p->shape(&less, &shape_less);
        p->work(&in, &work);
        p->work(&less, &work_less);
        ck_assert(shape.rows == 3000 && shape.cols >= 0 && isfinite(shape.cols) && shape.nnz >= 0 && shape.bytes >= 0);
        ck_assert_msg(work.n_once > 0, "%s: no work", p->head.name);
        ck_assert_msg(shape.bytes >= shape_less.bytes && work.output >= work_less.output, "%s: less from more rows", p->head.name);
        for (int i = 0; i < work.n_once; i++)
            ck_assert_msg(work.once[i].m >= work_less.once[i].m, "%s: less work for more rows", p->head.name);
        struct exec_make e;
        struct asx_err err = {0};
        struct done d;
        exec_make_init(&e, t.problem, 1);
        ck_assert_int_eq(apply(p, &e, &t, column, columns, &d, &err), ASX_OK);
        double cols = (double)d.block.cols;
        bool text = p->takes & ASX_TYPE_BIT(ASX_TEXT); /* made from a dozen words, which no estimate can know */
        ck_assert_msg(shape.cols >= cols / 8 && (text || shape.cols <= 8 * cols), "%s: %g columns estimated, %g came", p->head.name,
                      shape.cols, cols);
        if (d.block.layout == ASX_LAYOUT_CSR) {
            double nnz = (double)d.block.csr.indptr[d.block.rows];
            ck_assert_msg(shape.nnz >= nnz / 4 && shape.nnz <= 4 * nnz, "%s: %g cells estimated, %g came", p->head.name, shape.nnz,
                          nnz);
        }
        undo(p, &d);
        exec_make_clear(&e);
    }
    drop(&t);
    drop(&small);
}
END_TEST

/* A column of the wrong kind, or too few of them, is refused in a sentence. */
START_TEST(wrong_columns)
{
    struct table t = make(50, ASX_BINARY, NOTHING);
    for (int k = 0; steps()[k]; k++) {
        const struct asx_prep *p = steps()[k];
        int32_t column[COLUMNS], other[COLUMNS];
        int columns = affine(p) ? 0 : columns_of(p, t.problem, column);
        if (affine(p) || !p->takes || !columns)
            continue;
        struct exec_make e;
        struct asx_err err = {0}, bad = {0};
        struct done d;
        struct asx_block b;
        exec_make_init(&e, t.problem, 1);
        ck_assert_int_eq(apply(p, &e, &t, column, columns, &d, &err), ASX_OK);
        ck_assert_int_eq(p->transform(&e.exec, d.state, t.frame, column, columns - 1, &b, &bad), ASX_E_INVAL);
        ck_assert(bad.text[0]);
        bad = (struct asx_err){0};
        for (int i = 0; i < columns; i++)
            other[i] = p->takes & ASX_TYPE_BIT(ASX_NUMERIC) ? 8 : 0; /* text, or a number */
        ck_assert_msg(p->transform(&e.exec, d.state, t.frame, other, columns, &b, &bad) == ASX_E_DATA ||
                          strcmp(p->head.name, "datetime") == 0,
                      "%s takes a column of another type", p->head.name);
        if (strcmp(p->head.name, "datetime") == 0)
            p->free_block(&b);
        undo(p, &d);
        ck_assert_uint_eq(exec_make_leaked(&e), 0);
        exec_make_clear(&e);
    }
    drop(&t);
}
END_TEST

Suite *suite_prep(void);

Suite *suite_prep(void)
{
    Suite *s = suite_create("prep");
    TCase *t = tcase_create("laws");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, descriptors);
    tcase_add_loop_test(t, leakage, 0, 3);
    tcase_add_loop_test(t, threads, 0, 3);
    tcase_add_loop_test(t, save_load, 0, 3);
    tcase_add_test(t, damaged);
    tcase_add_loop_test(t, edges, 0, 3);
    tcase_add_test(t, allocation_failure);
    tcase_add_test(t, stopping);
    tcase_add_loop_test(t, planning, 0, 3);
    tcase_add_test(t, wrong_columns);
    suite_add_tcase(s, t);
    return s;
}
