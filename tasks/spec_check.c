/* SPDX-License-Identifier: Apache-2.0 */
/* What a spec must keep as a whole, and what is understood but not done yet. */
#include "tasks/spec_impl.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static struct spec_place place(const struct task_spec *s, const char *path)
{
    return s->place[spec_find(path)];
}

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), k = strlen(end);
    return n >= k && strcasecmp(s + n - k, end) == 0;
}

bool spec_sparse_text(const char *path)
{
    return ends_with(path, ".libsvm") || ends_with(path, ".svm") || ends_with(path, ".svmlight");
}

/* ---- data ---------------------------------------------------------------------- */

static asx_st check_needed(const struct task_spec *s, unsigned flags, struct asx_err *err)
{
    if (!s->kind)
        return spec_fail(err, ASX_E_INVAL, place(s, "assay"), "the spec names no task; add for example task: classify");
    if (flags & SPEC_IN_MEMORY)
        return ASX_OK;
    if (!s->data.train)
        return spec_fail(err, ASX_E_INVAL, place(s, "assay"), "the spec names no data; add data: {train: FILE, target: COLUMN}");
    bool sparse = spec_sparse_text(s->data.train);
    if (sparse && s->data.target)
        return spec_fail(err, ASX_E_INVAL, place(s, "data.target"),
                         "a target '%s' cannot be named for '%s', whose first field is the target; remove it", s->data.target,
                         s->data.train);
    if (!sparse && !s->data.target)
        return spec_fail(err, ASX_E_INVAL, place(s, "data.train").line > 0 ? place(s, "data.train") : (struct spec_place){0},
                         "no column of '%s' is named as the target; give --target COLUMN, or data.target in the spec",
                         s->data.train);
    return ASX_OK;
}

/* A column can play one part only. */
static asx_st check_roles(const struct task_spec *s, struct asx_err *err)
{
    const struct {
        const char *path, *column;
    } part[] = {{"data.target", s->data.target},
                {"data.weights", s->data.weights},
                {"search.validation.group", s->search.group},
                {"search.validation.time", s->search.time}};
    for (int i = 0; i < 2; i++) {
        for (int j = i + 1; part[i].column && j < 4; j++)
            if (part[j].column && strcmp(part[i].column, part[j].column) == 0)
                return spec_fail(err, ASX_E_INVAL, place(s, part[j].path),
                                 "the column '%s' is both '%s' and '%s'; choose another column", part[i].column, part[i].path,
                                 part[j].path);
        for (int j = 0; part[i].column && j < s->data.ignore.n; j++)
            if (strcmp(part[i].column, s->data.ignore.name[j]) == 0)
                return spec_fail(err, ASX_E_INVAL, place(s, "data.ignore"),
                                 "the column '%s' is both '%s' and left out by 'data.ignore'; remove one", part[i].column,
                                 part[i].path);
    }
    for (int j = 0; s->data.target && j < s->data.monotone.n; j++)
        if (strcmp(s->data.monotone.name[j], s->data.target) == 0)
            return spec_fail(err, ASX_E_INVAL, place(s, "data.monotone"), "the target '%s' cannot be monotone in itself; remove it",
                             s->data.target);
    return ASX_OK;
}

static asx_st check_classes(const struct task_spec *s, struct asx_err *err)
{
    if (s->kind->tasks & ASX_CLASSIFY)
        return ASX_OK;
    if (s->data.positive)
        return spec_fail(err, ASX_E_INVAL, place(s, "data.positive"), "a positive class '%s' does not go with %s; remove it",
                         s->data.positive, s->kind->head.name);
    if (s->data.balanced || s->data.class_weights.n)
        return spec_fail(err, ASX_E_INVAL, place(s, "data.class_weights"), "class weights do not go with %s; remove them",
                         s->kind->head.name);
    return ASX_OK;
}

/* ---- objective and search ---------------------------------------------------------- */

static asx_st check_metric(const struct task_spec *s, const struct asx_metric *m, struct spec_place p, struct asx_err *err)
{
    if (m->tasks & s->kind->tasks)
        return ASX_OK;
    return spec_fail(err, ASX_E_INVAL, p, "the metric '%s' does not go with %s; choose for example %s", m->head.name,
                     s->kind->head.name, s->kind->default_metric(s->kind->tasks & ASX_REGRESS ? ASX_REGRESSION : ASX_BINARY));
}

static asx_st check_objective(const struct task_spec *s, struct asx_err *err)
{
    asx_st st = ASX_OK;
    if (s->objective.metric)
        st = check_metric(s, s->objective.metric,
                          place(s, s->objective.metric->greater_is_better ? "objective.maximize" : "objective.minimize"), err);
    for (int i = 0; !st && i < s->objective.limits; i++)
        st = check_metric(s, s->objective.limit[i].metric, s->objective.limit[i].place, err);
    if (st)
        return st;
    struct spec_place goal = place(s, "objective.minimize");
    if (s->objective.goal != SPEC_GOAL_SCORE && !s->objective.limits)
        return spec_fail(err, ASX_E_INVAL, goal,
                         "the least %s needs a score to reach; add one under subject_to, for example roc_auc: \">= 0.9\"",
                         s->objective.goal == SPEC_GOAL_TIME ? "time" : "price");
    bool priced = s->objective.price > 0 || s->objective.goal == SPEC_GOAL_PRICE;
    if (priced && !s->resources.prices.n)
        return spec_fail(err, ASX_E_INVAL, s->objective.price > 0 ? place(s, "objective.subject_to.price") : goal,
                         "a price needs the prices of devices; add resources: {prices: {cpu_hour: 0.04}}");
    if (s->objective.predict_latency_s > 0 && s->objective.time_s > 0 && s->objective.predict_latency_s > s->objective.time_s)
        return spec_fail(err, ASX_E_INVAL, place(s, "objective.subject_to.predict_latency"),
                         "a row may take %g s to predict, longer than the whole run of %g s; correct one of them",
                         s->objective.predict_latency_s, s->objective.time_s);
    return ASX_OK;
}

static asx_st check_learners(const struct task_spec *s, struct asx_err *err)
{
    for (int i = 0; i < s->search.learners.n; i++) {
        const struct asx_learner *l = spec_learner_named(&s->context, s->search.learners.name[i]);
        if (l && !(l->tasks & s->kind->tasks))
            return spec_fail(err, ASX_E_INVAL, place(s, "search.learners"), "the learner '%s' does not %s; remove it", l->head.name,
                             s->kind->head.name);
    }
    return ASX_OK;
}

static asx_st check_strategy(struct task_spec *s, struct asx_err *err)
{
    const char *name[33] = {"auto"};
    size_t n = 1;
    if (!s->search.strategy || strcmp(s->search.strategy, "auto") == 0) {
        s->search.strategy = NULL;
        return ASX_OK;
    }
    for (const struct asx_strategy *const *i = s->context.registry->strategy; *i && n < 33; i++) {
        if (strcmp((*i)->head.name, s->search.strategy) == 0)
            return ASX_OK;
        name[n++] = (*i)->head.name;
    }
    return spec_unknown(s, err, place(s, "search.strategy"), "strategy", s->search.strategy, name, n);
}

/* "cpu" and "opencl:N". */
static bool is_device(const char *name, size_t n)
{
    if (n == 3 && strncmp(name, "cpu", 3) == 0)
        return true;
    if (n < 8 || strncmp(name, "opencl:", 7))
        return false;
    for (size_t i = 7; i < n; i++)
        if (name[i] < '0' || name[i] > '9')
            return false;
    return true;
}

static asx_st check_devices(const struct task_spec *s, struct asx_err *err)
{
    for (int i = 0; i < s->resources.devices.n; i++)
        if (!is_device(s->resources.devices.name[i], strlen(s->resources.devices.name[i])))
            return spec_fail(err, ASX_E_INVAL, place(s, "resources.devices"),
                             "there is no device '%.60s'; name cpu, or an OpenCL device such as opencl:0",
                             s->resources.devices.name[i]);
    for (int i = 0; i < s->resources.prices.n; i++) {
        const char *name = s->resources.prices.name[i];
        if (!ends_with(name, "_hour") || !is_device(name, strlen(name) - 5))
            return spec_fail(err, ASX_E_INVAL, place(s, "resources.prices"),
                             "there is no price '%.60s'; write a device and _hour, such as cpu_hour", name);
    }
    return ASX_OK;
}

/* ---- not yet --------------------------------------------------------------------------- */

static asx_st refuse(struct asx_err *err, struct spec_place p, const char *what, const char *instead)
{
    return spec_fail(err, ASX_E_UNSUPPORTED, p, "%s is not supported yet; %s", what, instead);
}

static asx_st check_supported(const struct task_spec *s, struct asx_err *err)
{
    if (s->objective.goal == SPEC_GOAL_TIME)
        return refuse(err, place(s, "objective.minimize"), "the goal of least time", "name a metric and a time limit");
    if (s->objective.goal == SPEC_GOAL_PRICE)
        return refuse(err, place(s, "objective.minimize"), "the goal of least price", "name a metric and a time limit");
    if (s->objective.price > 0)
        return refuse(err, place(s, "objective.subject_to.price"), "a price limit", "remove it, and limit the time");
    if (s->objective.predict_latency_s > 0)
        return refuse(err, place(s, "objective.subject_to.predict_latency"), "a latency limit",
                      "remove it, and choose from the leaderboard");
    if (s->objective.limits)
        return refuse(err, s->objective.limit[0].place, "a score limit", "remove it, and limit the time or the trials");
    for (int i = 0; i < s->resources.devices.n; i++)
        if (strcmp(s->resources.devices.name[i], "cpu")) {
            char what[80];
            snprintf(what, sizeof(what), "the device '%.40s'", s->resources.devices.name[i]);
            return refuse(err, place(s, "resources.devices"), what, "name cpu only");
        }
    return ASX_OK;
}

asx_st spec_validate(struct task_spec *s, unsigned flags, struct asx_err *err)
{
    asx_st st = check_needed(s, flags, err);
    if (!st)
        st = check_roles(s, err);
    if (!st)
        st = check_classes(s, err);
    if (!st)
        st = check_objective(s, err);
    if (!st)
        st = check_learners(s, err);
    if (!st)
        st = spec_check_effect(s, flags, err);
    if (!st)
        st = check_strategy(s, err);
    if (!st)
        st = check_devices(s, err);
    if (!st)
        st = check_supported(s, err);
    if (!st && s->objective.time_s <= 0 && !s->search.trials)
        s->objective.time_s = SPEC_DEFAULT_TIME_S;
    return st;
}

asx_st spec_metric(const struct task_spec *s, enum asx_task task, const struct asx_metric **out, struct asx_err *err)
{
    const struct asx_metric *m = s->objective.metric;
    if (!m)
        m = spec_metric_named(&s->context, s->kind->default_metric(task));
    if (!m)
        return err_set(err, ASX_E_INTERNAL, "the default metric '%s' is not there; name a metric", s->kind->default_metric(task));
    if (!(m->tasks & ASX_TASK_BIT(task)))
        return spec_fail(err, ASX_E_INVAL, place(s, m->greater_is_better ? "objective.maximize" : "objective.minimize"),
                         "the metric '%s' is for two classes, and the target has more; choose for example %s", m->head.name,
                         strcmp(m->head.name, "roc_auc") == 0 ? "roc_auc_ovr"
                         : strcmp(m->head.name, "f1") == 0    ? "f1_macro"
                                                              : "log_loss");
    *out = m;
    return ASX_OK;
}
