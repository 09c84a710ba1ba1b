/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Assay side of `make bench-trees`: a worker that reads commands from standard input and answers
 * each with one line of JSON, so that the driver can interleave it with its peers.
 *
 *   load PATH
 *   bin THREADS
 *   fit LEARNER THREADS ROUNDS [PARAM=VALUE ...]     seconds, held-out score, bytes; keeps the model
 *   predict THREADS                                  rows a second over all rows, raw input
 *   one                                              microseconds for one row
 *   peak                                             peak resident bytes
 */
#include "backends/cpu/tree.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/pool.h"

#include <assay/ext/learner.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

extern const struct asx_family asx_family_trees;

struct bench {
    size_t rows, cols, test;
    struct asx_colref *col;
    struct asx_block raw;
    const struct asx_block *raw_list[1], *bin_list[1];
    struct asx_matrix raw_matrix, bins;
    double *y;
    int32_t *label;
    uint32_t *row;
    struct asx_fold fold[2];
    struct asx_splits splits;
    struct asx_problem problem;
    struct mem *mem;
    struct arena *scratch;
    struct pool *pool;
    int threads;
    const void *in[1];
    struct asx_exec exec;
    const struct asx_learner *learner;
    struct asx_model *model;
};

/* Processor seconds of the whole process: what a crowded machine leaves comparable. */
static double cpu_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void die(const char *what)
{
    fprintf(stderr, "bench_trees: %s\n", what);
    exit(1);
}

static void *get(FILE *f, size_t n, size_t size)
{
    void *p = malloc(n * size + 64);
    if (!p || fread(p, size, n, f) != n)
        die("short file");
    return p;
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
    if (b->threads != threads) {
        if (b->pool)
            pool_destroy(b->pool);
        b->pool = pool_create(threads);
        b->threads = threads;
    }
    b->exec.threads = threads;
    arena_reset(b->scratch);
}

/* Category codes come as numbers in the file; the product gets them as codes. */
static void load(struct bench *b, const char *path)
{
    FILE *f = fopen(path, "rb");
    struct {
        char magic[8];
        uint64_t rows, cols, test;
        int32_t task, classes, sparse, pad;
    } h;
    if (!f || fread(&h, sizeof h, 1, f) != 1 || memcmp(h.magic, "ASYBENCH", 8) != 0)
        die("cannot read the table");
    b->rows = h.rows;
    b->cols = h.cols;
    b->test = h.test;
    int32_t *levels = get(f, b->cols, 4);
    b->raw = (struct asx_block){.rows = b->rows, .cols = b->cols};
    if (h.sparse) {
        int64_t *indptr = get(f, b->rows + 1, 8);
        int32_t *indices = get(f, (size_t)indptr[b->rows], 4);
        float *values = get(f, (size_t)indptr[b->rows], 4);
        b->raw.layout = ASX_LAYOUT_CSR;
        b->raw.csr = (struct asx_csr){b->rows, b->cols, indptr, indices, values};
    } else {
        b->col = calloc(b->cols, sizeof *b->col);
        for (size_t j = 0; j < b->cols; j++) {
            float *x = get(f, b->rows, 4);
            b->col[j] = (struct asx_colref){x, ASX_F32, 0};
            if (!levels[j])
                continue;
            int32_t *code = malloc(b->rows * sizeof *code);
            for (size_t i = 0; i < b->rows; i++)
                code[i] = x[i] == x[i] ? (int32_t)x[i] : -1;
            free(x);
            b->col[j] = (struct asx_colref){code, ASX_I32, levels[j]};
        }
        b->raw.layout = ASX_LAYOUT_COLUMNS;
        b->raw.col = b->col;
    }
    free(levels);
    b->y = get(f, b->rows, 8);
    fclose(f);
    b->label = malloc(b->rows * sizeof *b->label);
    b->row = malloc(b->rows * sizeof *b->row);
    for (size_t i = 0; i < b->rows; i++) {
        b->label[i] = (int32_t)b->y[i];
        b->row[i] = (uint32_t)i;
    }
    size_t n = b->rows - b->test;
    b->fold[0] = (struct asx_fold){b->row, b->row + n, n, b->test};
    b->fold[1] = (struct asx_fold){b->row, b->row, b->rows, 0};
    b->splits = (struct asx_splits){.folds = 1, .fold = b->fold};
    b->problem = (struct asx_problem){.task = h.task == 0   ? ASX_REGRESSION
                                              : h.task == 1 ? ASX_BINARY
                                                            : ASX_MULTICLASS,
                                      .rows = b->rows,
                                      .classes = h.classes,
                                      .outputs = h.classes ? h.classes : 1,
                                      .positive = 1,
                                      .y = b->y,
                                      .label = h.classes ? b->label : NULL,
                                      .splits = &b->splits,
                                      .seed = 1};
    b->raw_list[0] = &b->raw;
    b->raw_matrix = (struct asx_matrix){.rows = b->rows, .cols = b->cols, .blocks = 1, .block = b->raw_list};
    printf("{\"rows\": %zu, \"cols\": %zu, \"rss\": %llu}\n", b->rows, b->cols, (unsigned long long)clock_rss());
}

static void bin(struct bench *b, int threads)
{
    struct asx_err err = {0};
    struct asx_batch none = {0};
    const struct asx_op *op = asx_family_trees.op[0];
    set_threads(b, threads);
    if (b->bin_list[0])
        op->free_output((void *)(uintptr_t)b->bin_list[0]);
    b->in[0] = &b->raw;
    double t = clock_now(), cpu = cpu_now();
    if (op->run(&b->exec, &none, &err))
        die(err.text);
    t = clock_now() - t;
    cpu = cpu_now() - cpu;
    b->bin_list[0] = b->exec.out;
    b->bins = b->raw_matrix;
    b->bins.block = b->bin_list;
    b->in[0] = &b->bins;
    printf("{\"seconds\": %.6f, \"cpu\": %.6f}\n", t, cpu);
}

/* Area under the curve, log loss, accuracy or root mean square error on the held-out rows. */
static double score(const struct bench *b, const float *pred)
{
    size_t n = b->test, k = (size_t)b->problem.outputs, right = 0;
    double s = 0;
    const double *y = b->y + (b->rows - n);
    for (size_t i = 0; i < n; i++) {
        if (k == 1) {
            s += (y[i] - (double)pred[i]) * (y[i] - (double)pred[i]);
            continue;
        }
        double p = (double)pred[i * k + (size_t)y[i]];
        s -= log(p < 1e-15 ? 1e-15 : p);
        size_t top = 0;
        for (size_t c = 1; c < k; c++)
            top = pred[i * k + c] > pred[i * k + top] ? c : top;
        right += top == (size_t)y[i];
    }
    return k == 1 ? sqrt(s / (double)n) : k == 2 ? s / (double)n : (double)right / (double)n;
}

static void fit(struct bench *b, char *args)
{
    char *name = strtok(args, " "), *threads = strtok(NULL, " "), *rounds = strtok(NULL, " ");
    struct asx_err err = {0};
    struct asx_param param[ASX_MAX_PARAMS];
    struct asx_space space = {0, param};
    struct asx_config config = {.space = &space};
    if (!rounds)
        die("fit LEARNER THREADS ROUNDS");
    for (int i = 0; asx_family_trees.learner[i]; i++)
        if (strcmp(asx_family_trees.learner[i]->head.name, name) == 0)
            b->learner = asx_family_trees.learner[i];
    config.learner = b->learner;
    for (int i = 0; i < b->learner->n_params; i++) {
        param[i] = b->learner->params[i];
        config.value[i] = param[i].def;
        space.n++;
    }
    bool f64 = false;
    uint64_t seed = 1;
    for (char *p = strtok(NULL, " \n"); p; p = strtok(NULL, " \n")) {
        char *eq = strchr(p, '=');
        if (!eq)
            die("PARAM=VALUE");
        *eq = 0;
        int at = asx_space_find(&space, p);
        if (strcmp(p, "seed") == 0)
            seed = strtoull(eq + 1, NULL, 10);
        else if (strcmp(p, "f64") == 0)
            f64 = true;
        else if (at < 0)
            die(p);
        else
            config.value[at] = atof(eq + 1);
    }
    set_threads(b, atoi(threads));
    float *pred = malloc((b->test * (size_t)b->problem.outputs + 1) * sizeof *pred);
    struct asx_member m = {.config = &config, .to = {1, atoi(rounds), 1}, .seed = seed, .pred = pred};
    struct asx_batch batch = {.member = &m, .n = 1};
    int ways = 0;
    while (b->learner->fit[ways])
        ways++;
    double t = clock_now(), cpu = cpu_now();
    if (b->learner->fit[f64 ? 0 : ways - 1]->run(&b->exec, &batch, &err))
        die(err.text);
    t = clock_now() - t;
    cpu = cpu_now() - cpu;
    if (b->model)
        b->learner->free_model(b->model);
    if (b->learner->model(&b->exec, &m, 0, &b->model, &err))
        die(err.text);
    b->learner->free_state(m.state);
    printf("{\"seconds\": %.6f, \"cpu\": %.6f, \"score\": %.7f}\n", t, cpu, score(b, pred));
    free(pred);
}

struct predict_job {
    struct bench *b;
    double *out;
    size_t per;
};

static void predict_chunk(void *arg, size_t c, int worker)
{
    (void)worker;
    struct predict_job *j = arg;
    struct asx_err err = {0};
    size_t from = c * j->per, to = from + j->per < j->b->rows ? from + j->per : j->b->rows;
    if (j->b->learner->predict(j->b->model, &j->b->raw_matrix, from, to, j->out + from * (size_t)j->b->problem.outputs, &err))
        die(err.text);
}

static void predict(struct bench *b, int threads)
{
    struct predict_job j = {b, malloc(b->rows * (size_t)b->problem.outputs * sizeof(double)), 8192};
    set_threads(b, threads);
    double t = clock_now(), cpu = cpu_now();
    split(&b->exec, (b->rows + j.per - 1) / j.per, predict_chunk, &j);
    t = clock_now() - t;
    printf("{\"rows_per_second\": %.1f, \"rows_per_cpu_second\": %.1f}\n", (double)b->rows / t,
           (double)b->rows / (cpu_now() - cpu));
    free(j.out);
}

static void one(struct bench *b)
{
    struct asx_err err = {0};
    double out[512], t = clock_now();
    enum { TIMES = 20000 };
    for (size_t i = 0; i < TIMES; i++)
        if (b->learner->predict(b->model, &b->raw_matrix, i % b->rows, i % b->rows + 1, out, &err))
            die(err.text);
    printf("{\"microseconds\": %.3f}\n", (clock_now() - t) / TIMES * 1e6);
}

int main(void)
{
    static struct bench b;
    char line[4096];
    b.mem = mem_create(NULL, 0);
    b.scratch = arena_create(NULL);
    b.exec = (struct asx_exec){
        .problem = &b.problem, .mem = b.mem, .scratch = b.scratch, .split = split, .in = b.in, .n_needs = 1, .engine = &b};
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = 0;
        char *rest = strchr(line, ' ');
        if (rest)
            *rest++ = 0;
        if (strcmp(line, "load") == 0 && rest)
            load(&b, rest);
        else if (strcmp(line, "bin") == 0 && rest)
            bin(&b, atoi(rest));
        else if (strcmp(line, "fit") == 0 && rest)
            fit(&b, rest);
        else if (strcmp(line, "predict") == 0 && rest)
            predict(&b, atoi(rest));
        else if (strcmp(line, "one") == 0)
            one(&b);
        else if (strcmp(line, "peak") == 0)
            printf("{\"peak\": %llu}\n", (unsigned long long)clock_peak_rss());
        else
            die("unknown command");
        fflush(stdout);
    }
    return 0;
}
