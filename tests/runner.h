/* SPDX-License-Identifier: Apache-2.0 */
/** @file runner.h The generated list of suites. */
#ifndef ASSAY_TESTS_RUNNER_H
#define ASSAY_TESTS_RUNNER_H

#include <check.h>

struct test_suite {
    const char *name;
    Suite *(*make)(void);
};

extern const struct test_suite test_suites[];

#endif
