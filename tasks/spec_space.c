/* SPDX-License-Identifier: Apache-2.0 */
/* search.space: restrictions of parameters, checked against the tables that declare them. */
#include "tasks/spec_impl.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* What a learner's parameters are looked up in. */
struct params {
    const struct asx_param *param;
    int n;
};

static struct params params_of(const struct task_spec *s, const struct asx_learner *l)
{
    const struct asx_space *space = s->context.space ? s->context.space(s->context.arg, l) : NULL;
    if (space)
        return (struct params){space->param, space->n};
    return (struct params){l->params, l->n_params};
}

static const struct asx_param *find(struct params p, const char *name)
{
    for (int i = 0; i < p.n; i++)
        if (strcmp(p.param[i].name, name) == 0)
            return &p.param[i];
    return NULL;
}

const struct asx_param *spec_param(const struct task_spec *s, const struct asx_learner *l, const char *name)
{
    return find(params_of(s, l), name);
}

static asx_st unknown_param(struct task_spec *s, const struct asx_learner *l, struct params p, const char *word,
                            struct spec_place place, struct asx_err *err)
{
    const char *name[ASX_MAX_PARAMS];
    char what[96];
    size_t n = 0;
    for (int i = 0; i < p.n && n < ASX_MAX_PARAMS; i++)
        name[n++] = p.param[i].name;
    if (!n)
        return spec_fail(err, ASX_E_INVAL, place, "the learner '%s' has no parameters; remove '%.60s'", l->head.name, word);
    snprintf(what, sizeof(what), "parameter of '%s' called", l->head.name);
    return spec_unknown(s, err, place, what, word, name, n);
}

/* ---- values ------------------------------------------------------------------ */

static void allowed(const struct asx_param *p, double *low, double *high)
{
    bool own = p->min != 0 || p->max != 0;
    *low = own ? p->min : p->low;
    *high = own ? p->max : p->high;
}

static asx_st read_choice(struct task_spec *s, const char *path, const struct asx_param *p, const struct yaml_node *v,
                          struct spec_place place, double *out, struct asx_err *err)
{
    for (int i = 0; i < p->n_choices; i++)
        if (strcmp(p->choices[i], v->text) == 0) {
            *out = i;
            return ASX_OK;
        }
    char what[160];
    snprintf(what, sizeof(what), "choice of '%s' called", path);
    return spec_unknown(s, err, place, what, v->text, (const char **)(uintptr_t)p->choices, (size_t)p->n_choices);
}

static asx_st read_value(struct task_spec *s, const char *path, const struct asx_param *p, const struct yaml_node *v,
                         struct spec_place place, double *out, struct asx_err *err)
{
    double low, high;
    bool on;
    if (v->kind != YAML_SCALAR)
        return spec_fail(err, ASX_E_INVAL, place,
                         "a value of '%s' is %s; write a scalar, a list, or {low: .., high: .., log: true}", path, spec_kind_of(v));
    if (p->kind == ASX_CHOICE)
        return read_choice(s, path, p, v, place, out, err);
    if (p->kind == ASX_BOOL) {
        if (spec_number(v, out) && (*out == 0 || *out == 1))
            return ASX_OK;
        if (!spec_bool(v, &on))
            return spec_fail(err, ASX_E_INVAL, place, "'%s' is '%.60s'; write true or false", path, v->text);
        *out = on;
        return ASX_OK;
    }
    allowed(p, &low, &high);
    if (!spec_number(v, out) || !isfinite(*out) || (p->kind == ASX_INT && *out != floor(*out)))
        return spec_fail(err, ASX_E_INVAL, place, "'%s' is '%.60s', not a %s; give one from %g to %g", path, v->text,
                         p->kind == ASX_INT ? "whole number" : "number", low, high);
    if (*out < low || *out > high)
        return spec_fail(err, ASX_E_INVAL, place, "'%s' is %.60s; give a value from %g to %g", path, v->text, low, high);
    return ASX_OK;
}

static asx_st read_list(struct task_spec *s, const char *path, const struct asx_param *p, const struct yaml_node *v,
                        struct spec_restriction *r, struct asx_err *err)
{
    const struct yaml_node *item = v->kind == YAML_LIST ? v->item : v;
    size_t n = v->kind == YAML_LIST ? v->n : 1;
    if (!n)
        return spec_fail(err, ASX_E_INVAL, r->place, "'%s' has no values; give at least one", path);
    double *value = arena_calloc(s->arena, n, sizeof(*value));
    const char **word = arena_calloc(s->arena, n, sizeof(*word));
    if (!value || !word)
        return spec_no_memory(err);
    for (size_t i = 0; i < n; i++) {
        struct spec_place place = spec_place_of(&item[i], r->place.origin);
        asx_st st = read_value(s, path, p, &item[i], place, &value[i], err);
        if (st)
            return st;
        for (size_t j = 0; j < i; j++)
            if (value[i] == value[j])
                return spec_fail(err, ASX_E_INVAL, place, "'%s' lists %.60s twice; remove one", path, item[i].text);
        if (p->kind == ASX_CHOICE && !(word[i] = arena_strdup(s->arena, p->choices[(int)value[i]])))
            return spec_no_memory(err);
    }
    r->n = (int)n;
    r->value = value;
    r->word = p->kind == ASX_CHOICE ? (const char *const *)word : NULL;
    return ASX_OK;
}

static asx_st read_range(struct task_spec *s, const char *path, const struct asx_param *p, const struct yaml_node *v,
                         struct spec_restriction *r, struct asx_err *err)
{
    static const char *const keys[] = {"low", "high", "log"};
    if (p->kind == ASX_CHOICE || p->kind == ASX_BOOL)
        return spec_fail(err, ASX_E_INVAL, r->place, "'%s' has no range; write a value or a list of values", path);
    r->low = p->low;
    r->high = p->high;
    r->log = p->log;
    for (size_t i = 0; i < v->n; i++) {
        const char *word = v->key[i].text;
        struct spec_place place = spec_place_of(&v->item[i], r->place.origin);
        asx_st st = ASX_OK;
        if (strcmp(word, "low") == 0)
            st = read_value(s, path, p, &v->item[i], place, &r->low, err);
        else if (strcmp(word, "high") == 0)
            st = read_value(s, path, p, &v->item[i], place, &r->high, err);
        else if (strcmp(word, "log"))
            st = spec_unknown(s, err, spec_place_of(&v->key[i], r->place.origin), "key of a range called", word,
                              (const char **)(uintptr_t)keys, 3);
        else if (!spec_bool(&v->item[i], &r->log))
            st = spec_fail(err, ASX_E_INVAL, place, "'log' of '%s' is not true or false; write one of them", path);
        if (st)
            return st;
    }
    if (r->low >= r->high)
        return spec_fail(err, ASX_E_INVAL, r->place, "the range of '%s' has low %g and high %g; low must be below high", path,
                         r->low, r->high);
    if (r->log && !(r->low > 0))
        return spec_fail(err, ASX_E_INVAL, r->place,
                         "the range of '%s' begins at %g, which has no logarithm; raise low, or drop log", path, r->low);
    return ASX_OK;
}

/* ---- restrictions -------------------------------------------------------------- */

/* Adds or replaces, in a new array: the old one stays good for whoever holds it. */
static asx_st put(struct task_spec *s, const struct spec_restriction *r, struct asx_err *err)
{
    int n = s->search.restrictions;
    struct spec_restriction *list = arena_calloc(s->arena, (size_t)n + 1, sizeof(*list));
    if (!list)
        return spec_no_memory(err);
    for (int i = 0; i < n; i++)
        list[i] = s->search.restriction[i];
    int at = 0;
    while (at < n && (strcmp(list[at].learner, r->learner) || strcmp(list[at].param, r->param)))
        at++;
    list[at] = *r;
    s->search.restriction = list;
    s->search.restrictions = at == n ? n + 1 : n;
    return ASX_OK;
}

static asx_st restrict_param(struct task_spec *s, const struct asx_learner *l, const char *name, const struct yaml_node *v,
                             struct spec_place at, struct spec_place value_at, struct asx_err *err)
{
    char path[192];
    struct params all = params_of(s, l);
    const struct asx_param *p = find(all, name);
    if (!p)
        return unknown_param(s, l, all, name, at, err);
    snprintf(path, sizeof(path), "%s.%s", l->head.name, name);
    struct spec_restriction r = {.learner = l->head.name, .param = arena_strdup(s->arena, name), .place = value_at};
    if (!r.param)
        return spec_no_memory(err);
    asx_st st = v->kind == YAML_MAP ? read_range(s, path, p, v, &r, err) : read_list(s, path, p, v, &r, err);
    return st ? st : put(s, &r, err);
}

static asx_st restrict_learner(struct task_spec *s, const char *name, const struct yaml_node *v, struct spec_place at,
                               struct asx_err *err)
{
    const struct asx_learner *l = spec_learner_named(&s->context, name);
    if (!l)
        return spec_unknown_learner(s, err, at, name);
    if (v->kind != YAML_MAP)
        return spec_fail(err, ASX_E_INVAL, at, "the space of '%s' is %s, not a map of parameters; write {parameter: values}", name,
                         spec_kind_of(v));
    for (size_t i = 0; i < v->n; i++) {
        asx_st st = restrict_param(s, l, v->key[i].text, &v->item[i], spec_place_of(&v->key[i], at.origin),
                                   spec_place_of(&v->item[i], at.origin), err);
        if (st)
            return st;
    }
    return ASX_OK;
}

asx_st spec_read_space(struct task_spec *s, const struct spec_key *k, const struct yaml_node *v, struct spec_place p,
                       struct asx_err *err)
{
    if (v->kind != YAML_MAP)
        return spec_fail(err, ASX_E_INVAL, p, "'%s' is %s, not a map of learners; write %s", k->path, spec_kind_of(v), k->example);
    s->search.restriction = NULL;
    s->search.restrictions = 0;
    for (size_t i = 0; i < v->n; i++) {
        asx_st st = restrict_learner(s, v->key[i].text, &v->item[i], spec_place_of(&v->key[i], p.origin), err);
        if (st)
            return st;
    }
    return ASX_OK;
}

/* "gbdt" or "gbdt.num_leaves"; parameters of steps have a dot of their own ("gbdt.onehot.max_levels"). */
asx_st spec_read_space_at(struct task_spec *s, const char *path, const struct yaml_node *v, struct spec_place p,
                          struct asx_err *err)
{
    char name[64];
    size_t n = strcspn(path, ".");
    snprintf(name, sizeof(name), "%.*s", (int)(n < sizeof(name) ? n : sizeof(name) - 1), path);
    if (!path[n])
        return restrict_learner(s, name, v, p, err);
    const struct asx_learner *l = spec_learner_named(&s->context, name);
    return l ? restrict_param(s, l, path + n + 1, v, p, p, err) : spec_unknown_learner(s, err, p, name);
}

int spec_choice_values(const struct spec_restriction *r, const struct asx_param *p, double *out)
{
    int n = 0;
    for (int i = 0; i < r->n; i++)
        for (int j = 0; r->word && j < p->n_choices; j++)
            if (strcmp(r->word[i], p->choices[j]) == 0)
                out[n++] = j;
    return n;
}
