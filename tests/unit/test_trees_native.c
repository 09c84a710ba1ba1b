/* SPDX-License-Identifier: Apache-2.0 */
/* Columns of more levels than a byte has room for: cut natively where a task asks, target-encoded where it does not. */
#include "base/rng.h"
#include "tests/runner.h"
#include "tests/support/run_make.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { LEVELS = 600, ROWS = 9000 };

Suite *suite_trees_native(void);

/* The odd levels are good, in an order that says nothing; all are as frequent, so two thirds have codes beyond a byte. */
static void write_table(const char *path)
{
    FILE *f = fopen(path, "w");
    struct rng r = rng_stream(8, 1, 1, 1);
    ck_assert_ptr_nonnull(f);
    fprintf(f, "level,noise,y\n");
    for (int i = 0; i < ROWS; i++) {
        int level = i < LEVELS ? i : (int)rng_below(&r, LEVELS);
        bool good = (level * 7919 % 1009) % 2;
        fprintf(f, "level%d,%.4f,%s\n", level, rng_normal(&r), good != (rng_unit(&r) < 0.05) ? "yes" : "no");
    }
    ck_assert_int_eq(fclose(f), 0);
}

static double score(struct run_make *r)
{
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(r->board, "leaderboard"), i,
                       row) if (strcmp(json_string_value(json_object_get(row, "learner")), "gbdt") ==
                                0) return json_number_value(json_object_get(row, "validation"));
    return 0;
}

#define NATIVE                                                                                                                     \
    "search.trials", "1", "search.learners", "[gbdt]", "search.space.gbdt.cat_smooth", "1",                                        \
        "search.space.gbdt.min_data_per_group", "1", "search.space.gbdt.min_data_in_leaf", "2"

START_TEST(many_levels_are_cut_when_asked)
{
    struct run_make r;
    run_make_open(&r, 10, RUN_BINARY);
    write_table(r.data);
    run_make_run(&r, "classify",
                 (const char *const[]){NATIVE, "search.space.gbdt.categorical", "ordinal", "search.space.gbdt.ordinal.max_levels",
                                       "5000", NULL});
    ck_assert_int_gt(run_make_count(&r, "SELECT count(*) FROM v_ops WHERE op LIKE 'prep.ordinal%'"), 0);
    ck_assert_int_eq(run_make_count(&r, "SELECT count(*) FROM v_ops WHERE op LIKE 'prep.target%'"), 0);
    /* with 254 levels of 600 known, no score is above 0.5 + 0.45 * 254 / 600 = 0.69 but by luck */
    ck_assert_double_gt(score(&r), 0.85);
    run_make_close(&r);
}
END_TEST

START_TEST(unasked_or_asked_for_less_they_are_encoded)
{
    static const char *const setting[][7] = {{NULL}, {"search.space.gbdt.ordinal.max_levels", "400", NULL}};
    struct run_make r;
    const char *all[40] = {NATIVE};
    int n = 0;
    while (all[n])
        n++;
    for (int i = 0; setting[_i][i]; i++)
        all[n++] = setting[_i][i];
    run_make_open(&r, 10, RUN_BINARY);
    write_table(r.data);
    run_make_run(&r, "classify", all);
    ck_assert_int_eq(run_make_count(&r, "SELECT count(*) FROM v_ops WHERE op LIKE 'prep.ordinal%'"), 0);
    ck_assert_int_gt(run_make_count(&r, "SELECT count(*) FROM v_ops WHERE op LIKE 'prep.target%'"), 0);
    run_make_close(&r);
}
END_TEST

Suite *suite_trees_native(void)
{
    Suite *s = suite_create("trees_native");
    TCase *c = tcase_create("levels");
    tcase_set_timeout(c, 120);
    tcase_add_test(c, many_levels_are_cut_when_asked);
    tcase_add_loop_test(c, unasked_or_asked_for_less_they_are_encoded, 0, 2);
    suite_add_tcase(s, c);
    return s;
}
