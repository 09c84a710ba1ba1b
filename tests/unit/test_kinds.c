/* SPDX-License-Identifier: Apache-2.0 */
/* Task kinds: what becomes of a target column. */
#include "base/mem.h"
#include "engine/registry.h"
#include "tasks/target.h"
#include "tests/support/frame_make.h"

#include <check.h>
#include <string.h>

Suite *suite_kinds(void);

static struct frame_make *made;
static struct mem *account;
static struct asx_target target, again;
static struct asx_err err;

static const struct asx_kind *kind(const char *name)
{
    const struct asx_kind *const *k = registry_builtin()->kind;
    while (*k && strcmp((*k)->head.name, name))
        k++;
    ck_assert_msg(*k, "no task kind '%s'", name);
    return *k;
}

static void set_up(void)
{
    account = mem_create(NULL, 0);
    memset(&err, 0, sizeof(err));
}

static void tear_down(void)
{
    target_clear(&target);
    target_clear(&again);
    ck_assert_uint_eq(mem_used(account), 0);
    mem_destroy(account);
    frame_make_free(made);
}

static asx_st classify(int column, const char *positive)
{
    return kind("classify")->target(frame_make_frame(made), column, positive, account, &target, &err);
}

static asx_st regress(int column)
{
    return kind("regress")->target(frame_make_frame(made), column, NULL, account, &target, &err);
}

START_TEST(binary_words)
{
    made = frame_make_new(5);
    int c = frame_make_strings(made, "income", ASX_CATEGORICAL, (const char *[]){">50K", "<=50K", NULL, "<=50K", ">50K"});
    ck_assert_int_eq(classify(c, NULL), ASX_OK);
    ck_assert_int_eq(target.task, ASX_BINARY);
    ck_assert_int_eq(target.classes, 2);
    ck_assert_int_eq(target.positive, 1);
    ck_assert_str_eq(target.class_name[0], "<=50K");
    ck_assert_str_eq(target.class_name[1], ">50K");
    ck_assert_uint_eq(target.rows, 4);
    ck_assert(target.row[2] == 3 && target.label[0] == 1 && target.label[1] == 0 && target.label[2] == 0 && target.label[3] == 1);
    ck_assert_double_eq(target.y[0], 1);
    target_clear(&target);
    ck_assert_int_eq(classify(c, "<=50K"), ASX_OK);
    ck_assert_int_eq(target.positive, 0);
    target_clear(&target);
    ck_assert_int_eq(classify(c, "50K"), ASX_E_INVAL);
    ck_assert(strstr(err.text, "no class '50K'"));
}
END_TEST

START_TEST(numbers_sort_by_value)
{
    made = frame_make_new(6);
    int codes = frame_make_strings(made, "as text", ASX_CATEGORICAL, (const char *[]){"10", "9", "-1", "10", "9", "-1"});
    int wide = frame_make_f64(made, "f64", (double[]){10, 9, -1, 10, NAN, -1});
    int narrow = frame_make_f32(made, "f32", (float[]){0.1F, 10, 9, 0.1F, 10, 9});
    ck_assert_int_eq(classify(codes, NULL), ASX_OK);
    ck_assert_int_eq(target.task, ASX_MULTICLASS);
    ck_assert_str_eq(target.class_name[0], "-1");
    ck_assert_str_eq(target.class_name[1], "9");
    ck_assert_str_eq(target.class_name[2], "10");
    ck_assert_int_eq(target.label[0], 2);
    target_clear(&target);
    ck_assert_int_eq(classify(wide, NULL), ASX_OK);
    ck_assert_uint_eq(target.rows, 5);
    ck_assert_str_eq(target.class_name[2], "10");
    ck_assert_int_eq(target.label[4], 0);
    /* the same classes written as words in new data */
    ck_assert_int_eq(kind("classify")->target_again(frame_make_frame(made), codes, &target, account, &again, &err), ASX_OK);
    ck_assert(again.label[0] == 2 && again.label[1] == 1 && again.label[2] == 0);
    target_clear(&target);
    ck_assert_int_eq(classify(narrow, NULL), ASX_OK);
    ck_assert_str_eq(target.class_name[0], "0.1");
    ck_assert(target.label[0] == 0 && target.label[1] == 2);
}
END_TEST

START_TEST(text_and_unseen)
{
    made = frame_make_new(4);
    int a = frame_make_strings(made, "a", ASX_TEXT, (const char *[]){"yes", "no", "yes", "no"});
    int b = frame_make_strings(made, "b", ASX_TEXT, (const char *[]){"maybe", "no", NULL, "yes"});
    ck_assert_int_eq(classify(a, NULL), ASX_OK);
    ck_assert_int_eq(kind("classify")->target_again(frame_make_frame(made), b, &target, account, &again, &err), ASX_OK);
    ck_assert_uint_eq(again.rows, 3);
    ck_assert_int_eq(again.label[0], -1);
    ck_assert(isnan(again.y[0]));
    ck_assert_int_eq(again.label[1], 0);
    ck_assert_int_eq(again.label[2], 1);
    ck_assert_str_eq(again.class_name[1], "yes");
}
END_TEST

START_TEST(refused)
{
    made = frame_make_new(3);
    int none = frame_make_f64(made, "none", (double[]){NAN, NAN, NAN});
    int one = frame_make_strings(made, "one", ASX_CATEGORICAL, (const char *[]){"x", "x", NULL});
    int words = frame_make_strings(made, "words", ASX_CATEGORICAL, (const char *[]){"1", "two", "3"});
    int day = frame_make_datetime(made, "day", (double[]){1, 2, 3});
    int single = frame_make_f64(made, "single", (double[]){NAN, 2, NAN});
    ck_assert_int_eq(classify(none, NULL), ASX_E_DATA);
    ck_assert(strstr(err.text, "missing in every row"));
    err = (struct asx_err){0};
    ck_assert_int_eq(classify(one, NULL), ASX_E_DATA);
    ck_assert(strstr(err.text, "one class only, 'x'"));
    err = (struct asx_err){0};
    ck_assert_int_eq(regress(none), ASX_E_DATA);
    err = (struct asx_err){0};
    ck_assert_int_eq(regress(words), ASX_E_DATA);
    ck_assert(strstr(err.text, "row 2 says 'two'"));
    err = (struct asx_err){0};
    ck_assert_int_eq(regress(day), ASX_E_DATA);
    err = (struct asx_err){0};
    ck_assert_int_eq(regress(single), ASX_E_DATA);
    ck_assert_int_eq(regress(-1), ASX_E_DATA);
    err = (struct asx_err){0};
    ck_assert_int_eq(classify(words, "two"), ASX_E_INVAL);
    ck_assert(strstr(err.text, "two classes"));
}
END_TEST

START_TEST(regress_values)
{
    made = frame_make_new(4);
    int x = frame_make_f64(made, "x", (double[]){1.5, NAN, -2, 1e300});
    int codes = frame_make_strings(made, "codes", ASX_BOOLEAN, (const char *[]){"0", "1", NULL, "1"});
    ck_assert_int_eq(regress(x), ASX_OK);
    ck_assert_int_eq(target.task, ASX_REGRESSION);
    ck_assert(target.rows == 3 && target.row[1] == 2 && target.y[1] == -2 && !target.label && target.classes == 0);
    target_clear(&target);
    ck_assert_int_eq(regress(codes), ASX_OK);
    ck_assert(target.rows == 3 && target.y[0] == 0 && target.y[2] == 1);
    ck_assert_str_eq(kind("regress")->default_metric(ASX_REGRESSION), "rmse");
    ck_assert_str_eq(kind("classify")->default_metric(ASX_BINARY), "roc_auc");
    ck_assert_str_eq(kind("classify")->default_metric(ASX_MULTICLASS), "log_loss");
    ck_assert(kind("classify")->stratified && !kind("regress")->stratified);
}
END_TEST

START_TEST(no_memory)
{
    made = frame_make_new(5);
    int c = frame_make_strings(made, "y", ASX_CATEGORICAL, (const char *[]){"b", "a", NULL, "c", "b"});
    int x = frame_make_f64(made, "x", (double[]){1, 2, 3, 4, 5});
    asx_st st = ASX_E_NOMEM;
    for (long i = 1; st; i++) {
        mem_fault_after(i);
        st = classify(c, NULL);
        mem_fault_after(0);
        ck_assert(st == ASX_OK || st == ASX_E_NOMEM);
        if (st)
            ck_assert_uint_eq(mem_used(account), 0);
    }
    st = ASX_E_NOMEM;
    for (long i = 1; st; i++) {
        mem_fault_after(i);
        st = kind("classify")->target_again(frame_make_frame(made), c, &target, account, &again, &err);
        mem_fault_after(0);
        ck_assert(st == ASX_OK || st == ASX_E_NOMEM);
    }
    target_clear(&target);
    st = ASX_E_NOMEM;
    for (long i = 1; st; i++) {
        mem_fault_after(i);
        st = regress(x);
        mem_fault_after(0);
        ck_assert(st == ASX_OK || st == ASX_E_NOMEM);
    }
}
END_TEST

Suite *suite_kinds(void)
{
    Suite *s = suite_create("kinds");
    TCase *t = tcase_create("kinds");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, binary_words);
    tcase_add_test(t, numbers_sort_by_value);
    tcase_add_test(t, text_and_unseen);
    tcase_add_test(t, refused);
    tcase_add_test(t, regress_values);
    tcase_add_test(t, no_memory);
    suite_add_tcase(s, t);
    return s;
}
