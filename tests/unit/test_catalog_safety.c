/* SPDX-License-Identifier: Apache-2.0 */
/* The catalog through useless places, death of the process, damage, lack of room and of memory. */
#include "tests/support/catalog_make.h"

#include "base/mem.h"
#include "catalog/blob.h"

#include <check.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

START_TEST(in_memory_keeps_everything)
{
    struct cat *cat = catalog_open(":memory:");
    ck_assert(cat_in_memory(cat));
    ck_assert_str_eq(made.warning, "");
    int64_t run = catalog_begin(cat);
    float *oof = calloc(50000, sizeof *oof);
    catalog_put(cat, run, 1, 0.5, oof, 50000 * sizeof *oof, ASX_OK);
    struct cat_trial *t;
    size_t n, size;
    void *data;
    ck_assert_int_eq(cat_trials_get(cat, run, made.arena, &t, &n, &made.err), ASX_OK);
    ck_assert_int_eq(cat_blob_get(cat, t[0].oof, NULL, &data, &size, &made.err), ASX_OK);
    ck_assert(size == 50000 * sizeof *oof && memcmp(data, oof, size) == 0);
    mem_free(data);
    free(oof);
    cat_close(cat);
    setenv("ASSAY_CATALOG", ":memory:", 1); /* as well by the environment: nothing to warn of */
    cat = catalog_open(NULL);
    ck_assert(cat_in_memory(cat));
    ck_assert_str_eq(made.warning, "");
    cat_close(cat);
    unsetenv("ASSAY_CATALOG");
}
END_TEST

static void falls_back(const char *where, const char *says)
{
    made.warning[0] = 0;
    struct cat *cat = catalog_open(where);
    ck_assert_msg(cat_in_memory(cat), "%s", where);
    ck_assert_msg(strstr(made.warning, "catalog.memory: ") == made.warning && strstr(made.warning, says), "%s", made.warning);
    catalog_put(cat, catalog_begin(cat), 1, 0.5, NULL, 0, ASX_OK);
    cat_close(cat);
}

START_TEST(useless_places_fall_back)
{
    falls_back("/proc/nowhere/catalog.db", "folder");
    falls_back(made.folder, "regular");
    falls_back("/dev/full", "regular");
    char file[128], command[600];
    snprintf(file, sizeof file, "%s/junk.db", made.folder);
    FILE *f = fopen(file, "wb");
    for (int i = 0; i < 5000; i++)
        fputc(i * 37 % 251, f);
    fclose(f);
    falls_back(file, "not a database");
    snprintf(file, sizeof file, "%s/other.db", made.folder);
    sqlite3 *db;
    ck_assert_int_eq(sqlite3_open(file, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, "CREATE TABLE t(x)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    falls_back(file, "another program");
    cat_close(catalog_open(made.path));
    ck_assert_int_eq(sqlite3_open(made.path, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, "PRAGMA user_version = 999", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    falls_back(made.path, "newer version");
    snprintf(command, sizeof command, "%s/half.db", made.folder); /* a catalog cut in the middle */
    ck_assert_int_eq(sqlite3_open(made.path, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, "PRAGMA user_version = 1; PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    ck_assert_int_eq(truncate(made.path, 6000), 0);
    struct cat *cat = catalog_open(made.path); /* opens or falls back, and never crashes */
    int64_t run;
    (void)cat_run_begin(cat, &(struct cat_run_new){.task = "classify"}, &run, &made.err);
    cat_close(cat);
}
END_TEST

START_TEST(reading_without_writing)
{
    struct cat *cat = NULL;
    struct cat_options look = {.path = made.path, .read_only = true, .events = &catalog_sink};
    ck_assert_int_eq(cat_open(&cat, &look, &made.err), ASX_OK);
    ck_assert(cat_in_memory(cat));
    ck_assert_int_ne(access(made.path, F_OK), 0); /* not created */
    ck_assert_str_eq(made.warning, "");
    cat_close(cat);
    cat = catalog_open(made.path);
    int64_t run = catalog_begin(cat);
    cat_close(cat);
    if (geteuid() == 0) { /* as nobody: the file and its folder cannot be written */
        ck_assert_int_eq(chmod(made.folder, 0755), 0);
        pid_t child = fork();
        if (child == 0) {
            if (setgid(65534) != 0 || setuid(65534) != 0)
                _exit(9);
            struct cat_run r;
            if (cat_open(&cat, &look, &made.err) != ASX_OK || cat_in_memory(cat))
                _exit(1);
            _exit(cat_run_get(cat, run, made.arena, &r, &made.err) == ASX_OK && strcmp(r.task, "classify") == 0 ? 0 : 2);
        }
        int status = 0;
        waitpid(child, &status, 0);
        ck_assert_int_eq(status, 0);
    }
}
END_TEST

/* A child that records trials without end is killed; what it reported is there, and the run can be taken over. */
START_TEST(kill_loses_nothing)
{
    for (int round = 0; round < 5; round++) {
        int pipe_fd[2];
        ck_assert_int_eq(pipe(pipe_fd), 0);
        pid_t child = fork();
        if (child == 0) {
            struct cat *cat = catalog_open(made.path);
            int64_t run = catalog_begin(cat);
            float oof[64] = {0};
            for (int trial = 1;; trial++) {
                oof[0] = (float)trial;
                catalog_put(cat, run, trial, 0.5, oof, sizeof oof, ASX_OK);
                int64_t say[2] = {run, trial};
                if (write(pipe_fd[1], say, sizeof say) != sizeof say)
                    _exit(1);
            }
        }
        close(pipe_fd[1]);
        int64_t said[2] = {0, 0}, last = 0, run = 0;
        for (int i = 0; i < 20 + 30 * round && read(pipe_fd[0], said, sizeof said) == sizeof said; i++)
            last = said[1];
        run = said[0];
        struct cat *cat = catalog_open(made.path);
        ck_assert(cat_run_alive(cat, run));
        ck_assert_int_eq(cat_run_take(cat, run, &made.err), ASX_E_BUSY);
        memset(&made.err, 0, sizeof made.err);
        kill(child, SIGKILL);
        while (read(pipe_fd[0], said, sizeof said) == sizeof said)
            last = said[1];
        close(pipe_fd[0]);
        siginfo_t info;
        ck_assert_int_eq(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0); /* dead, though a zombie still */
        ck_assert(!cat_run_alive(cat, run));
        struct cat_run r;
        ck_assert_int_eq(cat_run_get(cat, run, made.arena, &r, &made.err), ASX_OK);
        ck_assert_str_eq(r.state, "interrupted");
        waitpid(child, NULL, 0);
        struct cat_trial *t;
        size_t n;
        ck_assert_int_eq(cat_trials_get(cat, run, made.arena, &t, &n, &made.err), ASX_OK);
        ck_assert_msg(n == (size_t)last || n == (size_t)last + 1, "%zu of %d", n, (int)last);
        for (size_t i = 0; i < n; i++)
            ck_assert_int_eq(t[i].trial, (int)i + 1);
        ck_assert_int_eq(cat_run_take(cat, run, &made.err), ASX_OK);
        ck_assert(cat_run_alive(cat, run));
        cat_close(cat);
    }
}
END_TEST

START_TEST(two_processes_at_once)
{
    enum { CHILDREN = 3, TRIALS = 60 };
    pid_t child[CHILDREN];
    for (int k = 0; k < CHILDREN; k++) {
        child[k] = fork();
        if (child[k] == 0) { /* they race to create the file, too */
            struct cat *cat = catalog_open(made.path);
            if (cat_in_memory(cat))
                _exit(1);
            int64_t run = catalog_begin(cat);
            for (int i = 1; i <= TRIALS; i++)
                catalog_put(cat, run, i, i, NULL, 0, ASX_OK);
            cat_close(cat);
            _exit(0);
        }
    }
    for (int k = 0; k < CHILDREN; k++) {
        int status = 0;
        waitpid(child[k], &status, 0);
        ck_assert_int_eq(status, 0);
    }
    struct cat *cat = catalog_open(made.path);
    for (int64_t run = 1; run <= CHILDREN; run++) {
        struct cat_trial *t;
        size_t n;
        ck_assert_int_eq(cat_trials_get(cat, run, made.arena, &t, &n, &made.err), ASX_OK);
        ck_assert_uint_eq(n, TRIALS);
    }
    cat_close(cat);
}
END_TEST

/* Trials until the disk refuses one, and some more. */
static int fill(struct cat *cat, int64_t run, float *oof)
{
    struct cat_run_progress p = {0, 0};
    int more = 5, trial = 0;
    while (more > 0 && trial < 1000) {
        struct cat_trial t = {.trial = ++trial, .config_id = trial, .state = "finished", .validation = 1};
        oof[0] = (float)trial;
        if (cat_trial_put(cat, run, &t, oof, 40000, NULL, 0, &p, &made.err) != ASX_OK)
            return -1;
        more -= cat_in_memory(cat);
    }
    return trial;
}

/* In a process with a limit on file sizes. Answers 0, or which expectation failed. */
static int go_on(void)
{
    struct cat *cat = catalog_open(made.path), *file;
    int64_t run = catalog_begin(cat);
    float *oof = calloc(10000, sizeof *oof);
    struct rlimit limit = {400000, 400000};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
        return 9;
    int trials = fill(cat, run, oof);
    if (trials < 6 || !cat_in_memory(cat) || made.err.code)
        return 1;
    struct cat_trial *t;
    size_t n = 0, size = 0;
    if (cat_trials_get(cat, run, made.arena, &t, &n, &made.err) != ASX_OK || (int)n != trials)
        return 2; /* nothing is missing */
    for (size_t i = 0; i < n; i++) {
        void *data = NULL;
        if (cat_blob_get(cat, t[i].oof, NULL, &data, &size, &made.err) != ASX_OK || ((float *)data)[0] != (float)t[i].trial)
            return 3; /* predictions of before and after, whole */
        mem_free(data);
    }
    cat_close(cat);
    struct cat_options look = {.path = made.path, .read_only = true};
    if (cat_open(&file, &look, &made.err) != ASX_OK || cat_in_memory(file))
        return 4;
    if (cat_trials_get(file, run, made.arena, &t, &n, &made.err) != ASX_OK || (int)n != trials - 5)
        return 5; /* what was committed stays */
    cat_close(file);
    free(oof);
    return 0;
}

START_TEST(no_room_goes_on_in_memory)
{
    pid_t child = fork();
    if (child == 0) {
        signal(SIGXFSZ, SIG_IGN);
        _exit(go_on());
    }
    int status = 0;
    waitpid(child, &status, 0);
    ck_assert_int_eq(status, 0);
}
END_TEST

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Bounds are wide for sanitizers and a busy machine; a plain idle one takes 10 ms and 5 us. */
START_TEST(fast_enough)
{
    double t0 = seconds();
    struct cat *cat = catalog_open(made.path);
    int64_t run = catalog_begin(cat);
    double opened = seconds() - t0;
    enum { OPS = 2000 };
    struct cat_op *op = calloc(OPS, sizeof *op);
    for (int i = 0; i < OPS; i++)
        op[i] = (struct cat_op){.name = "gbdt.fit/hist_fixed", .device = "cpu", .lineage = {1, (uint64_t)i}, .predicted_s = 1};
    t0 = seconds();
    ck_assert_int_eq(cat_ops_predict(cat, run, op, OPS, &made.err), ASX_OK);
    double each = (seconds() - t0) / OPS;
    ck_assert_msg(opened < 1 && each < 1e-3, "open %g s, op %g s", opened, each);
    if (getenv("ASSAY_TEST_VERBOSE"))
        printf("catalog: open and run row %.1f ms, op prediction %.1f us\n", 1e3 * opened, 1e6 * each);
    free(op);
    cat_close(cat);
}
END_TEST

/* Every allocation of the module fails once: an error or success, no crash, no leak. */
START_TEST(allocation_failures)
{
    float oof[30000] = {0};
    for (long k = 1; k < 200; k++) {
        struct cat *cat = NULL;
        struct asx_err e = {0};
        long before = mem_allocations();
        mem_fault_after(k);
        asx_st st = cat_open(&cat, &(struct cat_options){.path = made.path}, &e);
        if (st == ASX_OK) {
            int64_t run = 0;
            struct cat_trial t = {.trial = 1, .config_id = 1, .state = "finished", .curve = {1, 1, &(int){1}, &(double){2}}};
            struct cat_trial *list;
            size_t n;
            void *data;
            st = cat_run_begin(cat, &(struct cat_run_new){.task = "regress"}, &run, &e);
            if (st == ASX_OK)
                st = cat_trial_put(cat, run, &t, oof, sizeof oof, NULL, 0, NULL, &e);
            if (st == ASX_OK)
                st = cat_trials_get(cat, run, made.arena, &list, &n, &e);
            if (st == ASX_OK)
                st = cat_blob_get(cat, list[0].oof, NULL, &data, &n, &e);
            if (st == ASX_OK)
                mem_free(data);
        }
        mem_fault_after(0);
        ck_assert_msg(st == ASX_OK || st == ASX_E_NOMEM, "allocation %ld gives %d: %s", k, st, e.text);
        cat_close(cat);
        if (st == ASX_OK && mem_allocations() - before < k)
            break;
    }
}
END_TEST

Suite *suite_catalog_safety(void);
Suite *suite_catalog_safety(void)
{
    Suite *s = suite_create("catalog_safety");
    TCase *c = tcase_create("catalog_safety");
    tcase_add_checked_fixture(c, catalog_set_up, catalog_tear_down);
    tcase_set_timeout(c, 60);
    tcase_add_test(c, in_memory_keeps_everything);
    tcase_add_test(c, useless_places_fall_back);
    tcase_add_test(c, reading_without_writing);
    tcase_add_test(c, kill_loses_nothing);
    tcase_add_test(c, two_processes_at_once);
    tcase_add_test(c, no_room_goes_on_in_memory);
    tcase_add_test(c, fast_enough);
    tcase_add_test(c, allocation_failures);
    suite_add_tcase(s, c);
    return s;
}
