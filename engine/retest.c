/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/retest.h"
#include "engine/api.h"
#include "engine/registry.h"

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "data/frame.h"
#include "data/read.h"
#include "tasks/target.h"

#include <assay/ext/kind.h>
#include <stdlib.h>
#include <string.h>

static asx_st score(struct session *s, const struct model *m, const struct asx_frame *frame, double *out, struct asx_err *err)
{
    const struct asx_kind *kind = registry_kind(s->registry, m->kind);
    const struct asx_metric *metric = registry_metric(s->registry, m->metric);
    int column;
    if (!kind || !metric)
        return err_set(err, ASX_E_DATA, "the model names a task or metric that this build does not have");
    asx_st st = frame_require(frame, m->target ? m->target : "target", &column, err);
    struct asx_target known = {
        .task = m->task, .classes = m->classes, .positive = m->positive, .class_name = (const char **)(void *)m->class_name};
    struct asx_target target = {0};
    if (st == ASX_OK)
        st = kind->target_again(frame, column, &known, m->mem, &target, err);
    const struct asx_frame *bound = NULL;
    struct asx_frame *kept = NULL;
    double *p = NULL;
    if (st == ASX_OK)
        st = frame_take_rows(frame, target.row, target.rows, m->mem, &kept, err);
    if (st == ASX_OK)
        st = eng_model_bind(m, kept, &bound, err);
    if (st == ASX_OK && !(p = mem_array(m->mem, target.rows * (size_t)m->outputs + 1, sizeof *p)))
        st = err_set(err, ASX_E_NOMEM, "no memory to predict the test data");
    if (st == ASX_OK)
        st = eng_model_predict(m, bound, NULL, NULL, NULL, p, err);
    if (st == ASX_OK)
        *out = metric->score(&(struct asx_scored){.n = target.rows,
                                                  .outputs = m->outputs,
                                                  .y = target.y,
                                                  .pred64 = p,
                                                  .positive = m->positive,
                                                  .threshold = m->threshold});
    mem_free(p);
    frame_put(bound);
    frame_put(kept);
    target_clear(&target);
    return st;
}

asx_st retest_board(struct session *s, const struct cat_run *run, const char *test, json_t *board, struct asx_err *err)
{
    char id[CAT_ID];
    assay_model *wrapped = NULL;
    if (assay_model_open(&wrapped, (assay_session *)s, cat_id_format('r', run->id, id)) != ASSAY_OK)
        return err_set(err, ASX_E_INVAL, "%s", assay_session_error((assay_session *)s));
    const struct asx_frame *frame = NULL;
    double value = NAN;
    struct data_options how;
    asx_st st = task_reading(s, &how, err);
    if (st == ASX_OK)
        st = eng_model_read(wrapped->model, &how, &s->sink, test, true, &frame, err);
    if (st == ASX_OK)
        st = score(s, wrapped->model, frame, &value, err);
    if (st < 0)
        err_place(err, test, 0, 0);
    if (st == ASX_OK) {
        json_object_set_new(json_object_get(board, "best"), "test", json_number(value));
        json_t *first = json_array_get(json_object_get(board, "leaderboard"), 0);
        if (first)
            json_object_set_new(first, "test", json_number(value));
    }
    frame_put(frame);
    assay_model_free(wrapped);
    return st;
}
