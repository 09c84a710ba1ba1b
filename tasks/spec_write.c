/* SPDX-License-Identifier: Apache-2.0 */
/* The commented spec of `assay init`: every key of the table, those with a value for this data switched on. */
#include "data/profile.h"
#include "tasks/spec_impl.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

/* YAML double-quoted, unless it is one plain word that no reader could take for anything else. */
static void put_scalar(struct text *out, const char *s)
{
    bool plain = isalpha((unsigned char)s[0]) != 0;
    for (const char *c = s; *c; c++)
        plain &= isalnum((unsigned char)*c) || strchr("_-./", *c) != NULL;
    if (plain) {
        text_puts(out, s);
        return;
    }
    text_puts(out, "\"");
    for (const unsigned char *c = (const unsigned char *)s; *c; c++) {
        if (*c == '"' || *c == '\\')
            text_printf(out, "\\%c", *c);
        else if (*c < 0x20 || *c == 0x7f)
            text_printf(out, "\\x%02X", *c);
        else
            text_put(out, (const char *)c, 1);
    }
    text_puts(out, "\"");
}

/* Names from data stand in comments: no line breaks there. */
static void put_comment(struct text *out, const char *s)
{
    for (const unsigned char *c = (const unsigned char *)s; *c; c++)
        text_put(out, *c < 0x20 || *c == 0x7f ? " " : (const char *)c, 1);
}

static const struct asx_kind *kind_of(const struct spec_context *c, const struct spec_init *in)
{
    if (in->kind)
        return in->kind;
    bool regress = in->profile && in->profile->target.column >= 0 && in->profile->target.looks_regression;
    for (const struct asx_kind *const *k = c->registry->kind; *k; k++)
        if ((((*k)->tasks & ASX_REGRESS) != 0) == regress)
            return *k;
    return c->registry->kind[0];
}

static enum asx_task task_of(const struct asx_kind *kind, const struct spec_init *in)
{
    if (kind->tasks & ASX_REGRESS)
        return ASX_REGRESSION;
    return in->profile && in->profile->target.column >= 0 && in->profile->target.classes != 2 ? ASX_MULTICLASS : ASX_BINARY;
}

/* ---- facts, as comments -------------------------------------------------------- */

static void put_shape(struct text *out, const struct spec_init *in)
{
    const struct profile *p = in->profile;
    double missing = 0;
    for (size_t j = 0; j < p->columns; j++)
        missing += (double)p->facts.column[j].missing;
    text_puts(out, "# ");
    put_comment(out, in->data);
    if (in->frame->sparse)
        text_printf(out, ": %zu rows, the target and %zu sparse features", p->rows, in->frame->sparse->cols);
    else
        text_printf(out, ": %zu rows, %zu columns", p->rows, p->columns);
    if (missing > 0)
        text_printf(out, "; %.2g %% of the cells are missing", 100 * missing / ((double)p->rows * (double)p->columns));
    text_puts(out, ".\n");
}

static void put_columns(struct text *out, const struct spec_init *in)
{
    static const char *const type[] = {"numeric", "boolean", "categorical", "text", "datetime"};
    const struct profile *p = in->profile;
    enum { SHOWN = 60 };
    text_puts(out, "#\n# Columns:\n");
    for (size_t j = 0; j < p->columns && j < SHOWN; j++) {
        const struct asx_column_facts *f = &p->facts.column[j];
        text_puts(out, "#   ");
        put_comment(out, in->frame->column[j].name);
        text_printf(out, ": %s, %zu distinct", type[in->frame->column[j].type], f->distinct);
        if (f->missing)
            text_printf(out, ", %zu missing", f->missing);
        if (in->frame->column[j].type == ASX_NUMERIC && isfinite(f->min) && isfinite(f->max))
            text_printf(out, ", from %.6g to %.6g", f->min, f->max);
        if (f->role == ASX_ROLE_CONSTANT || f->role == ASX_ROLE_DUPLICATE || f->role == ASX_ROLE_ID)
            text_printf(out, "; left out: %s",
                        f->role == ASX_ROLE_CONSTANT    ? "constant"
                        : f->role == ASX_ROLE_DUPLICATE ? "a duplicate"
                                                        : "ID-like");
        text_puts(out, "\n");
    }
    if (p->columns > SHOWN)
        text_printf(out, "#   and %zu more\n", p->columns - SHOWN);
}

static void put_target_note(struct text *out, const struct spec_init *in)
{
    const struct profile_target *t = in->profile ? &in->profile->target : NULL;
    if (!t || t->column < 0)
        return;
    text_printf(out, "  # %zu distinct values", t->classes);
    if (isfinite(t->minority) && !t->looks_regression)
        text_printf(out, ", the rarest in %.3g %% of the rows", 100 * t->minority);
    if (t->missing)
        text_printf(out, "; %zu rows without one are dropped", t->missing);
}

/* ---- keys ------------------------------------------------------------------------ */

/* Writes the value of a key that this data decides; false: the key stays a comment. */
static bool put_value(struct text *out, const struct spec_key *k, const struct spec_init *in, const struct asx_kind *kind,
                      const struct asx_metric *m)
{
    if (strcmp(k->path, "assay") == 0)
        text_puts(out, "1");
    else if (strcmp(k->path, "task") == 0)
        text_puts(out, kind->head.name);
    else if (strcmp(k->path, "data.train") == 0)
        put_scalar(out, in->data);
    else if (strcmp(k->path, "data.target") == 0 && in->target)
        put_scalar(out, in->target);
    else if (strcmp(k->path, "data.header") == 0 && in->header)
        put_scalar(out, in->header);
    else if (strcmp(k->path, "data.delimiter") == 0 && in->delimiter)
        put_scalar(out, in->delimiter);
    else if (m && strcmp(k->path, m->greater_is_better ? "objective.maximize" : "objective.minimize") == 0)
        text_puts(out, m->head.name);
    else if (strcmp(k->path, "objective.subject_to.time") == 0)
        text_puts(out, "60s");
    else if (strcmp(k->path, "search.seed") == 0)
        text_puts(out, "1");
    else
        return false;
    return true;
}

/* Opens the sections of `path` that were not open for the key before. */
static const char *open_sections(struct text *out, const char *path, const char *before, int *depth)
{
    const char *at = path;
    *depth = 0;
    for (const char *dot; (dot = strchr(at, '.')); at = dot + 1) {
        size_t n = (size_t)(dot - path) + 1;
        if (strncmp(path, before, n)) {
            if (*depth == 0)
                text_puts(out, "\n");
            text_printf(out, "%*s%.*s:\n", 2 * *depth, "", (int)(dot - at), at);
        }
        ++*depth;
    }
    return at;
}

asx_st spec_write_commented(const struct spec_context *c, const struct spec_init *in, struct text *out, struct asx_err *err)
{
    const struct asx_kind *kind = kind_of(c, in);
    const struct asx_metric *m = spec_metric_named(c, kind->default_metric(task_of(kind, in)));
    const char *before = "";
    text_puts(out, "# A task for Assay:  assay run THIS_FILE   (the plan first:  assay explain THIS_FILE)\n"
                   "# Lines behind # are defaults and examples; remove the # to use one.\n#\n");
    if (in->profile && in->frame) {
        put_shape(out, in);
        put_columns(out, in);
    }
    text_puts(out, "\n");
    for (int i = 0; i < spec_keys_n; i++) {
        const struct spec_key *k = &spec_keys[i];
        int depth;
        const char *name = open_sections(out, k->path, before, &depth);
        before = k->path;
        struct text value;
        text_init(&value, out->mem);
        bool on = put_value(&value, k, in, kind, m);
        if (on) {
            text_printf(out, "%*s%s: %s", 2 * depth, "", name, value.s ? value.s : "");
            if (strcmp(k->path, "data.target") == 0)
                put_target_note(out, in);
            else
                text_printf(out, "  # %s", k->help);
            text_puts(out, "\n");
        } else
            text_printf(out, "%*s# %s: %s  # %s\n", 2 * depth, "", name, k->example, k->help);
        out->failed |= value.failed;
        text_clear(&value);
    }
    return out->failed ? spec_no_memory(err) : ASX_OK;
}
