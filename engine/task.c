/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/task.h"
#include "engine/ops/core.h"
#include "engine/registry.h"

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "data/frame.h"

#include <stdlib.h>
#include <string.h>

/* ---- spaces a spec is checked against --------------------------------------------- */

static const struct asx_space *whole_space(void *arg, const struct asx_learner *learner)
{
    struct task *t = arg;
    for (int i = 0; i < t->spaces; i++)
        if (t->space_of[i] == learner)
            return t->space[i];
    struct asx_space **space = mem_realloc(t->mem, t->space, (size_t)(t->spaces + 1) * sizeof *space);
    if (space)
        t->space = space;
    const struct asx_learner **of = mem_realloc(t->mem, t->space_of, (size_t)(t->spaces + 1) * sizeof *of);
    if (of)
        t->space_of = of;
    struct asx_err ignored = {0};
    if (!space || !of ||
        opt_space_make(t->session->registry, NULL, learner, NULL, 0, t->mem, &t->space[t->spaces], &ignored) != ASX_OK)
        return NULL;
    t->space_of[t->spaces] = learner;
    return t->space[t->spaces++];
}

asx_st task_create(struct session *s, const char *kind, struct task **out, struct asx_err *err)
{
    struct mem *mem = mem_create(NULL, 0);
    struct task *t = mem ? mem_calloc(mem, 1, sizeof *t) : NULL;
    if (!t) {
        if (mem)
            mem_destroy(mem);
        return err_set(err, ASX_E_NOMEM, "no memory for a task");
    }
    t->session = s;
    t->mem = mem;
    struct spec_context c = {.registry = s->registry, .space = whole_space, .arg = t};
    asx_st st = spec_create(&c, mem, &t->spec, err);
    if (st == ASX_OK && kind)
        st = spec_set(t->spec, "task", kind, "task", err);
    if (st != ASX_OK)
        task_free(t);
    else
        *out = t;
    return st;
}

void task_free(struct task *t)
{
    if (!t)
        return;
    spec_free(t->spec);
    for (int i = 0; i < t->spaces; i++)
        opt_space_free(t->space[i]);
    mem_free(t->space);
    mem_free(t->space_of);
    mem_free(t->spec_text);
    mem_free(t->spec_path);
    frame_put(t->frame);
    struct mem *mem = t->mem;
    mem_free(t);
    mem_destroy(mem);
}

/* ---- translation --------------------------------------------------------------------- */

static asx_st no_memory(struct asx_err *err)
{
    return err_set(err, ASX_E_NOMEM, "no memory for a task");
}

/* Columns to ignore: those of the folds are read all the same. */
static asx_st ignore_part(const struct task_spec *s, struct arena *a, struct run_options *o, struct asx_err *err)
{
    size_t n = (size_t)s->data.ignore.n, unread = 0;
    const char **skip = arena_calloc(a, n + 1, sizeof *skip);
    if (!skip)
        return no_memory(err);
    for (size_t i = 0; i < n; i++) {
        const char *name = s->data.ignore.name[i], *group = s->search.group, *time = s->search.time;
        if (!(group && strcmp(name, group) == 0) && !(time && strcmp(name, time) == 0))
            skip[unread++] = name;
    }
    o->read.ignore = skip;
    o->no_feature = s->data.ignore.name;
    return ASX_OK;
}

struct note_list {
    struct arena *arena;
    const char *note[32];
    int n;
};

static void add_note(void *arg, const char *text)
{
    struct note_list *l = arg;
    const char *copy = l->n < 31 ? arena_strdup(l->arena, text) : NULL;
    if (copy)
        l->note[l->n++] = copy;
}

static asx_st notes_part(const struct task_spec *s, struct arena *a, struct run_options *o, struct asx_err *err)
{
    struct note_list *l = arena_calloc(a, 1, sizeof *l);
    if (!l)
        return no_memory(err);
    l->arena = a;
    spec_notes(s, add_note, l);
    o->notes = l->note;
    return ASX_OK;
}

static asx_st data_part(const struct task_spec *s, struct arena *a, struct run_options *o, struct asx_err *err)
{
    o->train = s->data.train;
    o->test = s->data.test;
    o->target = s->data.target;
    o->weights = s->data.weights;
    o->positive = s->data.positive;
    o->read.header = (enum data_header)s->data.header;
    o->read.delimiter = s->data.delimiter;
    o->read.missing = s->data.missing.name;
    struct data_type *types = arena_calloc(a, (size_t)s->data.types.n + 1, sizeof *types);
    int8_t *sign = arena_calloc(a, (size_t)s->data.monotone.n + 1, 1);
    if (!types || !sign)
        return no_memory(err);
    for (int i = 0; i < s->data.types.n; i++)
        types[i] = (struct data_type){s->data.types.name[i], (enum asx_type)(int)s->data.types.value[i], 0, COMMA_NONE};
    for (int i = 0; i < s->data.monotone.n; i++)
        sign[i] = (int8_t)s->data.monotone.value[i];
    o->read.types = types;
    o->read.n_types = (size_t)s->data.types.n;
    o->monotone_name = s->data.monotone.name;
    o->monotone_sign = sign;
    o->monotones = s->data.monotone.n;
    o->class_weight_mode = s->data.balanced ? 1 : s->data.class_weights.n ? 2 : 0;
    o->class_weight_name = s->data.class_weights.name;
    o->class_weight = s->data.class_weights.value;
    o->class_weights = s->data.class_weights.n;
    return ignore_part(s, a, o, err);
}

static asx_st learner_part(const struct task *t, struct arena *a, struct run_options *o, struct asx_err *err)
{
    const struct task_spec *s = t->spec;
    const struct asx_learner **list = arena_calloc(a, (size_t)s->search.learners.n + 1, sizeof *list);
    struct opt_restriction *r = arena_calloc(a, (size_t)s->search.restrictions + 1, sizeof *r);
    if (!list || !r)
        return no_memory(err);
    for (int i = 0; i < s->search.learners.n; i++)
        list[i] = registry_learner(t->session->registry, s->search.learners.name[i]);
    o->learner = s->search.learners.n ? list : NULL;
    o->learners = s->search.learners.n;
    for (int i = 0; i < s->search.restrictions; i++) {
        const struct spec_restriction *from = &s->search.restriction[i];
        r[i] = (struct opt_restriction){.learner = from->learner,
                                        .param = from->param,
                                        .n = from->n,
                                        .value = from->value,
                                        .low = from->low,
                                        .high = from->high,
                                        .log = from->log};
    }
    o->restriction = r;
    o->restrictions = s->search.restrictions;
    return ASX_OK;
}

static asx_st strategy_part(const struct task *t, struct run_options *o, struct asx_err *err)
{
    const char *name = t->spec->search.strategy;
    o->strategy = registry_strategy(t->session->registry, !name || strcmp(name, "auto") == 0 ? "random" : name);
    if (!o->strategy)
        return err_set(err, ASX_E_INVAL, "there is no search strategy '%s'; give 'auto'", name);
    return ASX_OK;
}

/* Is it the name of a way or of a form's maker, whole or up to its slash? */
static bool names_op(const struct asx_op *const *op, const char *name)
{
    for (size_t n = strlen(name); op && *op; op++)
        if (strncmp((*op)->head.name, name, n) == 0 && ((*op)->head.name[n] == '\0' || (*op)->head.name[n] == '/'))
            return true;
    return false;
}

static bool names_way(const struct asx_registry *reg, const char *name)
{
    if (strcmp(name, "batching") == 0 || strcmp(name, "sharing") == 0 || names_op(asx_family_core.op, name))
        return true;
    for (int f = 0; reg->family[f]; f++) {
        if (names_op(reg->family[f]->op, name))
            return true;
        for (int i = 0; reg->family[f]->learner[i]; i++)
            if (names_op(reg->family[f]->learner[i]->fit, name))
                return true;
    }
    return false;
}

/* A misspelt name would disable nothing, and a comparison would compare a plan with itself. */
static asx_st disable_part(const struct task *t, struct asx_err *err)
{
    for (int i = 0; i < t->spec->optimizer.disable.n; i++)
        if (!names_way(t->session->registry, t->spec->optimizer.disable.name[i])) {
            asx_st st = err_set(
                err, ASX_E_INVAL,
                "optimizer.disable names '%s', which is no rule or way; write batching, sharing or a way that 'explain' shows",
                t->spec->optimizer.disable.name[i]);
            err_key(err, "optimizer.disable");
            return st;
        }
    return ASX_OK;
}

static asx_st json_part(struct task *t, struct arena *a, struct run_options *o, struct asx_err *err)
{
    json_t *json = spec_json(t->spec);
    char *text = json ? json_canonical(json) : NULL;
    json_decref(json);
    o->task_json = text ? arena_strdup(a, text) : NULL;
    json_text_free(text);
    o->spec_text = t->spec_text;
    o->spec_path = t->spec_path;
    return o->task_json ? ASX_OK : no_memory(err);
}

asx_st task_options(struct task *t, struct arena *a, struct run_options *o, struct asx_err *err)
{
    const struct task_spec *s = t->spec;
    *o = (struct run_options){.kind = s->kind,
                              .metric = s->objective.metric,
                              .time_s = s->objective.time_s,
                              .memory = s->objective.memory_bytes,
                              .threads = s->resources.threads,
                              .refit = (enum refit_mode)s->search.refit,
                              .folds = s->search.folds,
                              .repeats = s->search.repeats,
                              .holdout = s->search.holdout,
                              .group = s->search.group,
                              .time = s->search.time,
                              .trials = s->search.trials,
                              .ensemble = spec_is_on((enum spec_switch)s->search.ensemble, true),
                              .warm_start = spec_is_on((enum spec_switch)s->search.warm_start, s->search.trials == 0),
                              .seed = s->search.seed,
                              .sharing = spec_is_on((enum spec_switch)s->optimizer.sharing, true),
                              .batching = spec_is_on((enum spec_switch)s->optimizer.batching, true),
                              .disabled = s->optimizer.disable.name,
                              .model_path = s->output.model,
                              .report_path = s->output.report,
                              .board_path = s->output.leaderboard,
                              .frame = t->frame};
    asx_st st = data_part(s, a, o, err);
    if (st == ASX_OK)
        st = learner_part(t, a, o, err);
    if (st == ASX_OK)
        st = strategy_part(t, o, err);
    if (st == ASX_OK)
        st = disable_part(t, err);
    if (st == ASX_OK)
        st = notes_part(s, a, o, err);
    return st == ASX_OK ? json_part(t, a, o, err) : st;
}

asx_st task_reading(struct session *s, struct data_options *o, struct asx_err *err)
{
    struct task *t = NULL;
    *o = (struct data_options){0};
    if (!s->options.header && !s->options.delimiter)
        return ASX_OK;
    asx_st st = task_create(s, NULL, &t, err);
    if (st == ASX_OK && s->options.header)
        st = spec_set(t->spec, "data.header", s->options.header, "--header", err);
    if (st == ASX_OK && s->options.delimiter)
        st = spec_set(t->spec, "data.delimiter", s->options.delimiter, "--delimiter", err);
    if (st == ASX_OK) {
        o->header = (enum data_header)t->spec->data.header;
        o->delimiter = t->spec->data.delimiter;
    }
    task_free(t);
    return st;
}

void task_place(const struct task *t, struct asx_err *err)
{
    if (err->code >= 0 || !err->key)
        return;
    struct spec_place p = spec_where(t->spec, err->key);
    if (p.line <= 0 || !p.origin)
        return;
    err->file[0] = '\0';
    err->line = err->column = 0;
    err_place(err, p.origin, p.line, p.column);
}
