/* SPDX-License-Identifier: Apache-2.0 */
/* Targets that read text: YAML, JSON, task specs, machine descriptions. */
#include "tests/fuzz/fuzz.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/yaml.h"
#include "engine/registry.h"
#include "optimizer/machine.h"
#include "tasks/spec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A refusal must have a sentence and a status of failure. */
static void expect_error(asx_st rc, const struct asx_err *e)
{
    if (rc < 0 && (e->code != rc || !e->text[0])) {
        fprintf(stderr, "status %d without a message\n", rc);
        abort();
    }
}

static void run_yaml(const uint8_t *data, size_t size)
{
    struct yaml_node *n;
    struct asx_err e = {0};
    expect_error(yaml_parse((const char *)data, size, "f", NULL, &n, &e), &e);
    yaml_free(n);
}

static void run_json(const uint8_t *data, size_t size)
{
    json_t *j;
    struct asx_err e = {0};
    expect_error(json_parse((const char *)data, size, "f", &j, &e), &e);
    char *s = j ? json_canonical(j) : NULL;
    if (s) { /* what is written reads back equal */
        json_t *again;
        if (json_parse(s, strlen(s), "again", &again, &e) != ASX_OK || !json_equal(j, again)) {
            fprintf(stderr, "not the same when read back: %s\n", s);
            abort();
        }
        json_decref(again);
    }
    json_text_free(s);
    json_decref(j);
}

static void run_spec(const uint8_t *data, size_t size)
{
    struct spec_context c = {.registry = registry_builtin()};
    struct task_spec *spec = NULL;
    struct asx_err e = {0};
    struct mem *m = mem_create(NULL, 64 << 20);
    asx_st rc = spec_create(&c, m, &spec, &e);
    if (rc == ASX_OK)
        rc = spec_read_text(spec, (const char *)data, size, "dir/f.yaml", &e);
    if (rc == ASX_OK)
        rc = spec_validate(spec, 0, &e);
    expect_error(rc, &e);
    spec_free(spec);
    if (mem_used(m) != 0) {
        fprintf(stderr, "a spec leaks %llu bytes\n", (unsigned long long)mem_used(m));
        abort();
    }
    mem_destroy(m);
}

static void run_machine(const uint8_t *data, size_t size)
{
    char path[] = "/tmp/assay-fuzz-XXXXXX";
    int fd = mkstemp(path);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    close(fd);
    struct opt_machine *m = NULL;
    struct asx_err e = {0};
    expect_error(opt_machine_read(path, NULL, &m, &e), &e);
    opt_machine_free(m);
    unlink(path);
}

const struct fuzz_target fuzz_yaml = {"yaml", NULL, run_yaml, NULL, "a: - [ ] { } , & * !! | > --- ... ? ' \" # % \t \n ~ \\x00",
                                      0,      0};
const struct fuzz_target fuzz_json = {"json", NULL, run_json, NULL, "{ } [ ] : , \" \\u0000 \\ud800 1e999 -0 null true NaN", 0, 0};
const struct fuzz_target fuzz_spec = {"spec",
                                      "yaml",
                                      run_spec,
                                      NULL,
                                      "task: data: train: target: objective: maximize: subject_to: time: memory: search: space: "
                                      "gbdt: num_leaves: low: high: log: folds: "
                                      "trials: -1 1e999 0 yes [] {} null 60s 2GiB roc_auc ridge learners:",
                                      4,
                                      0};
const struct fuzz_target fuzz_machine = {
    "machine", "../../machines", run_machine, NULL, "{ } [ ] : , null -1 1e308 \"\" cores caches coefficients", 4, 0};
