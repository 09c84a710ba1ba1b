/* SPDX-License-Identifier: Apache-2.0 */
/* The three formats of explain over a made-up wave. */
#include "base/mem.h"
#include "optimizer/explain.h"
#include "tests/runner.h"
#include "tests/support/plan_make.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Suite *suite_explain(void);

static struct plan_make m;
static struct asx_config config[4];
static struct opt_plan *plan;

static void setup(void)
{
    plan_make_init(&m, 50000, 3, true);
    struct opt_trial t[4];
    for (int i = 0; i < 4; i++) {
        config[i] = plan_make_config(&m, i < 1 ? PLAN_BOOST : i < 2 ? PLAN_RIDGE : PLAN_LOGIT, i == 3 ? "{\"l2\":7}" : "{}");
        t[i] = (struct opt_trial){.id = i + 1, .config = &config[i], .to = {.rows = 1, .iterations = i < 1 ? 25 : 0, .folds = 3}};
    }
    plan = plan_make_wave(&m, t, 4);
}

static void teardown(void)
{
    opt_plan_free(plan);
    plan_make_clear(&m);
}

static struct opt_explained explained(bool costs)
{
    static const struct opt_summary later[] = {
        {.step = "later waves", .seconds = 40, .low = 30, .high = 50, .trials = 120},
        {.step = "ensemble, refit, save", .seconds = 2, .low = 1, .high = 3, .host_bytes = 1 << 20}};
    static const struct opt_plan *plans[1];
    plans[0] = plan;
    return (struct opt_explained){
        .machine = &m.machine, .budget_s = 60, .plan = plans, .plans = 1, .summary = later, .summaries = 2, .costs = costs};
}

START_TEST(json_has_the_contract)
{
    struct opt_explained e = explained(true);
    json_t *j = opt_explain_json(&e);
    ck_assert_ptr_nonnull(j);
    ck_assert_double_eq(json_number_value(json_object_get(j, "budget_s")), 60);
    ck_assert_double_gt(json_number_value(json_object_get(j, "seconds")), 42);
    json_t *steps = json_object_get(j, "steps");
    ck_assert_uint_eq(json_array_size(steps), (size_t)plan->nodes);
    static const char *const keys[] = {"id",         "inputs",       "step",      "way",         "device",
                                       "threads",    "batch",        "seconds",   "seconds_low", "seconds_high",
                                       "host_bytes", "device_bytes", "shared_by", "alternatives"};
    for (size_t i = 0; i < json_array_size(steps); i++) {
        json_t *s = json_array_get(steps, i);
        for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
            ck_assert_msg(json_object_get(s, keys[k]) != NULL, "no %s", keys[k]);
        ck_assert_int_eq(json_integer_value(json_object_get(s, "id")), (int)i + 1);
        for (size_t k = 0; k < json_array_size(json_object_get(s, "inputs")); k++)
            ck_assert_int_le(json_integer_value(json_array_get(json_object_get(s, "inputs"), k)), (int)i);
    }
    ck_assert(json_is_object(json_object_get(j, "expected")));
    ck_assert(json_is_array(json_object_get(j, "front")));
    json_decref(j);
    e = explained(false);
    j = opt_explain_json(&e);
    ck_assert(json_is_null(json_object_get(json_array_get(json_object_get(j, "steps"), 0), "seconds")));
    json_decref(j);
}
END_TEST

START_TEST(text_is_readable)
{
    struct opt_explained e = explained(true);
    struct text t;
    text_init(&t, m.mem);
    opt_explain_text(&e, &t);
    ck_assert(!t.failed);
    if (getenv("ASSAY_SHOW"))
        fwrite(t.s, 1, t.n, stderr);
    ck_assert_ptr_nonnull(strstr(t.s, "first wave: 4 trials"));
    ck_assert_ptr_nonnull(strstr(t.s, "gram.build/syrk"));
    ck_assert_ptr_nonnull(strstr(t.s, "not ridge.fit/direct: slower: "));
    ck_assert_ptr_nonnull(strstr(t.s, "later waves"));
    ck_assert_ptr_nonnull(strstr(t.s, "budget 60.0 s"));
    text_clear(&t);
}
END_TEST

START_TEST(costs_off_has_no_figures)
{
    struct opt_explained e = explained(false);
    struct text t;
    text_init(&t, m.mem);
    opt_explain_text(&e, &t);
    ck_assert_ptr_null(strstr(t.s, " ms"));
    ck_assert_ptr_null(strstr(t.s, "iB"));
    ck_assert_ptr_null(strstr(t.s, "budget"));
    ck_assert_ptr_nonnull(strstr(t.s, "not ridge.fit/direct: slower\n"));
    text_clear(&t);
}
END_TEST

START_TEST(dot_names_every_edge)
{
    struct opt_explained e = explained(true);
    struct text t;
    text_init(&t, m.mem);
    opt_explain_dot(&e, &t);
    ck_assert_int_eq(strncmp(t.s, "digraph plan {", 14), 0);
    int nodes = 0;
    for (const char *p = t.s; (p = strstr(p, "[label=")); p++)
        nodes++;
    ck_assert_int_eq(nodes, plan->nodes);
    ck_assert_ptr_nonnull(strstr(t.s, "n1 -> n"));
    text_clear(&t);
}
END_TEST

Suite *suite_explain(void)
{
    Suite *s = suite_create("explain");
    TCase *c = tcase_create("explain");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, json_has_the_contract);
    tcase_add_test(c, text_is_readable);
    tcase_add_test(c, costs_off_has_no_figures);
    tcase_add_test(c, dot_names_every_edge);
    suite_add_tcase(s, c);
    return s;
}
