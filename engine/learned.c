/* SPDX-License-Identifier: Apache-2.0 */
/* What earlier runs teach this one: how wrong predictions were, and which configs were good. Never in repeatable mode unless asked for. */
#include "engine/run.h"

#include "base/json.h"
#include "base/mem.h"
#include "catalog/machine.h"
#include "engine/session.h"
#include "optimizer/measured.h"

#include <stdio.h>
#include <string.h>

/* The table is kept whole, as one note a machine: predictions in the catalog's op rows already carry it. */
static void note_name(const struct run *r, char *out, size_t size)
{
    snprintf(out, size, "residuals %s", r->machine->key);
}

static void recall(struct run *r, const json_t *rows)
{
    size_t i;
    const json_t *row;
    json_array_foreach(rows, i, row)
    {
        const char *op = NULL, *device = NULL;
        int n = 0;
        double sum = 0, sq = 0;
        if (json_unpack((json_t *)(uintptr_t)row, "{s:s, s:s, s:i, s:F, s:F}", "op", &op, "device", &device, "n", &n, "log_sum",
                        &sum, "log_sq", &sq) == 0)
            opt_recall(&r->model, op, device, n, sum, sq);
    }
}

static void load_residuals(struct run *r, struct cat *cat)
{
    struct arena *a = arena_create(r->mem);
    char name[128];
    const char *text = NULL;
    json_t *rows = NULL;
    struct asx_err ignored = {0};
    note_name(r, name, sizeof name);
    if (a && cat_note_get(cat, name, a, &text, NULL, &ignored) == ASX_OK &&
        json_parse(text, strlen(text), NULL, &rows, &ignored) == ASX_OK)
        recall(r, rows);
    json_decref(rows);
    if (a)
        arena_destroy(a);
}

void run_load_measured(struct run *r, struct cat *cat)
{
    if (!cat || r->model.nominal)
        return;
    r->speeds = opt_measured_load(r->session->machine, cat, r->session->mem);
    load_residuals(r, cat);
    r->corrections = r->model.residuals;
}

void run_save_residuals(struct run *r)
{
    if (!r->cat || r->model.nominal || r->model.residuals == 0)
        return;
    char name[128];
    struct asx_err ignored = {0};
    json_t *rows = json_array();
    for (int i = 0; i < r->model.residuals; i++) {
        const struct opt_residual *q = &r->model.residual[i];
        json_array_append_new(rows, json_pack("{s:s, s:s, s:i, s:f, s:f}", "op", q->op, "device", q->device, "n", q->n, "log_sum",
                                              q->log_sum, "log_sq", q->log_sq));
    }
    char *text = json_text(rows);
    json_decref(rows);
    note_name(r, name, sizeof name);
    if (text)
        cat_note_put(r->cat, name, text, &ignored); /* advice for the next run: its loss harms nothing */
    json_text_free(text);
}

static int learner_at(const struct run *r, const char *name)
{
    for (int i = 0; i < r->learners; i++)
        if (strcmp(r->learner[i]->head.name, name) == 0)
            return i;
    return -1;
}

int run_warm_configs(struct run *r, struct arena *a, struct asx_config **out)
{
    enum { MOST = 12 };
    struct cat_prior *prior = NULL;
    size_t n = 0;
    int used = 0;
    struct asx_err ignored = {0};
    *out = NULL;
    if (!r->cat || !r->opt.warm_start || r->resumed)
        return 0;
    if (cat_priors(r->cat, r->file_frame->key, r->opt.metric->head.name, r->opt.metric->greater_is_better, MOST, a, &prior, &n,
                   &ignored) != ASX_OK ||
        n == 0)
        return 0;
    struct asx_config *list = arena_calloc(a, n, sizeof *list);
    for (size_t i = 0; list && i < n; i++) {
        int at = learner_at(r, prior[i].learner);
        if (at >= 0 && opt_config_from_json(prior[i].config_json, r->learner[at], r->space[at], &list[used], &ignored) == ASX_OK)
            used++;
    }
    *out = list;
    return list ? used : 0;
}
