/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Assay side of `make bench-trees`: reads commands from standard input and answers each with one line of JSON, so
 * that the driver can interleave it with its peers.
 *
 *   load PATH                                       rows, cols, train
 *   memory                                          forgets the peak so far; bytes resident now
 *   peak                                            greatest bytes resident since `memory`
 *   bin THREADS                                     seconds, cpu
 *   fit LEARNER THREADS ROUNDS [PARAM=VALUE ...]    seconds, cpu, updates, update_seconds; keeps the model
 *   pair LEARNER THREADS ROUNDS [PARAM=VALUE ...]   as many fits side by side as threads, a thread each: seconds of all
 *   score                                           loss, accuracy of the kept model on the held-out rows
 *   predict THREADS ROWS                            seconds, cpu from row-major values
 *   one                                             microseconds for one row
 *   limit                                           updates a second of this machine
 *
 * Beside the parameters of the learner there are seed=N, f64=1 (the reference way) and count=1 (histogram updates are
 * counted and timed; one thread only).
 */
#include "base/clock.h"
#include "base/mem.h"
#include "base/pool.h"
#include "bench/trees/table.h"
#include "bench/trees/updates.h"

#include <assay/ext/learner.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

extern const struct asx_family asx_family_trees;

enum { MOST_THREADS = 64, PREDICT_ROWS = 4096 };

/* One of the fits that run side by side. */
struct lane {
    struct bench *bench;
    struct asx_exec exec;
    struct asx_member member;
};

struct bench {
    struct table table;
    struct asx_matrix bins;
    const struct asx_block *bin_list[1];
    struct mem *mem;
    struct pool *pool;
    int threads;
    const void *in[1];
    struct lane lane[MOST_THREADS];
    /* of the fit at hand */
    struct asx_param param[ASX_MAX_PARAMS];
    struct asx_space space;
    struct asx_config config;
    int rounds, way;
    bool count;
    uint64_t seed;
    struct asx_model *model;
    const struct asx_learner *model_of;
    /* row-major values */
    float *rows;
    size_t n_rows;
};

static void die(const char *what)
{
    fprintf(stderr, "bench_trees: %s\n", what);
    exit(1);
}

/* Processor seconds of the whole process: what a crowded machine leaves comparable. */
static double cpu_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void split(struct asx_exec *e, size_t n, asx_chunk_fn fn, void *arg)
{
    struct bench *b = e->engine;
    if (e->threads > 1)
        pool_split(b->pool, e->threads, n, fn, arg);
    else
        for (size_t i = 0; i < n; i++)
            fn(arg, i, 0);
}

static void set_threads(struct bench *b, int threads)
{
    if (threads < 1 || threads > MOST_THREADS)
        die("threads from 1 to 64");
    if (b->threads == threads)
        return;
    if (b->pool)
        pool_destroy(b->pool);
    b->pool = pool_create(threads);
    b->threads = threads;
}

static void set_lane(struct bench *b, struct lane *l, int threads)
{
    if (!l->exec.scratch)
        l->exec.scratch = arena_create(NULL);
    arena_reset(l->exec.scratch);
    l->bench = b;
    l->exec = (struct asx_exec){.problem = &b->table.problem,
                                .mem = b->mem,
                                .scratch = l->exec.scratch,
                                .split = split,
                                .in = b->in,
                                .n_needs = 1,
                                .threads = threads,
                                .engine = b};
}

/* ---- data ----------------------------------------------------------------------- */

static void drop_bins(struct bench *b)
{
    if (b->bin_list[0])
        asx_family_trees.op[0]->free_output((void *)(uintptr_t)b->bin_list[0]);
    b->bin_list[0] = NULL;
}

static void load(struct bench *b, const char *path)
{
    drop_bins(b);
    if (b->model)
        b->model_of->free_model(b->model);
    b->model = NULL;
    free(b->rows);
    b->rows = NULL;
    table_clear(&b->table);
    const char *wrong = table_load(&b->table, path);
    if (wrong)
        die(wrong);
    printf("{\"rows\": %zu, \"cols\": %zu, \"train\": %zu}\n", b->table.rows, b->table.cols, b->table.train);
}

/* Linux forgets a process's peak when 5 is written here (proc(5), clear_refs). */
static void forget_peak(void)
{
    FILE *f = fopen("/proc/self/clear_refs", "w");
    if (!f || fputs("5", f) < 0 || fclose(f))
        die("cannot reset the peak of memory");
    printf("{\"bytes\": %llu}\n", (unsigned long long)clock_rss());
}

static void peak(void)
{
    char line[256];
    unsigned long long kib = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "VmHWM: %llu", &kib) == 1)
            break;
    if (f)
        fclose(f);
    printf("{\"bytes\": %llu}\n", kib * 1024);
}

static void bin(struct bench *b, int threads)
{
    struct asx_err err = {0};
    struct asx_batch none = {0};
    set_threads(b, threads);
    struct lane *l = &b->lane[0];
    set_lane(b, l, threads);
    drop_bins(b);
    b->in[0] = &b->table.fit;
    double t = clock_now(), cpu = cpu_now();
    if (asx_family_trees.op[0]->run(&l->exec, &none, &err))
        die(err.text);
    t = clock_now() - t;
    cpu = cpu_now() - cpu;
    b->bin_list[0] = l->exec.out;
    b->bins = (struct asx_matrix){.rows = b->table.train, .cols = b->table.cols, .blocks = 1, .block = b->bin_list};
    b->in[0] = &b->bins;
    printf("{\"seconds\": %.6f, \"cpu\": %.6f}\n", t, cpu);
}

/* ---- fits -------------------------------------------------------------------------- */

static void set_learner(struct bench *b, const char *name)
{
    b->config.learner = NULL;
    for (int i = 0; asx_family_trees.learner[i]; i++)
        if (strcmp(asx_family_trees.learner[i]->head.name, name) == 0)
            b->config.learner = asx_family_trees.learner[i];
    if (!b->config.learner)
        die("no such learner");
    b->space = (struct asx_space){0, b->param};
    b->config.space = &b->space;
    for (int i = 0; i < b->config.learner->n_params; i++) {
        b->param[i] = b->config.learner->params[i];
        b->config.value[i] = b->param[i].def;
        b->space.n++;
    }
}

/* LEARNER THREADS ROUNDS [PARAM=VALUE ...]; returns the threads. */
static int read_fit(struct bench *b, char *args)
{
    char *name = strtok(args, " "), *threads = strtok(NULL, " "), *rounds = strtok(NULL, " ");
    if (!rounds)
        die("fit LEARNER THREADS ROUNDS");
    set_learner(b, name);
    b->rounds = atoi(rounds);
    b->seed = 1;
    b->count = false;
    b->way = 0;
    for (int i = 1; b->config.learner->fit[i]; i++) /* what is planned unasked: the last way that is exact and takes plain bins */
        if (b->config.learner->fit[i]->equiv != ASX_APPROX && strcmp(b->config.learner->fit[i]->needs[0], "bins") == 0)
            b->way = i;
    for (char *p = strtok(NULL, " \n"); p; p = strtok(NULL, " \n")) {
        char *eq = strchr(p, '=');
        if (!eq)
            die("PARAM=VALUE");
        *eq = 0;
        int at = asx_space_find(&b->space, p);
        if (strcmp(p, "seed") == 0)
            b->seed = strtoull(eq + 1, NULL, 10);
        else if (strcmp(p, "f64") == 0)
            b->way = 0;
        else if (strcmp(p, "count") == 0)
            b->count = true;
        else if (at < 0)
            die(p);
        else
            b->config.value[at] = atof(eq + 1);
    }
    set_threads(b, atoi(threads));
    return b->threads;
}

static void run_lane(void *arg, size_t i, int worker)
{
    (void)worker;
    struct bench *b = arg;
    struct lane *l = &b->lane[i];
    struct asx_err err = {0};
    l->member = (struct asx_member){.config = &b->config, .to = {1, b->rounds, 1}, .seed = b->seed + i};
    struct asx_batch batch = {.member = &l->member, .n = 1};
    if (b->config.learner->fit[b->way]->run(&l->exec, &batch, &err))
        die(err.text);
}

static void keep_model(struct bench *b)
{
    struct asx_err err = {0};
    if (b->model)
        b->model_of->free_model(b->model);
    b->model_of = b->config.learner;
    if (b->model_of->model(&b->lane[0].exec, &b->lane[0].member, 0, &b->model, &err))
        die(err.text);
}

static void fit(struct bench *b, char *args, bool pair)
{
    static struct asx_device counting;
    struct updates u = {0};
    int threads = read_fit(b, args), lanes = pair ? threads : 1;
    for (int i = 0; i < lanes; i++)
        set_lane(b, &b->lane[i], pair ? 1 : threads);
    if (b->count && threads == 1) {
        updates_device(&counting, &u);
        b->lane[0].exec.device = &counting;
    }
    double t = clock_now(), cpu = cpu_now();
    if (pair)
        pool_split(b->pool, threads, (size_t)lanes, run_lane, b);
    else
        run_lane(b, 0, 0);
    t = clock_now() - t;
    cpu = cpu_now() - cpu;
    keep_model(b);
    for (int i = 0; i < lanes; i++)
        b->config.learner->free_state(b->lane[i].member.state);
    printf("{\"seconds\": %.6f, \"cpu\": %.6f, \"updates\": %.0f, \"update_seconds\": %.6f}\n", t, cpu, u.count, u.seconds);
}

/* ---- predictions --------------------------------------------------------------------- */

struct predict_job {
    const struct bench *b;
    const struct asx_matrix *x;
    double *out;
};

static void predict_chunk(void *arg, size_t c, int worker)
{
    (void)worker;
    struct predict_job *j = arg;
    struct asx_err err = {0};
    size_t from = c * PREDICT_ROWS, to = from + PREDICT_ROWS < j->x->rows ? from + PREDICT_ROWS : j->x->rows;
    if (j->b->model_of->predict(j->b->model, j->x, from, to, j->out + from * (size_t)j->b->table.problem.outputs, &err))
        die(err.text);
}

static void need_model(const struct bench *b)
{
    if (!b->model)
        die("no model yet");
}

/* Log loss and accuracy, or root mean square error, on the held-out rows. */
static void score(const struct bench *b)
{
    const struct table *t = &b->table;
    struct asx_err err = {0};
    size_t n = t->rows - t->train, k = (size_t)t->problem.outputs, right = 0;
    double *p = malloc((n * k + 1) * sizeof *p), s = 0;
    need_model(b);
    if (!p || b->model_of->predict(b->model, &t->raw, t->train, t->rows, p, &err))
        die(err.text);
    const double *y = t->y + t->train;
    for (size_t i = 0; i < n; i++) {
        const double *q = p + i * k;
        if (k == 1) {
            s += (y[i] - q[0]) * (y[i] - q[0]);
            continue;
        }
        s -= log(fmax(q[(size_t)y[i]], 1e-15));
        size_t top = 0;
        for (size_t c = 1; c < k; c++)
            top = q[c] > q[top] ? c : top;
        right += top == (size_t)y[i];
    }
    free(p);
    s /= (double)n;
    printf("{\"loss\": %.9f, \"accuracy\": %.7f}\n", k == 1 ? sqrt(s) : s, (double)right / (double)n);
}

/* The first n rows, row-major: how a peer gets them, and how a request comes. */
struct rows {
    struct asx_block block;
    const struct asx_block *list[1];
    struct asx_matrix x;
};

static void take_rows(struct bench *b, size_t n, struct rows *r)
{
    size_t cols = b->table.cols;
    need_model(b);
    if (n < 1 || n > b->table.rows)
        die("more rows asked for than there are");
    if (b->n_rows != n || !b->rows) {
        free(b->rows);
        b->rows = table_rows(&b->table, n);
        b->n_rows = n;
    }
    if (!b->rows)
        die("no row-major values of this table");
    r->block = (struct asx_block){.layout = ASX_LAYOUT_ROWS, .rows = n, .cols = cols, .ld = cols, .rowmajor = b->rows};
    r->list[0] = &r->block;
    r->x = (struct asx_matrix){.rows = n, .cols = cols, .blocks = 1, .block = r->list};
}

static void predict(struct bench *b, char *args)
{
    char *threads = strtok(args, " "), *rows = strtok(NULL, " ");
    struct rows r;
    size_t n = rows ? strtoul(rows, NULL, 10) : 0;
    take_rows(b, n, &r);
    struct predict_job j = {b, &r.x, malloc(n * (size_t)b->table.problem.outputs * sizeof(double))};
    if (!j.out)
        die("out of memory");
    set_threads(b, atoi(threads));
    set_lane(b, &b->lane[0], b->threads);
    double t = clock_now(), cpu = cpu_now();
    split(&b->lane[0].exec, (n + PREDICT_ROWS - 1) / PREDICT_ROWS, predict_chunk, &j);
    t = clock_now() - t;
    printf("{\"seconds\": %.6f, \"cpu\": %.6f}\n", t, cpu_now() - cpu);
    free(j.out);
}

/* Processor time: a request that is not interrupted. */
static void one(struct bench *b)
{
    enum { ROWS = 2000, TIMES = 10 };
    struct asx_err err = {0};
    struct rows r;
    double *out = malloc((size_t)b->table.problem.outputs * sizeof *out);
    take_rows(b, ROWS, &r);
    double t = cpu_now();
    for (size_t i = 0; i < ROWS * TIMES; i++)
        if (!out || b->model_of->predict(b->model, &r.x, i % ROWS, i % ROWS + 1, out, &err))
            die(err.text);
    printf("{\"microseconds\": %.3f}\n", (cpu_now() - t) / (ROWS * TIMES) * 1e6);
    free(out);
}

int main(void)
{
    static struct bench b;
    char line[4096];
    b.mem = mem_create(NULL, 0);
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = 0;
        char *rest = strchr(line, ' ');
        if (rest)
            *rest++ = 0;
        if (strcmp(line, "load") == 0 && rest)
            load(&b, rest);
        else if (strcmp(line, "memory") == 0)
            forget_peak();
        else if (strcmp(line, "peak") == 0)
            peak();
        else if (strcmp(line, "bin") == 0 && rest)
            bin(&b, atoi(rest));
        else if ((strcmp(line, "fit") == 0 || strcmp(line, "pair") == 0) && rest)
            fit(&b, rest, line[0] == 'p');
        else if (strcmp(line, "score") == 0)
            score(&b);
        else if (strcmp(line, "predict") == 0 && rest)
            predict(&b, rest);
        else if (strcmp(line, "one") == 0)
            one(&b);
        else if (strcmp(line, "limit") == 0)
            printf("{\"updates_per_second\": %.0f}\n", updates_limit());
        else
            die("unknown command");
        fflush(stdout);
    }
    return 0;
}
