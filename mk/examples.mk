# SPDX-License-Identifier: Apache-2.0
# make examples: the C programs of examples/c, built as a user of the installed library builds them.
EXAMPLES := $(patsubst examples/c/%.c,$(B)/examples/%,$(wildcard examples/c/*.c))
.PHONY: examples
examples: $(EXAMPLES)
$(B)/examples/%: examples/c/%.c $(B)/libassay.a include/assay/assay.h
	@mkdir -p $(@D)
	$(CC) -std=c11 $(OPT) $(SAN) $(WARN) -Iinclude -o $@ $< $(B)/libassay.a $(LIBS)
