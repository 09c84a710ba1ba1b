/* SPDX-License-Identifier: Apache-2.0 */
/* Calibration on the device at hand: it keeps its time and learns something plausible. */
#include "backends/device.h"
#include "base/clock.h"
#include "base/mem.h"
#include "engine/registry.h"
#include "optimizer/calibrate.h"
#include "optimizer/coefficients.h"
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
    tcase_add_test(c, little_memory_is_refused);
    suite_add_tcase(s, c);
    return s;
}
