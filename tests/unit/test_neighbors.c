/* SPDX-License-Identifier: Apache-2.0 */
/* Laws of nearest neighbours: lists against brute force, models against lists, weights, files, faults, cancel. */
#include "tests/support/fit_make.h"

#include "base/codec.h"
#include "base/mem.h"
#include "learners/neighbors/neighbors.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

Suite *suite_neighbors(void);

enum { ROWS = 150, DENSE = 5, SPARSE = 3, FOLDS = 3 };

struct table {
    double x[ROWS * DENSE], y[ROWS], w[ROWS];
    float s[ROWS * SPARSE];
    struct fit_data data;
};

/* Whole numbers, so that distances tie often; missing cells; a constant column; 0/1 columns. */
static void make_table(struct table *t, int classes)
{
    uint64_t g = 77;
    for (int i = 0; i < ROWS; i++) {
        double score = 0;
        for (int j = 0; j < DENSE; j++) {
            double z = floor(4 * fit_make_unit(&g));
            score += z * (j - 1);
            t->x[i * DENSE + j] = j == 3 ? 2 : j == 2 && fit_make_unit(&g) < 0.2 ? NAN : z;
        }
        for (int j = 0; j < SPARSE; j++)
            t->s[i * SPARSE + j] = fit_make_unit(&g) < 0.3;
        t->y[i] = !classes ? score : fmod(fabs(floor(score)), classes);
        t->w[i] = i % 4 == 2 ? 0 : 1 + i % 3;
    }
    t->data = (struct fit_data){.rows = ROWS,
                                .dense = DENSE,
                                .sparse = SPARSE,
                                .x = t->x,
                                .s = t->s,
                                .indicator = true,
                                .task = fit_make_task(classes),
                                .y = t->y,
                                .classes = classes,
                                .folds = FOLDS};
}

static const int kinds[] = {0, 2, 4};

static void run(struct fit_make *m, asx_st want)
{
    struct asx_err err = {0};
    asx_st st = fit_make_run(m, fit_make_learner("knn")->fit[0], &err);
    ck_assert_msg(st == want, "%d %s", st, err.text);
}

static struct asx_model *model_of(struct fit_make *m, int at)
{
    struct asx_err err = {0};
    struct asx_model *model = NULL;
    const void *in[ASX_NEEDS];
    fit_make_inputs(m, knn_learner.fit[0], &m->member[at], in);
    ck_assert_int_eq(knn_learner.model(&m->e.exec, &m->member[at], 0, &model, &err), ASX_OK);
    return model;
}

/* Every list against all distances, summed anew and sorted; rows of weight 0 are nowhere. */
START_TEST(lists_equal_brute_force)
{
    struct table t;
    struct fit_make m;
    make_table(&t, 0);
    t.data.weight = _i ? t.w : NULL;
    fit_make_init(&m, &t.data, 1 + _i);
    struct asx_member *b = fit_make_member(&m, &knn_learner, 1);
    const void *in[ASX_NEEDS];
    fit_make_inputs(&m, knn_learner.fit[0], b, in);
    const struct neighbors *l = in[0];
    const struct asx_dense *d = l->dense;
    const struct asx_fold *fold = &m.problem->splits->fold[1];
    ck_assert_uint_eq(l->queries, fold->n_test);
    for (size_t i = 0; i < l->queries; i++) {
        const float *q = d->x + fold->test[i] * d->ld;
        bool used[ROWS] = {false};
        for (size_t k = 0; k < l->top; k++) {
            uint32_t best = UINT32_MAX;
            float nearest = INFINITY;
            for (size_t r = 0; r < fold->n_train; r++) {
                uint32_t row = fold->train[r];
                if (used[row] || (t.data.weight && t.data.weight[row] == 0))
                    continue;
                double sum = 0;
                for (size_t j = 0; j < d->cols; j++)
                    sum += ((double)q[j] - (double)d->x[row * d->ld + j]) * ((double)q[j] - (double)d->x[row * d->ld + j]);
                if ((float)sum < nearest) {
                    nearest = (float)sum;
                    best = row;
                }
            }
            used[best] = true;
            ck_assert_uint_eq(l->row[l->index[i * l->top + k]], best);
            ck_assert_float_eq(l->dist[i * l->top + k], nearest);
        }
    }
    fit_make_clear(&m);
}
END_TEST

/* A model predicts what the lists said, for blocks and for single rows, and after a trip through a file. */
START_TEST(models_equal_lists)
{
    struct table t;
    struct fit_make m;
    make_table(&t, kinds[_i]);
    t.data.weight = t.w;
    fit_make_init(&m, &t.data, 1);
    static const int k[] = {1, 7, 100};
    for (int i = 0; i < 6; i++) {
        struct asx_member *b = fit_make_member(&m, &knn_learner, 1);
        fit_make_set(&m, b, "n_neighbors", k[i / 2]);
        fit_make_choose(&m, b, "weights", i % 2 ? "distance" : "uniform");
    }
    run(&m, ASX_OK);
    const struct asx_fold *fold = &m.problem->splits->fold[1];
    size_t o = (size_t)m.problem->outputs;
    for (int i = 0; i < 6; i++) {
        struct asx_err err = {0};
        struct asx_model *model = model_of(&m, i), *back = NULL;
        double *all = calloc(m.pred_size, sizeof *all), *again = calloc(m.pred_size, sizeof *again), one[4];
        ck_assert_int_eq(knn_learner.predict(model, m.raw, 0, ROWS, all, &err), ASX_OK);
        int off = 0;
        for (size_t r = 0; r < fold->n_test; r++) {
            double sum = 0, most = 0;
            ck_assert_int_eq(knn_learner.predict(model, m.raw, fold->test[r], fold->test[r] + 1, one, &err), ASX_OK);
            for (size_t c = 0; c < o; c++) {
                ck_assert_double_eq(one[c], all[fold->test[r] * o + c]);
                most = fmax(most, fabs(one[c] - (double)m.member[i].pred[r * o + c]) / (1 + fabs(one[c])));
                sum += one[c];
            }
            off += most > 1e-5;
            if (o > 1)
                ck_assert_double_eq_tol(sum, 1, 1e-12);
        }
        /* a raw row is prepared up to one rounding away, which may reorder rows that tie at the end of the list */
        ck_assert_int_le(off, (int)fold->n_test / 5);
        struct asx_writer w;
        struct asx_reader r;
        codec_writer_init(&w, NULL);
        ck_assert_int_eq(knn_learner.save(model, &w), ASX_OK);
        codec_reader_init(&r, w.out.s, w.out.n, "model");
        ck_assert_int_eq(knn_learner.load(&r, m.e.mem, &back, &err), ASX_OK);
        ck_assert(codec_reader_at_end(&r));
        ck_assert_int_eq(knn_learner.predict(back, m.raw, 0, ROWS, again, &err), ASX_OK);
        ck_assert_mem_eq(all, again, m.pred_size * sizeof *all);
        knn_learner.free_model(back);
        for (size_t cut = 0; cut < w.out.n; cut += 97) {
            struct asx_err bad = {0};
            codec_reader_init(&r, w.out.s, cut, "model");
            ck_assert_int_lt(knn_learner.load(&r, m.e.mem, &back, &bad), 0);
        }
        codec_writer_clear(&w);
        free(all);
        free(again);
        knn_learner.free_model(model);
    }
    fit_make_clear(&m);
}
END_TEST

/* The panels of every width against sums in double. */
START_TEST(panels_of_every_width)
{
    enum { P = 37 };
    float panel[P * KNN_PANEL], q[P], out[KNN_PANEL];
    uint64_t g = 3;
    for (int i = 0; i < P * KNN_PANEL; i++)
        panel[i] = (float)fit_make_bell(&g);
    for (int i = 0; i < P; i++)
        q[i] = (float)fit_make_bell(&g);
    knn_panel_fn fn[3] = {knn_panel_fast, __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? knn_panel_avx2 : NULL,
                          __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") ? knn_panel_avx512 : NULL};
    for (int v = 0; v < 3; v++) {
        if (!fn[v])
            continue;
        ck_assert(fn[v](panel, q, P, INFINITY, out));
        float least = INFINITY;
        for (int r = 0; r < KNN_PANEL; r++)
            least = fminf(least, out[r]);
        ck_assert(!fn[v](panel, q, P, least, out) && fn[v](panel, q, P, least * 1.001f, out));
        for (int r = 0; r < KNN_PANEL; r++) {
            double sum = 0;
            for (int j = 0; j < P; j++)
                sum += ((double)q[j] - (double)panel[j * KNN_PANEL + r]) * ((double)q[j] - (double)panel[j * KNN_PANEL + r]);
            ck_assert_float_eq_tol(out[r], (float)sum, 1e-5f * (float)sum);
        }
    }
}
END_TEST

/* Votes by hand: weights, distance 0, places without a row, smoothing. */
START_TEST(votes_by_hand)
{
    const double value[] = {0, 1, 1, 2}, weight[] = {1, 2, 1, 4}, prior[] = {0.2, 0.3, 0.5};
    const float dist[] = {1, 4, 4, 16}, zero[] = {0, 0, 1, 2}, none[] = {INFINITY};
    const uint32_t index[] = {0, 1, 2, 3}, nobody[] = {UINT32_MAX};
    struct knn_votes v = {.task = ASX_MULTICLASS, .outputs = 3, .k = 3, .value = value, .weight = weight, .prior = prior};
    double out[3];
    knn_vote(&v, dist, index, 4, out);
    ck_assert_double_eq(out[0], 0.25);
    ck_assert_double_eq(out[1], 0.75);
    v.distance = true;
    v.k = 4; /* shares 1, 2/2, 1/2, 4/4 */
    knn_vote(&v, dist, index, 4, out);
    ck_assert_double_eq_tol(out[0], 1 / 3.5, 1e-15);
    ck_assert_double_eq_tol(out[1], 1.5 / 3.5, 1e-15);
    knn_vote(&v, zero, index, 4, out); /* rows 0 and 1 alone, by weight */
    ck_assert_double_eq_tol(out[0], 1 / 3.0, 1e-15);
    ck_assert_double_eq_tol(out[1], 2 / 3.0, 1e-15);
    v.smoothing = 2; /* (4 * share + 2 * prior) / 6 */
    knn_vote(&v, zero, index, 4, out);
    ck_assert_double_eq_tol(out[2], 2 * 0.5 / 6, 1e-15);
    knn_vote(&v, none, nobody, 1, out);
    ck_assert_mem_eq(out, prior, sizeof out);
}
END_TEST

START_TEST(survives_failed_allocations)
{
    struct table t;
    struct fit_make m;
    make_table(&t, 2);
    t.data.weight = t.w;
    fit_make_init(&m, &t.data, 1);
    bool ended = false;
    for (long n = 1; !ended; n++) {
        struct asx_err err = {0};
        struct asx_model *model = NULL;
        fit_make_member(&m, &knn_learner, 0);
        long before = mem_allocations();
        mem_fault_after(n);
        asx_st st = fit_make_run(&m, knn_learner.fit[0], &err);
        if (st == ASX_OK) {
            const void *in[ASX_NEEDS];
            fit_make_inputs(&m, knn_learner.fit[0], &m.member[0], in);
            st = knn_learner.model(&m.e.exec, &m.member[0], 0, &model, &err);
        }
        mem_fault_after(0);
        ended = mem_allocations() - before < n;
        ck_assert_msg(st == ASX_OK || st == ASX_E_NOMEM, "%d %s", st, err.text);
        knn_learner.free_model(model);
        fit_make_drop(&m);
        if (!ended) /* lists and rows are made again */
            fit_make_forget(&m);
        ck_assert_int_lt(n, 500);
    }
    fit_make_clear(&m);
}
END_TEST

START_TEST(stops_when_asked)
{
    struct table t;
    struct fit_make m;
    make_table(&t, 2);
    fit_make_init(&m, &t.data, 1);
    fit_make_member(&m, &knn_learner, 0);
    m.e.stop_after = 0;
    run(&m, ASX_STOPPED);
    fit_make_clear(&m);
}
END_TEST

/* Training rows of one class, and columns that say nothing. */
START_TEST(one_class_and_constant_columns)
{
    struct table t;
    struct fit_make m;
    make_table(&t, kinds[_i]);
    for (int i = 0; i < ROWS; i++) {
        t.y[i] = kinds[_i] ? i % FOLDS == 0 : 3.5;
        for (int j = 0; j < DENSE; j++)
            t.x[i * DENSE + j] = j == 1 ? NAN : 4;
        memset(t.s + i * SPARSE, 0, sizeof(float[SPARSE]));
    }
    fit_make_init(&m, &t.data, 1);
    struct asx_member *b = fit_make_member(&m, &knn_learner, 0);
    run(&m, ASX_OK);
    for (size_t i = 0; i < m.problem->splits->fold[0].n_test; i++)
        ck_assert_float_eq_tol(b->pred[i * (size_t)m.problem->outputs], kinds[_i] ? 1 : 3.5f, 1e-6f);
    fit_make_clear(&m);
}
END_TEST

Suite *suite_neighbors(void)
{
    Suite *s = suite_create("neighbors");
    TCase *c = tcase_create("laws");
    tcase_set_timeout(c, 120);
    tcase_add_loop_test(c, lists_equal_brute_force, 0, 2);
    tcase_add_loop_test(c, models_equal_lists, 0, 3);
    tcase_add_test(c, panels_of_every_width);
    tcase_add_test(c, votes_by_hand);
    tcase_add_test(c, survives_failed_allocations);
    tcase_add_test(c, stops_when_asked);
    tcase_add_loop_test(c, one_class_and_constant_columns, 0, 3);
    suite_add_tcase(s, c);
    return s;
}
