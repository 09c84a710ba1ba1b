# SPDX-License-Identifier: Apache-2.0
# Tree kernels: one source at three instruction-set levels that must round alike, so no contraction to fused multiply-add.
$(B)/obj/backends/cpu/tree_base.o: OPT_EXTRA = $(HOT) -ffp-contract=off
$(B)/obj/backends/cpu/tree_avx2.o: OPT_EXTRA = $(HOT) -mavx2 -mfma -mbmi2 -ffp-contract=off
$(B)/obj/backends/cpu/tree_avx512.o: OPT_EXTRA = $(HOT) -mavx512f -mavx512bw -mavx512dq -mavx512vl -mfma -mbmi2 -mprefer-vector-width=512 -ffp-contract=off
# Losses: reassociation and fused multiply-add are welcome; clipping comes before any overflow.
LOSS_FLAGS = $(HOT) -ffast-math -fno-finite-math-only
$(B)/obj/learners/trees/loss_base.o: OPT_EXTRA := $(LOSS_FLAGS)
$(B)/obj/learners/trees/loss_avx2.o: OPT_EXTRA := $(LOSS_FLAGS) -mavx2 -mfma -mbmi2
$(B)/obj/learners/trees/loss_avx512.o: OPT_EXTRA := $(LOSS_FLAGS) -mavx512f -mavx512bw -mavx512dq -mavx512vl -mfma -mbmi2 -mprefer-vector-width=512
# Forests: integers only in the loops that differ by level.
$(B)/obj/learners/trees/forest_base.o $(B)/obj/learners/trees/forest_grow.o: OPT_EXTRA = $(HOT)
$(B)/obj/learners/trees/forest_avx2.o: OPT_EXTRA = $(HOT) -mavx2 -mbmi2 -mpopcnt
$(B)/obj/learners/trees/forest_avx512.o: OPT_EXTRA = $(HOT) -mavx512f -mavx512bw -mavx512dq -mavx512vl -mbmi2 -mpopcnt -mprefer-vector-width=512
