/* SPDX-License-Identifier: Apache-2.0 */
/* A spec as JSON, and back through the reader of YAML: one reader, one set of checks. */
#include "tasks/spec_impl.h"

#include "base/json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- writing ------------------------------------------------------------------- */

static json_t *write_path(const char *path)
{
    char cwd[4096], full[8192];
    if (path[0] == '/' || strcmp(path, "-") == 0 || !getcwd(cwd, sizeof(cwd)))
        return json_string(path);
    snprintf(full, sizeof(full), "%s/%s", cwd, path);
    return json_string(full);
}

static json_t *write_names(const struct spec_names *list)
{
    json_t *a = json_array();
    for (int i = 0; a && i < list->n; i++)
        if (json_array_append_new(a, json_string(list->name[i]))) {
            json_decref(a);
            return NULL;
        }
    return a;
}

json_t *spec_write_pairs(const struct spec_pairs *p, const char *const *words)
{
    json_t *o = json_object();
    for (int i = 0; o && i < p->n; i++)
        if (json_object_set_new(o, p->name[i], words ? json_string(words[(int)p->value[i]]) : json_number(p->value[i]))) {
            json_decref(o);
            return NULL;
        }
    return o;
}

static const char *switch_word(int v)
{
    return v == SPEC_ON ? "on" : v == SPEC_OFF ? "off" : "auto";
}

static json_t *write_key(const struct task_spec *s, const struct spec_key *k)
{
    const void *f = spec_field(s, k);
    const char *text;
    switch (k->type) {
    case SPEC_TEXT: memcpy(&text, f, sizeof(text)); return text ? json_string(text) : json_null();
    case SPEC_PATH: memcpy(&text, f, sizeof(text)); return write_path(text);
    case SPEC_INT: return json_integer(*(const int *)f);
    case SPEC_U64: return json_integer((json_int_t) * (const uint64_t *)f);
    case SPEC_SIZE: return json_integer((json_int_t) * (const uint64_t *)f);
    case SPEC_REAL:
    case SPEC_DURATION: return json_real(*(const double *)f);
    case SPEC_SWITCH: return json_string(switch_word(*(const int *)f));
    case SPEC_WORD: return json_string(k->words[*(const int *)f]);
    case SPEC_NAMES:
    case SPEC_WORDS: return write_names(f);
    case SPEC_NUMBERS: return spec_write_pairs(f, NULL);
    case SPEC_TYPED: return spec_write_pairs(f, k->words);
    case SPEC_OTHER: return k->write ? k->write(s) : json_integer(1);
    }
    return json_null();
}

json_t *spec_write_task(const struct task_spec *s)
{
    return json_string(s->kind->head.name);
}

json_t *spec_write_class_weights(const struct task_spec *s)
{
    return s->data.balanced ? json_string("balanced") : spec_write_pairs(&s->data.class_weights, NULL);
}

json_t *spec_write_delimiter(const struct task_spec *s)
{
    return json_stringn(&s->data.delimiter, 1);
}

json_t *spec_write_maximize(const struct task_spec *s)
{
    return s->objective.metric && s->objective.metric->greater_is_better ? json_string(s->objective.metric->head.name)
                                                                         : json_null();
}

json_t *spec_write_minimize(const struct task_spec *s)
{
    if (s->objective.goal != SPEC_GOAL_SCORE)
        return json_string(s->objective.goal == SPEC_GOAL_TIME ? "time" : "price");
    return s->objective.metric && !s->objective.metric->greater_is_better ? json_string(s->objective.metric->head.name)
                                                                          : json_null();
}

static json_t *write_restriction(const struct spec_restriction *r)
{
    if (r->n == 0)
        return json_pack("{s:f, s:f, s:b}", "low", r->low, "high", r->high, "log", (int)r->log);
    json_t *a = json_array();
    for (int i = 0; a && i < r->n; i++)
        if (json_array_append_new(a, r->word ? json_string(r->word[i]) : json_number(r->value[i]))) {
            json_decref(a);
            return NULL;
        }
    return a;
}

json_t *spec_write_space(const struct task_spec *s)
{
    json_t *space = json_object();
    for (int i = 0; space && i < s->search.restrictions; i++) {
        const struct spec_restriction *r = &s->search.restriction[i];
        json_t *learner = json_object_get(space, r->learner);
        if (!learner && (json_object_set_new(space, r->learner, json_object()) || !(learner = json_object_get(space, r->learner))))
            goto fail;
        if (json_object_set_new(learner, r->param, write_restriction(r)))
            goto fail;
    }
    return space;
fail:
    json_decref(space);
    return NULL;
}

/* Sets "a.b.c" below root, making the objects between; takes the value. False: out of memory. */
static bool set_path(json_t *root, const char *path, json_t *value)
{
    char part[64];
    for (const char *dot; (dot = strchr(path, '.')); path = dot + 1) {
        snprintf(part, sizeof(part), "%.*s", (int)(dot - path), path);
        json_t *next = json_object_get(root, part);
        if (!next && (json_object_set_new(root, part, json_object()) || !(next = json_object_get(root, part)))) {
            json_decref(value);
            return false;
        }
        root = next;
    }
    return json_object_set_new(root, path, value) == 0;
}

static bool write_limits(const struct task_spec *s, json_t *root)
{
    char path[96], value[48];
    for (int i = 0; i < s->objective.limits; i++) {
        const struct spec_score_limit *l = &s->objective.limit[i];
        snprintf(path, sizeof(path), "objective.subject_to.%s", l->metric->head.name);
        snprintf(value, sizeof(value), "%s %.17g", l->metric->greater_is_better ? ">=" : "<=", l->value);
        if (!set_path(root, path, json_string(value)))
            return false;
    }
    return true;
}

json_t *spec_json(const struct task_spec *s)
{
    json_t *root = json_object();
    for (int i = 0; root && i < spec_keys_n; i++) {
        if (!s->place[i].origin)
            continue;
        json_t *v = write_key(s, &spec_keys[i]);
        if (json_is_null(v))
            continue;
        if (!v || !set_path(root, spec_keys[i].path, v)) {
            json_decref(root);
            return NULL;
        }
    }
    if (root && !write_limits(s, root)) {
        json_decref(root);
        return NULL;
    }
    return root;
}

/* ---- reading: JSON as a tree of YAML, without places ------------------------------- */

static bool scalar_of(const json_t *j, struct mem *mem, struct yaml_node *out)
{
    char number[40];
    out->kind = YAML_SCALAR;
    out->quoted = json_is_string(j);
    if (json_is_string(j))
        out->text = mem_strdup(mem, json_string_value(j));
    else if (json_is_boolean(j))
        out->text = mem_strdup(mem, json_is_true(j) ? "true" : "false");
    else {
        if (json_is_integer(j))
            snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(j));
        else
            snprintf(number, sizeof(number), "%.17g", json_number_value(j));
        out->text = mem_strdup(mem, json_is_null(j) ? "" : number);
    }
    return out->text != NULL;
}

static bool tree_of(const json_t *j, struct mem *mem, struct yaml_node *out)
{
    if (!json_is_object(j) && !json_is_array(j))
        return scalar_of(j, mem, out);
    size_t n = json_is_object(j) ? json_object_size(j) : json_array_size(j), i = 0;
    out->kind = json_is_object(j) ? YAML_MAP : YAML_LIST;
    out->item = mem_calloc(mem, n + 1, sizeof(*out->item));
    out->key = json_is_object(j) ? mem_calloc(mem, n + 1, sizeof(*out->key)) : NULL;
    if (!out->item || (json_is_object(j) && !out->key))
        return false;
    const char *name;
    json_t *v;
    out->n = n;
    if (json_is_array(j)) {
        for (i = 0; i < n; i++)
            if (!tree_of(json_array_get(j, i), mem, &out->item[i]))
                return false;
        return true;
    }
    json_object_foreach((json_t *)(uintptr_t)j, name, v)
    {
        out->key[i].kind = YAML_SCALAR;
        out->key[i].text = mem_strdup(mem, name);
        if (!out->key[i].text || !tree_of(v, mem, &out->item[i]))
            return false;
        i++;
    }
    return true;
}

asx_st spec_read_json(struct task_spec *s, const json_t *j, struct asx_err *err)
{
    struct yaml_node *root = mem_calloc(s->mem, 1, sizeof(*root));
    struct spec_reading r = {s, "stored task", "", false};
    asx_st st = root && tree_of(j, s->mem, root) ? spec_read_map(&r, "", root, err) : spec_no_memory(err);
    yaml_free(root);
    return st;
}
