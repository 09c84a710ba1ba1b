/* SPDX-License-Identifier: Apache-2.0 */
/** @file topology.h A machine's cores, caches and nodes from a loaded hwloc topology. */
#ifndef ASSAY_OPTIMIZER_TOPOLOGY_H
#define ASSAY_OPTIMIZER_TOPOLOGY_H

#include "optimizer/machine.h"

/** This host's topology (source NULL), an hwloc XML file or a synthetic string, into cores, caches, numa and memory. */
asx_st opt_topology_fill(struct opt_machine *, const char *source, struct asx_err *);

/** Memory bandwidth assumed of all cores together when nothing says better. */
double opt_topology_bandwidth(const struct opt_machine *);

/** A machine without facts but its "cpu" device; NULL when out of memory. */
struct opt_machine *opt_machine_blank(struct mem *);

#endif
