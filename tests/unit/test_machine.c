/* SPDX-License-Identifier: Apache-2.0 */
/* Machines: this one, recorded ones, topologies; control groups made of files. */
#include "base/err.h"
#include "base/mem.h"
#include "optimizer/cgroup.h"
#include "optimizer/coefficients.h"
#include "optimizer/machine.h"
#include "tests/runner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

Suite *suite_machine(void);

static struct mem *mem;
static char dir[64];

static void setup(void)
{
    mem = mem_create(NULL, 0);
    snprintf(dir, sizeof dir, "/tmp/assay_machine_XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void teardown(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", dir);
    ck_assert_int_eq(system(command), 0);
    ck_assert_uint_eq(mem_used(mem), 0);
    mem_destroy(mem);
}

static const char *put(const char *name, const char *text)
{
    static char path[256];
    char command[300];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    snprintf(command, sizeof command, "mkdir -p \"$(dirname %s)\"", path);
    ck_assert_int_eq(system(command), 0);
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fputs(text, f);
    fclose(f);
    return path;
}

START_TEST(this_machine_has_facts)
{
    struct opt_machine *m = NULL;
    struct asx_err err = {0};
    ck_assert_int_eq(opt_machine_probe(mem, &m, &err), ASX_OK);
    ck_assert_int_ge(m->cores, 1);
    ck_assert_int_ge(m->pus, m->cores);
    ck_assert_double_gt(m->quota_cores, 0);
    ck_assert_double_le(m->quota_cores, m->pus);
    ck_assert_int_ge(opt_machine_threads(m), 1);
    ck_assert_uint_gt(opt_machine_memory(m), 1 << 20);
    ck_assert_uint_le(opt_machine_memory(m), m->memory_bytes);
    ck_assert_str_eq(m->device[0].id, "cpu");
    ck_assert_uint_eq(strlen(m->key), 32);
    for (int k = 0; k < ASX_KERNEL_CLASSES; k++)
        ck_assert_ptr_nonnull(opt_coefficient_find(m, "cpu", (enum asx_kernel_class)k, ASX_U8));
    ck_assert_ptr_null(opt_coefficient_find(m, "opencl:0", ASX_KC_GEMM, ASX_F32));
    opt_machine_free(m);
}
END_TEST

START_TEST(recorded_machines_read_back)
{
    struct opt_machine *m = NULL, *again = NULL;
    struct asx_err err = {0};
    ck_assert_int_eq(opt_machine_from_topology(
                         "pack:2 [numa(memory=64GB)] l3:1(size=32MB) core:4 l2:1(size=1MB) l1:1(size=32KB) pu:2", mem, &m, &err),
                     ASX_OK);
    ck_assert_int_eq(m->packages, 2);
    ck_assert_int_eq(m->cores, 8);
    ck_assert_int_eq(m->pus, 16);
    ck_assert_int_eq(m->numa_nodes, 2);
    ck_assert_int_eq(m->caches, 3);
    ck_assert_int_eq(m->cache[2].shared_by, 4);
    ck_assert_int_eq(m->cache[2].instances, 2);
    struct asx_device_info gpu = {.id = "opencl:0", .name = "a card", .type = "gpu", .units = 80, .memory_bytes = 1 << 30};
    opt_machine_add_devices(m, &gpu, 1);
    opt_machine_add_devices(m, &gpu, 1);
    ck_assert_int_eq(m->devices, 2);
    struct opt_coefficient c = {
        .device = "opencl:0", .kernel = ASX_KC_GEMM, .dtype = ASX_F32, .flop_rate = 1e12, .spread = 1.25, .samples = 12};
    ck_assert_int_eq(opt_coefficient_put(m, &c, mem), ASX_OK);
    char path[128];
    snprintf(path, sizeof path, "%s/m.json", dir);
    ck_assert_int_eq(opt_machine_record(m, path, &err), ASX_OK);
    ck_assert_int_eq(opt_machine_read(path, mem, &again, &err), ASX_OK);
    json_t *a = opt_machine_json(m), *b = opt_machine_json(again);
    ck_assert(json_equal(a, b));
    ck_assert_ptr_nonnull(json_object_get(a, "quota_cores"));
    json_decref(a);
    json_decref(b);
    ck_assert_double_eq(opt_coefficient_find(again, "opencl:0", ASX_KC_GEMM, ASX_F32)->flop_rate, 1e12);
    ck_assert_uint_eq(opt_machine_memory(again), m->memory_bytes);
    opt_machine_free(m);
    opt_machine_free(again);
}
END_TEST

static void refuse(const char *text, const char *why)
{
    struct opt_machine *m = NULL;
    struct asx_err err = {0};
    ck_assert_int_lt(opt_machine_read(put("bad.json", text), mem, &m, &err), 0);
    ck_assert_msg(strstr(err.text, why) != NULL, "'%s' does not say '%s'", err.text, why);
}

START_TEST(bad_machine_files_are_refused)
{
    refuse("[]", "not a JSON object");
    refuse("{", "");
    refuse("{\"cpu\":\"x\",\"simd\":\"avx2\"}", "'cores' is missing");
    refuse("{\"cpu\":\"x\",\"simd\":\"avx2\",\"cores\":-1}", "'cores' is not a number in range");
    refuse("{\"cpu\":\"x\",\"simd\":\"avx2\",\"cores\":2,\"quota_cores\":2,\"memory_bytes\":1e9,\"caches\":{}}", "'caches'");
    refuse("{\"cpu\":\"x\",\"simd\":\"avx2\",\"cores\":2,\"quota_cores\":2,\"memory_bytes\":1e9,"
           "\"coefficients\":[{\"device\":\"cpu\",\"kernel\":\"nonsense\",\"spread\":1.5}]}",
           "kernel");
    struct opt_machine *m = NULL;
    struct asx_err err = {0};
    ck_assert_int_eq(opt_machine_read("/nonexistent/m.json", mem, &m, &err), ASX_E_IO);
}
END_TEST

START_TEST(topologies_are_refused_clearly)
{
    struct opt_machine *m = NULL;
    struct asx_err err = {0};
    const char *v3 = put("v3.xml", "<?xml version=\"1.0\"?>\n<topology version=\"3.0\"><object/></topology>\n");
    ck_assert_int_eq(opt_machine_from_topology(v3, mem, &m, &err), ASX_E_DATA);
    ck_assert_ptr_nonnull(strstr(err.text, "version 3"));
    err = (struct asx_err){0};
    ck_assert_int_lt(opt_machine_from_topology(put("no.xml", "hello"), mem, &m, &err), 0);
    err = (struct asx_err){0};
    ck_assert_int_eq(opt_machine_from_topology("absent.xml", mem, &m, &err), ASX_E_IO);
    err = (struct asx_err){0};
    ck_assert_int_lt(opt_machine_from_topology("core:x pu:", mem, &m, &err), 0);
    err = (struct asx_err){0};
    ck_assert_int_eq(opt_machine_from_topology("numa:2 core:8 pu:1", mem, &m, &err), ASX_OK);
    ck_assert_int_eq(m->cores, 16);
    ck_assert_int_eq(opt_machine_threads(m), 16);
    opt_machine_free(m);
}
END_TEST

START_TEST(control_groups_limit)
{
    struct opt_cgroup c;
    put("v2/a/cpu.max", "150000 100000\n");
    put("v2/a/b/cpu.max", "max 100000\n");
    put("v2/a/b/memory.max", "1000000\n");
    put("v2/a/b/memory.current", "700000\n");
    put("v2/a/b/memory.stat", "anon 1\ninactive_file 200000\nfile 3\n");
    char root[96];
    snprintf(root, sizeof root, "%s/v2", dir);
    opt_cgroup_read(root, "0::/a/b\n", &c);
    ck_assert_double_eq(c.cores, 1.5);
    ck_assert_uint_eq(c.memory_limit, 1000000);
    ck_assert_uint_eq(c.memory_free, 500000);

    put("v1/cpu/x/cpu.cfs_quota_us", "50000\n");
    put("v1/cpu/x/cpu.cfs_period_us", "100000\n");
    put("v1/cpu/cpu.cfs_quota_us", "-1\n");
    put("v1/cpu/cpu.cfs_period_us", "100000\n");
    put("v1/memory/memory.limit_in_bytes", "9223372036854771712\n");
    snprintf(root, sizeof root, "%s/v1", dir);
    opt_cgroup_read(root, "4:memory:/gone\n3:cpu,cpuacct:/x\n", &c);
    ck_assert_double_eq(c.cores, 0.5);
    ck_assert_uint_eq(c.memory_limit, 0);
    ck_assert_uint_eq(c.memory_free, UINT64_MAX);
    opt_cgroup_read("/nonexistent", "garbage\n::\n", &c);
    ck_assert_double_eq(c.cores, 0);
}
END_TEST

Suite *suite_machine(void)
{
    Suite *s = suite_create("machine");
    TCase *c = tcase_create("machine");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, this_machine_has_facts);
    tcase_add_test(c, recorded_machines_read_back);
    tcase_add_test(c, bad_machine_files_are_refused);
    tcase_add_test(c, topologies_are_refused_clearly);
    tcase_add_test(c, control_groups_limit);
    suite_add_tcase(s, c);
    return s;
}
