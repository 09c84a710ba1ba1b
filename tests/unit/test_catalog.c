/* SPDX-License-Identifier: Apache-2.0 */
/* What is put comes back: runs, trials, machines, models, views, names. */
#include "tests/support/catalog_make.h"

#include "base/file.h"
#include "base/mem.h"
#include "catalog/blob.h"
#include "catalog/dataset.h"
#include "catalog/machine.h"
#include "catalog/model.h"
#include "catalog/plan.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

START_TEST(runs_come_back)
{
    struct cat *cat = catalog_open(made.path);
    ck_assert(!cat_in_memory(cat));
    int64_t run = catalog_begin(cat);
    struct cat_run_facts f = {.data = {1, 2},
                              .problem = {3, 4},
                              .machine = "here",
                              .metric = "roc_auc",
                              .greater_is_better = true,
                              .rows = 150,
                              .columns = 5};
    ck_assert_int_eq(cat_run_set_facts(cat, run, &f, &made.err), ASX_OK);
    catalog_put(cat, run, 1, 0.5, NULL, 0, ASX_OK);
    catalog_put(cat, run, 2, 0.75, NULL, 0, ASX_OK);
    catalog_put(cat, run, 3, 0.7, NULL, 0, ASX_OK);
    struct cat_run r;
    ck_assert_int_eq(cat_run_get(cat, run, made.arena, &r, &made.err), ASX_OK);
    ck_assert(r.alive && cat_run_alive(cat, run));
    ck_assert_str_eq(r.state, "running");
    cat_close(cat);

    cat = catalog_open(made.path);
    ck_assert_int_eq(cat_run_get(cat, run, made.arena, &r, &made.err), ASX_OK);
    ck_assert_str_eq(r.spec, "assay: 1\n");
    ck_assert_str_eq(r.metric, "roc_auc");
    ck_assert_uint_eq(r.seed, UINT64_MAX);
    ck_assert(r.time_limit_s == 2.5 && r.trial_limit == 40 && r.repeatable && r.greater_is_better);
    ck_assert(r.data_key.hi == 1 && r.data_key.lo == 2 && r.problem_key.lo == 4);
    ck_assert_int_eq(r.trials, 2); /* configs, not trials */
    ck_assert(r.active_s == 3 && r.best == 0.7);
    struct cat_run_end e = {
        .state = CAT_FINISHED, .stop_reason = "trials", .report_json = "{\"a\":1}", .model = 7, .progress = {9, 0.75}};
    ck_assert_int_eq(cat_run_end(cat, run, &e, &made.err), ASX_OK);
    int64_t second = catalog_begin(cat), latest = 0;
    struct cat_run *list;
    size_t n;
    ck_assert_int_eq(cat_run_list(cat, made.arena, &list, &n, &made.err), ASX_OK);
    ck_assert_uint_eq(n, 2);
    ck_assert_str_eq(list[0].state, "finished");
    ck_assert(!list[0].alive && list[1].alive && list[0].best == 0.75 && isnan(list[1].best));
    ck_assert_int_eq(cat_run_latest(cat, false, &latest, &made.err), ASX_OK);
    ck_assert_int_eq(latest, second);
    ck_assert_int_eq(cat_run_latest(cat, true, &latest, &made.err), ASX_OK);
    ck_assert_int_eq(latest, run);
    ck_assert_int_eq(cat_run_get(cat, 99, made.arena, &r, &made.err), ASX_NONE);
    cat_close(cat);
}
END_TEST

START_TEST(trials_and_asks_come_back)
{
    struct cat *cat = catalog_open(made.path);
    int64_t run = catalog_begin(cat), plan = 0;
    ck_assert_int_eq(cat_plan_put(cat, run, 1, "{\"steps\":[]}", &plan, &made.err), ASX_OK);
    struct cat_ask ask[2] = {{.trial = 1,
                              .config_id = 1,
                              .learner = "gbdt",
                              .config_json = "{\"num_leaves\":15}",
                              .config_hash = {5, 6},
                              .from = {1, 0, 0},
                              .to = {1, 30, 3},
                              .wave = 1,
                              .plan = plan},
                             {.trial = 2, .config_id = 2, .learner = "ridge", .config_json = "{}", .to = {0.5, 0, 3}}};
    struct cat_op op[2] = {{.trial = 1,
                            .name = "gbdt.fit/hist_fixed",
                            .device = "cpu",
                            .threads = 2,
                            .batch = 1,
                            .lineage = {7, 8},
                            .predicted_s = 0.01,
                            .predicted_bytes = 1000},
                           {.name = "bins.build/u8", .device = "cpu", .threads = 1, .lineage = {9, 10}, .predicted_s = NAN}};
    ck_assert_int_eq(cat_wave_put(cat, run, ask, 2, op, 2, &made.err), ASX_OK);
    ck_assert(op[0].id > 0 && op[1].id > op[0].id);

    int iteration[2] = {10, 30};
    double value[2] = {0.1 + 0.2, 1.0 / 3};
    float oof[6] = {0.1f, 0.9f, 0.5f, 0.5f, 0, 1};
    op[0].measured_s = 0.02;
    op[0].measured_bytes = 900;
    op[0].hits = 3;
    op[0].saved_s = 0.03;
    struct cat_trial t = {.trial = 1,
                          .config_id = 1,
                          .config_hash = {5, 6},
                          .from = {1, 0, 0},
                          .to = {1, 30, 3},
                          .fidelity = 0.3,
                          .state = "finished",
                          .validation = 0.1 + 0.7,
                          .ci_low = 0.7,
                          .ci_high = 0.9,
                          .best_iteration = 30,
                          .curve = {2, 2, iteration, value},
                          .seconds = 0.02,
                          .fit_s = 0.021,
                          .fit_predicted_s = 0.01,
                          .fit_alone_s = 0.05,
                          .predict_us_per_row = 3,
                          .peak_bytes = 1e6,
                          .peak_predicted_bytes = 2e6,
                          .device = "cpu",
                          .plan = plan,
                          .at_s = 0.5};
    struct cat_run_progress p = {.active_s = 0.5, .best = 0.8};
    ck_assert_int_eq(cat_trial_put(cat, run, &t, oof, sizeof oof, op, 1, &p, &made.err), ASX_OK);
    t.validation = 0; /* a second outcome of the same trial changes nothing */
    ck_assert_int_eq(cat_trial_put(cat, run, &t, NULL, 0, NULL, 0, &p, &made.err), ASX_NONE);
    struct cat_trial failed = {.trial = 2, .config_id = 2, .state = "failed", .error = "no finite result", .validation = NAN};
    ck_assert_int_eq(cat_trial_put(cat, run, &failed, NULL, 0, NULL, 0, &p, &made.err), ASX_OK);
    cat_close(cat);

    cat = catalog_open(made.path);
    struct cat_ask *asks;
    struct cat_trial *trials;
    struct cat_op *ops;
    const char *json;
    size_t n;
    ck_assert_int_eq(cat_asks_get(cat, run, made.arena, &asks, &n, &made.err), ASX_OK);
    ck_assert_uint_eq(n, 2);
    ck_assert_str_eq(asks[0].config_json, "{\"num_leaves\":15}");
    ck_assert(asks[0].config_hash.hi == 5 && asks[0].to.iterations == 30 && asks[1].to.rows == 0.5 && asks[0].plan == plan);
    ck_assert_int_eq(cat_trials_get(cat, run, made.arena, &trials, &n, &made.err), ASX_OK);
    ck_assert_uint_eq(n, 2);
    ck_assert_str_eq(trials[0].learner, "gbdt"); /* from the ask */
    ck_assert_str_eq(trials[0].config_json, "{\"num_leaves\":15}");
    ck_assert(trials[0].validation == 0.1 + 0.7 && trials[0].ci_low == 0.7 && trials[0].fit_alone_s == 0.05);
    ck_assert(trials[0].curve.n == 2 && trials[0].curve.iteration[1] == 30 && trials[0].curve.value[0] == 0.1 + 0.2 &&
              trials[0].curve.value[1] == 1.0 / 3);
    ck_assert(isnan(trials[1].validation) && trials[1].curve.n == 0 && trials[1].oof == 0);
    ck_assert_str_eq(trials[1].error, "no finite result");
    void *data;
    size_t size;
    ck_assert_int_eq(cat_blob_get(cat, trials[0].oof, NULL, &data, &size, &made.err), ASX_OK);
    ck_assert(size == sizeof oof && memcmp(data, oof, size) == 0);
    mem_free(data);
    ck_assert_int_eq(cat_trial_set_state(cat, run, 1, "pruned", &made.err), ASX_OK);
    ck_assert_int_eq(cat_trials_get(cat, run, made.arena, &trials, &n, &made.err), ASX_OK);
    ck_assert_str_eq(trials[0].state, "pruned");
    ck_assert_int_eq(cat_ops_get(cat, run, made.arena, &ops, &n, &made.err), ASX_OK);
    ck_assert_uint_eq(n, 2);
    ck_assert(ops[0].measured_s == 0.02 && ops[0].hits == 3 && ops[0].lineage.lo == 8 && isnan(ops[1].predicted_s) &&
              isnan(ops[1].measured_s));
    ck_assert_int_eq(cat_plan_get(cat, plan, made.arena, &json, &made.err), ASX_OK);
    ck_assert_str_eq(json, "{\"steps\":[]}");
    cat_close(cat);
}
END_TEST

START_TEST(residuals_add_up)
{
    struct cat *cat = catalog_open(made.path);
    int64_t run = catalog_begin(cat);
    struct cat_run_facts f = {.machine = "here", .metric = "rmse"};
    ck_assert_int_eq(cat_run_set_facts(cat, run, &f, &made.err), ASX_OK);
    struct cat_op op[4] = {{.name = "a/x", .device = "cpu", .predicted_s = 0.01},
                           {.name = "a/x", .device = "cpu", .predicted_s = 0.02},
                           {.name = "a/x", .device = "cpu", .predicted_s = 1e-4},
                           {.name = "a/x", .device = "cpu", .predicted_s = NAN}};
    ck_assert_int_eq(cat_ops_predict(cat, run, op, 4, &made.err), ASX_OK);
    op[0].measured_s = 0.02;
    op[1].measured_s = 0.16;
    op[2].measured_s = 1;
    op[3].measured_s = 1;
    ck_assert_int_eq(cat_ops_measure(cat, run, op, 4, &made.err), ASX_OK);
    struct cat_residual *r;
    size_t n;
    ck_assert_int_eq(cat_residuals(cat, "here", made.arena, &r, &n, &made.err), ASX_OK);
    ck_assert_uint_eq(n, 1);
    ck_assert_int_eq(r[0].n, 2); /* too short or not predicted does not count */
    ck_assert_double_eq_tol(r[0].mean_log, (log(2) + log(8)) / 2, 1e-12);
    ck_assert_double_eq_tol(r[0].sd_log, log(2), 1e-12);
    ck_assert_double_eq_tol(r[0].measured_s, 0.18, 1e-12);
    ck_assert_int_eq(cat_residuals_clear(cat, "here", &made.err), ASX_OK);
    ck_assert_int_eq(cat_residuals(cat, "here", made.arena, &r, &n, &made.err), ASX_OK);
    ck_assert_uint_eq(n, 0);
    cat_close(cat);
}
END_TEST

START_TEST(small_records_come_back)
{
    struct cat *cat = catalog_open(made.path);
    const char *text;
    int64_t at, id = 0, again = 0;
    ck_assert_int_eq(cat_machine_get(cat, "k", made.arena, &text, &made.err), ASX_NONE);
    ck_assert_int_eq(cat_machine_put(cat, "k", "{}", &made.err), ASX_OK);
    ck_assert_int_eq(cat_machine_put(cat, "k", "{\"cores\":2}", &made.err), ASX_OK);
    ck_assert_int_eq(cat_machine_get(cat, "k", made.arena, &text, &made.err), ASX_OK);
    ck_assert_str_eq(text, "{\"cores\":2}");
    struct cat_coefficient c[2] = {{.device = "cpu",
                                    .kernel = "gemm",
                                    .dtype = "f32",
                                    .rate = 1e11,
                                    .bandwidth = NAN,
                                    .samples = 12,
                                    .spread = 0.1,
                                    .valid_low = 1,
                                    .valid_high = 2},
                                   {.device = "cpu", .kernel = "bin", .dtype = "f32", .rate = 1e9}};
    ck_assert_int_eq(cat_coefficients_put(cat, "k", c, 2, &made.err), ASX_OK);
    c[0].rate = 2e11;
    ck_assert_int_eq(cat_coefficients_put(cat, "k", c, 1, &made.err), ASX_OK);
    struct cat_coefficient *got;
    size_t n;
    ck_assert_int_eq(cat_coefficients_get(cat, "k", made.arena, &got, &n, &made.err), ASX_OK);
    ck_assert_uint_eq(n, 2);
    ck_assert_str_eq(got[0].kernel, "bin");
    ck_assert(got[1].rate == 2e11 && isnan(got[1].bandwidth) && got[1].samples == 12);
    ck_assert_int_eq(cat_note_put(cat, "opencl.probe", "none", &made.err), ASX_OK);
    ck_assert_int_eq(cat_note_get(cat, "opencl.probe", made.arena, &text, &at, &made.err), ASX_OK);
    ck_assert_str_eq(text, "none");
    ck_assert(at > 0);
    ck_assert_int_eq(cat_note_put(cat, "opencl.probe", NULL, &made.err), ASX_OK);
    ck_assert_int_eq(cat_note_get(cat, "opencl.probe", made.arena, &text, NULL, &made.err), ASX_NONE);
    struct cat_dataset d = {.key = {1, 1}, .path = "iris.csv", .rows = 150, .columns = 5, .bytes = 4000, .profile_json = "{}"},
                       back;
    ck_assert_int_eq(cat_dataset_put(cat, &d, &id, &made.err), ASX_OK);
    d.path = "copy.csv";
    ck_assert_int_eq(cat_dataset_put(cat, &d, &again, &made.err), ASX_OK);
    ck_assert_int_eq(id, again);
    ck_assert_int_eq(cat_dataset_get(cat, d.key, made.arena, &back, &made.err), ASX_OK);
    ck_assert_str_eq(back.path, "copy.csv");
    ck_assert_int_eq(back.rows, 150);
    cat_close(cat);
}
END_TEST

START_TEST(models_come_back)
{
    struct cat *cat = catalog_open(made.path);
    int64_t run = catalog_begin(cat), id = 0, same = 0;
    struct cat_model got, board[2] = {{.run = run, .rank = 2, .trial = 4, .learner = "gbdt", .board_json = "{}", .validation = 0.9},
                                      {.run = run, .rank = 1, .learner = "ensemble", .validation = 0.95}};
    ck_assert_int_eq(cat_model_latest(cat, made.arena, &got, &made.err), ASX_NONE);
    ck_assert_int_eq(cat_models_put(cat, board, 2, &made.err), ASX_OK);
    id = board[1].id;
    struct cat_model update = {.id = id, .run = run, .path = "/tmp/model.assay", .validation = NAN};
    ck_assert_int_eq(cat_model_put(cat, &update, &same, &made.err), ASX_OK);
    ck_assert_int_eq(same, id);
    ck_assert_int_eq(cat_model_get(cat, id, made.arena, &got, &made.err), ASX_OK);
    ck_assert_str_eq(got.learner, "ensemble");
    ck_assert_str_eq(got.path, "/tmp/model.assay");
    ck_assert(got.rank == 1 && got.validation == 0.95);
    ck_assert_int_eq(cat_model_latest(cat, made.arena, &got, &made.err), ASX_OK);
    ck_assert_int_eq(got.id, id);
    struct cat_model *list;
    size_t n;
    ck_assert_int_eq(cat_models_get(cat, run, made.arena, &list, &n, &made.err), ASX_OK);
    ck_assert(n == 2 && list[0].id == id && list[1].rank == 2);
    cat_close(cat);
}
END_TEST

START_TEST(stable_views)
{
    struct cat *cat = catalog_open(made.path);
    int64_t run = catalog_begin(cat);
    struct cat_op op = {.name = "ridge.fit/gram_chol", .device = "cpu", .lineage = {0xabc, 1}, .predicted_s = 0.5};
    ck_assert_int_eq(cat_ops_predict(cat, run, &op, 1, &made.err), ASX_OK);
    catalog_put(cat, run, 1, 0.25, NULL, 0, ASX_OK);
    ck_assert_str_eq(
        catalog_sql("SELECT run || ' ' || task || ' ' || state || ' ' || trials || ' ' || length(started) FROM v_runs"),
        "r1 classify running 1 20");
    ck_assert_str_eq(
        catalog_sql("SELECT run || ' ' || trial || ' ' || config_hash || ' ' || fidelity || ' ' || state || ' ' || validation"
                    " || coalesce(error, '-') FROM v_trials"),
        "r1 1 00000000000000010000000000000001 1.0 finished 0.25-");
    ck_assert_str_eq(catalog_sql("SELECT run || ' ' || op || ' ' || way || ' ' || lineage_key || ' ' || predicted_s ||"
                                 " coalesce(measured_s, '-') FROM v_ops"),
                     "r1 ridge.fit ridge.fit/gram_chol 0000000000000abc0000000000000001 0.5-");
    cat_close(cat);
}
END_TEST

START_TEST(priors_best_first)
{
    struct cat *cat = catalog_open(made.path);
    int64_t run = catalog_begin(cat);
    struct cat_run_facts f = {.data = {4, 2}, .metric = "rmse"};
    ck_assert_int_eq(cat_run_set_facts(cat, run, &f, &made.err), ASX_OK);
    static const struct {
        const char *config;
        double score;
    } rows[] = {{"{\"a\":1}", 3}, {"{\"a\":1}", 2}, {"{\"a\":2}", 1}, {"{\"a\":3}", NAN}};
    for (int i = 0; i < 4; i++) {
        struct cat_trial t = {.trial = i + 1,
                              .config_id = i + 1,
                              .learner = "gbdt",
                              .config_json = rows[i].config,
                              .state = "finished",
                              .validation = rows[i].score};
        ck_assert_int_eq(cat_trial_put(cat, run, &t, NULL, 0, NULL, 0, NULL, &made.err), ASX_OK);
    }
    struct cat_prior *p;
    size_t n;
    ck_assert_int_eq(cat_priors(cat, (struct asx_key){4, 2}, "rmse", false, 10, made.arena, &p, &n, &made.err), ASX_OK);
    ck_assert_uint_eq(n, 2);
    ck_assert_str_eq(p[0].config_json, "{\"a\":2}");
    ck_assert(p[0].validation == 1 && p[1].validation == 2);
    ck_assert_int_eq(cat_priors(cat, (struct asx_key){4, 3}, "rmse", false, 10, made.arena, &p, &n, &made.err), ASX_OK);
    ck_assert_uint_eq(n, 0);
    cat_close(cat);
}
END_TEST

START_TEST(paths_and_ids)
{
    char *p, id[CAT_ID];
    int64_t v;
    setenv("ASSAY_CATALOG", "/a/b.db", 1);
    setenv("XDG_DATA_HOME", "/x", 1);
    setenv("HOME", "/h", 1);
    static const struct {
        const char *unset, *path, *expected;
    } cases[] = {{"NONE", "c.db", "c.db"},
                 {"NONE", NULL, "/a/b.db"},
                 {"ASSAY_CATALOG", NULL, "/x/assay/catalog.db"},
                 {"XDG_DATA_HOME", NULL, "/h/.local/share/assay/catalog.db"}};
    for (size_t i = 0; i < 4; i++) {
        unsetenv(cases[i].unset);
        ck_assert_int_eq(cat_resolve_path(cases[i].path, NULL, &p, &made.err), ASX_OK);
        ck_assert_str_eq(p, cases[i].expected);
        mem_free(p);
    }
    ck_assert_str_eq(cat_id_format('m', 41, id), "m41");
    ck_assert(cat_id_parse("r12", 'r', &v) && v == 12);
    ck_assert(!cat_id_parse("m12", 'r', &v) && !cat_id_parse("r", 'r', &v) && !cat_id_parse("r0", 'r', &v) &&
              !cat_id_parse("r1x", 'r', &v) && !cat_id_parse("r99999999999999999999", 'r', &v) && !cat_id_parse(NULL, 'r', &v));
}
END_TEST

Suite *suite_catalog(void);
Suite *suite_catalog(void)
{
    Suite *s = suite_create("catalog");
    TCase *c = tcase_create("catalog");
    tcase_add_checked_fixture(c, catalog_set_up, catalog_tear_down);
    tcase_set_timeout(c, 60);
    tcase_add_test(c, runs_come_back);
    tcase_add_test(c, trials_and_asks_come_back);
    tcase_add_test(c, residuals_add_up);
    tcase_add_test(c, small_records_come_back);
    tcase_add_test(c, models_come_back);
    tcase_add_test(c, stable_views);
    tcase_add_test(c, priors_best_first);
    tcase_add_test(c, paths_and_ids);
    suite_add_tcase(s, c);
    return s;
}
