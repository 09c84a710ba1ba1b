/* SPDX-License-Identifier: Apache-2.0 */
/* The form op: a raw block becomes an opaque block of bins. */
#include "base/err.h"
#include "base/mem.h"
#include "learners/trees/bins.h"

/* The opaque block and the names it borrows travel together. */
struct bins_block {
    struct asx_block block; /* first: what the engine sees */
    struct bins *bins;
};

static void bins_work(const struct asx_problem *p, const struct asx_batch *b, struct asx_work *w)
{
    (void)p;
    const struct asx_shape *s = &b->shape;
    double cells = s->rows * s->dense + s->nnz, sample = s->rows < BINS_SAMPLE ? s->rows : (double)BINS_SAMPLE;
    double sparse = s->cols > s->dense ? s->cols - s->dense : 0;
    asx_work_add(w->once, &w->n_once, (struct asx_use){.k = ASX_KC_BIN, .t = ASX_F32, .m = cells, .n = 255});
    if (s->dense > 0)
        asx_work_add(w->once, &w->n_once, (struct asx_use){.k = ASX_KC_SORT, .t = ASX_F32, .m = sample, .n = 1, .times = s->dense});
    /* nanoseconds of sorting stored cells by column and back, and of a sparse column however few it has */
    if (sparse > 0)
        asx_work_add(w->once, &w->n_once, (struct asx_use){.k = ASX_KC_SPLIT, .t = ASX_F64, .m = 15 * s->nnz + 4000 * sparse});
    w->serial = s->nnz > 0 ? 0.5 : 0.02;
    w->output = (uint64_t)(s->rows * s->dense * 2.1 + s->nnz * 9 + (s->nnz > 0 ? s->rows * 8 : 0) + s->cols * 1400);
    w->scratch = (uint64_t)(sample * 20 * (s->cols < 2 ? 1 : 2) + s->nnz * 4);
}

static void bins_shape(const struct asx_problem *p, const struct asx_shape *in, struct asx_shape *out)
{
    (void)p;
    *out = *in;
    out->bytes = 2 * in->rows * in->dense + in->nnz * 9;
}

static asx_st run_with(struct asx_exec *exec, int max_bins, struct asx_err *err)
{
    const struct asx_block *raw = exec->in[0];
    struct bins_block *out = mem_calloc(exec->mem, 1, sizeof *out);
    if (!out)
        return err_set(err, ASX_E_NOMEM, "out of memory for bins; raise the memory limit");
    asx_st st = bins_build(exec, raw, max_bins, &out->bins, err);
    if (st) {
        mem_free(out);
        return st;
    }
    out->block = (struct asx_block){
        .key = exec->out_key, .layout = ASX_LAYOUT_OPAQUE, .rows = raw->rows, .cols = raw->cols, .opaque = out->bins};
    exec->out = &out->block;
    return ASX_OK;
}

static asx_st bins_run(struct asx_exec *exec, const struct asx_batch *batch, struct asx_err *err)
{
    (void)batch;
    return run_with(exec, 255, err);
}

static asx_st bins16_run(struct asx_exec *exec, const struct asx_batch *batch, struct asx_err *err)
{
    (void)batch;
    return run_with(exec, BINS_WIDE, err);
}

/* Sixteen halvings a value and as many edges as a sample of the rows has values. */
static void bins16_work(const struct asx_problem *p, const struct asx_batch *b, struct asx_work *w)
{
    bins_work(p, b, w);
    double values = b->shape.rows < BINS_WIDE ? b->shape.rows : (double)BINS_WIDE;
    for (int i = 0; i < w->n_once; i++)
        if (w->once[i].k == ASX_KC_BIN)
            w->once[i].m *= 20;
    w->output += (uint64_t)(values * 4 * b->shape.dense);
}

static void bins_free_output(void *p)
{
    struct bins_block *b = p;
    if (b)
        bins_free(b->bins);
    mem_free(b);
}

const struct asx_op trees_bins_op = {
    .head = {"bins.build/quantile", "quantile bins of every column as u8 codes, missing cells in a bin of their own"},
    .version = 1,
    .equiv = ASX_BITWISE,
    .needs = {"raw"},
    .gives = "bins",
    .flags = ASX_PER_BLOCK | ASX_SPLITS,
    .work = bins_work,
    .shape = bins_shape,
    .run = bins_run,
    .free_output = bins_free_output,
};

const struct asx_op trees_bins16_op = {
    .head = {"bins16.build/quantile", "as bins.build/quantile, numbers of more than 255 bins as u16 codes"},
    .version = 1,
    .equiv = ASX_BITWISE,
    .needs = {"raw"},
    .gives = "bins16",
    .flags = ASX_PER_BLOCK | ASX_SPLITS,
    .work = bins16_work,
    .shape = bins_shape,
    .run = bins16_run,
    .free_output = bins_free_output,
};
