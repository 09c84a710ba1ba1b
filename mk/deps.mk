# SPDX-License-Identifier: Apache-2.0
# make deps: installs the Debian packages that are missing, and only then asks for root. With other goals on the same
# command line (make deps demo, make deps check) it runs before them and installs what they need.
DEPS_BUILD := build-essential pkg-config libopenblas-pthread-dev libsqlite3-dev libhwloc-dev ocl-icd-opencl-dev opencl-headers \
  libyaml-dev libjansson-dev libxxhash-dev libzstd-dev libjs-chart.js
DEPS_TEST := check pocl-opencl-icd
DEPS_LINT := clang-format-14 cppcheck
DEPS_GOALS := $(filter-out deps,$(MAKECMDGOALS))
DEPS := $(DEPS_BUILD) $(if $(if $(DEPS_GOALS),$(filter check% tsan fuzz bench%,$(DEPS_GOALS)),all),$(DEPS_TEST)) \
  $(if $(filter lint%,$(DEPS_GOALS)),$(DEPS_LINT))

deps:
	@tools/install_deps.sh $(DEPS)

# Whatever else was asked for waits for it.
$(DEPS_GOALS): | $(filter deps,$(MAKECMDGOALS))
