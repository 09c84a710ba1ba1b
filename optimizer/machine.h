/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file machine.h
 * The machine as data: found on this host, read from a recorded file, or built from hwloc XML.
 */
#ifndef ASSAY_OPTIMIZER_MACHINE_H
#define ASSAY_OPTIMIZER_MACHINE_H

#include <assay/ext/backend.h>
#include <jansson.h>

struct mem;

enum { OPT_MAX_DEVICES = 16, OPT_MAX_NODES = 64, OPT_MAX_CACHES = 8 };

struct opt_cache {
    int level;
    uint64_t bytes;
    int shared_by; /**< cores that share one instance */
    int instances;
};

struct opt_numa {
    int id, cores;
    uint64_t memory_bytes;
    char kind[16]; /**< "dram", "hbm" */
};

/**
 * Speed of a device for a kernel class: t = startup + flops / flop_rate + bytes / bandwidth[level].
 * Coefficients carry count, spread and valid range. Zero rates mean "not a term of this class".
 */
struct opt_coefficient {
    char device[32];
    enum asx_kernel_class kernel;
    enum asx_dtype dtype;
    double startup_s, flop_rate, bandwidth[4]; /**< one thread; levels L1, L2, L3, memory */
    int samples;                               /**< 0: shipped default */
    double spread;                             /**< geometric standard deviation of measured / predicted, >= 1 */
    double low, high;                          /**< range of flops (or bytes) seen */
};

struct opt_machine {
    char cpu[128], simd[16], key[40]; /**< key: features, mask, BLAS, driver, Assay version */
    int packages, cores, pus;
    double quota_cores; /**< cgroup quota and affinity, at most pus */
    uint64_t memory_bytes, memory_limit_bytes;
    int numa_nodes, caches, devices;
    struct opt_numa numa[OPT_MAX_NODES];
    struct opt_cache cache[OPT_MAX_CACHES];
    struct asx_device_info device[OPT_MAX_DEVICES]; /**< [0] is "cpu" */
    double bandwidth_total;                         /**< memory bytes/s of all cores together */
    struct opt_coefficient *coefficient;
    int coefficients;
    char source[256]; /**< "this machine", a file name, a topology */
};

/** hwloc, /proc, cgroup v1/v2, affinity: facts only, no timing; shipped default coefficients for the SIMD level. */
asx_st opt_machine_probe(struct mem *, struct opt_machine **, struct asx_err *);
/** hwloc XML file or synthetic string; coefficients are the defaults scaled by nothing but core counts and caches. */
asx_st opt_machine_from_topology(const char *file_or_synthetic, struct mem *, struct opt_machine **, struct asx_err *);
/** A file written by `assay machine --record`. */
asx_st opt_machine_read(const char *path, struct mem *, struct opt_machine **, struct asx_err *);
json_t *opt_machine_json(const struct opt_machine *); /**< CONTRACT's `machine --json`, and what machine_read reads */
/** Writes opt_machine_json to a file that opt_machine_read takes. */
asx_st opt_machine_record(const struct opt_machine *, const char *path, struct asx_err *);
void opt_machine_free(struct opt_machine *);
/** Adds devices that a backend's probe listed ("cpu" and known ids are skipped); no coefficients: unknown until measured. */
void opt_machine_add_devices(struct opt_machine *, const struct asx_device_info *, int n);
/** Threads a run may use here: quota and affinity, at least 1. */
int opt_machine_threads(const struct opt_machine *);
/** Bytes free for a run now (MemAvailable and cgroup); for recorded machines the limit they say. */
uint64_t opt_machine_memory(const struct opt_machine *);

#endif
