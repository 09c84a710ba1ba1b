/* SPDX-License-Identifier: Apache-2.0 */
/* Plans of waves: merging, batches, continuation, placement, switches. */
#include "base/hash.h"
#include "base/mem.h"
#include "base/rng.h"
#include "tests/runner.h"
#include "tests/support/plan_make.h"

#include <math.h>
#include <string.h>

Suite *suite_plan(void);

static struct plan_make m;

static void setup(void)
{
    plan_make_init(&m, 50000, 5, true);
}

static void teardown(void)
{
    opt_model_clear(&m.model);
    plan_make_clear(&m);
}

static int count(const struct opt_plan *p, enum opt_kind kind, const char *step)
{
    int n = 0;
    for (int i = 0; i < p->nodes; i++)
        n += p->node[i]->kind == kind && (!step || strcmp(p->node[i]->step, step) == 0);
    return n;
}

static int members(const struct opt_plan *p, const char *step)
{
    int n = 0;
    for (int i = 0; i < p->nodes; i++)
        if (p->node[i]->kind == OPT_FIT && (!step || strcmp(p->node[i]->step, step) == 0))
            n += p->node[i]->members;
    return n;
}

static const struct opt_node *first(const struct opt_plan *p, const char *step)
{
    for (int i = 0; i < p->nodes; i++)
        if (strcmp(p->node[i]->step, step) == 0)
            return p->node[i];
    ck_abort_msg("no step '%s'", step);
    return NULL;
}

/* Inputs come before their users, in id and in time; threads never exceeded at any start. */
static void check_schedule(const struct opt_plan *p, int threads)
{
    for (int i = 0; i < p->nodes; i++) {
        const struct opt_node *n = p->node[i];
        ck_assert_int_eq(n->id, i);
        ck_assert_int_ge(n->threads, 1);
        ck_assert_double_ge(n->finish_s, n->start_s);
        ck_assert_double_le(n->low_s, n->cost.total_s + 1e-12);
        ck_assert_double_ge(n->high_s, n->cost.total_s - 1e-12);
        ck_assert_double_le(n->finish_s, p->seconds + 1e-12);
        for (int k = 0; k < n->inputs; k++) {
            ck_assert_int_lt(n->input[k], i);
            ck_assert_double_le(p->node[n->input[k]]->finish_s, n->start_s + 1e-12);
        }
        int used = 0;
        for (int j = 0; j < p->nodes; j++)
            if (p->node[j]->start_s <= n->start_s && p->node[j]->finish_s > n->start_s)
                used += p->node[j]->threads;
        ck_assert_int_le(used, threads);
    }
}

/* Keys are distinct: nothing is made twice. */
static void check_merged(const struct opt_plan *p)
{
    for (int i = 0; i < p->nodes; i++)
        for (int j = 0; j < i; j++)
            ck_assert(!key_equal(p->node[i]->key, p->node[j]->key));
}

static struct opt_trial trial(int id, const struct asx_config *c, int iterations, int folds)
{
    return (struct opt_trial){.id = id, .config_id = id, .config = c, .to = {.rows = 1, .iterations = iterations, .folds = folds}};
}

START_TEST(bins_are_built_once)
{
    struct asx_config c[8];
    struct opt_trial t[8];
    for (int i = 0; i < 8; i++) {
        c[i] = plan_make_config(&m, PLAN_BOOST, i % 2 ? "{\"learning_rate\":0.05}" : "{}");
        t[i] = trial(i + 1, &c[i], 25, 5);
    }
    struct opt_plan *p = plan_make_wave(&m, t, 8);
    ck_assert_int_eq(count(p, OPT_PREP, NULL), 2); /* numeric, onehot */
    ck_assert_int_eq(count(p, OPT_FORM, "bins.build"), 2);
    ck_assert_int_eq(count(p, OPT_ASSEMBLE, NULL), 1); /* of the bins; nobody eats the raw matrix itself */
    ck_assert_int_eq(count(p, OPT_FIT, "fit boost"), 40);
    ck_assert_int_eq(first(p, "bins.build")->shared_by, 8);
    ck_assert_int_eq(first(p, "fit boost")->shared_by, 1);
    ck_assert_str_eq(first(p, "fit boost")->way, "boost.fit/hist");
    ck_assert_double_gt(p->alone_seconds, p->seconds);
    double sum = 0;
    for (int i = 0; i < p->nodes; i++)
        sum += p->node[i]->cost.total_s;
    for (int i = 0; i < 8; i++)
        sum -= p->trial_seconds[i];
    ck_assert_double_eq_tol(sum, 0, 1e-9); /* shares add up to the whole */
    check_schedule(p, 2);
    check_merged(p);
    opt_plan_free(p);
}
END_TEST

START_TEST(fold_steps_make_blocks_per_fold)
{
    struct asx_config c = plan_make_config(&m, PLAN_BOOST, "{\"categorical\":\"target\"}");
    struct opt_trial t = trial(1, &c, 25, 3);
    struct opt_plan *p = plan_make_wave(&m, &t, 1);
    ck_assert_int_eq(count(p, OPT_PREP, "prepare target"), 3);
    ck_assert_int_eq(count(p, OPT_PREP, "prepare numeric"), 1);
    ck_assert_int_eq(count(p, OPT_FORM, "bins.build"), 4); /* the numeric block's bins serve all folds */
    ck_assert_int_eq(count(p, OPT_FIT, NULL), 3);
    for (int i = 0; i < p->nodes; i++)
        if (p->node[i]->kind == OPT_FIT)
            ck_assert_int_eq(p->node[p->node[i]->input[0]]->fold, p->node[i]->member[0].fold);
    check_schedule(p, 2);
    check_merged(p);
    opt_plan_free(p);
}
END_TEST

START_TEST(gram_is_shared_and_fits_are_batched)
{
    struct asx_config c[12];
    struct opt_trial t[12];
    for (int i = 0; i < 12; i++) {
        char json[64];
        snprintf(json, sizeof json, "{\"l2\":%g}", pow(10, i - 6));
        c[i] = plan_make_config(&m, i < 6 ? PLAN_RIDGE : PLAN_LOGIT, json);
        t[i] = trial(i + 1, &c[i], 0, 5);
    }
    struct opt_plan *p = plan_make_wave(&m, t, 12);
    ck_assert_int_eq(count(p, OPT_FORM, "gram.build"), 1);
    ck_assert_int_eq(count(p, OPT_FORM, "packed.build"), 1);
    ck_assert_int_eq(count(p, OPT_FORM, "affine.make"), 5);
    ck_assert_int_eq(first(p, "affine.make")->shared_by, 12);
    ck_assert_int_eq(members(p, "fit ridge"), 30);
    ck_assert_int_eq(members(p, "fit logit"), 30);
    const struct opt_node *fit = first(p, "fit logit");
    ck_assert_str_eq(fit->way, "logit.fit/batch");
    ck_assert_int_gt(fit->members, 1);
    ck_assert_int_ge(count(p, OPT_FIT, "fit logit"), 2); /* two threads want two nodes */
    ck_assert_str_eq(first(p, "fit ridge")->way, "ridge.fit/gram_chol");
    ck_assert_int_gt(fit->alternatives, 0);
    ck_assert_str_eq(fit->alternative[0].way, "logit.fit/rows");
    check_schedule(p, 2);
    check_merged(p);
    opt_plan_free(p);
}
END_TEST

START_TEST(switches_change_the_plan_not_its_steps)
{
    static const char *const no_gram[] = {"ridge.fit/gram_chol", NULL}, *const all_off[] = {"ridge.fit", NULL},
                             *const rule[] = {"batching", "sharing", NULL};
    struct asx_config c[2];
    struct opt_trial t[2];
    for (int i = 0; i < 2; i++) {
        c[i] = plan_make_config(&m, PLAN_RIDGE, i ? "{\"l2\":3}" : "{}");
        t[i] = trial(i + 1, &c[i], 0, 5);
    }
    m.ctx.disabled = no_gram;
    struct opt_plan *p = plan_make_wave(&m, t, 2);
    ck_assert_str_eq(first(p, "fit ridge")->way, "ridge.fit/direct");
    ck_assert_int_eq(count(p, OPT_FORM, "gram.build"), 0);
    ck_assert_int_eq(members(p, NULL), 10);
    ck_assert_str_eq(first(p, "fit ridge")->alternative[0].why_not, "disabled by optimizer.disable");
    opt_plan_free(p);

    m.ctx.disabled = all_off; /* a step is still done when all its ways are off */
    p = plan_make_wave(&m, t, 2);
    ck_assert_int_eq(members(p, NULL), 10);
    opt_plan_free(p);

    m.ctx.disabled = rule;
    p = plan_make_wave(&m, t, 2);
    ck_assert_int_eq(count(p, OPT_FIT, NULL), 10);
    ck_assert_int_eq(count(p, OPT_FORM, "packed.build"), 2); /* each trial makes its own */
    ck_assert_int_eq(count(p, OPT_PREP, NULL), 4);
    for (int i = 0; i < p->nodes; i++)
        ck_assert_int_eq(p->node[i]->shared_by, 1);
    check_schedule(p, 2);
    opt_plan_free(p);
}
END_TEST

START_TEST(approximate_ways_only_when_asked_for)
{
    struct asx_config c = plan_make_config(&m, PLAN_BOOST, "{\"gradients\":\"quantised\"}");
    struct opt_trial t = trial(1, &c, 25, 1);
    struct opt_plan *p = plan_make_wave(&m, &t, 1);
    ck_assert_str_eq(first(p, "fit boost")->way, "boost.fit/quantised");
    opt_plan_free(p);
}
END_TEST

START_TEST(rungs_continue_and_refits_use_all_rows)
{
    struct asx_config c = plan_make_config(&m, PLAN_BOOST, "{}"), l = plan_make_config(&m, PLAN_RIDGE, "{}");
    struct opt_trial t[3] = {trial(1, &c, 100, 5), trial(2, &l, 0, 5), trial(3, &c, 80, 0)};
    t[0].from = (struct asx_fidelity){.rows = 1, .iterations = 25, .folds = 2};
    t[1].from = (struct asx_fidelity){.rows = 1, .iterations = 0, .folds = 3};
    t[2].full = true;
    struct opt_plan *p = plan_make_wave(&m, t, 3);
    int per_trial[3] = {0};
    for (int i = 0; i < p->nodes; i++)
        for (int k = 0; p->node[i]->kind == OPT_FIT && k < p->node[i]->members; k++) {
            struct opt_member mm = p->node[i]->member[k];
            struct asx_fidelity from;
            per_trial[mm.trial]++;
            ck_assert(opt_member_from(&t[mm.trial], mm.fold, &from));
            if (mm.trial == 0)
                ck_assert_int_eq(from.iterations, mm.fold < 2 ? 25 : 0);
            if (mm.trial == 1)
                ck_assert_int_ge(mm.fold, 3); /* done folds are not redone */
            if (mm.trial == 2)
                ck_assert_int_eq(mm.fold, 5);
        }
    ck_assert_int_eq(per_trial[0], 5);
    ck_assert_int_eq(per_trial[1], 2);
    ck_assert_int_eq(per_trial[2], 1);
    /* the mean fit of a continued fold is cheaper than one from nothing */
    check_schedule(p, 2);
    opt_plan_free(p);
}
END_TEST

START_TEST(cached_artefacts_cost_nothing)
{
    struct asx_config c = plan_make_config(&m, PLAN_BOOST, "{}");
    struct opt_trial t = trial(1, &c, 25, 5);
    struct opt_plan *p = plan_make_wave(&m, &t, 1);
    for (int i = 0; i < p->nodes; i++)
        if (p->node[i]->kind != OPT_FIT)
            m.cached[m.n_cached++] = p->node[i]->key;
    double cold = p->seconds, alone = p->trial_alone[0];
    opt_plan_free(p);
    p = plan_make_wave(&m, &t, 1);
    int cached = 0;
    for (int i = 0; i < p->nodes; i++) {
        if (p->node[i]->cached) {
            cached++;
            ck_assert_int_eq(p->node[i]->inputs, 0);
            ck_assert_double_eq(p->node[i]->cost.total_s, 0);
        } else {
            ck_assert_int_eq(p->node[i]->kind, OPT_FIT);
        }
    }
    ck_assert_int_eq(cached, 3); /* two blocks for the models, the binned matrix; raw is not needed */
    ck_assert_double_lt(p->seconds, cold);
    ck_assert_double_eq_tol(p->trial_alone[0], alone, 1e-12); /* what it would cost alone does not change */
    check_schedule(p, 2);
    opt_plan_free(p);
}
END_TEST

START_TEST(nominal_mode_sees_neither_threads_nor_cache)
{
    m.model.nominal = true;
    struct asx_config c[6];
    struct opt_trial t[6];
    for (int i = 0; i < 6; i++) {
        c[i] = plan_make_config(&m, i < 3 ? PLAN_LOGIT : PLAN_BOOST, "{}");
        t[i] = trial(i + 1, &c[i], i < 3 ? 0 : 25, 5);
    }
    m.ctx.threads = 1;
    struct opt_plan *a = plan_make_wave(&m, t, 6);
    m.ctx.threads = 8;
    m.machine.bandwidth_total = 1e9;
    struct opt_plan *b = plan_make_wave(&m, t, 6);
    ck_assert_int_eq(a->nodes, b->nodes);
    for (int i = 0; i < a->nodes; i++) {
        ck_assert(key_equal(a->node[i]->key, b->node[i]->key));
        ck_assert_str_eq(a->node[i]->way, b->node[i]->way);
        ck_assert_int_eq(a->node[i]->members, b->node[i]->members);
    }
    for (int i = 0; i < 6; i++)
        ck_assert_double_eq(a->trial_seconds[i], b->trial_seconds[i]);
    check_schedule(b, 8);
    opt_plan_free(a);
    opt_plan_free(b);
}
END_TEST

START_TEST(lone_fits_get_more_threads)
{
    m.ctx.threads = 4;
    struct asx_config c = plan_make_config(&m, PLAN_BOOST, "{}");
    struct opt_trial t = trial(1, &c, 100, 1);
    struct opt_plan *p = plan_make_wave(&m, &t, 1);
    ck_assert_int_eq(first(p, "fit boost")->threads, 4);
    check_schedule(p, 4);
    opt_plan_free(p);
    t.to.folds = 5;
    p = plan_make_wave(&m, &t, 1);
    ck_assert_int_eq(first(p, "fit boost")->threads, 1); /* trials and folds before threads inside */
    check_schedule(p, 4);
    opt_plan_free(p);
}
END_TEST

START_TEST(memory_limits_concurrency_and_batches)
{
    struct asx_config c[20];
    struct opt_trial t[20];
    for (int i = 0; i < 20; i++) {
        c[i] = plan_make_config(&m, PLAN_LOGIT, "{}");
        t[i] = trial(i + 1, &c[i], 0, 5);
    }
    struct opt_plan *wide = plan_make_wave(&m, t, 20);
    int most = 0, tight_most = 0;
    for (int i = 0; i < wide->nodes; i++)
        most = wide->node[i]->members > most ? wide->node[i]->members : most;
    m.ctx.memory = 20 << 20;
    struct opt_plan *tight = plan_make_wave(&m, t, 20);
    for (int i = 0; i < tight->nodes; i++)
        tight_most = tight->node[i]->members > tight_most ? tight->node[i]->members : tight_most;
    ck_assert_int_gt(most, tight_most);
    ck_assert_uint_le(tight->host_peak, wide->host_peak);
    ck_assert_int_eq(members(tight, NULL), 100);
    opt_plan_free(wide);
    opt_plan_free(tight);
}
END_TEST

START_TEST(prices_are_marginal)
{
    struct asx_config a = plan_make_config(&m, PLAN_RIDGE, "{\"l2\":0.1}"), b = plan_make_config(&m, PLAN_RIDGE, "{\"l2\":10}");
    struct asx_fidelity none = {0}, full = {.rows = 1, .folds = 5};
    struct opt_pricer *p = opt_pricer_create(&m.ctx);
    double first_s, second_s, again_s, bytes;
    opt_pricer_begin(p);
    opt_pricer_add(p, &a, none, full, &first_s, &bytes);
    opt_pricer_add(p, &b, none, full, &again_s, &bytes);
    ck_assert_double_eq_tol(first_s, again_s, 1e-9 * first_s); /* not committed: nothing is shared yet */
    opt_pricer_add(p, &a, none, full, &first_s, &bytes);
    opt_pricer_commit(p);
    opt_pricer_add(p, &b, none, full, &second_s, &bytes);
    ck_assert_double_lt(second_s, 0.2 * first_s); /* the Gram is there */
    opt_pricer_begin(p);
    opt_pricer_add(p, &b, none, full, &again_s, &bytes);
    ck_assert_double_eq_tol(first_s, again_s, 1e-9 * first_s);
    opt_pricer_destroy(p);
}
END_TEST

START_TEST(learners_without_needs_and_empty_waves)
{
    struct asx_config c = plan_make_config(&m, PLAN_LONE, "{}");
    struct opt_trial t = trial(1, &c, 0, 5);
    struct opt_plan *p = plan_make_wave(&m, &t, 1);
    ck_assert_int_eq(members(p, NULL), 5);
    opt_plan_free(p);
    p = plan_make_wave(&m, NULL, 0);
    ck_assert_int_eq(p->nodes, 0);
    opt_plan_free(p);
    t.from = t.to; /* all folds done */
    p = plan_make_wave(&m, &t, 1);
    ck_assert_int_eq(p->nodes, 0);
    opt_plan_free(p);
}
END_TEST

START_TEST(core_steps_are_placed_after_their_inputs)
{
    static const struct asx_op score = {.head = {"trial.score/held_out", ""}};
    struct asx_config c = plan_make_config(&m, PLAN_BOOST, "{}");
    struct opt_trial t = trial(1, &c, 25, 5);
    struct opt_plan *p = plan_make_wave(&m, &t, 1);
    int input[16], n = 0, nodes = p->nodes;
    for (int i = 0; i < p->nodes; i++)
        if (p->node[i]->kind == OPT_FIT)
            input[n++] = i;
    int id = opt_plan_add_core(p, &m.ctx, &score, "score", NULL, input, n, (struct asx_key){9, 9}, &t);
    ck_assert_int_eq(id, nodes);
    opt_plan_place(p, &m.ctx);
    check_schedule(p, 2);
    ck_assert_ptr_eq(p->node[id]->core, &t);
    opt_plan_free(p);
}
END_TEST

/* ---- schedules against all schedules ---------------------------------------------------- */

enum { SMALL = 6 };

static void io_work(const struct asx_problem *p, const struct asx_batch *b, struct asx_work *w)
{
    (void)p;
    asx_work_add(w->once, &w->n_once, (struct asx_use){.k = ASX_KC_IO, .m = b->shape.rows});
}

/* Makespan when nodes are started in this order, each as soon as its inputs and one of two threads allow. */
static double makespan_of(const struct opt_plan *p, const int *order, const double *seconds)
{
    double end[SMALL] = {0}, busy_until[2] = {0, 0}, last = 0;
    for (int i = 0; i < p->nodes; i++) {
        const struct opt_node *n = p->node[order[i]];
        double start = 0;
        for (int k = 0; k < n->inputs; k++)
            start = fmax(start, end[n->input[k]]);
        int t = busy_until[1] < busy_until[0];
        end[n->id] = busy_until[t] = fmax(start, busy_until[t]) + seconds[n->id];
        last = fmax(last, end[n->id]);
    }
    return last;
}

static bool respects_inputs(const struct opt_plan *p, const int *order)
{
    bool seen[SMALL] = {false};
    for (int i = 0; i < p->nodes; i++) {
        for (int k = 0; k < p->node[order[i]]->inputs; k++)
            if (!seen[p->node[order[i]]->input[k]])
                return false;
        seen[order[i]] = true;
    }
    return true;
}

static double best_of_all(const struct opt_plan *p, int *order, int at, const double *seconds)
{
    if (at == p->nodes)
        return respects_inputs(p, order) ? makespan_of(p, order, seconds) : INFINITY;
    double best = INFINITY;
    for (int i = at; i < p->nodes; i++) {
        int t = order[at];
        order[at] = order[i];
        order[i] = t;
        best = fmin(best, best_of_all(p, order, at + 1, seconds));
        order[i] = order[at];
        order[at] = t;
    }
    return best;
}

START_TEST(schedules_are_near_the_best)
{
    static const struct asx_op io = {.head = {"io.run/plain", ""}, .work = io_work};
    struct rng r = rng_stream(1, 1, 2, 3);
    double sum = 0;
    for (int round = 0; round < 150; round++) {
        struct opt_plan *p = NULL;
        double seconds[SMALL];
        ck_assert_int_eq(opt_plan_create(m.mem, &p), ASX_OK);
        for (int i = 0; i < SMALL; i++) {
            struct asx_shape shape = {.rows = 1e8 * (1 + (double)rng_below(&r, 9))};
            int input[SMALL], inputs = 0;
            for (int k = 0; k < i; k++)
                if (rng_below(&r, 3) == 0)
                    input[inputs++] = k;
            ck_assert_int_eq(
                opt_plan_add_core(p, &m.ctx, &io, "run", &shape, input, inputs, (struct asx_key){(uint64_t)i, 1}, NULL), i);
            seconds[i] = p->node[i]->cost.total_s;
        }
        opt_plan_place(p, &m.ctx);
        check_schedule(p, 2);
        int order[SMALL] = {0, 1, 2, 3, 4, 5};
        double best = best_of_all(p, order, 0, seconds), ratio = p->seconds / best;
        ck_assert_double_ge(ratio, 1 - 1e-9);
        ck_assert_double_le(ratio, 1.5 + 1e-9); /* Graham: 2 - 1/2 */
        sum += ratio;
        opt_plan_free(p);
    }
    ck_assert_double_lt(sum / 150, 1.03);
}
END_TEST

START_TEST(allocation_failures_leak_nothing)
{
    struct asx_config c[2] = {plan_make_config(&m, PLAN_LOGIT, "{}"),
                              plan_make_config(&m, PLAN_BOOST, "{\"categorical\":\"target\"}")};
    struct opt_trial t[2] = {trial(1, &c[0], 0, 3), trial(2, &c[1], 25, 3)};
    uint64_t before = mem_used(m.mem);
    int failed = 0;
    for (long k = 1; k < 400; k++) {
        struct opt_plan *p = NULL;
        struct asx_err err = {0};
        mem_fault_after(k);
        asx_st st = opt_plan_wave(&m.ctx, t, 2, &p, &err);
        mem_fault_after(0);
        ck_assert(st == ASX_OK || st == ASX_E_NOMEM);
        failed += st == ASX_E_NOMEM;
        if (!st)
            opt_plan_free(p);
        ck_assert_uint_eq(mem_used(m.mem), before);
    }
    ck_assert_int_gt(failed, 100);
}
END_TEST

Suite *suite_plan(void)
{
    Suite *s = suite_create("plan");
    TCase *c = tcase_create("plan");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, bins_are_built_once);
    tcase_add_test(c, fold_steps_make_blocks_per_fold);
    tcase_add_test(c, gram_is_shared_and_fits_are_batched);
    tcase_add_test(c, switches_change_the_plan_not_its_steps);
    tcase_add_test(c, approximate_ways_only_when_asked_for);
    tcase_add_test(c, rungs_continue_and_refits_use_all_rows);
    tcase_add_test(c, cached_artefacts_cost_nothing);
    tcase_add_test(c, nominal_mode_sees_neither_threads_nor_cache);
    tcase_add_test(c, lone_fits_get_more_threads);
    tcase_add_test(c, memory_limits_concurrency_and_batches);
    tcase_add_test(c, prices_are_marginal);
    tcase_add_test(c, learners_without_needs_and_empty_waves);
    tcase_add_test(c, core_steps_are_placed_after_their_inputs);
    tcase_add_test(c, schedules_are_near_the_best);
    tcase_add_test(c, allocation_failures_leak_nothing);
    suite_add_tcase(s, c);
    return s;
}
