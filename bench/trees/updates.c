/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/trees/updates.h"

#include "backends/cpu/tree.h"
#include "base/clock.h"

#include <string.h>

/* Learners pass no queue to kernels, so the counter stands here: this program measures one fit at a time. */
static struct updates *counter;
static asx_kernel_fn hist;

static asx_st counted(struct asx_queue *q, const void *args)
{
    const struct asx_hist_args *a = args;
    double t = clock_now();
    asx_st st = hist(q, args);
    counter->seconds += clock_now() - t;
    counter->count += (double)a->n * a->width;
    return st;
}

void updates_device(struct asx_device *d, struct updates *u)
{
    asx_kernel_fn row[ASX_KERNELS] = {NULL};
    cpu_tree_rows(row);
    counter = u;
    hist = row[ASX_K_HIST];
    memset(d, 0, sizeof *d);
    d->kernel[ASX_K_HIST] = counted;
}

double updates_limit(void)
{
    enum { CELLS = 4096, PASSES = 2000, STRETCHES = 20 };
    static uint64_t cell[CELLS];
    double best = 0;
    for (int s = 0; s < STRETCHES; s++) {
        double t = clock_now();
        for (int p = 0; p < PASSES; p++) {
            volatile uint64_t *c = cell; /* volatile: each update stays a load, an add and a store of its own */
            for (int i = 0; i < CELLS; i += 16) {
                uint64_t g = (uint64_t)p;
#define ONE(k) c[i + k] += g;
                ONE(0)
                ONE(1) ONE(2) ONE(3) ONE(4) ONE(5) ONE(6) ONE(7) ONE(8) ONE(9) ONE(10) ONE(11) ONE(12) ONE(13) ONE(14) ONE(15)
#undef ONE
            }
        }
        double rate = (double)CELLS * PASSES / (clock_now() - t);
        best = rate > best ? rate : best;
    }
    return best;
}
