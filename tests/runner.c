/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the suites named on the command line (all without a name); the last line is "N passed, N failed". */
#include "tests/runner.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool wanted(const char *name, int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return true;
    return argc < 2;
}

int main(int argc, char **argv)
{
    SRunner *runner = NULL;
    setenv("CK_DEFAULT_TIMEOUT", "60", 0); /* Check's 4 s are too few on a busy machine or under a sanitizer */
    for (const struct test_suite *t = test_suites; t->name; t++) {
        if (!wanted(t->name, argc, argv))
            continue;
        if (!runner)
            runner = srunner_create(t->make());
        else
            srunner_add_suite(runner, t->make());
    }
    if (!runner) {
        fprintf(stderr, "no suite of that name; there are:");
        for (const struct test_suite *t = test_suites; t->name; t++)
            fprintf(stderr, " %s", t->name);
        fprintf(stderr, "\n");
        return 2;
    }
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner), run = srunner_ntests_run(runner);
    srunner_free(runner);
    printf("%d passed, %d failed\n", run - failed, failed);
    return failed ? 1 : 0;
}
