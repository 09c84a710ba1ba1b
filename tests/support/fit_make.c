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

static const struct asx_op *form_op(const char *name)
{
    for (int f = 0; registry_builtin()->family[f]; f++)
        for (int o = 0; registry_builtin()->family[f]->op[o]; o++)
            if (strcmp(registry_builtin()->family[f]->op[o]->head.name, name) == 0)
                return registry_builtin()->family[f]->op[o];
    return NULL;
}

static const struct asx_op *gram_op(void)
{
    return form_op("gram.build/syrk");
}

static void drop_form(const char *op, void **slot)
{
    if (*slot)
        form_op(op)->free_output(*slot);
    *slot = NULL;
}

/* Runs a form op of one input into *slot, once. */
static const void *made(struct fit_make *m, const char *op, const void *in, int fold, void **slot, struct asx_err *err)
{
    if (*slot || !in)
        return *slot;
    struct asx_member one = {.fold = fold};
    struct asx_batch batch = {.member = &one, .n = 1};
    const void *list[] = {in};
    m->e.exec.in = list;
    m->e.exec.n_needs = 1;
    m->e.exec.out = NULL;
    asx_st st = form_op(op)->run(&m->e.exec, &batch, err);
    *slot = st ? NULL : m->e.exec.out;
    return *slot;
}

static const void *form(struct fit_make *m, const char *name, int fold, struct asx_err *err)
{
    if (strcmp(name, "raw") == 0)
        return m->raw;
    if (strcmp(name, "packed") == 0)
        return m->packed;
    if (strcmp(name, "affine") == 0)
        return m->affine[fold];
    if (strcmp(name, "dense") == 0)
        return made(m, "dense.build/standardise", m->affine[fold], fold, &m->dense_form[fold], err);
    if (strcmp(name, "neighbors") == 0)
        return made(m, "neighbors.build/gemm", form(m, "dense", fold, err), fold, &m->neighbors[fold], err);
    need(strcmp(name, "gram") == 0, "a form fit_make does not know");
    if (!m->gram) {
        struct asx_member one = {.fold = 0};
        struct asx_batch batch = {.member = &one, .n = 1};
        const void *in[] = {m->packed};
        m->e.exec.in = in;
        m->e.exec.n_needs = 1;
        if (gram_op()->run(&m->e.exec, &batch, err))
            return NULL;
        m->gram = m->e.exec.out;
    }
    return m->gram;
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
    struct asx_batch batch = {.member = m->member + first,
                              .n = n,
                              .shape = {.rows = (double)m->problem->splits->fold[0].n_train,
                                        .cols = (double)packed_cols(m->packed),
                                        .dense = (double)m->packed->dense,
                                        .test_rows = (double)m->problem->splits->fold[0].n_test}};
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
    for (int f = 0; f <= m->problem->splits->folds; f++) {
        drop_form("neighbors.build/gemm", &m->neighbors[f]);
        drop_form("dense.build/standardise", &m->dense_form[f]);
    }
}

void fit_make_clear(struct fit_make *m)
{
    fit_make_drop(m);
    if (m->gram)
        gram_op()->free_output(m->gram);
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
