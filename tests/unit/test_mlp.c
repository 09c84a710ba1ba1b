/* SPDX-License-Identifier: Apache-2.0 */
/* Laws of perceptrons: gradients, continuation, stages, models, files, threads, faults, cancel. */
#include "tests/support/fit_make.h"

#include "base/codec.h"
#include "base/mem.h"
#include "base/rng.h"
#include "data/matrix.h"
#include "learners/mlp/model.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

Suite *suite_mlp(void);

enum { ROWS = 180, DENSE = 5, SPARSE = 3, FOLDS = 3, EPOCHS = 9 };

struct table {
    double x[ROWS * DENSE], y[ROWS], w[ROWS];
    float s[ROWS * SPARSE];
    struct fit_data data;
};

/* Not linear in the columns; missing cells, a constant column, 0/1 columns; weights with zeros. */
static void make_table(struct table *t, int classes)
{
    uint64_t g = 31;
    for (int i = 0; i < ROWS; i++) {
        double z[DENSE], score;
        for (int j = 0; j < DENSE; j++) {
            z[j] = fit_make_bell(&g);
            t->x[i * DENSE + j] = j == 3 ? 2 : j == 2 && fit_make_unit(&g) < 0.2 ? NAN : 10 * j + (j + 1) * z[j];
        }
        for (int j = 0; j < SPARSE; j++)
            t->s[i * SPARSE + j] = fit_make_unit(&g) < 0.3;
        score = z[0] * z[1] + fabs(z[4]) + (double)t->s[i * SPARSE];
        t->y[i] = !classes ? 100 + 20 * score : classes == 2 ? score > 1 : (score > 0) + (score > 1) + (score > 2);
        t->w[i] = i % 5 == 2 ? 0 : 1 + i % 3;
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

static const struct asx_learner *mlp(void)
{
    return fit_make_learner("mlp");
}

static struct asx_member *member(struct fit_make *m, int fold, int epochs)
{
    struct asx_member *b = fit_make_member(m, mlp(), fold);
    fit_make_set(m, b, "width", 24);
    fit_make_set(m, b, "dropout", 0.2);
    b->to.iterations = epochs;
    return b;
}

static void run(struct fit_make *m, int at, asx_st want)
{
    struct asx_err err = {0};
    asx_st st = fit_make_run_some(m, mlp()->fit[0], at, 1, &err);
    ck_assert_msg(st == want, "%d %s", st, err.text);
    if (!st)
        ck_assert_msg(m->member[at].status == ASX_OK, "%s", m->member[at].err.text);
}

static struct asx_model *model_at(struct fit_make *m, int at, int epochs)
{
    struct asx_err err = {0};
    struct asx_model *model = NULL;
    const void *in[ASX_NEEDS];
    fit_make_inputs(m, mlp()->fit[0], &m->member[at], in);
    ck_assert_int_eq(mlp()->model(&m->e.exec, &m->member[at], epochs, &model, &err), ASX_OK);
    return model;
}

static double *predict(struct fit_make *m, const struct asx_model *model)
{
    struct asx_err err = {0};
    double *out = calloc(m->pred_size, sizeof *out);
    ck_assert_int_eq(mlp()->predict(model, m->raw, 0, ROWS, out, &err), ASX_OK);
    return out;
}

static void same_state(const struct asx_state *a, const struct asx_state *b)
{
    size_t bytes = a->net.size * sizeof(float);
    ck_assert_int_eq(a->epochs, b->epochs);
    ck_assert_uint_eq(a->steps, b->steps);
    ck_assert_mem_eq(a->w, b->w, bytes);
    ck_assert_mem_eq(a->m, b->m, bytes);
    ck_assert_mem_eq(a->v, b->v, bytes);
    ck_assert_mem_eq(a->avg, b->avg, bytes);
}

/* ---- arithmetic ---------------------------------------------------------------------------- */

/* Loss sum_i sum_c r_ic score_ic of one pass, in double: its gradient by the scores is r. */
static double loss_of(struct mlp_pass *s, const float *x, const float *w, const float *r, size_t n, const struct mlp_drop *drop)
{
    size_t out = s->net->dim[s->net->layers];
    double sum = 0;
    memcpy(s->act[0], x, n * s->net->dim[0] * sizeof *x);
    ck_assert_int_eq(mlp_forward(s, w, n, drop), ASX_OK);
    for (size_t i = 0; i < n * out; i++)
        sum += (double)r[i] * (double)s->act[s->net->layers][i];
    return sum;
}

/* Every weight and bias by central differences, with and without dropout (a mask does not depend on weights). */
START_TEST(gradients_are_differences)
{
    enum { N = 7, IN = 4, OUT = 3 };
    struct table t;
    struct fit_make m;
    make_table(&t, 2);
    fit_make_init(&m, &t.data, 1); /* for its device */
    struct mlp_net net;
    struct mlp_pass pass;
    mlp_net_init(&net, IN, 1 + _i % 3, 6, OUT);
    ck_assert(mlp_pass_init(&pass, &net, m.device, N, true, m.e.scratch));
    float x[N * IN], r[N * OUT], *w = calloc(net.size, sizeof *w), *g = calloc(net.size, sizeof *g);
    uint64_t seed = 12;
    for (int i = 0; i < N * IN; i++)
        x[i] = (float)fit_make_bell(&seed);
    for (int i = 0; i < N * OUT; i++)
        r[i] = (float)fit_make_bell(&seed);
    mlp_net_start(&net, 8, w);
    struct mlp_drop drop = {.keep = 0.75f, .key = {5, 6, 7}, .first_row = 3}, *d = _i >= 3 ? &drop : NULL;
    double at = loss_of(&pass, x, w, r, N, d);
    memcpy(pass.act[net.layers], r, sizeof r);
    ck_assert_int_eq(mlp_backward(&pass, w, N, d, g), ASX_OK);
    int turns = 0, checked = 0;
    for (int l = 0; l < net.layers; l++)
        for (size_t i = net.at[l]; i < mlp_bias_at(&net, l) + net.dim[l + 1]; i++, checked++) {
            float keep = w[i], step = 2e-3f;
            w[i] = keep + step;
            double high = loss_of(&pass, x, w, r, N, d);
            w[i] = keep - step;
            double low = loss_of(&pass, x, w, r, N, d);
            w[i] = keep;
            /* piecewise linear in each weight: where the second difference is not 0 a rectifier turns within the step */
            bool turn = fabs(high + low - 2 * at) > 1e-5;
            turns += turn;
            double slope = (high - low) / (2 * (double)step);
            ck_assert_msg(turn || fabs(slope - (double)g[i]) < 2e-3 * (1 + fabs((double)g[i])), "weight %zu: %g, not %g", i,
                          (double)g[i], slope);
        }
    ck_assert_int_le(turns, checked / 4);
    free(w);
    free(g);
    fit_make_clear(&m);
}
END_TEST

START_TEST(adam_by_hand)
{
    float g[] = {0.5f, -2}, mo[] = {0.1f, 0}, v[] = {0.2f, 0}, w[] = {1, -1}, avg[] = {0, 0};
    struct mlp_adam a = {.rate = 0.01f, .beta1 = 0.9f, .beta2 = 0.99f, .correction2 = 2, .decay = 0.001f, .average = 0.25f};
    double m0 = 0.9 * 0.1 + 0.1 * 0.5, v0 = 0.99 * 0.2 + 0.01 * 0.25, w0 = 1 - 0.01 * m0 / sqrt(2 * v0) - 0.001;
    mlp_adam_step(&a, 2, g, mo, v, w, avg);
    ck_assert_float_eq_tol(mo[0], (float)m0, 1e-7f);
    ck_assert_float_eq_tol(v[0], (float)v0, 1e-7f);
    ck_assert_float_eq_tol(w[0], (float)w0, 1e-6f);
    ck_assert_float_eq_tol(avg[0], (float)(w0 / 4), 1e-6f);
    ck_assert_float_eq_tol(w[1], (float)(-1 + 0.01 * 0.2 / sqrt(2 * 0.04) + 0.001), 1e-6f);
}
END_TEST

START_TEST(products_of_every_width)
{
    enum { P = 19, COLS = 2 * MLP_PAD };
    static float x[MLP_BLOCK * P], w[P * COLS], b[COLS], out[MLP_BLOCK * COLS];
    uint64_t g = 4;
    for (int i = 0; i < MLP_BLOCK * P; i++)
        x[i] = (float)fit_make_bell(&g);
    for (int i = 0; i < P * COLS; i++)
        w[i] = (float)fit_make_bell(&g);
    for (int i = 0; i < COLS; i++)
        b[i] = (float)fit_make_bell(&g);
    mlp_product_fn fn[3] = {mlp_product_fast,
                            __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? mlp_product_avx2 : NULL,
                            __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") ? mlp_product_avx512 : NULL};
    for (int v = 0; v < 6; v++) {
        if (!fn[v / 2])
            continue;
        fn[v / 2](x, P, w, b, COLS, v % 2, out);
        for (int i = 0; i < MLP_BLOCK; i++)
            for (int j = 0; j < COLS; j++) {
                double sum = (double)b[j];
                for (int k = 0; k < P; k++)
                    sum += (double)x[i * P + k] * (double)w[k * COLS + j];
                ck_assert_double_eq_tol((double)out[i * COLS + j], v % 2 && sum < 0 ? 0 : sum, 1e-5);
            }
    }
}
END_TEST

START_TEST(squash_is_smooth_and_bounded)
{
    float z[] = {0, 3, -3, 1e20f, NAN, -INFINITY, 0.01f, 1000};
    mlp_squash(z, 8);
    ck_assert_float_eq(z[0], 0);
    ck_assert_float_eq_tol(z[1], (float)(3 / sqrt(2)), 1e-6f);
    ck_assert_float_eq(z[2], -z[1]);
    ck_assert(z[3] == 0 && z[4] == 0 && z[5] == 0);
    ck_assert_float_eq_tol(z[6], 0.01f, 1e-6f);
    ck_assert_float_eq_tol(z[7], 3, 1e-4f);
}
END_TEST

/* ---- training ---------------------------------------------------------------------------------- */

/* Law 6: rungs of 2, 5 and 9 epochs give what one run of 9 gives, curve included. */
START_TEST(continuation_is_exact)
{
    struct table t;
    struct fit_make m;
    make_table(&t, kinds[_i]);
    t.data.weight = t.w;
    fit_make_init(&m, &t.data, 1);
    m.problem->metric = fit_make_metric(kinds[_i] ? "log_loss" : "rmse");
    struct asx_curve once = {0}, rungs = {0};
    struct asx_member *a = member(&m, 0, EPOCHS), *b = member(&m, 0, 2);
    a->curve = &once;
    b->curve = &rungs;
    run(&m, 0, ASX_OK);
    static const int to[] = {2, 5, EPOCHS};
    for (int i = 0; i < 3; i++) {
        b->from.iterations = i ? to[i - 1] : 0;
        b->to.iterations = to[i];
        run(&m, 1, ASX_OK);
    }
    same_state(a->state, b->state);
    ck_assert_int_eq(once.n, EPOCHS);
    ck_assert_int_eq(rungs.n, EPOCHS);
    ck_assert_mem_eq(once.value, rungs.value, EPOCHS * sizeof *once.value);
    ck_assert_mem_eq(a->pred, b->pred, m.problem->splits->fold[0].n_test * (size_t)m.problem->outputs * sizeof *a->pred);
    ck_assert(once.value[EPOCHS - 1] < once.value[0]); /* it learns */
    mem_free(once.iteration);
    mem_free(once.value);
    mem_free(rungs.iteration);
    mem_free(rungs.value);
    fit_make_clear(&m);
}
END_TEST

/* held_out and model at an earlier epoch are those of a fit that ended there, kept as a stage or trained again. */
START_TEST(earlier_epochs_are_exact)
{
    struct table t;
    struct fit_make m;
    struct asx_err err = {0};
    make_table(&t, kinds[_i]);
    fit_make_init(&m, &t.data, 1);
    struct asx_member *longer = member(&m, 1, EPOCHS), *shorter = member(&m, 1, 4);
    run(&m, 0, ASX_OK);
    run(&m, 1, ASX_OK);
    for (int kept = 1; kept >= 0; kept--) {
        if (!kept) /* as if the stages had not fitted into memory */
            while (longer->state->stages)
                mem_free(longer->state->stage[--longer->state->stages].w);
        size_t n = m.problem->splits->fold[1].n_test * (size_t)m.problem->outputs;
        float *pred = calloc(n, sizeof *pred);
        const void *in[ASX_NEEDS];
        fit_make_inputs(&m, mlp()->fit[0], longer, in);
        ck_assert_int_eq(mlp()->held_out(&m.e.exec, longer, 4, pred, &err), ASX_OK);
        ck_assert_mem_eq(pred, shorter->pred, n * sizeof *pred);
        struct asx_model *a = model_at(&m, 0, 4), *b = model_at(&m, 1, 0);
        double *pa = predict(&m, a), *pb = predict(&m, b);
        ck_assert_mem_eq(pa, pb, m.pred_size * sizeof *pa);
        free(pred);
        free(pa);
        free(pb);
        mlp()->free_model(a);
        mlp()->free_model(b);
    }
    fit_make_clear(&m);
}
END_TEST

/* A model predicts raw rows as the fit predicted held-out ones; alone or in blocks; before and after a file. */
START_TEST(models_equal_held_out)
{
    struct table t;
    struct fit_make m;
    make_table(&t, kinds[_i]);
    fit_make_init(&m, &t.data, 1);
    member(&m, 1, EPOCHS);
    run(&m, 0, ASX_OK);
    const struct asx_fold *fold = &m.problem->splits->fold[1];
    size_t o = (size_t)m.problem->outputs;
    struct asx_err err = {0};
    struct asx_model *model = model_at(&m, 0, 0), *back = NULL;
    double *all = predict(&m, model), one[4];
    for (size_t i = 0; i < fold->n_test; i++) {
        double sum = 0;
        ck_assert_int_eq(mlp()->predict(model, m.raw, fold->test[i], fold->test[i] + 1, one, &err), ASX_OK);
        for (size_t c = 0; c < o; c++) {
            ck_assert_double_eq(one[c], all[fold->test[i] * o + c]);
            ck_assert_double_eq_tol(one[c], (double)m.member[0].pred[i * o + c], 1e-5 * (1 + fabs(one[c])));
            sum += one[c];
        }
        if (o > 1)
            ck_assert_double_eq_tol(sum, 1, 1e-12);
    }
    struct asx_writer w;
    struct asx_reader r;
    codec_writer_init(&w, NULL);
    ck_assert_int_eq(mlp()->save(model, &w), ASX_OK);
    codec_reader_init(&r, w.out.s, w.out.n, "model");
    ck_assert_int_eq(mlp()->load(&r, m.e.mem, &back, &err), ASX_OK);
    ck_assert(codec_reader_at_end(&r));
    double *again = predict(&m, back);
    ck_assert_mem_eq(all, again, m.pred_size * sizeof *all);
    mlp()->free_model(back);
    for (size_t cut = 0; cut < w.out.n; cut += 151) {
        struct asx_err bad = {0};
        codec_reader_init(&r, w.out.s, cut, "model");
        ck_assert_int_lt(mlp()->load(&r, m.e.mem, &back, &bad), 0);
    }
    codec_writer_clear(&w);
    mlp()->free_model(model);
    free(all);
    free(again);
    fit_make_clear(&m);
}
END_TEST

START_TEST(threads_change_nothing)
{
    struct table t;
    struct fit_make one, two;
    make_table(&t, 4);
    fit_make_init(&one, &t.data, 1);
    fit_make_init(&two, &t.data, 2);
    member(&one, 0, 4);
    member(&two, 0, 4);
    run(&one, 0, ASX_OK);
    run(&two, 0, ASX_OK);
    same_state(one.member[0].state, two.member[0].state);
    fit_make_clear(&one);
    fit_make_clear(&two);
}
END_TEST

/* A row of weight 0 is as good as absent: its answer changes nothing. */
START_TEST(no_weight_is_absence)
{
    struct table t;
    make_table(&t, 2);
    t.data.weight = t.w;
    struct fit_make a, b;
    fit_make_init(&a, &t.data, 1);
    for (int i = 0; i < ROWS; i++)
        if (t.w[i] == 0)
            t.y[i] = 1 - t.y[i];
    fit_make_init(&b, &t.data, 1);
    member(&a, FOLDS, 3);
    member(&b, FOLDS, 3);
    run(&a, 0, ASX_OK);
    run(&b, 0, ASX_OK);
    same_state(a.member[0].state, b.member[0].state);
    fit_make_clear(&a);
    fit_make_clear(&b);
}
END_TEST

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
    struct asx_member *b = member(&m, 0, 20);
    run(&m, 0, ASX_OK);
    for (size_t i = 0; i < m.problem->splits->fold[0].n_test; i++) {
        float p = b->pred[i * (size_t)m.problem->outputs];
        ck_assert_msg(kinds[_i] ? p > 0.95f && p <= 1 : fabsf(p - 3.5f) < 1e-6f, "%g", (double)p);
    }
    fit_make_clear(&m);
}
END_TEST

START_TEST(divergence_is_an_error)
{
    struct table t;
    struct fit_make m;
    make_table(&t, 0);
    fit_make_init(&m, &t.data, 1);
    struct asx_member *b = member(&m, 0, 40);
    fit_make_set(&m, b, "learning_rate", 1e30);
    struct asx_err err = {0};
    ck_assert_int_eq(fit_make_run(&m, mlp()->fit[0], &err), ASX_OK);
    ck_assert_int_eq(b->status, ASX_E_NUMERIC);
    ck_assert_ptr_nonnull(strstr(b->err.text, "learning_rate"));
    fit_make_clear(&m);
}
END_TEST

START_TEST(survives_failed_allocations)
{
    struct table t;
    struct fit_make m;
    make_table(&t, 2);
    fit_make_init(&m, &t.data, 1);
    m.problem->metric = fit_make_metric("log_loss");
    bool ended = false;
    for (long n = 1; !ended; n++) {
        struct asx_err err = {0};
        struct asx_model *model = NULL;
        struct asx_curve curve = {0};
        struct asx_member *b = member(&m, 0, 3);
        b->curve = &curve;
        long before = mem_allocations();
        mem_fault_after(n);
        asx_st st = fit_make_run(&m, mlp()->fit[0], &err);
        if (st == ASX_OK) {
            const void *in[ASX_NEEDS];
            fit_make_inputs(&m, mlp()->fit[0], b, in);
            st = in[0] ? mlp()->model(&m.e.exec, b, 2, &model, &err) : ASX_E_NOMEM;
        }
        mem_fault_after(0);
        ended = mem_allocations() - before < n;
        ck_assert_msg(st == ASX_OK || st == ASX_E_NOMEM, "%d %s", st, err.text);
        mlp()->free_model(model);
        mem_free(curve.iteration);
        mem_free(curve.value);
        fit_make_drop(&m);
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
    for (long after = 0; after < 40; after += 13) {
        member(&m, 0, EPOCHS);
        m.e.stop_calls = 0;
        m.e.stop_after = after;
        run(&m, 0, ASX_STOPPED);
        m.e.stop_after = -1;
        fit_make_drop(&m);
    }
    fit_make_clear(&m);
}
END_TEST

/* Large networks keep few stages, and always the best one by their own curve. */
START_TEST(stages_keep_within_memory)
{
    struct table t;
    struct fit_make m;
    make_table(&t, 2);
    fit_make_init(&m, &t.data, 1);
    m.problem->metric = fit_make_metric("log_loss");
    struct asx_curve curve = {0};
    struct asx_member *b = member(&m, 0, EPOCHS);
    fit_make_set(&m, b, "width", 600);
    b->curve = &curve;
    run(&m, 0, ASX_OK);
    const struct asx_state *s = b->state;
    ck_assert_int_lt(s->stages, EPOCHS);
    ck_assert_uint_le((uint64_t)s->stages * s->net.size * sizeof(float), MLP_STAGE_BYTES);
    int best = 0;
    bool kept = false;
    for (int i = 1; i < curve.n; i++)
        best = curve.value[i] < curve.value[best] ? i : best;
    for (int i = 0; i < s->stages; i++)
        kept |= s->stage[i].epoch == curve.iteration[best];
    ck_assert(kept);
    mem_free(curve.iteration);
    mem_free(curve.value);
    fit_make_clear(&m);
}
END_TEST

START_TEST(stages_thin_out)
{
    int n = 0;
    for (int e = 1; e <= 200; e++)
        n += mlp_is_stage(e);
    for (int e = 1; e < 12; e++)
        ck_assert(mlp_is_stage(e));
    ck_assert(mlp_is_stage(160) && !mlp_is_stage(161) && !mlp_is_stage(0));
    ck_assert_int_lt(n, 40);
}
END_TEST

/* Work grows with rows, width and epochs. */
START_TEST(work_is_monotone)
{
    struct table t;
    struct fit_make m;
    make_table(&t, 2);
    fit_make_init(&m, &t.data, 1);
    struct asx_member *b = member(&m, 0, 20);
    double last = 0;
    for (int i = 0; i < 4; i++) {
        struct asx_work w = {0};
        struct asx_batch batch = {.member = b, .n = 1, .shape = {.rows = 1000 << i, .cols = 20, .test_rows = 250 << i}};
        mlp()->fit[0]->work(m.problem, &batch, &w);
        ck_assert_int_gt(w.n_per_iteration, 0);
        double flops = w.per_iteration[0].m * w.per_iteration[0].p * w.per_iteration[0].times;
        ck_assert(flops > last);
        last = flops;
    }
    fit_make_clear(&m);
}
END_TEST

Suite *suite_mlp(void)
{
    Suite *s = suite_create("mlp");
    TCase *c = tcase_create("laws");
    tcase_set_timeout(c, 120);
    tcase_add_loop_test(c, gradients_are_differences, 0, 6);
    tcase_add_test(c, adam_by_hand);
    tcase_add_test(c, products_of_every_width);
    tcase_add_test(c, squash_is_smooth_and_bounded);
    tcase_add_loop_test(c, continuation_is_exact, 0, 3);
    tcase_add_loop_test(c, earlier_epochs_are_exact, 0, 3);
    tcase_add_loop_test(c, models_equal_held_out, 0, 3);
    tcase_add_test(c, threads_change_nothing);
    tcase_add_test(c, no_weight_is_absence);
    tcase_add_loop_test(c, one_class_and_constant_columns, 0, 3);
    tcase_add_test(c, divergence_is_an_error);
    tcase_add_test(c, survives_failed_allocations);
    tcase_add_test(c, stops_when_asked);
    tcase_add_test(c, stages_thin_out);
    tcase_add_test(c, stages_keep_within_memory);
    tcase_add_test(c, work_is_monotone);
    suite_add_tcase(s, c);
    return s;
}
