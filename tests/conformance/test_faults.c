/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole run (table, search, ensemble, refit, saving, loading, predicting) with the n-th allocation failing, for n spread over
 * all of them. Whatever fails, the call returns a status with a sentence, or succeeds; nothing crashes and nothing leaks (the
 * sanitizer's leak check at exit). ASSAY_FAULT_RUNS sets how many places are tried (10 a kind; make check-long tries more).
 */
#include "base/mem.h"

#include <assay/assay.h>
#include <check.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

Suite *suite_faults(void);

enum { ROWS = 48, COLS = 3 };

static const struct kind {
    const char *learners;
    bool regress, from_file;
} kinds[] = {{"logistic", false, false}, {"gbdt", false, false},           {"forest,gaussian_nb", false, false},
             {"ridge", true, false},     {"elastic_net,tree", true, true}, {"logistic,gbdt", false, true},
             {"knn,mlp", false, false}};
enum { KINDS = sizeof kinds / sizeof *kinds };

static double x[ROWS * COLS], y[ROWS];
static const char *group[ROWS];

static void make_data(void)
{
    static const char *const name[] = {"red", "green", "blue"};
    for (int i = 0; i < ROWS; i++) {
        for (int j = 0; j < COLS; j++)
            x[i * COLS + j] = i % 7 == j ? (double)NAN : sin(i * 3.7 + j);
        group[i] = name[i * i % 3];
        y[i] = sin(i * 3.7) > 0;
    }
}

/* A table with a column of every type, written to an open file. */
static void write_table(int fd)
{
    static const char *const word[] = {"quick", "brown", "fox", "jumps", "over", "lazy", "dogs"};
    FILE *f = fdopen(dup(fd), "w");
    fprintf(f, "number,whole,colour,when,text,flag,code\n");
    for (int i = 0; i < ROWS; i++)
        fprintf(f, "%g,%d,%s,2021-%02d-%02d,the %s %s and %s %s %d,%s,c%d\n", sin(i), i % 9, group[i], i % 12 + 1, i % 28 + 1,
                word[i % 7], word[i * 3 % 7], word[i * 5 % 7], word[i * i % 7], i, i % 3 ? "yes" : "no", i * 7 % 40);
    fclose(f);
}

/* Runs everything; a failure anywhere ends it. Text of the failure goes to `why`. */
static assay_status whole(const struct kind *kind, char *why, size_t size)
{
    struct assay_options o = ASSAY_OPTIONS_INIT;
    o.trials = 3;
    o.threads = 1;
    o.folds = 2;
    o.catalog = ":memory:";
    o.learners = kind->learners;
    assay_session *s = NULL;
    assay_table *features = NULL, *target = NULL;
    assay_model *m = NULL, *again = NULL;
    char path[] = "/tmp/assay-faults-XXXXXX.csv";
    int fd = mkstemps(path, 4);
    double out[ROWS * 2];
    why[0] = '\0';
    assay_status st = assay_open(&s, &o);
    if (kind->from_file) {
        write_table(fd);
        if (st == ASSAY_OK)
            st = assay_table_from_file(&features, s, path);
    } else {
        if (st == ASSAY_OK)
            st = assay_table_from_dense_f64(&features, x, ROWS, COLS, COLS, NULL);
        if (st == ASSAY_OK)
            st = assay_table_add_str(features, "group", group);
    }
    if (st == ASSAY_OK)
        st = assay_table_from_dense_f64(&target, y, ROWS, 1, 1, (const char *const[]){"y"});
    if (st == ASSAY_OK) {
        st = (kind->regress ? assay_regress : assay_classify)(s, features, target, NULL, &m);
        if (st < 0)
            snprintf(why, size, "%s", assay_session_error(s));
        ck_assert_msg(st >= 0 || why[0], "status %d without a sentence", st);
    }
    if (st == ASSAY_OK)
        st = kind->regress ? assay_predict(m, features, out, ROWS) : assay_predict_proba(m, features, out, ROWS * 2);
    if (st == ASSAY_OK)
        st = assay_model_save(m, path);
    if (st == ASSAY_OK)
        st = assay_model_load(&again, path);
    assay_model_free(again);
    assay_model_free(m);
    assay_table_free(target);
    assay_table_free(features);
    assay_close(s);
    close(fd);
    unlink(path);
    return st;
}

START_TEST(a_failed_allocation_is_survived)
{
    char why[1024];
    const char *wish = getenv("ASSAY_FAULT_RUNS");
    const struct kind *who = &kinds[_i];
    long runs = wish ? strtol(wish, NULL, 10) : 10, hits = 0;
    make_data();
    long before = mem_allocations();
    ck_assert_msg(whole(who, why, sizeof why) == ASSAY_OK, "%s", why);
    long all = mem_allocations() - before;
    for (long k = 0; k < runs; k++) {
        long n = 1 + (long)((double)all * ((double)k + 0.37) / (double)runs);
        long from = mem_allocations();
        mem_fault_after(n);
        whole(who, why, sizeof why); /* a trial that fails is no failure of the run: what must hold is checked inside */
        mem_fault_after(0);
        hits += mem_allocations() - from >= n;
    }
    ck_assert_int_gt(hits, runs / 2);
    ck_assert_msg(whole(who, why, sizeof why) == ASSAY_OK, "after the faults: %s", why);
}
END_TEST

Suite *suite_faults(void)
{
    Suite *s = suite_create("faults");
    TCase *t = tcase_create("faults");
    tcase_set_timeout(t, 600);
    tcase_add_loop_test(t, a_failed_allocation_is_survived, 0, KINDS);
    suite_add_tcase(s, t);
    return s;
}
