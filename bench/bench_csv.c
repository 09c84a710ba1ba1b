/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading CSV: bytes a second, as ratios to limits of the same run.
 *
 *   scan    counting line feeds over the same bytes in memory: what merely looking at the text costs
 *   strtod  the C library's conversion of every cell, cells found by the delimiter alone
 *   pandas  pandas.read_csv with its C engine, where ASSAY_PANDAS names a Python that has it (its time inside Python)
 *
 * Best of five interleaved rounds (other load only ever adds). Arguments: rows (100000) and threads (1).
 */
#include "base/clock.h"
#include "base/err.h"
#include "base/rng.h"
#include "data/read.h"
#include "data/scan.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { ROUNDS = 5, COLUMNS = 50 };

struct table {
    const char *name;
    char path[64];
    char *text;
    size_t size;
};

static void put_row(struct table *t, struct rng *rng, int kind)
{
    static const char *const word[] = {"alpha", "beta", "\"gamma, delta\"", "", "epsilon and more"};
    for (int j = 0; j < COLUMNS; j++) {
        char *p = t->text + t->size;
        double v = rng_normal(rng);
        if (kind == 0)
            t->size += (size_t)sprintf(p, "%.6g", v);
        else if (kind == 1)
            t->size += (size_t)sprintf(p, "%.17g", v);
        else if (kind == 2)
            t->size += (size_t)sprintf(p, "%d", (int)(v * 100));
        else if (j % 2)
            t->size += (size_t)sprintf(p, "%s", word[rng_below(rng, 5)]);
        else
            t->size += (size_t)sprintf(p, "%.4f", v);
        t->text[t->size++] = j + 1 < COLUMNS ? ',' : '\n';
    }
}

static int make(struct table *t, int kind, size_t rows)
{
    static const char *const name[] = {"6 digits", "17 digits", "whole numbers", "half words"};
    struct rng rng = rng_stream(1, (uint64_t)kind, 0, 0);
    memset(t, 0, sizeof *t);
    t->name = name[kind];
    t->text = mem_alloc(NULL, rows * COLUMNS * 26 + COLUMNS * 8);
    if (!t->text)
        return -1;
    for (int j = 0; j < COLUMNS; j++)
        t->size += (size_t)sprintf(t->text + t->size, "x%d%c", j, j + 1 < COLUMNS ? ',' : '\n');
    for (size_t i = 0; i < rows; i++)
        put_row(t, &rng, kind);
    snprintf(t->path, sizeof t->path, "/tmp/assay-bench-%d-%d.csv", kind, (int)getpid());
    FILE *f = fopen(t->path, "wb");
    if (!f || fwrite(t->text, 1, t->size, f) != t->size || fclose(f) != 0)
        return -1;
    return 0;
}

static double time_read(const struct table *t, struct pool *pool)
{
    struct data_options o = {.par = data_par_pool(pool)};
    struct asx_frame *frame = NULL;
    struct asx_err err = {0};
    double start = clock_now();
    if (data_read(&o, t->path, NULL, NULL, &frame, &err) != ASX_OK) {
        fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    double seconds = clock_now() - start;
    frame_put(frame);
    return seconds;
}

static double time_scan(const struct table *t, volatile size_t *sink)
{
    double start = clock_now();
    *sink += scan_count(t->text, t->size, '\n');
    return clock_now() - start;
}

static double time_strtod(const struct table *t, volatile double *sink)
{
    double start = clock_now(), sum = 0;
    for (const char *p = t->text, *end = t->text + t->size; p < end;) {
        sum += strtod(p, NULL);
        while (p < end && *p != ',' && *p != '\n')
            p++;
        p++;
    }
    *sink += sum;
    return clock_now() - start;
}

/* Runs Python with its output in a file; the time is that inside Python, its start aside. */
static double time_pandas(const char *python, const struct table *t)
{
    char code[400], out[80], line[64] = "";
    snprintf(code, sizeof code,
             "import pandas, time; t = time.perf_counter(); pandas.read_csv('%s', engine='c', low_memory=False); "
             "print(time.perf_counter() - t)",
             t->path);
    snprintf(out, sizeof out, "%s.out", t->path);
    char *argv[] = {(char *)(uintptr_t)python, (char *)(uintptr_t) "-c", code, NULL};
    posix_spawn_file_actions_t actions;
    pid_t child;
    int status = 1;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, out, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (posix_spawnp(&child, python, &actions, NULL, argv, environ) != 0 || waitpid(child, &status, 0) != child)
        status = 1;
    posix_spawn_file_actions_destroy(&actions);
    FILE *f = fopen(out, "r");
    if (status != 0 || !f || !fgets(line, sizeof line, f)) {
        fprintf(stderr, "'%s' cannot run pandas; give a Python that has it in ASSAY_PANDAS\n", python);
        exit(1);
    }
    fclose(f);
    unlink(out);
    return strtod(line, NULL);
}

static double best(const double *v)
{
    double least = v[0];
    for (int r = 1; r < ROUNDS; r++)
        least = v[r] < least ? v[r] : least;
    return least;
}

int main(int argc, char **argv)
{
    long rows = argc > 1 ? strtol(argv[1], NULL, 10) : 100000;
    long threads = argc > 2 ? strtol(argv[2], NULL, 10) : 1;
    const char *python = getenv("ASSAY_PANDAS");
    struct pool *pool = pool_create((int)threads);
    volatile size_t lines = 0;
    volatile double sum = 0;
    if (rows < 1 || threads < 1 || !pool)
        return 2;
    printf("%-14s %9s %9s %14s %14s %14s\n", "table", "MB", "GB/s", "time/scan", "strtod/time", "pandas/time");
    for (int kind = 0; kind < 4; kind++) {
        struct table t;
        double read[ROUNDS], scan[ROUNDS], library[ROUNDS], pandas[ROUNDS];
        if (make(&t, kind, (size_t)rows) != 0) {
            fprintf(stderr, "no room for the bench's files\n");
            return 1;
        }
        for (int r = 0; r < ROUNDS; r++) {
            scan[r] = time_scan(&t, &lines);
            library[r] = time_strtod(&t, &sum);
            read[r] = time_read(&t, pool);
            pandas[r] = python ? time_pandas(python, &t) : 0;
        }
        double m = best(read);
        printf("%-14s %9.1f %9.3f %14.1f %14.2f ", t.name, (double)t.size / 1e6, (double)t.size / m / 1e9, m / best(scan),
               best(library) / m);
        if (python)
            printf("%14.2f\n", best(pandas) / m);
        else
            printf("%14s\n", "not asked");
        unlink(t.path);
        mem_free(t.text);
    }
    pool_destroy(pool);
    return 0;
}
