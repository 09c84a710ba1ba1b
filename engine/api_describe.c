/* SPDX-License-Identifier: Apache-2.0 */
/* What there is: the machine, learners with their parameters, metrics. */
#include "engine/api.h"

#include "backends/opencl/opencl.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* ---- the machine -------------------------------------------------------------------- */

static void add_opencl(struct session *s)
{
    struct opt_machine *m = s->machine;
    char note[128];
    for (int i = 0; i < m->devices; i++)
        if (strncmp(m->device[i].id, "opencl", 6) == 0)
            return;
    m->devices +=
        opencl_probe(s->options.opencl_probe, OPENCL_PATIENCE, m->device + m->devices, OPT_MAX_DEVICES - m->devices, note);
}

static void machine_table(const struct opt_machine *m, struct text *t)
{
    char a[32], b[32];
    text_printf(t, "cpu      %s (%s), %d cores, quota %.3g\n", m->cpu, m->simd, m->cores, m->quota_cores);
    text_printf(t, "memory   %s", clock_format_bytes((double)m->memory_bytes, a));
    if (m->memory_limit_bytes && m->memory_limit_bytes < m->memory_bytes)
        text_printf(t, ", limit %s", clock_format_bytes((double)m->memory_limit_bytes, b));
    text_puts(t, "\n");
    for (int i = 0; i < m->caches; i++)
        text_printf(t, "cache    L%d %s, %d of them, shared by %d\n", m->cache[i].level,
                    clock_format_bytes((double)m->cache[i].bytes, a), m->cache[i].instances, m->cache[i].shared_by);
    for (int i = 0; i < m->numa_nodes; i++)
        text_printf(t, "numa %-3d %s, %d cores, %s\n", m->numa[i].id, m->numa[i].kind, m->numa[i].cores,
                    clock_format_bytes((double)m->numa[i].memory_bytes, a));
    for (int i = 0; i < m->devices; i++)
        text_printf(t, "device   %-9s %s (%s), %d units\n", m->device[i].id, m->device[i].name, m->device[i].type,
                    m->device[i].units);
}

assay_status assay_machine(assay_session *session, int json, char **out)
{
    struct api_call call;
    if (!api_begin(&call, session, out))
        return session_refuse((struct session *)session);
    asx_st st = session_machine(call.session, &call.err);
    if (st == ASX_OK)
        add_opencl(call.session);
    if (st == ASX_OK && json)
        api_put_json(&call.text, opt_machine_json(call.session->machine));
    else if (st == ASX_OK)
        machine_table(call.session->machine, &call.text);
    return api_end(&call, st);
}

assay_status assay_machine_record(assay_session *session, const char *path)
{
    struct session *s = (struct session *)session;
    if (!s || !path)
        return session_refuse(s);
    struct asx_err err = {0};
    struct text t;
    text_init(&t, NULL);
    asx_st st = session_machine(s, &err);
    if (st == ASX_OK) {
        add_opencl(s);
        api_put_json(&t, opt_machine_json(s->machine));
        st = t.failed ? err_set(&err, ASX_E_NOMEM, "no memory for the text") : file_write(path, t.s, t.n, &err);
    }
    text_clear(&t);
    return session_fail(s, st, &err);
}

/* ---- learners --------------------------------------------------------------------------- */

static json_t *param_value(const struct asx_param *p, double v)
{
    if (p->kind == ASX_CHOICE)
        return json_string(p->choices[(int)v]);
    if (p->kind == ASX_BOOL)
        return json_boolean(v != 0);
    return json_number(v);
}

static json_t *param_json(const struct asx_param *p)
{
    static const char *const kinds[] = {"real", "int", "bool", "choice"};
    json_t *o = json_pack("{s:s, s:s, s:o, s:s}", "name", p->name, "type", kinds[p->kind], "default", param_value(p, p->def),
                          "help", p->help ? p->help : "");
    if (p->kind == ASX_REAL || p->kind == ASX_INT) {
        json_object_set_new(o, "low", json_number(p->low));
        json_object_set_new(o, "high", json_number(p->high));
        json_object_set_new(o, "log", json_boolean(p->log));
    }
    if (p->kind == ASX_CHOICE) {
        json_t *choices = json_array();
        for (int i = 0; i < p->n_choices; i++)
            json_array_append_new(choices, json_string(p->choices[i]));
        json_object_set_new(o, "choices", choices);
    }
    json_object_set_new(o, "searched", json_boolean(!p->fixed));
    if (p->only_if)
        json_object_set_new(o, "only_if", json_string(p->only_if));
    return o;
}

static json_t *tasks_json(unsigned tasks)
{
    static const char *const names[] = {"binary", "multiclass", "regression"};
    json_t *a = json_array();
    for (int i = 0; i < ASX_TASKS; i++)
        if (tasks & ASX_TASK_BIT(i))
            json_array_append_new(a, json_string(names[i]));
    return a;
}

static json_t *learner_json(const struct asx_learner *l, const struct asx_space *space)
{
    json_t *params = json_array(), *ways = json_array();
    for (int i = 0; space && i < space->n; i++)
        json_array_append_new(params, param_json(&space->param[i]));
    for (int i = 0; l->fit && l->fit[i]; i++)
        json_array_append_new(ways, json_string(l->fit[i]->head.name));
    return json_pack("{s:s, s:s, s:o, s:o, s:o}", "name", l->head.name, "summary", l->head.summary, "tasks", tasks_json(l->tasks),
                     "ways", ways, "parameters", params);
}

static void learner_table(const json_t *l, bool whole, struct text *t)
{
    size_t i;
    json_t *v;
    struct text tasks;
    text_init(&tasks, NULL);
    json_array_foreach(json_object_get(l, "tasks"), i, v) text_printf(&tasks, "%s%s", i ? ", " : "", json_string_value(v));
    text_printf(t, "%-15s %-34s %s\n", json_string_value(json_object_get(l, "name")), tasks.s ? tasks.s : "",
                json_string_value(json_object_get(l, "summary")));
    text_clear(&tasks);
    if (!whole)
        return;
    json_array_foreach(json_object_get(l, "parameters"), i, v)
    {
        char *def = json_dumps(json_object_get(v, "default"), JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
        const json_t *choices = json_object_get(v, "choices");
        char *list = choices ? json_dumps(choices, JSON_COMPACT) : NULL;
        text_printf(t, "  %-28s %-7s default %-12s ", json_string_value(json_object_get(v, "name")),
                    json_string_value(json_object_get(v, "type")), def ? def : "");
        if (list)
            text_printf(t, "%s ", list);
        else if (json_object_get(v, "low"))
            text_printf(t, "%.6g..%.6g%s ", json_double(json_object_get(v, "low")), json_double(json_object_get(v, "high")),
                        json_is_true(json_object_get(v, "log")) ? " log" : "");
        text_printf(t, " %s\n", json_string_value(json_object_get(v, "help")));
        json_text_free(def);
        json_text_free(list);
    }
}

static asx_st learners_json(struct session *s, const char *name, json_t **out, struct asx_err *err)
{
    const char *names[64];
    size_t known = 0;
    asx_st st = ASX_OK;
    *out = json_array();
    for (int f = 0; s->registry->family[f] && st == ASX_OK; f++)
        for (int i = 0; s->registry->family[f]->learner[i] && st == ASX_OK; i++) {
            const struct asx_learner *l = s->registry->family[f]->learner[i];
            if (known < 64)
                names[known++] = l->head.name;
            if (name && strcmp(name, l->head.name) != 0)
                continue;
            struct asx_space *space = NULL;
            st = opt_space_make(s->registry, NULL, l, NULL, 0, s->mem, &space, err);
            if (st == ASX_OK)
                json_array_append_new(*out, learner_json(l, space));
            opt_space_free(space);
        }
    if (st == ASX_OK && json_array_size(*out) == 0) {
        const char *near = err_nearest(name, names, known);
        st = err_set(err, ASX_E_INVAL, "there is no learner '%s'%s%s%s; 'assay learners' lists them", name,
                     near ? " (nearest: '" : "", near ? near : "", near ? "')" : "");
    }
    return st;
}

assay_status assay_learners(assay_session *session, const char *name, int json, char **out)
{
    struct api_call call;
    if (!api_begin(&call, session, out))
        return session_refuse((struct session *)session);
    json_t *list = NULL, *v;
    size_t i;
    asx_st st = learners_json(call.session, name, &list, &call.err);
    if (st == ASX_OK && json)
        api_put_json(&call.text, json_pack("{s:O}", "learners", list));
    else if (st == ASX_OK)
        json_array_foreach(list, i, v) learner_table(v, name != NULL, &call.text);
    json_decref(list);
    return api_end(&call, st);
}

assay_status assay_metrics(assay_session *session, int json, char **out)
{
    struct api_call call;
    if (!api_begin(&call, session, out))
        return session_refuse((struct session *)session);
    json_t *list = json_array();
    for (int i = 0; call.session->registry->metric[i]; i++) {
        const struct asx_metric *m = call.session->registry->metric[i];
        json_array_append_new(list, json_pack("{s:s, s:s, s:b, s:o}", "name", m->head.name, "summary", m->head.summary,
                                              "greater_is_better", m->greater_is_better, "tasks", tasks_json(m->tasks)));
        if (!json)
            text_printf(&call.text, "%-18s %-9s %s\n", m->head.name, m->greater_is_better ? "maximize" : "minimize",
                        m->head.summary);
    }
    if (json)
        api_put_json(&call.text, json_pack("{s:O}", "metrics", list));
    json_decref(list);
    return api_end(&call, ASX_OK);
}
