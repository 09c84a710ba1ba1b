/* SPDX-License-Identifier: Apache-2.0 */
/* Categories as smoothed means of the target, cross-fitted on training rows. See README.md. */
#include "prep/target/target.h"

extern const struct asx_prep asx_prep_target;

static const struct asx_param params[] = {
    {.name = "smoothing",
     .kind = ASX_REAL,
     .low = 0,
     .high = 20,
     .min = 0,
     .max = 1e9,
     .def = 0,
     .fixed = true,
     .help = "weight of the overall mean against a level's own, in rows; 0: from the variances"},
    {.name = "folds",
     .kind = ASX_INT,
     .low = 2,
     .high = 10,
     .min = 2,
     .max = 50,
     .def = 5,
     .fixed = true,
     .help = "inner folds that encode training rows without their own targets"},
    {.name = "max_classes",
     .kind = ASX_INT,
     .low = 1,
     .high = 16,
     .min = 1,
     .max = 1000,
     .def = 10,
     .fixed = true,
     .help = "most classes a column is encoded for: the most frequent, one fewer than there are"},
};

/* A column of two levels says as much as 0 and 1. */
static bool target_fits(const struct asx_problem *p, int column)
{
    return column >= 0 && prep_distinct(p, p->frame, column) > 2;
}

static int outputs(const struct asx_problem *p, const struct asx_config *config)
{
    if (p->task == ASX_REGRESSION)
        return 1;
    int most = (int)prep_param(&asx_prep_target, config, "max_classes");
    int n = p->classes > 1 ? p->classes - 1 : 1;
    return n < most ? n : most;
}

static void target_shape(const struct asx_prep_input *in, struct asx_shape *out)
{
    double rows = (double)in->frame->rows, cols = (double)in->columns * outputs(in->problem, in->config);
    *out = (struct asx_shape){.rows = rows, .cols = cols, .dense = cols, .bytes = rows * cols * 4};
}

static void target_work(const struct asx_prep_input *in, struct asx_work *w)
{
    struct asx_shape shape;
    target_shape(in, &shape);
    double levels = 0, folds = prep_param(&asx_prep_target, in->config, "folds");
    for (int j = 0; j < in->columns; j++)
        levels = fmax(levels, prep_distinct(in->problem, in->frame, in->column[j]));
    double table = levels * 8 * (folds + 1);
    *w = (struct asx_work){.output = (uint64_t)shape.bytes, .scratch = (uint64_t)(3 * table + 8 * shape.rows), .serial = 0.1};
    asx_work_add(
        w->once, &w->n_once,
        (struct asx_use){.k = ASX_KC_GATHER, .t = ASX_F64, .m = 2 * shape.rows * shape.cols, .times = 1, .footprint = table + 64});
    asx_work_add(w->once, &w->n_once, (struct asx_use){.k = ASX_KC_STREAM, .t = ASX_F64, .m = shape.rows, .times = 4});
}

/* ---- inner folds ------------------------------------------------------------ */

/*
 * Deals the training rows into k folds: shuffled, then dealt class by class without starting
 * anew, so that folds are of equal size and classes evenly spread (as StratifiedKFold does).
 */
static asx_st deal(struct asx_exec *x, const struct asx_prep_input *in, struct target_work_set *t)
{
    struct rng rng = rng_stream(in->seed, TARGET_STREAM, 0, 0);
    uint32_t *order = arena_alloc(x->scratch, (t->n + 1) * sizeof *order);
    t->fold = arena_alloc(x->scratch, t->n + 1);
    size_t groups = t->label ? (size_t)in->problem->classes : 1;
    size_t *next = arena_calloc(x->scratch, groups + 1, sizeof *next);
    if (!order || !t->fold || !next)
        return ASX_E_NOMEM;
    for (size_t i = 0; i < t->n; i++) {
        order[i] = (uint32_t)i;
        next[1 + (t->label ? (size_t)t->label[target_row(t, i)] : 0)]++;
    }
    for (size_t g = 1; g <= groups; g++)
        next[g] += next[g - 1];
    rng_shuffle_u32(&rng, order, t->n);
    for (size_t i = 0; i < t->n; i++) {
        size_t group = t->label ? (size_t)t->label[target_row(t, order[i])] : 0;
        t->fold[order[i]] = (uint8_t)(next[group]++ % (size_t)t->folds);
    }
    return ASX_OK;
}

/* ---- classes ------------------------------------------------------------------ */

/* The `outputs` most frequent classes of the training rows, in class order; binary: the second class. */
static asx_st choose_classes(struct asx_exec *x, const struct asx_prep_input *in, const struct target_work_set *t,
                             struct target_state *s)
{
    s->class_of = prep_state_alloc(s, (size_t)s->outputs + 1, sizeof *s->class_of);
    if (!s->class_of)
        return ASX_E_NOMEM;
    if (!t->label)
        return ASX_OK;
    int classes = in->problem->classes;
    if (classes <= 2) {
        s->class_of[0] = classes - 1;
        return ASX_OK;
    }
    double *weight = arena_calloc(x->scratch, (size_t)classes, sizeof *weight);
    if (!weight)
        return ASX_E_NOMEM;
    for (size_t i = 0; i < t->n; i++)
        weight[t->label[target_row(t, i)]] += 1;
    for (int k = 0; k < s->outputs; k++) {
        int best = -1;
        for (int c = 0; c < classes; c++)
            if (weight[c] >= 0 && (best < 0 || weight[c] > weight[best]))
                best = c;
        weight[best] = -1;
    }
    for (int c = 0, k = 0; c < classes; c++)
        if (weight[c] < 0)
            s->class_of[k++] = c;
    return ASX_OK;
}

/* ---- fit ------------------------------------------------------------------------ */

static asx_st prepare(struct asx_exec *x, const struct asx_prep_input *in, struct target_work_set *t, struct target_state *s)
{
    const struct asx_problem *p = in->problem;
    *t = (struct target_work_set){.rows = in->rows,
                                  .n = in->rows ? in->n_rows : in->frame->rows,
                                  .label = p->label,
                                  .y = p->y,
                                  .weight = p->fit_weight,
                                  .folds = (int)prep_param(&asx_prep_target, in->config, "folds"),
                                  .smoothing = prep_param(&asx_prep_target, in->config, "smoothing")};
    if (p->task == ASX_REGRESSION)
        t->label = NULL;
    s->columns = in->columns;
    s->outputs = outputs(p, in->config);
    s->column = prep_state_alloc(s, (size_t)in->columns + 1, sizeof *s->column);
    s->prior = prep_state_alloc(s, (size_t)s->outputs, sizeof *s->prior);
    if (!s->column || !s->prior)
        return ASX_E_NOMEM;
    return choose_classes(x, in, t, s);
}

/* Copies the names and means of the levels seen into the state. Serial: arenas are. */
static asx_st keep_column(struct asx_exec *x, struct target_state *s, const struct asx_column *c, const struct target_sums *sums,
                          struct target_column *out)
{
    size_t outputs = (size_t)s->outputs;
    int32_t n = 0, *to = arena_alloc(x->scratch, (c->levels + 1) * sizeof *to);
    if (!to)
        return ASX_E_NOMEM;
    for (size_t i = 0; i < c->levels; i++)
        to[i] = sums->rows[1 + i] ? n++ : PREP_ABSENT;
    out->missing_seen = sums->rows[0] > 0;
    out->value = prep_state_alloc(s, (size_t)n * outputs + 1, sizeof *out->value);
    if (!out->value)
        return ASX_E_NOMEM;
    for (size_t i = 0; i < c->levels; i++)
        if (to[i] != PREP_ABSENT)
            memcpy(out->value + (size_t)to[i] * outputs, sums->value + (1 + i) * outputs, outputs * sizeof *out->value);
    return prep_levels_make(&out->levels, s, c, to);
}

/* `out` NULL: fit only. Else also the block, training rows cross-fitted. */
static asx_st fit(struct asx_exec *x, const struct asx_prep_input *in, struct target_state *s, struct asx_block *out,
                  struct asx_err *err)
{
    struct target_work_set t;
    asx_st st = prep_need_stores(&asx_prep_target, in->frame, in->column, in->columns, PREP_STORE_BIT(ASX_STORE_CODE), err);
    if (st == ASX_OK)
        st = prepare(x, in, &t, s);
    if (st == ASX_OK && out)
        st = deal(x, in, &t);
    if (st == ASX_OK && out)
        st = target_block(x, s, in->frame, in->column, out);
    if (st != ASX_OK)
        return st;
    st = target_priors(x, &t, s);
    for (int j = 0; j < in->columns && st == ASX_OK; j++) {
        const struct asx_column *c = &in->frame->column[in->column[j]];
        struct target_sums sums = {.memory = NULL};
        st = x->stop(x) ? ASX_STOPPED : target_sums_make(x, &t, s, c, out != NULL, &sums);
        if (st == ASX_OK)
            st = keep_column(x, s, c, &sums, &s->column[j]);
        if (st == ASX_OK && out)
            st = target_fill_training(x, &t, s, j, in->frame, in->column[j], &sums, out);
        target_sums_clear(&sums);
    }
    return st;
}

static asx_st fit_alone(struct asx_exec *x, const struct asx_prep_input *in, void *state, struct asx_err *err)
{
    return fit(x, in, state, NULL, err);
}

static asx_st target_fit(struct asx_exec *x, const struct asx_prep_input *in, struct asx_prep_state **out, struct asx_err *err)
{
    return prep_fit_state(&asx_prep_target, x, in, sizeof(struct target_state), fit_alone, out, err);
}

static asx_st target_fit_transform(struct asx_exec *x, const struct asx_prep_input *in, struct asx_prep_state **out,
                                   struct asx_block *block, struct asx_err *err)
{
    *block = (struct asx_block){.rows = 0};
    struct target_state *s = prep_state_create(x->mem, sizeof *s);
    asx_st st = s ? fit(x, in, s, block, err) : ASX_E_NOMEM;
    st = prep_state_end(&asx_prep_target, s, st, out, err);
    if (st != ASX_OK)
        prep_block_free(block);
    return st;
}

static asx_st transform(struct asx_exec *x, const void *state, const struct asx_frame *f, const int32_t *column,
                        struct asx_block *out, struct asx_err *err)
{
    const struct target_state *s = state;
    asx_st st = prep_need_stores(&asx_prep_target, f, column, s->columns, PREP_STORE_BIT(ASX_STORE_CODE), err);
    if (st == ASX_OK)
        st = target_block(x, s, f, column, out);
    return st == ASX_OK ? target_fill(x, s, f, column, out) : st;
}

static asx_st target_transform(struct asx_exec *x, const struct asx_prep_state *state, const struct asx_frame *f,
                               const int32_t *column, int columns, struct asx_block *out, struct asx_err *err)
{
    int fitted = ((const struct target_state *)(const void *)state)->columns;
    return prep_transform_state(&asx_prep_target, x, state, fitted, f, column, columns, transform, out, err);
}

const struct asx_prep asx_prep_target = {
    .head = {"target", "categories as smoothed means of the target, cross-fitted"},
    .version = 1,
    .takes = ASX_TYPE_BIT(ASX_CATEGORICAL),
    .roles = ASX_FOR_TREES | ASX_FOR_LINEAR,
    .preference = 40,
    .scope = ASX_FOLD,
    .params = params,
    .n_params = sizeof params / sizeof *params,
    .fits = target_fits,
    .shape = target_shape,
    .work = target_work,
    .fit = target_fit,
    .transform = target_transform,
    .fit_transform = target_fit_transform,
    .free_block = prep_block_free,
    .save = target_save,
    .load = target_load,
    .free_state = prep_state_free,
};
