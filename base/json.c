/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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

/* ---- writing: jansson would give every number its 17 digits, 0.1 as 0.10000000000000001 ---- */

static void put_value(struct text *, const json_t *, bool sorted);

static void put_string(struct text *t, const json_t *j)
{
    static const char plain[] = "\"\\\b\f\n\r\t", escape[] = "\"\\bfnrt";
    const char *s = json_string_value(j), *end = s + json_string_length(j);
    text_put(t, "\"", 1);
    while (s < end) {
        const char *from = s;
        while (s < end && (unsigned char)*s >= 32 && *s != '"' && *s != '\\')
            s++;
        text_put(t, from, (size_t)(s - from));
        if (s == end)
            break;
        const char *known = *s ? strchr(plain, *s) : NULL;
        if (known)
            text_printf(t, "\\%c", escape[known - plain]);
        else
            text_printf(t, "\\u%04x", (unsigned)(unsigned char)*s);
        s++;
    }
    text_put(t, "\"", 1);
}

/* A real stays one when it is read back: 2.0, not 2. */
static void put_real(struct text *t, double v)
{
    size_t from = t->n;
    text_number(t, v, "null");
    if (!t->failed && strcspn(t->s + from, ".en") == t->n - from)
        text_puts(t, ".0");
}

struct pair {
    const char *key;
    const json_t *value;
};

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct pair *)a)->key, ((const struct pair *)b)->key);
}

static void put_pair(struct text *t, const char *key, const json_t *value, bool sorted)
{
    json_t *name = json_string(key);
    if (name)
        put_string(t, name);
    else
        t->failed = true;
    json_decref(name);
    text_put(t, ":", 1);
    put_value(t, value, sorted);
}

static void put_sorted(struct text *t, json_t *j)
{
    size_t n = 0;
    struct pair *list = mem_array(t->mem, json_object_size(j), sizeof *list);
    if (!list) {
        t->failed = true;
        return;
    }
    for (void *i = json_object_iter(j); i; i = json_object_iter_next(j, i))
        list[n++] = (struct pair){json_object_iter_key(i), json_object_iter_value(i)};
    qsort(list, n, sizeof *list, by_key);
    for (size_t i = 0; i < n; i++) {
        text_put(t, ",", i > 0);
        put_pair(t, list[i].key, list[i].value, true);
    }
    mem_free(list);
}

static void put_object(struct text *t, const json_t *object, bool sorted)
{
    json_t *j = (json_t *)(uintptr_t)object; /* iterating wants it so, and changes nothing */
    text_put(t, "{", 1);
    if (sorted)
        put_sorted(t, j);
    else
        for (void *i = json_object_iter(j), *first = i; i; i = json_object_iter_next(j, i)) {
            text_put(t, ",", i != first);
            put_pair(t, json_object_iter_key(i), json_object_iter_value(i), false);
        }
    text_put(t, "}", 1);
}

static void put_value(struct text *t, const json_t *j, bool sorted)
{
    switch (json_typeof(j)) {
    case JSON_OBJECT: put_object(t, j, sorted); return;
    case JSON_ARRAY:
        text_put(t, "[", 1);
        for (size_t i = 0; i < json_array_size(j); i++) {
            text_put(t, ",", i > 0);
            put_value(t, json_array_get(j, i), sorted);
        }
        text_put(t, "]", 1);
        return;
    case JSON_STRING: put_string(t, j); return;
    case JSON_INTEGER: text_printf(t, "%lld", (long long)json_integer_value(j)); return;
    case JSON_REAL: put_real(t, json_real_value(j)); return;
    case JSON_TRUE: text_puts(t, "true"); return;
    case JSON_FALSE: text_puts(t, "false"); return;
    case JSON_NULL: text_puts(t, "null"); return;
    }
}

/* In memory of the C library, as jansson's own texts are, so that json_text_free serves both. */
static char *write_text(const json_t *j, bool sorted)
{
    struct text t;
    if (!j)
        return NULL;
    text_init(&t, NULL);
    put_value(&t, j, sorted);
    char *s = t.failed ? NULL : strdup(t.s);
    text_clear(&t);
    return s;
}

char *json_text(const json_t *j)
{
    return write_text(j, false);
}

char *json_canonical(const json_t *j)
{
    return write_text(j, true);
}

void json_text_free(char *s)
{
    free(s);
}
