/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The laws that a run as a whole keeps: sharing counts (law 1), repeatable mode (law 4), no leakage from held-out
 * rows (law 3), models that load as they were saved (law 7). Laws of single ops are in the suites of their modules.
 */
#include "tests/runner.h"
#include "tests/support/extent.h"
#include "tests/support/run_make.h"

#include <check.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

Suite *suite_laws(void);

enum { ROWS = 120 };

#define SET(...) ((const char *const[]){__VA_ARGS__, NULL})

/* ---- sharing ------------------------------------------------------------------------------------ */

/* In a run of so many trials every column block, form and Gram matrix is made once. */
static void check_made_once(struct run_make *made, int trials)
{
    struct run_make r = *made;
    char *twice = run_make_text(&r, "SELECT group_concat(way, ' ') FROM (SELECT way FROM v_ops WHERE lineage_key GLOB '*[1-9a-f]*'"
                                    " AND op NOT LIKE '%.fit' GROUP BY lineage_key HAVING count(*) > 1)");
    ck_assert_str_eq(twice, "");
    free(twice);
    ck_assert_int_eq(run_make_count(&r, "SELECT count(*) FROM v_ops WHERE op = 'data.read'"), 1);
    ck_assert_int_ge(run_make_count(&r, "SELECT count(*) FROM v_ops WHERE op LIKE 'prep.%'"), 1);
    ck_assert_int_ge(run_make_count(&r, "SELECT count(*) FROM v_ops WHERE op = 'bins.build'"), 1);
    ck_assert_int_eq(run_make_count(&r, "SELECT count(DISTINCT config_id) FROM asks WHERE config_id > 0"), trials);
    ck_assert_int_gt(json_integer_value(json_object_get(json_object_get(r.board, "sharing"), "hits")), trials);
}

START_TEST(each_block_is_made_once)
{
    struct run_make r;
    run_make_open(&r, ROWS, _i);
    run_make_run(&r, _i == RUN_REGRESSION ? "regress" : "classify",
                 SET("search.trials", extent_whole() ? "60" : "30", "search.seed", "3", "resources.threads", "2",
                     "search.validation", "{folds: 2}"));
    check_made_once(&r, (int)extent(30, 60));
    run_make_close(&r);
}
END_TEST

/* The same on real tables, where ASSAY_DATA_DIR has them. */
static const struct {
    const char *name, *target;
    bool regress;
} real[] = {{"penguins", "species", false}, {"soybean", "class", false}, {"auto_mpg", "class", true}};

START_TEST(each_block_of_real_tables_is_made_once)
{
    const char *folder = getenv("ASSAY_DATA_DIR");
    char path[512];
    snprintf(path, sizeof path, "%s/%s.train.csv", folder ? folder : "", real[_i].name);
    if (!folder || access(path, R_OK) != 0) {
        printf("each_block_of_real_tables_is_made_once: skipped, ASSAY_DATA_DIR has no %s.train.csv\n", real[_i].name);
        return;
    }
    struct run_make r;
    run_make_open_file(&r, path);
    run_make_run(&r, real[_i].regress ? "regress" : "classify",
                 SET("data.target", real[_i].target, "search.trials", "60", "search.seed", "3", "resources.threads", "2",
                     "search.validation", "{folds: 2}"));
    check_made_once(&r, 60);
    run_make_close(&r);
}
END_TEST

/* ---- ways switched off ----------------------------------------------------------------------------- */

static const struct way_off {
    const char *learner, *key, *value;
    bool regress;
    double tolerance; /* of validation scores, relative */
} ways_off[] = {{"logistic", "optimizer.batching", "off", false, 1e-3},
                {"logistic", "optimizer.sharing", "off", false, 1e-9},
                {"logistic", "optimizer.disable", "[logistic.fit/batch_gemm]", false, 1e-3},
                {"logistic", "optimizer.disable", "[logistic.fit/lbfgs]", false, 1e-3},
                {"ridge", "optimizer.disable", "[ridge.fit/gram_chol]", true, 1e-5},
                {"ridge", "optimizer.batching", "off", true, 1e-9},
                {"ridge", "optimizer.sharing", "off", true, 1e-9},
                {"elastic_net", "optimizer.sharing", "off", true, 1e-9},
                {"gbdt", "optimizer.sharing", "off", false, 1e-9},
                {"gbdt", "optimizer.batching", "off", false, 1e-9},
                {"forest", "optimizer.sharing", "off", false, 1e-9},
                {"knn", "optimizer.sharing", "off", false, 1e-9},
                {"gaussian_nb", "optimizer.batching", "off", false, 1e-9}};
enum { WAYS_OFF = sizeof ways_off / sizeof *ways_off };

static const json_t *trial_like(const json_t *board, const char *config, double fidelity)
{
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(board, "leaderboard"), i, row)
    {
        char *mine = json_dumps(json_object_get(row, "config"), JSON_SORT_KEYS | JSON_COMPACT);
        bool same = strcmp(mine, config) == 0 && json_number_value(json_object_get(row, "fidelity")) == fidelity;
        free(mine);
        if (same)
            return row;
    }
    return NULL;
}

/* Law 1: the same configs, trial by trial, with a way or a rule switched off. */
START_TEST(switching_off_changes_cost_only)
{
    const struct way_off *w = &ways_off[_i];
    struct run_make on, off;
    char learners[32];
    snprintf(learners, sizeof learners, "[%s]", w->learner);
    const char *kind = w->regress ? "regress" : "classify";
    run_make_open(&on, ROWS, w->regress ? RUN_REGRESSION : RUN_BINARY);
    run_make_open(&off, ROWS, w->regress ? RUN_REGRESSION : RUN_BINARY);
    run_make_run(
        &on, kind,
        SET("search.trials", "8", "search.learners", learners, "search.validation", "{folds: 2}", "search.ensemble", "false"));
    run_make_run(&off, kind,
                 SET("search.trials", "8", "search.learners", learners, "search.validation", "{folds: 2}", "search.ensemble",
                     "false", w->key, w->value));
    size_t i, compared = 0;
    json_t *row;
    json_array_foreach(json_object_get(on.board, "leaderboard"), i, row)
    {
        char *config = json_dumps(json_object_get(row, "config"), JSON_SORT_KEYS | JSON_COMPACT);
        const json_t *other = trial_like(off.board, config, json_number_value(json_object_get(row, "fidelity")));
        if (other) {
            double a = json_number_value(json_object_get(row, "validation")),
                   b = json_number_value(json_object_get(other, "validation"));
            ck_assert_msg(fabs(a - b) <= w->tolerance * fabs(a), "%s %s %s: %.17g and %.17g for %s", w->learner, w->key, w->value,
                          a, b, config);
            compared++;
        }
        free(config);
    }
    ck_assert_int_ge((int)compared, 3);
    run_make_close(&on);
    run_make_close(&off);
}
END_TEST

/* ---- repeatable mode -------------------------------------------------------------------------------- */

/* The best lines have test scores, members of the ensemble or not. */
static void check_tested(const json_t *board)
{
    size_t n = json_array_size(board);
    ck_assert_int_gt((int)n, 1);
    for (size_t i = 0; i < (n < 12 ? n : 12); i++)
        ck_assert(json_is_number(json_object_get(json_array_get(board, i), "test")));
}

/*
 * Law 4: any number of threads, earlier runs in the catalog, a time limit beside it: the same board, bit for bit. The quick
 * suite compares one thread with three beside a time limit over 10 trials, ASSAY_LONG all of them over 25.
 */
START_TEST(repeatable_mode_repeats)
{
    static const char *const threads[] = {"1", "2", "2", "3"};
    bool whole = extent_whole();
    const char *trials = whole ? "25" : "10";
    struct run_make r;
    run_make_open(&r, ROWS, _i);
    char *first = NULL;
    for (int k = 0; k < 4; k += whole ? 1 : 3) {
        const char *const *set =
            k == 3 ? SET("search.trials", trials, "search.seed", "7", "resources.threads", threads[k], "search.validation",
                         "{folds: 2}", "data.test", r.data, "objective.subject_to", "{time: 2h}")
                   : SET("search.trials", trials, "search.seed", "7", "resources.threads", threads[k], "search.validation",
                         "{folds: 2}", "data.test", r.data);
        run_make_run(&r, _i == RUN_REGRESSION ? "regress" : "classify", set);
        ck_assert_str_eq(json_string_value(json_object_get(r.board, "stop_reason")), "trials");
        check_tested(json_object_get(r.board, "leaderboard"));
        char *board = run_make_law4(r.board);
        if (!first) {
            first = board;
            continue;
        }
        size_t at = 0, line = 0;
        for (; board[at] && board[at] == first[at]; at++)
            line = board[at] == '\n' ? at + 1 : line;
        ck_assert_msg(strcmp(first, board) == 0, "run %d with %s threads: %.600s\nwas: %.600s", k, threads[k], board + line,
                      first + line);
        free(board);
    }
    ck_assert(strchr(first, '\n') != NULL);
    free(first);
    run_make_close(&r);
}
END_TEST

/* A time limit that cuts a repeatable run short still leaves a model and says so. */
START_TEST(a_cut_run_has_a_model)
{
    struct run_make r;
    run_make_open(&r, 1500, RUN_BINARY);
    run_make_run(&r, "classify", SET("search.trials", "5000", "objective.subject_to", "{time: 2s}"));
    ck_assert_str_eq(json_string_value(json_object_get(r.board, "stop_reason")), "time");
    run_make_close(&r);
}
END_TEST

/* ---- leakage -------------------------------------------------------------------------------------------- */

/*
 * Law 3 for whole pipelines: rows held out by time are dealt anew (every column by its own, so that what scope
 * SHARED may see, each column's cells, stays), and the model of the fold predicts as before.
 */
static const struct leak {
    const char *learner, *categorical;
    bool regress;
} leaks[] = {{"ridge", "onehot", true},          {"ridge", "target", true},     {"elastic_net", "target", true},
             {"elastic_net", "hash", true},      {"knn", "onehot", true},       {"knn", "target", true},
             {"tree", "ordinal", true},          {"tree", "target", true},      {"gaussian_nb", "target", false},
             {"gaussian_nb", "hash", false},     {"logistic", "onehot", false}, {"logistic", "target", false},
             {"multinomial_nb", "onehot", false}};
enum { LEAKS = sizeof leaks / sizeof *leaks, LEAK_ROWS = 160, HELD_OUT = 40 };

static void write_leak(const char *path, bool shuffled, bool regress)
{
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fprintf(f, "t,a,b,level,y\n");
    for (int i = 0; i < LEAK_ROWS; i++) {
        bool held = i >= LEAK_ROWS - HELD_OUT;
        int p = i, q = held && shuffled && i % 5 < 2 ? i + 1 - 2 * (i % 5) : i; /* few, lest a constant be better */
        double a = 1 + sin(p * 1.7), b = 5 + cos(q * 2.3) * (q % 5), signal = sin(q * 1.7) + (p * 13 % 37) * 0.05;
        fprintf(f, "%d,%.9g,", i, a);
        if (q % 9)
            fprintf(f, "%.9g", b);
        fprintf(f, ",v%d,", p * 13 % 37);
        if (regress)
            fprintf(f, "%.9g\n", signal);
        else
            fprintf(f, "%s\n", signal > 0.9 ? "yes" : "no");
    }
    fclose(f);
}

/* Predictions of the undisturbed table by a model fitted beside disturbed held-out rows, or undisturbed ones. */
static void predict_leak(const struct leak *w, bool shuffled, double *out)
{
    struct run_make r;
    char learners[32], space[96];
    double p[2 * LEAK_ROWS];
    snprintf(learners, sizeof learners, "[%s]", w->learner);
    snprintf(space, sizeof space, "{%s: {categorical: %s}}", w->learner, w->categorical);
    run_make_open(&r, 1, RUN_BINARY);
    write_leak(r.data, shuffled, w->regress);
    run_make_run(&r, w->regress ? "regress" : "classify",
                 SET("search.trials", "1", "search.learners", learners, "search.validation", "{holdout: 0.25, time: t}",
                     "search.refit", "folds", "search.space", space, "data.types", "{level: categorical}"));
    write_leak(r.data, false, w->regress);
    assay_table *table = NULL;
    ck_assert_int_eq(assay_table_from_file(&table, r.session, r.data), ASSAY_OK);
    assay_status st =
        w->regress ? assay_predict(r.model, table, p, LEAK_ROWS) : assay_predict_proba(r.model, table, p, 2 * LEAK_ROWS);
    ck_assert_msg(st == ASSAY_OK, "%s", assay_model_error(r.model));
    for (int i = 0; i < LEAK_ROWS; i++)
        out[i] = w->regress ? p[i] : log(p[2 * i] / p[2 * i + 1]);
    assay_table_free(table);
    run_make_close(&r);
}

START_TEST(held_out_rows_do_not_leak)
{
    const struct leak *w = &leaks[_i];
    double before[LEAK_ROWS], after[LEAK_ROWS];
    predict_leak(w, false, before);
    predict_leak(w, true, after);
    /* the temperature of probabilities is chosen on held-out predictions: log odds may differ by one factor */
    double factor = w->regress ? 1 : after[0] / before[0];
    ck_assert(isfinite(factor) && factor > 0);
    for (int i = 0; i < LEAK_ROWS; i++)
        ck_assert_msg(fabs(after[i] - factor * before[i]) <= (w->regress ? 0 : 1e-6 * (1 + fabs(after[i]))),
                      "%s %s row %d: %.17g and %.17g", w->learner, w->categorical, i, before[i], after[i]);
}
END_TEST

/* ---- rungs ------------------------------------------------------------------------------------------------- */

static const char *const resumable[] = {"gbdt", "forest", "extra_trees", "mlp"};
enum { RESUMABLE = sizeof resumable / sizeof *resumable };

/* Noise that many trees and many epochs average out, so that later rungs are worth climbing. */
static void write_noisy(const char *path)
{
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fprintf(f, "t,a,b,c,y\n");
    uint32_t s = 1;
    double u[4];
    for (int i = 0; i < LEAK_ROWS; i++) {
        for (int k = 0; k < 4; k++) {
            s = s * 1664525u + 1013904223u;
            u[k] = s / 4294967296.0;
        }
        fprintf(f, "%d,%.6f,%.6f,%.6f,%.6f\n", i, u[0], u[1], u[2], 3 * u[0] - 2 * u[1] * u[2] + 2 * u[3]);
    }
    fclose(f);
}

/*
 * Law 6: the score of a config that climbed its rungs is that of its refit, which the final step makes in one go. With one
 * fold held out the model is the fold's, so it can be scored here on the rows held out.
 */
/* A run whose best config climbed; false: with this seed it did not. */
static bool climbed(struct run_make *r, const char *learner, const char *seed)
{
    char learners[32], sql[200];
    snprintf(learners, sizeof learners, "[%s]", learner);
    run_make_run(r, "regress",
                 SET("search.trials", "2", "search.learners", learners, "search.validation", "{holdout: 0.25, time: t}",
                     "search.refit", "folds", "search.ensemble", "false", "search.seed", seed));
    const json_t *best = json_array_get(json_object_get(r->board, "leaderboard"), 0);
    snprintf(
        sql, sizeof sql,
        "SELECT count(*) FROM asks JOIN trials USING (run, trial) WHERE asks.from_iterations > 0 AND trials.validation = %.17g",
        json_number_value(json_object_get(best, "validation")));
    return run_make_count(r, sql) > 0;
}

/* The score of the run's model on the rows that were held out. */
static double held_out_rmse(struct run_make *r)
{
    double p[LEAK_ROWS], sum = 0;
    assay_table *table = NULL;
    ck_assert_int_eq(assay_table_from_file(&table, r->session, r->data), ASSAY_OK);
    ck_assert_int_eq(assay_predict(r->model, table, p, LEAK_ROWS), ASSAY_OK);
    assay_table_free(table);
    FILE *f = fopen(r->data, "r");
    char line[256];
    for (int i = -1; fgets(line, sizeof line, f); i++)
        if (i >= LEAK_ROWS - HELD_OUT)
            sum += pow(p[i] - strtod(strrchr(line, ',') + 1, NULL), 2);
    fclose(f);
    return sqrt(sum / HELD_OUT);
}

START_TEST(rungs_continue_as_if_uninterrupted)
{
    static const char *const seeds[] = {"1", "2", "3", "4", "5", "6", "7", "8"};
    struct run_make r;
    run_make_open(&r, 1, RUN_BINARY);
    bool found = false;
    for (int i = 0; i < 16 && !found; i++) {
        if (i % 8 == 0 && i < 8)
            write_noisy(r.data);
        else if (i % 8 == 0)
            write_leak(r.data, false, true);
        found = climbed(&r, resumable[_i], seeds[i % 8]);
    }
    ck_assert_msg(found, "%s: no best config climbed", resumable[_i]);
    const json_t *best = json_array_get(json_object_get(r.board, "leaderboard"), 0);
    double told = json_number_value(json_object_get(best, "validation")), rmse = held_out_rmse(&r);
    ck_assert_str_eq(json_string_value(json_object_get(best, "learner")), resumable[_i]);
    ck_assert_msg(fabs(rmse - told) <= 2e-6 * told, "%s: %.17g in rungs, %.17g in one go", resumable[_i], told, rmse);
    run_make_close(&r);
}
END_TEST

/* ---- models ------------------------------------------------------------------------------------------------ */

static const struct saved {
    const char *learner;
    enum run_target target;
} saved[] = {{"constant", RUN_BINARY},     {"ridge", RUN_REGRESSION},       {"elastic_net", RUN_REGRESSION},
             {"logistic", RUN_MULTICLASS}, {"gaussian_nb", RUN_BINARY},     {"multinomial_nb", RUN_BINARY},
             {"knn", RUN_MULTICLASS},      {"knn", RUN_REGRESSION},         {"tree", RUN_BINARY},
             {"forest", RUN_MULTICLASS},   {"extra_trees", RUN_REGRESSION}, {"gbdt", RUN_BINARY},
             {"gbdt", RUN_MULTICLASS},     {"gbdt", RUN_REGRESSION},        {"mlp", RUN_BINARY},
             {"mlp", RUN_REGRESSION},      {"tree", RUN_REGRESSION},        {"logistic", RUN_BINARY},
             {"forest", RUN_REGRESSION}};
enum { SAVED = sizeof saved / sizeof *saved };

static double *predictions(const assay_model *m, const assay_table *t, bool values, size_t *n)
{
    *n = assay_table_rows(t) * (values ? 1 : assay_model_classes(m));
    double *out = calloc(*n, sizeof *out);
    assay_status st = values ? assay_predict(m, t, out, *n) : assay_predict_proba(m, t, out, *n);
    ck_assert_msg(st == ASSAY_OK, "%s", assay_model_error(m));
    return out;
}

/* Law 7: the model of the run, its file and its copy in the catalog predict the same bits. */
START_TEST(models_load_as_saved)
{
    const struct saved *w = &saved[_i];
    bool values = w->target == RUN_REGRESSION;
    struct run_make r;
    char learners[32], path[] = "/tmp/assay-model-XXXXXX";
    int fd = mkstemp(path);
    snprintf(learners, sizeof learners, "[%s]", w->learner);
    run_make_open(&r, ROWS, w->target);
    run_make_run(&r, values ? "regress" : "classify",
                 SET("search.trials", "4", "search.learners", learners, "search.validation", "{folds: 2}", "data.ignore",
                     strcmp(w->learner, "multinomial_nb") == 0 ? "[b, when]" : "[]"));
    ck_assert_int_eq(assay_model_save(r.model, path), ASSAY_OK);
    assay_model *file = NULL, *catalog = NULL;
    assay_table *t = NULL;
    ck_assert_int_eq(assay_model_load(&file, path), ASSAY_OK);
    ck_assert_msg(assay_model_open(&catalog, r.session, "latest") == ASSAY_OK, "%s", assay_session_error(r.session));
    ck_assert_int_eq(assay_table_from_file(&t, r.session, r.data), ASSAY_OK);
    size_t n, n2, n3;
    double *a = predictions(r.model, t, values, &n), *b = predictions(file, t, values, &n2),
           *c = predictions(catalog, t, values, &n3);
    ck_assert(n == n2 && n == n3);
    ck_assert_msg(memcmp(a, b, n * sizeof *a) == 0, "%s: the file predicts otherwise", w->learner);
    ck_assert_msg(memcmp(a, c, n * sizeof *a) == 0, "%s: the catalog's model predicts otherwise", w->learner);
    bool varies = strcmp(w->learner, "constant") == 0;
    for (size_t i = 1; i < n; i++)
        varies |= a[i] != a[0];
    ck_assert(varies);
    free(a);
    free(b);
    free(c);
    assay_table_free(t);
    assay_model_free(file);
    assay_model_free(catalog);
    run_make_close(&r);
    close(fd);
    unlink(path);
}
END_TEST

Suite *suite_laws(void)
{
    Suite *s = suite_create("laws");
    TCase *c = tcase_create("laws");
    tcase_set_timeout(c, 120);
    tcase_add_loop_test(c, each_block_is_made_once, 0, 3);
    tcase_add_loop_test(c, each_block_of_real_tables_is_made_once, 0, 3);
    tcase_add_loop_test(c, switching_off_changes_cost_only, 0, WAYS_OFF);
    tcase_add_loop_test(c, repeatable_mode_repeats, 0, 3);
    tcase_add_test(c, a_cut_run_has_a_model);
    tcase_add_loop_test(c, held_out_rows_do_not_leak, 0, LEAKS);
    tcase_add_loop_test(c, rungs_continue_as_if_uninterrupted, 0, RESUMABLE);
    tcase_add_loop_test(c, models_load_as_saved, 0, SAVED);
    suite_add_tcase(s, c);
    return s;
}
