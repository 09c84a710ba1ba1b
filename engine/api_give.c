/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/api.h"

#include "base/err.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

asx_st api_give(struct text *t, asx_st st, char **out, struct asx_err *err)
{
    if (st == ASX_OK && (t->failed || !(*out = mem_strdup(NULL, t->s ? t->s : ""))))
        st = err_set(err, ASX_E_NOMEM, "no memory for the text");
    text_clear(t);
    return st;
}

void api_put_json(struct text *t, json_t *json)
{
    char *s = json ? json_text(json) : NULL;
    json_decref(json);
    t->failed |= !s;
    if (s) {
        text_puts(t, s);
        text_puts(t, "\n");
    }
    json_text_free(s);
}
