/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/trees_make.h"

#include "base/mem.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct asx_family asx_family_trees;

static void need(bool good, const char *what, const struct asx_err *err)
{
    if (!good) {
        fprintf(stderr, "trees_make: %s: %s\n", what, err ? err->text : "");
        abort();
    }
}

void trees_make_block(struct trees_make *t, const struct asx_problem *p, const char *learner, const struct asx_block *raw,
                      int threads)
{
    struct asx_err err = {0};
    struct asx_batch none = {0};
    const struct asx_op *op = asx_family_trees.op[0];
    memset(t, 0, sizeof *t);
    exec_make_init(&t->e, p, threads);
    for (int i = 0; asx_family_trees.learner[i]; i++)
        if (strcmp(asx_family_trees.learner[i]->head.name, learner) == 0)
            t->learner = asx_family_trees.learner[i];
    need(t->learner, "no such learner", NULL);
    config_make_init(&t->config, t->learner);
    config_make_add(&t->config, NULL, t->learner->params, t->learner->n_params);
    t->raw = *raw;
    t->raw_list[0] = &t->raw;
    t->raw_matrix = (struct asx_matrix){.rows = raw->rows, .cols = raw->cols, .blocks = 1, .block = t->raw_list};
    t->in[0] = &t->raw;
    t->e.exec.in = t->in;
    t->e.exec.n_needs = 1;
    need(op->run(&t->e.exec, &none, &err) == ASX_OK, "bins", &err);
    t->bin_list[0] = t->e.exec.out;
    t->bins = t->raw_matrix;
    t->bins.block = t->bin_list;
    t->in[0] = &t->bins;
}

void trees_make_init(struct trees_make *t, const struct asx_problem *p, const char *learner, const float *x, size_t rows,
                     size_t cols, int threads)
{
    struct asx_block raw = {.layout = ASX_LAYOUT_ROWS, .rows = rows, .cols = cols, .ld = cols, .rowmajor = x};
    trees_make_block(t, p, learner, &raw, threads);
}

struct asx_member trees_make_member(struct trees_make *t, int fold, int iterations)
{
    const struct asx_problem *p = t->e.exec.problem;
    mem_free(t->pred);
    mem_free(t->curve.iteration);
    mem_free(t->curve.value);
    t->curve = (struct asx_curve){0};
    t->pred = mem_array(NULL, p->splits->fold[fold].n_test * (size_t)p->outputs + 1, sizeof(float));
    struct asx_member m = {
        .config = &t->config.config, .fold = fold, .to = {1, iterations, 1}, .seed = 77, .pred = t->pred, .curve = &t->curve};
    return m;
}

asx_st trees_make_fit(struct trees_make *t, const char *name, struct asx_member *m)
{
    struct asx_err err = {0};
    struct asx_batch b = {.member = m, .n = 1};
    for (int i = 0; t->learner->fit[i]; i++)
        if (strcmp(t->learner->fit[i]->head.name, name) == 0)
            return t->learner->fit[i]->run(&t->e.exec, &b, &err);
    need(false, "no such op", NULL);
    return ASX_E_INTERNAL;
}

struct asx_model *trees_make_model(struct trees_make *t, struct asx_member *m, int iterations, double *out)
{
    struct asx_err err = {0};
    struct asx_model *model = NULL;
    need(t->learner->model(&t->e.exec, m, iterations, &model, &err) == ASX_OK, "model", &err);
    if (out)
        need(t->learner->predict(model, &t->raw_matrix, 0, t->raw.rows, out, &err) == ASX_OK, "predict", &err);
    return model;
}

void trees_make_end(struct trees_make *t, struct asx_member *m, struct asx_model *model)
{
    if (model)
        t->learner->free_model(model);
    t->learner->free_state(m->state);
    m->state = NULL;
}

void trees_make_clear(struct trees_make *t)
{
    asx_family_trees.op[0]->free_output((void *)(uintptr_t)t->bin_list[0]);
    need(exec_make_leaked(&t->e) == 0, "memory leaked", NULL);
    mem_free(t->pred);
    mem_free(t->curve.iteration);
    mem_free(t->curve.value);
    exec_make_clear(&t->e);
}

void trees_make_bins16(struct trees_make *t)
{
    struct asx_err err = {0};
    struct asx_batch none = {0};
    const struct asx_op *op = asx_family_trees.op[1];
    ck_assert_str_eq(op->gives, "bins16");
    op->free_output((void *)(uintptr_t)t->bin_list[0]);
    t->in[0] = &t->raw;
    ck_assert_int_eq(op->run(&t->e.exec, &none, &err), ASX_OK);
    t->bin_list[0] = t->e.exec.out;
    t->in[0] = &t->bins;
}
