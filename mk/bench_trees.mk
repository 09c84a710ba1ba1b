# SPDX-License-Identifier: Apache-2.0
# Trees against LightGBM, XGBoost and scikit-learn: ratios of one run. The peers live in a virtual environment of
# the bench's own; BENCH_PYTHON names another python that has them. BENCH_TREES passes options ("--quick").
BENCH_PYTHON ?= $(B)/bench_venv/bin/python
BENCH_TREES ?=
.PHONY: bench-trees
$(B)/bench_trees: $(B)/obj/bench/trees/bench_trees.o $(B)/internal/libassay.a
	$(CC) $(SAN) -o $@ $^ $(LIBS)
$(B)/bench_venv/bin/python:
	python3 -m venv $(B)/bench_venv
	$(B)/bench_venv/bin/pip install -q --upgrade lightgbm xgboost scikit-learn numpy scipy
bench-trees: $(B)/bench_trees $(BENCH_PYTHON)
	$(BENCH_PYTHON) bench/trees/bench_trees.py --worker $(B)/bench_trees --data $(B)/bench_data $(BENCH_TREES)
