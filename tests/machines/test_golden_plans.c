/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One made-up wave planned for every machine of this folder: the plan without figures must be the
 * recorded one. After a change that is meant to change plans: ASSAY_GOLDEN=write build/unit_tests golden_plans,
 * then read the difference.
 */
#include "base/file.h"
#include "base/mem.h"
#include "optimizer/explain.h"
#include "tests/runner.h"
#include "tests/support/plan_make.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Suite *suite_golden_plans(void);

static const char *const fixtures[] = {"duo.json", "dual_socket.json", "tiny.json", "desktop.xml"};
enum { FIXTURES = sizeof fixtures / sizeof *fixtures, TRIALS = 8 };

static struct opt_machine *load(struct plan_make *m, const char *name)
{
    struct opt_machine *machine = NULL;
    struct asx_err err = {0};
    char path[128];
    snprintf(path, sizeof path, "tests/machines/%s", name);
    asx_st st = strstr(name, ".xml") ? opt_machine_from_topology(path, m->mem, &machine, &err)
                                     : opt_machine_read(path, m->mem, &machine, &err);
    ck_assert_msg(st == ASX_OK, "%s", err.text);
    return machine;
}

static struct opt_plan *plan_on(struct plan_make *m, const struct opt_machine *machine)
{
    static struct asx_config c[TRIALS];
    static const char *const json[TRIALS] = {
        "{}", "{\"learning_rate\":0.05}", "{\"categorical\":\"target\"}", "{}", "{\"l2\":10}", "{}", "{\"l2\":0.1}", "{\"l2\":10}"};
    struct opt_trial t[TRIALS];
    for (int i = 0; i < TRIALS; i++) {
        c[i] = plan_make_config(m, i < 3 ? PLAN_BOOST : i < 5 ? PLAN_RIDGE : PLAN_LOGIT, json[i]);
        t[i] = (struct opt_trial){.id = i + 1, .config = &c[i], .to = {.rows = 1, .iterations = i < 3 ? 25 : 0, .folds = 3}};
    }
    m->model.machine = machine;
    m->ctx.threads = opt_machine_threads(machine);
    m->ctx.memory = opt_machine_memory(machine);
    return plan_make_wave(m, t, TRIALS);
}

static void compare(const char *name, const struct text *t)
{
    char path[160];
    struct asx_err err = {0};
    snprintf(path, sizeof path, "tests/machines/%s.plan", name);
    const char *mode = getenv("ASSAY_GOLDEN");
    if (mode && strcmp(mode, "write") == 0) {
        ck_assert_int_eq(file_write(path, t->s, t->n, &err), ASX_OK);
        return;
    }
    char *expected = NULL;
    size_t n = 0;
    ck_assert_msg(file_read(path, 1 << 20, NULL, &expected, &n, &err) == ASX_OK, "%s", err.text);
    size_t at = 0, line = 1, begin = 0;
    for (; at < n && at < t->n && expected[at] == t->s[at]; at++)
        if (expected[at] == '\n')
            line++, begin = at + 1;
    ck_assert_msg(n == t->n && at == n, "the plan for %s changed at line %zu:\n%.150s\nwas:\n%.150s", name, line, t->s + begin,
                  expected + begin);
    mem_free(expected);
}

START_TEST(plans_are_the_recorded_ones)
{
    struct plan_make m;
    plan_make_init(&m, 60000, 3, true);
    struct opt_machine *machine = load(&m, fixtures[_i]);
    struct opt_plan *plan = plan_on(&m, machine);
    const struct opt_plan *plans[1] = {plan};
    struct opt_explained e = {.machine = machine, .budget_s = 60, .plan = plans, .plans = 1};
    struct text t;
    text_init(&t, m.mem);
    opt_explain_text(&e, &t);
    ck_assert(!t.failed);
    compare(fixtures[_i], &t);
    text_clear(&t);
    opt_plan_free(plan);
    m.model.machine = &m.machine;
    opt_machine_free(machine);
    plan_make_clear(&m);
}
END_TEST

/* Law 2 over whole plans: with a machine twice as fast in every way the chosen plan costs at most 5 % more. */
START_TEST(better_machines_have_no_dearer_plans)
{
    struct plan_make m;
    plan_make_init(&m, 60000, 3, true);
    struct opt_machine *machine = load(&m, fixtures[_i]);
    struct opt_plan *before = plan_on(&m, machine);
    for (int i = 0; i < machine->coefficients; i++) {
        struct opt_coefficient *c = &machine->coefficient[i];
        c->flop_rate *= 2;
        for (int l = 0; l < 4; l++)
            c->bandwidth[l] *= 2;
    }
    machine->bandwidth_total *= 2;
    machine->memory_bytes *= 2;
    machine->memory_limit_bytes *= 2;
    struct opt_plan *after = plan_on(&m, machine);
    ck_assert_double_le(after->seconds, before->seconds * 1.05);
    opt_plan_free(before);
    opt_plan_free(after);
    m.model.machine = &m.machine;
    opt_machine_free(machine);
    plan_make_clear(&m);
}
END_TEST

Suite *suite_golden_plans(void)
{
    Suite *s = suite_create("golden_plans");
    TCase *c = tcase_create("golden_plans");
    tcase_add_loop_test(c, plans_are_the_recorded_ones, 0, FIXTURES);
    tcase_add_loop_test(c, better_machines_have_no_dearer_plans, 0, FIXTURES);
    suite_add_tcase(s, c);
    return s;
}
