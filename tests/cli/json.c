/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json FILE [KEY]...: checks that a file is one JSON value (no duplicate keys, nothing behind it) and prints what stands at
 * the path: texts bare, numbers, true, false and null as JSON, the size of an object or array.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int show(const json_t *v)
{
    if (json_is_string(v))
        return puts(json_string_value(v)) < 0;
    if (json_is_array(v) || json_is_object(v))
        return printf("%zu\n", json_is_array(v) ? json_array_size(v) : json_object_size(v)) < 0;
    char *text = json_dumps(v, JSON_ENCODE_ANY);
    int bad = !text || puts(text) < 0;
    free(text);
    return bad;
}

int main(int argc, char **argv)
{
    json_error_t error;
    if (argc < 2)
        return 2;
    json_t *root = json_load_file(argv[1], JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error), *v = root;
    if (!root) {
        fprintf(stderr, "%s:%d:%d: %s\n", argv[1], error.line, error.column, error.text);
        return 1;
    }
    for (int i = 2; i < argc && v; i++)
        v = json_is_array(v) ? json_array_get(v, strtoul(argv[i], NULL, 10)) : json_object_get(v, argv[i]);
    int bad = !v;
    if (!v)
        fprintf(stderr, "%s: nothing at the path\n", argv[1]);
    else if (argc > 2)
        bad = show(v);
    json_decref(root);
    return bad;
}
