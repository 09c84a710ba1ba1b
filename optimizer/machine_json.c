/* SPDX-License-Identifier: Apache-2.0 */
/* Machines as JSON: CONTRACT's `machine --json`, which is also what `explain --machine` reads. */
#include "base/err.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "optimizer/coefficients.h"
#include "optimizer/topology.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- writing -------------------------------------------------------------------------- */

static json_t *caches_json(const struct opt_machine *m)
{
    json_t *a = json_array();
    for (int i = 0; i < m->caches; i++)
        json_array_append_new(a, json_pack("{s:i,s:I,s:i,s:i}", "level", m->cache[i].level, "bytes", (json_int_t)m->cache[i].bytes,
                                           "shared_by", m->cache[i].shared_by, "instances", m->cache[i].instances));
    return a;
}

static json_t *nodes_json(const struct opt_machine *m)
{
    json_t *a = json_array();
    for (int i = 0; i < m->numa_nodes; i++)
        json_array_append_new(a, json_pack("{s:i,s:i,s:I,s:s}", "id", m->numa[i].id, "cores", m->numa[i].cores, "memory_bytes",
                                           (json_int_t)m->numa[i].memory_bytes, "kind", m->numa[i].kind));
    return a;
}

static json_t *devices_json(const struct opt_machine *m)
{
    json_t *a = json_array();
    for (int i = 0; i < m->devices; i++) {
        const struct asx_device_info *d = &m->device[i];
        json_array_append_new(a, json_pack("{s:s,s:s,s:s,s:s,s:I,s:i,s:b,s:b}", "id", d->id, "name", d->name, "type", d->type,
                                           "driver", d->driver, "memory_bytes", (json_int_t)d->memory_bytes, "units", d->units,
                                           "f64", d->f64, "unified", d->unified));
    }
    return a;
}

static json_t *coefficient_json(const struct opt_coefficient *c)
{
    json_t *levels = json_array();
    bool flops = c->flop_rate > 0;
    for (int l = 0; l < OPT_LEVELS; l++)
        json_array_append_new(levels, json_number(c->bandwidth[l]));
    return json_pack("{s:s,s:s,s:s,s:o,s:s,s:i,s:o,s:o,s:o,s:o,s:o,s:o}", "device", c->device, "kernel", opt_kernel_name(c->kernel),
                     "dtype", opt_dtype_name(c->dtype), "rate", json_number(flops ? c->flop_rate : c->bandwidth[OPT_LEVELS - 1]),
                     "unit", flops ? "flop/s" : "byte/s", "samples", c->samples, "spread", json_number(c->spread), "startup_s",
                     json_number(c->startup_s), "flop_rate", json_number(c->flop_rate), "bandwidth", levels, "low",
                     json_number(c->low), "high", json_number(c->high));
}

json_t *opt_machine_json(const struct opt_machine *m)
{
    json_t *coefficients = json_array();
    for (int i = 0; i < m->coefficients; i++)
        json_array_append_new(coefficients, coefficient_json(&m->coefficient[i]));
    return json_pack("{s:s,s:i,s:i,s:i,s:o,s:o,s:o,s:I,s:I,s:o,s:s,s:s,s:o,s:o}", "cpu", m->cpu, "packages", m->packages, "cores",
                     m->cores, "pus", m->pus, "quota_cores", json_number(m->quota_cores), "numa_nodes", nodes_json(m), "caches",
                     caches_json(m), "memory_bytes", (json_int_t)m->memory_bytes, "memory_limit_bytes",
                     (json_int_t)m->memory_limit_bytes, "bandwidth_total", json_number(m->bandwidth_total), "simd", m->simd, "key",
                     m->key, "devices", devices_json(m), "coefficients", coefficients);
}

asx_st opt_machine_record(const struct opt_machine *m, const char *path, struct asx_err *err)
{
    json_t *j = opt_machine_json(m);
    char *text = j ? json_dumps(j, JSON_INDENT(1) | JSON_REAL_PRECISION(17)) : NULL;
    json_decref(j);
    if (!text)
        return err_set(err, ASX_E_NOMEM, "out of memory while writing '%s'; raise the memory limit", path);
    asx_st st = file_write(path, text, strlen(text), err);
    json_text_free(text);
    return st;
}

/* ---- reading ------------------------------------------------------------------------------ */

/* Remembers the first thing that is wrong; after that all reads give zeros. */
struct parse {
    const char *path;
    struct asx_err *err;
    asx_st st;
};

static void wrong(struct parse *p, const char *where, const char *key, const char *what)
{
    if (p->st == ASX_OK)
        p->st = err_set(p->err, ASX_E_DATA, "machine file '%s': '%s%s' %s; write it anew with assay machine --record", p->path,
                        where, key, what);
}

static double number(struct parse *p, const json_t *o, const char *where, const char *key, double low, double high, bool needed)
{
    const json_t *v = json_object_get(o, key);
    if (!v) {
        if (needed)
            wrong(p, where, key, "is missing");
        return 0;
    }
    double x = json_is_number(v) ? json_number_value(v) : NAN;
    if (!(x >= low && x <= high)) {
        wrong(p, where, key, "is not a number in range");
        return 0;
    }
    return x;
}

static void string(struct parse *p, const json_t *o, const char *where, const char *key, char *out, size_t size, bool needed)
{
    const json_t *v = json_object_get(o, key);
    if (json_is_string(v))
        snprintf(out, size, "%s", json_string_value(v));
    else if (v || needed)
        wrong(p, where, key, v ? "is not text" : "is missing");
}

static const json_t *list(struct parse *p, const json_t *o, const char *key, size_t most)
{
    const json_t *v = json_object_get(o, key);
    if (v && (!json_is_array(v) || json_array_size(v) > most)) {
        wrong(p, "", key, "is not a list of the right length");
        return NULL;
    }
    return v;
}

static void read_shape(struct parse *p, const json_t *o, struct opt_machine *m)
{
    size_t i;
    json_t *e;
    json_array_foreach(list(p, o, "caches", OPT_MAX_CACHES), i, e) m->cache[m->caches++] =
        (struct opt_cache){.level = (int)number(p, e, "caches.", "level", 1, 4, true),
                           .bytes = (uint64_t)number(p, e, "caches.", "bytes", 1, 1e15, true),
                           .shared_by = (int)number(p, e, "caches.", "shared_by", 1, 1e6, true),
                           .instances = (int)number(p, e, "caches.", "instances", 1, 1e6, true)};
    json_array_foreach(list(p, o, "numa_nodes", OPT_MAX_NODES), i, e)
    {
        struct opt_numa *n = &m->numa[m->numa_nodes++];
        *n = (struct opt_numa){.id = (int)number(p, e, "numa_nodes.", "id", 0, 1e6, true),
                               .cores = (int)number(p, e, "numa_nodes.", "cores", 0, 1e6, true),
                               .memory_bytes = (uint64_t)number(p, e, "numa_nodes.", "memory_bytes", 0, 1e18, true)};
        string(p, e, "numa_nodes.", "kind", n->kind, sizeof n->kind, false);
    }
}

static void read_devices(struct parse *p, const json_t *o, struct opt_machine *m)
{
    size_t i;
    json_t *e;
    json_array_foreach(list(p, o, "devices", OPT_MAX_DEVICES), i, e)
    {
        struct asx_device_info d = {.memory_bytes = (uint64_t)number(p, e, "devices.", "memory_bytes", 0, 1e18, false),
                                    .units = (int)number(p, e, "devices.", "units", 0, 1e6, false),
                                    .f64 = json_is_true(json_object_get(e, "f64")),
                                    .unified = json_is_true(json_object_get(e, "unified"))};
        string(p, e, "devices.", "id", d.id, sizeof d.id, true);
        string(p, e, "devices.", "name", d.name, sizeof d.name, false);
        string(p, e, "devices.", "type", d.type, sizeof d.type, false);
        string(p, e, "devices.", "driver", d.driver, sizeof d.driver, false);
        if (strcmp(d.id, "cpu") == 0)
            m->device[0] = d;
        else
            opt_machine_add_devices(m, &d, 1);
    }
}

static void read_coefficient(struct parse *p, const json_t *e, struct opt_machine *m, struct mem *mem)
{
    static const char where[] = "coefficients.";
    char kernel[32] = "", dtype[16] = "f32";
    struct opt_coefficient c = {.startup_s = number(p, e, where, "startup_s", 0, 1e3, false),
                                .flop_rate = number(p, e, where, "flop_rate", 0, 1e18, false),
                                .samples = (int)number(p, e, where, "samples", 0, 1e9, false),
                                .spread = number(p, e, where, "spread", 1, 1e3, true),
                                .low = number(p, e, where, "low", 0, 1e18, false),
                                .high = number(p, e, where, "high", 0, 1e18, false)};
    string(p, e, where, "device", c.device, sizeof c.device, true);
    string(p, e, where, "kernel", kernel, sizeof kernel, true);
    string(p, e, where, "dtype", dtype, sizeof dtype, false);
    const json_t *levels = json_object_get(e, "bandwidth");
    for (size_t l = 0; l < OPT_LEVELS && json_is_array(levels); l++) {
        const json_t *v = json_array_get(levels, l);
        if (!json_is_number(v) || !(json_number_value(v) >= 0))
            wrong(p, where, "bandwidth", "is not four rates");
        else
            c.bandwidth[l] = json_number_value(v);
    }
    if (!opt_kernel_parse(kernel, &c.kernel))
        wrong(p, where, "kernel", "is not a kernel class");
    if (!opt_dtype_parse(dtype, &c.dtype))
        wrong(p, where, "dtype", "is not a type");
    if (p->st == ASX_OK && opt_coefficient_put(m, &c, mem))
        p->st = err_set(p->err, ASX_E_NOMEM, "out of memory while reading '%s'; raise the memory limit", p->path);
}

static void read_machine(struct parse *p, const json_t *o, struct opt_machine *m, struct mem *mem)
{
    if (!json_is_object(o)) {
        wrong(p, "", "the file", "is not a JSON object");
        return;
    }
    string(p, o, "", "cpu", m->cpu, sizeof m->cpu, true);
    string(p, o, "", "simd", m->simd, sizeof m->simd, true);
    string(p, o, "", "key", m->key, sizeof m->key, false);
    m->packages = (int)number(p, o, "", "packages", 1, 1e5, false);
    m->cores = (int)number(p, o, "", "cores", 1, 1e6, true);
    m->pus = (int)number(p, o, "", "pus", 1, 1e6, false);
    m->quota_cores = number(p, o, "", "quota_cores", 0.01, 1e6, true);
    m->memory_bytes = (uint64_t)number(p, o, "", "memory_bytes", 1, 1e18, true);
    m->memory_limit_bytes = (uint64_t)number(p, o, "", "memory_limit_bytes", 0, 1e18, false);
    m->bandwidth_total = number(p, o, "", "bandwidth_total", 0, 1e15, false);
    m->packages = m->packages ? m->packages : 1;
    m->pus = m->pus ? m->pus : m->cores;
    read_shape(p, o, m);
    read_devices(p, o, m);
    if (!(m->bandwidth_total > 0))
        m->bandwidth_total = opt_topology_bandwidth(m);
    if (p->st == ASX_OK && opt_coefficients_ship(m, mem)) /* what the file lacks is as shipped */
        p->st = err_set(p->err, ASX_E_NOMEM, "out of memory while reading '%s'; raise the memory limit", p->path);
    size_t i;
    json_t *e;
    json_array_foreach(list(p, o, "coefficients", 4096), i, e) read_coefficient(p, e, m, mem);
}

asx_st opt_machine_read(const char *path, struct mem *mem, struct opt_machine **out, struct asx_err *err)
{
    json_t *root = NULL;
    asx_st st = json_read(path, &root, err);
    if (st)
        return st;
    struct opt_machine *m = opt_machine_blank(mem);
    if (!m) {
        json_decref(root);
        return err_set(err, ASX_E_NOMEM, "out of memory while reading '%s'; raise the memory limit", path);
    }
    struct parse p = {.path = path, .err = err};
    read_machine(&p, root, m, mem);
    json_decref(root);
    snprintf(m->source, sizeof m->source, "%s", path);
    if (p.st) {
        opt_machine_free(m);
        return p.st;
    }
    *out = m;
    return ASX_OK;
}
