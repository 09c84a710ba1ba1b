/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of the library that give text. */
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

bool api_begin(struct api_call *call, assay_session *session, char **out)
{
    if (!session || !out)
        return false;
    *out = NULL;
    *call = (struct api_call){.session = (struct session *)session, .out = out};
    text_init(&call->text, NULL);
    return true;
}

assay_status api_end(struct api_call *call, asx_st st)
{
    return session_fail(call->session, api_give(&call->text, st, call->out, &call->err), &call->err);
}
