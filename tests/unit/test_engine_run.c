/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a run leaves behind: its JSON (every key of the contract, of the right type), the views of the catalog, what
 * becomes of failing trials, and that predictions are committed before ops start. Explain: its keys, that its first
 * wave is the one that runs, what-if machines, and that a way switched off changes the plan.
 */
#include "tests/runner.h"
#include "tests/support/run_make.h"

#include "base/err.h"
#include "catalog/store.h"
#include "engine/registry.h"
#include "engine/session.h"

#include <check.h>
#include <glob.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Suite *suite_engine_run(void);

#define SET(...) ((const char *const[]){__VA_ARGS__, NULL})

/* ---- JSON -------------------------------------------------------------------------------------- */

/* n number, N number or null, i integer, s string, S string or null, b boolean, o object, a array */
static void check_key(const json_t *o, const char *key, char type)
{
    const json_t *v = json_object_get(o, key);
    ck_assert_msg(v != NULL, "key '%s' is missing", key);
    bool null = json_is_null(v), good = false;
    switch (type) {
    case 'n': good = json_is_number(v); break;
    case 'N': good = json_is_number(v) || null; break;
    case 'i': good = json_is_integer(v); break;
    case 's': good = json_is_string(v); break;
    case 'S': good = json_is_string(v) || null; break;
    case 'b': good = json_is_boolean(v); break;
    case 'o': good = json_is_object(v); break;
    case 'a': good = json_is_array(v); break;
    default: break;
    }
    ck_assert_msg(good, "key '%s' has another type than '%c'", key, type);
}

struct key {
    const char *name;
    char type;
};

static void check_keys(const json_t *o, const struct key *k, size_t n)
{
    for (size_t i = 0; i < n; i++)
        check_key(o, k[i].name, k[i].type);
}
#define CHECK_KEYS(o, list) check_keys(o, list, sizeof(list) / sizeof *(list))

static const struct key top_keys[] = {{"assay", 's'},       {"run", 's'},       {"task", 's'},
                                      {"target", 's'},      {"rows", 'i'},      {"columns", 'i'},
                                      {"classes", 'a'},     {"metric", 's'},    {"greater_is_better", 'b'},
                                      {"budget_s", 'N'},    {"elapsed_s", 'n'}, {"peak_rss_bytes", 'i'},
                                      {"stop_reason", 's'}, {"best", 'o'},      {"leaderboard", 'a'},
                                      {"trials", 'o'},      {"costs", 'o'},     {"sharing", 'o'},
                                      {"warnings", 'a'},    {"timeline", 'a'}};
static const struct key best_keys[] = {{"model", 's'},  {"learner", 's'}, {"validation", 'n'},
                                       {"ci_low", 'n'}, {"ci_high", 'n'}, {"test", 'N'}};
static const struct key row_keys[] = {{"rank", 'i'},
                                      {"model", 's'},
                                      {"learner", 's'},
                                      {"config", 'o'},
                                      {"fidelity", 'n'},
                                      {"validation", 'n'},
                                      {"ci_low", 'N'},
                                      {"ci_high", 'N'},
                                      {"test", 'N'},
                                      {"fit_s", 'n'},
                                      {"fit_predicted_s", 'n'},
                                      {"fit_alone_s", 'n'},
                                      {"predict_us_per_row", 'N'},
                                      {"peak_bytes", 'i'},
                                      {"peak_predicted_bytes", 'i'},
                                      {"device", 's'},
                                      {"weight", 'n'},
                                      {"pareto", 'b'},
                                      {"seed", 'i'},
                                      {"plan", 's'}};
static const struct key trial_keys[] = {{"finished", 'i'}, {"failed", 'i'}, {"pruned", 'i'}};
static const struct key cost_keys[] = {{"q_error_median", 'N'}, {"q_error_p95", 'N'}, {"memory_underestimates", 'i'}};
static const struct key sharing_keys[] = {{"hits", 'i'}, {"seconds_saved", 'n'}};

/* By definition: no other row is at least as good and faster, or better and as fast. */
static void check_front(const json_t *b)
{
    const json_t *rows = json_object_get(b, "leaderboard"), *x, *y;
    bool greater = json_is_true(json_object_get(b, "greater_is_better"));
    for (size_t i = 0; i < json_array_size(rows); i++) {
        x = json_array_get(rows, i);
        const json_t *us = json_object_get(x, "predict_us_per_row");
        bool front = json_is_number(us);
        for (size_t k = 0; k < json_array_size(rows) && front; k++) {
            y = json_array_get(rows, k);
            double ds = json_number_value(json_object_get(y, "validation")) - json_number_value(json_object_get(x, "validation"));
            double dt = json_number_value(json_object_get(y, "predict_us_per_row")) - json_number_value(us);
            ds = greater ? ds : -ds;
            if (json_is_number(json_object_get(y, "predict_us_per_row")))
                front = !((ds >= 0 && dt < 0) || (ds > 0 && dt <= 0));
        }
        ck_assert_msg(json_is_true(json_object_get(x, "pareto")) == front, "row %zu is %son the front", i + 1, front ? "" : "not ");
    }
}

/* The best is what was saved, under one id: on the board, in the catalog, and for those who predict with it. */
static void check_saved(struct run_make *r, const json_t *b)
{
    const char *id = json_string_value(json_object_get(json_object_get(b, "best"), "model"));
    const json_t *rows = json_object_get(b, "leaderboard");
    char sql[160];
    int shown = 0;
    for (size_t i = 0; i < json_array_size(rows); i++)
        shown += strcmp(json_string_value(json_object_get(json_array_get(rows, i), "model")), id) == 0;
    ck_assert_int_eq(shown, 1);
    snprintf(sql, sizeof sql, "SELECT count(*) FROM runs WHERE 'm' || model = '%s' AND 'r' || id = '%s'", id,
             json_string_value(json_object_get(b, "run")));
    ck_assert_int_eq(run_make_count(r, sql), 1);
    snprintf(sql, sizeof sql, "SELECT count(*) FROM models WHERE 'm' || id = '%s' AND blob IS NOT NULL", id);
    ck_assert_int_eq(run_make_count(r, sql), 1);
}

static void check_board(struct run_make *r, int trials)
{
    const json_t *b = r->board, *row;
    size_t i;
    CHECK_KEYS(b, top_keys);
    CHECK_KEYS(json_object_get(b, "best"), best_keys);
    CHECK_KEYS(json_object_get(b, "trials"), trial_keys);
    CHECK_KEYS(json_object_get(b, "costs"), cost_keys);
    CHECK_KEYS(json_object_get(b, "sharing"), sharing_keys);
    double weights = 0;
    json_array_foreach(json_object_get(b, "leaderboard"), i, row)
    {
        CHECK_KEYS(row, row_keys);
        ck_assert_int_eq(json_integer_value(json_object_get(row, "rank")), (json_int_t)i + 1);
        const char *plan = json_string_value(json_object_get(row, "plan"));
        char sql[96];
        snprintf(sql, sizeof sql, "SELECT count(*) FROM plans WHERE 'p' || id = '%s' AND json LIKE '{%%'", plan);
        ck_assert_msg(run_make_count(r, sql) == 1, "plan %s is not in the catalog", plan);
        if (strcmp(json_string_value(json_object_get(row, "learner")), "ensemble") != 0)
            weights += json_number_value(json_object_get(row, "weight"));
        ck_assert_double_gt(json_number_value(json_object_get(row, "peak_bytes")), 0);
    }
    ck_assert_double_eq_tol(weights, 1, 1e-9);
    check_front(b);
    check_saved(r, b);
    const json_t *t = json_object_get(b, "trials");
    json_int_t sum = json_integer_value(json_object_get(t, "finished")) + json_integer_value(json_object_get(t, "failed")) +
                     json_integer_value(json_object_get(t, "pruned"));
    if (trials)
        ck_assert_int_eq(sum, trials);
    double last = -1;
    json_array_foreach(json_object_get(b, "timeline"), i, row)
    {
        ck_assert_int_eq((int)json_array_size(row), 2);
        ck_assert_double_ge(json_number_value(json_array_get(row, 0)), last);
        last = json_number_value(json_array_get(row, 0));
    }
    const json_t *line = json_object_get(b, "timeline"), *end = json_array_get(line, json_array_size(line) - 1);
    double saved = json_number_value(json_object_get(json_object_get(b, "best"), "validation"));
    double most = json_number_value(json_array_get(end, 1)); /* nothing better than where it ends was saved */
    ck_assert(json_is_true(json_object_get(b, "greater_is_better")) ? most >= saved : most <= saved);
    ck_assert_double_ge(last, 0);
    const json_t *q = json_object_get(json_object_get(b, "costs"), "q_error_median");
    if (json_is_number(q))
        ck_assert_double_ge(json_number_value(q), 1);
}

START_TEST(json_of_a_run)
{
    struct run_make r;
    run_make_open(&r, 120, RUN_MULTICLASS);
    run_make_run(&r, "classify",
                 SET("search.trials", "6", "search.learners", "[logistic, tree, gaussian_nb]", "search.validation", "{folds: 2}",
                     "data.test", r.data));
    check_board(&r, 6);
    ck_assert(json_is_null(json_object_get(r.board, "budget_s")));
    ck_assert(json_is_number(json_object_get(json_object_get(r.board, "best"), "test")));
    run_make_run(&r, "classify",
                 SET("objective.subject_to", "{time: 3s}", "search.learners", "[logistic, gbdt]", "search.validation", "{folds: 2}",
                     "search.ensemble", "false"));
    check_board(&r, 0);
    ck_assert_double_eq(json_number_value(json_object_get(r.board, "budget_s")), 3);
    ck_assert(json_is_null(json_object_get(json_object_get(r.board, "best"), "test")));
    ck_assert_int_eq(json_integer_value(json_object_get(r.board, "columns")), 8);
    run_make_run(&r, "classify",
                 SET("search.trials", "4", "search.learners", "[logistic]", "search.validation", "{folds: 3, group: level}",
                     "data.weights", "c", "data.ignore", "[when, text]"));
    check_board(&r, 4);
    ck_assert_int_eq(json_integer_value(json_object_get(r.board, "columns")), 4); /* a, b, colour, flag */
    run_make_close(&r);
}
END_TEST

/* ---- the catalog ----------------------------------------------------------------------------------- */

START_TEST(views_are_those_of_the_contract)
{
    struct run_make r;
    run_make_open(&r, 120, RUN_BINARY);
    run_make_run(&r, "classify",
                 SET("search.trials", "5", "search.learners", "[logistic, gbdt]", "search.validation", "{folds: 2}"));
    static const char *const columns[][2] = {{"v_runs", "run,task,state,started,trials"},
                                             {"v_trials", "run,trial,config_hash,fidelity,state,error,validation"},
                                             {"v_ops", "run,op,way,lineage_key,predicted_s,measured_s"}};
    for (int i = 0; i < 3; i++) {
        char sql[128];
        snprintf(sql, sizeof sql, "SELECT group_concat(name) FROM pragma_table_info('%s')", columns[i][0]);
        char *names = run_make_text(&r, sql);
        ck_assert_str_eq(names, columns[i][1]);
        free(names);
    }
    char *run = run_make_text(&r, "SELECT run || ' ' || task || ' ' || state || ' ' || trials FROM v_runs");
    ck_assert_str_eq(run, "r1 classify finished 5");
    free(run);
    ck_assert_int_eq(run_make_count(&r, "SELECT count(*) FROM v_runs WHERE started GLOB '[0-9]*-[0-9]*-[0-9]*T*Z'"), 1);
    ck_assert_int_eq(
        run_make_count(&r, "SELECT count(*) FROM v_trials WHERE state NOT IN ('finished', 'failed', 'pruned') OR fidelity > 1"), 0);
    ck_assert_int_eq(run_make_count(&r, "SELECT count(*) - count(DISTINCT config_hash || fidelity) FROM v_trials"), 0);
    ck_assert_int_eq(run_make_count(&r, "SELECT count(*) FROM v_ops WHERE predicted_s IS NULL OR measured_s IS NULL"), 0);
    ck_assert_int_eq(run_make_count(&r, "SELECT count(*) FROM v_ops WHERE substr(way, 1, length(op) + 1) <> op || '/'"), 0);
    ck_assert_int_gt(run_make_count(&r, "SELECT count(*) FROM ops WHERE measured_bytes > 0"), 0);
    run_make_close(&r);
}
END_TEST

/* ---- a learner that fails, and looks at the catalog while it runs ------------------------------------ */

static struct run_make *probed;
static const struct asx_op *plain_fit;
static int fits, unseen;

static asx_st probe_run(struct asx_exec *e, const struct asx_batch *b, struct asx_err *err)
{
    static const char sql[] =
        "SELECT count(*) FROM ops WHERE name = 'probe.fit/plain' AND predicted_s IS NOT NULL AND measured_s IS NULL";
    __atomic_add_fetch(&fits, 1, __ATOMIC_RELAXED);
    if (run_make_count(probed, sql) < 1)
        __atomic_add_fetch(&unseen, 1, __ATOMIC_RELAXED);
    if (asx_config_get(b->member[0].config, "strength") > 0.5)
        return err_set(err, ASX_E_NUMERIC, "strength '%g' is beyond what the probe bears; give less",
                       asx_config_get(b->member[0].config, "strength"));
    return plain_fit->run(e, b, err);
}

static const struct asx_param probe_params[] = {{.name = "strength", .kind = ASX_REAL, .low = 0, .high = 1, .def = 0.25}};
static const char *const probe_first[] = {"{}", NULL};
static struct asx_op probe_fit;
static const struct asx_op *const probe_ways[] = {&probe_fit, NULL};
static struct asx_learner probe;
static const struct asx_learner *const probe_learners[] = {&probe, NULL};
static const struct asx_op *const no_ops[] = {NULL};
static const struct asx_family probe_family = {.head = {"probe", "a family of tests"}, .learner = probe_learners, .op = no_ops};

static void use_probe(struct run_make *r)
{
    static const struct asx_family *family[64];
    static struct asx_registry registry;
    registry = *registry_builtin();
    int n = 0;
    for (; registry.family[n]; n++) {
        family[n] = registry.family[n];
        if (strcmp(family[n]->head.name, "constant") == 0)
            probe = *family[n]->learner[0];
    }
    family[n] = &probe_family;
    family[n + 1] = NULL;
    registry.family = family;
    plain_fit = probe.fit[0];
    probe_fit = *plain_fit;
    probe_fit.head.name = "probe.fit/plain";
    probe_fit.run = probe_run;
    probe.head.name = "probe";
    probe.params = probe_params;
    probe.n_params = 1;
    probe.first = probe_first;
    probe.fit = probe_ways;
    ((struct session *)r->session)->registry = &registry;
    probed = r;
}

START_TEST(failed_trials_are_told_and_not_repeated)
{
    struct run_make r;
    run_make_open(&r, 90, RUN_BINARY);
    use_probe(&r);
    run_make_run(&r, "classify",
                 SET("search.trials", "20", "search.learners", "[probe]", "search.validation", "{folds: 2}", "search.seed", "5"));
    check_board(&r, 20);
    long failed = json_integer_value(json_object_get(json_object_get(r.board, "trials"), "failed"));
    ck_assert_int_gt(failed, 0);
    ck_assert_int_eq(run_make_count(&r, "SELECT count(*) FROM v_trials WHERE state = 'failed'"), failed);
    ck_assert_int_eq(
        run_make_count(
            &r, "SELECT count(*) FROM v_trials WHERE state = 'failed' AND error LIKE '%beyond what the probe bears; give less'"),
        failed);
    ck_assert_int_eq(run_make_count(&r, "SELECT count(*) FROM v_trials WHERE (state = 'failed') <> (error IS NOT NULL)"), 0);
    ck_assert_int_eq(run_make_count(&r, "SELECT count(*) - count(DISTINCT config_hash) FROM v_trials WHERE state = 'failed'"), 0);
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(r.board, "leaderboard"), i, row)
        ck_assert_double_le(json_number_value(json_object_get(json_object_get(row, "config"), "strength")), 0.5);
    ck_assert_int_gt(fits, 0);
    ck_assert_msg(unseen == 0, "%d of %d fits began before their prediction was in the catalog", unseen, fits);
    run_make_close(&r);
}
END_TEST

/* ---- measuring speeds ------------------------------------------------------------------------------------ */

START_TEST(speeds_are_measured_once_and_only_under_a_clock)
{
    struct run_make r;
    run_make_open(&r, 120, RUN_BINARY);
    run_make_run(&r, "classify", SET("search.trials", "3", "search.learners", "[logistic]", "objective.subject_to", "{time: 60s}"));
    ck_assert_int_eq(run_make_count(&r, "SELECT count(*) FROM coefficients"), 0);
    run_make_run(&r, "classify", SET("search.learners", "[logistic]", "objective.subject_to", "{time: 2s}"));
    long n = run_make_count(&r, "SELECT count(*) FROM coefficients WHERE samples > 0");
    ck_assert_int_gt(n, 0);
    free(run_make_text(&r, "CREATE TEMP TABLE seen AS SELECT * FROM coefficients"));
    run_make_run(&r, "classify", SET("search.learners", "[logistic]", "objective.subject_to", "{time: 1s}"));
    ck_assert_int_eq(run_make_count(&r,
                                    "SELECT count(*) FROM seen JOIN coefficients c USING (machine, device, kernel, dtype)"
                                    " WHERE c.rate IS seen.rate AND c.startup_s IS seen.startup_s AND c.samples = seen.samples"),
                     run_make_count(&r, "SELECT count(*) FROM seen"));
    run_make_close(&r);
}
END_TEST

/* ---- explain ------------------------------------------------------------------------------------------------ */

static char *explain(struct run_make *r, const char *const *settings, const char *format, const char *machine, const char *topology,
                     int costs)
{
    assay_task *t = run_make_task(r, "classify", settings);
    struct assay_explain_options o = {.size = sizeof o, .format = format, .machine = machine, .topology = topology, .costs = costs};
    char *text = NULL;
    assay_status st = assay_task_explain(t, &o, &text);
    ck_assert_msg(st == ASSAY_OK, "%s", assay_session_error(r->session));
    assay_task_free(t);
    return text;
}

static json_t *explain_json(struct run_make *r, const char *const *settings, const char *machine, const char *topology)
{
    char *text = explain(r, settings, "json", machine, topology, 0);
    json_error_t e;
    json_t *j = json_loads(text, 0, &e);
    ck_assert_msg(j != NULL, "%s", e.text);
    assay_text_free(text);
    return j;
}

static const struct key explain_keys[] = {{"budget_s", 'N'}, {"seconds", 'n'}, {"host_bytes", 'n'},
                                          {"expected", 'o'}, {"steps", 'a'},   {"front", 'a'}};
static const struct key step_keys[] = {{"id", 'i'},          {"inputs", 'a'},       {"step", 's'},       {"way", 's'},
                                       {"device", 's'},      {"threads", 'i'},      {"batch", 'i'},      {"seconds", 'n'},
                                       {"seconds_low", 'n'}, {"seconds_high", 'n'}, {"host_bytes", 'n'}, {"device_bytes", 'n'},
                                       {"shared_by", 'i'},   {"alternatives", 'a'}};
static const struct key alternative_keys[] = {{"way", 's'}, {"seconds", 'N'}, {"why_not", 's'}};
static const struct key later_keys[] = {{"step", 's'}, {"seconds", 'n'}, {"seconds_low", 'n'}, {"seconds_high", 'n'}};

START_TEST(explain_has_the_keys_of_the_contract)
{
    struct run_make r;
    run_make_open(&r, 120, RUN_BINARY);
    json_t *j = explain_json(&r, SET("search.trials", "40"), NULL, NULL), *row, *alternative;
    CHECK_KEYS(j, explain_keys);
    check_key(json_object_get(j, "expected"), "score", 'N');
    check_key(json_object_get(j, "expected"), "low", 'N');
    check_key(json_object_get(j, "expected"), "high", 'N');
    ck_assert_ptr_nonnull(json_object_get(j, "machine"));
    size_t i, k;
    double fits_total = 0, later = 0;
    json_array_foreach(json_object_get(j, "steps"), i, row)
    {
        CHECK_KEYS(row, step_keys);
        ck_assert_int_eq(json_integer_value(json_object_get(row, "id")), (json_int_t)i + 1);
        ck_assert_ptr_null(json_object_get(row, "measured_seconds"));
        double low = json_number_value(json_object_get(row, "seconds_low")), s = json_number_value(json_object_get(row, "seconds"));
        ck_assert(low <= s && s <= json_number_value(json_object_get(row, "seconds_high")));
        fits_total += s;
        json_array_foreach(json_object_get(row, "alternatives"), k, alternative) CHECK_KEYS(alternative, alternative_keys);
        json_array_foreach(json_object_get(row, "inputs"), k, alternative)
            ck_assert_int_lt(json_integer_value(alternative), (json_int_t)i + 1);
    }
    json_array_foreach(json_object_get(j, "later"), i, row)
    {
        CHECK_KEYS(row, later_keys);
        later += json_number_value(json_object_get(row, "seconds"));
    }
    double whole = json_number_value(json_object_get(j, "seconds"));
    ck_assert_double_gt(later, 0);
    ck_assert(whole > later && whole <= later + fits_total);
    json_decref(j);
    run_make_close(&r);
}
END_TEST

static int batches(const json_t *explained, const char *step)
{
    size_t i;
    json_t *row;
    int trials = 0;
    json_array_foreach(json_object_get(explained, "steps"), i, row) trials +=
        strcmp(json_string_value(json_object_get(row, "step")), step) == 0;
    return trials;
}

/* The wave that explain shows is the wave that the run commits first: each of its trials is scored by one step. */
START_TEST(explain_shows_the_first_wave)
{
    struct run_make r;
    run_make_open(&r, 120, RUN_BINARY);
    const char *const *set =
        SET("search.trials", "25", "search.seed", "7", "search.learners", "[logistic, gbdt, tree, gaussian_nb, knn]");
    run_make_run(&r, "classify", set);
    json_t *j = explain_json(&r, set, NULL, NULL);
    static const char *const learners[] = {"logistic", "gbdt", "tree", "gaussian_nb", "knn"};
    int sum = 0;
    for (int i = 0; i < 5; i++) {
        char step[64], sql[160];
        snprintf(step, sizeof step, "score %s", learners[i]);
        snprintf(sql, sizeof sql, "SELECT count(*) FROM asks WHERE wave = 1 AND learner = '%s'", learners[i]);
        int planned = batches(j, step);
        ck_assert_msg(planned == run_make_count(&r, sql), "%s: %d planned, %ld run", learners[i], planned, run_make_count(&r, sql));
        sum += planned;
    }
    ck_assert_int_gt(sum, 1);
    /* the peak is that of the whole run: no op of any wave took more, nor did two side by side (two threads) */
    double peak = json_number_value(json_object_get(j, "host_bytes"));
    long largest = run_make_count(&r, "SELECT CAST(max(measured_bytes) AS INTEGER) FROM ops");
    ck_assert_int_gt(largest, 0);
    ck_assert_msg(peak >= (double)largest, "%g bytes planned, an op took %ld", peak, largest);
    json_decref(j);
    run_make_close(&r);
}
END_TEST

static const char *const topologies[] = {"pack:2 [numa(memory=64GB)] l3:1 core:4 pu:2", "numa:2 core:8 pu:1", "core:1 pu:1",
                                         "tests/machines/desktop.xml"};
enum { TOPOLOGIES = sizeof topologies / sizeof *topologies };

START_TEST(explain_for_other_machines)
{
    static const int threads[] = {8, 16, 1, 0};
    struct run_make r;
    run_make_open(&r, 120, RUN_BINARY);
    json_t *j = explain_json(&r, SET("search.trials", "10"), NULL, topologies[_i]);
    const json_t *m = json_object_get(j, "machine");
    if (threads[_i])
        ck_assert_int_eq(json_integer_value(json_object_get(m, "cores")), threads[_i]);
    ck_assert_double_gt(json_number_value(json_object_get(j, "seconds")), 0);
    json_decref(j);
    run_make_close(&r);
}
END_TEST

/* Every hwloc XML file of the shared data, where there is one: a plan, or one clear sentence. */
START_TEST(explain_for_recorded_topologies)
{
    const char *dir = getenv("ASSAY_DATA_DIR");
    char pattern[1024];
    glob_t found = {0};
    snprintf(pattern, sizeof pattern, "%s/../topologies/*.xml", dir ? dir : "");
    if (!dir || glob(pattern, 0, NULL, &found) != 0) {
        printf("explain_for_recorded_topologies: skipped, no ASSAY_DATA_DIR with topologies beside it\n");
        return;
    }
    struct run_make r;
    run_make_open(&r, 60, RUN_BINARY);
    int plans = 0;
    for (size_t i = 0; i < found.gl_pathc; i++) {
        assay_task *t = run_make_task(&r, "classify", SET("search.trials", "5", "search.learners", "[logistic, tree]"));
        struct assay_explain_options o = {.size = sizeof o, .format = "json", .topology = found.gl_pathv[i]};
        char *text = NULL;
        assay_status st = assay_task_explain(t, &o, &text);
        ck_assert_msg(st == ASSAY_OK || *assay_session_error(r.session), "%s", found.gl_pathv[i]);
        plans += st == ASSAY_OK;
        assay_text_free(text);
        assay_task_free(t);
    }
    ck_assert_int_gt(plans, 0);
    globfree(&found);
    run_make_close(&r);
}
END_TEST

/* The recorded machine and a shipped data set: the plan without figures is the recorded one. ASSAY_GOLDEN=write renews it. */
START_TEST(explain_is_the_golden_text)
{
    static const char golden[] = "tests/machines/tumor_duo.explain";
    struct run_make r;
    run_make_open_file(&r, "examples/tumor/train.csv");
    char *text = explain(&r,
                         SET("data.target", "diagnosis", "search.trials", "40", "resources.threads", "2", "search.learners",
                             "[logistic, gbdt, tree]", "search.validation", "{folds: 3}"),
                         "text", "tests/machines/duo.json", NULL, 2);
    const char *mode = getenv("ASSAY_GOLDEN");
    if (mode && strcmp(mode, "write") == 0)
        ck_assert_int_eq(assay_write(r.session, golden, text), ASSAY_OK);
    FILE *f = fopen(golden, "r");
    ck_assert_msg(f != NULL, "%s is missing", golden);
    char line[512];
    const char *at = text;
    for (int n = 1; fgets(line, sizeof line, f); n++) {
        size_t length = strlen(line);
        ck_assert_msg(strncmp(at, line, length) == 0, "line %d is now:\n%.120s\nwas:\n%s", n, at, line);
        at += length;
    }
    ck_assert_msg(*at == '\0', "more than recorded: %.120s", at);
    fclose(f);
    assay_text_free(text);
    run_make_close(&r);
}
END_TEST

static bool uses(const json_t *explained, const char *way)
{
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(explained, "steps"), i,
                       row) if (strcmp(json_string_value(json_object_get(row, "way")), way) == 0) return true;
    return false;
}

START_TEST(a_way_switched_off_leaves_the_plan)
{
    struct run_make r;
    run_make_open(&r, 300, RUN_BINARY);
    json_t *on = explain_json(&r, SET("search.trials", "10", "search.learners", "[logistic]"), NULL, NULL);
    ck_assert(uses(on, "logistic.fit/batch_gemm") || uses(on, "logistic.fit/lbfgs"));
    const char *used = uses(on, "logistic.fit/batch_gemm") ? "logistic.fit/batch_gemm" : "logistic.fit/lbfgs";
    char list[64];
    snprintf(list, sizeof list, "[%s]", used);
    json_t *off =
        explain_json(&r, SET("search.trials", "10", "search.learners", "[logistic]", "optimizer.disable", list), NULL, NULL);
    ck_assert(!uses(off, used));
    json_decref(on);
    json_decref(off);
    run_make_close(&r);
}
END_TEST

Suite *suite_engine_run(void)
{
    Suite *s = suite_create("engine_run");
    TCase *c = tcase_create("engine_run");
    tcase_set_timeout(c, 120);
    tcase_add_test(c, json_of_a_run);
    tcase_add_test(c, views_are_those_of_the_contract);
    tcase_add_test(c, failed_trials_are_told_and_not_repeated);
    tcase_add_test(c, speeds_are_measured_once_and_only_under_a_clock);
    tcase_add_test(c, explain_has_the_keys_of_the_contract);
    tcase_add_test(c, explain_shows_the_first_wave);
    tcase_add_loop_test(c, explain_for_other_machines, 0, TOPOLOGIES);
    tcase_add_test(c, explain_for_recorded_topologies);
    tcase_add_test(c, explain_is_the_golden_text);
    tcase_add_test(c, a_way_switched_off_leaves_the_plan);
    suite_add_tcase(s, c);
    return s;
}
