# SPDX-License-Identifier: Apache-2.0
# What sharing is worth to linear models: ratios of one run.
BENCH_LINEAR_OBJ := $(B)/obj/bench/bench_linear.o $(patsubst %.c,$(B)/obj/%.o,$(wildcard tests/support/*.c))
.PHONY: bench-linear
$(B)/bench_linear: $(BENCH_LINEAR_OBJ) $(B)/internal/libassay.a
	$(CC) $(SAN) -o $@ $^ $(LIBS) $(shell pkg-config --libs check 2>/dev/null)
bench-linear: $(B)/bench_linear
	$(B)/bench_linear
