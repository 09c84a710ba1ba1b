/* SPDX-License-Identifier: Apache-2.0 */
/* See fit_make.h. */
#include "tests/support/fit_make.h"

#include "backends/device.h"
#include "base/mem.h"
#include "data/matrix.h"
#include "engine/registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void need(bool good, const char *what)
{
    if (!good) {
        fprintf(stderr, "fit_make: %s\n", what);
        abort();
    }
}

static void constants(void *arg, size_t col, const struct asx_column_stats *s, double *fill, double *centre, double *scale)
{
    const bool *unscaled = arg;
    (void)col;
    *fill = s->mean;
    if (*unscaled || s->kind == ASX_COL_INDICATOR)
        return;
    *centre = s->mean;
    *scale = s->std > 0 ? s->std : 1;
}

static void make_dense(struct fit_make *m, const struct fit_data *d)
{
    struct asx_colref *ref = calloc(d->dense + 1, sizeof *ref);
    double *cells = calloc(d->rows + 1, sizeof *cells);
    need(ref && cells, "no memory");
    for (size_t j = 0; j < d->dense; j++) {
        char name[32];
        snprintf(name, sizeof name, "x%zu", j);
        for (size_t i = 0; i < d->rows; i++)
            cells[i] = d->x[i * d->dense + j];
        frame_make_f64(m->frame, name, cells);
    }
    for (size_t j = 0; j < d->dense; j++)
        ref[j] = (struct asx_colref){frame_make_frame(m->frame)->column[j].f64, ASX_F64, 0};
    free(cells);
    m->dense = (struct asx_block){.key = {1, 1}, .layout = ASX_LAYOUT_COLUMNS, .rows = d->rows, .cols = d->dense, .col = ref};
}

static void make_sparse(struct fit_make *m, const struct fit_data *d)
{
    int64_t *indptr = calloc(d->rows + 1, sizeof *indptr);
    int32_t *indices = calloc(d->rows * d->sparse + 1, sizeof *indices);
    float *values = calloc(d->rows * d->sparse + 1, sizeof *values);
    uint8_t *kind = calloc(d->sparse + 1, 1);
    need(indptr && indices && values && kind, "no memory");
    int64_t at = 0;
    for (size_t i = 0; i < d->rows; i++) {
        for (size_t j = 0; j < d->sparse; j++)
            if (d->s[i * d->sparse + j] != 0) {
                indices[at] = (int32_t)j;
                values[at++] = d->s[i * d->sparse + j];
            }
        indptr[i + 1] = at;
    }
    memset(kind, d->indicator ? ASX_COL_INDICATOR : ASX_COL_NUMBER, d->sparse);
    m->sparse = (struct asx_block){.key = {1, 2},
                                   .layout = ASX_LAYOUT_CSR,
                                   .rows = d->rows,
                                   .cols = d->sparse,
                                   .kind = kind,
                                   .csr = {d->rows, d->sparse, indptr, indices, values}};
}

void fit_make_init(struct fit_make *m, const struct fit_data *d, int threads)
{
    struct asx_err err = {0};
    memset(m, 0, sizeof *m);
    m->frame = frame_make_new(d->rows);
    int blocks = 0;
    make_dense(m, d);
    if (d->dense)
        m->block[blocks++] = &m->dense;
    if (d->sparse) {
        make_sparse(m, d);
        m->block[blocks++] = &m->sparse;
    }
    m->problem = frame_make_problem(m->frame, d->task, d->y, d->classes, d->folds);
    m->problem->fit_weight = d->weight;
    exec_make_init(&m->e, m->problem, threads);
    need(!dev_open(registry_builtin(), "cpu", &m->device, &err), err.text);
    m->e.exec.device = m->device;
    need(!matrix_make(m->block, blocks, NULL, &m->raw, &err), err.text);
    need(!packed_build(NULL, m->raw, NULL, (struct asx_key){3, 3}, &m->packed, &err), err.text);
    for (int f = 0; f <= d->folds; f++) {
        const struct asx_fold *fold = &m->problem->splits->fold[f];
        need(!affine_make(NULL, m->packed, fold->train, fold->n_train, d->weight, 0, constants, (void *)(uintptr_t)&d->unscaled, f,
                          NULL, &m->affine[f], &err),
             err.text);
    }
    m->pred_size = d->rows * (size_t)m->problem->outputs;
}

struct asx_member *fit_make_member(struct fit_make *m, const struct asx_learner *learner, int fold)
{
    need(m->members < FIT_MEMBERS, "too many members");
    struct config_make *c = &m->config[m->members];
    struct asx_member *b = &m->member[m->members++];
    config_make_init(c, learner);
    config_make_add(c, NULL, learner->params, learner->n_params);
    *b = (struct asx_member){.config = &c->config, .fold = fold, .to = {.rows = 1, .folds = 1}, .seed = 1};
    if (fold < m->problem->splits->folds)
        b->pred = calloc(m->pred_size, sizeof *b->pred);
    return b;
}

void fit_make_set(struct fit_make *m, struct asx_member *b, const char *name, double value)
{
    config_make_set(&m->config[b - m->member], name, value);
}

void fit_make_choose(struct fit_make *m, struct asx_member *b, const char *name, const char *choice)
{
    config_make_choose(&m->config[b - m->member], name, choice);
}

/* The registered op that makes a form. */
static const struct asx_op *form_op(const char *gives)
{
    for (int f = 0; registry_builtin()->family[f]; f++)
        for (int o = 0; registry_builtin()->family[f]->op[o]; o++)
            if (strcmp(registry_builtin()->family[f]->op[o]->gives, gives) == 0)
                return registry_builtin()->family[f]->op[o];
    need(false, "a form that no registered op gives");
    return NULL;
}

static void *run_form(struct fit_make *m, const struct asx_op *op, const void *in, int fold, struct asx_err *err)
{
    struct asx_member one = {.fold = fold};
    struct asx_batch batch = {.member = &one, .n = 1};
    const void *list[] = {in};
    m->e.exec.in = list;
    m->e.exec.n_needs = 1;
    m->e.exec.out = NULL;
    return op->run(&m->e.exec, &batch, err) ? NULL : m->e.exec.out;
}

static void drop_form(struct fit_form *f)
{
    if (f->matrix) {
        for (int b = 0; b < f->matrix->blocks; b++)
            f->op->free_output((void *)(uintptr_t)f->matrix->block[b]);
        matrix_free(f->matrix);
    } else if (f->out) {
        f->op->free_output(f->out);
    }
}

/* An op that runs block by block: its outputs side by side. */
static bool run_blocks(struct fit_make *m, struct fit_form *f, struct asx_err *err)
{
    const struct asx_block *list[2];
    int n = 0;
    while (n < m->raw->blocks && (list[n] = run_form(m, f->op, m->raw->block[n], f->fold, err)))
        n++;
    if (n == m->raw->blocks && !matrix_make(list, n, NULL, &f->matrix, err)) {
        f->out = f->matrix;
        return true;
    }
    while (n--)
        f->op->free_output((void *)(uintptr_t)list[n]);
    return false;
}

static const void *form(struct fit_make *m, const char *name, int fold, struct asx_err *err)
{
    if (strcmp(name, "raw") == 0)
        return m->raw;
    if (strcmp(name, "packed") == 0)
        return m->packed;
    if (strcmp(name, "affine") == 0)
        return m->affine[fold];
    const struct asx_op *op = form_op(name);
    const void *in = form(m, op->needs[0], fold, err);
    if (!in)
        return NULL;
    need(!op->needs[1], "a form of several inputs");
    for (int i = 0; i < m->forms; i++)
        if (m->made[i].op == op && m->made[i].in == in && (m->made[i].fold == fold || !(op->flags & ASX_PER_FOLD)))
            return m->made[i].out;
    struct fit_form f = {.op = op, .in = in, .fold = fold};
    if (op->flags & ASX_PER_BLOCK ? !run_blocks(m, &f, err) : !(f.out = run_form(m, op, in, fold, err)))
        return NULL;
    need(m->forms < FIT_FORMS, "too many forms");
    m->made[m->forms++] = f;
    return f.out;
}

struct asx_batch fit_make_batch(struct fit_make *m, int first, int n)
{
    const struct asx_csr *csr = &m->sparse.csr;
    return (struct asx_batch){.member = m->member + first,
                              .n = n,
                              .shape = {.rows = (double)m->problem->splits->fold[0].n_train,
                                        .cols = (double)packed_cols(m->packed),
                                        .dense = (double)m->packed->dense,
                                        .nnz = csr->indptr ? (double)csr->indptr[csr->rows] : 0,
                                        .test_rows = (double)m->problem->splits->fold[0].n_test}};
}

asx_st fit_make_run_some(struct fit_make *m, const struct asx_op *op, int first, int n, struct asx_err *err)
{
    const void *in[FIT_MEMBERS * ASX_NEEDS] = {0};
    int needs = 0;
    while (needs < ASX_NEEDS && op->needs[needs])
        needs++;
    for (int i = 0; i < n; i++)
        for (int k = 0; k < needs; k++) {
            in[i * needs + k] = form(m, op->needs[k], m->member[first + i].fold, err);
            if (!in[i * needs + k])
                return err->code ? err->code : ASX_STOPPED;
        }
    struct asx_batch batch = fit_make_batch(m, first, n);
    m->e.exec.in = in;
    m->e.exec.n_needs = needs;
    asx_st st = op->run(&m->e.exec, &batch, err);
    m->e.exec.in = NULL;
    arena_reset(m->e.scratch);
    return st;
}

asx_st fit_make_run(struct fit_make *m, const struct asx_op *op, struct asx_err *err)
{
    return fit_make_run_some(m, op, 0, m->members, err);
}

void fit_make_drop(struct fit_make *m)
{
    for (int i = 0; i < m->members; i++) {
        m->member[i].config->learner->free_state(m->member[i].state);
        free(m->member[i].pred);
    }
    m->members = 0;
}

void fit_make_forget(struct fit_make *m)
{
    while (m->forms)
        drop_form(&m->made[--m->forms]);
}

void fit_make_clear(struct fit_make *m)
{
    fit_make_drop(m);
    fit_make_forget(m);
    need(exec_make_leaked(&m->e) == 0, "memory leaked");
    for (int f = 0; f <= m->problem->splits->folds; f++)
        affine_free(m->affine[f]);
    packed_free(m->packed);
    matrix_free(m->raw);
    dev_close(registry_builtin(), m->device);
    exec_make_clear(&m->e);
    free((void *)(uintptr_t)m->dense.col);
    free((void *)(uintptr_t)m->sparse.csr.indptr);
    free((void *)(uintptr_t)m->sparse.csr.indices);
    free((void *)(uintptr_t)m->sparse.csr.values);
    free((void *)(uintptr_t)m->sparse.kind);
    frame_make_free(m->frame);
}

void fit_make_inputs(struct fit_make *m, const struct asx_op *op, const struct asx_member *b, const void **in)
{
    struct asx_err err = {0};
    int needs = 0;
    for (; needs < ASX_NEEDS && op->needs[needs]; needs++)
        in[needs] = form(m, op->needs[needs], b->fold, &err);
    m->e.exec.in = in;
    m->e.exec.n_needs = needs;
}

const struct asx_learner *fit_make_learner(const char *name)
{
    for (int f = 0; registry_builtin()->family[f]; f++)
        for (int l = 0; registry_builtin()->family[f]->learner[l]; l++)
            if (strcmp(registry_builtin()->family[f]->learner[l]->head.name, name) == 0)
                return registry_builtin()->family[f]->learner[l];
    need(false, name);
    return NULL;
}

const struct asx_metric *fit_make_metric(const char *name)
{
    for (int i = 0; registry_builtin()->metric[i]; i++)
        if (strcmp(registry_builtin()->metric[i]->head.name, name) == 0)
            return registry_builtin()->metric[i];
    need(false, name);
    return NULL;
}

const struct asx_op *fit_make_way(const struct asx_learner *learner, const char *name)
{
    for (int i = 0; learner->fit[i]; i++)
        if (strcmp(learner->fit[i]->head.name, name) == 0)
            return learner->fit[i];
    need(false, name);
    return NULL;
}

double fit_make_unit(uint64_t *s)
{
    *s = *s * 6364136223846793005u + 1442695040888963407u;
    return (double)(*s >> 11) / 9007199254740992.0;
}

double fit_make_bell(uint64_t *s)
{
    double sum = fit_make_unit(s);
    for (int k = 0; k < 3; k++)
        sum += fit_make_unit(s);
    return 2 * (sum - 2);
}
