# SPDX-License-Identifier: Apache-2.0
# make fuzz, make check-long: the quick suite, fuzz corpora and mutations, ThreadSanitizer, the optimized build.
ROUNDS ?= 20000
FUZZ_OBJ := $(patsubst %.c,$(B)/obj/%.o,$(wildcard tests/fuzz/*.c))
TSAN := -fsanitize=thread -fno-omit-frame-pointer
.PHONY: fuzz tsan check-long
$(B)/fuzz_tests: $(FUZZ_OBJ) $(B)/internal/libassay.a
	$(CC) $(SAN) -o $@ $^ $(LIBS)
fuzz:
	$(MAKE) $(ASAN_BUILD) build/asan/fuzz_tests
	LSAN_OPTIONS=suppressions=tests/lsan.supp build/asan/fuzz_tests $(ROUNDS) $(TARGET)
tsan:
	$(MAKE) B=build/tsan OPT="-O1 -g" SAN="$(TSAN)" build/tsan/unit_tests
	CK_TIMEOUT_MULTIPLIER=10 build/tsan/unit_tests $(SUITE)
check-long: check fuzz tsan
	ASSAY_LONG=1 ASSAY_FAULT_RUNS=2000 LSAN_OPTIONS=suppressions=tests/lsan.supp build/asan/unit_tests faults laws learners contributions
	$(MAKE) B=build/o3 OPT="-O3 -g" build/o3/unit_tests build/o3/assay
	build/o3/unit_tests
	tests/cli/limits.sh build/o3 60
	tests/cli/kill.sh build/o3 30
