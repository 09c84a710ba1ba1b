# SPDX-License-Identifier: Apache-2.0
# The quick suite, under AddressSanitizer and UndefinedBehaviorSanitizer. SUITE="name ..." runs some suites only.
ASAN := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
ASAN_BUILD = B=build/asan OPT="-O1 -g1" HOT=-O1 SAN="$(ASAN)"
CHECK_TOOLS = $(B)/unit_tests $(B)/assay $(B)/libassay.a $(B)/libassay.so $(B)/tests/json
.PHONY: check check-tools check-install
check:
	+$(MAKE) -j$(shell nproc) $(ASAN_BUILD) $(if $(filter-out %.sh,$(SUITE)),$(if $(filter %.sh,$(SUITE)),check-tools,build/asan/unit_tests),check-tools)
	@tests/check.sh build/asan $(SUITE)
check-tools: $(CHECK_TOOLS) examples
$(B)/tests/json: tests/cli/json.c
	@mkdir -p $(@D)
	$(CC) $(OPT) $(WARN) $(PKG_CFLAGS) -o $@ $< $(LIBS)
# The installed tree, from the optimized build.
check-install: all $(B)/tests/json
	tests/cli/install.sh $(B)
