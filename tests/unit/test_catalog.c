/* SPDX-License-Identifier: Apache-2.0 */
/* The catalog: what is put comes back, through death of the process, damage and lack of room. */
#include "base/event.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "catalog/blob.h"
#include "catalog/dataset.h"
#include "catalog/machine.h"
#include "catalog/model.h"
#include "catalog/plan.h"
#include "catalog/trial.h"

#include <check.h>
#include <math.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char folder[64], path[128];
static struct arena *arena;
static struct asx_err err;
static char warning[512];

static void hear(void *arg, enum event_level level, const char *name, const char *text)
{
    (void)arg;
    if (level == EVENT_WARNING)
        snprintf(warning, sizeof warning, "%s: %s", name, text);
}

static const struct event_sink sink = {hear, NULL, EVENT_DEBUG};

static void set_up(void)
{
    strcpy(folder, "/tmp/assay-catalog-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/sub/catalog.db", folder);
    arena = arena_create(NULL);
    memset(&err, 0, sizeof err);
    warning[0] = 0;
}

static void tear_down(void)
{
    char command[160];
    arena_destroy(arena);
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    ck_assert_int_eq(system(command), 0);
}

static struct cat *open_at(const char *where)
{
    struct cat *cat = NULL;
    ck_assert_int_eq(cat_open(&cat, &(struct cat_options){.path = where, .events = &sink}, &err), ASX_OK);
    return cat;
}

static int64_t begin(struct cat *cat)
{
    int64_t run = 0;
    struct cat_run_new r = {.task = "classify",
                            .spec = "assay: 1\n",
                            .data = "iris.csv",
                            .target = "species",
                            .seed = UINT64_MAX,
                            .time_limit_s = 2.5,
                            .trial_limit = 40,
                            .repeatable = true};
    ck_assert_int_eq(cat_run_begin(cat, &r, &run, &err), ASX_OK);
    return run;
}

static void put_trial(struct cat *cat, int64_t run, int trial, double validation, const void *oof, size_t bytes, asx_st expected)
{
    struct cat_trial t = {.trial = trial,
                          .config_id = (trial + 1) / 2,
                          .learner = "gbdt",
                          .config_json = "{}",
                          .config_hash = {1, (uint64_t)trial},
                          .to = {1, 100, 5},
                          .fidelity = 1,
                          .state = "finished",
                          .validation = validation,
                          .ci_low = NAN,
                          .ci_high = NAN,
                          .at_s = trial};
    struct cat_run_progress p = {.active_s = trial, .best = validation};
    ck_assert_int_eq(cat_trial_put(cat, run, &t, oof, bytes, NULL, 0, &p, &err), expected);
}

START_TEST(runs_come_back)
{
    struct cat *cat = open_at(path);
    ck_assert(!cat_in_memory(cat));
    int64_t run = begin(cat);
    struct cat_run_facts f = {.data = {1, 2},
                              .problem = {3, 4},
                              .machine = "here",
                              .metric = "roc_auc",
                              .greater_is_better = true,
                              .rows = 150,
                              .columns = 5};
    ck_assert_int_eq(cat_run_set_facts(cat, run, &f, &err), ASX_OK);
    put_trial(cat, run, 1, 0.5, NULL, 0, ASX_OK);
    put_trial(cat, run, 2, 0.75, NULL, 0, ASX_OK);
    put_trial(cat, run, 3, 0.7, NULL, 0, ASX_OK);
    struct cat_run r;
    ck_assert_int_eq(cat_run_get(cat, run, arena, &r, &err), ASX_OK);
    ck_assert(r.alive && cat_run_alive(cat, run));
    ck_assert_str_eq(r.state, "running");
    cat_close(cat);

    cat = open_at(path);
    ck_assert_int_eq(cat_run_get(cat, run, arena, &r, &err), ASX_OK);
    ck_assert_str_eq(r.spec, "assay: 1\n");
    ck_assert_str_eq(r.metric, "roc_auc");
    ck_assert_uint_eq(r.seed, UINT64_MAX);
    ck_assert(r.time_limit_s == 2.5 && r.trial_limit == 40 && r.repeatable && r.greater_is_better);
    ck_assert(r.data_key.hi == 1 && r.data_key.lo == 2 && r.problem_key.lo == 4);
    ck_assert_int_eq(r.trials, 2); /* configs, not trials */
    ck_assert(r.active_s == 3 && r.best == 0.7);
    struct cat_run_end e = {
        .state = CAT_FINISHED, .stop_reason = "trials", .report_json = "{\"a\":1}", .model = 7, .progress = {9, 0.75}};
    ck_assert_int_eq(cat_run_end(cat, run, &e, &err), ASX_OK);
    int64_t second = begin(cat), latest = 0;
    struct cat_run *list;
    size_t n;
    ck_assert_int_eq(cat_run_list(cat, arena, &list, &n, &err), ASX_OK);
    ck_assert_uint_eq(n, 2);
    ck_assert_str_eq(list[0].state, "finished");
    ck_assert(!list[0].alive && list[1].alive && list[0].best == 0.75 && isnan(list[1].best));
    ck_assert_int_eq(cat_run_latest(cat, false, &latest, &err), ASX_OK);
    ck_assert_int_eq(latest, second);
    ck_assert_int_eq(cat_run_latest(cat, true, &latest, &err), ASX_OK);
    ck_assert_int_eq(latest, run);
    ck_assert_int_eq(cat_run_get(cat, 99, arena, &r, &err), ASX_NONE);
    cat_close(cat);
}
END_TEST

START_TEST(trials_and_asks_come_back)
{
    struct cat *cat = open_at(path);
    int64_t run = begin(cat), plan = 0;
    ck_assert_int_eq(cat_plan_put(cat, run, 1, "{\"steps\":[]}", &plan, &err), ASX_OK);
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
    ck_assert_int_eq(cat_wave_put(cat, run, ask, 2, op, 2, &err), ASX_OK);
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
    ck_assert_int_eq(cat_trial_put(cat, run, &t, oof, sizeof oof, op, 1, &p, &err), ASX_OK);
    t.validation = 0; /* a second outcome of the same trial changes nothing */
    ck_assert_int_eq(cat_trial_put(cat, run, &t, NULL, 0, NULL, 0, &p, &err), ASX_NONE);
    struct cat_trial failed = {.trial = 2, .config_id = 2, .state = "failed", .error = "no finite result", .validation = NAN};
    ck_assert_int_eq(cat_trial_put(cat, run, &failed, NULL, 0, NULL, 0, &p, &err), ASX_OK);
    cat_close(cat);

    cat = open_at(path);
    struct cat_ask *asks;
    struct cat_trial *trials;
    struct cat_op *ops;
    const char *json;
    size_t n;
    ck_assert_int_eq(cat_asks_get(cat, run, arena, &asks, &n, &err), ASX_OK);
    ck_assert_uint_eq(n, 2);
    ck_assert_str_eq(asks[0].config_json, "{\"num_leaves\":15}");
    ck_assert(asks[0].config_hash.hi == 5 && asks[0].to.iterations == 30 && asks[1].to.rows == 0.5 && asks[0].plan == plan);
    ck_assert_int_eq(cat_trials_get(cat, run, arena, &trials, &n, &err), ASX_OK);
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
    ck_assert_int_eq(cat_blob_get(cat, trials[0].oof, NULL, &data, &size, &err), ASX_OK);
    ck_assert(size == sizeof oof && memcmp(data, oof, size) == 0);
    mem_free(data);
    ck_assert_int_eq(cat_trial_set_state(cat, run, 1, "pruned", &err), ASX_OK);
    ck_assert_int_eq(cat_trials_get(cat, run, arena, &trials, &n, &err), ASX_OK);
    ck_assert_str_eq(trials[0].state, "pruned");
    ck_assert_int_eq(cat_ops_get(cat, run, arena, &ops, &n, &err), ASX_OK);
    ck_assert_uint_eq(n, 2);
    ck_assert(ops[0].measured_s == 0.02 && ops[0].hits == 3 && ops[0].lineage.lo == 8 && isnan(ops[1].predicted_s) &&
              isnan(ops[1].measured_s));
    ck_assert_int_eq(cat_plan_get(cat, plan, arena, &json, &err), ASX_OK);
    ck_assert_str_eq(json, "{\"steps\":[]}");
    cat_close(cat);
}
END_TEST

START_TEST(residuals_add_up)
{
    struct cat *cat = open_at(path);
    int64_t run = begin(cat);
    struct cat_run_facts f = {.machine = "here", .metric = "rmse"};
    ck_assert_int_eq(cat_run_set_facts(cat, run, &f, &err), ASX_OK);
    struct cat_op op[4] = {{.name = "a/x", .device = "cpu", .predicted_s = 0.01},
                           {.name = "a/x", .device = "cpu", .predicted_s = 0.02},
                           {.name = "a/x", .device = "cpu", .predicted_s = 1e-4},
                           {.name = "a/x", .device = "cpu", .predicted_s = NAN}};
    ck_assert_int_eq(cat_ops_predict(cat, run, op, 4, &err), ASX_OK);
    op[0].measured_s = 0.02;
    op[1].measured_s = 0.16;
    op[2].measured_s = 1;
    op[3].measured_s = 1;
    ck_assert_int_eq(cat_ops_measure(cat, run, op, 4, &err), ASX_OK);
    struct cat_residual *r;
    size_t n;
    ck_assert_int_eq(cat_residuals(cat, "here", arena, &r, &n, &err), ASX_OK);
    ck_assert_uint_eq(n, 1);
    ck_assert_int_eq(r[0].n, 2); /* too short or not predicted does not count */
    ck_assert_double_eq_tol(r[0].mean_log, (log(2) + log(8)) / 2, 1e-12);
    ck_assert_double_eq_tol(r[0].sd_log, log(2), 1e-12);
    ck_assert_double_eq_tol(r[0].measured_s, 0.18, 1e-12);
    ck_assert_int_eq(cat_residuals_clear(cat, "here", &err), ASX_OK);
    ck_assert_int_eq(cat_residuals(cat, "here", arena, &r, &n, &err), ASX_OK);
    ck_assert_uint_eq(n, 0);
    cat_close(cat);
}
END_TEST

START_TEST(small_records_come_back)
{
    struct cat *cat = open_at(path);
    const char *text;
    int64_t at, id = 0, again = 0;
    ck_assert_int_eq(cat_machine_get(cat, "k", arena, &text, &err), ASX_NONE);
    ck_assert_int_eq(cat_machine_put(cat, "k", "{}", &err), ASX_OK);
    ck_assert_int_eq(cat_machine_put(cat, "k", "{\"cores\":2}", &err), ASX_OK);
    ck_assert_int_eq(cat_machine_get(cat, "k", arena, &text, &err), ASX_OK);
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
    ck_assert_int_eq(cat_coefficients_put(cat, "k", c, 2, &err), ASX_OK);
    c[0].rate = 2e11;
    ck_assert_int_eq(cat_coefficients_put(cat, "k", c, 1, &err), ASX_OK);
    struct cat_coefficient *got;
    size_t n;
    ck_assert_int_eq(cat_coefficients_get(cat, "k", arena, &got, &n, &err), ASX_OK);
    ck_assert_uint_eq(n, 2);
    ck_assert_str_eq(got[0].kernel, "bin");
    ck_assert(got[1].rate == 2e11 && isnan(got[1].bandwidth) && got[1].samples == 12);
    ck_assert_int_eq(cat_note_put(cat, "opencl.probe", "none", &err), ASX_OK);
    ck_assert_int_eq(cat_note_get(cat, "opencl.probe", arena, &text, &at, &err), ASX_OK);
    ck_assert_str_eq(text, "none");
    ck_assert(at > 0);
    ck_assert_int_eq(cat_note_put(cat, "opencl.probe", NULL, &err), ASX_OK);
    ck_assert_int_eq(cat_note_get(cat, "opencl.probe", arena, &text, NULL, &err), ASX_NONE);
    struct cat_dataset d = {.key = {1, 1}, .path = "iris.csv", .rows = 150, .columns = 5, .bytes = 4000, .profile_json = "{}"},
                       back;
    ck_assert_int_eq(cat_dataset_put(cat, &d, &id, &err), ASX_OK);
    d.path = "copy.csv";
    ck_assert_int_eq(cat_dataset_put(cat, &d, &again, &err), ASX_OK);
    ck_assert_int_eq(id, again);
    ck_assert_int_eq(cat_dataset_get(cat, d.key, arena, &back, &err), ASX_OK);
    ck_assert_str_eq(back.path, "copy.csv");
    ck_assert_int_eq(back.rows, 150);
    cat_close(cat);
}
END_TEST

START_TEST(models_come_back)
{
    struct cat *cat = open_at(path);
    int64_t run = begin(cat), id = 0, same = 0;
    struct cat_model got, board[2] = {{.run = run, .rank = 2, .trial = 4, .learner = "gbdt", .board_json = "{}", .validation = 0.9},
                                      {.run = run, .rank = 1, .learner = "ensemble", .validation = 0.95}};
    ck_assert_int_eq(cat_model_latest(cat, arena, &got, &err), ASX_NONE);
    ck_assert_int_eq(cat_models_put(cat, board, 2, &err), ASX_OK);
    id = board[1].id;
    struct cat_model update = {.id = id, .run = run, .path = "/tmp/model.assay", .validation = NAN};
    ck_assert_int_eq(cat_model_put(cat, &update, &same, &err), ASX_OK);
    ck_assert_int_eq(same, id);
    ck_assert_int_eq(cat_model_get(cat, id, arena, &got, &err), ASX_OK);
    ck_assert_str_eq(got.learner, "ensemble");
    ck_assert_str_eq(got.path, "/tmp/model.assay");
    ck_assert(got.rank == 1 && got.validation == 0.95);
    ck_assert_int_eq(cat_model_latest(cat, arena, &got, &err), ASX_OK);
    ck_assert_int_eq(got.id, id);
    struct cat_model *list;
    size_t n;
    ck_assert_int_eq(cat_models_get(cat, run, arena, &list, &n, &err), ASX_OK);
    ck_assert(n == 2 && list[0].id == id && list[1].rank == 2);
    cat_close(cat);
}
END_TEST

START_TEST(blobs_by_content)
{
    struct cat *cat = open_at(path);
    size_t size = 300000;
    unsigned char *big = malloc(size);
    for (size_t i = 0; i < size; i++)
        big[i] = (unsigned char)(i * 2654435761u >> 13);
    int64_t a, b, c, d;
    ck_assert_int_eq(cat_blob_put(cat, big, size, &a, &err), ASX_OK);
    ck_assert_int_eq(cat_blob_put(cat, big, size, &b, &err), ASX_OK);
    ck_assert_int_eq(cat_blob_put(cat, big, 1000, &c, &err), ASX_OK);
    ck_assert_int_eq(cat_blob_put(cat, "", 0, &d, &err), ASX_OK);
    ck_assert_int_eq(a, b);
    ck_assert_int_ne(a, c);
    void *data;
    size_t n;
    ck_assert_int_eq(cat_blob_get(cat, a, NULL, &data, &n, &err), ASX_OK);
    ck_assert(n == size && memcmp(data, big, n) == 0);
    mem_free(data);
    ck_assert_int_eq(cat_blob_get(cat, d, NULL, &data, &n, &err), ASX_OK);
    ck_assert_uint_eq(n, 0);
    mem_free(data);
    ck_assert_int_eq(cat_blob_get(cat, 99, NULL, &data, &n, &err), ASX_NONE);

    char hex[KEY_HEX], file[256], text[64];
    key_hex(hash_of(big, size), hex);
    snprintf(file, sizeof file, "%s.blobs/%.2s/%s.zst", path, hex, hex);
    FILE *f = fopen(file, "r+b"); /* flip a bit in the middle */
    ck_assert_ptr_nonnull(f);
    fseek(f, 5000, SEEK_SET);
    int byte = fgetc(f);
    fseek(f, 5000, SEEK_SET);
    fputc(byte ^ 4, f);
    fclose(f);
    ck_assert_int_eq(cat_blob_get(cat, a, NULL, &data, &n, &err), ASX_E_DATA);
    snprintf(text, sizeof text, "damaged");
    ck_assert_ptr_nonnull(strstr(err.text, text));
    memset(&err, 0, sizeof err);
    unlink(file);
    ck_assert_int_eq(cat_blob_get(cat, a, NULL, &data, &n, &err), ASX_E_DATA);
    memset(&err, 0, sizeof err);
    ck_assert_int_eq(cat_blob_put(cat, big, size, &b, &err), ASX_OK); /* puts the file back */
    ck_assert_int_eq(cat_blob_get(cat, b, NULL, &data, &n, &err), ASX_OK);
    mem_free(data);
    cat_close(cat);
    free(big);
}
END_TEST

START_TEST(in_memory_keeps_everything)
{
    struct cat *cat = open_at(":memory:");
    ck_assert(cat_in_memory(cat));
    ck_assert_str_eq(warning, "");
    int64_t run = begin(cat);
    float *oof = calloc(50000, sizeof *oof);
    put_trial(cat, run, 1, 0.5, oof, 50000 * sizeof *oof, ASX_OK);
    struct cat_trial *t;
    size_t n, size;
    void *data;
    ck_assert_int_eq(cat_trials_get(cat, run, arena, &t, &n, &err), ASX_OK);
    ck_assert_int_eq(cat_blob_get(cat, t[0].oof, NULL, &data, &size, &err), ASX_OK);
    ck_assert(size == 50000 * sizeof *oof && memcmp(data, oof, size) == 0);
    mem_free(data);
    free(oof);
    cat_close(cat);
}
END_TEST

static void falls_back(const char *where, const char *says)
{
    warning[0] = 0;
    struct cat *cat = open_at(where);
    ck_assert_msg(cat_in_memory(cat), "%s", where);
    ck_assert_msg(strstr(warning, "catalog.memory: ") == warning && strstr(warning, says), "%s", warning);
    put_trial(cat, begin(cat), 1, 0.5, NULL, 0, ASX_OK);
    cat_close(cat);
}

START_TEST(useless_places_fall_back)
{
    falls_back("/proc/nowhere/catalog.db", "folder");
    falls_back(folder, "regular");
    falls_back("/dev/full", "regular");
    char file[128], command[600];
    snprintf(file, sizeof file, "%s/junk.db", folder);
    FILE *f = fopen(file, "wb");
    for (int i = 0; i < 5000; i++)
        fputc(i * 37 % 251, f);
    fclose(f);
    falls_back(file, "not a database");
    snprintf(file, sizeof file, "%s/other.db", folder);
    sqlite3 *db;
    ck_assert_int_eq(sqlite3_open(file, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, "CREATE TABLE t(x)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    falls_back(file, "another program");
    cat_close(open_at(path));
    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, "PRAGMA user_version = 999", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    falls_back(path, "newer version");
    snprintf(command, sizeof command, "%s/half.db", folder); /* a catalog cut in the middle */
    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, "PRAGMA user_version = 1; PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    ck_assert_int_eq(truncate(path, 6000), 0);
    struct cat *cat = open_at(path); /* opens or falls back, and never crashes */
    int64_t run;
    (void)cat_run_begin(cat, &(struct cat_run_new){.task = "classify"}, &run, &err);
    cat_close(cat);
}
END_TEST

START_TEST(reading_without_writing)
{
    struct cat *cat = NULL;
    struct cat_options look = {.path = path, .read_only = true, .events = &sink};
    ck_assert_int_eq(cat_open(&cat, &look, &err), ASX_OK);
    ck_assert(cat_in_memory(cat));
    ck_assert_int_ne(access(path, F_OK), 0); /* not created */
    ck_assert_str_eq(warning, "");
    cat_close(cat);
    cat = open_at(path);
    int64_t run = begin(cat);
    cat_close(cat);
    if (geteuid() == 0) { /* as nobody: the file and its folder cannot be written */
        ck_assert_int_eq(chmod(folder, 0755), 0);
        pid_t child = fork();
        if (child == 0) {
            if (setgid(65534) != 0 || setuid(65534) != 0)
                _exit(9);
            struct cat_run r;
            if (cat_open(&cat, &look, &err) != ASX_OK || cat_in_memory(cat))
                _exit(1);
            _exit(cat_run_get(cat, run, arena, &r, &err) == ASX_OK && strcmp(r.task, "classify") == 0 ? 0 : 2);
        }
        int status = 0;
        waitpid(child, &status, 0);
        ck_assert_int_eq(status, 0);
    }
}
END_TEST

/* A child that records trials without end is killed; what it reported is there, and the run can be taken over. */
START_TEST(kill_loses_nothing)
{
    for (int round = 0; round < 5; round++) {
        int pipe_fd[2];
        ck_assert_int_eq(pipe(pipe_fd), 0);
        pid_t child = fork();
        if (child == 0) {
            struct cat *cat = open_at(path);
            int64_t run = begin(cat);
            float oof[64] = {0};
            for (int trial = 1;; trial++) {
                oof[0] = (float)trial;
                put_trial(cat, run, trial, 0.5, oof, sizeof oof, ASX_OK);
                int64_t say[2] = {run, trial};
                if (write(pipe_fd[1], say, sizeof say) != sizeof say)
                    _exit(1);
            }
        }
        close(pipe_fd[1]);
        int64_t said[2] = {0, 0}, last = 0, run = 0;
        for (int i = 0; i < 20 + 30 * round && read(pipe_fd[0], said, sizeof said) == sizeof said; i++)
            last = said[1];
        run = said[0];
        struct cat *cat = open_at(path);
        ck_assert(cat_run_alive(cat, run));
        ck_assert_int_eq(cat_run_take(cat, run, &err), ASX_E_BUSY);
        memset(&err, 0, sizeof err);
        kill(child, SIGKILL);
        while (read(pipe_fd[0], said, sizeof said) == sizeof said)
            last = said[1];
        close(pipe_fd[0]);
        siginfo_t info;
        ck_assert_int_eq(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0); /* dead, though a zombie still */
        ck_assert(!cat_run_alive(cat, run));
        struct cat_run r;
        ck_assert_int_eq(cat_run_get(cat, run, arena, &r, &err), ASX_OK);
        ck_assert_str_eq(r.state, "interrupted");
        waitpid(child, NULL, 0);
        struct cat_trial *t;
        size_t n;
        ck_assert_int_eq(cat_trials_get(cat, run, arena, &t, &n, &err), ASX_OK);
        ck_assert_msg(n == (size_t)last || n == (size_t)last + 1, "%zu of %d", n, (int)last);
        for (size_t i = 0; i < n; i++)
            ck_assert_int_eq(t[i].trial, (int)i + 1);
        ck_assert_int_eq(cat_run_take(cat, run, &err), ASX_OK);
        ck_assert(cat_run_alive(cat, run));
        cat_close(cat);
    }
}
END_TEST

START_TEST(two_processes_at_once)
{
    enum { CHILDREN = 3, TRIALS = 60 };
    pid_t child[CHILDREN];
    for (int k = 0; k < CHILDREN; k++) {
        child[k] = fork();
        if (child[k] == 0) { /* they race to create the file, too */
            struct cat *cat = open_at(path);
            if (cat_in_memory(cat))
                _exit(1);
            int64_t run = begin(cat);
            for (int i = 1; i <= TRIALS; i++)
                put_trial(cat, run, i, i, NULL, 0, ASX_OK);
            cat_close(cat);
            _exit(0);
        }
    }
    for (int k = 0; k < CHILDREN; k++) {
        int status = 0;
        waitpid(child[k], &status, 0);
        ck_assert_int_eq(status, 0);
    }
    struct cat *cat = open_at(path);
    for (int64_t run = 1; run <= CHILDREN; run++) {
        struct cat_trial *t;
        size_t n;
        ck_assert_int_eq(cat_trials_get(cat, run, arena, &t, &n, &err), ASX_OK);
        ck_assert_uint_eq(n, TRIALS);
    }
    cat_close(cat);
}
END_TEST

START_TEST(no_room_is_an_error)
{
    pid_t child = fork();
    if (child == 0) {
        signal(SIGXFSZ, SIG_IGN);
        struct cat *cat = open_at(path);
        int64_t run = begin(cat);
        struct rlimit limit = {400000, 400000};
        if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
            _exit(9);
        float *oof = calloc(10000, sizeof *oof);
        struct cat_run_progress p = {0, 0};
        int trial = 0;
        asx_st st = ASX_OK;
        while (st == ASX_OK && trial < 1000) {
            struct cat_trial t = {.trial = ++trial, .config_id = trial, .state = "finished", .validation = 1};
            oof[0] = (float)trial;
            st = cat_trial_put(cat, run, &t, oof, 40000, NULL, 0, &p, &err);
        }
        struct cat_trial *t;
        size_t n = 0;
        if (st != ASX_E_IO || !strstr(err.text, "catalog"))
            _exit(1);
        /* what was recorded is still there, nothing more */
        _exit(cat_trials_get(cat, run, arena, &t, &n, &err) == ASX_OK && (int)n == trial - 1 && n > 0 ? 0 : 2);
    }
    int status = 0;
    waitpid(child, &status, 0);
    ck_assert_int_eq(status, 0);
}
END_TEST

static char cell[128];
static int first_cell(void *arg, int n, char **value, char **name)
{
    (void)arg, (void)n, (void)name;
    snprintf(cell, sizeof cell, "%s", value[0] ? value[0] : "null");
    return 0;
}

static const char *ask_sql(const char *sql)
{
    sqlite3 *db;
    strcpy(cell, "none");
    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    ck_assert_msg(sqlite3_exec(db, sql, first_cell, NULL, NULL) == SQLITE_OK, "%s: %s", sql, sqlite3_errmsg(db));
    sqlite3_close(db);
    return cell;
}

START_TEST(stable_views)
{
    struct cat *cat = open_at(path);
    int64_t run = begin(cat);
    struct cat_op op = {.name = "ridge.fit/gram_chol", .device = "cpu", .lineage = {0xabc, 1}, .predicted_s = 0.5};
    ck_assert_int_eq(cat_ops_predict(cat, run, &op, 1, &err), ASX_OK);
    put_trial(cat, run, 1, 0.25, NULL, 0, ASX_OK);
    ck_assert_str_eq(ask_sql("SELECT run || ' ' || task || ' ' || state || ' ' || trials || ' ' || length(started) FROM v_runs"),
                     "r1 classify running 1 20");
    ck_assert_str_eq(
        ask_sql("SELECT run || ' ' || trial || ' ' || config_hash || ' ' || fidelity || ' ' || state || ' ' || validation"
                " || coalesce(error, '-') FROM v_trials"),
        "r1 1 00000000000000010000000000000001 1.0 finished 0.25-");
    ck_assert_str_eq(ask_sql("SELECT run || ' ' || op || ' ' || way || ' ' || lineage_key || ' ' || predicted_s ||"
                             " coalesce(measured_s, '-') FROM v_ops"),
                     "r1 ridge.fit ridge.fit/gram_chol 0000000000000abc0000000000000001 0.5-");
    cat_close(cat);
}
END_TEST

START_TEST(gc_keeps_what_is_needed)
{
    struct cat *cat = open_at(path);
    size_t size = 200000;
    unsigned char *data = malloc(size);
    int64_t runs[3], blob, model;
    for (int k = 0; k < 3; k++) {
        runs[k] = begin(cat);
        for (size_t i = 0; i < size; i++)
            data[i] = (unsigned char)((i + 77 * (size_t)k) * 2654435761u >> 11);
        put_trial(cat, runs[k], 1, 0.5, data, size, ASX_OK);
        struct cat_run_end e = {.state = CAT_FINISHED, .progress = {1, 0.5}};
        ck_assert_int_eq(cat_run_end(cat, runs[k], &e, &err), ASX_OK);
    }
    data[5] ^= 1;
    ck_assert_int_eq(cat_blob_put(cat, data, size, &blob, &err), ASX_OK); /* nobody's */
    data[6] ^= 1;
    ck_assert_int_eq(cat_blob_put(cat, data, size, &model, &err), ASX_OK);
    int64_t id;
    ck_assert_int_eq(cat_model_put(cat, &(struct cat_model){.run = runs[2], .learner = "gbdt", .blob = model}, &id, &err), ASX_OK);
    struct cat_gc_result r;
    void *back;
    size_t n;
    ck_assert_int_eq(cat_gc(cat, &(struct cat_gc_options){0}, &r, &err), ASX_OK);
    ck_assert(r.blobs == 1 && r.runs == 0 && r.bytes_after < r.bytes_before);
    ck_assert_int_eq(cat_blob_get(cat, blob, NULL, &back, &n, &err), ASX_NONE);
    ck_assert_int_eq(cat_blob_get(cat, model, NULL, &back, &n, &err), ASX_OK);
    mem_free(back);
    ck_assert_int_eq(cat_gc(cat, &(struct cat_gc_options){.max_bytes = 1}, &r, &err), ASX_OK);
    ck_assert(r.runs == 2 && r.blobs == 2); /* the newest run stays */
    struct cat_trial *t;
    ck_assert_int_eq(cat_trials_get(cat, runs[2], arena, &t, &n, &err), ASX_OK);
    ck_assert_uint_eq(n, 1);
    ck_assert_int_eq(cat_blob_get(cat, t[0].oof, NULL, &back, &n, &err), ASX_OK);
    mem_free(back);
    cat_close(cat);
    free(data);
}
END_TEST

START_TEST(priors_best_first)
{
    struct cat *cat = open_at(path);
    int64_t run = begin(cat);
    struct cat_run_facts f = {.data = {4, 2}, .metric = "rmse"};
    ck_assert_int_eq(cat_run_set_facts(cat, run, &f, &err), ASX_OK);
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
        ck_assert_int_eq(cat_trial_put(cat, run, &t, NULL, 0, NULL, 0, NULL, &err), ASX_OK);
    }
    struct cat_prior *p;
    size_t n;
    ck_assert_int_eq(cat_priors(cat, (struct asx_key){4, 2}, "rmse", false, 10, arena, &p, &n, &err), ASX_OK);
    ck_assert_uint_eq(n, 2);
    ck_assert_str_eq(p[0].config_json, "{\"a\":2}");
    ck_assert(p[0].validation == 1 && p[1].validation == 2);
    ck_assert_int_eq(cat_priors(cat, (struct asx_key){4, 3}, "rmse", false, 10, arena, &p, &n, &err), ASX_OK);
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
        ck_assert_int_eq(cat_resolve_path(cases[i].path, NULL, &p, &err), ASX_OK);
        ck_assert_str_eq(p, cases[i].expected);
        mem_free(p);
    }
    ck_assert_str_eq(cat_id_format('m', 41, id), "m41");
    ck_assert(cat_id_parse("r12", 'r', &v) && v == 12);
    ck_assert(!cat_id_parse("m12", 'r', &v) && !cat_id_parse("r", 'r', &v) && !cat_id_parse("r0", 'r', &v) &&
              !cat_id_parse("r1x", 'r', &v) && !cat_id_parse("r99999999999999999999", 'r', &v) && !cat_id_parse(NULL, 'r', &v));
}
END_TEST

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Bounds are wide for sanitizers and a busy machine; a plain idle one takes 10 ms and 5 us. */
START_TEST(fast_enough)
{
    double t0 = seconds();
    struct cat *cat = open_at(path);
    int64_t run = begin(cat);
    double opened = seconds() - t0;
    enum { OPS = 2000 };
    struct cat_op *op = calloc(OPS, sizeof *op);
    for (int i = 0; i < OPS; i++)
        op[i] = (struct cat_op){.name = "gbdt.fit/hist_fixed", .device = "cpu", .lineage = {1, (uint64_t)i}, .predicted_s = 1};
    t0 = seconds();
    ck_assert_int_eq(cat_ops_predict(cat, run, op, OPS, &err), ASX_OK);
    double each = (seconds() - t0) / OPS;
    ck_assert_msg(opened < 1 && each < 1e-3, "open %g s, op %g s", opened, each);
    if (getenv("ASSAY_TEST_VERBOSE"))
        printf("catalog: open and run row %.1f ms, op prediction %.1f us\n", 1e3 * opened, 1e6 * each);
    free(op);
    cat_close(cat);
}
END_TEST

/* Every allocation of the module fails once: an error or success, no crash, no leak. */
START_TEST(allocation_failures)
{
    float oof[30000] = {0};
    for (long k = 1; k < 200; k++) {
        struct cat *cat = NULL;
        struct asx_err e = {0};
        long before = mem_allocations();
        mem_fault_after(k);
        asx_st st = cat_open(&cat, &(struct cat_options){.path = path}, &e);
        if (st == ASX_OK) {
            int64_t run = 0;
            struct cat_trial t = {.trial = 1, .config_id = 1, .state = "finished", .curve = {1, 1, &(int){1}, &(double){2}}};
            struct cat_trial *list;
            size_t n;
            void *data;
            st = cat_run_begin(cat, &(struct cat_run_new){.task = "regress"}, &run, &e);
            if (st == ASX_OK)
                st = cat_trial_put(cat, run, &t, oof, sizeof oof, NULL, 0, NULL, &e);
            if (st == ASX_OK)
                st = cat_trials_get(cat, run, arena, &list, &n, &e);
            if (st == ASX_OK)
                st = cat_blob_get(cat, list[0].oof, NULL, &data, &n, &e);
            if (st == ASX_OK)
                mem_free(data);
        }
        mem_fault_after(0);
        ck_assert_msg(st == ASX_OK || st == ASX_E_NOMEM, "allocation %ld gives %d: %s", k, st, e.text);
        cat_close(cat);
        if (st == ASX_OK && mem_allocations() - before < k)
            break;
    }
}
END_TEST

Suite *suite_catalog(void);
Suite *suite_catalog(void)
{
    Suite *s = suite_create("catalog");
    TCase *c = tcase_create("catalog");
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_set_timeout(c, 60);
    tcase_add_test(c, runs_come_back);
    tcase_add_test(c, trials_and_asks_come_back);
    tcase_add_test(c, residuals_add_up);
    tcase_add_test(c, small_records_come_back);
    tcase_add_test(c, models_come_back);
    tcase_add_test(c, blobs_by_content);
    tcase_add_test(c, in_memory_keeps_everything);
    tcase_add_test(c, useless_places_fall_back);
    tcase_add_test(c, reading_without_writing);
    tcase_add_test(c, kill_loses_nothing);
    tcase_add_test(c, two_processes_at_once);
    tcase_add_test(c, no_room_is_an_error);
    tcase_add_test(c, stable_views);
    tcase_add_test(c, gc_keeps_what_is_needed);
    tcase_add_test(c, priors_best_first);
    tcase_add_test(c, paths_and_ids);
    tcase_add_test(c, fast_enough);
    tcase_add_test(c, allocation_failures);
    suite_add_tcase(s, c);
    return s;
}
