/* SPDX-License-Identifier: Apache-2.0 */
/* The first small plan: read, profile, split. Priced from the file's size and a sample of it. */
#include "engine/ops/core.h"
#include "engine/registry.h"
#include "engine/run.h"
#include "engine/session.h"

#include "backends/cpu/cpu.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "data/frame.h"
#include "data/splits.h"
#include "tasks/target.h"

#include <assay/ext/registry.h>
#include <string.h>

static struct run *run_of(struct asx_exec *e)
{
    return ((struct exec_context *)e->engine)->node->core;
}

/* ---- data.read/stream ------------------------------------------------------------ */

static bool stop_reading(void *e)
{
    struct asx_exec *exec = e;
    return exec->stop(exec);
}

static void read_work(const struct asx_problem *p, const struct asx_batch *b, struct asx_work *w)
{
    (void)p;
    asx_work_add(w->once, &w->n_once, (struct asx_use){.k = ASX_KC_IO, .t = ASX_U8, .m = b->shape.nnz});
    /* numbers are parsed once; types, dictionaries and the content's hash make it about three passes */
    asx_work_add(w->once, &w->n_once, (struct asx_use){.k = ASX_KC_PARSE, .t = ASX_U8, .m = 3 * b->shape.nnz});
    w->output = (uint64_t)b->shape.bytes;
}

static asx_st read_run(struct asx_exec *e, const struct asx_batch *b, struct asx_err *err)
{
    (void)b;
    struct run *r = run_of(e);
    if (r->opt.frame) {
        r->file_frame = frame_get(r->opt.frame);
        return ASX_OK;
    }
    const char *exact[] = {r->opt.target, NULL, NULL};
    exact[exact[0] ? 1 : 0] = r->opt.weights;
    struct data_options o = r->opt.read;
    o.exact = exact;
    o.seed = r->opt.seed;
    o.par = data_par_exec(e);
    o.stop = stop_reading;
    o.stop_arg = e;
    o.facts = &r->read_facts;
    if (r->opt.memory) /* a matrix of the same numbers, the codes of trees and a fit each want as much again */
        o.byte_budget = (uint64_t)(0.3 * (double)mem_limit(r->mem));
    struct asx_frame *frame = NULL;
    asx_st st = data_read(&o, r->opt.train, r->mem, &r->session->sink, &frame, err);
    if (st == ASX_E_IO || st == ASX_E_UNSUPPORTED)
        err_key(err, "data.train");
    r->file_frame = frame;
    return st;
}

const struct asx_op core_read = {.head = {"data.read/stream", "file to frame"},
                                 .version = 1,
                                 .gives = "frame",
                                 .flags = ASX_SPLITS,
                                 .work = read_work,
                                 .run = read_run};

/* ---- data.profile/columns ----------------------------------------------------------- */

enum { QUICK_CELLS = 2000000 };

static void profile_work(const struct asx_problem *p, const struct asx_batch *b, struct asx_work *w)
{
    (void)p;
    asx_work_add(w->once, &w->n_once,
                 (struct asx_use){.k = ASX_KC_HASH, .t = ASX_F64, .m = 4 * b->shape.rows * b->shape.cols, .n = b->shape.rows});
}

static asx_st find_target(struct run *r, int *at, struct asx_err *err)
{
    const char *name = r->opt.target ? r->opt.target : r->file_frame->sparse ? "target" : NULL;
    if (!name)
        return err_set(err, ASX_E_INVAL, "no target column is named; name one (data.target, or --target COLUMN)");
    asx_st st = frame_require(r->file_frame, name, at, err);
    if (st != ASX_OK && r->opt.train)
        err_place(err, r->opt.train, 0, 0);
    err_key(err, "data.target");
    return st;
}

static asx_st profile_run(struct asx_exec *e, const struct asx_batch *b, struct asx_err *err)
{
    (void)b;
    struct run *r = run_of(e);
    int target = -1;
    asx_st st = find_target(r, &target, err);
    if (st != ASX_OK)
        return st;
    struct data_par par = data_par_exec(e);
    bool large =
        (double)r->file_frame->rows * (double)r->file_frame->columns > QUICK_CELLS || (r->opt.time_s > 0 && r->opt.time_s < 1);
    return profile_make(r->file_frame, target, &par, large ? PROFILE_QUICK : 0, r->mem, &r->profile, err);
}

const struct asx_op core_profile = {.head = {"data.profile/columns", "types, roles and facts of the columns"},
                                    .version = 1,
                                    .gives = "profile",
                                    .flags = ASX_SPLITS,
                                    .work = profile_work,
                                    .run = profile_run};

/* ---- data.split/rows: from a frame to a problem ---------------------------------------- */

static void split_work(const struct asx_problem *p, const struct asx_batch *b, struct asx_work *w)
{
    (void)p;
    asx_work_add(w->once, &w->n_once, (struct asx_use){.k = ASX_KC_STREAM, .t = ASX_F64, .m = 10 * b->shape.rows});
}

static void set_role(struct run *r, const char *name, enum asx_role role)
{
    int at = name ? frame_find(r->file_frame, name) : -1;
    if (at >= 0)
        r->profile->own[at].role = role;
}

static void set_roles(struct run *r, int target)
{
    r->profile->own[target].role = ASX_ROLE_TARGET;
    set_role(r, r->opt.weights, ASX_ROLE_IGNORED);
    set_role(r, r->opt.group, ASX_ROLE_IGNORED);
    for (const char *const *s = r->opt.no_feature; s && *s; s++)
        set_role(r, *s, ASX_ROLE_IGNORED);
    for (size_t i = 0; i < r->opt.read.n_types; i++) { /* who gives a type wants the column */
        int at = frame_find(r->file_frame, r->opt.read.types[i].name);
        if (at >= 0 && r->profile->own[at].role == ASX_ROLE_ID)
            r->profile->own[at].role = ASX_ROLE_FEATURE;
    }
}

static void list_columns(const struct run *r, enum asx_role role, char *out, size_t size, int *n)
{
    size_t at = 0;
    *n = 0;
    out[0] = '\0';
    for (size_t j = 0; j < r->file_frame->columns; j++) {
        if (r->profile->own[j].role != role)
            continue;
        if (*n < 5 && at < size)
            at += (size_t)snprintf(out + at, size - at, "%s'%s'", *n ? ", " : "", r->file_frame->column[j].name);
        else if (*n == 5 && at < size)
            at += (size_t)snprintf(out + at, size - at, ", ...");
        (*n)++;
    }
}

/* Trees and neighbours read f32, where larger numbers are infinite: of such a column they see little more than the sign. */
static void warn_range(struct run *r)
{
    static const double most = 3.4e38;
    for (size_t j = 0; j < r->file_frame->columns; j++) {
        const struct asx_column_facts *c = &r->profile->own[j];
        if (c->role == ASX_ROLE_FEATURE && r->file_frame->column[j].type == ASX_NUMERIC && fmax(fabs(c->min), fabs(c->max)) > most)
            run_warn(r, "data.range", "column '%s' has values beyond 3.4e38, which trees read as infinite; give it in another unit",
                     r->file_frame->column[j].name);
    }
}

static void warn_columns(struct run *r)
{
    warn_range(r);
    static const struct {
        enum asx_role role;
        const char *what;
    } left_out[] = {{ASX_ROLE_CONSTANT, "constant"}, {ASX_ROLE_DUPLICATE, "a copy of another"}, {ASX_ROLE_ID, "an identifier"}};
    for (size_t i = 0; i < sizeof left_out / sizeof *left_out; i++) {
        char list[600];
        int n;
        list_columns(r, left_out[i].role, list, sizeof list, &n);
        if (n)
            run_warn(r, "data.column_left_out", "%d %s left out: %s; data.types or data.ignore say otherwise", n,
                     n == 1 ? (left_out[i].role == ASX_ROLE_CONSTANT    ? "constant column is"
                               : left_out[i].role == ASX_ROLE_DUPLICATE ? "duplicate column is"
                                                                        : "ID-like column is")
                            : (left_out[i].role == ASX_ROLE_CONSTANT    ? "constant columns are"
                               : left_out[i].role == ASX_ROLE_DUPLICATE ? "duplicate columns are"
                                                                        : "ID-like columns are"),
                     list);
    }
    for (size_t j = 0; j < r->file_frame->columns; j++)
        if (r->profile->own[j].role == ASX_ROLE_FEATURE && r->profile->column[j].predicts_target > 0.99)
            run_warn(r, "data.leak",
                     "column '%s' alone predicts the target; if it is not known at prediction time, put it under data.ignore",
                     r->file_frame->column[j].name);
}

static void warn_target(struct run *r)
{
    size_t dropped = r->file_frame->rows - r->target.rows;
    if (dropped)
        run_warn(r, "data.target_missing", "%zu rows without a target are dropped", dropped);
    if (r->target.task == ASX_REGRESSION && r->profile->target.looks_classes)
        run_warn(r, "data.target_classes", "the target has only %zu distinct values; 'classify' may be meant",
                 r->profile->target.classes);
    if (r->target.task != ASX_REGRESSION && r->profile->target.looks_regression)
        run_warn(r, "data.target_numbers", "the target has %d distinct numbers; 'regress' may be meant", r->target.classes);
}

static bool any_feature(const struct run *r)
{
    if (r->frame->sparse)
        return true;
    for (size_t j = 0; j < r->frame->columns; j++)
        if (r->profile->own[j].role == ASX_ROLE_FEATURE)
            return true;
    return false;
}

static asx_st read_weights(struct run *r, struct asx_err *err)
{
    int at;
    asx_st st = frame_require(r->frame, r->opt.weights, &at, err);
    if (st != ASX_OK)
        return st;
    const struct asx_column *c = &r->frame->column[at];
    r->score_weight = mem_array(r->mem, r->frame->rows, sizeof(double));
    if (!r->score_weight)
        return err_set(err, ASX_E_NOMEM, "no memory for the weights; raise the memory limit");
    double sum = 0;
    for (size_t i = 0; i < r->frame->rows; i++) {
        double w = c->type == ASX_NUMERIC ? asx_column_number(c, i) : NAN;
        if (!(w >= 0) || isinf(w))
            return err_set(err, ASX_E_DATA,
                           "weight column '%s' is missing, negative or no number in row %zu; mend the row or drop data.weights",
                           r->opt.weights, i + 1);
        r->score_weight[i] = w;
        sum += w;
    }
    if (sum <= 0)
        return err_set(err, ASX_E_DATA, "the weights in column '%s' are all 0; at least one must be positive", r->opt.weights);
    return ASX_OK;
}

static asx_st class_factors(struct run *r, double *factor, struct asx_err *err)
{
    int k = r->target.classes;
    double total = 0;
    for (int c = 0; c < k; c++)
        factor[c] = r->opt.class_weight_mode == 1 ? 0 : 1;
    if (r->opt.class_weight_mode == 1) { /* n / (k * n_c), as scikit-learn's "balanced" */
        for (size_t i = 0; i < r->target.rows; i++) {
            double w = r->score_weight ? r->score_weight[i] : 1;
            factor[r->target.label[i]] += w;
            total += w;
        }
        for (int c = 0; c < k; c++)
            factor[c] = factor[c] > 0 ? total / (k * factor[c]) : 1;
        return ASX_OK;
    }
    for (int i = 0; i < r->opt.class_weights; i++) {
        int c = 0;
        while (c < k && strcmp(r->target.class_name[c], r->opt.class_weight_name[i]) != 0)
            c++;
        if (c == k) {
            const char *near = err_nearest(r->opt.class_weight_name[i], r->target.class_name, (size_t)k);
            return err_set(err, ASX_E_INVAL,
                           "data.class_weights names class '%s', which the target does not have%s%s%s; name its classes",
                           r->opt.class_weight_name[i], near ? " (nearest: '" : "", near ? near : "", near ? "')" : "");
        }
        factor[c] = r->opt.class_weight[i];
    }
    return ASX_OK;
}

static asx_st fit_weights(struct run *r, struct asx_err *err)
{
    r->fit_weight = mem_array(r->mem, r->frame->rows, sizeof(double));
    double *factor = mem_array(r->mem, (size_t)r->target.classes + 1, sizeof(double));
    asx_st st = r->fit_weight && factor ? class_factors(r, factor, err) : err_set(err, ASX_E_NOMEM, "no memory for the weights");
    for (size_t i = 0; st == ASX_OK && i < r->frame->rows; i++)
        r->fit_weight[i] = (r->score_weight ? r->score_weight[i] : 1) * factor[r->target.label[i]];
    mem_free(factor);
    return st;
}

/* A class without weight is not there for metrics. */
static asx_st check_weighted_classes(const struct run *r, const double *weight, const char *what, struct asx_err *err)
{
    int first = -1;
    for (size_t i = 0; i < r->target.rows; i++) {
        int c = r->target.label[i];
        if (weight[i] > 0 && first >= 0 && c != first)
            return ASX_OK;
        first = weight[i] > 0 ? c : first;
    }
    return err_set(err, ASX_E_DATA, "%s leaves %s class with a positive weight; at least two are needed", what,
                   first < 0 ? "no" : "one");
}

static asx_st weights(struct run *r, struct asx_err *err)
{
    asx_st st = r->opt.weights ? read_weights(r, err) : ASX_OK;
    if (st != ASX_OK)
        err_key(err, "data.weights");
    if (st == ASX_OK && r->opt.weights && r->target.task != ASX_REGRESSION)
        st = check_weighted_classes(r, r->score_weight, "data.weights", err);
    if (st != ASX_OK || !r->opt.class_weight_mode)
        return st;
    if (r->target.task == ASX_REGRESSION)
        return err_set(err, ASX_E_INVAL, "data.class_weights needs classes, but the task is regression; remove it");
    st = fit_weights(r, err);
    if (st == ASX_OK)
        st = check_weighted_classes(r, r->fit_weight, "data.class_weights", err);
    err_key(err, "data.class_weights");
    return st;
}

/* Predictions of folds, gradients and matrices are f32, whose squares' sums are doubles: a margin below its largest number. */
static asx_st check_target_size(const struct run *r, struct asx_err *err)
{
    static const double most = 1e37;
    for (size_t i = 0; r->target.task == ASX_REGRESSION && i < r->target.rows; i++)
        if (fabs(r->target.y[i]) > most)
            return err_at(err, ASX_E_DATA, r->opt.train, 0, 0,
                          "the target has the value %g, too large to compute with; give it in another unit", r->target.y[i]);
    return ASX_OK;
}

static asx_st monotone(struct run *r, struct asx_err *err)
{
    if (!r->opt.monotones)
        return ASX_OK;
    r->monotone = mem_calloc(r->mem, r->frame->columns, 1);
    if (!r->monotone)
        return err_set(err, ASX_E_NOMEM, "no memory for monotone constraints");
    for (int i = 0; i < r->opt.monotones; i++) {
        int at;
        asx_st st = frame_require(r->frame, r->opt.monotone_name[i], &at, err);
        if (st != ASX_OK)
            return st;
        if (r->frame->column[at].type != ASX_NUMERIC)
            return err_set(err, ASX_E_INVAL, "data.monotone names column '%s', which is not numeric; only numbers have an order",
                           r->opt.monotone_name[i]);
        r->monotone[at] = r->opt.monotone_sign[i];
    }
    if (r->target.task == ASX_MULTICLASS)
        run_warn(r, "data.monotone",
                 "'data.monotone' has no meaning with more than two classes, which have no order; it is not kept");
    return ASX_OK;
}

/* No more folds than groups, or than distinct times allow, unless the task says how many. */
static void bound_folds(const struct run *r, const char *column, int beside, struct split_options *o)
{
    int at = column && !r->opt.folds ? frame_find(r->file_frame, column) : -1;
    size_t distinct = at >= 0 ? r->profile->own[at].distinct : 0;
    if (at >= 0 && distinct < (size_t)o->folds + (size_t)beside && distinct >= 2 + (size_t)beside)
        o->folds = (int)distinct - beside;
}

static void warn_times(struct run *r, const struct asx_column *time)
{
    size_t missing = 0;
    for (size_t i = 0; i < r->frame->rows; i++)
        missing += target_missing(time, i);
    if (missing)
        run_warn(r, "data.time_missing", "%zu rows have no time in '%s'; they count as older than all others", missing, time->name);
}

static asx_st make_splits(struct run *r, struct asx_err *err)
{
    struct split_options o = {.folds = r->opt.folds, .repeats = r->opt.repeats, .holdout = r->opt.holdout, .seed = r->opt.seed};
    int at;
    asx_st st = ASX_OK;
    if (!o.folds && o.holdout <= 0) {
        double cells = (double)r->frame->rows * (double)r->frame->columns;
        splits_default(r->frame->rows, r->frame->sparse ? (double)r->frame->sparse->indptr[r->frame->rows] : cells, &o);
        if (r->opt.group || r->opt.time) {
            o.repeats = 1;
            if (!o.folds)
                o.folds = 5, o.holdout = 0;
            bound_folds(r, r->opt.group, 0, &o);
            bound_folds(r, r->opt.time, 1, &o);
        }
    }
    if (r->opt.kind->stratified && r->target.task != ASX_REGRESSION) {
        o.label = r->target.label;
        o.classes = r->target.classes;
    }
    if (r->opt.group && (st = frame_require(r->frame, r->opt.group, &at, err)) == ASX_OK)
        o.group = &r->frame->column[at];
    err_key(err, "search.validation.group");
    if (st == ASX_OK && r->opt.time && (st = frame_require(r->frame, r->opt.time, &at, err)) == ASX_OK)
        warn_times(r, o.time = &r->frame->column[at]);
    err_key(err, "search.validation.time");
    if (st == ASX_OK && !o.group && !o.time && (size_t)o.folds > r->frame->rows / 2 && !r->opt.folds && r->frame->rows >= 4)
        o.folds = (int)(r->frame->rows / 2);
    if (st == ASX_OK)
        st = splits_make(&o, r->frame->rows, r->mem, &r->splits, err);
    err_key(err, r->opt.folds ? "search.validation.folds" : r->opt.holdout > 0 ? "search.validation.holdout" : "search.validation");
    return st;
}

static void fill_problem(struct run *r)
{
    const struct asx_target *t = &r->target;
    struct asx_problem *p = &r->problem;
    *p = (struct asx_problem){.task = t->task,
                              .rows = t->rows,
                              .classes = t->task == ASX_REGRESSION ? 0 : t->classes,
                              .outputs = t->task == ASX_REGRESSION ? 1 : t->classes,
                              .positive = t->positive,
                              .class_name = t->class_name,
                              .y = t->y,
                              .label = t->label,
                              .fit_weight = r->fit_weight ? r->fit_weight : r->score_weight,
                              .score_weight = r->score_weight,
                              .frame = r->frame,
                              .profile = &r->profile->facts,
                              .splits = r->splits,
                              .metric = r->opt.metric,
                              .monotone = r->monotone,
                              .seed = r->opt.seed,
                              .repeatable = r->opt.trials > 0};
    struct hash h = hash_begin("problem");
    hash_key(&h, r->frame->key);
    hash_key(&h, r->splits->key);
    hash_bytes(&h, t->y, t->rows * sizeof *t->y);
    if (p->fit_weight)
        hash_bytes(&h, p->fit_weight, p->rows * sizeof *p->fit_weight);
    p->key = hash_end(&h);
    r->problem_ptr = p;
}

asx_st run_check_domain(struct run *r, const struct asx_target *t, const char *file, struct asx_err *err)
{
    const struct asx_metric *m = r->opt.metric;
    size_t bad = 0, first = 0;
    for (size_t i = t->rows; m->accepts && i-- > 0;)
        if (!m->accepts(t->y[i])) {
            bad++;
            first = i;
        }
    if (bad && m->refuses)
        return err_at(err, ASX_E_DATA, file, 0, 0,
                      "metric '%s' is for targets %s, but data row %u has %g; correct the target, or choose another metric",
                      m->head.name, m->domain, t->row[first] + 1, t->y[first]);
    if (bad)
        run_warn(r, "data.metric_domain",
                 "metric '%s' is for targets %s, but %zu rows%s%s are not, data row %u the first; such rows outweigh all others, "
                 "another metric may be meant",
                 m->head.name, m->domain, bad, file ? " of " : "", file ? file : "", t->row[first] + 1);
    return ASX_OK;
}

static asx_st choose_metric(struct run *r, struct asx_err *err)
{
    if (!r->opt.metric)
        r->opt.metric = registry_metric(r->session->registry, r->opt.kind->default_metric(r->target.task));
    static const char *const task_name[] = {"two classes", "several classes", "regression"};
    asx_st st = ASX_OK;
    if (!(r->opt.metric->tasks & ASX_TASK_BIT(r->target.task)))
        st = err_set(err, ASX_E_INVAL, "metric '%s' is not defined for a target with %s; 'assay metrics' lists what is",
                     r->opt.metric->head.name, task_name[r->target.task]);
    if (st == ASX_OK)
        st = run_check_domain(r, &r->target, r->opt.train, err);
    err_key(err, "objective.metric");
    return st;
}

static asx_st split_run(struct asx_exec *e, const struct asx_batch *b, struct asx_err *err)
{
    (void)b;
    struct run *r = run_of(e);
    int column = -1;
    asx_st st = find_target(r, &column, err);
    if (st == ASX_OK)
        st = r->opt.kind->target(r->file_frame, column, r->opt.positive, r->mem, &r->target, err);
    if (st != ASX_OK) {
        err_key(err, st == ASX_E_INVAL && r->opt.positive ? "data.positive" : "data.target");
        if (r->opt.train)
            err_place(err, r->opt.train, 0, 0);
        return st;
    }
    set_roles(r, column);
    st = choose_metric(r, err);
    if (st != ASX_OK)
        return st;
    struct asx_frame *kept = NULL;
    st = frame_take_rows(r->file_frame, r->target.row, r->target.rows, r->mem, &kept, err);
    r->frame = kept;
    if (st != ASX_OK)
        return st;
    for (const char *const *note = r->opt.notes; note && *note; note++)
        run_warn(r, "task.note", "%s", *note);
    warn_target(r);
    warn_columns(r);
    if (r->frame->rows < 2)
        return err_at(err, ASX_E_DATA, r->opt.train, 0, 0, "only %zu row has a target; at least 2 are needed", r->frame->rows);
    if (!any_feature(r))
        return err_at(err, ASX_E_DATA, r->opt.train, 0, 0,
                      "no usable feature column is left beside the target; add columns or look at 'assay profile'");
    st = check_target_size(r, err);
    if (st == ASX_OK)
        st = weights(r, err);
    if (st == ASX_OK && (st = monotone(r, err)) != ASX_OK)
        err_key(err, "data.monotone");
    if (st == ASX_OK)
        st = make_splits(r, err);
    if (st == ASX_OK)
        fill_problem(r);
    return st;
}

const struct asx_op core_split = {.head = {"data.split/rows", "target, weights and folds"},
                                  .version = 1,
                                  .gives = "problem",
                                  .work = split_work,
                                  .run = split_run};

/* ---- the plan ------------------------------------------------------------------------------- */

static struct asx_shape input_shape(const struct run *r, asx_st *st, struct asx_err *err)
{
    struct asx_shape s = {0};
    *st = ASX_OK;
    if (r->opt.frame) {
        s.rows = (double)r->opt.frame->rows;
        s.cols = (double)r->opt.frame->columns;
        s.bytes = (double)frame_bytes(r->opt.frame);
        return s;
    }
    struct data_prescan scan = {0};
    *st = data_prescan(r->opt.train, &scan, err);
    if (*st == ASX_E_IO || *st == ASX_E_UNSUPPORTED)
        err_key(err, "data.train");
    s.rows = scan.rows;
    s.cols = scan.columns;
    s.nnz = (double)scan.file_bytes; /* bytes of text: what reading costs */
    s.bytes = scan.frame_bytes;
    return s;
}

static void warn_environment(struct run *r)
{
    const char *simd = cpu_simd_unknown();
    if (simd)
        run_warn(r, "machine.simd", "ASSAY_SIMD='%.40s' names no level and is ignored; it may be sse2, avx2 or avx512", simd);
}

asx_st run_prelude(struct run *r, struct asx_err *err)
{
    asx_st st;
    warn_environment(r);
    struct asx_shape shape = input_shape(r, &st, err);
    if (st != ASX_OK)
        return st;
    struct opt_plan *plan = NULL;
    st = opt_plan_create(r->mem, &plan);
    if (st != ASX_OK)
        return err_set(err, st, "no memory to plan the reading");
    struct asx_key none = {0, 0};
    int read = opt_plan_add_core(plan, &r->ctx, &core_read, "read data", &shape, NULL, 0, none, r);
    int profile = opt_plan_add_core(plan, &r->ctx, &core_profile, "profile columns", &shape, &read, 1, none, r);
    int split = opt_plan_add_core(plan, &r->ctx, &core_split, "split rows", &shape, &profile, 1, none, r);
    if (read < 0 || profile < 0 || split < 0)
        st = err_set(err, ASX_E_NOMEM, "no memory to plan the reading");
    if (st == ASX_OK) {
        opt_plan_place(plan, &r->ctx);
        r->phase = "reading";
        st = run_plan(r, plan, err);
    }
    r->prelude = plan;
    return st;
}
