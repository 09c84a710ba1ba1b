/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/plan_make.h"

#include "base/hash.h"
#include "base/mem.h"
#include "optimizer/coefficients.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- steps -------------------------------------------------------------------------- */

static void wide_shape(const struct asx_prep_input *in, struct asx_shape *out)
{
    double rows = (double)in->problem->rows;
    *out = (struct asx_shape){.rows = rows, .cols = 20.0 * in->columns, .nnz = rows * in->columns, .bytes = rows * 8 * in->columns};
}

static void wide_work(const struct asx_prep_input *in, struct asx_work *w)
{
    double rows = (double)in->problem->rows;
    asx_work_add(w->once, &w->n_once, (struct asx_use){.k = ASX_KC_HASH, .m = rows * in->columns, .n = 100});
    w->output = (uint64_t)(rows * 8 * in->columns);
}

static const char *const kinds[] = {"standard", "none"};
static const struct asx_param target_params[] = {
    {.name = "smoothing", .kind = ASX_REAL, .low = 1, .high = 100, .log = true, .def = 10}};
static const struct asx_param scale_params[] = {{.name = "kind", .kind = ASX_CHOICE, .choices = kinds, .n_choices = 2}};
static const struct asx_prep numeric = {.head = {"numeric", ""}, .version = 1, .takes = ASX_TYPE_BIT(ASX_NUMERIC), .roles = 3};
static const struct asx_prep onehot = {.head = {"onehot", ""},
                                       .version = 1,
                                       .takes = ASX_TYPE_BIT(ASX_CATEGORICAL),
                                       .roles = 3,
                                       .preference = 5,
                                       .scope = ASX_SHARED,
                                       .shape = wide_shape,
                                       .work = wide_work};
static const struct asx_prep target = {.head = {"target", ""},
                                       .version = 1,
                                       .takes = ASX_TYPE_BIT(ASX_CATEGORICAL),
                                       .roles = 3,
                                       .scope = ASX_FOLD,
                                       .params = target_params,
                                       .n_params = 1};
static const struct asx_prep scale = {
    .head = {"scale", ""}, .version = 1, .roles = 2, .scope = ASX_AFFINE, .params = scale_params, .n_params = 1};
static const struct asx_prep *const preps[] = {&numeric, &onehot, &scale, &target, NULL};

/* ---- forms ----------------------------------------------------------------------------- */

static void copy_work(const struct asx_problem *p, const struct asx_batch *b, struct asx_work *w)
{
    (void)p;
    asx_work_add(w->once, &w->n_once, (struct asx_use){.k = ASX_KC_STREAM, .t = ASX_F32, .m = b->shape.rows * b->shape.cols});
    w->output = (uint64_t)(b->shape.rows * b->shape.cols * 4);
}

static void bins_work(const struct asx_problem *p, const struct asx_batch *b, struct asx_work *w)
{
    (void)p;
    asx_work_add(w->once, &w->n_once,
                 (struct asx_use){.k = ASX_KC_BIN, .t = ASX_F32, .m = b->shape.rows * b->shape.cols, .n = 255});
    w->output = (uint64_t)(b->shape.rows * b->shape.cols);
}

static void gram_work(const struct asx_problem *p, const struct asx_batch *b, struct asx_work *w)
{
    asx_work_add(w->once, &w->n_once, (struct asx_use){.k = ASX_KC_SYRK, .t = ASX_F64, .m = b->shape.rows, .n = b->shape.cols});
    w->output = (uint64_t)(b->shape.cols * b->shape.cols * 8 * (p->splits->folds + 1));
}

static const struct asx_op packed = {
    .head = {"packed.build/rows", ""}, .version = 1, .needs = {"raw"}, .gives = "packed", .flags = ASX_SPLITS, .work = copy_work};
static const struct asx_op affine = {.head = {"affine.make/stats", ""},
                                     .version = 1,
                                     .needs = {"packed"},
                                     .gives = "affine",
                                     .flags = ASX_PER_FOLD,
                                     .work = copy_work};
static const struct asx_op bins = {.head = {"bins.build/quantile", ""},
                                   .version = 1,
                                   .needs = {"raw"},
                                   .gives = "bins",
                                   .flags = ASX_PER_BLOCK | ASX_SPLITS,
                                   .work = bins_work};
static const struct asx_op gram = {
    .head = {"gram.build/syrk", ""}, .version = 1, .needs = {"packed"}, .gives = "gram", .flags = ASX_SPLITS, .work = gram_work};

/* ---- fits --------------------------------------------------------------------------------- */

static void boost_work(const struct asx_problem *p, const struct asx_batch *b, struct asx_work *w)
{
    (void)p;
    asx_work_add(
        w->per_iteration, &w->n_per_iteration,
        (struct asx_use){.k = ASX_KC_HIST, .m = 3 * b->shape.rows, .n = b->shape.cols, .footprint = 16 * 255 * b->shape.cols});
    w->serial = 0.1;
    w->scratch = 1 << 20;
    w->output = 1 << 16;
}

static void chol_work(const struct asx_problem *p, const struct asx_batch *b, struct asx_work *w)
{
    (void)p;
    asx_work_add(w->once, &w->n_once,
                 (struct asx_use){.k = ASX_KC_CHOLESKY, .t = ASX_F64, .m = 1, .n = b->shape.cols, .times = b->n});
    w->scratch = (uint64_t)(b->shape.cols * b->shape.cols * 8);
}

static void direct_work(const struct asx_problem *p, const struct asx_batch *b, struct asx_work *w)
{
    gram_work(p, b, w);
    chol_work(p, b, w);
}

static void logit_work(const struct asx_problem *p, const struct asx_batch *b, struct asx_work *w)
{
    (void)p;
    asx_work_add(
        w->once, &w->n_once,
        (struct asx_use){.k = ASX_KC_GLM_STEP, .t = ASX_F32, .m = b->shape.rows, .p = b->shape.cols, .n = b->n, .times = 50});
    w->scratch = (uint64_t)(b->n * b->shape.rows * 4);
}

static void rows_work(const struct asx_problem *p, const struct asx_batch *b, struct asx_work *w)
{
    (void)p;
    asx_work_add(w->once, &w->n_once,
                 (struct asx_use){.k = ASX_KC_GEMV, .t = ASX_F64, .m = b->shape.rows, .n = b->shape.cols, .times = 100.0 * b->n});
}

static const struct asx_op boost_fit = {.head = {"boost.fit/hist", ""},
                                        .version = 1,
                                        .needs = {"bins"},
                                        .gives = "fit",
                                        .flags = ASX_SPLITS | ASX_SEEDED,
                                        .work = boost_work};
static const struct asx_op boost_quantised = {
    .head = {"boost.fit/quantised", ""}, .version = 1, .equiv = ASX_APPROX, .needs = {"bins"}, .gives = "fit", .work = boost_work};
static const struct asx_op ridge_direct = {
    .head = {"ridge.fit/direct", ""}, .version = 1, .needs = {"affine"}, .gives = "fit", .work = direct_work};
static const struct asx_op ridge_chol = {.head = {"ridge.fit/gram_chol", ""},
                                         .version = 1,
                                         .equiv = ASX_CLOSE,
                                         .needs = {"gram", "affine"},
                                         .gives = "fit",
                                         .max_batch = 64,
                                         .batch_on = 0,
                                         .work = chol_work};
static const struct asx_op logit_rows = {
    .head = {"logit.fit/rows", ""}, .version = 1, .needs = {"affine"}, .gives = "fit", .work = rows_work};
static const struct asx_op logit_batch = {.head = {"logit.fit/batch", ""},
                                          .version = 1,
                                          .equiv = ASX_CLOSE,
                                          .needs = {"packed", "affine"},
                                          .gives = "fit",
                                          .max_batch = 64,
                                          .batch_on = 0,
                                          .work = logit_work};
static const struct asx_op lone_fit = {.head = {"lone.fit/plain", ""}, .version = 1, .gives = "fit"};

static const struct asx_op *const boost_ways[] = {&boost_fit, &boost_quantised, NULL};
static const struct asx_op *const ridge_ways[] = {&ridge_direct, &ridge_chol, NULL};
static const struct asx_op *const logit_ways[] = {&logit_rows, &logit_batch, NULL};
static const struct asx_op *const lone_ways[] = {&lone_fit, NULL};
static const char *const affine_steps[] = {"scale", NULL};
static const char *const gradients[] = {"exact", "quantised"};
static const struct asx_param boost_params[] = {
    {.name = "n_estimators", .kind = ASX_INT, .low = 10, .high = 1000, .log = true, .def = 100},
    {.name = "learning_rate", .kind = ASX_REAL, .low = 0.01, .high = 1, .log = true, .def = 0.1},
    {.name = "gradients", .kind = ASX_CHOICE, .choices = gradients, .n_choices = 2, .fixed = true},
};
static const struct asx_param l2_params[] = {{.name = "l2", .kind = ASX_REAL, .low = 1e-6, .high = 1e4, .log = true, .def = 1}};
static const struct asx_learner learner[PLAN_LEARNERS] = {
    {.head = {"boost", ""},
     .version = 1,
     .tasks = ASX_ANY_TASK,
     .prep_role = ASX_FOR_TREES,
     .params = boost_params,
     .n_params = 3,
     .iterations = "n_estimators",
     .first_rung = 25,
     .resumable = true,
     .fit = boost_ways},
    {.head = {"ridge", ""},
     .version = 1,
     .tasks = ASX_ANY_TASK,
     .prep_role = ASX_FOR_LINEAR,
     .affine = affine_steps,
     .params = l2_params,
     .n_params = 1,
     .fit = ridge_ways},
    {.head = {"logit", ""},
     .version = 1,
     .tasks = ASX_ANY_TASK,
     .prep_role = ASX_FOR_LINEAR,
     .affine = affine_steps,
     .params = l2_params,
     .n_params = 1,
     .fit = logit_ways},
    {.head = {"lone", ""}, .version = 1, .tasks = ASX_ANY_TASK, .prep_role = ASX_FOR_TREES, .fit = lone_ways},
};
static const struct asx_learner *const learners[] = {&learner[0], &learner[1], &learner[2], &learner[3], NULL};
static const struct asx_op *const form_ops[] = {&bins, &gram, NULL};
static const struct asx_op *const core_ops[] = {&packed, &affine, NULL};
static const struct asx_family family = {.head = {"made_up", ""}, .learner = learners, .op = form_ops};
static const struct asx_family *const families[] = {&family, NULL};
static const struct asx_registry registry = {.prep = preps, .family = families};

/* ---- the context ----------------------------------------------------------------------------- */

static bool is_cached(void *arg, struct asx_key key)
{
    const struct plan_make *m = arg;
    for (int i = 0; i < m->n_cached; i++)
        if (key_equal(m->cached[i], key))
            return true;
    return false;
}

static void fill_splits(struct plan_make *m, size_t rows, int folds)
{
    struct asx_fold *fold = calloc((size_t)folds + 1, sizeof *fold);
    struct asx_splits *s = calloc(1, sizeof *s);
    if (!fold || !s)
        abort();
    for (int f = 0; f <= folds; f++) {
        fold[f].n_test = f < folds ? rows / (size_t)folds : 0;
        fold[f].n_train = rows - fold[f].n_test;
    }
    *s = (struct asx_splits){.folds = folds, .fold = fold, .key = {7, 7}};
    m->problem.splits = s;
}

void plan_make_init(struct plan_make *m, size_t rows, int folds, bool categorical)
{
    memset(m, 0, sizeof *m);
    m->mem = mem_create(NULL, 0);
    m->frame = frame_make_new(4);
    for (int j = 0; j < 20; j++) {
        char name[16];
        snprintf(name, sizeof name, "x%d", j);
        frame_make_f64(m->frame, name, (double[]){1, 2, 3, 4});
    }
    if (categorical)
        frame_make_strings(m->frame, "c", ASX_CATEGORICAL, (const char *const[]){"a", "b", "a", "b"});
    m->problem = *frame_make_problem(m->frame, ASX_BINARY, (double[]){0, 1, 0, 1}, 2, 2);
    m->problem.rows = rows;
    m->problem.key = (struct asx_key){1, 2};
    fill_splits(m, rows, folds);
    snprintf(m->machine.simd, sizeof m->machine.simd, "avx2");
    snprintf(m->machine.device[0].id, sizeof m->machine.device[0].id, "cpu");
    m->machine.devices = 1;
    m->machine.cores = m->machine.pus = 2;
    m->machine.bandwidth_total = 30e9;
    if (opt_coefficients_ship(&m->machine, m->mem))
        abort();
    opt_model_init(&m->model, &m->machine, false, m->mem);
    m->ctx = (struct opt_context){.registry = &registry,
                                  .problem = &m->problem,
                                  .model = &m->model,
                                  .threads = 2,
                                  .sharing = true,
                                  .batching = true,
                                  .cached = is_cached,
                                  .cached_arg = m,
                                  .mem = m->mem,
                                  .form = core_ops};
    struct asx_err err = {0};
    for (int l = 0; l < PLAN_LEARNERS; l++)
        if (opt_space_make(&registry, &m->problem, &learner[l], NULL, 0, m->mem, &m->space[l], &err))
            abort();
}

void plan_make_clear(struct plan_make *m)
{
    for (int l = 0; l < PLAN_LEARNERS; l++)
        opt_space_free(m->space[l]);
    opt_model_clear(&m->model);
    mem_free(m->machine.coefficient);
    free((void *)(uintptr_t)m->problem.splits->fold);
    free((void *)(uintptr_t)m->problem.splits);
    frame_make_free(m->frame);
    mem_destroy(m->mem);
}

struct asx_config plan_make_config(struct plan_make *m, enum plan_learner l, const char *json)
{
    struct asx_config c;
    struct asx_err err = {0};
    if (opt_config_from_json(json, &learner[l], m->space[l], &c, &err))
        abort();
    return c;
}

struct opt_plan *plan_make_wave(struct plan_make *m, const struct opt_trial *t, int n)
{
    struct opt_plan *p = NULL;
    struct asx_err err = {0};
    if (opt_plan_wave(&m->ctx, t, n, &p, &err)) {
        fprintf(stderr, "%s\n", err.text);
        abort();
    }
    return p;
}
