# SPDX-License-Identifier: Apache-2.0
# Quality on real data against the best single model of a reference table; skipped when ASSAY_DATA_DIR is unset.
# TIME=30s SEEDS="1 2 3" THREADS=2 SETS="iris titanic" change what runs.
.PHONY: bench-quality
bench-quality: $(B)/assay
	bench/quality.sh $(B)/assay
# Everything; parts that lack data or peers say so.
.PHONY: bench
bench: bench-csv bench-linear bench-trees bench-quality
