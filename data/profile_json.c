/* SPDX-License-Identifier: Apache-2.0 */
/* `assay profile --json`, and the table of `assay profile`. */
#include "base/json.h"
#include "data/datetime.h"
#include "data/number.h"
#include "data/profile.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const role_names[] = {"feature", "constant", "duplicate", "id", "ignored", "target"};

/* A number, or the ISO form of a date. */
static json_t *bound(const struct asx_column *c, double v)
{
    char text[40];
    if (c->type == ASX_DATETIME && v == v)
        return json_string(datetime_format(v, text));
    return json_number(v);
}

static json_t *top_json(const struct asx_column *c, const struct profile_column *p)
{
    json_t *list = json_array();
    for (int i = 0; list && i < PROFILE_TOP && p->top[i].text; i++) {
        double v;
        uint32_t flags;
        bool number = c->type == ASX_NUMERIC && number_parse(p->top[i].text, strlen(p->top[i].text), &v, &flags);
        json_t *value = number ? json_number(v) : json_string(p->top[i].text);
        if (!value) /* a text cut within a character */
            value = json_string("");
        if (json_array_append_new(list, json_pack("[o, I]", value, (json_int_t)p->top[i].count)) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *column_json(const struct asx_frame *frame, const struct asx_column *c, const struct asx_column_facts *f,
                           const struct profile_column *more)
{
    json_t *o = json_pack("{s:s, s:s, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:s, s:s?}", "name", c->name, "type",
                          frame_type_name(c->type), "missing", (json_int_t)f->missing, "distinct", (json_int_t)f->distinct, "min",
                          bound(c, f->min), "max", bound(c, f->max), "mean", bound(c, f->mean), "std", json_number(f->std), "top",
                          top_json(c, more), "role", role_names[f->role], "missingness", more->missingness);
    if (!o)
        return NULL;
    if (c->type == ASX_NUMERIC)
        json_object_set_new(o, "skew", json_number(f->skew));
    if (c->type == ASX_TEXT)
        json_object_set_new(o, "mean_words", json_number(f->mean_words));
    if (more->duplicate_of >= 0)
        json_object_set_new(o, "duplicate_of", json_string(frame->column[more->duplicate_of].name));
    if (more->predicts_target == more->predicts_target)
        json_object_set_new(o, "predicts_target", json_number(more->predicts_target));
    return o;
}

static json_t *target_json(const struct profile *p, const struct asx_frame *frame)
{
    const struct profile_target *t = &p->target;
    if (t->column < 0)
        return json_null();
    return json_pack("{s:s, s:I, s:I, s:o, s:s}", "name", frame->column[t->column].name, "missing", (json_int_t)t->missing,
                     "distinct", (json_int_t)t->classes, "minority", json_number(t->minority), "looks_like",
                     t->looks_regression ? "regress" : "classify");
}

static struct asx_column column_of(const struct profile_feature *f)
{
    return (struct asx_column){.name = f->name, .type = ASX_NUMERIC};
}

json_t *profile_json(const struct profile *p, const struct asx_frame *frame)
{
    json_t *columns = json_array();
    bool failed = !columns;
    for (size_t j = 0; !failed && j < p->columns; j++)
        failed = json_array_append_new(columns, column_json(frame, &frame->column[j], &p->own[j], &p->column[j])) != 0;
    for (size_t j = 0; !failed && j < p->features; j++) {
        struct asx_column c = column_of(&p->feature[j]);
        failed = json_array_append_new(columns, column_json(frame, &c, &p->feature[j].facts, &p->feature[j].more)) != 0;
    }
    if (failed) {
        json_decref(columns);
        columns = NULL;
    }
    json_t *o = columns
                    ? json_pack("{s:I, s:o, s:o}", "rows", (json_int_t)p->rows, "columns", columns, "target", target_json(p, frame))
                    : NULL;
    if (o && frame->sparse)
        json_object_set_new(
            o, "sparse",
            json_pack("{s:I, s:o}", "columns", (json_int_t)frame->sparse->cols, "density", json_number(p->facts.density)));
    return o;
}

/* ---- as a table --------------------------------------------------------------------------- */

/* Characters of a UTF-8 text: bytes that begin one. */
static int characters(const char *s)
{
    int n = 0;
    for (; *s; s++)
        n += ((unsigned char)*s & 0xC0) != 0x80;
    return n;
}

static void pad(struct text *out, const char *s, int width)
{
    int n = characters(s), kept = 0;
    for (; *s && (kept < width || ((unsigned char)*s & 0xC0) == 0x80); s++) {
        kept += ((unsigned char)*s & 0xC0) != 0x80;
        text_put(out, (unsigned char)*s < ' ' ? " " : s, 1);
    }
    for (; n < width; n++)
        text_puts(out, " ");
}

static void short_number(const struct asx_column *c, double v, char *out, size_t size)
{
    char date[40];
    if (v != v)
        snprintf(out, size, "-");
    else if (c->type == ASX_DATETIME)
        snprintf(out, size, "%.10s", datetime_format(v, date));
    else
        snprintf(out, size, "%.4g", v);
}

static void row_text(const struct asx_column *c, const struct asx_column_facts *f, const struct profile_column *more, int width,
                     struct text *out)
{
    char min[32], max[32], mean[32];
    short_number(c, f->min, min, sizeof min);
    short_number(c, f->max, max, sizeof max);
    short_number(c, f->mean, mean, sizeof mean);
    pad(out, c->name, width);
    text_printf(out, "  %-11s %9zu %9zu  %10s %10s %10s  %-9s  ", frame_type_name(c->type), f->missing, f->distinct, min, max, mean,
                role_names[f->role]);
    for (int i = 0; i < 3 && more->top[i].text; i++) {
        text_puts(out, i ? ", " : "");
        int shown = characters(more->top[i].text);
        pad(out, more->top[i].text, shown < 16 ? shown : 16);
        text_printf(out, " (%zu)", more->top[i].count);
    }
    text_puts(out, "\n");
}

void profile_text(const struct profile *p, const struct asx_frame *frame, struct text *out)
{
    int width = 6;
    for (size_t j = 0; j < p->columns; j++) {
        int n = characters(frame->column[j].name);
        width = n > width ? n : width;
    }
    for (size_t j = 0; j < p->features; j++)
        width = (int)strlen(p->feature[j].name) > width ? (int)strlen(p->feature[j].name) : width;
    width = width < 28 ? width : 28;
    if (frame->sparse)
        text_printf(out, "%zu rows, the target and %zu sparse features (%.3g %% of cells stored)\n\n", p->rows, frame->sparse->cols,
                    100 * p->facts.density);
    else
        text_printf(out, "%zu rows, %zu columns\n\n", p->rows, p->columns);
    pad(out, "column", width);
    text_puts(out, "  type          missing  distinct         min        max       mean  role       most frequent\n");
    for (size_t j = 0; j < p->columns; j++)
        row_text(&frame->column[j], &p->own[j], &p->column[j], width, out);
    for (size_t j = 0; j < p->features; j++) {
        struct asx_column c = column_of(&p->feature[j]);
        row_text(&c, &p->feature[j].facts, &p->feature[j].more, width, out);
    }
    bool titled = false;
    for (size_t j = 0; j < p->columns; j++) {
        if (!p->column[j].missingness)
            continue;
        text_puts(out, titled ? "" : "\nmissing cells\n");
        titled = true;
        text_printf(out, "  %s: %zu missing, %s\n", frame->column[j].name, p->own[j].missing, p->column[j].missingness);
    }
    titled = false;
    for (size_t j = 0; j < p->columns; j++) {
        const struct profile_column *c = &p->column[j];
        bool predicts = c->predicts_target >= PROFILE_PREDICTS;
        if (c->duplicate_of < 0 && !predicts)
            continue;
        text_puts(out, titled ? "" : "\nworth a look\n");
        titled = true;
        if (c->duplicate_of >= 0)
            text_printf(out, "  %s repeats %s\n", frame->column[j].name, frame->column[c->duplicate_of].name);
        if (predicts)
            text_printf(out, "  %s alone predicts the target (%.3g %% of it): is it known before the target is?\n",
                        frame->column[j].name, 100 * c->predicts_target);
    }
    const struct profile_target *t = &p->target;
    if (t->column < 0)
        return;
    text_printf(out, "\ntarget %s: %zu distinct values, %zu missing, looks like a task to %s", frame->column[t->column].name,
                t->classes, t->missing, t->looks_regression ? "regress" : "classify");
    if (t->minority == t->minority && t->looks_classes)
        text_printf(out, "; rarest class %.3g %%", 100 * t->minority);
    text_puts(out, "\n");
}
