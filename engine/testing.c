/* SPDX-License-Identifier: Apache-2.0 */
/* Test data: read once at the end, scored once, never used for choosing. Prediction times are taken on the way. */
#include "engine/final.h"
#include "engine/ops/core.h"
#include "engine/session.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "data/frame.h"
#include "data/read.h"
#include "data/source.h"

#include <string.h>

/* Types of the training columns, so that the test file is read the same way. */
static struct data_type *training_types(struct run *r, size_t *n)
{
    struct data_type *t = mem_calloc(r->mem, r->file_frame->columns + 1, sizeof *t);
    *n = 0;
    for (size_t j = 0; t && j < r->file_frame->columns; j++) {
        const struct asx_column *c = &r->file_frame->column[j];
        int day_first = c->type == ASX_DATETIME ? (frame_day_first(r->file_frame, (int)j) ? 2 : 1) : 0;
        t[(*n)++] = (struct data_type){c->name, c->type, day_first, frame_comma(r->file_frame, (int)j)};
    }
    return t;
}

static bool stop_reading(void *run)
{
    return run_should_stop(run);
}

/* `text` NULL: the whole file; else its beginning. */
static asx_st read_test_file(struct run *r, const struct data_par *par, const char *text, size_t size, const struct asx_frame **out,
                             struct asx_err *err)
{
    size_t n;
    struct data_type *types = training_types(r, &n);
    if (!types)
        return err_set(err, ASX_E_NOMEM, "no memory to read the test data; raise the memory limit");
    struct data_options o = {.header = r->opt.read.header,
                             .delimiter = r->opt.read.delimiter,
                             .missing = r->opt.read.missing,
                             .types = types,
                             .n_types = n,
                             .lenient = true};
    if (par)
        o.par = *par;
    if (strcmp(r->phase, "reading") == 0) {
        o.stop = stop_reading;
        o.stop_arg = r;
    }
    struct asx_frame *frame = NULL;
    asx_st st = text ? data_read_text(&o, r->opt.test, text, size, r->mem, NULL, &frame, err)
                     : data_read(&o, r->opt.test, r->mem, &r->session->sink, &frame, err);
    mem_free(types);
    *out = frame;
    return st;
}

static asx_st lacks(const char *name, const char *what, struct asx_err *err)
{
    return err_set(err, ASX_E_DATA, "the test data lacks column '%s', %s; add it, or leave the test data out", name, what);
}

/* Every column that a model of this run may want. */
static asx_st check_columns(const struct run *r, const struct asx_frame *test, struct asx_err *err)
{
    if (frame_find(test, r->opt.target ? r->opt.target : "target") < 0)
        return lacks(r->opt.target ? r->opt.target : "target", "the target", err);
    for (size_t j = 0; !r->frame->sparse && j < r->frame->columns; j++)
        if (r->profile->own[j].role == ASX_ROLE_FEATURE && frame_find_near(test, r->frame->column[j].name, j) < 0)
            return lacks(r->frame->column[j].name, "which the training data has", err);
    if (r->opt.weights && frame_find(test, r->opt.weights) < 0)
        return lacks(r->opt.weights, "the weights", err);
    return ASX_OK;
}

static asx_st check_weights(const struct run *r, const struct asx_frame *test, struct asx_err *err)
{
    const struct asx_column *c = r->opt.weights ? &test->column[frame_find(test, r->opt.weights)] : NULL;
    for (size_t i = 0; c && i < test->rows; i++) {
        double w = c->type == ASX_NUMERIC ? asx_column_number(c, i) : NAN;
        if (!(w >= 0) || isinf(w))
            return err_set(err, ASX_E_DATA, "weight column '%s' is missing, negative or no number in row %zu; mend the row",
                           r->opt.weights, i + 1);
    }
    return ASX_OK;
}

static asx_st bind_target(struct run *r, const struct asx_frame *file, struct asx_err *err)
{
    const char *name = r->opt.target ? r->opt.target : "target";
    int column;
    asx_st st = check_columns(r, file, err);
    if (st == ASX_OK)
        st = check_weights(r, file, err);
    if (st == ASX_OK)
        st = frame_require(file, name, &column, err);
    if (st == ASX_OK)
        st = r->opt.kind->target_again(file, column, &r->target, r->mem, &r->test_target, err);
    if (st == ASX_OK)
        st = run_check_domain(r, &r->test_target, r->opt.test, err);
    struct asx_frame *kept = NULL;
    if (st == ASX_OK)
        st = frame_take_rows(file, r->test_target.row, r->test_target.rows, r->mem, &kept, err);
    r->test_frame = kept;
    r->test_rows = st == ASX_OK ? r->test_target.rows : 0;
    size_t unseen = 0, dropped = st == ASX_OK ? file->rows - r->test_target.rows : 0;
    if (dropped)
        run_warn(r, "test.target_missing", "%zu test rows without a target are left out", dropped);
    for (size_t i = 0; i < r->test_rows; i++)
        unseen += r->test_target.y[i] != r->test_target.y[i];
    if (unseen)
        run_warn(r, "test.unseen_class",
                 "%zu test rows have a class that the training data does not; they count as wrong where the metric can say so",
                 unseen);
    return st;
}

/* Without test data, some training rows serve to time predictions. */
static asx_st timing_rows(struct run *r, struct asx_err *err)
{
    enum { MOST = 500 };
    uint32_t row[MOST];
    size_t n = r->frame->rows < MOST ? r->frame->rows : MOST;
    for (size_t i = 0; i < n; i++)
        row[i] = (uint32_t)i;
    struct asx_frame *kept = NULL;
    asx_st st = frame_take_rows(r->frame, row, n, r->mem, &kept, err);
    r->test_frame = kept;
    return st;
}

static void place_error(const struct run *r, asx_st st, struct asx_err *err)
{
    if (st == ASX_E_IO || st == ASX_E_UNSUPPORTED)
        err_key(err, "data.test"); /* they name the file */
    else if (st < 0)
        err_place(err, r->opt.test, 0, 0);
}

static asx_st test_read_run(struct asx_exec *e, const struct asx_batch *b, struct asx_err *err)
{
    (void)b;
    struct run *r = ((struct exec_context *)e->engine)->node->core;
    if (!r->opt.test)
        return timing_rows(r, err);
    const struct asx_frame *file = NULL;
    struct data_par par = data_par_exec(e);
    asx_st st = read_test_file(r, &par, NULL, 0, &file, err);
    if (st == ASX_OK)
        st = bind_target(r, file, err);
    frame_put(file);
    place_error(r, st, err);
    return st;
}

static void test_read_work(const struct asx_problem *p, const struct asx_batch *b, struct asx_work *w)
{
    (void)p;
    asx_work_add(w->once, &w->n_once,
                 (struct asx_use){.k = ASX_KC_PARSE, .t = ASX_U8, .m = 3 * b->shape.nnz + 1}); /* as data.read */
}

static const struct asx_op core_test_read = {.head = {"test.read/stream", "test data"},
                                             .version = 1,
                                             .gives = "test",
                                             .flags = ASX_SPLITS,
                                             .work = test_read_work,
                                             .run = test_read_run};

asx_st final_read_test(struct run *r, struct asx_err *err)
{
    struct opt_plan *plan = NULL;
    struct data_prescan scan = {0};
    if (r->opt.test && r->test_frame)
        return ASX_OK; /* since before the search */
    asx_st st = opt_plan_create(r->mem, &plan);
    if (st == ASX_OK && r->opt.test)
        st = data_prescan(r->opt.test, &scan, err);
    struct asx_shape shape = {.rows = scan.rows, .cols = scan.columns, .nnz = (double)scan.file_bytes, .bytes = scan.frame_bytes};
    if (st == ASX_OK &&
        opt_plan_add_core(plan, &r->ctx, &core_test_read, "read test data", &shape, NULL, 0, (struct asx_key){0, 0}, r) < 0)
        st = err_set(err, ASX_E_NOMEM, "no memory to read the test data");
    if (st == ASX_OK) {
        opt_plan_place(plan, &r->ctx);
        st = run_plan(r, plan, err);
    }
    if (plan)
        opt_plan_free(plan);
    return st;
}

/* ---- before the search ------------------------------------------------------------------ */

enum { HEAD = 1 << 20, HEAD_MOST = 64 << 20, KEPT = 64 << 20 };

/* Where the last whole record ends that begins in the text; `records`: how many do. */
static size_t whole_records(const char *text, size_t size, int *records)
{
    bool open = false;
    size_t end = 0;
    *records = 0;
    for (size_t i = 0; i < size; i++) {
        open ^= text[i] == '"';
        if (text[i] == '\n' && !open) {
            end = i + 1;
            ++*records;
        }
    }
    return end;
}

/* The first records of the file, as many as HEAD holds, but a header and a row at least. 0 bytes: they are too long. */
static asx_st read_head(struct run *r, char **text, size_t *size, struct asx_err *err)
{
    struct source source;
    asx_st st = source_open(&source, r->opt.test, r->mem, err);
    if (st != ASX_OK)
        return st;
    int records = 0;
    size_t have = 0;
    *size = 0;
    for (size_t want = HEAD; st == ASX_OK && records < 2 && want <= HEAD_MOST; want *= 2) {
        size_t more = 0;
        char *longer = mem_realloc(r->mem, *text, want);
        st = longer ? source_read(&source, longer + have, want - have, &more, err)
                    : err_set(err, ASX_E_NOMEM, "no memory to look at the test data");
        *text = longer ? longer : *text;
        have += more;
        *size = whole_records(*text, have, &records);
        if (have < want)
            break;
    }
    source_close(&source);
    *size = records < 2 ? 0 : *size;
    return st;
}

static asx_st check_head(struct run *r, struct asx_err *err)
{
    char *text = NULL;
    size_t size = 0;
    const struct asx_frame *file = NULL;
    asx_st st = read_head(r, &text, &size, err);
    if (st == ASX_OK && size) {
        st = read_test_file(r, NULL, text, size, &file, err);
        if (st == ASX_OK)
            st = check_columns(r, file, err);
    }
    frame_put(file);
    mem_free(text);
    return st;
}

asx_st final_check_test(struct run *r, struct asx_err *err)
{
    if (!r->opt.test)
        return ASX_OK;
    struct data_prescan scan = {0};
    asx_st st = data_prescan(r->opt.test, &scan, err);
    double seconds = (double)scan.file_bytes / 50e6;
    bool large = scan.file_bytes > KEPT || (r->opt.time_s > 0 && seconds > 0.05 * r->opt.time_s) ||
                 (r->opt.memory && scan.frame_bytes > (double)mem_limit(r->mem) / 16);
    if (st == ASX_OK)
        st = large ? check_head(r, err) : final_read_test(r, err);
    place_error(r, st, err);
    if (st == ASX_OK && r->test_frame) {
        r->test_rows_guess = (double)r->test_frame->rows;
        r->test_read_guess = 0;
    }
    return st == ASX_STOPPED ? ASX_OK : st; /* the clock ends the search at once; what is there becomes the model */
}

/* ---- predicting and scoring -------------------------------------------------------- */

static double score_test(struct run *r, const double *pred, double threshold)
{
    size_t n = 0, k = (size_t)r->problem.outputs;
    uint32_t *row = mem_array(r->mem, r->test_rows + 1, sizeof *row);
    double *p = mem_array(r->mem, r->test_rows * k + 1, sizeof *p), score = NAN;
    const double *weight = NULL;
    double *w = NULL;
    int at = r->opt.weights ? frame_find(r->test_frame, r->opt.weights) : -1;
    if (at >= 0 && (w = mem_array(r->mem, r->test_rows + 1, sizeof *w)) != NULL) {
        for (size_t i = 0; i < r->test_rows; i++)
            w[i] = asx_column_number(&r->test_frame->column[at], i);
        weight = w;
    }
    for (size_t i = 0; row && p && i < r->test_rows; i++) {
        if (r->test_target.y[i] != r->test_target.y[i])
            continue;
        memcpy(p + n * k, pred + i * k, k * sizeof *p);
        row[n++] = (uint32_t)i;
    }
    if (n)
        score = r->opt.metric->score(&(struct asx_scored){.n = n,
                                                          .outputs = (int)k,
                                                          .y = r->test_target.y,
                                                          .pred64 = p,
                                                          .weight = weight,
                                                          .row = row,
                                                          .positive = r->problem.positive,
                                                          .threshold = threshold});
    mem_free(row);
    mem_free(p);
    mem_free(w);
    return score;
}

/* Predicts `frame` with a config's models; `seconds` is what that took, preparation included. */
static asx_st predict_frame(struct run *r, struct config_run *c, const struct asx_frame *frame, double *out, double *seconds,
                            struct asx_err *err)
{
    struct model *m = NULL;
    asx_st st = final_new_model(r, &m, err);
    if (st != ASX_OK)
        return st;
    st = final_add_config(r, m, c, 1, err);
    const struct asx_frame *bound = NULL;
    if (st == ASX_OK)
        st = eng_model_bind(m, frame, &bound, err);
    double t = clock_now();
    if (st == ASX_OK)
        st = eng_model_predict(m, bound, NULL, run_should_stop, r, out, err);
    *seconds = clock_now() - t;
    if (bound)
        frame_put(bound);
    final_free_borrowed(m);
    return st;
}

static asx_st predict_config(struct run *r, struct config_run *c, double *out, struct asx_err *err)
{
    double s;
    asx_st st = predict_frame(r, c, r->test_frame, out, &s, err);
    if (st == ASX_OK && r->test_frame->rows)
        c->predict_us = s / (double)r->test_frame->rows * 1e6;
    return st;
}

static void temper64(double *p, size_t n, int k, double temperature)
{
    if (temperature == 1 || k < 2)
        return;
    for (size_t i = 0; i < n; i++, p += k) {
        double sum = 0;
        for (int c = 0; c < k; c++) {
            p[c] = pow(p[c] > 1e-300 ? p[c] : 1e-300, 1 / temperature);
            sum += p[c];
        }
        for (int c = 0; c < k; c++)
            p[c] /= sum;
    }
}

/* One config's predictions of the test rows; those of the ensemble's members are kept until they are blended. */
struct prediction {
    struct run *run;
    struct config_run *config;
    double *pred;
    bool done;
};

static asx_st predict_run(struct asx_exec *e, const struct asx_batch *b, struct asx_err *err)
{
    (void)b;
    struct prediction *p = ((struct exec_context *)e->engine)->node->core;
    struct run *r = p->run;
    if (run_should_stop(r))
        return ASX_OK;
    mem_free(p->pred); /* of a first try that ran out of memory */
    p->pred = mem_array(r->mem, r->test_frame->rows * (size_t)r->problem.outputs + 1, sizeof(double));
    if (!p->pred)
        return err_set(err, ASX_E_NOMEM, "no memory to predict the test data; raise the memory limit");
    asx_st st = predict_config(r, p->config, p->pred, err);
    p->done = st == ASX_OK;
    if (p->done && r->opt.test)
        p->config->test = score_test(r, p->pred, 0);
    if (p->config->weight <= 0) {
        mem_free(p->pred);
        p->pred = NULL;
    }
    return st == ASX_STOPPED ? ASX_OK : st; /* the clock may cost the test score, never the model */
}

/* shape: rows, fold models (cols), trees a model or what its arithmetic amounts to (nnz) */
static void predict_work(const struct asx_problem *p, const struct asx_batch *b, struct asx_work *w)
{
    double cells = b->shape.rows * b->shape.cols;
    asx_work_add(w->once, &w->n_once,
                 (struct asx_use){.k = ASX_KC_TREE_PREDICT, .t = ASX_F32, .m = cells, .n = b->shape.nnz, .p = 7});
    asx_work_add(w->once, &w->n_once, (struct asx_use){.k = ASX_KC_STREAM, .t = ASX_F64, .m = 8 * cells * (p ? p->outputs : 1)});
}

static const struct asx_op core_predict = {.head = {"test.predict/members", "test rows predicted by one config"},
                                           .version = 1,
                                           .gives = "predictions",
                                           .work = predict_work,
                                           .run = predict_run};

struct blend {
    struct run *run;
    struct prediction *part;
    int parts;
};

static asx_st test_run(struct asx_exec *e, const struct asx_batch *b, struct asx_err *err)
{
    (void)b;
    struct blend *j = ((struct exec_context *)e->engine)->node->core;
    struct run *r = j->run;
    size_t size = r->test_frame->rows * (size_t)r->problem.outputs;
    double *blend = mem_calloc(r->mem, size + 1, sizeof *blend), us = 0;
    if (!blend)
        return err_set(err, ASX_E_NOMEM, "no memory to predict the test data; raise the memory limit");
    bool whole = true;
    for (int i = 0; i < j->parts; i++) {
        const struct prediction *p = &j->part[i];
        whole &= p->done;
        us += p->config->predict_us;
        for (size_t q = 0; q < size && p->done; q++)
            blend[q] += p->config->weight * p->pred[q];
    }
    r->ensemble_predict_us = us;
    if (r->opt.test && whole) {
        temper64(blend, r->test_frame->rows, r->problem.outputs, r->temperature);
        r->ensemble_test = score_test(r, blend, r->threshold);
        if (j->parts == 1)
            j->part[0].config->test = r->ensemble_test;
        if (r->ensemble_test != r->ensemble_test)
            run_warn(r, "test.no_score", "metric '%s' has no value on the test data, which may lack a class",
                     r->opt.metric->head.name);
    } else if (r->opt.test) {
        run_warn(
            r, "test.no_time",
            "the time limit ended before the test data was predicted; the model is whole, 'assay leaderboard --test' scores it");
    }
    mem_free(blend);
    return ASX_OK;
}

static void score_test_work(const struct asx_problem *p, const struct asx_batch *b, struct asx_work *w)
{
    double rows = b->shape.rows;
    asx_work_add(w->once, &w->n_once,
                 (struct asx_use){.k = ASX_KC_STREAM, .t = ASX_F64, .m = 3 * rows * b->shape.cols * (p ? p->outputs : 1)});
    asx_work_add(w->once, &w->n_once, (struct asx_use){.k = ASX_KC_SORT, .t = ASX_F32, .m = rows, .n = 1});
}

const struct asx_op core_test = {.head = {"test.score/predict", "test predictions blended and scored"},
                                 .version = 1,
                                 .gives = "test score",
                                 .work = score_test_work,
                                 .run = test_run};

static int add_prediction(struct run *r, struct opt_plan *plan, struct blend *j, struct config_run *c)
{
    bool trees = c->config.learner->prep_role == ASX_FOR_TREES;
    int rounds = c->best_iteration > 0 ? c->best_iteration : 1;
    struct asx_shape shape = {
        .rows = (double)r->test_frame->rows, .cols = r->splits->folds, .nnz = trees ? (double)rounds * r->problem.outputs : 2};
    struct prediction *p = &j->part[j->parts++];
    *p = (struct prediction){.run = r, .config = c};
    int id = opt_plan_add_core(plan, &r->ctx, &core_predict, "predict test data", &shape, NULL, 0, (struct asx_key){0, 0}, p);
    if (id >= 0)
        opt_plan_know(plan, id, c->predict_fixed_s + c->predict_row_s * shape.rows);
    return id;
}

/* Members first; then, as a plan of their own, configs outside the ensemble: shown when there is time. */
static asx_st plan_predictions(struct run *r, struct opt_plan *plan, struct blend *j, bool members, int lines, struct asx_err *err)
{
    int *input = mem_array(r->mem, (size_t)r->candidates + 1, sizeof *input);
    bool good = input != NULL;
    for (int i = 0; good && i < lines; i++) {
        struct config_run *c = r->candidate[i];
        if (!c->has_models || (c->weight > 0) != members)
            continue;
        int id = add_prediction(r, plan, j, c);
        input[j->parts - 1] = id;
        good = id >= 0;
    }
    struct asx_shape shape = {.rows = (double)r->test_frame->rows, .cols = j->parts};
    good = good && (!members || opt_plan_add_core(plan, &r->ctx, &core_test, "score test data", &shape, input, j->parts,
                                                  (struct asx_key){0, 0}, j) >= 0);
    mem_free(input);
    return good ? ASX_OK : err_set(err, ASX_E_NOMEM, "no memory to score the test data; raise the memory limit");
}

asx_st final_test(struct run *r, bool members, int lines, struct asx_err *err)
{
    struct opt_plan *plan = NULL;
    struct blend j = {.run = r, .part = mem_calloc(r->mem, (size_t)r->candidates + 1, sizeof *j.part)};
    asx_st st = j.part ? opt_plan_create(r->mem, &plan) : ASX_E_NOMEM;
    if (st != ASX_OK)
        err_set(err, st, "no memory to score the test data; raise the memory limit");
    else
        st = plan_predictions(r, plan, &j, members, lines, err);
    if (st == ASX_OK && plan->nodes > 0) {
        opt_plan_place(plan, &r->ctx);
        st = run_plan(r, plan, err);
    }
    if (plan)
        opt_plan_free(plan);
    for (int i = 0; i < j.parts; i++)
        mem_free(j.part[i].pred);
    mem_free(j.part);
    return st;
}

/* Seconds to predict the first n rows of the training data; NaN when that fails. */
static double time_rows(struct run *r, struct config_run *c, size_t n)
{
    struct asx_err ignored = {0};
    struct asx_frame *few = NULL;
    double s = NAN;
    uint32_t *row = mem_array(r->mem, n, sizeof *row);
    double *pred = mem_array(r->mem, n * (size_t)r->problem.outputs + 1, sizeof *pred);
    for (size_t i = 0; row && i < n; i++)
        row[i] = (uint32_t)i;
    if (row && pred && frame_take_rows(r->frame, row, n, r->mem, &few, &ignored) == ASX_OK &&
        predict_frame(r, c, few, pred, &s, &ignored) != ASX_OK)
        s = NAN;
    frame_put(few);
    mem_free(row);
    mem_free(pred);
    return s;
}

/* Two lengths tell what a call costs and what a row costs; the second as long as 0.3 % of the limit allows. */
void final_time_prediction(struct run *r, struct config_run *c)
{
    enum { FEW = 32, MOST = 1024 };
    double rows = (double)r->frame->rows, few = rows < FEW ? rows : FEW, most = rows < MOST ? rows : MOST;
    double first = time_rows(r, c, (size_t)few);
    c->predict_fixed_s = 0;
    c->predict_row_s = first == first && few > 0 ? first / few : 0;
    double more = c->predict_row_s > 0 ? 0.003 * r->opt.time_s / c->predict_row_s : 0;
    more = more < most ? more : most;
    double second = more >= 4 * few ? time_rows(r, c, (size_t)more) : NAN;
    if (second == second) {
        c->predict_row_s = second > first ? (second - first) / ((double)(size_t)more - few) : second / more;
        c->predict_fixed_s = first > c->predict_row_s * few ? first - c->predict_row_s * few : 0;
    }
}
