/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"

#include <math.h>
#include <stdlib.h>

enum { MAX_JSON = 1 << 30 };

json_t *json_number(double v)
{
    if (!isfinite(v))
        return json_null();
    if (v == floor(v) && fabs(v) < 0x1p53)
        return json_integer((json_int_t)v);
    return json_real(v);
}

double json_double(const json_t *j)
{
    return json_is_number(j) ? json_number_value(j) : (double)NAN;
}

asx_st json_parse(const char *text, size_t size, const char *file, json_t **out, struct asx_err *err)
{
    json_error_t e;
    *out = json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e);
    if (*out)
        return ASX_OK;
    if (json_error_code(&e) == json_error_out_of_memory)
        return err_set(err, ASX_E_NOMEM, "not enough memory to read JSON; raise the memory limit");
    return err_at(err, ASX_E_DATA, file, e.line > 0 ? e.line : 0, e.column > 0 ? e.column : 0,
                  "not valid JSON: %s; correct it there", e.text);
}

asx_st json_read(const char *path, json_t **out, struct asx_err *err)
{
    char *text;
    size_t size;
    *out = NULL;
    asx_st rc = file_read(path, MAX_JSON, NULL, &text, &size, err);
    if (rc == ASX_OK)
        rc = json_parse(text, size, path, out, err);
    mem_free(text);
    return rc;
}

char *json_text(const json_t *j)
{
    return json_dumps(j, JSON_COMPACT | JSON_REAL_PRECISION(17) | JSON_ENCODE_ANY);
}

char *json_canonical(const json_t *j)
{
    return json_dumps(j, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(17) | JSON_ENCODE_ANY);
}

void json_text_free(char *s)
{
    free(s); /* jansson's own allocation */
}
