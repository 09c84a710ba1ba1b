/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks once per fitted part, then every member over fixed row chunks, summed in member order. */
#include "engine/model.h"

#include "base/err.h"
#include "base/mem.h"
#include "base/pool.h"
#include "data/matrix.h"

#include <pthread.h>
#include <string.h>

enum { CHUNK_ROWS = 1024 };

/* A minimal exec for preparation outside a plan: models predict where no run is. */
struct host {
    struct asx_exec exec;
    struct pool *pool;
    bool (*stop)(void *);
    void *stop_arg;
};

static void host_split(struct asx_exec *e, size_t n, asx_chunk_fn fn, void *arg)
{
    struct host *h = e->engine;
    if (h->pool && e->threads > 1) {
        pool_split(h->pool, e->threads, n, fn, arg);
        return;
    }
    for (size_t i = 0; i < n; i++)
        fn(arg, i, 0);
}

static bool host_stop(struct asx_exec *e)
{
    struct host *h = e->engine;
    return h->stop && h->stop(h->stop_arg);
}

static void host_init(struct host *h, struct mem *mem, struct pool *pool, bool (*stop)(void *), void *stop_arg)
{
    *h = (struct host){.pool = pool, .stop = stop, .stop_arg = stop_arg};
    h->exec = (struct asx_exec){
        .mem = mem, .threads = pool ? pool_threads(pool) : 1, .split = host_split, .stop = host_stop, .engine = h};
}

static asx_st make_block(struct host *h, const struct model_part *part, const struct asx_frame *frame, struct asx_block *out,
                         struct asx_err *err)
{
    h->exec.scratch = arena_create(h->exec.mem);
    if (!h->exec.scratch)
        return err_set(err, ASX_E_NOMEM, "no memory to prepare the data");
    asx_st st = part->fitted->prep->transform(&h->exec, part->fitted->state, frame, part->column, part->columns, out, err);
    arena_destroy(h->exec.scratch);
    return st;
}

static void drop_block(const struct model_part *part, struct asx_block *b)
{
    if (part->fitted->prep->free_block)
        part->fitted->prep->free_block(b);
}

struct job {
    const struct model *model;
    const struct asx_matrix *const *matrix; /* per member */
    size_t rows;
    double *out;
    pthread_mutex_t lock;
    asx_st status;
    struct asx_err *err;
    struct host *host;
};

static void fail(struct job *j, asx_st st, const struct asx_err *err)
{
    pthread_mutex_lock(&j->lock);
    if (j->status == ASX_OK) {
        j->status = st;
        if (j->err)
            *j->err = *err;
    }
    pthread_mutex_unlock(&j->lock);
}

void eng_model_temper(double *p, int k, double temperature)
{
    double sum = 0;
    for (int c = 0; c < k; c++) {
        p[c] = pow(p[c] > 1e-300 ? p[c] : 1e-300, 1 / temperature);
        sum += p[c];
    }
    for (int c = 0; c < k; c++)
        p[c] /= sum;
}

static void predict_chunk(void *arg, size_t chunk, int worker)
{
    struct job *j = arg;
    (void)worker;
    const struct model *m = j->model;
    size_t from = chunk * CHUNK_ROWS, to = from + CHUNK_ROWS < j->rows ? from + CHUNK_ROWS : j->rows;
    size_t k = (size_t)m->outputs, n = (to - from) * k;
    if (j->status != ASX_OK)
        return;
    if (host_stop(&j->host->exec)) {
        fail(j, ASX_STOPPED, &(struct asx_err){0});
        return;
    }
    double *one = mem_array(m->mem, n, sizeof *one), *sum = j->out + from * k;
    if (!one) {
        fail(j, ASX_E_NOMEM, &(struct asx_err){.code = ASX_E_NOMEM, .text = "no memory to predict; predict fewer rows at once"});
        return;
    }
    memset(sum, 0, n * sizeof *sum);
    for (int i = 0; i < m->members; i++) {
        struct asx_err err = {0};
        asx_st st = m->member[i].learner->predict(m->member[i].model, j->matrix[i], from, to, one, &err);
        if (st != ASX_OK) {
            fail(j, st, &err);
            break;
        }
        for (size_t q = 0; q < n; q++)
            sum[q] += m->member[i].weight * one[q];
    }
    if (m->temperature != 1 && m->outputs > 1)
        for (size_t r = 0; r < to - from; r++)
            eng_model_temper(sum + r * k, m->outputs, m->temperature);
    mem_free(one);
}

static asx_st run_members(const struct model *m, struct host *h, const struct asx_block *block, size_t rows, double *out,
                          struct asx_err *err)
{
    const struct asx_matrix **matrix = mem_calloc(m->mem, (size_t)m->members, sizeof *matrix);
    asx_st st = matrix ? ASX_OK : err_set(err, ASX_E_NOMEM, "no memory to predict");
    for (int i = 0; i < m->members && st == ASX_OK; i++) {
        const struct asx_block *list[ARTEFACT_DEPS];
        if (m->member[i].parts > ARTEFACT_DEPS) {
            st = err_set(err, ASX_E_INTERNAL, "a member of the model has %d preparation parts; please report this",
                         m->member[i].parts);
            break;
        }
        for (int p = 0; p < m->member[i].parts; p++)
            list[p] = &block[m->member[i].part[p]];
        struct asx_matrix *made = NULL;
        if (m->member[i].parts == 0) /* a learner that looks at no column */
            continue;
        st = matrix_make(list, m->member[i].parts, m->mem, &made, err);
        matrix[i] = made;
    }
    if (st == ASX_OK) {
        struct job job = {.model = m, .matrix = matrix, .rows = rows, .out = out, .err = err, .host = h};
        pthread_mutex_init(&job.lock, NULL);
        host_split(&h->exec, (rows + CHUNK_ROWS - 1) / CHUNK_ROWS, predict_chunk, &job);
        pthread_mutex_destroy(&job.lock);
        st = job.status;
    }
    for (int i = 0; matrix && i < m->members; i++)
        matrix_free((struct asx_matrix *)(uintptr_t)matrix[i]);
    mem_free(matrix);
    return st;
}

asx_st eng_model_predict(const struct model *m, const struct asx_frame *bound, struct pool *pool, bool (*stop)(void *),
                         void *stop_arg, double *out, struct asx_err *err)
{
    struct host h;
    host_init(&h, m->mem, pool, stop, stop_arg);
    struct asx_block *block = mem_calloc(m->mem, (size_t)m->parts + 1, sizeof *block);
    if (!block)
        return err_set(err, ASX_E_NOMEM, "no memory to prepare the data");
    int made = 0;
    asx_st st = ASX_OK;
    for (; made < m->parts && st == ASX_OK; made += st == ASX_OK)
        st = make_block(&h, &m->part[made], bound, &block[made], err);
    if (st == ASX_OK)
        st = run_members(m, &h, block, bound->rows, out, err);
    for (int i = 0; i < made; i++)
        drop_block(&m->part[i], &block[i]);
    mem_free(block);
    return st;
}

struct model_matrix {
    const struct model *model;
    int member, made;
    struct asx_block *block;
    struct asx_matrix *matrix;
};

void eng_model_matrix_free(struct model_matrix *x)
{
    if (!x)
        return;
    for (int i = 0; i < x->made; i++)
        drop_block(&x->model->part[x->model->member[x->member].part[i]], &x->block[i]);
    matrix_free(x->matrix);
    mem_free(x->block);
    mem_free(x);
}

const struct asx_matrix *eng_model_matrix_raw(const struct model_matrix *x)
{
    return x->matrix;
}

asx_st eng_model_matrix_make(const struct model *m, int member, const struct asx_frame *bound, struct pool *pool,
                             struct model_matrix **out, struct asx_err *err)
{
    const struct model_member *mm = &m->member[member];
    struct host h;
    host_init(&h, m->mem, pool, NULL, NULL);
    struct model_matrix *x = mem_calloc(m->mem, 1, sizeof *x);
    struct asx_block *block = mem_calloc(m->mem, (size_t)mm->parts + 1, sizeof *block);
    if (!x || !block) {
        mem_free(x);
        mem_free(block);
        return err_set(err, ASX_E_NOMEM, "no memory to prepare the data");
    }
    *x = (struct model_matrix){.model = m, .member = member, .block = block};
    asx_st st = ASX_OK;
    const struct asx_block *list[ARTEFACT_DEPS];
    for (int p = 0; p < mm->parts && st == ASX_OK; p++) {
        st = make_block(&h, &m->part[mm->part[p]], bound, &block[p], err);
        list[p] = &block[p];
        x->made += st == ASX_OK;
    }
    if (st == ASX_OK)
        st = matrix_make(list, mm->parts, m->mem, &x->matrix, err);
    if (st != ASX_OK) {
        eng_model_matrix_free(x);
        return st;
    }
    *out = x;
    return ASX_OK;
}
