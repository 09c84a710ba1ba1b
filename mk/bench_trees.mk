# SPDX-License-Identifier: Apache-2.0
# Trees against LightGBM, XGBoost and scikit-learn: ratios of one run. The peers live in a virtual environment of
# the bench's own; BENCH_PYTHON names another python that has them. BENCH_TREES passes options ("--quick").
BENCH_PYTHON ?= $(B)/bench_venv/bin/python
BENCH_TREES ?=
BENCH_TREES_PEERS := lightgbm xgboost scikit-learn numpy scipy pandas pyreadr
LETTERS_RDA := usr/lib/R/site-library/mlbench/data/LetterRecognition.rda
.PHONY: bench-trees
$(B)/bench_trees: $(patsubst %.c,$(B)/obj/%.o,$(wildcard bench/trees/*.c)) $(B)/internal/libassay.a
	$(CC) $(SAN) -o $@ $^ $(LIBS)
# The newest releases at the time it is made; removing the folder renews it.
$(B)/bench_venv/bin/python:
	python3 -m venv $(B)/bench_venv
	$(B)/bench_venv/bin/pip install -q --upgrade $(BENCH_TREES_PEERS) || { rm -rf $(B)/bench_venv; exit 1; }
# One file of Debian's r-cran-mlbench is read; it is unpacked, not installed. Without it that part says so.
$(B)/bench_data/mlbench:
	@mkdir -p $@
	@[ -e /$(LETTERS_RDA) ] || { cd $@ && apt-get download -q r-cran-mlbench && dpkg -x r-cran-mlbench_*.deb . && rm r-cran-mlbench_*.deb; } || true
bench-trees: $(B)/bench_trees $(B)/assay $(BENCH_PYTHON) $(B)/bench_data/mlbench
	$(BENCH_PYTHON) bench/trees/bench_trees.py --worker $(B)/bench_trees --assay $(B)/assay --data $(B)/bench_data --json $(B)/bench_trees.json \
	  --letters $(B)/bench_data/mlbench/$(LETTERS_RDA) $(BENCH_TREES)
