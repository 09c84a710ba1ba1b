/* SPDX-License-Identifier: Apache-2.0 */
/* Trees with places, refusals with places, allocation failures. */
#include "base/mem.h"
#include "base/yaml.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Suite *suite_yaml(void);

static struct yaml_node *parse(const char *text)
{
    struct yaml_node *n;
    struct asx_err e = {0};
    asx_st rc = yaml_parse(text, strlen(text), NULL, NULL, &n, &e);
    ck_assert_msg(rc == ASX_OK, "%s: %s", text, e.text);
    return n;
}

START_TEST(a_spec)
{
    struct yaml_node *n =
        parse("# comment\nassay: 1\ndata:\n  target: no\n  ignore: [id, \"1\"]\n  empty:\nsearch: {trials: 2e1}\n");
    ck_assert_int_eq(n->kind, YAML_MAP);
    ck_assert_uint_eq(n->n, 3);
    const struct yaml_node *data = yaml_get(n, "data"), *ignore = yaml_get(data, "ignore");
    ck_assert_str_eq(yaml_get(data, "target")->text, "no");
    ck_assert_int_eq(yaml_get(data, "target")->line, 4);
    ck_assert_int_eq(yaml_get(data, "target")->column, 11);
    ck_assert_int_eq(data->key[1].line, 5);
    ck_assert_int_eq(data->key[1].column, 3);
    ck_assert_int_eq(ignore->kind, YAML_LIST);
    ck_assert_uint_eq(ignore->n, 2);
    ck_assert(!ignore->item[0].quoted && ignore->item[1].quoted);
    ck_assert(yaml_is_null(yaml_get(data, "empty")));
    ck_assert(yaml_is_null(yaml_get(data, "absent")));
    ck_assert_ptr_null(yaml_get(ignore, "x"));
    double v;
    ck_assert(yaml_as_number(yaml_get(yaml_get(n, "search"), "trials"), &v) && v == 20);
    yaml_free(n);
    yaml_free(NULL);
}
END_TEST

START_TEST(empty_texts_are_empty_maps)
{
    static const char *const text[] = {"", "# nothing\n", "---\n", "\xef\xbb\xbf", "\n\n"};
    for (size_t i = 0; i < sizeof text / sizeof *text; i++) {
        struct yaml_node *n = parse(text[i]);
        ck_assert_int_eq(n->kind, YAML_MAP);
        ck_assert_uint_eq(n->n, 0);
        yaml_free(n);
    }
}
END_TEST

START_TEST(scalars_by_wish)
{
    struct yaml_node *n = parse("[yes, Off, maybe, 1.5, -3, inf, .5, 0x10, 1e999, '7', ~, null, 'null', +2]");
    bool b;
    double v;
    const struct yaml_node *i = n->item;
    ck_assert(yaml_as_bool(&i[0], &b) && b);
    ck_assert(yaml_as_bool(&i[1], &b) && !b);
    ck_assert(!yaml_as_bool(&i[2], &b));
    ck_assert(yaml_as_number(&i[3], &v) && v == 1.5);
    ck_assert(yaml_as_number(&i[4], &v) && v == -3);
    ck_assert(!yaml_as_number(&i[5], &v));
    ck_assert(yaml_as_number(&i[6], &v) && v == 0.5);
    ck_assert(!yaml_as_number(&i[7], &v));
    ck_assert(!yaml_as_number(&i[8], &v));
    ck_assert(!yaml_as_number(&i[9], &v));
    ck_assert(yaml_is_null(&i[10]) && yaml_is_null(&i[11]) && !yaml_is_null(&i[12]));
    ck_assert(yaml_as_number(&i[13], &v) && v == 2);
    ck_assert(!yaml_as_number(n, &v) && !yaml_as_bool(NULL, &b));
    yaml_free(n);
}
END_TEST

START_TEST(refusals_name_their_place)
{
    static const struct {
        const char *text;
        int line, column;
        const char *says;
    } row[] = {
        {"a: 1\nb: 2\na: 3\n", 3, 1, "'a'"},     {"a: {x: 1, y: 2, x: 3}\n", 1, 17, "'x'"},
        {"a: &k 1\n", 1, 4, "anchor"},           {"a: *k\n", 1, 4, "alias"},
        {"a: 1\n---\nb: 2\n", 2, 1, "document"}, {"a: !!int 1\n", 1, 4, "tags"},
        {"? [1]\n: 2\n", 1, 3, "key"},           {"a: \"x\\0y\"\n", 1, 4, "zero"},
        {"a: [1, 2\n", 2, 1, "not valid YAML"},  {"a: b: c\n", 1, 5, "not valid YAML"},
        {"\tx: 1\n", 1, 1, "not valid YAML"},    {"a: 1\nb: \xff\n", 2, 4, "UTF-8"},
        {"a: \xed\xa0\x80\n", 1, 4, "UTF-8"},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct yaml_node *n;
        struct asx_err e = {0};
        asx_st rc = yaml_parse(row[i].text, strlen(row[i].text), "s.yaml", NULL, &n, &e);
        ck_assert_msg(rc == ASX_E_INVAL && !n, "accepted: %s", row[i].text);
        ck_assert_str_eq(e.file, "s.yaml");
        ck_assert_msg(e.line == row[i].line && e.column == row[i].column, "%s -> %d:%d %s", row[i].text, e.line, e.column, e.text);
        ck_assert_msg(strstr(e.text, row[i].says) != NULL, "%s -> %s", row[i].text, e.text);
    }
}
END_TEST

START_TEST(limits)
{
    struct yaml_node *n;
    struct asx_err e = {0};
    char deep[200];
    memset(deep, '[', 64);
    memset(deep + 64, ']', 64);
    ck_assert_int_eq(yaml_parse(deep, 128, NULL, NULL, &n, &e), ASX_OK);
    yaml_free(n);
    memset(deep, '[', 65);
    memset(deep + 65, ']', 65);
    ck_assert_int_eq(yaml_parse(deep, 130, NULL, NULL, &n, &e), ASX_E_INVAL);
    ck_assert_ptr_nonnull(strstr(e.text, "64"));
    size_t size = (16 << 20) + 1;
    char *big = malloc(size);
    memset(big, '[', size);
    e.code = 0;
    ck_assert_int_eq(yaml_parse(big, size, NULL, NULL, &n, &e), ASX_E_INVAL);
    e.code = 0;
    ck_assert_int_eq(yaml_parse(big, size - 1, NULL, NULL, &n, &e), ASX_E_INVAL); /* quick: depth stops it */
    free(big);
}
END_TEST

START_TEST(many_keys_are_quick)
{
    enum { KEYS = 50000 };
    char *text = malloc(KEYS * 12), *p = text;
    for (int i = 0; i < KEYS; i++)
        p += snprintf(p, 12, "k%d: 1\n", i);
    struct yaml_node *n;
    struct asx_err e = {0};
    ck_assert_int_eq(yaml_parse(text, (size_t)(p - text), NULL, NULL, &n, &e), ASX_OK);
    ck_assert_uint_eq(n->n, KEYS);
    yaml_free(n);
    free(text);
}
END_TEST

START_TEST(allocation_failures_leak_nothing)
{
    static const char text[] = "a: {b: [1, 2, 3, 4, 5, {c: d}], e: f}\ng: h\ni: j\nk: l\nm: n\n";
    struct mem *m = mem_create(NULL, 0);
    asx_st rc = ASX_E_NOMEM;
    long n = 1;
    for (; rc != ASX_OK && n < 1000; n++) {
        struct yaml_node *tree;
        struct asx_err e = {0};
        mem_fault_after(n);
        rc = yaml_parse(text, sizeof text - 1, NULL, m, &tree, &e);
        mem_fault_after(0);
        if (rc != ASX_OK)
            ck_assert_int_eq(rc, ASX_E_NOMEM);
        yaml_free(tree);
        ck_assert_uint_eq(mem_used(m), 0);
    }
    ck_assert_int_gt(n, 20);
    mem_destroy(m);
}
END_TEST

START_TEST(read_names_the_file)
{
    struct yaml_node *n;
    struct asx_err e = {0};
    ck_assert_int_eq(yaml_read("/nonexistent/x.yaml", NULL, &n, &e), ASX_E_IO);
    ck_assert_ptr_null(n);
}
END_TEST

Suite *suite_yaml(void)
{
    Suite *s = suite_create("yaml");
    TCase *t = tcase_create("yaml");
    tcase_add_test(t, a_spec);
    tcase_add_test(t, empty_texts_are_empty_maps);
    tcase_add_test(t, scalars_by_wish);
    tcase_add_test(t, refusals_name_their_place);
    tcase_add_test(t, limits);
    tcase_add_test(t, many_keys_are_quick);
    tcase_add_test(t, allocation_failures_leak_nothing);
    tcase_add_test(t, read_names_the_file);
    suite_add_tcase(s, t);
    return s;
}
