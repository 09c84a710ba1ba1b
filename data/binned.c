/* SPDX-License-Identifier: Apache-2.0 */
/* A sample of rows with columns cut into few bins, for the tests of the profile. */
#include "base/err.h"
#include "data/distinct.h"
#include "data/profile_internal.h"

#include <stdlib.h>
#include <string.h>

struct job {
    struct binned *b;
    const struct asx_frame *frame;
    const struct data_par *par;
    int most;
    struct mem *mem;
    bool *failed;
};

static int by_number(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Edges at quantiles of the sample, without repeats; bin k holds values in (edge[k - 1], edge[k]]. */
static bool bin_numbers(struct job *k, const struct asx_column *c, uint8_t *bin, uint8_t *bins)
{
    size_t m = k->b->rows, n = 0;
    double *v = mem_array(k->mem, m, sizeof *v), edge[PROFILE_BINS];
    if (!v)
        return false;
    for (size_t i = 0; i < m; i++) {
        double x = asx_column_number(c, k->b->row[i]);
        if (x == x)
            v[n++] = x;
    }
    qsort(v, n, sizeof *v, by_number);
    int edges = 0;
    for (int e = 1; e < k->most && n; e++) {
        double x = v[(size_t)((double)e * (double)n / k->most)];
        if ((edges == 0 || x > edge[edges - 1]) && x < v[n - 1])
            edge[edges++] = x;
    }
    *bins = (uint8_t)(edges + 1);
    mem_free(v);
    for (size_t i = 0; i < m; i++) {
        double x = asx_column_number(c, k->b->row[i]);
        int low = 0, high = edges;
        while (low < high) {
            int mid = (low + high) / 2;
            if (x <= edge[mid])
                high = mid;
            else
                low = mid + 1;
        }
        bin[i] = x == x ? (uint8_t)low : 255;
    }
    return true;
}

struct level {
    size_t count;
    int32_t code;
};

static int by_count(const void *a, const void *b)
{
    const struct level *x = a, *y = b;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    return x->code < y->code ? -1 : x->code > y->code;
}

static bool bin_codes(struct job *k, const struct asx_column *c, uint8_t *bin, uint8_t *bins)
{
    size_t m = k->b->rows;
    struct level *level = mem_array(k->mem, c->levels + 1, sizeof *level);
    uint8_t *to = mem_array(k->mem, c->levels + 1, sizeof *to);
    bool good = level && to;
    for (size_t i = 0; good && i < c->levels; i++)
        level[i] = (struct level){0, (int32_t)i};
    for (size_t i = 0; good && i < m; i++) {
        int32_t code = c->code[k->b->row[i]];
        if (code >= 0)
            level[code].count++;
    }
    if (good)
        qsort(level, c->levels, sizeof *level, by_count);
    size_t used = c->levels < (size_t)k->most ? c->levels : (size_t)k->most;
    for (size_t i = 0; good && i < c->levels; i++)
        to[level[i].code] = (uint8_t)(i < used ? i : used - 1);
    for (size_t i = 0; good && i < m; i++) {
        int32_t code = c->code[k->b->row[i]];
        bin[i] = code < 0 ? 255 : to[code];
    }
    *bins = (uint8_t)(used ? used : 1);
    mem_free(level);
    mem_free(to);
    return good;
}

static void bin_column(void *arg, size_t j, int worker)
{
    struct job *k = arg;
    const struct asx_column *c = &k->frame->column[j];
    uint8_t *bin = k->b->bin + j * k->b->rows;
    (void)worker;
    if (data_par_stop(k->par))
        return;
    if (c->store == ASX_STORE_CODE) {
        k->failed[j] = !bin_codes(k, c, bin, &k->b->bins[j]);
    } else if (c->store == ASX_STORE_STRING) {
        k->b->bins[j] = 1;
        for (size_t i = 0; i < k->b->rows; i++)
            bin[i] = frame_missing(c, k->b->row[i]) ? 255 : 0;
    } else {
        k->failed[j] = !bin_numbers(k, c, bin, &k->b->bins[j]);
    }
}

asx_st binned_make(struct binned *b, const struct asx_frame *frame, const struct data_par *par, int most, size_t sample,
                   struct mem *mem, struct asx_err *err)
{
    size_t n = frame->columns, m = frame->rows < sample ? frame->rows : sample;
    if (n > 2000) /* wide tables: keep the sample's size in bounds */
        m = m * n > 40000000 ? 40000000 / n + 1 : m;
    *b = (struct binned){.rows = m, .columns = n};
    uint32_t *row = mem_array(mem, m, sizeof *row);
    b->row = row;
    b->bin = mem_array(mem, n * m, sizeof *b->bin);
    b->bins = mem_array(mem, n, sizeof *b->bins);
    struct job k = {b, frame, par, most < PROFILE_BINS ? most : PROFILE_BINS, mem, mem_calloc(mem, n, sizeof *k.failed)};
    bool good = row && b->bin && b->bins && k.failed;
    /* one row at a pseudo-random place of each of m stretches: even steps would fall in step with periodic data */
    for (size_t i = 0; good && i < m; i++) {
        size_t from = i * frame->rows / m, to = (i + 1) * frame->rows / m;
        row[i] = (uint32_t)(from + distinct_mix(i + 1) % (to - from));
    }
    if (good)
        data_par_run(par, n, bin_column, &k);
    for (size_t j = 0; good && j < n; j++)
        good = !k.failed[j];
    mem_free(k.failed);
    if (good && !data_par_stop(par))
        return ASX_OK;
    binned_clear(b);
    if (good)
        return ASX_STOPPED;
    return err_set(err, ASX_E_NOMEM, "no memory to profile %zu columns; raise the memory limit", n);
}

void binned_clear(struct binned *b)
{
    mem_free((void *)(uintptr_t)b->row);
    mem_free(b->bin);
    mem_free(b->bins);
    memset(b, 0, sizeof *b);
}
