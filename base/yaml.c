/* SPDX-License-Identifier: Apache-2.0 */
/* Builds the tree of base/yaml.h from libyaml's events; depth and size are limited before libyaml sees trouble. */
#include "base/yaml.h"

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <yaml.h>

enum { MAX_DEPTH = 64, MAX_SIZE = 16 << 20 };

/* The reading in progress. */
struct reading {
    yaml_parser_t parser;
    const char *file;
    struct mem *mem;
    struct asx_err *err;
};

static asx_st no_memory(struct reading *r)
{
    return err_set(r->err, ASX_E_NOMEM, "not enough memory to read YAML; raise the memory limit");
}

static asx_st refuse(struct reading *r, const yaml_mark_t *m, const char *what)
{
    return err_at(r->err, ASX_E_INVAL, r->file, (int)m->line + 1, (int)m->column + 1, "%s", what);
}

static asx_st next(struct reading *r, yaml_event_t *e)
{
    if (yaml_parser_parse(&r->parser, e))
        return ASX_OK;
    const yaml_parser_t *p = &r->parser;
    if (p->error == YAML_MEMORY_ERROR)
        return no_memory(r);
    return err_at(r->err, ASX_E_INVAL, r->file, (int)p->problem_mark.line + 1, (int)p->problem_mark.column + 1,
                  "not valid YAML: %s%s%s; correct it there", p->problem ? p->problem : "unreadable", p->context ? " " : "",
                  p->context ? p->context : "");
}

static void clear(struct yaml_node *n)
{
    for (size_t i = 0; i < n->n; i++) {
        if (n->key)
            clear(&n->key[i]);
        if (n->item)
            clear(&n->item[i]);
    }
    mem_free(n->key);
    mem_free(n->item);
    mem_free(n->text);
}

void yaml_free(struct yaml_node *n)
{
    if (!n)
        return;
    clear(n);
    mem_free(n);
}

static asx_st build(struct reading *r, const yaml_event_t *e, int depth, struct yaml_node *out);

/* Grows the arrays of a list or map by one zeroed place; n itself is raised by the caller once it is filled. */
static asx_st grow(struct reading *r, struct yaml_node *n, size_t *capacity)
{
    if (n->n < *capacity)
        return ASX_OK;
    size_t more = *capacity ? *capacity * 2 : 4;
    struct yaml_node *item = mem_realloc(r->mem, n->item, more * sizeof *item);
    if (!item)
        return no_memory(r);
    n->item = item;
    if (n->kind == YAML_MAP) {
        struct yaml_node *key = mem_realloc(r->mem, n->key, more * sizeof *key);
        if (!key)
            return no_memory(r);
        n->key = key;
    }
    *capacity = more;
    return ASX_OK;
}

/* Adds one child, whose first event is e; for maps e starts the key. */
static asx_st add_child(struct reading *r, const yaml_event_t *e, int depth, struct yaml_node *n, size_t *capacity)
{
    asx_st rc = grow(r, n, capacity);
    if (rc != ASX_OK)
        return rc;
    struct yaml_node *item = &n->item[n->n];
    memset(item, 0, sizeof *item);
    if (n->kind == YAML_LIST) {
        n->n++;
        return build(r, e, depth + 1, item);
    }
    if (e->type != YAML_SCALAR_EVENT)
        return refuse(r, &e->start_mark, "a key must be plain text; write 'name: value'");
    struct yaml_node *key = &n->key[n->n];
    memset(key, 0, sizeof *key);
    n->n++;
    rc = build(r, e, depth + 1, key);
    if (rc != ASX_OK)
        return rc;
    yaml_event_t value;
    rc = next(r, &value);
    if (rc != ASX_OK)
        return rc;
    rc = build(r, &value, depth + 1, item);
    yaml_event_delete(&value);
    return rc;
}

static int by_text(const void *a, const void *b)
{
    const struct yaml_node *x = *(const struct yaml_node *const *)a, *y = *(const struct yaml_node *const *)b;
    int c = strcmp(x->text, y->text);
    return c ? c : (x > y) - (x < y);
}

static asx_st refuse_duplicates(struct reading *r, const struct yaml_node *n)
{
    if (n->n < 2)
        return ASX_OK;
    const struct yaml_node **order = mem_array(r->mem, n->n, sizeof *order);
    if (!order)
        return no_memory(r);
    for (size_t i = 0; i < n->n; i++)
        order[i] = &n->key[i];
    qsort(order, n->n, sizeof *order, by_text);
    const struct yaml_node *twice = NULL;
    for (size_t i = 1; i < n->n; i++)
        if (strcmp(order[i - 1]->text, order[i]->text) == 0 && (!twice || order[i] < twice))
            twice = order[i];
    mem_free(order);
    if (!twice)
        return ASX_OK;
    return err_at(r->err, ASX_E_INVAL, r->file, twice->line, twice->column, "key '%.80s' is there twice; remove one", twice->text);
}

static asx_st build_children(struct reading *r, yaml_event_type_t end, int depth, struct yaml_node *out)
{
    size_t capacity = 0;
    for (;;) {
        yaml_event_t e;
        asx_st rc = next(r, &e);
        if (rc != ASX_OK)
            return rc;
        bool last = e.type == end;
        if (!last)
            rc = add_child(r, &e, depth, out, &capacity);
        yaml_event_delete(&e);
        if (rc != ASX_OK)
            return rc;
        if (last)
            return out->kind == YAML_MAP ? refuse_duplicates(r, out) : ASX_OK;
    }
}

static asx_st build_scalar(struct reading *r, const yaml_event_t *e, struct yaml_node *out)
{
    const char *s = (const char *)e->data.scalar.value;
    size_t n = e->data.scalar.length;
    if (memchr(s, 0, n))
        return refuse(r, &e->start_mark, "a text holds a zero byte; remove it");
    out->kind = YAML_SCALAR;
    out->quoted = e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    out->text = mem_strndup(r->mem, s, n);
    return out->text ? ASX_OK : no_memory(r);
}

static asx_st build(struct reading *r, const yaml_event_t *e, int depth, struct yaml_node *out)
{
    static const char anchors[] = "anchors and aliases are not supported; write the value out";
    static const char tags[] = "tags are not supported; write the plain value";
    out->line = (int)e->start_mark.line + 1;
    out->column = (int)e->start_mark.column + 1;
    if (depth > MAX_DEPTH)
        return refuse(r, &e->start_mark, "nested deeper than 64 levels; flatten it");
    switch (e->type) {
    case YAML_ALIAS_EVENT: return refuse(r, &e->start_mark, anchors);
    case YAML_SCALAR_EVENT:
        if (e->data.scalar.anchor)
            return refuse(r, &e->start_mark, anchors);
        return e->data.scalar.tag ? refuse(r, &e->start_mark, tags) : build_scalar(r, e, out);
    case YAML_SEQUENCE_START_EVENT:
        if (e->data.sequence_start.anchor)
            return refuse(r, &e->start_mark, anchors);
        if (e->data.sequence_start.tag)
            return refuse(r, &e->start_mark, tags);
        out->kind = YAML_LIST;
        return build_children(r, YAML_SEQUENCE_END_EVENT, depth, out);
    case YAML_MAPPING_START_EVENT:
        if (e->data.mapping_start.anchor)
            return refuse(r, &e->start_mark, anchors);
        if (e->data.mapping_start.tag)
            return refuse(r, &e->start_mark, tags);
        out->kind = YAML_MAP;
        return build_children(r, YAML_MAPPING_END_EVENT, depth, out);
    default: return refuse(r, &e->start_mark, "a value is missing; add one");
    }
}

/* The single document of the stream into root; no document leaves an empty map. */
static asx_st build_stream(struct reading *r, struct yaml_node *root)
{
    bool have = false;
    for (;;) {
        yaml_event_t e;
        asx_st rc = next(r, &e);
        if (rc != ASX_OK)
            return rc;
        yaml_event_type_t type = e.type;
        if (type == YAML_DOCUMENT_START_EVENT && have)
            rc = refuse(r, &e.start_mark, "more than one document; keep one");
        else if (type != YAML_STREAM_START_EVENT && type != YAML_STREAM_END_EVENT && type != YAML_DOCUMENT_START_EVENT &&
                 type != YAML_DOCUMENT_END_EVENT) {
            have = true;
            rc = build(r, &e, 1, root);
        }
        yaml_event_delete(&e);
        if (rc != ASX_OK || type == YAML_STREAM_END_EVENT)
            return rc;
    }
}

/* Length of the UTF-8 sequence at p, 0 when malformed (RFC 3629: shortest form, no surrogates, at most U+10FFFF). */
static size_t utf8_length(const unsigned char *p, size_t left)
{
    if (p[0] < 0x80)
        return 1;
    size_t n = p[0] >= 0xc2 && p[0] <= 0xdf ? 2 : (p[0] & 0xf0) == 0xe0 ? 3 : p[0] >= 0xf0 && p[0] <= 0xf4 ? 4 : 0;
    if (n == 0 || n > left)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf0 && p[1] < 0x90) ||
        (p[0] == 0xf4 && p[1] > 0x8f))
        return 0;
    return n;
}

static asx_st check_utf8(const char *text, size_t size, const char *file, struct asx_err *err)
{
    int line = 1, column = 1;
    for (size_t i = 0; i < size;) {
        size_t n = utf8_length((const unsigned char *)text + i, size - i);
        if (n == 0 || text[i] == '\0')
            return err_at(err, ASX_E_INVAL, file, line, column, "a byte is no UTF-8 text; save the file as UTF-8");
        column = text[i] == '\n' ? 1 : column + 1;
        line += text[i] == '\n';
        i += n;
    }
    return ASX_OK;
}

asx_st yaml_parse(const char *text, size_t size, const char *file, struct mem *mem, struct yaml_node **out, struct asx_err *err)
{
    *out = NULL;
    if (size > MAX_SIZE)
        return err_at(err, ASX_E_INVAL, file, 0, 0, "more than 16 MiB of YAML; make it smaller");
    if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        text += 3;
        size -= 3;
    }
    asx_st rc = check_utf8(text, size, file, err);
    if (rc != ASX_OK)
        return rc;
    struct reading r = {.file = file, .mem = mem, .err = err};
    struct yaml_node *root = mem_calloc(mem, 1, sizeof *root);
    if (!root)
        return no_memory(&r);
    root->kind = YAML_MAP;
    root->line = root->column = 1;
    if (!yaml_parser_initialize(&r.parser)) {
        mem_free(root);
        return no_memory(&r);
    }
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)(size ? text : ""), size);
    rc = build_stream(&r, root);
    yaml_parser_delete(&r.parser);
    if (rc != ASX_OK) {
        yaml_free(root);
        return rc;
    }
    if (root->kind == YAML_SCALAR && yaml_is_null(root)) { /* "---" alone */
        mem_free(root->text);
        root->text = NULL;
        root->kind = YAML_MAP;
    }
    *out = root;
    return ASX_OK;
}

asx_st yaml_read(const char *path, struct mem *mem, struct yaml_node **out, struct asx_err *err)
{
    char *text;
    size_t size;
    *out = NULL;
    asx_st rc = file_read(path, MAX_SIZE, mem, &text, &size, err);
    if (rc == ASX_OK)
        rc = yaml_parse(text, size, path, mem, out, err);
    mem_free(text);
    return rc;
}

const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key)
{
    if (!map || map->kind != YAML_MAP)
        return NULL;
    for (size_t i = 0; i < map->n; i++)
        if (strcmp(map->key[i].text, key) == 0)
            return &map->item[i];
    return NULL;
}

bool yaml_is_null(const struct yaml_node *n)
{
    if (!n)
        return true;
    if (n->kind != YAML_SCALAR || n->quoted)
        return false;
    const char *s = n->text;
    return !*s || strcmp(s, "~") == 0 || strcasecmp(s, "null") == 0;
}

bool yaml_as_number(const struct yaml_node *n, double *out)
{
    if (!n || n->kind != YAML_SCALAR || n->quoted)
        return false;
    const char *s = n->text + (n->text[0] == '-' || n->text[0] == '+');
    if (!((*s >= '0' && *s <= '9') || (*s == '.' && s[1] >= '0' && s[1] <= '9')))
        return false; /* words such as inf and nan are no numbers here */
    if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X'))
        return false;
    char *end;
    double v = strtod(n->text, &end);
    if (*end || !isfinite(v))
        return false;
    *out = v;
    return true;
}

bool yaml_as_bool(const struct yaml_node *n, bool *out)
{
    static const char *const word[] = {"true", "yes", "on", "false", "no", "off"};
    if (!n || n->kind != YAML_SCALAR)
        return false;
    for (int i = 0; i < 6; i++)
        if (strcasecmp(n->text, word[i]) == 0) {
            *out = i < 3;
            return true;
        }
    return false;
}
