/* SPDX-License-Identifier: Apache-2.0 */
#include "search/random/draw.h"
#include "base/hash.h"
#include "base/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Inactive parameters hold their default. */
static void settle(struct asx_config *c)
{
    bool on[ASX_MAX_PARAMS];
    for (int i = 0; i < c->space->n; i++)
        on[i] = asx_param_active(c, i);
    for (int i = 0; i < c->space->n; i++)
        if (!on[i])
            c->value[i] = c->space->param[i].def;
}

struct asx_key draw_key(const struct asx_config *c)
{
    struct hash h = hash_begin("random.config");
    hash_str(&h, c->learner->head.name);
    for (int i = 0; i < c->space->n; i++)
        if (asx_param_active(c, i)) {
            hash_str(&h, c->space->param[i].name);
            hash_f64(&h, c->value[i]);
        }
    return hash_end(&h);
}

/* ---- single values --------------------------------------------------------------- */

static bool is_range(const struct asx_param *p)
{
    return (p->kind == ASX_REAL || p->kind == ASX_INT) && p->n_values == 0 && p->low < p->high;
}

static bool on_log(const struct asx_param *p)
{
    return p->log && p->low > 0;
}

static double to_unit(const struct asx_param *p, double v)
{
    double u = on_log(p) ? log(fmax(v, p->low) / p->low) / log(p->high / p->low) : (v - p->low) / (p->high - p->low);
    return fmin(fmax(u, 0), 1);
}

static double from_unit(const struct asx_param *p, double u)
{
    double v = on_log(p) ? p->low * exp(u * log(p->high / p->low)) : p->low + u * (p->high - p->low);
    if (p->kind == ASX_INT)
        v = round(v);
    return fmin(fmax(v, p->low), p->high);
}

static int alternatives(const struct asx_param *p)
{
    if (p->n_values > 0)
        return p->n_values;
    return p->kind == ASX_CHOICE ? p->n_choices : p->kind == ASX_BOOL ? 2 : 0;
}

static double alternative(const struct asx_param *p, int k)
{
    return p->n_values > 0 ? p->values[k] : k;
}

static bool is_searched(const struct asx_param *p)
{
    return !p->fixed && (is_range(p) || alternatives(p) > 1);
}

static double random_value(const struct asx_param *p, struct rng *rng)
{
    int n = alternatives(p);
    if (p->n_values > 0 && (p->fixed || n == 1)) /* the spec's single value */
        return alternative(p, 0);
    if (!is_searched(p))
        return p->def;
    return n > 0 ? alternative(p, (int)rng_below(rng, (uint64_t)n)) : from_unit(p, rng_unit(rng));
}

/* The value allowed that is nearest; the default when nothing is near in kind. */
static double snap(const struct asx_param *p, double v)
{
    if (isnan(v))
        return p->def;
    if (p->n_values > 0) {
        double best = p->values[0];
        for (int k = 1; k < p->n_values; k++)
            if (fabs(p->values[k] - v) < fabs(best - v))
                best = p->values[k];
        return p->kind == ASX_CHOICE && best != v ? p->def : best;
    }
    switch (p->kind) {
    case ASX_CHOICE: return v >= 0 && v < p->n_choices ? floor(v) : p->def;
    case ASX_BOOL: return v != 0;
    default: break;
    }
    bool limits = p->min != 0 || p->max != 0;
    double low = limits ? p->min : p->low, high = limits ? p->max : p->high;
    if (p->kind == ASX_INT)
        v = round(v);
    return low < high ? fmin(fmax(v, low), high) : v;
}

/* ---- configs ------------------------------------------------------------------------ */

void draw_default(const struct asx_learner *l, const struct asx_space *s, struct asx_config *out)
{
    memset(out, 0, sizeof *out);
    out->learner = l;
    out->space = s;
    for (int i = 0; i < s->n; i++)
        out->value[i] = s->param[i].def;
}

static double json_value(const struct asx_param *p, const json_t *j)
{
    if (json_is_boolean(j))
        return json_is_true(j);
    if (json_is_number(j))
        return json_number_value(j);
    for (int k = 0; json_is_string(j) && p->kind == ASX_CHOICE && k < p->n_choices; k++)
        if (strcmp(p->choices[k], json_string_value(j)) == 0)
            return k;
    return NAN;
}

bool draw_json(const char *text, const struct asx_learner *l, const struct asx_space *s, struct asx_config *out)
{
    json_t *root = NULL;
    draw_default(l, s, out);
    if (json_parse(text, strlen(text), NULL, &root, NULL) != ASX_OK)
        return false;
    bool object = json_is_object(root);
    const char *name;
    json_t *value;
    json_object_foreach(root, name, value)
    {
        int i = asx_space_find(s, name);
        if (i >= 0)
            out->value[i] = snap(&s->param[i], json_value(&s->param[i], value));
    }
    json_decref(root);
    settle(out);
    return object;
}

void draw_random(const struct asx_learner *l, const struct asx_space *s, struct rng *rng, struct asx_config *out)
{
    draw_default(l, s, out);
    for (int i = 0; i < s->n; i++)
        out->value[i] = random_value(&s->param[i], rng);
    settle(out);
}

static double step(const struct asx_param *p, double v, struct rng *rng)
{
    int n = alternatives(p);
    if (n > 0)
        return alternative(p, (int)rng_below(rng, (uint64_t)n));
    double u = to_unit(p, v) + 0.2 * rng_normal(rng);
    double moved = from_unit(p, u < 0 ? -u : u > 1 ? 2 - u : u); /* reflected at the ends */
    if (p->kind == ASX_INT && moved == v)
        moved = v < p->high ? v + 1 : v - 1;
    return moved;
}

int draw_dimensions(const struct asx_space *s)
{
    int n = 0;
    for (int i = 0; i < s->n; i++)
        n += is_searched(&s->param[i]);
    return n;
}

void draw_near(const struct asx_config *near, struct rng *rng, struct asx_config *out)
{
    const struct asx_space *s = near->space;
    int searched = 0;
    for (int i = 0; i < s->n; i++)
        searched += is_searched(&s->param[i]) && asx_param_active(near, i);
    *out = *near;
    double share = searched ? fmin(1, 1.5 / searched) : 0;
    for (int i = 0; i < s->n; i++)
        if (is_searched(&s->param[i]) && asx_param_active(near, i) && rng_unit(rng) < share)
            out->value[i] = step(&s->param[i], near->value[i], rng);
    /* parameters that a changed choice has just switched on start at random */
    for (int i = 0; i < s->n; i++)
        if (!asx_param_active(near, i) && asx_param_active(out, i))
            out->value[i] = random_value(&s->param[i], rng);
    settle(out);
}
