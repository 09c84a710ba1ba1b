/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a spec: walking maps by the table of keys, and scalars by their key's type. */
#include "tasks/spec_impl.h"

#include "base/clock.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

asx_st spec_fail(struct asx_err *err, asx_st code, struct spec_place p, const char *fmt, ...)
{
    char text[sizeof(((struct asx_err *)0)->text)];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    return err_at(err, code, p.origin && p.origin[0] ? p.origin : NULL, p.line, p.column, "%s", text);
}

asx_st spec_no_memory(struct asx_err *err)
{
    return err_set(err, ASX_E_NOMEM, "not enough memory for the task; raise the memory limit");
}

struct spec_place spec_place_of(const struct yaml_node *v, const char *origin)
{
    return (struct spec_place){v->line, v->column, origin};
}

void *spec_field(const struct task_spec *s, const struct spec_key *k)
{
    return (char *)(uintptr_t)s + k->offset;
}

int spec_find(const char *path)
{
    for (int i = 0; i < spec_keys_n; i++)
        if (strcmp(spec_keys[i].path, path) == 0)
            return i;
    return -1;
}

const char *spec_kind_of(const struct yaml_node *v)
{
    return v->kind == YAML_LIST ? "a list" : v->kind == YAML_MAP ? (v->n ? "a map" : "empty") : "a text";
}

/* The key decides the type: "200" in quotes is a number where a number is wanted. */
bool spec_number(const struct yaml_node *v, double *out)
{
    struct yaml_node bare = *v;
    bare.quoted = false;
    return yaml_as_number(&bare, out);
}

bool spec_bool(const struct yaml_node *v, bool *out)
{
    struct yaml_node bare = *v;
    bare.quoted = false;
    return yaml_as_bool(&bare, out);
}

/* ---- scalars --------------------------------------------------------------- */

/* Is there a value at all? An unquoted null word is text for keys that take text. */
static bool no_value(const struct yaml_node *v)
{
    return (v->kind == YAML_SCALAR && !v->quoted && !v->text[0]) || (v->kind == YAML_MAP && !v->n);
}

static asx_st wrong(const struct spec_key *k, const struct yaml_node *v, struct spec_place p, const char *wanted,
                    struct asx_err *err)
{
    return spec_fail(err, ASX_E_INVAL, p, "'%s' is '%.60s', not %s; write for example %s", k->path, v->text, wanted, k->example);
}

static asx_st out_of_range(const struct spec_key *k, const struct yaml_node *v, struct spec_place p, struct asx_err *err)
{
    if (k->high >= 1e8)
        return spec_fail(err, ASX_E_INVAL, p, "'%s' is %.60s, which is too %s; write for example %s", k->path, v->text,
                         v->text[0] == '-' || strtod(v->text, NULL) <= k->low ? "small" : "large", k->example);
    return spec_fail(err, ASX_E_INVAL, p, "'%s' is %.60s; give a value from %g to %g", k->path, v->text, k->low, k->high);
}

static asx_st read_text(struct spec_reading *r, const struct spec_key *k, const struct yaml_node *v, struct asx_err *err)
{
    bool join = k->type == SPEC_PATH && v->text[0] != '/' && strcmp(v->text, "-");
    const char *copy = arena_printf(r->spec->arena, "%s%s", join ? r->folder : "", v->text);
    if (!copy)
        return spec_no_memory(err);
    if (!v->text[0])
        return spec_fail(err, ASX_E_INVAL, spec_place_of(v, r->origin), "'%s' is empty; give a name, or remove the line", k->path);
    memcpy(spec_field(r->spec, k), &copy, sizeof(copy));
    return ASX_OK;
}

static asx_st read_number(struct spec_reading *r, const struct spec_key *k, const struct yaml_node *v, struct asx_err *err)
{
    struct spec_place p = spec_place_of(v, r->origin);
    void *field = spec_field(r->spec, k);
    double x = 0;
    uint64_t u = 0;
    if (k->type == SPEC_DURATION) {
        if (!clock_parse_duration(v->text, &x))
            return wrong(k, v, p, "a duration", err);
    } else if (k->type == SPEC_SIZE) {
        if (!clock_parse_size(v->text, &u))
            return wrong(k, v, p, "a size", err);
        x = (double)u;
    } else if (!spec_number(v, &x) || !isfinite(x))
        return wrong(k, v, p, k->type == SPEC_REAL ? "a number" : "a whole number", err);
    if ((k->type == SPEC_INT || k->type == SPEC_U64) && x != floor(x))
        return wrong(k, v, p, "a whole number", err);
    if (x < k->low || x > k->high)
        return out_of_range(k, v, p, err);
    switch (k->type) {
    case SPEC_INT: *(int *)field = (int)x; break;
    case SPEC_U64: *(uint64_t *)field = (uint64_t)x; break;
    case SPEC_SIZE: *(uint64_t *)field = u; break;
    default: *(double *)field = x; break;
    }
    return ASX_OK;
}

static asx_st read_switch(struct spec_reading *r, const struct spec_key *k, const struct yaml_node *v, struct asx_err *err)
{
    bool on;
    int *field = spec_field(r->spec, k);
    if (strcmp(v->text, "auto") == 0)
        *field = SPEC_DEFAULT;
    else if (spec_bool(v, &on))
        *field = on ? SPEC_ON : SPEC_OFF;
    else
        return wrong(k, v, spec_place_of(v, r->origin), "on or off", err);
    return ASX_OK;
}

static asx_st read_word(struct spec_reading *r, const struct spec_key *k, const struct yaml_node *v, struct asx_err *err)
{
    size_t n = 0;
    bool on;
    for (; k->words[n]; n++)
        if (strcmp(k->words[n], v->text) == 0) {
            *(int *)spec_field(r->spec, k) = (int)n;
            return ASX_OK;
        }
    if (strcmp(k->path, "data.header") == 0 && spec_bool(v, &on)) {
        *(int *)spec_field(r->spec, k) = on ? SPEC_HEADER_YES : SPEC_HEADER_NO;
        return ASX_OK;
    }
    return spec_unknown(r->spec, err, spec_place_of(v, r->origin), strrchr(k->path, '.') + 1, v->text,
                        (const char **)(uintptr_t)k->words, n);
}

/* ---- keys that exclude each other -------------------------------------------- */

static const char *const exclusive[][2] = {
    {"objective.maximize", "objective.minimize"},
    {"search.validation.folds", "search.validation.holdout"},
    {"search.validation.group", "search.validation.time"},
};

/* From one place a contradiction; else the later one takes the earlier one's place. */
static asx_st settle(struct spec_reading *r, int key, struct spec_place p, struct asx_err *err)
{
    struct task_spec *s = r->spec;
    for (size_t i = 0; i < sizeof(exclusive) / sizeof(*exclusive); i++)
        for (int side = 0; side < 2; side++) {
            if (strcmp(exclusive[i][side], spec_keys[key].path))
                continue;
            int other = spec_find(exclusive[i][1 - side]);
            if (!s->place[other].origin)
                continue;
            if (strcmp(s->place[other].origin, r->origin) == 0)
                return spec_fail(err, ASX_E_INVAL, p, "'%s' and '%s' contradict each other; keep one of them", exclusive[i][0],
                                 exclusive[i][1]);
            s->place[other] = (struct spec_place){0};
            if (strcmp(spec_keys[other].path, "search.validation.folds") == 0)
                s->search.folds = 0;
            else if (strcmp(spec_keys[other].path, "search.validation.holdout") == 0)
                s->search.holdout = 0;
            else if (i == 2)
                *(const char **)spec_field(s, &spec_keys[other]) = NULL;
        }
    return ASX_OK;
}

/* ---- one key ------------------------------------------------------------------- */

asx_st spec_read_value(struct spec_reading *r, int key, const struct yaml_node *v, struct asx_err *err)
{
    const struct spec_key *k = &spec_keys[key];
    struct spec_place p = spec_place_of(v, r->origin);
    if (no_value(v) && k->type != SPEC_NUMBERS && k->type != SPEC_TYPED && k->read != spec_read_space)
        return spec_fail(err, ASX_E_INVAL, p, "'%s' has no value; write for example %s, or remove the line", k->path, k->example);
    asx_st st = settle(r, key, p, err);
    if (st)
        return st;
    bool scalar = k->type <= SPEC_WORD;
    if (scalar && v->kind != YAML_SCALAR)
        return spec_fail(err, ASX_E_INVAL, p, "'%s' is %s, not one value; write for example %s", k->path, spec_kind_of(v),
                         k->example);
    switch (k->type) {
    case SPEC_TEXT:
    case SPEC_PATH: st = read_text(r, k, v, err); break;
    case SPEC_INT:
    case SPEC_U64:
    case SPEC_REAL:
    case SPEC_DURATION:
    case SPEC_SIZE: st = read_number(r, k, v, err); break;
    case SPEC_SWITCH: st = read_switch(r, k, v, err); break;
    case SPEC_WORD: st = read_word(r, k, v, err); break;
    case SPEC_NAMES:
    case SPEC_WORDS: st = spec_read_names(r, k, v, err); break;
    case SPEC_NUMBERS:
    case SPEC_TYPED: st = spec_read_pairs(r, k, v, err); break;
    case SPEC_OTHER: st = k->read(r->spec, k, v, p, err); break;
    }
    if (!st)
        r->spec->place[key] = p;
    return st;
}

/* ---- maps ------------------------------------------------------------------------ */

static bool is_section(const char *path)
{
    size_t n = strlen(path);
    for (int i = 0; i < spec_keys_n; i++)
        if (strncmp(spec_keys[i].path, path, n) == 0 && spec_keys[i].path[n] == '.')
            return true;
    return false;
}

/* The part of a key's path that stands directly under prefix ("" for the top), or NULL. */
static const char *child_of(const struct spec_key *k, const char *prefix, char *out, size_t size)
{
    size_t n = strlen(prefix);
    if (n && (strncmp(k->path, prefix, n) || k->path[n] != '.'))
        return NULL;
    const char *rest = k->path + (n ? n + 1 : 0);
    snprintf(out, size, "%.*s", (int)strcspn(rest, "."), rest);
    return out;
}

/* Names the nearest key of the same map; else the key of that name elsewhere; else what the map can hold. */
static asx_st unknown_key(struct task_spec *s, const char *prefix, const char *word, struct spec_place p, struct asx_err *err)
{
    char child[SPEC_MAX_KEYS][40], list[400] = "";
    const char *name[SPEC_MAX_KEYS];
    size_t n = 0, used = 0;
    for (int i = 0; i < spec_keys_n; i++) {
        if (!child_of(&spec_keys[i], prefix, child[n], sizeof(child[n])) || (n && strcmp(child[n], child[n - 1]) == 0))
            continue;
        name[n] = child[n];
        used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", n ? ", " : "", child[n]);
        n++;
    }
    const char *in = prefix[0] ? " in '" : "", *end = prefix[0] ? "'" : "";
    const char *near = err_nearest(word, name, n);
    if (near)
        return spec_fail(err, ASX_E_INVAL, p, "there is no key '%.60s'%s%s%s; did you mean '%s'?", word, in, prefix, end, near);
    for (int i = 0; i < spec_keys_n; i++) {
        const char *dot = strrchr(spec_keys[i].path, '.');
        if (dot && strcmp(dot + 1, word) == 0)
            return spec_fail(err, ASX_E_INVAL, p, "there is no key '%.60s'%s%s%s; did you mean '%s'?", word, in, prefix, end,
                             spec_keys[i].path);
    }
    if (strcmp(prefix, "objective.subject_to") == 0)
        return spec_fail(err, ASX_E_INVAL, p, "there is no limit '%.60s'; choose among %s, or a metric's name", word, list);
    (void)s;
    return spec_fail(err, ASX_E_INVAL, p, "there is no key '%.60s'%s%s%s; choose among %s", word, in, prefix, end, list);
}

asx_st spec_read_map(struct spec_reading *r, const char *prefix, const struct yaml_node *map, struct asx_err *err)
{
    if (map->kind == YAML_SCALAR && !map->quoted && !map->text[0])
        return ASX_OK; /* a section whose lines are all comments */
    if (map->kind != YAML_MAP)
        return spec_fail(err, ASX_E_INVAL, spec_place_of(map, r->origin),
                         "%s%s%s is %s, not a map of keys; write 'key: value' lines", prefix[0] ? "'" : "the task spec", prefix,
                         prefix[0] ? "'" : "", spec_kind_of(map));
    for (size_t i = 0; i < map->n; i++) {
        char path[256];
        const char *word = map->key[i].text;
        struct spec_place p = spec_place_of(&map->key[i], r->origin);
        if (snprintf(path, sizeof(path), "%s%s%s", prefix, prefix[0] ? "." : "", word) >= (int)sizeof(path))
            return unknown_key(r->spec, prefix, word, p, err);
        int key = strchr(word, '.') ? -1 : spec_find(path);
        asx_st st;
        if (key >= 0)
            st = spec_read_value(r, key, &map->item[i], err);
        else if (!strchr(word, '.') && is_section(path))
            st = spec_read_map(r, path, &map->item[i], err);
        else if (strcmp(prefix, "objective.subject_to") == 0 && spec_metric_named(&r->spec->context, word))
            st = spec_read_score_limit(r->spec, word, &map->item[i], spec_place_of(&map->item[i], r->origin), err);
        else
            st = unknown_key(r->spec, prefix, word, p, err);
        if (st)
            return st;
    }
    return ASX_OK;
}

/* ---- one value from outside a file --------------------------------------------------- */

static void forget_places(struct yaml_node *v)
{
    v->line = v->column = 0;
    for (size_t i = 0; i < v->n; i++) {
        if (v->key)
            forget_places(&v->key[i]);
        if (v->item)
            forget_places(&v->item[i]);
    }
}

/* Does the value of this key stand as it is when an option gives it? */
static bool plain(int key)
{
    return key >= 0 && spec_keys[key].type <= SPEC_WORDS;
}

/* Finds the first part of a path that its section does not have. */
static asx_st unknown_path(struct task_spec *s, const char *path, struct spec_place p, struct asx_err *err)
{
    char prefix[256] = "", next[256], word[256];
    for (const char *at = path;;) {
        size_t n = strcspn(at, ".");
        snprintf(word, sizeof(word), "%.*s", (int)n, at);
        snprintf(next, sizeof(next), "%.*s", (int)(at + n - path), path);
        if (!at[n] || !is_section(next))
            return unknown_key(s, prefix, word, p, err);
        memcpy(prefix, next, sizeof(prefix));
        at += n + 1;
    }
}

static asx_st set_node(struct spec_reading *r, const char *path, const struct yaml_node *v, struct asx_err *err)
{
    struct task_spec *s = r->spec;
    struct spec_place p = {0, 0, r->origin};
    int key = spec_find(path);
    if (key >= 0)
        return spec_read_value(r, key, v, err);
    for (int i = 0; i < spec_keys_n; i++) {
        const struct spec_key *k = &spec_keys[i];
        size_t n = strlen(k->path);
        if (strncmp(k->path, path, n) || path[n] != '.')
            continue;
        asx_st st = k->read == spec_read_space ? spec_read_space_at(s, path + n + 1, v, p, err)
                    : k->type == SPEC_NUMBERS || k->type == SPEC_TYPED || k->read == spec_read_class_weights
                        ? spec_read_pair(s, k, path + n + 1, v, p, err)
                        : spec_fail(err, ASX_E_INVAL, p, "there is no key '%s'; '%s' is one value", path, k->path);
        if (!st && k->read == spec_read_class_weights)
            s->data.balanced = false;
        if (!st)
            s->place[i] = p;
        return st;
    }
    if (is_section(path))
        return spec_read_map(r, path, v, err);
    static const char limits[] = "objective.subject_to.";
    size_t n = sizeof(limits) - 1;
    if (strncmp(path, limits, n) == 0 && spec_metric_named(&s->context, path + n))
        return spec_read_score_limit(s, path + n, v, p, err);
    return unknown_path(s, path, p, err);
}

asx_st spec_set(struct task_spec *s, const char *path, const char *value, const char *origin, struct asx_err *err)
{
    if (strcmp(path, "objective.metric") == 0) {
        const struct asx_metric *m = spec_metric_named(&s->context, value);
        struct spec_place p = {0, 0, origin ? origin : "--set objective.metric"};
        if (!m)
            return spec_unknown_metric(s, err, p, value);
        path = m->greater_is_better ? "objective.maximize" : "objective.minimize";
    }
    int key = spec_find(path);
    struct spec_reading r = {s, NULL, "", origin != NULL};
    r.origin = origin ? arena_strdup(s->arena, origin) : arena_printf(s->arena, "--set %s", path);
    if (!r.origin)
        return spec_no_memory(err);
    bool word = strncmp(path, "objective.m", 11) == 0 || strcmp(path, "task") == 0 || strcmp(path, "data.delimiter") == 0;
    if (origin && (plain(key) || word)) {
        struct yaml_node v = {.kind = YAML_SCALAR, .text = (char *)(uintptr_t)value};
        return spec_read_value(&r, key, &v, err);
    }
    struct yaml_node *v = NULL;
    asx_st st = yaml_parse(value, strlen(value), r.origin, s->mem, &v, err);
    if (st)
        return st;
    forget_places(v);
    st = set_node(&r, path, v, err);
    yaml_free(v);
    return st;
}

/* ---- files ------------------------------------------------------------------------------ */

static asx_st read_tree(struct task_spec *s, const struct yaml_node *root, const char *file, struct asx_err *err)
{
    struct spec_reading r = {s, NULL, "", false};
    const char *slash = file ? strrchr(file, '/') : NULL;
    r.origin = arena_strdup(s->arena, file ? file : "");
    if (slash)
        r.folder = arena_printf(s->arena, "%.*s", (int)(slash - file) + 1, file);
    if (!r.origin || !r.folder)
        return spec_no_memory(err);
    return spec_read_map(&r, "", root, err);
}

asx_st spec_read_text(struct task_spec *s, const char *text, size_t size, const char *file, struct asx_err *err)
{
    struct yaml_node *root = NULL;
    asx_st st = yaml_parse(text, size, file, s->mem, &root, err);
    if (!st)
        st = read_tree(s, root, file, err);
    yaml_free(root);
    return st;
}

asx_st spec_read_file(struct task_spec *s, const char *path, struct asx_err *err)
{
    struct yaml_node *root = NULL;
    asx_st st = yaml_read(path, s->mem, &root, err);
    if (!st)
        st = read_tree(s, root, path, err);
    yaml_free(root);
    return st;
}

asx_st spec_create(const struct spec_context *c, struct mem *mem, struct task_spec **out, struct asx_err *err)
{
    struct task_spec *s = mem_calloc(mem, 1, sizeof(*s));
    struct arena *arena = arena_create(mem);
    if (!s || !arena) {
        mem_free(s);
        if (arena)
            arena_destroy(arena);
        return spec_no_memory(err);
    }
    s->context = *c;
    s->mem = mem;
    s->arena = arena;
    s->search.seed = 1;
    *out = s;
    return ASX_OK;
}

void spec_free(struct task_spec *s)
{
    if (!s)
        return;
    arena_destroy(s->arena);
    mem_free(s);
}

struct spec_place spec_where(const struct task_spec *s, const char *path)
{
    size_t n = strlen(path);
    if (strcmp(path, "objective.metric") == 0)
        path = spec_given(s, "objective.maximize") ? "objective.maximize" : "objective.minimize";
    int key = spec_find(path);
    for (int i = 0; key < 0 && i < spec_keys_n; i++)
        if (s->place[i].origin && strncmp(spec_keys[i].path, path, n) == 0 && spec_keys[i].path[n] == '.')
            key = i;
    return key >= 0 ? s->place[key] : (struct spec_place){0, 0, NULL};
}

bool spec_given(const struct task_spec *s, const char *path)
{
    int key = spec_find(path);
    return key >= 0 && s->place[key].origin;
}
