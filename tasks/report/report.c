/* SPDX-License-Identifier: Apache-2.0 */
#include "tasks/report/report.h"

#include "base/err.h"
#include "base/json.h"
#include "tasks/report/formats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void put_json(const json_t *j, struct text *out)
{
    char *s = json_text(j);
    if (s) {
        text_puts(out, s);
        text_puts(out, "\n");
    } else
        out->failed = true;
    json_text_free(s);
}

static asx_st finish(const struct text *out, struct asx_err *err)
{
    return out->failed ? err_set(err, ASX_E_NOMEM, "not enough memory for the report; raise the memory limit") : ASX_OK;
}

static asx_st no_format(const char *format, struct asx_err *err)
{
    static const char *const known[] = {"table", "md", "html", "json", "csv"};
    const char *near = err_nearest(format, known, 5);
    if (near)
        return err_set(err, ASX_E_INVAL, "there is no format '%s'; did you mean '%s'?", format, near);
    return err_set(err, ASX_E_INVAL, "there is no format '%.60s'; choose table, md, html, json or csv", format);
}

asx_st report_make(const json_t *run, const char *format, const struct report_options *o, struct text *out, struct asx_err *err)
{
    static const struct report_options none;
    o = o ? o : &none;
    if (strcmp(format, "table") == 0)
        report_table(run, o, out);
    else if (strcmp(format, "md") == 0)
        report_markdown(run, o, out);
    else if (strcmp(format, "csv") == 0)
        report_csv(run, out);
    else if (strcmp(format, "json") == 0)
        put_json(run, out);
    else if (strcmp(format, "html") == 0)
        report_html(run, out);
    else
        return no_format(format, err);
    return finish(out, err);
}

const char *report_format_of(const char *path)
{
    static const char *const map[][2] = {{".html", "html"}, {".htm", "html"},  {".md", "md"},
                                         {".csv", "csv"},   {".json", "json"}, {".txt", "table"}};
    size_t n = strlen(path);
    for (size_t i = 0; i < sizeof(map) / sizeof(*map); i++)
        if (n > strlen(map[i][0]) && strcmp(path + n - strlen(map[i][0]), map[i][0]) == 0)
            return map[i][1];
    return NULL;
}

/* ---- failed trials --------------------------------------------------------------- */

/* One line of text: line breaks and control characters become blanks. */
static void put_line(struct text *out, const char *s)
{
    for (; *s; s++)
        text_put(out, (unsigned char)*s < 0x20 || *s == 0x7f ? " " : s, 1);
}

static void put_trial(const json_t *f, struct text *out)
{
    const json_t *t = json_object_get(f, "trial");
    if (json_is_string(t))
        text_puts(out, json_string_value(t));
    else if (json_is_number(t))
        text_printf(out, "%.0f", json_number_value(t));
}

static void put_failed(const json_t *f, const char *format, struct text *out)
{
    bool md = strcmp(format, "md") == 0, csv = strcmp(format, "csv") == 0;
    text_puts(out, md ? "| " : "");
    put_trial(f, out);
    text_puts(out, md ? " | " : csv ? "," : "  ");
    if (csv)
        report_csv_cell(out, report_text(f, "learner"));
    else
        put_line(out, report_text(f, "learner")[0] ? report_text(f, "learner") : "-");
    text_puts(out, md ? " | " : csv ? "," : "  ");
    if (csv)
        report_csv_cell(out, report_text(f, "error"));
    else
        put_line(out, report_text(f, "error"));
    text_puts(out, md ? " |\n" : "\n");
}

asx_st report_failed(const json_t *run, const char *format, const struct report_options *o, struct text *out, struct asx_err *err)
{
    const json_t *list = report_array(run, "failed");
    (void)o;
    if (strcmp(format, "json") == 0) {
        json_t *all = json_pack("{s:O}", "failed", list ? list : run);
        json_t *none = list ? NULL : json_pack("{s:[]}", "failed");
        if (all || none)
            put_json(list ? all : none, out);
        else
            out->failed = true;
        json_decref(all);
        json_decref(none);
        return finish(out, err);
    }
    if (strcmp(format, "table") && strcmp(format, "md") && strcmp(format, "csv"))
        return strcmp(format, "html")
                   ? no_format(format, err)
                   : err_set(err, ASX_E_INVAL, "failed trials have no format 'html'; choose table, md, json or csv");
    if (strcmp(format, "md") == 0)
        text_puts(out, "| trial | learner | error |\n|---:|:---|:---|\n");
    else if (strcmp(format, "csv") == 0)
        text_puts(out, "trial,learner,error\n");
    else
        text_puts(out, json_array_size(list) ? "trial  learner  error\n" : "no trial failed\n");
    for (size_t i = 0; i < json_array_size(list); i++)
        put_failed(json_array_get(list, i), format, out);
    return finish(out, err);
}
