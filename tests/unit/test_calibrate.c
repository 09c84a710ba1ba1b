/* SPDX-License-Identifier: Apache-2.0 */
/* Calibration on the device at hand: it keeps its time and learns something plausible. */
#include "backends/device.h"
#include "base/clock.h"
#include "base/mem.h"
#include "catalog/catalog.h"
#include "engine/registry.h"
#include "optimizer/coefficients.h"
#include "optimizer/measured.h"
#include "tests/runner.h"

Suite *suite_calibrate(void);

START_TEST(classes_are_measured_within_the_time)
{
    struct mem *mem = mem_create(NULL, 0);
    struct opt_machine *m = NULL;
    struct asx_device *d = NULL;
    struct asx_err err = {0};
    ck_assert_int_eq(opt_machine_probe(mem, &m, &err), ASX_OK);
    ck_assert_int_eq(dev_open(registry_builtin(), "cpu", &d, &err), ASX_OK);
    double t = clock_now();
    unsigned classes = 1u << ASX_KC_STREAM | 1u << ASX_KC_GEMM | 1u << ASX_KC_HIST; /* no timer for the last */
    ck_assert_int_eq(opt_calibrate(m, d, classes, 0.3, mem, &err), ASX_OK);
    t = clock_now() - t;
    ck_assert_double_lt(t, 3); /* sanitizers and neighbours */
    const struct opt_coefficient *c = opt_coefficient_find(m, "cpu", ASX_KC_STREAM, ASX_F32);
    ck_assert_int_gt(c->samples, 2);
    ck_assert(c->flop_rate > 0 || c->bandwidth[3] > 0);
    ck_assert_double_ge(c->spread, 1);
    for (int l = 1; l < OPT_LEVELS; l++)
        ck_assert(c->bandwidth[l - 1] == 0 || (c->bandwidth[l] > 0 && c->bandwidth[l] <= c->bandwidth[l - 1] * (1 + 1e-9)));
    ck_assert_int_eq(opt_coefficient_find(m, "cpu", ASX_KC_HIST, ASX_F32)->samples, 0);
    ck_assert_int_eq(opt_coefficient_find(m, "cpu", ASX_KC_SYRK, ASX_F64)->samples, 0);
    ck_assert_int_eq(opt_calibrate(m, d, ~0u, 0, mem, &err), ASX_OK); /* no time: nothing happens */
    dev_close(registry_builtin(), d);
    opt_machine_free(m);
    ck_assert_uint_eq(mem_used(mem), 0);
    mem_destroy(mem);
}
END_TEST

static void stream_work(const struct asx_problem *p, const struct asx_batch *b, struct asx_work *w)
{
    (void)p;
    (void)b;
    asx_work_add(w->once, &w->n_once, (struct asx_use){.k = ASX_KC_STREAM, .t = ASX_F32, .m = 1e6});
}

START_TEST(measured_once_a_machine)
{
    static const struct asx_op op = {.head = {"x.run/stream", ""}, .work = stream_work};
    struct mem *mem = mem_create(NULL, 0);
    struct opt_machine *m = NULL, *later = NULL;
    struct asx_device *d = NULL;
    struct cat *cat = NULL;
    struct asx_err err = {0};
    struct opt_plan *plan = NULL;
    struct opt_model model;
    ck_assert_int_eq(cat_open(&cat, &(struct cat_options){.path = ":memory:"}, &err), ASX_OK);
    ck_assert_int_eq(opt_machine_probe(mem, &m, &err), ASX_OK);
    ck_assert_int_eq(opt_machine_probe(mem, &later, &err), ASX_OK);
    ck_assert_int_eq(dev_open(registry_builtin(), "cpu", &d, &err), ASX_OK);
    opt_model_init(&model, m, false, mem);
    struct opt_context ctx = {.model = &model, .threads = 1, .mem = mem};
    ck_assert_int_eq(opt_plan_create(mem, &plan), ASX_OK);
    ck_assert_int_eq(opt_plan_add_core(plan, &ctx, &op, "run", NULL, NULL, 0, (struct asx_key){1, 1}, NULL), 0);
    const struct opt_plan *plans[1] = {plan};
    ck_assert_uint_eq(opt_calibration_wants(plans, 1), 1u << ASX_KC_STREAM);
    int n = -1;
    ck_assert_int_eq(opt_measure(m, d, plans, 1, 0.001, 0, cat, mem, &n, &err), ASX_OK);
    ck_assert_int_eq(n, 0); /* too little time */
    ck_assert_int_eq(opt_measure(m, d, plans, 1, 0.2, 0, cat, mem, &n, &err), ASX_OK);
    ck_assert_int_eq(n, 1);
    ck_assert_int_eq(opt_measure(m, d, plans, 1, 0.2, 0, cat, mem, &n, &err), ASX_OK);
    ck_assert_int_eq(n, 0); /* known now */
    ck_assert_int_eq(opt_measured_load(later, cat, mem), 1);
    const struct opt_coefficient *a = opt_coefficient_find(m, "cpu", ASX_KC_STREAM, ASX_F32);
    const struct opt_coefficient *b = opt_coefficient_find(later, "cpu", ASX_KC_STREAM, ASX_F32);
    ck_assert_double_eq(a->flop_rate, b->flop_rate);
    ck_assert_double_eq(a->bandwidth[3], b->bandwidth[3]);
    ck_assert_double_eq_tol(a->spread, b->spread, 1e-12);
    ck_assert_int_eq(a->samples, b->samples);
    opt_plan_free(plan);
    opt_model_clear(&model);
    dev_close(registry_builtin(), d);
    cat_close(cat);
    opt_machine_free(m);
    opt_machine_free(later);
    ck_assert_uint_eq(mem_used(mem), 0);
    mem_destroy(mem);
}
END_TEST

START_TEST(little_memory_is_refused)
{
    struct mem *mem = mem_create(NULL, 0), *small = mem_create(NULL, 1 << 20);
    struct opt_machine *m = NULL;
    struct asx_device *d = NULL;
    struct asx_err err = {0};
    ck_assert_int_eq(opt_machine_probe(mem, &m, &err), ASX_OK);
    ck_assert_int_eq(dev_open(registry_builtin(), "cpu", &d, &err), ASX_OK);
    ck_assert_int_eq(opt_calibrate(m, d, ~0u, 0.1, small, &err), ASX_E_NOMEM);
    ck_assert_uint_eq(mem_used(small), 0);
    dev_close(registry_builtin(), d);
    opt_machine_free(m);
    mem_destroy(small);
    mem_destroy(mem);
}
END_TEST

Suite *suite_calibrate(void)
{
    Suite *s = suite_create("calibrate");
    TCase *c = tcase_create("calibrate");
    tcase_set_timeout(c, 30);
    tcase_add_test(c, classes_are_measured_within_the_time);
    tcase_add_test(c, measured_once_a_machine);
    tcase_add_test(c, little_memory_is_refused);
    suite_add_tcase(s, c);
    return s;
}
