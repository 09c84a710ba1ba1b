/* SPDX-License-Identifier: Apache-2.0 */
/* Configs: points of a space, to and from JSON, and their keys. */
#include "base/err.h"
#include "base/hash.h"
#include "base/json.h"
#include "optimizer/pipeline.h"

#include <math.h>
#include <stdlib.h>

static void settle(struct asx_config *c)
{
    bool active[ASX_MAX_PARAMS];
    for (int i = 0; i < c->space->n; i++)
        active[i] = asx_param_active(c, i);
    for (int i = 0; i < c->space->n; i++)
        if (!active[i])
            c->value[i] = c->space->param[i].def;
}

void opt_config_default(const struct asx_learner *learner, const struct asx_space *space, struct asx_config *out)
{
    memset(out, 0, sizeof *out);
    out->learner = learner;
    out->space = space;
    for (int i = 0; i < space->n; i++)
        out->value[i] = space->param[i].def;
}

/* The nearest point of the parameter's set; distances on its own scale. */
static double snap(const struct asx_param *p, double v)
{
    if (isnan(v))
        return p->def;
    if (p->n_values > 0) {
        double best = p->def, distance = INFINITY;
        for (int i = 0; i < p->n_values; i++) {
            double u = p->values[i];
            double d = p->log && u > 0 && v > 0 ? fabs(log(u / v)) : fabs(u - v);
            if (p->kind == ASX_CHOICE && u != v)
                continue;
            if (d < distance)
                best = u, distance = d;
        }
        return best;
    }
    if (p->kind == ASX_CHOICE)
        return v >= 0 && v < p->n_choices ? v : p->def;
    if (p->kind == ASX_BOOL)
        return v != 0;
    if (p->kind == ASX_INT)
        v = round(v);
    bool limits = p->min != 0 || p->max != 0;
    double low = limits ? p->min : p->low, high = limits ? p->max : p->high;
    return low < high || (low == high && limits) ? fmin(fmax(v, low), high) : v;
}

static double from_json(const struct asx_param *p, const json_t *j)
{
    if (json_is_boolean(j))
        return json_is_true(j);
    if (json_is_number(j))
        return json_number_value(j);
    if (json_is_string(j) && p->kind == ASX_CHOICE)
        for (int i = 0; i < p->n_choices; i++)
            if (strcmp(p->choices[i], json_string_value(j)) == 0)
                return i;
    return NAN;
}

asx_st opt_config_from_json(const char *text, const struct asx_learner *learner, const struct asx_space *space,
                            struct asx_config *out, struct asx_err *err)
{
    opt_config_default(learner, space, out);
    json_t *root = NULL;
    asx_st st = json_parse(text, strlen(text), NULL, &root, err);
    if (st)
        return st;
    if (!json_is_object(root)) {
        json_decref(root);
        return err_set(err, ASX_E_INVAL, "config '%s' is not a JSON object; write {\"parameter\": value}", text);
    }
    const char *key;
    json_t *value;
    json_object_foreach(root, key, value)
    {
        int i = asx_space_find(space, key);
        if (i >= 0)
            out->value[i] = snap(&space->param[i], from_json(&space->param[i], value));
    }
    json_decref(root);
    settle(out);
    return ASX_OK;
}

static json_t *value_json(const struct asx_param *p, double v)
{
    switch (p->kind) {
    case ASX_BOOL: return json_boolean(v != 0);
    case ASX_CHOICE: return (int)v >= 0 && (int)v < p->n_choices ? json_string(p->choices[(int)v]) : json_null();
    case ASX_INT: return json_integer((json_int_t)llround(v));
    default: return json_number(v);
    }
}

json_t *opt_config_json(const struct asx_config *c)
{
    json_t *o = json_object();
    for (int i = 0; o && i < c->space->n; i++) {
        const struct asx_param *p = &c->space->param[i];
        /* what a spec fixed is shown: a later run with another spec must be able to tell */
        bool single = (p->kind == ASX_CHOICE && p->n_choices == 1) || (p->n_values != 1 && p->fixed && c->value[i] == p->def);
        if (single || !asx_param_active(c, i))
            continue;
        if (json_object_set_new(o, p->name, value_json(p, c->value[i]))) {
            json_decref(o);
            return NULL;
        }
    }
    return o;
}

struct asx_key opt_config_key(const struct asx_config *c)
{
    struct hash h = hash_begin("config");
    hash_str(&h, c->learner->head.name);
    hash_u64(&h, (uint64_t)c->learner->version);
    for (int i = 0; i < c->space->n; i++) {
        const struct asx_param *p = &c->space->param[i];
        if (!asx_param_active(c, i))
            continue;
        hash_str(&h, p->name);
        if (p->kind == ASX_CHOICE && (int)c->value[i] >= 0 && (int)c->value[i] < p->n_choices)
            hash_str(&h, p->choices[(int)c->value[i]]); /* an index depends on which steps fit */
        else
            hash_f64(&h, c->value[i]);
    }
    return hash_end(&h);
}
