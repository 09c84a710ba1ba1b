/* SPDX-License-Identifier: Apache-2.0 */
/** @file cgroup.h Limits of the control group this process is in, versions 1 and 2. */
#ifndef ASSAY_OPTIMIZER_CGROUP_H
#define ASSAY_OPTIMIZER_CGROUP_H

#include <stdint.h>

struct opt_cgroup {
    double cores;          /**< CPU quota / period, the least on the way to the root; 0 = none */
    uint64_t memory_limit; /**< bytes, the least on the way; 0 = none */
    uint64_t memory_free;  /**< limit - usage + reclaimable file cache, the least; UINT64_MAX = no limit */
};

/** `root` is "/sys/fs/cgroup", `self` the text of /proc/self/cgroup (tests pass their own). Absent files are no limit. */
void opt_cgroup_read(const char *root, const char *self, struct opt_cgroup *out);

/** Of this process. */
void opt_cgroup_self(struct opt_cgroup *out);

#endif
