/* SPDX-License-Identifier: Apache-2.0 */
/* Laws of ask and tell, on made-up learners whose scores are formulas. */
#include "base/mem.h"
#include "search/random/draw.h"

#include <assay/ext/strategy.h>
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

extern const struct asx_strategy asx_strategy_random;

static const char *const kinds[] = {"plain", "fancy"};
static const struct asx_param boost_params[] = {
    {.name = "n_estimators", .kind = ASX_INT, .low = 20, .high = 3000, .log = true, .def = 900, .fixed = true},
    {.name = "learning_rate", .kind = ASX_REAL, .low = 0.01, .high = 0.3, .log = true, .def = 0.1},
    {.name = "num_leaves", .kind = ASX_INT, .low = 2, .high = 200, .log = true, .def = 31},
    {.name = "kind", .kind = ASX_CHOICE, .choices = kinds, .n_choices = 2, .def = 0},
    {.name = "fanciness", .kind = ASX_REAL, .low = 1, .high = 2, .def = 1.5, .only_if = "kind=fancy"},
    {.name = "flag", .kind = ASX_BOOL, .def = 0},
};
static const double steps[] = {0.5, 2, 8};
static const struct asx_param line_params[] = {
    {.name = "l2", .kind = ASX_REAL, .low = 1e-4, .high = 1e4, .log = true, .def = 1},
    {.name = "choice", .kind = ASX_REAL, .low = 0.5, .high = 8, .def = 2, .values = steps, .n_values = 3},
};
static const char *const boost_first[] = {"{}", "{\"num_leaves\":8,\"kind\":\"fancy\",\"fanciness\":1.25,\"unknown\":1}",
                                          "not json", NULL};
static const struct asx_learner boost = {.head = {"gbdt", "x"},
                                         .tasks = ASX_ANY_TASK,
                                         .params = boost_params,
                                         .n_params = 6,
                                         .first = boost_first,
                                         .iterations = "n_estimators",
                                         .first_rung = 100,
                                         .nominal_cost = 1};
static const struct asx_learner line = {
    .head = {"ridge", "x"}, .tasks = ASX_ANY_TASK, .params = line_params, .n_params = 2, .nominal_cost = 0.1};
static const struct asx_learner bad = {
    .head = {"mlp", "always fails"}, .tasks = ASX_ANY_TASK, .params = line_params, .n_params = 1};
static const struct asx_learner none = {.head = {"knn", "no parameters"}, .tasks = ASX_ANY_TASK};
static const struct asx_space boost_space = {6, boost_params}, line_space = {2, line_params}, bad_space = {1, line_params},
                              none_space = {0, NULL};
static const struct asx_learner *const learners[] = {&boost, &line, &bad, &none};
static const struct asx_space *const spaces[] = {&boost_space, &line_space, &bad_space, &none_space};
static const struct asx_metric metric = {.head = {"roc_auc", ""}, .greater_is_better = true};
static struct asx_problem problem;

static struct asx_search search_of(int max_configs, uint64_t seed)
{
    problem = (struct asx_problem){.task = ASX_BINARY, .metric = &metric};
    return (struct asx_search){.problem = &problem,
                               .learner = learners,
                               .space = spaces,
                               .learners = 4,
                               .max_configs = max_configs,
                               .folds = 5,
                               .seed = seed};
}

/* ---- a world in which trials have outcomes ------------------------------------------------- */

/* Best near learning rate 0.05 and 20 leaves; curves rise, and fall again after 300 rounds when leaves are many. */
static double boost_score(const struct asx_config *c, double rounds)
{
    double rate = asx_config_get(c, "learning_rate"), leaves = asx_config_get(c, "num_leaves");
    double top = 0.9 - 0.02 * fabs(log(rate / 0.05)) - 0.01 * fabs(log(leaves / 20)) + 0.005 * asx_config_get(c, "kind");
    double fall = leaves > 100 && rounds > 60 ? 1e-4 * (rounds - 60) : 0;
    return top - 0.2 * exp(-rounds * rate / 3) - fall;
}

struct world {
    struct asx_curve curve;
    int iteration[4000];
    double value[4000];
    double seconds;
};

static struct asx_outcome outcome_of(struct world *w, const struct asx_ask *a)
{
    struct asx_outcome o = {.ask = a, .state = ASX_FINISHED, .seconds = w->seconds};
    const struct asx_learner *l = a->config.learner;
    if (l == &bad) {
        o.state = ASX_FAILED;
        o.validation = NAN;
    } else if (l == &boost) {
        w->curve = (struct asx_curve){.iteration = w->iteration, .value = w->value};
        o.validation = -1;
        for (int r = 10; r <= a->to.iterations; r += 10) {
            double v = boost_score(&a->config, r);
            w->iteration[w->curve.n] = r;
            w->value[w->curve.n++] = v;
            if (v > o.validation) {
                o.validation = v;
                o.best_iteration = r;
            }
        }
        o.curve = &w->curve;
    } else if (l == &line) {
        o.validation = 0.8 - 0.01 * fabs(log(asx_config_get(&a->config, "l2") / 30));
    } else {
        o.validation = 0.6;
    }
    return o;
}

struct price_list {
    double boost_round, other, left;
    int calls;
};

static void price_add(void *self, const struct asx_config *c, struct asx_fidelity from, struct asx_fidelity to, double *s,
                      double *b)
{
    struct price_list *p = self;
    p->calls++;
    double rounds = to.iterations - (to.folds == from.folds ? from.iterations : 0);
    *s = (c->learner == &boost ? p->boost_round * rounds : p->other) * to.folds / 5;
    *b = 1;
}

static void nothing(void *self)
{
    (void)self;
}

static struct asx_prices prices_of(struct price_list *p)
{
    return (struct asx_prices){
        .self = p, .begin = nothing, .add = price_add, .commit = nothing, .seconds_left = p->left, .wave_seconds = 1};
}

enum { MOST = 2000 };

/* Runs waves of `wave` trials to the end; returns the number of asks. */
static int run(const struct asx_search *s, struct price_list *p, int wave, struct asx_ask *ask, struct asx_outcome *told, int most)
{
    struct asx_strategy_state *t = NULL;
    struct asx_err err = {0};
    struct world w = {.seconds = 0.1};
    struct asx_prices prices = prices_of(p);
    ck_assert_int_eq(asx_strategy_random.open(s, &t, &err), ASX_OK);
    int n = 0;
    for (;;) {
        int from = n;
        while (n < most && n - from < wave && asx_strategy_random.ask(t, &prices, &ask[n]) == ASX_OK)
            n++;
        if (n == from)
            break;
        for (int i = from; i < n; i++) {
            told[i] = outcome_of(&w, &ask[i]);
            asx_strategy_random.tell(t, &told[i]);
            told[i].curve = NULL;
        }
    }
    if (n < most && p->left >= 3600)
        ck_assert(asx_strategy_random.exhausted(t));
    asx_strategy_random.close(t);
    return n;
}

static struct asx_ask *ask_a, *ask_b;
static struct asx_outcome *told_a, *told_b;

static void set_up(void)
{
    ask_a = calloc(MOST, sizeof *ask_a);
    ask_b = calloc(MOST, sizeof *ask_b);
    told_a = calloc(MOST, sizeof *told_a);
    told_b = calloc(MOST, sizeof *told_b);
}

static void tear_down(void)
{
    free(ask_a);
    free(ask_b);
    free(told_a);
    free(told_b);
}

static bool same_ask(const struct asx_ask *a, const struct asx_ask *b)
{
    if (a->trial != b->trial || a->config_id != b->config_id || a->config.learner != b->config.learner)
        return false;
    for (int i = 0; i < a->config.space->n; i++)
        if (a->config.value[i] != b->config.value[i])
            return false;
    return a->from.iterations == b->from.iterations && a->to.iterations == b->to.iterations && a->to.folds == b->to.folds;
}

/* ---- laws ------------------------------------------------------------------------------------ */

START_TEST(same_seed_same_asks)
{
    struct price_list p = {.boost_round = 1e-3, .other = 0.01, .left = 3600};
    for (int wave = 1; wave <= 8; wave += 7) {
        struct asx_search s = search_of(60, 7), other = search_of(60, 8);
        int n = run(&s, &p, wave, ask_a, told_a, MOST), m = run(&s, &p, wave, ask_b, told_b, MOST);
        ck_assert_int_eq(n, m);
        for (int i = 0; i < n; i++)
            ck_assert(same_ask(&ask_a[i], &ask_b[i]));
        m = run(&other, &p, wave, ask_b, told_b, MOST);
        bool differ = n != m;
        for (int i = 0; i < n && i < m; i++)
            differ |= !same_ask(&ask_a[i], &ask_b[i]);
        ck_assert(differ);
    }
}
END_TEST

START_TEST(limit_counts_configs)
{
    struct price_list p = {.boost_round = 1e-3, .other = 0.01, .left = 3600};
    for (int most = 1; most <= 40; most += 13) {
        struct asx_search s = search_of(most, 1);
        int n = run(&s, &p, 4, ask_a, told_a, MOST), highest = 0, distinct = 0;
        for (int i = 0; i < n; i++) {
            ck_assert_int_eq(ask_a[i].trial, i + 1);
            distinct += ask_a[i].config_id > highest;
            highest = ask_a[i].config_id > highest ? ask_a[i].config_id : highest;
        }
        ck_assert_int_eq(highest, most);
        ck_assert_int_eq(distinct, most); /* new ids come in order */
    }
    struct asx_search one = search_of(1, 1);
    run(&one, &p, 1, ask_a, told_a, MOST);
    ck_assert_ptr_eq(ask_a[0].config.learner, &boost); /* few configs: the strongest learner first */
}
END_TEST

START_TEST(configs_never_repeat)
{
    struct price_list p = {.boost_round = 1e-3, .other = 0.01, .left = 3600};
    struct asx_search s = search_of(300, 3);
    int n = run(&s, &p, 8, ask_a, told_a, MOST), failed = 0, per_learner[4] = {0};
    for (int i = 0; i < n; i++) {
        const struct asx_config *c = &ask_a[i].config;
        for (int k = 0; k < 4; k++)
            per_learner[k] += c->learner == learners[k];
        failed += c->learner == &bad;
        for (int j = 0; j < i; j++) {
            struct asx_key a = draw_key(c), b = draw_key(&ask_a[j].config);
            ck_assert_int_eq(a.hi == b.hi && a.lo == b.lo, ask_a[i].config_id == ask_a[j].config_id);
        }
    }
    ck_assert(failed >= 1 && failed <= 3);            /* a learner that only fails is given up */
    ck_assert_int_eq(per_learner[3], 1);              /* one point in its space */
    ck_assert_int_gt(per_learner[0], per_learner[1]); /* the better learner gets more */
}
END_TEST

START_TEST(rungs_continue)
{
    struct price_list p = {.boost_round = 1e-3, .other = 0.01, .left = 3600};
    struct asx_search s = search_of(60, 5);
    int n = run(&s, &p, 4, ask_a, told_a, MOST), at[400] = {0}, best[400] = {0}, full = 0, first = 0, promoted = 0;
    for (int i = 0; i < n; i++) {
        const struct asx_ask *a = &ask_a[i];
        ck_assert_int_eq(a->to.folds, 5);
        ck_assert(a->to.rows == 1);
        if (a->config.learner != &boost)
            continue;
        ck_assert_int_eq(a->from.iterations, at[a->config_id]);
        ck_assert(a->to.iterations == 100 || a->to.iterations == 300 || a->to.iterations == 900);
        ck_assert_int_gt(a->to.iterations, a->from.iterations);
        if (a->from.iterations) {
            promoted++;
            ck_assert(best[a->config_id] >= 0.7 * a->from.iterations); /* past its best: never */
        } else {
            first++;
        }
        at[a->config_id] = a->to.iterations;
        best[a->config_id] = told_a[i].best_iteration;
        full += a->to.iterations == 900;
    }
    ck_assert_int_ge(full, 1);
    ck_assert_int_ge(promoted, 3);
    ck_assert_int_lt(promoted, first); /* about a third each */
}
END_TEST

START_TEST(telling_is_replaying)
{
    struct price_list p = {.boost_round = 1e-3, .other = 0.01, .left = 3600};
    struct asx_search s = search_of(50, 11);
    int n = run(&s, &p, 1, ask_a, told_a, MOST);
    for (int cut = 0; cut < n; cut += 7) {
        struct asx_strategy_state *t = NULL;
        struct asx_err err = {0};
        struct world w = {.seconds = 0.1};
        struct asx_prices prices = prices_of(&p);
        ck_assert_int_eq(asx_strategy_random.open(&s, &t, &err), ASX_OK);
        for (int i = 0; i < n; i++) {
            struct asx_ask ask;
            if (i >= cut) {
                ck_assert_int_eq(asx_strategy_random.ask(t, &prices, &ask), ASX_OK);
                ck_assert(same_ask(&ask, &ask_a[i]));
            }
            struct asx_outcome o = outcome_of(&w, &ask_a[i]);
            asx_strategy_random.tell(t, &o);
        }
        ck_assert(asx_strategy_random.exhausted(t));
        asx_strategy_random.close(t);
    }
}
END_TEST

/* A replay that asks under other prices than the recorded run had: what is told counts, nothing stays pending. */
START_TEST(told_beats_asked)
{
    struct price_list then = {.boost_round = 0.002, .other = 0.5, .left = 3600},
                      now = {.boost_round = 5, .other = 0.01, .left = 3600};
    struct asx_search s = search_of(40, 11);
    int n = run(&s, &then, 4, ask_a, told_a, MOST), used = 0;
    struct asx_strategy_state *t = NULL;
    struct asx_err err = {0};
    struct world w = {.seconds = 0.1};
    struct asx_prices prices = prices_of(&now);
    ck_assert_int_eq(asx_strategy_random.open(&s, &t, &err), ASX_OK);
    for (int i = 0; i < n / 2; i++) {
        struct asx_ask ignored;
        used += asx_strategy_random.ask(t, &prices, &ignored) == ASX_OK && !same_ask(&ignored, &ask_a[i]);
        struct asx_outcome o = outcome_of(&w, &ask_a[i]);
        asx_strategy_random.tell(t, &o);
    }
    ck_assert_int_gt(used, 0); /* they did differ */
    int at = n / 2, highest = 0;
    for (int i = 0; i < at; i++)
        highest = ask_a[i].config_id > highest ? ask_a[i].config_id : highest;
    struct asx_ask ask;
    prices = prices_of(&then);
    while (asx_strategy_random.ask(t, &prices, &ask) == ASX_OK) {
        ck_assert_int_eq(ask.trial, ++at);
        for (int i = 0; i < n / 2; i++) { /* nothing is tried again */
            struct asx_key a = draw_key(&ask.config), b = draw_key(&ask_a[i].config);
            ck_assert((a.hi != b.hi || a.lo != b.lo) || ask.config_id == ask_a[i].config_id);
        }
        highest = ask.config_id > highest ? ask.config_id : highest;
        struct asx_outcome o = outcome_of(&w, &ask);
        asx_strategy_random.tell(t, &o);
    }
    ck_assert(asx_strategy_random.exhausted(t));
    ck_assert_int_ge(highest, 40);
    asx_strategy_random.close(t);
}
END_TEST

START_TEST(prices_bound_what_is_asked)
{
    struct price_list p = {.boost_round = 1, .other = 0.01, .left = 10}; /* 100 rounds cost 100 s, on one fold 20 s */
    struct asx_search s = search_of(30, 2);
    int n = run(&s, &p, 4, ask_a, told_a, MOST);
    ck_assert_int_gt(n, 10);
    for (int i = 0; i < n; i++)
        ck_assert_ptr_ne(ask_a[i].config.learner, &boost);
    p.boost_round = 0.02; /* 2 s: more than 15 % of the rest, so one fold first, then all */
    n = run(&s, &p, 1, ask_a, told_a, MOST);
    bool part = false, all = false;
    for (int i = 0; i < n; i++)
        if (ask_a[i].config.learner == &boost) {
            part |= ask_a[i].from.folds == 0 && ask_a[i].to.folds == 1 && ask_a[i].to.iterations == 100;
            all |= ask_a[i].from.folds == 1 && ask_a[i].to.folds == 5 && ask_a[i].to.iterations == 100;
        }
    ck_assert(part && all);
    p = (struct price_list){.boost_round = 1, .other = 1000, .left = 1}; /* nothing fits: something is tried all the same */
    n = run(&s, &p, 1, ask_a, told_a, 1);
    ck_assert_int_eq(n, 1);
    ck_assert_ptr_eq(ask_a[0].config.learner, &boost);
    p = (struct price_list){.boost_round = NAN, .other = NAN, .left = 1}; /* unknown prices stop nothing */
    ck_assert_int_gt(run(&s, &p, 1, ask_a, told_a, MOST), 20);
}
END_TEST

START_TEST(finds_what_is_good)
{
    struct price_list p = {.boost_round = 1e-3, .other = 0.01, .left = 3600};
    double mean = 0;
    for (uint64_t seed = 0; seed < 10; seed++) {
        struct asx_search s = search_of(80, seed);
        int n = run(&s, &p, 8, ask_a, told_a, MOST);
        double best = 0;
        for (int i = 0; i < n; i++)
            best = fmax(best, told_a[i].state == ASX_FINISHED ? told_a[i].validation : 0);
        mean += best / 10;
    }

    ck_assert_msg(mean > 0.898, "%g of at most 0.905", mean); /* the default reaches 0.8818 */
}
END_TEST

START_TEST(warm_configs_come_first)
{
    struct asx_config warm;
    draw_default(&boost, &boost_space, &warm);
    warm.value[2] = 77;
    struct price_list p = {.boost_round = 1e-3, .other = 0.01, .left = 3600};
    struct asx_search s = search_of(1, 1);
    s.warm = &warm;
    s.warms = 1;
    ck_assert_int_ge(run(&s, &p, 1, ask_a, told_a, MOST), 1);
    ck_assert(ask_a[0].config.value[2] == 77);
}
END_TEST

/* ---- draws -------------------------------------------------------------------------------------- */

START_TEST(draws_stay_in_the_space)
{
    int low = 0, fancy = 0, near_fancy = 0, at[3] = {0};
    enum { N = 4000 };
    for (int k = 0; k < N; k++) {
        struct rng rng = rng_stream(5, (uint64_t)k, 0, 0);
        struct asx_config c, d, e;
        draw_random(&boost, &boost_space, &rng, &c);
        draw_near(&c, &rng, &d);
        for (const struct asx_config *x = &c; x; x = x == &c ? &d : NULL) {
            ck_assert(x->value[0] == 900);
            ck_assert(x->value[1] >= 0.01 && x->value[1] <= 0.3);
            ck_assert(x->value[2] >= 2 && x->value[2] <= 200 && x->value[2] == floor(x->value[2]));
            ck_assert(x->value[3] == 0 || x->value[3] == 1);
            ck_assert(x->value[4] >= 1 && x->value[4] <= 2);
            ck_assert(x->value[3] == 1 || x->value[4] == 1.5); /* inactive: its default */
            ck_assert(x->value[5] == 0 || x->value[5] == 1);
        }
        low += c.value[1] < sqrt(0.01 * 0.3);
        fancy += c.value[3] == 1;
        near_fancy += d.value[3] != c.value[3];
        draw_random(&line, &line_space, &rng, &e);
        for (int i = 0; i < 3; i++)
            at[i] += e.value[1] == steps[i];
    }
    ck_assert_int_eq(at[0] + at[1] + at[2], N);
    for (int i = 0; i < 3; i++)
        ck_assert(abs(at[i] - N / 3) < 150);
    ck_assert(abs(low - N / 2) < 150); /* half below the geometric mean */
    ck_assert(abs(fancy - N / 2) < 150);
    ck_assert(near_fancy > 200 && near_fancy < 1200); /* 1.5 of 4 or 5 change, half of them to the same choice */
}
END_TEST

START_TEST(json_and_keys)
{
    struct asx_config a, b;
    ck_assert(draw_json("{\"num_leaves\":1000,\"kind\":\"fancy\",\"flag\":true,\"nothing\":3}", &boost, &boost_space, &a));
    ck_assert(a.value[2] == 200 && a.value[3] == 1 && a.value[5] == 1 && a.value[1] == 0.1);
    ck_assert(draw_json("{\"choice\":3}", &line, &line_space, &b));
    ck_assert(b.value[1] == 2); /* nearest of the list */
    ck_assert(!draw_json("[1]", &line, &line_space, &b));
    ck_assert(!draw_json("{", &line, &line_space, &b));
    draw_default(&boost, &boost_space, &a);
    b = a;
    b.value[4] = 1.9; /* inactive: means the same */
    struct asx_key x = draw_key(&a), y = draw_key(&b);
    ck_assert(x.hi == y.hi && x.lo == y.lo);
    b.value[3] = 1;
    y = draw_key(&b);
    ck_assert(x.hi != y.hi || x.lo != y.lo);
}
END_TEST

START_TEST(out_of_memory)
{
    struct price_list p = {.boost_round = 1e-3, .other = 0.01, .left = 3600};
    for (long k = 1; k < 60; k++) {
        struct asx_search s = search_of(10, 1);
        struct asx_strategy_state *t = NULL;
        struct asx_err err = {0};
        struct asx_prices prices = prices_of(&p);
        struct world w = {.seconds = 0.1};
        mem_fault_after(k);
        asx_st st = asx_strategy_random.open(&s, &t, &err);
        if (st != ASX_OK) {
            ck_assert_int_eq(st, ASX_E_NOMEM);
            mem_fault_after(0);
            continue;
        }
        struct asx_ask ask;
        for (int i = 0; i < 20; i++) {
            st = asx_strategy_random.ask(t, &prices, &ask);
            ck_assert(st == ASX_OK || st == ASX_NONE || st == ASX_E_NOMEM);
            if (st != ASX_OK)
                continue;
            struct asx_outcome o = outcome_of(&w, &ask);
            asx_strategy_random.tell(t, &o);
        }
        mem_fault_after(0);
        asx_strategy_random.close(t);
    }
}
END_TEST

Suite *suite_random(void);
Suite *suite_random(void)
{
    Suite *s = suite_create("random");
    TCase *c = tcase_create("random");
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_set_timeout(c, 60);
    tcase_add_test(c, same_seed_same_asks);
    tcase_add_test(c, limit_counts_configs);
    tcase_add_test(c, configs_never_repeat);
    tcase_add_test(c, rungs_continue);
    tcase_add_test(c, telling_is_replaying);
    tcase_add_test(c, told_beats_asked);
    tcase_add_test(c, prices_bound_what_is_asked);
    tcase_add_test(c, finds_what_is_good);
    tcase_add_test(c, warm_configs_come_first);
    tcase_add_test(c, draws_stay_in_the_space);
    tcase_add_test(c, json_and_keys);
    tcase_add_test(c, out_of_memory);
    suite_add_tcase(s, c);
    return s;
}
