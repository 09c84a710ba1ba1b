# SPDX-License-Identifier: Apache-2.0
# The quick suite, under AddressSanitizer and UndefinedBehaviorSanitizer. SUITE="name ..." runs some suites only.
ASAN := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
check:
	$(MAKE) B=build/asan OPT="-O1 -g" SAN="$(ASAN)" build/asan/unit_tests
	ASAN_OPTIONS=detect_leaks=1 LSAN_OPTIONS=suppressions=tests/lsan.supp build/asan/unit_tests $(SUITE)
