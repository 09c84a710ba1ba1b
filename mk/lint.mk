# SPDX-License-Identifier: Apache-2.0
# make lint: layers, banned functions, headers that compile alone, formatting, cppcheck. Repeat runs look at what changed.
L := build/lint
LINT_FILES := $(shell find base data catalog backends tasks prep learners optimizer search engine cli include tests examples bench \
  -name '*.[ch]' 2>/dev/null | LC_ALL=C sort)
LINT_PUBLIC := $(filter include/%,$(LINT_FILES))
LINT_INTERNAL := $(filter %.h,$(filter-out include/% tests/% examples/% bench/%,$(LINT_FILES)))
LINT_CPPCHECK := $(filter %.c,$(filter-out tests/% examples/% bench/%,$(LINT_FILES)))
LINT_FLAGS = -Iinclude -I. $(PKG_CFLAGS) -Werror -fsyntax-only -Wall -Wextra

.PHONY: lint-all lint-layers lint-banned lint-headers lint-format lint-cppcheck format
lint:
	@$(MAKE) --no-print-directory -j$$(nproc) lint-all
	@echo "lint: clean"
lint-all: lint-layers lint-banned lint-headers lint-format lint-cppcheck

lint-layers:
	@tools/lint_layers.sh
lint-banned:
	@tools/lint_banned.pl $(LINT_FILES)

# A header alone: public ones as C11 and C++11 without extensions, all others as the sources are compiled.
lint-headers: $(LINT_PUBLIC:%=$(L)/%.c11) $(LINT_PUBLIC:%=$(L)/%.cxx) $(LINT_INTERNAL:%=$(L)/%.gnu)
$(L)/%.c11: %
	@mkdir -p $(@D)
	@gcc -x c -std=c11 -Wpedantic $(LINT_FLAGS) -MD -MF $@.d -MT $@ $< && touch $@
$(L)/%.cxx: %
	@mkdir -p $(@D)
	@g++ -x c++ -std=c++11 -Wpedantic $(LINT_FLAGS) -MD -MF $@.d -MT $@ $< && touch $@
$(L)/%.gnu: %
	@mkdir -p $(@D)
	@gcc -x c -std=gnu17 -DLANES=4 -DGLM_STEP=f -DDIST_TOPK=f -Wno-unused-function $(LINT_FLAGS) -MD -MF $@.d -MT $@ $< && touch $@
-include $(shell find $(L) -name '*.d' 2>/dev/null)

lint-format: $(LINT_FILES:%=$(L)/%.fmt)
$(L)/%.fmt: % .clang-format
	@mkdir -p $(@D)
	@clang-format-14 --dry-run -Werror $< && touch $@
format:
	@clang-format-14 -i $(LINT_FILES)

# cppcheck keeps its own hashes in the build folder, so only changed files are analysed again.
lint-cppcheck:
	@mkdir -p $(L)/cppcheck
	@cppcheck -q -j$$(nproc) --cppcheck-build-dir=$(L)/cppcheck --error-exitcode=1 --std=c11 --language=c --platform=unix64 \
	  --enable=warning,performance,portability --inline-suppr --suppressions-list=tools/cppcheck.supp --max-configs=1 \
	  --template='{file}:{line}: {severity}: {message} [{id}]' -D__GNUC__=12 -D__x86_64__=1 --include=tools/cppcheck_macros.h -I. -Iinclude $(LINT_CPPCHECK)
