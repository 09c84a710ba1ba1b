/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Members of a saved model stand in the order of its leaderboard, each config's folds side by side (final.c, assemble), so a
 * config of an ensemble is scored by its own members, their weights divided by what they are together.
 */
#include "engine/retest.h"
#include "engine/api.h"
#include "engine/registry.h"

#include "base/err.h"
#include "base/event.h"
#include "base/json.h"
#include "base/mem.h"
#include "data/frame.h"
#include "data/read.h"
#include "tasks/target.h"

#include <assay/ext/kind.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The rows to score: those with a target whose class is known. */
struct truth {
    const struct asx_metric *metric;
    struct asx_target target;
    struct asx_frame *kept;        /* rows with a target */
    const struct asx_frame *bound; /* the model's columns of them */
    uint32_t *row;                 /* of those, the ones to score */
    double *weight;                /* [kept rows]; NULL: all 1 */
    size_t rows;
};

static void truth_clear(struct truth *t)
{
    frame_put(t->bound);
    frame_put(t->kept);
    target_clear(&t->target);
    mem_free(t->row);
    mem_free(t->weight);
}

static asx_st read_weights(struct truth *t, const struct model *m, const char *name, struct asx_err *err)
{
    int at = frame_find(t->kept, name);
    if (at < 0)
        return err_set(err, ASX_E_DATA, "the test data lacks column '%s', the weights; add it", name);
    const struct asx_column *c = &t->kept->column[at];
    t->weight = mem_array(m->mem, t->kept->rows + 1, sizeof *t->weight);
    if (!t->weight)
        return err_set(err, ASX_E_NOMEM, "no memory for the weights of the test data");
    for (size_t i = 0; i < t->kept->rows; i++) {
        t->weight[i] = c->type == ASX_NUMERIC ? asx_column_number(c, i) : NAN;
        if (!(t->weight[i] >= 0) || isinf(t->weight[i]))
            return err_set(err, ASX_E_DATA, "weight column '%s' is missing, negative or no number in row %zu; mend the row", name,
                           (size_t)t->target.row[i] + 1);
    }
    return ASX_OK;
}

static asx_st truth_make(struct session *s, const struct model *m, const struct asx_frame *frame, const char *weights,
                         struct truth *t, struct asx_err *err)
{
    const struct asx_kind *kind = registry_kind(s->registry, m->kind);
    int column;
    t->metric = registry_metric(s->registry, m->metric);
    if (!kind || !t->metric)
        return err_set(err, ASX_E_DATA, "the model names a task or metric that this build does not have");
    asx_st st = frame_require(frame, m->target ? m->target : "target", &column, err);
    struct asx_target known = {
        .task = m->task, .classes = m->classes, .positive = m->positive, .class_name = (const char **)(void *)m->class_name};
    if (st == ASX_OK)
        st = kind->target_again(frame, column, &known, m->mem, &t->target, err);
    if (st == ASX_OK)
        st = frame_take_rows(frame, t->target.row, t->target.rows, m->mem, &t->kept, err);
    if (st == ASX_OK && weights)
        st = read_weights(t, m, weights, err);
    if (st == ASX_OK)
        st = eng_model_bind(m, t->kept, &t->bound, err);
    if (st == ASX_OK && !(t->row = mem_array(m->mem, t->target.rows + 1, sizeof *t->row)))
        st = err_set(err, ASX_E_NOMEM, "no memory for the test data");
    for (size_t i = 0; st == ASX_OK && i < t->target.rows; i++)
        if (t->target.y[i] == t->target.y[i])
            t->row[t->rows++] = (uint32_t)i;
    size_t dropped = st == ASX_OK ? frame->rows - t->target.rows : 0, unseen = st == ASX_OK ? t->target.rows - t->rows : 0;
    if (dropped)
        event_send(&s->sink, EVENT_WARNING, "test.target_missing", "%zu test rows without a target are left out", dropped);
    if (unseen)
        event_send(&s->sink, EVENT_WARNING, "test.unseen_class",
                   "%zu test rows have a class that the training data does not; they are left out of the score", unseen);
    return st;
}

/* NaN where the metric has no value. */
static asx_st score(const struct model *m, const struct truth *t, double *out, struct asx_err *err)
{
    size_t k = (size_t)m->outputs;
    double *p = mem_array(m->mem, t->target.rows * k + 1, sizeof *p);
    asx_st st = p ? eng_model_predict(m, t->bound, NULL, NULL, NULL, p, err)
                  : err_set(err, ASX_E_NOMEM, "no memory to predict the test data");
    for (size_t i = 0; st == ASX_OK && i < t->rows; i++)
        memmove(p + i * k, p + t->row[i] * k, k * sizeof *p);
    *out = NAN;
    if (st == ASX_OK && t->rows)
        *out = t->metric->score(&(struct asx_scored){.n = t->rows,
                                                     .outputs = m->outputs,
                                                     .y = t->target.y,
                                                     .pred64 = p,
                                                     .row = t->row,
                                                     .weight = t->weight,
                                                     .positive = m->positive,
                                                     .threshold = m->threshold});
    mem_free(p);
    return st;
}

/* Members [from, from + n) of the model as a model of their own. */
static asx_st score_members(const struct model *m, int from, int n, const struct truth *t, double *out, struct asx_err *err)
{
    struct model part = *m;
    double sum = 0;
    part.member = mem_array(m->mem, (size_t)n, sizeof *part.member);
    if (!part.member)
        return err_set(err, ASX_E_NOMEM, "no memory to score the test data");
    memcpy(part.member, m->member + from, (size_t)n * sizeof *part.member);
    part.members = n;
    part.temperature = 1;
    part.threshold = 0;
    for (int i = 0; i < n; i++)
        sum += part.member[i].weight;
    for (int i = 0; i < n; i++)
        part.member[i].weight /= sum;
    asx_st st = score(&part, t, out, err);
    mem_free(part.member);
    return st;
}

/* How many members make up `weight`; 0: they are not as the board says. */
static int members_of(const struct model *m, int from, double weight)
{
    double sum = 0;
    for (int i = from; i < m->members; i++) {
        sum += m->member[i].weight;
        if (fabs(sum - weight) < 1e-9)
            return i + 1 - from;
    }
    return 0;
}

/* Lines whose models were not kept get no score: one of other test data would mislead. */
static asx_st score_board(const struct model *m, const struct truth *t, json_t *board, struct asx_err *err)
{
    json_t *best = json_object_get(board, "best"), *line;
    const char *saved = json_string_value(json_object_get(best, "model"));
    size_t i;
    int next = 0;
    double value;
    asx_st st = score(m, t, &value, err);
    if (st != ASX_OK)
        return st;
    json_object_set_new(best, "test", json_number(value));
    json_array_foreach(json_object_get(board, "leaderboard"), i, line)
    {
        const char *name = json_string_value(json_object_get(line, "model"));
        const char *learner = json_string_value(json_object_get(line, "learner"));
        double weight = json_double(json_object_get(line, "weight")), own = NAN;
        bool is_saved = saved && name && strcmp(saved, name) == 0;
        if (!is_saved && weight > 0 && learner && strcmp(learner, "ensemble") != 0) {
            int n = members_of(m, next, weight);
            if (n)
                st = score_members(m, next, n, t, &own, err);
            next += n;
        }
        if (st != ASX_OK)
            return st;
        json_object_set_new(line, "test", json_number(is_saved ? value : own));
    }
    return ASX_OK;
}

/* The column of weights that the task named; NULL: none. Borrowed from *task, which the caller lets go. */
static const char *weights_of(const struct cat_run *run, json_t **task)
{
    struct asx_err ignored = {0};
    *task = NULL;
    if (!run->task_json || json_parse(run->task_json, strlen(run->task_json), NULL, task, &ignored) != ASX_OK)
        return NULL;
    return json_string_value(json_object_get(json_object_get(*task, "data"), "weights"));
}

asx_st retest_board(struct session *s, const struct cat_run *run, const char *test, json_t *board, struct asx_err *err)
{
    char id[CAT_ID];
    assay_model *wrapped = NULL;
    if (assay_model_open(&wrapped, (assay_session *)s, cat_id_format('r', run->id, id)) != ASSAY_OK)
        return err_set(err, ASX_E_INVAL, "%s", assay_session_error((assay_session *)s));
    const struct asx_frame *frame = NULL;
    json_t *task = NULL;
    const char *weights = weights_of(run, &task);
    struct truth truth = {0};
    struct data_options how;
    asx_st st = task_reading(s, &how, err);
    if (st == ASX_OK)
        st = eng_model_read(wrapped->model, &how, &s->sink, test, true, &frame, err);
    if (st == ASX_OK)
        st = truth_make(s, wrapped->model, frame, weights, &truth, err);
    if (st == ASX_OK)
        st = score_board(wrapped->model, &truth, board, err);
    if (st < 0)
        err_place(err, test, 0, 0);
    truth_clear(&truth);
    frame_put(frame);
    json_decref(task);
    assay_model_free(wrapped);
    return st;
}
