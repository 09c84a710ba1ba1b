/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every registered learner keeps, by every way it can be fitted: sound predictions, ways that agree, a model that
 * predicts what the fit held out, files, threads, stops, failed allocations, and tables at the edge of sense, on each of
 * which there is a fitted model or one clear error.
 */
#include "tests/support/extent.h"
#include "tests/support/fit_make.h"

#include "base/codec.h"
#include "base/mem.h"
#include "base/rng.h"
#include "engine/registry.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Suite *suite_learners(void);

enum { ROUNDS = 8, MOST = 64 };

/* ---- tables ------------------------------------------------------------------------- */

/* A table, whose arrays are its own. */
struct table {
    struct fit_data data;
    double *x, *y, *w;
    float *s;
};

static void table_init(struct table *t, enum asx_task task, size_t rows, size_t dense, size_t sparse, int classes, int folds)
{
    *t = (struct table){.x = calloc(rows * dense + 1, sizeof *t->x),
                        .y = calloc(rows, sizeof *t->y),
                        .w = calloc(rows, sizeof *t->w),
                        .s = calloc(rows * sparse + 1, sizeof *t->s)};
    uint64_t g = 5;
    for (size_t i = 0; i < rows; i++) {
        double score = 0;
        for (size_t j = 0; j < dense; j++) {
            double z = fit_make_bell(&g);
            score += j % 2 ? z : -z;
            t->x[i * dense + j] = 3 + (double)(j + 1) * z;
        }
        for (size_t j = 0; j < sparse && sparse < 1000; j++)
            t->s[i * sparse + j] = fit_make_unit(&g) < 0.3;
        t->y[i] = task == ASX_REGRESSION ? 10 + 3 * score : (double)(i / (size_t)folds % (size_t)classes);
        t->w[i] = 0.5 + fit_make_unit(&g);
    }
    t->data = (struct fit_data){.rows = rows,
                                .dense = dense,
                                .sparse = sparse,
                                .x = t->x,
                                .s = sparse ? t->s : NULL,
                                .indicator = sparse < 1000,
                                .task = task,
                                .y = t->y,
                                .classes = task == ASX_REGRESSION ? 0 : classes,
                                .folds = folds};
}

static void table_clear(struct table *t)
{
    free(t->x);
    free(t->y);
    free(t->w);
    free(t->s);
}

static void plain(struct table *t, enum asx_task task)
{
    table_init(t, task, 96, 4, 3, task == ASX_BINARY ? 2 : 3, 3);
    for (size_t i = 0; i < 96 * 4; i++)
        t->x[i] = i % 20 == 1 ? NAN : fabs(t->x[i]); /* counts, for those that count */
}

static void two_rows(struct table *t, enum asx_task task)
{
    table_init(t, task, 2, 1, 0, task == ASX_BINARY ? 2 : 3, 2);
    t->y[1] = t->y[0] + 1;
}

static void five_rows(struct table *t, enum asx_task task)
{
    table_init(t, task, 5, 2, 0, task == ASX_BINARY ? 2 : 3, 2);
}

static void constant_columns(struct table *t, enum asx_task task)
{
    table_init(t, task, 60, 3, 2, task == ASX_BINARY ? 2 : 3, 3);
    for (size_t i = 0; i < 60 * 3; i++)
        t->x[i] = 7;
    for (size_t i = 0; i < 60 * 2; i++)
        t->s[i] = i % 2;
}

static void missing_columns(struct table *t, enum asx_task task)
{
    table_init(t, task, 60, 3, 0, task == ASX_BINARY ? 2 : 3, 3);
    for (size_t i = 0; i < 60; i++)
        for (size_t j = 0; j < 2; j++)
            t->x[i * 3 + j] = NAN;
}

static void nothing_present(struct table *t, enum asx_task task)
{
    table_init(t, task, 60, 2, 0, task == ASX_BINARY ? 2 : 3, 3);
    for (size_t i = 0; i < 60 * 2; i++)
        t->x[i] = NAN;
}

static void scaled(struct table *t, enum asx_task task, double by)
{
    table_init(t, task, 60, 3, 0, task == ASX_BINARY ? 2 : 3, 3);
    for (size_t i = 0; i < 60 * 3; i++)
        t->x[i] *= by;
}

static void huge_cells(struct table *t, enum asx_task task)
{
    scaled(t, task, 1e299);
}

static void tiny_cells(struct table *t, enum asx_task task)
{
    scaled(t, task, 1e-299);
}

static void largest_cells(struct table *t, enum asx_task task)
{
    scaled(t, task, 1);
    for (size_t i = 0; i < 60; i++)
        t->x[i * 3] = i % 2 ? 1.7e308 : -1.7e308;
}

/* One wild cell among ordinary ones. */
static void outlier(struct table *t, enum asx_task task)
{
    scaled(t, task, 1);
    t->x[5 * 3] = 1e300;
    t->x[7 * 3 + 1] = -1e300;
}

static void infinite_cells(struct table *t, enum asx_task task)
{
    scaled(t, task, 1);
    t->x[5 * 3] = INFINITY;
    t->x[7 * 3 + 1] = -INFINITY;
}

static void no_weight(struct table *t, enum asx_task task)
{
    scaled(t, task, 1);
    memset(t->w, 0, 60 * sizeof *t->w);
    t->data.weight = t->w;
}

/* The rows of a class weigh nothing. */
static void weightless_class(struct table *t, enum asx_task task)
{
    scaled(t, task, 1);
    for (size_t i = 0; i < 60; i++)
        t->w[i] = t->y[i] == 1 ? 0 : t->w[i];
    t->data.weight = t->w;
}

static void wild_weights(struct table *t, enum asx_task task)
{
    scaled(t, task, 1);
    for (size_t i = 0; i < 60; i++)
        t->w[i] = i % 3 ? 1e-12 : 1e12;
    t->data.weight = t->w;
}

/* A class (a range of values) that a fold's training rows never see. */
static void unseen_class(struct table *t, enum asx_task task)
{
    table_init(t, task, 60, 3, 0, task == ASX_BINARY ? 2 : 3, 3);
    for (size_t i = 0; i < 60; i++)
        t->y[i] = i % 3 == 0 ? 1 : task == ASX_REGRESSION ? 100 + (double)i : task == ASX_BINARY ? 0 : 2 * (double)(i / 3 % 2);
}

static void one_answer(struct table *t, enum asx_task task)
{
    table_init(t, task, 60, 3, 0, task == ASX_BINARY ? 2 : 3, 3);
    for (size_t i = 0; i < 60; i++)
        t->y[i] = 1;
}

static void huge_answers(struct table *t, enum asx_task task)
{
    scaled(t, task, 1);
    for (size_t i = 0; i < 60 && task == ASX_REGRESSION; i++)
        t->y[i] *= 1e36;
}

static void many_classes(struct table *t, enum asx_task task)
{
    size_t n = extent(300, 1000); /* a byte does not number them */
    table_init(t, task, n + n / 5, 3, 0, task == ASX_BINARY ? 2 : (int)n, 2);
}

/* Very many columns, four stored cells a row. */
static void very_wide(struct table *t, enum asx_task task)
{
    size_t wide = extent(10000, 100000);
    table_init(t, task, 40, 0, wide, task == ASX_BINARY ? 2 : 3, 2);
    for (size_t i = 0; i < 40; i++)
        for (size_t k = 0; k < 4; k++)
            t->s[i * wide + (i * 7919 + k * 24989) % wide] = 1 + (float)k;
}

static const struct edge {
    const char *name;
    void (*make)(struct table *, enum asx_task);
} edges[] = {{"plain", plain},
             {"two rows", two_rows},
             {"five rows", five_rows},
             {"constant columns", constant_columns},
             {"columns without a cell", missing_columns},
             {"no cell at all", nothing_present},
             {"cells of 1e300", huge_cells},
             {"cells of 1e-299", tiny_cells},
             {"cells of 1.7e308", largest_cells},
             {"one cell of 1e300", outlier},
             {"infinite cells", infinite_cells},
             {"no weight", no_weight},
             {"a class without weight", weightless_class},
             {"weights of 1e12", wild_weights},
             {"a class that training does not see", unseen_class},
             {"one answer", one_answer},
             {"answers of 1e37", huge_answers},
             {"many classes", many_classes},
             {"very many columns", very_wide}};
enum { EDGES = sizeof edges / sizeof *edges };

static const enum asx_task tasks[] = {ASX_BINARY, ASX_MULTICLASS, ASX_REGRESSION};

/* ---- fits ----------------------------------------------------------------------------- */

static const struct asx_learner *learners[MOST];
static int n_learners;

static void list_learners(void)
{
    n_learners = 0;
    for (int f = 0; registry_builtin()->family[f]; f++)
        for (int l = 0; registry_builtin()->family[f]->learner[l]; l++)
            learners[n_learners++] = registry_builtin()->family[f]->learner[l];
}

static bool serves(const struct asx_learner *l, enum asx_task task)
{
    return l->tasks & ASX_TASK_BIT(task);
}

static struct asx_member *member(struct fit_make *m, const struct asx_learner *l, int fold)
{
    struct asx_member *b = fit_make_member(m, l, fold);
    if (l->iterations) {
        fit_make_set(m, b, l->iterations, ROUNDS);
        b->to.iterations = ROUNDS;
    }
    return b;
}

static bool able(struct fit_make *m, const struct asx_op *way)
{
    struct asx_batch b = fit_make_batch(m, 0, m->members);
    return !way->can || way->can(m->problem, &b);
}

/* A sentence that says something, of an error that is one. */
static void sound_error(const char *who, asx_st st, const struct asx_err *err)
{
    ck_assert_msg(st < 0 && st != ASX_E_INTERNAL, "%s: status %d: %s", who, st, err->text);
    ck_assert_msg(strlen(err->text) > 20 && strchr(err->text, ';'), "%s: no clear error but '%s'", who, err->text);
}

/* Probabilities, or values that are numbers. (Each ck_assert is a write to a pipe: only what is wrong gets one.) */
static void sound(const char *who, const struct asx_problem *p, const double *out, size_t rows)
{
    size_t k = (size_t)p->outputs;
    bool shares = p->task != ASX_REGRESSION;
    for (size_t i = 0; i < rows; i++) {
        double sum = 0;
        for (size_t c = 0; c < k; c++) {
            double v = out[i * k + c];
            if (!isfinite(v) || (shares && !(v >= 0 && v <= 1 + 1e-6)))
                ck_abort_msg("%s: row %zu output %zu is %g", who, i, c, v);
            sum += v;
        }
        if (shares && !(fabs(sum - 1) < 1e-5))
            ck_abort_msg("%s: row %zu sums to %g", who, i, sum);
    }
}

static double *widened(const float *from, size_t n)
{
    double *to = malloc((n + 1) * sizeof *to);
    for (size_t i = 0; i < n; i++)
        to[i] = (double)from[i];
    return to;
}

/* ---- a model of a member ---------------------------------------------------------------- */

static struct asx_model *model_of(struct fit_make *m, const struct asx_op *way, const struct asx_learner *l, struct asx_member *b)
{
    struct asx_err err = {0};
    struct asx_model *model = NULL;
    const void *in[ASX_NEEDS];
    fit_make_inputs(m, way, b, in);
    asx_st st = l->model(&m->e.exec, b, l->iterations ? ROUNDS : 0, &model, &err);
    ck_assert_msg(st == ASX_OK, "%s: no model: %s", way->head.name, err.text);
    return model;
}

static double *predict_all(struct fit_make *m, const char *who, const struct asx_learner *l, const struct asx_model *model)
{
    struct asx_err err = {0};
    size_t rows = m->problem->rows, k = (size_t)m->problem->outputs;
    double *out = malloc((rows * k + 1) * sizeof *out);
    ck_assert_msg(l->predict(model, m->raw, 0, rows, out, &err) == ASX_OK, "%s: %s", who, err.text);
    return out;
}

/* Saved, read and saved again: the same bytes and the same predictions; cut short: refused. */
static void check_file(struct fit_make *m, const char *who, const struct asx_learner *l, const struct asx_model *model,
                       const double *want)
{
    struct asx_writer w, again;
    struct asx_reader r;
    struct asx_err err = {0};
    struct asx_model *loaded = NULL;
    codec_writer_init(&w, NULL);
    codec_writer_init(&again, NULL);
    ck_assert_int_eq(l->save(model, &w), ASX_OK);
    codec_reader_init(&r, w.out.s, w.out.n, l->head.name);
    ck_assert_msg(l->load(&r, m->e.mem, &loaded, &err) == ASX_OK && codec_reader_at_end(&r), "%s: %s", who, err.text);
    ck_assert_int_eq(l->save(loaded, &again), ASX_OK);
    ck_assert_msg(w.out.n == again.out.n && memcmp(w.out.s, again.out.s, w.out.n) == 0, "%s: saved anew, other bytes", who);
    double *out = predict_all(m, who, l, loaded);
    size_t n = m->problem->rows * (size_t)m->problem->outputs;
    ck_assert_msg(memcmp(out, want, n * sizeof *out) == 0, "%s: a loaded model predicts otherwise", who);
    free(out);
    l->free_model(loaded);
    struct rng g = rng_stream(9, 0, 0, 0);
    for (int k = 0; k < 5 && w.out.n; k++) {
        struct asx_err bad = {0};
        codec_reader_init(&r, w.out.s, rng_below(&g, w.out.n), l->head.name);
        asx_st st = l->load(&r, m->e.mem, &loaded, &bad);
        ck_assert_msg(st == ASX_E_DATA && bad.text[0], "%s: a truncated model gave %d", who, st);
    }
    codec_writer_clear(&w);
    codec_writer_clear(&again);
}

static void check_importance(struct fit_make *m, const char *who, const struct asx_learner *l, const struct asx_model *model)
{
    if (!l->importance)
        return;
    double *share = malloc((m->raw->cols + 1) * sizeof *share), sum = 0;
    l->importance(model, share, m->raw->cols);
    for (size_t j = 0; j < m->raw->cols; j++) {
        if (!(isfinite(share[j]) && share[j] >= 0))
            ck_abort_msg("%s: importance %zu is %g", who, j, share[j]);
        sum += share[j];
    }
    ck_assert_msg(fabs(sum - 1) < 1e-6 || sum == 0, "%s: importance sums to %g", who, sum);
    free(share);
}

/* Contributions are numbers, and those of a value add up to it. */
static void check_explained(struct fit_make *m, const char *who, const struct asx_learner *l, const struct asx_model *model,
                            const double *out)
{
    size_t k = (size_t)m->problem->outputs, width = m->raw->cols + 1;
    if (!l->explain || k * width > 100000)
        return;
    struct asx_err err = {0};
    double *part = calloc(k * width, sizeof *part), sum = 0, size = 0;
    ck_assert_msg(l->explain(model, m->raw, 0, part, &err) == ASX_OK, "%s: %s", who, err.text);
    for (size_t j = 0; j < k * width; j++) {
        if (!isfinite(part[j]))
            ck_abort_msg("%s: contribution %zu is %g", who, j, part[j]);
        sum += part[j];
        size += fabs(part[j]);
    }
    ck_assert_msg(m->problem->task != ASX_REGRESSION || fabs(sum - out[0]) <= 1e-5 * (1 + size), "%s: %g explained as %g", who,
                  out[0], sum);
    free(part);
}

/* The model says of the held-out rows what the fit said; numbers that left f32 on the way may differ more. */
static void check_member(struct fit_make *m, const char *who, const struct asx_op *way, const struct asx_learner *l,
                         struct asx_member *b, bool ordinary)
{
    const struct asx_fold *fold = &m->problem->splits->fold[b->fold];
    size_t k = (size_t)m->problem->outputs;
    struct asx_model *model = model_of(m, way, l, b);
    double *out = predict_all(m, who, l, model), scale = 1;
    sound(who, m->problem, out, m->problem->rows);
    for (size_t i = 0; i < m->problem->rows; i++)
        scale = fmax(scale, m->problem->task == ASX_REGRESSION ? fabs(m->problem->y[i]) : 0);
    for (size_t i = 0; ordinary && b->pred && i < fold->n_test * k; i++) {
        double want = (double)b->pred[i], got = out[fold->test[i / k] * k + i % k];
        if (!(fabs(got - want) <= 2e-4 * scale))
            ck_abort_msg("%s: held out %.9g, by the model %.9g", who, want, got);
    }
    check_file(m, who, l, model, out);
    check_importance(m, who, l, model);
    check_explained(m, who, l, model, out);
    free(out);
    l->free_model(model);
}

/* One way on one fold: a sound fit, or one clear error. Returns whether it was fitted. */
static bool check_way(struct fit_make *m, const char *table, const struct asx_op *way, const struct asx_learner *l, int fold)
{
    char who[160];
    struct asx_err err = {0};
    snprintf(who, sizeof who, "%s, %s, fold %d", way->head.name, table, fold);
    struct asx_member *b = member(m, l, fold);
    bool fitted = false;
    if (able(m, way)) {
        asx_st st = fit_make_run(m, way, &err);
        if (st || b->status)
            sound_error(who, st ? st : b->status, st ? &err : &b->err);
        else {
            const struct asx_fold *f = &m->problem->splits->fold[fold];
            double *pred = b->pred ? widened(b->pred, f->n_test * (size_t)m->problem->outputs) : NULL;
            if (pred)
                sound(who, m->problem, pred, f->n_test);
            free(pred);
            ck_assert_msg(l->state_bytes(b->state) > 0, "%s: a state of no bytes", who);
            check_member(m, who, way, l, b, strcmp(table, "plain") == 0);
            fitted = true;
        }
    }
    fit_make_drop(m);
    return fitted;
}

/* ---- tests ----------------------------------------------------------------------------------- */

START_TEST(learners_are_complete)
{
    static const char *const needed[] = {"constant", "ridge", "elastic_net", "logistic",    "gaussian_nb", "multinomial_nb",
                                         "knn",      "tree",  "forest",      "extra_trees", "gbdt",        "mlp"};
    list_learners();
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        ck_assert_ptr_nonnull(registry_learner(registry_builtin(), needed[i]));
    for (int i = 0; i < n_learners; i++) {
        const struct asx_learner *l = learners[i];
        ck_assert_msg(l->head.summary && l->version > 0 && l->tasks && l->prep_role && l->nominal_cost > 0, "%s", l->head.name);
        ck_assert_msg(l->fit && l->fit[0] && l->free_state && l->state_bytes && l->model && l->predict, "%s", l->head.name);
        ck_assert_msg(l->save && l->load && l->free_model, "%s", l->head.name);
        ck_assert_msg(!l->iterations || l->held_out, "%s: rounds, but no held_out", l->head.name);
        for (int k = 0; l->fit[k]; k++) {
            ck_assert_msg(strncmp(l->fit[k]->head.name, l->head.name, strlen(l->head.name)) == 0, "%s", l->fit[k]->head.name);
            ck_assert_str_eq(l->fit[k]->gives, "fit");
            ck_assert_msg(l->fit[k]->work && l->fit[k]->run, "%s", l->fit[k]->head.name);
        }
    }
}
END_TEST

/* Any table gives every learner a model that predicts, or one clear error, and nothing is left behind. */
START_TEST(any_table_is_fitted_or_refused)
{
    const struct edge *edge = &edges[_i / 3];
    enum asx_task task = tasks[_i % 3];
    struct table t;
    edge->make(&t, task);
    struct fit_make m;
    fit_make_init(&m, &t.data, 1);
    list_learners();
    int fitted = 0;
    for (int i = 0; i < n_learners; i++)
        for (int k = 0; serves(learners[i], task) && learners[i]->fit[k]; k++) {
            fitted += check_way(&m, edge->name, learners[i]->fit[k], learners[i], 0);
            fitted += check_way(&m, edge->name, learners[i]->fit[k], learners[i], m.problem->splits->folds);
            if (t.data.rows * (size_t)m.problem->outputs > 100000)
                fit_make_forget(&m);
        }
    ck_assert_msg(fitted > 0, "%s: nothing was fitted, not even a constant", edge->name);
    fit_make_clear(&m);
    table_clear(&t);
}
END_TEST

/* Ways of a learner agree with its reference as their `equiv` says. */
START_TEST(ways_agree)
{
    enum asx_task task = tasks[_i];
    struct table t;
    struct fit_make m;
    plain(&t, task);
    fit_make_init(&m, &t.data, 1);
    list_learners();
    double scale = 1;
    for (size_t i = 0; i < t.data.rows; i++)
        scale = fmax(scale, task == ASX_REGRESSION ? fabs(t.y[i]) : 0);
    for (int i = 0; i < n_learners; i++) {
        const struct asx_learner *l = learners[i];
        double *reference = NULL;
        for (int k = 0; serves(l, task) && l->fit[k]; k++) {
            const struct asx_op *way = l->fit[k];
            struct asx_err err = {0};
            struct asx_member *b = member(&m, l, 1);
            size_t n = m.problem->splits->fold[1].n_test * (size_t)m.problem->outputs;
            if (able(&m, way) && way->equiv != ASX_APPROX) {
                ck_assert_msg(!fit_make_run(&m, way, &err) && !b->status, "%s: %s%s", way->head.name, err.text, b->err.text);
                double *pred = widened(b->pred, n);
                for (size_t at = 0; reference && at < n; at++) {
                    double off = fabs(pred[at] - reference[at]) / scale,
                           most = way->equiv == ASX_BITWISE ? 0 : way->tolerance + 1e-6;
                    ck_assert_msg(off <= most, "%s is off by %g at %zu", way->head.name, off, at);
                }
                if (reference)
                    free(pred);
                else
                    reference = pred;
            }
            fit_make_drop(&m);
        }
        free(reference);
    }
    fit_make_clear(&m);
    table_clear(&t);
}
END_TEST

/* The same bits on one thread, on three, and when chunks run from the last to the first. */
START_TEST(threads_change_nothing)
{
    enum asx_task task = tasks[_i];
    struct table t;
    struct fit_make m[3];
    plain(&t, task);
    list_learners();
    for (int v = 0; v < 3; v++) {
        fit_make_init(&m[v], &t.data, v == 2 ? 3 : 1);
        m[v].e.reverse = v == 1;
    }
    for (int i = 0; i < n_learners; i++)
        for (int k = 0; serves(learners[i], task) && learners[i]->fit[k]; k++) {
            const struct asx_op *way = learners[i]->fit[k];
            size_t n = m[0].problem->splits->fold[0].n_test * (size_t)m[0].problem->outputs;
            for (int v = 0; v < 3; v++) {
                struct asx_err err = {0};
                struct asx_member *b = member(&m[v], learners[i], 0);
                ck_assert_msg(!fit_make_run(&m[v], way, &err) && !b->status, "%s: %s%s", way->head.name, err.text, b->err.text);
                ck_assert_msg(memcmp(b->pred, m[0].member[0].pred, n * sizeof *b->pred) == 0, "%s: %s", way->head.name,
                              v == 1 ? "the order of chunks shows" : "the number of threads shows");
            }
            for (int v = 0; v < 3; v++)
                fit_make_drop(&m[v]);
        }
    for (int v = 0; v < 3; v++)
        fit_make_clear(&m[v]);
    table_clear(&t);
}
END_TEST

/* Asked to stop at any moment, a fit gives up or has ended; nothing leaks. */
START_TEST(fits_stop_when_asked)
{
    enum asx_task task = tasks[_i];
    struct table t;
    struct fit_make m;
    plain(&t, task);
    fit_make_init(&m, &t.data, 1);
    list_learners();
    for (int i = 0; i < n_learners; i++)
        for (int k = 0; serves(learners[i], task) && learners[i]->fit[k]; k++)
            for (long after = 0; after < 40; after = after * 3 + 1) {
                const struct asx_op *way = learners[i]->fit[k];
                struct asx_err err = {0};
                struct asx_member *b = member(&m, learners[i], 0);
                m.e.stop_calls = 0;
                m.e.stop_after = after;
                asx_st st = fit_make_run(&m, way, &err);
                m.e.stop_after = -1;
                st = st ? st : b->status;
                ck_assert_msg(st == ASX_OK || st == ASX_STOPPED, "%s: stopped at %ld gave %d: %s", way->head.name, after, st,
                              err.text);
                fit_make_drop(&m);
                fit_make_forget(&m);
            }
    fit_make_clear(&m);
    table_clear(&t);
}
END_TEST

/* Any allocation may fail: the fit says so, or did without. */
START_TEST(failed_allocations_are_survived)
{
    enum asx_task task = tasks[_i];
    struct table t;
    struct fit_make m;
    plain(&t, task);
    fit_make_init(&m, &t.data, 1);
    list_learners();
    for (int i = 0; i < n_learners; i++)
        for (int k = 0; serves(learners[i], task) && learners[i]->fit[k]; k++) {
            const struct asx_op *way = learners[i]->fit[k];
            long all = 1;
            for (int at = 0; at <= 12; at++) {
                struct asx_err err = {0};
                struct asx_member *b = member(&m, learners[i], 0);
                long before = mem_allocations();
                mem_fault_after(at ? 1 + (at - 1) * all / 12 : 0);
                asx_st st = fit_make_run(&m, way, &err);
                mem_fault_after(0);
                all = at ? all : mem_allocations() - before;
                const struct asx_err *told = st ? &err : &b->err;
                st = st ? st : b->status;
                ck_assert_msg(st == ASX_OK || (st == ASX_E_NOMEM && told->text[0]), "%s: %d: %s", way->head.name, st, told->text);
                fit_make_drop(&m);
                fit_make_forget(&m);
            }
        }
    fit_make_clear(&m);
    table_clear(&t);
}
END_TEST

/* The unit of a column is nobody's business: learners of prepared columns predict the same in any, however odd. */
START_TEST(units_change_nothing)
{
    static const double unit[] = {1, 1e-299, 1e-170, 1e30, 1e160, 1e299};
    enum asx_task task = tasks[_i];
    list_learners();
    for (int i = 0; i < n_learners; i++) {
        if (!serves(learners[i], task) || learners[i]->prep_role != ASX_FOR_LINEAR)
            continue;
        for (int k = 0; learners[i]->fit[k]; k++) {
            const struct asx_op *way = learners[i]->fit[k];
            float first[60 * 3];
            for (size_t u = 0; u < sizeof unit / sizeof *unit; u++) {
                struct table t;
                struct fit_make m;
                struct asx_err err = {0};
                scaled(&t, task, unit[u]);
                fit_make_init(&m, &t.data, 1);
                struct asx_member *b = member(&m, learners[i], 0);
                ck_assert_msg(!fit_make_run(&m, way, &err) && !b->status, "%s: %s%s", way->head.name, err.text, b->err.text);
                size_t n = m.problem->splits->fold[0].n_test * (size_t)m.problem->outputs;
                if (u == 0)
                    memcpy(first, b->pred, n * sizeof *first);
                for (size_t at = 0; at < n; at++)
                    if (!(fabsf(b->pred[at] - first[at]) <= 2e-3f * (1 + fabsf(first[at]))))
                        ck_abort_msg("%s: %.9g in units of %g, %.9g plain", way->head.name, (double)b->pred[at], unit[u],
                                     (double)first[at]);
                fit_make_clear(&m);
                table_clear(&t);
            }
        }
    }
}
END_TEST

static double total(const struct asx_use *u, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++) {
        double part = (u[i].times > 0 ? u[i].times : 1) * u[i].m * (u[i].n > 0 ? u[i].n : 1) * (u[i].p > 0 ? u[i].p : 1);
        ck_assert_msg(isfinite(part) && part >= 0, "a use of %g", part);
        sum += part;
    }
    return sum;
}

/* Work is a number, and more rows are never less of it. */
START_TEST(work_grows_with_rows)
{
    enum asx_task task = tasks[_i];
    struct table t;
    struct fit_make m;
    plain(&t, task);
    fit_make_init(&m, &t.data, 1);
    list_learners();
    for (int i = 0; i < n_learners; i++)
        for (int k = 0; serves(learners[i], task) && learners[i]->fit[k]; k++) {
            const struct asx_op *way = learners[i]->fit[k];
            member(&m, learners[i], 0);
            double last = 0;
            for (double rows = 50; rows < 1e7; rows *= 7) {
                struct asx_batch b = fit_make_batch(&m, 0, 1);
                struct asx_work w = {0};
                b.shape.nnz *= rows / b.shape.rows;
                b.shape.rows = rows;
                b.shape.test_rows = rows / 2;
                way->work(m.problem, &b, &w);
                double now = total(w.once, w.n_once) + ROUNDS * total(w.per_iteration, w.n_per_iteration);
                ck_assert_msg(now >= last && now > 0, "%s: %g work for %g rows, %g for fewer", way->head.name, now, rows, last);
                ck_assert(w.serial >= 0 && w.serial <= 1);
                last = now;
            }
            fit_make_drop(&m);
        }
    fit_make_clear(&m);
    table_clear(&t);
}
END_TEST

Suite *suite_learners(void)
{
    Suite *s = suite_create("learners");
    TCase *c = tcase_create("laws");
    tcase_set_timeout(c, 60);
    tcase_add_test(c, learners_are_complete);
    tcase_add_loop_test(c, ways_agree, 0, 3);
    tcase_add_loop_test(c, threads_change_nothing, 0, 3);
    tcase_add_loop_test(c, fits_stop_when_asked, 0, 3);
    tcase_add_loop_test(c, failed_allocations_are_survived, 0, 3);
    tcase_add_loop_test(c, work_grows_with_rows, 0, 3);
    tcase_add_loop_test(c, units_change_nothing, 0, 3);
    suite_add_tcase(s, c);
    TCase *e = tcase_create("edges");
    tcase_set_timeout(e, 60);
    tcase_add_loop_test(e, any_table_is_fitted_or_refused, 0, 3 * EDGES);
    suite_add_tcase(s, e);
    return s;
}
