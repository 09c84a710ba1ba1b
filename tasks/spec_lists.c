/* SPDX-License-Identifier: Apache-2.0 */
/* Lists and maps of a spec. They live in the spec's arena: growing copies, which is fine for lists people write. */
#include "tasks/spec_impl.h"

#include <math.h>
#include <string.h>

static const char *keep(struct task_spec *s, const char *text, size_t length)
{
    return arena_printf(s->arena, "%.*s", (int)length, text);
}

asx_st spec_names_add(struct task_spec *s, struct spec_names *list, const char *name, size_t length, struct asx_err *err)
{
    /* powers of two have just been filled: room for the next is made there */
    if ((list->n & (list->n - 1)) == 0) {
        size_t room = list->n ? 2 * (size_t)list->n : 1;
        const char **grown = arena_calloc(s->arena, room + 1, sizeof(*grown));
        if (!grown)
            return spec_no_memory(err);
        if (list->n)
            memcpy(grown, list->name, (size_t)list->n * sizeof(*grown));
        list->name = grown;
    }
    const char *copy = keep(s, name, length);
    if (!copy)
        return spec_no_memory(err);
    list->name[list->n++] = copy;
    list->name[list->n] = NULL;
    return ASX_OK;
}

asx_st spec_pairs_put(struct task_spec *s, struct spec_pairs *p, const char *name, double value, struct asx_err *err)
{
    for (int i = 0; i < p->n; i++)
        if (strcmp(p->name[i], name) == 0) {
            p->value[i] = value;
            return ASX_OK;
        }
    const char **names = arena_calloc(s->arena, (size_t)p->n + 1, sizeof(*names));
    double *values = arena_calloc(s->arena, (size_t)p->n + 1, sizeof(*values));
    const char *copy = keep(s, name, strlen(name));
    if (!names || !values || !copy)
        return spec_no_memory(err);
    if (p->n) {
        memcpy(names, p->name, (size_t)p->n * sizeof(*names));
        memcpy(values, p->value, (size_t)p->n * sizeof(*values));
    }
    names[p->n] = copy;
    values[p->n] = value;
    *p = (struct spec_pairs){names, values, p->n + 1};
    return ASX_OK;
}

/* "a,b": names of these keys have no commas. Blanks around them are dropped. */
static asx_st split(struct task_spec *s, struct spec_names *list, const char *text, struct asx_err *err)
{
    while (text) {
        const char *comma = strchr(text, ',');
        size_t n = comma ? (size_t)(comma - text) : strlen(text);
        const char *from = text;
        while (n && from[0] == ' ')
            from++, n--;
        while (n && from[n - 1] == ' ')
            n--;
        asx_st st = n ? spec_names_add(s, list, from, n, err) : ASX_OK;
        if (st)
            return st;
        text = comma ? comma + 1 : NULL;
    }
    return ASX_OK;
}

/* Names of SPEC_WORDS keys mean something; what is looked up when. */
static asx_st check_names(struct task_spec *s, const struct spec_key *k, const struct spec_names *list, struct spec_place place,
                          struct asx_err *err)
{
    for (int i = 0; i < list->n; i++) {
        for (int j = 0; j < i; j++)
            if (strcmp(list->name[i], list->name[j]) == 0)
                return spec_fail(err, ASX_E_INVAL, place, "'%s' names '%s' twice; remove one", k->path, list->name[i]);
        if (strcmp(k->path, "search.learners") == 0 && !spec_learner_named(&s->context, list->name[i]))
            return spec_unknown_learner(s, err, place, list->name[i]);
    }
    return ASX_OK;
}

asx_st spec_read_names(struct spec_reading *r, const struct spec_key *k, const struct yaml_node *v, struct asx_err *err)
{
    struct task_spec *s = r->spec;
    struct spec_names list = {NULL, 0};
    struct spec_place place = spec_place_of(v, r->origin);
    asx_st st = ASX_OK;
    if (v->kind == YAML_MAP)
        return spec_fail(err, ASX_E_INVAL, place, "'%s' is a map, not a list; write %s", k->path, k->example);
    if (v->kind == YAML_SCALAR)
        st = k->type == SPEC_WORDS || r->option ? split(s, &list, v->text, err)
                                                : spec_names_add(s, &list, v->text, strlen(v->text), err);
    for (size_t i = 0; !st && v->kind == YAML_LIST && i < v->n; i++) {
        if (v->item[i].kind != YAML_SCALAR)
            return spec_fail(err, ASX_E_INVAL, spec_place_of(&v->item[i], r->origin), "an item of '%s' is %s, not a name; write %s",
                             k->path, spec_kind_of(&v->item[i]), k->example);
        st = spec_names_add(s, &list, v->item[i].text, strlen(v->item[i].text), err);
        struct spec_names one = {list.name ? list.name + list.n - 1 : NULL, st ? 0 : 1};
        if (!st)
            st = check_names(s, k, &one, spec_place_of(&v->item[i], r->origin), err);
    }
    if (!st)
        st = check_names(s, k, &list, place, err);
    if (!st && !list.n && strcmp(k->path, "optimizer.disable") && strcmp(k->path, "data.ignore") && strcmp(k->path, "data.missing"))
        st = spec_fail(err, ASX_E_INVAL, place, "'%s' is empty; name at least one, or remove the line", k->path);
    if (!st)
        memcpy(spec_field(s, k), &list, sizeof(list));
    return st;
}

asx_st spec_read_pair(struct task_spec *s, const struct spec_key *k, const char *name, const struct yaml_node *v,
                      struct spec_place place, struct asx_err *err)
{
    struct spec_pairs *p = spec_field(s, k);
    double x = 0;
    if (v->kind != YAML_SCALAR)
        return spec_fail(err, ASX_E_INVAL, place, "'%s.%s' is %s, not one value; write %s", k->path, name, spec_kind_of(v),
                         k->example);
    if (k->type == SPEC_TYPED) {
        size_t n = 0;
        while (k->words[n])
            n++;
        for (size_t i = 0; i < n; i++)
            if (strcmp(k->words[i], v->text) == 0)
                return spec_pairs_put(s, p, name, (double)i, err);
        return spec_unknown(s, err, place, "type", v->text, (const char **)(uintptr_t)k->words, n);
    }
    if (!spec_number(v, &x) || x < k->low || x > k->high || !isfinite(x))
        return spec_fail(err, ASX_E_INVAL, place, "'%s.%s' is '%.60s', not a number %s; write %s", k->path, name, v->text,
                         k->low < 0 ? "from -1 to 1" : "of 0 or more", k->example);
    if (k->low < 0 && x != floor(x))
        return spec_fail(err, ASX_E_INVAL, place, "'%s.%s' is %s; give -1, 0 or 1", k->path, name, v->text);
    return spec_pairs_put(s, p, name, x, err);
}

asx_st spec_read_pairs(struct spec_reading *r, const struct spec_key *k, const struct yaml_node *v, struct asx_err *err)
{
    struct spec_pairs *p = spec_field(r->spec, k);
    if (v->kind != YAML_MAP)
        return spec_fail(err, ASX_E_INVAL, spec_place_of(v, r->origin), "'%s' is %s, not a map; write %s", k->path, spec_kind_of(v),
                         k->example);
    *p = (struct spec_pairs){NULL, NULL, 0};
    for (size_t i = 0; i < v->n; i++) {
        asx_st st = spec_read_pair(r->spec, k, v->key[i].text, &v->item[i], spec_place_of(&v->item[i], r->origin), err);
        if (st)
            return st;
    }
    return ASX_OK;
}
