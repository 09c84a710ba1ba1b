#!/bin/sh
# Writes the unit-test runner: every tests/{unit,conformance,golden,machines}/test_X.c exports `Suite *suite_X(void)`.
set -eu
export LC_ALL=C
echo '#include <check.h>'
echo '#include "tests/runner.h"'
for f in "$@"; do n=$(basename "$f" .c); n=${n#test_}; echo "Suite *suite_$n(void);"; done
echo 'const struct test_suite test_suites[] = {'
for f in "$@"; do n=$(basename "$f" .c); n=${n#test_}; echo "    {\"$n\", suite_$n},"; done
echo '    {NULL, NULL}};'
