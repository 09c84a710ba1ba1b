/* SPDX-License-Identifier: Apache-2.0 */
/* The probe against children that behave, crash, hang, lie or are not there; scripts stand in for drivers. */
#define _GNU_SOURCE 1 /* nftw */
#include "backends/opencl/opencl.h"
#include "base/clock.h"
#include "base/json.h"

#include <check.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

Suite *suite_opencl(void);

static char folder[64], program[96];
static double patience = 10;

static void enter(void)
{
    snprintf(folder, sizeof folder, "/tmp/assay-probe-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(program, sizeof program, "%s/assay", folder);
    setenv("XDG_CACHE_HOME", folder, 1);
}

static int drop(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)kind, (void)at;
    return remove(path);
}

static void leave(void)
{
    nftw(folder, drop, 8, FTW_DEPTH | FTW_PHYS);
}

static int probe_script(const char *body, struct asx_device_info *out, int max, char *note)
{
    snprintf(program, sizeof program, "%s/probe", folder);
    FILE *f = fopen(program, "w");
    fprintf(f, "#!/bin/sh\n%s\n", body);
    fclose(f);
    chmod(program, 0700);
    return opencl_probe(program, patience, out, max, note);
}

START_TEST(a_good_child)
{
    struct asx_device_info d[4];
    char note[128];
    int n = probe_script(
        "test \"$1\" = __probe-opencl || exit 1\ntest -w \"$POCL_CACHE_DIR\" || exit 1\n"
        "echo '{\"devices\":[{\"id\":\"opencl:0\",\"name\":\"a\",\"type\":\"gpu\",\"driver\":\"1\",\"memory_bytes\":77,"
        "\"units\":3,\"f64\":true},{\"id\":\"opencl:1\"}]}'",
        d, 4, note);
    ck_assert_int_eq(n, 2);
    ck_assert_str_eq(note, "");
    ck_assert_str_eq(d[0].id, "opencl:0");
    ck_assert_str_eq(d[0].type, "gpu");
    ck_assert_uint_eq(d[0].memory_bytes, 77);
    ck_assert_int_eq(d[0].units, 3);
    ck_assert(d[0].f64 && !d[0].unified);
    ck_assert_str_eq(d[1].name, "");
}
END_TEST

START_TEST(bad_children)
{
    struct asx_device_info d[4];
    char note[128];
    static const char *const body[] = {
        "kill -SEGV $$", "exit 3", "echo '{\"devices\":[]}'; exit 1", "echo nonsense", "true", "echo '{\"devices\":7}'", "yes"};
    for (size_t i = 0; i < sizeof body / sizeof *body; i++) {
        ck_assert_int_eq(probe_script(body[i], d, 4, note), 0);
        if (i != 5)
            ck_assert_msg(note[0], "no note for: %s", body[i]);
    }
    ck_assert_int_eq(opencl_probe("/nonexistent/assay", 1, d, 4, note), 0);
    ck_assert_ptr_nonnull(strstr(note, "not found"));
    ck_assert_int_eq(opencl_probe("/nonexistent/assay", 1, d, 4, NULL), 0);
}
END_TEST

START_TEST(a_hanging_child_is_killed)
{
    struct asx_device_info d[1];
    char note[128];
    double start = clock_now();
    patience = 0.3;
    ck_assert_int_eq(probe_script("exec sleep 60", d, 1, note), 0);
    ck_assert_double_lt(clock_now() - start, 5);
    ck_assert_ptr_nonnull(strstr(note, "too long"));
}
END_TEST

/* Drivers of this machine, loaded in the test's own child process: whatever there is, the list is well-formed. */
START_TEST(the_real_list)
{
    struct text t;
    text_init(&t, NULL);
    char cache[96];
    snprintf(cache, sizeof cache, "%s/cache", folder);
    mkdir(cache, 0700);
    setenv("POCL_CACHE_DIR", cache, 1);
    opencl_list(&t);
    ck_assert(!t.failed);
    json_t *j;
    struct asx_err e = {0};
    ck_assert_int_eq(json_parse(t.s, t.n, NULL, &j, &e), ASX_OK);
    ck_assert(json_is_array(json_object_get(j, "devices")));
    size_t i;
    json_t *d;
    json_array_foreach(json_object_get(j, "devices"), i, d)
    {
        ck_assert_ptr_nonnull(json_string_value(json_object_get(d, "name")));
        ck_assert_int_ge(json_integer_value(json_object_get(d, "units")), 1);
    }
    json_decref(j);
    text_clear(&t);
}
END_TEST

Suite *suite_opencl(void)
{
    Suite *s = suite_create("opencl");
    TCase *t = tcase_create("opencl");
    tcase_set_timeout(t, 30);
    tcase_add_checked_fixture(t, enter, leave);
    tcase_add_test(t, a_good_child);
    tcase_add_test(t, bad_children);
    tcase_add_test(t, a_hanging_child_is_killed);
    tcase_add_test(t, the_real_list);
    suite_add_tcase(s, t);
    return s;
}
