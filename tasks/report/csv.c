/* SPDX-License-Identifier: Apache-2.0 */
/* The leaderboard as CSV (RFC 4180): every field of a row, numbers in full, config as JSON. */
#include "tasks/report/formats.h"

#include "base/json.h"

#include <stdlib.h>
#include <string.h>

static const char *const fields[] = {"rank",
                                     "model",
                                     "learner",
                                     "validation",
                                     "ci_low",
                                     "ci_high",
                                     "test",
                                     "fit_s",
                                     "fit_predicted_s",
                                     "fit_alone_s",
                                     "predict_us_per_row",
                                     "peak_bytes",
                                     "peak_predicted_bytes",
                                     "device",
                                     "weight",
                                     "pareto",
                                     "fidelity",
                                     "seed",
                                     "plan",
                                     "config"};
enum { FIELDS = sizeof(fields) / sizeof(*fields) };

void report_csv_cell(struct text *out, const char *s)
{
    if (!s[strcspn(s, ",\"\r\n")]) {
        text_puts(out, s);
        return;
    }
    text_puts(out, "\"");
    for (; *s; s++)
        text_put(out, *s == '"' ? "\"\"" : s, *s == '"' ? 2 : 1);
    text_puts(out, "\"");
}

static void put_field(const json_t *v, struct text *out)
{
    if (json_is_string(v))
        report_csv_cell(out, json_string_value(v));
    else if (json_is_integer(v))
        text_printf(out, "%lld", (long long)json_integer_value(v));
    else if (json_is_real(v))
        text_number(out, json_real_value(v), "");
    else if (json_is_boolean(v))
        text_puts(out, json_is_true(v) ? "true" : "false");
    else if (json_is_object(v) || json_is_array(v)) {
        char *s = json_text(v);
        if (s)
            report_csv_cell(out, s);
        else
            out->failed = true;
        json_text_free(s);
    }
}

void report_csv(const json_t *run, struct text *out)
{
    const json_t *rows = report_array(run, "leaderboard");
    for (size_t f = 0; f < FIELDS; f++)
        text_printf(out, "%s%s", f ? "," : "", fields[f]);
    text_puts(out, "\n");
    for (size_t i = 0; i < json_array_size(rows); i++) {
        for (size_t f = 0; f < FIELDS; f++) {
            text_puts(out, f ? "," : "");
            put_field(json_object_get(json_array_get(rows, i), fields[f]), out);
        }
        text_puts(out, "\n");
    }
}
