/* SPDX-License-Identifier: Apache-2.0 */
/* Readers of keys that follow no common type. */
#include "tasks/spec_impl.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static asx_st not_scalar(const struct spec_key *k, const struct yaml_node *v, struct spec_place p, struct asx_err *err)
{
    return spec_fail(err, ASX_E_INVAL, p, "'%s' is %s, not one value; write for example %s", k->path, spec_kind_of(v), k->example);
}

asx_st spec_read_version(struct task_spec *s, const struct spec_key *k, const struct yaml_node *v, struct spec_place p,
                         struct asx_err *err)
{
    double x;
    (void)s;
    if (v->kind != YAML_SCALAR)
        return not_scalar(k, v, p, err);
    if (!spec_number(v, &x) || x != 1)
        return spec_fail(err, ASX_E_INVAL, p, "this Assay reads format 1 of task specs, and the file says '%.60s'; write assay: 1",
                         v->text);
    return ASX_OK;
}

asx_st spec_read_task(struct task_spec *s, const struct spec_key *k, const struct yaml_node *v, struct spec_place p,
                      struct asx_err *err)
{
    const char *name[32];
    size_t n = 0;
    if (v->kind != YAML_SCALAR)
        return not_scalar(k, v, p, err);
    for (const struct asx_kind *const *i = s->context.registry->kind; *i && n < 32; i++) {
        if (strcmp((*i)->head.name, v->text) == 0) {
            s->kind = *i;
            return ASX_OK;
        }
        name[n++] = (*i)->head.name;
    }
    return spec_unknown(s, err, p, "task", v->text, name, n);
}

asx_st spec_read_class_weights(struct task_spec *s, const struct spec_key *k, const struct yaml_node *v, struct spec_place p,
                               struct asx_err *err)
{
    struct spec_reading r = {s, p.origin, "", false};
    struct spec_pairs weights = {NULL, NULL, 0}, before = s->data.class_weights;
    bool balanced = v->kind == YAML_SCALAR;
    if (balanced && strcmp(v->text, "balanced"))
        return spec_fail(err, ASX_E_INVAL, p, "'%s' is '%.60s'; write balanced, or a weight for each class: {yes: 5, no: 1}",
                         k->path, v->text);
    s->data.class_weights = weights;
    asx_st st = balanced ? ASX_OK : spec_read_pairs(&r, k, v, err);
    if (st)
        s->data.class_weights = before;
    else
        s->data.balanced = balanced;
    return st;
}

asx_st spec_read_delimiter(struct task_spec *s, const struct spec_key *k, const struct yaml_node *v, struct spec_place p,
                           struct asx_err *err)
{
    if (v->kind != YAML_SCALAR)
        return not_scalar(k, v, p, err);
    const char *t = strcmp(v->text, "tab") == 0 || strcmp(v->text, "\\t") == 0 ? "\t" : v->text;
    if (strlen(t) != 1 || strchr("\"\n\r", t[0]) || (t[0] & 0x80) || (t[0] >= '0' && t[0] <= '9'))
        return spec_fail(err, ASX_E_INVAL, p, "'%s' is '%.60s'; give one character, such as \";\" or tab", k->path, v->text);
    s->data.delimiter = t[0];
    return ASX_OK;
}

asx_st spec_read_goal(struct task_spec *s, const struct spec_key *k, const struct yaml_node *v, struct spec_place p,
                      struct asx_err *err)
{
    bool maximize = strcmp(k->path, "objective.maximize") == 0;
    if (v->kind != YAML_SCALAR)
        return not_scalar(k, v, p, err);
    int goal = strcmp(v->text, "time") == 0 ? SPEC_GOAL_TIME : strcmp(v->text, "price") == 0 ? SPEC_GOAL_PRICE : SPEC_GOAL_SCORE;
    if (goal != SPEC_GOAL_SCORE) {
        if (maximize)
            return spec_fail(err, ASX_E_INVAL, p, "'%s' cannot be maximized; write minimize: %s", v->text, v->text);
        s->objective.goal = goal;
        s->objective.metric = NULL;
        return ASX_OK;
    }
    const struct asx_metric *m = spec_metric_named(&s->context, v->text);
    if (!m)
        return spec_unknown_metric(s, err, p, v->text);
    if (m->greater_is_better != maximize)
        return spec_fail(err, ASX_E_INVAL, p, "'%s' is better when it is %s; write %s: %s", v->text,
                         maximize ? "smaller" : "greater", maximize ? "minimize" : "maximize", v->text);
    s->objective.goal = SPEC_GOAL_SCORE;
    s->objective.metric = m;
    return ASX_OK;
}

/* ">= 0.92" or "<= 0.3"; a bare number means the metric's own direction. */
static bool parse_limit(const char *text, int *direction, double *value)
{
    char *end;
    *direction = 0;
    while (*text == ' ')
        text++;
    if (text[0] == '>' || text[0] == '<') {
        *direction = text[0] == '>' ? 1 : -1;
        text += text[1] == '=' ? 2 : 1;
    }
    *value = strtod(text, &end);
    while (*end == ' ')
        end++;
    return end != text && !*end && isfinite(*value);
}

asx_st spec_read_score_limit(struct task_spec *s, const char *name, const struct yaml_node *v, struct spec_place p,
                             struct asx_err *err)
{
    const struct asx_metric *m = spec_metric_named(&s->context, name);
    int direction;
    double value;
    const char *sign = m->greater_is_better ? ">=" : "<=";
    if (v->kind != YAML_SCALAR || !parse_limit(v->text, &direction, &value))
        return spec_fail(err, ASX_E_INVAL, p, "the limit of '%s' is %s%.60s%s; write for example \"%s 0.92\"", name,
                         v->kind == YAML_SCALAR ? "'" : "", v->kind == YAML_SCALAR ? v->text : spec_kind_of(v),
                         v->kind == YAML_SCALAR ? "'" : "", sign);
    if (direction && direction != (m->greater_is_better ? 1 : -1))
        return spec_fail(err, ASX_E_INVAL, p, "'%s' is better when it is %s, so a limit of it is written \"%s %g\"", name,
                         m->greater_is_better ? "greater" : "smaller", sign, value);
    if (m->greater_is_better ? value > m->best : value < m->best)
        return spec_fail(err, ASX_E_INVAL, p, "'%s' cannot reach %g, its best value is %g; choose another limit", name, value,
                         m->best);
    struct spec_score_limit *limits = arena_calloc(s->arena, (size_t)s->objective.limits + 1, sizeof(*limits));
    if (!limits)
        return spec_no_memory(err);
    int n = 0;
    for (int i = 0; i < s->objective.limits; i++)
        if (s->objective.limit[i].metric != m)
            limits[n++] = s->objective.limit[i];
    limits[n++] = (struct spec_score_limit){m, value, p};
    s->objective.limit = limits;
    s->objective.limits = n;
    return ASX_OK;
}
