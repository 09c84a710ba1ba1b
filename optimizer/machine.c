/* SPDX-License-Identifier: Apache-2.0 */
/* The machine: this one, or one built from a topology. Facts only; nothing is timed here. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* affinity */
#endif
#include "optimizer/machine.h"

#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "optimizer/cgroup.h"
#include "optimizer/coefficients.h"
#include "optimizer/topology.h"

#include <cblas.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char this_machine[] = "this machine";

struct opt_machine *opt_machine_blank(struct mem *mem)
{
    struct opt_machine *m = mem_calloc(mem, 1, sizeof *m);
    if (!m)
        return NULL;
    snprintf(m->cpu, sizeof m->cpu, "unknown");
    snprintf(m->simd, sizeof m->simd, "avx2");
    struct asx_device_info *cpu = &m->device[m->devices++];
    *cpu = (struct asx_device_info){.id = "cpu", .name = "unknown", .type = "cpu", .units = 1, .f64 = true, .unified = true};
    return m;
}

void opt_machine_free(struct opt_machine *m)
{
    if (!m)
        return;
    mem_free(m->coefficient);
    mem_free(m);
}

void opt_machine_add_devices(struct opt_machine *m, const struct asx_device_info *info, int n)
{
    for (int i = 0; i < n && m->devices < OPT_MAX_DEVICES; i++) {
        bool known = false;
        for (int k = 0; k < m->devices; k++)
            known |= strcmp(m->device[k].id, info[i].id) == 0;
        if (!known)
            m->device[m->devices++] = info[i];
    }
}

/* ---- this machine --------------------------------------------------------------------- */

static const char *simd_level(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        return "avx512";
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return "avx2";
    return "sse2";
#else
    return "generic";
#endif
}

static uint64_t meminfo(const char *field)
{
    char line[256];
    unsigned long long kib = 0;
    size_t n = strlen(field);
    FILE *f = fopen("/proc/meminfo", "re");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, field, n) == 0 && line[n] == ':')
            kib = strtoull(line + n + 1, NULL, 10);
    if (f)
        fclose(f);
    return (uint64_t)kib * 1024;
}

static void read_affinity(struct opt_machine *m, struct hash *h)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return;
    int n = CPU_COUNT(&set);
    if (n > 0 && n < m->quota_cores)
        m->quota_cores = n;
    for (int i = 0; i < CPU_SETSIZE; i++)
        if (CPU_ISSET(i, &set))
            hash_u64(h, (uint64_t)i);
}

/* Everything that makes measured speeds another machine's: features, mask, BLAS and its kernel, our version. */
static void make_key(struct opt_machine *m, struct hash *h)
{
    char hex[KEY_HEX];
    hash_str(h, m->cpu);
    hash_str(h, m->simd);
    hash_str(h, openblas_get_config());
    hash_str(h, openblas_get_corename());
    hash_str(h, ASSAY_VERSION);
    snprintf(m->key, sizeof m->key, "%s", key_hex(hash_end(h), hex));
}

static asx_st finish(struct opt_machine *m, struct mem *mem, struct opt_machine **out, asx_st st, struct asx_err *err)
{
    if (st == ASX_OK && opt_coefficients_ship(m, mem))
        st = err_set(err, ASX_E_NOMEM, "out of memory for the machine's description; raise the memory limit");
    if (st != ASX_OK) {
        opt_machine_free(m);
        return st;
    }
    *out = m;
    return ASX_OK;
}

asx_st opt_machine_probe(struct mem *mem, struct opt_machine **out, struct asx_err *err)
{
    struct opt_machine *m = opt_machine_blank(mem);
    if (!m)
        return err_set(err, ASX_E_NOMEM, "out of memory for the machine's description; raise the memory limit");
    snprintf(m->simd, sizeof m->simd, "%s", simd_level());
    snprintf(m->source, sizeof m->source, "%s", this_machine);
    if (opt_topology_fill(m, NULL, NULL) != ASX_OK) { /* a topology that cannot be had is no reason to stop */
        long n = sysconf(_SC_NPROCESSORS_ONLN);
        m->packages = 1;
        m->cores = m->pus = n > 0 ? (int)n : 1;
        m->quota_cores = m->pus;
        m->bandwidth_total = opt_topology_bandwidth(m);
    }
    struct opt_cgroup limits;
    opt_cgroup_self(&limits);
    m->memory_bytes = meminfo("MemTotal");
    m->memory_limit_bytes = limits.memory_limit && limits.memory_limit < m->memory_bytes ? limits.memory_limit : m->memory_bytes;
    m->device[0].memory_bytes = m->memory_bytes;
    struct hash h = hash_begin("machine");
    read_affinity(m, &h);
    if (limits.cores > 0 && limits.cores < m->quota_cores)
        m->quota_cores = limits.cores;
    make_key(m, &h);
    return finish(m, mem, out, ASX_OK, err);
}

asx_st opt_machine_from_topology(const char *source, struct mem *mem, struct opt_machine **out, struct asx_err *err)
{
    struct opt_machine *m = opt_machine_blank(mem);
    if (!m)
        return err_set(err, ASX_E_NOMEM, "out of memory for the machine's description; raise the memory limit");
    snprintf(m->source, sizeof m->source, "%s", source);
    asx_st st = opt_topology_fill(m, source, err);
    m->memory_limit_bytes = m->memory_bytes;
    struct hash h = hash_begin("topology");
    hash_u64(&h, (uint64_t)m->cores);
    hash_u64(&h, m->memory_bytes);
    hash_str(&h, m->cpu);
    char hex[KEY_HEX];
    snprintf(m->key, sizeof m->key, "%s", key_hex(hash_end(&h), hex));
    return finish(m, mem, out, st, err);
}

/* ---- what a run may use ------------------------------------------------------------------- */

int opt_machine_threads(const struct opt_machine *m)
{
    /* a quota a little under a whole number of cores is meant to be that number */
    int n = (int)(m->quota_cores + 0.1);
    return n > 1 ? n : 1;
}

uint64_t opt_machine_memory(const struct opt_machine *m)
{
    uint64_t limit = m->memory_limit_bytes ? m->memory_limit_bytes : m->memory_bytes;
    if (strcmp(m->source, this_machine) != 0)
        return limit;
    struct opt_cgroup limits;
    opt_cgroup_self(&limits);
    uint64_t available = meminfo("MemAvailable");
    if (available && available < limit)
        limit = available;
    return limits.memory_free < limit ? limits.memory_free : limit;
}
