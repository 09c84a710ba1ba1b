/* SPDX-License-Identifier: Apache-2.0 */
/* Counts of tree fits: dense columns by cells and levels, sparse ones by stored cells and looks. */
#include "learners/trees/work.h"

#include "learners/trees/bins.h"
#include "learners/trees/params.h"

#include <math.h>

static double at_least(double v, double least)
{
    return v > least ? v : least;
}

static double at_most(double v, double most)
{
    return v < most ? v : most;
}

/* Bins of a histogram a column: powers of two from 16, as bins.h lays them out. */
static double stride_of(const struct asx_column_facts *c, double max_bin)
{
    double want = at_most((double)c->distinct + 2, max_bin + 1), stride = 16;
    while (stride < want)
        stride *= 2;
    return stride;
}

/*
 * Mean over the dense columns: those of the table by what the profile found (some hundred of them), those that encodings
 * add with the least there is. Without a profile all are wide.
 */
static double mean_stride(const struct asx_problem *p, double dense, double max_bin)
{
    enum { LOOKS = 256 };
    double sum = 0, n = 0;
    if (!p->frame || !p->profile || !p->profile->column || dense <= 0)
        return max_bin + 1;
    size_t columns = p->frame->columns, step = columns / LOOKS + 1;
    for (size_t j = 0; j < columns; j += step)
        if (p->profile->column[j].role == ASX_ROLE_FEATURE && p->profile->column[j].mean_words <= 1.5) {
            sum += stride_of(&p->profile->column[j], max_bin);
            n++;
        }
    if (n < 1)
        return max_bin + 1;
    double own = at_most(n * (double)step, dense);
    return (sum / n * own + 16 * (dense - own)) / dense;
}

/* ---- forests ------------------------------------------------------------------------------- */

/* Sizes of a typical tree of a fit. */
struct shape {
    double rows;                 /* distinct ones in a tree */
    double depth;                /* levels a row goes through, on the average */
    double leaves;               /* of a tree */
    double mtry;                 /* columns a node draws */
    double dense, sparse, cells; /* columns; stored cells a row */
};

static void shape_of(const struct asx_problem *p, const struct asx_shape *s, const struct forest_params *f, int which,
                     struct shape *t)
{
    double cols = at_least(s->cols, 1), leaf = at_least(f->min_samples_leaf, 1);
    t->rows = at_least(f->bootstrap ? (1 - exp(-f->max_samples)) * s->rows : s->rows, 1);
    t->depth = at_least(1.5 * log2(1 + t->rows / leaf), 1);
    t->depth = f->max_depth > 0 ? at_most(t->depth, f->max_depth) : t->depth;
    t->leaves = at_least(t->rows *
                             (p->classes == 0 ? 0.75
                              : which == 1    ? 0.35
                                              : 0.25) /
                             pow(leaf, 0.7),
                         1); /* purity ends many before their size does */
    t->leaves = f->max_depth > 0 ? at_most(t->leaves, exp2(at_most(f->max_depth, 60))) : t->leaves;
    t->mtry = f->max_features > 0 ? at_least(f->max_features * cols, 1) : p->classes ? sqrt(cols) : cols;
    t->dense = s->nnz > 0 ? at_most(s->dense, cols) : cols;
    t->sparse = cols - t->dense;
    t->cells = s->rows > 0 ? s->nnz / s->rows : 0;
}

/*
 * Nanoseconds of looking for cuts, on the machine of the shipped speeds. A dense candidate costs by cell and level: random
 * cuts need a pass, the others a histogram or a sort. More candidates a node make purer, hence flatter, trees: m^-0.3 was seen
 * for classes. A sparse candidate costs a look, as long as there are columns left that vary, and the cells that are stored.
 */
static double search_ns(const struct asx_problem *p, const struct shape *t, int which)
{
    static const double by_class[] = {3, 1.15, 2}, by_value[] = {4.2, 3.3, 2.9};
    double cols = t->dense + t->sparse, share = t->mtry / cols, nodes = at_least(t->leaves - 1, 0.5);
    double flat = p->classes && which < 2 ? pow(at_least(t->mtry / sqrt(cols), 1), -0.3) : 1;
    double ns = t->rows * t->depth * share * t->dense * flat * (p->classes ? by_class[which] : by_value[which]);
    ns += nodes * share * t->dense * 38;
    if (t->sparse <= 0)
        return ns;
    double varying = share * t->cells * sqrt(t->rows), looks = at_least(varying, sqrt(t->sparse));
    ns += nodes * at_most(share * t->sparse, looks) * 48;
    return ns + t->rows * t->cells * share * t->depth * (which == 1 ? 10 : 19);
}

void trees_forest_work(const struct asx_problem *p, const struct asx_batch *b, struct asx_work *w, int which)
{
    const struct asx_shape *s = &b->shape;
    struct forest_params f;
    struct shape t;
    forest_read(b->member[0].config, which, &f);
    shape_of(p, s, &f, which, &t);
    bool many = which != 2;
    struct asx_use *list = many ? w->per_iteration : w->once;
    int *n = many ? &w->n_per_iteration : &w->n_once;
    double depth = at_most(t.depth, 40);
    asx_work_add(list, n, (struct asx_use){.k = ASX_KC_SPLIT, .t = ASX_F64, .m = search_ns(p, &t, which)});
    asx_work_add(
        list, n,
        (struct asx_use){.k = ASX_KC_PARTITION, .t = ASX_U8, .m = t.rows * t.depth + t.leaves * 100, .footprint = t.rows * 14});
    asx_work_add(list, n, (struct asx_use){.k = ASX_KC_STREAM, .t = ASX_F64, .m = s->rows * (f.bootstrap ? 20 : 4)});
    asx_work_add(list, n,
                 (struct asx_use){.k = ASX_KC_TREE_PREDICT, .t = ASX_U8, .m = s->test_rows, .n = t.sparse > 0 ? 4 : 1, .p = depth});
    /* lists of the columns that are mostly one value */
    asx_work_add(w->once, &w->n_once,
                 (struct asx_use){.k = ASX_KC_STREAM, .t = ASX_F64, .m = 2 * s->rows * t.dense + 4 * s->nnz + 60 * s->cols});
    double trees = many ? at_least(b->member[0].to.iterations - b->member[0].from.iterations, 1) : 1;
    double outputs = p->classes ? p->classes : 1,
           own = p->classes ? at_most(0.25 * at_least(f.min_samples_leaf, 1), 1) : 1; /* leaves with values of their own */
    w->serial = many ? 0.05 : 1;
    w->scratch = (uint64_t)(s->rows * 64 + s->nnz * 5 + s->cols * 130 + (p->classes ? 1100.0 * outputs : 0) + 4096 +
                            (which == 1 ? s->cols * 300 : 0));
    w->output = (uint64_t)(trees * (320 + t.leaves * (60 + own * outputs * 8)) + s->test_rows * outputs * 8);
}

/* ---- boosting --------------------------------------------------------------------------------- */

uint64_t trees_class_bytes(const struct asx_problem *p, const struct asx_batch *b)
{
    return p->task == ASX_MULTICLASS ? (uint64_t)(b->shape.rows * 8 * p->classes) : 0;
}

/*
 * Counts of one round. Of the rows below the root, sibling subtraction visits the smaller child's only; on real
 * data a level costs about a third of a full pass, and growing by leaves reaches log2(leaves) + 2 such levels.
 */
void trees_gbdt_work(const struct asx_problem *p, const struct asx_batch *b, struct asx_work *w)
{
    enum { SPARSE_BINS = 16 }; /* of a column of a CSR block: few cells have few values */
    const struct asx_shape *s = &b->shape;
    struct gbdt_params g;
    gbdt_read(b->member[0].config, p->task, &g); /* members of a batch are alike */
    double k = p->task == ASX_MULTICLASS ? p->classes : 1, rows = s->rows * g.bagging_fraction;
    double leaves = g.grow.num_leaves, most = rows / at_least(g.grow.min_data_in_leaf, 1);
    most = g.grow.max_depth > 0 ? at_most(most, exp2(at_most(g.grow.max_depth, 60))) : most;
    leaves = leaves < most ? leaves : at_least(most, 2);
    double depth = log2(leaves), cells = s->dense + (s->rows > 0 ? s->nnz / s->rows : 0);
    double sparse = s->nnz > 0 ? at_least(s->cols - s->dense, 0) : 0, dense = s->nnz > 0 ? s->dense : at_least(s->cols, 1);
    double bins = dense * mean_stride(p, dense, g.max_bin), all = bins + sparse * SPARSE_BINS;
    double share = at_most(g.grow.feature_fraction, 1);
    struct asx_use hist = {
        .k = ASX_KC_HIST, .t = ASX_U8, .m = rows * (1 + 0.33 * depth), .n = cells, .times = k, .footprint = rows * cells};
    struct asx_use scan = {.k = ASX_KC_SPLIT, .t = ASX_F64, .m = all * share * 2 * (leaves - 1), .times = k, .footprint = all * 8};
    struct asx_use part = {.k = ASX_KC_PARTITION, .t = ASX_U8, .m = rows * depth, .times = k, .footprint = rows * cells};
    struct asx_use grad = {.k = ASX_KC_EXP, .t = ASX_F32, .m = s->rows * k};
    struct asx_use add = {.k = ASX_KC_STREAM, .t = ASX_F64, .m = 2 * s->rows, .times = k};
    struct asx_use walk = {.k = ASX_KC_TREE_PREDICT, .t = ASX_U8, .m = s->test_rows + s->rows - rows, .n = k, .p = depth + 1};
    asx_work_add(w->per_iteration, &w->n_per_iteration, hist);
    asx_work_add(w->per_iteration, &w->n_per_iteration, scan);
    asx_work_add(w->per_iteration, &w->n_per_iteration, part);
    asx_work_add(w->per_iteration, &w->n_per_iteration, grad);
    asx_work_add(w->per_iteration, &w->n_per_iteration, add);
    asx_work_add(w->per_iteration, &w->n_per_iteration, walk);
    asx_work_add(w->once, &w->n_once, (struct asx_use){.k = ASX_KC_STREAM, .t = ASX_F64, .m = s->rows * (2 + k)});
    double rounds = at_least(b->member[0].to.iterations - b->member[0].from.iterations, 1);
    w->serial = 0.15;
    w->scratch =
        (uint64_t)(s->rows * (s->nnz > 0 ? 29 : 28) + (all + 64) * 8 * (leaves / 2 + 4) + s->cols * 200) + trees_class_bytes(p, b);
    w->output = (uint64_t)((s->rows + s->test_rows) * 8 * k + leaves * 80 * k * rounds);
}
