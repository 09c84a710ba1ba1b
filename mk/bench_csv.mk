# SPDX-License-Identifier: Apache-2.0
# Throughput of the CSV reader as ratios of one run. ASSAY_PANDAS=python3 compares with pandas, too.
.PHONY: bench-csv
$(B)/bench_csv: $(B)/obj/bench/bench_csv.o $(B)/internal/libassay.a
	$(CC) $(SAN) -o $@ $^ $(LIBS)
bench-csv: $(B)/bench_csv
	$(B)/bench_csv
