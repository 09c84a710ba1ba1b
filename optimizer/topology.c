/* SPDX-License-Identifier: Apache-2.0 */
#include "optimizer/topology.h"

#include "base/err.h"
#include "base/mem.h"

#include <hwloc.h>
#include <hwloc/memattrs.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- what a topology says ----------------------------------------------------------- */

static int count(hwloc_topology_t t, hwloc_obj_type_t type)
{
    int n = hwloc_get_nbobjs_by_type(t, type);
    return n > 0 ? n : 0;
}

static void fill_caches(hwloc_topology_t t, struct opt_machine *m)
{
    static const hwloc_obj_type_t type[] = {HWLOC_OBJ_L1CACHE, HWLOC_OBJ_L2CACHE, HWLOC_OBJ_L3CACHE, HWLOC_OBJ_L4CACHE};
    for (int i = 0; i < 4 && m->caches < OPT_MAX_CACHES; i++) {
        int n = count(t, type[i]);
        hwloc_obj_t o = n ? hwloc_get_obj_by_type(t, type[i], 0) : NULL;
        if (!o || !o->attr->cache.size)
            continue;
        int cores = hwloc_get_nbobjs_inside_cpuset_by_type(t, o->cpuset, HWLOC_OBJ_CORE);
        m->cache[m->caches++] =
            (struct opt_cache){.level = i + 1, .bytes = o->attr->cache.size, .shared_by = cores > 0 ? cores : 1, .instances = n};
    }
}

static double node_bandwidth(hwloc_topology_t t, hwloc_obj_t node)
{
    hwloc_uint64_t mib = 0;
    struct hwloc_location from = {.type = HWLOC_LOCATION_TYPE_CPUSET, .location.cpuset = node->cpuset};
    if (hwloc_memattr_get_value(t, HWLOC_MEMATTR_ID_BANDWIDTH, node, &from, 0, &mib) != 0)
        return 0;
    return (double)mib * 1048576;
}

static void fill_nodes(hwloc_topology_t t, struct opt_machine *m)
{
    int n = count(t, HWLOC_OBJ_NUMANODE);
    double bandwidth = 0;
    bool all = n > 0;
    for (int i = 0; i < n && m->numa_nodes < OPT_MAX_NODES; i++) {
        hwloc_obj_t o = hwloc_get_obj_by_type(t, HWLOC_OBJ_NUMANODE, (unsigned)i);
        struct opt_numa *node = &m->numa[m->numa_nodes++];
        int cores = hwloc_get_nbobjs_inside_cpuset_by_type(t, o->cpuset, HWLOC_OBJ_CORE);
        bool hbm = o->subtype && (strcmp(o->subtype, "HBM") == 0 || strcmp(o->subtype, "MCDRAM") == 0);
        double b = node_bandwidth(t, o);
        *node = (struct opt_numa){
            .id = (int)o->os_index, .cores = cores > 0 ? cores : 0, .memory_bytes = o->attr->numanode.local_memory};
        snprintf(node->kind, sizeof node->kind, "%s", hbm ? "hbm" : "dram");
        m->memory_bytes += node->memory_bytes;
        bandwidth += b;
        all &= b > 0;
    }
    if (all)
        m->bandwidth_total = bandwidth;
}

static void fill(hwloc_topology_t t, struct opt_machine *m)
{
    m->packages = count(t, HWLOC_OBJ_PACKAGE);
    m->cores = count(t, HWLOC_OBJ_CORE);
    m->pus = count(t, HWLOC_OBJ_PU);
    m->packages = m->packages ? m->packages : 1;
    m->cores = m->cores ? m->cores : m->pus;
    m->quota_cores = m->pus;
    fill_caches(t, m);
    fill_nodes(t, m);
    const char *model = hwloc_obj_get_info_by_name(hwloc_get_root_obj(t), "CPUModel");
    hwloc_obj_t package = hwloc_get_obj_by_type(t, HWLOC_OBJ_PACKAGE, 0);
    if (!model && package)
        model = hwloc_obj_get_info_by_name(package, "CPUModel");
    if (model)
        snprintf(m->cpu, sizeof m->cpu, "%s", model);
    snprintf(m->device[0].name, sizeof m->device[0].name, "%s", m->cpu);
    m->device[0].units = m->cores;
    m->device[0].memory_bytes = m->memory_bytes;
    if (!(m->bandwidth_total > 0))
        m->bandwidth_total = opt_topology_bandwidth(m);
}

double opt_topology_bandwidth(const struct opt_machine *m)
{
    int nodes = m->numa_nodes > 0 ? m->numa_nodes : 1;
    double by_cores = 15e9 * (m->cores > 0 ? m->cores : 1), by_nodes = 120e9 * nodes;
    return by_cores < by_nodes ? by_cores : by_nodes;
}

/* ---- loading ----------------------------------------------------------------------------- */

/* hwloc 3 writes version="3.0"; hwloc 2 cannot read it and does not say why. */
static bool is_version_3(const char *path)
{
    char head[1024] = "";
    FILE *f = fopen(path, "re");
    if (!f)
        return false;
    size_t n = fread(head, 1, sizeof head - 1, f);
    fclose(f);
    head[n] = 0;
    return strstr(head, "<topology version=\"3") != NULL;
}

static asx_st set_source(hwloc_topology_t t, const char *source, struct asx_err *err)
{
    if (access(source, F_OK) == 0) {
        if (is_version_3(source))
            return err_set(
                err, ASX_E_DATA,
                "topology '%s' is hwloc XML of version 3, which hwloc %d.%d cannot read; export it in the version 2 format", source,
                HWLOC_API_VERSION >> 16, (HWLOC_API_VERSION >> 8) & 255);
        if (hwloc_topology_set_xml(t, source) != 0)
            return err_set(err, ASX_E_DATA, "topology '%s' is not hwloc XML; write it with lstopo --of xml", source);
        return ASX_OK;
    }
    if (!strchr(source, ':'))
        return err_set(err, ASX_E_IO,
                       "topology '%s' does not exist; give an hwloc XML file or a string such as \"numa:2 core:8 pu:1\"", source);
    if (hwloc_topology_set_synthetic(t, source) != 0)
        return err_set(err, ASX_E_INVAL, "topology '%s' is not an hwloc synthetic string; write e.g. \"numa:2 core:8 pu:1\"",
                       source);
    return ASX_OK;
}

static asx_st load(hwloc_topology_t t, const char *source, struct asx_err *err)
{
    /* components that open devices or start drivers are not wanted for core counts */
    static const char *const off[] = {"opencl", "gl", "cuda", "nvml", "rsmi", "levelzero", "pci"};
    for (size_t i = 0; i < sizeof off / sizeof *off; i++)
        hwloc_topology_set_components(t, HWLOC_TOPOLOGY_COMPONENTS_FLAG_BLACKLIST, off[i]);
    asx_st st = source ? set_source(t, source, err) : ASX_OK;
    if (st == ASX_OK && hwloc_topology_load(t) != 0)
        st = err_set(err, ASX_E_DATA, "topology '%s' cannot be loaded; check it with lstopo -i",
                     source ? source : "of this machine");
    return st;
}

asx_st opt_topology_fill(struct opt_machine *m, const char *source, struct asx_err *err)
{
    hwloc_topology_t t;
    if (hwloc_topology_init(&t) != 0)
        return err_set(err, ASX_E_NOMEM, "out of memory while reading the topology; raise the memory limit");
    asx_st st = load(t, source, err);
    if (st == ASX_OK && count(t, HWLOC_OBJ_PU) == 0)
        st = err_set(err, ASX_E_DATA, "topology '%s' has no processing units; give one of a whole machine",
                     source ? source : "of this machine");
    if (st == ASX_OK)
        fill(t, m);
    hwloc_topology_destroy(t);
    return st;
}
