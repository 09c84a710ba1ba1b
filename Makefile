# SPDX-License-Identifier: Apache-2.0
# make deps demo   install what is missing, build, run the main job
# make deps check  install what is missing, pass the tests
VERSION := 0.1.0
SOVERSION := 0
PREFIX ?= /usr/local
DESTDIR ?=
CC := $(if $(filter default,$(origin CC)),$(if $(shell command -v ccache),ccache gcc,gcc),$(CC))
B ?= build
export CCACHE_NOHASHDIR := 1
OPT ?= -O2 -g
# For files of inner loops; sanitized builds, which vectorise little, take less.
HOT ?= -O3
SAN ?=
PKGS := sqlite3 hwloc yaml-0.1 jansson libzstd libxxhash
# Asked when first used, and once: `make deps` of the same command line may just have installed what they tell.
PKG_CFLAGS = $(eval PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) openblas 2>/dev/null))$(PKG_CFLAGS)
LIBS = $(eval LIBS := $(shell pkg-config --libs $(PKGS) openblas 2>/dev/null) -lm -lpthread -ldl)$(LIBS)
WARN := -Wall -Wextra -Wshadow -Wpointer-arith -Wcast-qual -Wstrict-prototypes -Wmissing-prototypes -Wundef
CFLAGS_ALL = -std=gnu17 $(OPT) $(SAN) $(WARN) -fPIC -fvisibility=hidden -fno-math-errno -MMD -MP -I. -Iinclude -I$(B)/gen \
  $(PKG_CFLAGS) -DASSAY_VERSION='"$(VERSION)"' $(CFLAGS)

LIB_SRC := $(wildcard base/*.c data/*.c catalog/*.c backends/*.c backends/*/*.c tasks/*.c tasks/*/*.c prep/*.c prep/*/*.c learners/*/*.c \
  optimizer/*.c search/*/*.c engine/*.c engine/ops/*.c)
CLI_SRC := $(wildcard cli/*.c)
TEST_SRC := $(sort $(wildcard tests/unit/test_*.c tests/conformance/test_*.c tests/golden/test_*.c tests/machines/test_*.c tests/abi/test_*.c))
TEST_HELP := $(wildcard tests/support/*.c) tests/runner.c
LIB_OBJ := $(LIB_SRC:%.c=$(B)/obj/%.o) $(B)/obj/gen/registry.o
CLI_OBJ := $(CLI_SRC:%.c=$(B)/obj/%.o)
TEST_OBJ := $(TEST_SRC:%.c=$(B)/obj/%.o) $(TEST_HELP:%.c=$(B)/obj/%.o) $(B)/obj/gen/suites.o

.PHONY: all deps demo check check-long lint install clean objects
all: $(if $(CLI_SRC),$(B)/assay) $(B)/libassay.a $(B)/libassay.so
objects: $(LIB_OBJ)

# Files named *_fast.c hold arithmetic that tolerates reassociation and never sees NaN or Inf logic.
$(B)/obj/%_fast.o: OPT_EXTRA = $(HOT) -ffast-math -fno-finite-math-only
$(B)/obj/%_avx2.o: OPT_EXTRA = $(HOT) -mavx2 -mfma -mbmi2
$(B)/obj/%_avx512.o: OPT_EXTRA = $(HOT) -mavx512f -mavx512bw -mavx512dq -mavx512vl -mfma -mbmi2 -mprefer-vector-width=512
$(B)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(OPT_EXTRA) -c $< -o $@

$(B)/gen/registry.c: tools/gen_registry.sh $(LIB_SRC)
	@mkdir -p $(@D)
	@tools/gen_registry.sh > $@.tmp && { cmp -s $@.tmp $@ || mv $@.tmp $@; rm -f $@.tmp; touch $@; }
$(B)/gen/suites.c: tools/gen_tests.sh $(TEST_SRC)
	@mkdir -p $(@D)
	@tools/gen_tests.sh $(TEST_SRC) > $@
$(B)/obj/gen/%.o: $(B)/gen/%.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -c $< -o $@

# What tests and benchmarks link: every symbol can be reached. The libraries below show assay_* alone.
$(B)/internal/libassay.a: $(LIB_OBJ)
	@mkdir -p $(@D) && rm -f $@
	@ar rcs $@ $^
$(B)/libassay.a: $(B)/internal/libassay.a
	@rm -f $@
	ld -r -o $(B)/internal/assay.o --whole-archive $<
	objcopy --wildcard --keep-global-symbol='assay_*' $(B)/internal/assay.o
	ar rcs $@ $(B)/internal/assay.o
	@rm -f $(B)/internal/assay.o
$(B)/libassay.so: $(B)/internal/libassay.a
	$(CC) $(SAN) -shared -Wl,-soname,libassay.so.$(SOVERSION) -Wl,--no-undefined -o $@ -Wl,--whole-archive $< -Wl,--no-whole-archive $(LIBS)
	@ln -sf libassay.so $@.$(SOVERSION)
$(B)/assay: $(CLI_OBJ) $(B)/libassay.a
	$(CC) $(SAN) -o $@ $^ $(LIBS)
$(B)/unit_tests: $(TEST_OBJ) $(B)/internal/libassay.a
	$(CC) $(SAN) -Wl,--wrap=_mark_point -o $@ $^ $(LIBS) $(shell pkg-config --libs check)

-include $(wildcard mk/*.mk)
-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)

clean:
	rm -rf build
