/* SPDX-License-Identifier: Apache-2.0 */
/* Targets that read tables: delimited text, ARFF, libsvm. What is read is profiled as well. */
#include "tests/fuzz/fuzz.h"

#include "base/mem.h"
#include "data/read.h"

#include <stdio.h>
#include <stdlib.h>

static void run_table(const char *name, const uint8_t *data, size_t size)
{
    struct mem *m = mem_create(NULL, 256 << 20);
    struct data_options o = {.byte_budget = 64 << 20};
    struct asx_frame *frame = NULL;
    struct asx_err e = {0};
    asx_st rc = data_read_text(&o, name, data, size, m, NULL, &frame, &e);
    if (rc < 0 && (e.code != rc || !e.text[0])) {
        fprintf(stderr, "status %d without a message\n", rc);
        abort();
    }
    if (rc == ASX_OK)
        frame_put(frame);
    if (mem_used(m) != 0) {
        fprintf(stderr, "%s leaks %llu bytes (status %d)\n", name, (unsigned long long)mem_used(m), rc);
        abort();
    }
    mem_destroy(m);
}

static void run_csv(const uint8_t *data, size_t size)
{
    run_table("f.csv", data, size);
}

static void run_arff(const uint8_t *data, size_t size)
{
    run_table("f.arff", data, size);
}

static void run_libsvm(const uint8_t *data, size_t size)
{
    run_table("f.libsvm", data, size);
}

const struct fuzz_target fuzz_csv = {
    "csv", NULL, run_csv, NULL, "\" , ; | \t \n \r\n \r 1e999 NaN inf -0 NA ? 2020-01-01 0x10 \xef\xbb\xbf", 4, 0};
const struct fuzz_target fuzz_arff = {
    "arff", NULL, run_arff, NULL, "@relation @attribute @data numeric real string date { } ' \" , ? % \n 1e999 {0 sparse}", 4, 0};
const struct fuzz_target fuzz_libsvm = {
    "libsvm", NULL, run_libsvm, NULL, ": # \n -1 +1 qid:1 1:0 0:1 4294967296:1 2147483647:1 1e999 nan", 4, 0};
