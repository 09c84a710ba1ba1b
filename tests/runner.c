/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the suites named on the command line (all without a name); the last line is "N passed, N failed". --list: their names. */
#include "tests/runner.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Check writes the place of each assertion that held to a pipe and reads all of them back after the test, to tell where a
 * crash was. In loops over cells that costs more than the code under test, so a place is written once a process: the
 * linker puts this in front (--wrap). Two places that share a mark lose one of them, nothing else.
 */
void __real__mark_point(const char *file, int line);
void __wrap__mark_point(const char *file, int line);
void __wrap__mark_point(const char *file, int line)
{
    static bool seen[1 << 14];
    bool *mine = &seen[((uintptr_t)file * 31 + (uintptr_t)line) % (sizeof seen / sizeof *seen)];
    if (!__atomic_exchange_n(mine, true, __ATOMIC_RELAXED))
        __real__mark_point(file, line);
}

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
    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        for (const struct test_suite *t = test_suites; t->name; t++)
            puts(t->name);
        return 0;
    }
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
